//! What does not come back: a certificate that a published revocation list has on it, and that the lock
//! lets in.
//!
//! A signature of the lock's tells who wrote a record, not that it is the last word: an older lock, out of
//! git's history, is signed too. What has been handed out tells: revocation lists, and the edge itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Lock;
use crate::model::DeviceId;
use crate::pki::{CrlNumber, Fingerprint, ReadCrl, read_crl};
use crate::root::IssuanceId;

/// A revocation list that was found, and that an authority of the lock's has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedCrl {
    pub authority: IssuanceId,
    /// What it says.
    pub list: ReadCrl,
    der: Vec<u8>,
}

/// A device that comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    pub device: DeviceId,
    /// The number of the list that has its certificate, and since when that is revoked there; none where only
    /// the edge told that it was shut out.
    pub listed: Option<(CrlNumber, Timestamp)>,
}

/// A revocation list that has been handed out, and that later ones come after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOut {
    /// The authority that signed it.
    pub authority: IssuanceId,
    pub number: CrlNumber,
    /// From when on it counts.
    pub updated: Timestamp,
    /// BLAKE3 of its bytes: which of several under one number it is.
    pub digest: blake3::Hash,
}

impl From<&PublishedCrl> for HandedOut {
    fn from(published: &PublishedCrl) -> HandedOut {
        HandedOut {
            authority: published.authority,
            number: published.list.number,
            updated: published.list.updated,
            digest: blake3::hash(&published.der),
        }
    }
}

impl Lock {
    /// The lists that it has the signatures of.
    pub fn handed_out(&self) -> impl Iterator<Item = HandedOut> {
        self.listing().filter_map(|authority| {
            let crl = self.crl(authority)?;
            let signed = { self.crls.iter() }.find(|crl| crl.authority == authority.id)?;
            Some(HandedOut {
                authority: authority.id,
                number: signed.number,
                updated: signed.updated,
                digest: blake3::hash(crl.der()),
            })
        })
    }

    /// The list in these bytes; none where no authority that the lock knows has signed it.
    pub fn published(&self, der: &[u8]) -> Option<PublishedCrl> {
        self.authorities.iter().find_map(|authority| {
            Some(PublishedCrl {
                authority: authority.id,
                list: read_crl(der, &authority.certificate).ok()?,
                der: der.to_owned(),
            })
        })
    }

    /// The devices that are let in with a certificate which one of the lists has, or that an edge has shut
    /// out. Sorted.
    pub fn returned(
        &self,
        published: &[PublishedCrl],
        shut_out: &BTreeSet<Fingerprint>,
    ) -> Vec<Returned> {
        let mut returned: BTreeMap<&DeviceId, Returned> = BTreeMap::new();
        for issued in self.certificates.iter().filter(|c| c.revoked().is_none()) {
            let of_its_authority = |found: &&PublishedCrl| found.authority == issued.authority;
            let lists = published.iter().filter(of_its_authority);
            let listed = lists.filter_map(|PublishedCrl { list, .. }| {
                let since = list.revoked.get(&issued.serial.to_hex())?;
                Some((list.number, *since))
            });
            let listed = listed.max();
            if listed.is_some() || shut_out.contains(&issued.fingerprint) {
                let device = &issued.device;
                let found = returned.entry(device).or_insert_with(|| Returned {
                    device: device.clone(),
                    listed,
                });
                found.listed = found.listed.max(listed);
            }
        }
        returned.into_values().collect()
    }

    /// Drops its own revocation lists that others have come after: such a list would be written under a
    /// number that has been handed out, or a smaller one.
    pub fn forget_overtaken(&mut self, handed_out: &[HandedOut]) {
        let is_overtaken = |lock: &Lock, id: IssuanceId, number: CrlNumber| {
            // One that is stale is not written, and what is signed in its place comes after it, too.
            let signed = lock
                .authority(&id)
                .and_then(|authority| lock.crl(authority));
            let Some(signed) = signed else {
                return false;
            };
            let digest = blake3::hash(signed.der());
            let mut by = handed_out.iter().filter(|by| by.authority == id);
            by.any(|by| by.number > number || by.number == number && by.digest != digest)
        };
        let crls = self.crls.iter();
        let kept = crls.filter(|crl| !is_overtaken(self, crl.authority, crl.number));
        self.crls = kept.cloned().collect();
    }
}
