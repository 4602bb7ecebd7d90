//! Holding an output directory, so that one build at a time changes it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::{Errno, retry_on_intr};

use super::directory::{Directory, parent_of};
use super::durable::flush_directory;
use super::error::{TreeError, cannot_read, cannot_write};
use super::holder::holder;
use super::manifest::Mode;
use super::modes;

/// How long to wait between two tries for the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether others may hold the directory at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Shared,
    Alone,
    /// The same, and nothing is made.
    AloneIfThere,
}

/// Opens and locks the directory, which only [`Access::Alone`] makes if it is absent.
pub(super) fn hold(
    access: Access,
    path: &Path,
    patience: Duration,
) -> Result<Option<Directory>, TreeError> {
    loop {
        if access == Access::Alone {
            make(path)?;
        }
        let directory = match Directory::at(path)? {
            Some(directory) => directory,
            None if access != Access::Alone => return Ok(None),
            // A link that leads nowhere.
            None => return Err(cannot_write(path, Errno::NOENT)),
        };
        lock(&directory, access, path, patience)?;
        // While this waited, the directory may have been moved away, and the lock with it.
        if is_still_at(&directory, path)? {
            return Ok(Some(directory));
        }
    }
}

/// Makes the directory and those above it that are absent, for the owner alone, and makes their names durable.
fn make(path: &Path) -> Result<(), TreeError> {
    let absent: Vec<&Path> = path
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    for directory in absent.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(directory) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(cannot_write(directory, error)),
        }
        // The umask may have taken something away.
        let opened =
            Directory::at(directory)?.ok_or_else(|| cannot_write(directory, Errno::NOENT))?;
        modes::set(&opened, Mode::Secret.of_directory())
            .map_err(|errno| cannot_write(directory, errno))?;
        if let Some(parent) = Directory::at(parent_of(directory))? {
            flush_directory(&parent)?;
        }
    }
    Ok(())
}

fn lock(
    directory: &Directory,
    access: Access,
    path: &Path,
    patience: Duration,
) -> Result<(), TreeError> {
    let operation = match access {
        Access::Shared => FlockOperation::NonBlockingLockShared,
        Access::Alone | Access::AloneIfThere => FlockOperation::NonBlockingLockExclusive,
    };
    let mut waited = Duration::ZERO;
    loop {
        match retry_on_intr(|| rustix::fs::flock(directory, operation)) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if waited < patience => {
                let pause = PAUSE.min(patience - waited);
                sleep(pause);
                waited += pause;
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(TreeError::Locked {
                    directory: path.to_owned(),
                    holder: holder(directory),
                    patience,
                });
            }
            Err(errno) => {
                return Err(TreeError::CannotLock {
                    directory: path.to_owned(),
                    source: errno.into(),
                });
            }
        }
    }
}

fn is_still_at(directory: &Directory, path: &Path) -> Result<bool, TreeError> {
    let held = rustix::fs::fstat(directory).map_err(|errno| cannot_read(path, errno))?;
    match rustix::fs::stat(path) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(cannot_read(path, errno)),
    }
}
