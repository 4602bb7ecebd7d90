//! Whether a certificate that others made can stand for an authority of client certificates.
//!
//! Caddy reads it with Go's `crypto/x509`: one that this cannot read keeps the whole Caddyfile from loading, and one that it
//! reads but does not verify with locks out everybody of that authority. So each field is held against what Go 1.19, which
//! Debian's Caddy 2.6 is built with, and Go 1.26 both take. What is asked beyond that is what RFC 5280 says and `der`
//! insists on, so that the rest of the program can read the certificate as well. `tests/authorities/differential.rs` asks two
//! Caddys whether all this is so.

mod dates;
mod extensions;
mod key;
mod names;
mod reading;

use cms::cert::x509;
use cms::cert::x509::ext::pkix::NameConstraints;
use der::Decode;
use jiff::Timestamp;
use thiserror::Error;

use super::{Certificate, IssuerName, IssuerNameError, PrivateKey, Validity, ValidityError};
use reading::{Reader, SEQUENCE, context, context_constructed};

/// The certificate in this DER, and when the authority that it names may be relied on.
///
/// # Errors
/// A [`NotAnAuthority`] if some Caddy could not read it, or would let in nobody whom it has signed, at `now`.
pub fn read_authority(
    der: &[u8],
    now: Timestamp,
) -> Result<(Certificate, Validity), NotAnAuthority> {
    let (from, until) = judge(der)?;
    if !(from..until).contains(&now) {
        return Err(NotAnAuthority::NotNow { from, until });
    }
    let certificate = Certificate::from_der(der);
    let certificate = certificate.map_err(|_| NotAnAuthority::Encoding("certificate"))?;
    Ok((certificate, Validity::new(from, until)?))
}

/// Holds each field against what Go reads, in the order of RFC 5280 §4.1; its first and its last second.
fn judge(der: &[u8]) -> Result<(Timestamp, Timestamp), NotAnAuthority> {
    let malformed = NotAnAuthority::Encoding;
    let mut file = Reader::new(der);
    let mut certificate = file.enter(SEQUENCE).ok_or(malformed("certificate"))?;
    if !file.is_empty() {
        return Err(malformed("certificate"));
    }
    let mut tbs = certificate
        .enter(SEQUENCE)
        .ok_or(malformed("tbsCertificate"))?;
    let outer = certificate.take(SEQUENCE);
    let signature = certificate.bits();
    if outer.is_none() || signature.is_none() || !certificate.is_empty() {
        return Err(malformed("signatureValue"));
    }
    version(&mut tbs)?;
    serial(&mut tbs)?;
    let inner = tbs.take(SEQUENCE);
    // RFC 5280 §4.1.1.2: the same twice.
    if inner != outer || !inner.is_some_and(is_algorithm) {
        return Err(malformed("signatureAlgorithm"));
    }
    names::distinguished("issuer", tbs.take(SEQUENCE).ok_or(malformed("issuer"))?)?;
    let validity = tbs.enter(SEQUENCE).ok_or(malformed("validity"))?;
    let validity = dates::validity(validity)?;
    let subject = tbs.take(SEQUENCE).ok_or(malformed("subject"))?;
    names::distinguished("subject", subject)?;
    let refused = |why| {
        let field = "subject";
        Err(NotAnAuthority::Name { field, why })
    };
    match subject.len() {
        // RFC 5280 §4.1.2.6.
        0 => return refused("is empty"),
        1..=names::LONGEST_SUBJECT => {}
        _ => return refused("is so long that a handshake could not name many like it"),
    }
    key::judge(
        tbs.enter(SEQUENCE)
            .ok_or(malformed("subjectPublicKeyInfo"))?,
    )?;
    for unique in [context(1), context(2)] {
        if tbs.is_at(unique) {
            tbs.next().ok_or(malformed("uniqueIdentifier"))?;
        }
    }
    // RFC 5280 §4.2.1.9: without basic constraints it is no authority's.
    if tbs.is_empty() {
        return Err(NotAnAuthority::NotCa);
    }
    let list = tbs.enter(context_constructed(3));
    let mut list = list.ok_or(malformed("extensions"))?;
    let extensions = list.enter(SEQUENCE).ok_or(malformed("extensions"))?;
    if !list.is_empty() || !tbs.is_empty() {
        return Err(malformed("extensions"));
    }
    extensions::judge(extensions)?;
    Ok(validity)
}

/// The third version, which alone has extensions (RFC 5280 §4.1.2.1): Go would pass them over.
fn version(tbs: &mut Reader) -> Result<(), NotAnAuthority> {
    if !tbs.is_at(context_constructed(0)) {
        return Err(NotAnAuthority::NotCa);
    }
    let malformed = NotAnAuthority::Encoding("version");
    let mut version = tbs.enter(context_constructed(0)).ok_or(malformed.clone())?;
    match (version.integer(), version.is_empty()) {
        (Some([2]), true) => Ok(()),
        (Some([0 | 1]), true) => Err(NotAnAuthority::NotCa),
        _ => Err(malformed),
    }
}

/// RFC 5280 §4.1.2.2: not negative, which Go reads no longer since 1.23, and of 20 octets at most.
fn serial(tbs: &mut Reader) -> Result<(), NotAnAuthority> {
    let serial = tbs.integer();
    let serial = serial.ok_or(NotAnAuthority::Serial("is no integer in DER"))?;
    match serial {
        [first, ..] if first & 0x80 != 0 => Err(NotAnAuthority::Serial("is negative")),
        _ if serial.len() > 20 => Err(NotAnAuthority::Serial("has more than 20 octets")),
        _ => Ok(()),
    }
}

/// An algorithm and at most one thing that belongs to it. Which it is does not matter: nobody verifies what
/// an authority that is trusted says of itself.
fn is_algorithm(content: &[u8]) -> bool {
    let mut algorithm = Reader::new(content);
    algorithm.object().is_some()
        && (algorithm.is_empty() || algorithm.next().is_some() && algorithm.is_empty())
}

/// Whether this key can sign for the authority with this certificate, in a way that others accept.
///
/// # Errors
/// A [`NotAnAuthority`] if it cannot.
pub(crate) fn can_sign_for(
    key: &PrivateKey,
    certificate: &Certificate,
) -> Result<(), NotAnAuthority> {
    if certificate.public_key() != Some(key.public_key()) {
        return Err(NotAnAuthority::AnotherKey);
    }
    IssuerName::of(certificate)?;
    let unreadable = |_| NotAnAuthority::Encoding("certificate");
    let read = x509::Certificate::from_der(certificate.der()).map_err(unreadable)?;
    let constraints = read.tbs_certificate().get_extension::<NameConstraints>();
    match constraints.map_err(unreadable)? {
        Some(_) => Err(NotAnAuthority::Constrained),
        None => Ok(()),
    }
}

/// Why a certificate does not stand for an authority, or a key cannot sign for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAnAuthority {
    #[error("its {0} is not in DER as RFC 5280 has it, so that not every Caddy could read it")]
    Encoding(&'static str),
    #[error("its serialNumber {0}")]
    Serial(&'static str),
    #[error("its {field} {why}")]
    Name {
        field: &'static str,
        why: &'static str,
    },
    #[error("its {field} is not a date from 1970 on in whole seconds of UTC (RFC 5280 §4.1.2.5)")]
    Date { field: &'static str },
    #[error("its key is {0}, and no Caddy verifies what such a key has signed")]
    KeyKind(&'static str),
    #[error("its key is {0}, and no Caddy could read it")]
    KeyForm(&'static str),
    #[error("its key is of RSA with {0} bits, and Caddy takes 1024 to 8192")]
    KeySize(usize),
    #[error(
        "it has a critical extension {0}, which not every Caddy can judge: it would refuse everything that it has signed"
    )]
    Critical(String),
    #[error("its extension {object} {why}: not every Caddy could read it")]
    Extension { object: String, why: &'static str },
    #[error("its name constraints {0}")]
    Constraints(&'static str),
    #[error("among its names (subjectAltName) is {0}: Caddy could not read it")]
    AlternativeName(&'static str),
    #[error("it is not the certificate of an authority (CA:TRUE, keyCertSign)")]
    NotCa,
    #[error("its extended key usage leaves out client authentication")]
    NotForClients,
    #[error("it is valid from {from} to {until}, and that is not now")]
    NotNow { from: Timestamp, until: Timestamp },
    #[error("its dates cannot be taken")]
    Dates(#[from] ValidityError),
    #[error("the key is not the one that it certifies")]
    AnotherKey,
    #[error("it has name constraints, which the certificates of devices might not meet")]
    Constrained,
    #[error(transparent)]
    IssuerName(#[from] IssuerNameError),
}
