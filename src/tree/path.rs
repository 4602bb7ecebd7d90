//! Paths in the output tree, relative and harmless by construction.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::sync::Arc;

use crate::in_order::InOrder;

/// The directory at the root of the tree in which this room keeps its own files.
pub(super) const OWN: &str = ".homelab";

/// A path below the output directory: components of `[A-Za-z0-9._-]`, separated by `/`.
///
/// None is empty, `.` or `..`, and the first does not begin with `.homelab`, in whatever case, since some file systems
/// do not tell cases apart. Paths are ordered by their bytes, so all that is below a directory stands together and a
/// directory comes before what it contains. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OutputPath(Arc<str>);

/// Why a text is not an [`OutputPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a path in the output tree: {reason}")]
pub(crate) struct InvalidPath {
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl OutputPath {
    /// Takes `path` if it is one.
    pub(crate) fn new(path: &str) -> Result<Self, InvalidPath> {
        match fault(path) {
            None => Ok(OutputPath(path.into())),
            Some(reason) => Err(InvalidPath {
                path: path.to_owned(),
                reason,
            }),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub(crate) fn name(&self) -> &str {
        split(self.as_str()).1
    }

    /// Whether it lies below the directory `directory`, however deep.
    pub(crate) fn is_below(&self, directory: &str) -> bool {
        is_below(self.as_str(), directory)
    }
}

/// The places of paths in a list that has them in their order.
pub(crate) fn places<'p>(
    paths: impl Iterator<Item = &'p OutputPath>,
) -> InOrder<impl Iterator<Item = (&'p str, usize)>> {
    InOrder::of(paths.enumerate().map(|(at, path)| (path.as_str(), at)))
}

impl FromStr for OutputPath {
    type Err = InvalidPath;

    fn from_str(path: &str) -> Result<Self, InvalidPath> {
        OutputPath::new(path)
    }
}

impl Display for OutputPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The directory, if there is one, and the name in it.
pub(super) fn split(path: &str) -> (Option<&str>, &str) {
    match path.rsplit_once('/') {
        Some((directory, name)) => (Some(directory), name),
        None => (None, path),
    }
}

/// The directories that `path` lies in, from the first one down.
pub(super) fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Whether `path` lies below `directory`.
pub(super) fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn fault(path: &str) -> Option<&'static str> {
    // Once through: there is one of each file.
    let (mut is_empty, mut is_dots, mut is_allowed) = (false, false, true);
    for component in path.as_bytes().split(|byte| *byte == b'/') {
        is_empty |= component.is_empty();
        is_dots |= matches!(component, b"." | b"..");
        is_allowed &= component.iter().all(|byte| may_be_in_name(*byte));
    }
    if is_empty {
        return Some("it has an empty component");
    }
    if is_dots {
        return Some("`.` and `..` are not allowed");
    }
    if !is_allowed {
        return Some("only A-Z, a-z, 0-9, `.`, `_` and `-` are allowed");
    }
    let own = path.as_bytes().get(..OWN.len());
    if own.is_some_and(|start| start.eq_ignore_ascii_case(OWN.as_bytes())) {
        return Some("`.homelab` is kept for homelab's own files");
    }
    None
}

fn may_be_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_paths_are_taken() {
        for good in [
            "a",
            "edge/Caddyfile",
            "people/alice/a-b_c.p12",
            "...",
            "x/.homelab",
            "a/..b",
        ] {
            assert_eq!(OutputPath::new(good).expect(good).as_str(), good);
        }
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/..",
            "./a",
            "a/./b",
            "a b",
            "a\\b",
            "a\0",
            "é",
            "a\n",
            ".homelab",
            ".homelab/x",
            ".homelab-more",
            ".HomeLab/x",
        ] {
            assert!(OutputPath::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_knows_its_place() {
        let path = OutputPath::new("people/alice/guide.html").expect("a path");
        assert_eq!(path.name(), "guide.html");
        assert!(path.is_below("people") && path.is_below("people/alice"));
        assert!(!path.is_below("people/al") && !path.is_below("people/alice/guide.html"));
    }
}
