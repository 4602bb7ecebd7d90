//! What each visitor is to get from the estate, by a reading of its declaration that shares nothing with the Caddyfile; and what an
//! answer says it was.

use std::fmt;

use super::declaration::{Backend, Declaration, Service};
use super::estate::{Estate, FILE, Place, Shows, Visitor};
use super::granted::{Asker, Grant, Request, Verdict, granted, is_named, verdict};
use super::pages::ELSEWHERE;
use crate::wire::Exchange;

/// What comes of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// The handshake fails.
    NoConnection,
    /// It arrives at one of these, with the headers in which the edge says who came from where.
    Passed {
        at: Vec<String>,
        method: String,
        target: String,
        told: Vec<(String, String)>,
    },
    /// A page with that title; none where the method wants none.
    Page(u16, Option<String>),
    Redirect(u16, String),
    File,
    Nothing(u16),
    /// One of these.
    Either(Box<[Answer; 2]>),
}

/// Who comes, and from where.
pub type Visit<'v> = (&'v Visitor, &'v Place);

/// A request that is tried.
pub struct Try {
    pub method: &'static str,
    pub target: String,
    /// Beside those that every request has.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Try {
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: &[],
        }
    }

    pub fn request(&self) -> Request<'_> {
        Request {
            method: self.method,
            target: &self.target,
            headers: self.headers,
        }
    }
}

/// A host of the estate, and its service; none is the landing page's.
pub type Site<'e> = (String, Option<&'e Service>);

pub fn sites(declared: &Declaration) -> Vec<Site<'_>> {
    let mut sites = vec![(declared.domain.to_owned(), None)];
    for service in &declared.services {
        sites.extend(
            declared
                .hosts(service)
                .into_iter()
                .map(|host| (host, Some(service))),
        );
    }
    sites
}

/// What a visitor from there is to get.
pub fn expected(
    estate: &Estate,
    (host, service): &Site,
    (visitor, place): Visit,
    attempt: &Try,
) -> Answer {
    let declared = &estate.declared;
    let asks = service.map_or("verify_if_given", |service| {
        service.asks(declared.edge.asked)
    });
    match (asks, &visitor.shows) {
        ("require_and_verify", Shows::Nothing | Shows::Stranger)
        | ("verify_if_given", Shows::Stranger) => {
            return Answer::NoConnection;
        }
        _ => {}
    }
    let device = visitor.device(declared).filter(|_| asks != "nothing");
    let Some(service) = service else {
        let home = declared.services.iter().any(Service::opens_at_home);
        let shown = device.is_some() || place.networks.contains(&"lan") && home;
        return if shown {
            page(200, "Your services", attempt)
        } else {
            refused(asks, (true, home), visitor, attempt)
        };
    };
    let asker = Asker {
        device,
        networks: place.networks,
    };
    let at_home = service.opens_at_home() || service.opens_below_at_home();
    let certificate = asks != "nothing";
    let refused = || refused(asks, (certificate, at_home), visitor, attempt);
    let verdict = verdict(declared, service, &asker, &attempt.request());
    if verdict == Verdict::Out {
        return refused();
    }
    let told_of = device.map(|(person, _)| person).filter(|person| {
        if service.paths.is_empty() {
            asker.has_certificate(declared, service.allow())
        } else {
            let granted = granted(declared, service, &asker, &attempt.request());
            granted == Some(Grant::Whole) && is_named(declared, service, person)
        }
    });
    let told_of = told_of.filter(|_| service.identity());
    let identity = told_of.map(|person| declared.identity(person));
    let mut told = vec![
        ("Host", host.clone()),
        ("X-Forwarded-For", place.address.to_owned()),
    ];
    told.extend(identity.into_iter().flatten());
    let told = told
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let answer = answered(service, attempt, told.collect());
    match verdict {
        Verdict::Either => Answer::Either(Box::new([answer, refused()])),
        _ => answer,
    }
}

fn page(status: u16, title: &str, attempt: &Try) -> Answer {
    Answer::Page(status, (attempt.method != "HEAD").then(|| title.to_owned()))
}

fn refused(
    asks: &str,
    (certificate, home): (bool, bool),
    visitor: &Visitor,
    attempt: &Try,
) -> Answer {
    let title = match (asks, &visitor.shows) {
        _ if !certificate && !home => ELSEWHERE,
        ("nothing", _) => "This opens at home only",
        (_, Shows::Retired) => "This certificate is no longer let in",
        (_, Shows::Device(_)) => "You may not use this",
        _ if home => "This needs a certificate away from home",
        _ => "This needs a certificate",
    };
    page(403, title, attempt)
}

fn answered(service: &Service, attempt: &Try, told: Vec<(String, String)>) -> Answer {
    let (rest, by_path) = match &service.backend {
        Backend::Files { .. } => {
            return match attempt.method {
                _ if climbs(&attempt.target) || has_backslash(&attempt.target) => {
                    Answer::Nothing(400)
                }
                _ if attempt.target != FILE.0 => Answer::Nothing(404),
                "GET" | "HEAD" => Answer::File,
                _ => Answer::Nothing(405),
            };
        }
        Backend::Redirect {
            to,
            same_path,
            status,
        } => {
            let uri = if *same_path { &attempt.target } else { "" };
            return Answer::Redirect(status.unwrap_or(302), format!("{to}{uri}"));
        }
        Backend::Proxy { rest, by_path, .. } => (rest, by_path),
    };
    let resolved = resolved(&attempt.target);
    let mut parts: Vec<_> = by_path
        .iter()
        .filter(|(path, _)| resolved.starts_with(path.trim_end_matches('*')))
        .collect();
    parts.sort_by_key(|(path, _)| path.len());
    let upstreams = parts.last().map_or(rest, |(_, upstreams)| upstreams);
    let prefix = upstreams.prefix.unwrap_or_default();
    if !prefix.is_empty() && climbs(&attempt.target) {
        return Answer::Nothing(400);
    }
    Answer::Passed {
        at: upstreams.addresses.clone(),
        method: attempt.method.to_owned(),
        target: format!("{prefix}{}", attempt.target),
        told,
    }
}

/// Whether some upstream could take a target for one above its place: undone again and again, `..` is a segment.
fn climbs(target: &str) -> bool {
    let mut path = target.split('?').next().unwrap_or_default().to_lowercase();
    for _ in 0..3 {
        for (escape, character) in [
            ("%2e", "."),
            ("%2f", "/"),
            ("%5c", "/"),
            ("%3b", ";"),
            ("\\", "/"),
            ("%25", "%"),
        ] {
            path = path.replace(escape, character);
        }
    }
    path.split('/')
        .any(|segment| segment.split(';').next() == Some(".."))
}

/// Whether a path that is undone once has a backslash, which browsers read as a slash.
fn has_backslash(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path.to_lowercase().replace("%5c", "\\").contains('\\')
}

/// The path as Caddy reads it: undone once, dots and slashes resolved.
fn resolved(target: &str) -> String {
    let mut path = target.split('?').next().unwrap_or_default().to_lowercase();
    for (escape, character) in [
        ("%2e", "."),
        ("%2f", "/"),
        ("%73", "s"),
        ("%5c", "\\"),
        ("%25", "%"),
    ] {
        path = path.replace(escape, character);
    }
    let trimmed = path.trim_end_matches(['.', ' ']);
    let mut segments: Vec<&str> = Vec::new();
    for segment in trimmed.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    let end = if trimmed.ends_with('/') && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}", segments.join("/"))
}

/// The headers in which the edge says who came from where.
const VOUCHED: [&str; 6] = [
    "Host",
    "X-Forwarded-For",
    "Remote-User",
    "Remote-Name",
    "Remote-Email",
    "Remote-Groups",
];

/// What came of a request.
pub fn got(exchange: &Exchange) -> Answer {
    let head = exchange.answer.split("\r\n\r\n").next().unwrap_or_default();
    let location = head
        .lines()
        .find_map(|line| line.strip_prefix("Location: "));
    let title = exchange
        .answer
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once(" · "));
    match (exchange.status, &exchange.arrivals[..]) {
        (None, []) => Answer::NoConnection,
        (Some(200), [(at, arrival)]) => {
            let mut told = arrival.headers.clone();
            let vouched = |name: &str| {
                ["host", "x-forwarded-for"].contains(&name) || name.starts_with("remote")
            };
            told.retain(|(name, _)| vouched(&name.to_lowercase()));
            told.sort_by_key(|(name, _)| VOUCHED.iter().position(|known| known == name));
            Answer::Passed {
                at: vec![(*at).to_owned()],
                method: arrival.method.clone(),
                target: arrival.target.clone(),
                told,
            }
        }
        (Some(status), []) => match (location, title) {
            (Some(place), _) => Answer::Redirect(status, place.trim_end().to_owned()),
            (None, Some((title, _))) => Answer::Page(status, Some(title.to_owned())),
            (None, None) if head.contains("text/html") => Answer::Page(status, None),
            (None, None) if status == 200 => Answer::File,
            (None, None) => Answer::Nothing(status),
        },
        (status, arrivals) => panic!("{status:?}, and arrived: {arrivals:?}"),
    }
}

impl Answer {
    /// Whether this is one of what that says.
    pub fn is(&self, expected: &Answer) -> bool {
        match (self, expected) {
            (Self::Passed { at, .. }, Self::Passed { at: any, .. }) => {
                let anywhere = |answer: &Self| match answer.clone() {
                    Self::Passed {
                        method,
                        target,
                        told,
                        ..
                    } => Some((method, target, told)),
                    _ => None,
                };
                at.iter().all(|at| any.contains(at)) && anywhere(self) == anywhere(expected)
            }
            // Caddy 2.6 takes every method for reading where there is a file.
            (Self::File, Self::Nothing(405)) => true,
            (answer, Self::Either(any)) => any.iter().any(|one| answer.is(one)),
            _ => self == expected,
        }
    }

    pub fn lets_in(&self) -> bool {
        match self {
            Self::NoConnection | Self::Page(403, _) => false,
            Self::Either(any) => any.iter().any(Self::lets_in),
            _ => true,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection => write!(f, "TLS refused"),
            Self::Passed {
                at,
                method,
                target,
                told,
            } => {
                write!(f, "passed to {at:?} as {method} {target}, told {told:?}")
            }
            Self::Page(status, title) => write!(f, "{status} page {title:?}"),
            Self::Redirect(status, place) => write!(f, "{status} to {place}"),
            Self::File => write!(f, "200 the file"),
            Self::Nothing(status) => write!(f, "{status}"),
            Self::Either(any) => write!(f, "{:?} or {:?}", any[0], any[1]),
        }
    }
}
