//! An open directory, and what is done beneath it without following a symbolic link.
//!
//! Everything goes through a file descriptor, so that what was looked at is what is changed, wherever the directory is
//! moved meanwhile.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};
use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, FileType, Mode as FileMode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::beneath::open_beneath;
use super::error::{TreeError, cannot_read, cannot_write, directory_in_the_way, in_the_way};
use super::index::Identity;
use super::modes;

/// Bytes of a file in an output tree, at the most: a larger one is nobody's that is written here, and is not read.
pub(super) const LARGEST: u64 = 256 << 20;

/// How much of a file is held at once while it is hashed.
const PIECE: usize = 64 * 1024;

/// A directory that is open, and how a user would name it.
#[derive(Debug)]
pub(super) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
}

/// What stands at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Nothing,
    File {
        content: Hash,
        /// As it stood before it was read.
        identity: Identity,
    },
    /// Something else, or a file that may not be read or is too large.
    Other(FileType),
}

impl Directory {
    /// Opens the directory at `path`, to which links may lead; `None` if there is nothing.
    pub(super) fn at(path: &Path) -> Result<Option<Directory>, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match retry_on_intr(|| rustix::fs::open(path, flags, FileMode::empty())) {
            Ok(descriptor) => Ok(Some(Directory {
                descriptor,
                path: path.to_owned(),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR) => Err(TreeError::SomethingInTheWay {
                path: path.to_owned(),
                found: "not a directory",
                expected: "its output directory",
            }),
            Err(errno) => Err(cannot_read(path, errno)),
        }
    }

    /// How a user would name `below`.
    pub(super) fn named(&self, below: &str) -> PathBuf {
        match below {
            "." => self.path.clone(),
            below => self.path.join(below),
        }
    }

    /// Opens the directory at `below`; `None` if there is nothing.
    pub(super) fn descend(&self, below: &str) -> Result<Option<Directory>, TreeError> {
        match self.open_below(below, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(descriptor) => Ok(Some(Directory {
                descriptor,
                path: self.named(below),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.no_directory(below, cannot_read(&self.named(below), errno))),
        }
    }

    /// Opens the directory at `below`; `None` if there is nothing, or if a file has taken the place of any on the way.
    pub(super) fn descend_if_directory(&self, below: &str) -> Result<Option<Directory>, TreeError> {
        match self.descend(below) {
            Err(TreeError::SomethingInTheWay { .. }) => Ok(None),
            answer => answer,
        }
    }

    /// Opens the directory at `below`, which has just been seen or made.
    pub(super) fn enter(&self, below: &str) -> Result<Directory, TreeError> {
        self.descend(below)?
            .ok_or_else(|| cannot_write(&self.named(below), Errno::NOENT))
    }

    /// What `below` is, itself; `None` if there is nothing, or if what should hold it is no directory.
    ///
    /// Links among the directories that lead to `below` are followed: they are for the caller to look at first.
    pub(super) fn status(&self, below: &str) -> Result<Option<Stat>, TreeError> {
        match retry_on_intr(|| rustix::fs::statat(self, below, AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(status) => Ok(Some(status)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(cannot_read(&self.named(below), errno)),
        }
    }

    /// What stands at `below`, read to its end if it is a file.
    pub(super) fn examine(&self, below: &str) -> Result<Standing, TreeError> {
        let Some(descriptor) = self.open_to_read(below)? else {
            let status = self.status(below)?;
            return Ok(status.map_or(Standing::Nothing, |status| Standing::Other(kind(&status))));
        };
        let read = || -> Result<Standing, Errno> {
            let status = rustix::fs::fstat(&descriptor)?;
            let kind = FileType::from_raw_mode(status.st_mode);
            let is_larger = u64::try_from(status.st_size).is_ok_and(|size| size > LARGEST);
            if kind != FileType::RegularFile || is_larger {
                return Ok(Standing::Other(kind));
            }
            Ok(Standing::File {
                content: hash(&descriptor)?,
                identity: Identity::of(&status),
            })
        };
        read().map_err(|errno| cannot_read(&self.named(below), errno))
    }

    /// The file at `below`; `None` if there is none, or if it is something else than a file.
    pub(super) fn file(&self, below: &str) -> Result<Option<File>, TreeError> {
        let Some(descriptor) = self.open_to_read(below)? else {
            return Ok(None);
        };
        let file = File::from(descriptor);
        let metadata = file.metadata().map_err(|source| TreeError::CannotRead {
            path: self.named(below),
            source,
        })?;
        Ok(metadata.is_file().then_some(file))
    }

    /// Makes a file that must not be there yet, for its owner alone.
    pub(super) fn create_file(&self, below: &str) -> Result<File, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        open_beneath(self, below, flags, FileMode::RUSR | FileMode::WUSR).map(File::from)
    }

    /// Makes the directory `name` with exactly `mode`, unless it is there; then it is left as it is. Says whether it did.
    pub(super) fn create_directory(&self, name: &str, mode: FileMode) -> Result<bool, TreeError> {
        match retry_on_intr(|| rustix::fs::mkdirat(self, name, mode)) {
            Ok(()) => self.set_directory_mode(name, mode).map(|()| true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(cannot_write(&self.named(name), errno)),
        }
    }

    /// Gives the directory at `below` exactly `mode`, whatever the umask took away.
    pub(super) fn set_directory_mode(&self, below: &str, mode: FileMode) -> Result<(), TreeError> {
        let set = || -> Result<(), Errno> {
            match self.open_below(below, OFlags::RDONLY | OFlags::DIRECTORY) {
                Ok(directory) => modes::set(&directory, mode).map(drop),
                // A umask that denies the owner: it cannot be opened before it has its mode.
                Err(Errno::ACCESS) => {
                    retry_on_intr(|| rustix::fs::chmodat(self, below, mode, AtFlags::empty()))
                }
                Err(errno) => Err(errno),
            }
        };
        set().map_err(|errno| self.no_directory(below, cannot_write(&self.named(below), errno)))
    }

    /// Moves the file `from` of this directory to `name` in `to`, over what is there.
    pub(super) fn rename(&self, from: &str, to: &Directory, name: &str) -> Result<(), TreeError> {
        match retry_on_intr(|| rustix::fs::renameat(self, from, to, name)) {
            Ok(()) => Ok(()),
            Err(Errno::XDEV) => Err(TreeError::OtherFileSystem {
                path: to.path.clone(),
            }),
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
                Err(directory_in_the_way(to.named(name)))
            }
            Err(errno) => Err(cannot_write(&to.named(name), errno)),
        }
    }

    /// Removes the file, link or other thing `name`, if it is there and no directory.
    pub(super) fn remove_file(&self, name: &str) -> Result<(), TreeError> {
        match retry_on_intr(|| rustix::fs::unlinkat(self, name, AtFlags::empty())) {
            Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => Ok(()),
            // macOS says so of a directory; elsewhere it means that the file may not be removed.
            Err(Errno::PERM) if self.is_directory(name)? => Ok(()),
            // Linux says so even of a name that is not there.
            Err(Errno::ROFS) if self.status(name)?.is_none() => Ok(()),
            Err(errno) => Err(cannot_write(&self.named(name), errno)),
        }
    }

    /// Removes the directory `name` if it is there and empty.
    pub(super) fn remove_empty_directory(&self, name: &str) -> Result<(), TreeError> {
        match retry_on_intr(|| rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR)) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
            // Linux says so whatever there is; an empty directory does no harm.
            Err(Errno::ROFS) => Ok(()),
            Err(errno) => Err(cannot_write(&self.named(name), errno)),
        }
    }

    /// The names of what is in it.
    pub(super) fn names(&self) -> Result<Vec<String>, TreeError> {
        let list = || -> Result<Vec<String>, Errno> {
            let mut names = Vec::new();
            for found in rustix::fs::Dir::read_from(self)? {
                names.push(found?.file_name().to_string_lossy().into_owned());
            }
            names.retain(|name| name != "." && name != "..");
            Ok(names)
        };
        list().map_err(|errno| cannot_read(&self.path, errno))
    }

    fn is_directory(&self, name: &str) -> Result<bool, TreeError> {
        Ok(self
            .status(name)?
            .is_some_and(|status| kind(&status) == FileType::Directory))
    }

    /// Opens what is at `below` for reading; `None` if nothing is, or what cannot be opened.
    fn open_to_read(&self, below: &str) -> Result<Option<OwnedFd>, TreeError> {
        // NONBLOCK: a named pipe that someone put there must not hold the build up.
        let errno = match self.open_below(below, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
        {
            Ok(descriptor) => return Ok(Some(descriptor)),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => errno,
        };
        match self.obstacle(below) {
            Some((at, FileType::Symlink)) if at < below.len() => {
                Err(in_the_way(self.named(&below[..at]), FileType::Symlink))
            }
            Some((at, FileType::RegularFile)) if at == below.len() && errno != Errno::ACCESS => {
                Err(cannot_read(&self.named(below), errno))
            }
            Some(_) => Ok(None),
            None => Err(cannot_read(&self.named(below), errno)),
        }
    }

    /// Where on the way to `below`, its own end included, the first thing is that is no directory, and what it is.
    fn obstacle(&self, below: &str) -> Option<(usize, FileType)> {
        let ends = below
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([below.len()]);
        for end in ends {
            let status = self.status(&below[..end]).ok()??;
            if kind(&status) != FileType::Directory {
                return Some((end, kind(&status)));
            }
        }
        None
    }

    /// The error for a directory at `below` that could not be opened.
    fn no_directory(&self, below: &str, error: TreeError) -> TreeError {
        match self.obstacle(below) {
            Some((at, kind)) => in_the_way(self.named(&below[..at]), kind),
            None => error,
        }
    }

    fn open_below(&self, below: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        open_beneath(self, below, flags, FileMode::empty())
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The directory that holds `path`, which may be relative.
pub(crate) fn parent_of(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// What kind of thing has this status.
pub(super) fn kind(status: &Stat) -> FileType {
    FileType::from_raw_mode(status.st_mode)
}

/// The hash of the rest of an open file.
fn hash(descriptor: &OwnedFd) -> Result<Hash, Errno> {
    let mut hasher = Hasher::new();
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        let length = retry_on_intr(|| rustix::io::read(descriptor, spare_capacity(&mut piece)))?;
        if length == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&piece);
    }
}
