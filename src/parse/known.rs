//! Which nodes a block knows, and which of them may stand more than once.

use super::document::Node;
use super::reader::Reader;
use crate::diagnostic::{did_you_mean, mistake};
use crate::source::Span;

/// The nodes that a block knows.
pub(crate) struct Known {
    /// What the block is called in a message.
    pub place: &'static str,
    /// Nodes that may stand once.
    pub once: &'static [&'static str],
    /// Nodes that may stand any number of times.
    pub many: &'static [&'static str],
}

impl Reader {
    /// Those of `nodes` that are known and not repeated; the others are mistakes.
    pub(crate) fn known<'n>(&mut self, known: &Known, nodes: &'n [Node]) -> Vec<&'n Node> {
        let mut accepted: Vec<&Node> = Vec::with_capacity(nodes.len());
        let mut firsts: Vec<&Node> = Vec::new();
        for node in nodes {
            let name = node.name.value.as_str();
            if known.many.contains(&name) {
                accepted.push(node);
            } else if !known.once.contains(&name) {
                let place = known.place;
                let words = known.once.iter().chain(known.many).copied();
                self.refuse(mistake!(
                    "parse::unknown-node",
                    "unknown node `{name}` in {place}",
                    at(node.name.span, "not known here"),
                    help(did_you_mean(name, words)),
                ));
            } else if let Some(first) = firsts.iter().find(|first| first.name.value == name) {
                self.refuse_repeated(node, first.name.span);
            } else {
                firsts.push(node);
                accepted.push(node);
            }
        }
        accepted
    }

    /// A node that may stand once, and stands at `first` already.
    pub(crate) fn refuse_repeated(&mut self, node: &Node, first: Span) {
        let name = &node.name.value;
        self.refuse(mistake!(
            "parse::repeated-node",
            "`{name}` is said twice",
            at(node.name.span, "said again here"),
            at(first, "first said here"),
            help("keep one of the two"),
        ));
    }
}
