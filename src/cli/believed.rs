//! Whether the lock is believed: by the key that is pinned, by the one that the output tree was built
//! under, and by the root secret where it is at hand.

use std::path::Path;

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

use super::failure::{Exit, Failure};
use super::report;
use super::workspace::Workspace;
use crate::derive::EDGE_STATE;
use crate::lock::Lock;
use crate::root::{Keyring, RootKey};

/// Bytes of what an edge says of itself, at the most: more than 100,000 devices.
pub const LIMIT: u64 = 64 << 20;

#[derive(Debug, Error, Diagnostic)]
enum BelievedError {
    #[error("HOMELAB_ROOT_KEY is `{value}`, which is no root key")]
    #[diagnostic(
        code("lock::root-key"),
        help("it has 64 hexadecimal digits: `root_key` in `homelab status --json`")
    )]
    NotAKey { value: String },

    #[error("homelab.lock is signed with the key {found}, and {pinned} is pinned")]
    #[diagnostic(
        code("lock::not-the-pinned-key"),
        help(
            "if you went over to another root secret (`homelab rotate --root`), pin its key; otherwise somebody else wrote homelab.lock: find out who, and bring back the last good one"
        )
    )]
    NotPinned { found: RootKey, pinned: RootKey },

    #[error(
        "homelab.lock is signed with the key {found}, and `{out}` was built from one that was signed with {known}, which has not vouched for it"
    )]
    #[diagnostic(
        code("lock::other-key"),
        help(
            "whoever goes over to another root secret has the one before vouch for it (`homelab rotate --root` does). If you know that this key is yours, name it with `--root-key {found}`; otherwise somebody else wrote homelab.lock, and perhaps homelab.age: find out who, and bring back the last good ones"
        )
    )]
    OtherKey {
        found: RootKey,
        known: RootKey,
        out: String,
    },

    #[error("homelab.lock is of version 1, which nobody has signed")]
    #[diagnostic(
        code("lock::unsigned"),
        help(
            "run `homelab build` where the root secret is, which holds it against that and signs it, and commit homelab.lock"
        )
    )]
    Unsigned,

    #[error("homelab.lock is of version 1, which nobody has signed, and {known} signed it before")]
    #[diagnostic(
        code("lock::unsigned-again"),
        help(
            "an older one was put in its place: see `git log -p -- homelab.lock`, and bring back the last good one"
        )
    )]
    UnsignedAgain { known: RootKey },

    #[error("homelab.lock is not signed with the key of the root secret, but with {found}")]
    #[diagnostic(
        code("lock::not-of-this-root"),
        help(
            "somebody without the root secret wrote it: find out who, `git log -p -- homelab.lock`, and bring back the last good one: `git checkout -- homelab.lock`"
        )
    )]
    NotOfThisRoot { found: RootKey },
}

/// The key that is pinned: `--root-key`, or `$HOMELAB_ROOT_KEY`.
pub fn pinned(named: Option<RootKey>) -> Result<Option<RootKey>, Failure> {
    let set = std::env::var_os("HOMELAB_ROOT_KEY").filter(|value| !value.is_empty());
    match (named, set) {
        (Some(named), _) => Ok(Some(named)),
        (None, None) => Ok(None),
        (None, Some(value)) => {
            let value = value.to_string_lossy().trim().to_owned();
            let key = value.parse().map(Some);
            key.map_err(|_| Failure::new(Exit::Usage, BelievedError::NotAKey { value }))
        }
    }
}

/// Fails where the lock is not signed with the key that is pinned.
pub fn hold_against_pin(lock: &Lock, pinned: Option<RootKey>) -> Result<(), Failure> {
    match (pinned, lock.key) {
        (None, _) => Ok(()),
        (Some(pinned), Some(found)) if found == pinned => Ok(()),
        (Some(pinned), Some(found)) => Err(Failure::environment(BelievedError::NotPinned {
            found,
            pinned,
        })),
        (Some(known), None) => Err(Failure::environment(BelievedError::UnsignedAgain { known })),
    }
}

/// Fails where a root secret is at hand, and the lock is signed with the key of another.
pub fn hold_against_secret(lock: &Lock, keyring: &Keyring) -> Result<(), Failure> {
    match lock.key {
        Some(found) if !lock.is_written_with(keyring) => {
            Err(Failure::environment(BelievedError::NotOfThisRoot { found }))
        }
        _ => Ok(()),
    }
}

/// What is known of the key that the lock should be signed with.
#[derive(Debug, PartialEq, Eq)]
pub enum Known {
    /// It is the lock's, or has vouched for that, or another is pinned.
    Same,
    /// Nothing: nothing was built here yet, or from a lock of version 1.
    Nothing,
    /// It is another one, which has not vouched for the lock's.
    Other(RootKey),
}

/// What this machine, or else the tree in `out`, tells of the lock's key.
///
/// # Errors
/// Where that lock was signed, and this one is not.
pub fn known(workspace: &Workspace, out: &Path, lock: &Lock) -> Result<Known, Failure> {
    /// What an edge says of itself, as far as it is wanted.
    #[derive(Deserialize)]
    struct Signed {
        root_key: Option<String>,
    }
    let said = workspace.read(&out.join(EDGE_STATE), LIMIT)?;
    let said = said.and_then(|bytes| serde_json::from_slice::<Signed>(&bytes).ok());
    let said = said.and_then(|said| said.root_key?.parse().ok());
    // Git may have written what lies in the directory, and not what lies elsewhere.
    let known = workspace.recollection().memory.root_key.or(said);
    match (known, lock.key) {
        (None, _) => Ok(Known::Nothing),
        (Some(known), None) => Err(Failure::environment(BelievedError::UnsignedAgain { known })),
        (Some(known), Some(key)) if known == key || lock.is_vouched_for_by(&known) => {
            Ok(Known::Same)
        }
        (Some(known), Some(_)) => match workspace.pinned()? {
            // It has been held against that when it was read.
            Some(_) => Ok(Known::Same),
            None => Ok(Known::Other(known)),
        },
    }
}

/// Fails where something was built under another key. A secret that opens is no reason to go over to another: whoever knows
/// whom homelab.age is sealed to can put another one in its place.
pub fn hold_against_tree(workspace: &Workspace, out: &Path, lock: &Lock) -> Result<(), Failure> {
    match (known(workspace, out, lock)?, lock.key) {
        (Known::Other(known), Some(found)) => {
            let out = out.display().to_string();
            Err(Failure::environment(BelievedError::OtherKey {
                found,
                known,
                out,
            }))
        }
        _ => Ok(()),
    }
}

/// Fails where nobody has signed the lock.
pub fn refuse_unsigned(lock: &Lock) -> Result<(), Failure> {
    match lock.key {
        Some(_) => Ok(()),
        None => Err(Failure::new(Exit::Difference, BelievedError::Unsigned)),
    }
}

/// Tells where nobody has signed the lock.
pub fn warn_of_unsigned(lock: &Lock) {
    if lock.key.is_none() {
        report::note(
            "homelab.lock is of version 1, which nobody has signed: whoever can write to it can let devices in. The next `homelab build` where the root secret is signs it.",
        );
    }
}
