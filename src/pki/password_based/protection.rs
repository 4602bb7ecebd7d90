//! How something is encrypted or sealed, and the ciphers.

use std::fmt;

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use des::TdesEde3;
use zeroize::Zeroizing;

use super::DecryptError;

/// A scheme with the iterations that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protection {
    pub(in crate::pki) scheme: Scheme,
    pub(in crate::pki) iterations: u32,
}

/// How something is encrypted or sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pki) enum Scheme {
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
pub(in crate::pki) enum OldHash {
    Md5,
    Sha1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pki) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pki) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
}

impl Hash {
    /// How long its values are.
    pub(in crate::pki) fn octets(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }
}

impl Cipher {
    pub(in crate::pki) fn key_octets(self) -> usize {
        match self {
            Cipher::Aes128 => 16,
            Cipher::Aes192 | Cipher::TripleDes => 24,
            Cipher::Aes256 => 32,
        }
    }

    /// A key length that is told has to be the cipher's.
    pub(super) fn takes(self, key_length: Option<u16>) -> Result<(), DecryptError> {
        match key_length {
            Some(length) if usize::from(length) != self.key_octets() => Err(DecryptError::Damaged),
            _ => Ok(()),
        }
    }

    /// What it decrypts in CBC mode, padded as RFC 5652 §6.3 asks; none where the padding is another, as under another key, or
    /// the vector of another length.
    pub(in crate::pki) fn decrypt(
        self,
        key: &[u8],
        vector: &[u8],
        ciphertext: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Cipher::Aes128 => cbc::<Aes128>(key, vector, ciphertext),
            Cipher::Aes192 => cbc::<Aes192>(key, vector, ciphertext),
            Cipher::Aes256 => cbc::<Aes256>(key, vector, ciphertext),
            Cipher::TripleDes => cbc::<TdesEde3>(key, vector, ciphertext),
        }
    }
}

pub(super) fn cbc<C>(key: &[u8], vector: &[u8], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    C: BlockCipherDecrypt + KeyInit,
{
    let cipher = Decryptor::<C>::new_from_slices(key, vector).ok()?;
    let opened = cipher.decrypt_padded_vec::<Pkcs7>(ciphertext);
    opened.ok().map(Zeroizing::new)
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
