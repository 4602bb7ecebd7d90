//! The lock brought up to date with the declaration: for good, with the keyring, or as a foresight, with stand-ins for what
//! only the secret can make.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::operation::Taken;
use super::requests::Requested;
use crate::issue::{
    CredentialError, new_authority, new_certificates, new_crl, nobodys_secret, refuse_expired,
    stand_in,
};
use crate::lock::{
    Authority, HandedOut, Issued, Lock, NewDevice, Reconciliation, SignedCrl, reconcile,
};
use crate::model::{DeviceId, Homelab, LastDay};
use crate::pki::Fingerprint;
use crate::progress::Progress;
use crate::root::{IssuanceId, IssuanceIds, Keyring};

/// Who makes what only the root secret can make.
pub(crate) enum Keys<'k> {
    /// The secret itself, under ids that were drawn.
    Secret {
        keyring: &'k Keyring,
        ids: &'k mut IssuanceIds,
        progress: &'k dyn Progress,
    },
    /// Nobody: what stands in its place in the lock is thrown away, and lists are left unsigned.
    StandIn,
}

/// A lock that is being brought up to date.
pub(crate) struct Update {
    lock: Lock,
    reconciliation: Reconciliation,
    taken: Taken,
}

/// What has become of it.
pub(crate) struct Updated {
    pub lock: Lock,
    pub changes: LockChanges,
}

/// What is new in a lock; each list sorted.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LockChanges {
    /// Whether the first authority is made.
    pub authority: bool,
    /// The devices that are issued a certificate.
    #[serde(rename = "issue")]
    pub issued: Vec<DeviceId>,
    /// The last days of those of them whose certificates end with it.
    #[serde(rename = "until", skip_serializing_if = "BTreeMap::is_empty")]
    pub last_days: BTreeMap<DeviceId, LastDay>,
    /// The devices that are shut out, for they are no longer declared.
    #[serde(rename = "retire")]
    pub revoked: Vec<DeviceId>,
    /// The devices whose older certificate is shut out.
    #[serde(rename = "close")]
    pub closed: Vec<DeviceId>,
    /// The devices that are recorded as declared by fingerprint.
    #[serde(rename = "record")]
    pub recorded: Vec<DeviceId>,
    /// The devices that are recorded as declared by fingerprint no longer.
    #[serde(rename = "remove")]
    pub removed: Vec<DeviceId>,
    /// Whether a revocation list is signed anew.
    pub sign: bool,
}

impl LockChanges {
    pub(crate) fn is_empty(&self) -> bool {
        *self == LockChanges::default()
    }

    /// Whether a device is issued a certificate.
    pub(crate) fn issue_to(&self, device: &DeviceId) -> bool {
        self.issued.binary_search(device).is_ok()
    }

    /// The first of a person's devices that is issued one.
    pub(crate) fn first_issued_of(&self, person: &str) -> Option<&DeviceId> {
        let before = |issued: &DeviceId| issued.person.as_str() < person;
        let first = self.issued.get(self.issued.partition_point(before))?;
        (first.person.as_str() == person).then_some(first)
    }

    /// Whether a device is shut out, for it is no longer declared.
    pub(crate) fn revoke(&self, device: &DeviceId) -> bool {
        self.revoked.binary_search(device).is_ok()
    }

    /// Whether it takes the root secret to do them.
    pub(crate) fn need_the_secret(&self) -> bool {
        let records = !self.recorded.is_empty() || !self.removed.is_empty();
        self.authority || !self.issued.is_empty() || self.sign || records
    }
}

impl Update {
    /// Compares a lock, from which something was taken already, with the declaration. `let_in` is what the edge of before let in by
    /// fingerprint.
    pub(crate) fn of(
        mut lock: Lock,
        homelab: &Homelab,
        requested: &Requested,
        let_in: &[(DeviceId, Fingerprint)],
        mut taken: Taken,
        now: Timestamp,
    ) -> Update {
        taken.closed.sort();
        taken.closed.dedup();
        taken.revoked.sort();
        taken.revoked.dedup();
        lock.learn(homelab, let_in);
        let reconciliation = reconcile(homelab, &lock, requested.keys(), now);
        Update {
            lock,
            reconciliation,
            taken,
        }
    }

    /// Whether nothing is to be made, signed or shut out any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.reconciliation.is_settled(&self.lock)
    }

    pub(crate) fn reconciliation(&self) -> &Reconciliation {
        &self.reconciliation
    }

    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The lock, where it is settled.
    pub(crate) fn settled(self) -> Updated {
        let changes = LockChanges {
            closed: self.taken.closed,
            ..LockChanges::default()
        };
        Updated {
            lock: self.lock,
            changes,
        }
    }

    /// Shuts out what is no longer declared, issues what is, the authority first, and signs the revocation lists last.
    pub(crate) fn complete(
        self,
        homelab: &Homelab,
        handed_out: &[HandedOut],
        now: Timestamp,
        mut keys: Keys<'_>,
    ) -> Result<Updated, CredentialError> {
        let Update {
            mut lock,
            reconciliation,
            taken,
        } = self;
        lock.revoke(&reconciliation.revoke, now);
        lock.remember(homelab, now);
        let is_first = lock.signing().is_none();
        if is_first {
            let authority = keys.authority(&lock, homelab, now)?;
            lock.succeed(authority);
        }
        let issued: Vec<DeviceId> = { reconciliation.issue.iter() }
            .map(|new| new.device.clone())
            .collect();
        let certificates = keys.certificates(&lock, reconciliation.issue, now)?;
        let last_days = certificates.iter().filter_map(|issued| {
            let day = homelab.device(&issued.device)?;
            let day = day.last_day_of(issued.validity.not_after())?;
            Some((issued.device.clone(), day))
        });
        let last_days = last_days.collect();
        if !certificates.is_empty() {
            lock.add(certificates, now);
        }
        let sign = keys.sign_lists(&mut lock, handed_out, now)?;
        let mut revoked = reconciliation.revoke;
        revoked.extend(taken.revoked);
        revoked.sort();
        Ok(Updated {
            lock,
            changes: LockChanges {
                authority: is_first,
                issued,
                last_days,
                revoked,
                closed: taken.closed,
                recorded: reconciliation.record,
                removed: reconciliation.remove,
                sign,
            },
        })
    }
}

impl Keys<'_> {
    fn authority(
        &mut self,
        lock: &Lock,
        homelab: &Homelab,
        now: Timestamp,
    ) -> Result<Authority, CredentialError> {
        let (domain, lifetime) = (&homelab.domain, &homelab.validity.authority);
        match self {
            Keys::Secret { keyring, ids, .. } => {
                let root = keyring.root(&lock.root);
                let root = root.expect("it has been held against the lock");
                new_authority(root, ids.draw(), domain, lifetime, now)
            }
            Keys::StandIn => new_authority(
                &nobodys_secret(),
                IssuanceId::new([0; 16]),
                domain,
                lifetime,
                now,
            ),
        }
    }

    fn certificates(
        &mut self,
        lock: &Lock,
        devices: Vec<NewDevice>,
        now: Timestamp,
    ) -> Result<Vec<Issued>, CredentialError> {
        let authority = lock.signing().expect("there is one by now");
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Keys::Secret {
                keyring,
                ids,
                progress,
            } => {
                let devices: Vec<(IssuanceId, NewDevice)> = { devices.into_iter() }
                    .map(|new| (ids.draw(), new))
                    .collect();
                new_certificates(keyring, authority, &devices, now, *progress)
            }
            Keys::StandIn => {
                refuse_expired(authority, now)?;
                let stand_ins = devices.into_iter().map(|new| stand_in(authority, new, now));
                stand_ins.collect()
            }
        }
    }

    /// Signs the list of each authority anew where it is stale; whether any was.
    fn sign_lists(
        &mut self,
        lock: &mut Lock,
        handed_out: &[HandedOut],
        now: Timestamp,
    ) -> Result<bool, CredentialError> {
        let Keys::Secret { keyring, .. } = self else {
            return Ok(lock.has_stale_crl());
        };
        let mut was_stale = false;
        let lists = lock.listing().map(|authority| {
            let mut known = lock.crls.iter().filter(|crl| crl.authority == authority.id);
            match (lock.crl(authority), known.next()) {
                (Some(_), Some(signed)) => Ok(signed.clone()),
                _ => {
                    was_stale = true;
                    new_crl(keyring, authority, lock, handed_out, now)
                }
            }
        });
        let lists: Result<Vec<SignedCrl>, CredentialError> = lists.collect();
        lock.crls = lists?;
        Ok(was_stale)
    }
}
