//! What git keeps, and what it ignores: asked of git itself, where there is one.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::tree::parent_of;

/// Bytes of a path, at the most.
const PATH_LIMIT: u64 = 1 << 16;

/// What git says of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tracks {
    /// It keeps nothing there, or there is no git.
    Nothing,
    /// It keeps this file there, or the link that it is, among others perhaps.
    File(PathBuf),
    /// It gives no answer.
    Unknown,
}

/// Whether git keeps something at or below `path`.
pub(crate) fn tracks(path: &Path) -> Tracks {
    let (Ok(parent), Some(name)) = (parent_of(path).canonicalize(), path.file_name()) else {
        return Tracks::Nothing;
    };
    // Asked for from where `.git` is: below that, whoever can push may have put what looks like a repository.
    let top = parent.ancestors().find(|above| has_git(above));
    let Some((top, within)) = top.and_then(|top| Some((top, parent.strip_prefix(top).ok()?)))
    else {
        return Tracks::Nothing;
    };
    let asked = Command::new("git")
        // A stranger's configuration of the repository starts no program.
        .args(["-c", "core.fsmonitor=false", "--literal-pathspecs"])
        .args(["ls-files", "-z", "--"])
        .arg(within.join(name))
        .current_dir(top)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    match asked {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Tracks::Nothing,
        Err(_) => Tracks::Unknown,
        Ok(asked) => first_of(asked, top),
    }
}

/// The first file that git names.
fn first_of(mut asked: Child, top: &Path) -> Tracks {
    let stdout = asked.stdout.take().expect("it was asked to be piped");
    let mut first = Vec::new();
    let read = BufReader::new(stdout.take(PATH_LIMIT)).read_until(0, &mut first);
    let is_answered = asked.wait().is_ok_and(|status| status.success());
    match (read, first.strip_suffix(&[0])) {
        // With more to say it may have ended by a broken pipe.
        (Ok(_), Some(first)) => Tracks::File(top.join(OsStr::from_bytes(first))),
        (Ok(0), None) if is_answered => Tracks::Nothing,
        _ => Tracks::Unknown,
    }
}

/// The first link on the way to the output, in the homelab's directory, that git keeps or does not answer for: whoever
/// can push says where it leads.
pub(crate) fn tracked_link<'p>(directory: &Path, out: &'p Path) -> Option<&'p Path> {
    let here = directory.canonicalize().ok()?;
    let links = out.ancestors().filter(|path| path.is_symlink());
    let mut within = links.filter(|link| {
        let parent = parent_of(link).canonicalize();
        parent.is_ok_and(|parent| parent.starts_with(&here))
    });
    within.find(|link| tracks(link) != Tracks::Nothing)
}

/// Whether a directory is in a work tree of git's, or is one.
pub(crate) fn is_in_work_tree(directory: &Path) -> bool {
    let Ok(directory) = directory.canonicalize() else {
        return false;
    };
    let mut around = directory.ancestors();
    around.any(has_git)
}

/// Whether a file lies in a git work tree that does not ignore it. Where git cannot be asked, a work tree is
/// enough: the word costs nothing.
pub(crate) fn is_seen(path: &Path) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    // The file may not be there yet; where its directory is not, nothing is written.
    let Ok(directory) = parent_of(path).canonicalize() else {
        return false;
    };
    let ignored = || {
        let asked = Command::new("git")
            // A stranger's configuration of the repository starts no program.
            .args([
                "-c",
                "core.fsmonitor=false",
                "check-ignore",
                "--quiet",
                "--",
            ])
            .arg(name)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    };
    is_in_work_tree(&directory) && !ignored()
}

fn has_git(directory: &Path) -> bool {
    directory.join(".git").symlink_metadata().is_ok()
}
