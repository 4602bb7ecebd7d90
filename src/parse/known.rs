//! Which nodes a block knows, and which of them may stand more than once.

use super::document::Node;
use super::habit::help_for_node;
use super::reader::Reader;
use crate::diagnostic::{closest, did_you_mean, mistake};
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

impl Known {
    pub(super) fn words(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.once.iter().chain(self.many).copied()
    }
}

impl Reader {
    /// Those of `nodes` that are known and not repeated; the others are mistakes.
    pub(crate) fn known<'n>(&mut self, known: &Known, nodes: &'n [Node]) -> Vec<&'n Node> {
        let mut accepted: Vec<&Node> = Vec::with_capacity(nodes.len());
        let mut firsts: Vec<&Node> = Vec::new();
        for node in nodes {
            let name = node.name.value.as_str();
            if node.is_unread {
                // What is wrong with it has been said.
            } else if known.many.contains(&name) {
                accepted.push(node);
            } else if !known.once.contains(&name) {
                self.words_unread.note_nodes(std::slice::from_ref(node));
                self.refuse_unknown(known, node);
            } else if let Some(first) = firsts.iter().find(|first| first.name.value == name) {
                let help = together(first, node);
                self.refuse_repeated_with(node, first.name.span, help);
            } else {
                firsts.push(node);
                accepted.push(node);
            }
        }
        accepted
    }

    fn refuse_unknown(&mut self, known: &Known, node: &Node) {
        let (place, name) = (known.place, node.name.value.as_str());
        let help =
            || help_for_node(place, name).unwrap_or_else(|| did_you_mean(name, known.words()));
        let is_told = self.first.is_told_at(node.name.span);
        let help = is_told.then(help).unwrap_or_default();
        self.refuse(mistake!(
            "parse::unknown-node",
            "unknown node `{name}` in {place}",
            at(node.name.span, "not known here"),
            help(help),
        ));
    }

    /// Takes a node for the one that was probably meant, and tells so, that what stands in it is read.
    pub(super) fn read_misspelt(&mut self, known: &Known, node: &mut Node) {
        let name = node.name.value.as_str();
        let is_read = node.is_unread || known.words().any(|word| word == name);
        let is_told = self.first.is_told_at(node.name.span);
        if is_read || !is_told || help_for_node(known.place, name).is_some() {
            return;
        }
        if let Some(meant) = closest(name, known.words()) {
            self.refuse_unknown(known, node);
            node.name.value = meant.to_owned();
        }
    }

    /// A node that may stand once, and stands at `first` already.
    pub(crate) fn refuse_repeated(&mut self, node: &Node, first: Span) {
        self.refuse_repeated_with(node, first, "keep one of the two".into());
    }

    fn refuse_repeated_with(&mut self, node: &Node, first: Span, help: String) {
        let name = &node.name.value;
        self.refuse(mistake!(
            "parse::repeated-node",
            "`{name}` is said twice",
            at(node.name.span, "said again here"),
            at(first, "first said here"),
            help(help),
        ));
    }
}

/// Nodes that take any number of values.
const LISTS: [&str; 6] = ["address", "behind", "host", "lan", "open", "resolvers"];

/// How two nodes of one name become one.
fn together(first: &Node, second: &Node) -> String {
    // Longer ones nobody reads in a help, and each repeated one would write the first anew.
    let is_short = |node: &Node| {
        node.arguments.len() <= 24 && node.arguments.iter().all(|value| value.span.len() <= 64)
    };
    let is_list =
        |node: &Node| node.properties.is_empty() && node.block.is_none() && is_short(node);
    if LISTS.contains(&first.name.value.as_str()) && is_list(first) && is_list(second) {
        let first = first.well_written();
        let second = second.well_written();
        let (_, values) = second.split_once(' ').unwrap_or_default();
        return format!("put both on one line: `{first} {values}`");
    }
    if first.block.is_some() && second.block.is_some() {
        return "put what both say into one block".into();
    }
    "keep one of the two".into()
}
