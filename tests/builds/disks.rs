//! A disk that is full or read-only: the tree that was there stays usable, and the next build with room completes it.

use super::home::{
    FILES, built, differences_from_undisturbed, everything, homelab, in_mounts_of_its_own,
    leftovers,
};
use super::support::files::{Entry, changed};
use super::support::lab::Lab;
use super::support::outcome::Outcome;

/// Builds with `out/` on a file system of its own, first as `before` leaves it, then as `after` does. What stood there after
/// each build is kept as `first/` and `out/`.
///
/// In a mount namespace, because a mount must not outlive the test; in a user namespace, because not every user may mount.
fn build_on(lab: &Lab, before: &str, after: &str) -> (Outcome, i32, i32) {
    let script = format!(
        r#"set -eu
        mv out kept
        mkdir -m 700 out
        mount -t tmpfs -o size=160k,mode=700 tmpfs out
        cp -a kept/. out/
        {before}
        set +e; "$@"; first=$?; set -e
        cp -a out first
        {after}
        set +e; "$@"; second=$?; set -e
        cp -a out second
        umount out
        rm -r out kept
        mv second out
        echo "codes $first $second" >&2"#
    );
    let outcome = homelab(lab, ["build"])
        .through(in_mounts_of_its_own(&script))
        .run();
    outcome.succeeds();
    let codes = outcome.stderr().lines().last().expect("the codes");
    let codes: Vec<i32> = codes
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    (outcome, codes[0], codes[1])
}

#[track_caller]
fn bob_with(lab: &Lab, devices: usize) {
    let more: String = (0..devices)
        .map(|n| format!("    device \"d{n}\" platform=\"linux\"\n"))
        .collect();
    lab.edit("version=17\n", &format!("version=17\n{more}"));
}

/// What became of the files of the first tree, while the second could not be built.
fn previous(lab: &Lab, tree: &str) -> Vec<(String, Entry)> {
    let all = everything(lab);
    FILES
        .iter()
        .filter_map(|file| {
            let entry = all.get(&format!("lab/{tree}/{file}"))?;
            Some(((*file).to_owned(), entry.clone()))
        })
        .collect()
}

#[test]
fn a_full_disk_leaves_the_tree_as_it_was() {
    let lab = built();
    let before = previous(&lab, "out");
    bob_with(&lab, 12);
    let (outcome, first, second) = build_on(&lab, "", "mount -o remount,size=4m out");
    assert_eq!((first, second), (3, 0), "{outcome}");
    outcome.stderr_contains("make room on the disk");
    assert_eq!(previous(&lab, "first"), before, "{outcome}");
    let twice: Vec<_> = leftovers(&lab);
    assert_eq!(twice, [""; 0], "{outcome}");
    super::home::remove(&lab, "first");
    assert_eq!(differences_from_undisturbed(&lab), [""; 0]);
}

#[test]
fn a_read_only_disk_is_an_error_with_a_remedy() {
    let lab = built();
    let before = previous(&lab, "out");
    lab.edit(":2283", ":2284");
    let (outcome, first, second) = build_on(
        &lab,
        "mount -o remount,ro out",
        "mount -o remount,rw,size=4m out",
    );
    assert_eq!((first, second), (3, 0), "{outcome}");
    outcome.stderr_contains("read-only");
    assert_eq!(previous(&lab, "first"), before, "{outcome}");
    super::home::remove(&lab, "first");
    assert_eq!(differences_from_undisturbed(&lab), [""; 0]);
}

/// With nothing to do nothing is written, so it does not matter whether it could be.
#[test]
fn a_read_only_disk_is_good_enough_where_nothing_is_to_be_done() {
    let lab = built();
    let before = lab.snapshot();
    let (outcome, first, second) = build_on(&lab, "mount -o remount,ro out", ":");
    assert_eq!((first, second), (0, 0), "{outcome}");
    super::home::remove(&lab, "first");
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
}

/// A deployment's checkout may well be mounted read-only: the edge goes elsewhere and needs to write nothing here.
#[test]
fn an_edge_is_built_from_a_read_only_homelab() {
    let lab = built();
    let script = r#"mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec "$@""#;
    let elsewhere = lab.home().join("elsewhere");
    let out = elsewhere.to_str().expect("plain");
    let outcome = homelab(&lab, ["build", "--edge", "--out", out])
        .through(in_mounts_of_its_own(script))
        .run();
    outcome.succeeds();
    let edge = |out: &std::path::Path| super::support::files::snapshot(&out.join("edge"));
    assert_eq!(
        changed(&edge(&lab.path().join("out")), &edge(&elsewhere)),
        [""; 0]
    );
}
