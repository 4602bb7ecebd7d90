//! Signatures that others made, verified whichever way they are made.

use std::borrow::Cow;

use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use der::Sequence;
use der::asn1::{Any, ObjectIdentifier};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use thiserror::Error;

use super::{KeyKind, PublicKey, oid};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// RFC 5758 §3.2.
    Ecdsa(Hash),
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2).
    Pkcs1(Hash),
    /// RSASSA-PSS (RFC 8017 §8.1), with a salt as long as the hash.
    Pss(Hash),
    /// RFC 8410 §6.
    Ed25519,
}

/// A hash of SHA-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// What signature algorithms are called by. RFC 5758 §3.2, RFC 8017 §A.2.4, RFC 8410 §3.
const SCHEMES: [(ObjectIdentifier, Scheme); 8] = [
    (oid("1.2.840.10045.4.3.1"), Scheme::Ecdsa(Hash::Sha224)),
    (oid("1.2.840.10045.4.3.2"), Scheme::Ecdsa(Hash::Sha256)),
    (oid("1.2.840.10045.4.3.3"), Scheme::Ecdsa(Hash::Sha384)),
    (oid("1.2.840.10045.4.3.4"), Scheme::Ecdsa(Hash::Sha512)),
    (oid("1.2.840.113549.1.1.11"), Scheme::Pkcs1(Hash::Sha256)),
    (oid("1.2.840.113549.1.1.12"), Scheme::Pkcs1(Hash::Sha384)),
    (oid("1.2.840.113549.1.1.13"), Scheme::Pkcs1(Hash::Sha512)),
    (oid("1.3.101.112"), Scheme::Ed25519),
];

/// Those that are known by name only, so that people are told what they have.
const NAMED: [(ObjectIdentifier, &str); 7] = [
    (oid("1.2.840.10045.4.1"), "SHA-1, which can be forged"),
    (oid("1.2.840.113549.1.1.4"), "MD5, which can be forged"),
    (oid("1.2.840.113549.1.1.5"), "SHA-1, which can be forged"),
    (oid("1.2.840.113549.1.1.14"), "SHA-224 of RSA"),
    (oid("1.2.840.113549.1.1.15"), "SHA-512/224 of RSA"),
    (oid("1.2.840.113549.1.1.16"), "SHA-512/256 of RSA"),
    (oid("1.3.101.113"), "Ed448"),
];

/// id-RSASSA-PSS and id-mgf1 (RFC 8017 §A.2.3), and the hashes (RFC 5754 §2).
const PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");
const HASHES: [(ObjectIdentifier, Hash, u32); 3] = [
    (oid("2.16.840.1.101.3.4.2.1"), Hash::Sha256, 32),
    (oid("2.16.840.1.101.3.4.2.2"), Hash::Sha384, 48),
    (oid("2.16.840.1.101.3.4.2.3"), Hash::Sha512, 64),
];

/// RFC 8017 §A.2.3.
#[derive(Sequence)]
struct PssParameters {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt: Option<u32>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u32>,
}

impl Scheme {
    /// The scheme that an `AlgorithmIdentifier` names.
    ///
    /// # Errors
    /// An [`UnknownScheme`] if none of those that are verified here.
    pub(super) fn of(algorithm: &AlgorithmIdentifierOwned) -> Result<Scheme, UnknownScheme> {
        if algorithm.oid == PSS {
            return pss(algorithm);
        }
        let oid = algorithm.oid;
        if let Some((_, scheme)) = SCHEMES.iter().find(|(known, _)| *known == oid) {
            return if scheme.takes(algorithm.parameters.as_ref()) {
                Ok(*scheme)
            } else {
                Err(UnknownScheme(
                    "parameters that do not belong to its algorithm".into(),
                ))
            };
        }
        let named = NAMED.iter().find(|(known, _)| *known == oid);
        Err(UnknownScheme(match named {
            Some((_, name)) => Cow::Borrowed(*name),
            None => format!("an algorithm that is not known here ({oid})").into(),
        }))
    }

    /// Whether these are its parameters. RFC 4055 §5: NULL for RSA, or else left out; RFC 5758 §3.2 and
    /// RFC 8410 §3: none.
    fn takes(self, parameters: Option<&Any>) -> bool {
        match self {
            Scheme::Pkcs1(_) => parameters.is_none_or(Any::is_null),
            Scheme::Ecdsa(_) | Scheme::Pss(_) | Scheme::Ed25519 => parameters.is_none(),
        }
    }

    /// Whether keys of this kind sign so.
    pub(super) fn is_of(self, kind: KeyKind) -> bool {
        match self {
            Scheme::Ecdsa(_) => matches!(kind, KeyKind::P256 | KeyKind::P384),
            Scheme::Pkcs1(_) | Scheme::Pss(_) => kind == KeyKind::Rsa,
            Scheme::Ed25519 => kind == KeyKind::Ed25519,
        }
    }
}

fn pss(algorithm: &AlgorithmIdentifierOwned) -> Result<Scheme, UnknownScheme> {
    let unknown = |what: &str| UnknownScheme(format!("RSA-PSS with {what}").into());
    let parameters = algorithm.parameters.as_ref();
    let parameters = parameters.and_then(|found| found.decode_as::<PssParameters>().ok());
    let parameters = parameters.ok_or_else(|| unknown("parameters that cannot be read"))?;
    // RFC 4055 §2.1: the parameters of a hash are NULL, or else left out.
    let plain = |found: &AlgorithmIdentifierOwned| {
        let is_plain = found.parameters.as_ref().is_none_or(Any::is_null);
        is_plain.then_some(found.oid)
    };
    // RFC 8017 §A.2.3: SHA-1 where nothing is said.
    let hash = parameters.hash.as_ref().and_then(plain);
    let known = HASHES.iter().find(|(known, ..)| hash == Some(*known));
    let (name, hash, octets) = known.ok_or_else(|| unknown("another hash than SHA-2"))?;
    let mask = parameters.mask.filter(|mask| mask.oid == MGF1);
    let mask = mask.and_then(|mask| {
        mask.parameters?
            .decode_as::<AlgorithmIdentifierOwned>()
            .ok()
    });
    if mask.as_ref().and_then(plain) != Some(*name) || parameters.trailer.is_some() {
        return Err(unknown("two different hashes"));
    }
    if parameters.salt == Some(*octets) {
        Ok(Scheme::Pss(*hash))
    } else {
        Err(unknown("a salt of another length than the hash"))
    }
}

impl PublicKey {
    /// Whether `signature` is this key's signature of `message`.
    pub(super) fn verifies(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        match (self.kind(), scheme) {
            // What is signed here is by RustCrypto's: this is another implementation, and five times as fast.
            (KeyKind::P256, Scheme::Ecdsa(Hash::Sha256)) => {
                self.ring(&ECDSA_P256_SHA256_ASN1, message, signature)
            }
            (KeyKind::P384, Scheme::Ecdsa(Hash::Sha384)) => {
                self.ring(&ECDSA_P384_SHA384_ASN1, message, signature)
            }
            (KeyKind::P256, Scheme::Ecdsa(hash)) => self.verifies_p256(hash, message, signature),
            (KeyKind::P384, Scheme::Ecdsa(hash)) => self.verifies_p384(hash, message, signature),
            (KeyKind::Ed25519, Scheme::Ed25519) => self.ring(&ED25519, message, signature),
            (KeyKind::Rsa, Scheme::Pkcs1(hash)) => match hash {
                Hash::Sha224 => false,
                Hash::Sha256 => self.ring(&RSA_PKCS1_2048_8192_SHA256, message, signature),
                Hash::Sha384 => self.ring(&RSA_PKCS1_2048_8192_SHA384, message, signature),
                Hash::Sha512 => self.ring(&RSA_PKCS1_2048_8192_SHA512, message, signature),
            },
            (KeyKind::Rsa, Scheme::Pss(hash)) => match hash {
                Hash::Sha224 => false,
                Hash::Sha256 => self.ring(&RSA_PSS_2048_8192_SHA256, message, signature),
                Hash::Sha384 => self.ring(&RSA_PSS_2048_8192_SHA384, message, signature),
                Hash::Sha512 => self.ring(&RSA_PSS_2048_8192_SHA512, message, signature),
            },
            _ => false,
        }
    }

    fn verifies_p256(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(self.bits());
        let signature = p256::ecdsa::Signature::from_der(signature);
        match (key, signature) {
            (Ok(key), Ok(signature)) => {
                let digest = hash.digest(message);
                key.verify_prehash(&digest, &signature).is_ok()
            }
            _ => false,
        }
    }

    fn verifies_p384(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(self.bits());
        let signature = p384::ecdsa::Signature::from_der(signature);
        match (key, signature) {
            (Ok(key), Ok(signature)) => {
                let digest = hash.digest(message);
                key.verify_prehash(&digest, &signature).is_ok()
            }
            _ => false,
        }
    }

    fn ring(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let key = UnparsedPublicKey::new(algorithm, self.bits());
        key.verify(message, signature).is_ok()
    }
}

impl Hash {
    fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha224 => Sha224::digest(message).to_vec(),
            Hash::Sha256 => Sha256::digest(message).to_vec(),
            Hash::Sha384 => Sha384::digest(message).to_vec(),
            Hash::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// A way of signing that is not verified here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is signed with {0}")]
pub struct UnknownScheme(Cow<'static, str>);
