//! What this process tells the rooms that work on files: its environment, and that it listens.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::arguments::{Declaration, Make};
use super::report;
use crate::diagnostic::Failure;
use crate::workspace::{Held, Inputs, Listener, Still, Surroundings, Workspace};

impl Declaration {
    /// The files beside it as they are at the moment.
    pub(super) fn workspace(&self) -> Workspace {
        Workspace::of(&self.file, self.surroundings())
    }

    /// The same, held against every other homelab.
    pub(super) fn held(&self) -> Result<Held, Failure> {
        Held::of(&self.file, self.surroundings())
    }

    /// The same, while no homelab changes them.
    pub(super) fn still(&self) -> Result<Still, Failure> {
        Still::of(&self.file, self.surroundings())
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            root_key: self.root_key,
            root_key_variable: variable("HOMELAB_ROOT_KEY"),
            accept_epoch: self.accept_epoch,
            state: base_directory("XDG_STATE_HOME", ".local/state")
                .filter(|path| path.is_absolute()),
            listener: Listener {
                note: |line| report::note(line),
            },
        }
    }
}

impl Make {
    /// Holds the workspace, then reads.
    pub(super) fn held(&self) -> Result<Inputs<Held>, Failure> {
        Inputs::read(self.declaration.held()?, self.out.as_deref())
    }
}

/// A variable that is set to something.
pub(super) fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Where the user's programs keep things of one kind.
pub(super) fn base_directory(name: &str, below_home: &str) -> Option<PathBuf> {
    // The XDG specification: a relative path in the variable is to be ignored.
    let directory = variable(name).map(PathBuf::from);
    let directory = directory.filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| Path::new(&home).join(below_home));
    directory.or_else(home)
}
