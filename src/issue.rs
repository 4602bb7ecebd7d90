//! Certificates of the homelab, and the list of those that are revoked: issued anew for the lock;
//! certificates are derived again from what it says, too.
//!
//! Both ways are one: a new certificate is derived from an id just drawn, and what the lock records
//! of it must come out again, to the last byte, whenever it is derived later.

use jiff::{Timestamp, ToSpan};
use rayon::prelude::*;

use crate::lock::{Authority, Issued, Lock, NewDevice, SignedCrl, State, authority_common_name};
use crate::model::{DeviceId, Domain, Email, Lifetime};
use crate::pki::{
    AuthorityProfile, Certificate, CrlError, CrlNumber, IssueError, Issuer, LeafProfile,
    PrivateKey, Validity, ValidityError, issue, self_sign, sign_crl,
};
use crate::root::{IssuanceId, RootSecret};

/// How long before its issue a certificate or a revocation list is valid, for an edge whose clock is
/// late: until then it would refuse that one device, or everybody.
const CLOCK_ALLOWANCE_HOURS: i64 = 1;

/// Why a certificate or a revocation list could not be issued, or a certificate not derived again.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[allow(missing_docs)] // Each variant's message says what it is.
pub enum CredentialError {
    #[error("the authority has expired, on {until}")]
    #[diagnostic(
        code("issue::authority-expired"),
        help(
            "nothing can be issued any more; the clock says {now}: if that is wrong, set it right"
        )
    )]
    AuthorityExpired { until: Timestamp, now: Timestamp },

    #[error("the clock says {now}, and the authority is not valid before {from}")]
    #[diagnostic(code("issue::clock"), help("set the clock right"))]
    BeforeAuthority { from: Timestamp, now: Timestamp },

    #[error("`{lifetime}` from {start} goes beyond the year 9999")]
    #[diagnostic(
        code("issue::beyond-time"),
        help("set the clock right, or shorten `validity`")
    )]
    BeyondTime { lifetime: String, start: Timestamp },

    #[error("no certificate can be made for `{name}`")]
    #[diagnostic(code("issue::certificate"))]
    Certificate {
        name: String,
        #[source]
        source: IssueError,
    },

    #[error("`{name}` cannot be valid from {from} to {until}")]
    #[diagnostic(
        code("issue::validity"),
        help("set the clock right, or change `validity`")
    )]
    Validity {
        name: String,
        from: Timestamp,
        until: Timestamp,
        #[source]
        source: ValidityError,
    },

    #[error("no revocation list can be made")]
    #[diagnostic(code("issue::crl"))]
    Crl {
        #[source]
        source: CrlError,
    },

    #[error("no number is left for a revocation list")]
    #[diagnostic(
        code("issue::crl-numbers"),
        help("bring back the last good lock: `git checkout -- homelab.lock`")
    )]
    CrlNumbers,

    #[error("what is derived for `{name}` is not what the lock records")]
    #[diagnostic(
        code("issue::not-as-recorded"),
        help(
            "homelab.lock or homelab.age is not the one that it was made with: bring both back from the same commit, `git checkout -- homelab.lock homelab.age`"
        )
    )]
    NotAsRecorded { name: String },
}

/// The authority with its key, ready to sign.
pub struct Signer {
    key: PrivateKey,
    id: IssuanceId,
    domain: Domain,
    common_name: String,
    validity: Validity,
}

impl Signer {
    /// Derives the authority that the lock records, and holds it against the record.
    pub fn derive(root: &RootSecret, recorded: &Authority) -> Result<Signer, CredentialError> {
        let (signer, certificate) =
            Signer::make(root, recorded.id, &recorded.domain, recorded.validity)?;
        let key = signer.key.public_key().spki_sha256();
        if key != recorded.key || certificate != recorded.certificate {
            return Err(CredentialError::NotAsRecorded {
                name: recorded.common_name(),
            });
        }
        Ok(signer)
    }

    fn make(
        root: &RootSecret,
        id: IssuanceId,
        domain: &Domain,
        validity: Validity,
    ) -> Result<(Signer, Certificate), CredentialError> {
        let signer = Signer {
            key: root.authority_key(&id),
            id,
            domain: domain.clone(),
            common_name: authority_common_name(domain, &id),
            validity,
        };
        let profile = AuthorityProfile {
            common_name: signer.common_name.clone(),
            serial: root.authority_serial(&id),
            validity,
        };
        let certificate = self_sign(&signer.key, &profile);
        let certificate = certificate.map_err(|source| CredentialError::Certificate {
            name: profile.common_name,
            source,
        })?;
        Ok((signer, certificate))
    }

    fn sign(
        &self,
        root: &RootSecret,
        id: &IssuanceId,
        device: &DeviceId,
        email: &Email,
        validity: Validity,
    ) -> Result<Credential, CredentialError> {
        let key = root.device_key(id, device);
        let issuer = Issuer {
            key: &self.key,
            common_name: &self.common_name,
            validity: self.validity,
        };
        let profile = LeafProfile {
            common_name: device.common_name(),
            organization: self.domain.to_string(),
            email: email.to_string(),
            serial: root.device_serial(id, device),
            validity,
        };
        let certificate = issue(&issuer, &key.public_key(), &profile);
        let certificate = certificate.map_err(|source| CredentialError::Certificate {
            name: device.to_string(),
            source,
        })?;
        Ok(Credential { key, certificate })
    }
}

/// A device's key and certificate.
pub struct Credential {
    /// The key.
    pub key: PrivateKey,
    /// The certificate of that key.
    pub certificate: Certificate,
}

impl Credential {
    /// Derives the certificate that the lock records, and holds it against the record.
    pub fn derive(
        root: &RootSecret,
        signer: &Signer,
        recorded: &Issued,
    ) -> Result<Credential, CredentialError> {
        let Issued {
            id,
            device,
            email,
            validity,
            ..
        } = recorded;
        let credential = signer.sign(root, id, device, email, *validity)?;
        let as_recorded = credential.certificate.fingerprint() == recorded.fingerprint
            && root.device_serial(id, device) == recorded.serial
            && signer.id == recorded.authority;
        match as_recorded {
            true => Ok(credential),
            false => Err(CredentialError::NotAsRecorded {
                name: device.to_string(),
            }),
        }
    }
}

/// Makes a new authority.
pub fn new_authority(
    root: &RootSecret,
    id: IssuanceId,
    domain: &Domain,
    lifetime: &Lifetime,
    now: Timestamp,
) -> Result<Authority, CredentialError> {
    let common_name = authority_common_name(domain, &id);
    let until = end(lifetime, now)?;
    let validity = validity(&common_name, begin(now), until)?;
    let (signer, certificate) = Signer::make(root, id, domain, validity)?;
    Ok(Authority {
        id,
        domain: domain.clone(),
        validity,
        key: signer.key.public_key().spki_sha256(),
        certificate,
    })
}

/// Issues certificates to new devices, each under the id that stands beside it, in parallel.
pub fn new_certificates(
    root: &RootSecret,
    authority: &Authority,
    devices: &[(IssuanceId, NewDevice)],
    now: Timestamp,
) -> Result<Vec<Issued>, CredentialError> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let (from, until) = (
        authority.validity.not_before(),
        authority.validity.not_after(),
    );
    if now >= until {
        return Err(CredentialError::AuthorityExpired { until, now });
    }
    if now < from {
        return Err(CredentialError::BeforeAuthority { from, now });
    }
    let signer = Signer::derive(root, authority)?;
    let issue = |(id, new): &(IssuanceId, NewDevice)| {
        let ends = end(&new.validity, now)?.min(until);
        let validity = validity(&new.device.to_string(), begin(now), ends)?;
        let credential = signer.sign(root, id, &new.device, &new.email, validity)?;
        Ok(Issued {
            device: new.device.clone(),
            id: *id,
            authority: authority.id,
            email: new.email.clone(),
            validity,
            serial: root.device_serial(id, &new.device),
            fingerprint: credential.certificate.fingerprint(),
            state: State::Active,
        })
    };
    devices.par_iter().map(issue).collect()
}

/// Signs the list of the retired certificates, under a greater number than any before it.
pub fn new_crl(
    root: &RootSecret,
    authority: &Authority,
    lock: &Lock,
    now: Timestamp,
) -> Result<SignedCrl, CredentialError> {
    // RFC 5280 §5.2.3: the later list has the greater number. That of a list that only another
    // branch knew counts too, for it may have been handed out.
    let number = match lock.crls.iter().map(|crl| crl.number).max() {
        Some(highest) => highest.next().ok_or(CredentialError::CrlNumbers)?,
        None => CrlNumber::FIRST,
    };
    // RFC 5280 §5.1.2.5: by nextUpdate there is another list. Past it a proxy refuses everybody, and
    // nothing here would make one in time, so it is the end of all that the list is about.
    let until = authority.validity.not_after();
    let earlier = lock.crls.iter().map(|crl| crl.updated);
    let earliest = earlier.fold(authority.validity.not_before(), Timestamp::max);
    let updated = begin(now).max(earliest).min(until - 1.second());
    let validity = validity("ca.crl", updated, until)?;
    let signer = Signer::derive(root, authority)?;
    let profile = lock.crl_profile(authority, number, validity);
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
