//! Who is at home: whom the connection comes from, and not whom a visitor says it comes from.

use crate::family::Family;
use crate::support::caddy::{Caddy, Version};
use crate::support::upstream::Arrival;
use crate::wire::{Exchange, Wire, exchange};

/// Headers that name an address at home, or another host or scheme.
const SAYINGS: [&str; 20] = [
    "X-Forwarded-For: 192.168.0.1",
    "x-forwarded-for: 192.168.0.1",
    "X-Forwarded-For: 192.168.0.1, 192.168.0.2",
    "X-Forwarded-For: fd00::1",
    "X-Forwarded-For: [fd00::1]:443",
    "X-Forwarded-For: 192.168.0.1\r\nX-Forwarded-For: 192.168.0.2",
    "X-Forwarded-For: 192.168.0.1\r\nX-Forwarded-Host: home.example.com\r\nX-Forwarded-Proto: http",
    "X_Forwarded_For: 192.168.0.1",
    "X-Real-IP: 192.168.0.1",
    "X-Real-Ip: 192.168.0.1\r\nX-Forwarded-For: 192.168.0.1",
    "Forwarded: for=192.168.0.1",
    "Forwarded: for=\"[fd00::1]\";host=home.example.com;proto=http",
    "CF-Connecting-IP: 192.168.0.1",
    "True-Client-IP: 192.168.0.1",
    "Client-IP: 192.168.0.1",
    "X-Client-IP: 192.168.0.1",
    "X-Cluster-Client-IP: 192.168.0.1",
    "X-Originating-IP: 192.168.0.1",
    "Via: 1.1 192.168.0.1",
    "Connection: X-Forwarded-For\r\nX-Forwarded-For: 192.168.0.1",
];

fn said(family: &Family, caddy: &Caddy, host: &str) -> Vec<Exchange> {
    let get = |saying: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n{saying}\r\n\r\n");
    let requests = SAYINGS.map(|saying| get(saying).into_bytes());
    exchange(
        &family.upstreams,
        host,
        || Wire::named(caddy, host),
        &requests,
    )
}

/// Who got in from outside by saying that it is at home.
pub fn intruders(family: &Family, caddy: &Caddy) -> Vec<String> {
    let hosts = [
        "jellyfin.home.example.com",
        "ha.home.example.com",
        "assistant.home.example.com",
    ];
    let visits = hosts.into_iter().flat_map(|host| {
        let said = said(family, caddy, host);
        SAYINGS
            .into_iter()
            .zip(said)
            .map(move |(saying, exchange)| (host, saying, exchange))
    });
    visits
        .filter(|(_, _, exchange)| exchange.status != Some(403) || !exchange.arrivals.is_empty())
        .map(|(host, saying, exchange)| format!("{host} {saying:?}: {:?}", exchange.status))
        .collect()
}

/// What an upstream was told of a visitor's address, host or scheme that is only what the visitor said.
fn believed(family: &Family, caddy: &Caddy) -> Vec<String> {
    let host = "www.home.example.com";
    let sayings = SAYINGS.into_iter().zip(said(family, caddy, host));
    sayings
        .filter_map(|(saying, exchange)| match &exchange.arrivals[..] {
            [("website", arrival)] => {
                misled(host, arrival).map(|wrong| format!("{saying:?}: {wrong}"))
            }
            arrivals => Some(format!(
                "{saying:?}: {:?}, {} arrivals",
                exchange.status,
                arrivals.len()
            )),
        })
        .collect()
}

fn misled(host: &str, arrival: &Arrival) -> Option<String> {
    let expected = [
        ("Host", host),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", host),
        ("X-Forwarded-Proto", "https"),
    ];
    let wrong = expected
        .into_iter()
        .find(|(name, value)| arrival.header(name) != [*value]);
    wrong.map(|(name, value)| format!("{name} is {:?}, should be {value}", arrival.header(name)))
}

fn holds(version: Version) {
    let family = Family::new();
    let caddy = family.serve(version);
    crate::assert_none(&[intruders(&family, &caddy), believed(&family, &caddy)].concat());
}

#[test]
fn nobody_talks_their_way_home_on_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn nobody_talks_their_way_home_on_the_new_caddy() {
    holds(Version::New);
}
