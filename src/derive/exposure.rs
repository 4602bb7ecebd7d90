//! What can be reached, and by whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::beside::Beside;
use crate::model::{CertificateMode, Forwarding, Network};

/// The version of the form below, for scripts. In version 1, which has no number, each service lists its people and their devices.
pub(super) const VERSION: u32 = 2;

/// All that can be reached through the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exposure {
    /// [`VERSION`].
    pub version: u32,
    pub domain: String,
    /// Which edge it is, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// What counts as the LAN.
    pub lan: Vec<String>,
    /// The networks that are declared by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Vec<String>>,
    /// The proxies that are believed about whom they speak for.
    pub behind: Option<Believed>,
    /// What is reachable without a certificate, sorted by service.
    pub without_certificate: Vec<Opening>,
    /// By service, what its share links that are open do and do not, where that is not all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub share_links: BTreeMap<String, String>,
    /// Where visitors sign in, where they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayExposure>,
    /// What is reachable without a certificate by whoever signs in there, sorted by service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_sign_in: Vec<Opening>,
    /// Everybody who is let in by certificate somewhere: the devices, each `person/device`, and what is let in beside a newer
    /// certificate.
    pub people: BTreeMap<String, Vec<String>>,
    /// Who is let in together, each set once: the first service that lets in exactly these is its name.
    pub audiences: BTreeMap<String, Audience>,
    /// Who may reach each service with one, sorted by service.
    pub with_certificate: Vec<Guarded>,
    /// The paths that have policies of their own, sorted by service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathExposure>,
    /// What homelab does not check, sorted by service.
    pub unchecked: Vec<Unchecked>,
    /// What the edge does besides letting in.
    #[serde(flatten)]
    pub beside: Beside,
}

/// Where visitors sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GatewayExposure {
    pub name: String,
    /// Where it is.
    pub upstreams: Vec<String>,
    /// The headers by which upstreams are told of who has signed in, the one that says who first.
    pub headers: Vec<String>,
    /// Paths on the hosts of services that are its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
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
    /// The pages that may ask for it, where only those may: what they ask is what they may send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}

impl Opening {
    /// Whether it opens the whole service.
    pub(crate) fn is_whole(&self) -> bool {
        self.path == WHOLE && self.methods.is_empty()
    }
}

/// A path that has a policy of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathExposure {
    pub service: String,
    pub hosts: Vec<String>,
    /// The path, such as `/admin/*`.
    pub path: String,
    pub without_certificate: Vec<PathOpening>,
    /// The same for whoever signs in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_sign_in: Vec<PathOpening>,
    pub with_certificate: Vec<CertificateGrant>,
}

/// From where a path is open, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathOpening {
    pub from: OpenFrom,
    /// The methods; none where all are.
    pub methods: Vec<String>,
}

/// Certificates that count together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateGrant {
    /// By the name among [`Exposure::audiences`].
    pub audience: Option<String>,
    /// Single devices.
    pub devices: Vec<String>,
    /// The networks in which they count; empty for everywhere.
    pub from: Vec<String>,
    /// Whether signing in is needed besides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sign_in: bool,
}

/// From where something is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OpenFrom {
    Everywhere,
    Lan,
    /// A network that is declared by name.
    #[serde(untagged)]
    Network(String),
}

impl OpenFrom {
    pub(super) fn network(name: &str) -> OpenFrom {
        match name {
            Network::LAN => OpenFrom::Lan,
            name => OpenFrom::Network(name.to_owned()),
        }
    }
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
    /// Single devices that are let in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// The networks in which they are; empty for everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Whether signing in is needed besides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sign_in: bool,
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
pub(super) const WHOLE: &str = "/*";

/// What is said of all services. No service is called so.
pub(crate) const ALL: &str = "(all)";

/// What the landing page is called where services have their names. No service is called so.
pub(crate) const LANDING: &str = "(landing page)";

/// What hosts are called that nobody declares. No service is called so.
pub(crate) const FALLBACK: &str = "(fallback)";
