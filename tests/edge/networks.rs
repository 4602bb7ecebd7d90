//! Networks that are declared by name, single devices, and questions of browsers: who gets in from where, and what the upstream is told.

use crate::family::Bundle;
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::lab::Lab;
use crate::support::upstream::Upstream;

/// The home, where this is the network of the office.
fn declared(upstream: &Upstream, office: &str) -> String {
    let upstream = upstream.address();
    format!(
        r#"
        domain "home.example.com"
        network "office" "{office}" "2001:db8:7::/48"
        network "away" "203.0.113.0/24"
        edge {{ caddy "2.6"; lan "192.168.7.0/24"; }}
        person "alice" {{ device "laptop" platform="linux"; device "phone" platform="android"; }}
        person "bob" {{ device "laptop" platform="linux"; device "phone" platform="android"; }}
        person "carol" {{ device "laptop" platform="linux"; }}
        service "open" {{ upstream "http://{upstream}"; open "office" "away"; }}
        service "shut" {{ upstream "http://{upstream}"; open "away"; }}
        service "both" {{ upstream "http://{upstream}"; allow "alice"; open "office"; identity; }}
        service "confined" {{ upstream "http://{upstream}"; allow "alice" from="office"; allow "bob/laptop" from="office"; allow "carol"; identity; }}
        service "single" {{ upstream "http://{upstream}"; allow "alice" "bob/laptop"; identity; }}
        service "below" {{
            upstream "http://{upstream}"
            allow "alice" "bob/laptop" "carol"
            path "/office/*" {{ allow "alice" from="office"; }}
            path "/device/*" {{ allow "bob/laptop"; }}
            path "/desk/*" {{ open "office"; }}
            identity
        }}
        service "asks" {{
            upstream "http://{upstream}"
            allow "alice"
            path "/x/*" {{ allow "bob"; }}
            preflight "https://app.home.example.com" "https://other.example:8443"
        }}
        "#
    )
}

/// Who comes, and at which host and path; what the upstream is told of them; none where they are refused.
type Cell = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

const NOBODY: &str = "nobody";

/// What holds wherever the office is.
const ANYWHERE: [Cell; 20] = [
    (NOBODY, "shut", "/", None),
    ("carol/laptop", "shut", "/", None),
    ("alice/laptop", "both", "/", Some("alice")),
    ("alice/phone", "both", "/", Some("alice")),
    ("carol/laptop", "confined", "/", Some("carol")),
    ("bob/phone", "confined", "/", None),
    (NOBODY, "confined", "/", None),
    ("alice/phone", "single", "/", Some("alice")),
    ("bob/laptop", "single", "/", Some("bob")),
    ("bob/phone", "single", "/", None),
    ("carol/laptop", "single", "/", None),
    ("carol/laptop", "below", "/", Some("carol")),
    ("bob/phone", "below", "/", None),
    ("bob/laptop", "below", "/device/x", Some("bob")),
    ("bob/phone", "below", "/device/x", None),
    ("alice/laptop", "below", "/device/x", None),
    ("bob/laptop", "below", "/DEVICE/x", Some("bob")),
    ("carol/laptop", "below", "/office/x", None),
    ("carol/laptop", "below", "/desks/x", Some("carol")),
    (NOBODY, "below", "/", None),
];

/// What holds in the office, and whether it holds elsewhere too is said last.
const IN_OFFICE: [Cell; 9] = [
    (NOBODY, "open", "/", Some("")),
    (NOBODY, "both", "/", Some("")),
    ("bob/phone", "both", "/", Some("")),
    ("alice/laptop", "confined", "/", Some("alice")),
    ("bob/laptop", "confined", "/", Some("bob")),
    ("alice/phone", "below", "/office/x", Some("alice")),
    ("alice/phone", "below", "/Office/x", Some("alice")),
    (NOBODY, "below", "/desk/x", Some("")),
    ("carol/laptop", "below", "/desk/x", Some("carol")),
];

/// A visitor's answer is as the cell says.
fn fault(house: &House, caddy: &Caddy, (who, service, path, told): Cell) -> Option<String> {
    let host = format!("{service}.home.example.com");
    let mut visit = caddy.visit(&host, path).header("Remote-User", "mallory");
    if let Some((person, device)) = who.split_once('/') {
        let Bundle { path, password } = house.bundle(person, device);
        visit = visit.p12(&path, &password);
    }
    let answer = visit.run();
    let found = match answer.status {
        Some(200) => Some(answer.arrival().header("Remote-User").join(" ")),
        _ => None,
    };
    (found.as_deref() != told).then(|| {
        format!(
            "{who} at {host}{path}: should be {told:?}, is {found:?} ({:?})",
            answer.status
        )
    })
}

fn holds(version: Version) {
    let upstream = Upstream::start("it");
    for (office, is_here) in [("127.0.0.0/8", true), ("198.51.100.0/24", false)] {
        let house = House::new(&declared(&upstream, office));
        let caddy = house.serve(version);
        let in_office = IN_OFFICE
            .map(|(who, service, path, told)| (who, service, path, told.filter(|_| is_here)));
        let cells = ANYWHERE.into_iter().chain(in_office);
        let wrong: Vec<String> = cells
            .filter_map(|cell| fault(&house, &caddy, cell))
            .collect();
        crate::assert_none(&wrong);
        preflight(&caddy);
    }
}

/// A browser's question, by its method, path and headers, and whether it is one that is answered.
type Question = (&'static str, &'static str, &'static [Header], bool);
type Header = (&'static str, &'static str);

const QUESTIONS: [Question; 10] = [
    ("OPTIONS", "/", &[ORIGIN, METHOD], true),
    ("OPTIONS", "/x/y", &[ORIGIN, METHOD], true),
    (
        "OPTIONS",
        "/",
        &[("Origin", "https://other.example:8443"), METHOD],
        true,
    ),
    ("OPTIONS", "/", &[ORIGIN], false),
    ("OPTIONS", "/", &[METHOD], false),
    (
        "OPTIONS",
        "/",
        &[("Origin", "https://evil.example"), METHOD],
        false,
    ),
    (
        "OPTIONS",
        "/",
        &[
            ("Origin", "https://app.home.example.com.evil.example"),
            METHOD,
        ],
        false,
    ),
    ("OPTIONS", "/", &[("Origin", "null"), METHOD], false),
    ("GET", "/", &[ORIGIN, METHOD], false),
    (
        "POST",
        "/",
        &[ORIGIN, METHOD, ("X-HTTP-Method-Override", "OPTIONS")],
        false,
    ),
];
const ORIGIN: (&str, &str) = ("Origin", "https://app.home.example.com");
const METHOD: (&str, &str) = ("Access-Control-Request-Method", "DELETE");

fn preflight(caddy: &Caddy) {
    for (method, path, headers, answered) in QUESTIONS {
        let mut visit = caddy.visit("asks.home.example.com", path);
        if method != "GET" {
            visit = visit.method(method);
        }
        visit = visit.header("X-HTTP-Method", "DELETE");
        for (name, value) in headers {
            visit = visit.header(name, value);
        }
        let answer = visit.run();
        assert_eq!(
            answer.status == Some(200),
            answered,
            "{method} {path} {headers:?}: {:?}",
            answer.status
        );
        if answered {
            let arrival = answer.arrival();
            assert_eq!(arrival.method, "OPTIONS");
            assert!(arrival.header("X-HTTP-Method").is_empty(), "{arrival:?}");
        }
    }
}

#[test]
fn networks_devices_and_questions_count_on_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn networks_devices_and_questions_count_on_the_new_caddy() {
    holds(Version::New);
}

/// A path that is open for some methods changes nothing for the same methods elsewhere: the upstream is told who came and what it is told
/// of all, and websockets go on.
#[test]
fn what_is_open_by_its_method_changes_nothing_elsewhere() {
    let upstream = Upstream::start("it");
    let house = House::new(&format!(
        r#"
        domain "home.example.com"
        edge {{ caddy "2.6"; }}
        person "alice" {{ device "laptop" platform="linux"; }}
        service "below" {{
            upstream "http://{}"
            allow "alice"
            path "/hook/*" {{ open "everyone" methods="GET POST"; }}
            preflight "https://app.home.example.com"
            identity
            request-header "X-Tenant" "home"
        }}
        "#,
        upstream.address()
    ));
    for version in Version::ALL {
        let caddy = house.serve(version);
        for (method, path, told) in [
            ("GET", "/", true),
            ("POST", "/", true),
            ("POST", "/HOOKS", true),
            ("OPTIONS", "/x", true),
            ("POST", "/hook/x", false),
        ] {
            let visit = caddy.visit("below.home.example.com", path);
            let visit = visit.method(method).http1();
            let visit = { visit.header("Upgrade", "websocket") }
                .header("Connection", "Upgrade")
                .header("Origin", "https://app.home.example.com")
                .header("Access-Control-Request-Method", "PUT");
            let arrival = house.bundle("alice", "laptop").shown(visit).run().arrival();
            for (name, value) in [
                ("Remote-User", "alice"),
                ("X-Tenant", "home"),
                ("Upgrade", "websocket"),
            ] {
                let expected = Vec::from_iter(told.then_some(value));
                assert_eq!(
                    arrival.header(name),
                    expected,
                    "{version:?} {method} {path}: {arrival:?}"
                );
            }
        }
    }
}

/// Wherever the LAN is named, the report says what it is.
#[test]
fn the_report_says_what_the_lan_is() {
    for line in [
        "allow \"alice\" from=\"lan\"",
        "allow \"alice\"; path \"/x/*\" { open \"lan\"; }",
        "allow \"alice\"; path \"/x/*\" { allow \"alice\" from=\"lan\"; }",
        "allow \"alice\"; open \"lan\"",
    ] {
        assert!(
            report(line).contains("The LAN is `private_ranges`"),
            "{line}"
        );
    }
    assert!(!report("allow \"alice\"").contains("The LAN is"));
}

fn report(line: &str) -> String {
    let lab = Lab::built(&format!(
        "domain \"home.example.com\"
        person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
        service \"a\" {{ upstream \"http://127.0.0.1:1\"; {line}; }}"
    ));
    lab.read("out/edge/exposure.md")
}

/// The admin's page says of each person what they may open, and with what.
#[test]
fn the_page_says_who_may_open_what() {
    let people = |extra: &str| {
        format!(
            "domain \"home.example.com\"
            network \"office\" \"203.0.113.0/24\"
            person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
            person \"bob\" {{ device \"laptop\" platform=\"linux\"; device \"phone\" platform=\"linux\"; }}
            person \"carol\" {{ device \"laptop\" platform=\"linux\"; }}
            {extra}
            service \"a\" {{
                upstream \"http://127.0.0.1:1\"; open \"office\"
                allow \"alice\" \"bob/phone\"; allow \"carol\" \"bob/laptop\" from=\"lan\"
                path \"/x/*\" {{ allow \"carol\"; }}
            }}"
        )
    };
    let page = |declaration: &str| Lab::built(declaration).read("out/index.html");
    let few = page(&people(""));
    let row = few.split("<td>in office<br>some paths otherwise").nth(1);
    let row = row.expect("it says what is open").split("</tr>").next();
    let cells: Vec<&str> = row.expect("it ends").split("<td>").skip(1).collect();
    let [alice, bob, carol] = cells[..] else {
        panic!("{cells:?}")
    };
    assert!(
        alice.starts_with("<span class=\"yes\">certificate</span>"),
        "{alice}"
    );
    assert!(
        bob.contains("certificate of bob&#x2f;phone</span>"),
        "{bob}"
    );
    assert!(
        bob.contains("certificate of bob&#x2f;laptop, only from lan</span>"),
        "{bob}"
    );
    assert!(
        carol.contains("certificate, only from lan</span>"),
        "{carol}"
    );
    let others: String = (0..40).map(|n| format!("person \"p{n}\"\n")).collect();
    let many = page(&people(&others));
    assert!(many.contains("<td>alice<br>bob&#x2f;phone"), "{many}");
    assert!(
        many.contains("carol, bob&#x2f;laptop, only from lan"),
        "{many}"
    );
}
