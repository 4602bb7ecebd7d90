//! Whether the file system keeps the modes that files are given: exFAT, NTFS, SMB and the disks of Windows do not.
//!
//! That is learned by giving a file a mode and reading it back, never by the file system's name: it depends on how it was
//! mounted. It is learned once, and only where some mode is not as it should be.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::OnceLock;

use rustix::fs::Mode as FileMode;
use rustix::io::{Errno, retry_on_intr};

use super::directory::Directory;
use super::manifest::Mode;

/// The name of the file that is tried on, where the file system has no files without one.
pub(super) const TRIAL: &str = ".homelab.modes.tmp";

/// What has been learned of the file system that a tree is on.
#[derive(Debug, Default)]
pub(super) struct Modes(OnceLock<Kept>);

/// What became of a mode that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Yes,
    /// The file has another one.
    No {
        /// Whether others than its owner may read what is meant for the owner alone.
        shows_secrets: bool,
    },
}

impl Modes {
    /// Whether a mode is what it should be, as far as the file system below `root` can keep it.
    pub(super) fn is_as_given(&self, root: &Directory, found: FileMode, wanted: FileMode) -> bool {
        found == wanted || *self.0.get_or_init(|| try_out(root)) != Kept::Yes
    }

    /// Takes note of what became of a mode that was set.
    pub(super) fn learn(&self, root: &Directory, kept: Kept) {
        if kept != Kept::Yes {
            self.0.get_or_init(|| try_out(root));
        }
    }

    /// Whether it has turned out that others may read what is meant for the owner alone.
    pub(super) fn show_secrets(&self) -> bool {
        let kept = self.0.get();
        matches!(
            kept,
            Some(Kept::No {
                shows_secrets: true
            })
        )
    }
}

/// Gives an open file, or directory, of ours this mode, and reads it back.
///
/// # Errors
/// Where the system fails otherwise than by not having modes.
pub(super) fn set(open: impl AsFd, wanted: FileMode) -> Result<Kept, Errno> {
    match retry_on_intr(|| rustix::fs::fchmod(&open, wanted)) {
        // Whoever has made a file may give it a mode: where that is refused, there are none.
        Ok(()) | Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS) => {}
        Err(errno) => return Err(errno),
    }
    let found = FileMode::from_raw_mode(rustix::fs::fstat(&open)?.st_mode);
    let others = FileMode::RWXG | FileMode::RWXO;
    Ok(if found == wanted {
        Kept::Yes
    } else {
        Kept::No {
            shows_secrets: !wanted.intersects(others) && found.intersects(others),
        }
    })
}

/// Tries modes on a file that nobody sees. Where none can be made, the file system is taken at its word.
fn try_out(root: &Directory) -> Kept {
    let Some(file) = trial(root) else {
        return Kept::Yes;
    };
    let kept = [Mode::Public, Mode::Secret].map(|mode| set(&file, mode.of_file()));
    let _ = root.remove_file(TRIAL);
    match kept {
        [_, Ok(secret @ Kept::No { .. })] => secret,
        [Ok(public @ Kept::No { .. }), _] => public,
        _ => Kept::Yes,
    }
}

/// A file that nobody sees, or only for a moment.
pub(super) fn trial(root: &Directory) -> Option<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = FileMode::RUSR | FileMode::WUSR;
        let nameless = retry_on_intr(|| rustix::fs::openat(root, ".", flags, mode));
        if let Ok(file) = nameless {
            return Some(File::from(file));
        }
    }
    // What is left of one that was killed is as good; a link there is not followed.
    match root.create_file(TRIAL) {
        Err(Errno::EXIST) => root.file(TRIAL).ok().flatten(),
        made => made.ok(),
    }
}
