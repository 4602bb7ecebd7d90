//! A homelab, valid by construction: every name it holds is declared, every value says what it may.
//!
//! The room `resolve` makes it from declarations; nothing else can.

mod access;
mod backend;
mod caddy;
mod deploy;
mod edge;
mod edge_part;
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
mod person;
mod platform;
mod raw;
mod service;
mod shown;
mod sign_in;
mod text;
mod upstream;

use std::collections::BTreeMap;
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
pub(crate) use edge_part::{EdgePart, Visitors};
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
pub(crate) use person::{Device, Person};
pub(crate) use platform::Platform;
pub(crate) use raw::Raw;
pub(crate) use service::Service;
pub(crate) use shown::Shown;
pub(crate) use sign_in::{Gateway, GatewayUri, SignIn, ToldHeader};
pub(crate) use text::{DisplayName, Email, sayable};
pub(crate) use upstream::{
    Address, POLICIES, Scheme, Transport, Trust, UpstreamTls, Upstreams, is_upstream_host,
};

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
    /// The hash of all that is declared but for the statements of people: whatever else is in here follows from these and from that.
    pub declared: blake3::Hash,
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

/// How long certificates are valid.
#[derive(Debug)]
pub struct ValidityPolicy {
    /// The authority's certificate.
    pub authority: Lifetime,
    /// How long before a certificate's end its renewal is due.
    pub renew: Lifetime,
}
