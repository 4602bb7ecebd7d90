//! Private keys that others made: PEM with SEC 1, PKCS#1 or PKCS#8 in it, encrypted or not.

use data_encoding::HEXUPPER_PERMISSIVE;
use der::Decode;
use md5::{Digest, Md5};
use pem::Pem;
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use thiserror::Error;
use zeroize::Zeroizing;

use super::password_based::{self, Cipher, DecryptError, DerivedKeys, UnknownCipher, Work};
use super::{PrivateKey, UnusableKey};

/// A private key in a PEM file, not opened yet.
pub struct ForeignKey {
    form: Form,
    bytes: Zeroizing<Vec<u8>>,
}

enum Form {
    Plain(Traditional),
    Pkcs8,
    EncryptedPkcs8,
    /// What OpenSSL wrote before PKCS#8 (RFC 1421's headers): the cipher and its IV.
    Encrypted(Traditional, Cipher, Vec<u8>),
}

/// What OpenSSL puts into PEM files where it does not write PKCS#8.
#[derive(Clone, Copy)]
enum Traditional {
    Sec1,
    Pkcs1,
}

impl ForeignKey {
    /// The first private key among the blocks of a PEM file.
    ///
    /// # Errors
    /// A [`ForeignKeyError`] if there is none, or one of another kind.
    pub fn from_pem(text: &[u8]) -> Result<ForeignKey, ForeignKeyError> {
        let blocks = pem::parse_many(text).map_err(|_| ForeignKeyError::NoKey)?;
        let mut keys = blocks
            .into_iter()
            .filter(|block| block.tag().ends_with("PRIVATE KEY"));
        let block = keys.next().ok_or(ForeignKeyError::NoKey)?;
        let form = form(&block)?;
        let bytes = Zeroizing::new(block.into_contents());
        Ok(ForeignKey { form, bytes })
    }

    /// Whether it takes a passphrase.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.form, Form::EncryptedPkcs8 | Form::Encrypted(..))
    }

    /// The key. A passphrase for one that is not encrypted does not matter.
    ///
    /// # Errors
    /// A [`ForeignKeyError`] if the passphrase is wrong or the key does not sign here.
    pub fn open(&self, passphrase: &str) -> Result<PrivateKey, ForeignKeyError> {
        let key = match &self.form {
            Form::Plain(form) => form.read(&self.bytes)?,
            Form::Pkcs8 => pkcs8(&self.bytes)?,
            Form::EncryptedPkcs8 => {
                let sealed = EncryptedPrivateKeyInfo::from_der(&self.bytes);
                let sealed = sealed.map_err(|_| ForeignKeyError::Damaged)?;
                let (algorithm, ciphertext) = (sealed.encryption_algorithm, sealed.encrypted_data);
                let mut work = Work::default();
                let (ciphertext, mut keys) = (ciphertext.as_bytes(), DerivedKeys::of(passphrase));
                let (opened, _) =
                    password_based::decrypt(&algorithm, ciphertext, &mut keys, &mut work)?;
                pkcs8(&opened)?
            }
            Form::Encrypted(form, cipher, iv) => {
                let opened = iv.first_chunk().and_then(|salt| {
                    let key = openssl_key(passphrase, salt, cipher.key_octets());
                    cipher.decrypt(&key, iv, &self.bytes)
                });
                form.read(&opened.ok_or(ForeignKeyError::WrongPassphrase)?)?
            }
        };
        Ok(key)
    }
}

fn form(block: &Pem) -> Result<Form, ForeignKeyError> {
    let headers = block.headers();
    let traditional = match block.tag() {
        "EC PRIVATE KEY" => Some(Traditional::Sec1),
        "RSA PRIVATE KEY" => Some(Traditional::Pkcs1),
        _ => None,
    };
    match (traditional, headers.get("DEK-Info")) {
        (Some(form), None) => return Ok(Form::Plain(form)),
        (Some(form), Some(info)) => {
            let (name, iv) = info.split_once(',').ok_or(ForeignKeyError::Damaged)?;
            let cipher = match name {
                "AES-128-CBC" => Cipher::Aes128,
                "AES-192-CBC" => Cipher::Aes192,
                "AES-256-CBC" => Cipher::Aes256,
                "DES-EDE3-CBC" => Cipher::TripleDes,
                other => return Err(ForeignKeyError::Cipher(UnknownCipher::named(other))),
            };
            let iv = HEXUPPER_PERMISSIVE.decode(iv.trim().as_bytes());
            let iv = iv.map_err(|_| ForeignKeyError::Damaged)?;
            return Ok(Form::Encrypted(form, cipher, iv));
        }
        (None, _) => {}
    }
    match block.tag() {
        "PRIVATE KEY" => Ok(Form::Pkcs8),
        "ENCRYPTED PRIVATE KEY" => Ok(Form::EncryptedPkcs8),
        other => {
            let kind = UnusableKey::Kind(format!("the kind of a {}", other.to_lowercase()).into());
            Err(ForeignKeyError::Unusable(kind))
        }
    }
}

impl Traditional {
    fn read(self, der: &[u8]) -> Result<PrivateKey, ForeignKeyError> {
        let read = match self {
            Traditional::Sec1 => PrivateKey::from_sec1_der(der),
            Traditional::Pkcs1 => PrivateKey::from_pkcs1_der(der),
        };
        read.map_err(ForeignKeyError::Unusable)
    }
}

fn pkcs8(der: &[u8]) -> Result<PrivateKey, ForeignKeyError> {
    PrivateKey::from_pkcs8_der(der).map_err(ForeignKeyError::Unusable)
}

/// EVP_BytesToKey(3) of OpenSSL with MD5, one round, and the IV's first octets for a salt.
fn openssl_key(passphrase: &str, salt: &[u8; 8], size: usize) -> Zeroizing<Vec<u8>> {
    // Grown, it would leave copies behind.
    let mut key = Zeroizing::new(Vec::with_capacity(size + 16));
    while key.len() < size {
        let mut hash = Md5::new();
        hash.update(&key[key.len().saturating_sub(16)..]);
        hash.update(passphrase);
        hash.update(salt);
        key.extend_from_slice(&hash.finalize());
    }
    key.truncate(size);
    key
}

impl From<DecryptError> for ForeignKeyError {
    fn from(error: DecryptError) -> ForeignKeyError {
        match error {
            DecryptError::Damaged => ForeignKeyError::Damaged,
            DecryptError::WrongPassword => ForeignKeyError::WrongPassphrase,
            DecryptError::Unknown(cipher) => ForeignKeyError::Cipher(cipher),
            DecryptError::TooMuchWork => ForeignKeyError::TooMuchWork,
        }
    }
}

/// Why a private key cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ForeignKeyError {
    #[error("it holds no private key in PEM")]
    NoKey,
    /// The key is there, but not whole.
    #[error("its private key is damaged")]
    Damaged,
    /// It was not encrypted with this passphrase.
    #[error("the passphrase is wrong, or the file is damaged")]
    WrongPassphrase,
    /// It was encrypted in a way that is not known.
    #[error("it is encrypted with {}, which is not known here", .0.name)]
    Cipher(UnknownCipher),
    /// Trying a passphrase would keep the machine busy for long.
    #[error("it asks for more work than any honest file does")]
    TooMuchWork,
    /// It is of a kind or length that does not sign here.
    #[error("{0}, and only keys of P-256, P-384 and RSA from 2048 to 4096 bits sign here")]
    Unusable(UnusableKey),
}
