//! homelab.lock as a file: read and held against the key that is pinned, and written where it says anything else.

use miette::Diagnostic;
use thiserror::Error;

use super::error::{WorkspaceError, mistaken};
use super::verified::Verified;
use super::{Held, Workspace};
use crate::build::{self, Written};
use crate::diagnostic::{Failure, Fault};
use crate::lock::{self, Lock, Signatures};
use crate::root::{Keyring, RootKey};
use crate::source::{Source, into_normal_form};

/// Bytes of a lock, at the most: more than 100,000 certificates.
const LIMIT: u64 = 64 << 20;

#[derive(Debug, Error, Diagnostic)]
#[error("HOMELAB_ROOT_KEY is `{value}`, which is no root key")]
#[diagnostic(
    code("lock::root-key"),
    help("it has 64 hexadecimal digits: `root_key` in `homelab status --json`")
)]
struct NotAKey {
    value: String,
}

impl Workspace {
    /// Reads the lock, and verifies all of it; `None` if there is none.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, Failure> {
        self.lock_if(|_| false)
    }

    /// The same, without verifying again what this machine has verified, to the last byte.
    pub(crate) fn known_lock(&self) -> Result<Option<Lock>, Failure> {
        self.lock_if(|verified| self.has_verified(verified))
    }

    fn lock_if(&self, was_verified: impl Fn(Verified) -> bool) -> Result<Option<Lock>, Failure> {
        let path = self.path("homelab.lock");
        let Some(bytes) = self.read(&path, LIMIT)? else {
            return Ok(None);
        };
        let verified = Verified::of(&bytes);
        let read = if was_verified(verified) {
            lock::read_verified
        } else {
            lock::read
        };
        let source = Source::new(path.display().to_string(), text(into_normal_form(bytes)));
        let lock =
            read(&source).map_err(|mistakes| mistaken(&path, Fault::Environment, mistakes))?;
        if lock.key.is_some() {
            let _ = self.verified.set(verified);
        }
        build::hold_against_pin(&lock, self.pinned()?)?;
        Ok(Some(lock))
    }

    /// The lock of a homelab that has been built before.
    pub(crate) fn issued_lock(&self) -> Result<Lock, Failure> {
        let lock = self.lock()?.filter(|lock| lock.signing().is_some());
        lock.ok_or_else(|| Failure::from(build::nothing_issued()))
    }

    /// The key that the lock has to be signed with, where one is pinned.
    pub(crate) fn pinned(&self) -> Result<Option<RootKey>, Failure> {
        let surroundings = &self.surroundings;
        match (surroundings.root_key, &surroundings.root_key_variable) {
            (Some(named), _) => Ok(Some(named)),
            (None, None) => Ok(None),
            (None, Some(value)) => {
                let value = value.to_string_lossy().trim().to_owned();
                let key = value.parse().map(Some);
                key.map_err(|_| Failure::new(Fault::Usage, NotAKey { value }))
            }
        }
    }

    /// The lock as it would be written, signed by that keyring where a record has changed, and the one that is
    /// there, whatever ends its lines have: which is git's affair, and a build with nothing to do leaves a
    /// checked-out file as it is. None where something is to be signed, and there is no keyring.
    fn rewritten(
        &self,
        lock: &Lock,
        keyring: Option<&Keyring>,
    ) -> Result<(Option<String>, String), Failure> {
        let present = self.read(&self.path("homelab.lock"), LIMIT)?;
        let present = text(into_normal_form(present.unwrap_or_default()));
        let signatures = Signatures::kept_in(&present);
        let signatures = match keyring {
            Some(keyring) => signatures.and_by(keyring, &lock.root),
            None => signatures,
        };
        let text = lock.to_text(&signatures);
        let text = text.map_err(|_| WorkspaceError::miscalculates())?;
        Ok((text, present))
    }

    /// How the lock that is there stands to the way in which this one would be written.
    pub(crate) fn written(&self, lock: &Lock) -> Result<Written, Failure> {
        let (text, present) = self.rewritten(lock, None)?;
        Ok(match text {
            None => Written::Unsigned,
            Some(text) if text == present => Written::Same,
            Some(_) => Written::Otherwise,
        })
    }
}

/// The text of a lock: what is not UTF-8 is damage, and the lines around it tell where.
fn text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes);
    text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

impl Held {
    /// Writes the lock, if it says anything else than the one that is there.
    ///
    /// Signed by that keyring where a record has changed; whether it could be written.
    pub(crate) fn write_lock(
        &self,
        lock: &Lock,
        keyring: Option<&Keyring>,
    ) -> Result<bool, Failure> {
        let (text, present) = self.rewritten(lock, keyring)?;
        match text {
            None => return Ok(false),
            Some(text) if text == present => {}
            Some(text) => self.write("homelab.lock", text.as_bytes())?,
        }
        Ok(true)
    }
}
