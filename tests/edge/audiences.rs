//! What many services share is said once, and yet each lets in exactly its own people: read in what Caddy makes of it, and asked of
//! running ones. Names are such as Caddy or CEL could take for numbers, for truth, or for each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::described::list;
use crate::house::House;
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::random::Random;
use crate::support::upstream::Upstream;

const FINGERPRINT: &str = "{http.request.tls.client.fingerprint}";

/// People, and the names to show of some: what Caddy or CEL could take for a number, for truth, for nothing, for the line of a
/// `map` that is for everybody else, or for a pattern.
const PEOPLE: [(&str, &str); 13] = [
    ("1e3", "1000"),
    ("1000", "1e3"),
    ("true", "false"),
    ("false", "true"),
    ("null", "-"),
    ("0", "0x0"),
    ("in", "~in"),
    ("audience", "audience"),
    ("p-1e3", "$1 \\1 x"),
    ("default", "default"),
    ("person-1e3", "part-1"),
    ("nan", "default"),
    ("told", "a \"b\" <c> 'd' \u{e4}"),
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

/// A home, and whom its services are to let in.
struct Home {
    declaration: String,
    /// The devices of each person, by their fingerprints.
    devices: BTreeMap<&'static str, Vec<String>>,
    services: BTreeMap<&'static str, (BTreeSet<&'static str>, bool)>,
}

impl Home {
    /// With so many certificates of somebody else, whom every service lets in.
    fn random(seed: u64, crowd: usize) -> Self {
        let mut dice = Random(seed);
        let mut declaration = String::from("domain \"home.example.com\"\n");
        let mut devices = BTreeMap::new();
        for (person, shown) in PEOPLE {
            let own: Vec<String> = (0..=dice.below(9))
                .map(|_| fingerprint(&mut dice))
                .collect();
            let shown = shown.replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(declaration, "person \"{person}\" {{\n    name \"{shown}\"").unwrap();
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
        declaration += "person \"crowd\" {\n    device \"phone\" platform=\"linux\"\n";
        for number in 0..crowd {
            let fingerprint = fingerprint(&mut dice);
            writeln!(
                declaration,
                "    device \"d{number}\" fingerprint=\"{fingerprint}\""
            )
            .unwrap();
        }
        declaration += "}\n";
        let mut some = || -> BTreeSet<&str> {
            let mut some: BTreeSet<&str> = { PEOPLE.into_iter().map(|(name, _)| name) }
                .filter(|_| dice.below(3) > 0)
                .collect();
            some.insert(PEOPLE[dice.below(13)].0);
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
            let people = sets[dice.below(4)].clone();
            let identity = dice.below(2) == 0;
            let allow: Vec<String> = people.iter().map(|p| format!("\"{p}\"")).collect();
            let (allow, told) = (allow.join(" "), if identity { "identity; " } else { "" });
            let with = if crowd > 0 { " \"crowd\"" } else { "" };
            writeln!(
                declaration,
                "service \"{name}\" {{ upstream \"http://127.0.0.1:9\"; {told}allow {allow}{with}; }}"
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

/// One that may begin with any digit.
fn fingerprint(dice: &mut Random) -> String {
    let mut digits = || format!("{:08x}", dice.below(1 << 32));
    (0..8).map(|_| digits()).collect()
}

/// What Caddy does with a request to a host with a certificate: read off its configuration.
struct Reading<'c> {
    named: &'c Value,
    host: String,
    fingerprint: String,
    variables: BTreeMap<String, String>,
    /// The handlers `map` so far.
    maps: Vec<&'c Value>,
    told: BTreeMap<String, String>,
}

/// How the handling of a request ended.
#[derive(PartialEq)]
enum End {
    GoesOn,
    Refused,
    LetIn,
}

impl<'c> Reading<'c> {
    /// What the upstream is told of who came, where the request gets there.
    fn of(server: &'c Value, host: &str, fingerprint: &str) -> Option<BTreeMap<String, String>> {
        let mut reading = Reading {
            named: &server["named_routes"],
            host: host.to_owned(),
            fingerprint: fingerprint.to_owned(),
            variables: BTreeMap::new(),
            maps: Vec::new(),
            told: BTreeMap::new(),
        };
        (reading.routes(&server["routes"]) == End::LetIn).then_some(reading.told)
    }

    fn routes(&mut self, routes: &'c Value) -> End {
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

    fn handlers(&mut self, handlers: &'c Value) -> End {
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
                        let value = self.expanded(value);
                        self.variables.insert(name.clone(), value);
                    }
                    End::GoesOn
                }
                "map" => {
                    self.maps.push(handler);
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
            let value = self.expanded(values[0].as_str().expect("a text"));
            self.told.insert(name.to_lowercase(), value);
        }
    }

    /// A text with its placeholders replaced, once: what stands in their place is a text.
    fn expanded(&self, text: &str) -> String {
        let (mut expanded, mut rest) = (String::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            let (placeholder, after) = behind.split_once('}').expect("a placeholder ends");
            expanded += before;
            expanded += &self.value(placeholder);
            rest = after;
        }
        expanded + rest
    }

    fn value(&self, placeholder: &str) -> String {
        if format!("{{{placeholder}}}") == FINGERPRINT {
            return self.fingerprint.clone();
        }
        if let Some(name) = placeholder.strip_prefix("http.vars.") {
            return self.variables.get(name).cloned().unwrap_or_default();
        }
        let destination = Value::from(format!("{{{placeholder}}}"));
        let place = |map: &&Value| {
            let mut destinations = list(&map["destinations"]).iter();
            destinations.position(|known| *known == destination)
        };
        let found = self.maps.iter().find_map(|map| Some((map, place(map)?)));
        // No certificate in the tables begins so.
        if found.is_none() && placeholder == "visitor.class" {
            return String::new();
        }
        let (map, place) = found.unwrap_or_else(|| panic!("nothing says {placeholder}"));
        let source = self.expanded(map["source"].as_str().expect("a text"));
        let mapped = list(&map["mappings"]).iter().find(|mapping| {
            // Caddy takes a line that says nothing for none.
            mapping["input"] == source[..] && !mapping["outputs"][place].is_null()
        });
        match mapped {
            Some(mapping) => {
                let output = &mapping["outputs"][place];
                output.as_str().expect("no number and no truth").to_owned()
            }
            None => map["defaults"][place]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
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
                "vars_regexp" => {
                    let pattern = wanted[FINGERPRINT]["pattern"].as_str();
                    let begin = pattern.and_then(|pattern| pattern.strip_prefix('^'));
                    let begin = begin.expect("what a fingerprint begins with");
                    self.fingerprint.starts_with(begin)
                }
                // The request is a plain one: none of what these look for is in it.
                "expression" => {
                    // The old Caddy gives the text alone.
                    let text = wanted["expr"].as_str().or(wanted.as_str());
                    let text = text.expect("an expression is a text");
                    let known = [FINGERPRINT, "{visitor.class}", "{http.vars.told-person}"];
                    let mut known = known
                        .into_iter()
                        .filter_map(|name| Some((name, text.strip_prefix(name)?)));
                    known.next().is_some_and(|(name, asked)| {
                        let value = self.expanded(name);
                        let listed = asked
                            .strip_prefix(" in [")
                            .and_then(|list| list.strip_suffix(']'));
                        let quoted = format!("'{value}'");
                        listed.expect("a list").split(", ").any(|one| one == quoted)
                    })
                }
                "header_regexp" | "method" | "header" => false,
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

impl Home {
    /// Where files let in others, or tell of others, than was declared: read off what Caddy makes of them.
    fn differences(&self, version: Version, files: &str, directory: &Path) -> Vec<String> {
        let outcome = version.adapt(files, directory);
        let json: Value = serde_json::from_str(outcome.succeeds().stdout()).expect("JSON");
        let server = server(&json);
        let mut wrong = Vec::new();
        for (service, (people, identity)) in &self.services {
            let host = format!("{service}.home.example.com");
            for nobody in ["f".repeat(64), String::new()] {
                if Reading::of(server, &host, &nobody).is_some() {
                    wrong.push(format!("{version:?}: `{nobody}` at {service}"));
                }
            }
            for (person, shown) in PEOPLE {
                let told = |name, value: &str| (*identity).then(|| (name, value.to_owned()));
                let email = format!("{person}@home.example.com");
                let expected = people.contains(person).then(|| {
                    let told = [
                        told("remote-user", person),
                        told("remote-name", shown),
                        told("remote-email", &email),
                        told("remote-groups", ""),
                    ];
                    let told = told.into_iter().flatten();
                    told.map(|(name, value)| (name.to_owned(), value))
                        .collect::<BTreeMap<_, _>>()
                });
                for fingerprint in &self.devices[person] {
                    let found = Reading::of(server, &host, fingerprint);
                    if found != expected {
                        wrong.push(format!(
                            "{version:?}: {person} at {service}: {found:?}, should be {expected:?}"
                        ));
                    }
                }
            }
        }
        wrong
    }
}

#[test]
fn each_service_lets_in_its_own_people_however_much_is_said_once() {
    let lab = Lab::new();
    let (mut shared, mut told, mut by_class) = (0, 0, 0);
    for (seed, crowd) in [
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 0),
        (5, 500),
        (6, 500),
        (7, 1_400),
    ] {
        let home = Home::random(seed, crowd);
        lab.write("homelab.kdl", &home.declaration);
        lab.command(["build"]).run().succeeds();
        for version in Version::each() {
            let files = lab.edge(version);
            shared += files.matches("(audience-").count();
            told += files.matches("(people-").count();
            by_class += usize::from(files.contains("&(classes)"));
            if Version::ALL.contains(&version) {
                assert_eq!(version.fmt_diff(&files), "", "{version:?}");
            }
            let directory = lab.path().join("out/edge");
            crate::assert_none(&home.differences(version, &files, &directory));
        }
    }
    assert!(shared > 20 && told > 20, "{shared} {told}");
    let with_named_routes = Version::each().filter(|version| *version != Version::Old);
    assert_eq!(by_class, 3 * with_named_routes.count());
}

/// The reading above notices what lets in or tells of somebody else.
#[test]
fn a_list_or_a_name_that_was_changed_is_noticed() {
    let home = Home::random(1, 0);
    let lab = Lab::new().declare(&home.declaration);
    lab.command(["build"]).run().succeeds();
    let directory = lab.path().join("out/edge");
    for version in Version::ALL {
        let files = lab.edge(version);
        let line = |begins: &str| {
            let found = files.lines().find(|line| line.starts_with(begins));
            found
                .unwrap_or_else(|| panic!("no {begins} in\n{files}"))
                .to_owned()
        };
        let instead = |begins: &str, other: &str| files.replace(&line(begins), other);
        let listed = line("\t@audience-1");
        let matcher = listed.split_whitespace().next().expect("it has a name");
        let own = &home.devices["1e3"][0];
        let told = line(&format!("\t\t{own} "));
        let other = "0".repeat(64);
        let mut words = listed.split(|c: char| !c.is_ascii_alphanumeric());
        let on_it = words.find(|word| word.len() == other.len());
        let on_it = on_it.expect("somebody is on each list");
        let mutants = [
            (
                "everybody is on a list",
                instead("\t@audience-1", &format!("\t{matcher} path *")),
            ),
            (
                "nobody has to be on it",
                instead(
                    "\tvars @audience-1",
                    &line("\tvars @audience-1").replace(&format!("{matcher} "), ""),
                ),
            ),
            (
                "nobody is asked",
                files.replace("\thandle @allowed {", "\thandle {"),
            ),
            (
                "somebody else is on it",
                files.replace(&listed, &listed.replace(on_it, &other)),
            ),
            (
                "somebody else is told of",
                files.replace(&told, &told.replace("1e3", "1000")),
            ),
            (
                "a number is told of",
                files.replace(&told, &told.replace('"', "")),
            ),
            (
                "somebody else's name",
                instead(
                    "\t\tperson-1e3 ",
                    "\t\tperson-1e3 \"x\" \"1e3@home.example.com\" \"\"",
                ),
            ),
            (
                "whatever is for others",
                files.replace("\t\tdefault - - -\n", ""),
            ),
            (
                "nobody is told of",
                files.replace("\t\t\theader_up Remote-User {http.vars.told-person}\n", ""),
            ),
            (
                "whoever has another part",
                files.replace(
                    &format!("\tvars {matcher} people-"),
                    &format!("\tvars {matcher} other-"),
                ),
            ),
        ];
        for (what, mutant) in mutants {
            assert_ne!(mutant, files, "{what}");
            // Caddy takes it: what is noticed is another policy, and no mistake of form.
            version.adapt(&mutant, &directory).succeeds();
            let noticed =
                std::panic::catch_unwind(|| home.differences(version, &mutant, &directory));
            // The reading ends at what it does not know.
            assert!(
                noticed.is_err() || noticed.is_ok_and(|wrong| !wrong.is_empty()),
                "{version:?}: {what}"
            );
        }
    }
}

/// People with as many devices as make a set long, and others beside them.
fn crowded(upstream: &str) -> String {
    let mut text = String::from(
        "domain \"home.example.com\"\n\
         person \"1e3\" { name \"1000\"; device \"pixel\" platform=\"linux\"; }\n\
         person \"true\" { name \"Tru \\\"T\\\" E\"; device \"phone\" platform=\"linux\"; }\n\
         person \"default\" { name \"-\"; device \"tv\" platform=\"linux\"; }\n\
         group \"both\" \"1e3\" \"true\" \"default\"\n\
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
        ("default", "\"default\" \"crowd\"", "identity; "),
        ("told-a", "\"both\" \"crowd\"", "identity; "),
        (
            "told-b",
            "\"both\" \"crowd\"",
            "identity; header-underscores; ",
        ),
        ("told-c", "\"1e3\" \"crowd\"", "identity; "),
        (
            "told-d",
            "\"1e3\" \"crowd\"",
            "identity; upstream \"http://127.0.0.1:9\" path=\"/a/*\"; ",
        ),
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

/// Whom each service of that home lets in, and whether its upstream is told.
const LETS_IN: [(&str, &[&str]); 11] = [
    ("1e3", &["1e3", "true", "default"]),
    ("1000", &["1e3"]),
    ("true", &["true"]),
    ("1", &["1e3", "true", "default"]),
    ("e", &["1e3"]),
    ("in", &["true"]),
    ("default", &["default"]),
    ("told-a", &["1e3", "true", "default"]),
    ("told-b", &["1e3", "true", "default"]),
    ("told-c", &["1e3"]),
    ("told-d", &["1e3"]),
];

#[test]
fn running_caddies_let_in_by_what_is_said_once() {
    let upstream = Upstream::start("it");
    let house = House::new(&crowded(&upstream.address()));
    let visitors = [
        ("1e3", "pixel", "1000"),
        ("true", "phone", "Tru \"T\" E"),
        ("default", "tv", "-"),
    ]
    .map(|(person, device, shown)| (person, shown, house.bundle(person, device)));
    for version in Version::each() {
        let generated = house.generated(version);
        for name in [
            "(audience-1)",
            "(audience-1000)",
            "(audience-default)",
            "(audience-in)",
            "(people-1)",
            "(people-1000)",
            "(people-default)",
        ] {
            assert!(generated.contains(name), "{name}\n{generated}");
        }
        let caddy = house.serve(version);
        for (service, let_in) in LETS_IN {
            let told = service.starts_with("told") || service == "default";
            for (person, shown, bundle) in &visitors {
                let visit = caddy.visit(&format!("{service}.home.example.com"), "/");
                let visit = visit
                    .header("Remote-User", "crowd")
                    .header("audience-1", "in");
                let answer = bundle.shown(visit).run();
                if !let_in.contains(person) {
                    answer.has_status(403);
                    continue;
                }
                let arrival = answer.has_status(200).arrival();
                let what = format!("{version:?}: {person} at {service}");
                let expected = |value| if told { vec![value] } else { Vec::new() };
                let email = format!("{person}@home.example.com");
                assert_eq!(arrival.header("Remote-User"), expected(*person), "{what}");
                assert_eq!(arrival.header("Remote-Name"), expected(*shown), "{what}");
                assert_eq!(
                    arrival.header("Remote-Email"),
                    expected(&email[..]),
                    "{what}"
                );
                assert_eq!(arrival.header("Remote-Groups"), expected("both"), "{what}");
            }
        }
        // Who is let in without a certificate, by a public path or at home, is nobody.
        for path in ["/p/x", "/"] {
            let visit = caddy.visit("open.home.example.com", path);
            let answer = visit.header("Remote-User", "1e3").run();
            let arrival = answer.has_status(200).arrival();
            assert_eq!(arrival.header("Remote-User"), [""; 0], "{version:?} {path}");
        }
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
    assert!(!sites.contains("invoke") && !sites.contains("&("));
    assert_eq!(report.matches("alice/d19").count(), 4);
    let (sites, report) = home(21);
    assert_eq!(sites.matches(&first).count(), 0);
    let listed = format!("['{:064x}', ", 0);
    assert_eq!(sites.matches(&listed).count(), 1, "who gets in");
    let told = format!("\t\t{:064x} \"alice\"\n", 0);
    assert_eq!(sites.matches(&told).count(), 1, "who came");
    assert_eq!(sites.matches("&(audience-a) {").count(), 1);
    assert_eq!(sites.matches("&(guard) {").count(), 1);
    assert_eq!(sites.matches("invoke audience-a\n").count(), 4);
    assert_eq!(sites.matches("invoke people-a\n").count(), 2);
    assert_eq!(report.matches("alice/d19").count(), 1);
    assert_eq!(report.matches("those of a, below").count(), 4);
}
