//! What a user or a killed build did to the tree, and what the next build makes of it.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

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
        (".homelab", 0o755),
        ("edge", 0o700),
        ("people/alice", 0o777),
    ] {
        lab.chmod(name, mode);
    }
    lab.chmod(".homelab/manifest.kdl", 0o644);
    let outcome = lab.build(&FIRST).expect("a build");
    let restored = [".homelab", "edge", "people/alice"].map(|name| lab.at(name));
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
