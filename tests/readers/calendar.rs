//! The reminders, read by vobject, which calendar servers read with.

use crate::support::lab::Lab;
use crate::support::outcome;
use crate::support::tools;

/// Prints each event on a line: its identifier without the random part, its stamp and its beginning, its texts.
const READER: &str = r#"
import sys, vobject
text = sys.stdin.buffer.read().decode("utf-8")
calendar = vobject.readOne(text, validate=True)
lines = text.split("\r\n")
assert all(len(line.encode()) <= 75 for line in lines), "a line is too long"
assert "\n" not in "".join(lines), "a line ends with less than CR LF"
for event in calendar.vevent_list:
    alarms = [alarm for alarm in event.components() if alarm.name == "VALARM"]
    assert all(alarm.action.value == "DISPLAY" and alarm.description.value == event.summary.value for alarm in alarms)
    days = [-alarm.trigger.value.days for alarm in alarms]
    print(event.uid.value[33:], event.dtstamp.value, event.dtstart.value, event.summary.value, event.description.value, days, sep=" | ")
"#;

#[test]
fn reminders_are_read_as_they_are_meant() {
    let declaration = r#"
        domain "a-domain-with-quite-a-long-name.example.com"
        validity { renew "30d"; }
        person "alice" { device "pixel" platform="android"; device "loan" platform="other" validity="12h"; }
    "#;
    let lab = Lab::new().declare(declaration);
    let at = |days: i64, arguments: &[&str]| {
        let command = lab.command(arguments.iter().copied());
        command.on(days).run().succeeds();
        lab.read("out/renewals.ics")
    };
    let first = at(0, &["build"]);
    let mut python = tools::command("venv-python");
    let read = outcome::run(python.args(["-c", READER]), first.as_bytes());
    let domain = "a-domain-with-quite-a-long-name.example.com";
    let expected = [
        "due@DOMAIN | STAMP | 2027-01-01 07:40:00+00:00 | alice/loan: renew its certificate | Run `homelab renew alice/loan`, deploy the edge, and hand over the new file. | []",
        "end@DOMAIN | STAMP | 2027-01-01 12:00:00+00:00 | alice/loan: its certificate ends | From now on it is refused. Run `homelab renew alice/loan`, if it is still in use. | []",
        "due@DOMAIN | STAMP | 2027-12-02 00:00:00+00:00 | alice/pixel: renew its certificate | Run `homelab renew alice/pixel`, deploy the edge, and hand over the new file. | []",
        "end@DOMAIN | STAMP | 2028-01-01 00:00:00+00:00 | alice/pixel: its certificate ends | From now on it is refused. Run `homelab renew alice/pixel`, if it is still in use. | [14, 1]",
        "end@DOMAIN | STAMP | 2037-01-01 00:00:00+00:00 | DOMAIN: the authority of all devices ends | From now on every certificate of `DOMAIN devices AUTHORITY` is refused. | [14, 1]",
    ];
    let lock = lab.read("homelab.lock");
    let authority = lock
        .lines()
        .find_map(|line| line.strip_prefix("authority \""));
    let authority = &authority.expect("there is one")[..8];
    let expected = expected.map(|line| {
        line.replace("DOMAIN", domain)
            .replace("STAMP", "2026-12-31 23:00:00+00:00")
            .replace("AUTHORITY", authority)
            + "\n"
    });
    read.succeeds().stdout_is(&expected.concat());
    // A certificate keeps its identifiers for as long as it stands; another has others.
    let identifiers = |text: &str| -> Vec<String> {
        let unfolded = text.replace("\r\n ", "");
        let lines = unfolded.lines().filter(|line| line.starts_with("UID:"));
        lines.map(str::to_owned).collect()
    };
    let second = at(1, &["renew", "alice/loan"]);
    let kept = identifiers(&first)
        .into_iter()
        .filter(|uid| identifiers(&second).contains(uid));
    assert_eq!(kept.count(), 3);
}
