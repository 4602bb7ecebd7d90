//! What is read from nodes, and what is wrong with them: all of it is told in one run.

use std::collections::BTreeSet;

use super::document::{Node, Value};
use super::fields::Fields;
use super::habit::Habits;
use crate::diagnostic::{First, Mistake, Mistakes};
use crate::source::Source;

/// Reads nodes. What cannot be read is told to it and left out.
#[derive(Default)]
pub(crate) struct Reader {
    mistakes: Vec<Mistake>,
    pub(super) first: First,
    pub(super) habits: Habits,
    /// How many statements could not be read.
    pub(super) unread: usize,
    /// What is called so may be declared in what could not be read.
    pub(super) words_unread: Words,
}

/// Words of what could not be read, or is not known.
#[derive(Debug, Default)]
pub(crate) struct Words(BTreeSet<String>);

impl Words {
    pub(super) fn note(&mut self, text: &str) {
        let ends = |c: char| !(c.is_alphanumeric() || c == '-');
        let words = text.split(ends).filter(|word| !word.is_empty());
        self.0.extend(words.map(str::to_lowercase));
    }

    /// All the words of nodes and of their blocks.
    pub(super) fn note_nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.note(&node.name.value);
            let values = node.arguments.iter().map(|argument| &argument.value);
            for value in values.chain(node.properties.iter().map(|(_, value)| &value.value)) {
                if let Value::String(text) = value {
                    self.note(text);
                }
            }
            self.note_nodes(node.children());
        }
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&word.to_lowercase())
    }
}

impl Reader {
    pub(crate) fn refuse(&mut self, mistake: Mistake) {
        self.first.note(&mistake);
        self.mistakes.push(mistake);
    }

    /// Begins to take a node apart.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node) -> Fields<'n, '_> {
        Fields::of(node, self)
    }

    /// What was read, unless something was wrong with it.
    pub(crate) fn finish<T>(self, source: &Source, read: T) -> Result<T, Mistakes> {
        let mistakes = self.into_mistakes(source);
        if mistakes.is_empty() {
            Ok(read)
        } else {
            Err(Mistakes::new(source, mistakes))
        }
    }

    /// All that was wrong.
    pub(super) fn into_mistakes(self, source: &Source) -> Vec<Mistake> {
        let habits = self.habits.into_mistakes(source.text());
        self.mistakes.into_iter().chain(habits).collect()
    }

    /// How many mistakes there are so far, habits aside: what those were meant to say has been read.
    pub(super) fn mistaken(&self) -> usize {
        self.mistakes.len()
    }
}
