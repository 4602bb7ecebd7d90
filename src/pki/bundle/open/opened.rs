//! What is in a bundle that its password has opened.

use std::fmt;

use zeroize::Zeroizing;

use crate::pki::bundle::BundleProfile;
use crate::pki::password_based::{Cipher, Hash, Protection, Scheme};
use crate::pki::{Certificate, PrivateKey};

/// A bundle that its password has opened.
#[derive(Debug)]
pub(crate) struct OpenedBundle {
    /// The private keys, in the order of the file.
    pub keys: Vec<BundledKey>,
    /// The certificates, in the order of the file.
    pub certificates: Vec<BundledCertificate>,
    /// How many other bags there are.
    pub others: usize,
    /// How its parts are encrypted, the certificates' first where the file has them first.
    pub encryption: Vec<Protection>,
    /// How it is sealed as a whole; none where it is not.
    pub mac: Option<Protection>,
}

impl OpenedBundle {
    /// The profile that it follows in all its parts; none where importers were not tried with the
    /// like.
    pub(crate) fn profile(&self) -> Option<BundleProfile> {
        let all = |encryption: Scheme, mac: Scheme| {
            !self.encryption.is_empty()
                && self.encryption.iter().all(|part| part.scheme == encryption)
                && self.mac.as_ref().is_some_and(|sealed| sealed.scheme == mac)
                && self.keys.iter().all(|key| key.bag == KeyBag::Shrouded)
        };
        if all(Scheme::TripleDes, Scheme::Hmac(Hash::Sha1)) {
            Some(BundleProfile::Compat)
        } else if all(
            Scheme::Pbes2(Cipher::Aes256, Hash::Sha256, true),
            Scheme::Hmac(Hash::Sha256),
        ) {
            Some(BundleProfile::Modern)
        } else {
            None
        }
    }

    /// How it is protected, for people.
    pub(crate) fn protection(&self) -> String {
        let mut told: Vec<String> = Vec::new();
        for part in &self.encryption {
            let part = part.to_string();
            if !told.contains(&part) {
                told.push(part);
            }
        }
        told.push(match &self.mac {
            Some(mac) => mac.to_string(),
            None => String::from("no MAC"),
        });
        told.join("; ")
    }
}

/// A private key in a bundle.
pub(crate) struct BundledKey {
    pub pkcs8: Zeroizing<Vec<u8>>,
    pub bag: KeyBag,
    /// The identifier that pairs it with its certificate.
    pub local_key_id: Option<Vec<u8>>,
    pub friendly_name: Option<String>,
}

impl BundledKey {
    /// The key; none where it is not one of P-256, P-384 or RSA from 2048 to 4096 bits.
    pub(crate) fn key(&self) -> Option<PrivateKey> {
        PrivateKey::from_pkcs8_der(&self.pkcs8).ok()
    }
}

impl fmt::Debug for BundledKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundledKey").finish_non_exhaustive()
    }
}

/// What a private key lies in (RFC 7292 §4.2.1 and §4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyBag {
    /// It is encrypted by itself.
    Shrouded,
    /// Only what surrounds it protects it: importers pass over such a key.
    Plain,
}

/// A certificate in a bundle.
#[derive(Debug)]
pub(crate) struct BundledCertificate {
    pub certificate: Certificate,
    /// The identifier that pairs it with its key.
    pub local_key_id: Option<Vec<u8>>,
    pub friendly_name: Option<String>,
}
