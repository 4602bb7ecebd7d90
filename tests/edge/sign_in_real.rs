//! `sign-in` with a real gateway: visitors sign in at its form, go about with the sessions that it gives them, and try to get in without.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::family::{Bundle, now};
use crate::house::House;
use crate::lemonldap::{Lemonldap, Place};
use crate::support::caddy::{Caddy, Version};
use crate::support::curl::{Answer, Curl};
use crate::support::upstream::{Arrival, Upstream};
use crate::support::{outcome, tools};
use crate::verify::verify;
use crate::wire::{Reply, Wire};

/// A home as somebody would write it, served, with the gateway behind the same Caddy.
pub struct Home {
    pub caddy: Caddy,
    pub gateway: Lemonldap,
    upstream: Upstream,
    house: House,
    pub alice: Bundle,
    /// Hers, and revoked.
    lost: Bundle,
}

/// A browser's cookies.
pub struct Visitor {
    place: TempDir,
}

impl Home {
    #[track_caller]
    pub fn serve(version: Version) -> Self {
        Self::behind(version, Upstream::start("it"))
    }

    #[track_caller]
    fn behind(version: Version, upstream: Upstream) -> Self {
        let place = Place::reserve();
        let house = House::new(&format!(
            r#"
            domain "home.example.com"
            edge {{ sign-in "authelia" {{ upstream "http://{gateway}"; }}; }}
            person "alice" {{ device "laptop" platform="linux"; device "lost" platform="linux"; }}
            service "auth" {{ upstream "http://{gateway}"; open "everyone"; }}
            service "app" {{ upstream "http://{it}"; allow "alice"; sign-in; identity; }}
            service "both" {{ upstream "http://{it}"; allow "alice"; sign-in "also"; }}
            service "files" {{
                upstream "http://{it}"
                allow "alice"
                path "/admin/*" {{ sign-in; }}
            }}
            "#,
            gateway = place.address(),
            it = upstream.address(),
        ));
        let alice = house.bundle("alice", "laptop");
        let lost = house.bundle("alice", "lost");
        house.command_at(now(), ["revoke", "--no-replace", "alice/lost"]);
        let caddy = house.serve(version);
        let gateway = place.start(caddy.https_port());
        Self {
            caddy,
            gateway,
            upstream,
            house,
            alice,
            lost,
        }
    }

    /// The address of a service, as browsers show it.
    pub fn url(&self, service: &str, target: &str) -> String {
        let port = self.caddy.https_port();
        format!("https://{service}.home.example.com:{port}{target}")
    }

    /// Without cookies.
    pub fn visit(&self, service: &str, target: &str) -> Curl {
        let host = format!("{service}.home.example.com");
        self.caddy.visit(&host, target)
    }

    /// Follows a redirect; panics where it leads elsewhere than to one of the hosts here.
    #[track_caller]
    fn follow(&self, answer: &Answer, visitor: &Visitor) -> Curl {
        let location = location(answer);
        let services = ["auth", "app", "both", "files"];
        let found = services.into_iter().find_map(|service| {
            let target = location.strip_prefix(&self.url(service, ""))?;
            target.starts_with('/').then_some((service, target))
        });
        let (service, target) = found.unwrap_or_else(|| panic!("{location:?} is not here"));
        visitor.to(self.visit(service, target))
    }

    /// Whether that is the way to the portal, for who wants to see this.
    #[track_caller]
    fn leads_to_the_portal(&self, answer: &Answer, service: &str, target: &str) {
        answer.has_status(302);
        let wanted = base64(&self.url(service, target)).replace('=', "%3D");
        let portal = self.url("auth", &format!("/?url={wanted}"));
        assert_eq!(location(answer), portal, "{answer}");
    }

    /// Fills in the form to which a visitor is sent who wants to see that, and sends it.
    #[track_caller]
    fn sign_in(
        &self,
        visitor: &Visitor,
        (service, target): (&str, &str),
        user: &str,
        password: &str,
    ) -> Answer {
        let refused = visitor.to(self.visit(service, target)).run();
        self.leads_to_the_portal(&refused, service, target);
        let form = self.follow(&refused, visitor).run();
        let form = form.has_status(200).text().to_owned();
        assert!(form.contains(r##"action="#" method="post""##), "{form}");
        let filled = self.follow(&refused, visitor);
        filled
            .field("url", hidden(&form, "url"))
            .field("token", hidden(&form, "token"))
            .field("user", user)
            .field("password", password)
            .run()
    }

    /// Somebody who has signed in.
    #[track_caller]
    pub fn signed_in(&self, user: &str) -> Visitor {
        let visitor = Visitor::new();
        let answer = self.sign_in(&visitor, ("app", "/"), user, user);
        answer.has_status(302);
        assert_eq!(location(&answer), self.url("app", "/"));
        visitor
    }

    /// What reaches the upstream while that is done.
    pub fn arriving<T>(&self, act: impl FnOnce() -> T) -> (T, Vec<Arrival>) {
        let before = self.upstream.arrived();
        let result = act();
        (result, self.upstream.arrivals_after(before))
    }
}

impl Visitor {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        Self { place }
    }

    fn jar(&self) -> PathBuf {
        self.place.path().join("jar")
    }

    pub fn to(&self, visit: Curl) -> Curl {
        visit.jar(&self.jar())
    }

    /// The session's name and number.
    #[track_caller]
    pub fn cookie(&self) -> String {
        let jar = std::fs::read_to_string(self.jar()).expect("there are cookies");
        let mut lines = jar.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let found = lines.find_map(|line| match line[..] {
            [_, _, _, _, _, "lemonldap", session] => Some(format!("lemonldap={session}")),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no session in\n{jar}"))
    }
}

/// What the portal asks for again from who comes to sign in.
#[track_caller]
pub fn hidden<'a>(form: &'a str, name: &str) -> &'a str {
    let marked = format!(r#"name="{name}" value=""#);
    let (_, rest) = form
        .split_once(&marked)
        .unwrap_or_else(|| panic!("no {name} in {form}"));
    rest.split('"').next().expect("there is a first part")
}

#[track_caller]
fn location(answer: &Answer) -> &str {
    let [location] = answer.header("Location")[..] else {
        panic!("no way is shown\n{answer}")
    };
    location
}

#[track_caller]
fn base64(text: &str) -> String {
    let mut openssl = tools::command("openssl");
    let encoded = outcome::run(openssl.args(["base64", "-A"]), text.as_bytes());
    encoded.succeeds().stdout().to_owned()
}

/// What upstreams are told of dwho.
const DOCTOR: [(&str, &[&str]); 4] = [
    ("Remote-User", &["dwho"]),
    ("Remote-Name", &["Doctor Who"]),
    ("Remote-Email", &["dwho@badwolf.org"]),
    ("Remote-Groups", &["timelords; users"]),
];

/// Whether an upstream is told that dwho has come, and nothing else of who has.
#[track_caller]
pub fn is_the_doctor(arrival: &Arrival) {
    for (name, values) in DOCTOR {
        let mut found = arrival.header(name);
        // The gateway gives them in another order each time.
        if found == ["users; timelords"] {
            found = vec!["timelords; users"];
        }
        assert_eq!(found, values, "{name}: {arrival:?}");
    }
    let more = arrival.headers.iter().filter(|(name, _)| {
        let plain = name.to_lowercase().replace('_', "-");
        plain.starts_with("remote") && !DOCTOR.iter().any(|(told, _)| told == name)
    });
    assert_eq!(more.count(), 0, "{arrival:?}");
}

fn signs_in_and_out(version: Version) {
    let home = Home::serve(version);
    let visitor = Visitor::new();
    let wanted = ("app", "/x?a=1&b=2");
    let (_, arrivals) = home.arriving(|| {
        let answer = home.sign_in(&visitor, wanted, "dwho", "wrong");
        answer.has_status(200).contains("password");
        let again = visitor.to(home.visit("app", "/x")).run();
        home.leads_to_the_portal(&again, "app", "/x");
        let nobody = home.sign_in(&visitor, wanted, "mallory", "mallory");
        nobody.has_status(200);
    });
    assert_eq!(arrivals, []);

    // To where one wanted to go, with all of the query.
    let answer = home.sign_in(&visitor, wanted, "dwho", "dwho");
    answer.has_status(302);
    assert_eq!(location(&answer), home.url("app", "/x?a=1&b=2"));
    let seen = home.follow(&answer, &visitor).run();
    let arrival = seen.has_status(200).arrival();
    assert_eq!(arrival.target, "/x?a=1&b=2");
    is_the_doctor(&arrival);
    // One session for all services, as far as each lets who signs in in.
    let seen = visitor.to(home.visit("files", "/admin/x")).run();
    is_the_doctor(&seen.has_status(200).arrival());
    visitor.to(home.visit("files", "/x")).run().has_status(403);
    // The gateway's own rules: this is another's.
    let (_, arrivals) = home.arriving(|| {
        visitor
            .to(home.visit("app", "/rose/x"))
            .run()
            .has_status(403);
    });
    assert_eq!(arrivals, []);
    let rose = home.signed_in("rtyler");
    rose.to(home.visit("app", "/rose/x")).run().has_status(200);

    // Out: the cookie is gone, and the session is, for who has kept the cookie.
    let kept = visitor.cookie();
    let replay = || home.visit("app", "/x").header("Cookie", &kept).run();
    replay().has_status(200);
    visitor
        .to(home.visit("auth", "/?logout=1"))
        .run()
        .has_status(200);
    let (_, arrivals) = home.arriving(|| {
        let again = visitor.to(home.visit("app", "/x")).run();
        home.leads_to_the_portal(&again, "app", "/x");
        home.leads_to_the_portal(&replay(), "app", "/x");
    });
    assert_eq!(arrivals, []);
    rose.to(home.visit("app", "/x")).run().has_status(200);
}

#[test]
fn visitors_sign_in_at_a_real_gateway_behind_the_old_caddy() {
    signs_in_and_out(Version::Old);
}

#[test]
fn visitors_sign_in_at_a_real_gateway_behind_the_new_caddy() {
    signs_in_and_out(Version::New);
}

/// Who shows a certificate, beside a session or without.
fn certificates(version: Version) {
    let home = Home::serve(version);
    let doctor = home.signed_in("dwho");
    let asked = home.gateway.questions().len();
    let hers = |service, target| home.alice.shown(home.visit(service, target));

    // It is enough where either is; and then it says who came, whoever has signed in.
    for visit in [hers("app", "/x"), doctor.to(hers("app", "/x"))] {
        let arrival = visit.run().has_status(200).arrival();
        assert_eq!(arrival.header("Remote-User"), ["alice"]);
        assert_eq!(arrival.header("Remote-Email"), ["alice@home.example.com"]);
    }
    hers("files", "/x").run().has_status(200);
    assert_eq!(home.gateway.questions().len(), asked, "it is not asked");
    let (_, arrivals) = home.arriving(|| {
        // Nor is it where both are needed and the certificate is missing.
        doctor
            .to(home.visit("both", "/x"))
            .run()
            .is_refused_in_tls();
        home.lost
            .shown(doctor.to(home.visit("both", "/x")))
            .run()
            .has_status(403);
        assert_eq!(home.gateway.questions().len(), asked, "it is not asked");
        home.leads_to_the_portal(&hers("both", "/x?a=1&b=2").run(), "both", "/x?a=1&b=2");
        // One that is revoked is none.
        home.leads_to_the_portal(&home.lost.shown(home.visit("app", "/x")).run(), "app", "/x");
        // A path's policy is its own: hers is no word there.
        home.leads_to_the_portal(&hers("files", "/admin/x").run(), "files", "/admin/x");
    });
    assert_eq!(arrivals, []);
    let arrival = doctor
        .to(hers("both", "/x"))
        .run()
        .has_status(200)
        .arrival();
    is_the_doctor(&arrival);
    let arrival = doctor.to(home.lost.shown(home.visit("app", "/x"))).run();
    is_the_doctor(&arrival.has_status(200).arrival());
}

#[test]
fn certificates_and_sign_ins_are_told_apart_by_the_old_caddy() {
    certificates(Version::Old);
}

#[test]
fn certificates_and_sign_ins_are_told_apart_by_the_new_caddy() {
    certificates(Version::New);
}

/// What the gateway and the upstream get of one request.
fn told(version: Version) {
    let home = Home::serve(version);
    let doctor = home.signed_in("dwho");
    let basic = "Basic b2YtdGhlOmFwcA==";
    for method in ["GET", "POST", "PUT", "PROPFIND", "OPTIONS", "DELETE"] {
        let asked = home.gateway.questions().len();
        let mut visit = doctor.to(home.visit("app", "/x?a=1&b=2")).method(method);
        visit = visit.header("Authorization", basic);
        if ["POST", "PUT"].contains(&method) {
            visit = visit.body("secret words");
        }
        let answer = visit.run();
        let arrival = answer.has_status(200).arrival();
        assert_eq!(arrival.method, method);
        assert_eq!(arrival.target, "/x?a=1&b=2");
        is_the_doctor(&arrival);
        assert_eq!(arrival.header("Authorization"), [basic]);
        // The gateway's session is a cookie like others: docs/edge.md says what that means.
        assert_eq!(arrival.header("Cookie"), [doctor.cookie()]);
        assert_eq!(answer.header("Remote-User"), Vec::<&str>::new(), "{answer}");
        if ["POST", "PUT"].contains(&method) {
            assert_eq!(arrival.header("Content-Length"), ["12"]);
        }
        let questions = home.gateway.questions();
        let [question] = &questions[asked..] else {
            panic!("{method}: {questions:?}")
        };
        assert_eq!(question.method(), "GET");
        assert_eq!(
            question.target().trim_end_matches('?'),
            "/api/authz/forward-auth"
        );
        let host = home.url("app", "").replace("https://", "");
        for (name, value) in [
            ("BODY", Some("0")),
            ("CONTENT_LENGTH", None),
            ("HTTP_TRANSFER_ENCODING", None),
            ("HTTP_AUTHORIZATION", None),
            ("HTTP_COOKIE", Some(&doctor.cookie()[..])),
            ("HTTP_X_FORWARDED_METHOD", Some(method)),
            ("HTTP_X_FORWARDED_URI", Some("/x?a=1&b=2")),
            ("HTTP_X_FORWARDED_HOST", Some(&host)),
            ("HTTP_X_FORWARDED_PROTO", Some("https")),
            ("HTTP_X_FORWARDED_FOR", Some("127.0.0.1")),
        ] {
            assert_eq!(question.variable(name), value, "{name}: {question:?}");
        }
    }
    // Who has not signed in sends nothing further, however it is sent.
    let (_, arrivals) = home.arriving(|| {
        for method in [
            "GET", "HEAD", "POST", "PUT", "PROPFIND", "OPTIONS", "DELETE",
        ] {
            let visit = home.visit("app", "/x").method(method);
            visit.header("Authorization", basic).run().has_status(302);
        }
    });
    assert_eq!(arrivals, []);
}

#[test]
fn a_real_gateway_is_asked_about_a_request_and_never_sent_it_by_the_old_caddy() {
    told(Version::Old);
}

#[test]
fn a_real_gateway_is_asked_about_a_request_and_never_sent_it_by_the_new_caddy() {
    told(Version::New);
}

/// A gateway that ends, and one that comes back.
fn ends(version: Version) {
    let mut home = Home::serve(version);
    let doctor = home.signed_in("dwho");
    let seen = |home: &Home| doctor.to(home.visit("app", "/x")).run().status;
    assert_eq!(seen(&home), Some(200));
    let declared = verify(&home.house, &home.caddy, &[]);
    declared.succeeds();
    home.gateway.kill();
    let declared = verify(&home.house, &home.caddy, &["app"]);
    declared
        .fails_with(4)
        .stdout_contains("the edge does not reach the gateway");
    let (_, arrivals) = home.arriving(|| {
        assert_eq!(seen(&home), Some(502));
        home.visit("app", "/x").run().has_status(502);
        home.visit("files", "/admin/x").run().has_status(502);
        home.alice
            .shown(home.visit("both", "/x"))
            .run()
            .has_status(502);
        // Its page says that something does not answer, and not what.
        let page = home.visit("app", "/x").run();
        page.lacks(&home.gateway.address());
    });
    assert_eq!(arrivals, []);
    home.alice
        .shown(home.visit("app", "/x"))
        .run()
        .has_status(200);
    home.gateway.start_again();
    assert_eq!(seen(&home), Some(200));
    home.leads_to_the_portal(&home.visit("app", "/x").run(), "app", "/x");
}

#[test]
fn a_real_gateway_that_ends_lets_nobody_in_by_the_old_caddy() {
    ends(Version::Old);
}

#[test]
fn a_real_gateway_that_ends_lets_nobody_in_by_the_new_caddy() {
    ends(Version::New);
}

/// Goes over to another protocol where it is asked to, and greets.
fn upgrades(arrival: &Arrival) -> Option<String> {
    let upgrade = arrival.header("Upgrade");
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello over there\n";
    (upgrade == ["websocket"]).then(|| answer.to_owned())
}

fn websockets(version: Version) {
    let home = Home::behind(version, Upstream::answering("it", upgrades));
    let doctor = home.signed_in("dwho").cookie();
    let ask = |cookie: &str| -> Reply {
        let head = "GET /x HTTP/1.1\r\nHost: app.home.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        let rest =
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let end = "GET /end HTTP/1.1\r\nHost: app.home.example.com\r\nConnection: close\r\n\r\n";
        let wire = Wire::named(&home.caddy, "app.home.example.com");
        wire.send(format!("{head}Cookie: {cookie}\r\n{rest}{end}"))
    };
    let (reply, arrivals) = home.arriving(|| ask(&doctor));
    assert_eq!(reply.statuses, [101], "{}", reply.text);
    assert!(reply.text.contains("hello over there"), "{}", reply.text);
    let [arrival] = &arrivals[..] else {
        panic!("{arrivals:?}")
    };
    is_the_doctor(arrival);
    assert_eq!(arrival.header("Connection"), ["Upgrade"]);
    let questions = home.gateway.questions();
    let question = questions.last().expect("it is asked");
    assert_eq!(question.variable("HTTP_UPGRADE"), None, "{question:?}");
    let (reply, arrivals) = home.arriving(|| ask("lemonldap=0"));
    assert_eq!(reply.statuses, [302, 302], "{}", reply.text);
    assert_eq!(arrivals, []);
}

#[test]
fn who_has_signed_in_opens_a_websocket_by_the_old_caddy() {
    websockets(Version::Old);
}

#[test]
fn who_has_signed_in_opens_a_websocket_by_the_new_caddy() {
    websockets(Version::New);
}

#[test]
fn chromium_signs_in_and_out() {
    let home = Home::serve(Version::New);
    let url = home.url("app", "/x?a=1&b=2");
    let job = json!({ "url": url, "user": "dwho", "password": "dwho", "out": home.url("auth", "/?logout=1") });
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = tools::command("node");
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/tools/sign-in.mjs"
        ))
        .arg(tools::installed("node"))
        .arg(tools::tool("chromium"))
        .env("HOME", place.path())
        .env("TMPDIR", place.path());
    let outcome = outcome::run(&mut command, job.to_string().as_bytes());
    let said: Value = serde_json::from_str(outcome.succeeds().stdout()).expect("it is JSON");
    let said = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(said("landed"), url);
    assert!(said("form").contains("Authentication portal"), "{outcome}");
    assert_eq!(said("after"), said("form"), "{outcome}");
    for (page, target) in [("page", "GET /x?a=1&b=2 "), ("script", "POST /api ")] {
        let text = said(page);
        assert!(text.contains(target), "{text}");
        assert!(text.contains("Remote-User: dwho"), "{text}");
    }
}
