//! The revocation list: the lock records its signature, so that it can be written without the root
//! secret, to the last byte.
//!
//! What it lists are the retired certificates. Where the list that was signed has others on it, as
//! after a merge, or there are several, it is *stale*: the next build that may change the lock signs
//! anew.

use jiff::Timestamp;

use super::{Authority, Issued, Lock};
use crate::pki::{Crl, CrlNumber, CrlProfile, CrlSignature, IssuerName, Validity, replay_crl};
use crate::root::IssuanceId;

/// A revocation list that has been signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCrl {
    /// The authority that signed it.
    pub authority: IssuanceId,
    pub number: CrlNumber,
    /// From when on it counts: its thisUpdate.
    pub updated: Timestamp,
    pub signature: CrlSignature,
}

impl Lock {
    /// An authority's revocation list as it was signed, of exactly its certificates that are retired;
    /// none where it is stale.
    pub fn crl(&self, authority: &Authority) -> Option<Crl> {
        let mut signed = self.crls.iter().filter(|crl| crl.authority == authority.id);
        // Two branches may each have signed one of the same number: neither counts any more.
        let (Some(signed), None) = (signed.next(), signed.next()) else {
            return None;
        };
        let validity = Validity::new(signed.updated, authority.validity.not_after()).ok()?;
        let profile = self.crl_profile(authority, signed.number, validity)?;
        let key = authority.certificate.public_key()?;
        replay_crl(&key, &profile, &signed.signature).ok()
    }

    /// The authorities that should have a revocation list, the one that signs first. One whose certificate does not let it
    /// sign lists has none: openssl and nginx would refuse everybody with it.
    pub fn listing(&self) -> impl Iterator<Item = &Authority> {
        self.trusted()
            .filter(|authority| authority.can_sign() && authority.certificate.may_sign_lists())
    }

    /// Whether there should be a revocation list, and none that was signed fits.
    pub fn has_stale_crl(&self) -> bool {
        self.listing()
            .any(|authority| self.crl(authority).is_none())
    }

    /// What the list of an authority's retired certificates says under this number; none where the
    /// authority's name cannot be repeated.
    pub fn crl_profile(
        &self,
        authority: &Authority,
        number: CrlNumber,
        validity: Validity,
    ) -> Option<CrlProfile> {
        let of_this_authority = |issued: &&Issued| issued.authority == authority.id;
        let certificates = self.certificates.iter().filter(of_this_authority);
        Some(CrlProfile {
            issuer: IssuerName::of(&authority.certificate).ok()?,
            number,
            validity,
            revoked: certificates
                .filter_map(|issued| Some((issued.serial, issued.revoked()?)))
                .collect(),
        })
    }
}
