//! `homelab status`: what it says at each moment, to people and to scripts, without the secret.

use std::fs;

use serde_json::Value;

use crate::support::lab::{DAY, Lab, NEW_YEAR};
use crate::support::outcome::Outcome;
use crate::support::recipe::Recipe;

const DECLARATION: &str = r#"
domain "home.example.com"
validity { authority "10y"; device "1y"; renew "30d"; }
person "alice" { device "pixel" platform="android"; device "loan" platform="other" validity="12h"; }
person "bob" { device "iphone" platform="ios"; }
"#;

const HOUR: i64 = 3_600;

/// Built at new year, and without the identity since.
fn built() -> Lab {
    let lab = Lab::built_on(0, DECLARATION);
    fs::remove_dir_all(lab.home().join(".config")).expect("the identity was made there");
    lab
}

#[track_caller]
fn status<const N: usize>(lab: &Lab, since_new_year: i64, options: [&str; N]) -> Outcome {
    let before = lab.snapshot();
    let arguments = ["status"].into_iter().chain(options);
    let outcome = lab.command(arguments).at(NEW_YEAR + since_new_year).run();
    assert!(before == lab.snapshot(), "it changes nothing\n{outcome}");
    outcome
}

/// The state of each device, in the order shown, and what is to be done.
fn states(lab: &Lab, since_new_year: i64) -> Vec<String> {
    let outcome = status(lab, since_new_year, []);
    let lines = outcome.succeeds().stdout().lines().skip(1);
    let devices = lines.take_while(|line| !line.is_empty());
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    devices.map(words).collect()
}

#[test]
fn a_table_says_how_each_device_stands() {
    let lab = built();
    status(&lab, 0, []).succeeds().stdout_is(
        "DEVICE       PLATFORM  STATE  ENDS                               TO DO\n\
         alice/loan   other     valid  2027-01-01 12:00 UTC, in 12 hours\n\
         alice/pixel  android   valid  2028-01-01, in 12 months\n\
         bob/iphone   ios       valid  2028-01-01, in 12 months\n\
         \n\
         authority `home.example.com devices AUTHORITY`: valid, ends 2037-01-01, in 10 years\n\
         devices: 3 valid\n"
            .replace("AUTHORITY", &authority(&lab))
            .as_str(),
    );
}

fn authority(lab: &Lab) -> String {
    let lock = lab.read("homelab.lock");
    let line = lock
        .lines()
        .find_map(|line| line.strip_prefix("authority \""));
    line.expect("there is one")[..8].to_owned()
}

#[test]
fn time_passes() {
    let lab = built();
    assert_eq!(
        states(&lab, 9 * HOUR)[0],
        "alice/loan other due 2027-01-01 12:00 UTC, in 3 hours homelab renew alice/loan"
    );
    assert_eq!(
        states(&lab, 3 * DAY)[0],
        "alice/loan other expired 2027-01-01 12:00 UTC, 2 days ago homelab renew alice/loan"
    );
    let december = states(&lab, 345 * DAY);
    assert_eq!(
        december[1],
        "alice/pixel android due 2028-01-01, in 20 days homelab renew alice/pixel"
    );
    let after = states(&lab, 366 * DAY);
    assert_eq!(
        after[2],
        "bob/iphone ios expired 2028-01-01, 24 hours ago homelab renew bob/iphone"
    );
    // A year before its own end, the authority cannot give a whole year any more.
    let late = status(&lab, 3_300 * DAY, []);
    late.succeeds()
        .stdout_contains("`: due, ends 2037-01-01, in 11 months");
    late.stdout_contains("devices: 3 expired; the authority: due\n");
}

/// A year's certificate does not fit any more into what is left of the authority's ten.
#[test]
fn checking_tells_in_time_that_the_authority_ends() {
    let lab = built();
    let check = |days: i64| lab.command(["check"]).at(NEW_YEAR + days * DAY).run();
    let ends = "The authority ends on 2037-01-01: certificates that would be valid for longer end with it.\n";
    check(3_200).succeeds().stderr_lacks("The authority");
    check(3_300).succeeds().stderr_contains(ends);
}

#[test]
fn what_the_declaration_and_the_lock_disagree_about_is_to_be_built() {
    let lab = built();
    lab.write(
        "homelab.kdl",
        DECLARATION.replace(
            "device \"iphone\" platform=\"ios\"",
            "device \"tablet\" platform=\"linux\"",
        ),
    );
    let states = states(&lab, 0);
    assert_eq!(
        states[2],
        "bob/tablet linux not issued - homelab build issues it"
    );
    assert_eq!(
        states[3],
        "bob/iphone - removed 2028-01-01, in 12 months homelab build retires it"
    );
    // Before the first build there is no lock at all.
    let lab = Lab::new().declare(DECLARATION);
    status(&lab, 0, [])
        .succeeds()
        .stdout_contains("devices: 3 not issued\n");
    let lab = Lab::new().declare("domain \"home.example.com\"\n");
    status(&lab, 0, ["--exit-code"])
        .succeeds()
        .stdout_contains("no devices\n");
}

#[test]
fn monitoring_is_told_by_the_exit_code() {
    let lab = built();
    status(&lab, 0, ["--exit-code"]).succeeds().stderr_is("");
    for (time, said) in [
        (9 * HOUR, "devices: 2 valid, 1 due"),
        (2 * DAY, "devices: 2 valid, 1 expired"),
        (345 * DAY, "devices: 2 due, 1 expired"),
    ] {
        let told = status(&lab, time, ["--exit-code"]);
        told.fails_with(4)
            .stderr_contains(said)
            .stdout_contains("DEVICE");
        status(&lab, time, []).succeeds();
        status(&lab, time, ["--json", "--exit-code"]).fails_with(4);
    }
}

#[test]
fn a_clock_that_is_behind_is_noted() {
    let lab = built();
    let behind = status(&lab, -2 * DAY, []);
    behind.succeeds().stderr_contains("is the clock right?");
    assert_eq!(
        states(&lab, -2 * DAY)[1],
        "alice/pixel android not valid yet 2028-01-01, in 12 months set the clock right; if it is, homelab rotate --authority"
    );
    status(&lab, -2 * DAY, ["--exit-code"]).fails_with(4);
}

#[test]
fn scripts_get_the_same_as_json() {
    let lab = built();
    let json = status(&lab, 345 * DAY, ["--json"]);
    let json: Value = serde_json::from_str(json.succeeds().stdout()).expect("it is JSON");
    assert_eq!(json["now"], "2027-12-12T00:00:00Z");
    assert_eq!(json["authority"]["state"], "valid");
    let pixel = &json["devices"][1];
    assert_eq!(pixel["device"], "alice/pixel");
    assert_eq!(
        (&pixel["person"], &pixel["platform"]),
        (&"alice".into(), &"android".into())
    );
    assert_eq!(pixel["state"], "due");
    assert_eq!(pixel["certificate"]["not_after"], "2028-01-01T00:00:00Z");
    let lock = lab.read("homelab.lock");
    for name in ["serial", "fingerprint"] {
        let value = pixel["certificate"][name].as_str().expect("it is text");
        assert!(lock.contains(&format!("{name}=\"{value}\"")), "{name}");
    }
}

#[test]
fn colour_is_for_terminals() {
    let lab = built();
    let plain = status(&lab, 345 * DAY, []);
    plain.stdout_lacks("\u{1b}");
    let run = |name: &str| {
        let invocation = lab.command(["status"]).at(NEW_YEAR + 345 * DAY);
        invocation.env(name, "1").env("TERM", "xterm").run()
    };
    run("CLICOLOR_FORCE").stdout_contains("\u{1b}[33malice/pixel");
    run("NO_COLOR").stdout_lacks("\u{1b}");
}

/// A lock that is lost is not a homelab that begins.
#[test]
fn a_lost_lock_is_told_and_not_taken_for_a_beginning() {
    let lab = Lab::new().declare(
        "domain \"home.example.com\"\nperson \"a\" { device \"b\" platform=\"linux\"; }\n",
    );
    for command in ["status", "check"] {
        lab.command([command]).run().succeeds();
    }
    lab.command(["build"]).run().succeeds();
    std::fs::remove_file(lab.path().join("homelab.lock")).expect("it was written");
    for command in ["status", "check", "plan"] {
        let refused = lab.command([command]).run();
        refused.fails_with(3).stderr_contains("lock::missing");
    }
}

/// Takes what it is told into a file, with what stands in its environment.
const TAKES: &str = r#"{ echo "$HOMELAB_SUMMARY|$HOMELAB_DEVICES"; cat; } >told; echo printed"#;

fn on_due(lab: &Lab, since_new_year: i64, command: &str) -> Outcome {
    let status = lab.command(["status", "--on-due", command]);
    status.at(NEW_YEAR + since_new_year).run()
}

#[test]
fn a_command_of_the_user_s_own_is_told_what_is_to_be_done() {
    let lab = built();
    // Nothing is due.
    on_due(&lab, 0, TAKES).succeeds().stderr_is("");
    assert!(!lab.path().join("told").exists());

    let told = on_due(&lab, 9 * HOUR, TAKES);
    // What the command prints is no part of the status.
    told.succeeds()
        .stdout_lacks("printed")
        .stderr_is("printed\n");
    let authority = authority(&lab);
    assert_eq!(
        lab.read("told"),
        format!(
            "devices: 2 valid, 1 due|alice/loan\n\
             DEVICE      PLATFORM  STATE  ENDS                              TO DO\n\
             alice/loan  other     due    2027-01-01 12:00 UTC, in 3 hours  homelab renew alice/loan\n\
             \n\
             authority `home.example.com devices {authority}`: valid, ends 2037-01-01, in 10 years\n\
             devices: 2 valid, 1 due\n"
        )
    );

    // Monitoring is told besides, and so is a script.
    on_due(&lab, 345 * DAY, &format!("{TAKES}; exit 0")).succeeds();
    assert!(
        lab.read("told")
            .contains("|alice/loan alice/pixel bob/iphone\n")
    );
    let both = ["status", "--exit-code", "--json", "--on-due", TAKES];
    let both = lab.command(both).at(NEW_YEAR + 9 * HOUR).run();
    serde_json::from_str::<Value>(both.fails_with(4).stdout()).expect("it is JSON");
}

#[test]
fn a_command_that_tells_nobody_is_an_error() {
    let lab = built();
    for (command, why) in [
        ("exit 7", "failed: exit status: 7"),
        ("no-such-command-of-anybody-s", "failed: exit status: 127"),
        ("kill -9 $$", "failed: signal: 9"),
    ] {
        let told = on_due(&lab, 9 * HOUR, command);
        told.fails_with(3)
            .stdout_contains("alice/loan")
            .stderr_contains("status::on-due")
            .stderr_contains(why);
        on_due(&lab, 0, command).succeeds();
    }
    let without_shell = lab
        .command(["status", "--on-due", "true"])
        .env("PATH", "/nowhere");
    let without_shell = without_shell.at(NEW_YEAR + 9 * HOUR).run();
    without_shell
        .fails_with(3)
        .stderr_contains("could not be run");
    on_due(&lab, 0, "").fails_with(2);
}

#[test]
fn a_command_that_never_reads_is_not_waited_for_beyond_its_end() {
    // More than a pipe holds.
    let devices: String = (0..1500)
        .map(|number| format!("device \"device-number-{number}\" platform=\"linux\"; "))
        .collect();
    let lab = Lab::new().declare(&format!(
        "domain \"home.example.com\"\nperson \"alice\" {{ {devices} }}\n"
    ));
    let begun = std::time::Instant::now();
    let told = on_due(&lab, 0, "exec 3<&0; sleep 30 <&3 >/dev/null 2>&1 & true");
    told.succeeds().stderr_is("");
    assert!(begun.elapsed().as_secs() < 20);
    on_due(&lab, 0, "wc -l >told").succeeds();
    assert_eq!(lab.read("told").trim(), "1502");
}

/// The name of an authority that somebody else made could hold what a terminal obeys.
#[test]
fn what_a_command_is_told_steers_no_terminal() {
    let recipe = Recipe::of_2026();
    recipe.openssl("req -new -key ca.key -subj /CN=\u{1b}[2Jhome -out steering.csr");
    recipe.openssl(
        "x509 -req -in steering.csr -signkey ca.key -days 3650 -extfile extensions -out steering.pem",
    );
    let lab = Lab::built_on(0, DECLARATION);
    let steering = recipe.path("steering.pem");
    let steering = steering.to_str().expect("a test's paths are UTF-8");
    let adopt = lab.command(["adopt", "--trust-only", steering]);
    adopt.on(0).run().succeeds();
    on_due(&lab, 9 * HOUR, TAKES).succeeds();
    let told = lab.read("told");
    assert!(told.contains("[2Jhome`: trusted"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
}
