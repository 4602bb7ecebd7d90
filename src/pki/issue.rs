//! The two certificate profiles: an authority that can vouch for clients only, and the leaf of a
//! client.
//!
//! rcgen writes the extensions; it decides their order, so the golden test pins the bytes.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyIdMethod, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use thiserror::Error;

use super::subject::{self, SubjectError};
use super::validity::offset_date_time;
use super::{Certificate, Fault, IssuerName, PrivateKey, PublicKey, Serial, Validity};

/// What an authority's certificate says of it.
#[derive(Debug, Clone)]
pub(crate) struct AuthorityProfile {
    /// The whole of its subject name; unique among the authorities that a client may meet.
    pub common_name: String,
    pub serial: Serial,
    /// When it may be relied on.
    pub validity: Validity,
}

/// What a leaf's certificate says of its subject.
#[derive(Debug, Clone)]
pub(crate) struct LeafProfile {
    /// The name that certificate pickers show.
    pub common_name: String,
    /// What the subject belongs to.
    pub organization: String,
    pub email: String,
    /// Its serial number, unique to its issuer.
    pub serial: Serial,
    /// When it may be relied on.
    pub validity: Validity,
}

/// An authority that signs leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issuer<'a> {
    pub key: &'a PrivateKey,
    /// How its own certificate names it.
    pub name: &'a IssuerName,
    /// The validity of its own certificate.
    pub validity: Validity,
}

/// The authority's certificate, signed with its own key.
///
/// Even in the wrong hands the key vouches for no server: certificates below this one serve for
/// client authentication only, may name no host and no address, and may not sign others.
///
/// # Errors
/// An [`IssueError`] if a name does not fit or the machine miscalculates.
pub(crate) fn self_sign(
    key: &PrivateKey,
    profile: &AuthorityProfile,
) -> Result<Certificate, IssueError> {
    let mut params = params(&key.public_key(), profile.serial, profile.validity);
    params.distinguished_name = subject::authority_name(&profile.common_name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(no_hosts());
    params.custom_extensions = vec![client_authentication_only()];
    signed(params.self_signed(key))
}

/// A leaf certificate for `subject_key`, signed by `issuer`.
///
/// # Errors
/// An [`IssueError`] if a name does not fit, the leaf would outlive its issuer, or the machine
/// miscalculates.
pub(crate) fn issue(
    issuer: &Issuer<'_>,
    subject_key: &PublicKey,
    profile: &LeafProfile,
) -> Result<Certificate, IssueError> {
    let (leaf, authority) = (profile.validity.not_after(), issuer.validity.not_after());
    if leaf > authority {
        return Err(IssueError::OutlivesIssuer { leaf, authority });
    }
    let mut params = params(subject_key, profile.serial, profile.validity);
    params.distinguished_name = subject::leaf_name(&profile.organization, &profile.common_name)?;
    params.subject_alt_names = vec![subject::email(&profile.email)?];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    signed(params.signed_by(subject_key, &issuer.name.signing(issuer.key)))
}

/// What both profiles share. rcgen has defaults of its own for each of these.
fn params(subject_key: &PublicKey, serial: Serial, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params.not_before = offset_date_time(validity.not_before());
    params.not_after = offset_date_time(validity.not_after());
    params.key_identifier_method = key_identifier(subject_key);
    params
}

fn key_identifier(key: &PublicKey) -> KeyIdMethod {
    KeyIdMethod::PreSpecified(key.key_id().to_vec())
}

/// Excludes every DNS name and every address; says nothing of other names, so all of them stay
/// permitted.
fn no_hosts() -> NameConstraints {
    NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: vec![
            // RFC 5280 §4.2.1.10: adding labels to the left of a name satisfies it, and every name
            // is the empty one with labels added.
            GeneralSubtree::DnsName(String::new()),
            // RFC 5280 §4.2.1.10: address and mask as in RFC 4632; a mask of zeros matches every
            // address.
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    }
}

/// An extended key usage of client authentication alone, marked critical, which rcgen's own is not.
fn client_authentication_only() -> CustomExtension {
    // id-ce-extKeyUsage (RFC 5280 §4.2.1.12).
    const EXTENDED_KEY_USAGE: [u64; 4] = [2, 5, 29, 37];
    // SEQUENCE { OBJECT IDENTIFIER id-kp-clientAuth, 1.3.6.1.5.5.7.3.2 }
    const CLIENT_AUTH: [u8; 12] = [
        0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02,
    ];

    let mut extension =
        CustomExtension::from_oid_content(&EXTENDED_KEY_USAGE, CLIENT_AUTH.to_vec());
    extension.set_criticality(true);
    extension
}

fn signed(
    certificate: Result<rcgen::Certificate, rcgen::Error>,
) -> Result<Certificate, IssueError> {
    let certificate = certificate.map_err(|error| match error {
        rcgen::Error::RemoteKeyError => IssueError::Fault(Fault),
        other => IssueError::Encoding(other.to_string()),
    })?;
    Certificate::from_der(certificate.der().as_ref())
        .map_err(|error| IssueError::Encoding(error.to_string()))
}

/// Why a certificate was not signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum IssueError {
    /// A name or the email address does not fit.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// Nobody could rely on the leaf's last days.
    #[error("certificate would end at {leaf}, later than its authority at {authority}")]
    OutlivesIssuer {
        /// When the leaf would end.
        leaf: Timestamp,
        /// When its issuer ends.
        authority: Timestamp,
    },
    /// The signature came out wrong.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The encoder refused the fields or wrote something that is no certificate.
    #[error("certificate cannot be encoded: {0}")]
    Encoding(String),
}

#[cfg(test)]
mod tests;
