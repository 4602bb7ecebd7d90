//! Clocks that are wrong, and were: nothing is issued for 1970, and what was issued for 2035 has a remedy.

use super::home::{DECLARATION, built, declare, foreign_authority, is_unchanged, states};
use super::support::files::snapshot;
use super::support::lab::Lab;
use super::support::outcome::Outcome;

/// What Nix sets in its shells: the beginning of 1980.
const NIX: &str = "315532800";
const MAY_2027: &str = "1809216000";
const MAY_2035: &str = "2061676800";
const MAY_2047: &str = "2440368000";

fn at(lab: &Lab, time: &str, words: &str) -> Outcome {
    let command = lab.command(words.split(' '));
    command.env("SOURCE_DATE_EPOCH", time).run()
}

#[test]
fn nothing_is_issued_by_a_clock_from_before_the_program_was_made() {
    let lab = built();
    foreign_authority(&lab);
    let more = "person \"carol\" { device \"tab\" platform=\"android\"; }\n";
    let (tree, home) = (lab.snapshot(), snapshot(&lab.home()));
    for words in [
        "renew --all",
        "renew --due",
        "renew bob/iphone",
        "revoke bob/iphone",
        "revoke --no-replace bob/iphone",
        "rotate --authority",
        "rotate --root",
        "rotate --finish",
        "adopt ca.pem --key ca.key",
    ] {
        at(&lab, NIX, words)
            .fails_with(3)
            .stderr_contains("clock::before-release")
            .stderr_contains("SOURCE_DATE_EPOCH says 1980-01-01")
            .stderr_contains("env -u SOURCE_DATE_EPOCH");
        assert_eq!(lab.snapshot(), tree, "{words}");
        assert_eq!(snapshot(&lab.home()), home, "{words}");
    }
    // What needs no date is done.
    for words in [
        "build",
        "build --locked",
        "build --check",
        "build --edge",
        "check",
    ] {
        at(&lab, NIX, words).succeeds();
    }
    at(&lab, NIX, "plan --expect-no-changes").succeeds();
    declare(&lab, &format!("{DECLARATION}{more}"));
    at(&lab, NIX, "build").fails_with(3);
    let plan = at(&lab, NIX, "plan");
    plan.fails_with(3).stderr_contains("clock::before-release");
    declare(&lab, DECLARATION);
    assert_eq!(lab.snapshot(), tree);
}

#[test]
fn no_homelab_begins_in_1970() {
    let lab = Lab::new().declare(DECLARATION);
    let tree = lab.snapshot();
    let build = lab.command(["build"]).faketime("1970-01-02 03:00:00").run();
    build
        .fails_with(3)
        .stderr_contains("the clock says 1970-01-02")
        .stderr_lacks("SOURCE_DATE_EPOCH");
    assert_eq!(lab.snapshot(), tree);
    let plan = at(&lab, NIX, "plan");
    plan.succeeds()
        .stdout_contains("SOURCE_DATE_EPOCH says 1980");
    assert!(snapshot(&lab.home()).len() <= 1, "no identity either");
}

#[test]
fn a_certificate_from_the_future_is_renewed() {
    let lab = built();
    let both = "person \"carol\" { device \"tab\" platform=\"android\"; }\n";
    declare(&lab, &format!("{DECLARATION}{both}"));
    at(&lab, MAY_2035, "build").succeeds();
    let remedy = "homelab renew carol/tab";
    at(&lab, MAY_2027, "status")
        .succeeds()
        .stdout_contains(remedy)
        .stderr_contains(remedy);
    for words in ["check", "build"] {
        at(&lab, MAY_2027, words).succeeds().stderr_contains(remedy);
    }
    at(&lab, MAY_2027, &remedy["homelab ".len()..])
        .succeeds()
        .stderr_lacks("is the clock right?");
    assert_eq!(states(&lab, "carol/tab"), ["active", "retired"]);
    for words in ["check", "build", "status"] {
        let outcome = at(&lab, MAY_2027, words);
        outcome.succeeds().stderr_lacks("is the clock right?");
    }
    at(&lab, MAY_2027, "status").stdout_contains("carol/tab    android   valid");
    at(&lab, MAY_2027, "build --check").succeeds();
}

#[test]
fn an_authority_from_the_future_is_replaced() {
    let lab = Lab::new().declare(DECLARATION);
    at(&lab, MAY_2035, "build").succeeds();
    let remedy = "homelab rotate --authority";
    at(&lab, MAY_2027, "status")
        .succeeds()
        .stdout_contains(remedy)
        .stderr_contains(remedy);
    for words in ["check", "build"] {
        at(&lab, MAY_2027, words).succeeds().stderr_contains(remedy);
    }
    at(&lab, MAY_2027, "renew --all")
        .fails_with(3)
        .stderr_contains(remedy);
    at(&lab, MAY_2027, "rotate --authority").succeeds();
    at(&lab, MAY_2027, "renew --all").succeeds();
    at(&lab, MAY_2027, "rotate --finish").succeeds();
    at(&lab, MAY_2027, "status --exit-code")
        .succeeds()
        .stdout_contains("2 valid")
        .stderr_lacks("is the clock right?");
    at(&lab, MAY_2027, "verify").succeeds();
}

#[test]
fn what_has_ended_is_said_where_all_else_is_right() {
    let lab = Lab::new().declare(DECLARATION);
    at(&lab, MAY_2027, "build").succeeds();
    let quiet = at(&lab, MAY_2027, "build");
    is_unchanged(&quiet);
    quiet.stderr_is("");
    let all = ["build", "check", "build --locked", "build --edge"];
    for words in all {
        at(&lab, MAY_2035, words)
            .succeeds()
            .stderr_contains("alice/pixel, bob/iphone")
            .stderr_contains("homelab renew --due");
    }
    at(&lab, MAY_2035, "plan")
        .succeeds()
        .stdout_contains("alice/pixel, bob/iphone");
    for words in all {
        at(&lab, MAY_2047, words)
            .succeeds()
            .stderr_contains("The authority ended on 2037-")
            .stderr_contains("homelab rotate --authority");
    }
    for words in ["plan", "plan --edge"] {
        at(&lab, MAY_2047, words)
            .succeeds()
            .stdout_contains("The authority ended on 2037-");
    }
    // Each remedy is one.
    at(&lab, MAY_2035, "renew --due").succeeds();
    at(&lab, MAY_2035, "build").succeeds().stderr_is("");
    at(&lab, MAY_2035, "build --edge").succeeds().stderr_is("");
    at(&lab, MAY_2035, "plan").succeeds().stdout_lacks("nded");
    at(&lab, MAY_2047, "renew --all")
        .fails_with(3)
        .stderr_contains("homelab rotate --authority");
    at(&lab, MAY_2047, "rotate --authority").succeeds();
    at(&lab, MAY_2047, "renew --all").succeeds();
    at(&lab, MAY_2047, "build").succeeds().stderr_is("");
    at(&lab, MAY_2047, "status").stdout_contains("2 valid");
}
