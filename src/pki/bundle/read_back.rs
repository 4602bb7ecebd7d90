//! Opens a finished bundle with another implementation, so that no broken one leaves.

use der::Decode;
use p12_keystore::Pkcs12Archive;
use pkcs12::pfx::Pfx;

use super::{BundleContent, BundleError};

/// Refuses a `bundle` that `password` does not open, or that holds anything but `content`.
pub(super) fn check(
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
mod tests {
    use super::super::BundleProfile;
    use super::*;
    use crate::pki::golden;

    #[test]
    fn a_bundle_opens_with_its_password_only() {
        for profile in [BundleProfile::Compat, BundleProfile::Modern] {
            let bundle = golden::bundle(profile);
            let leaf = golden::leaf();
            assert_eq!(
                check(&bundle, &golden::content(&leaf), golden::PASSWORD),
                Ok(())
            );
            for password in ["", "wrong", &golden::PASSWORD.to_lowercase()] {
                let read = check(&bundle, &golden::content(&leaf), password);
                assert!(
                    matches!(read, Err(BundleError::ReadBack(_))),
                    "{profile} with {password:?}"
                );
            }
        }
    }
}
