//! The directory that a declaration stands in, and the files beside it: found, held, read within bounds, and written.
//!
//! A room of its own because every command begins here, and none may be alone with a rule about these files: what a link may lead
//! to, how much is read, who may write meanwhile. It decides nothing of what is in them. What only the process knows, its
//! environment and who listens, it is told ([`Surroundings`]); what fails is a [`Failure`], and `cli` ends with that.

mod bounded;
pub(crate) mod caddy;
mod declaration;
mod error;
mod first_line;
pub(crate) mod git;
pub(crate) mod git_files;
mod history;
mod hold;
mod inputs;
mod journal;
mod lock_file;
mod recollection;
mod surroundings;
mod templates;
mod verified;

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

pub(crate) use bounded::whole;
pub(crate) use error::WorkspaceError;
pub(crate) use first_line::{first_line_at, first_line_of};
pub(crate) use hold::{Held, PATIENCE, Still};
pub(crate) use inputs::Inputs;
pub(crate) use recollection::Recollection;
pub(crate) use surroundings::{Listener, Surroundings};

use verified::Verified;

use crate::build::Journal;
use crate::diagnostic::{Failure, Fault};
use crate::lock::Lock;
use crate::root::is_armoured;
use crate::source::normal_form;
use crate::tree::{Existing, Mode, linked_file, parent_of, write_durably};

/// Bytes of homelab.age, and of what is sealed into it, at the most.
pub(crate) const SEALED_LIMIT: u64 = 64 << 10;

/// Where the sealed secret is kept until the lock that pins it is written.
pub(crate) const PENDING: &str = ".homelab.age.pending";

/// The directory of a declaration, to be read. What is to be changed is [`Held`].
pub(crate) struct Workspace {
    directory: PathBuf,
    declaration: PathBuf,
    surroundings: Surroundings,
    /// Read when it is asked for first: who holds the directory does so by then.
    recollection: OnceLock<Recollection>,
    /// The lock that was read, once all of it was verified.
    verified: OnceLock<Verified>,
    journal: Mutex<Journal>,
}

impl Workspace {
    /// The workspace of a declaration, which need not exist yet.
    pub(crate) fn of(declaration: &Path, surroundings: Surroundings) -> Workspace {
        Workspace {
            directory: parent_of(declaration).to_owned(),
            declaration: declaration.to_owned(),
            surroundings,
            recollection: OnceLock::new(),
            verified: OnceLock::new(),
            journal: Mutex::default(),
        }
    }

    /// The running program, where that can be told.
    pub(crate) fn program(&self) -> Option<&Path> {
        self.surroundings.program.as_deref()
    }

    /// Whom to tell what happens.
    pub(crate) fn listener(&self) -> Listener {
        self.surroundings.listener
    }

    /// What this machine remembers of the homelab.
    pub(crate) fn recollection(&self) -> &Recollection {
        self.recollection.get_or_init(|| Recollection::of(self))
    }

    /// Whether somebody has said that this lock counts, though it is behind others.
    pub(crate) fn accepts_order_of(&self, lock: &Lock) -> bool {
        self.surroundings.accept_epoch == Some(lock.epoch)
    }

    /// A file or directory beside the declaration, as a user would write its path.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        match self.directory.as_path() {
            here if here == Path::new(".") => PathBuf::from(name),
            directory => directory.join(name),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The declaration itself.
    pub(crate) fn declaration(&self) -> &Path {
        &self.declaration
    }

    /// The output tree that a command names, or `out/`; it must not be the workspace itself.
    pub(crate) fn out(&self, named: Option<&Path>) -> Result<PathBuf, Failure> {
        let out = named.map_or_else(|| self.path("out"), Path::to_owned);
        let is_here = match (out.canonicalize(), self.directory.canonicalize()) {
            (Ok(out), Ok(here)) => here.starts_with(out),
            _ => false,
        };
        if is_here {
            let error = WorkspaceError::OutIsHere { path: out };
            return Err(Failure::new(Fault::Usage, error));
        }
        match git::tracked_link(&self.directory, &out) {
            Some(link) => {
                let path = link.to_owned();
                let error = WorkspaceError::OutIsALink { path };
                Err(Failure::new(Fault::Difference, error))
            }
            None => Ok(out),
        }
    }

    /// The sealed root secret, whatever git made of the ends of its lines; `None` if there is none.
    pub(crate) fn sealed(&self) -> Result<Option<Vec<u8>>, Failure> {
        let sealed = self.read(&self.path("homelab.age"), SEALED_LIMIT)?;
        Ok(sealed.map(|bytes| {
            if is_armoured(&bytes) {
                normal_form(&bytes).into_owned()
            } else {
                // Without its armour it is no text.
                bytes
            }
        }))
    }

    /// The hash of homelab.age, where there is one.
    pub(crate) fn sealed_hash(&self) -> Result<Option<blake3::Hash>, Failure> {
        let sealed = self.sealed()?;
        Ok(sealed.map(|bytes| blake3::hash(&bytes)))
    }

    /// The hash of the secret that the next build puts in its place, where one was interrupted.
    pub(crate) fn pending_hash(&self) -> Result<Option<blake3::Hash>, Failure> {
        let sealed = self.read(&self.path(PENDING), SEALED_LIMIT)?;
        Ok(sealed.map(|bytes| blake3::hash(&bytes)))
    }

    /// Which files a plan goes by, and when they were last written. Ours are never written but by putting another in their
    /// place.
    pub(crate) fn stamps(&self, out: &Path) -> [Option<(u64, i64, i64)>; 4] {
        let files = [
            self.declaration.clone(),
            self.path("homelab.lock"),
            self.path("homelab.age"),
            out.join(".homelab/manifest.kdl"),
        ];
        files.map(|file| {
            let status = std::fs::metadata(file).ok()?;
            Some((status.ino(), status.ctime(), status.ctime_nsec()))
        })
    }

    /// A file's bytes; `None` if there is none. An error where it has more than `limit`, or is no file.
    pub(crate) fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
        let found = found(path, bounded::whole(path, limit));
        // One more byte tells that there are more.
        self.was_read(path, limit.saturating_add(1), found.as_ref().ok());
        found
    }

    /// A file's first bytes, at most as many; `None` if there is none.
    pub(crate) fn read_start(&self, path: &Path, most: u64) -> Result<Option<Vec<u8>>, Failure> {
        let found = found(path, bounded::start(path, most));
        self.was_read(path, most, found.as_ref().ok());
        found
    }
}

fn found(path: &Path, read: io::Result<Vec<u8>>) -> Result<Option<Vec<u8>>, Failure> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // What a link leads to may only be away: no reason to begin anew.
            linked_file(path)
                .map_err(Failure::environment)
                .map(|_| None)
        }
        Err(source) => {
            let path = path.to_owned();
            Err(Failure::environment(WorkspaceError::CannotRead {
                path,
                source,
            }))
        }
    }
}

impl Held {
    /// Writes a public file beside the declaration, in place of the one that is there. Through links it is written to
    /// what they lead to.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.put(name, bytes, Existing::Replace)
    }

    /// The same for a file that nobody keeps elsewhere: a link in its place is replaced.
    pub(crate) fn write_here(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.put(name, bytes, Existing::ReplaceHere)
    }

    fn put(&self, name: &str, bytes: &[u8], existing: Existing) -> Result<(), Failure> {
        let path = self.path(name);
        self.journal().spoil();
        if std::fs::metadata(&path).is_ok_and(|there| there.nlink() > 1) {
            // A file that is replaced whole can keep only one of its names; backups go by that.
            self.listener().note(format_args!(
                "`{}` has another name (a hard link): under that one it stays as it was.",
                path.display()
            ));
        }
        write_durably(&path, Mode::Public, bytes, existing).map_err(Failure::environment)
    }
}

impl AsRef<Workspace> for Workspace {
    fn as_ref(&self) -> &Workspace {
        self
    }
}
