//! PBES2 (RFC 8018 §6.2), with PBKDF2 or scrypt for a key derivation.
//!
//! The crate `pkcs5` is not used for it: files of others are hostile until they are read, and it panics at a vector of 3DES
//! that is too short and at a cost of scrypt that is zero, refuses salts of more than 32 octets, does not tell whether the
//! PRF has its NULL, and leaves the derived key in memory.

use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use der::asn1::{ObjectIdentifier, OctetString};
use der::{Any, Sequence};
use pkcs12::pbe_params::Pbes2Params;
use zeroize::Zeroizing;

use super::{
    Cipher, DecryptError, Decrypted, Derivation, DerivedKeys, Function, Hash, Protection, Scheme,
    UnknownCipher, Work, damaged,
};
use crate::pki::bundle::{AES256_CBC, HMAC_WITH_SHA256, PBKDF2};

/// hmacWithSHA1, hmacWithSHA384, hmacWithSHA512 (RFC 8018 §B.1).
const HMAC_WITH_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");
/// aes128-CBC-PAD, aes192-CBC-PAD, des-EDE3-CBC-Pad (RFC 8018 §B.2).
const AES128_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
const AES192_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22");
const DES_EDE3_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.3.7");
/// id-scrypt (RFC 7914 §7).
pub(super) const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");

/// Bytes that scrypt may fill at once: sixteen times what OpenSSL asks for.
const MOST_MEMORY: u64 = 256 << 20;

/// Bytes that scrypt may mix in all, each of them twice: some seconds.
const MOST_MIXED: u64 = 1 << 30;

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
pub(super) struct ScryptParams {
    pub(super) salt: OctetString,
    pub(super) cost: u64,
    pub(super) block_size: u32,
    pub(super) parallelization: u32,
    pub(super) key_length: Option<u16>,
}

/// RFC 8018 §6.2.
pub(super) fn decrypt(
    parameters: &Any,
    ciphertext: &[u8],
    keys: &mut DerivedKeys<'_>,
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
    let (key, protection) = match kdf.oid {
        PBKDF2 => derive_pbkdf2(parameter(&kdf)?, cipher, keys, work)?,
        SCRYPT => derive_scrypt(&parameter(&kdf)?, cipher, keys.password(), work)?,
        other => return Err(DecryptError::Unknown(UnknownCipher::identified(other))),
    };
    let vector: OctetString = parameter(&encryption)?;
    let plain = cipher.decrypt(&key, vector.as_bytes(), ciphertext);
    let plain = plain.ok_or(DecryptError::WrongPassword)?;
    Ok((plain, protection))
}

/// A key, and what it was derived with.
type Derived = (Zeroizing<Vec<u8>>, Protection);

/// RFC 8018 §5.2.
fn derive_pbkdf2(
    kdf: Pbkdf2Params,
    cipher: Cipher,
    keys: &mut DerivedKeys<'_>,
    work: &mut Work,
) -> Result<Derived, DecryptError> {
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
    let key = keys.key(Derivation {
        function: Function::Pbkdf2(hash),
        salt: kdf.salt.into_bytes().into(),
        iterations,
        octets: cipher.key_octets(),
    });
    let scheme = Scheme::Pbes2(cipher, hash, has_null);
    Ok((key, Protection { scheme, iterations }))
}

/// RFC 7914 §7.
fn derive_scrypt(
    kdf: &ScryptParams,
    cipher: Cipher,
    password: &str,
    work: &mut Work,
) -> Result<Derived, DecryptError> {
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
    let mut key = Zeroizing::new(vec![0; cipher.key_octets()]);
    scrypt::scrypt(
        password.as_bytes(),
        kdf.salt.as_bytes(),
        &parameters,
        &mut key,
    )
    .map_err(|_| DecryptError::Damaged)?;
    let protection = Protection {
        scheme: Scheme::Scrypt(cipher),
        iterations: 1 << cost,
    };
    Ok((key, protection))
}

fn parameter<T>(algorithm: &AlgorithmIdentifierOwned) -> Result<T, DecryptError>
where
    T: for<'a> der::Choice<'a> + for<'a> der::DecodeValue<'a, Error = der::Error>,
{
    let parameters = algorithm.parameters.as_ref();
    let parameters = parameters.ok_or(DecryptError::Damaged)?;
    parameters.decode_as().map_err(damaged)
}
