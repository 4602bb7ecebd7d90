//! Why something could not be done, and whose affair that is.
//!
//! The rooms that work on files and secrets fail for many reasons that nobody matches on: all that is asked of one is what to tell,
//! and where the fault lies. `cli` makes an exit code of the second.

use miette::{Diagnostic, Report};

use super::Mistakes;

/// Where the reason of a failure lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// In what is declared, or in a request or a template that belongs to it.
    Declaration,
    /// In the command line, or in a variable that stands for an option.
    Usage,
    /// In files, secrets, disks or the clock.
    Environment,
    /// In what is there being other than what may be.
    Difference,
}

/// Why what was asked could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    pub fault: Fault,
    /// What to tell the user.
    pub reports: Vec<Report>,
}

impl Failure {
    /// One error that ends what was asked.
    pub(crate) fn new(fault: Fault, error: impl Diagnostic + Send + Sync + 'static) -> Failure {
        Failure {
            fault,
            reports: vec![Report::new(error)],
        }
    }

    /// An error of the environment: most are.
    pub(crate) fn environment(error: impl Diagnostic + Send + Sync + 'static) -> Failure {
        Failure::new(Fault::Environment, error)
    }

    /// All the mistakes of a source.
    pub(crate) fn mistakes(fault: Fault, mistakes: Mistakes) -> Failure {
        Failure {
            fault,
            reports: mistakes.into_reports().collect(),
        }
    }
}
