//! What output trees and this machine tell of earlier locks, read.

use std::path::Path;

use super::Workspace;
use crate::build::{self, FoundList, History, LISTS, Remains};
use crate::derive::EDGE_STATE;
use crate::diagnostic::Failure;
use crate::lock::Lock;

/// Bytes of a revocation list, at the most: more than 500,000 certificates.
const LIST_LIMIT: u64 = 32 << 20;

/// Bytes of what an edge says of itself, at the most: more than 100,000 devices.
const EDGE_STATE_LIMIT: u64 = 64 << 20;

impl Workspace {
    /// What `out` tells, the tree in the usual place, and this machine's memory.
    pub(crate) fn history(&self, out: &Path, lock: &Lock) -> Result<History, Failure> {
        let usual = self.path("out");
        let mut found = vec![self.remains(out)?];
        if usual != out {
            found.push(self.remains(&usual)?);
        }
        let memory = &self.recollection().memory;
        History::of(&found, memory, lock, |list| {
            let authorities = self.read(&list.with_file_name("ca.pem"), LIST_LIMIT)?;
            Ok(authorities.unwrap_or_default())
        })
    }

    /// Fails where something was built under another key that has not vouched for the lock's.
    pub(crate) fn hold_against_tree(&self, out: &Path, lock: &Lock) -> Result<(), Failure> {
        let edge_state = self.read(&out.join(EDGE_STATE), EDGE_STATE_LIMIT)?;
        let memory = &self.recollection().memory;
        let known = build::known_key(edge_state.as_deref(), memory);
        build::hold_against_history(lock, known, self.pinned()?, out).map_err(Failure::from)
    }

    fn remains(&self, place: &Path) -> Result<Remains, Failure> {
        let mut lists = Vec::new();
        for path in LISTS.map(|list| place.join(list)) {
            if let Some(bytes) = self.read(&path, LIST_LIMIT)? {
                lists.push(FoundList { path, bytes });
            }
        }
        Ok(Remains {
            edge: place.join("edge"),
            edge_state: self.read(&place.join(EDGE_STATE), EDGE_STATE_LIMIT)?,
            lists,
        })
    }
}
