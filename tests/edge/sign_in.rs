//! `sign-in`: who gets in by certificate, by signing in or by both, and what upstreams and the gateway are told.

use std::collections::BTreeMap;

use crate::family::{Bundle, now};
use crate::gateway::{self, OWN, PAGE, PORTAL};
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::curl::{Answer, Curl};
use crate::support::lab::Lab;
use crate::support::port::Port;
use crate::support::upstream::{Arrival, Upstream};
use crate::verify::verify;

struct Home {
    house: House,
    /// By `person/device`; one of them is revoked.
    bundles: BTreeMap<&'static str, Bundle>,
    upstream: Upstream,
    gateway: Upstream,
}

impl Home {
    fn new(edge: &str) -> Home {
        Home::with(gateway::start(), edge)
    }

    fn with(gateway: Upstream, edge: &str) -> Home {
        let upstream = Upstream::start("it");
        let edge = edge.replace("GATEWAY", &format!("http://{}", gateway.address()));
        let house = House::new(&declared(&edge, &upstream.address()));
        let bundles = [("alice", "laptop"), ("bob", "laptop"), ("bob", "lost")];
        let bundles = bundles.map(|(person, device)| house.bundle(person, device));
        let bundles = std::iter::zip([ALICE, BOB, LOST], bundles).collect();
        house.command_at(now(), ["revoke", "--no-replace", LOST]);
        Home {
            house,
            bundles,
            upstream,
            gateway,
        }
    }

    fn visit(&self, caddy: &Caddy, who: &str, service: &str, path: &str) -> Curl {
        let visit = caddy.visit(&format!("{service}.home.example.com"), path);
        match self.bundles.get(who) {
            Some(bundle) => bundle.shown(visit),
            None => visit,
        }
    }
}

const PROXY: &str = "sign-in \"oauth2-proxy\" { upstream \"GATEWAY\"; }";
const AUTHELIA: &str = "sign-in \"authelia\" { upstream \"GATEWAY\"; }";

fn declared(edge: &str, upstream: &str) -> String {
    let to = format!("upstream \"http://{upstream}\"");
    format!(
        r#"
        domain "home.example.com"
        network "here" "127.0.0.0/8"
        edge {{ caddy "2.6"; lan "192.168.7.0/24"; {edge}; }}
        person "alice" {{ device "laptop" platform="linux"; }}
        person "bob" {{ device "laptop" platform="linux"; device "lost" platform="linux"; }}
        service "either" {{ {to}; allow "alice"; sign-in; public "/hook/*"; }}
        service "told" {{ {to}; allow "alice"; sign-in; identity; }}
        service "only" {{ {to}; sign-in; }}
        service "both" {{ {to}; allow "alice" "bob"; sign-in "also"; certificate "asked"; public "/hook/*"; }}
        service "strict" {{ {to}; allow "alice"; sign-in "also"; }}
        service "here" {{ {to}; open "here"; sign-in; }}
        service "here-also" {{ {to}; open "here"; sign-in "also"; }}
        service "away" {{ {to}; open "lan"; sign-in "also"; }}
        service "paths" {{
            {to}; allow "alice"
            path "/admin/*" {{ allow "bob"; sign-in "also"; }}
            path "/free/*" {{ sign-in; }}
            path "/hook/*" {{ open "everyone" methods="POST"; allow "bob"; }}
        }}
        service "around" {{ {to}; sign-in; path "/admin/*" {{ allow "alice"; }}; public "/share/*"; }}
        service "open" {{ {to}; open "everyone"; path "/admin/*" {{ allow "alice"; }}; }}
        service "prefixed" {{ upstream "http://{upstream}/below"; sign-in; raw "header X-Raw it"; }}
        service "said" {{ respond "hello"; sign-in; }}
        "#
    )
}

/// What a visitor gets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    /// The service, whose upstream is told of a certificate's owner and of who has signed in.
    Service(&'static str, &'static str),
    /// The gateway's page for who has not signed in.
    SignIn,
    /// One of the gateway's other pages.
    Own,
    /// Its answer with that status.
    Gateway(u16),
    /// The edge's own answer with that status.
    Edge(u16),
    NoHandshake,
}
use Got::{Edge, Gateway, NoHandshake, Own, Service, SignIn};

/// Who comes, with the session of whom; where to; and what they get.
type Cell = (&'static str, &'static str, &'static str, &'static str, Got);

const NOBODY: &str = "nobody";
const ALICE: &str = "alice/laptop";
const BOB: &str = "bob/laptop";
const LOST: &str = "bob/lost";
const NONE: &str = "";

/// With the preset of OAuth2 Proxy.
const CELLS: [Cell; 74] = [
    // A certificate or a sign-in.
    (ALICE, NONE, "either", "/", Service("", "")),
    (ALICE, "alice", "either", "/", Service("", "")),
    (NOBODY, NONE, "either", "/", SignIn),
    (NOBODY, NONE, "either", "/x?a=1&b=2", SignIn),
    (NOBODY, "alice", "either", "/", Service("", "alice")),
    (BOB, NONE, "either", "/", SignIn),
    (BOB, "alice", "either", "/", Service("", "alice")),
    (LOST, NONE, "either", "/", SignIn),
    (NOBODY, "guess", "either", "/", SignIn),
    (NOBODY, "unnamed", "either", "/", Edge(502)),
    (NOBODY, "empty", "either", "/", Edge(502)),
    (NOBODY, "placeholder", "either", "/", Edge(502)),
    (NOBODY, "plain", "either", "/", Edge(502)),
    (NOBODY, "forbidden", "either", "/", Gateway(403)),
    (NOBODY, "broken", "either", "/", Gateway(500)),
    (NOBODY, "moved", "either", "/", Gateway(302)),
    (NOBODY, "cut", "either", "/", Edge(502)),
    (NOBODY, "silent", "either", "/", Edge(502)),
    (NOBODY, "brace", "either", "/", Service("", "x{env.PATH}")),
    (NOBODY, "twice", "either", "/", Service("", "bob,bob")),
    (NOBODY, NONE, "either", "/hook/x", Service("", "")),
    (NOBODY, NONE, "either", "/hook/../x", SignIn),
    (NOBODY, NONE, "either", "/oauth2/start", Own),
    (NOBODY, NONE, "either", "/oauth2/../x", SignIn),
    (NOBODY, NONE, "either", "/oauth2", SignIn),
    (ALICE, NONE, "either", "/oauth2/start", Service("", "")),
    // Who is told to the upstream.
    (ALICE, NONE, "told", "/", Service("alice", "")),
    (ALICE, "alice", "told", "/", Service("alice", "")),
    (NOBODY, "alice", "told", "/", Service("", "alice")),
    (BOB, "alice", "told", "/", Service("", "alice")),
    // Nobody but by signing in.
    (NOBODY, NONE, "only", "/", SignIn),
    (NOBODY, "alice", "only", "/", Service("", "alice")),
    (NOBODY, "unnamed", "only", "/", Edge(502)),
    (NOBODY, NONE, "only", "/oauth2/callback?code=x", Own),
    // A certificate and a sign-in.
    (ALICE, NONE, "both", "/", SignIn),
    (ALICE, "alice", "both", "/", Service("", "alice")),
    (BOB, "alice", "both", "/", Service("", "alice")),
    (BOB, "unnamed", "both", "/", Edge(502)),
    (NOBODY, "alice", "both", "/", Edge(403)),
    (NOBODY, NONE, "both", "/", Edge(403)),
    (NOBODY, NONE, "both", "/oauth2/start", Edge(403)),
    (ALICE, NONE, "both", "/oauth2/start", Own),
    (LOST, "alice", "both", "/", Edge(403)),
    (NOBODY, NONE, "both", "/hook/x", Service("", "")),
    (NOBODY, "alice", "strict", "/", NoHandshake),
    (ALICE, NONE, "strict", "/", SignIn),
    (ALICE, "alice", "strict", "/", Service("", "alice")),
    (BOB, "alice", "strict", "/", Edge(403)),
    // Networks.
    (NOBODY, NONE, "here", "/", Service("", "")),
    (NOBODY, NONE, "here-also", "/", SignIn),
    (NOBODY, "alice", "here-also", "/", Service("", "alice")),
    (NOBODY, "alice", "away", "/", Edge(403)),
    // Paths.
    (ALICE, NONE, "paths", "/", Service("", "")),
    (NOBODY, "alice", "paths", "/", Edge(403)),
    (NOBODY, NONE, "paths", "/oauth2/start", Own),
    (BOB, NONE, "paths", "/admin/x", SignIn),
    (BOB, "alice", "paths", "/admin/x", Service("", "alice")),
    (ALICE, "alice", "paths", "/admin/x", Edge(403)),
    (NOBODY, "alice", "paths", "/admin/x", Edge(403)),
    (BOB, "alice", "paths", "/Admin/x", Edge(403)),
    (NOBODY, NONE, "paths", "/free/x", SignIn),
    (NOBODY, "alice", "paths", "/free/x", Service("", "alice")),
    (NOBODY, "alice", "paths", "/FREE/x", Edge(403)),
    (ALICE, "alice", "paths", "/FREE/x", Service("", "alice")),
    (NOBODY, "alice", "paths", "/free/../x", Edge(403)),
    (BOB, NONE, "paths", "/hook/x", Service("", "")),
    (NOBODY, "alice", "around", "/", Service("", "alice")),
    (NOBODY, NONE, "around", "/share/x", Service("", "")),
    (NOBODY, "alice", "around", "/admin/x", Edge(403)),
    (NOBODY, "alice", "around", "/ADMIN/x", Edge(403)),
    (ALICE, NONE, "around", "/ADMIN/x", SignIn),
    (ALICE, NONE, "around", "/admin/x", Service("", "")),
    // What is done with a request that is let in.
    (NOBODY, "alice", "prefixed", "/x", Service("", "alice")),
    (NOBODY, NONE, "said", "/", SignIn),
];

/// Headers that a visitor could be believed in.
const FORGED: [&str; 8] = [
    "X-Auth-Request-User",
    "x-auth-request-user",
    "X_Auth_Request_User",
    "X-Auth-Request-Email",
    "Remote-User",
    "Remote_User",
    "X-Auth-Request-Redirect",
    "X-Forwarded-User",
];

fn got(answer: &Answer) -> Got {
    let Some(status) = answer.status else {
        return NoHandshake;
    };
    let text = String::from_utf8_lossy(&answer.body);
    if status == 200 && text.starts_with("upstream it") {
        let arrival = answer.arrival();
        let told = |name| arrival.header(name).join(" + ");
        return Service(
            told("Remote-User").leak(),
            told("X-Auth-Request-User").leak(),
        );
    }
    match status {
        403 if text.starts_with(PAGE) => SignIn,
        200 if text == OWN => Own,
        status if text.contains("<html") => Edge(status),
        status => Gateway(status),
    }
}

fn fault(home: &Home, caddy: &Caddy, cell: &Cell) -> Option<String> {
    let (who, session, service, path, expected) = cell;
    let (asked, arrived) = (home.gateway.arrived(), home.upstream.arrived());
    let mut visit = home.visit(caddy, who, service, path).http1();
    for name in FORGED {
        visit = visit.header(name, "mallory");
    }
    visit = visit.header(
        "Connection",
        "X-Auth-Request-User, X-Auth-Request-Email, Remote-User",
    );
    if !session.is_empty() {
        visit = visit.header("Cookie", &gateway::cookie(session));
    }
    let answer = visit.run();
    let found = got(&answer);
    let mut wrong = Vec::new();
    if found != *expected {
        wrong.push(format!("is {found:?} ({:?})", answer.status));
    }
    let reached = home.upstream.arrived() > arrived;
    if reached != matches!(expected, Service(..)) {
        wrong.push(format!("the upstream was reached: {reached}"));
    }
    let questions = home.gateway.arrivals_after(asked);
    if matches!(expected, Edge(403) | NoHandshake) && !questions.is_empty() {
        wrong.push("the gateway was asked".to_owned());
    }
    wrong.extend(questions.iter().filter_map(misled));
    let arrivals = home.upstream.arrivals_after(arrived);
    let named: Vec<String> = { arrivals.iter() }
        .flat_map(|arrival| &arrival.headers)
        .filter(|(_, value)| value.contains("mallory"))
        .map(|(name, _)| format!("the upstream is told `{name}`"))
        .collect();
    wrong.extend(named);
    (!wrong.is_empty()).then(|| {
        let wrong = wrong.join("; ");
        format!("{who} as {session:?} at {service}{path}: should be {expected:?}, {wrong}")
    })
}

/// What a gateway was told that it could believe.
fn misled(question: &Arrival) -> Option<String> {
    let mut headers = question.headers.iter();
    let forged = headers.find(|(_, value)| value.contains("mallory"));
    forged.map(|(name, _)| format!("the gateway is told `{name}`"))
}

fn holds(version: Version) {
    let home = Home::new(PROXY);
    let caddy = home.house.serve(version);
    let faults = CELLS.iter().filter_map(|cell| fault(&home, &caddy, cell));
    crate::assert_none(&faults.collect::<Vec<_>>());
}

#[test]
fn a_certificate_a_sign_in_or_both_let_somebody_in_on_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn a_certificate_a_sign_in_or_both_let_somebody_in_on_the_new_caddy() {
    holds(Version::New);
}

/// What the gateway is asked, and what comes of it, method by method.
#[test]
fn a_question_is_no_request_of_the_visitor_s() {
    for version in Version::each() {
        let home = Home::new(PROXY);
        let caddy = home.house.serve(version);
        for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "PROPFIND"] {
            let (asked, arrived) = (home.gateway.arrived(), home.upstream.arrived());
            let mut visit = home
                .visit(&caddy, NOBODY, "only", "/x?a=1&b=%2F")
                .method(method);
            if ["POST", "PUT"].contains(&method) {
                visit = visit.body("secret words");
            }
            let visit = visit
                .header("Cookie", &gateway::cookie("alice"))
                .header("Authorization", "Bearer of-the-app");
            let answer = visit.run();
            answer.has_status(200);
            let cookies = answer.header("Set-Cookie");
            assert_eq!(
                cookies,
                ["session=alice; Path=/", "other=1; Path=/"],
                "{method}"
            );
            let questions = home.gateway.arrivals_after(asked);
            let [question] = &questions[..] else {
                panic!("{method}: {questions:?}")
            };
            assert_eq!(question.method, "GET");
            assert_eq!(question.target, "/oauth2/auth", "{question:?}");
            for (name, value) in [
                ("X-Forwarded-Method", method),
                ("X-Forwarded-Uri", "/x?a=1&b=%2F"),
                ("X-Forwarded-Host", &caddy_host("only", &caddy)),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-For", "127.0.0.1"),
                ("X-Real-IP", "127.0.0.1"),
                ("Cookie", &gateway::cookie("alice")),
            ] {
                assert_eq!(
                    question.header(name),
                    [value],
                    "{method} {name} {question:?}"
                );
            }
            for name in [
                "Authorization",
                "Content-Length",
                "Transfer-Encoding",
                "Upgrade",
            ] {
                assert!(question.header(name).is_empty(), "{method} {question:?}");
            }
            let arrivals = home.upstream.arrivals_after(arrived);
            let [arrival] = &arrivals[..] else {
                panic!("{method}: {arrivals:?}")
            };
            assert_eq!(arrival.method, method);
            assert_eq!(arrival.target, "/x?a=1&b=%2F");
            assert_eq!(arrival.header("Authorization"), ["Bearer of-the-app"]);
            assert_eq!(
                arrival.header("X-Auth-Request-Email"),
                ["alice@example.com"]
            );
            assert_eq!(arrival.header("X-Auth-Request-Groups"), ["family,admin"]);
            assert!(
                arrival
                    .header("X-Auth-Request-Preferred-Username")
                    .is_empty()
            );
            if ["POST", "PUT"].contains(&method) {
                assert_eq!(arrival.header("Content-Length"), ["12"], "{arrival:?}");
            }
        }
    }
}

fn caddy_host(service: &str, caddy: &Caddy) -> String {
    format!("{service}.home.example.com:{}", caddy.https_port())
}

/// A websocket of who has signed in is one; the question about it is none.
#[test]
fn a_websocket_of_who_has_signed_in_reaches_the_upstream() {
    for version in Version::each() {
        let home = Home::new(PROXY);
        let caddy = home.house.serve(version);
        let visit = |upgrade: &str| {
            let (asked, arrived) = (home.gateway.arrived(), home.upstream.arrived());
            let visit = home.visit(&caddy, NOBODY, "only", "/ws").http1();
            let visit = visit
                .header("Cookie", &gateway::cookie("alice"))
                .header("Connection", "Upgrade, X-Auth-Request-User")
                .header("Upgrade", upgrade);
            visit.run().has_status(200);
            let question = home.gateway.arrivals_after(asked).remove(0);
            assert!(question.header("Upgrade").is_empty(), "{question:?}");
            home.upstream.arrivals_after(arrived).remove(0)
        };
        let arrival = visit("websocket");
        assert_eq!(arrival.header("Upgrade"), ["websocket"]);
        assert_eq!(arrival.header("X-Auth-Request-User"), ["alice"]);
        assert!(visit("h2c").header("Upgrade").is_empty());
    }
}

/// Who has not signed in is told where to come back to, whatever they say themselves.
#[test]
fn the_page_leads_back_to_what_was_asked_for() {
    for version in Version::each() {
        let home = Home::new(PROXY);
        let caddy = home.house.serve(version);
        let visit = home.visit(&caddy, NOBODY, "only", "/x?a=1&b=2");
        let answer = visit
            .header("X-Auth-Request-Redirect", "https://evil.example/")
            .run();
        assert_eq!(answer.has_status(403).text(), format!("{PAGE} /x?a=1&b=2"));
    }
}

/// A gateway that says `Remote-User` itself, and sends visitors to its portal.
#[test]
fn who_signs_in_is_told_as_authelia_tells_it() {
    for version in Version::each() {
        let home = Home::new(AUTHELIA);
        let caddy = home.house.serve(version);
        let mut faults = Vec::new();
        for (who, session, service, expected) in [
            (NOBODY, "alice", "either", Service("alice", "")),
            (NOBODY, NONE, "either", Gateway(302)),
            (NOBODY, "unnamed", "either", Edge(502)),
            (NOBODY, "forbidden", "either", Gateway(403)),
            (ALICE, NONE, "told", Service("alice", "")),
            (BOB, "alice", "told", Service("alice", "")),
            (ALICE, NONE, "both", Gateway(302)),
            (ALICE, "alice", "both", Service("alice", "")),
            (NOBODY, "alice", "both", Edge(403)),
        ] {
            let cell = (who, session, service, "/", expected);
            faults.extend(fault(&home, &caddy, &cell));
        }
        crate::assert_none(&faults);
        let answer = home.visit(&caddy, NOBODY, "only", "/").run();
        assert_eq!(answer.header("Location"), [PORTAL]);
        let visit = home.visit(&caddy, NOBODY, "only", "/");
        let visit = visit.header("Cookie", &gateway::cookie("alice"));
        let answer = visit.run();
        let arrival = answer.arrival();
        assert_eq!(arrival.header("Remote-Name"), ["Alice"]);
        // It says that it is empty: nothing is told.
        assert!(arrival.header("Remote-Email").is_empty(), "{arrival:?}");
    }
}

/// Nothing is let in by a gateway that is not there.
#[test]
fn a_gateway_that_is_down_lets_nobody_in() {
    for version in Version::each() {
        let unused = Port::reserve();
        let edge = PROXY.replace("GATEWAY", &format!("http://127.0.0.1:{}", unused.number()));
        let home = Home::with(gateway::start(), &edge);
        let caddy = home.house.serve(version);
        for (who, service, expected) in [
            (NOBODY, "only", 502),
            (NOBODY, "either", 502),
            (ALICE, "both", 502),
            (ALICE, "either", 200),
        ] {
            let visit = home.visit(&caddy, who, service, "/");
            let visit = visit.header("Cookie", &gateway::cookie("alice"));
            visit.run().has_status(expected);
        }
    }
}

/// Behind a proxy that ends TLS, the gateway is told of the visitor and not of the proxy.
#[test]
fn behind_a_proxy_the_gateway_is_told_whose_address_it_is() {
    let edge = format!("behind \"127.0.0.1\"; {PROXY}");
    let gateway = gateway::start();
    let upstream = Upstream::start("it");
    let edge = edge.replace("GATEWAY", &format!("http://{}", gateway.address()));
    let declaration =
        declared(&edge, &upstream.address()).replace("caddy \"2.6\"", "caddy \"2.8\"");
    let house = House::new(&declaration);
    let caddy = house.serve(Version::New);
    let visit = caddy.visit("only.home.example.com", "/");
    let visit = visit
        .header("X-Forwarded-For", "198.51.100.9, 203.0.113.7")
        .header("X-Real-IP", "198.51.100.9")
        .header("Cookie", &gateway::cookie("alice"));
    visit.run().has_status(200);
    let questions = gateway.arrivals();
    assert_eq!(questions[0].header("X-Forwarded-For"), ["203.0.113.7"]);
    assert_eq!(questions[0].header("X-Real-IP"), ["203.0.113.7"]);
}

/// `verify --live` knows who is to be asked to sign in, and tells where nobody is.
#[test]
fn verify_tells_where_nobody_is_asked_to_sign_in() {
    for version in Version::each() {
        let home = Home::new(PROXY);
        let caddy = home.house.serve(version);
        verify(&home.house, &caddy, &[]).succeeds();
        drop(caddy);
        let unasked = |files: &str| {
            let changed = files.replace("import sign-in\n", "\n");
            assert_ne!(changed, files);
            changed
        };
        let caddy = home.house.serve_changed(version, unasked);
        verify(&home.house, &caddy, &[])
            .fails_with(4)
            .stdout_contains("nobody at /: should be asked to sign in, got 200")
            .stdout_contains("alice/laptop at /: should be asked to sign in, got 200");
    }
}

#[test]
fn verify_tells_that_a_gateway_is_not_reached() {
    let unused = Port::reserve();
    let edge = PROXY.replace("GATEWAY", &format!("http://127.0.0.1:{}", unused.number()));
    let home = Home::with(gateway::start(), &edge);
    let caddy = home.house.serve(Version::New);
    let outcome = verify(&home.house, &caddy, &["only"]);
    outcome.fails_with(4).stdout_contains(
        "nobody at /: should be asked to sign in, got 502 from the edge: the edge does not reach the gateway",
    );
}

/// Lists of more certificates than a site shows stand apart; one that goes by several of them is taken by each Caddy.
#[test]
fn sites_that_go_by_several_long_lists_are_taken() {
    let many: String = (0..22)
        .map(|number| format!("device \"d{number}\" platform=\"linux\"; "))
        .collect();
    let lab = Lab::built(&format!(
        r#"
        domain "home.example.com"
        edge {{ caddy "2.6"; {} }}
        person "alice" {{ {many} }}
        person "bob" {{ {many} }}
        service "list" {{ upstream "http://127.0.0.1:1"; allow "alice"; allow "bob" from="lan"; identity; }}
        service "also" {{
            upstream "http://127.0.0.1:1"
            allow "alice"
            sign-in "also"
            identity
            path "/x/*" {{ allow "bob"; sign-in; }}
            path "/y/*" {{ open "everyone" methods="POST"; sign-in; }}
        }}
        "#,
        PROXY.replace("GATEWAY", "http://127.0.0.1:1")
    ));
    let directory = lab.path().join("out/edge");
    for version in Version::ALL {
        version.validate(&lab.edge(version), &directory).succeeds();
    }
}
