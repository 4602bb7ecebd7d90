//! What is asked of a site, by whom, and what is to come of it.

use super::policy::spelt_otherwise;
use super::site::{Spelling, example};
use super::{Expected, Outcome, Site, Standing};
use crate::derive::RENEW;
use crate::lock::Issued;
use crate::model::{CertificateMode, PathPattern};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// Somebody without a certificate.
    Nobody,
    /// Somebody with a certificate that is named as ours, and signed by another.
    Stranger,
    /// One of the certificates that are tried, by its place among them.
    Device(usize),
}

/// The name in the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NameShown {
    /// The host's own.
    Own,
    /// Another one.
    Other(String),
    None,
}

/// How a request is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// `GET`, with nothing more than it takes.
    Plain,
    /// The same over HTTP/2, as browsers ask.
    AsBrowsers,
    Options,
    /// As a browser asks what a page of this origin may send.
    Preflight(String),
    /// `GET`, with headers by which a proxy would say that the visitor is at home.
    FromHome,
    /// The same, that the visitor is elsewhere.
    FromElsewhere,
}

impl Manner {
    /// Whether the visitor says where they are.
    pub(crate) fn is_claim(&self) -> bool {
        matches!(self, Manner::FromHome | Manner::FromElsewhere)
    }
}

/// A request to be made.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub visitor: Visitor,
    /// The name in the handshake.
    pub name: NameShown,
    pub manner: Manner,
    pub path: String,
    /// The path whose own policy it is about.
    pub policy: Option<String>,
    /// What is to come of it.
    pub expected: Expected,
}

/// The certificates that are tried, with how they stand.
pub(crate) type Tried<'a> = [(&'a Issued, Standing)];

/// A name that nobody declares, and that no certificate of a site is for, but for a wildcard's.
pub(crate) fn undeclared(domain: &str) -> [String; 2] {
    [
        format!("homelab-verify.{domain}"),
        String::from("homelab-verify.invalid"), // RFC 6761 §6.4: it leads nowhere
    ]
}

/// How many certificates of each kind are tried at a path that has a policy of its own: of one kind are those of which the policy says the
/// same.
const OF_EACH_KIND: usize = 4;

/// How many of the newer certificates that wait are asked for.
const MOST_FETCHED: usize = 20;

/// An origin that nobody declares (RFC 6761 §6.4).
const OTHER_ORIGIN: &str = "https://homelab-verify.invalid";

/// What is to be asked of a site, where those are all that there are.
pub(crate) fn probes(site: &Site, all: &[Site], domain: &str, tried: &Tried<'_>) -> Vec<Probe> {
    let nobody = |path: &str, expected| ask(Visitor::Nobody, path, expected);
    let refused = |path: &str| nobody(path, site.expected(None, "GET", (path, Spelling::Plain)));
    let mut probes = vec![refused("/")];
    if let Some(public) = &site.public {
        probes.push(nobody(&public.path, Expected::always(Outcome::Admitted)));
        probes.extend(public.lookalikes.iter().map(|path| refused(path)));
        if !public.takes_options {
            probes.push(Probe {
                manner: Manner::Options,
                ..refused(&public.path)
            });
        }
    }
    if site.is_open_at_home() {
        probes.extend(
            [Manner::FromHome, Manner::FromElsewhere].map(|manner| Probe {
                manner,
                ..refused("/")
            }),
        );
    }
    probes.extend(fetched(site, tried));
    probes.extend(preflights(site));
    probes.extend(behind_other_names(site, all, domain, tried));
    if site.asks() {
        let refused = Expected::always(Outcome::HandshakeRefused);
        probes.push(ask(Visitor::Stranger, "/", refused));
        probes.extend((0..tried.len()).map(|place| as_device(site, tried, place, "/")));
    }
    for (pattern, _) in site.paths.iter() {
        probes.extend(at_path(site, pattern, tried));
    }
    let is_plain = |probe: &&Probe| probe.manner == Manner::Plain && probe.name == NameShown::Own;
    let again = probes.iter().filter(is_plain).cloned();
    let again: Vec<Probe> = again
        .map(|probe| Probe {
            manner: Manner::AsBrowsers,
            ..probe
        })
        .collect();
    probes.extend(again);
    probes
}

/// A path that has a policy of its own, asked for as nobody and as devices of each kind; and the same spelt otherwise, which is let in only
/// where all else is, too.
fn at_path(site: &Site, pattern: &PathPattern, tried: &Tried<'_>) -> Vec<Probe> {
    let plain = example(pattern);
    let otherwise = spelt_otherwise(&plain);
    let mut probes = Vec::new();
    // Without a connection nobody asks for a path.
    if site.certificate != Some(CertificateMode::Required) {
        let asked = (plain.as_str(), Spelling::Plain);
        let nobody = ask(Visitor::Nobody, &plain, site.expected(None, "GET", asked));
        probes.push(nobody);
        probes.extend(otherwise.as_ref().map(|path| {
            let asked = (path.as_str(), Spelling::Otherwise);
            ask(Visitor::Nobody, path, site.expected(None, "GET", asked))
        }));
    }
    if site.asks() {
        for (place, number) in of_each_kind(site, &plain, tried) {
            probes.push(as_device(site, tried, place, &plain));
            let first = otherwise.as_ref().filter(|_| number == 0);
            probes.extend(first.map(|path| {
                let (issued, standing) = tried[place];
                let who = Some((&issued.device, standing));
                let asked = (path.as_str(), Spelling::Otherwise);
                ask(
                    Visitor::Device(place),
                    path,
                    site.expected(who, "GET", asked),
                )
            }));
        }
    }
    let policy = Some(pattern.as_str().to_owned());
    probes
        .iter_mut()
        .for_each(|probe| probe.policy.clone_from(&policy));
    probes
}

/// The certificates that are tried at a path, by their places, each with its number among those of which the policies say the same.
fn of_each_kind(site: &Site, path: &str, tried: &Tried<'_>) -> Vec<(usize, usize)> {
    let policies = site.policies_of(path, Spelling::Otherwise);
    let mut kinds = Vec::new();
    let mut chosen = Vec::new();
    for (place, (issued, standing)) in tried.iter().enumerate() {
        // Those get as far as to no path.
        if *standing == Standing::Untrusted {
            continue;
        }
        let said = policies.iter().map(|policy| policy.said_of(&issued.device));
        let kind = (*standing, said.collect::<Vec<_>>());
        let known = kinds.iter().position(|(known, _)| *known == kind);
        let known = known.unwrap_or_else(|| {
            kinds.push((kind, 0));
            kinds.len() - 1
        });
        let (_, count) = &mut kinds[known];
        if *count < OF_EACH_KIND {
            chosen.push((place, *count));
            *count += 1;
        }
    }
    chosen
}

/// The newer certificates that wait, asked for as nobody, as the devices that they are for, and as some others.
fn fetched(site: &Site, tried: &Tried<'_>) -> Vec<Probe> {
    let mut probes = Vec::new();
    if !site.handed_out.is_empty() {
        let refused = site.expected(None, "GET", (RENEW, Spelling::Plain));
        probes.push(ask(Visitor::Nobody, RENEW, refused));
    }
    for (path, device) in site.handed_out.iter().take(MOST_FETCHED) {
        let refused = Expected::always(Outcome::Forbidden);
        probes.push(ask(Visitor::Nobody, path, refused));
        let mut others = [0; 3];
        for (place, (issued, standing)) in tried.iter().enumerate() {
            let is_own = issued.device == *device;
            let count = &mut others[*standing as usize];
            if !is_own && *count == OF_EACH_KIND {
                continue;
            }
            *count += usize::from(!is_own);
            let outcome = match standing {
                Standing::Admitted if is_own => Outcome::Admitted,
                Standing::Admitted => Outcome::Forbidden,
                Standing::Unlisted => Outcome::Refused,
                Standing::Untrusted => Outcome::HandshakeRefused,
            };
            let expected = Expected::always(outcome);
            probes.push(ask(Visitor::Device(place), path, expected));
        }
    }
    probes
}

/// Pages of each origin that is declared may ask, of another one not: at all else, and at each path.
fn preflights(site: &Site) -> Vec<Probe> {
    let preflight = |origin: &str, path: &str, expected| Probe {
        manner: Manner::Preflight(origin.to_owned()),
        ..ask(Visitor::Nobody, path, expected)
    };
    let mut probes = Vec::new();
    let Some(first) = site.origins.first() else {
        return probes;
    };
    let admitted = || Expected::always(Outcome::Admitted);
    let origins = site.origins.iter();
    probes.extend(origins.map(|origin| preflight(origin.as_str(), "/", admitted())));
    let refused = |path: &str| site.expected(None, "OPTIONS", (path, Spelling::Plain));
    probes.push(preflight(OTHER_ORIGIN, "/", refused("/")));
    for (pattern, _) in site.paths.iter() {
        let path = example(pattern);
        let of_path = [
            preflight(first.as_str(), &path, admitted()),
            preflight(OTHER_ORIGIN, &path, refused(&path)),
        ];
        probes.extend(of_path.map(|probe| Probe {
            policy: Some(pattern.as_str().to_owned()),
            ..probe
        }));
    }
    probes
}

fn as_device(site: &Site, tried: &Tried<'_>, place: usize, path: &str) -> Probe {
    let (issued, standing) = tried[place];
    let who = Some((&issued.device, standing));
    let expected = site.expected(who, "GET", (path, Spelling::Plain));
    ask(Visitor::Device(place), path, expected)
}

fn ask(visitor: Visitor, path: &str, expected: Expected) -> Probe {
    Probe {
        visitor,
        name: NameShown::Own,
        manner: Manner::Plain,
        path: path.to_owned(),
        policy: None,
        expected,
    }
}

/// The site asked for behind another name in the handshake: of each kind of site one, none, and one
/// that there is not.
fn behind_other_names(site: &Site, all: &[Site], domain: &str, tried: &Tried<'_>) -> Vec<Probe> {
    let behind = |name, visitor, outcome| Probe {
        name,
        ..ask(visitor, "/", Expected::always(outcome))
    };
    let mut probes = Vec::new();
    let kinds = [
        None,
        Some(CertificateMode::Asked),
        Some(CertificateMode::Required),
    ];
    for kind in kinds {
        let is_beside = |other: &&Site| other.host != site.host && other.port == site.port;
        let others = all.iter().filter(is_beside);
        let Some(other) = others.clone().find(|other| other.certificate == kind) else {
            continue;
        };
        let name = || NameShown::Other(other.host.clone());
        if kind != Some(CertificateMode::Required) {
            probes.push(behind(name(), Visitor::Nobody, Outcome::Misdirected));
        }
        // Who is let in there is not let in here by that.
        let admitted =
            |(issued, standing): &(&Issued, Standing)| other.admits(&issued.device, *standing);
        if let Some(place) = tried.iter().position(admitted) {
            probes.push(behind(name(), Visitor::Device(place), Outcome::Misdirected));
        }
    }
    let [below, _] = undeclared(domain);
    probes.push(behind(NameShown::None, Visitor::Nobody, Outcome::Unserved));
    probes.push(behind(
        NameShown::Other(below),
        Visitor::Nobody,
        Outcome::Unserved,
    ));
    probes
}
