//! Whether the lock is believed: by the key that is pinned, by the one that earlier locks were signed with, and by the root secret
//! where it is at hand.

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use super::stop::Stop;
use crate::lock::Lock;
use crate::root::{Keyring, RootKey};

#[derive(Debug, Error, Diagnostic)]
enum BelievedError {
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

/// Fails where the lock is not signed with the key that is pinned.
pub(crate) fn hold_against_pin(lock: &Lock, pinned: Option<RootKey>) -> Result<(), Stop> {
    match (pinned, lock.key) {
        (None, _) => Ok(()),
        (Some(pinned), Some(found)) if found == pinned => Ok(()),
        (Some(pinned), Some(found)) => Err(Stop::environment(BelievedError::NotPinned {
            found,
            pinned,
        })),
        (Some(known), None) => Err(Stop::environment(BelievedError::UnsignedAgain { known })),
    }
}

/// Fails where a root secret is at hand, and the lock is signed with the key of another.
pub(crate) fn hold_against_secret(lock: &Lock, keyring: &Keyring) -> Result<(), Stop> {
    match lock.key {
        Some(found) if !lock.is_written_with(keyring) => {
            Err(Stop::environment(BelievedError::NotOfThisRoot { found }))
        }
        _ => Ok(()),
    }
}

/// Fails where earlier locks were signed with a key that has not vouched for this one's, and this one's is not pinned (it has been
/// held against that when it was read). A secret that opens is no reason to go over to another: whoever knows whom homelab.age is
/// sealed to can put another one in its place.
pub(crate) fn hold_against_history(
    lock: &Lock,
    known: Option<RootKey>,
    pinned: Option<RootKey>,
    out: &Path,
) -> Result<(), Stop> {
    match (known, lock.key) {
        (None, _) => Ok(()),
        (Some(known), None) => Err(Stop::environment(BelievedError::UnsignedAgain { known })),
        (Some(known), Some(found)) => {
            let vouches = known == found || lock.is_vouched_for_by(&known) || pinned.is_some();
            if vouches {
                return Ok(());
            }
            let out = out.display().to_string();
            Err(Stop::environment(BelievedError::OtherKey {
                found,
                known,
                out,
            }))
        }
    }
}

/// Fails where nobody has signed the lock.
pub(crate) fn refuse_unsigned(lock: &Lock) -> Result<(), Stop> {
    match lock.key {
        Some(_) => Ok(()),
        None => Err(Stop::difference(BelievedError::Unsigned)),
    }
}

/// What is to be said of a lock that nobody has signed.
pub(crate) fn note_of_unsigned(lock: &Lock) -> Option<&'static str> {
    lock.key.is_none().then_some(
        "homelab.lock is of version 1, which nobody has signed: whoever can write to it can let devices in. The next `homelab build` where the root secret is signs it.",
    )
}
