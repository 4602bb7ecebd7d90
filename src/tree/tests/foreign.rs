//! What is not ours: it is never touched, and no link is followed.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use crate::tree::manifest::ManifestState;

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
    let mut stand = Lab::built(&FIRST).stand();
    // The directory was there before, and keeps its mode.
    let root = std::path::PathBuf::new();
    stand.insert(root.clone(), lab.stand()[&root].clone());
    assert_eq!(lab.stand(), stand);
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
    let TreeError::NotOurs {
        paths, manifest, ..
    } = &error
    else {
        unreachable!("by its code")
    };
    assert_eq!(
        *paths,
        [FIRST[0], FIRST[2], FIRST[3]].map(|(name, ..)| lab.at(name))
    );
    assert_eq!(*manifest, ManifestState::Sound);
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
