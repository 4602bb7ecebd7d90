//! Making the root secret: only where there is nothing yet that another one was used for.
//!
//! Two files have to come into being together, homelab.lock, which pins the secret, and homelab.age.
//! The sealed secret is first kept aside in `.homelab.age.pending`; the lock then decides: where it
//! is written, the secret counts and is put in its place by whoever comes next; where it is not,
//! nothing was ever made with the secret and it is dropped.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::report;
use super::sealing::{SealsTo, TRIED};
use super::secret::{self, Opened, SecretError};
use crate::diagnostic::Failure;
use crate::lock::Lock;
use crate::root::{
    Identity, IssuanceId, IssuanceIds, Key, Keyring, RootSecret, SealError, is_sealed, unseal,
};
use crate::share::SecretPath;
use crate::tree::{Existing, Mode, TreeError, write_durably};
use crate::workspace::{Held, PENDING, SEALED_LIMIT as LIMIT, Workspace};

#[derive(Debug, Error, Diagnostic)]
pub(super) enum CreateRootError {
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

    #[error("the system gives no random bytes")]
    #[diagnostic(code("root::no-randomness"), help("try again later"))]
    NoRandomness,
}

/// Whether homelab.age has to be there, where there is a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SealedRoot {
    Needed,
    /// A command prints the root secret.
    Elsewhere,
}

/// The lock of a workspace, or none where a root secret may be made, completing what an interrupted command has left. An error
/// where something is missing that was there: never a new authority by surprise.
pub(super) fn standing(
    workspace: &Held,
    out: &Path,
    sealed: SealedRoot,
) -> Result<Option<Lock>, Failure> {
    let Some(lock) = begun(workspace, out)? else {
        // Nothing was ever made with a secret that was only pending.
        let _ = std::fs::remove_file(workspace.path(PENDING));
        return Ok(None);
    };
    complete_pending(workspace, &lock)?;
    let path = workspace.path("homelab.age");
    if sealed == SealedRoot::Needed && workspace.read(&path, LIMIT)?.is_none() {
        return Err(Failure::environment(SecretError::Missing { path }));
    }
    Ok(Some(lock))
}

/// The lock of a workspace that something has been made in; none where an authority may be made. An error
/// where something is missing that was there. Changes nothing.
pub(super) fn begun(workspace: &Workspace, out: &Path) -> Result<Option<Lock>, Failure> {
    // Who only looks may have read between two steps of a first build: what comes after the lock is there, and the
    // lock was not. By now it is.
    standing_lock(workspace, out).or_else(|_| standing_lock(workspace, out))
}

fn standing_lock(workspace: &Workspace, out: &Path) -> Result<Option<Lock>, Failure> {
    let sealed = workspace.path("homelab.age");
    let Some(lock) = workspace.lock()? else {
        // Whatever stands where output goes may be what is left of a tree.
        let usual = workspace.path("out");
        let trees = [out, &usual]
            .into_iter()
            .find(|out| !is_empty_or_absent(out));
        let witness = Some(sealed.as_path()).filter(|sealed| sealed.symlink_metadata().is_ok());
        return match witness.or(trees) {
            Some(witness) => Err(Failure::environment(CreateRootError::LockMissing {
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
            return Err(Failure::environment(CreateRootError::NobodySigns {
                authority,
            }));
        }
        None if out.join(".homelab/manifest.kdl").symlink_metadata().is_ok() => {
            let witness = out.to_owned();
            return Err(Failure::environment(CreateRootError::AuthorityMissing {
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
pub(super) fn complete_pending(workspace: &Held, lock: &Lock) -> Result<(), Failure> {
    // What was sealed and never tried to its end.
    let _ = std::fs::remove_file(workspace.path(TRIED));
    let pending = workspace.path(PENDING);
    let Ok(there) = pending.symlink_metadata() else {
        return Ok(());
    };
    let sealed = workspace.path("homelab.age");
    if workspace.read(&sealed, LIMIT)?.is_none() {
        let bytes = if there.is_file() {
            workspace.read(&pending, LIMIT)?.unwrap_or_default()
        } else {
            Vec::new()
        };
        refuse_a_stray(workspace, lock, &pending, &bytes)?;
        write_durably(&sealed, Mode::Public, &bytes, Existing::Refuse)
            .map_err(Failure::environment)?;
    }
    // Left behind, it would do no harm.
    let _ = std::fs::remove_file(&pending);
    Ok(())
}

/// Fails where a file that should be a pending secret is none, or is another than the lock's as far as an identity here can tell.
fn refuse_a_stray(
    workspace: &Workspace,
    lock: &Lock,
    pending: &Path,
    bytes: &[u8],
) -> Result<(), Failure> {
    let stray = |why| {
        let path = pending.to_owned();
        Err(Failure::environment(CreateRootError::Stray { path, why }))
    };
    if !is_sealed(bytes) {
        return stray("no sealed secret");
    }
    let identities = secret::identities_at_hand(workspace, None);
    match unseal(bytes, &Key::Identities(&identities)) {
        Ok(keyring) if keyring.root(&lock.root).is_none() => {
            stray("not the secret that homelab.lock pins")
        }
        Err(SealError::Damaged | SealError::NotARoot) => stray("no sealed secret"),
        // Who cannot open it here will be told so, and the lock is held against it wherever it is opened.
        _ => Ok(()),
    }
}

/// A root secret that is not yet in its place.
pub(super) struct CreatedRoot {
    /// A lock of its own, under which nothing has been issued.
    pub lock: Lock,
    /// The secret, alone.
    pub opened: Opened,
    sealed: Vec<u8>,
}

/// Draws a root secret and seals it.
pub(super) fn create(workspace: &Workspace, to: &SealsTo) -> Result<CreatedRoot, Failure> {
    let root = new_root()?;
    let (lock, keyring) = (Lock::new(&root), Keyring::of(root));
    let sealed = to.seal(workspace, &keyring)?;
    Ok(CreatedRoot {
        lock,
        opened: Opened::new(keyring, to),
        sealed,
    })
}

/// Draws a root secret.
pub(super) fn new_root() -> Result<RootSecret, Failure> {
    random().map(RootSecret::new)
}

/// Draws a root secret and seals it to an identity, which is made where there is none and none was
/// named.
pub(super) fn create_for_identity(
    workspace: &Workspace,
    named: Option<&Path>,
) -> Result<CreatedRoot, Failure> {
    let path = secret::identity_path(named)?;
    let identity = match secret::read_identities(workspace, &path)? {
        Some(identities) => {
            report::note(format_args!(
                "Uses the identity that is there, {}: whoever has it can open homelab.age.",
                path.display()
            ));
            let mut identities = identities.into_iter();
            identities.next().expect("a file without any is refused")
        }
        None if named.is_some() || std::env::var_os("HOMELAB_IDENTITY").is_some() => {
            return Err(Failure::environment(SecretError::NoIdentity { path }));
        }
        None => match new_identity(&path)? {
            Some(identity) => identity,
            // Another homelab of the same user, elsewhere, has made it meanwhile.
            None => return create_for_identity(workspace, named),
        },
    };
    let to = SealsTo::Recipients(vec![identity.recipient()]);
    create(workspace, &to)
}

/// Makes an identity, unless there is one by now.
fn new_identity(path: &Path) -> Result<Option<Identity>, Failure> {
    let identity = Identity::generate();
    if let Some(directory) = path.parent() {
        secret::make_private_directory(directory)?;
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
    report::note(format_args!(
        "Made a new identity, {}: back it up, for without it nothing can be issued or renewed.",
        path.display()
    ));
    let mode = path.metadata().map(|made| made.mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        report::note(
            "It is on a file system that keeps no modes: whoever is on this machine can read it. Name another place with `--identity FILE`.",
        );
    }
    Ok(Some(identity))
}

/// Writes a created secret and the lock that pins it, in the order that survives a crash.
pub(super) fn establish(
    workspace: &Held,
    created: &CreatedRoot,
    lock: &Lock,
) -> Result<(), Failure> {
    workspace.write_here(PENDING, &created.sealed)?;
    workspace.write_lock(lock, Some(&created.opened.keyring))?;
    complete_pending(workspace, lock)?;
    report::note(format_args!(
        "Made a new root secret, {}: keep it in git together with homelab.lock.",
        workspace.path("homelab.age").display()
    ));
    Ok(())
}

pub(super) fn new_issuance_id() -> Result<IssuanceId, Failure> {
    random().map(IssuanceId::new)
}

/// As many new issuance ids as are wanted.
pub(super) fn new_issuance_ids() -> Result<IssuanceIds, Failure> {
    random().map(|seed| IssuanceIds::from_seed(&seed))
}

/// A new path for what is shared.
pub(super) fn new_secret_path() -> Result<SecretPath, Failure> {
    random().map(SecretPath::new)
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let drawn = getrandom::fill(&mut bytes);
    drawn.map_err(|_| Failure::environment(CreateRootError::NoRandomness))?;
    Ok(bytes)
}
