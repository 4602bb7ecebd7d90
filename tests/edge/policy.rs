//! What each visitor is to get from the home of `examples/family`: read off its declaration by hand.

use std::fmt;

use crate::support::curl::Answer;

/// One host and what its service declares.
pub struct Site {
    pub host: &'static str,
    pub service: &'static str,
    pub asks: Asks,
    /// Groups written out.
    pub admits: &'static [&'static str],
    pub open: Open,
}

/// What the handshake asks a visitor for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Nothing,
    /// A certificate, which a visitor may lack.
    Maybe,
    /// A certificate, without which there is no connection.
    Surely,
}

/// To whom a service is open without a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Open {
    No,
    Lan,
    Everyone,
}

const fn site(
    host: &'static str,
    service: &'static str,
    asks: Asks,
    admits: &'static [&'static str],
    open: Open,
) -> Site {
    Site {
        host,
        service,
        asks,
        admits,
        open,
    }
}

const FAMILY: &[&str] = &["alice", "bob", "carol"];
const HOUSE: &[&str] = &["alice", "bob", "carol", "guest"];

#[rustfmt::skip]
pub const SITES: [Site; 10] = [
    site("immich.home.example.com",    "immich",         Asks::Maybe,   FAMILY,              Open::No),
    site("stats.home.example.com",     "grafana",        Asks::Surely,  &["alice", "bob"],   Open::No),
    site("ha.home.example.com",        "home-assistant", Asks::Maybe,   HOUSE,               Open::Lan),
    site("assistant.home.example.com", "home-assistant", Asks::Maybe,   HOUSE,               Open::Lan),
    site("jellyfin.home.example.com",  "jellyfin",       Asks::Nothing, &[],                 Open::Lan),
    site("home.example.com",           "website",        Asks::Nothing, &[],                 Open::Everyone),
    site("www.home.example.com",       "website",        Asks::Nothing, &[],                 Open::Everyone),
    site("paperless.home.example.com", "paperless",      Asks::Maybe,   &["alice", "carol"], Open::No),
    site("vault.example.org",          "vault",          Asks::Surely,  &["alice"],          Open::No),
    site("attic.home.example.com",     "attic",          Asks::Surely,  &[],                 Open::No),
];

/// What a visitor shows when asked for a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Nothing,
    /// One that is valid, of this person's device.
    Device(&'static str),
    /// One that is valid, of a device that is no longer declared.
    Removed,
    /// One that does not verify: of another authority, expired, not yet valid.
    Invalid,
}

/// What came of a visit.
#[derive(Clone, PartialEq, Eq)]
pub enum Result {
    /// 200, from this service's upstream.
    Passed(String),
    Refused,
    /// The handshake failed.
    NoConnection,
    Other(String),
}

/// What a visit to `/` is to come to.
pub fn expected(site: &Site, shows: Shows, on_lan: bool) -> Result {
    let passed = Result::Passed(site.service.to_owned());
    let without = match site.open {
        Open::Everyone => passed.clone(),
        Open::Lan if on_lan => passed.clone(),
        Open::Lan | Open::No => Result::Refused,
    };
    match (site.asks, shows) {
        (Asks::Nothing, _) | (Asks::Maybe, Shows::Nothing) => without,
        (Asks::Surely, Shows::Nothing) => Result::NoConnection,
        (_, Shows::Invalid) => Result::NoConnection,
        (_, Shows::Device(person)) if site.admits.contains(&person) => passed,
        (_, Shows::Device(_) | Shows::Removed) => without,
    }
}

impl From<&Answer> for Result {
    fn from(answer: &Answer) -> Self {
        let body = String::from_utf8_lossy(&answer.body);
        let upstream = body
            .strip_prefix("upstream ")
            .and_then(|rest| rest.lines().next());
        match (answer.status, upstream) {
            (None, _) => Self::NoConnection,
            (Some(200), Some(name)) => Self::Passed(name.to_owned()),
            (Some(403), None) => Self::Refused,
            (Some(status), _) => Self::Other(format!("{status} {:.20}", body)),
        }
    }
}

impl fmt::Display for Result {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(name) => f.pad(&format!("200 {name}")),
            Self::Refused => f.pad("403"),
            Self::NoConnection => f.pad("TLS refused"),
            Self::Other(what) => f.pad(what),
        }
    }
}
