//! Whether the lock is believed: what is pinned and what is known of earlier locks, for commands that only read.

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use super::failure::{Exit, Failure};
use super::workspace::Workspace;
use super::{history, report};
use crate::build;
use crate::lock::Lock;
use crate::root::RootKey;

#[derive(Debug, Error, Diagnostic)]
#[error("HOMELAB_ROOT_KEY is `{value}`, which is no root key")]
#[diagnostic(
    code("lock::root-key"),
    help("it has 64 hexadecimal digits: `root_key` in `homelab status --json`")
)]
struct NotAKey {
    value: String,
}

/// The key that the lock has to be signed with: `--root-key`, or `$HOMELAB_ROOT_KEY`.
pub(super) fn pinned(named: Option<RootKey>) -> Result<Option<RootKey>, Failure> {
    let set = std::env::var_os("HOMELAB_ROOT_KEY").filter(|value| !value.is_empty());
    match (named, set) {
        (Some(named), _) => Ok(Some(named)),
        (None, None) => Ok(None),
        (None, Some(value)) => {
            let value = value.to_string_lossy().trim().to_owned();
            let key = value.parse().map(Some);
            key.map_err(|_| Failure::new(Exit::Usage, NotAKey { value }))
        }
    }
}

/// Fails where something was built under another key that has not vouched for the lock's.
pub(super) fn hold_against_tree(
    workspace: &Workspace,
    out: &Path,
    lock: &Lock,
) -> Result<(), Failure> {
    let (known, pinned) = (history::known_key(workspace, out)?, workspace.pinned()?);
    build::hold_against_history(lock, known, pinned, out).map_err(Failure::from)
}

/// Fails where nobody has signed the lock.
pub(super) fn refuse_unsigned(lock: &Lock) -> Result<(), Failure> {
    build::refuse_unsigned(lock).map_err(Failure::from)
}

/// Tells where nobody has signed the lock.
pub(super) fn warn_of_unsigned(lock: &Lock) {
    if let Some(note) = build::note_of_unsigned(lock) {
        report::note(note);
    }
}
