//! What is asked of a site, by whom, and what is to come of it.

use super::{Expected, Guard, Outcome, Site, Standing};
use crate::lock::Issued;
use crate::model::Name;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// `GET`, with nothing more than it takes.
    Plain,
    /// The same over HTTP/2, as browsers ask.
    AsBrowsers,
    Options,
    /// `GET`, with headers by which a proxy would say that the visitor is at home.
    FromHome,
    /// The same, that the visitor is elsewhere.
    FromElsewhere,
}

impl Manner {
    /// Whether the visitor says where they are.
    pub(crate) fn is_claim(self) -> bool {
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

/// What is to be asked of a site, where those are all that there are.
pub(crate) fn probes(site: &Site, all: &[Site], domain: &str, tried: &Tried<'_>) -> Vec<Probe> {
    let nobody = |path: &str, expected| ask(Visitor::Nobody, path, expected);
    let mut probes = vec![nobody("/", site.nobody())];
    if let Some(public) = &site.public {
        probes.push(nobody(&public.path, Expected::always(Outcome::Admitted)));
        let lookalikes = public.lookalikes.iter();
        probes.extend(lookalikes.map(|path| nobody(path, site.nobody())));
        if !public.takes_options {
            probes.push(Probe {
                manner: Manner::Options,
                ..nobody(&public.path, site.nobody())
            });
        }
    }
    if site.is_open_at_home() {
        probes.extend(
            [Manner::FromHome, Manner::FromElsewhere].map(|manner| Probe {
                manner,
                ..nobody("/", site.nobody())
            }),
        );
    }
    probes.extend(behind_other_names(site, all, domain, tried));
    if site.asks() {
        let refused = Expected::always(Outcome::HandshakeRefused);
        probes.push(ask(Visitor::Stranger, "/", refused));
        for (place, (issued, standing)) in tried.iter().enumerate() {
            let expected = site.device(&issued.device.person, *standing);
            probes.push(ask(Visitor::Device(place), "/", expected));
        }
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

fn ask(visitor: Visitor, path: &str, expected: Expected) -> Probe {
    Probe {
        visitor,
        name: NameShown::Own,
        manner: Manner::Plain,
        path: path.to_owned(),
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
    let kinds: [fn(&Guard) -> bool; 3] = [
        |guard| matches!(guard, Guard::Open | Guard::Home),
        |guard| matches!(guard, Guard::Asked { .. }),
        |guard| *guard == Guard::Required,
    ];
    for kind in kinds {
        let is_beside = |other: &&Site| other.host != site.host && other.port == site.port;
        let others = all.iter().filter(is_beside);
        let Some(other) = others.clone().find(|other| kind(&other.guard)) else {
            continue;
        };
        let name = || NameShown::Other(other.host.clone());
        if other.guard != Guard::Required {
            probes.push(behind(name(), Visitor::Nobody, Outcome::Misdirected));
        }
        // Who is let in there is not let in here by that.
        let admitted = |(issued, standing): &(&Issued, Standing)| {
            other.admits(&issued.device.person, *standing)
        };
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

impl Site {
    fn nobody(&self) -> Expected {
        match self.guard {
            Guard::Open => Expected::always(Outcome::Admitted),
            Guard::Required => Expected::always(Outcome::HandshakeRefused),
            Guard::Home | Guard::Asked { home: true } => Expected::at_home(),
            Guard::Asked { home: false } => Expected::always(Outcome::Forbidden),
        }
    }

    fn device(&self, person: &Name, standing: Standing) -> Expected {
        match standing {
            Standing::Untrusted => Expected::always(Outcome::HandshakeRefused),
            _ if self.admits(person, standing) => Expected::always(Outcome::Admitted),
            Standing::Admitted | Standing::Unlisted if self.is_open_at_home() => {
                Expected::at_home()
            }
            Standing::Admitted => Expected::always(Outcome::Forbidden),
            Standing::Unlisted => Expected::always(Outcome::Refused),
        }
    }
}
