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

use std::collections::{BTreeMap, BTreeSet};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is let in.
    Active,
    /// Its device has a newer one; until that is installed, this one is let in too.
    Replaced {
        /// When a build retires it; not after its own end.
        until: Timestamp,
    },
    /// It is not let in, and stays in the lock until it has expired.
    Retired {
        /// When that was written into the lock; not before the certificate is valid.
        since: Timestamp,
    },
    /// It is not let in, and its device gets no other by itself.
    Barred {
        /// When that was written into the lock; not before the certificate is valid.
        since: Timestamp,
    },
}

impl State {
    /// What two branches say of one certificate, as one: whoever shuts it out prevails, since the
    /// earlier time.
    fn united(self, other: State) -> State {
        use State::{Active, Barred, Replaced, Retired};
        match (self, other) {
            (Active, other) | (other, Active) => other,
            (Replaced { until: one }, Replaced { until: two }) => Replaced {
                until: one.min(two),
            },
            (Replaced { .. }, other) | (other, Replaced { .. }) => other,
            (Retired { since: one }, Retired { since: two }) => Retired {
                since: one.min(two),
            },
            (Barred { since: one }, Barred { since: two } | Retired { since: two })
            | (Retired { since: two }, Barred { since: one }) => Barred {
                since: one.min(two),
            },
        }
    }
}

impl Issued {
    /// When it was shut out; none while it is let in.
    pub fn retired(&self) -> Option<Timestamp> {
        match self.state {
            State::Active | State::Replaced { .. } => None,
            State::Retired { since } | State::Barred { since } => Some(since),
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

    /// The certificates of each device that are let in: the active one first, then those that it
    /// replaces.
    pub fn admitted(&self) -> BTreeMap<&DeviceId, Vec<&Issued>> {
        let mut admitted: BTreeMap<&DeviceId, Vec<&Issued>> = BTreeMap::new();
        for issued in self.certificates.iter().filter(|c| c.retired().is_none()) {
            admitted.entry(&issued.device).or_default().push(issued);
        }
        for certificates in admitted.values_mut() {
            certificates.sort_by_key(|issued| issued.state != State::Active);
        }
        admitted
    }

    /// The devices that get no certificate by themselves: their last one was revoked for good.
    pub fn barred(&self) -> BTreeSet<&DeviceId> {
        let is_barred = |issued: &&Issued| matches!(issued.state, State::Barred { .. });
        let barred = self.certificates.iter().filter(is_barred);
        barred.map(|issued| &issued.device).collect()
    }

    /// The latest moment at which the lock says that something was issued.
    pub fn last_issue(&self) -> Option<Timestamp> {
        let authority = self.authority.iter().map(|authority| authority.validity);
        let certificates = self.certificates.iter().map(|issued| issued.validity);
        let begun = authority.chain(certificates).map(|v| v.not_before());
        begun.chain(self.crls.iter().map(|crl| crl.updated)).max()
    }
}
