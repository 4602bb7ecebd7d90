//! What many services share is said once, and yet each lets in exactly its own people: read in what Caddy makes of it, and asked of
//! running ones. Names are such as Caddy or CEL could take for numbers, for truth, or for each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use crate::described::list;
use crate::house::House;
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::upstream::Upstream;

const FINGERPRINT: &str = "{http.request.tls.client.fingerprint}";

const PEOPLE: [&str; 9] = [
    "1e3", "1000", "true", "false", "null", "0", "in", "audience", "p-1e3",
];

const SERVICES: [&str; 16] = [
    "1e3",
    "1000",
    "true",
    "false",
    "null",
    "0",
    "in",
    "audience",
    "audience-1e3",
    "people-1e3",
    "e3",
    "1",
    "people",
    "audience-audience-1e3",
    "allowed",
    "inf",
];

/// The oldest, the first with named routes that is promised, and the current one.
const READERS: [Version; 3] = [Version::Old, Version::Between("caddy-2.8.4"), Version::New];

/// A home, and whom its services are to let in.
struct Home {
    declaration: String,
    /// The devices of each person, by their fingerprints.
    devices: BTreeMap<&'static str, Vec<String>>,
    services: BTreeMap<&'static str, (BTreeSet<&'static str>, bool)>,
}

/// Numbers that look like chance, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

impl Home {
    fn random(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut declaration = String::from("domain \"home.example.com\"\n");
        let mut devices = BTreeMap::new();
        for person in PEOPLE {
            let own: Vec<String> = (0..=dice.roll(9))
                .map(|_| {
                    (0..4)
                        .map(|_| format!("{:016x}", dice.roll(1 << 31)))
                        .collect()
                })
                .collect();
            writeln!(declaration, "person \"{person}\" {{").unwrap();
            for (number, fingerprint) in own.iter().enumerate() {
                writeln!(
                    declaration,
                    "    device \"d{number}\" fingerprint=\"{fingerprint}\""
                )
                .unwrap();
            }
            declaration += "}\n";
            devices.insert(person, own);
        }
        let mut some = || -> BTreeSet<&str> {
            let mut some: BTreeSet<&str> =
                PEOPLE.into_iter().filter(|_| dice.roll(3) > 0).collect();
            some.insert(PEOPLE[dice.roll(9) as usize]);
            some
        };
        // Few, so that they are shared; and two that differ in one person.
        let mut sets = vec![some(), some(), some()];
        let mut other = sets[0].clone();
        if !other.remove("true") {
            other.insert("true");
        }
        sets.push(other);
        let mut services = BTreeMap::new();
        for name in SERVICES {
            let people = sets[dice.roll(4) as usize].clone();
            let identity = dice.roll(2) == 0;
            let allow: Vec<String> = people.iter().map(|p| format!("\"{p}\"")).collect();
            let (allow, told) = (allow.join(" "), if identity { "identity; " } else { "" });
            writeln!(
                declaration,
                "service \"{name}\" {{ upstream \"http://127.0.0.1:9\"; {told}allow {allow}; }}"
            )
            .unwrap();
            services.insert(name, (people, identity));
        }
        Home {
            declaration,
            devices,
            services,
        }
    }
}

/// What Caddy does with a request to a host with a certificate: read off its configuration.
struct Reading<'c> {
    named: &'c Value,
    host: String,
    fingerprint: String,
    variables: BTreeMap<String, String>,
    told: BTreeMap<String, String>,
}

/// How the handling of a request ended.
#[derive(PartialEq)]
enum End {
    GoesOn,
    Refused,
    LetIn,
}

impl Reading<'_> {
    /// What the upstream is told of who came, where the request gets there.
    fn of(server: &Value, host: &str, fingerprint: &str) -> Option<BTreeMap<String, String>> {
        let mut reading = Reading {
            named: &server["named_routes"],
            host: host.to_owned(),
            fingerprint: fingerprint.to_owned(),
            variables: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        (reading.routes(&server["routes"]) == End::LetIn).then_some(reading.told)
    }

    fn routes(&mut self, routes: &Value) -> End {
        let mut groups = BTreeSet::new();
        for route in list(routes) {
            let group = route["group"].as_str();
            let is_over = group.is_some_and(|group| groups.contains(group));
            if is_over || !self.matches(&route["match"]) {
                continue;
            }
            groups.extend(group);
            match self.handlers(&route["handle"]) {
                End::GoesOn if route["terminal"] == true => return End::Refused,
                End::GoesOn => {}
                end => return end,
            }
        }
        End::GoesOn
    }

    fn handlers(&mut self, handlers: &Value) -> End {
        for handler in list(handlers) {
            let end = match handler["handler"].as_str().expect("it has a name") {
                "subroute" => self.routes(&handler["routes"]),
                "invoke" => {
                    let route = &self.named[handler["name"].as_str().expect("a name")];
                    assert!(route.is_object(), "{handler} leads nowhere");
                    assert!(route["match"].is_null());
                    self.handlers(&route["handle"])
                }
                "vars" => {
                    for (name, value) in handler.as_object().expect("an object") {
                        let value = value.as_str().expect("no number and no truth");
                        self.variables.insert(name.clone(), value.to_owned());
                    }
                    End::GoesOn
                }
                "headers" => {
                    self.headers(&handler["request"]);
                    End::GoesOn
                }
                "reverse_proxy" => {
                    self.headers(&handler["headers"]["request"]);
                    End::LetIn
                }
                "error" | "static_response" => End::Refused,
                other => panic!("an unknown handler {other}"),
            };
            if end != End::GoesOn {
                return end;
            }
        }
        End::GoesOn
    }

    fn headers(&mut self, change: &Value) {
        for name in change["delete"].as_array().into_iter().flatten() {
            let name = name.as_str().expect("a name").to_lowercase();
            let part = name.trim_matches('*');
            let (open, ended) = (name.starts_with('*'), name.ends_with('*'));
            self.told.retain(|told, _| match (open, ended) {
                (true, true) => !told.contains(part),
                (true, false) => !told.ends_with(part),
                (false, true) => !told.starts_with(part),
                (false, false) => told != part,
            });
        }
        for (name, values) in change["set"].as_object().into_iter().flatten() {
            let value = values[0].as_str().expect("a text").to_owned();
            self.told.insert(name.to_lowercase(), value);
        }
    }

    fn matches(&self, sets: &Value) -> bool {
        let Some(sets) = sets.as_array() else {
            return true;
        };
        sets.iter().any(|set| {
            let mut matchers = set.as_object().expect("an object").iter();
            matchers.all(|(kind, wanted)| match kind.as_str() {
                "host" => list(wanted).iter().any(|host| *host == self.host),
                "vars" => wanted
                    .as_object()
                    .expect("an object")
                    .iter()
                    .all(|(name, values)| {
                        let found = match name.as_str() {
                            FINGERPRINT => Some(&self.fingerprint),
                            name => {
                                assert!(!name.starts_with('{'), "{name}");
                                self.variables.get(name)
                            }
                        };
                        found.is_some_and(|found| list(values).iter().any(|value| value == found))
                    }),
                // The request is a plain one: none of what these look for is in it.
                "expression" | "header_regexp" | "method" | "header" => false,
                // Not a websocket.
                "not" => true,
                other => panic!("an unknown matcher {other}"),
            })
        })
    }
}

/// The server that has the sites.
fn server(json: &Value) -> &Value {
    let servers = json["apps"]["http"]["servers"]
        .as_object()
        .expect("servers");
    let mut guarded = servers.values();
    let found = guarded.find(|server| !list(&server["routes"]).is_empty());
    found.expect("one has the sites")
}

#[test]
fn each_service_lets_in_its_own_people_however_much_is_said_once() {
    let lab = Lab::new();
    let (mut shared, mut told, mut pairs) = (0, 0, 0);
    for seed in 1..=4 {
        let home = Home::random(seed);
        lab.write("homelab.kdl", &home.declaration);
        lab.command(["build"]).run().succeeds();
        for version in READERS {
            let files = lab.edge(version);
            shared += files.matches("(audience-").count();
            told += files.matches("(people-").count();
            assert_eq!(version.fmt_diff(&files), "", "{version:?}");
            let outcome = version.adapt(&files, &lab.path().join("out/edge"));
            let json: Value = serde_json::from_str(outcome.succeeds().stdout()).expect("JSON");
            let server = server(&json);
            for (service, (people, identity)) in &home.services {
                let host = format!("{service}.home.example.com");
                let nobody = "f".repeat(64);
                assert_eq!(Reading::of(server, &host, &nobody), None, "{service}");
                assert_eq!(Reading::of(server, &host, ""), None, "{service}");
                for (person, devices) in &home.devices {
                    for fingerprint in devices {
                        pairs += 1;
                        let found = Reading::of(server, &host, fingerprint);
                        let user = |name: &str| {
                            let found = found.as_ref();
                            found.and_then(|found| found.get(name)).map(String::as_str)
                        };
                        let what = format!("seed {seed}, {version:?}: {person} at {service}");
                        assert_eq!(found.is_some(), people.contains(person), "{what}");
                        let named = found.is_some() && *identity;
                        assert_eq!(user("remote-user"), named.then_some(*person), "{what}");
                        assert_eq!(user("remote-name"), named.then_some(*person), "{what}");
                        assert_eq!(user("remote-groups"), named.then_some(""), "{what}");
                    }
                }
            }
        }
    }
    assert!(
        shared > 20 && told > 20 && pairs > 5_000,
        "{shared} {told} {pairs}"
    );
}

/// People with as many devices as make a set long, and others beside them.
fn crowded(upstream: &str) -> String {
    let mut text = String::from(
        "domain \"home.example.com\"\n\
         person \"1e3\" { device \"pixel\" platform=\"linux\"; }\n\
         person \"true\" { name \"Tru \\\"T\\\" E\"; device \"phone\" platform=\"linux\"; }\n\
         group \"both\" \"1e3\" \"true\"\n\
         person \"crowd\" {\n",
    );
    for number in 0..21 {
        writeln!(
            text,
            "    device \"d{number}\" fingerprint=\"{number:064x}\""
        )
        .unwrap();
    }
    text += "}\n";
    for (service, allow, more) in [
        ("1e3", "\"both\" \"crowd\"", ""),
        ("1000", "\"1e3\" \"crowd\"", ""),
        ("true", "\"true\" \"crowd\"", ""),
        ("1", "\"both\" \"crowd\"", ""),
        ("e", "\"1e3\" \"crowd\"", ""),
        ("in", "\"true\" \"crowd\"", ""),
        ("told-a", "\"both\" \"crowd\"", "identity; "),
        ("told-b", "\"both\" \"crowd\"", "identity; "),
        ("told-c", "\"1e3\" \"crowd\"", "identity; "),
        ("told-d", "\"1e3\" \"crowd\"", "identity; "),
        (
            "open",
            "\"1e3\" \"crowd\"",
            "identity; open \"lan\"; public \"/p/*\"; ",
        ),
    ] {
        writeln!(
            text,
            "service \"{service}\" {{ upstream \"http://{upstream}\"; {more}allow {allow}; }}"
        )
        .unwrap();
    }
    text
}

#[test]
fn running_caddies_let_in_by_what_is_said_once() {
    let upstream = Upstream::start("it");
    let house = House::new(&crowded(&upstream.address()));
    let (one, other) = (house.bundle("1e3", "pixel"), house.bundle("true", "phone"));
    for version in READERS {
        let generated = house.generated(version);
        for name in [
            "(audience-1)",
            "(audience-1000)",
            "(audience-in)",
            "(people-1)",
            "(people-1000)",
        ] {
            assert!(generated.contains(name), "{name}\n{generated}");
        }
        let caddy = house.serve(version);
        for (service, lets_in_one, lets_in_other) in [
            ("1e3", true, true),
            ("1000", true, false),
            ("true", false, true),
            ("1", true, true),
            ("e", true, false),
            ("in", false, true),
            ("told-a", true, true),
            ("told-b", true, true),
            ("told-c", true, false),
            ("told-d", true, false),
        ] {
            let told = service.starts_with("told");
            for (bundle, is_let_in, name, shown) in [
                (&one, lets_in_one, "1e3", "1e3"),
                (&other, lets_in_other, "true", "Tru \"T\" E"),
            ] {
                let visit = caddy.visit(&format!("{service}.home.example.com"), "/");
                let visit = visit
                    .header("Remote-User", "crowd")
                    .header("audience-1", "in");
                let answer = bundle.shown(visit).run();
                if !is_let_in {
                    answer.has_status(403);
                    continue;
                }
                let arrival = answer.has_status(200).arrival();
                let expected = |value| if told { vec![value] } else { Vec::new() };
                assert_eq!(arrival.header("Remote-User"), expected(name), "{service}");
                assert_eq!(arrival.header("Remote-Name"), expected(shown), "{service}");
                assert_eq!(
                    arrival.header("Remote-Groups"),
                    expected("both"),
                    "{service}"
                );
            }
        }
        // Who is let in without a certificate is nobody.
        let public = caddy.visit("open.home.example.com", "/p/x");
        let arrival = public
            .header("Remote-User", "1e3")
            .run()
            .has_status(200)
            .arrival();
        assert_eq!(arrival.header("Remote-User"), [""; 0]);
    }
}

#[test]
fn what_a_home_of_ten_devices_shares_stands_in_each_site() {
    let home = |devices: usize| {
        let mut text = String::from("domain \"home.example.com\"\nperson \"alice\" {\n");
        for number in 0..devices {
            writeln!(
                text,
                "    device \"d{number}\" fingerprint=\"{number:064x}\""
            )
            .unwrap();
        }
        text += "}\n";
        for service in ["a", "b", "c", "d"] {
            let told = if service > "b" { "identity; " } else { "" };
            writeln!(text, "service \"{service}\" {{ upstream \"http://127.0.0.1:9\"; {told}allow \"alice\"; }}").unwrap();
        }
        let lab = Lab::built(&text);
        (
            lab.read("out/edge/sites.caddyfile"),
            lab.read("out/edge/exposure.md"),
        )
    };
    let (sites, report) = home(20);
    let first = format!(" vars {FINGERPRINT} {:064x} ", 0);
    assert_eq!(sites.matches(&first).count(), 4);
    assert!(!sites.contains("audience") && !report.contains("udience"));
    assert_eq!(report.matches("alice/d19").count(), 4);
    let (sites, report) = home(21);
    assert_eq!(
        sites.matches(&first).count(),
        2,
        "who gets in, and who came"
    );
    assert_eq!(sites.matches("&(audience-a) {").count(), 1);
    assert_eq!(sites.matches("invoke audience-a\n").count(), 4);
    assert_eq!(sites.matches("invoke people-a\n").count(), 2);
    assert_eq!(report.matches("alice/d19").count(), 1);
    assert_eq!(report.matches("those of a, below").count(), 4);
}
