//! Holding the directory that a declaration stands in, before anything in it is read.
//!
//! A command that writes goes by what it has read. If another one writes in between, the first would bring back what
//! the second has changed: a device that was revoked, an authority that was replaced. So what writes takes a [`Held`],
//! and a [`Held`] is made from a path, not from a [`Workspace`] that somebody may have read from already.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use miette::Diagnostic;
use thiserror::Error;

use super::error::WorkspaceError;
use super::surroundings::{Listener, Surroundings};
use super::{PENDING, Workspace, git_files};
use crate::diagnostic::Failure;
use crate::tree::{
    Existing, Holder, holder, linked_file, named_holder, parent_of, remedy_for_held,
    remove_unfinished,
};

/// How long a command waits for another in the same directory.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// After which time the user is told what is waited for.
const SILENCE: Duration = Duration::from_secs(2);

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// What this process, and those that may hold the directory beside it, will do in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Change it.
    Alone,
    /// Read it.
    Shared,
}

/// A workspace that this process alone may change.
pub(crate) struct Held {
    workspace: Workspace,
    _directories: Vec<File>,
}

/// A workspace that no homelab changes as long as this is there.
pub(crate) struct Still {
    workspace: Workspace,
    _directories: Vec<File>,
}

#[derive(Debug, Error, Diagnostic)]
#[error("{} holds `{}`; waited {} s for it", named_holder(holder.as_ref()), path.display(), PATIENCE.as_secs())]
#[diagnostic(code("workspace::locked"), help("{}", remedy_for_held(holder.as_ref())))]
struct Locked {
    path: PathBuf,
    holder: Option<Holder>,
}

impl Held {
    /// Holds the workspace of a declaration against every other homelab, waiting for a while, and removes what one
    /// that was killed has left half written.
    pub(crate) fn of(declaration: &Path, surroundings: Surroundings) -> Result<Held, Failure> {
        let workspace = Workspace::of(declaration, surroundings);
        let held = Held {
            _directories: hold(&workspace, Access::Alone)?,
            workspace,
        };
        for (name, existing) in [
            ("homelab.lock", Existing::Replace),
            ("homelab.age", Existing::Replace),
            ("homelab.kdl", Existing::Replace),
            (PENDING, Existing::ReplaceHere),
            (git_files::IGNORE, Existing::ReplaceHere),
            (git_files::ATTRIBUTES, Existing::ReplaceHere),
        ] {
            remove_unfinished(&held.path(name), existing).map_err(Failure::environment)?;
        }
        Ok(held)
    }
}

impl Still {
    /// Waits until no homelab changes the workspace of a declaration, and keeps them waiting.
    pub(crate) fn of(declaration: &Path, surroundings: Surroundings) -> Result<Still, Failure> {
        let workspace = Workspace::of(declaration, surroundings);
        Ok(Still {
            _directories: hold(&workspace, Access::Shared)?,
            workspace,
        })
    }
}

impl Deref for Held {
    type Target = Workspace;

    fn deref(&self) -> &Workspace {
        &self.workspace
    }
}

impl Deref for Still {
    type Target = Workspace;

    fn deref(&self) -> &Workspace {
        &self.workspace
    }
}

impl AsRef<Workspace> for Held {
    fn as_ref(&self) -> &Workspace {
        &self.workspace
    }
}

impl AsRef<Workspace> for Still {
    fn as_ref(&self) -> &Workspace {
        &self.workspace
    }
}

/// A directory, whatever it is called.
type DirectoryId = (u64, u64);

fn hold(workspace: &Workspace, access: Access) -> Result<Vec<File>, Failure> {
    let begun = Instant::now();
    loop {
        let directories = directories(workspace)?;
        let mut held = BTreeMap::new();
        // Always in one order, so that no two commands wait for each other.
        for path in directories.values() {
            let directory = lock(path, access, begun, workspace.listener())?;
            held.insert(id(&directory).map_err(cannot_read(path))?, directory);
        }
        // While this waited, a directory may have been moved away, or a link led elsewhere.
        let now = self::directories(workspace)?;
        if now.keys().eq(held.keys()) && directories == now {
            return Ok(held.into_values().collect());
        }
    }
}

/// The directories that are written in: the declaration's own, and those that hold what its links lead to. Who works
/// in the one and who works in the other write the same files.
fn directories(workspace: &Workspace) -> Result<BTreeMap<DirectoryId, PathBuf>, Failure> {
    let mut directories = BTreeMap::new();
    let mut add = |path: &Path| {
        let status = std::fs::metadata(path).map_err(cannot_read(path))?;
        let id = (status.dev(), status.ino());
        directories.entry(id).or_insert_with(|| path.to_owned());
        Ok::<(), Failure>(())
    };
    add(workspace.directory())?;
    for name in ["homelab.lock", "homelab.age"] {
        // A link that leads nowhere is told when it is read.
        if let Ok(file) = linked_file(&workspace.path(name)) {
            add(parent_of(&file))?;
        }
    }
    Ok(directories)
}

fn id(directory: &File) -> io::Result<DirectoryId> {
    let status = directory.metadata()?;
    Ok((status.dev(), status.ino()))
}

fn lock(path: &Path, access: Access, begun: Instant, listener: Listener) -> Result<File, Failure> {
    let directory = File::open(path).map_err(cannot_read(path))?;
    let mut is_told = false;
    loop {
        let tried = match access {
            Access::Alone => directory.try_lock(),
            Access::Shared => directory.try_lock_shared(),
        };
        match tried {
            Ok(()) => return Ok(directory),
            Err(TryLockError::WouldBlock) => {}
            // Where there are no locks at all, nobody can be kept waiting by who only reads.
            Err(TryLockError::Error(_)) if access == Access::Shared => return Ok(directory),
            Err(TryLockError::Error(source)) => return Err(cannot_read(path)(source)),
        }
        let waited = begun.elapsed();
        if waited >= PATIENCE {
            let (path, holder) = (path.to_owned(), holder(&directory));
            return Err(Failure::environment(Locked { path, holder }));
        }
        if waited >= SILENCE && !is_told {
            is_told = true;
            let (who, path) = (holder(&directory), path.display());
            let who = named_holder(who.as_ref());
            listener.note(format_args!("Waiting for {who}, which holds `{path}`."));
        }
        std::thread::sleep(PAUSE);
    }
}

fn cannot_read(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |source| {
        let path = path.to_owned();
        Failure::environment(WorkspaceError::CannotRead { path, source })
    }
}
