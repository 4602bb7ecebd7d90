//! Which nodes a block knows, and which of them may stand more than once.

use super::document::Node;
use super::mistake::Mistake;
use crate::diagnostic::did_you_mean;

/// The nodes that a block knows.
pub struct Known {
    /// What the block is called in a message.
    pub place: &'static str,
    /// Nodes that may stand once.
    pub once: &'static [&'static str],
    /// Nodes that may stand any number of times.
    pub many: &'static [&'static str],
}

impl Known {
    /// Those of `nodes` that are known and not repeated; the others are mistakes.
    pub fn among<'n>(&self, nodes: &'n [Node], mistakes: &mut Vec<Mistake>) -> Vec<&'n Node> {
        let mut accepted: Vec<&Node> = Vec::with_capacity(nodes.len());
        let mut firsts: Vec<&Node> = Vec::new();
        for node in nodes {
            let name = node.name.value.as_str();
            if self.many.contains(&name) {
                accepted.push(node);
            } else if !self.once.contains(&name) {
                let known = self.once.iter().chain(self.many).copied();
                mistakes.push(Mistake::UnknownNode {
                    name: name.to_owned(),
                    place: self.place,
                    span: node.name.span,
                    help: did_you_mean(name, known),
                });
            } else if let Some(first) = firsts.iter().find(|first| first.name.value == name) {
                mistakes.push(Mistake::RepeatedNode {
                    name: name.to_owned(),
                    span: node.name.span,
                    first: first.name.span,
                });
            } else {
                firsts.push(node);
                accepted.push(node);
            }
        }
        accepted
    }
}
