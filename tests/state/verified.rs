//! What this machine remembers of a lock that it has verified: it spares the work, and lets nothing in that nobody has signed.

use std::fs;
use std::path::PathBuf;

use super::support::lab::Lab;
use super::support::lock::with_check;
use super::support::outcome::Outcome;

const DECLARATION: &str = r#"domain "home.example.com"
person "alice" { device "pixel" platform="android"; device "macbook" platform="macos"; }
service "immich" { upstream "http://127.0.0.1:2283"; allow "alice"; }
"#;

/// Commands that go by the lock, and those of them that verify it in any case.
const GO_BY_IT: [&[&str]; 6] = [
    &["check"],
    &["plan"],
    &["status"],
    &["exposure"],
    &["build"],
    &["build", "--locked"],
];
const VERIFY_IT: [&[&str]; 4] = [
    &["verify", "--no-secret"],
    &["build", "--check"],
    &["build", "--no-index"],
    &["password", "alice/pixel"],
];

fn run(lab: &Lab, words: &[&str]) -> Outcome {
    lab.command(words.iter().copied()).run()
}

fn remembered(lab: &Lab) -> PathBuf {
    lab.memory().with_extension("verified")
}

/// A homelab whose lock this machine has verified.
fn verified() -> Lab {
    let lab = Lab::built(DECLARATION);
    // What a build has written itself is not taken for verified.
    assert!(!remembered(&lab).exists());
    run(&lab, &["build"]).succeeds();
    assert!(remembered(&lab).exists());
    lab
}

/// The lock with a signature that nobody has made, and a check that fits.
fn forged(lock: &str) -> String {
    let lines = lock.lines().map(|line| {
        if !line.starts_with("certificate \"alice/pixel\"") {
            return line.to_owned();
        }
        let (record, signature) = line.split_once(" signed=\"").expect("it is signed");
        let first = if signature.starts_with('A') { "B" } else { "A" };
        with_check(&format!("{record} signed=\"{first}{}", &signature[1..]))
    });
    lines.map(|line| line + "\n").collect()
}

/// As `homelab` would remember these bytes, which only who writes its files on this machine can.
fn as_remembered(lock: &str) -> [u8; 32] {
    let version = env!("CARGO_PKG_VERSION");
    blake3::derive_key(
        "homelab verified lock v1",
        format!("{version}\n{lock}").as_bytes(),
    )
}

#[test]
fn a_lock_with_one_other_byte_is_verified() {
    let lab = verified();
    let good = lab.read("homelab.lock");
    let kept = fs::read(remembered(&lab)).expect("it is there");
    assert_eq!(kept, as_remembered(&good));
    lab.write("homelab.lock", forged(&good));
    for command in GO_BY_IT.iter().chain(&VERIFY_IT) {
        let told = run(&lab, command);
        told.fails_with(3).stderr_contains("lock::forged");
    }
    // Ends of lines are git's affair, and other bytes even so.
    for same in [good.replace('\n', "\r\n"), good.clone()] {
        lab.write("homelab.lock", same);
        for command in GO_BY_IT {
            run(&lab, command).succeeds();
        }
    }
}

#[test]
fn what_is_remembered_may_be_lost_or_damaged() {
    let lab = verified();
    let (good, place) = (lab.read("homelab.lock"), remembered(&lab));
    let kept = fs::read(&place).expect("it is there");
    for damaged in [
        &kept[..31],
        &[],
        &[0; 32],
        &[kept.clone(), vec![0]].concat(),
    ] {
        fs::write(&place, damaged).expect("it is ours");
        run(&lab, &["check"]).succeeds();
        lab.write("homelab.lock", forged(&good));
        let told = run(&lab, &["check"]);
        told.fails_with(3).stderr_contains("lock::forged");
        lab.write("homelab.lock", &good);
    }
    fs::remove_file(&place).expect("it is ours");
    run(&lab, &["check"]).succeeds();
    // Who only looks writes nothing.
    assert!(!place.exists());
    run(&lab, &["build", "--no-index"]).succeeds();
    assert_eq!(fs::read(&place).expect("it is written"), kept);
}

/// That the work is spared shows only where somebody has lied to this machine; what judges believes it even then not.
#[test]
fn what_judges_verifies_each_time() {
    let lab = verified();
    let lie = forged(&lab.read("homelab.lock"));
    lab.write("homelab.lock", &lie);
    fs::write(remembered(&lab), as_remembered(&lie)).expect("it is ours");
    run(&lab, &["check"]).succeeds();
    for command in VERIFY_IT {
        let told = run(&lab, command);
        told.fails_with(3).stderr_contains("lock::forged");
    }
    assert!(!remembered(&lab).exists(), "--no-index has forgotten it");
    let told = run(&lab, &["check"]);
    told.fails_with(3).stderr_contains("lock::forged");
}

/// Which key it has to be signed with is asked whatever is remembered.
#[test]
fn a_pinned_key_counts() {
    let (lab, other) = (verified(), verified());
    let other = other.read("homelab.lock");
    let (_, key) = other.split_once(" key=\"").expect("it names one");
    for command in GO_BY_IT {
        let pinned = lab.command(command.iter().copied());
        let told = pinned.env("HOMELAB_ROOT_KEY", &key[..64]).run();
        told.fails_with(3).stderr_contains("lock::");
    }
}
