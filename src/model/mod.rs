//! A homelab, valid by construction: every name it holds is declared, every value says what it may.
//!
//! The room `resolve` makes it from declarations; nothing else can.

mod access;
mod backend;
mod caddy;
mod deploy;
mod edge;
mod enrolment;
mod extras;
mod hole;
mod host;
mod issuance;
mod language;
mod last_day;
mod lifetime;
mod name;
mod origin;
mod path;
mod platform;
mod raw;
mod shown;
mod sign_in;
mod text;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use access::{
    Access, Admission, Allowed, CertificateMode, Grant, Network, Opened, PathPolicy,
};
pub(crate) use backend::{Backend, ByteSize, Files, Header, HostPath, Proxy, Redirect, Timeout};
pub(crate) use caddy::CaddyVersion;
pub(crate) use deploy::{
    AfterReload, CaddyAt, ContainerName, Deploy, DeployPath, EdgeAddress, Engine, NotAnSshHost,
    Privilege, ReloadLine, SshHost,
};
pub(crate) use edge::{Behind, Edge, Forwarding, IpRange, PickUp};
pub(crate) use enrolment::{Enrolment, MadeKey, RequestPath};
pub(crate) use extras::{
    Admin, Fallback, Health, HealthUri, LogTarget, Port, RequestHeader, Respond, ServiceLog,
};
pub(crate) use hole::holes_of;
pub(crate) use host::{Domain, Host, is_public};
pub(crate) use issuance::{
    AccountId, AcmeAuthority, DirectoryUrl, DnsChallenge, ExternalAccount, OldestTls,
    ProviderSettings, Resolver as DnsResolver, Setting, SiteCertificates, Variable,
};
pub(crate) use language::Language;
pub(crate) use last_day::LastDay;
pub(crate) use lifetime::{Lifetime, NotALifetime};
pub(crate) use name::{DeviceId, Name, NotAName};
pub(crate) use origin::Origin;
pub use path::Methods;
pub(crate) use path::{PathPattern, PublicPath, uri_pattern};
pub(crate) use platform::Platform;
pub(crate) use raw::Raw;
pub(crate) use shown::Shown;
pub(crate) use sign_in::{Gateway, GatewayUri, SignIn, ToldHeader};
pub(crate) use text::{DisplayName, Email, sayable};
pub(crate) use upstream::{
    Address, POLICIES, Scheme, Transport, Trust, UpstreamTls, Upstreams, is_upstream_host,
};

use jiff::Timestamp;

use crate::catalogue::Catalogue;
use crate::pki::Fingerprint;

/// All that a declaration says.
#[derive(Debug)]
pub struct Homelab {
    /// The domain under which the services stand.
    pub domain: Domain,
    /// How long certificates are valid.
    pub validity: ValidityPolicy,
    /// Where services are served from; at least one, in the order declared.
    pub edges: Vec<Arc<Edge>>,
    pub people: BTreeMap<Name, Person>,
    /// The networks that are declared by name.
    pub networks: BTreeMap<Name, Vec<IpRange>>,
    pub services: BTreeMap<Name, Service>,
    /// The apps that services name, the user's own among them.
    pub catalogue: Arc<Catalogue>,
}

impl Homelab {
    /// Every edge with what stands behind it, in the order declared.
    pub fn edges(&self) -> impl Iterator<Item = EdgePart<'_>> {
        self.edges.iter().map(|settings| EdgePart {
            homelab: self,
            settings,
        })
    }

    /// Whether there are several edges, each with a tree of its own.
    pub fn has_several_edges(&self) -> bool {
        self.edges.len() > 1
    }

    /// The edge that answers to the domain itself, and shows visitors what they may use.
    pub fn landing(&self) -> Option<EdgePart<'_>> {
        self.edges().find(|part| part.settings.landing)
    }

    /// Whom people can ask: the address of the first edge that says one.
    pub fn email(&self) -> Option<&Email> {
        self.edges.iter().find_map(|edge| edge.email.as_ref())
    }

    /// Every device with its owner, sorted by owner and name.
    pub fn devices(&self) -> impl Iterator<Item = (&Person, &Device)> {
        let of = |person| move |device| (person, device);
        self.people
            .values()
            .flat_map(move |person| person.devices.values().map(of(person)))
    }

    /// The devices that certificates are issued to, sorted by owner and name.
    pub fn enrolled(&self) -> impl Iterator<Item = (&Person, &Device)> {
        let devices = self.devices();
        devices.filter(|(_, device)| device.installed().is_none())
    }

    /// The devices that have a certificate already, with it, sorted by owner and name.
    pub fn installed(&self) -> impl Iterator<Item = (&DeviceId, &Fingerprint)> {
        let devices = self.devices();
        devices.filter_map(|(_, device)| Some((&device.id, device.installed()?)))
    }

    /// A device by its name.
    pub fn device(&self, id: &DeviceId) -> Option<&Device> {
        self.people.get(&id.person)?.devices.get(&id.device)
    }
}

/// An edge of a homelab, with the services that stand behind it.
#[derive(Debug, Clone, Copy)]
pub struct EdgePart<'h> {
    pub homelab: &'h Homelab,
    pub settings: &'h Arc<Edge>,
}

impl<'h> EdgePart<'h> {
    /// The services behind it, sorted by name.
    pub fn services(self) -> impl Iterator<Item = &'h Service> + Clone {
        let services = self.homelab.services.values();
        services.filter(move |service| Arc::ptr_eq(&service.edge, self.settings))
    }

    /// The directory of its files in the output tree: `edge`, or `edges/home` where there are several.
    pub fn directory(self) -> String {
        match self.name() {
            Some(name) => format!("edges/{name}"),
            None => String::from("edge"),
        }
    }

    /// What it is called, where there are others.
    pub fn name(self) -> Option<&'h Name> {
        let name = self.settings.name.as_ref();
        name.filter(|_| self.homelab.has_several_edges())
    }

    /// Whose certificates may open something there.
    pub fn visitors(self) -> Visitors<'h> {
        // The landing page has something for each.
        if !self.homelab.has_several_edges() || self.settings.landing {
            return Visitors::Everybody;
        }
        let grants = || self.services().flat_map(Service::grants);
        Visitors::Some {
            people: grants().flat_map(|grant| &*grant.people).collect(),
            devices: grants().flat_map(|grant| &grant.devices).collect(),
        }
    }
}

/// Whose certificates may open something at an edge.
#[derive(Debug)]
pub enum Visitors<'h> {
    Everybody,
    Some {
        /// Those with all of their devices.
        people: BTreeSet<&'h Name>,
        devices: BTreeSet<&'h DeviceId>,
    },
}

impl Visitors<'_> {
    pub fn has(&self, device: &DeviceId) -> bool {
        match self {
            Visitors::Everybody => true,
            Visitors::Some { people, devices } => {
                people.contains(&device.person) || devices.contains(device)
            }
        }
    }

    /// Whether a device may have been one of them: of one that is not declared any more nobody knows.
    pub fn may_have_had(&self, device: &DeviceId, homelab: &Homelab) -> bool {
        homelab.device(device).is_none() || self.has(device)
    }
}

/// How long certificates are valid.
#[derive(Debug)]
pub struct ValidityPolicy {
    /// The authority's certificate.
    pub authority: Lifetime,
    /// How long before a certificate's end its renewal is due.
    pub renew: Lifetime,
}

/// Somebody who has devices.
#[derive(Debug)]
pub struct Person {
    /// The name that everything else refers to.
    pub name: Name,
    pub display_name: DisplayName,
    /// The person's address; it stands in the certificates.
    pub email: Email,
    /// The person's language, where the declaration says it.
    pub language: Option<Language>,
    /// The groups that the person is in.
    pub groups: BTreeSet<Name>,
    /// The person's devices, by name.
    pub devices: BTreeMap<Name, Device>,
}

impl Person {
    /// In which language the person is told what is for nobody else.
    pub fn language(&self) -> Language {
        self.language.clone().unwrap_or_default()
    }
}

/// A device that has, or gets, a certificate of its own.
#[derive(Debug)]
pub struct Device {
    pub id: DeviceId,
    pub platform: Platform,
    /// The platform's major version, where the declaration says it.
    pub version: Option<u32>,
    /// How it comes by its certificate.
    pub enrolment: Enrolment,
    /// How long a certificate issued to it is valid.
    pub validity: Lifetime,
    /// The day with which its certificate ends at the latest; none where it is renewed as long as it is declared.
    pub until: Option<LastDay>,
}

impl Device {
    /// Whether its last day is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until.is_over(now))
    }

    /// When a certificate ends that is issued to it at a moment; none beyond the year 9999.
    pub fn end_from(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.validity.after(now)?;
        Some(self.until.map_or(end, |until| end.min(until.end())))
    }

    /// Its last day, where a certificate that ends then reaches it: no renewal makes it longer.
    pub fn last_day_of(&self, not_after: Timestamp) -> Option<LastDay> {
        self.until.filter(|until| not_after >= until.end())
    }

    /// The certificate that it has already, where nothing is issued to it.
    pub fn installed(&self) -> Option<&Fingerprint> {
        match &self.enrolment {
            Enrolment::Installed(fingerprint) => Some(fingerprint),
            Enrolment::Bundle(_) | Enrolment::Request(_) => None,
        }
    }

    /// The kind of key that is made for it; none where it has its own.
    pub fn made_key(&self) -> Option<MadeKey> {
        match self.enrolment {
            Enrolment::Bundle(kind) => Some(kind),
            Enrolment::Request(_) | Enrolment::Installed(_) => None,
        }
    }
}

/// Something behind the edge.
#[derive(Debug)]
pub struct Service {
    pub name: Name,
    /// The edge that it stands behind.
    pub edge: Arc<Edge>,
    /// The name to show: its own title, its app's, or its name.
    pub title: String,
    /// The hosts it answers to; at least one.
    pub hosts: Vec<Host>,
    pub access: Access,
    /// Who may sign in, or has to, but for the paths that have a policy of their own.
    pub sign_in: Option<SignIn>,
    /// Other policies, in the order of their paths.
    pub paths: Vec<PathPolicy>,
    /// The origins whose pages may ask, without a certificate, what they may send: sorted.
    pub preflight: Vec<Origin>,
    /// What the TLS handshake asks of a visitor; none where no certificate counts.
    pub certificate: Option<CertificateMode>,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// Where its own certificate comes from, and which TLS it speaks, where it says so itself.
    pub certificates: Option<SiteCertificates>,
    pub oldest_tls: Option<OldestTls>,
    /// The port of HTTPS, where it says so itself.
    pub port: Option<Port>,
    /// Where its requests are written down, where it says so itself.
    pub log: Option<ServiceLog>,
    /// Whether its files are made smaller on the way, where it says so itself.
    pub compress: bool,
    /// Headers that upstreams are told, in the order written.
    pub request_headers: Vec<RequestHeader>,
    /// What it does with a request that is let in.
    pub backend: Backend,
    /// The largest body that a request may have.
    pub max_body: Option<ByteSize>,
    /// Whether headers with an underscore in their names are passed on.
    pub header_underscores: bool,
    /// Headers set on every answer, in the order written.
    pub headers: Vec<Header>,
    /// Lines of a Caddyfile that stand before the backend, behind the policy.
    pub raw: Vec<Raw>,
    /// The app behind it, by its name in the catalogue.
    pub app: Option<Name>,
}

impl Service {
    /// Whose certificates count somewhere in it.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        let paths = self.paths.iter().flat_map(|path| &path.grants);
        self.access.grants().iter().chain(paths)
    }

    /// Whether somebody can sign in to something in it, or has to.
    pub fn takes_sign_in(&self) -> bool {
        let mut paths = self.paths.iter();
        self.sign_in.is_some() || paths.any(|path| path.sign_in.is_some())
    }

    /// Whether whoever is not let in otherwise is sent to sign in, everywhere in it.
    pub fn is_nobody_refused(&self) -> bool {
        self.sign_in == Some(SignIn::Instead) && self.paths.is_empty()
    }

    /// From where a person may use the service, with one of their devices.
    pub fn admits(&self, person: &Name) -> Admission {
        self.or_by_sign_in(self.access.admits(person))
    }

    /// The same, where whoever is not let in from anywhere can sign in.
    fn or_by_sign_in(&self, admission: Admission) -> Admission {
        match (admission, self.sign_in) {
            (
                Admission::Nowhere | Admission::LanOnly | Admission::InNetwork { .. },
                Some(SignIn::Instead),
            ) => Admission::BySignIn,
            (admission, _) => admission,
        }
    }

    /// Whether a certificate of a person opens something in it.
    pub fn is_opened_by(&self, person: &Name) -> bool {
        self.grants().any(|grant| grant.names(person))
    }

    pub fn port(&self) -> Port {
        self.port.unwrap_or(self.edge.port)
    }

    /// Its hosts as they stand in an address, with the port where that has to be said.
    pub fn authorities(&self) -> impl Iterator<Item = String> {
        let port = self.port();
        self.hosts.iter().map(move |host| port.of(host))
    }

    /// Where its requests are written down.
    pub fn log(&self) -> Option<&LogTarget> {
        match &self.log {
            None => self.edge.log.as_ref(),
            Some(ServiceLog::Off) => None,
            Some(ServiceLog::To(target)) => Some(target),
        }
    }

    /// Where its own certificate comes from, where that is not from where all others do.
    pub fn own_certificates(&self) -> Option<&SiteCertificates> {
        let own = self.certificates.as_ref();
        own.filter(|own| **own != self.edge.certificates)
    }

    /// Where its certificate comes from.
    pub fn site_certificates(&self) -> &SiteCertificates {
        self.certificates
            .as_ref()
            .unwrap_or(&self.edge.certificates)
    }

    /// Whether its own certificate is of an authority that all browsers know.
    pub fn is_known_to_browsers(&self) -> bool {
        self.edge.are_public(self.site_certificates())
    }
}
