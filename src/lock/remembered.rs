//! What is remembered of locks before, held against the present one: what they have shut out and let go of, and how far
//! they were.
//!
//! A signature tells who has written a record, and not that all of them are there. A lock that has lost the line of a
//! revoked certificate would have a revocation list signed that lets it in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::CLOCK_ALLOWANCE_HOURS;
use super::{Lock, PublishedCrl};
use crate::model::DeviceId;
use crate::pki::{CrlNumber, Fingerprint, Serial};
use crate::root::{IssuanceId, RootId};

/// What locks before have said, as far as a later one may not take it back. Plain data: it stands in files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    #[serde(skip_serializing_if = "is_zero")]
    pub epoch: u64,
    /// The certificates that were shut out, by their SHA-256 in hexadecimal.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub certificates: BTreeMap<Fingerprint, ShutOut>,
    /// The authorities, by the ids that they were issued under.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub authorities: BTreeMap<IssuanceId, KnownAuthority>,
    /// The root secrets that were let go of.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub roots: BTreeSet<RootId>,
}

/// A certificate that was shut out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShutOut {
    /// Whose it was.
    pub device: DeviceId,
    /// Its serial number, as revocation lists have it.
    pub serial: Serial,
    /// The authority that signed it.
    pub authority: IssuanceId,
    pub until: Timestamp,
}

/// An authority of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAuthority {
    pub name: String,
    /// Whether it was trusted still.
    pub trusted: bool,
    pub until: Timestamp,
}

/// A certificate that was shut out, and of which the lock knows nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forgotten {
    Of(DeviceId),
    /// One of that serial number, which stands on the list of that number; nothing more is known of it.
    Listed(String, CrlNumber),
}

/// A way in which a lock is behind another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The other was of this epoch.
    Epoch(u64),
    /// It trusts the authority of that name, which had been let go of.
    Trust(String),
    /// It does not have the authority of that name.
    Authority(String),
    /// It believes a root secret that had been let go of.
    Root(RootId),
}

fn is_zero(epoch: &u64) -> bool {
    *epoch == 0
}

/// Whether something that ends then has ended. Whoever has dropped it may have had a clock that is ahead of this one.
fn has_ended(until: Timestamp, now: Timestamp) -> bool {
    let allowance = CLOCK_ALLOWANCE_HOURS.hours();
    until <= now.checked_add(allowance).unwrap_or(now)
}

impl Remembered {
    /// What there is to remember of a lock.
    pub fn of(lock: &Lock) -> Remembered {
        let out = { lock.certificates.iter() }.filter(|issued| issued.revoked().is_some());
        let certificates = out.map(|issued| {
            let shut_out = ShutOut {
                device: issued.device.clone(),
                serial: issued.serial,
                authority: issued.authority,
                until: issued.validity.not_after(),
            };
            (issued.fingerprint, shut_out)
        });
        let authorities = lock.authorities.iter().map(|authority| {
            let known = KnownAuthority {
                name: authority.common_name(),
                trusted: authority.is_trusted(),
                until: authority.validity.not_after(),
            };
            (authority.id, known)
        });
        let roots = lock.roots();
        let left = lock.authorities.iter().map(|authority| authority.root);
        let left = left.filter(|root| !roots.contains(root));
        Remembered {
            epoch: lock.epoch,
            certificates: certificates.collect(),
            authorities: authorities.collect(),
            roots: left.collect(),
        }
    }

    /// What either knows; the later step prevails.
    pub fn united(mut self, other: Remembered) -> Remembered {
        self.epoch = self.epoch.max(other.epoch);
        self.certificates.extend(other.certificates);
        self.roots.extend(other.roots);
        for (id, known) in other.authorities {
            let trusted = known.trusted;
            let united = self.authorities.entry(id).or_insert(known);
            united.trusted &= trusted;
        }
        self
    }

    /// Forgets what has ended and stands on no list any more that an authority may have signed.
    pub fn drop_ended(&mut self, now: Timestamp) {
        self.authorities
            .retain(|_, known| !has_ended(known.until, now));
        let authorities = &self.authorities;
        self.certificates.retain(|_, out| {
            !has_ended(out.until, now) || authorities.contains_key(&out.authority)
        });
    }

    /// Forgets that these devices were shut out: somebody has said that they may come back.
    pub fn accept_devices(&mut self, devices: &[DeviceId]) {
        self.certificates
            .retain(|_, out| !devices.contains(&out.device));
    }

    /// Takes the steps of this lock for the last ones: somebody has said that it may be behind what was remembered.
    pub fn accept_order(&mut self, lock: &Lock) {
        let now = Remembered::of(lock);
        self.epoch = now.epoch;
        self.authorities = now.authorities;
        self.roots = now.roots;
    }
}

impl Lock {
    /// The certificates that are remembered as shut out and have not ended, and of which this lock does not say so, nor that
    /// they are let in: what their authority would sign next leaves them out. Sorted.
    pub fn forgotten(
        &self,
        remembered: &Remembered,
        published: &[PublishedCrl],
        now: Timestamp,
    ) -> BTreeSet<Forgotten> {
        let trusted: BTreeSet<IssuanceId> = self.trusted().map(|a| a.id).collect();
        let out = remembered.certificates.iter();
        let out =
            out.filter(|(_, out)| trusted.contains(&out.authority) && !has_ended(out.until, now));
        // Few are shut out, and many certificates there are: each of these is looked up among those.
        let mut unknown: BTreeMap<&Fingerprint, &ShutOut> = out.collect();
        for issued in &self.certificates {
            unknown.remove(&issued.fingerprint);
        }
        let of_devices = unknown
            .into_values()
            .map(|out| Forgotten::Of(out.device.clone()));
        let mut forgotten: BTreeSet<Forgotten> = of_devices.collect();
        for PublishedCrl {
            authority, list, ..
        } in published
        {
            if !trusted.contains(authority) {
                continue;
            }
            let listed = |serial: &String| Forgotten::Listed(serial.clone(), list.number);
            let mut unknown: BTreeMap<Serial, &String> = BTreeMap::new();
            for serial in list.revoked.keys() {
                match serial.parse() {
                    Ok(ours) => drop(unknown.insert(ours, serial)),
                    Err(_) => drop(forgotten.insert(listed(serial))),
                }
            }
            let told = remembered.certificates.values();
            let told = told.map(|out| (out.authority, out.serial));
            let own = self.certificates.iter();
            let own = own.map(|issued| (issued.authority, issued.serial));
            for (_, serial) in told.chain(own).filter(|(by, _)| by == authority) {
                unknown.remove(&serial);
            }
            forgotten.extend(unknown.into_values().map(listed));
        }
        forgotten
    }

    /// In what this lock is behind those that are remembered.
    pub fn lost(&self, remembered: &Remembered, now: Timestamp) -> Vec<Lost> {
        let mut lost = Vec::new();
        if self.epoch < remembered.epoch {
            lost.push(Lost::Epoch(remembered.epoch));
        }
        for (id, known) in &remembered.authorities {
            if has_ended(known.until, now) {
                continue;
            }
            let authority = { self.authorities.iter() }.find(|authority| authority.id == *id);
            match authority {
                None => lost.push(Lost::Authority(known.name.clone())),
                Some(authority) if authority.is_trusted() && !known.trusted => {
                    lost.push(Lost::Trust(known.name.clone()));
                }
                Some(_) => {}
            }
        }
        let believed = [&self.root].into_iter().chain(self.former.keys());
        let believed = believed.filter(|id| remembered.roots.contains(id));
        lost.extend(believed.copied().map(Lost::Root));
        lost
    }
}
