//! Opens bundles, whoever wrote them: a relative's, another program's, a damaged or a hostile one.
//!
//! What a file asks for is bounded before it is done: key derivations by the iterations of all of them
//! together, everything else by the size of the file. Nothing here is nested without end.

mod error;
mod opened;

use cms::cert::x509::attr::Attributes;
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::content_info::ContentInfo;
use cms::encrypted_data::EncryptedData;
use der::asn1::{BmpString, ContextSpecific, ObjectIdentifier, OctetString};
use der::{Any, Decode, Encode, TagNumber};
use hmac::{Hmac, KeyInit, Mac};
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
pub(crate) use opened::{BundledCertificate, BundledKey, KeyBag, OpenedBundle};

use super::definite::definite;
use super::encryption::ITERATIONS;
use super::mac::{SHA1, SHA256};
use super::{DATA, ENCRYPTED_DATA, FRIENDLY_NAME, LOCAL_KEY_ID};
use crate::pki::Certificate;
use crate::pki::password_based::{
    DecryptError, Derivation, DerivedKeys, Function, Hash, Protection, Purpose, Scheme, Work,
    count, decrypt,
};

/// id-sha384 and id-sha512 (RFC 5754 §2.2).
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// id-PBMAC1 (RFC 9579), which no importer that was tried takes.
const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");

/// Bags in a bundle, at the most.
const MOST_BAGS: usize = 64;

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
        let mut keys = DerivedKeys::of(password);
        verify_mac(mac, &self.content, &mut keys, &mut work).map(|(right, _)| Some(right))
    }

    /// Opens it.
    ///
    /// # Errors
    /// An [`OpenError`] if the password is another, or the file damaged, hostile or of a kind that is
    /// not known.
    pub(crate) fn open(&self, password: &str) -> Result<OpenedBundle, OpenError> {
        self.open_with(DerivedKeys::of(password))
    }

    /// The same, where keys may have been derived from the password already.
    pub(super) fn open_with(&self, mut keys: DerivedKeys<'_>) -> Result<OpenedBundle, OpenError> {
        let mut work = Work::default();
        let mac = match &self.mac {
            None => None,
            Some(mac) => match verify_mac(mac, &self.content, &mut keys, &mut work)? {
                (true, protection) => Some(protection),
                (false, _) => return Err(OpenError::WrongPassword),
            },
        };
        let mut opening = Opening {
            keys,
            work,
            bundle: OpenedBundle {
                keys: Vec::new(),
                certificates: Vec::new(),
                others: 0,
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
    keys: DerivedKeys<'a>,
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
        let OpenedBundle {
            keys,
            certificates,
            others,
            ..
        } = &self.bundle;
        if keys.len() + certificates.len() + others >= MOST_BAGS {
            return Err(OpenError::TooMuchWork);
        }
        let local_key_id = attribute::<OctetString>(bag.bag_attributes.as_ref(), LOCAL_KEY_ID);
        let local_key_id = local_key_id.map(|id| id.as_bytes().to_vec());
        let friendly_name = attribute::<BmpString>(bag.bag_attributes.as_ref(), FRIENDLY_NAME);
        let friendly_name = friendly_name.map(|name| name.to_string());
        // What is read is the value in its explicit tag.
        let value = ContextSpecific::<Any>::from_der(&bag.bag_value).map_err(damaged)?;
        // RFC 7292 §4.2.
        if value.tag_number != TagNumber(0) {
            return Err(OpenError::Damaged);
        }
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
                    friendly_name,
                });
            }
            PKCS_12_PKCS8_KEY_BAG_OID => {
                let shrouded: EncryptedPrivateKeyInfo = value.value.decode_as().map_err(damaged)?;
                let ciphertext = shrouded.encrypted_data.as_bytes();
                let pkcs8 = self.decrypt(&shrouded.encryption_algorithm, ciphertext)?;
                self.bundle.keys.push(BundledKey {
                    pkcs8,
                    bag: KeyBag::Shrouded,
                    local_key_id,
                    friendly_name,
                });
            }
            PKCS_12_KEY_BAG_OID => self.bundle.keys.push(BundledKey {
                pkcs8: Zeroizing::new(value.value.to_der().map_err(damaged)?),
                bag: KeyBag::Plain,
                local_key_id,
                friendly_name,
            }),
            // Revocation lists, secrets, more bags: not ours, and no importer of client certificates
            // looks at them.
            _ => self.bundle.others += 1,
        }
        Ok(())
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
        match decrypt(algorithm, ciphertext, &mut self.keys, &mut self.work) {
            Ok((plain, protection)) => {
                self.bundle.encryption.push(protection);
                Ok(plain)
            }
            Err(DecryptError::WrongPassword) => Err(self.unreadable()),
            Err(other) => Err(other.into()),
        }
    }
}

/// Whether the MAC is right (RFC 7292 §4, appendix B), and what it is.
fn verify_mac(
    mac: &MacData,
    content: &[u8],
    keys: &mut DerivedKeys<'_>,
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
    let key = keys.key(Derivation {
        function: Function::Pkcs12(hash, Purpose::Mac),
        salt: mac.mac_salt.as_bytes().to_vec(),
        iterations,
        octets: hash.octets(),
    });
    let expected = mac.mac.digest.as_bytes();
    macro_rules! is_verified {
        ($hash:ty) => {{
            let mac = Hmac::<$hash>::new_from_slice(&key).expect("HMAC takes keys of any length");
            mac.chain_update(content).verify_slice(expected).is_ok()
        }};
    }
    let right = match hash {
        Hash::Sha1 => is_verified!(Sha1),
        Hash::Sha256 => is_verified!(Sha256),
        Hash::Sha384 => is_verified!(Sha384),
        Hash::Sha512 => is_verified!(Sha512),
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
