//! What could not be read of a declaration.

use super::document::Node;
use super::reader::Words;
use crate::source::{Span, end_of};

/// What could not be read of a declaration: nobody may be told that it is missing.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// Whether all statements outside of blocks were read and known.
    pub is_whole: bool,
    /// Blocks in which something was not read, each from its first byte to its last, in their order.
    places: Vec<(usize, usize)>,
    /// All the words of what was not read: any of them may be a name that is declared there.
    pub words: Words,
}

impl Unread {
    /// Notes a block; they come in the order of the text.
    pub(super) fn note(&mut self, (begin, end): (usize, usize)) {
        self.places.push((begin, end));
    }

    /// Whether a place is in a block in which something was not read.
    pub(crate) fn is_around(&self, place: Span) -> bool {
        let place = place.offset();
        let before = self.places.partition_point(|(begin, _)| *begin <= place);
        before > 0 && place <= self.places[before - 1].1
    }
}

/// Whether something in a node's block could not be read.
pub(super) fn has_unread(node: &Node) -> bool {
    { node.children().iter() }.any(|child| child.is_unread || has_unread(child))
}

/// Where a node begins, and where the last statement in it ends.
pub(super) fn reach(node: &Node) -> (usize, usize) {
    let last = node.children().last().map(reach);
    let end = last.map_or(end_of(node.span), |(_, end)| end);
    (node.span.offset(), end)
}
