//! Whether a certificate that others made can stand for an authority of client certificates.

use cms::cert::x509;
use cms::cert::x509::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints};
use der::Decode;
use der::oid::ObjectIdentifier;
use jiff::Timestamp;
use thiserror::Error;

use super::{Certificate, IssuerName, IssuerNameError, PrivateKey, Validity, ValidityError};

/// id-kp-clientAuth and anyExtendedKeyUsage (RFC 5280 §4.2.1.12).
const FOR_CLIENTS: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
    ObjectIdentifier::new_unwrap("2.5.29.37.0"),
];

/// The extensions that Caddys of all versions can judge when they are critical (RFC 5280 §4.2): key usage,
/// basic constraints, name constraints, certificate policies, both key identifiers, extended key usage,
/// and the subject's other names.
const KNOWN: [ObjectIdentifier; 8] = [
    ObjectIdentifier::new_unwrap("2.5.29.14"),
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.17"),
    ObjectIdentifier::new_unwrap("2.5.29.19"),
    ObjectIdentifier::new_unwrap("2.5.29.30"),
    ObjectIdentifier::new_unwrap("2.5.29.32"),
    ObjectIdentifier::new_unwrap("2.5.29.35"),
    ObjectIdentifier::new_unwrap("2.5.29.37"),
];

/// When an authority with this certificate may be relied on.
///
/// # Errors
/// A [`NotAnAuthority`] if it could not vouch for clients at `now`.
pub fn authority_validity(
    certificate: &Certificate,
    now: Timestamp,
) -> Result<Validity, NotAnAuthority> {
    let unreadable = |_| NotAnAuthority::Unreadable;
    let read = x509::Certificate::from_der(certificate.der()).map_err(unreadable)?;
    let tbs = read.tbs_certificate();
    let basic = tbs
        .get_extension::<BasicConstraints>()
        .map_err(unreadable)?;
    if !basic.is_some_and(|(_, basic)| basic.ca) {
        return Err(NotAnAuthority::NotCa);
    }
    let usage = tbs.get_extension::<KeyUsage>().map_err(unreadable)?;
    if usage.is_some_and(|(_, usage)| !usage.key_cert_sign()) {
        return Err(NotAnAuthority::NotCa);
    }
    let purposes = tbs
        .get_extension::<ExtendedKeyUsage>()
        .map_err(unreadable)?;
    if purposes.is_some_and(|(_, purposes)| !purposes.0.iter().any(|p| FOR_CLIENTS.contains(p))) {
        return Err(NotAnAuthority::NotForClients);
    }
    let extensions = tbs.extensions().into_iter().flatten();
    if let Some(unknown) = extensions
        .into_iter()
        .find(|e| e.critical && !KNOWN.contains(&e.extn_id))
    {
        return Err(NotAnAuthority::Unknown(unknown.extn_id.to_string()));
    }
    let validity = tbs.validity();
    let second = |time: x509::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
        seconds.and_then(|seconds| Timestamp::from_second(seconds).ok())
    };
    let (Some(from), Some(until)) = (second(validity.not_before), second(validity.not_after))
    else {
        return Err(NotAnAuthority::Unreadable);
    };
    if !(from..until).contains(&now) {
        return Err(NotAnAuthority::NotNow { from, until });
    }
    Ok(Validity::new(from, until)?)
}

/// Whether this key can sign for the authority with this certificate, in a way that others accept.
///
/// # Errors
/// A [`NotAnAuthority`] if it cannot.
pub fn can_sign_for(key: &PrivateKey, certificate: &Certificate) -> Result<(), NotAnAuthority> {
    if certificate.public_key() != Some(key.public_key()) {
        return Err(NotAnAuthority::AnotherKey);
    }
    IssuerName::of(certificate)?;
    let unreadable = |_| NotAnAuthority::Unreadable;
    let read = x509::Certificate::from_der(certificate.der()).map_err(unreadable)?;
    let constraints = read.tbs_certificate().get_extension::<NameConstraints>();
    match constraints.map_err(unreadable)? {
        Some(_) => Err(NotAnAuthority::Constrained),
        None => Ok(()),
    }
}

/// Why a certificate does not stand for an authority, or a key cannot sign for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // Each variant's message says what it is.
pub enum NotAnAuthority {
    #[error("its fields cannot be read")]
    Unreadable,
    #[error("it is not the certificate of an authority (CA:TRUE, keyCertSign)")]
    NotCa,
    #[error("its extended key usage leaves out client authentication")]
    NotForClients,
    #[error(
        "it has a critical extension {0}, for which Caddy would refuse everything that it has signed"
    )]
    Unknown(String),
    #[error("it is valid from {from} to {until}, and that is not now")]
    NotNow { from: Timestamp, until: Timestamp },
    #[error("its dates cannot be taken")]
    Dates(#[from] ValidityError),
    #[error("the key is not the one that it certifies")]
    AnotherKey,
    #[error("it has name constraints, which the certificates of devices might not meet")]
    Constrained,
    #[error(transparent)]
    Name(#[from] IssuerNameError),
}
