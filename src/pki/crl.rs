//! Certificate revocation lists (RFC 5280 §5): signed once, and written again from the signature.
//!
//! What is signed is a pure function of a [`CrlProfile`], so whoever knows that and the signature
//! can write the whole list to the last byte, without the key ([`replay_crl`]).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use cms::cert::x509::crl::CertificateList;
use cms::cert::x509::time::Time;
use data_encoding::{BASE64, HEXLOWER};
use der::oid::ObjectIdentifier;
use der::{Decode, Encode};
use jiff::Timestamp;
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, PublicKeyData, RevokedCertParams, SerialNumber,
};
use thiserror::Error;

use super::pem::pem;
use super::signature::Scheme;
use super::validity::offset_date_time;
use super::{Certificate, Fault, IssuerName, KeyKind, PrivateKey, PublicKey, Serial, Validity};

/// What a revocation list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlProfile {
    /// The authority whose certificates it is about.
    pub issuer: IssuerName,
    /// Its number, greater than that of every earlier list of the authority.
    pub number: CrlNumber,
    /// From thisUpdate, when it was issued, to nextUpdate, after which nobody may rely on it.
    pub validity: Validity,
    /// The certificates that are revoked, and since when.
    pub revoked: BTreeMap<Serial, Timestamp>,
}

/// A certificate revocation list in DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    der: Vec<u8>,
}

impl Crl {
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM encoding: 64 columns, lines ended by LF on every platform, the last one too.
    pub fn pem(&self) -> String {
        // RFC 7468 §6.
        pem("X509 CRL", &self.der)
    }
}

/// A list that is signed with the authority's key, and the signature, from which [`replay_crl`]
/// writes the list again.
///
/// # Errors
/// A [`CrlError`] if the name does not fit or the machine miscalculates.
pub(crate) fn sign_crl(
    key: &PrivateKey,
    profile: &CrlProfile,
) -> Result<(Crl, CrlSignature), CrlError> {
    let crl = encode(profile, key).map_err(|error| match error {
        CrlError::Signature => CrlError::Fault(Fault),
        other => other,
    })?;
    let unreadable = |error: der::Error| CrlError::Encoding(error.to_string().into());
    let read: CertificateList = CertificateList::from_der(&crl.der).map_err(unreadable)?;
    let signature = CrlSignature::from_der(&key.public_key(), read.signature.raw_bytes());
    let signature = signature.ok_or_else(|| CrlError::Encoding("no signature".into()))?;
    Ok((crl, signature))
}

/// A list as it was once signed, from the authority's public key and the signature.
///
/// # Errors
/// [`CrlError::Signature`] if `signature` is of anything else than this very list.
pub(crate) fn replay_crl(
    key: &PublicKey,
    profile: &CrlProfile,
    signature: &CrlSignature,
) -> Result<Crl, CrlError> {
    encode(profile, &Recorded { key, signature })
}

/// A "key" that gives the one signature it knows, and only for what it is a signature of.
struct Recorded<'a> {
    key: &'a PublicKey,
    signature: &'a CrlSignature,
}

impl PublicKeyData for Recorded<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.key.algorithm()
    }
}

impl rcgen::SigningKey for Recorded<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.signature.to_der();
        if self.key.verifies(self.key.scheme(), message, &signature) {
            Ok(signature)
        } else {
            Err(rcgen::Error::RemoteKeyError)
        }
    }
}

/// A list of version 2 with the two extensions that RFC 5280 §5.2 asks for, the authority's key
/// identifier and the number; rcgen writes both.
fn encode(profile: &CrlProfile, signer: &impl rcgen::SigningKey) -> Result<Crl, CrlError> {
    let revoked = profile.revoked.iter();
    let params = CertificateRevocationListParams {
        this_update: offset_date_time(profile.validity.not_before()),
        next_update: offset_date_time(profile.validity.not_after()),
        crl_number: SerialNumber::from(profile.number.0.get()),
        issuing_distribution_point: None,
        revoked_certs: revoked
            .map(|(serial, since)| revoked_cert(serial, *since))
            .collect(),
        key_identifier_method: KeyIdMethod::PreSpecified(profile.issuer.key_id().to_vec()),
    };
    let signed = params.signed_by(&profile.issuer.signing(signer));
    let crl = signed.map_err(|error| match error {
        rcgen::Error::RemoteKeyError => CrlError::Signature,
        other => CrlError::Encoding(other.to_string().into()),
    })?;
    Ok(Crl {
        der: crl.der().to_vec(),
    })
}

fn revoked_cert(serial: &Serial, since: Timestamp) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial.as_bytes()),
        revocation_time: offset_date_time(since),
        // RFC 5280 §5.3.1: absent rather than `unspecified`. Whether a device was lost, sold or
        // handed on, nobody has said, and each would be another reason.
        reason_code: None,
        invalidity_date: None,
    }
}

/// What a revocation list says, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadCrl {
    pub number: CrlNumber,
    /// Its thisUpdate.
    pub updated: Timestamp,
    /// The serial numbers on it, in hexadecimal, and since when each is revoked.
    pub revoked: BTreeMap<String, Timestamp>,
}

/// Reads a revocation list in DER that `authority` has signed.
///
/// # Errors
/// [`CrlError::Signature`] if it has not, and [`CrlError::Encoding`] if it is no list.
pub(crate) fn read_crl(der: &[u8], authority: &Certificate) -> Result<ReadCrl, CrlError> {
    let unreadable = |error: der::Error| CrlError::Encoding(error.to_string().into());
    let list: CertificateList = CertificateList::from_der(der).map_err(unreadable)?;
    let signed = list.tbs_cert_list.to_der().map_err(unreadable)?;
    let scheme = Scheme::of(&list.signature_algorithm).map_err(|_| CrlError::Signature)?;
    let key = authority.public_key().ok_or(CrlError::Signature)?;
    if !key.verifies(scheme, &signed, list.signature.raw_bytes()) {
        return Err(CrlError::Signature);
    }
    let extensions = list.tbs_cert_list.crl_extensions.iter().flatten();
    // RFC 5280 §5.2.3: id-ce-cRLNumber.
    let mut numbers = extensions.filter(|extension| extension.extn_id == CRL_NUMBER);
    let number = numbers.next().ok_or_else(no_number)?;
    let number = u64::from_der(number.extn_value.as_bytes()).map_err(unreadable)?;
    let revoked = list.tbs_cert_list.revoked_certificates.iter().flatten();
    let revoked = revoked.map(|revoked| {
        let serial = HEXLOWER.encode(revoked.serial_number.as_bytes());
        Ok((serial, moment(revoked.revocation_date)?))
    });
    Ok(ReadCrl {
        number: NonZeroU64::new(number)
            .map(CrlNumber)
            .ok_or_else(no_number)?,
        updated: moment(list.tbs_cert_list.this_update)?,
        revoked: revoked.collect::<Result<_, CrlError>>()?,
    })
}

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

fn no_number() -> CrlError {
    CrlError::Encoding("it has no number".into())
}

fn moment(time: Time) -> Result<Timestamp, CrlError> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
    let moment = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.ok_or_else(|| CrlError::Encoding("a date is none".into()))
}

/// The lists in a file, each in DER: one as it is, or any number in PEM. Whether they are any good, they say
/// when they are read.
pub(crate) fn crls_in(file: &[u8]) -> Vec<Vec<u8>> {
    // A SEQUENCE begins so, and no text in PEM does.
    if file.first() == Some(&0x30) {
        return vec![file.to_owned()];
    }
    let found = ::pem::parse_many(file).unwrap_or_default();
    let lists = found.into_iter().filter(|found| found.tag() == "X509 CRL");
    lists.map(|found| found.into_contents()).collect()
}

/// The number of a revocation list: positive, and in DER of nine octets at the most, where RFC 5280
/// §5.2.3 allows twenty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrlNumber(NonZeroU64);

impl CrlNumber {
    /// The number of an authority's first list.
    pub const FIRST: CrlNumber = CrlNumber(NonZeroU64::MIN);

    /// The next number; none after the last.
    pub fn next(self) -> Option<CrlNumber> {
        self.0.checked_add(1).map(CrlNumber)
    }
}

impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CrlNumber {
    type Err = CrlNumberFormat;

    fn from_str(digits: &str) -> Result<CrlNumber, CrlNumberFormat> {
        let number = digits.parse().map(CrlNumber).map_err(|_| CrlNumberFormat)?;
        if number.to_string() == digits {
            Ok(number)
        } else {
            Err(CrlNumberFormat)
        }
    }
}

/// A text that is not a number as [`CrlNumber`] writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the number of a revocation list is not a decimal number from 1 to 2^64 - 1")]
pub struct CrlNumberFormat;

/// The signature of a revocation list, written as base64 of its numbers in full length: one form, where DER
/// would have lengths to disagree on. Each kind of key has a length of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlSignature(Numbers);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Numbers {
    /// Two of 32 octets.
    P256(p256::ecdsa::Signature),
    /// Two of 48 octets.
    P384(p384::ecdsa::Signature),
    /// One as long as the modulus.
    Rsa(Vec<u8>),
}

/// Octets of an RSA signature: those of moduli that are signed with here.
const RSA_OCTETS: std::ops::RangeInclusive<usize> = 256..=512;

impl CrlSignature {
    /// What a list that was signed with that key has for a signature.
    fn from_der(key: &PublicKey, der: &[u8]) -> Option<CrlSignature> {
        let numbers = match key.kind() {
            KeyKind::P256 => Numbers::P256(p256::ecdsa::Signature::from_der(der).ok()?),
            KeyKind::P384 => Numbers::P384(p384::ecdsa::Signature::from_der(der).ok()?),
            KeyKind::Rsa => Numbers::Rsa(der.to_vec()),
            KeyKind::Ed25519 => return None,
        };
        Some(CrlSignature(numbers))
    }

    fn to_der(&self) -> Vec<u8> {
        match &self.0 {
            Numbers::P256(signature) => signature.to_der().as_bytes().to_vec(),
            Numbers::P384(signature) => signature.to_der().as_bytes().to_vec(),
            Numbers::Rsa(octets) => octets.clone(),
        }
    }
}

impl fmt::Display for CrlSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match &self.0 {
            Numbers::P256(signature) => BASE64.encode(&signature.to_bytes()),
            Numbers::P384(signature) => BASE64.encode(&signature.to_bytes()),
            Numbers::Rsa(octets) => BASE64.encode(octets),
        })
    }
}

impl FromStr for CrlSignature {
    type Err = CrlSignatureFormat;

    fn from_str(text: &str) -> Result<CrlSignature, CrlSignatureFormat> {
        let bytes = BASE64.decode(text.as_bytes());
        let bytes = bytes.map_err(|_| CrlSignatureFormat)?;
        let numbers = match bytes.len() {
            64 => p256::ecdsa::Signature::from_slice(&bytes).map(Numbers::P256),
            96 => p384::ecdsa::Signature::from_slice(&bytes).map(Numbers::P384),
            octets if RSA_OCTETS.contains(&octets) => Ok(Numbers::Rsa(bytes)),
            _ => return Err(CrlSignatureFormat),
        };
        numbers.map(CrlSignature).map_err(|_| CrlSignatureFormat)
    }
}

/// A text that is not a signature as [`CrlSignature`] writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the signature of a revocation list is not base64 of two numbers below the order of P-256 or P-384, or of one as long as an RSA key"
)]
pub struct CrlSignatureFormat;

/// Why there is no revocation list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CrlError {
    /// The signature that was recorded is not one of this list.
    #[error("the recorded signature is not one of this revocation list")]
    Signature,
    /// A new signature came out wrong.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The encoder refused the fields or wrote something that is no list.
    #[error("revocation list cannot be encoded: {0}")]
    Encoding(Cow<'static, str>),
}

#[cfg(test)]
mod tests;
