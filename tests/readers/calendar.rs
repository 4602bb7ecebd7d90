//! The reminders, read by vobject, which calendar servers read with.

use crate::support::lab::Lab;
use crate::support::outcome;
use crate::support::tools;

/// Reads a calendar, in which each line is as RFC 5545 has it, into events with their alarms.
const READ: &str = r#"
import sys, vobject
text = sys.stdin.buffer.read().decode("utf-8")
calendar = vobject.readOne(text, validate=True)
lines = text.split("\r\n")
assert all(len(line.encode()) <= 75 for line in lines), "a line is too long"
assert "\n" not in "".join(lines), "a line ends with less than CR LF"
events = [(event, [alarm for alarm in event.components() if alarm.name == "VALARM"]) for event in calendar.vevent_list]
for event, alarms in events:
    assert all(alarm.action.value == "DISPLAY" and alarm.description.value == event.summary.value for alarm in alarms)
"#;

/// Prints each event on a line: its identifier without the random part, its stamp and its beginning, its texts.
const READER: &str = r#"
for event, alarms in events:
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
    let read = outcome::run(
        python.args(["-c", &format!("{READ}{READER}")]),
        first.as_bytes(),
    );
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

/// Of more than 200 devices those of a day have one event, as few alarms, and identifiers that stay when another joins them.
#[test]
fn what_happens_to_many_devices_on_a_day_is_one_event() {
    let declaration = |devices: usize| {
        let device = |number| format!("device \"d{number}\" platform=\"other\"\n");
        let devices: String = (0..devices).map(device).collect();
        format!(
            r#"
            domain "home.example.com"
            validity {{ renew "30d"; }}
            person "alice" {{ {devices} }}
            person "bob" {{ device "loan" platform="other" validity="12h"; }}
            person "guest" {{
                device "phone" platform="other" until="2027-12-01"
                device "watch" platform="other" until="2027-12-01"
            }}
            "#
        )
    };
    let lab = Lab::new().declare(&declaration(197));
    let at = |days: i64| {
        let command = lab.command(["build"]);
        command.on(days).run().succeeds();
        lab.read("out/renewals.ics")
    };
    // Two of each device, but for the guests, and the authority's.
    assert_eq!(at(0).matches("BEGIN:VEVENT").count(), 2 * 200 - 2 + 1);
    let read = |text: &str| {
        let print = "print(event.uid.value, event.dtstamp.value, event.dtstart.value, event.summary.value, event.description.value, [-alarm.trigger.value.days for alarm in alarms], sep=' | ')";
        let script = format!("{READ}\nfor event, alarms in events:\n    {print}\n");
        let mut python = tools::command("venv-python");
        let read = outcome::run(python.args(["-c", &script]), text.as_bytes());
        read.succeeds().stdout().to_owned()
    };
    lab.write("homelab.kdl", declaration(198));
    let events = read(&at(1));
    let events: Vec<&str> = events.lines().collect();
    assert_eq!(events.len(), 8, "{events:#?}");
    // By their names, of which the first fifty are told: d0, d1, d10, d100, ...
    let mut names: Vec<String> = (0..198).map(|number| format!("alice/d{number}")).collect();
    names.sort();
    let named = |more| {
        format!(
            "These are {} and {more} more: `homelab status` has all of them.",
            names[..50].join(", ")
        )
    };
    let one = "alice/d197";
    assert!(names[50..].iter().any(|name| name == one));
    let stamp = "2026-12-31 23:00:00+00:00";
    let renew = "Run `homelab renew --due`, deploy the edge, and hand over the new files.";
    let expected = [
        format!(
            "20270101-due@home.example.com | {stamp} | 2027-01-01 07:40:00+00:00 | bob/loan: renew its certificate | Run `homelab renew bob/loan`, deploy the edge, and hand over the new file. | []"
        ),
        format!(
            "20270101-end@home.example.com | {stamp} | 2027-01-01 12:00:00+00:00 | bob/loan: its certificate ends | From now on it is refused. Run `homelab renew bob/loan`, if it is still in use. | []"
        ),
        format!(
            "20271201-last-day@home.example.com | {stamp} | 2027-12-01 23:59:59+00:00 | 2 devices: their certificates end | Their last day, 2027-12-01, is over. Delete their lines in homelab.kdl, build, and deploy the edge. These are guest/phone and guest/watch. | [14, 1]"
        ),
        format!(
            "20271202-due@home.example.com | {stamp} | 2027-12-02 00:00:00+00:00 | 197 devices: renew their certificates | {renew} {} | []",
            named(147)
        ),
        format!(
            "20271203-due@home.example.com | 2027-01-01 23:00:00+00:00 | 2027-12-03 00:00:00+00:00 | {one}: renew its certificate | Run `homelab renew {one}`, deploy the edge, and hand over the new file. | []"
        ),
        format!(
            "20280101-end@home.example.com | {stamp} | 2028-01-01 00:00:00+00:00 | 197 devices: their certificates end | On this day they end, and are refused from then on. Run `homelab renew` with those that are still in use. {} | [14, 1]",
            named(147)
        ),
        format!(
            "20280102-end@home.example.com | 2027-01-01 23:00:00+00:00 | 2028-01-02 00:00:00+00:00 | {one}: its certificate ends | From now on it is refused. Run `homelab renew {one}`, if it is still in use. | [14, 1]"
        ),
    ];
    assert_eq!(events[..7], expected);
    assert!(events[7].contains("home.example.com: the authority of all devices ends"));
}

/// Prints the calendar's name, and each event on a line.
const OWN_READER: &str = r#"
print(calendar.x_wr_calname.value)
for event, alarms in events:
    before = [str(event.dtstart.value + alarm.trigger.value) if hasattr(event.dtstart.value, "hour") else str(-alarm.trigger.value) for alarm in alarms]
    url = event.url.value if hasattr(event, "url") else "nowhere"
    print(event.uid.value, event.dtstart.value, event.summary.value, event.description.value, url, before, sep=" | ")
"#;

/// Who has devices has a calendar of them, beside the guide, in the same language: of nobody else's, and with where a newer certificate is
/// fetched.
#[test]
fn each_has_a_calendar_of_the_own_devices() {
    let declaration = |pick_up: &str| {
        format!(
            r#"
            domain "home.example.com"
            validity {{ renew "30d"; }}
            edge {{ email "admin@example.com"; landing; {pick_up} }}
            person "anna" {{ name "Anna, die Große; \\ Co"; language "de"; device "handy" platform="android"; }}
            person "bob" {{ device "loan" platform="other" validity="12h"; device "mac" platform="macos"; }}
            person "guest" {{ device "phone" platform="ios" until="2027-03-01"; }}
            person "nobody" {{}}
            "#
        )
    };
    let lab = Lab::new().declare(&declaration(""));
    let at = |days: i64, arguments: &[&str]| {
        let command = lab.command(arguments.iter().copied());
        command.on(days).run().succeeds();
    };
    let read = |person: &str| {
        let text = lab.read(&format!("out/people/{person}/calendar.ics"));
        let mut python = tools::command("venv-python");
        let read = outcome::run(
            python.args(["-c", &format!("{READ}{OWN_READER}")]),
            text.as_bytes(),
        );
        read.succeeds().stdout().to_owned()
    };
    at(0, &["build"]);
    assert_eq!(
        read("bob"),
        "Certificates of home.example.com\n\
         bob-loan-due@home.example.com | 2027-01-01 07:40:00+00:00 | loan: a new certificate is due | You get a new one from admin@example.com. | nowhere | []\n\
         bob-loan-end@home.example.com | 2027-01-01 12:00:00+00:00 | loan: its certificate ends | The services at home.example.com then refuse this device until it has a new one. You get a new one from admin@example.com. | nowhere | []\n\
         bob-mac-due@home.example.com | 2027-12-02 | mac: a new certificate is due | You get a new one from admin@example.com. | nowhere | []\n\
         bob-mac-end@home.example.com | 2027-12-30 | mac: its certificate ends | The services at home.example.com then refuse this device until it has a new one. You get a new one from admin@example.com. | nowhere | ['13 days, 15:00:00', '15:00:00']\n"
    );
    assert!(!lab.path().join("out/people/nobody").exists());
    let guide = lab.read("out/people/bob/guide.html");
    assert!(guide.contains("<a href=\"calendar.ics\">Put the days into your calendar"));
    // Who is let in for a while gets no other.
    assert_eq!(
        read("guest"),
        "Certificates of home.example.com\n\
         guest-phone-end@home.example.com | 2027-03-01 | phone: its certificate ends | The device was let in for a while only. To go on, ask admin@example.com. | nowhere | ['13 days, 15:00:00', '15:00:00']\n"
    );
    let told = |day: &str| {
        let then = "Öffne https://home.example.com/renew auf diesem Gerät: Wenn dort sein neues Zertifikat bereitliegt, bekommst du es. Liegt dort keins? Schreib admin@example.com.";
        let (due, end) = day.split_once(' ').expect("two days");
        format!(
            "Zertifikate von home.example.com\n\
             anna-handy-due@home.example.com | {due} | handy: ein neues Zertifikat ist fällig | {then} | https://home.example.com/renew | []\n\
             anna-handy-end@home.example.com | {end} | handy: sein Zertifikat läuft ab | Die Dienste unter home.example.com weisen dieses Gerät dann ab, bis es ein neues hat. {then} | https://home.example.com/renew | ['13 days, 15:00:00', '15:00:00']\n"
        )
    };
    lab.write(
        "homelab.kdl",
        declaration("pick-up root=\"/etc/caddy/homelab\";"),
    );
    at(0, &["build"]);
    assert_eq!(read("anna"), told("2027-12-02 2027-12-30"));
    // A newer certificate's events take the place of those of the one before, wherever they have been imported.
    at(300, &["renew", "anna/handy"]);
    assert_eq!(read("anna"), told("2028-09-28 2028-10-26"));
}
