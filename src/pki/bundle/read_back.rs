//! Reads a finished bundle, so that no broken one leaves.
//!
//! [`check`] goes by the reader of this program, and is done for every bundle: the keys that it was written with are at hand, so that
//! nothing is derived twice. [`check_with_another`] goes by p12-keystore, which derives them again, and is done for some.

use cms::content_info::{CmsVersion, ContentInfo};
use cms::encrypted_data::EncryptedData;
use der::asn1::OctetString;
use der::{Any, Decode, Encode};
use p12_keystore::Pkcs12Archive;
use pkcs12::pfx::Pfx;

use super::encryption::ITERATIONS;
use super::{BundleContent, BundleError, BundleProfile, DATA, ENCRYPTED_DATA, SealedBundle};
use crate::pki::password_based::DerivedKeys;

/// Refuses a `bundle` that holds anything but `content`, or protects it in another way than `profile` says. `keys` are those of
/// its password.
pub(super) fn check(
    bundle: &[u8],
    profile: BundleProfile,
    content: &BundleContent<'_>,
    keys: DerivedKeys<'_>,
) -> Result<(), BundleError> {
    let mistake = |message: &str| Err(BundleError::ReadBack(message.to_owned()));

    // The reader is content with more than is written here.
    let pfx: Pfx = exact(bundle)?;
    let Some(mac) = &pfx.mac_data else {
        return mistake("it has no MAC");
    };
    if mac.mac.algorithm.parameters != Some(Any::null()) || !has_plain_envelopes(&pfx)? {
        return mistake("its parts are wrapped in another way");
    }
    let opened = SealedBundle::from_der(bundle).and_then(|sealed| sealed.open_with(keys));
    let opened = opened.map_err(|error| BundleError::ReadBack(error.to_string()))?;
    let ([key], [certificate], 0) = (&opened.keys[..], &opened.certificates[..], opened.others)
    else {
        return mistake("it does not hold one key and one certificate");
    };
    let mut protections = opened.encryption.iter().chain(&opened.mac);
    let has_iterations = protections.all(|part| part.iterations == u32::from(ITERATIONS));
    if opened.profile() != Some(profile) || opened.encryption.len() != 2 || !has_iterations {
        return mistake("it is protected in another way");
    }
    if *key.pkcs8 != *content.key.to_pkcs8_der() {
        return mistake("its key is another one");
    }
    if certificate.certificate != *content.certificate {
        return mistake("its certificate is another one");
    }
    let key_id = content.key.public_key().key_id();
    for local_key_id in [&key.local_key_id, &certificate.local_key_id] {
        if local_key_id.as_deref() != Some(&key_id[..]) {
            return mistake("its localKeyID is another one");
        }
    }
    for friendly_name in [&key.friendly_name, &certificate.friendly_name] {
        if friendly_name.as_deref() != Some(content.friendly_name) {
            return mistake("its friendlyName is another one");
        }
    }
    Ok(())
}

/// RFC 5652 §8: what is encrypted is plain data, and version 0 has no unprotected attributes.
fn has_plain_envelopes(pfx: &Pfx) -> Result<bool, BundleError> {
    let auth_safe: OctetString = pfx.auth_safe.content.decode_as()?;
    for safe in exact::<Vec<ContentInfo>>(auth_safe.as_bytes())? {
        let content = safe.content.to_der()?;
        if safe.content_type != ENCRYPTED_DATA {
            exact::<OctetString>(&content)?;
            continue;
        }
        let encrypted: EncryptedData = exact(&content)?;
        let (version, unprotected) = (encrypted.version, encrypted.unprotected_attrs);
        let kind = encrypted.enc_content_info.content_type;
        if (version, unprotected, kind) != (CmsVersion::V0, None, DATA) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is in DER and nothing else: written again it is the same.
fn exact<T: for<'a> Decode<'a, Error = der::Error> + Encode>(der: &[u8]) -> Result<T, BundleError> {
    let read = T::from_der(der)?;
    if read.to_der()? == der {
        Ok(read)
    } else {
        Err(BundleError::ReadBack(String::from("it is not in DER")))
    }
}

/// Refuses a `bundle` that `password` does not open for another implementation, or that holds anything but `content` for it.
pub(super) fn check_with_another(
    bundle: &[u8],
    content: &BundleContent<'_>,
    password: &str,
) -> Result<(), BundleError> {
    let mistake = |message: &str| Err(BundleError::ReadBack(message.to_owned()));

    // p12-keystore verifies a MAC that it finds and does not miss one.
    if Pfx::from_der(bundle)?.mac_data.is_none() {
        return mistake("it has no MAC");
    }
    let archive = Pkcs12Archive::from_pkcs12(bundle, password)
        .map_err(|error| BundleError::ReadBack(error.to_string()))?;
    let ([key], [certificate], []) = (&archive.keys[..], &archive.certs[..], &archive.secrets[..])
    else {
        return mistake("it does not hold one key and one certificate");
    };
    if key.key.as_der() != content.key.to_pkcs8_der().as_slice() {
        return mistake("its key is another one");
    }
    if certificate.cert.as_der() != content.certificate.der() {
        return mistake("its certificate is another one");
    }
    let key_id = content.key.public_key().key_id();
    let key_local_id = key.local_key_id.as_ref().map(AsRef::as_ref);
    if key_local_id != Some(&key_id[..]) || certificate.local_key_id.as_deref() != Some(&key_id[..])
    {
        return mistake("its localKeyID is another one");
    }
    for friendly_name in [&key.friendly_name, &certificate.friendly_name] {
        if friendly_name.as_deref() != Some(content.friendly_name) {
            return mistake("its friendlyName is another one");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
