//! Certificates of the homelab, and the list of those that are revoked: issued anew for the lock;
//! certificates are derived again from what it says, too.
//!
//! Both ways are one: a new certificate is derived from an id just drawn, and what the lock records
//! of it must come out again, to the last byte, whenever it is derived later.

mod error;
mod stand_in;
#[cfg(test)]
mod tests;
mod upgrade;

use jiff::{Timestamp, ToSpan};
use rayon::prelude::*;

use crate::lock::{
    Authority, AuthorityState, CLOCK_ALLOWANCE_HOURS, HandedOut, Issued, Lock, NewDevice, NewKey,
    Origin, SignedCrl, State, authority_common_name,
};
use crate::model::{DeviceId, Domain, Email, Lifetime, MadeKey};
use crate::pki::{
    AuthorityProfile, Certificate, CrlNumber, Issuer, IssuerName, LeafProfile, PrivateKey,
    PublicKey, Serial, Validity, issue, self_sign, sign_crl,
};
use crate::progress::{Progress, Underway, Work};
use crate::root::{IssuanceId, Keyring, RootId, RootSecret};

pub(crate) use error::CredentialError;
pub(crate) use stand_in::{nobodys_secret, stand_in};
pub(crate) use upgrade::unconfirmed;

/// An authority with its key, ready to sign.
pub(crate) struct Signer {
    key: PrivateKey,
    id: IssuanceId,
    root: RootId,
    domain: Domain,
    name: IssuerName,
    validity: Validity,
}

impl Signer {
    /// Takes the key of an authority that the lock records out of the keyring, and holds it against the
    /// record.
    pub(crate) fn of(keyring: &Keyring, recorded: &Authority) -> Result<Signer, CredentialError> {
        let not_as_recorded = || CredentialError::NotAsRecorded {
            name: recorded.common_name(),
        };
        let key = match recorded.origin {
            Origin::Derived => {
                let root = keyring.root(&recorded.root).ok_or_else(not_as_recorded)?;
                let key = root.authority_key(&recorded.id);
                let certificate = own_certificate(root, &key, recorded)?;
                if certificate != recorded.certificate {
                    return Err(not_as_recorded());
                }
                key
            }
            Origin::Adopted | Origin::Foreign => {
                let adopted = keyring.authority(&recorded.id);
                adopted.ok_or_else(not_as_recorded)?.duplicate()
            }
        };
        if key.public_key().fingerprint() != recorded.key {
            return Err(not_as_recorded());
        }
        Signer::new(key, recorded)
    }

    fn new(key: PrivateKey, recorded: &Authority) -> Result<Signer, CredentialError> {
        let name = IssuerName::of(&recorded.certificate);
        Ok(Signer {
            key,
            id: recorded.id,
            root: recorded.root,
            domain: recorded.domain.clone(),
            name: name.map_err(|source| CredentialError::IssuerName {
                name: recorded.common_name(),
                source,
            })?,
            validity: recorded.validity,
        })
    }

    /// The key, for whoever takes it elsewhere.
    pub(crate) fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The root secret that the keys of this authority's devices are derived from.
    fn root<'k>(&self, keyring: &'k Keyring) -> Result<&'k RootSecret, CredentialError> {
        keyring
            .root(&self.root)
            .ok_or_else(|| CredentialError::NotAsRecorded {
                name: self.id.to_string(),
            })
    }

    fn sign(
        &self,
        key: &PublicKey,
        serial: Serial,
        device: &DeviceId,
        email: &Email,
        validity: Validity,
    ) -> Result<Certificate, CredentialError> {
        let issuer = Issuer {
            key: &self.key,
            name: &self.name,
            validity: self.validity,
        };
        let profile = LeafProfile {
            common_name: device.common_name(),
            organization: self.domain.to_string(),
            email: email.to_string(),
            serial,
            validity,
        };
        issue(&issuer, key, &profile).map_err(|source| CredentialError::Certificate {
            name: device.to_string(),
            source,
        })
    }
}

/// The certificate of an authority's own key.
fn own_certificate(
    root: &RootSecret,
    key: &PrivateKey,
    authority: &Authority,
) -> Result<Certificate, CredentialError> {
    let profile = AuthorityProfile {
        common_name: authority_common_name(&authority.domain, &authority.id),
        serial: root.authority_serial(&authority.id),
        validity: authority.validity,
    };
    self_sign(key, &profile).map_err(|source| CredentialError::Certificate {
        name: profile.common_name,
        source,
    })
}

/// A device's key and certificate.
pub(crate) struct Credential {
    pub key: PrivateKey,
    /// The certificate of that key.
    pub certificate: Certificate,
}

impl Credential {
    /// What the lock records: as it was issued just now, or else derived again.
    pub(crate) fn of(
        keyring: &Keyring,
        signer: &Signer,
        recorded: &Issued,
    ) -> Result<Credential, CredentialError> {
        match keyring.take_issued(&recorded.id) {
            Some((key, certificate)) if certificate.fingerprint() == recorded.fingerprint => {
                Ok(Credential { key, certificate })
            }
            _ => Credential::derive(keyring, signer, recorded),
        }
    }

    /// Derives the certificate that the lock records, and holds it against the record.
    pub(crate) fn derive(
        keyring: &Keyring,
        signer: &Signer,
        recorded: &Issued,
    ) -> Result<Credential, CredentialError> {
        let Issued {
            id,
            device,
            email,
            validity,
            made,
            ..
        } = recorded;
        let root = signer.root(keyring)?;
        let key = device_key(root, *made, id, device)?;
        let serial = root.device_serial(id, device);
        let certificate = signer.sign(&key.public_key(), serial, device, email, *validity)?;
        let as_recorded = certificate.fingerprint() == recorded.fingerprint
            && serial == recorded.serial
            && signer.id == recorded.authority;
        if as_recorded {
            Ok(Credential { key, certificate })
        } else {
            Err(CredentialError::NotAsRecorded {
                name: device.to_string(),
            })
        }
    }
}

/// The key that is made for a device.
fn device_key(
    root: &RootSecret,
    kind: MadeKey,
    id: &IssuanceId,
    device: &DeviceId,
) -> Result<PrivateKey, CredentialError> {
    let key = root.device_key(kind, id, device);
    key.map_err(|fault| CredentialError::Certificate {
        name: device.to_string(),
        source: fault.into(),
    })
}

/// Makes a new authority, derived from `root` under `id`.
pub(crate) fn new_authority(
    root: &RootSecret,
    id: IssuanceId,
    domain: &Domain,
    lifetime: &Lifetime,
    now: Timestamp,
) -> Result<Authority, CredentialError> {
    let common_name = authority_common_name(domain, &id);
    let until = end(lifetime, now)?;
    let validity = validity(&common_name, begin(now), until)?;
    let key = root.authority_key(&id);
    let profile = AuthorityProfile {
        common_name,
        serial: root.authority_serial(&id),
        validity,
    };
    let certificate = self_sign(&key, &profile);
    Ok(Authority {
        id,
        origin: Origin::Derived,
        root: root.id(),
        domain: domain.clone(),
        validity,
        key: key.public_key().fingerprint(),
        certificate: certificate.map_err(|source| CredentialError::Certificate {
            name: profile.common_name,
            source,
        })?,
        state: AuthorityState::Active,
    })
}

/// Issues certificates to new devices, each under the id that stands beside it, in parallel. The keyring holds them, with
/// their keys, until they are put into files.
pub(crate) fn new_certificates(
    keyring: &Keyring,
    authority: &Authority,
    devices: &[(IssuanceId, NewDevice)],
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Vec<Issued>, CredentialError> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    refuse_expired(authority, now)?;
    let signer = Signer::of(keyring, authority)?;
    let root = signer.root(keyring)?;
    let underway = Underway::begin(progress, Work::Issuing, devices.len());
    let issue = |(id, new): &(IssuanceId, NewDevice)| {
        let validity = leaf_validity(authority, new, now)?;
        let serial = root.device_serial(id, &new.device);
        let sign = |key: &PublicKey| signer.sign(key, serial, &new.device, &new.email, validity);
        let (certificate, made) = match &new.key {
            NewKey::Own(key) => (sign(key)?, MadeKey::P256),
            NewKey::Derived(kind) => {
                let key = device_key(root, *kind, id, &new.device)?;
                let certificate = sign(&key.public_key())?;
                keyring.hold_issued(*id, key, certificate.clone());
                (certificate, *kind)
            }
        };
        underway.advance();
        Ok(Issued {
            device: new.device.clone(),
            id: *id,
            authority: authority.id,
            email: new.email.clone(),
            validity,
            serial,
            fingerprint: certificate.fingerprint(),
            made,
            own_key: matches!(new.key, NewKey::Own(_)).then_some(certificate),
            state: State::Active,
        })
    };
    devices.par_iter().map(issue).collect()
}

/// Fails where nothing can be signed at `now` that would be valid.
pub(crate) fn refuse_expired(authority: &Authority, now: Timestamp) -> Result<(), CredentialError> {
    let validity = authority.validity;
    let (from, until) = (validity.not_before(), validity.not_after());
    if now >= until {
        return Err(CredentialError::AuthorityExpired { until, now });
    }
    if now < from {
        return Err(CredentialError::BeforeAuthority { from, now });
    }
    Ok(())
}

/// From when until when a certificate is valid that is issued at `now`: it ends with its authority at the latest.
fn leaf_validity(
    authority: &Authority,
    new: &NewDevice,
    now: Timestamp,
) -> Result<Validity, CredentialError> {
    let ends = end(&new.validity, now)?.min(authority.validity.not_after());
    let ends = new.until.map_or(ends, |until| ends.min(until.end()));
    // An authority that was made elsewhere may have begun just now.
    let begins = begin(now).max(authority.validity.not_before());
    validity(&new.device.to_string(), begins, ends)
}

/// Signs the list of an authority's retired certificates, under a greater number than any before it, those
/// included that only an output tree knows.
pub(crate) fn new_crl(
    keyring: &Keyring,
    authority: &Authority,
    lock: &Lock,
    handed_out: &[HandedOut],
    now: Timestamp,
) -> Result<SignedCrl, CredentialError> {
    let known = lock.crls.iter().filter(|crl| crl.authority == authority.id);
    let known = known.map(|crl| (crl.number, crl.updated));
    let found = { handed_out.iter() }.filter(|found| found.authority == authority.id);
    let known = known.chain(found.map(|found| (found.number, found.updated)));
    // RFC 5280 §5.2.3: the later list has the greater number. That of a list that only another
    // branch knew counts too, for it may have been handed out.
    let number = match known.clone().map(|(number, _)| number).max() {
        Some(highest) => highest.next().ok_or(CredentialError::CrlNumbers)?,
        None => CrlNumber::FIRST,
    };
    // RFC 5280 §5.1.2.5: by nextUpdate there is another list. Past it a proxy refuses everybody, and
    // nothing here would make one in time, so it is the end of all that the list is about.
    let until = authority.validity.not_after();
    let earliest = known
        .map(|(_, updated)| updated)
        .fold(authority.validity.not_before(), Timestamp::max);
    let updated = begin(now).max(earliest).min(until - 1.second());
    let validity = validity("ca.crl", updated, until)?;
    let signer = Signer::of(keyring, authority)?;
    let profile = lock.crl_profile(authority, number, validity);
    let profile = profile.expect("a signer's name can be repeated");
    let (_, signature) =
        sign_crl(&signer.key, &profile).map_err(|source| CredentialError::Crl { source })?;
    Ok(SignedCrl {
        authority: authority.id,
        number,
        updated,
        signature,
    })
}

fn end(lifetime: &Lifetime, now: Timestamp) -> Result<Timestamp, CredentialError> {
    lifetime
        .after(now)
        .ok_or_else(|| CredentialError::BeyondTime {
            lifetime: lifetime.as_str().to_owned(),
            start: now,
        })
}

/// When a device was revoked, where the certificate that it has is the one that it got instead.
pub(crate) fn was_replaced_at(lock: &Lock, device: &DeviceId) -> Option<Timestamp> {
    let active = lock.active().get(device)?.validity.not_before();
    let of_it = lock.certificates.iter().filter(|c| c.device == *device);
    // A passphrase may have been asked for in between.
    let is_then = |since: &Timestamp| (begin(*since)..=*since).contains(&active);
    of_it.filter_map(Issued::revoked).filter(is_then).max()
}

fn begin(now: Timestamp) -> Timestamp {
    now.checked_sub(CLOCK_ALLOWANCE_HOURS.hours())
        .unwrap_or(now)
}

fn validity(name: &str, from: Timestamp, until: Timestamp) -> Result<Validity, CredentialError> {
    Validity::new(from, until).map_err(|source| CredentialError::Validity {
        name: name.to_owned(),
        from,
        until,
        source,
    })
}
