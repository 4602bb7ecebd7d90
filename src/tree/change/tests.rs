//! What a change leaves in the manifest, and what it takes for an orphan.

use super::*;

fn path(path: &str) -> OutputPath {
    OutputPath::new(path).expect("a path")
}

fn entry(at: &str, mode: Mode) -> ManifestEntry {
    ManifestEntry {
        path: path(at),
        mode,
        content: blake3::hash(b"old"),
        input: blake3::hash(b"old"),
        templates: vec![],
    }
}

fn put(at: &str, mode: Mode) -> Wanted {
    let staged = Staged {
        path: path(at),
        mode,
        content: blake3::hash(b"new"),
        name: "0".to_owned(),
    };
    Wanted::Put {
        staged,
        input: blake3::hash(b"new"),
        templates: vec![],
    }
}

fn paths<'a>(entries: impl IntoIterator<Item = &'a ManifestEntry>) -> Vec<&'a str> {
    entries
        .into_iter()
        .map(|entry| entry.path.as_str())
        .collect()
}

#[test]
fn the_manifest_names_old_and_new_meanwhile_and_only_what_is_wanted_afterwards() {
    let before = ["a", "b", "c/x", "d"].map(|path| entry(path, Mode::Public));
    let wanted = vec![
        put("e", Mode::Public),
        Wanted::Keep(path("d")),
        put("b", Mode::Secret),
        put("aa", Mode::Public),
    ];
    let change = Change::between(&before, wanted, &Scope::All);
    assert_eq!(paths(change.orphans.iter().copied()), ["a", "c/x"]);
    assert_eq!(
        paths(change.entries_meanwhile()),
        ["a", "aa", "b", "c/x", "d", "e"]
    );
    assert_eq!(paths(change.entries_afterwards()), ["aa", "b", "d", "e"]);
    assert_eq!(change.entries_afterwards()[1].mode, Mode::Secret);
    assert_eq!(
        change
            .puts
            .iter()
            .map(|put| put.known.is_some())
            .collect::<Vec<_>>(),
        [false, true, false]
    );
    assert_eq!(change.kept, 1);
}

#[test]
fn outside_the_scope_nothing_is_an_orphan() {
    let before = ["a", "edge/old", "edge.txt"].map(|path| entry(path, Mode::Public));
    let mut before = before.to_vec();
    before.sort_by(|one, other| one.path.cmp(&other.path));
    let wanted = vec![put("edge/new", Mode::Public)];
    let change = Change::between(&before, wanted, &Scope::below(path("edge")));
    assert_eq!(paths(change.orphans.iter().copied()), ["edge/old"]);
    assert_eq!(
        paths(change.entries_afterwards()),
        ["a", "edge.txt", "edge/new"]
    );
}

#[test]
fn what_a_scope_leaves_out_is_neither_an_orphan_nor_forgotten() {
    let before = ["edge/a", "edge/b", "edge/c"].map(|path| entry(path, Mode::Public));
    let scope = Scope::Below {
        directories: vec![path("edge")],
        but: vec![path("edge/b"), path("edge/d")],
    };
    let wanted = vec![put("edge/a", Mode::Public)];
    let change = Change::between(&before, wanted, &scope);
    assert_eq!(paths(change.orphans.iter().copied()), ["edge/c"]);
    assert_eq!(paths(change.entries_afterwards()), ["edge/a", "edge/b"]);
}

#[test]
fn a_folder_is_public_if_all_that_is_wanted_below_it_is() {
    let before = [
        entry("gone/deep/x", Mode::Secret),
        entry("people/bob/old", Mode::Secret),
    ];
    let wanted = vec![
        put("edge/sub/Caddyfile", Mode::Public),
        put("edge-b", Mode::Public),
        put("people/alice/guide", Mode::Public),
        put("people/alice/pixel/p12", Mode::Secret),
        put("people/bob/guide", Mode::Public),
        put("root", Mode::Secret),
    ];
    let change = Change::between(&before, wanted, &Scope::All);
    let folders: Vec<_> = change
        .folders()
        .iter()
        .map(|folder| (folder.path, folder.mode))
        .collect();
    assert_eq!(
        folders,
        [
            ("edge", Some(Mode::Public)),
            ("edge/sub", Some(Mode::Public)),
            ("gone", None),
            ("gone/deep", None),
            ("people", Some(Mode::Secret)),
            ("people/alice", Some(Mode::Secret)),
            ("people/alice/pixel", Some(Mode::Secret)),
            ("people/bob", Some(Mode::Public)),
        ]
    );
}

#[test]
fn the_folders_of_a_scope_are_those_in_it_and_on_the_way() {
    let before = ["a/b/c/x", "a/d/x", "a/x", "e/x"].map(|path| entry(path, Mode::Secret));
    let change = Change::between(
        &before,
        vec![put("a/b/new", Mode::Public)],
        &Scope::below(path("a/b")),
    );
    let folders: Vec<_> = change
        .folders()
        .iter()
        .map(|folder| (folder.path, folder.mode))
        .collect();
    assert_eq!(
        folders,
        [
            ("a", Some(Mode::Secret)),
            ("a/b", Some(Mode::Public)),
            ("a/b/c", None)
        ]
    );
}

#[test]
#[should_panic(expected = "wanted once")]
fn a_path_that_is_wanted_twice_is_a_bug() {
    Change::between(
        &[],
        vec![put("a", Mode::Public), put("a", Mode::Public)],
        &Scope::All,
    );
}

#[test]
#[should_panic(expected = "the manifest does not have it")]
fn keeping_what_is_not_there_is_a_bug() {
    Change::between(&[], vec![Wanted::Keep(path("a"))], &Scope::All);
}

#[test]
#[should_panic(expected = "outside the scope")]
fn wanting_from_outside_the_scope_is_a_bug() {
    Change::between(
        &[],
        vec![put("a", Mode::Public)],
        &Scope::below(path("edge")),
    );
}
