//! Policies that a machine made up, before upstreams that read paths each in their own way: who gets in is what the policies of a path
//! grant by every reading of it, and what the report says.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::answers::Try;
use super::build;
use super::declaration::{
    Backend, Certificates, Declaration, Edge, PathPolicy, Person, Scheme, Service, Trust, Upstreams,
};
use super::estate::{LAN, OFFICE, PLACES, Place, Shows, Visitor};
use super::exposure::Report;
use super::granted::{Asker, Grant, Verdict, granted, grants, grants_below, is_named, verdict};
use super::readings::{covers, is_clear, may_be};
use super::strategy::{Policy, make_valid, policy};
use super::visits::{ASKED, ASKED_BY_OTHERS, ASKED_WITHOUT_METHOD, METHODS};
use crate::family::{bundle, stranger};
use crate::readers::servers::Servers;
use crate::readers::{ADMIN, APART, targets};
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::lab::Lab;
use crate::support::random::Random;
use crate::support::upstream::{Arrival, Upstream};
use crate::wire::{Wire, request};

/// So many services have a policy of their own.
const SERVICES: usize = 40;
/// So many visits there are to each.
const VISITS: usize = 4;
/// So many targets that are made up are asked for in each visit.
const MADE_UP: usize = 40;

/// A home of such services, built.
struct Home {
    declared: Declaration,
    lab: Lab,
    ports: Ports,
    visitors: Vec<Visitor>,
    /// What each service's upstream is.
    readers: Vec<&'static str>,
    _servers: Servers,
}

const PEOPLE: [(&str, &[&str]); 4] = [
    ("alice", &["pixel", "macbook"]),
    ("bob", &["iphone", "desktop"]),
    ("carol", &["ipad"]),
    ("dave", &["phone"]),
];

/// Whom the policies name.
const NAMED: [&str; 7] = [
    "alice",
    "bob",
    "carol",
    "family",
    "alice/macbook",
    "bob/desktop",
    "dave/phone",
];

impl Home {
    fn new() -> Home {
        let servers = Servers::start();
        let telling = Upstream::start("told").address();
        let upstreams = servers.all().into_iter().chain([("told", telling)]);
        let upstreams: Vec<(&str, String)> = upstreams.collect();
        let known: Vec<String> = NAMED.map(str::to_owned).into();
        let policies =
            policy(known).prop_filter("a path has one", |policy| !policy.paths.is_empty());
        let mut runner = TestRunner::deterministic();
        let mut services = Vec::new();
        let mut readers = Vec::new();
        for number in 0..SERVICES {
            let drawn = policies.new_tree(&mut runner).expect("it can be drawn");
            let (reader, address) = &upstreams[number % upstreams.len()];
            services.push(service(number, address, drawn.current()));
            readers.push(*reader);
        }
        let declared = declared(services);
        let lab = Lab::new();
        build(&lab, &declared.kdl()).expect("it is valid");
        let visitors = visitors(&lab);
        Home {
            declared,
            lab,
            ports: Ports::reserve(),
            visitors,
            readers,
            _servers: servers,
        }
    }

    fn serve(&self, version: Version) -> Caddy {
        let caddyfile = rewrite(&self.lab.built_edge(), &self.ports, &[]);
        Caddy::start(version, &caddyfile, &self.lab.path())
    }
}

fn declared(services: Vec<Service>) -> Declaration {
    let person = |(name, devices): (&str, &[&str])| Person {
        name: name.to_owned(),
        display: None,
        email: None,
        devices: devices.iter().map(|device| (*device).to_owned()).collect(),
        former: Vec::new(),
    };
    Declaration {
        domain: "home.example.com",
        edge: Edge {
            email: None,
            certificates: Certificates::Internal,
            lan: vec![LAN],
            behind: None,
            // So that both Caddys take it.
            caddy: Some("2.6"),
            asked: false,
            landing: false,
        },
        people: PEOPLE.map(person).into(),
        groups: vec![(
            "family".to_owned(),
            vec!["alice".to_owned(), "carol".to_owned()],
        )],
        networks: vec![("away", vec!["203.0.113.0/24"]), ("office", vec![OFFICE])],
        services,
    }
}

fn service(number: usize, address: &str, policy: Policy) -> Service {
    let Policy {
        access,
        paths,
        preflight,
    } = policy;
    let rest = Upstreams {
        scheme: Scheme::Http,
        addresses: vec![address.to_owned()],
        prefix: None,
        policy: None,
        trust: Trust::System,
        server_name: None,
    };
    let mut service = Service {
        name: format!("s{number}"),
        hosts: Vec::new(),
        title: None,
        app: None,
        backend: Backend::Proxy {
            rest,
            by_path: Vec::new(),
            dial: None,
            response: None,
            stream: false,
        },
        access,
        paths,
        preflight,
        max_body: None,
        header_underscores: false,
        headers: Vec::new(),
        raw: Vec::new(),
    };
    make_valid(&mut service);
    service
}

fn visitors(lab: &Lab) -> Vec<Visitor> {
    let pem =
        |person: &str, device: &str| -> PathBuf { bundle(lab, person, device).pem(&lab.home()) };
    let forged = stranger(lab, &bundle(lab, "alice", "pixel")).pem(&lab.home());
    let visitor = |name: &str, shows, pem| Visitor {
        name: name.to_owned(),
        shows,
        pem,
    };
    let mut visitors = vec![
        visitor("nobody", Shows::Nothing, None),
        visitor("a stranger", Shows::Stranger, Some(forged)),
    ];
    for (person, devices) in PEOPLE {
        for device in devices {
            let shows = Shows::Device(person.to_owned());
            let name = format!("{person}/{device}");
            visitors.push(visitor(&name, shows, Some(pem(person, device))));
        }
    }
    visitors
}

/// Targets that somebody wrote to get in, beside those of `readers`.
const HOSTILE: [&str; 40] = [
    r"/admin\x",
    "/admin%2fx",
    "/admin%5cx",
    "/adm%69n%2Fx",
    "//admin/x",
    "/x/../admin",
    "/x/..;/admin",
    "/ADMIN",
    "/admin;x",
    "/admin%00",
    "/%2e/admin",
    "/%c0%ae/admin",
    "/%e0%80%af/admin",
    "/share/..%c0%af../admin",
    "/admin/api",
    "/admin/x/../api/y",
    "/admin/%61pi/y",
    "/admin/API/y",
    "/admin//api/y",
    "/admin/./api/y",
    "/admin/api;x/y",
    "/admin/x.ics",
    "/share/x/../../admin/api/y",
    "/hooks/../admin/x",
    "/hooks/..%2fadmin/x",
    "/hooks%2fx",
    "/HOOKS/x",
    "/hooks;/x",
    "/up/../admin/x",
    "/UP",
    "/%75pX",
    "/upX/../admin",
    "/x.ICS",
    "/x.ics/y",
    "/x%2eics",
    "/.well-known/../admin/x",
    "/.well-known/x/../../admin",
    "/.WELL-KNOWN/x/y",
    "/%2ewell-known/x/y",
    "/.well-known/x/.hidden",
];

/// Targets that everybody reads alike, below each path and beside it.
const CLEAR: [&str; 22] = [
    "/",
    "/x",
    "/x/y?z=1",
    "/admin/x",
    "/admin/",
    "/admin/api/y",
    "/admin/x/y.z",
    "/administrator",
    "/share/x",
    "/share/x/y?a=../b",
    "/hooks/x",
    "/upX",
    "/up",
    "/x.ics",
    "/share/My%20Photos/IMG%201.jpg",
    "/share/%C3%BC/$&'()*+,=~",
    "/hooks/!room:other.org/@bob",
    "/hooks/a;b=c/d",
    "/.well-known/x/y",
    "/.well-known/y",
    "/s/x",
    "/a/x",
];

/// What is tried in one visit: all that somebody wrote, and a part of what is made up.
fn tries(made_up: &[String], random: &mut Random) -> Vec<Try> {
    let mut tries = Vec::new();
    for target in CLEAR
        .iter()
        .chain(&HOSTILE)
        .chain(&ADMIN[..])
        .chain(&APART[..])
    {
        tries.push(Try::new("GET", *target));
    }
    for target in [
        "/",
        "/admin/x",
        "/share/x",
        "/hooks/x",
        "/upX",
        "/x.ics",
        "/x/../admin",
    ] {
        for method in ["POST", "HEAD", "PUT", "OPTIONS", "PROPFIND"] {
            tries.push(Try::new(method, target));
        }
        for headers in [ASKED, ASKED_BY_OTHERS, ASKED_WITHOUT_METHOD] {
            for method in ["OPTIONS", "GET"] {
                tries.push(Try {
                    headers,
                    ..Try::new(method, target)
                });
            }
        }
    }
    for target in ["/", "/admin/x", "/hooks/x"] {
        for method in ["get", "options", "FOO", "TRACE"] {
            tries.push(Try {
                headers: ASKED,
                ..Try::new(method, target)
            });
        }
    }
    for _ in 0..MADE_UP {
        let method = ["GET", "GET", "GET", "POST"][random.below(4)];
        tries.push(Try::new(
            method,
            made_up[random.below(made_up.len())].clone(),
        ));
    }
    tries
}

/// What came of a request.
#[derive(Debug)]
enum Came {
    NoConnection,
    /// The edge refused it, with that status.
    Refused(u16),
    /// An upstream has it, and could answer for these names; it was told of that person.
    Passed(BTreeSet<String>, Option<String>),
}

/// Sends all, over as few connections as the server leaves open.
fn sent(
    caddy: &Caddy,
    host: &str,
    (visitor, place): (&Visitor, &Place),
    tries: &[Try],
) -> Vec<Came> {
    let mut all = Vec::new();
    while all.len() < tries.len() {
        let rest = &tries[all.len()..];
        let bytes = |attempt: &Try| {
            let Try {
                method,
                target,
                headers,
            } = attempt;
            let headers = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"));
            let headers: String = headers.collect();
            format!(
                "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Remote-User: mallory\r\nContent-Length: 0\r\n\r\n"
            )
        };
        let sent: String = rest.iter().map(bytes).collect();
        let sent = sent + &request("GET", "/end", host);
        let wire = Wire::named(caddy, host).maybe_pem(visitor.pem.as_ref());
        let reply = wire.with(["-bind", place.address]).send(&sent);
        if reply.answers.is_empty() {
            all.push(Came::NoConnection);
        }
        let answers = std::iter::zip(&reply.statuses, &reply.answers).take(rest.len());
        all.extend(answers.map(|(status, answer)| came(*status, answer)));
    }
    all
}

fn came(status: u16, answer: &str) -> Came {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if let Some((names, _)) = body
        .strip_prefix("read ")
        .and_then(|names| names.split_once('.'))
    {
        return Came::Passed(names.split(' ').map(str::to_owned).collect(), None);
    }
    if let Some(arrival) = Arrival::from_body(body) {
        let told = arrival.header("Remote-User").concat();
        return Came::Passed(BTreeSet::new(), Some(told));
    }
    match status {
        // An answer to HEAD has no body.
        200 => Came::Passed(BTreeSet::new(), None),
        status => Came::Refused(status),
    }
}

/// How much was asked, and what was wrong.
#[derive(Default)]
struct Outcome {
    passed: usize,
    refused: usize,
    /// Those of which the policies leave open whether they are refused.
    either: usize,
    wrong: Vec<String>,
}

/// Visits all services.
fn visited(home: &Home, caddy: &Caddy) -> Outcome {
    let made_up = targets();
    let mut random = Random(13);
    let report = Report::of(&home.lab);
    let mut outcome = Outcome::default();
    let visits: Vec<(&Visitor, &Place)> = { home.visitors.iter() }
        .flat_map(|visitor| PLACES.map(|place| (visitor, place)))
        .collect();
    for (number, service) in home.declared.services.iter().enumerate() {
        for turn in 0..VISITS {
            // Whoever has no certificate comes to each, from somewhere.
            let visit = match turn {
                0 => visits[number % PLACES.len()],
                _ => visits[PLACES.len() + random.below(visits.len() - PLACES.len())],
            };
            let visited = Visited {
                home,
                service,
                reader: home.readers[number],
                visit,
                report: &report,
            };
            visited.tried(caddy, &tries(&made_up, &mut random), &mut outcome);
        }
    }
    outcome
}

/// One visitor at one service.
struct Visited<'v> {
    home: &'v Home,
    service: &'v Service,
    reader: &'static str,
    visit: (&'v Visitor, &'v Place),
    report: &'v Report,
}

impl Visited<'_> {
    fn tried(&self, caddy: &Caddy, tries: &[Try], outcome: &mut Outcome) {
        let host = format!("{}.home.example.com", self.service.name);
        let connects = matches!(
            (self.asks(), &self.visit.0.shows),
            ("nothing", _) | (_, Shows::Device(_)) | ("verify_if_given", Shows::Nothing)
        );
        let tries = &tries[..if connects { tries.len() } else { 1 }];
        for (attempt, came) in tries.iter().zip(sent(caddy, &host, self.visit, tries)) {
            match &came {
                Came::Passed(..) => outcome.passed += 1,
                Came::Refused(_) | Came::NoConnection => outcome.refused += 1,
            }
            let wrong = self.wrong(attempt, &came, connects, outcome);
            outcome.wrong.extend(wrong.map(|what| {
                let ((who, place), Try { method, target, headers }) = (self.visit, attempt);
                let (who, from) = (&who.name, place.networks);
                let reader = self.reader;
                format!("{who} from {from:?} {method} {host}{target} {headers:?} ({reader}): {came:?}, {what}")
            }));
        }
    }

    fn asks(&self) -> &'static str {
        self.service.asks(self.home.declared.edge.asked)
    }

    fn asker(&self) -> Asker<'_> {
        let (visitor, place) = self.visit;
        let device = visitor.device(&self.home.declared);
        Asker {
            device: device.filter(|_| self.asks() != "nothing"),
            networks: place.networks,
        }
    }

    /// What is wrong with what came of it.
    fn wrong(
        &self,
        attempt: &Try,
        came: &Came,
        connects: bool,
        outcome: &mut Outcome,
    ) -> Option<String> {
        if !connects {
            let right = matches!(came, Came::NoConnection);
            return (!right).then(|| "should have no connection".to_owned());
        }
        let (declared, service, asker) = (&self.home.declared, self.service, self.asker());
        let verdict = verdict(declared, service, &asker, &attempt.request());
        outcome.either += usize::from(verdict == Verdict::Either);
        let has_passed = matches!(came, Came::Passed(..));
        let target = &attempt.target;
        let is_known = METHODS.contains(&attempt.method);
        let is_exact = is_known && (is_clear(target) || CLEAR.contains(&&target[..]));
        match (verdict, came) {
            (Verdict::Out, Came::Passed(..)) => return Some("should be refused".to_owned()),
            // To every site.
            (_, Came::Refused(405)) if attempt.method == "TRACE" => return None,
            // Upstreams have their own opinion of what is no path and no method.
            (Verdict::In, Came::Refused(403)) => return Some("should pass".to_owned()),
            (Verdict::In | Verdict::Either, Came::Refused(_)) if is_exact => {
                return Some("should pass".to_owned());
            }
            _ => {}
        }
        let is_plain = |path: &PathPolicy| covers(path.path, target);
        let of_others = |path: &PathPolicy| may_be(path.path, target) && !is_plain(path);
        let is_plain = is_clear(target) || service.paths.iter().any(is_plain);
        let is_plain = is_known
            && is_plain
            && verdict != Verdict::Either
            && !service.paths.iter().any(of_others);
        if is_plain {
            let host = format!("{}.home.example.com", service.name);
            let listed = self.report.lets_in(&host, self.visit, attempt);
            if listed != has_passed {
                return Some(format!("the report says {listed}"));
            }
        }
        let Came::Passed(names, told) = came else {
            return None;
        };
        if let Some(told) = told {
            let granted = granted(declared, service, &asker, &attempt.request());
            let person = asker.device.map(|(person, _)| person);
            let person = person.filter(|person| {
                let is_named = service.identity() && is_named(declared, service, person);
                is_named && granted == Some(Grant::Whole)
            });
            let expected = person.map_or("", |person| &person.name);
            if told != expected && (is_plain || !told.is_empty()) {
                return Some(format!("should be told {expected:?}"));
            }
        }
        let ungranted: Vec<&String> = { names.iter() }
            .filter(|name| !self.grants(name, attempt))
            .collect();
        (!ungranted.is_empty()).then(|| format!("nothing grants {ungranted:?}"))
    }

    /// Whether a policy that a name is under grants what was asked for.
    fn grants(&self, name: &str, attempt: &Try) -> bool {
        let (declared, service, asker) = (&self.home.declared, self.service, self.asker());
        let request = attempt.request();
        let named = |path: &&PathPolicy| {
            let first = path.path[1..].split(['/', '*']).next().unwrap_or_default();
            let known = ["admin", "hooks", "share", "up"].contains(&first);
            name == if known { first } else { "other" }
        };
        let mut paths = service.paths.iter().filter(named);
        let all = [format!("/{name}/*"), format!("/{name}*")];
        let is_all_of_it = paths
            .clone()
            .any(|path| all.contains(&path.path.to_owned()));
        paths.any(|path| grants_below(declared, service, path, &asker, &request).is_some())
            || !is_all_of_it && grants(declared, service, &asker, &request).is_some()
    }
}

fn hold(version: Version) {
    let home = Home::new();
    let outcome = visited(&home, &home.serve(version));
    let Outcome {
        passed,
        refused,
        either,
        wrong,
    } = outcome;
    let kdl = home.declared.kdl();
    let some = wrong[..wrong.len().min(60)].join("\n");
    assert!(wrong.is_empty(), "{} wrong:\n{some}\n{kdl}", wrong.len());
    assert!(
        passed > 8000 && refused > 15_000 && either * 5 < passed + refused,
        "{passed} passed, {refused} refused, {either} either"
    );
}

#[test]
fn no_upstream_answers_for_what_no_policy_grants_behind_the_old_caddy() {
    hold(Version::Old);
}

#[test]
fn no_upstream_answers_for_what_no_policy_grants_behind_the_new_caddy() {
    hold(Version::New);
}
