//! What can be reached, and by whom: read off the edge's own data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::edge::{
    self, Condition, Device, Edge, Extras, Guard, Handler, OpenHoles, Person, Public, Site, Sites,
};
use crate::model::{Behind, CertificateMode, Forwarding};

/// The version of the form below, for scripts. In version 1, which has no number, each service lists its people and their devices.
pub(super) const VERSION: u32 = 2;

/// All that can be reached through the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exposure {
    /// [`VERSION`].
    pub version: u32,
    pub domain: String,
    /// What counts as the LAN.
    pub lan: Vec<String>,
    /// The proxies that are believed about whom they speak for.
    pub behind: Option<Believed>,
    /// What is reachable without a certificate, sorted by service.
    pub without_certificate: Vec<Opening>,
    /// Everybody who is let in by certificate somewhere: the devices, each `person/device`, and what is let in beside a newer
    /// certificate.
    pub people: BTreeMap<String, Vec<String>>,
    /// Who is let in together, each set once: the first service that lets in exactly these is its name.
    pub audiences: BTreeMap<String, Audience>,
    /// Who may reach each service with one, sorted by service.
    pub with_certificate: Vec<Guarded>,
    /// What homelab does not check, sorted by service.
    pub unchecked: Vec<Unchecked>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Believed {
    pub proxies: Vec<String>,
    /// How they say for whom they speak.
    pub by: Forwarding,
}

/// Something that is reachable without a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opening {
    pub service: String,
    pub hosts: Vec<String>,
    pub from: OpenFrom,
    /// The path, such as `/share/*`; `/*` for all.
    pub path: String,
    /// The methods; none where all are.
    pub methods: Vec<String>,
    /// Whether the path comes from the catalogue of apps.
    pub share_link: bool,
}

impl Opening {
    /// Whether it opens the whole service.
    pub(crate) fn is_whole(&self) -> bool {
        self.path == WHOLE
    }
}

/// From where something is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OpenFrom {
    Everywhere,
    Lan,
}

/// A service, and who may reach it with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guarded {
    pub service: String,
    pub hosts: Vec<String>,
    /// What the TLS handshake asks of a visitor.
    pub certificate: CertificateMode,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// Who is let in, by the name among [`Exposure::audiences`]; none where nobody is.
    pub audience: Option<String>,
}

/// People who are let in together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audience {
    /// How many certificates they have.
    pub certificates: usize,
    /// Who, sorted by name.
    pub people: Vec<String>,
}

/// Something that homelab does not check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unchecked {
    pub service: String,
    pub what: UncheckedKind,
    /// The lines, or the names of the templates; of Caddy its version, and then its open holes.
    pub lines: Vec<String>,
}

/// What homelab does not check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UncheckedKind {
    /// The declared Caddy has holes that nothing generated closes.
    Caddy,
    /// Headers with an underscore in their names are passed on, which some upstreams take for a hyphen.
    HeaderUnderscores,
    Raw,
    /// Templates of the user's own.
    Templates,
    /// A certificate of an upstream that nobody verifies.
    UpstreamCertificate,
}

#[cfg(test)]
impl UncheckedKind {
    pub(crate) const ALL: [UncheckedKind; 5] = [
        UncheckedKind::Caddy,
        UncheckedKind::HeaderUnderscores,
        UncheckedKind::Raw,
        UncheckedKind::Templates,
        UncheckedKind::UpstreamCertificate,
    ];
}

/// The path of a whole service.
const WHOLE: &str = "/*";

/// What is said of all services. No service is called so.
pub(crate) const ALL: &str = "(all)";

/// What the landing page is called where services have their names. No service is called so.
pub(crate) const LANDING: &str = "(landing page)";

/// What hosts are called that nobody declares. No service is called so.
pub(crate) const FALLBACK: &str = "(fallback)";

fn with_port(host: impl std::fmt::Display, extras: &Extras) -> String {
    match extras.port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}

impl Exposure {
    /// What this edge exposes, where its files are made with these templates of the user's own.
    pub(crate) fn of(edge: &Edge, templates: &[String]) -> Exposure {
        let Edge { sites, holes, .. } = edge;
        let audiences = sites.audiences.iter();
        let mut exposure = Exposure {
            version: VERSION,
            domain: sites.domain.to_string(),
            lan: sites.lan.clone(),
            behind: sites.behind.as_ref().map(believed),
            without_certificate: Vec::new(),
            people: sites.people.iter().map(admitted).collect(),
            audiences: audiences
                .map(|audience| (audience.name.to_string(), told_of(audience, sites)))
                .collect(),
            with_certificate: Vec::new(),
            unchecked: unchecked_of_all(templates, holes.as_ref()),
        };
        exposure.landing(sites);
        exposure.fallback(sites);
        for site in &sites.sites {
            exposure.site(site, &sites.audiences);
        }
        exposure
    }

    fn landing(&mut self, edge: &Sites) {
        let Some(landing) = &edge.landing else {
            return;
        };
        let hosts = vec![with_port(&landing.host, &landing.extras)];
        if landing.is_shown_at_home() {
            self.without_certificate.push(Opening {
                service: LANDING.to_owned(),
                hosts: hosts.clone(),
                from: OpenFrom::Lan,
                path: WHOLE.to_owned(),
                methods: Vec::new(),
                share_link: false,
            });
        }
        // Whoever has a certificate is shown something.
        let everybody = Audience {
            certificates: edge.people.iter().map(|p| p.devices.len()).sum(),
            people: edge.people.iter().map(|p| p.name.to_string()).collect(),
        };
        let mut known = self.audiences.iter();
        let known = known.find(|(_, audience)| **audience == everybody);
        let audience = match known {
            Some((name, _)) => Some(name.clone()),
            None if everybody.people.is_empty() => None,
            None => {
                self.audiences.insert(LANDING.to_owned(), everybody);
                Some(LANDING.to_owned())
            }
        };
        self.with_certificate.push(Guarded {
            service: LANDING.to_owned(),
            hosts,
            certificate: landing.certificate,
            identity: false,
            audience,
        });
    }

    /// What is answered for hosts that nobody declares is open to everybody.
    fn fallback(&mut self, edge: &Sites) {
        let Some(undeclared) = &edge.undeclared else {
            return;
        };
        if undeclared.answer.is_some() {
            let all = format!("*.{}", edge.domain);
            self.without_certificate.push(Opening {
                service: FALLBACK.to_owned(),
                hosts: vec![with_port(all, &undeclared.extras)],
                from: OpenFrom::Everywhere,
                path: WHOLE.to_owned(),
                methods: Vec::new(),
                share_link: false,
            });
        }
    }

    fn site(&mut self, site: &Site, audiences: &[edge::Audience]) {
        let service = site.service.to_string();
        let hosts = site.hosts.iter();
        let hosts: Vec<String> = hosts.map(|host| with_port(host, &site.extras)).collect();
        let mut open: Vec<Open<'_>> = site.handlers.iter().flat_map(open).collect();
        // What is open as a whole comes first, as `/*` comes before every other path.
        open.sort_by_key(|open| open.path);
        self.without_certificate
            .extend(open.into_iter().map(|open| Opening {
                service: service.clone(),
                hosts: hosts.clone(),
                from: open.from,
                path: open.path.to_owned(),
                methods: open.methods.iter().map(ToString::to_string).collect(),
                share_link: open.share_link,
            }));
        self.unchecked.extend(unchecked(site));
        if let Some(certificate) = site.certificate {
            let audience = site.audience.map(|place| &audiences[place].name);
            self.with_certificate.push(Guarded {
                service,
                hosts,
                certificate,
                identity: site.identity,
                audience: audience.map(ToString::to_string),
            });
        }
    }
}

/// Something of a service that is open without a certificate.
struct Open<'s> {
    from: OpenFrom,
    path: &'s str,
    methods: &'s [Cow<'static, str>],
    share_link: bool,
}

/// What a handler opens without a certificate.
fn open(handler: &Handler) -> Vec<Open<'_>> {
    let whole = |from| Open {
        from,
        path: WHOLE,
        methods: &[],
        share_link: false,
    };
    match handler.matcher.as_ref().map(|matcher| &matcher.condition) {
        None if handler.is_let_in() => vec![whole(OpenFrom::Everywhere)],
        Some(Condition::Lan) => vec![whole(OpenFrom::Lan)],
        Some(Condition::Public(Public { methods, paths, .. })) => { paths.iter() }
            .map(|public| Open {
                from: OpenFrom::Everywhere,
                path: public.path.as_str(),
                methods: methods.as_slice(),
                share_link: public.share_link,
            })
            .collect(),
        None | Some(Condition::Certificates { .. } | Condition::Audience { .. }) => Vec::new(),
    }
}

fn unchecked_of_all(templates: &[String], holes: Option<&OpenHoles>) -> Vec<Unchecked> {
    let of_all = |what, lines: Vec<String>| Unchecked {
        service: ALL.to_owned(),
        what,
        lines,
    };
    let templates = (!templates.is_empty()).then_some(templates);
    let templates = templates.map(|names| of_all(UncheckedKind::Templates, names.to_vec()));
    let holes = holes.map(|open| {
        let version = std::iter::once(open.caddy.to_string());
        let lines = version.chain(open.holes.iter().cloned());
        of_all(UncheckedKind::Caddy, lines.collect())
    });
    templates.into_iter().chain(holes).collect()
}

fn unchecked(site: &Site) -> impl Iterator<Item = Unchecked> {
    let found = [
        (UncheckedKind::Raw, !site.raw.is_empty(), &site.raw[..]),
        (
            UncheckedKind::HeaderUnderscores,
            site.guard == Guard::GuardButForUnderscores,
            &[],
        ),
        (
            UncheckedKind::UpstreamCertificate,
            site.backend.is_unverified(),
            &[],
        ),
    ];
    let found = found.into_iter().filter(|(_, is_there, _)| *is_there);
    found.map(|(what, _, lines)| Unchecked {
        service: site.service.to_string(),
        what,
        lines: lines.to_vec(),
    })
}

fn believed(behind: &Behind) -> Believed {
    Believed {
        proxies: behind.proxies.iter().map(ToString::to_string).collect(),
        by: behind.by,
    }
}

fn admitted(person: &Person) -> (String, Vec<String>) {
    let devices = person.devices.iter().map(told);
    (person.name.to_string(), devices.collect())
}

fn told_of(audience: &edge::Audience, edge: &Sites) -> Audience {
    let people = audience.people.iter().map(|place| &edge.people[*place]);
    Audience {
        certificates: audience.certificates,
        people: people.map(|person| person.name.to_string()).collect(),
    }
}

/// A device by its name; one that it has a newer certificate of, as that.
fn told(device: &Device) -> String {
    match &device.until {
        Some(until) => format!("{} (its older certificate, until {until})", device.name),
        None => device.name.to_string(),
    }
}
