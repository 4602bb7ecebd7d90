//! Making what was written survive a loss of power.

use std::fs::{DirBuilder, File, symlink_metadata};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::{AtFlags, Mode as FileMode};
use rustix::io::{Errno, retry_on_intr};

use super::directory::{Directory, parent_of};
use super::error::{TreeError, cannot_write};
use super::links::linked_file;
use super::manifest::Mode;
use super::modes::{self, Kept};

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Put the new one in its place, in one step. Where a link stands there, that is the place that it leads to.
    Replace,
    /// The same at this very place: a link there is replaced itself. For files that nobody has reason to keep elsewhere, since a
    /// link may come out of a repository that others write to.
    ReplaceHere,
    /// Remove it first, so that a secret needs no other name before it has its own. Killed in between, neither is there: for what
    /// can be had again.
    GiveWay,
    /// Leave it, and fail with [`TreeError::Exists`].
    Refuse,
}

/// Writes a single file outside the output tree: whole or not at all, on the disk when this returns.
///
/// The bytes first go to `.NAME.tmp` beside it, which a later call for the same file removes if this one is killed. A
/// secret that takes no other file's place in one step has no name until it is complete, where the file system can do that: nothing
/// is left that git could take along. The directory must exist; links may lead to it, and to the file that is to be replaced. A public file that is replaced keeps
/// its mode: somebody gave it that.
pub(crate) fn write_durably(
    path: &Path,
    mode: Mode,
    bytes: &[u8],
    existing: Existing,
) -> Result<(), TreeError> {
    let path = &existing.place(path)?;
    let directory =
        Directory::at(parent_of(path))?.ok_or_else(|| cannot_write(path, Errno::NOENT))?;
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| cannot_write(path, Errno::INVAL))?;
    match mode {
        Mode::Secret
            if existing.needs_no_other_name()
                && place_without_a_name(&directory, name, bytes, existing)? =>
        {
            Ok(())
        }
        Mode::Secret => place_as(&directory, name, mode.of_file(), bytes, existing),
        Mode::Public | Mode::Group => {
            let mode = mode_of(path).unwrap_or_else(|| mode.of_file());
            place_as(&directory, name, mode, bytes, existing)
        }
    }
}

/// Makes a directory, and those above it, that only the user may look into.
pub(crate) fn make_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)
}

impl Existing {
    /// Where a file is written that is meant to be at `path`.
    fn place(self, path: &Path) -> Result<PathBuf, TreeError> {
        match self {
            Self::Replace | Self::GiveWay => linked_file(path),
            Self::ReplaceHere | Self::Refuse => Ok(path.to_owned()),
        }
    }

    /// Whether nothing else has the name when the new file gets it: a name cannot be given over another.
    fn needs_no_other_name(self) -> bool {
        matches!(self, Self::GiveWay | Self::Refuse)
    }
}

/// The mode of the file at `path`, without what makes programs run as somebody else.
fn mode_of(path: &Path) -> Option<FileMode> {
    let there = symlink_metadata(path)
        .ok()
        .filter(|there| there.is_file())?;
    Some(FileMode::from_raw_mode(there.mode() & 0o777))
}

/// Makes the names in the directory of `path` durable, in case a killed [`write_durably`] did not.
pub(crate) fn sync_name(path: &Path) -> Result<(), TreeError> {
    match Directory::at(parent_of(&linked_file(path)?))? {
        Some(directory) => flush_directory(&directory),
        None => Ok(()),
    }
}

/// Removes what a killed [`write_durably`] of `path` may have left beside it.
pub(crate) fn remove_unfinished(path: &Path, existing: Existing) -> Result<(), TreeError> {
    // Where a link leads nowhere, nothing was ever written through it.
    let Ok(path) = existing.place(path) else {
        return Ok(());
    };
    let name = path.file_name().and_then(|name| name.to_str());
    match (Directory::at(parent_of(&path))?, name) {
        (Some(directory), Some(name)) => directory.remove_file(&temporary_name(name)).map(drop),
        _ => Ok(()),
    }
}

/// Writes the file `name` in `directory`, as [`write_durably`] does.
pub(super) fn place(
    directory: &Directory,
    name: &str,
    mode: Mode,
    bytes: &[u8],
    existing: Existing,
) -> Result<(), TreeError> {
    place_as(directory, name, mode.of_file(), bytes, existing)
}

fn place_as(
    directory: &Directory,
    name: &str,
    mode: FileMode,
    bytes: &[u8],
    existing: Existing,
) -> Result<(), TreeError> {
    let temporary = temporary_name(name);
    directory.remove_file(&temporary)?;
    let placed = write_as(directory, &temporary, mode, bytes).and_then(|(file, _)| {
        flush_one(&file).map_err(|errno| cannot_write(&directory.named(name), errno))?;
        refuse_a_rival(directory, &temporary, &file)?;
        move_into_place(directory, &temporary, name, existing)
    });
    if placed.is_err() {
        // The first error is the one to report; the next call removes the file if this cannot.
        let _ = directory.remove_file(&temporary);
    }
    placed?;
    flush_directory(directory)
}

/// Writes a secret that has no name until it is complete; `false` where the file system has no such files.
#[cfg(target_os = "linux")]
fn place_without_a_name(
    directory: &Directory,
    name: &str,
    bytes: &[u8],
    existing: Existing,
) -> Result<bool, TreeError> {
    use rustix::fs::{CWD, OFlags, linkat, openat};
    use std::os::fd::AsRawFd;

    let failed = |error| cannot_write(&directory.named(name), error);
    let (flags, mode) = (
        OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC,
        Mode::Secret.of_file(),
    );
    let Ok(nameless) = retry_on_intr(|| openat(directory, ".", flags, mode)) else {
        return Ok(false);
    };
    // What a killed run left where there are no such files.
    directory.remove_file(&temporary_name(name))?;
    let mut file = File::from(nameless);
    modes::set(&file, mode).map_err(|errno| failed(errno.into()))?;
    file.write_all(bytes).map_err(failed)?;
    flush_one(&file).map_err(|errno| failed(errno.into()))?;
    if existing == Existing::GiveWay {
        directory.remove_file(name)?;
    }
    // As `man 2 open` has it, for without privileges a descriptor alone cannot be given a name.
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    let follow = AtFlags::SYMLINK_FOLLOW;
    match retry_on_intr(|| linkat(CWD, open.as_str(), directory, name, follow)) {
        Ok(()) => flush_directory(directory).map(|()| true),
        Err(Errno::EXIST) => Err(TreeError::Exists {
            path: directory.named(name),
        }),
        // There is no /proc, or there are no names to be given.
        Err(_) => Ok(false),
    }
}

#[cfg(not(target_os = "linux"))]
fn place_without_a_name(_: &Directory, _: &str, _: &[u8], _: Existing) -> Result<bool, TreeError> {
    Ok(false)
}

/// Where the bytes of `name` are until they are complete.
pub(super) fn temporary_name(name: &str) -> String {
    format!(".{name}.tmp")
}

/// Writes a new file with exactly `mode`, whatever the umask, as far as the file system keeps modes; it is not on the
/// disk yet.
pub(super) fn write_new(
    directory: &Directory,
    below: &str,
    mode: Mode,
    bytes: &[u8],
) -> Result<(File, Kept), TreeError> {
    write_as(directory, below, mode.of_file(), bytes)
}

fn write_as(
    directory: &Directory,
    below: &str,
    mode: FileMode,
    bytes: &[u8],
) -> Result<(File, Kept), TreeError> {
    let failed = |error| cannot_write(&directory.named(below), error);
    let mut file = directory
        .create_file(below)
        .map_err(|errno| failed(errno.into()))?;
    // The mode first, so that there is no moment in which the file has its bytes and not its mode.
    let kept = modes::set(&file, mode).map_err(|errno| failed(errno.into()))?;
    file.write_all(bytes).map_err(failed)?;
    Ok((file, kept))
}

/// Fails if another process has begun to write the same file, so that its half is not taken for ours.
fn refuse_a_rival(directory: &Directory, temporary: &str, file: &File) -> Result<(), TreeError> {
    let path = directory.named(temporary);
    let ours = rustix::fs::fstat(file).map_err(|errno| cannot_write(&path, errno))?;
    match directory.status(temporary)? {
        Some(there) if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino) => Ok(()),
        _ => Err(cannot_write(&path, Errno::BUSY)),
    }
}

fn move_into_place(
    directory: &Directory,
    from: &str,
    name: &str,
    existing: Existing,
) -> Result<(), TreeError> {
    match existing {
        Existing::Replace | Existing::ReplaceHere | Existing::GiveWay => {
            directory.rename(from, directory, name)
        }
        Existing::Refuse => {
            rename_without_replacing(directory, from, name).map_err(|errno| match errno {
                Errno::EXIST => TreeError::Exists {
                    path: directory.named(name),
                },
                errno => cannot_write(&directory.named(name), errno),
            })
        }
    }
}

fn rename_without_replacing(directory: &Directory, from: &str, name: &str) -> Result<(), Errno> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{RenameFlags, renameat_with};
        match retry_on_intr(|| {
            renameat_with(directory, from, directory, name, RenameFlags::NOREPLACE)
        }) {
            // Not every file system knows the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            answer => return answer,
        }
    }
    match retry_on_intr(|| rustix::fs::linkat(directory, from, directory, name, AtFlags::empty())) {
        Ok(()) => retry_on_intr(|| rustix::fs::unlinkat(directory, from, AtFlags::empty())),
        // exFAT, and what FUSE and SMB make of many others, have no second names either.
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS) => {
            rename_where_nothing_is(directory, from, name)
        }
        Err(errno) => Err(errno),
    }
}

/// Looks, then renames. No other homelab can come in between: whoever writes beside a declaration holds the directory.
fn rename_where_nothing_is(directory: &Directory, from: &str, name: &str) -> Result<(), Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    match retry_on_intr(|| rustix::fs::statat(directory, name, flags)) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => {
            retry_on_intr(|| rustix::fs::renameat(directory, from, directory, name))
        }
        Err(errno) => Err(errno),
    }
}

/// Makes the names in a directory durable.
pub(super) fn flush_directory(directory: &Directory) -> Result<(), TreeError> {
    match flush_one(directory) {
        // Said by file systems on which a directory cannot be synced, and need not be.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(errno) => Err(cannot_write(&directory.named("."), errno)),
    }
}

fn flush_one(descriptor: impl AsFd) -> Result<(), Errno> {
    // On macOS `fsync` leaves the bytes in the drive's own memory. Not every file system there has the stronger call.
    #[cfg(target_vendor = "apple")]
    if rustix::fs::fcntl_fullfsync(&descriptor).is_ok() {
        return Ok(());
    }
    retry_on_intr(|| rustix::fs::fsync(&descriptor))
}

/// From how many files or directories on the whole file system is synced in one call.
///
/// One `syncfs` for 1,000 files takes 8 ms where a `fsync` for each takes 127 ms (ext4, virtual disk; more on a real
/// one). But it waits for what other programs have written too, so a build that changes a little does not use it.
#[cfg(target_os = "linux")]
const MANY: usize = 16;

/// Makes the files `names` of `staging` durable.
pub(super) fn flush_files(staging: &Directory, names: &[&str]) -> Result<(), TreeError> {
    #[cfg(target_os = "linux")]
    if names.len() >= MANY {
        return flush_file_system(staging);
    }
    // Side by side: a disk writes several large files faster than one after the other, and their names in one step.
    let flushed = names.par_iter().map(|name| {
        let file = staging.file(name)?;
        let file = file.ok_or_else(|| cannot_write(&staging.named(name), Errno::NOENT))?;
        flush_weakly(&file).map_err(|errno| cannot_write(&staging.named(name), errno))
    });
    // The first error in order is the one reported.
    { flushed.collect::<Vec<_>>() }
        .into_iter()
        .collect::<Result<(), _>>()?;
    flush_drive(staging)
}

/// Makes the names in the directories at `paths` below `root` durable; those that are gone need nothing.
pub(super) fn flush_directories(root: &Directory, paths: &[&str]) -> Result<(), TreeError> {
    #[cfg(target_os = "linux")]
    if paths.len() >= MANY {
        return flush_file_system(root);
    }
    for path in paths {
        if let Some(directory) = root.descend_if_directory(path)? {
            match flush_weakly(&directory) {
                Ok(()) | Err(Errno::INVAL) => {}
                Err(errno) => return Err(cannot_write(&root.named(path), errno)),
            }
        }
    }
    flush_drive(root)
}

/// Before Linux 5.8 this does not report what could not be written; every other failure it does.
#[cfg(target_os = "linux")]
fn flush_file_system(directory: &Directory) -> Result<(), TreeError> {
    retry_on_intr(|| rustix::fs::syncfs(directory))
        .map_err(|errno| cannot_write(&directory.named("."), errno))
}

/// Hands a file to the drive; [`flush_drive`] must follow.
fn flush_weakly(descriptor: impl AsFd) -> Result<(), Errno> {
    retry_on_intr(|| rustix::fs::fsync(&descriptor))
}

/// Makes what the drive was handed durable, all at once: with a full sync for each file, 1,000 would take seconds.
fn flush_drive(directory: &Directory) -> Result<(), TreeError> {
    if cfg!(target_vendor = "apple") {
        return flush_directory(directory);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
