//! Password-based encryption, whoever did it: RFC 8018's of keys, and what RFC 7292 adds for bundles.
//!
//! What a file asks for is bounded before it is done: the iterations of all its key derivations together,
//! and the memory of scrypt.

use std::fmt;

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use der::asn1::{ObjectIdentifier, OctetString};
use der::{Any, Sequence};
use des::{Des, TdesEde2, TdesEde3};
use md5::Md5;
use pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC;
use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use pkcs12::pbe_params::{Pbes2Params, Pkcs12PbeParams};
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::bundle::{AES256_CBC, HMAC_WITH_SHA256, PBES2, PBKDF2};

/// hmacWithSHA1, hmacWithSHA384, hmacWithSHA512 (RFC 8018 §B.1).
const HMAC_WITH_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");
/// aes128-CBC-PAD, aes192-CBC-PAD, des-EDE3-CBC-Pad (RFC 8018 §B.2).
const AES128_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
const AES192_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22");
const DES_EDE3_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.3.7");
/// id-scrypt (RFC 7914 §7).
const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");
/// pbeWithMD5AndDES-CBC, pbeWithSHA1AndDES-CBC (RFC 8018 §A.3).
const MD5_AND_DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.3");
const SHA1_AND_DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.10");
/// pbeWithSHAAnd2-KeyTripleDES-CBC (RFC 7292 appendix C).
const SHA1_AND_TWO_KEYS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.4");

/// Schemes and ciphers that are known by name alone, with the first of OpenSSL's versions that reads them
/// only when asked to ([`Readers`]).
const NAMED: &[(&str, &str, Readers)] = &[
    (
        "1.2.840.113549.1.5.1",
        "pbeWithMD2AndDES-CBC",
        Readers::OpensslLegacy,
    ),
    (
        "1.2.840.113549.1.5.4",
        "pbeWithMD2AndRC2-CBC",
        Readers::OpensslLegacy,
    ),
    (
        "1.2.840.113549.1.5.6",
        "pbeWithMD5AndRC2-CBC",
        Readers::OpensslLegacy,
    ),
    (
        "1.2.840.113549.1.5.11",
        "pbeWithSHA1AndRC2-CBC",
        Readers::OpensslLegacy,
    ),
    (
        "1.2.840.113549.1.12.1.1",
        "pbeWithSHA1And128BitRC4",
        Readers::OpensslLegacy,
    ),
    (
        "1.2.840.113549.1.12.1.2",
        "pbeWithSHA1And40BitRC4",
        Readers::OpensslLegacy,
    ),
    (
        "1.2.840.113549.1.12.1.5",
        "pbeWithSHA1And128BitRC2-CBC",
        Readers::OpensslLegacy,
    ),
    (
        "1.2.840.113549.1.12.1.6",
        "pbeWithSHA1And40BitRC2-CBC",
        Readers::OpensslLegacy,
    ),
    ("1.2.840.113549.3.2", "RC2-CBC", Readers::OpensslLegacy),
    ("1.3.14.3.2.7", "DES-CBC", Readers::OpensslLegacy),
    ("1.2.410.200004.1.4", "SEED-CBC", Readers::OpensslLegacy),
    (
        "1.2.392.200011.61.1.1.1.2",
        "CAMELLIA-128-CBC",
        Readers::Openssl,
    ),
    (
        "1.2.392.200011.61.1.1.1.3",
        "CAMELLIA-192-CBC",
        Readers::Openssl,
    ),
    (
        "1.2.392.200011.61.1.1.1.4",
        "CAMELLIA-256-CBC",
        Readers::Openssl,
    ),
    ("1.2.410.200046.1.1.2", "ARIA-128-CBC", Readers::Openssl),
    ("1.2.410.200046.1.1.7", "ARIA-192-CBC", Readers::Openssl),
    ("1.2.410.200046.1.1.12", "ARIA-256-CBC", Readers::Openssl),
];

/// Iterations of all of a file's key derivations together, at the most: some seconds. Those that are
/// known ask for two thousand to a million each.
pub(super) const MOST_ITERATIONS: u64 = 8_000_000;

/// Bytes that scrypt may fill at once: sixteen times what OpenSSL asks for.
const MOST_MEMORY: u64 = 256 << 20;

/// Bytes that scrypt may mix in all, each of them twice: some seconds.
const MOST_MIXED: u64 = 1 << 30;

/// Octets of a key or a vector, at the most, that are derived by RFC 7292 §B.2 in blocks of SHA-1.
const SHA1_OCTETS: usize = 20;

/// A scheme with the iterations that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    pub(super) scheme: Scheme,
    pub(super) iterations: u32,
}

/// How something is encrypted or sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Hmac(Hash),
    /// RFC 7292 appendix C.
    TripleDes,
    /// The same with two keys of DES rather than three.
    TwoKeyTripleDes,
    /// RFC 8018 §6.1, with the octets of DES.
    Pbes1(OldHash),
    /// RFC 8018 §6.2; whether the PRF has the parameter NULL, as RFC 8018 §B.1 asks.
    Pbes2(Cipher, Hash, bool),
    /// RFC 8018 §6.2 with the key derivation of RFC 7914.
    Scrypt(Cipher),
}

/// What PBES1 hashes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OldHash {
    Md5,
    Sha1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
}

/// Who else reads what is not read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// OpenSSL, as it is.
    Openssl,
    /// OpenSSL, which since version 3 wants its legacy provider for it.
    OpensslLegacy,
    /// Nobody that was tried.
    Unknown,
}

/// A scheme or cipher that is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCipher {
    /// As OpenSSL calls it, or its object identifier.
    pub name: String,
    /// Who reads it.
    pub readers: Readers,
}

impl UnknownCipher {
    /// The one of that name, of which no more is known.
    pub(super) fn named(name: &str) -> UnknownCipher {
        let known = NAMED.iter().find(|(_, known, _)| *known == name);
        UnknownCipher {
            name: name.to_owned(),
            readers: known.map_or(Readers::Openssl, |(.., readers)| *readers),
        }
    }

    fn identified(oid: ObjectIdentifier) -> UnknownCipher {
        let oid = oid.to_string();
        match NAMED.iter().find(|(known, ..)| *known == oid) {
            Some((_, name, readers)) => UnknownCipher {
                name: (*name).to_owned(),
                readers: *readers,
            },
            None => UnknownCipher {
                name: format!("the algorithm {oid}"),
                readers: Readers::Unknown,
            },
        }
    }
}

/// Why something is not decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DecryptError {
    /// What says how it is encrypted cannot be read.
    Damaged,
    /// Another password, as far as padding tells.
    WrongPassword,
    /// A scheme or cipher that is not known.
    Unknown(UnknownCipher),
    /// It would keep the machine busy for long, or take its memory.
    TooMuchWork,
}

/// The iterations that were done already.
#[derive(Default)]
pub(super) struct Work(pub(super) u64);

impl Work {
    /// Counts a key derivation before it is done.
    pub(super) fn add(&mut self, iterations: u32) -> Result<(), DecryptError> {
        self.0 += u64::from(iterations);
        match iterations {
            0 => Err(DecryptError::Damaged),
            _ if self.0 > MOST_ITERATIONS => Err(DecryptError::TooMuchWork),
            _ => Ok(()),
        }
    }
}

/// RFC 8018 §A.2, with the PRF left out where it is the default.
#[derive(Sequence)]
struct Pbkdf2Params {
    salt: OctetString,
    iteration_count: u32,
    key_length: Option<u16>,
    prf: Option<AlgorithmIdentifierOwned>,
}

/// RFC 7914 §7.
#[derive(Sequence)]
struct ScryptParams {
    salt: OctetString,
    cost: u64,
    block_size: u32,
    parallelization: u32,
    key_length: Option<u16>,
}

/// What a password decrypts to, and how it was protected.
pub(super) type Decrypted = (Zeroizing<Vec<u8>>, Protection);

/// Decrypts by whatever scheme the algorithm names.
pub(super) fn decrypt(
    algorithm: &AlgorithmIdentifierOwned,
    ciphertext: &[u8],
    password: &str,
    work: &mut Work,
) -> Result<Decrypted, DecryptError> {
    let parameters = algorithm.parameters.as_ref();
    let parameters = parameters.ok_or(DecryptError::Damaged);
    match algorithm.oid {
        PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC => {
            pkcs12(Scheme::TripleDes, parameters?, ciphertext, password, work)
        }
        SHA1_AND_TWO_KEYS => {
            let scheme = Scheme::TwoKeyTripleDes;
            pkcs12(scheme, parameters?, ciphertext, password, work)
        }
        MD5_AND_DES => pbes1(OldHash::Md5, parameters?, ciphertext, password, work),
        SHA1_AND_DES => pbes1(OldHash::Sha1, parameters?, ciphertext, password, work),
        PBES2 => pbes2(parameters?, ciphertext, password, work),
        other => Err(DecryptError::Unknown(UnknownCipher::identified(other))),
    }
}

/// RFC 7292 appendix C.
fn pkcs12(
    scheme: Scheme,
    parameters: &Any,
    ciphertext: &[u8],
    password: &str,
    work: &mut Work,
) -> Result<Decrypted, DecryptError> {
    let parameters: Pkcs12PbeParams = parameters.decode_as().map_err(damaged)?;
    let iterations = count(parameters.iterations)?;
    let octets: usize = match scheme {
        Scheme::TwoKeyTripleDes => 16,
        _ => 24,
    };
    for _ in 0..octets.div_ceil(SHA1_OCTETS) + 1 {
        work.add(iterations)?;
    }
    let password = bmp(password);
    let salt = parameters.salt.as_bytes();
    let derive = |kind, octets| {
        let derived = derive_key::<Sha1>(&password, salt, kind, parameters.iterations, octets);
        Zeroizing::new(derived)
    };
    let key = derive(Pkcs12KeyType::EncryptionKey, octets);
    let vector = derive(Pkcs12KeyType::Iv, 8);
    let plain = match scheme {
        Scheme::TwoKeyTripleDes => cbc::<TdesEde2>(&key, &vector, ciphertext),
        _ => cbc::<TdesEde3>(&key, &vector, ciphertext),
    };
    let plain = plain.ok_or(DecryptError::WrongPassword)?;
    Ok((plain, Protection { scheme, iterations }))
}

/// RFC 8018 §6.1: what OpenSSL wrote in PKCS#8 for long, with a DES key and its vector from one hash.
fn pbes1(
    hash: OldHash,
    parameters: &Any,
    ciphertext: &[u8],
    password: &str,
    work: &mut Work,
) -> Result<Decrypted, DecryptError> {
    // RFC 8018 §A.3 has the same two fields as RFC 7292 appendix C.
    let parameters: Pkcs12PbeParams = parameters.decode_as().map_err(damaged)?;
    let iterations = count(parameters.iterations)?;
    work.add(iterations)?;
    let salt = parameters.salt.as_bytes();
    let derived = match hash {
        OldHash::Md5 => pbkdf1::<Md5>(password, salt, iterations),
        OldHash::Sha1 => pbkdf1::<Sha1>(password, salt, iterations),
    };
    let (key, vector) = derived[..16].split_at(8);
    let plain = cbc::<Des>(key, vector, ciphertext).ok_or(DecryptError::WrongPassword)?;
    let scheme = Scheme::Pbes1(hash);
    Ok((plain, Protection { scheme, iterations }))
}

/// RFC 8018 §5.1.
fn pbkdf1<D: Digest>(password: &str, salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
    let first = D::new().chain_update(password).chain_update(salt);
    let mut derived = Zeroizing::new(first.finalize().to_vec());
    for _ in 1..iterations {
        let next = D::digest(&*derived);
        derived.copy_from_slice(&next);
    }
    derived
}

/// RFC 8018 §6.2.
fn pbes2(
    parameters: &Any,
    ciphertext: &[u8],
    password: &str,
    work: &mut Work,
) -> Result<Decrypted, DecryptError> {
    let Pbes2Params { kdf, encryption } = parameters.decode_as().map_err(damaged)?;
    let cipher = match encryption.oid {
        AES128_CBC => Cipher::Aes128,
        AES192_CBC => Cipher::Aes192,
        AES256_CBC => Cipher::Aes256,
        DES_EDE3_CBC => Cipher::TripleDes,
        other => return Err(DecryptError::Unknown(UnknownCipher::identified(other))),
    };
    let mut key = Zeroizing::new(vec![0; cipher.key_octets()]);
    let protection = match kdf.oid {
        PBKDF2 => derive_pbkdf2(parameter(&kdf)?, cipher, password, &mut key, work)?,
        SCRYPT => derive_scrypt(&parameter(&kdf)?, cipher, password, &mut key, work)?,
        other => return Err(DecryptError::Unknown(UnknownCipher::identified(other))),
    };
    let vector: OctetString = parameter(&encryption)?;
    let vector = vector.as_bytes();
    let plain = match cipher {
        Cipher::Aes128 => cbc::<Aes128>(&key, vector, ciphertext),
        Cipher::Aes192 => cbc::<Aes192>(&key, vector, ciphertext),
        Cipher::Aes256 => cbc::<Aes256>(&key, vector, ciphertext),
        Cipher::TripleDes => cbc::<TdesEde3>(&key, vector, ciphertext),
    };
    let plain = plain.ok_or(DecryptError::WrongPassword)?;
    Ok((plain, protection))
}

/// RFC 8018 §5.2.
fn derive_pbkdf2(
    kdf: Pbkdf2Params,
    cipher: Cipher,
    password: &str,
    key: &mut [u8],
    work: &mut Work,
) -> Result<Protection, DecryptError> {
    let (hash, has_null) = match &kdf.prf {
        None => (Hash::Sha1, true),
        Some(prf) => {
            let hash = match prf.oid {
                HMAC_WITH_SHA1 => Hash::Sha1,
                HMAC_WITH_SHA256 => Hash::Sha256,
                HMAC_WITH_SHA384 => Hash::Sha384,
                HMAC_WITH_SHA512 => Hash::Sha512,
                other => return Err(DecryptError::Unknown(UnknownCipher::identified(other))),
            };
            (hash, prf.parameters.as_ref().is_some_and(Any::is_null))
        }
    };
    cipher.takes(kdf.key_length)?;
    let iterations = kdf.iteration_count;
    // Two of SHA-1's outputs for the longest key.
    work.add(iterations)?;
    work.add(iterations)?;
    let (password, salt) = (password.as_bytes(), kdf.salt.as_bytes());
    match hash {
        Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, key),
        Hash::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, iterations, key),
        Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, key),
        Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, key),
    }
    let scheme = Scheme::Pbes2(cipher, hash, has_null);
    Ok(Protection { scheme, iterations })
}

/// RFC 7914 §7.
fn derive_scrypt(
    kdf: &ScryptParams,
    cipher: Cipher,
    password: &str,
    key: &mut [u8],
    work: &mut Work,
) -> Result<Protection, DecryptError> {
    cipher.takes(kdf.key_length)?;
    work.add(1)?;
    let (block_size, lanes) = (u64::from(kdf.block_size), u64::from(kdf.parallelization));
    // RFC 7914 §2: 128 · r octets a block, N of them, and p times that one after the other.
    let memory = kdf.cost.saturating_mul(128 * block_size);
    let blocks = (128 * block_size).saturating_mul(lanes);
    if memory.max(blocks) > MOST_MEMORY || memory.saturating_mul(lanes) > MOST_MIXED {
        return Err(DecryptError::TooMuchWork);
    }
    if !kdf.cost.is_power_of_two() {
        return Err(DecryptError::Damaged);
    }
    let cost = kdf.cost.trailing_zeros() as u8;
    let parameters = scrypt::Params::new(cost, kdf.block_size, kdf.parallelization);
    let parameters = parameters.map_err(|_| DecryptError::Damaged)?;
    scrypt::scrypt(password.as_bytes(), kdf.salt.as_bytes(), &parameters, key)
        .map_err(|_| DecryptError::Damaged)?;
    Ok(Protection {
        scheme: Scheme::Scrypt(cipher),
        iterations: 1 << cost,
    })
}

/// RFC 7292 §B.1: a BMPString with two zero octets at the end.
pub(super) fn bmp(password: &str) -> Zeroizing<Vec<u8>> {
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
pub(super) fn count(iterations: i32) -> Result<u32, DecryptError> {
    u32::try_from(iterations).map_err(|_| DecryptError::Damaged)
}

fn parameter<T>(algorithm: &AlgorithmIdentifierOwned) -> Result<T, DecryptError>
where
    T: for<'a> der::Choice<'a> + for<'a> der::DecodeValue<'a, Error = der::Error>,
{
    let parameters = algorithm.parameters.as_ref();
    let parameters = parameters.ok_or(DecryptError::Damaged)?;
    parameters.decode_as().map_err(damaged)
}

fn damaged(_: der::Error) -> DecryptError {
    DecryptError::Damaged
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Hmac(hash) => write!(f, "MAC HMAC-{hash}")?,
            Scheme::TripleDes => f.write_str("3DES, SHA-1")?,
            Scheme::TwoKeyTripleDes => f.write_str("3DES with two keys, SHA-1")?,
            Scheme::Pbes1(OldHash::Md5) => f.write_str("DES, MD5")?,
            Scheme::Pbes1(OldHash::Sha1) => f.write_str("DES, SHA-1")?,
            Scheme::Pbes2(cipher, hash, has_null) => {
                write!(f, "{cipher}, PBKDF2-HMAC-{hash}")?;
                if !has_null {
                    f.write_str(" without NULL")?;
                }
            }
            Scheme::Scrypt(cipher) => write!(f, "{cipher}, scrypt")?,
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

    /// A key length that is told has to be the cipher's.
    fn takes(self, key_length: Option<u16>) -> Result<(), DecryptError> {
        match key_length {
            Some(length) if usize::from(length) != self.key_octets() => Err(DecryptError::Damaged),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn algorithm(oid: ObjectIdentifier, parameters: Any) -> AlgorithmIdentifierOwned {
        AlgorithmIdentifierOwned {
            oid,
            parameters: Some(parameters),
        }
    }

    fn octets(bytes: &[u8]) -> OctetString {
        OctetString::new(bytes).unwrap()
    }

    fn with_scrypt(cost: u64, block_size: u32, parallelization: u32) -> AlgorithmIdentifierOwned {
        let kdf = ScryptParams {
            salt: octets(&[1; 8]),
            cost,
            block_size,
            parallelization,
            key_length: None,
        };
        let vector = Any::encode_from(&octets(&[0; 16])).unwrap();
        let parameters = Pbes2Params {
            kdf: algorithm(SCRYPT, Any::encode_from(&kdf).unwrap()),
            encryption: algorithm(AES256_CBC, vector),
        };
        algorithm(PBES2, Any::encode_from(&parameters).unwrap())
    }

    #[test]
    fn scrypt_is_bounded_in_time_and_memory() {
        let tried = |cost, block_size, lanes| {
            let algorithm = with_scrypt(cost, block_size, lanes);
            decrypt(&algorithm, &[0; 16], "x", &mut Work::default()).map(|_| ())
        };
        // OpenSSL's own, and four times that.
        for cost in [1 << 14, 1 << 16] {
            assert_eq!(tried(cost, 8, 1), Err(DecryptError::WrongPassword));
        }
        for (cost, block_size, lanes) in [
            (1 << 40, 8, 1),
            (1 << 19, 8, 1),
            (1 << 63, u32::MAX, u32::MAX),
            (2, u32::MAX, 1),
            (2, 1, u32::MAX),
            (1 << 14, 8, 1 << 20),
            (1 << 18, 8, 5),
        ] {
            let refused = tried(cost, block_size, lanes);
            let asked = (cost, block_size, lanes);
            assert_eq!(refused, Err(DecryptError::TooMuchWork), "{asked:?}");
        }
        for (cost, block_size, lanes) in [(0, 8, 1), (3, 8, 1), (1024, 0, 1), (1024, 8, 0)] {
            let refused = tried(cost, block_size, lanes);
            let asked = (cost, block_size, lanes);
            assert_eq!(refused, Err(DecryptError::Damaged), "{asked:?}");
        }
    }

    #[test]
    fn iterations_are_counted_before_they_are_done() {
        let old = |iterations| Pkcs12PbeParams {
            salt: octets(&[1; 8]),
            iterations,
        };
        let schemes = [
            PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC,
            SHA1_AND_TWO_KEYS,
            MD5_AND_DES,
            SHA1_AND_DES,
        ];
        for oid in schemes {
            for (iterations, expected) in [
                (2_000, DecryptError::WrongPassword),
                (i32::MAX, DecryptError::TooMuchWork),
                (0, DecryptError::Damaged),
                (-1, DecryptError::Damaged),
            ] {
                let algorithm = algorithm(oid, Any::encode_from(&old(iterations)).unwrap());
                let refused = decrypt(&algorithm, &[0; 16], "x", &mut Work::default());
                assert_eq!(refused.unwrap_err(), expected, "{oid} {iterations}");
            }
            // A little often is much, too.
            let algorithm = algorithm(oid, Any::encode_from(&old(2_000)).unwrap());
            let mut work = Work(MOST_ITERATIONS - 6_000);
            let mut refusals = (0..7).map(|_| decrypt(&algorithm, &[0; 16], "x", &mut work));
            let last = refusals.find_map(|refused| {
                refused
                    .err()
                    .filter(|error| *error != DecryptError::WrongPassword)
            });
            assert_eq!(last, Some(DecryptError::TooMuchWork), "{oid}");
        }
    }

    #[test]
    fn what_is_not_known_has_a_name() {
        let unknown = |oid: &str| {
            let algorithm = algorithm(ObjectIdentifier::new_unwrap(oid), Any::null());
            match decrypt(&algorithm, &[0; 16], "x", &mut Work::default()) {
                Err(DecryptError::Unknown(unknown)) => unknown,
                other => panic!("{oid}: {other:?}"),
            }
        };
        let rc2 = unknown("1.2.840.113549.1.12.1.6");
        assert_eq!(rc2.name, "pbeWithSHA1And40BitRC2-CBC");
        assert_eq!(rc2.readers, Readers::OpensslLegacy);
        assert_eq!(unknown("1.2.3.4").name, "the algorithm 1.2.3.4");
        for (oid, ..) in NAMED {
            ObjectIdentifier::new_unwrap(oid);
        }
    }
}
