//! Whether a root secret may be made: only where there is nothing yet that another one was used for.
//!
//! Two files have to come into being together, homelab.lock, which pins the secret, and homelab.age.
//! The sealed secret is first kept aside in `.homelab.age.pending`; the lock then decides: where it
//! is written, the secret counts and is put in its place by whoever comes next; where it is not,
//! nothing was ever made with the secret and it is dropped.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::command::TRIED;
use super::identity::IdentityPlace;
use super::open::SecretError;
use crate::diagnostic::Failure;
use crate::lock::Lock;
use crate::root::{Identity, Key, SealError, is_sealed, unseal};
use crate::tree::{Existing, Mode, write_durably};
use crate::workspace::{Held, PENDING, SEALED_LIMIT, Workspace};

#[derive(Debug, Error, Diagnostic)]
enum StandingError {
    #[error("`homelab.lock` is missing, but `{}` is there", witness.display())]
    #[diagnostic(
        code("lock::missing"),
        help("bring it back, `git checkout -- homelab.lock`: what has been issued stands in it. To begin anew and lock every device out, move `{}` away", witness.display())
    )]
    LockMissing { witness: PathBuf },

    #[error("the lock records no authority, but `{}` was built with one", witness.display())]
    #[diagnostic(
        code("lock::no-authority-but-tree"),
        help("bring it back, `git checkout -- homelab.lock`, or move `{}` away to begin anew", witness.display())
    )]
    AuthorityMissing { witness: PathBuf },

    #[error("the lock records no authority that signs, but `{authority}`, which signed once")]
    #[diagnostic(
        code("lock::nobody-signs"),
        help(
            "bring back the last good lock, `git checkout -- homelab.lock`: the line of the authority that came after it is lost, and no build makes another in its place"
        )
    )]
    NobodySigns { authority: String },

    #[error("`{}` is {why}", path.display())]
    #[diagnostic(
        code("root::stray"),
        help(
            "homelab has not left it like that: remove it, see in git where it came from, and bring the secret back, `git checkout -- homelab.age`"
        )
    )]
    Stray { path: PathBuf, why: &'static str },
}

/// Whether homelab.age has to be there, where there is a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealedRoot {
    Needed,
    /// A command prints the root secret.
    Elsewhere,
}

/// The lock that a workspace has [`begun`] with, or none where a root secret may be made, completing what an interrupted command has
/// left. An error where something is missing that was there: never a new authority by surprise.
pub(crate) fn standing(
    workspace: &Held,
    begun: Option<Lock>,
    sealed: SealedRoot,
    usual: &IdentityPlace,
) -> Result<Option<Lock>, Failure> {
    let Some(lock) = begun else {
        // Nothing was ever made with a secret that was only pending.
        let _ = std::fs::remove_file(workspace.path(PENDING));
        return Ok(None);
    };
    complete_pending(workspace, &lock, usual)?;
    let path = workspace.path("homelab.age");
    if sealed == SealedRoot::Needed && workspace.read(&path, SEALED_LIMIT)?.is_none() {
        return Err(Failure::environment(SecretError::Missing { path }));
    }
    Ok(Some(lock))
}

/// The lock of a workspace that something has been made in; none where an authority may be made. An error
/// where something is missing that was there. Changes nothing.
pub(crate) fn begun(workspace: &Workspace, out: &Path) -> Result<Option<Lock>, Failure> {
    // Who only looks may have read between two steps of a first build: what comes after the lock is there, and the
    // lock was not. By now it is.
    standing_lock(workspace, out).or_else(|_| standing_lock(workspace, out))
}

fn standing_lock(workspace: &Workspace, out: &Path) -> Result<Option<Lock>, Failure> {
    let sealed = workspace.path("homelab.age");
    let Some(lock) = workspace.known_lock()? else {
        // Whatever stands where output goes may be what is left of a tree.
        let usual = workspace.path("out");
        let trees = [out, &usual]
            .into_iter()
            .find(|out| !is_empty_or_absent(out));
        let witness = Some(sealed.as_path()).filter(|sealed| sealed.symlink_metadata().is_ok());
        return match witness.or(trees) {
            Some(witness) => Err(Failure::environment(StandingError::LockMissing {
                witness: witness.to_owned(),
            })),
            None => Ok(None),
        };
    };
    let signed = lock.authorities.iter().find(|a| a.can_sign());
    match signed {
        _ if lock.signing().is_some() => {}
        // Its successor's line was lost. Making another would replace both.
        Some(authority) => {
            let authority = authority.common_name();
            return Err(Failure::environment(StandingError::NobodySigns {
                authority,
            }));
        }
        None if out.join(".homelab/manifest.kdl").symlink_metadata().is_ok() => {
            let witness = out.to_owned();
            return Err(Failure::environment(StandingError::AuthorityMissing {
                witness,
            }));
        }
        None => {}
    }
    Ok(Some(lock))
}

fn is_empty_or_absent(directory: &Path) -> bool {
    match std::fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Puts a pending secret in its place, now that the lock is there.
///
/// It may have come with the repository instead: what is no secret that homelab left there, or not the one that the lock pins, is
/// refused.
pub(crate) fn complete_pending(
    workspace: &Held,
    lock: &Lock,
    usual: &IdentityPlace,
) -> Result<(), Failure> {
    // What was sealed and never tried to its end.
    let _ = std::fs::remove_file(workspace.path(TRIED));
    let pending = workspace.path(PENDING);
    let Ok(there) = pending.symlink_metadata() else {
        return Ok(());
    };
    let sealed = workspace.path("homelab.age");
    if workspace.read(&sealed, SEALED_LIMIT)?.is_none() {
        let bytes = if there.is_file() {
            workspace.read(&pending, SEALED_LIMIT)?.unwrap_or_default()
        } else {
            Vec::new()
        };
        refuse_a_stray(lock, &usual.at_hand(workspace), &pending, &bytes)?;
        write_durably(&sealed, Mode::Public, &bytes, Existing::Refuse)
            .map_err(Failure::environment)?;
    }
    // Left behind, it would do no harm.
    let _ = std::fs::remove_file(&pending);
    Ok(())
}

/// Fails where a file that should be a pending secret is none, or is another than the lock's as far as an identity here can tell.
fn refuse_a_stray(
    lock: &Lock,
    identities: &[Identity],
    pending: &Path,
    bytes: &[u8],
) -> Result<(), Failure> {
    let stray = |why| {
        let path = pending.to_owned();
        Err(Failure::environment(StandingError::Stray { path, why }))
    };
    if !is_sealed(bytes) {
        return stray("no sealed secret");
    }
    match unseal(bytes, &Key::Identities(identities)) {
        Ok(keyring) if keyring.root(&lock.root).is_none() => {
            stray("not the secret that homelab.lock pins")
        }
        Err(SealError::Damaged | SealError::NotARoot) => stray("no sealed secret"),
        // Who cannot open it here will be told so, and the lock is held against it wherever it is opened.
        _ => Ok(()),
    }
}
