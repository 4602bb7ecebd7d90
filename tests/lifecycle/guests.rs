//! `until`: a device that is let in up to a day.

use crate::renewal::{run, states};
use crate::support::lab::Lab;

/// Day 0 is 2027-01-01.
const DECLARATION: &str = r#"
domain "home.example.com"
person "alice" { device "pixel" platform="android"; }
person "guest" { device "phone" platform="android" until="2027-03-01"; }
service "photos" { upstream "http://127.0.0.1:1"; allow "alice" "guest"; }
"#;

const LAST: i64 = 31 + 28;

fn without_until() -> String {
    DECLARATION.replace(" until=\"2027-03-01\"", "")
}

#[test]
fn a_certificate_ends_with_the_last_day_and_everybody_is_told() {
    let lab = Lab::new().declare(DECLARATION);
    run(&lab, 0, ["plan"])
        .succeeds()
        .stdout_contains("guest/phone, whose last day is 2027-03-01");
    run(&lab, 0, ["build"])
        .succeeds()
        .stdout_contains("issued guest/phone until 2027-03-01");
    let lock = lab.read("homelab.lock");
    let guest = lock
        .lines()
        .find(|line| line.starts_with("certificate \"guest/phone\" "));
    assert!(
        guest.is_some_and(|line| line.contains("not-after=\"2027-03-01T23:59:59Z\"")),
        "{lock}"
    );
    assert!(
        lab.read("out/people/guest/guide.html")
            .contains("its last day is <time datetime=\"2027-03-01\">")
    );
    assert!(
        !lab.read("out/people/alice/guide.html")
            .contains("its last day is")
    );
    assert!(
        lab.read("out/index.html")
            .contains("until 2027-03-01, its last day: it is not renewed")
    );
    let reminders = lab.read("out/renewals.ics");
    assert!(!reminders.contains("guest/phone: renew"), "{reminders}");
    // In the window in which others are due, and on its last day.
    for day in [LAST - 10, LAST] {
        let told = run(&lab, day, ["status", "--exit-code"]);
        told.succeeds()
            .stdout_contains("its last day is 2027-03-01: it is not renewed");
    }
    let told = run(&lab, LAST + 1, ["status", "--exit-code"]);
    told.succeeds()
        .stdout_contains("its last day was 2027-03-01: delete its line");
}

#[test]
fn no_renewal_goes_beyond_the_last_day() {
    let lab = Lab::built_on(0, DECLARATION);
    let before = lab.read("homelab.lock");
    for day in [LAST - 10, LAST + 1] {
        run(&lab, day, ["renew", "--due"])
            .succeeds()
            .stdout_contains("left guest/phone as it is: its last day is 2027-03-01")
            .stdout_contains("nothing is due");
    }
    run(&lab, LAST + 1, ["renew", "guest/phone"])
        .fails_with(2)
        .stderr_contains("the last day of `guest/phone` was 2027-03-01");
    run(&lab, LAST + 1, ["build"])
        .succeeds()
        .stdout_lacks("issued");
    assert_eq!(lab.read("homelab.lock"), before);
    // All but the guest.
    run(&lab, LAST + 1, ["renew", "--all"])
        .succeeds()
        .stdout_contains("issued alice/pixel")
        .stdout_contains("left guest/phone as it is")
        .stdout_lacks("issued guest/phone");
    // One that was given up too early is renewed up to the last day.
    let lab = Lab::built_on(0, &DECLARATION.replace("until", "validity=\"3d\" until"));
    run(&lab, 5, ["renew", "--due"])
        .succeeds()
        .stdout_contains("issued guest/phone");
}

#[test]
fn nothing_is_issued_after_the_last_day() {
    let lab = Lab::new().declare(DECLARATION);
    run(&lab, LAST + 1, ["build"])
        .succeeds()
        .stdout_contains("issued alice/pixel")
        .stdout_lacks("guest/phone");
    for command in [["build", "--locked"], ["build", "--check"]] {
        run(&lab, LAST + 1, command).succeeds();
    }
    run(&lab, LAST + 1, ["status"])
        .succeeds()
        .stdout_contains("ended");
    run(&lab, LAST + 1, ["exposure"])
        .succeeds()
        .stderr_lacks("guest/phone");
    // A later day lets it in.
    let lab = lab.declare(&DECLARATION.replace("2027-03-01", "2027-05-01"));
    run(&lab, LAST + 1, ["build"])
        .succeeds()
        .stdout_contains("issued guest/phone until 2027-05-01");
}

#[test]
fn who_had_more_time_before_is_shut_out_after_the_last_day() {
    let lab = Lab::built_on(0, &without_until()).declare(DECLARATION);
    run(&lab, 1, ["build"]).succeeds();
    run(&lab, 1, ["status", "--exit-code"])
        .fails_with(4)
        .stdout_contains("homelab renew guest/phone makes it end on 2027-03-01");
    assert_eq!(states(&lab, "guest/phone"), ["active"]);
    let listed = "\"guest/phone\": {\"fingerprint\"";
    assert!(lab.read("out/edge/exposure.json").contains(listed));
    // What is said of its end is the day, and not how long the certificate would last.
    let guide = lab.read("out/people/guest/guide.html");
    assert!(
        guide.contains("its last day is <time datetime=\"2027-03-01\">"),
        "{guide}"
    );
    let page = lab.read("out/index.html");
    assert!(
        page.contains("until 2027-03-01, its last day: it is not renewed"),
        "{page}"
    );
    let calendar = lab.read("out/renewals.ics");
    let ends = { calendar.split("BEGIN:VEVENT") }
        .filter(|event| event.contains("SUMMARY:guest/phone: its certificate ends"));
    let ends: Vec<&str> = ends.collect();
    assert!(
        matches!(ends[..], [end] if end.contains("20270301")),
        "{calendar}"
    );
    // Whatever was known of a build that had nothing to do, the day counts.
    run(&lab, 1, ["build"]).succeeds();
    for command in [
        ["build", "--edge"],
        ["build", "--locked"],
        ["plan", "--edge"],
    ] {
        let told = "though the last day of `until` is over: guest/phone";
        let outcome = run(&lab, LAST + 1, command);
        let said = [outcome.succeeds().stdout(), outcome.stderr()].concat();
        assert!(said.contains(told), "{command:?}\n{outcome}");
        let before = run(&lab, LAST, command);
        let said = [before.succeeds().stdout(), before.stderr()].concat();
        assert!(!said.contains(told), "{command:?}\n{before}");
    }
    run(&lab, LAST + 1, ["plan"])
        .succeeds()
        .stdout_contains("retire   guest/phone");
    run(&lab, LAST + 1, ["build"])
        .succeeds()
        .stdout_contains("retired guest/phone");
    assert!(states(&lab, "guest/phone")[0].starts_with("retired"));
    assert!(!lab.read("out/edge/exposure.json").contains(listed));
}

#[test]
fn an_older_certificate_is_let_in_no_longer_than_the_last_day() {
    let lab = Lab::built_on(0, &without_until()).declare(DECLARATION);
    run(&lab, LAST - 10, ["renew", "guest/phone"])
        .succeeds()
        .stdout_contains("issued guest/phone until 2027-03-01");
    let states = states(&lab, "guest/phone");
    assert_eq!(states, ["active", "replaced until=2027-03-01T23:59:59Z"]);
}

#[test]
fn a_renamed_device_is_recognised() {
    let lab = Lab::built_on(0, DECLARATION);
    let renamed = DECLARATION.replace("\"alice\"", "\"anna\"");
    let lab = lab.declare(&renamed);
    for command in ["check", "plan", "build"] {
        run(&lab, 1, [command])
            .succeeds()
            .stderr_contains("anna/pixel was alice/pixel?")
            .stderr_contains("declare alice/pixel beside it");
    }
    let lab = lab.declare(&renamed.replace("\"pixel\"", "\"pixel-2\""));
    run(&lab, 1, ["plan"])
        .succeeds()
        .stderr_contains("anna/pixel-2 was anna/pixel?");
    // A new person with a device of that name beside the old one is somebody else.
    let lab = Lab::built_on(0, DECLARATION);
    let another =
        format!("{DECLARATION}person \"eve\" {{ device \"phone\" platform=\"android\"; }}\n");
    let lab = lab.declare(&another);
    run(&lab, 1, ["plan"]).succeeds().stderr_lacks(" was ");
}

#[test]
fn a_network_without_its_length_is_warned_of() {
    let text =
        format!("{DECLARATION}edge {{ lan \"192.168.0.0\" \"fd00:1:2:3::\" \"10.0.0.5\"; }}\n");
    let lab = Lab::built_on(0, &text);
    for command in ["check", "plan"] {
        run(&lab, 0, [command])
            .succeeds()
            .stderr_contains("`lan \"192.168.0.0\"` is one address, which nobody has: write `lan \"192.168.0.0/16\"`")
            .stderr_contains("`lan \"fd00:1:2:3::/64\"`")
            .stderr_lacks("10.0.0.5");
    }
}
