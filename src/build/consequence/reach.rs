//! How a service can be reached, read off what an edge exposes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::derive::{ALL, Exposure, Guarded, LANDING, OpenFrom, Opening, PathExposure};
use crate::model::CertificateMode;

/// How one service can be reached.
#[derive(Default)]
pub(super) struct Reach<'e> {
    pub hosts: BTreeSet<&'e str>,
    pub openings: Vec<&'e Opening>,
    /// What is open to whoever signs in.
    pub by_sign_in: Vec<&'e Opening>,
    /// Whether who has a certificate has to sign in besides.
    pub also_signs_in: bool,
    /// What the handshake asks for; none where no certificate opens anything.
    pub certificate: Option<CertificateMode>,
    pub identity: bool,
    /// One set for all services that let in the same people.
    pub people: Cow<'e, BTreeSet<&'e str>>,
    /// Whose certificates count in some networks only.
    pub confined: Vec<&'e Guarded>,
    /// The paths that have policies of their own.
    pub paths: Vec<&'e PathExposure>,
}

/// The sets of people who are let in together, by name.
pub(super) fn audiences<'e>(
    exposures: impl Iterator<Item = &'e Exposure>,
) -> BTreeMap<&'e str, BTreeSet<&'e str>> {
    let audiences = exposures.flat_map(|exposure| &exposure.audiences);
    let named = audiences.map(|(name, audience)| {
        let people = audience.people.iter().map(String::as_str);
        (name.as_str(), people.collect())
    });
    named.collect()
}

pub(super) fn reaches<'e>(
    exposures: impl Iterator<Item = &'e Exposure>,
    audiences: &'e BTreeMap<&'e str, BTreeSet<&'e str>>,
) -> BTreeMap<&'e str, Reach<'e>> {
    let mut reaches: BTreeMap<&str, Reach<'_>> = BTreeMap::new();
    for exposure in exposures {
        add_reaches(exposure, audiences, &mut reaches);
    }
    reaches
}

fn add_reaches<'e>(
    exposure: &'e Exposure,
    audiences: &'e BTreeMap<&'e str, BTreeSet<&'e str>>,
    reaches: &mut BTreeMap<&'e str, Reach<'e>>,
) {
    for opening in &exposure.without_certificate {
        let reach = reaches.entry(&opening.service).or_default();
        reach.hosts.extend(opening.hosts.iter().map(String::as_str));
        reach.openings.push(opening);
    }
    for opening in &exposure.by_sign_in {
        let reach = reaches.entry(&opening.service).or_default();
        reach.hosts.extend(opening.hosts.iter().map(String::as_str));
        reach.by_sign_in.push(opening);
    }
    for guarded in &exposure.with_certificate {
        let reach = reaches.entry(&guarded.service).or_default();
        reach.hosts.extend(guarded.hosts.iter().map(String::as_str));
        reach.certificate = Some(guarded.certificate);
        reach.identity = guarded.identity;
        reach.also_signs_in = guarded.sign_in;
        let name = guarded.audience.as_deref();
        if let Some(people) = name.and_then(|name| audiences.get(name)) {
            // Mostly there is one set, which many services share.
            if reach.people.is_empty() {
                reach.people = Cow::Borrowed(people);
            } else {
                reach.people.to_mut().extend(people);
            }
        }
        let devices = guarded.devices.iter().map(String::as_str);
        if !guarded.devices.is_empty() {
            reach.people.to_mut().extend(devices);
        }
        if !guarded.from.is_empty() {
            reach.confined.push(guarded);
        }
    }
    for path in &exposure.paths {
        let reach = reaches.entry(&path.service).or_default();
        reach.paths.push(path);
    }
}

impl Reach<'_> {
    /// Whether all of it is open from there without a certificate.
    pub(super) fn is_open(&self, from: &OpenFrom) -> bool {
        let mut openings = self.openings.iter();
        openings.any(|opening| opening.is_whole() && covers_place(&opening.from, from))
    }

    /// Whether all that an opening opens is open.
    pub(super) fn covers(&self, other: &Opening) -> bool {
        self.openings.iter().any(|opening| covers(opening, other))
    }

    /// Whether all that an opening opens is open to whoever signs in.
    pub(super) fn covers_signed_in(&self, other: &Opening) -> bool {
        let mut openings = self.openings.iter().chain(&self.by_sign_in);
        openings.any(|opening| covers(opening, other))
    }

    /// Whether all of it is open from anywhere to whoever signs in.
    pub(super) fn is_open_by_sign_in(&self) -> bool {
        let mut openings = self.by_sign_in.iter();
        openings.any(|opening| opening.is_whole() && opening.from == OpenFrom::Everywhere)
    }
}

fn covers(opening: &Opening, other: &Opening) -> bool {
    covers_place(&opening.from, &other.from)
        && opening.origins == other.origins
        && covers_path(&opening.path, &other.path)
        && covers_methods(opening, other)
}

fn covers_place(from: &OpenFrom, other: &OpenFrom) -> bool {
    from == other || *from == OpenFrom::Everywhere
}

/// Whether a pattern matches whatever the other does, as far as that is seen: the pattern ends in `/*`.
fn covers_path(pattern: &str, other: &str) -> bool {
    let below = pattern
        .strip_suffix('*')
        .filter(|below| below.ends_with('/'));
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
