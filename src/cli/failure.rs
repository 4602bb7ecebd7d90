//! What a command ends with.

use std::process::ExitCode;

use miette::{Diagnostic, Report};

use crate::build::{Fault, Stop};
use crate::diagnostic::Mistakes;

/// How a command ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Done = 0,
    /// The declaration, or a template, is wrong.
    Declaration = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The environment is: files, secrets, disk, clock.
    Environment = 3,
    /// `--locked`, `--check` or `--expect-no-changes` found a difference.
    Difference = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command could not do what was asked.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What to tell the user.
    pub reports: Vec<Report>,
}

impl Failure {
    /// One error that ends the command.
    pub(super) fn new(exit: Exit, error: impl Diagnostic + Send + Sync + 'static) -> Failure {
        Failure {
            exit,
            reports: vec![Report::new(error)],
        }
    }

    /// An error of the environment: most are.
    pub(super) fn environment(error: impl Diagnostic + Send + Sync + 'static) -> Failure {
        Failure::new(Exit::Environment, error)
    }

    /// All the mistakes of a source.
    pub(super) fn mistakes(exit: Exit, mistakes: Mistakes) -> Failure {
        Failure {
            exit,
            reports: mistakes.into_reports().collect(),
        }
    }
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Exit {
        match fault {
            Fault::Declaration => Exit::Declaration,
            Fault::Environment => Exit::Environment,
            Fault::Difference => Exit::Difference,
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        Failure {
            exit: stop.fault.into(),
            reports: vec![stop.report],
        }
    }
}

/// The first one decides how the command ends; there is one at least.
impl From<Vec<Stop>> for Failure {
    fn from(stops: Vec<Stop>) -> Failure {
        let exit = stops
            .first()
            .map_or(Exit::Environment, |stop| stop.fault.into());
        Failure {
            exit,
            reports: stops.into_iter().map(|stop| stop.report).collect(),
        }
    }
}
