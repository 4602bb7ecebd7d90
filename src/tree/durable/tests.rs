//! Files that are written one by one.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use tempfile::TempDir;

use super::*;

fn code_of(result: Result<(), TreeError>) -> String {
    let error = result.expect_err("an error");
    miette::Diagnostic::code(&error)
        .expect("each error has a code")
        .to_string()
}

#[test]
fn a_single_file_is_written_whole() {
    let around = TempDir::new().expect("a temporary directory");
    let file = around.path().join("homelab.lock");
    fs::write(around.path().join(".homelab.lock.tmp"), "half").expect("what a killed run left");
    write_durably(&file, Mode::Secret, b"one", Existing::Refuse).expect("written");
    let refused = write_durably(&file, Mode::Secret, b"two", Existing::Refuse);
    assert_eq!(code_of(refused), "tree::exists");
    assert_eq!(fs::read_dir(around.path()).expect("a directory").count(), 1);
    assert_eq!(fs::read(&file).expect("a file"), b"one");
    let mode = || fs::metadata(&file).expect("metadata").mode() & 0o7777;
    assert_eq!(mode(), 0o600);
    write_durably(&file, Mode::Public, b"two", Existing::Replace).expect("written");
    assert_eq!(fs::read(&file).expect("a file"), b"two");
    assert_eq!(mode(), 0o600, "somebody gave it that");
    fs::remove_file(&file).expect("it was there");
    write_durably(&file, Mode::Public, b"two", Existing::Replace).expect("written");
    assert_eq!(mode(), 0o644);
    write_durably(&file, Mode::Secret, b"three", Existing::Replace).expect("written");
    assert_eq!(
        (mode(), fs::read(&file).expect("a file")),
        (0o600, b"three".to_vec())
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
fn a_single_file_is_written_through_a_link() {
    let around = TempDir::new().expect("a temporary directory");
    let (file, target) = (around.path().join("file"), around.path().join("target"));
    fs::write(&target, "mine").expect("written");
    symlink(&target, &file).expect("a link");
    assert_eq!(
        code_of(write_durably(&file, Mode::Public, b"new", Existing::Refuse)),
        "tree::exists"
    );
    write_durably(&file, Mode::Public, b"new", Existing::Replace).expect("written");
    assert_eq!(fs::read(&target).expect("a file"), b"new");
    let is_link = |file| fs::symlink_metadata(file).expect("metadata").is_symlink();
    assert!(is_link(&file));
    let here = around.path().join("here");
    symlink(&target, &here).expect("a link");
    write_durably(&here, Mode::Public, b"own", Existing::ReplaceHere).expect("written");
    assert!(!is_link(&here));
    assert_eq!(fs::read(&target).expect("a file"), b"new");
    fs::remove_file(&target).expect("it was there");
    assert_eq!(
        code_of(write_durably(
            &file,
            Mode::Public,
            b"new",
            Existing::Replace
        )),
        "tree::link-to-nothing"
    );
    assert!(fs::symlink_metadata(&target).is_err());
}
