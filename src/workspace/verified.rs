//! Which homelab.lock this machine has verified: for every command that goes by one again, as most do, its signatures are most of the work.
//!
//! Whether the records of a lock are signed follows from its bytes alone, as does whether each line has its check: the key stands in them. So it is enough to remember the hash of bytes that were verified whole;
//! one byte more or less, and they are verified. Which key is pinned, what the lock says and what this machine remembers
//! of earlier ones is held against it each time. What is remembered lies beside the memory, where git writes nothing, and is of
//! this very version of the program, for another may know better what a signature is. It may be deleted at any time.

use std::path::PathBuf;

use blake3::{Hasher, OUT_LEN};

use super::recollection::place_of;
use super::{Held, Workspace, whole};
use crate::tree::{Existing, Mode, write_durably};

/// The kind of file that this is kept in, and its version.
const CONTEXT: &str = "homelab verified lock v1";

/// What stands for the bytes of a lock that were verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verified([u8; OUT_LEN]);

impl Verified {
    /// That of these bytes, if they were.
    pub(super) fn of(lock: &[u8]) -> Verified {
        let mut hasher = Hasher::new_derive_key(CONTEXT);
        hasher.update(concat!(env!("CARGO_PKG_VERSION"), "\n").as_bytes());
        hasher.update(lock);
        Verified(hasher.finalize().into())
    }
}

fn place(workspace: &Workspace) -> Option<PathBuf> {
    let (memory, _) = place_of(workspace)?;
    Some(memory.with_extension("verified"))
}

impl Workspace {
    /// Whether this machine has verified these bytes.
    pub(super) fn has_verified(&self, lock: Verified) -> bool {
        let kept = place(self).and_then(|place| whole(&place, OUT_LEN as u64).ok());
        kept.is_some_and(|kept| kept == lock.0)
    }
}

impl Held {
    /// Remembers the lock that was read, if all of it was verified. Nothing fails for want of it.
    pub(crate) fn remember_verified(&self) {
        let verified = self
            .verified
            .get()
            .filter(|lock| !self.has_verified(**lock));
        if let Some((place, Verified(hash))) = place(self).zip(verified) {
            // The directory is there, for the memory lies in it; where it does not, nothing is remembered either.
            let _ = write_durably(&place, Mode::Secret, hash, Existing::ReplaceHere);
        }
    }

    /// Has the lock verified again, whatever is remembered of it.
    pub(crate) fn forget_verified(&self) {
        if let Some(place) = place(self) {
            let _ = std::fs::remove_file(place);
        }
    }
}
