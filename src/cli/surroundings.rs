//! What this process tells the rooms that work on files: its environment, and that it listens.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::arguments::{Declaration, DeclarationAlone, Make, Secret};
use super::progress::BAR;
use super::{passphrase, report};
use crate::diagnostic::Failure;
use crate::keyring::{IdentityPlace, Means};
use crate::root::RootKey;
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
        surroundings(self.root_key, self.accept_epoch)
    }
}

impl DeclarationAlone {
    /// The files beside it as they are at the moment.
    pub(super) fn workspace(&self) -> Workspace {
        Workspace::of(&self.file, surroundings(None, None))
    }
}

fn surroundings(root_key: Option<RootKey>, accept_epoch: Option<u64>) -> Surroundings {
    Surroundings {
        root_key,
        root_key_variable: variable("HOMELAB_ROOT_KEY"),
        accept_epoch,
        state: base_directory("XDG_STATE_HOME", ".local/state").filter(|path| path.is_absolute()),
        program: env::current_exe().ok(),
        listener: Listener {
            result: |line| report::result(line),
            note: |line| report::note(line),
            progress: &BAR,
        },
    }
}

impl Make {
    /// Holds the workspace, then reads.
    pub(super) fn held(&self) -> Result<Inputs<Held>, Failure> {
        Inputs::read(self.declaration.held()?, self.out.as_deref())
    }
}

impl Secret {
    /// What homelab.age can be opened with here.
    pub(super) fn means(&self) -> Means<'_> {
        Means {
            identity: identity_place(self.identity.as_deref()),
            usual: identity_place(None),
            root_command: self.root_command.as_deref(),
            passphrase: Box::new(|| passphrase::present(self)),
        }
    }
}

/// Where the identity is: as named, `$HOMELAB_IDENTITY`, or the usual place.
pub(super) fn identity_place(named: Option<&Path>) -> IdentityPlace {
    let set = || variable("HOMELAB_IDENTITY").map(PathBuf::from);
    if let Some(path) = named.map(Path::to_owned).or_else(set) {
        return IdentityPlace::Named(path);
    }
    match base_directory("XDG_CONFIG_HOME", ".config") {
        Some(config) => IdentityPlace::Usual(config.join("homelab").join("identity.txt")),
        None => IdentityPlace::Nowhere,
    }
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Where the user's programs keep things of one kind.
fn base_directory(name: &str, below_home: &str) -> Option<PathBuf> {
    // The XDG specification: a relative path in the variable is to be ignored.
    let directory = variable(name).map(PathBuf::from);
    let directory = directory.filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| Path::new(&home).join(below_home));
    directory.or_else(home)
}
