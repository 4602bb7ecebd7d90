//! A service: who may use it, what it does with who is let in, and how it is reached.

use std::sync::Arc;

use super::{
    Access, Admission, Backend, ByteSize, CertificateMode, Edge, Grant, Header, Host, LogTarget,
    Name, OldestTls, Origin, PathPolicy, Port, Raw, RequestHeader, ServiceLog, SignIn,
    SiteCertificates,
};

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
    pub(super) fn or_by_sign_in(&self, admission: Admission) -> Admission {
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
