//! What was found, for scripts as for people: words are made when it is written.

use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::certificates::NotTried;
use super::client::TlsVersion;
use super::inspection::ServerCertificateFault;
use crate::dates;
use crate::verify::{Age, Judgement, Place, ServiceError, Unreached, Verdict};

#[derive(Debug, Serialize)]
pub(crate) struct LiveReport {
    pub now: Timestamp,
    pub hosts: Vec<HostReport>,
    /// The servers that they are at, as wholes.
    pub servers: Vec<HostReport>,
    /// How many certificates of devices were tried.
    pub devices_tried: usize,
    pub not_tried: Vec<NotTried>,
}

/// What is served at a host; or by a server as a whole, which is called by its address.
#[derive(Debug, Default, Serialize)]
pub(crate) struct HostReport {
    pub host: String,
    /// None of a server.
    pub service: Option<String>,
    /// Where it was asked.
    pub address: Option<SocketAddr>,
    /// From where it was asked.
    pub place: Option<Place>,
    pub tls: Option<TlsVersion>,
    pub certificate: Option<ServedReport>,
    pub requests: Vec<RequestReport>,
    /// What is wrong with it as a whole.
    pub wrong: Vec<HostFault>,
    /// What else is worth knowing.
    pub notes: Vec<HostNote>,
    /// Why it could not be asked, or not to the end.
    #[serde(serialize_with = "as_text")]
    pub unreached: Option<Unreached>,
}

/// A host's own certificate.
#[derive(Debug, Serialize)]
pub(crate) struct ServedReport {
    pub issuer: String,
    pub not_after: Option<Timestamp>,
}

/// A request, and what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct RequestReport {
    pub visitor: String,
    /// The path, behind the method where that is not `GET`; a URL where it was asked without TLS.
    pub path: String,
    /// The path whose own policy it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The name in the handshake, where that is not the host's; empty where none was said.
    pub server_name: Option<String>,
    /// What was to come of it.
    pub expected: String,
    pub got: String,
    /// Whether there was no handshake, and not because of a certificate of the visitor's: a server that has none of its own yet
    /// answers so.
    #[serde(skip)]
    pub is_without_handshake: bool,
    #[serde(flatten)]
    pub judgement: Judgement,
}

/// What is wrong with a host, or a server, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum HostFault {
    #[error("it asks for no certificate")]
    NoCertificateRequest,
    #[error("it asks for a certificate, and none is declared to be needed")]
    NeedlessCertificateRequest,
    #[error("it does not trust the authority `{0}`")]
    DistrustedAuthority(String),
    #[error("it trusts the authority `{0}` still, which was retired")]
    RetiredAuthority(String),
    #[error("it trusts an authority that homelab.lock does not know")]
    UnknownAuthority,
    #[error("its certificate is signed by itself, and not known here")]
    SelfSigned,
    #[error("its certificate {0}")]
    Certificate(ServerCertificateFault),
    #[error("it offers another protocol (`Alt-Svc`): HTTP/3 is to be off")]
    OffersOtherProtocol,
    #[error("it speaks QUIC: HTTP/3 is to be off")]
    SpeaksQuic,
    #[error("an answer lacks `Strict-Transport-Security`: browsers would ask without TLS")]
    NoHsts,
    #[error("its admin endpoint answers at {0}: whoever reaches it can replace the policy")]
    AdminEndpoint(SocketAddr),
}

/// What is worth knowing of a host, or a server, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum HostNote {
    #[error("its certificate is not verified: name the root of Caddy's own authority with `--ca`")]
    Unverified,
    #[error("its certificate ends {}: is it renewed?", dates::relative(*at, *now))]
    EndsSoon { at: Timestamp, now: Timestamp },
    #[error("{0}")]
    Caddy(Age),
    #[error("{0}")]
    Service(ServiceError),
}

impl HostReport {
    /// How many things are wrong.
    pub(crate) fn count_wrong(&self) -> usize {
        let requests = self.requests.iter();
        let wrong = requests.filter(|request| request.judgement.verdict() == Verdict::Wrong);
        self.wrong.len() + wrong.count()
    }

    /// Whether it may be right in a moment: it cannot be reached, or all that is wrong is that it has no certificate of its own, or
    /// one that a clock some seconds ahead of ours has made.
    pub(crate) fn may_be_on_its_way(&self) -> bool {
        let early = HostFault::Certificate(ServerCertificateFault::NotValidYet);
        let mut wrong = { self.requests.iter() }
            .filter(|request| request.judgement.verdict() == Verdict::Wrong);
        let is_wrong = self.count_wrong() > 0;
        let for_want_of_it = wrong.all(|request| request.is_without_handshake);
        self.wrong.iter().all(|fault| *fault == early)
            && for_want_of_it
            && (is_wrong || self.unreached.is_some())
    }

    /// Says once what is wrong with it as a whole.
    pub(super) fn wrong_once(&mut self, fault: HostFault) {
        if !self.wrong.contains(&fault) {
            self.wrong.push(fault);
        }
    }
}

impl HostReport {
    /// Takes note of a service's own error, once for all devices that it is shown to.
    pub(super) fn note_error(&mut self, error: ServiceError) {
        let noted = self.notes.iter_mut().any(|note| match note {
            HostNote::Service(noted) => noted.takes(&error),
            HostNote::Unverified | HostNote::EndsSoon { .. } | HostNote::Caddy(_) => false,
        });
        if !noted {
            self.notes.push(HostNote::Service(error));
        }
    }
}

impl LiveReport {
    /// The hosts and the servers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &HostReport> {
        self.hosts.iter().chain(&self.servers)
    }
}

impl Serialize for HostFault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for HostNote {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn as_text<S: Serializer>(unreached: &Option<Unreached>, serializer: S) -> Result<S::Ok, S::Error> {
    match unreached {
        Some(why) => serializer.serialize_some(&format_args!("{why}")),
        None => serializer.serialize_none(),
    }
}
