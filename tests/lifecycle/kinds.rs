//! Devices that ask for a key of RSA.

use std::fs;

use serde_json::Value;

use crate::renewal::{run, states};
use crate::support::lab::Lab;
use crate::support::outcome::Outcome;

/// What a device of Wear OS is declared with, and what of Apple's; the last has a profile with its .p12 in it.
fn declaration(watch: &str, phone: &str) -> String {
    format!(
        r#"
domain "home.example.com"
person "alice" {{ device "watch" platform="wearos" {watch}; device "phone" platform="ios" {phone}; }}
service "it" {{ upstream "http://127.0.0.1:1"; allow "alice"; }}
"#
    )
}

const RSA: &str = "key=\"rsa\"";
const FILES: [&str; 3] = [
    "out/people/alice/watch/alice-watch.p12",
    "out/people/alice/phone/alice-phone.p12",
    "out/people/alice/phone/alice-phone.mobileconfig",
];

/// The kinds of key that the lock records of a device, in the order of its lines.
fn profiles(lab: &Lab, device: &str) -> Vec<String> {
    let lock = lab.read("homelab.lock");
    let begin = format!("certificate \"{device}\" ");
    let lines = lock.lines().filter(|line| line.starts_with(&begin));
    let profile = |line: &str| {
        let (_, rest) = line.split_once(" profile=\"").expect("a line has one");
        rest.split('"').next().expect("it ends").to_owned()
    };
    lines.map(profile).collect()
}

fn key(lab: &Lab, days: i64) -> String {
    let exported = run(lab, days, ["export", "alice/watch", "--key"]);
    exported.succeeds().stdout().to_owned()
}

fn table(lab: &Lab, days: i64) -> Outcome {
    run(lab, days, ["status", "--exit-code"])
}

#[test]
fn what_is_derived_is_the_same_whenever_it_is_built() {
    let lab = Lab::new().declare(&declaration(RSA, RSA));
    run(&lab, 0, ["build"]).succeeds();
    assert_eq!(profiles(&lab, "alice/watch"), ["rsa2048-1"]);
    assert_eq!(profiles(&lab, "alice/phone"), ["rsa2048-1"]);
    let read = |file| fs::read(lab.path().join(file)).expect("it was built");
    let first = FILES.map(read);
    run(&lab, 0, ["build", "--check"]).succeeds();
    run(&lab, 0, ["verify"]).succeeds();
    let lock = lab.read("homelab.lock");
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    run(&lab, 100, ["build"]).succeeds();
    assert!(first == FILES.map(read));
    assert_eq!(lab.read("homelab.lock"), lock);
    // Nothing to do, and nothing to open for it.
    fs::remove_dir_all(lab.home().join(".config")).expect("the identity was made there");
    run(&lab, 100, ["build"]).succeeds();
}

/// The declaration is of the next certificate; the one that is there stays what it is, and is derived as the lock says.
#[test]
fn another_kind_of_key_comes_with_the_next_certificate() {
    let lab = Lab::new().declare(&declaration("", ""));
    run(&lab, 0, ["build"]).succeeds();
    table(&lab, 0).succeeds();
    let (before, lock) = (key(&lab, 0), lab.read("homelab.lock"));
    lab.write("homelab.kdl", declaration(RSA, ""));
    for command in ["check", "plan", "build"] {
        let told = run(&lab, 0, [command]);
        told.succeeds().stderr_contains(
            "The certificate of alice/watch is of another key than homelab.kdl says: `homelab renew alice/watch` issues one.",
        );
    }
    assert_eq!(lab.read("homelab.lock"), lock);
    assert_eq!(key(&lab, 0), before);
    let guide = lab.read("out/people/alice/guide.html");
    assert!(guide.contains("Ask if yours refuses this one"), "{guide}");
    table(&lab, 0)
        .fails_with(4)
        .stdout_contains("homelab renew alice/watch makes the kind of key that is declared")
        .stderr_contains("devices: 2 valid, 1 with another kind of key than declared");
    let json = run(&lab, 0, ["status", "--json"]);
    let json: Value = serde_json::from_str(json.succeeds().stdout()).expect("it is JSON");
    assert_eq!(json["devices"][1]["other_key"], true);
    assert_eq!(json["devices"][0]["other_key"], false);

    run(&lab, 1, ["renew", "alice/watch"])
        .succeeds()
        .stderr_lacks("another key");
    assert_eq!(profiles(&lab, "alice/watch"), ["p256-1", "rsa2048-1"]);
    assert_eq!(states(&lab, "alice/watch").len(), 2);
    let guide = lab.read("out/people/alice/guide.html");
    assert!(!guide.contains("Ask if yours refuses this one"), "{guide}");
    let rsa = key(&lab, 1);
    assert!(rsa.len() > 4 * before.len(), "{rsa}");
    table(&lab, 1).succeeds();
    // And back, when it is lost.
    lab.write("homelab.kdl", declaration("key=\"p256\"", ""));
    run(&lab, 2, ["revoke", "alice/watch"]).succeeds();
    assert_eq!(
        profiles(&lab, "alice/watch"),
        ["p256-1", "rsa2048-1", "p256-1"]
    );
    assert!(key(&lab, 2).len() < 2 * before.len());
    run(&lab, 2, ["verify"]).succeeds();
}
