//! Reading what output trees and this machine tell of earlier locks.

use std::path::Path;

use super::failure::Failure;
use super::workspace::Workspace;
use crate::build::{self, FoundList, History, LISTS, Remains};
use crate::derive::EDGE_STATE;
use crate::lock::Lock;
use crate::root::RootKey;

/// Bytes of a revocation list, at the most: more than 500,000 certificates.
const LIST_LIMIT: u64 = 32 << 20;

/// Bytes of what an edge says of itself, at the most: more than 100,000 devices.
const EDGE_STATE_LIMIT: u64 = 64 << 20;

/// What `out` tells, the tree in the usual place, and this machine's memory.
pub(super) fn read(workspace: &Workspace, out: &Path, lock: &Lock) -> Result<History, Failure> {
    let usual = workspace.path("out");
    let mut found = vec![remains(workspace, out)?];
    if usual != out {
        found.push(remains(workspace, &usual)?);
    }
    let memory = &workspace.recollection().memory;
    History::of(&found, memory, lock, |list| {
        let authorities = workspace.read(&list.with_file_name("ca.pem"), LIST_LIMIT)?;
        Ok(authorities.unwrap_or_default())
    })
}

/// The key that earlier locks were signed with, as far as `out` and this machine tell.
pub(super) fn known_key(workspace: &Workspace, out: &Path) -> Result<Option<RootKey>, Failure> {
    let edge_state = workspace.read(&out.join(EDGE_STATE), EDGE_STATE_LIMIT)?;
    let memory = &workspace.recollection().memory;
    Ok(build::known_key(edge_state.as_deref(), memory))
}

fn remains(workspace: &Workspace, place: &Path) -> Result<Remains, Failure> {
    let mut lists = Vec::new();
    for path in LISTS.map(|list| place.join(list)) {
        if let Some(bytes) = workspace.read(&path, LIST_LIMIT)? {
            lists.push(FoundList { path, bytes });
        }
    }
    Ok(Remains {
        place: place.to_owned(),
        edge_state: workspace.read(&place.join(EDGE_STATE), EDGE_STATE_LIMIT)?,
        lists,
    })
}
