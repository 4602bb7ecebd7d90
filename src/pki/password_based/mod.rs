//! Password-based encryption, whoever did it: RFC 8018's of keys, and what RFC 7292 adds for bundles.
//!
//! What a file asks for is bounded before it is done: the iterations of all its key derivations together,
//! and the memory of scrypt.

mod derived;
mod iterated;
mod pbes2;
mod protection;
#[cfg(test)]
mod tests;
mod unknown;

use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use der::Any;
use der::asn1::ObjectIdentifier;
use des::{Des, TdesEde2};
use md5::Md5;
use pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC;
use pkcs12::pbe_params::Pkcs12PbeParams;
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

pub(super) use self::derived::{Derivation, DerivedKeys, Function, Purpose};
pub(crate) use self::protection::Protection;
use self::protection::cbc;
pub(super) use self::protection::{Cipher, Hash, OldHash, Scheme};
pub use self::unknown::Readers;
pub(crate) use self::unknown::UnknownCipher;
use super::bundle::PBES2;

/// pbeWithMD5AndDES-CBC, pbeWithSHA1AndDES-CBC (RFC 8018 §A.3).
const MD5_AND_DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.3");
const SHA1_AND_DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.10");
/// pbeWithSHAAnd2-KeyTripleDES-CBC (RFC 7292 appendix C).
const SHA1_AND_TWO_KEYS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.4");

/// Iterations of all of a file's key derivations together, at the most: some seconds. Those that are
/// known ask for two thousand to a million each.
pub(super) const MOST_ITERATIONS: u64 = 8_000_000;

/// Octets of a key or a vector, at the most, that are derived by RFC 7292 §B.2 in blocks of SHA-1.
const SHA1_OCTETS: usize = 20;

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

/// What a password decrypts to, and how it was protected.
pub(super) type Decrypted = (Zeroizing<Vec<u8>>, Protection);

/// Decrypts by whatever scheme the algorithm names.
pub(super) fn decrypt(
    algorithm: &AlgorithmIdentifierOwned,
    ciphertext: &[u8],
    keys: &mut DerivedKeys<'_>,
    work: &mut Work,
) -> Result<Decrypted, DecryptError> {
    let parameters = algorithm.parameters.as_ref();
    let parameters = parameters.ok_or(DecryptError::Damaged);
    match algorithm.oid {
        PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC => {
            pkcs12(Scheme::TripleDes, parameters?, ciphertext, keys, work)
        }
        SHA1_AND_TWO_KEYS => {
            let scheme = Scheme::TwoKeyTripleDes;
            pkcs12(scheme, parameters?, ciphertext, keys, work)
        }
        MD5_AND_DES => pbes1(OldHash::Md5, parameters?, ciphertext, keys.password(), work),
        SHA1_AND_DES => pbes1(
            OldHash::Sha1,
            parameters?,
            ciphertext,
            keys.password(),
            work,
        ),
        PBES2 => pbes2::decrypt(parameters?, ciphertext, keys, work),
        other => Err(DecryptError::Unknown(UnknownCipher::identified(other))),
    }
}

/// RFC 7292 appendix C.
fn pkcs12(
    scheme: Scheme,
    parameters: &Any,
    ciphertext: &[u8],
    keys: &mut DerivedKeys<'_>,
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
    let mut derive = |purpose, octets| {
        keys.key(Derivation {
            function: Function::Pkcs12(Hash::Sha1, purpose),
            salt: parameters.salt.as_bytes().to_vec(),
            iterations,
            octets,
        })
    };
    let key = derive(Purpose::Encryption, octets);
    let vector = derive(Purpose::Vector, 8);
    let plain = match scheme {
        Scheme::TwoKeyTripleDes => cbc::<TdesEde2>(&key, &vector, ciphertext),
        _ => Cipher::TripleDes.decrypt(&key, &vector, ciphertext),
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

/// The iterations of RFC 7292's own derivations, which are written as a signed number.
pub(super) fn count(iterations: i32) -> Result<u32, DecryptError> {
    u32::try_from(iterations).map_err(|_| DecryptError::Damaged)
}

fn damaged(_: der::Error) -> DecryptError {
    DecryptError::Damaged
}
