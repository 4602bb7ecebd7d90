//! What does not come back: a certificate that a published revocation list has on it, and that the lock
//! lets in.
//!
//! A signature of the lock's tells who wrote a record, not that it is the last word: an older lock, out of
//! git's history, is signed too. What has been handed out with a revocation list tells.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Issued, Lock};
use crate::model::DeviceId;
use crate::pki::{CrlNumber, ReadCrl, read_crl};
use crate::root::IssuanceId;

/// A revocation list that was found, and that an authority of the lock's has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedCrl {
    /// That authority.
    pub authority: IssuanceId,
    /// What it says.
    pub list: ReadCrl,
    der: Vec<u8>,
}

/// A certificate that is let in by the lock, and is on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Whose it is.
    pub device: DeviceId,
    /// Since when the list says that it is revoked.
    pub since: Timestamp,
    /// The number of that list.
    pub number: CrlNumber,
}

impl Lock {
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

    /// The certificates that are let in, though one of the lists has them; one of each device, sorted.
    pub fn returned(&self, published: &[PublishedCrl]) -> Vec<Returned> {
        let mut returned: BTreeMap<&DeviceId, Returned> = BTreeMap::new();
        for issued in self.certificates.iter().filter(|c| c.retired().is_none()) {
            for PublishedCrl { list, .. } in published.iter().filter(|list| list.is_of(issued)) {
                if let Some(since) = list.revoked.get(&issued.serial.to_hex()) {
                    let found = returned.entry(&issued.device).or_insert_with(|| Returned {
                        device: issued.device.clone(),
                        since: *since,
                        number: list.number,
                    });
                    found.number = found.number.max(list.number);
                }
            }
        }
        returned.into_values().collect()
    }

    /// Drops its own revocation lists that others have come after: such a list would be written under a
    /// number that has been handed out, or a smaller one.
    pub fn forget_overtaken(&mut self, published: &[PublishedCrl]) {
        let overtaken = |number: CrlNumber, signed: Option<&[u8]>, by: &PublishedCrl| {
            by.list.number > number || by.list.number == number && signed != Some(by.der.as_slice())
        };
        let is_overtaken = |lock: &Lock, id: IssuanceId, number: CrlNumber| {
            let authority = lock.authority(&id);
            let signed = authority.and_then(|authority| lock.crl(authority));
            let signed = signed.as_ref().map(|crl| crl.der());
            let mut by = published.iter().filter(|by| by.authority == id);
            by.any(|by| overtaken(number, signed, by))
        };
        let crls = self.crls.iter();
        let kept = crls.filter(|crl| !is_overtaken(self, crl.authority, crl.number));
        self.crls = kept.cloned().collect();
    }
}

impl PublishedCrl {
    fn is_of(&self, issued: &Issued) -> bool {
        self.authority == issued.authority
    }
}
