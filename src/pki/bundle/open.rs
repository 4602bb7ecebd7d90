//! Opens bundles, whoever wrote them: a relative's, another program's, a damaged or a hostile one.
//!
//! What a file asks for is bounded before it is done: key derivations by the iterations of all of them
//! together, everything else by the size of the file. Nothing here is nested without end.

use std::fmt;

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use cms::cert::x509::attr::Attributes;
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::content_info::ContentInfo;
use cms::encrypted_data::EncryptedData;
use der::asn1::{BmpString, ContextSpecific, ObjectIdentifier, OctetString};
use der::{Any, Decode, Encode, Sequence};
use des::TdesEde3;
use hmac::{Hmac, Mac};
use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use pkcs12::pbe_params::{EncryptedPrivateKeyInfo, Pbes2Params, Pkcs12PbeParams};
use pkcs12::pfx::Pfx;
use pkcs12::safe_bag::SafeBag;
use pkcs12::{
    CertBag, MacData, PKCS_12_CERT_BAG_OID, PKCS_12_KEY_BAG_OID,
    PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC, PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC,
    PKCS_12_PKCS8_KEY_BAG_OID, PKCS_12_X509_CERT_OID,
};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use thiserror::Error;
use zeroize::Zeroizing;

use super::definite::definite;
use super::encryption::{AES256_CBC, HMAC_WITH_SHA256, ITERATIONS, PBES2, PBKDF2};
use super::mac::{SHA1, SHA256};
use super::{BundleProfile, DATA, ENCRYPTED_DATA, FRIENDLY_NAME, LOCAL_KEY_ID};
use crate::pki::{Certificate, PrivateKey};

/// id-sha384 and id-sha512 (RFC 5754 §2.2).
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// hmacWithSHA1, hmacWithSHA384, hmacWithSHA512 (RFC 8018 §B.1).
const HMAC_WITH_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");
/// aes128-CBC-PAD, aes192-CBC-PAD, des-EDE3-CBC-Pad (RFC 8018 §B.2).
const AES128_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
const AES192_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22");
const DES_EDE3_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.3.7");
/// id-PBMAC1 (RFC 9579), which no importer that was tried takes.
const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");

/// Iterations of all of a bundle's key derivations together, at the most: some seconds. Those that are
/// known ask for two thousand to a million each.
const MOST_ITERATIONS: u64 = 8_000_000;

/// Bags in a bundle, at the most.
const MOST_BAGS: usize = 64;

/// A bundle that its password has opened.
#[derive(Debug)]
pub struct OpenedBundle {
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
pub struct BundledKey {
    /// The key; none where it is not one of P-256, P-384 or RSA from 2048 to 4096 bits.
    pub key: Option<PrivateKey>,
    /// Whether it is encrypted by itself: importers pass over one that only its surroundings protect.
    pub shrouded: bool,
    /// The identifier that pairs it with its certificate.
    pub local_key_id: Option<Vec<u8>>,
    /// The name that importers list it under.
    pub friendly_name: Option<String>,
}

/// A certificate in a bundle.
#[derive(Debug)]
pub struct BundledCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// The identifier that pairs it with its key.
    pub local_key_id: Option<Vec<u8>>,
    /// The name that importers list it under.
    pub friendly_name: Option<String>,
}

/// A scheme with the iterations that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    scheme: Scheme,
    iterations: u32,
}

/// How something is encrypted or sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Hmac(Hash),
    /// RFC 7292 appendix C.
    TripleDes,
    /// RFC 8018 §6.2; whether the PRF has the parameter NULL, as RFC 8018 §B.1 asks.
    Pbes2(Cipher, Hash, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
}

/// RFC 8018 §A.2, with the PRF left out where it is the default.
#[derive(Sequence)]
struct Pbkdf2Params {
    salt: OctetString,
    iteration_count: u32,
    key_length: Option<u16>,
    prf: Option<AlgorithmIdentifierOwned>,
}

/// A bundle that has not been opened yet.
#[derive(Debug)]
pub struct SealedBundle {
    content: Vec<u8>,
    mac: Option<MacData>,
}

impl SealedBundle {
    /// Reads a file as far as that takes no password.
    ///
    /// # Errors
    /// An [`OpenError`] if it is no bundle.
    pub fn from_der(file: &[u8]) -> Result<SealedBundle, OpenError> {
        let pfx: Pfx = read(file).ok_or(OpenError::NotABundle)?;
        if pfx.auth_safe.content_type != DATA {
            return Err(OpenError::Unknown(String::from(
                "a public key rather than a password",
            )));
        }
        Ok(SealedBundle {
            content: octets(&pfx.auth_safe.content)?,
            mac: pfx.mac_data,
        })
    }

    /// Whether it may be one of those that are written here, as far as that can be seen: then it costs
    /// little to try many passwords.
    pub fn may_be_own(&self) -> bool {
        let own = i32::from(ITERATIONS);
        self.mac.as_ref().is_some_and(|mac| mac.iterations == own)
    }

    /// Whether this is the password, as far as the MAC tells; none where there is no MAC.
    ///
    /// # Errors
    /// An [`OpenError`] if the MAC is of a kind that is not known, or asks for too much.
    pub fn takes(&self, password: &str) -> Result<Option<bool>, OpenError> {
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
    pub fn open(&self, password: &str) -> Result<OpenedBundle, OpenError> {
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

/// The iterations that were done already.
#[derive(Default)]
struct Work(u64);

impl Work {
    /// Counts a key derivation before it is done.
    fn add(&mut self, iterations: u32) -> Result<(), OpenError> {
        self.0 += u64::from(iterations);
        match iterations {
            0 => Err(OpenError::Damaged),
            _ if self.0 > MOST_ITERATIONS => Err(OpenError::TooMuchWork),
            _ => Ok(()),
        }
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
                return Err(OpenError::Unknown(String::from(
                    "a public key rather than a password",
                )));
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
        let friendly_name = attribute::<BmpString>(bag.bag_attributes.as_ref(), FRIENDLY_NAME);
        let friendly_name = friendly_name.map(|name| name.to_string());
        // What is read is the value in its explicit tag.
        let value = ContextSpecific::<Any>::from_der(&bag.bag_value).map_err(damaged)?;
        match bag.bag_id {
            PKCS_12_CERT_BAG_OID => {
                let bag: CertBag = value.value.decode_as().map_err(damaged)?;
                if bag.cert_id != PKCS_12_X509_CERT_OID {
                    return Err(OpenError::Unknown(String::from(
                        "a certificate not of X.509",
                    )));
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
                self.key(&pkcs8, true, local_key_id, friendly_name);
            }
            PKCS_12_KEY_BAG_OID => {
                let pkcs8 = Zeroizing::new(value.value.to_der().map_err(damaged)?);
                self.key(&pkcs8, false, local_key_id, friendly_name);
            }
            // Revocation lists, secrets, more bags: not ours, and no importer of client certificates
            // looks at them.
            _ => {}
        }
        Ok(())
    }

    fn key(
        &mut self,
        pkcs8: &[u8],
        shrouded: bool,
        local_key_id: Option<Vec<u8>>,
        friendly_name: Option<String>,
    ) {
        self.bundle.keys.push(BundledKey {
            key: PrivateKey::from_pkcs8_der(pkcs8).ok(),
            shrouded,
            local_key_id,
            friendly_name,
        });
    }

    fn decrypt(
        &mut self,
        algorithm: &AlgorithmIdentifierOwned,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let parameters = algorithm.parameters.as_ref().ok_or(OpenError::Damaged)?;
        match algorithm.oid {
            PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC => self.triple_des(parameters, ciphertext),
            PBES2 => self.pbes2(parameters, ciphertext),
            PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC => Err(OpenError::Unknown(String::from(
                "RC2 of 40 bits, which current importers refuse too",
            ))),
            other => Err(OpenError::Unknown(format!("the algorithm {other}"))),
        }
    }

    /// RFC 7292 appendix C.
    fn triple_des(
        &mut self,
        parameters: &Any,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let parameters: Pkcs12PbeParams = parameters.decode_as().map_err(damaged)?;
        let iterations = count(parameters.iterations)?;
        // Three of SHA-1's outputs: two for the key, one for the vector.
        self.work.add(iterations)?;
        self.work.add(iterations)?;
        self.work.add(iterations)?;
        self.bundle.encryption.push(Protection {
            scheme: Scheme::TripleDes,
            iterations,
        });
        let password = bmp(self.password);
        let salt = parameters.salt.as_bytes();
        let derive = |kind, octets| {
            let derived = derive_key::<Sha1>(&password, salt, kind, parameters.iterations, octets);
            Zeroizing::new(derived)
        };
        let key = derive(Pkcs12KeyType::EncryptionKey, 24);
        let vector = derive(Pkcs12KeyType::Iv, 8);
        cbc::<TdesEde3>(&key, &vector, ciphertext).ok_or_else(|| self.unreadable())
    }

    /// RFC 8018 §6.2.
    fn pbes2(
        &mut self,
        parameters: &Any,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let Pbes2Params { kdf, encryption } = parameters.decode_as().map_err(damaged)?;
        if kdf.oid != PBKDF2 {
            return Err(OpenError::Unknown(format!(
                "the key derivation {}",
                kdf.oid
            )));
        }
        let kdf: Pbkdf2Params = parameter(&kdf)?;
        let (hash, has_null) = match &kdf.prf {
            None => (Hash::Sha1, true),
            Some(prf) => {
                let hash = match prf.oid {
                    HMAC_WITH_SHA1 => Hash::Sha1,
                    HMAC_WITH_SHA256 => Hash::Sha256,
                    HMAC_WITH_SHA384 => Hash::Sha384,
                    HMAC_WITH_SHA512 => Hash::Sha512,
                    other => return Err(OpenError::Unknown(format!("the function {other}"))),
                };
                (hash, prf.parameters.as_ref().is_some_and(Any::is_null))
            }
        };
        let cipher = match encryption.oid {
            AES128_CBC => Cipher::Aes128,
            AES192_CBC => Cipher::Aes192,
            AES256_CBC => Cipher::Aes256,
            DES_EDE3_CBC => Cipher::TripleDes,
            other => return Err(OpenError::Unknown(format!("the cipher {other}"))),
        };
        if kdf
            .key_length
            .is_some_and(|length| usize::from(length) != cipher.key_octets())
        {
            return Err(OpenError::Damaged);
        }
        let iterations = kdf.iteration_count;
        self.work.add(iterations)?;
        self.work.add(iterations)?;
        self.bundle.encryption.push(Protection {
            scheme: Scheme::Pbes2(cipher, hash, has_null),
            iterations,
        });
        let mut key = Zeroizing::new(vec![0; cipher.key_octets()]);
        let (password, salt) = (self.password.as_bytes(), kdf.salt.as_bytes());
        match hash {
            Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut key),
            Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut key),
            Hash::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, iterations, &mut key),
            Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut key),
        }
        let vector: OctetString = parameter(&encryption)?;
        let vector = vector.as_bytes();
        let opened = match cipher {
            Cipher::Aes128 => cbc::<Aes128>(&key, vector, ciphertext),
            Cipher::Aes192 => cbc::<Aes192>(&key, vector, ciphertext),
            Cipher::Aes256 => cbc::<Aes256>(&key, vector, ciphertext),
            Cipher::TripleDes => cbc::<TdesEde3>(&key, vector, ciphertext),
        };
        opened.ok_or_else(|| self.unreadable())
    }
}

impl OpenedBundle {
    /// The profile that it follows in all its parts; none where importers were not tried with the
    /// like.
    pub fn profile(&self) -> Option<BundleProfile> {
        let all = |encryption: Scheme, mac: Scheme| {
            !self.encryption.is_empty()
                && self.encryption.iter().all(|part| part.scheme == encryption)
                && self.mac.as_ref().is_some_and(|sealed| sealed.scheme == mac)
                && self.keys.iter().all(|key| key.shrouded)
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
    pub fn protection(&self) -> String {
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

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Hmac(hash) => write!(f, "MAC HMAC-{hash}")?,
            Scheme::TripleDes => f.write_str("3DES, SHA-1")?,
            Scheme::Pbes2(cipher, hash, has_null) => {
                write!(f, "{cipher}, PBKDF2-HMAC-{hash}")?;
                if !has_null {
                    f.write_str(" without NULL")?;
                }
            }
        }
        write!(f, ", {} iterations", self.iterations)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hash::Sha1 => "SHA-1",
            Hash::Sha256 => "SHA-256",
            Hash::Sha384 => "SHA-384",
            Hash::Sha512 => "SHA-512",
        })
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cipher::Aes128 => "AES-128",
            Cipher::Aes192 => "AES-192",
            Cipher::Aes256 => "AES-256",
            Cipher::TripleDes => "3DES",
        })
    }
}

impl Cipher {
    fn key_octets(self) -> usize {
        match self {
            Cipher::Aes128 => 16,
            Cipher::Aes192 | Cipher::TripleDes => 24,
            Cipher::Aes256 => 32,
        }
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
            return Err(OpenError::Unknown(String::from(
                "a MAC of the kind PBMAC1, which importers refuse too",
            )));
        }
        other => return Err(OpenError::Unknown(format!("the digest {other}"))),
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

/// RFC 7292 §B.1: a BMPString with two zero octets at the end.
fn bmp(password: &str) -> Zeroizing<Vec<u8>> {
    let mut bmp = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
    for unit in password.encode_utf16().chain([0]) {
        bmp.extend(unit.to_be_bytes());
    }
    bmp
}

fn cbc<C>(key: &[u8], vector: &[u8], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    C: BlockCipherDecrypt + KeyInit,
{
    let cipher = Decryptor::<C>::new_from_slices(key, vector).ok()?;
    let opened = cipher.decrypt_padded_vec::<Pkcs7>(ciphertext);
    opened.ok().map(Zeroizing::new)
}

/// The iterations of RFC 7292's own derivations, which are written as a signed number.
fn count(iterations: i32) -> Result<u32, OpenError> {
    u32::try_from(iterations).map_err(|_| OpenError::Damaged)
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

fn parameter<T>(algorithm: &AlgorithmIdentifierOwned) -> Result<T, OpenError>
where
    T: for<'a> der::Choice<'a> + for<'a> der::DecodeValue<'a, Error = der::Error>,
{
    let parameters = algorithm.parameters.as_ref().ok_or(OpenError::Damaged)?;
    parameters.decode_as().map_err(damaged)
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

/// Why a bundle does not open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The file is something else.
    #[error("it is not a PKCS#12 file, or it is cut short")]
    NotABundle,
    /// It is one, but some part of it cannot be read.
    #[error("it is damaged")]
    Damaged,
    /// It has another password.
    #[error("the password is wrong, or the file is damaged")]
    WrongPassword,
    /// It is protected in a way that is not known.
    #[error("it is protected with {0}, which is not known here")]
    Unknown(String),
    /// It would keep the machine busy for long.
    #[error("it asks for more work than any honest file does")]
    TooMuchWork,
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::pki::golden;

    const PROFILES: [BundleProfile; 2] = [BundleProfile::Compat, BundleProfile::Modern];

    fn opened(file: &[u8]) -> Result<OpenedBundle, OpenError> {
        SealedBundle::from_der(file)?.open(golden::PASSWORD)
    }

    #[test]
    fn what_is_written_here_opens_and_has_its_profile() {
        for profile in PROFILES {
            let opened = opened(&golden::bundle(profile)).unwrap();
            assert_eq!(opened.profile(), Some(profile));
            let ([key], [certificate]) = (&opened.keys[..], &opened.certificates[..]) else {
                panic!("{opened:?}");
            };
            assert_eq!(certificate.certificate, golden::leaf());
            let public = key.key.as_ref().map(PrivateKey::public_key);
            assert_eq!(public, certificate.certificate.public_key());
            assert_eq!(key.local_key_id, certificate.local_key_id);
            assert_eq!(key.friendly_name.as_deref(), Some("alice-pixel"));
            assert!(key.shrouded);
            let sealed = SealedBundle::from_der(&golden::bundle(profile)).unwrap();
            assert_eq!(sealed.takes(golden::PASSWORD), Ok(Some(true)));
            for wrong in ["", "wrong", "\u{1f511}"] {
                assert_eq!(sealed.takes(wrong), Ok(Some(false)));
                assert_eq!(sealed.open(wrong).unwrap_err(), OpenError::WrongPassword);
            }
        }
    }

    #[test]
    fn no_truncation_and_no_flipped_bit_opens_to_something_else() {
        let begin = Instant::now();
        for profile in PROFILES {
            let whole = golden::bundle(profile);
            for length in 0..whole.len() {
                assert!(
                    opened(&whole[..length]).is_err(),
                    "{profile} cut at {length}"
                );
            }
            assert!(opened(&[&whole[..], &[0]].concat()).is_err());
            // Each octet, and of it another bit than of its neighbours.
            for bit in (0..8 * whole.len()).step_by(9) {
                let mut changed = whole.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                // Parameters that nobody reads may change; what it holds may not.
                if let Ok(opened) = opened(&changed) {
                    assert_eq!(opened.certificates[0].certificate, golden::leaf(), "{bit}");
                    assert_eq!(opened.profile(), Some(profile), "{bit}");
                }
            }
        }
        assert!(
            begin.elapsed() < Duration::from_secs(200),
            "{:?}",
            begin.elapsed()
        );
    }

    #[test]
    fn work_is_refused_before_it_is_done() {
        let begin = Instant::now();
        let whole = golden::bundle(BundleProfile::Modern);
        for (iterations, expected) in [
            (i32::MAX, OpenError::TooMuchWork),
            (0, OpenError::Damaged),
            (-1, OpenError::Damaged),
        ] {
            let mut pfx = Pfx::from_der(&whole).unwrap();
            pfx.mac_data.as_mut().unwrap().iterations = iterations;
            assert_eq!(opened(&pfx.to_der().unwrap()).unwrap_err(), expected);
        }
        let mut opening = Opening {
            password: "x",
            work: Work::default(),
            bundle: OpenedBundle {
                keys: Vec::new(),
                certificates: Vec::new(),
                encryption: Vec::new(),
                mac: None,
            },
        };
        let salt = || OctetString::new([1; 8]).unwrap();
        for (iterations, expected) in [(i32::MAX, OpenError::TooMuchWork), (-5, OpenError::Damaged)]
        {
            let parameters = Pkcs12PbeParams {
                salt: salt(),
                iterations,
            };
            let parameters = Any::encode_from(&parameters).unwrap();
            let decrypted = opening.triple_des(&parameters, &[0; 8]);
            assert_eq!(decrypted.unwrap_err(), expected);
        }
        // A little often is much, too.
        opening.work = Work(MOST_ITERATIONS - 8_000);
        let parameters = Pkcs12PbeParams {
            salt: salt(),
            iterations: 2_000,
        };
        let parameters = Any::encode_from(&parameters).unwrap();
        let mut decrypt = || opening.triple_des(&parameters, &[0; 8]).unwrap_err();
        assert_eq!(decrypt(), OpenError::WrongPassword);
        assert_eq!(decrypt(), OpenError::TooMuchWork);
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{:?}",
            begin.elapsed()
        );
    }

    #[test]
    fn a_bundle_without_a_mac_is_told() {
        let mut pfx = Pfx::from_der(&golden::bundle(BundleProfile::Compat)).unwrap();
        pfx.mac_data = None;
        let file = pfx.to_der().unwrap();
        let opened = opened(&file).unwrap();
        assert!(opened.mac.is_none() && opened.profile().is_none());
        let sealed = SealedBundle::from_der(&file).unwrap();
        assert_eq!(sealed.takes(golden::PASSWORD), Ok(None));
        assert!(!sealed.may_be_own());
        assert_eq!(sealed.open("wrong").unwrap_err(), OpenError::WrongPassword);
    }
}
