//! What is read from nodes, and what is wrong with them: all of it is told in one run.

use super::document::Node;
use super::fields::Fields;
use crate::diagnostic::{Mistake, Mistakes};
use crate::source::Source;

/// Reads nodes. What cannot be read is told to it and left out.
#[derive(Default)]
pub(crate) struct Reader {
    mistakes: Vec<Mistake>,
}

impl Reader {
    pub(crate) fn refuse(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// Begins to take a node apart.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node) -> Fields<'n, '_> {
        Fields::of(node, self)
    }

    /// What was read, unless something was wrong with it.
    pub(crate) fn finish<T>(self, source: &Source, read: T) -> Result<T, Mistakes> {
        if self.mistakes.is_empty() {
            Ok(read)
        } else {
            Err(Mistakes::new(source, self.mistakes))
        }
    }

    /// How many mistakes there are so far.
    pub(crate) fn mistaken(&self) -> usize {
        self.mistakes.len()
    }
}
