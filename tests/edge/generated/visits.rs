//! Visitors who try everything at a running Caddy, and get what they are to get.

use super::answers::{Answer, Site, Try, Visit, expected, got, sites};
use super::estate::{Estate, FILE, PLACES, Place, Shows, Visitor};
use crate::support::caddy::{Caddy, Version};
use crate::wire::{Exchange, Wire, exchange};

pub const METHODS: [&str; 7] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND",
];

/// Targets that mean, or seem to mean, one of the paths that are public somewhere, or that a part of a service answers for.
const TARGETS: [&str; 65] = [
    "/",
    "/x",
    "/x/y?z=1",
    "/page.txt",
    "/.secret",
    "/share",
    "/share/",
    "/share/x",
    "/share/x/y.jpg?a=b",
    "/share/A-b_c~d.e..f",
    "/s",
    "/s/",
    "/s/x",
    "/s?x",
    "/sx",
    "/q",
    "/q?../..",
    "/q/",
    "/hook/a/b/",
    "/trailers/x",
    "/v1.2/x",
    "/v1x2/x",
    "/index.php/s/tok",
    "/public.php/dav/files/a",
    "/api/",
    "/api/x",
    "/api/v1/x",
    "/api",
    // What some reader or other takes for another path.
    "/share/../api/x",
    "/share/%2e%2e/api/x",
    "/share/.%2E/api",
    "/share/..;/api",
    "/share/..%5capi",
    "/share/..%2fapi",
    "/share/%252e%252e/api",
    "//share/x",
    "/share//x",
    "/share/x//",
    "/SHARE/x",
    "/api/../share/x",
    "/./share/x",
    "/share/.hidden",
    "/share%2fx",
    "/%73hare/x",
    "/share/x;y",
    // What everybody reads alike.
    "/share/%78",
    "/share/My%20Photos/IMG%201.jpg",
    "/share/%C3%BC/%e2%82%ac",
    "/share/%21room/@bob:other.org/",
    // Before an upstream's prefix, Caddy 2.6 writes the others of RFC 3986 §2.2 in their escapes.
    "/share/$&+,=:@",
    "/share/a%7B%7d",
    "/share/%20x",
    "/x.ics",
    "/x%20y.ics?z",
    "/c/ax.b",
    "/c/a.b",
    // And what not everybody does.
    "/share/%20..",
    "/share/;x",
    "/share/%ff",
    "/share/%C2%85",
    "/share/%EF%BC%8E%EF%BC%8E/api",
    "/x;y.ics",
    "/.ics",
    "/x/y.ics",
    "/c/a/b.b",
];

/// Below paths that have policies of their own, and what somebody takes for such ones.
const NARROWED: [&str; 18] = [
    "/admin/x",
    "/admin",
    "/administrator",
    "/desk/x",
    "/hook/x",
    "/own/x",
    "/ADMIN/x",
    "/%61dmin/x",
    "/admin;x/y",
    "/admin.json",
    "//x/admin",
    "/x/../admin/x",
    "/x/..;/admin",
    "/x/..%2fadmin",
    "/hook/..%5cadmin",
    "/x/%252e%252e/admin",
    "/%C3%A1dmin",
    "/index.php/own/x",
];

/// A browser's question for a page that may ask; for another one; and none, though it says where it comes from.
pub const ASKED: &[(&str, &str)] = &[
    ("Origin", "https://app.home.example.com"),
    ("Access-Control-Request-Method", "DELETE"),
];
pub const ASKED_BY_OTHERS: &[(&str, &str)] = &[
    ("Origin", "https://app.home.example.com.evil.example"),
    ("Access-Control-Request-Method", "GET"),
    ("Access-Control-Request-Headers", "authorization"),
];
pub const ASKED_WITHOUT_METHOD: &[(&str, &str)] = &[("Origin", "https://app.home.example.com")];

/// What targets are put together of.
const PIECES: [&str; 18] = [
    "/", "/", "/", "share", "s", "hook", "api", "v1", "x", ".", "..", "..", "%2e", "%2f", "%5c",
    ";", "%252e", "?",
];

/// Every target by GET, some by every method, and some that nobody thought of.
pub fn tries() -> Vec<Try> {
    let attempt = |method: &'static str, target: &str| Try::new(method, target);
    let mut tries: Vec<Try> = TARGETS.map(|target| attempt("GET", target)).into();
    for method in &METHODS[1..] {
        for target in [
            "/",
            "/share/x",
            "/hook/x",
            "/s/x",
            "/index.php/s/x",
            "/share/../hook/x",
            "/api/v1/x",
            "/v1.2/x",
            "/upX",
            "/up/x",
            "/.well-known/x/y",
            "/.well-known/x/.y",
            FILE.0,
        ] {
            tries.push(attempt(method, target));
        }
    }
    for target in NARROWED {
        tries.push(attempt("GET", target));
    }
    for target in ["/admin/x", "/desk/x", "/x/../hook/x", "/HOOK/x"] {
        tries.push(attempt("POST", target));
    }
    for headers in [ASKED, ASKED_BY_OTHERS, ASKED_WITHOUT_METHOD] {
        for (method, target) in [("OPTIONS", "/"), ("OPTIONS", "/admin/x"), ("PUT", "/")] {
            tries.push(Try {
                headers,
                ..attempt(method, target)
            });
        }
    }
    // Knuth's linear congruential generator: the same in every run.
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..24 {
        let rest: String = (0..2 + next(5))
            .map(|_| PIECES[next(PIECES.len())])
            .collect();
        tries.push(attempt(METHODS[next(3)], &format!("/{rest}")));
    }
    tries
}

/// A request, claiming what no visitor may, and with a body where the method has one.
fn bytes(host: &str, attempt: &Try) -> Vec<u8> {
    let body = if matches!(attempt.method, "POST" | "PUT") {
        "Content-Length: 1\r\n\r\nx"
    } else {
        "\r\n"
    };
    let (method, target) = (attempt.method, &attempt.target);
    let headers = attempt.headers.iter();
    let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers: String = headers.collect();
    let claims = "Remote-User: mallory\r\nremote_groups: admins\r\nX-Forwarded-For: 192.168.0.1";
    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}{claims}\r\n{body}")
        .into_bytes()
}

/// Sends all to one host, over one connection as long as it lasts.
pub fn sent(
    estate: &Estate,
    caddy: &Caddy,
    host: &str,
    (visitor, place): Visit,
    tries: &[Try],
) -> Vec<Exchange> {
    let requests: Vec<Vec<u8>> = tries.iter().map(|attempt| bytes(host, attempt)).collect();
    let open = || {
        let wire = Wire::named(caddy, host).maybe_pem(visitor.pem.as_ref());
        wire.with(["-bind", place.address])
    };
    exchange(&estate.upstreams, host, open, &requests)
}

/// How much was tried, and what was wrong.
#[derive(Default)]
pub struct Outcome {
    pub let_in: usize,
    pub refused: usize,
    pub wrong: Vec<String>,
}

/// Tries everything that these visitors may try at these hosts. Caddy closes the connection of who is told to get a certificate, so
/// that of those refusals only every so manieth is tried.
pub fn tried(
    estate: &Estate,
    caddy: &Caddy,
    (visitors, place): (&[&Visitor], &Place),
    sites: &[Site],
    every: usize,
) -> Outcome {
    let mut outcome = Outcome::default();
    for site in sites {
        for visitor in visitors {
            let expected = |attempt: &Try| expected(estate, site, (visitor, place), attempt);
            let mut tries = tries();
            if expected(&tries[0]) == Answer::NoConnection {
                tries.truncate(1);
            } else if visitor.shows == Shows::Nothing {
                let mut number = 0..;
                tries.retain(|attempt| {
                    number.next().is_some_and(|n| n % every == 0) || expected(attempt).lets_in()
                });
            }
            let exchanges = sent(estate, caddy, &site.0, (visitor, place), &tries);
            for (attempt, exchange) in tries.iter().zip(&exchanges) {
                let (should, got) = (expected(attempt), got(exchange));
                if should.lets_in() {
                    outcome.let_in += 1;
                } else {
                    outcome.refused += 1;
                }
                if !got.is(&should) {
                    let (who, host) = (&visitor.name, &site.0);
                    let Try { method, target, .. } = attempt;
                    outcome.wrong.push(format!(
                        "{who} {method} {host}{target}: {got:?}, should be {should:?}"
                    ));
                }
            }
        }
    }
    outcome
}

/// One device of each person, that which is let in singly, and whoever has none.
pub fn one_of_each(estate: &Estate) -> Vec<&Visitor> {
    let mut chosen: Vec<&Visitor> = Vec::new();
    for visitor in &estate.visitors {
        let is_single = visitor.name == "bob/desktop";
        if is_single || chosen.iter().all(|other| other.shows != visitor.shows) {
            chosen.push(visitor);
        }
    }
    chosen
}

/// Whether a visitor comes from each network. For the others it makes no difference that is not seen in these.
pub fn comes_from_all(visitor: &Visitor) -> bool {
    ["nobody", "alice/pixel", "bob/desktop", "dave/phone"].contains(&&visitor.name[..])
}

fn hold(version: Version) {
    let estate = Estate::new();
    let caddy = estate.serve(version);
    let mut all = Outcome::default();
    for place in PLACES {
        let mut visitors = one_of_each(&estate);
        visitors.retain(|visitor| place.networks.is_empty() || comes_from_all(visitor));
        let sites = sites(&estate.declared);
        let outcome = tried(&estate, &caddy, (&visitors, place), &sites, 5);
        all.let_in += outcome.let_in;
        all.refused += outcome.refused;
        all.wrong.extend(outcome.wrong);
    }
    crate::assert_none(&all.wrong);
    let Outcome {
        let_in, refused, ..
    } = all;
    assert!(
        let_in > 10_000 && refused > 8000,
        "{let_in} let in, {refused} refused"
    );
}

#[test]
fn visitors_get_what_is_declared_from_the_old_caddy() {
    hold(Version::Old);
}

#[test]
fn visitors_get_what_is_declared_from_the_new_caddy() {
    hold(Version::New);
}
