//! Opening homelab.age: with an identity, with a passphrase, or by a command; and holding what was in it against the lock.

use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use miette::Diagnostic;
use thiserror::Error;

use super::command;
use super::identity::IdentityPlace;
use super::seal::SealsTo;
use crate::build::hold_against_secret;
use crate::diagnostic::Failure;
use crate::lock::Lock;
use crate::root::{
    Identity, Key, Keyring, Recipient, RootId, SealError, has_conflict, is_sealed_with_passphrase,
    recipients, unseal,
};
use crate::workspace::Workspace;

#[derive(Debug, Error, Diagnostic)]
pub(super) enum SecretError {
    #[error("`{}` cannot be opened", path.display())]
    #[diagnostic(code("root::cannot-open"), help("{help}"))]
    CannotOpen {
        path: PathBuf,
        #[source]
        source: SealError,
        help: String,
    },

    #[error("`{}` is missing, and what homelab.lock records was made with it", path.display())]
    #[diagnostic(
        code("root::missing"),
        help(
            "bring it back, `git checkout -- homelab.age`: without it nothing can be issued, and a new one would lock every device out"
        )
    )]
    Missing { path: PathBuf },

    #[error("git's marks of a conflict stand in `{}`", path.display())]
    #[diagnostic(
        code("root::conflict"),
        help(
            "take one side whole, `git checkout --ours homelab.age` or `--theirs`: the one whose homelab.lock you keep. Where both have the same root secret, encrypt it then to everybody of both sides: `homelab rotate --reseal --recipient age1… --recipient age1…`"
        )
    )]
    Conflict { path: PathBuf },

    #[error("the root secret is not the one that homelab.lock was made with")]
    #[diagnostic(
        code("root::foreign"),
        help(
            "bring both files back from the same commit: `git checkout -- homelab.lock homelab.age`"
        )
    )]
    Foreign,
}

/// What homelab.age can be opened with.
pub(crate) struct Means<'m> {
    pub identity: IdentityPlace,
    /// Where it is if nobody has said so for this command.
    pub usual: IdentityPlace,
    /// A shell command that prints what is in it, in place of the file.
    pub root_command: Option<&'m str>,
    /// Asks for its passphrase, wherever that is to be had.
    pub passphrase: Box<dyn Fn() -> Result<SecretString, Failure> + 'm>,
}

/// A keyring that has been opened, and how it can be sealed again.
pub(crate) struct Opened {
    /// What was sealed.
    pub keyring: Keyring,
    /// What it was opened with.
    pub with: OpenedWith,
}

/// What a keyring was opened with.
pub(crate) enum OpenedWith {
    /// The identities in a file.
    Identities {
        /// All of them.
        at_hand: Vec<Identity>,
        /// Whom the file was sealed to; none where that is not known.
        known: Option<Vec<Recipient>>,
        /// How many recipients the file had.
        count: usize,
        /// How many of them the identities are.
        own: usize,
    },
    Passphrase(SecretString),
    Command,
}

impl Means<'_> {
    /// Opens the keyring and holds it against what the lock pins, and the lock against it.
    pub(crate) fn open(
        &self,
        workspace: &Workspace,
        lock: &Lock,
        expected: &[RootId],
    ) -> Result<Opened, Failure> {
        // It may depend on a command, on somebody at a terminal, on files elsewhere.
        workspace.journal().spoil();
        let opened = match self.root_command {
            Some(command) => {
                let path = workspace.path("homelab.age");
                Opened {
                    keyring: command::keyring_from(command, &path)?,
                    with: OpenedWith::Command,
                }
            }
            None => self.open_file(workspace, &self.identity)?,
        };
        held_against(opened, lock, expected)
    }

    /// What the identity in the usual place opens, whatever else could. None where there is no such, or where it opens something else.
    pub(crate) fn open_by_usual_identity(
        &self,
        workspace: &Workspace,
        lock: &Lock,
    ) -> Option<Opened> {
        let sealed = workspace.sealed().ok()??;
        let asks = is_sealed_with_passphrase(&sealed).unwrap_or(true);
        if asks || self.usual.at_hand(workspace).is_empty() {
            return None;
        }
        let opened = self.open_file(workspace, &self.usual).ok()?;
        held_against(opened, lock, &lock.roots()).ok()
    }

    /// The root secret that a command prints, where nothing is pinned yet, and a lock of its own.
    pub(super) fn first_from_command(
        &self,
        workspace: &Workspace,
    ) -> Result<Option<(Lock, Opened)>, Failure> {
        let Some(command) = self.root_command else {
            return Ok(None);
        };
        let root = command::root_from(command, &workspace.path("homelab.age"))?;
        let (lock, keyring) = (Lock::new(&root), Keyring::of(root));
        let with = OpenedWith::Command;
        Ok(Some((lock, Opened { keyring, with })))
    }

    fn open_file(
        &self,
        workspace: &Workspace,
        identity: &IdentityPlace,
    ) -> Result<Opened, Failure> {
        let path = workspace.path("homelab.age");
        let Some(sealed) = workspace.sealed()? else {
            return Err(Failure::environment(SecretError::Missing { path }));
        };
        if has_conflict(&sealed) {
            return Err(Failure::environment(SecretError::Conflict { path }));
        }
        let cannot_open = |source, help: &str| {
            Failure::environment(SecretError::CannotOpen {
                path: path.clone(),
                source,
                help: help.to_owned(),
            })
        };
        let restore = "bring back the last good one: `git checkout -- homelab.age`";
        let wants_passphrase = is_sealed_with_passphrase(&sealed);
        if wants_passphrase.map_err(|source| cannot_open(source, restore))? {
            let passphrase = (self.passphrase)()?;
            let keyring = unseal(&sealed, &Key::Passphrase(&passphrase));
            return Ok(Opened {
                keyring: keyring.map_err(|source| cannot_open(source, "try again"))?,
                with: OpenedWith::Passphrase(passphrase),
            });
        }
        let identities = identity.needed(workspace)?;
        let opens_nothing = opens_nothing(identity.path()?);
        let (keyring, with) = open_with(&sealed, identities).map_err(|source| match source {
            SealError::WrongIdentity => cannot_open(source, &opens_nothing),
            other => cannot_open(other, restore),
        })?;
        Ok(Opened { keyring, with })
    }
}

/// Holds a keyring against what the lock pins, and the lock against it.
fn held_against(opened: Opened, lock: &Lock, expected: &[RootId]) -> Result<Opened, Failure> {
    if !expected.iter().all(|id| opened.keyring.root(id).is_some()) {
        return Err(Failure::environment(SecretError::Foreign));
    }
    hold_against_secret(lock, &opened.keyring)?;
    Ok(opened)
}

/// What can be done where identities open nothing.
fn opens_nothing(identity: &Path) -> String {
    format!(
        "`{}` is not the identity that it was encrypted to: name the right one with `--identity FILE`",
        identity.display()
    )
}

/// Opens with whichever identities fit, and finds out whom else the file was sealed to.
fn open_with(sealed: &[u8], at_hand: Vec<Identity>) -> Result<(Keyring, OpenedWith), SealError> {
    let count = recipients(sealed)?;
    let (mut own, mut opened) = (Vec::new(), None);
    for identity in &at_hand {
        match unseal(sealed, &Key::Identities(std::slice::from_ref(identity))) {
            Ok(keyring) => {
                own.push(identity.recipient());
                opened = Some(keyring);
            }
            Err(SealError::WrongIdentity) => {}
            Err(other) => return Err(other),
        }
    }
    let keyring = opened.ok_or(SealError::WrongIdentity)?;
    let said = keyring.recipients();
    let known = if own.len() == count {
        Some(own.clone())
    } else if said.len() == count && own.iter().all(|own| said.contains(own)) {
        Some(said.to_vec())
    } else {
        // Somebody has encrypted it with another program.
        None
    };
    let own = own.len();
    Ok((
        keyring,
        OpenedWith::Identities {
            at_hand,
            known,
            count,
            own,
        },
    ))
}

impl Opened {
    /// A keyring that has just been made, and is to be sealed to these.
    pub(super) fn new(keyring: Keyring, to: &SealsTo) -> Opened {
        let with = match to {
            SealsTo::Recipients(own) => OpenedWith::Identities {
                at_hand: Vec::new(),
                known: Some(own.clone()),
                count: own.len(),
                own: own.len(),
            },
            SealsTo::Passphrase(passphrase) => OpenedWith::Passphrase(passphrase.clone()),
            SealsTo::Command { .. } => OpenedWith::Command,
        };
        Opened { keyring, with }
    }
}
