//! Mistakes in a source: many at once, each with a code, a place, a label and a help.
//!
//! A [`Mistake`] is made where the rule stands that it breaks, by the macro `mistake!`: the words that a
//! user reads are beside what they are about. This room gathers and orders them. A [`Failure`] is what a command ends with that cannot
//! do what was asked, whoever finds out.

mod failure;
mod listed;
mod meant;
mod mistake;
mod shown;

pub(crate) use failure::{Failure, Fault};
pub(crate) use listed::{counted, joined, listed};
pub(crate) use meant::{closest, did_you_mean};
pub(crate) use mistake::Mistake;
pub(crate) use mistake::mistake;
pub(crate) use shown::Shown;

use std::collections::BinaryHeap;

use miette::Diagnostic;

use crate::source::{Source, Span};

/// All the mistakes that a phase found in one source, in the order of their places.
#[derive(Debug)]
pub struct Mistakes {
    source: Source,
    mistakes: Vec<Mistake>,
    untold: usize,
}

/// Mistakes that are told in one run; more would only be scrolled past.
const TOLD: usize = 100;

/// Where those of the mistakes so far stand that are told.
#[derive(Debug, Default)]
pub(crate) struct First(BinaryHeap<usize>);

impl First {
    pub(crate) fn note(&mut self, mistake: &Mistake) {
        self.0.push(mistake.offset());
        if self.0.len() > TOLD {
            self.0.pop();
        }
    }

    /// Whether one is told that stands there, as far as can be said so far. To look for what was meant takes as long as there is
    /// to choose from: for each of 10,000 people who are called otherwise it would take minutes.
    pub(crate) fn is_told_at(&self, place: Span) -> bool {
        let last = self.0.peek().filter(|_| self.0.len() == TOLD);
        last.is_none_or(|last| place.offset() < *last)
    }
}

/// What stands behind the mistakes that are told, where there are more.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("and {untold} more")]
#[diagnostic(help("mend these first"))]
struct Untold {
    untold: usize,
}

impl Mistakes {
    /// Gathers what a phase found in `source`; there is at least one.
    pub fn new(source: &Source, mut mistakes: Vec<Mistake>) -> Mistakes {
        debug_assert!(!mistakes.is_empty(), "no mistakes is success");
        mistakes.sort_by_key(Mistake::offset);
        let untold = mistakes.len().saturating_sub(TOLD);
        mistakes.truncate(TOLD);
        for mistake in &mut mistakes {
            mistake.shorten(source);
        }
        Mistakes {
            untold,
            source: source.clone(),
            mistakes,
        }
    }

    /// The first of them, for who tells no more than one.
    pub fn into_first(self) -> Mistake {
        let first = self.mistakes.into_iter().next();
        first.expect("there is at least one").within(&self.source)
    }

    /// The reports to draw, one per mistake, each with the source it points into.
    pub fn into_reports(self) -> impl Iterator<Item = miette::Report> {
        let source = self.source;
        let untold = self.untold;
        let more = (untold > 0).then(|| miette::Report::new(Untold { untold }));
        self.mistakes
            .into_iter()
            .map(move |mistake| miette::Report::new(mistake).with_source_code(source.clone()))
            .chain(more)
    }

    /// The mistakes' codes, such as `resolve::unknown-person`.
    pub fn codes(&self) -> Vec<&'static str> {
        self.mistakes.iter().map(Mistake::slug).collect()
    }
}
