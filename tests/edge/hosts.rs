//! The name in the handshake and the name in the request: where they differ, no site answers for another.

use std::fs;

use crate::family::{Bundle, Family};
use crate::policy::{Asks, SITES, Site};
use crate::support::caddy::{Caddy, Version};
use crate::wire::{Wire, request};

const IMMICH: &str = "immich.home.example.com";

/// The pairs of different hosts that got something else than 421.
pub fn mixed_up(family: &Family, caddy: &Caddy, visitor: Option<&Bundle>) -> Vec<String> {
    // Without a certificate there is no connection to some; `matrix` sees to that.
    let connects = |outer: &&Site| outer.asks != Asks::Surely || visitor.is_some();
    let pairs = SITES.iter().filter(connects).flat_map(|outer| {
        let inner = SITES.iter().map(|site| site.host);
        inner
            .filter(|host| *host != outer.host)
            .map(move |host| (outer, host))
    });
    pairs
        .filter_map(|(outer, inner)| {
            let mut curl = caddy.visit(outer.host, "/").host(inner);
            if let Some(Bundle { path, password }) = visitor {
                curl = curl.p12(path, password);
            }
            let (answer, arrivals) = family.arriving(|| curl.run());
            let right = answer.status == Some(421) && arrivals.is_empty();
            (!right).then(|| {
                let (got, host) = (answer.status, outer.host);
                format!("SNI {host:27} Host {inner:27} {got:?}, arrived: {arrivals:?}")
            })
        })
        .collect()
}

/// What one request is to come to.
enum Outcome {
    /// 200 from immich.
    Passes,
    /// One of these, and nothing arrives anywhere.
    Never(&'static [u16]),
}
use Outcome::{Never, Passes};

/// Requests within a handshake for immich that name a host in other ways.
fn spellings(port: u16) -> Vec<(String, Outcome)> {
    let plain = |host: &str| request("GET", "/", host);
    let other = "stats.home.example.com";
    vec![
        (plain(IMMICH), Passes),
        (plain("IMMICH.HOME.EXAMPLE.COM"), Passes),
        (plain("Immich.home.example.com:443"), Passes),
        (plain(&format!("{IMMICH}:{port}")), Passes),
        (plain(&format!("{IMMICH}:1")), Passes),
        (
            request("GET", &format!("https://{IMMICH}/"), IMMICH),
            Passes,
        ),
        // RFC 9112 §3.2.2: the request target's host counts, not the header's.
        (request("GET", &format!("https://{IMMICH}/"), other), Passes),
        (
            request("GET", &format!("https://{other}/"), IMMICH),
            Never(&[421]),
        ),
        (
            request("GET", &format!("http://{other}/"), IMMICH),
            Never(&[421]),
        ),
        (plain(other), Never(&[421])),
        (plain(&format!("{other}:443")), Never(&[421])),
        (plain(&format!("{IMMICH}.")), Never(&[421])),
        (plain(&format!("{other}.")), Never(&[421])),
        (plain("immich"), Never(&[421])),
        (plain("127.0.0.1"), Never(&[421])),
        (plain(&format!("127.0.0.1:{port}")), Never(&[421])),
        (plain("[::1]"), Never(&[421])),
        (plain("unknown.home.example.com"), Never(&[421])),
        (plain(&format!("x.{IMMICH}")), Never(&[421])),
        (plain(&format!("{IMMICH}@{other}")), Never(&[400, 421])),
        (plain(&format!("{other}@{IMMICH}")), Never(&[400, 421])),
        (plain(&format!("{IMMICH}, {other}")), Never(&[400, 421])),
        // What follows the colon is a port to Go, whatever it is, and another host to some upstreams.
        (plain(&format!("{IMMICH}:{other}")), Never(&[400])),
        (plain(&format!("{IMMICH}/")), Never(&[400, 421])),
        (plain(&format!("{IMMICH}%00")), Never(&[400, 421])),
        (plain(""), Never(&[400, 421])),
        (
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".into(),
            Never(&[400]),
        ),
        ("GET / HTTP/1.0\r\n\r\n".into(), Never(&[421])),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: {IMMICH}\r\nHost: {other}\r\nConnection: close\r\n\r\n"
            ),
            Never(&[400]),
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: {IMMICH}\r\n Host: {other}\r\nConnection: close\r\n\r\n"
            ),
            Never(&[400, 421]),
        ),
        (
            format!("CONNECT {other}:443 HTTP/1.1\r\nHost: {IMMICH}\r\nConnection: close\r\n\r\n"),
            Never(&[400, 403, 421]),
        ),
    ]
}

/// Names in the handshake that are none of a site, as options of `openssl s_client`.
const NO_SITES: [&[&str]; 8] = [
    &["-noservername"],
    &["-servername", "unknown.home.example.com"],
    &["-servername", "example.com"],
    &["-servername", "x.immich.home.example.com"],
    &["-servername", "immich.home.example.com."],
    &["-servername", "127.0.0.1"],
    &["-servername", "localhost"],
    &["-servername", "*.home.example.com"],
];

/// What the spellings of one host came to where that is wrong.
fn misspelt(family: &Family, caddy: &Caddy) -> Vec<String> {
    let pem = family.bundle("alice", "pixel").pem(&family.lab.home());
    let wrong = |(request, outcome): (String, Outcome)| {
        let send = || Wire::named(caddy, IMMICH).pem(&pem).send(&request);
        let (reply, arrivals) = family.arriving(send);
        let services: Vec<&str> = arrivals.iter().map(|(service, _)| *service).collect();
        let right = match outcome {
            Passes => reply.statuses == [200] && services == ["immich"],
            Never(statuses) => {
                services.is_empty() && reply.status().is_some_and(|s| statuses.contains(&s))
            }
        };
        (!right).then(|| format!("{request:?}: {:?}, arrived at {services:?}", reply.statuses))
    };
    spellings(caddy.https_port())
        .into_iter()
        .filter_map(wrong)
        .collect()
}

/// What came over connections whose handshake names no site: there is to be none.
fn unnamed(family: &Family, caddy: &Caddy) -> Vec<String> {
    let pem = family.bundle("alice", "pixel").pem(&family.lab.home());
    let hosts = [IMMICH, "home.example.com", "stats.home.example.com"];
    let visits = NO_SITES
        .iter()
        .flat_map(|name| hosts.map(|host| (name, host)));
    visits
        .filter_map(|(name, host)| {
            let wire = Wire::to(caddy).with(name.iter().copied()).pem(&pem);
            let (reply, arrivals) = family.arriving(|| wire.send(request("GET", "/", host)));
            let refused = reply.statuses.is_empty() && reply.text.contains(" alert ");
            let right = refused && arrivals.is_empty();
            (!right).then(|| format!("{name:?} {host}: {:?} {arrivals:?}", reply.statuses))
        })
        .collect()
}

/// A handshake in capitals is for the same site, or the site refuses: it never asks for less.
fn shouted(family: &Family, caddy: &Caddy) -> Vec<String> {
    SITES
        .iter()
        .filter_map(|site| {
            let wire = Wire::named(caddy, &site.host.to_uppercase());
            let (reply, arrivals) = family.arriving(|| wire.send(request("GET", "/", site.host)));
            let open = site.service == "website";
            let right = match reply.status() {
                Some(200) => open && arrivals.len() == 1,
                Some(403 | 421) => !open && arrivals.is_empty(),
                None => site.asks == Asks::Surely && arrivals.is_empty(),
                _ => false,
            };
            (!right).then(|| format!("{}: {:?} {arrivals:?}", site.host, reply.statuses))
        })
        .collect()
}

/// Port 80 leads to the same place over TLS, and nowhere else.
fn served_without_tls(family: &Family, caddy: &Caddy) -> Vec<String> {
    let target = "/share/x?y=1";
    let visit = |site: &Site, method: &str| {
        let curl = caddy.visit_plain(site.host, target).method(method).http1();
        let (answer, arrivals) = family.arriving(|| curl.run());
        let port = caddy.https_port();
        let there = [
            format!("https://{}{target}", site.host),
            format!("https://{}:{port}{target}", site.host),
        ];
        let location = answer.header("Location");
        let leads = matches!(location[..], [one] if there.iter().any(|there| there == one));
        let right = answer.status == Some(308) && leads && arrivals.is_empty();
        (!right).then(|| format!("{method} {}: {answer} {arrivals:?}", site.host))
    };
    let methods = ["GET", "POST"];
    SITES
        .iter()
        .flat_map(|site| {
            methods
                .into_iter()
                .filter_map(move |method| visit(site, method))
        })
        .collect()
}

/// HTTP/1.1 and HTTP/2 are spoken, HTTP/3 is neither offered nor listened for.
pub fn spoken(family: &Family, caddy: &Caddy) -> Vec<String> {
    let pem = family.bundle("alice", "pixel").pem(&family.lab.home());
    let mut wrong = Vec::new();
    for site in &SITES {
        for protocol in ["h2", "http/1.1"] {
            let wire = Wire::named(caddy, site.host)
                .pem(&pem)
                .with(["-alpn", protocol]);
            // Neither is a request of the other, so only the handshake counts.
            let reply = wire.send(request("GET", "/", site.host));
            if !reply.text.contains(&format!("ALPN protocol: {protocol}\n")) {
                wrong.push(format!("{} does not speak {protocol}", site.host));
            }
        }
        let Bundle { path, password } = family.bundle("alice", "pixel");
        let answer = caddy.visit(site.host, "/").p12(&path, &password).run();
        if !answer.header("Alt-Svc").is_empty() {
            wrong.push(format!("{} offers another protocol: {answer}", site.host));
        }
    }
    // The local address of each UDP socket, `0100007F:4E20`.
    let port = format!(":{:04X}", caddy.https_port());
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        let sockets = fs::read_to_string(table).unwrap_or_default();
        let mut local = sockets
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1));
        if local.any(|address| address.ends_with(&port)) {
            wrong.push(format!("something listens in {table} on {port}"));
        }
    }
    wrong
}

fn holds(version: Version) {
    let family = Family::new();
    let caddy = family.serve(version);
    let alice = family.bundle("alice", "pixel");
    let wrong = [
        mixed_up(&family, &caddy, Some(&alice)),
        mixed_up(&family, &caddy, None),
        misspelt(&family, &caddy),
        unnamed(&family, &caddy),
        shouted(&family, &caddy),
        served_without_tls(&family, &caddy),
        spoken(&family, &caddy),
    ];
    crate::assert_none(&wrong.concat());
}

#[test]
fn one_host_is_not_another_on_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn one_host_is_not_another_on_the_new_caddy() {
    holds(Version::New);
}
