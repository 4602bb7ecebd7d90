//! What the Caddyfile says, as data: sites with their policies, every group resolved to devices.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use serde::Serialize;

use crate::lock::{Authority, Issued, Lock};
use crate::model::{
    Access, Allowed, CaddyVersion, CertificateMode, DeviceId, Homelab, Name, Scheme, Service,
    SiteCertificates,
};

/// The whole edge.
#[derive(Debug, Serialize)]
pub struct Edge {
    /// The domain.
    pub domain: String,
    /// The ACME account's address.
    pub email: Option<String>,
    /// Whether the edge's Caddy knows `trust_pool`.
    pub trust_pool: bool,
    /// The authorities whose certificates are verified, DER in base64.
    pub authorities: Vec<String>,
    /// Where the sites' own certificates come from.
    pub certificates: Certificates,
    /// What counts as the LAN: ranges, or `private_ranges`.
    pub lan: Vec<String>,
    /// The sites, sorted by the service's name.
    pub sites: Vec<Site>,
}

/// Where the sites' own certificates come from.
#[derive(Debug, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
#[allow(missing_docs)] // As in the declaration.
pub enum Certificates {
    Acme,
    Internal,
    Dns { provider: String, token_env: String },
    Files { cert: String, key: String },
}

/// One service's site.
#[derive(Debug, Serialize)]
pub struct Site {
    /// The service's name.
    pub service: String,
    /// Its hosts; at least one.
    pub hosts: Vec<String>,
    /// The mode of `client_auth`; none where no certificate is asked for.
    pub client_auth: Option<&'static str>,
    /// Whether everybody is let in.
    pub everyone: bool,
    /// Whether the LAN is let in without a certificate.
    pub lan: bool,
    /// Who is let in by certificate. Nobody with no device is in it.
    pub people: Vec<Person>,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// Paths open to everyone.
    pub public: Vec<Public>,
    /// Where requests go.
    pub upstream: Upstream,
}

/// Somebody who is let in by certificate.
#[derive(Debug, Serialize)]
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

/// A certificate that is let in.
#[derive(Debug, Serialize)]
pub struct Device {
    /// The device, `alice/pixel`.
    pub name: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
}

/// A path open to everyone.
#[derive(Debug, Serialize)]
pub struct Public {
    /// For Caddy's `path` matcher.
    pub path: String,
    /// For the raw URI.
    pub uri_pattern: String,
}

/// Where requests go.
#[derive(Debug, Serialize)]
pub struct Upstream {
    /// `http://host:port` without its scheme where it is http, as Caddy writes it.
    pub address: String,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether its certificate is verified.
    pub verify: bool,
}

impl Edge {
    /// The edge of a homelab whose lock has this authority.
    pub fn new(homelab: &Homelab, authority: &Authority, lock: &Lock) -> Edge {
        let active = lock.active();
        let private_ranges = || vec![String::from("private_ranges")];
        let ranges: Vec<String> = homelab.edge.lan.iter().map(ToString::to_string).collect();
        Edge {
            domain: homelab.domain.to_string(),
            email: homelab.edge.email.as_ref().map(ToString::to_string),
            trust_pool: homelab.edge.caddy >= CaddyVersion::TRUST_POOL,
            authorities: vec![BASE64.encode(authority.certificate.der())],
            certificates: certificates(&homelab.edge.certificates),
            lan: if ranges.is_empty() {
                private_ranges()
            } else {
                ranges
            },
            sites: homelab
                .services
                .values()
                .map(|service| site(homelab, service, &active))
                .collect(),
        }
    }
}

fn certificates(from: &SiteCertificates) -> Certificates {
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
        SiteCertificates::Files { cert, key } => Certificates::Files { cert, key },
    }
}

fn site(homelab: &Homelab, service: &Service, active: &BTreeMap<&DeviceId, &Issued>) -> Site {
    let allowed = service.access.allowed();
    let public = match &service.access {
        Access::Everyone => &[],
        Access::Lan { public } => public.as_slice(),
        Access::Certificate(allowed) => allowed.public.as_slice(),
    };
    Site {
        service: service.name.to_string(),
        hosts: service.hosts.iter().map(ToString::to_string).collect(),
        client_auth: allowed.map(|allowed| match allowed.certificate {
            CertificateMode::Required => "require_and_verify",
            CertificateMode::Asked => "verify_if_given",
        }),
        everyone: matches!(service.access, Access::Everyone),
        lan: match &service.access {
            Access::Everyone => false,
            Access::Lan { .. } => true,
            Access::Certificate(allowed) => allowed.lan,
        },
        people: allowed
            .map(|allowed| people(homelab, allowed, active))
            .unwrap_or_default(),
        identity: allowed.is_some_and(|allowed| allowed.identity),
        public: public
            .iter()
            .map(|path| Public {
                path: path.as_str().to_owned(),
                uri_pattern: path.uri_pattern(),
            })
            .collect(),
        upstream: Upstream {
            address: match service.upstream.scheme {
                Scheme::Http => service.upstream.authority.clone(),
                Scheme::Https => format!("https://{}", service.upstream.authority),
            },
            tls: service.upstream.scheme == Scheme::Https,
            verify: service.upstream.verify,
        },
    }
}

fn people(
    homelab: &Homelab,
    allowed: &Allowed,
    active: &BTreeMap<&DeviceId, &Issued>,
) -> Vec<Person> {
    let people = allowed
        .people
        .iter()
        .filter_map(|name| homelab.people.get(name));
    people
        .map(|person| Person {
            name: person.name.to_string(),
            display_name: person.display_name.to_string(),
            email: person.email.to_string(),
            groups: joined(person.groups.iter()),
            devices: person
                .devices
                .values()
                .filter_map(|device| active.get(&device.id))
                .map(|issued| Device {
                    name: issued.device.to_string(),
                    fingerprint: HEXLOWER.encode(&issued.fingerprint),
                })
                .collect(),
        })
        .filter(|person| !person.devices.is_empty())
        .collect()
}

fn joined<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let names: Vec<&str> = names.map(Name::as_str).collect();
    names.join(",")
}
