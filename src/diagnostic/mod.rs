//! Mistakes in a source: many at once, each with a code, a place, a label and a help.
//!
//! A [`Mistake`] is made where the rule stands that it breaks, by the macro `mistake!`: the words that a
//! user reads are beside what they are about. This room gathers and orders them. A [`Failure`] is what a command ends with that cannot
//! do what was asked, whoever finds out.

mod failure;
mod listed;
mod meant;
mod mistake;

pub(crate) use failure::{Failure, Fault};
pub(crate) use listed::{joined, listed};
pub(crate) use meant::{closest, did_you_mean};
pub(crate) use mistake::Mistake;
pub(crate) use mistake::mistake;

use miette::Diagnostic;

use crate::source::Source;

/// All the mistakes that a phase found in one source, in the order of their places.
#[derive(Debug)]
pub struct Mistakes {
    source: Source,
    mistakes: Vec<Mistake>,
    untold: usize,
}

/// Mistakes that are told in one run; more would only be scrolled past.
pub(crate) const TOLD: usize = 100;

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
