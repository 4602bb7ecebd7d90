//! The output tree on a real disk.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
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
        let around = TempDir::new().expect("a temporary directory");
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

#[test]
fn a_first_build_writes_all_with_its_modes_and_leaves_nothing_else() {
    let lab = Lab::new();
    let outcome = lab.build(&FIRST).expect("a build");
    assert_eq!(outcome.written.len(), 4);
    let stand: Vec<_> = lab
        .stand()
        .into_iter()
        .map(|(path, (kind, mode, _))| (path, kind, mode))
        .collect();
    let expected = [
        ("", 'd', 0o700),
        (".homelab", 'd', 0o700),
        (".homelab/manifest.kdl", 'f', 0o600),
        ("edge", 'd', 0o755),
        ("edge/Caddyfile", 'f', 0o644),
        ("index.html", 'f', 0o600),
        ("people", 'd', 0o700),
        ("people/alice", 'd', 0o700),
        ("people/alice/guide.html", 'f', 0o644),
        ("people/alice/pixel", 'd', 0o700),
        ("people/alice/pixel/alice-pixel.p12", 'f', 0o600),
    ];
    assert_eq!(
        stand,
        expected.map(|(path, kind, mode)| (PathBuf::from(path), kind, mode))
    );
    for (name, _, bytes) in FIRST {
        assert_eq!(lab.text(name), bytes);
        assert_eq!(lab.inspect(name).expect("inspected"), Found::Intact);
    }
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    let usual = Lab::built(&FIRST);
    for umask in [0o077, 0o000] {
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
        let lab = Lab::built(&FIRST);
        rustix::process::umask(before);
        assert_eq!(lab.stand(), usual.stand(), "{umask:o}");
    }
}

#[test]
fn a_build_with_nothing_to_do_writes_nothing() {
    let lab = Lab::built(&FIRST);
    let before = lab.traces();
    let outcome = lab.build(&FIRST).expect("a build");
    assert_eq!(
        outcome,
        Outcome {
            unchanged: 4,
            ..Outcome::default()
        }
    );
    assert_eq!(lab.traces(), before);
}

#[test]
fn what_was_made_again_with_the_same_bytes_is_not_moved() {
    let lab = Lab::built(&FIRST);
    let before = lab.traces();
    let tree = lab.open().expect("a tree");
    let wanted = FIRST.map(|(name, mode, bytes)| {
        let staged = tree
            .stage(&path(name), mode, bytes.as_bytes())
            .expect("staged");
        Wanted::Put {
            staged,
            input: blake3::hash(b"another input"),
            templates: vec![],
        }
    });
    let outcome = tree.commit(wanted.into(), &Scope::All).expect("a commit");
    assert_eq!((outcome.written, outcome.unchanged), (vec![], 4));
    for (name, trace) in lab.traces() {
        let own = name.as_os_str().is_empty() || name.starts_with(".homelab");
        assert!(own || trace == before[&name], "{name:?}");
    }
    let view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    assert!(
        view.entries().all(
            |entry| entry.input == blake3::hash(b"another input") && entry.templates.is_empty()
        )
    );
}

#[test]
fn only_what_changed_is_written() {
    let lab = Lab::built(&FIRST);
    let before = lab.traces();
    let mut files = FIRST;
    files[0].2 = "caddy 2";
    let outcome = lab.build(&files).expect("a build");
    assert_eq!(outcome.written, [path("edge/Caddyfile")]);
    assert_eq!(outcome.unchanged, 3);
    assert_eq!(lab.text("edge/Caddyfile"), "caddy 2");
    for name in [
        "index.html",
        "people/alice/guide.html",
        "people/alice/pixel/alice-pixel.p12",
        "people/alice",
    ] {
        assert_eq!(
            lab.traces()[Path::new(name)],
            before[Path::new(name)],
            "{name}"
        );
    }
}

#[test]
fn what_was_altered_by_hand_is_found_and_restored() {
    let lab = Lab::built(&FIRST);
    let stand = lab.stand();
    lab.write("edge/Caddyfile", "mine");
    lab.chmod("index.html", 0o644);
    fs::remove_file(lab.at("people/alice/guide.html")).expect("removed");
    fs::remove_file(lab.at("people/alice/pixel/alice-pixel.p12")).expect("removed");
    symlink("/etc/passwd", lab.at("people/alice/pixel/alice-pixel.p12")).expect("a link");
    let found = FIRST.map(|(name, ..)| lab.inspect(name).expect("inspected"));
    assert_eq!(
        found,
        [
            Found::Altered,
            Found::Altered,
            Found::Missing,
            Found::Altered
        ]
    );
    let passwd = fs::read("/etc/passwd").expect("readable");
    assert_eq!(lab.build(&FIRST).expect("a build").written.len(), 4);
    assert_eq!(lab.stand(), stand);
    assert_eq!(fs::read("/etc/passwd").expect("readable"), passwd);
}

#[test]
fn modes_of_directories_and_of_the_manifest_are_set_back() {
    let lab = Lab::built(&FIRST);
    let stand = lab.stand();
    for (name, mode) in [
        ("", 0o755),
        (".homelab", 0o755),
        ("edge", 0o700),
        ("people/alice", 0o777),
    ] {
        lab.chmod(name, mode);
    }
    lab.chmod(".homelab/manifest.kdl", 0o644);
    let outcome = lab.build(&FIRST).expect("a build");
    let restored = ["", ".homelab", "edge", "people/alice"].map(|name| match name {
        "" => lab.out.clone(),
        name => lab.at(name),
    });
    assert_eq!(outcome.modes_restored, restored);
    assert_eq!(lab.stand(), stand);
    assert!(
        lab.build(&FIRST)
            .expect("a build")
            .modes_restored
            .is_empty()
    );
}

#[test]
fn a_directory_opens_and_closes_with_what_is_below_it() {
    let public = [("a/b/x", Mode::Public, "x"), ("a/y", Mode::Public, "y")];
    let lab = Lab::built(&public);
    assert_eq!((lab.mode("a"), lab.mode("a/b")), (0o755, 0o755));
    lab.build(&[("a/b/x", Mode::Secret, "x"), ("a/y", Mode::Public, "y")])
        .expect("a build");
    assert_eq!(
        (lab.mode("a"), lab.mode("a/b"), lab.mode("a/b/x")),
        (0o700, 0o700, 0o600)
    );
    lab.build(&public).expect("a build");
    assert_eq!(
        (lab.mode("a"), lab.mode("a/b"), lab.mode("a/b/x")),
        (0o755, 0o755, 0o644)
    );
}

#[test]
fn orphans_go_and_so_do_directories_that_they_leave_empty() {
    let lab = Lab::built(&FIRST);
    let outcome = lab.build(&FIRST[..2]).expect("a build");
    assert_eq!(
        outcome.removed,
        [
            path("people/alice/guide.html"),
            path("people/alice/pixel/alice-pixel.p12")
        ]
    );
    assert_eq!(lab.stand(), Lab::built(&FIRST[..2]).stand());
}

#[test]
fn what_is_not_ours_stays_and_keeps_its_directory() {
    let lab = Lab::built(&FIRST);
    lab.write("people/alice/pixel/notes.txt", "mine");
    lab.write("people/mine/x", "mine");
    fs::create_dir(lab.at("people/alice/empty")).expect("a directory");
    symlink("/nowhere", lab.at("edge/link")).expect("a link");
    lab.build(&[]).expect("a build");
    let left: Vec<_> = lab
        .stand()
        .into_keys()
        .map(|path| path.display().to_string())
        .collect();
    let expected = [
        "",
        ".homelab",
        ".homelab/manifest.kdl",
        "edge",
        "edge/link",
        "people",
        "people/alice",
        "people/alice/empty",
        "people/alice/pixel",
        "people/alice/pixel/notes.txt",
        "people/mine",
        "people/mine/x",
    ];
    assert_eq!(left, expected);
}

#[test]
fn an_orphan_that_became_something_else_is_not_followed() {
    let lab = Lab::built(&FIRST);
    fs::remove_file(lab.at("index.html")).expect("removed");
    fs::create_dir(lab.at("index.html")).expect("a directory");
    fs::remove_file(lab.at("people/alice/guide.html")).expect("removed");
    lab.write("target", "mine");
    symlink(lab.at("target"), lab.at("people/alice/guide.html")).expect("a link");
    lab.build(&FIRST[..1]).expect("a build");
    assert!(lab.at("index.html").is_dir());
    assert!(!lab.at("people").exists());
    assert_eq!(lab.text("target"), "mine");
}

#[test]
fn identical_files_that_the_manifest_does_not_have_are_adopted() {
    let lab = Lab::new();
    lab.write("edge/Caddyfile", "caddy");
    lab.chmod("edge/Caddyfile", 0o644);
    lab.write("index.html", "index");
    lab.chmod("index.html", 0o644);
    assert_eq!(
        lab.inspect("edge/Caddyfile").expect("inspected"),
        Found::Unowned
    );
    let inode = |lab: &Lab| {
        fs::metadata(lab.at("edge/Caddyfile"))
            .expect("metadata")
            .ino()
    };
    let before = inode(&lab);
    let outcome = lab.build(&FIRST).expect("a build");
    assert_eq!(
        outcome.adopted,
        [path("edge/Caddyfile"), path("index.html")]
    );
    assert_eq!(outcome.written.len(), 2);
    assert_eq!(inode(&lab), before);
    assert_eq!(lab.stand(), Lab::built(&FIRST).stand());
}

#[test]
fn files_that_are_not_ours_are_all_named_and_nothing_is_changed() {
    let lab = Lab::built(&FIRST[1..2]);
    lab.write("edge/Caddyfile", "mine");
    lab.write("people/alice/pixel/alice-pixel.p12/deep", "mine");
    symlink("guide", lab.at("people/alice/guide.html")).expect("a link");
    let before = lab.stand();
    let error = lab
        .build(&[FIRST[0], FIRST[2], FIRST[3]])
        .expect_err("files in the way");
    assert_eq!(code(&error), "tree::not-ours");
    let TreeError::NotOurs { paths, damaged, .. } = &error else {
        unreachable!("by its code")
    };
    assert_eq!(
        *paths,
        [FIRST[0], FIRST[2], FIRST[3]].map(|(name, ..)| lab.at(name))
    );
    assert!(!damaged);
    for path in paths {
        assert!(error.to_string().contains(&path.display().to_string()));
    }
    assert_eq!(lab.stand(), before);
}

#[test]
fn a_directory_where_a_file_of_ours_was_is_an_error_and_nothing_is_changed() {
    let lab = Lab::built(&FIRST);
    fs::remove_file(lab.at("index.html")).expect("removed");
    fs::create_dir(lab.at("index.html")).expect("a directory");
    assert_eq!(
        lab.inspect("index.html").expect("inspected"),
        Found::Altered
    );
    let before = lab.stand();
    assert_eq!(code_of(lab.build(&FIRST)), "tree::something-in-the-way");
    assert_eq!(lab.stand(), before);
}

#[test]
fn a_file_where_a_directory_must_be_is_an_error_and_nothing_is_changed() {
    let lab = Lab::new();
    lab.write("people", "mine");
    let before = lab.stand();
    let error = lab.build(&FIRST).expect_err("a file in the way");
    assert_eq!(code(&error), "tree::something-in-the-way");
    assert!(
        error
            .to_string()
            .contains(&lab.at("people").display().to_string()),
        "{error}"
    );
    assert_eq!(lab.stand(), before);
}

#[test]
fn a_file_of_ours_gives_way_to_a_directory_and_back() {
    let (file, below) = (
        [("a", Mode::Public, "file")],
        [("a/b/c", Mode::Secret, "below"), ("a/d", Mode::Public, "d")],
    );
    let lab = Lab::built(&file);
    lab.build(&below).expect("a build");
    assert_eq!(lab.stand(), Lab::built(&below).stand());
    lab.build(&file).expect("a build");
    assert_eq!(lab.stand(), Lab::built(&file).stand());
    lab.build(&below).expect("a build");
    lab.write("a/b/mine", "mine");
    assert_eq!(code_of(lab.build(&file)), "tree::something-in-the-way");
    assert_eq!(lab.text("a/b/mine"), "mine");
}

#[test]
fn a_link_among_the_directories_is_an_error_that_names_it() {
    for link in ["people", "people/alice", "people/alice/pixel"] {
        let lab = Lab::built(&FIRST);
        let away = lab.out.with_file_name("away");
        fs::rename(lab.at(link), &away).expect("moved");
        symlink(&away, lab.at(link)).expect("a link");
        let before = lab.stand();
        let p12 = FIRST[3].0;
        for error in [
            lab.inspect(p12).expect_err("inspected"),
            lab.build(&FIRST).expect_err("built"),
            lab.build(&FIRST[..1]).expect_err("removed"),
            View::open(&lab.out, OWNER, SHORT)
                .expect("a view")
                .read(&path(p12))
                .expect_err("read"),
        ] {
            assert_eq!(code(&error), "tree::link-in-the-way");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("`{}` is", lab.at(link).display())),
                "{error}"
            );
        }
        assert_eq!(lab.stand(), before);
        assert!(away.exists());
    }
}

#[test]
fn a_link_that_was_planted_before_the_first_build_is_not_followed() {
    let lab = Lab::new();
    let away = lab.out.with_file_name("away");
    fs::create_dir(&away).expect("a directory");
    fs::create_dir(&lab.out).expect("a directory");
    symlink(&away, lab.at("people")).expect("a link");
    assert_eq!(code_of(lab.build(&FIRST)), "tree::link-in-the-way");
    assert_eq!(fs::read_dir(&away).expect("a directory").count(), 0);
}

#[test]
fn links_in_the_place_of_our_own_files_are_errors() {
    for link in [".homelab", ".homelab/staging", ".homelab/manifest.kdl"] {
        let lab = Lab::built(&FIRST);
        let away = lab.out.with_file_name("away");
        if link.ends_with("staging") {
            fs::create_dir(&away).expect("a directory");
        } else {
            fs::rename(lab.at(link), &away).expect("moved");
        }
        symlink(&away, lab.at(link)).expect("a link");
        let error = lab.build(&FIRST).expect_err("a link");
        assert_eq!(code(&error), "tree::link-in-the-way");
        assert!(error.to_string().contains(link), "{error}");
    }
}

#[test]
fn the_root_may_be_reached_through_a_link() {
    let lab = Lab::new();
    let real = lab.out.with_file_name("real");
    fs::create_dir(&real).expect("a directory");
    symlink(&real, &lab.out).expect("a link");
    lab.build(&FIRST).expect("a build");
    assert_eq!(
        fs::read_to_string(real.join("edge/Caddyfile")).expect("a file"),
        "caddy"
    );
    fs::remove_dir_all(&real).expect("removed");
    assert_eq!(code_of(lab.build(&FIRST)), "tree::cannot-write");
}

#[test]
fn a_pipe_does_not_hold_the_build_up() {
    let lab = Lab::built(&FIRST);
    let stand = lab.stand();
    fs::remove_file(lab.at("index.html")).expect("removed");
    let made = std::process::Command::new("mkfifo")
        .arg(lab.at("index.html"))
        .status();
    assert!(made.expect("mkfifo").success());
    assert_eq!(
        lab.inspect("index.html").expect("inspected"),
        Found::Altered
    );
    lab.build(&FIRST).expect("a build");
    assert_eq!(lab.stand(), stand);
}

#[test]
fn outside_the_scope_nothing_changes() {
    let lab = Lab::built(&FIRST);
    lab.write("index.html", "altered");
    let scope = Scope::Below(path("edge"));
    let outcome = lab
        .build_in(&[("edge/ca.pem", Mode::Public, "ca")], &scope)
        .expect("a build");
    assert_eq!(
        (outcome.written, outcome.removed),
        (vec![path("edge/ca.pem")], vec![path("edge/Caddyfile")])
    );
    assert_eq!(lab.text("index.html"), "altered");
    let view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    let names: Vec<_> = view.entries().map(|entry| entry.path.as_str()).collect();
    let expected = [
        "edge/ca.pem",
        "index.html",
        "people/alice/guide.html",
        "people/alice/pixel/alice-pixel.p12",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_damaged_manifest_is_told_and_rebuilt_from_identical_files() {
    let manifest = ".homelab/manifest.kdl";
    let whole = Lab::built(&FIRST);
    for damage in [
        "",
        "x",
        &whole.text(manifest)[..100],
        &whole.text(manifest).replace("edge", "egde"),
    ] {
        let lab = Lab::built(&FIRST);
        fs::write(lab.at(manifest), damage).expect("written");
        let tree = lab.open().expect("a tree");
        assert!(tree.damaged());
        assert_eq!(tree.entries().count(), 0);
        drop(tree);
        let mut altered = FIRST;
        altered[1].2 = "new index";
        let error = lab
            .build(&altered)
            .expect_err("a file that may be anybody's");
        let help = miette::Diagnostic::help(&error)
            .expect("a help")
            .to_string();
        assert!(help.contains("damaged") && help.contains("move"), "{help}");
        assert_eq!(lab.text(manifest), damage);
        assert_eq!(lab.build(&FIRST).expect("a build").adopted.len(), 4);
        assert_eq!(lab.stand(), whole.stand());
    }
    let empty = Lab::built(&[]);
    fs::create_dir(empty.at(".homelab")).expect("a directory");
    fs::write(empty.at(manifest), "x").expect("written");
    empty.build(&[]).expect("a build");
    assert!(!empty.open().expect("a tree").damaged());
}

#[test]
fn a_newer_manifest_and_another_homelab_are_refused() {
    let lab = Lab::built(&FIRST);
    let error = Tree::open(&lab.out, "other", SHORT).expect_err("another lab");
    assert_eq!(code(&error), "tree::another-homelab");
    let manifest = lab
        .text(".homelab/manifest.kdl")
        .replace("version=\"1\"", "version=\"7\"");
    lab.write(".homelab/manifest.kdl", &manifest);
    let before = lab.stand();
    let error = lab.build(&FIRST).expect_err("a newer manifest");
    assert_eq!(code(&error), "tree::newer-manifest");
    assert!(
        error.to_string().contains("version 7") && error.to_string().contains("version 1"),
        "{error}"
    );
    assert_eq!(lab.stand(), before);
}

#[test]
fn one_build_at_a_time() {
    let lab = Lab::built(&FIRST);
    let view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    View::open(&lab.out, OWNER, SHORT).expect("views do not exclude each other");
    assert_eq!(code_of(lab.open()), "tree::locked");
    drop(view);
    let tree = lab.open().expect("a tree");
    assert_eq!(code_of(lab.open()), "tree::locked");
    assert_eq!(
        code_of(View::open(&lab.out, OWNER, Duration::ZERO)),
        "tree::locked"
    );
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| Tree::open(&lab.out, OWNER, Duration::from_secs(30)).map(drop));
        std::thread::sleep(SHORT);
        drop(tree);
        waiting
            .join()
            .expect("no panic")
            .expect("the lock, after a while");
    });
}

#[test]
fn a_directory_that_was_moved_away_while_waiting_is_made_anew() {
    let lab = Lab::built(&FIRST);
    let tree = lab.open().expect("a tree");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| Tree::open(&lab.out, OWNER, Duration::from_secs(30)));
        std::thread::sleep(SHORT);
        fs::rename(&lab.out, lab.out.with_file_name("old")).expect("moved");
        drop(tree);
        let tree = waiting.join().expect("no panic").expect("a tree");
        assert_eq!(tree.entries().count(), 0);
        assert!(lab.out.exists());
    });
}

#[test]
fn looking_changes_nothing() {
    let lab = Lab::new();
    let view = View::open(&lab.out, OWNER, SHORT).expect("an empty view");
    assert_eq!(view.inspect(&path("a")).expect("inspected"), Found::Missing);
    assert_eq!(view.read(&path("a")).expect("read"), None);
    assert!(!lab.out.exists());
    let lab = Lab::built(&FIRST);
    fs::create_dir(lab.at(".homelab/staging")).expect("what a killed build left");
    let before = lab.traces();
    let view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    let contents = view
        .read(&path("index.html"))
        .expect("read")
        .expect("a file");
    assert_eq!(
        contents,
        Contents {
            bytes: b"index".to_vec(),
            mode: 0o600
        }
    );
    assert_eq!(view.read(&path("people")).expect("read"), None);
    assert_eq!(lab.traces(), before);
}

#[test]
fn what_a_killed_or_failed_build_left_is_removed() {
    let lab = Lab::built(&FIRST);
    let stand = lab.stand();
    lab.write(".homelab/staging/0", "half");
    lab.write(".homelab/.manifest.kdl.tmp", "half");
    drop(lab.open().expect("a tree"));
    assert_eq!(lab.stand(), stand);
    let tree = lab.open().expect("a tree");
    let _ = tree
        .stage(&path("new"), Mode::Secret, b"new")
        .expect("staged");
    assert_eq!(lab.text(".homelab/staging/0"), "new");
    assert_eq!(lab.mode(".homelab/staging/0"), 0o600);
    drop(tree);
    assert_eq!(lab.stand(), stand);
}

#[test]
fn many_threads_stage_and_inspect_at_once() {
    let lab = Lab::new();
    let tree = lab.open().expect("a tree");
    let stage = |first: usize| -> Vec<Wanted> {
        let numbers = (first..400).step_by(4);
        numbers
            .map(|number| {
                let at = path(&format!("d{}/f{number}", number % 40));
                assert_eq!(tree.inspect(&at).expect("inspected"), Found::Missing);
                let staged = tree
                    .stage(&at, Mode::Secret, number.to_string().as_bytes())
                    .expect("staged");
                Wanted::Put {
                    staged,
                    input: blake3::hash(b""),
                    templates: vec![],
                }
            })
            .collect()
    };
    let wanted: Vec<Wanted> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|first| scope.spawn(move || stage(first)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    tree.commit(wanted, &Scope::All).expect("a commit");
    for number in 0..400 {
        assert_eq!(
            lab.text(&format!("d{}/f{number}", number % 40)),
            number.to_string()
        );
    }
    assert!(!lab.at(".homelab/staging").exists());
}

#[test]
fn a_single_file_is_written_whole() {
    let around = TempDir::new().expect("a temporary directory");
    let file = around.path().join("homelab.lock");
    fs::write(around.path().join(".homelab.lock.tmp"), "half").expect("what a killed run left");
    write_durably(&file, Mode::Secret, b"one", Existing::Refuse).expect("written");
    let refused = write_durably(&file, Mode::Secret, b"two", Existing::Refuse);
    assert_eq!(code_of(refused), "tree::exists");
    assert_eq!(fs::read(&file).expect("a file"), b"one");
    write_durably(&file, Mode::Public, b"two", Existing::Replace).expect("written");
    assert_eq!(fs::read(&file).expect("a file"), b"two");
    assert_eq!(
        fs::metadata(&file).expect("metadata").mode() & 0o7777,
        0o644
    );
    assert_eq!(fs::read_dir(around.path()).expect("a directory").count(), 1);
    let nowhere = around.path().join("nowhere/file");
    assert_eq!(
        code_of(write_durably(
            &nowhere,
            Mode::Public,
            b"",
            Existing::Replace
        )),
        "tree::cannot-write"
    );
}

#[test]
fn a_link_in_the_place_of_a_single_file_is_replaced_itself() {
    let around = TempDir::new().expect("a temporary directory");
    let (file, target) = (around.path().join("file"), around.path().join("target"));
    fs::write(&target, "mine").expect("written");
    symlink(&target, &file).expect("a link");
    assert_eq!(
        code_of(write_durably(&file, Mode::Public, b"new", Existing::Refuse)),
        "tree::exists"
    );
    write_durably(&file, Mode::Public, b"new", Existing::Replace).expect("written");
    assert_eq!(fs::read(&target).expect("a file"), b"mine");
    assert!(!fs::symlink_metadata(&file).expect("metadata").is_symlink());
}
