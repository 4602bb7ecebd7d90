//! What the first connection to a host shows of it as a whole: its own certificate, and whether and of whom it asks
//! for one.

use jiff::Timestamp;
use thiserror::Error;

use super::client::Observation;
use super::report::{HostFault, HostNote, HostReport, ServedReport};
use super::{Prober, RootSource};
use crate::lock::Authority;
use crate::pki::{Certificate, CertificateFields};
use crate::verify::{Site, Vouched};

#[derive(Debug, Clone)]
pub(super) struct ServerCertificate {
    /// None where it cannot be read.
    pub certificate: Option<Certificate>,
    pub fault: Option<ServerCertificateFault>,
}

/// What is wrong with a server's certificate, to be read behind "its certificate".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ServerCertificateFault {
    #[error("is of an authority that is not known here")]
    UnknownIssuer,
    #[error("has ended")]
    Expired,
    #[error("is not valid yet")]
    NotValidYet,
    #[error("is for other names")]
    OtherNames,
    #[error("cannot be accepted: {0}")]
    Unacceptable(String),
    /// The TLS library says so without a word of certificates.
    #[error("{0}")]
    Unreadable(String),
}

impl Prober<'_> {
    /// What the first connection shows of the host as a whole.
    pub(super) fn inspect(&self, site: &Site, seen: &Observation, told: &mut HostReport) {
        told.tls = seen.tls;
        if let Some(served) = &seen.certificate {
            self.inspect_certificate(site, served, told);
        }
        if seen.tls.is_none() {
            return;
        }
        match (&seen.requested, site.asks()) {
            (None, true) => told.wrong.push(HostFault::NoCertificateRequest),
            (Some(_), false) => told.wrong.push(HostFault::NeedlessCertificateRequest),
            (Some(authorities), true) if !authorities.is_empty() => {
                self.inspect_authorities(authorities, told);
            }
            _ => {}
        }
    }

    /// The authorities that the server says it takes (RFC 8446 §4.2.4), by their names in DER.
    fn inspect_authorities(&self, names: &[Vec<u8>], told: &mut HostReport) {
        let subject = |authority: &Authority| authority.certificate.subject_der();
        for authority in self.lock.trusted() {
            if !names.contains(&subject(authority)) {
                let name = authority.common_name();
                told.wrong.push(HostFault::DistrustedAuthority(name));
            }
        }
        for name in names {
            let known = self.lock.authorities.iter().find(|a| subject(a) == *name);
            match known {
                Some(authority) if authority.is_trusted() => {}
                Some(authority) => {
                    let name = authority.common_name();
                    told.wrong.push(HostFault::RetiredAuthority(name));
                }
                None => told.wrong.push(HostFault::UnknownAuthority),
            }
        }
    }

    fn inspect_certificate(&self, site: &Site, served: &ServerCertificate, told: &mut HostReport) {
        let fields = served.certificate.as_ref().map(|one| one.fields());
        let is_internal = site.vouched == Vouched::ByCaddy;
        let is_self_signed = fields.as_ref().is_some_and(|f| f.subject == f.issuer);
        match &served.fault {
            Some(ServerCertificateFault::UnknownIssuer)
                if is_internal && self.roots == RootSource::System =>
            {
                told.notes.push(HostNote::Unverified);
            }
            Some(ServerCertificateFault::UnknownIssuer) if is_self_signed => {
                told.wrong.push(HostFault::SelfSigned);
            }
            Some(fault) => told.wrong.push(HostFault::Certificate(fault.clone())),
            None => {}
        }
        let Some(fields) = fields else {
            return;
        };
        if let (None, Some(at)) = (&served.fault, ends_soon(&fields, self.now)) {
            let now = self.now;
            told.notes.push(HostNote::EndsSoon { at, now });
        }
        told.certificate = Some(ServedReport {
            issuer: fields.issuer,
            not_after: fields.not_after,
        });
    }
}

/// When it ends, where less than a sixth of its life is left: Caddy gets another when a third is.
fn ends_soon(fields: &CertificateFields, now: Timestamp) -> Option<Timestamp> {
    let (from, until) = (fields.not_before?, fields.not_after?);
    let life = until.duration_since(from);
    (until.duration_since(now) < life / 6).then_some(until)
}
