//! Opens bundles, whoever wrote them: a relative's, another program's, a damaged or a hostile one.
//!
//! What a file asks for is bounded before it is done: key derivations by the iterations of all of them
//! together, everything else by the size of the file. Nothing here is nested without end.

mod error;

use cms::cert::x509::attr::Attributes;
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::content_info::ContentInfo;
use cms::encrypted_data::EncryptedData;
use der::asn1::{ContextSpecific, ObjectIdentifier, OctetString};
use der::{Any, Decode, Encode};
use hmac::{Hmac, KeyInit, Mac};
use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use pkcs12::pfx::Pfx;
use pkcs12::safe_bag::SafeBag;
use pkcs12::{
    CertBag, MacData, PKCS_12_CERT_BAG_OID, PKCS_12_KEY_BAG_OID,
    PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC, PKCS_12_PKCS8_KEY_BAG_OID, PKCS_12_X509_CERT_OID,
};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

pub(crate) use error::OpenError;

use super::definite::definite;
use super::encryption::ITERATIONS;
use super::mac::{SHA1, SHA256};
use super::{BundleProfile, DATA, ENCRYPTED_DATA, LOCAL_KEY_ID};
use crate::pki::password_based::{
    Cipher, DecryptError, Hash, Protection, Scheme, Work, bmp, count, decrypt,
};
use crate::pki::{Certificate, PrivateKey};

/// id-sha384 and id-sha512 (RFC 5754 §2.2).
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// id-PBMAC1 (RFC 9579), which no importer that was tried takes.
const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");

/// Bags in a bundle, at the most.
const MOST_BAGS: usize = 64;

/// A bundle that its password has opened.
#[derive(Debug)]
pub(crate) struct OpenedBundle {
    /// The private keys, in the order of the file.
    pub keys: Vec<BundledKey>,
    /// The certificates, in the order of the file.
    pub certificates: Vec<BundledCertificate>,
    /// How its parts are encrypted, the certificates' first where the file has them first.
    pub encryption: Vec<Protection>,
    /// How it is sealed as a whole; none where it is not.
    pub mac: Option<Protection>,
}

/// A private key in a bundle.
#[derive(Debug)]
pub(crate) struct BundledKey {
    /// The key; none where it is not one of P-256, P-384 or RSA from 2048 to 4096 bits.
    pub key: Option<PrivateKey>,
    pub bag: KeyBag,
    /// The identifier that pairs it with its certificate.
    pub local_key_id: Option<Vec<u8>>,
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
}

/// A bundle that has not been opened yet.
#[derive(Debug)]
pub(crate) struct SealedBundle {
    content: Vec<u8>,
    mac: Option<MacData>,
}

impl SealedBundle {
    /// Reads a file as far as that takes no password.
    ///
    /// # Errors
    /// An [`OpenError`] if it is no bundle.
    pub(crate) fn from_der(file: &[u8]) -> Result<SealedBundle, OpenError> {
        let pfx: Pfx = read(file).ok_or(OpenError::NotABundle)?;
        if pfx.auth_safe.content_type != DATA {
            return Err(OpenError::Unknown(
                "a public key rather than a password".into(),
            ));
        }
        Ok(SealedBundle {
            content: octets(&pfx.auth_safe.content)?,
            mac: pfx.mac_data,
        })
    }

    /// Whether it may be one of those that are written here, as far as that can be seen: then it costs
    /// little to try many passwords.
    pub(crate) fn may_be_own(&self) -> bool {
        let own = i32::from(ITERATIONS);
        self.mac.as_ref().is_some_and(|mac| mac.iterations == own)
    }

    /// Whether this is the password, as far as the MAC tells; none where there is no MAC.
    ///
    /// # Errors
    /// An [`OpenError`] if the MAC is of a kind that is not known, or asks for too much.
    pub(crate) fn takes(&self, password: &str) -> Result<Option<bool>, OpenError> {
        let mut work = Work::default();
        let Some(mac) = &self.mac else {
            return Ok(None);
        };
        verify_mac(mac, &self.content, password, &mut work).map(|(right, _)| Some(right))
    }

    /// Opens it.
    ///
    /// # Errors
    /// An [`OpenError`] if the password is another, or the file damaged, hostile or of a kind that is
    /// not known.
    pub(crate) fn open(&self, password: &str) -> Result<OpenedBundle, OpenError> {
        let mut work = Work::default();
        let mac = match &self.mac {
            None => None,
            Some(mac) => match verify_mac(mac, &self.content, password, &mut work)? {
                (true, protection) => Some(protection),
                (false, _) => return Err(OpenError::WrongPassword),
            },
        };
        let mut opening = Opening {
            password,
            work,
            bundle: OpenedBundle {
                keys: Vec::new(),
                certificates: Vec::new(),
                encryption: Vec::new(),
                mac,
            },
        };
        let safes: Vec<ContentInfo> = read(&self.content).ok_or(OpenError::Damaged)?;
        for safe in &safes {
            opening.safe(safe)?;
        }
        Ok(opening.bundle)
    }
}

struct Opening<'a> {
    password: &'a str,
    work: Work,
    bundle: OpenedBundle,
}

impl Opening<'_> {
    fn safe(&mut self, safe: &ContentInfo) -> Result<(), OpenError> {
        let bags = match safe.content_type {
            DATA => Zeroizing::new(octets(&safe.content)?),
            ENCRYPTED_DATA => {
                let encrypted: EncryptedData = safe.content.decode_as().map_err(damaged)?;
                let info = encrypted.enc_content_info;
                let ciphertext = info.encrypted_content.ok_or(OpenError::Damaged)?;
                self.decrypt(&info.content_enc_alg, ciphertext.as_bytes())?
            }
            _ => {
                return Err(OpenError::Unknown(
                    "a public key rather than a password".into(),
                ));
            }
        };
        let bags: Vec<SafeBag> = read(&bags).ok_or_else(|| self.unreadable())?;
        for bag in &bags {
            self.bag(bag)?;
        }
        Ok(())
    }

    /// What decrypts to something that cannot be read has another password where no MAC has told.
    fn unreadable(&self) -> OpenError {
        match self.bundle.mac {
            Some(_) => OpenError::Damaged,
            None => OpenError::WrongPassword,
        }
    }

    fn bag(&mut self, bag: &SafeBag) -> Result<(), OpenError> {
        if self.bundle.keys.len() + self.bundle.certificates.len() >= MOST_BAGS {
            return Err(OpenError::TooMuchWork);
        }
        let local_key_id = attribute::<OctetString>(bag.bag_attributes.as_ref(), LOCAL_KEY_ID);
        let local_key_id = local_key_id.map(|id| id.as_bytes().to_vec());
        // What is read is the value in its explicit tag.
        let value = ContextSpecific::<Any>::from_der(&bag.bag_value).map_err(damaged)?;
        match bag.bag_id {
            PKCS_12_CERT_BAG_OID => {
                let bag: CertBag = value.value.decode_as().map_err(damaged)?;
                if bag.cert_id != PKCS_12_X509_CERT_OID {
                    return Err(OpenError::Unknown("a certificate not of X.509".into()));
                }
                let certificate = Certificate::from_der(bag.cert_value.as_bytes());
                self.bundle.certificates.push(BundledCertificate {
                    certificate: certificate.map_err(|_| OpenError::Damaged)?,
                    local_key_id,
                });
            }
            PKCS_12_PKCS8_KEY_BAG_OID => {
                let shrouded: EncryptedPrivateKeyInfo = value.value.decode_as().map_err(damaged)?;
                let ciphertext = shrouded.encrypted_data.as_bytes();
                let pkcs8 = self.decrypt(&shrouded.encryption_algorithm, ciphertext)?;
                self.key(&pkcs8, KeyBag::Shrouded, local_key_id);
            }
            PKCS_12_KEY_BAG_OID => {
                let pkcs8 = Zeroizing::new(value.value.to_der().map_err(damaged)?);
                self.key(&pkcs8, KeyBag::Plain, local_key_id);
            }
            // Revocation lists, secrets, more bags: not ours, and no importer of client certificates
            // looks at them.
            _ => {}
        }
        Ok(())
    }

    fn key(&mut self, pkcs8: &[u8], bag: KeyBag, local_key_id: Option<Vec<u8>>) {
        self.bundle.keys.push(BundledKey {
            key: PrivateKey::from_pkcs8_der(pkcs8).ok(),
            bag,
            local_key_id,
        });
    }

    fn decrypt(
        &mut self,
        algorithm: &AlgorithmIdentifierOwned,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if algorithm.oid == PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC {
            return Err(OpenError::Unknown(
                "RC2 of 40 bits, which current importers refuse too".into(),
            ));
        }
        match decrypt(algorithm, ciphertext, self.password, &mut self.work) {
            Ok((plain, protection)) => {
                self.bundle.encryption.push(protection);
                Ok(plain)
            }
            Err(DecryptError::WrongPassword) => Err(self.unreadable()),
            Err(other) => Err(other.into()),
        }
    }
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

/// Whether the MAC is right (RFC 7292 §4, appendix B), and what it is.
fn verify_mac(
    mac: &MacData,
    content: &[u8],
    password: &str,
    work: &mut Work,
) -> Result<(bool, Protection), OpenError> {
    let hash = match mac.mac.algorithm.oid {
        SHA1 => Hash::Sha1,
        SHA256 => Hash::Sha256,
        SHA384 => Hash::Sha384,
        SHA512 => Hash::Sha512,
        PBMAC1 => {
            return Err(OpenError::Unknown(
                "a MAC of the kind PBMAC1, which importers refuse too".into(),
            ));
        }
        other => return Err(OpenError::Unknown(format!("the digest {other}").into())),
    };
    let iterations = count(mac.iterations)?;
    work.add(iterations)?;
    let (password, salt) = (bmp(password), mac.mac_salt.as_bytes());
    let expected = mac.mac.digest.as_bytes();
    let (kind, rounds) = (Pkcs12KeyType::Mac, mac.iterations);
    macro_rules! verified {
        ($hash:ty, $octets:literal) => {{
            let key = Zeroizing::new(derive_key::<$hash>(&password, salt, kind, rounds, $octets));
            let mac = Hmac::<$hash>::new_from_slice(&key).expect("HMAC takes keys of any length");
            mac.chain_update(content).verify_slice(expected).is_ok()
        }};
    }
    let right = match hash {
        Hash::Sha1 => verified!(Sha1, 20),
        Hash::Sha256 => verified!(Sha256, 32),
        Hash::Sha384 => verified!(Sha384, 48),
        Hash::Sha512 => verified!(Sha512, 64),
    };
    let scheme = Scheme::Hmac(hash);
    Ok((right, Protection { scheme, iterations }))
}

/// What is in DER; or in BER, as NSS writes it (RFC 7292 §4 asks for no more).
fn read<T: for<'a> Decode<'a>>(encoded: &[u8]) -> Option<T> {
    if let Ok(read) = T::from_der(encoded) {
        return Some(read);
    }
    // Keys that are not encrypted may be among it.
    let der = Zeroizing::new(definite(encoded)?);
    T::from_der(&der).ok()
}

fn octets(content: &Any) -> Result<Vec<u8>, OpenError> {
    let octets: OctetString = content.decode_as().map_err(damaged)?;
    Ok(octets.into_bytes().into())
}

/// The first value of an attribute.
fn attribute<T>(attributes: Option<&Attributes>, oid: ObjectIdentifier) -> Option<T>
where
    T: for<'a> der::Choice<'a> + for<'a> der::DecodeValue<'a, Error = der::Error>,
{
    let attribute = attributes?.iter().find(|attribute| attribute.oid == oid)?;
    attribute.values.iter().next()?.decode_as().ok()
}

fn damaged(_: der::Error) -> OpenError {
    OpenError::Damaged
}

#[cfg(test)]
mod tests;
