//! How a service can be reached, read off what an edge exposes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::derive::{ALL, Exposure, LANDING, OpenFrom, Opening};
use crate::model::CertificateMode;

/// How one service can be reached.
#[derive(Default)]
pub(super) struct Reach<'e> {
    pub hosts: BTreeSet<&'e str>,
    pub openings: Vec<&'e Opening>,
    /// What the handshake asks for; none where no certificate opens anything.
    pub certificate: Option<CertificateMode>,
    pub identity: bool,
    /// One set for all services that let in the same people.
    pub people: Cow<'e, BTreeSet<&'e str>>,
}

/// The sets of people who are let in together, by name.
pub(super) fn audiences(exposure: &Exposure) -> BTreeMap<&str, BTreeSet<&str>> {
    let named = exposure.audiences.iter().map(|(name, audience)| {
        let people = audience.people.iter().map(String::as_str);
        (name.as_str(), people.collect())
    });
    named.collect()
}

pub(super) fn reaches<'e>(
    exposure: &'e Exposure,
    audiences: &'e BTreeMap<&'e str, BTreeSet<&'e str>>,
) -> BTreeMap<&'e str, Reach<'e>> {
    let mut reaches: BTreeMap<&str, Reach<'_>> = BTreeMap::new();
    for opening in &exposure.without_certificate {
        let reach = reaches.entry(&opening.service).or_default();
        reach.hosts.extend(opening.hosts.iter().map(String::as_str));
        reach.openings.push(opening);
    }
    for guarded in &exposure.with_certificate {
        let reach = reaches.entry(&guarded.service).or_default();
        reach.hosts.extend(guarded.hosts.iter().map(String::as_str));
        reach.certificate = Some(guarded.certificate);
        reach.identity = guarded.identity;
        let name = guarded.audience.as_deref();
        if let Some(people) = name.and_then(|name| audiences.get(name)) {
            reach.people = Cow::Borrowed(people);
        }
    }
    reaches
}

impl Reach<'_> {
    /// Whether all of it is open from there without a certificate.
    pub(super) fn is_open(&self, from: OpenFrom) -> bool {
        let mut openings = self.openings.iter();
        openings.any(|opening| opening.is_whole() && covers_place(opening.from, from))
    }

    /// Whether all that an opening opens is open.
    pub(super) fn covers(&self, other: &Opening) -> bool {
        self.openings.iter().any(|opening| {
            covers_place(opening.from, other.from)
                && covers_path(&opening.path, &other.path)
                && covers_methods(opening, other)
        })
    }
}

fn covers_place(from: OpenFrom, other: OpenFrom) -> bool {
    from == other || from == OpenFrom::Everywhere
}

/// Whether a pattern matches whatever the other does: they are whole paths, or end in `/*`.
fn covers_path(pattern: &str, other: &str) -> bool {
    let below = pattern.strip_suffix('*');
    pattern == other || below.is_some_and(|below| other.starts_with(below))
}

fn covers_methods(opening: &Opening, other: &Opening) -> bool {
    let all = |opening: &Opening| opening.methods.is_empty();
    let has = |method| opening.methods.contains(method);
    all(opening) || (!all(other) && other.methods.iter().all(has))
}

/// What a service is called.
pub(super) fn shown(service: &str) -> &str {
    match service {
        LANDING => "the landing page",
        ALL => "the whole edge",
        service => service,
    }
}
