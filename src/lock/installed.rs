//! Certificates that devices had already, and that are let in by fingerprint as long as they are declared.
//!
//! The declaration alone lets them in. The lock remembers them, so that who comes with one whose line was deleted is told that
//! it is not let in any more, and not that nobody knows it. They are recorded while they are declared: so whoever has the lock knows them,
//! with the secret or without, and with no output tree of before.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use jiff::{SignedDuration, Timestamp};

use super::Lock;
use crate::model::{DeviceId, Homelab};
use crate::pki::Fingerprint;

/// So long after its removal a certificate is remembered. When it ends nobody here knows; few that are made by hand last longer.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(3 * 366 * 24);

/// So many that were removed are remembered, those that went last: each stands on every list that the Caddyfile has of them.
pub(super) const MOST_REMOVED: usize = 256;

/// A certificate that a device had already.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// The device that was declared with it last.
    pub device: DeviceId,
    pub fingerprint: Fingerprint,
    /// Since when it is not declared; none as long as it is, for all that the lock has learnt.
    pub removed: Option<Timestamp>,
}

impl Installed {
    /// What two branches say of one certificate, as one, in whatever order: removed if either has removed it, since the earlier
    /// time. Which device it is of, the declaration says.
    pub(super) fn united(self, other: Installed) -> Installed {
        Installed {
            device: self.device.min(other.device),
            fingerprint: self.fingerprint,
            removed: match (self.removed, other.removed) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            },
        }
    }
}

impl Lock {
    /// Records what is declared by fingerprint, and since `now` what is so no longer. Forgets what has been gone for long, and
    /// all where no authority is trusted any more that could have signed it: then nobody with such a certificate gets as far as to a page.
    pub fn remember(&mut self, homelab: &Homelab, now: Timestamp) {
        if !self.vouches_for_installed() {
            self.installed.clear();
            return;
        }
        let declared = by_fingerprint(homelab);
        let mut gone = mem::take(&mut self.installed);
        gone.retain(|known| !declared.contains_key(&known.fingerprint));
        for known in &mut gone {
            known.removed.get_or_insert(now);
        }
        gone.retain(|known| {
            { known.removed }.is_some_and(|since| now.duration_since(since) <= REMEMBERED_FOR)
        });
        keep_latest(&mut gone);
        let declared = declared.into_iter().map(|(fingerprint, device)| Installed {
            device: device.clone(),
            fingerprint: *fingerprint,
            removed: None,
        });
        gone.extend(declared);
        gone.sort();
        self.installed = gone;
    }

    /// Takes up what an edge has let in by fingerprint, and what is neither declared nor recorded any more. It may have been recorded never: an
    /// edge is built without the secret, too. Believing that is safe, for it chooses a page and lets nobody in.
    pub fn learn(&mut self, homelab: &Homelab, let_in: &[(DeviceId, Fingerprint)]) {
        if !self.vouches_for_installed() {
            return;
        }
        let declared = by_fingerprint(homelab).into_keys().copied();
        let recorded = self.installed.iter().map(|known| known.fingerprint);
        let issued = self.certificates.iter().map(|issued| issued.fingerprint);
        let mut known: BTreeSet<Fingerprint> = declared.chain(recorded).chain(issued).collect();
        for (device, fingerprint) in let_in {
            if known.insert(*fingerprint) {
                self.installed.push(Installed {
                    device: device.clone(),
                    fingerprint: *fingerprint,
                    removed: None,
                });
            }
        }
        self.installed.sort();
    }

    /// The certificates that were let in by fingerprint and are not declared so any more, sorted; those that went last, where there
    /// are many. None where nobody with one gets past the handshake.
    pub fn removed(&self, homelab: &Homelab) -> Vec<&Installed> {
        if !self.vouches_for_installed() {
            return Vec::new();
        }
        let declared = by_fingerprint(homelab);
        let removed = self.installed.iter();
        let removed = removed.filter(|known| !declared.contains_key(&known.fingerprint));
        let mut removed: Vec<&Installed> = removed.collect();
        keep_latest(&mut removed);
        removed.sort();
        removed
    }

    /// Whether it records that this device has this certificate.
    pub fn has_installed(&self, device: &DeviceId, fingerprint: &Fingerprint) -> bool {
        let mut known = self.installed.iter();
        known.any(|known| {
            known.device == *device && known.fingerprint == *fingerprint && known.removed.is_none()
        })
    }

    /// The devices whose certificate is declared and not recorded, sorted.
    pub(super) fn unrecorded(&self, homelab: &Homelab) -> Vec<DeviceId> {
        let declared = homelab.installed().filter(|_| self.vouches_for_installed());
        let new = declared.filter(|(device, fingerprint)| !self.has_installed(device, fingerprint));
        new.map(|(device, _)| device.clone()).collect()
    }

    /// The devices that are recorded as declared by fingerprint, and are so no longer, sorted.
    pub fn gone(&self, homelab: &Homelab) -> Vec<DeviceId> {
        let declared = by_fingerprint(homelab);
        let known = { self.installed.iter() }.filter(|known| known.removed.is_none());
        let gone = known.filter(|known| !declared.contains_key(&known.fingerprint));
        let mut gone: Vec<DeviceId> = gone.map(|known| known.device.clone()).collect();
        gone.dedup();
        gone
    }
}

/// What is declared by fingerprint; no two devices are declared with one.
fn by_fingerprint(homelab: &Homelab) -> BTreeMap<&Fingerprint, &DeviceId> {
    let declared = homelab.installed();
    declared
        .map(|(device, fingerprint)| (fingerprint, device))
        .collect()
}

/// Drops those that have been gone for the longest, where there are too many; what the lock has not learnt of yet went last.
fn keep_latest<T: std::borrow::Borrow<Installed>>(removed: &mut Vec<T>) {
    removed.sort_by(|one, other| {
        let key = |known: &T| {
            let known: &Installed = known.borrow();
            (
                known.removed.is_some(),
                known.removed.map(std::cmp::Reverse),
                known.fingerprint,
            )
        };
        key(one).cmp(&key(other))
    });
    removed.truncate(MOST_REMOVED);
}
