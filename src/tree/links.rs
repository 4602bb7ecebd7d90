//! Symbolic links in the places of single files: what they lead to is what is written.

use std::fs::{metadata, read_link, symlink_metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{TreeError, cannot_read};

/// How many links in a row are followed, as on Linux (`man 7 path_resolution`).
const MOST: usize = 40;

/// The file that is meant by `path`: what the links there lead to, one after the other, or `path` itself where there
/// is none.
///
/// # Errors
/// Where they lead to nothing, to a directory, or in a circle: nobody can mean that.
pub(crate) fn linked_file(path: &Path) -> Result<PathBuf, TreeError> {
    let mut at = path.to_owned();
    for _ in 0..=MOST {
        match read_link(&at) {
            Ok(to) => at.set_file_name(to),
            Err(error) if is_no_link(&at, &error) => return checked(path, at),
            Err(error) => return Err(cannot_read(&at, error)),
        }
    }
    Err(TreeError::LinkInCircle {
        path: path.to_owned(),
    })
}

fn is_no_link(at: &Path, error: &io::Error) -> bool {
    match symlink_metadata(at) {
        Ok(there) => !there.is_symlink(),
        Err(_) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn checked(path: &Path, target: PathBuf) -> Result<PathBuf, TreeError> {
    if target == path {
        return Ok(target);
    }
    match metadata(&target) {
        Ok(there) if there.is_dir() => Err(TreeError::SomethingInTheWay {
            path: target,
            found: "a directory",
            expected: "a file",
        }),
        Ok(_) => Ok(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(TreeError::LinkToNothing {
            path: path.to_owned(),
            target,
        }),
        Err(error) => Err(cannot_read(&target, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, write};
    use std::os::unix::fs::symlink;

    use miette::Diagnostic;

    use super::*;

    #[test]
    fn links_are_followed_to_their_end() {
        let around = tempfile::TempDir::new().expect("a temporary directory");
        let at = |path: &str| around.path().join(path);
        create_dir(at("repo")).expect("a directory");
        create_dir(at("live")).expect("a directory");
        write(at("repo/lock"), "").expect("a file");
        let link = |to: &str, name: &str| symlink(to, at(name)).expect("a link");
        link("../repo/lock", "live/lock");
        link("live/lock", "chain");
        link("live", "way");
        link("nowhere", "dangling");
        link("dangling", "to-dangling");
        link("round", "about");
        link("about", "round");
        link("repo", "directory");
        let found = |name: &str| match linked_file(&at(name)) {
            Ok(path) => path.canonicalize().unwrap_or(path),
            Err(error) => PathBuf::from(error.code().expect("each has one").to_string()),
        };
        let lock = at("repo/lock").canonicalize().expect("it is there");
        for (name, leads_to) in [
            ("repo/lock", lock.clone()),
            ("live/lock", lock.clone()),
            ("chain", lock.clone()),
            ("way/lock", lock),
            ("nothing", at("nothing")),
            ("dangling", PathBuf::from("tree::link-to-nothing")),
            ("to-dangling", PathBuf::from("tree::link-to-nothing")),
            ("about", PathBuf::from("tree::link-in-circle")),
            ("directory", PathBuf::from("tree::something-in-the-way")),
        ] {
            assert_eq!(found(name), leads_to, "{name}");
        }
    }
}
