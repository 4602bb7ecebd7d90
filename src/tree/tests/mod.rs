//! The output tree on a real disk.

mod building;
mod foreign;
mod index;
mod mending;
mod opening;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::*;

const OWNER: &str = "the lab";
const SHORT: Duration = Duration::from_millis(50);

/// A file that a build wants: path, mode, bytes.
type File = (&'static str, Mode, &'static str);

const FIRST: [File; 4] = [
    ("edge/Caddyfile", Mode::Public, "caddy"),
    ("index.html", Mode::Secret, "index"),
    ("people/alice/guide.html", Mode::Public, "guide"),
    ("people/alice/pixel/alice-pixel.p12", Mode::Secret, "bundle"),
];

/// An output directory in a temporary one.
struct Lab {
    _around: TempDir,
    out: PathBuf,
}

/// What stands at a path: the kind and permissions, and the bytes of a file or the target of a link.
type Stand = (char, u32, Vec<u8>);

impl Lab {
    fn new() -> Lab {
        Lab::within(&std::env::temp_dir())
    }

    fn within(place: &Path) -> Lab {
        let around = TempDir::new_in(place).expect("a temporary directory");
        let out = around.path().join("out");
        Lab {
            _around: around,
            out,
        }
    }

    fn built(files: &[File]) -> Lab {
        let lab = Lab::new();
        lab.build(files).expect("a first build");
        lab
    }

    fn at(&self, path: &str) -> PathBuf {
        self.out.join(path)
    }

    fn open(&self) -> Result<Tree, TreeError> {
        Tree::open(&self.out, OWNER, SHORT)
    }

    /// Builds as `realise` does: what is intact is kept.
    fn build(&self, files: &[File]) -> Result<Outcome, TreeError> {
        self.build_in(files, &Scope::All)
    }

    fn build_in(&self, files: &[File], scope: &Scope) -> Result<Outcome, TreeError> {
        let tree = self.open()?;
        let mut wanted = Vec::new();
        for (name, mode, bytes) in files {
            let input = blake3::hash(bytes.as_bytes());
            let fresh = tree
                .entry(&path(name))
                .is_some_and(|entry| entry.input == input && entry.mode == *mode);
            if tree.inspect(&path(name))? == Found::Intact && fresh {
                wanted.push(Wanted::Keep(path(name)));
            } else {
                let staged = tree.stage(&path(name), *mode, bytes.as_bytes())?;
                let templates = vec!["base".to_owned()];
                wanted.push(Wanted::Put {
                    staged,
                    input,
                    templates,
                });
            }
        }
        tree.commit(wanted, scope)
    }

    /// Everything below the output directory, itself included.
    fn stand(&self) -> BTreeMap<PathBuf, Stand> {
        walkdir::WalkDir::new(&self.out)
            .into_iter()
            .map(|found| {
                let found = found.expect("a readable tree");
                let metadata = found.metadata().expect("metadata");
                let (kind, bytes) = if metadata.is_symlink() {
                    let target = fs::read_link(found.path()).expect("a link");
                    ('l', target.into_os_string().into_encoded_bytes())
                } else if metadata.is_file() {
                    ('f', fs::read(found.path()).expect("a readable file"))
                } else {
                    ('d', vec![])
                };
                let path = found
                    .path()
                    .strip_prefix(&self.out)
                    .expect("it is below")
                    .to_owned();
                (path, (kind, metadata.mode() & 0o7777, bytes))
            })
            .collect()
    }

    /// All that a write would leave a trace in.
    fn traces(&self) -> BTreeMap<PathBuf, (u64, i64, i64, i64, i64)> {
        let trace = |path: &Path| {
            let m = fs::symlink_metadata(path).expect("metadata");
            (
                m.ino(),
                m.mtime(),
                m.mtime_nsec(),
                m.ctime(),
                m.ctime_nsec(),
            )
        };
        self.stand()
            .into_keys()
            .map(|path| (path.clone(), trace(&self.out.join(path))))
            .collect()
    }

    fn mode(&self, path: &str) -> u32 {
        fs::symlink_metadata(self.at(path)).expect(path).mode() & 0o7777
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).expect(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().expect("a parent")).expect(path);
        fs::write(self.at(path), text).expect(path);
    }

    fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), Permissions::from_mode(mode)).expect(path);
    }

    fn inspect(&self, name: &str) -> Result<Found, TreeError> {
        View::open(&self.out, OWNER, SHORT)?.inspect(&path(name))
    }
}

fn path(path: &str) -> OutputPath {
    OutputPath::new(path).expect(path)
}

fn code(error: &TreeError) -> String {
    miette::Diagnostic::code(error)
        .expect("each error has a code")
        .to_string()
}

fn code_of<T: std::fmt::Debug>(result: Result<T, TreeError>) -> String {
    code(&result.expect_err("an error"))
}
