//! `renew` and `revoke`: what they change, what they leave, what they refuse.

use std::fs;

use serde_json::Value;

use crate::support::files::changed;
use crate::support::lab::Lab;
use crate::support::outcome::Outcome;

pub const DECLARATION: &str = r#"
domain "home.example.com"
validity { device "1y"; renew "30d"; }
person "alice" { device "pixel" platform="android"; device "laptop" platform="linux"; }
person "bob" { device "iphone" platform="ios"; }
service "photos" { upstream "http://127.0.0.1:1"; allow "alice"; title "Our photos"; }
service "notes" { upstream "http://127.0.0.1:2"; allow "alice" "bob"; }
service "films" { upstream "http://127.0.0.1:3"; open "lan"; }
"#;

#[track_caller]
pub fn run<const N: usize>(lab: &Lab, days: i64, arguments: [&str; N]) -> Outcome {
    lab.command(arguments).on(days).run()
}

/// Runs it, and gives what changed.
#[track_caller]
fn changes<const N: usize>(lab: &Lab, days: i64, arguments: [&str; N]) -> Vec<String> {
    let before = lab.snapshot();
    run(lab, days, arguments).succeeds();
    let mut changes = changed(&before, &lab.snapshot());
    changes.retain(|path| !path.ends_with("manifest.kdl"));
    changes
}

/// The states of a device's lines in the lock, in their order.
pub fn states(lab: &Lab, device: &str) -> Vec<String> {
    let lock = lab.read("homelab.lock");
    let begin = format!("certificate \"{device}\" ");
    let lines = lock.lines().filter(|line| line.starts_with(&begin));
    let state = |line: &str| {
        let (_, state) = line.split_once(" state=").expect("a line has one");
        let (state, _) = state.split_once(" signed=").expect("and a signature");
        state.replace('"', "")
    };
    let mut states: Vec<String> = lines.map(state).collect();
    states.sort();
    states
}

#[test]
fn renewing_makes_one_device_s_files_anew() {
    let lab = Lab::built_on(0, DECLARATION);
    let old = lab.read_bytes("out/people/alice/pixel/alice-pixel.p12");
    let told = run(&lab.copy(), 340, ["renew", "alice/pixel"]);
    told.succeeds()
        .stdout_contains("before that, the new certificates are refused");
    let changes = changes(&lab, 340, ["renew", "alice/pixel"]);
    assert_eq!(
        changes,
        [
            "~ homelab.lock",
            "~ out/edge/exposure.json",
            "~ out/edge/exposure.md",
            "~ out/edge/sites.caddyfile",
            "~ out/index.html",
            "~ out/people/alice/calendar.ics",
            "~ out/people/alice/guide.html",
            "~ out/people/alice/pixel/alice-pixel.p12",
            "~ out/renewals.ics",
        ]
    );
    // Not beyond the old one's own end, which is before the window's.
    assert_eq!(
        states(&lab, "alice/pixel"),
        ["active", "replaced until=2028-01-01T00:00:00Z"]
    );
    assert_ne!(
        old,
        lab.read_bytes("out/people/alice/pixel/alice-pixel.p12")
    );
    let guide = lab.read("out/people/alice/guide.html");
    assert!(guide.contains(
        "The old one works until the end of <time datetime=\"2027-12-30\">30 December 2027</time>"
    ));
    assert_eq!(
        guide.matches("A new certificate for this device").count(),
        1,
        "of two devices"
    );
    let status = run(&lab, 341, ["status"]);
    status
        .succeeds()
        .stdout_contains("install the new file by 2028-01-01 00:00 UTC");
    let json = run(&lab, 341, ["status", "--json"]);
    let json: Value = serde_json::from_str(json.succeeds().stdout()).expect("it is JSON");
    assert_eq!(json["devices"][1]["older_until"], "2028-01-01T00:00:00Z");
    let exposure = lab.read("out/edge/exposure.md");
    assert!(exposure.contains("alice/pixel (its older certificate, until 2028-01-01T00:00:00Z)"));
    // Early on, the window counts.
    run(&lab, 341, ["renew", "alice/laptop", "bob/iphone"]).succeeds();
    run(&lab, 342, ["build", "--check"]).succeeds();
    run(&lab, 342, ["build", "--locked"])
        .succeeds()
        .stdout_is("23 unchanged\n");
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 10, ["renew", "--all"]).succeeds();
    for device in ["alice/laptop", "alice/pixel", "bob/iphone"] {
        let until = "replaced until=2027-02-10T00:00:00Z";
        assert_eq!(states(&lab, device), ["active", until], "{device}");
    }
}

#[test]
fn what_is_due_is_renewed_and_nothing_else() {
    let lab = Lab::built_on(0, DECLARATION);
    let before = lab.snapshot();
    run(&lab, 300, ["renew", "--due"])
        .succeeds()
        .stdout_is("nothing is due\n23 unchanged\n");
    assert!(before == lab.snapshot());
    run(&lab, 100, ["renew", "alice/laptop"]).succeeds();
    let due = run(&lab, 340, ["renew", "--due"]);
    due.succeeds()
        .stdout_contains("issued alice/pixel until")
        .stdout_contains("issued bob/iphone");
    due.stdout_lacks("issued alice/laptop")
        .stdout_contains("retired the older certificate of alice/laptop");
    // What has ended already is not let in beside the new one, and leaves the lock.
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 400, ["renew", "--due"]).succeeds();
    assert_eq!(states(&lab, "bob/iphone"), ["active"]);
    let again = run(&lab, 401, ["renew", "--due"]);
    again.succeeds().stdout_is("nothing is due\n23 unchanged\n");
}

#[test]
fn a_window_is_closed_early_by_finishing_and_late_by_a_build() {
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 10, ["renew", "--all"]).succeeds();
    let finished = run(&lab, 11, ["renew", "--finish", "alice/pixel"]);
    finished
        .succeeds()
        .stdout_contains("retired the older certificate of alice/pixel\n");
    assert_eq!(
        states(&lab, "alice/pixel"),
        ["active", "retired retired=2027-01-12T00:00:00Z"]
    );
    let guide = lab.read("out/people/alice/guide.html");
    assert_eq!(
        guide.matches("A new certificate for this device").count(),
        1,
        "the laptop's"
    );
    run(&lab, 39, ["build"])
        .succeeds()
        .stdout_is("23 unchanged\n");
    let closed = run(&lab, 40, ["build"]);
    closed
        .succeeds()
        .stdout_contains("retired the older certificate of alice/laptop\n");
    assert_eq!(
        states(&lab, "bob/iphone"),
        ["active", "retired retired=2027-02-10T00:00:00Z"]
    );
    run(&lab, 41, ["build"])
        .succeeds()
        .stdout_is("23 unchanged\n");
}

/// Two renewals in one window: each older certificate has the time that its line says.
#[test]
fn of_two_older_certificates_only_the_one_whose_time_is_over_is_shut_out() {
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 10, ["renew", "alice/pixel"]).succeeds();
    run(&lab, 30, ["renew", "alice/pixel"]).succeeds();
    run(&lab, 45, ["build"])
        .succeeds()
        .stdout_contains("retired the older certificate of alice/pixel\n");
    let both = [
        "active",
        "replaced until=2027-03-02T00:00:00Z",
        "retired retired=2027-02-15T00:00:00Z",
    ];
    let mut found = states(&lab, "alice/pixel");
    found.sort();
    assert_eq!(found, both);
    // Finishing is about both.
    run(&lab, 46, ["renew", "--finish", "alice/pixel"]).succeeds();
    assert!(!lab.read("homelab.lock").contains("replaced"));
}

#[test]
fn what_cannot_be_renewed_is_refused_and_nothing_changes() {
    let lab = Lab::built_on(0, DECLARATION);
    let before = lab.snapshot();
    let refuse = |arguments: &[&str], code: i32, said: &str| {
        let invocation = lab.command(arguments.iter().copied()).on(10);
        invocation.run().fails_with(code).stderr_contains(said);
        assert!(before == lab.snapshot(), "{arguments:?}");
    };
    refuse(&["renew"], 2, "--due");
    refuse(&["renew", "--due", "--all"], 2, "cannot be used with");
    refuse(&["renew", "--due", "--finish"], 2, "--finish");
    refuse(&["renew", "alice/pixle"], 2, "did you mean `alice/pixel`?");
    refuse(&["renew", "alice"], 2, "alice");
    refuse(
        &["renew", "--finish", "alice/pixel"],
        2,
        "no older certificate",
    );
    refuse(&["revoke", "carol/phone"], 2, "device::unknown");
    refuse(&["revoke"], 2, "PERSON/DEVICE");
    fs::remove_dir_all(lab.home().join(".config")).expect("the identity was made there");
    refuse(&["renew", "alice/pixel"], 3, "root::no-identity");
    refuse(&["revoke", "alice/pixel"], 3, "root::no-identity");
    let new = Lab::new().declare(DECLARATION);
    let nothing = run(&new, 0, ["renew", "--all"]);
    nothing
        .fails_with(4)
        .stderr_contains("nothing has been issued yet");
    assert!(
        !new.path().join("homelab.lock").exists(),
        "no authority by surprise"
    );
}

#[test]
fn a_lost_device_is_out_and_its_owner_is_told_what_to_do() {
    let lab = Lab::built_on(0, DECLARATION);
    let old = lab.read_bytes("out/people/alice/pixel/alice-pixel.p12");
    let revoked = run(&lab, 10, ["revoke", "alice/pixel"]);
    revoked.succeeds();
    for said in [
        "retired alice/pixel\n",
        "issued alice/pixel until",
        "built out/edge/ca.crl\n",
        "whoever has it gets to notes (https://notes.home.example.com/), Our photos (https://photos",
        "alice/pixel is out of every list of the edge. Nothing changes on the server until you deploy.\n",
        "1. copy out/edge/ to the Caddy host, and `caddy reload`",
        "2. restart Caddy",
        "`homelab password alice/pixel` prints its password",
    ] {
        revoked.stdout_contains(said);
    }
    // On the LAN it needs no certificate, so that is not what was lost.
    revoked.stdout_lacks("films");
    assert_ne!(
        old,
        lab.read_bytes("out/people/alice/pixel/alice-pixel.p12")
    );
    let retired = "retired retired=2027-01-11T00:00:00Z";
    assert_eq!(states(&lab, "alice/pixel"), ["active", retired]);
    // A window that is open does not help the thief.
    run(&lab, 11, ["renew", "alice/laptop"]).succeeds();
    run(&lab, 12, ["revoke", "alice/laptop"]).succeeds();
    let states = states(&lab, "alice/laptop");
    assert_eq!(
        states
            .iter()
            .filter(|state| state.starts_with("retired"))
            .count(),
        2
    );
}

#[test]
fn a_device_may_stay_out_until_it_is_renewed() {
    let lab = Lab::built_on(0, DECLARATION);
    let bundle = "out/people/alice/pixel/alice-pixel.p12";
    let revoked = run(&lab, 10, ["revoke", "--no-replace", "alice/pixel"]);
    revoked
        .succeeds()
        .stdout_lacks("issued")
        .stdout_lacks("homelab password");
    assert!(!lab.path().join(bundle).exists());
    assert_eq!(
        states(&lab, "alice/pixel"),
        ["barred retired=2027-01-11T00:00:00Z"]
    );
    for again in [
        &["revoke", "alice/pixel"][..],
        &["revoke", "--no-replace", "alice/pixel"],
    ] {
        let before = lab.snapshot();
        let told = lab.command(again.iter().copied()).on(11).run();
        told.succeeds().stdout_is(
            "22 unchanged\nalice/pixel is out already: `homelab renew alice/pixel` would let it in again\n",
        );
        assert!(before == lab.snapshot(), "{again:?}");
    }
    // Neither a build nor another device's certificate, years later, lets it in again.
    run(&lab, 11, ["build"])
        .succeeds()
        .stdout_is("22 unchanged\n");
    run(&lab, 500, ["renew", "alice/laptop"]).succeeds();
    assert_eq!(
        states(&lab, "alice/pixel"),
        ["barred retired=2027-01-11T00:00:00Z"]
    );
    let status = run(&lab, 500, ["status"]);
    status.succeeds().stdout_contains("revoked");
    run(&lab, 501, ["renew", "alice/pixel"])
        .succeeds()
        .stdout_contains("issued alice/pixel");
    assert!(lab.path().join(bundle).exists());
    assert_eq!(states(&lab, "alice/pixel"), ["active"]);
    // Removed and declared again it is another device's matter.
    run(&lab, 502, ["revoke", "--no-replace", "alice/pixel"]).succeeds();
    let without = DECLARATION.replace("device \"pixel\" platform=\"android\"; ", "");
    lab.write("homelab.kdl", &without);
    run(&lab, 503, ["build"]).succeeds();
    lab.write("homelab.kdl", DECLARATION);
    run(&lab, 504, ["build"])
        .succeeds()
        .stdout_contains("issued alice/pixel");
}

/// Every number of the revocation list is higher than the one before.
#[test]
fn the_list_of_the_revoked_is_numbered_on() {
    let lab = Lab::built_on(0, DECLARATION);
    let number = || -> u32 {
        let lock = lab.read("homelab.lock");
        let (_, rest) = lock.split_once(" number=\"").expect("there is a list");
        let (number, _) = rest.split_once('"').expect("its number ends");
        number.parse().expect("it is one")
    };
    let mut last = number();
    for (day, command) in [
        (10, &["revoke", "alice/pixel"][..]),
        (11, &["revoke", "--no-replace", "bob/iphone"]),
        (12, &["renew", "bob/iphone"]),
        (13, &["renew", "--all"]),
        (14, &["renew", "--finish", "alice/laptop"]),
        (60, &["build"]),
    ] {
        let listed = states(&lab, "alice/laptop").join("") + &states(&lab, "alice/pixel").join("");
        lab.command(command.iter().copied())
            .on(day)
            .run()
            .succeeds();
        let now = states(&lab, "alice/laptop").join("") + &states(&lab, "alice/pixel").join("");
        let grew = now.matches("retired=").count() > listed.matches("retired=").count();
        assert!(number() > last || !grew, "{command:?}");
        assert!(number() >= last, "{command:?}");
        last = number();
    }
    assert!(last >= 5, "{last}");
}

/// Who repeats a command, to be sure, is told that this has shut out the new file too.
#[test]
fn a_second_revocation_tells_of_the_first() {
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 10, ["revoke", "alice/pixel"])
        .succeeds()
        .stderr_lacks("was revoked before");
    run(&lab, 10, ["revoke", "alice/pixel"])
        .succeeds()
        .stderr_contains("alice/pixel was revoked before, at 2027-01-11 00:00 UTC")
        .stderr_contains("Hand over the newest one");
    // Not of a device that was renewed since, or never revoked.
    run(&lab, 12, ["renew", "alice/pixel"]).succeeds();
    run(&lab, 13, ["revoke", "alice/pixel", "alice/laptop"])
        .succeeds()
        .stderr_lacks("was revoked before");
}

/// Of another's device, or of none that is called nearly so, all that the person has are told.
#[test]
fn a_device_that_is_not_declared_is_guessed_by_its_own_name() {
    let lab = Lab::built_on(0, DECLARATION);
    for command in ["renew", "revoke"] {
        run(&lab, 1, [command, "alice/pixle"])
            .fails_with(2)
            .stderr_contains("did you mean `alice/pixel`?");
        run(&lab, 1, [command, "alice/nope"])
            .fails_with(2)
            .stderr_lacks("did you mean")
            .stderr_contains("it is one of `alice/laptop`, `alice/pixel`");
    }
}

/// After a rotation nobody has to name every device, and that nothing is left is said.
#[test]
fn what_is_renewed_can_be_finished_at_once() {
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 1, ["renew", "--all"]).succeeds();
    run(&lab, 2, ["renew", "--finish", "--all"])
        .succeeds()
        .stdout_contains("retired the older certificate of alice/pixel")
        .stdout_contains("retired the older certificate of bob/iphone");
    for words in [
        &["renew", "--finish", "--all"][..],
        &["renew", "--finish", "alice/pixel"],
    ] {
        lab.command(words.iter().copied())
            .on(3)
            .run()
            .succeeds()
            .stdout_contains("no older certificate is left to shut out\n");
    }
    run(&lab, 3, ["renew", "--finish", "--due"]).fails_with(2);
    run(&lab, 3, ["renew", "--finish"]).fails_with(2);
}

/// Who asks for the password of a device that was revoked is told that, and what to do.
#[test]
fn a_revoked_device_s_password_is_refused_with_the_reason() {
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 1, ["revoke", "--no-replace", "bob/iphone"]).succeeds();
    for command in ["password", "export"] {
        run(&lab, 1, [command, "bob/iphone"])
            .fails_with(3)
            .stderr_contains("lock::shut-out")
            .stderr_contains("the last one was revoked")
            .stderr_contains("`homelab renew bob/iphone` issues a new one")
            .stderr_lacks("no certificate has been issued");
    }
    run(&lab, 2, ["renew", "bob/iphone"]).succeeds();
    run(&lab, 2, ["password", "bob/iphone"]).succeeds();
}
