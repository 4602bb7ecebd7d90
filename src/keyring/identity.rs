//! The age identity that opens homelab.age: where it is, read, and made where there is none.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::diagnostic::Failure;
use crate::random;
use crate::root::{Identity, NotIdentities, OtherKey};
use crate::tree::{Existing, Mode, TreeError, make_private_directory, write_durably};
use crate::workspace::{SEALED_LIMIT, Workspace};

/// Where an identity is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentityPlace {
    /// Where somebody has said: it has to be there.
    Named(PathBuf),
    /// In the usual place, where one is made.
    Usual(PathBuf),
    /// There is no place for any.
    Nowhere,
}

#[derive(Debug, Error, Diagnostic)]
enum IdentityError {
    #[error("there is no identity at `{}`", path.display())]
    #[diagnostic(
        code("root::no-identity"),
        help(
            "copy the one that homelab.age was encrypted to there, or name it with `--identity FILE`"
        )
    )]
    NoIdentity { path: PathBuf },

    #[error("`{}` cannot be used as an age identity", path.display())]
    #[diagnostic(code("root::bad-identity"), help("{}", other_identity(source, path)))]
    BadIdentity {
        path: PathBuf,
        #[source]
        source: NotIdentities,
    },

    #[error("there is neither $XDG_CONFIG_HOME nor $HOME to keep an identity in")]
    #[diagnostic(
        code("root::no-home"),
        help("name the identity with `--identity FILE`")
    )]
    NoHome,

    #[error("the directory `{}` cannot be made", path.display())]
    #[diagnostic(
        code("root::cannot-make-directory"),
        help("make it yourself, or name an identity with `--identity FILE`")
    )]
    CannotMake {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What can be done about an identity file that is none.
fn other_identity(why: &NotIdentities, path: &Path) -> String {
    let path = path.display();
    match why {
        NotIdentities::Other(OtherKey::Plugin(_) | OtherKey::PostQuantum | OtherKey::Ssh) => {
            format!(
                "have `age` open homelab.age, `--root-command 'age -d -i {path} homelab.age'`, and encrypt it where it is written anew, `--seal-command 'age -r KEY -a'`"
            )
        }
        NotIdentities::Other(OtherKey::Protected) => format!(
            "have `age` open homelab.age, `--root-command 'age -d -i {path} homelab.age'`: it asks for the passphrase of the identity"
        ),
        NotIdentities::Nothing | NotIdentities::Damaged { .. } => String::from(
            "it holds lines that begin with `AGE-SECRET-KEY-1`, as `age-keygen` writes them; for keys on hardware use `--root-command`",
        ),
    }
}

impl IdentityPlace {
    pub(super) fn path(&self) -> Result<&Path, Failure> {
        match self {
            IdentityPlace::Named(path) | IdentityPlace::Usual(path) => Ok(path),
            IdentityPlace::Nowhere => Err(Failure::environment(IdentityError::NoHome)),
        }
    }

    /// The identities that are here, whatever opened homelab.age; none where they cannot be read.
    pub(crate) fn at_hand(&self, workspace: &Workspace) -> Vec<Identity> {
        let path = self.path().ok();
        let read = path.and_then(|path| read(workspace, path).ok().flatten());
        read.unwrap_or_default()
    }

    /// The identities that are here, of which there has to be one.
    pub(super) fn needed(&self, workspace: &Workspace) -> Result<Vec<Identity>, Failure> {
        let path = self.path()?;
        read(workspace, path)?.ok_or_else(|| no_identity(path))
    }

    /// The identity that is here; it is made where there is none and none was named.
    pub(super) fn found_or_made(&self, workspace: &Workspace) -> Result<Identity, Failure> {
        let path = self.path()?;
        if let Some(identities) = read(workspace, path)? {
            workspace.listener().note(format_args!(
                "Uses the identity that is there, {}: whoever has it can open homelab.age.",
                path.display()
            ));
            let mut identities = identities.into_iter();
            return Ok(identities.next().expect("a file without any is refused"));
        }
        if matches!(self, IdentityPlace::Named(_)) {
            return Err(no_identity(path));
        }
        match made(workspace, path)? {
            Some(identity) => Ok(identity),
            // Another homelab of the same user, elsewhere, has made it meanwhile.
            None => self.found_or_made(workspace),
        }
    }
}

fn no_identity(path: &Path) -> Failure {
    let path = path.to_owned();
    Failure::environment(IdentityError::NoIdentity { path })
}

/// The identities in a file; `None` if there is no file.
fn read(workspace: &Workspace, path: &Path) -> Result<Option<Vec<Identity>>, Failure> {
    let Some(bytes) = workspace.read(path, SEALED_LIMIT)? else {
        return Ok(None);
    };
    let identities = Identity::from_file(&Zeroizing::new(bytes));
    let path = path.to_owned();
    let bad = |source| Failure::environment(IdentityError::BadIdentity { path, source });
    identities.map(Some).map_err(bad)
}

/// Makes an identity, unless there is one by now.
fn made(workspace: &Workspace, path: &Path) -> Result<Option<Identity>, Failure> {
    let identity = random::identity();
    if let Some(directory) = path.parent() {
        make_private_directory(directory).map_err(|source| {
            let path = directory.to_owned();
            Failure::environment(IdentityError::CannotMake { path, source })
        })?;
    }
    let written = write_durably(
        path,
        Mode::Secret,
        identity.to_file().as_bytes(),
        Existing::Refuse,
    );
    match written {
        Err(TreeError::Exists { .. }) => return Ok(None),
        written => written.map_err(Failure::environment)?,
    }
    workspace.listener().note(format_args!(
        "Made a new identity, {}: back it up, for without it nothing can be issued or renewed.",
        path.display()
    ));
    let mode = path.metadata().map(|made| made.mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        workspace.listener().note(format_args!(
            "It is on a file system that keeps no modes: whoever is on this machine can read it. Name another place with `--identity FILE`.",
        ));
    }
    Ok(Some(identity))
}
