//! PKCS#12 bundles (RFC 7292): a private key and its certificate in one file under a password.
//!
//! ```text
//! PFX
//! ├ authSafe, over which the MAC goes
//! │ ├ EncryptedData: CertBag, the certificate
//! │ └ Data: PKCS8ShroudedKeyBag, the private key, encrypted by itself
//! └ macData
//! ```
//!
//! The leaf is alone: its issuer's certificate would make some importers offer to trust that
//! issuer.

mod definite;
mod encryption;
mod mac;
mod nonce;
mod open;
mod profile;
mod read_back;

use cms::cert::x509::attr::{Attribute, AttributeValue, Attributes};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::encrypted_data::EncryptedData;
use cms::enveloped_data::EncryptedContentInfo;
use der::asn1::{BmpString, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Encode};
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use pkcs12::pfx::{Pfx, Version};
use pkcs12::safe_bag::SafeBag;
use pkcs12::{CertBag, PKCS_12_CERT_BAG_OID, PKCS_12_PKCS8_KEY_BAG_OID, PKCS_12_X509_CERT_OID};
use thiserror::Error;

pub(super) use self::encryption::{AES256_CBC, HMAC_WITH_SHA256, PBES2, PBKDF2};
use self::encryption::{Encryption, PartKey};
pub(crate) use self::open::{BundledCertificate, KeyBag, OpenError, OpenedBundle, SealedBundle};
pub(crate) use self::profile::BundleProfile;
use super::password_based::DerivedKeys;
use super::{Certificate, PrivateKey};

/// id-data (RFC 5652 §4).
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
/// id-encryptedData (RFC 5652 §8).
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
/// pkcs-9-at-friendlyName (RFC 2985 §5.5.1).
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
/// pkcs-9-at-localKeyId (RFC 2985 §5.5.2).
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");

/// What the parts that are encrypted are called where their salts are derived.
const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";

/// pkcs-9-ub-friendlyName (RFC 2985 appendix A): 255 characters.
const LONGEST_FRIENDLY_NAME: usize = 255;

#[derive(Debug, Clone, Copy)]
pub(crate) struct BundleContent<'a> {
    pub key: &'a PrivateKey,
    /// The certificate of its public key.
    pub certificate: &'a Certificate,
    /// The name under which importers list the pair.
    pub friendly_name: &'a str,
}

/// The bundle of `content` under `password`, read back before it is returned.
///
/// `nonce_key` is secret. Salts and initialization vectors are derived from it and from what they
/// protect, so that no pair of key and vector ever meets another content, and the same arguments
/// give the same bytes.
///
/// # Errors
/// A [`BundleError`]: the password is not usable everywhere, the friendly name does not fit, the
/// certificate is of another key, or what was written does not read back as what went in.
pub(crate) fn bundle(
    profile: BundleProfile,
    content: &BundleContent<'_>,
    password: &str,
    nonce_key: &[u8; 32],
) -> Result<Vec<u8>, BundleError> {
    let (bundle, keys) = write(profile, content, password, nonce_key)?;
    read_back::check(&bundle, profile, content, keys)?;
    Ok(bundle)
}

/// Reads a bundle with another implementation, which has nothing at hand but the password.
///
/// # Errors
/// [`BundleError::ReadBack`] if it is not what went in.
pub(crate) fn read_with_another(
    bundle: &[u8],
    content: &BundleContent<'_>,
    password: &str,
) -> Result<(), BundleError> {
    read_back::check_with_another(bundle, content, password)
}

/// Writes a bundle; with the keys that it was encrypted with.
fn write<'p>(
    profile: BundleProfile,
    content: &BundleContent<'_>,
    password: &'p str,
    nonce_key: &'p [u8; 32],
) -> Result<(Vec<u8>, DerivedKeys<'p>), BundleError> {
    // An empty password has two encodings (RFC 7292 §B.1), and readers differ on characters beyond
    // ASCII.
    if password.is_empty() || !password.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(BundleError::Password);
    }
    if content.certificate.spki_der()? != content.key.public_key().spki_der() {
        return Err(BundleError::OtherKey);
    }
    let attributes = attributes(content)?;
    let mut encryption = Encryption {
        profile,
        keys: DerivedKeys::of(password),
        nonce_key,
    };
    let certificate = certificate_bags(content.certificate, &attributes)?;
    let key = content.key.to_pkcs8_der();
    let [of_certificate, of_key] =
        encryption.part_keys([(CERTIFICATE, &certificate[..]), (KEY, &key[..])]);
    let safes = vec![
        certificate_safe(&certificate, of_certificate)?,
        key_safe(&key, &attributes, of_key)?,
    ];
    let auth_safe = safes.to_der()?;
    let pfx = Pfx {
        version: Version::V3,
        mac_data: Some(mac::mac_data(&mut encryption, &auth_safe)?),
        auth_safe: data(auth_safe)?,
    };
    Ok((pfx.to_der()?, encryption.keys))
}

/// What key and certificate both carry: Apple's importer pairs them by these and by nothing else.
fn attributes(content: &BundleContent<'_>) -> Result<Attributes, BundleError> {
    let friendly_name = content.friendly_name;
    if !(1..=LONGEST_FRIENDLY_NAME).contains(&friendly_name.chars().count())
        || friendly_name.contains(char::is_control)
    {
        return Err(BundleError::FriendlyName);
    }
    let friendly_name =
        BmpString::from_utf8(friendly_name).map_err(|_| BundleError::FriendlyName)?;
    let local_key_id = OctetString::new(content.key.public_key().key_id())?;
    Ok(SetOfVec::try_from(vec![
        attribute(FRIENDLY_NAME, Any::encode_from(&friendly_name)?)?,
        attribute(LOCAL_KEY_ID, Any::encode_from(&local_key_id)?)?,
    ])?)
}

fn attribute(oid: ObjectIdentifier, value: AttributeValue) -> Result<Attribute, der::Error> {
    Ok(Attribute {
        oid,
        values: SetOfVec::try_from(vec![value])?,
    })
}

/// The certificate in a bag, with the bag's attributes.
fn certificate_bags(
    certificate: &Certificate,
    attributes: &Attributes,
) -> Result<Vec<u8>, der::Error> {
    let bag = SafeBag {
        bag_id: PKCS_12_CERT_BAG_OID,
        bag_value: CertBag {
            cert_id: PKCS_12_X509_CERT_OID,
            cert_value: OctetString::new(certificate.der())?,
        }
        .to_der()?,
        bag_attributes: Some(attributes.clone()),
    };
    vec![bag].to_der()
}

/// Those bags, encrypted.
fn certificate_safe(bags: &[u8], part_key: PartKey) -> Result<ContentInfo, der::Error> {
    let (content_enc_alg, ciphertext) = part_key.encrypt(bags)?;
    let encrypted = EncryptedData {
        // RFC 5652 §8: version 0 without unprotected attributes.
        version: CmsVersion::V0,
        enc_content_info: EncryptedContentInfo {
            content_type: DATA,
            content_enc_alg,
            encrypted_content: Some(OctetString::new(ciphertext)?),
        },
        unprotected_attrs: None,
    };
    Ok(ContentInfo {
        content_type: ENCRYPTED_DATA,
        content: Any::encode_from(&encrypted)?,
    })
}

/// The key, in PKCS#8, in a shrouded bag: importers ignore one that only an outer EncryptedData protects.
fn key_safe(
    key: &[u8],
    attributes: &Attributes,
    part_key: PartKey,
) -> Result<ContentInfo, der::Error> {
    let (encryption_algorithm, ciphertext) = part_key.encrypt(key)?;
    let shrouded = EncryptedPrivateKeyInfo {
        encryption_algorithm,
        encrypted_data: OctetString::new(ciphertext)?,
    };
    let bag = SafeBag {
        bag_id: PKCS_12_PKCS8_KEY_BAG_OID,
        bag_value: shrouded.to_der()?,
        bag_attributes: Some(attributes.clone()),
    };
    data(vec![bag].to_der()?)
}

fn data(bytes: Vec<u8>) -> Result<ContentInfo, der::Error> {
    Ok(ContentInfo {
        content_type: DATA,
        content: Any::encode_from(&OctetString::new(bytes)?)?,
    })
}

/// Why there is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum BundleError {
    /// Some importer would not take the password, or take it for another one.
    #[error("bundle password is not one or more printable ASCII characters")]
    Password,
    /// The name does not fit a BMPString of 1 to 255 characters.
    #[error(
        "friendly name is not 1 to {LONGEST_FRIENDLY_NAME} characters, \
         none a control character, all in the basic multilingual plane"
    )]
    FriendlyName,
    /// Key and certificate do not belong together.
    #[error("certificate is not of the bundle's key")]
    OtherKey,
    /// The encoder refused the content.
    #[error("bundle cannot be encoded")]
    Encoding(#[from] der::Error),
    /// What was written is not what went in: a bug, or a machine that miscalculates.
    #[error("bundle does not read back: {0}")]
    ReadBack(String),
}

#[cfg(test)]
mod tests;
