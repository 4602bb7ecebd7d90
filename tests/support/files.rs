//! Trees of files, compared by content, kind and mode.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// One name in a tree.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// The permission bits, set-id and sticky included.
    pub mode: u32,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    File(Vec<u8>),
    Directory,
    Symlink(PathBuf),
}

/// Everything below a directory and, as `.`, the directory itself; the keys are paths relative to it.
#[track_caller]
pub fn snapshot(directory: &Path) -> BTreeMap<String, Entry> {
    let mut tree = BTreeMap::new();
    visit(directory, ".", &mut |path, name, metadata| {
        let kind = if metadata.is_symlink() {
            Kind::Symlink(must(path, fs::read_link(path)))
        } else if metadata.is_dir() {
            Kind::Directory
        } else if metadata.is_file() {
            Kind::File(must(path, fs::read(path)))
        } else {
            panic!("{} is neither file, directory nor link", path.display());
        };
        let mode = metadata.mode() & 0o7777;
        tree.insert(name.to_owned(), Entry { kind, mode });
    });
    tree
}

/// What is different, sorted by path: `+ people/bob/`, `- ca.pem`, `~ edge/Caddyfile`, `~ edge/ca.pem 0644 → 0600`.
pub fn changed(before: &BTreeMap<String, Entry>, after: &BTreeMap<String, Entry>) -> Vec<String> {
    let all: BTreeMap<&String, ()> = before.keys().chain(after.keys()).map(|k| (k, ())).collect();
    all.into_keys()
        .filter_map(|path| match (before.get(path), after.get(path)) {
            (None, Some(new)) => Some(format!("+ {path}{}", slash(new))),
            (Some(old), None) => Some(format!("- {path}{}", slash(old))),
            (Some(old), Some(new)) if old != new => Some(difference(path, old, new)),
            _ => None,
        })
        .collect()
}

/// Which inode and time of change (in ns) each name has: equal where nothing was written, even with the same content.
#[track_caller]
pub fn stamps(directory: &Path) -> BTreeMap<String, (u64, i64)> {
    let mut stamps = BTreeMap::new();
    visit(directory, ".", &mut |_, name, metadata| {
        let changed = metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec();
        stamps.insert(name.to_owned(), (metadata.ino(), changed));
    });
    stamps
}

/// Copies a tree to a name that is free yet, modes and links included.
#[track_caller]
pub fn copy(from: &Path, to: &Path) {
    let tree = snapshot(from);
    let place = |name: &str| {
        if name == "." {
            to.to_owned()
        } else {
            to.join(name)
        }
    };
    for (name, entry) in &tree {
        let path = place(name);
        match &entry.kind {
            Kind::Directory => must(&path, fs::create_dir(&path)),
            Kind::Symlink(target) => must(&path, symlink(target, &path)),
            Kind::File(bytes) => must(&path, fs::write(&path, bytes)),
        }
    }
    // Modes last, and from the leaves up: a directory may be closed to writing.
    for (name, entry) in tree.iter().rev() {
        if !matches!(entry.kind, Kind::Symlink(_)) {
            let path = place(name);
            must(
                &path,
                fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode)),
            );
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o} ", self.mode)?;
        match &self.kind {
            Kind::File(bytes) => match str::from_utf8(bytes) {
                Ok(text) => write!(f, "file {text:?}"),
                Err(_) => write!(f, "file of {} bytes", bytes.len()),
            },
            Kind::Directory => write!(f, "directory"),
            Kind::Symlink(target) => write!(f, "link to {}", target.display()),
        }
    }
}

fn difference(path: &str, old: &Entry, new: &Entry) -> String {
    if old.kind != new.kind {
        format!("~ {path}{}", slash(new))
    } else {
        format!("~ {path}{} {:04o} → {:04o}", slash(new), old.mode, new.mode)
    }
}

fn slash(entry: &Entry) -> &'static str {
    if entry.kind == Kind::Directory {
        "/"
    } else {
        ""
    }
}

/// Calls `each` for a path and all that lies below it; no link is followed.
#[track_caller]
fn visit(path: &Path, name: &str, each: &mut impl FnMut(&Path, &str, &Metadata)) {
    let metadata = must(path, fs::symlink_metadata(path));
    each(path, name, &metadata);
    if metadata.is_dir() {
        for child in must(path, fs::read_dir(path)) {
            let child = must(path, child).file_name();
            let word = child.to_str().expect("names in a test's tree are UTF-8");
            let below = if name == "." {
                word.to_owned()
            } else {
                format!("{name}/{word}")
            };
            visit(&path.join(word), &below, each);
        }
    }
}

#[track_caller]
fn must<T>(path: &Path, result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
