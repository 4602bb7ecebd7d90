//! What stands around a homelab: other programs' files, pipes, outputs that take nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::home::{add_device, build, built, everything, homelab, place, refused, small, touched};
use super::support::files::{changed, snapshot};
use super::support::lab::Lab;
use super::support::tools;

/// A secret that a command prints, for tests only.
const ROOT_COMMAND: &str =
    "echo homelab-root-1 0707070707070707070707070707070707070707070707070707070707070707";

#[test]
fn a_root_command_needs_no_sealed_secret_and_takes_up_no_other() {
    let lab = small();
    // What a first build leaves that is killed before it writes the lock.
    lab.write(".homelab.age.pending", "the secret of nothing");
    for said in ["19 built, 0 unchanged\n", "19 unchanged\n"] {
        let run = homelab(&lab, ["build", "--root-command", ROOT_COMMAND]);
        run.run().succeeds().stdout_contains(said);
    }
    let files: Vec<String> = snapshot(&lab.path())
        .into_keys()
        .filter(|path| !path.starts_with("out") && path != ".")
        .collect();
    let told_to_git = [".gitattributes", ".gitignore"];
    assert_eq!(files[..2], told_to_git);
    assert_eq!(files[2..], ["homelab.kdl", "homelab.lock"]);
    assert!(!lab.home().join(".config").exists(), "no identity is made");
}

#[test]
fn a_password_that_could_not_be_printed_is_a_failure() {
    let lab = built();
    let password = || homelab(&lab, ["password", "alice/pixel"]);
    password().run().succeeds().stderr_is("");
    // A closed stdout is /dev/null to a program in Rust: its start opens what is closed.
    let full = "exec \"$@\" >/dev/full";
    let outcome = password().through(["sh", "-c", full, "sh"]).run();
    outcome.stderr_lacks("panicked").fails_with(3);
}

#[test]
fn check_finds_what_a_build_would_change() {
    for (what, change) in [
        (
            "out/people",
            (|lab| chmod(lab, "out/people", 0o755)) as fn(&Lab),
        ),
        ("out/people/bob/guide.html", |lab| {
            chmod(lab, "out/people/bob/guide.html", 0o600);
        }),
        ("out/edge/ca.pem", |lab| {
            super::home::remove(lab, "out/edge/ca.pem")
        }),
        ("out/edge/ca.pem", |lab| lab.write("out/edge/ca.pem", "x")),
        ("out/edge/sites.caddyfile", |lab| lab.edit(":2283", ":2284")),
    ] {
        let lab = built();
        homelab(&lab, ["build", "--check"])
            .run()
            .succeeds()
            .stdout_is("19 unchanged\n");
        change(&lab);
        let written = touched(&place(&lab), || {
            refused(&lab, homelab(&lab, ["build", "--check"]), 4, &[what]);
        });
        assert_eq!(written, [""; 0], "not even a directory");
        assert_ne!(
            touched(&lab.path(), || {
                build(&lab).succeeds();
            }),
            [""; 0],
            "{what}"
        );
        homelab(&lab, ["build", "--check"]).run().succeeds();
    }
}

#[test]
fn an_output_tree_around_the_declaration_is_refused() {
    let lab = small();
    for out in [".", "./", "..", "../lab"] {
        refused(
            &lab,
            homelab(&lab, ["build", "--out", out]),
            2,
            &["workspace::"],
        );
    }
}

/// Where somebody works already, nothing is closed to the others who do.
#[test]
fn a_directory_that_others_use_keeps_its_mode() {
    let lab = small();
    let shared = lab.home().join("shared");
    fs::create_dir(&shared).expect("a new name");
    fs::write(shared.join("theirs"), "theirs").expect("written");
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).expect("ours");
    let out = shared.to_str().expect("plain");
    _ = homelab(&lab, ["build", "--out", out]).run();
    let mode = fs::metadata(&shared).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o7777, 0o1777);
}

#[test]
fn an_output_elsewhere_is_the_same() {
    let lab = built();
    let expected = snapshot(&lab.path().join("out"));
    let absolute = lab.home().join("a/b");
    for out in [
        "other",
        "../home/relative",
        absolute.to_str().expect("plain"),
    ] {
        homelab(&lab, ["build", "--out", out]).run().succeeds();
        let found = snapshot(&lab.path().join(out));
        assert_eq!(changed(&expected, &found), [""; 0], "{out}");
    }
    let linked = lab.home().join("linked");
    fs::create_dir(&linked).expect("a new name");
    // A directory that was there keeps its mode.
    fs::set_permissions(&linked, Permissions::from_mode(0o700)).expect("ours");
    super::home::remove(&lab, "out");
    symlink(&linked, lab.path().join("out")).expect("a link");
    build(&lab).succeeds();
    assert_eq!(changed(&expected, &snapshot(&linked)), [""; 0]);
}

#[test]
fn init_keeps_every_byte_of_what_git_was_told() {
    for present in [
        b"*.swp".to_vec(),
        b"# caf\xe9 in Latin-1\r\nfoo\r\n".to_vec(),
        b"x\n".repeat(1 << 20),
    ] {
        let lab = Lab::new();
        lab.write(".gitignore", &present);
        _ = lab.command(["init"]).run();
        let now = lab.read_bytes(".gitignore");
        assert!(
            now.starts_with(&present),
            "{} bytes of {}",
            now.len(),
            present.len()
        );
    }
}

/// A named pipe that nobody writes to: an answer, rather than a wait with the homelab held against every other command.
#[test]
fn a_pipe_in_the_place_of_a_file_does_not_hold_a_build_up() {
    let files = [
        "homelab.kdl",
        "homelab.lock",
        "homelab.age",
        "templates/Caddyfile.j2",
        "out/edge/Caddyfile",
        "out/.homelab/manifest.kdl",
    ];
    let waits = |name: &&str| {
        let lab = built();
        if lab.path().join(name).exists() {
            super::home::remove(&lab, name);
        }
        fs::create_dir_all(lab.path().join("templates")).expect("made");
        tools::run("mkfifo", [lab.path().join(name)]).succeeds();
        let build = homelab(&lab, ["build"]).through(["timeout", "-s", "KILL", "3"]);
        let outcome = build.run();
        outcome.stderr_lacks("panicked");
        outcome.status.code().is_none()
    };
    let waiting: Vec<&str> = files.into_iter().filter(waits).collect();
    assert_eq!(waiting, [""; 0]);
}

/// A lock that is a link is read through it, and written through it.
#[test]
fn what_a_linked_lock_leads_to_is_written() {
    let lab = built();
    let elsewhere = lab.home().join("elsewhere");
    fs::rename(lab.path().join("homelab.lock"), &elsewhere).expect("moved");
    symlink(&elsewhere, lab.path().join("homelab.lock")).expect("a link");
    let nothing = touched(&place(&lab), || {
        build(&lab).succeeds();
    });
    assert_eq!(nothing, [""; 0]);
    let content = fs::read(&elsewhere).expect("it is there");
    add_device(&lab);
    build(&lab).succeeds();
    assert_ne!(fs::read(&elsewhere).expect("it is there"), content);
    let link = fs::symlink_metadata(lab.path().join("homelab.lock"));
    assert!(link.expect("it is there").is_symlink());
}

/// A user who has neither a home nor a configuration directory is told; a sealed secret that is not needed is not opened.
#[test]
fn a_build_with_nothing_to_do_needs_no_identity() {
    let lab = built();
    super::home::remove_identity(&lab);
    let before = everything(&lab);
    build(&lab).succeeds().stdout_is("19 unchanged\n");
    assert_eq!(changed(&before, &everything(&lab)), [""; 0]);
    add_device(&lab);
    refused(&lab, homelab(&lab, ["build"]), 3, &["root::no-identity"]);
}

fn chmod(lab: &Lab, path: &str, mode: u32) {
    fs::set_permissions(lab.path().join(path), Permissions::from_mode(mode)).expect("ours");
}

/// DESIGN §2: a root secret is made where there is no output tree. One that lost its manifest, or that another command than
/// this one was told to make, is one still: its devices would be locked out.
#[test]
fn where_an_output_tree_stands_no_secret_is_made() {
    let made = |arguments: &[&str], lost: &[&str]| {
        let lab = built();
        for name in lost {
            super::home::remove(&lab, name);
        }
        let run = lab.command(arguments.iter().copied()).run();
        let made = ["homelab.lock", "homelab.age"].map(|name| lab.path().join(name).exists());
        (run.status.code(), made)
    };
    let found = [
        made(&["build"], &["homelab.lock", "homelab.age"]),
        made(&["build"], &["homelab.lock", "homelab.age", "out/.homelab"]),
        made(
            &["build", "--out", "elsewhere"],
            &["homelab.lock", "homelab.age"],
        ),
    ];
    assert_eq!(found, [(Some(3), [false, false]); 3]);
}
