//! What a command ends with.

use std::process::ExitCode;

use crate::diagnostic::Fault;

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

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Exit {
        match fault {
            Fault::Declaration => Exit::Declaration,
            Fault::Usage => Exit::Usage,
            Fault::Environment => Exit::Environment,
            Fault::Difference => Exit::Difference,
        }
    }
}
