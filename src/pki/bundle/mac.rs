//! The MAC over a bundle's content: what tells an importer that the password is right.

use der::Any;
use der::asn1::{Null, ObjectIdentifier, OctetString};
use hmac::{Hmac, KeyInit, Mac};
use pkcs12::{DigestInfo, MacData};
use sha1::Sha1;
use sha2::Sha256;

use super::BundleProfile;
use super::encryption::{Encryption, ITERATIONS, algorithm};
use super::nonce;
use crate::pki::password_based::{Function, Hash, Purpose};

/// id-sha1 (RFC 3279 §2.1).
pub(super) const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
/// id-sha256 (RFC 5754 §2.2).
pub(super) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// The MAC of `auth_safe` under the bundle's password (RFC 7292 §4 and appendix B).
///
/// Android up to 13 refuses a SHA-256 MAC over 3DES bags, so the digest goes with the profile.
pub(super) fn mac_data(
    encryption: &mut Encryption<'_>,
    auth_safe: &[u8],
) -> Result<MacData, der::Error> {
    let (oid, salt, digest) = match encryption.profile {
        BundleProfile::Compat => {
            let salt: [u8; 8] = encryption.nonce("mac", nonce::Purpose::Salt, auth_safe);
            let function = Function::Pkcs12(Hash::Sha1, Purpose::Mac);
            let [key] = encryption.derived(function, &[salt], 20);
            let mac = Hmac::<Sha1>::new_from_slice(&key).expect("HMAC takes keys of any length");
            (
                SHA1,
                salt.to_vec(),
                mac.chain_update(auth_safe).finalize().into_bytes().to_vec(),
            )
        }
        BundleProfile::Modern => {
            let salt: [u8; 16] = encryption.nonce("mac", nonce::Purpose::Salt, auth_safe);
            let function = Function::Pkcs12(Hash::Sha256, Purpose::Mac);
            let [key] = encryption.derived(function, &[salt], 32);
            let mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
            (
                SHA256,
                salt.to_vec(),
                mac.chain_update(auth_safe).finalize().into_bytes().to_vec(),
            )
        }
    };
    Ok(MacData {
        mac: DigestInfo {
            // RFC 8017 §A.2.4 would take it with or without the NULL; OpenSSL writes it.
            algorithm: algorithm(oid, Any::encode_from(&Null)?),
            digest: OctetString::new(digest)?,
        },
        mac_salt: OctetString::new(salt)?,
        iterations: ITERATIONS.into(),
    })
}
