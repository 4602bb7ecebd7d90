//! `homelab.lock`: what has been issued, and when. Written only by homelab, kept in git.
//!
//! One line per certificate, sorted, without a hash over the whole, so that two branches that each add
//! a device merge without a conflict. Two that each remove one leave a revocation list each, and the
//! next build signs another. Each line carries a check of its own, and the
//! last line is an end mark: a lock that was cut or damaged is refused whole.

mod crl;
mod read;
mod reconcile;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use crl::SignedCrl;
pub use read::{LockError, read};
pub use reconcile::{NewDevice, Reconciliation, reconcile};

use crate::model::{DeviceId, Domain, Email};
use crate::pki::{Certificate, Serial, Validity};
use crate::root::{IssuanceId, RootId};

/// The version of the format; a later one is refused.
pub const VERSION: u32 = 1;

/// All that has been issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The root secret that everything was derived from.
    pub root: RootId,
    /// The authority; none until the first build.
    pub authority: Option<Authority>,
    /// The revocation list that was signed last; several after a merge, none before the first.
    pub crls: Vec<SignedCrl>,
    /// Every certificate, active or retired, sorted by device and issue.
    pub certificates: Vec<Issued>,
}

/// An authority that has been made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// What its key and serial are derived under.
    pub id: IssuanceId,
    /// The domain that it was made for; its name says it.
    pub domain: Domain,
    /// Its certificate's validity.
    pub validity: Validity,
    /// SHA-256 of its public key (SubjectPublicKeyInfo): another root would give another.
    pub key: [u8; 32],
    /// Its certificate.
    pub certificate: Certificate,
}

impl Authority {
    /// Its common name: the domain and the short form of its id, unique and never a host's name.
    pub fn common_name(&self) -> String {
        authority_common_name(&self.domain, &self.id)
    }
}

/// The common name of an authority.
pub fn authority_common_name(domain: &Domain, id: &IssuanceId) -> String {
    format!("{domain} devices {}", id.short())
}

/// A certificate that has been issued to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Whose it is.
    pub device: DeviceId,
    /// What its key, serial and password are derived under.
    pub id: IssuanceId,
    /// The authority that signed it.
    pub authority: IssuanceId,
    /// The address in it.
    pub email: Email,
    /// When it is valid.
    pub validity: Validity,
    /// Its serial number.
    pub serial: Serial,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Whether it is let in.
    pub state: State,
}

/// Whether a certificate is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is let in.
    Active,
    /// Its device was removed: it stays in the lock until it has expired, and is not let in.
    Retired {
        /// When that was written into the lock; not before the certificate is valid.
        since: Timestamp,
    },
}

impl Issued {
    /// When it was retired; none while it is let in.
    pub fn retired(&self) -> Option<Timestamp> {
        match self.state {
            State::Active => None,
            State::Retired { since } => Some(since),
        }
    }
}

impl Lock {
    /// A lock under which nothing has been issued.
    pub fn new(root: RootId) -> Lock {
        Lock {
            root,
            authority: None,
            crls: Vec::new(),
            certificates: Vec::new(),
        }
    }

    /// The active certificate of each device.
    pub fn active(&self) -> BTreeMap<&DeviceId, &Issued> {
        let active = self
            .certificates
            .iter()
            .filter(|c| c.state == State::Active);
        active.map(|issued| (&issued.device, issued)).collect()
    }

    /// The latest moment at which the lock says that something was issued.
    pub fn last_issue(&self) -> Option<Timestamp> {
        let authority = self.authority.iter().map(|authority| authority.validity);
        let certificates = self.certificates.iter().map(|issued| issued.validity);
        let begun = authority.chain(certificates).map(|v| v.not_before());
        begun.chain(self.crls.iter().map(|crl| crl.updated)).max()
    }
}
