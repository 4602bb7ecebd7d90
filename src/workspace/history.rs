//! What output trees and this machine tell of earlier locks, read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::Workspace;
use crate::build::{self, FoundList, History, Remains};
use crate::derive::{CRL, CRL_DER, EDGE_STATE};
use crate::diagnostic::Failure;
use crate::lock::Lock;

/// Bytes of a revocation list, at the most: more than 500,000 certificates.
const LIST_LIMIT: u64 = 32 << 20;

/// Bytes of what an edge says of itself, at the most: more than 100,000 devices.
const EDGE_STATE_LIMIT: u64 = 64 << 20;

/// Edges of a tree that are looked at, at the most.
const EDGES_LIMIT: usize = 1000;

impl Workspace {
    /// What `out` tells, the tree in the usual place, and this machine's memory.
    pub(crate) fn history(&self, out: &Path, lock: &Lock) -> Result<History, Failure> {
        let usual = self.path("out");
        let tree = self.remains(out)?;
        let others = if usual == out {
            Vec::new()
        } else {
            self.remains(&usual)?
        };
        let memory = &self.recollection().memory;
        History::of(&tree, &others, memory, lock, |list| {
            let authorities = self.read(&list.with_file_name("ca.pem"), LIST_LIMIT)?;
            Ok(authorities.unwrap_or_default())
        })
    }

    /// Fails where something was built under another key that has not vouched for the lock's.
    pub(crate) fn hold_against_tree(&self, out: &Path, lock: &Lock) -> Result<(), Failure> {
        let memory = &self.recollection().memory;
        for edge in edges(out)? {
            let edge_state = self.read(&edge.join(EDGE_STATE), EDGE_STATE_LIMIT)?;
            let known = build::known_key(edge_state.as_deref(), memory);
            build::hold_against_history(lock, known, self.pinned()?, out)?;
        }
        Ok(())
    }

    /// What lies in the edges of a place for output, those with something in them first.
    fn remains(&self, place: &Path) -> Result<Vec<Remains>, Failure> {
        let mut all = Vec::new();
        for edge in edges(place)? {
            let mut lists = Vec::new();
            for path in [CRL, CRL_DER].map(|list| edge.join(list)) {
                if let Some(bytes) = self.read(&path, LIST_LIMIT)? {
                    lists.push(FoundList { path, bytes });
                }
            }
            let edge_state = self.read(&edge.join(EDGE_STATE), EDGE_STATE_LIMIT)?;
            all.push(Remains {
                edge,
                edge_state,
                lists,
            });
        }
        all.sort_by_key(|remains| remains.edge_state.is_none() && remains.lists.is_empty());
        Ok(all)
    }
}

/// The directories of a place for output in which edges lie or may lie: the one of an edge that is alone, and those of several, also of
/// such as nobody declares any more.
fn edges(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let several = place.join("edges");
    let unreadable = |source| {
        let path = several.clone();
        Failure::environment(UnreadableEdges { path, source })
    };
    let mut found = Vec::new();
    match fs::read_dir(&several) {
        Ok(entries) => {
            for entry in entries.take(EDGES_LIMIT) {
                found.push(entry.map_err(unreadable)?.path());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(unreadable(source)),
    }
    found.retain(|edge| edge.is_dir());
    found.sort();
    found.insert(0, place.join("edge"));
    Ok(found)
}

#[derive(Debug, Error, Diagnostic)]
#[error("the edges that were built cannot be looked at: {} cannot be read", path.display())]
#[diagnostic(
    code("build::unreadable-edges"),
    help("see that it is a directory, and that you may read it")
)]
struct UnreadableEdges {
    path: PathBuf,
    source: io::Error,
}
