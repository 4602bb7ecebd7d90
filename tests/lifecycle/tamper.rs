//! What somebody can do to homelab.lock who may push and has no root secret: nothing that is believed.

use std::fs;

use homelab::internals::RootSecret;

use crate::renewal::states;
use crate::support::files::changed;
use crate::support::lab::Lab;
use crate::support::lock::{resigned, root, signed, with_check};
use crate::support::outcome::Outcome;
use crate::support::recipe::{CA, P256, Recipe};

const DECLARATION: &str = r#"domain "home.example.com"
person "alice" { device "pixel" platform="android"; device "laptop" platform="linux"; }
person "bob" { device "iphone" platform="ios"; }
service "notes" { upstream "http://127.0.0.1:1"; allow "alice" "bob"; }
"#;

/// What reads the lock, most of it without the secret.
const READERS: [&[&str]; 9] = [
    &["build", "--edge"],
    &["build", "--locked"],
    &["build"],
    &["plan"],
    &["plan", "--edge"],
    &["check"],
    &["status"],
    &["exposure"],
    &["verify", "--no-secret"],
];

fn run<const N: usize>(lab: &Lab, arguments: [&str; N]) -> Outcome {
    lab.command(arguments).run()
}

/// Whoever reads the lock refuses it with that code, and writes nothing.
#[track_caller]
fn nobody_believes(lab: &Lab, code: &str, readers: &[&[&str]]) {
    let before = lab.snapshot();
    for reader in readers {
        let outcome = lab.command(reader.iter().copied()).run();
        outcome
            .stderr_contains(code)
            .stderr_contains("help:")
            .stdout_lacks("built");
        assert!(!outcome.status.success(), "{reader:?}\n{outcome}");
        assert_eq!(changed(&before, &lab.snapshot()), [""; 0], "{reader:?}");
    }
}

fn line(lab: &Lab, begin: &str) -> String {
    let lock = lab.read("homelab.lock");
    let found = lock.lines().find(|line| line.starts_with(begin));
    found.expect("it is in the lock").to_owned()
}

/// A value of a line.
fn value(line: &str, key: &str) -> String {
    let (_, rest) = line.split_once(&format!(" {key}=\"")).expect("it has it");
    rest.split('"').next().expect("it ends").to_owned()
}

fn replace(lab: &Lab, from: &str, to: &str) {
    let lock = lab.read("homelab.lock");
    assert!(lock.contains(from), "{from}\n{lock}");
    lab.write("homelab.lock", lock.replace(from, to));
}

/// An authority of the attacker's own, trusted as `adopt --trust-only` trusts one, and a certificate of it in the place of a device's.
#[test]
fn a_device_that_lets_itself_in_by_the_lock_is_not_let_in() {
    let lab = Lab::built(DECLARATION);
    let evil = Recipe::new(P256, CA);
    let fingerprint = evil.issue("evil").replace(':', "").to_lowercase();
    // What `adopt --trust-only` would write of it, taken from a homelab of the attacker's.
    let theirs = Lab::built(DECLARATION);
    let certificate = evil.path("ca.pem");
    let certificate = certificate.to_str().expect("a temporary path is plain");
    run(&theirs, ["adopt", "--trust-only", certificate]).succeeds();
    let foreign = theirs.read("homelab.lock");
    let foreign = foreign
        .lines()
        .find(|line| line.contains("origin=\"foreign\""));
    let foreign = foreign.expect("it is trusted there");
    let (iphone, authority) = (
        line(&lab, "certificate \"bob/iphone\""),
        line(&lab, "authority "),
    );
    let other = iphone.replace(&value(&iphone, "fingerprint"), &fingerprint);
    let good = lab.read("homelab.lock");
    for (from, to) in [
        (&iphone, with_check(&other)),
        (&authority, format!("{authority}\n{foreign}")),
        (
            &authority,
            format!("{authority}\n{}", with_check(&unsigned(foreign))),
        ),
    ] {
        replace(&lab, from, &to);
        nobody_believes(&lab, "lock::forged", &READERS);
        lab.write("homelab.lock", &good);
    }
    // With the secret at hand, it would not even be what is derived.
    replace(&lab, &iphone, &resigned(&lab, &other));
    nobody_believes(&lab, "issue::not-as-recorded", &[&["build"]]);
}

fn unsigned(line: &str) -> String {
    let (record, _) = line.split_once(" signed=").expect("it is signed");
    format!("{record} check=\"\"")
}

/// A revoked certificate made valid again; one that is let in made a revoked one; who may not get another made one who may.
#[test]
fn no_state_is_flipped() {
    let lab = Lab::built(DECLARATION);
    run(&lab, ["revoke", "bob/iphone"]).succeeds();
    run(&lab, ["revoke", "alice/laptop", "--no-replace"]).succeeds();
    let good = lab.read("homelab.lock");
    let lines = good.lines().filter(|line| line.starts_with("certificate "));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let (before, _) = line.split_once(" state=").expect("it has one");
        for state in [
            "state=\"active\"",
            "state=\"replaced\" until=\"2099-01-01T00:00:00Z\"",
            "state=\"retired\" retired=\"2099-01-01T00:00:00Z\"",
            "state=\"barred\" retired=\"2099-01-01T00:00:00Z\"",
        ] {
            if line.starts_with(&format!("{before} {state} ")) {
                continue;
            }
            let signature = value(line, "signed");
            let flipped = format!("{before} {state} signed=\"{signature}\" check=\"\"");
            replace(&lab, line, &with_check(&flipped));
            nobody_believes(&lab, "lock::forged", &[&["build", "--edge"], &["check"]]);
            lab.write("homelab.lock", &good);
        }
    }
    assert_eq!(states(&lab, "bob/iphone").len(), 2);
}

/// Every line of one homelab in the other; each is as its own homelab has written it.
#[test]
fn no_line_of_another_homelab_counts() {
    let (ours, theirs) = (Lab::built(DECLARATION), Lab::built(DECLARATION));
    let (good, other) = (ours.read("homelab.lock"), theirs.read("homelab.lock"));
    let records = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.contains(" signed="));
        lines.map(str::to_owned).collect()
    };
    let pairs = records(&good).into_iter().zip(records(&other));
    for (own, foreign) in pairs.skip(1) {
        ours.write("homelab.lock", good.replace(&own, &foreign));
        nobody_believes(&ours, "lock::forged", &[&["build", "--edge"], &["check"]]);
        ours.write(
            "homelab.lock",
            good.replace(&own, &format!("{own}\n{foreign}")),
        );
        nobody_believes(&ours, "lock::forged", &[&["build", "--edge"]]);
    }
}

/// Who signs everything anew has another key: known to whoever has built before, has the secret, or has pinned the right one.
#[test]
fn a_lock_that_is_signed_anew_with_another_key_is_not_believed() {
    let lab = Lab::built(DECLARATION);
    let (good, evil) = (lab.read("homelab.lock"), RootSecret::new([9; 32]).signer());
    let key = value(&line(&lab, "root "), "key");
    let id = root(&good);
    let lines = good.lines().map(|line| match line.contains(" signed=") {
        true => signed(&line.replace(&key, &evil.key().to_string()), &id, &evil) + "\n",
        false => format!("{line}\n"),
    });
    let forged: String = lines.collect();
    lab.write("homelab.lock", forged);
    nobody_believes(&lab, "lock::other-key", &READERS);
    nobody_believes(&lab, "lock::other-key", &[&["renew", "--all"]]);
    // Either of the two that remember is enough.
    let exposure = lab.path().join("out/edge/exposure.json");
    let told = fs::read(&exposure).expect("it was built");
    fs::remove_file(&exposure).expect("it is there");
    nobody_believes(&lab, "lock::other-key", &READERS);
    fs::write(&exposure, told).expect("it can be written");
    lab.forget();
    nobody_believes(&lab, "lock::other-key", &READERS);

    // A fresh clone has nothing to compare with, but for what was pinned.
    let clone = lab.copy();
    fs::remove_dir_all(clone.path().join("out")).expect("it was built");
    clone.forget();
    nobody_believes(&clone, "lock::not-of-this-root", &[&["build"]]);
    let pinned = ["check", "status", "plan", "exposure"].map(|command| {
        let outcome = run(&clone, [command, "--root-key", &key]);
        outcome
            .fails_with(3)
            .stderr_contains("lock::not-the-pinned-key");
        command
    });
    for command in pinned.into_iter().chain(["build"]) {
        let with_edge = [command, "--edge"];
        let words = if command == "build" {
            &with_edge[..]
        } else {
            &with_edge[..1]
        };
        let pinned = clone.command(words.iter().copied());
        pinned
            .env("HOMELAB_ROOT_KEY", &key)
            .run()
            .fails_with(3)
            .stderr_contains("lock::not-the-pinned-key");
    }
    run(&clone, ["build", "--edge"]).succeeds();

    // Who pins the right key believes the right lock, wherever it is.
    clone.write("homelab.lock", &good);
    nobody_believes(&clone, "lock::other-key", &[&["build", "--edge"]]);
    run(&clone, ["build", "--edge", "--root-key", &key]).succeeds();
    run(&clone, ["verify", "--no-secret", "--root-key", &key]).stderr_lacks("lock::");
    let wrong = clone.command(["check"]).env("HOMELAB_ROOT_KEY", "x").run();
    wrong.fails_with(2).stderr_contains("lock::root-key");
    run(&clone, ["check", "--root-key", "x"]).fails_with(2);
}

/// The key is where whoever is to pin it finds it, and not in the way of those who are not.
#[test]
fn status_has_the_key_for_scripts() {
    let lab = Lab::built(DECLARATION);
    let key = value(&line(&lab, "root "), "key");
    let told = run(&lab, ["status"]);
    told.succeeds().stdout_lacks(&key);
    let told = run(&lab, ["status", "--json"]);
    let json: serde_json::Value = serde_json::from_str(told.succeeds().stdout()).expect("JSON");
    assert_eq!(json["root_key"], key.as_str());
    for command in ["check", "plan", "status", "exposure"] {
        run(&lab, [command, "--root-key", &key]).succeeds();
    }
}

/// The first version, in which nobody signed anything, would be the way round.
#[test]
fn a_lock_of_version_1_is_no_way_round() {
    let lab = Lab::built(DECLARATION);
    let key = value(&line(&lab, "root "), "key");
    let good = lab.read("homelab.lock");
    let first = as_first(&good);
    lab.write("homelab.lock", &first);
    nobody_believes(&lab, "lock::unsigned", &READERS);

    // Where nothing was built, only who needs the secret takes it.
    let clone = lab.copy();
    fs::remove_dir_all(clone.path().join("out")).expect("it was built");
    clone.forget();
    let strict: [&[&str]; 5] = [
        &["build", "--edge"],
        &["build", "--locked"],
        &["build", "--check"],
        &["plan", "--edge"],
        &["check", "--root-key", &key],
    ];
    nobody_believes(&clone, "lock::unsigned", &strict);
    for doubting in ["check", "status", "exposure"] {
        run(&clone, [doubting])
            .succeeds()
            .stderr_contains("of version 1, which nobody has signed");
    }
    let plan = run(&clone, ["plan"]);
    plan.succeeds()
        .stdout_contains("of version 1, which nobody has signed")
        .stdout_contains("it takes the root secret");
    run(&clone, ["build"])
        .succeeds()
        .stderr_contains("Signed homelab.lock; all that it lets in is of the root secret.");
    assert_eq!(clone.read("homelab.lock"), good);
    assert_eq!(
        changed(&built_of(&clone, &good), &clone.snapshot()),
        [""; 0]
    );
}

/// What is beside the present tree after a build of this lock.
fn built_of(
    lab: &Lab,
    lock: &str,
) -> std::collections::BTreeMap<String, crate::support::files::Entry> {
    let copy = lab.copy();
    copy.write("homelab.lock", lock);
    run(&copy, ["build"]).succeeds();
    copy.snapshot()
}

/// Before a lock of version 1 is signed, it is held against the secret, and what that cannot tell is named.
#[test]
fn what_the_secret_cannot_confirm_is_named_when_a_lock_is_signed() {
    let lab = Lab::built(DECLARATION);
    let evil = Recipe::new(P256, CA);
    let certificate = evil.path("ca.pem");
    let certificate = certificate.to_str().expect("a temporary path is plain");
    run(&lab, ["adopt", "--trust-only", certificate]).succeeds();
    run(&lab, ["renew", "alice/pixel"]).succeeds();
    let first = as_first(&lab.read("homelab.lock"));
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    lab.forget();
    lab.write("homelab.lock", &first);
    let told = run(&lab.copy(), ["build"]);
    told.succeeds()
        .stderr_contains("The root secret cannot confirm what follows")
        .stderr_contains(" is trusted\n")
        .stderr_contains("\n  the older certificate of alice/pixel is let in until ");

    // A revoked one that was let in again: the list is of another state.
    run(&lab, ["build"]).succeeds();
    run(&lab, ["revoke", "bob/iphone"]).succeeds();
    let first = as_first(&lab.read("homelab.lock"));
    let retired = first
        .lines()
        .find(|line| line.contains("state=\"retired\""));
    let retired = retired.expect("one is").to_owned();
    let (before, _) = retired.split_once(" state=").expect("it has one");
    let barred = format!("{before} state=\"retired\" check=\"\"");
    let flipped = first.replace(&retired, &with_check(&barred));
    lab.write("homelab.lock", flipped);
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    lab.forget();
    run(&lab.copy(), ["build"])
        .succeeds()
        .stderr_contains("\n  nobody has signed which certificates are revoked");

    // And one that the secret knows to be wrong is not signed at all.
    let line = first.lines().find(|line| line.contains("\"alice/laptop\""));
    let line = line.expect("it was issued");
    let old = value(line, "fingerprint");
    let wrong = with_check(&line.replace(&old, &"ab".repeat(32)));
    lab.write("homelab.lock", first.replace(line, &wrong));
    nobody_believes(&lab, "issue::not-as-recorded", &[&["build"]]);
}

/// The lock as version 1 had it.
fn as_first(lock: &str) -> String {
    let lines = lock.lines().map(|line| {
        let line = line.replace("version=\"2\"", "version=\"1\"");
        let Some((record, _)) = line.split_once(" signed=") else {
            return line + "\n";
        };
        let record = match record.starts_with("root ") {
            true => record.split(" key=").next().expect("it has a beginning"),
            false => record,
        };
        with_check(&format!("{record} check=\"\"")) + "\n"
    });
    lines.collect()
}

/// However much of it is damaged or forged, one short message tells which lines, and the remedy once.
#[test]
fn many_bad_records_are_told_in_a_few_lines() {
    let devices: String = (0..60)
        .map(|n| format!("device \"d{n}\" platform=\"linux\"; "))
        .collect();
    let crowd = format!("{DECLARATION}person \"crowd\" {{ {devices}}}\n");
    let lab = Lab::new().declare(&crowd);
    run(&lab, ["build"]).succeeds();
    let good = lab.read("homelab.lock");
    let bad = |change: &dyn Fn(&str) -> String, is_bad: &dyn Fn(usize) -> bool| {
        let lines = good
            .lines()
            .enumerate()
            .map(|(at, line)| match is_bad(at + 1) {
                true => change(line) + "\n",
                false => format!("{line}\n"),
            });
        lines.collect::<String>()
    };
    let damage = |line: &str| {
        line.replace("crowd@", "mallory@")
            .replace(" id=\"", " id=\"0")
    };
    let forge = |line: &str| with_check(&unsigned(&damage(line)).replace(" id=\"0", " id=\""));
    let odd = |number: usize| (21..68).contains(&number) && number % 2 == 1;
    for (lock, code, lines) in [
        (
            bad(&damage, &|n| n == 9),
            "lock::damaged",
            "line 9 of homelab.lock is damaged: its check",
        ),
        (
            bad(&damage, &|n| n == 7 || (10..30).contains(&n)),
            "lock::damaged",
            "lines 7, 10–29 of homelab.lock are damaged (21 records); line 7: its check does",
        ),
        (
            bad(&damage, &odd),
            "lock::damaged",
            "21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43 and ",
        ),
        (
            bad(&forge, &|n| (10..30).contains(&n)),
            "lock::forged",
            "lines 10–29 of homelab.lock are not signed (20",
        ),
        (bad(&forge, &odd), "lock::forged", "41, 43 and "),
    ] {
        assert_ne!(lock, good);
        lab.write("homelab.lock", lock);
        for reader in [&["build"][..], &["check"], &["status"], &["plan"]] {
            let told = lab.command(reader.iter().copied()).run();
            told.fails_with(3).stderr_contains(code);
            let stderr = told.stderr().replace("\n  │ ", " ");
            assert!(stderr.contains(lines), "{stderr}");
            assert_eq!(
                stderr.matches("git checkout -- homelab.lock").count(),
                1,
                "{stderr}"
            );
            assert!(stderr.len() < 500, "{stderr}");
        }
    }
    // What the remedy brings back is whole.
    lab.write("homelab.lock", good);
    run(&lab, ["build", "--check"]).succeeds();
}
