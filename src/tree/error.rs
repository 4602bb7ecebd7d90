//! What can go wrong with the output tree, each with its remedy.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::Diagnostic;
use rustix::fs::FileType;
use thiserror::Error;

use super::holder::Holder;
use super::manifest::ManifestState;

/// Why the output tree could not be read, or not be made what it should be.
///
/// Nothing that stood there is lost by any of them: what was interrupted is completed by the next build.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum TreeError {
    /// A symbolic link stands where a directory or a file of ours should be.
    #[error("`{path}` is a symbolic link, and homelab follows none below its output directory")]
    #[diagnostic(
        code("tree::link-in-the-way"),
        help("remove the link `{}`, then build again; what it leads to is left alone", path.display())
    )]
    LinkInTheWay { path: PathBuf },

    /// Something else stands there, such as a directory where a file should be.
    #[error("`{path}` is {found}, where homelab keeps {expected}")]
    #[diagnostic(
        code("tree::something-in-the-way"),
        help("move `{}` away, then build again", path.display())
    )]
    SomethingInTheWay {
        /// What stands in the way.
        path: PathBuf,
        /// What it is, with its article.
        found: &'static str,
        /// What should be there, with its article.
        expected: &'static str,
    },

    /// Files that homelab did not write stand where it would write; nothing was changed.
    #[error(
        "not written by homelab, and in the way of what it would write:{}",
        lines(paths)
    )]
    #[diagnostic(code("tree::not-ours"), help("{}", remedy_for_foreign(directory, *manifest)))]
    NotOurs {
        directory: PathBuf,
        paths: Vec<PathBuf>,
        /// Where it is damaged, they may well be homelab's.
        manifest: ManifestState,
    },

    /// A link that stands for a file of ours leads to nothing: nobody knows whether that is lost, or on a disk that is
    /// not there at the moment.
    #[error("`{path}` is a link to `{target}`, which is not there")]
    #[diagnostic(
        code("tree::link-to-nothing"),
        help("bring back what it leads to; or remove the link, if nothing was ever there")
    )]
    LinkToNothing { path: PathBuf, target: PathBuf },

    /// A link leads back to itself.
    #[error("`{path}` is a link that leads in a circle")]
    #[diagnostic(
        code("tree::link-in-circle"),
        help("remove the link `{}`, and bring the file there", path.display())
    )]
    LinkInCircle { path: PathBuf },

    /// Another process holds the output directory.
    #[error("{} holds `{directory}`; waited {} s for it", named(holder.as_ref()), patience.as_secs_f32())]
    #[diagnostic(code("tree::locked"), help("{}", remedy_for_held(holder.as_ref())))]
    Locked {
        directory: PathBuf,
        /// Who holds it, where that is known.
        holder: Option<Holder>,
        patience: Duration,
    },

    /// The directory cannot be locked at all.
    #[error("cannot lock `{directory}`")]
    #[diagnostic(
        code("tree::cannot-lock"),
        help(
            "choose an output directory on a local disk: some network file systems have no locks"
        )
    )]
    CannotLock {
        directory: PathBuf,
        source: io::Error,
    },

    /// The manifest was written by a newer homelab.
    #[error("`{path}` has version {found}, and this homelab knows version {known}")]
    #[diagnostic(
        code("tree::newer-manifest"),
        help("build with the newer homelab that wrote it, or choose another output directory")
    )]
    NewerManifest {
        path: PathBuf,
        found: u64,
        /// The newest version known here.
        known: u64,
    },

    /// The directory holds the output of another homelab.
    #[error("`{directory}` belongs to another homelab: `{found}`, not `{expected}`")]
    #[diagnostic(
        code("tree::another-homelab"),
        help("choose another output directory, or move `{}` away and run the same command again: it is rebuilt whole", directory.display())
    )]
    AnotherHomelab {
        directory: PathBuf,
        /// Whose output it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },

    /// A directory in the tree is a mount point, so files cannot be moved into it in one step.
    #[error("`{path}` is on another file system than the output directory it is in")]
    #[diagnostic(
        code("tree::other-file-system"),
        help("unmount it, or mount the whole output directory rather than a part of it")
    )]
    OtherFileSystem { path: PathBuf },

    /// A file that should be new is there already.
    #[error("`{path}` is there already")]
    #[diagnostic(code("tree::exists"), help("move `{}` away if it is no longer needed", path.display()))]
    Exists { path: PathBuf },

    /// The system did not let a file or directory be read.
    #[error("cannot read `{path}`")]
    #[diagnostic(code("tree::cannot-read"), help("{}", remedy(source)))]
    CannotRead { path: PathBuf, source: io::Error },

    /// The system did not let a file or directory be written, or not be made durable.
    #[error("cannot write `{path}`")]
    #[diagnostic(code("tree::cannot-write"), help("{}", remedy(source)))]
    CannotWrite { path: PathBuf, source: io::Error },
}

/// Who holds a directory, as a message names it.
pub(crate) fn named(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| String::from("another process"), Holder::to_string)
}

/// What to do about a directory that is held.
pub(crate) fn remedy_for_held(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) if !holder.is_homelab() => format!(
            "it is no homelab: find out what it does there, end it (`kill {}`), then try again",
            holder.process
        ),
        _ => String::from("wait until it has ended, then try again"),
    }
}

/// A kind of thing, as a message names it.
pub(super) fn describe(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}

/// The error for something that stands where a directory should.
pub(super) fn in_the_way(path: PathBuf, kind: FileType) -> TreeError {
    match kind {
        FileType::Symlink => TreeError::LinkInTheWay { path },
        other => TreeError::SomethingInTheWay {
            path,
            found: describe(other),
            expected: "a directory",
        },
    }
}

/// A directory stands where a file should be.
pub(super) fn directory_in_the_way(path: PathBuf) -> TreeError {
    TreeError::SomethingInTheWay {
        path,
        found: "a directory",
        expected: "a file",
    }
}

pub(super) fn cannot_read(path: &Path, source: impl Into<io::Error>) -> TreeError {
    TreeError::CannotRead {
        path: path.to_owned(),
        source: source.into(),
    }
}

pub(super) fn cannot_write(path: &Path, source: impl Into<io::Error>) -> TreeError {
    TreeError::CannotWrite {
        path: path.to_owned(),
        source: source.into(),
    }
}

fn lines(paths: &[PathBuf]) -> String {
    paths.iter().fold(String::new(), |mut text, path| {
        let _ = write!(text, "\n  {}", path.display());
        text
    })
}

fn remedy_for_foreign(directory: &Path, manifest: ManifestState) -> Cow<'static, str> {
    match manifest {
        ManifestState::Sound => "move them away, then build again; nothing was changed".into(),
        ManifestState::Damaged => format!(
            "the manifest is damaged, so homelab cannot tell its own files from others: move `{}` away and \
             build again; it can be rebuilt whole",
            directory.display()
        )
        .into(),
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "make room on the disk, then try again",
        io::ErrorKind::QuotaExceeded => "make room within your quota, then try again",
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: remount it, or choose another directory"
        }
        io::ErrorKind::PermissionDenied => {
            "let your user read and write there, or choose another directory"
        }
        io::ErrorKind::NotFound => "make the directory that should hold it",
        _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
            "let more files be open (`ulimit -n`), then try again"
        }
        _ => "try again; if it says the same, look at the disk and the system's log",
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn the_remedy_fits_the_failure() {
        for (errno, word) in [
            (Errno::NOSPC, "room on the disk"),
            (Errno::DQUOT, "quota"),
            (Errno::ROFS, "read-only"),
            (Errno::ACCESS, "let your user"),
            (Errno::NOENT, "make the directory"),
            (Errno::MFILE, "ulimit"),
            (Errno::IO, "try again"),
        ] {
            let help = remedy(&errno.into());
            assert!(help.contains(word), "{errno:?}: {help}");
        }
    }
}
