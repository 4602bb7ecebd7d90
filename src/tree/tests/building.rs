//! Builds: what they write, keep and remove.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

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
    // It was too late to change nothing, so the next build has to know that this one is not complete.
    assert!(lab.at(".homelab/staging").exists());
    fs::remove_file(lab.at("a/b/mine")).expect("removed");
    lab.build(&file).expect("a build");
    assert_eq!(lab.stand(), Lab::built(&file).stand());
}

#[test]
fn outside_the_scope_nothing_changes() {
    let lab = Lab::built(&FIRST);
    lab.write("index.html", "altered");
    let scope = Scope::below(path("edge"));
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
