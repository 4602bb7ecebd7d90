//! `rotate`: two authorities at a time, two root secrets at a time, and who can open them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::renewal::{DECLARATION, run, states};
use crate::support::lab::Lab;
use crate::support::outcome;
use crate::support::tools;

/// The lines of the lock that begin with this word.
fn lines(lab: &Lab, word: &str) -> Vec<String> {
    let lock = lab.read("homelab.lock");
    let begin = format!("{word} ");
    let lines = lock.lines().filter(|line| line.starts_with(&begin));
    lines.map(str::to_owned).collect()
}

/// What homelab.age holds, as age opens it with an identity.
#[track_caller]
fn opened_with(lab: &Lab, identity: &PathBuf) -> outcome::Outcome {
    let mut age = tools::command("age");
    age.args(["-d", "-i"]).arg(identity);
    outcome::run(age.arg(lab.path().join("homelab.age")), b"")
}

#[track_caller]
fn secrets(lab: &Lab) -> usize {
    let opened = opened_with(lab, &lab.home().join(".config/homelab/identity.txt"));
    opened.succeeds().stdout().lines().count()
}

/// A new identity, and its recipient.
#[track_caller]
fn identity(lab: &Lab, name: &str) -> (PathBuf, String) {
    let path = lab.home().join(name);
    let mut keygen = tools::command("age-keygen");
    outcome::run(keygen.arg("-o").arg(&path), b"").succeeds();
    let mut public = tools::command("age-keygen");
    let public = outcome::run(public.arg("-y").arg(&path), b"");
    (path, public.succeeds().stdout().trim().to_owned())
}

#[test]
fn a_rotation_of_the_authority_keeps_both_until_it_is_finished() {
    let lab = Lab::built_on(0, DECLARATION);
    let ca = lab.read("out/edge/ca.pem");
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    let bundle = lab.read_bytes("out/people/alice/pixel/alice-pixel.p12");
    let begun = run(&lab, 100, ["rotate", "--authority"]);
    begun.succeeds().stdout_contains("homelab renew --all");
    let both = lab.read("out/edge/ca.pem");
    assert!(both.ends_with(&ca) && both.matches("BEGIN").count() == 2);
    let trusting = |sites: &str| sites.matches("trust_der ").count();
    assert_eq!(
        trusting(&lab.read("out/edge/sites.caddyfile")),
        2 * trusting(&caddyfile)
    );
    assert_eq!(lab.read("out/edge/ca.crl").matches("BEGIN").count(), 2);
    assert_eq!(lines(&lab, "authority").len(), 2);
    // Nobody's file has changed.
    assert_eq!(
        bundle,
        lab.read_bytes("out/people/alice/pixel/alice-pixel.p12")
    );
    run(&lab, 100, ["build", "--check"]).succeeds();
    run(&lab, 100, ["status"])
        .succeeds()
        .stdout_contains("have still to be renewed: alice/laptop, alice/pixel, bob/iphone");

    // Begun twice is begun once.
    let lock = lab.read("homelab.lock");
    let again = run(&lab, 101, ["rotate", "--authority"]);
    again.succeeds().stdout_contains("a rotation is under way");
    assert_eq!(lock, lab.read("homelab.lock"));
    run(&lab, 101, ["rotate", "--root"])
        .fails_with(2)
        .stderr_contains("rotate::under-way");

    run(&lab, 102, ["renew", "alice/pixel"]).succeeds();
    let refused = run(&lab, 103, ["rotate", "--finish"]);
    refused
        .fails_with(4)
        .stderr_contains("alice/laptop (not renewed yet)")
        .stderr_contains("alice/pixel (its older certificate works until 2027-05-13 00:00 UTC)");
    run(&lab, 104, ["renew", "alice/laptop", "bob/iphone"]).succeeds();
    let devices = ["alice/laptop", "alice/pixel", "bob/iphone"];
    let json = run(&lab, 104, ["status", "--json"]);
    let json: Value = serde_json::from_str(json.succeeds().stdout()).expect("it is JSON");
    assert_eq!(
        json["dependents"][0]["moving_until"],
        "2027-05-15T00:00:00Z"
    );
    assert_eq!(json["outgoing"].as_array().map(Vec::len), Some(1));
    run(
        &lab,
        105,
        ["renew", "--finish", devices[0], devices[1], devices[2]],
    )
    .succeeds();
    run(&lab, 105, ["status"])
        .succeeds()
        .stdout_contains("every device has moved: `homelab rotate --finish`");
    run(&lab, 105, ["rotate", "--finish"])
        .succeeds()
        .stdout_contains("No longer trusted: home.example.com devices ");
    let ca = lab.read("out/edge/ca.pem");
    assert!(both.starts_with(&ca) && ca.matches("BEGIN").count() == 1);
    assert!(
        !lab.path().join("out/edge").read_dir().unwrap().any(|file| {
            let name = file.unwrap().file_name();
            name.to_string_lossy().starts_with("ca-")
        })
    );
    run(&lab, 105, ["build", "--check"]).succeeds();
    run(&lab, 105, ["rotate", "--finish"])
        .succeeds()
        .stdout_contains("no rotation is under way");
}

#[test]
fn a_forced_end_issues_anew_to_who_had_not_moved() {
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 100, ["rotate", "--authority"]).succeeds();
    run(&lab, 100, ["renew", "alice/pixel"]).succeeds();
    let forced = run(&lab, 101, ["rotate", "--finish", "--force"]);
    forced
        .succeeds()
        .stdout_contains("retired bob/iphone")
        .stdout_contains("issued bob/iphone until");
    assert!(!forced.stdout().contains("retired alice/pixel\n"));
    assert_eq!(
        states(&lab, "bob/iphone"),
        ["active", "retired retired=2027-04-12T00:00:00Z"]
    );
    assert_eq!(
        states(&lab, "alice/pixel"),
        ["active", "retired retired=2027-04-12T00:00:00Z"]
    );
    run(&lab, 101, ["build", "--check"]).succeeds();
}

#[test]
fn a_rotation_of_the_root_keeps_the_old_one_for_those_who_have_not_moved() {
    let lab = Lab::built_on(0, DECLARATION);
    let old = lab.read("homelab.age");
    let pinned = lines(&lab, "root");
    let bundle = lab.read_bytes("out/people/alice/pixel/alice-pixel.p12");
    let password = run(&lab, 0, ["password", "alice/pixel"]);
    run(&lab, 100, ["rotate", "--root"]).succeeds();
    assert_ne!(pinned, lines(&lab, "root"));
    assert_eq!(secrets(&lab), 2);
    // Everything can be made again from the old secret, too.
    fs::remove_dir_all(lab.path().join("out")).unwrap();
    run(&lab, 100, ["build"]).succeeds();
    assert_eq!(
        bundle,
        lab.read_bytes("out/people/alice/pixel/alice-pixel.p12")
    );
    let same = run(&lab, 100, ["password", "alice/pixel"]);
    assert_eq!(same.succeeds().stdout(), password.succeeds().stdout());
    // The file from before has not what the lock pins now.
    let new = lab.read("homelab.age");
    lab.write("homelab.age", &old);
    run(&lab, 100, ["renew", "--all"])
        .fails_with(3)
        .stderr_contains("root::foreign");
    lab.write("homelab.age", &new);
    run(&lab, 100, ["renew", "--all"]).succeeds();
    let forced = run(&lab, 101, ["rotate", "--finish", "--force"]);
    forced.succeeds();
    assert!(!forced.stdout().contains("issued"), "{forced}");
    assert_eq!(secrets(&lab), 1);
    run(&lab, 101, ["build", "--check"]).succeeds();
    assert_ne!(
        bundle,
        lab.read_bytes("out/people/alice/pixel/alice-pixel.p12")
    );
}

#[test]
fn another_identity_changes_nothing_but_who_opens_the_file() {
    let lab = Lab::built_on(0, DECLARATION);
    let own = lab.home().join(".config/homelab/identity.txt");
    let (second, to_second) = identity(&lab, "second.txt");
    let (third, to_third) = identity(&lab, "third.txt");
    let before = lab.snapshot();
    let rotate = [
        "rotate", "--reseal", "--force", "-r", &to_second, "-r", &to_third,
    ];
    run(&lab, 1, rotate)
        .succeeds()
        .stdout_contains("encrypted to 2 recipients")
        .stderr_contains("cannot open homelab.age any more");
    let changed = crate::support::files::changed(&before, &lab.snapshot());
    assert_eq!(changed, ["~ homelab.age"]);
    opened_with(&lab, &second).succeeds();
    opened_with(&lab, &third).succeeds();
    opened_with(&lab, &own).fails_with(1);
    run(&lab, 1, ["renew", "alice/pixel"])
        .fails_with(3)
        .stderr_contains("no identity given is one that it was encrypted to");

    // Who the second recipient is stands inside.
    let second = second.to_str().expect("a temporary path is plain");
    let all = [
        "rotate", "--root", "-i", second, "-r", &to_second, "-r", &to_third,
    ];
    run(&lab, 1, all).succeeds();
    opened_with(&lab, &third).succeeds();
    run(&lab, 1, ["build", "--check", "-i", second]).succeeds();
    for bad in ["age1nonsense", "ssh-ed25519 AAAA", ""] {
        run(&lab, 1, ["rotate", "--reseal", "-r", bad]).fails_with(2);
    }
    run(&lab, 1, ["rotate", "--reseal"])
        .fails_with(2)
        .stderr_contains("rotate::no-recipient");
    let command = format!("age -d -i {second} homelab.age");
    run(&lab, 1, ["build", "--check", "--root-command", &command]).succeeds();
}

/// Two branches: one finishes the rotation, the other, which knows nothing of it, renews a device under the old authority.
#[test]
fn what_another_branch_issued_under_the_old_authority_is_issued_anew() {
    let lab = Lab::built_on(0, DECLARATION);
    let other = lab.copy();
    run(&other, 90, ["renew", "bob/iphone"]).succeeds();
    run(&lab, 100, ["rotate", "--authority"]).succeeds();
    run(&lab, 100, ["renew", "--all"]).succeeds();
    run(&lab, 101, ["rotate", "--finish", "--force"]).succeeds();
    let stranger: Vec<String> = lines(&other, "certificate");
    let stranger = stranger
        .iter()
        .find(|line| line.contains("bob/iphone") && line.contains("state=\"active\""));
    let lock = lab.read("homelab.lock");
    let united = lock.replace(
        "end\n",
        &format!("{}\nend\n", stranger.expect("it has one")),
    );
    lab.write("homelab.lock", united);
    run(&lab, 102, ["build"]).succeeds();
    let active = states(&lab, "bob/iphone");
    assert_eq!(active.iter().filter(|state| *state == "active").count(), 1);
    run(&lab, 102, ["build", "--check"]).succeeds();
}

/// Two branches each begin a rotation: the later one signs, both are trusted, nobody is locked out.
#[test]
fn two_branches_may_each_begin_a_rotation() {
    let lab = Lab::built_on(0, DECLARATION);
    let other = lab.copy();
    run(&lab, 100, ["rotate", "--authority"]).succeeds();
    run(&other, 101, ["rotate", "--authority"]).succeeds();
    run(&other, 101, ["renew", "bob/iphone"]).succeeds();
    let ours = lab.read("homelab.lock");
    let theirs = other.read("homelab.lock");
    let theirs = theirs.lines().filter(|line| !ours.contains(line));
    let theirs: String = theirs.map(|line| format!("{line}\n")).collect();
    lab.write(
        "homelab.lock",
        ours.replace("end\n", &format!("{theirs}end\n")),
    );
    run(&lab, 102, ["build"]).succeeds();
    assert_eq!(lab.read("out/edge/ca.pem").matches("BEGIN").count(), 3);
    let signing = lines(&lab, "authority");
    let signing = signing.iter().filter(|line| !line.contains("state="));
    assert_eq!(signing.count(), 1);
    run(&lab, 102, ["build", "--check"]).succeeds();
    run(&lab, 103, ["renew", "--all"]).succeeds();
    run(&lab, 200, ["rotate", "--finish"])
        .fails_with(4)
        .stderr_contains("rotate::depended-on");
    run(&lab, 200, ["build"]).succeeds();
    run(&lab, 200, ["rotate", "--finish"]).succeeds();
    assert_eq!(lab.read("out/edge/ca.pem").matches("BEGIN").count(), 1);
}

/// After the authority's end the help of `renew` names what works.
#[test]
fn after_the_authoritys_end_another_is_made() {
    let lab = Lab::built_on(0, DECLARATION);
    let day = 3_700;
    run(&lab, day, ["renew", "--all"])
        .fails_with(3)
        .stderr_contains("issue::authority-expired")
        .stderr_contains("homelab rotate --authority");
    run(&lab, day, ["rotate", "--authority"]).succeeds();
    run(&lab, day, ["renew", "--all"]).succeeds();
    run(&lab, day, ["build", "--check"]).succeeds();
}
