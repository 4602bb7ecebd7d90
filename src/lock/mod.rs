//! `homelab.lock`: what has been issued, and when. Written only by homelab, kept in git.
//!
//! One line per certificate, sorted, without a hash over the whole, so that two branches that each add
//! a device merge without a conflict. Two that each remove one leave a revocation list each, and the
//! next build signs another. Each line carries a check of its own, and the
//! last line is an end mark: a lock that was cut or damaged is refused whole. Each record is signed, too:
//! one that nobody with the root secret wrote is not believed.

mod authorities;
mod crl;
mod installed;
mod lines;
mod read;
mod reconcile;
mod remembered;
mod returned;
mod rotation;
mod signing;
mod succession;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub(crate) use crl::SignedCrl;
pub(crate) use installed::Installed;
pub(crate) use lines::Lines;
pub use read::read;
pub(crate) use read::read_verified;
pub(crate) use reconcile::{
    NewDevice, NewKey, OwnKeys, Reconciliation, ReusedKey, issued_here, reconcile,
};
pub(crate) use remembered::{Forgotten, KnownAuthority, Lost, Remembered, ShutOut};
pub(crate) use returned::{HandedOut, PublishedCrl, Returned};
pub(crate) use rotation::Dependent;
pub(crate) use signing::Signatures;
pub(crate) use succession::Predecessor;

use crate::model::{DeviceId, Domain, Email, MadeKey};
use crate::pki::{Certificate, Fingerprint, KeyFingerprint, PublicKey, Serial, Validity};
use crate::root::{IssuanceId, RootId, RootKey, RootSecret};

/// The version of the format that is written; the first one, in which nothing is signed, is read too.
pub(crate) const VERSION: u32 = 2;

/// How long before its issue a certificate or a revocation list is valid, for an edge whose clock is
/// late: until then it would refuse that one device, or everybody.
pub(crate) const CLOCK_ALLOWANCE_HOURS: i64 = 1;

/// All that has been issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The root secret that new things are derived from.
    pub root: RootId,
    /// The key of that secret's, which its records are signed with; none in a lock of version 1.
    pub key: Option<RootKey>,
    /// The keys of earlier root secrets, during a rotation: what they signed is believed too.
    pub former: BTreeMap<RootId, RootKey>,
    /// How often an authority or a root secret has come after another, or was let go of: it only grows, so that a lock
    /// from before such a step is known for one.
    pub epoch: u64,
    /// The keys of all root secrets before the present one, the oldest first, and their word for the next.
    pub predecessors: Vec<Predecessor>,
    /// Every authority, sorted by issue; none until the first build.
    pub authorities: Vec<Authority>,
    /// The revocation list of each authority that was signed last; several of one after a merge.
    pub crls: Vec<SignedCrl>,
    /// Every certificate, active or retired, sorted by device and issue.
    pub certificates: Vec<Issued>,
    /// The certificates that devices had already, declared at present or once, sorted.
    pub installed: Vec<Installed>,
}

/// An authority whose certificates are, or were, let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// What its key and serial are derived under, where they are.
    pub id: IssuanceId,
    /// Where its key is.
    pub origin: Origin,
    /// The root secret that its key, and those of the devices it has signed, are derived from.
    pub root: RootId,
    /// The domain that its devices belong to; a derived one's name says it.
    pub domain: Domain,
    pub validity: Validity,
    /// SHA-256 of its public key (SubjectPublicKeyInfo): another root would give another.
    pub key: KeyFingerprint,
    pub certificate: Certificate,
    /// What it is good for.
    pub state: AuthorityState,
}

/// Where an authority's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Derived from the root secret.
    Derived,
    /// Made elsewhere, and kept beside the root secret.
    Adopted,
    /// Elsewhere: nothing can be signed with it.
    Foreign,
}

/// What an authority is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityState {
    /// It signs, unless it is foreign, and is trusted.
    Active,
    /// Another signs in its place; what it has signed is let in still.
    Superseded,
    /// It is not trusted any more.
    Retired {
        /// When that was written into the lock.
        since: Timestamp,
    },
}

impl AuthorityState {
    /// What two branches say of one authority, as one: the later step prevails.
    fn united(self, other: AuthorityState) -> AuthorityState {
        use AuthorityState::{Active, Retired, Superseded};
        match (self, other) {
            (Active, other) | (other, Active) => other,
            (Superseded, other) | (other, Superseded) => other,
            (Retired { since: one }, Retired { since: two }) => Retired {
                since: one.min(two),
            },
        }
    }
}

impl Authority {
    /// What it is called. A derived one has the domain and the short form of its id in it, unique
    /// and never a host's name.
    pub fn common_name(&self) -> String {
        match self.origin {
            Origin::Derived => authority_common_name(&self.domain, &self.id),
            Origin::Adopted | Origin::Foreign => self.certificate.subject_title(),
        }
    }

    /// Whether what it has signed may be let in.
    pub fn is_trusted(&self) -> bool {
        !matches!(self.state, AuthorityState::Retired { .. })
    }

    /// Whether its key can be had.
    pub fn can_sign(&self) -> bool {
        self.origin != Origin::Foreign
    }
}

/// The common name of an authority.
pub(crate) fn authority_common_name(domain: &Domain, id: &IssuanceId) -> String {
    format!("{domain} devices {}", id.short())
}

/// A certificate that has been issued to a device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issued {
    pub device: DeviceId,
    /// What its key, serial and password are derived under.
    pub id: IssuanceId,
    /// The authority that signed it.
    pub authority: IssuanceId,
    pub email: Email,
    pub validity: Validity,
    pub serial: Serial,
    /// The kind of its key, where that was made here; P-256 where it was not.
    pub made: MadeKey,
    /// The certificate itself, where the device has made its key: no root secret gives it again.
    pub own_key: Option<Certificate>,
    pub fingerprint: Fingerprint,
    /// Whether it is let in.
    pub state: State,
}

/// Whether a certificate is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    Active,
    /// Its device has a newer one; until that is installed, this one is let in too.
    Superseded {
        /// When a build retires it; not after its own end.
        until: Timestamp,
    },
    /// It is not let in, and stays in the lock until it has expired.
    Revoked {
        /// When that was written into the lock; not before the certificate is valid.
        since: Timestamp,
    },
    /// It is not let in, and its device gets no other by itself.
    Blocked {
        /// When that was written into the lock; not before the certificate is valid.
        since: Timestamp,
    },
}

impl State {
    /// What two branches say of one certificate, as one: the later step prevails, so that it is shut
    /// out if either has done so, since the earlier time.
    fn united(self, other: State) -> State {
        use State::{Active, Blocked, Revoked, Superseded};
        match (self, other) {
            (Active, other) | (other, Active) => other,
            (Superseded { until: one }, Superseded { until: two }) => Superseded {
                until: one.min(two),
            },
            (Superseded { .. }, other) | (other, Superseded { .. }) => other,
            (Revoked { since: one }, Revoked { since: two }) => Revoked {
                since: one.min(two),
            },
            // Only who lets the device in again makes this of a bar, and leaves its time as it was.
            (Blocked { since: one }, Revoked { since: two })
            | (Revoked { since: two }, Blocked { since: one })
                if one == two =>
            {
                Revoked { since: one }
            }
            (Blocked { since: one }, Blocked { since: two } | Revoked { since: two })
            | (Revoked { since: two }, Blocked { since: one }) => Blocked {
                since: one.min(two),
            },
        }
    }
}

impl Issued {
    /// The key that the device has made, where it has.
    pub fn own_public_key(&self) -> Option<PublicKey> {
        self.own_key.as_ref().and_then(Certificate::public_key)
    }

    /// The kind of key that was made for it here; none where the device has made its own.
    pub fn made_key(&self) -> Option<MadeKey> {
        self.own_key.is_none().then_some(self.made)
    }

    /// When it was shut out; none while it is let in.
    pub fn revoked(&self) -> Option<Timestamp> {
        match self.state {
            State::Active | State::Superseded { .. } => None,
            State::Revoked { since } | State::Blocked { since } => Some(since),
        }
    }
}

/// The certificates of each device that are let in, the active one first.
pub(crate) type Admitted<'l> = BTreeMap<&'l DeviceId, Vec<&'l Issued>>;

impl Lock {
    /// A lock under which nothing has been issued.
    pub fn new(root: &RootSecret) -> Lock {
        Lock {
            root: root.id(),
            key: Some(root.signer().key()),
            former: BTreeMap::new(),
            epoch: 0,
            predecessors: Vec::new(),
            authorities: Vec::new(),
            crls: Vec::new(),
            certificates: Vec::new(),
            installed: Vec::new(),
        }
    }

    /// The authority that signs new certificates; none until the first build.
    pub fn signing(&self) -> Option<&Authority> {
        let signs = |a: &&Authority| a.state == AuthorityState::Active && a.can_sign();
        self.authorities.iter().find(signs)
    }

    /// The authorities whose certificates are let in, the one that signs first.
    pub fn trusted(&self) -> impl Iterator<Item = &Authority> {
        let signing = self.signing();
        let trusted = self.authorities.iter().filter(|a| a.is_trusted());
        let others = trusted.filter(move |a| signing.is_none_or(|signing| signing.id != a.id));
        signing.into_iter().chain(others)
    }

    pub fn authority(&self, id: &IssuanceId) -> Option<&Authority> {
        self.authorities
            .iter()
            .find(|authority| authority.id == *id)
    }

    /// The root secret that a certificate's serial and password, and a key that was made for it, are derived from; the
    /// present one where the lock does not know who signed it.
    pub fn root_of(&self, issued: &Issued) -> RootId {
        let authority = self.authority(&issued.authority);
        authority.map_or(self.root, |authority| authority.root)
    }

    /// The root secrets that something which is let in was derived from, the present one first.
    pub fn roots(&self) -> Vec<RootId> {
        let mut roots = vec![self.root];
        for authority in self.trusted().filter(|authority| authority.can_sign()) {
            if !roots.contains(&authority.root) {
                roots.push(authority.root);
            }
        }
        roots
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
    pub fn admitted(&self) -> Admitted<'_> {
        let admitted = self.certificates.iter().filter(|c| c.revoked().is_none());
        let mut admitted: Vec<&Issued> = admitted.collect();
        admitted.sort_by_key(|issued| (&issued.device, issued.state != State::Active));
        let of_devices = admitted.chunk_by(|one, next| one.device == next.device);
        of_devices.map(|of| (&of[0].device, of.to_vec())).collect()
    }

    /// The devices that get no certificate by themselves: their last one was revoked for good.
    pub fn blocked(&self) -> BTreeSet<&DeviceId> {
        let is_blocked = |issued: &&Issued| matches!(issued.state, State::Blocked { .. });
        let blocked = self.certificates.iter().filter(is_blocked);
        blocked.map(|issued| &issued.device).collect()
    }
}
