//! What the Caddyfile says, as data: sites with their policies, every group resolved to devices.
//!
//! What `exposure.md` says is read off the same data ([`Exposure`](super::Exposure)), so that the two
//! cannot tell different stories.

mod audience;
mod backend;
mod landing;

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use serde::Serialize;

pub use audience::Audience;
pub use backend::Backend;
pub use landing::{Landing, LandingPages, Link};

use audience::Audiences;

use crate::lock::{Authority, Installed, Issued, Lock, State};
use crate::model::{
    self, Access, Allowed, CaddyVersion, CertificateMode, DeviceId, Forwarding, Homelab, IpRange,
    Name, PublicPath, Service, SiteCertificates, uri_pattern,
};
use crate::pki::Fingerprint;

/// The whole edge, by the files that it stands in.
pub struct Edge {
    /// The global options.
    pub globals: Globals,
    /// The policy.
    pub sites: Sites,
    /// What visitors are shown in place of a service.
    pub pages: Pages,
}

/// The global options.
#[derive(Debug, Serialize)]
pub struct Globals {
    /// The domain.
    pub domain: String,
    /// The ACME account's address.
    pub email: Option<String>,
    /// Where the sites' own certificates come from.
    pub certificates: Certificates,
    /// The proxies that stand before this one.
    pub behind: Option<Behind>,
}

/// The policy: who gets in where.
#[derive(Debug, Serialize)]
pub struct Sites {
    /// The domain.
    pub domain: String,
    /// Whether the edge's Caddy knows `trust_pool`.
    pub trust_pool: bool,
    /// The authorities whose certificates are verified, DER in base64.
    pub authorities: Vec<String>,
    /// How the sites ask for certificates, sorted.
    pub certificates: BTreeSet<Asked>,
    /// The sites' own certificate, where it comes from files.
    pub files: Option<CertificateFiles>,
    /// Whether one certificate for all hosts right below the domain is had by a wildcard site.
    pub wildcard: bool,
    /// Whether browsers are told never to speak to these hosts in the clear (RFC 6797): only where
    /// their certificates are of an authority that all browsers know.
    pub hsts: bool,
    /// What counts as the LAN: ranges, or `private_ranges`.
    pub lan: Vec<String>,
    /// The proxies that stand before this one.
    pub behind: Option<Behind>,
    /// Certificates that were let in once, and verify still: told so, and let in nowhere.
    pub retired: Vec<Device>,
    /// Everybody who has a certificate that is let in, sorted by name.
    pub people: Vec<Person>,
    /// The sets of people that sites let in, in the order of their names.
    pub audiences: Vec<Audience>,
    /// Whether some site has to keep requests from climbing.
    pub no_climbing: bool,
    /// What the domain itself shows visitors.
    pub landing: Option<Landing>,
    /// The kinds of pages that some site refers to, sorted.
    pub page_kinds: BTreeSet<PageKind>,
    /// The sites, sorted by the service's name.
    pub sites: Vec<Site>,
    /// What the declared Caddy lets happen that nothing here closes: in no file of Caddy's, but in the
    /// review.
    #[serde(skip)]
    pub holes: Vec<String>,
}

/// How a site asks for a certificate in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// Who shows none may come in all the same, as far as the policy lets them.
    Asked,
    /// Who shows none gets no connection.
    Required,
}

impl Asked {
    fn of(mode: CertificateMode) -> Asked {
        match mode {
            CertificateMode::Asked => Asked::Asked,
            CertificateMode::Required => Asked::Required,
        }
    }
}

/// What visitors are shown in place of a service, as data.
#[derive(Debug, Serialize)]
pub struct Pages {
    /// The domain.
    pub domain: String,
    /// Whom visitors are told to ask.
    pub email: Option<String>,
    /// As in [`Sites`].
    pub hsts: bool,
    /// The landing page of each visitor.
    pub landing: Option<LandingPages>,
}

/// What a visitor is told who is not let in: it depends on who is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageKind {
    /// Devices with a certificate are let in.
    Certificate,
    /// Those, and whoever is on the LAN.
    CertificateOrHome,
    /// Whoever is on the LAN.
    Home,
    /// Everybody is let in.
    Everyone,
}

impl PageKind {
    /// The kind for a site that asks for certificates or not, and is open at home or not.
    fn of(asks: bool, lan: bool) -> PageKind {
        match (asks, lan) {
            (true, true) => PageKind::CertificateOrHome,
            (true, false) => PageKind::Certificate,
            (false, true) => PageKind::Home,
            (false, false) => PageKind::Everyone,
        }
    }
}

/// Where the sites' own certificates come from.
#[derive(Debug, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Certificates {
    Acme,
    Internal,
    Dns { provider: String, token_env: String },
    Files,
}

/// A certificate and its key, files on the Caddy host.
#[derive(Debug, Serialize)]
pub struct CertificateFiles {
    pub cert: String,
    pub key: String,
}

/// The proxies that stand before this one.
#[derive(Debug, Clone, Serialize)]
pub struct Behind {
    /// Their addresses, as ranges.
    pub proxies: Vec<String>,
    /// Whether they speak the PROXY protocol, rather than HTTP with `X-Forwarded-For`.
    pub proxy_protocol: bool,
}

/// One service's site.
#[derive(Debug, Serialize)]
pub struct Site {
    /// The service's name.
    pub service: String,
    /// Its name to show.
    pub title: String,
    /// Its hosts; at least one.
    pub hosts: Vec<String>,
    /// How a certificate is asked for; none where it is not.
    pub certificate: Option<Asked>,
    /// What a visitor is told who is not let in.
    pub pages: PageKind,
    /// Whether everybody is let in.
    pub everyone: bool,
    /// Whether the LAN is let in without a certificate.
    pub lan: bool,
    /// Who is let in by certificate, by the place among [`Sites::audiences`]; none where nobody is.
    pub audience: Option<usize>,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// Paths open to everyone.
    pub public: Vec<Public>,
    /// What is done with a request that is let in.
    pub backend: Backend,
    /// The largest body that a request may have.
    pub max_body: Option<String>,
    /// Whether headers with an underscore in their names are passed on.
    pub underscores: bool,
    /// Headers set on every answer.
    pub headers: Vec<Header>,
    /// Lines that stand before the backend as they are.
    pub raw: Vec<String>,
}

/// Somebody who is let in by certificate.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// The address.
    pub email: String,
    /// The groups, joined by commas; it may be empty.
    pub groups: String,
    /// The devices; at least one.
    pub devices: Vec<Device>,
}

/// A certificate.
#[derive(Debug, Clone, Serialize)]
pub struct Device {
    /// The device, `alice/pixel`.
    pub name: String,
    /// Until when it is let in beside the device's newer one, if it is.
    pub until: Option<String>,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: Fingerprint,
}

/// Paths open to everyone, for the same methods.
#[derive(Debug, Serialize)]
pub struct Public {
    /// The methods.
    pub methods: Vec<&'static str>,
    /// The paths, sorted; at least one.
    pub paths: Vec<OpenPath>,
    /// For the raw URI: any of the paths.
    pub uri_pattern: String,
}

/// A path open to everyone.
#[derive(Debug, Serialize)]
pub struct OpenPath {
    /// For Caddy's `path` matcher.
    pub path: String,
    /// Whether it comes from the catalogue of apps.
    pub share_link: bool,
}

/// A header.
#[derive(Debug, Serialize)]
pub struct Header {
    pub name: String,
    pub value: String,
}

/// The certificates of each device that are let in, the active one first.
type Admitted<'l> = BTreeMap<&'l DeviceId, Vec<&'l Issued>>;

impl Edge {
    /// The edge of a homelab with this lock; before the first build there is none, and nobody has a
    /// certificate.
    pub fn new(homelab: &Homelab, lock: Option<&Lock>) -> Edge {
        let admitted = lock.map(Lock::admitted).unwrap_or_default();
        let authorities: Vec<&Authority> = lock.into_iter().flat_map(Lock::trusted).collect();
        let certificates = lock.map_or(&[][..], |lock| &lock.certificates);
        let removed = lock.map(|lock| lock.removed(homelab)).unwrap_or_default();
        // Of an authority that is not trusted no certificate is looked at.
        let is_seen = |issued: &&Issued| authorities.iter().any(|a| a.id == issued.authority);
        // The lock may not have learnt yet of who is gone.
        let is_declared = |issued: &&Issued| {
            let device = homelab.device(&issued.device);
            device.is_some_and(|device| device.installed().is_none())
        };
        let settings = &homelab.edge;
        let mut audiences = Audiences::new(homelab, &admitted);
        let (landing, landing_pages) = match settings.landing {
            true => {
                let (landing, pages) = Landing::new(homelab, &audiences);
                (Some(landing), Some(pages))
            }
            false => (None, None),
        };
        let services = homelab.services.values();
        let sites: Vec<Site> = services
            .map(|service| site(service, &mut audiences))
            .collect();
        let (people, audiences) = audiences.finish();
        let behind = settings.behind.as_ref().map(|behind| Behind {
            proxies: shown(&behind.proxies),
            proxy_protocol: behind.by == Forwarding::ProxyProtocol,
        });
        let domain = homelab.domain.to_string();
        let email = settings.email.as_ref().map(ToString::to_string);
        let hsts = matches!(
            settings.certificates,
            SiteCertificates::Acme | SiteCertificates::Dns { .. }
        );
        Edge {
            globals: Globals {
                domain: domain.clone(),
                email: email.clone(),
                certificates: site_certificates(&settings.certificates),
                behind: behind.clone(),
            },
            pages: Pages {
                domain: domain.clone(),
                email,
                hsts,
                landing: landing_pages,
            },
            sites: Sites {
                domain,
                trust_pool: settings.caddy >= CaddyVersion::TRUST_POOL,
                authorities: authorities
                    .iter()
                    .map(|authority| BASE64.encode(authority.certificate.der()))
                    .collect(),
                certificates: sites
                    .iter()
                    .filter_map(|site| site.certificate)
                    .chain(landing.iter().map(|_| Asked::Asked))
                    .collect(),
                files: certificate_files(&settings.certificates),
                wildcard: settings.caddy >= CaddyVersion::WILDCARD
                    && matches!(settings.certificates, SiteCertificates::Dns { .. }),
                hsts,
                lan: match settings.lan.as_slice() {
                    [] => vec![String::from("private_ranges")],
                    ranges => shown(ranges),
                },
                behind,
                holes: settings.promised.map(open_holes).unwrap_or_default(),
                retired: certificates
                    .iter()
                    .filter(|issued| issued.revoked().is_some() || !is_declared(issued))
                    .filter(is_seen)
                    .map(device)
                    .chain(removed.into_iter().map(installed))
                    .collect(),
                no_climbing: sites.iter().any(|site| site.backend.keeps_from_climbing()),
                page_kinds: sites
                    .iter()
                    .map(|site| site.pages)
                    .chain(landing.iter().map(|landing| landing.pages))
                    .collect(),
                people,
                audiences,
                landing,
                sites,
            },
        }
    }
}

/// Of a version that is declared, first which it is.
fn open_holes(version: CaddyVersion) -> Vec<String> {
    let open = model::holes_of(version).filter(|hole| hole.is_open());
    let told: Vec<String> = open
        .map(|hole| format!("{}: {}", hole.id, hole.lets))
        .collect();
    match told.is_empty() {
        true => told,
        false => [vec![version.to_string()], told].concat(),
    }
}

fn shown(ranges: &[IpRange]) -> Vec<String> {
    ranges.iter().map(ToString::to_string).collect()
}

fn site_certificates(from: &SiteCertificates) -> Certificates {
    match from.clone() {
        SiteCertificates::Acme => Certificates::Acme,
        SiteCertificates::Internal => Certificates::Internal,
        SiteCertificates::Dns {
            provider,
            token_env,
        } => Certificates::Dns {
            provider,
            token_env,
        },
        SiteCertificates::Files { .. } => Certificates::Files,
    }
}

fn certificate_files(from: &SiteCertificates) -> Option<CertificateFiles> {
    match from.clone() {
        SiteCertificates::Files { cert, key } => Some(CertificateFiles { cert, key }),
        SiteCertificates::Acme | SiteCertificates::Internal | SiteCertificates::Dns { .. } => None,
    }
}

fn site<'h>(service: &'h Service, audiences: &mut Audiences<'h>) -> Site {
    let allowed = service.access.allowed();
    let lan = service.access.is_open_at_home();
    Site {
        service: service.name.to_string(),
        title: service.title.clone(),
        hosts: service.hosts.iter().map(ToString::to_string).collect(),
        certificate: allowed.map(|allowed| Asked::of(allowed.certificate)),
        everyone: matches!(service.access, Access::Everyone),
        pages: PageKind::of(allowed.is_some(), lan),
        lan,
        audience: allowed.and_then(
            |Allowed {
                 people, identity, ..
             }| { audiences.of(&service.name, people, *identity) },
        ),
        identity: allowed.is_some_and(|allowed| allowed.identity),
        public: public(service.access.public()),
        backend: Backend::new(&service.backend),
        max_body: service.max_body.as_ref().map(ToString::to_string),
        underscores: service.header_underscores,
        headers: service
            .headers
            .iter()
            .map(|header| Header {
                name: header.name.clone(),
                value: header.value.clone(),
            })
            .collect(),
        raw: service.raw.iter().flat_map(model::Raw::lines).collect(),
    }
}

/// Those of the same methods together, for they share all else.
fn public(paths: &[PublicPath]) -> Vec<Public> {
    let mut by_methods: BTreeMap<&[&'static str], Vec<&PublicPath>> = BTreeMap::new();
    for public in paths {
        let methods = public.methods.as_slice();
        by_methods.entry(methods).or_default().push(public);
    }
    let group = |(methods, paths): (&[&'static str], Vec<&PublicPath>)| Public {
        methods: methods.to_vec(),
        uri_pattern: uri_pattern(paths.iter().map(|public| &public.path)),
        paths: paths
            .iter()
            .map(|public| OpenPath {
                path: public.path.as_str().to_owned(),
                share_link: public.share_link,
            })
            .collect(),
    };
    by_methods.into_iter().map(group).collect()
}

/// Somebody with their devices; nobody where none has a certificate.
fn person(person: &model::Person, admitted: &Admitted<'_>) -> Option<Person> {
    let devices = person.devices.values();
    let devices: Vec<Device> = devices.flat_map(|known| let_in(known, admitted)).collect();
    (!devices.is_empty()).then(|| Person {
        name: person.name.to_string(),
        display_name: person.display_name.to_string(),
        email: person.email.to_string(),
        groups: joined(person.groups.iter()),
        devices,
    })
}

/// The certificates of a device that are let in: those that were issued to it, or the one that it has
/// already.
fn let_in(known: &model::Device, admitted: &Admitted<'_>) -> Vec<Device> {
    match known.installed() {
        Some(fingerprint) => vec![Device {
            name: known.id.to_string(),
            until: None,
            fingerprint: *fingerprint,
        }],
        None => {
            let issued = admitted.get(&known.id).into_iter().flatten();
            issued.map(|issued| device(issued)).collect()
        }
    }
}

fn device(issued: &Issued) -> Device {
    Device {
        name: issued.device.to_string(),
        until: match issued.state {
            State::Superseded { until } => Some(until.to_string()),
            State::Active | State::Revoked { .. } | State::Blocked { .. } => None,
        },
        fingerprint: issued.fingerprint,
    }
}

fn installed(known: &Installed) -> Device {
    Device {
        name: known.device.to_string(),
        until: None,
        fingerprint: known.fingerprint,
    }
}

fn joined<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let names: Vec<&str> = names.map(Name::as_str).collect();
    names.join(",")
}
