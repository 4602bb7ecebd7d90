//! The revocation list: the lock records its signature, so that it can be written without the root
//! secret, to the last byte.
//!
//! What it lists are the retired certificates. Where the list that was signed has others on it, as
//! after a merge, or there are several, it is *stale*: the next build that may change the lock signs
//! anew.

use jiff::Timestamp;

use super::{Authority, Issued, Lock};
use crate::pki::{Crl, CrlNumber, CrlProfile, CrlSignature, Validity, replay_crl};
use crate::root::IssuanceId;

/// A revocation list that has been signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCrl {
    /// The authority that signed it.
    pub authority: IssuanceId,
    /// Its number.
    pub number: CrlNumber,
    /// From when on it counts: its thisUpdate.
    pub updated: Timestamp,
    /// The signature.
    pub signature: CrlSignature,
}

impl Lock {
    /// The revocation list as it was signed, of exactly the certificates that are retired; none
    /// where it is stale.
    pub fn crl(&self) -> Option<Crl> {
        // Two branches may each have signed one of the same number: neither counts any more.
        let (Some(authority), [signed]) = (&self.authority, self.crls.as_slice()) else {
            return None;
        };
        let validity = Validity::new(signed.updated, authority.validity.not_after()).ok()?;
        let profile = self.crl_profile(authority, signed.number, validity);
        let key = authority.certificate.public_key()?;
        replay_crl(&key, &profile, &signed.signature).ok()
    }

    /// Whether there should be a revocation list, and none that was signed fits.
    pub fn has_stale_crl(&self) -> bool {
        self.authority.is_some() && self.crl().is_none()
    }

    /// What the list of an authority's retired certificates says under this number.
    pub fn crl_profile(
        &self,
        authority: &Authority,
        number: CrlNumber,
        validity: Validity,
    ) -> CrlProfile {
        let of_this_authority = |issued: &&Issued| issued.authority == authority.id;
        let certificates = self.certificates.iter().filter(of_this_authority);
        CrlProfile {
            issuer: authority.common_name(),
            number,
            validity,
            revoked: certificates
                .filter_map(|issued| Some((issued.serial, issued.retired()?)))
                .collect(),
        }
    }
}
