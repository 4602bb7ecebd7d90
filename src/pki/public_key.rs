//! Public keys as certificates and requests hold them, of the kinds that every Caddy verifies.

use std::borrow::Cow;
use std::fmt;

use cms::cert::x509::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use curve25519_dalek::edwards::CompressedEdwardsY;
use data_encoding::HEXLOWER;
use der::asn1::{AnyRef, ObjectIdentifier, Uint};
use der::{Decode, Sequence};
use p256::elliptic_curve::sec1::ToSec1Point;
use rcgen::PublicKeyData;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::signature::{Hash, Scheme};
use super::{KeyFingerprint, oid};

/// id-ecPublicKey and the curves secp256r1 and secp384r1 (RFC 5480 §2.1.1).
pub(super) const EC: ObjectIdentifier = oid("1.2.840.10045.2.1");
pub(super) const P256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
pub(super) const P384: ObjectIdentifier = oid("1.3.132.0.34");
/// rsaEncryption (RFC 8017 §A.1).
pub(super) const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
/// id-Ed25519 (RFC 8410 §3).
const ED25519: ObjectIdentifier = oid("1.3.101.112");

/// Kinds of keys that are known by name only, so that people are told what they have.
const NAMED: [(ObjectIdentifier, &str); 13] = [
    (oid("1.2.840.10040.4.1"), "DSA"),
    (oid("1.2.840.10045.3.1.1"), "P-192"),
    (
        oid("1.2.840.113549.1.1.10"),
        "RSA for PSS alone (id-RSASSA-PSS)",
    ),
    (oid("1.3.101.110"), "X25519, which cannot sign"),
    (oid("1.3.101.112"), "Ed25519"),
    (oid("1.3.101.113"), "Ed448"),
    (oid("1.3.132.0.10"), "secp256k1"),
    (oid("1.3.132.0.33"), "P-224"),
    (oid("1.3.132.0.35"), "P-521"),
    (oid("1.3.36.3.3.2.8.1.1.7"), "brainpoolP256r1"),
    (oid("1.3.36.3.3.2.8.1.1.11"), "brainpoolP384r1"),
    (oid("1.3.36.3.3.2.8.1.1.13"), "brainpoolP512r1"),
    (oid("1.2.156.10197.1.301"), "SM2"),
];

/// Bits of an RSA key: fewer can be broken, and a TLS server of Go's refuses more (crypto/tls since 1.20.7).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The curve that is used where homelab makes the key.
    P256,
    /// The curve of easy-rsa and smart cards.
    P384,
    /// Edwards-curve signatures (RFC 8032).
    Ed25519,
    /// RSA of 2048 to 8192 bits.
    Rsa,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            KeyKind::P256 => "P-256",
            KeyKind::P384 => "P-384",
            KeyKind::Ed25519 => "Ed25519",
            KeyKind::Rsa => "RSA",
        })
    }
}

/// A public key, in the one form that is written here, so that equal keys are equal bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    /// What a certificate's bit string holds: an uncompressed point (SEC 1 §2.3.3), the 32 octets of Ed25519, or
    /// an `RSAPublicKey` (RFC 8017 §A.1.1).
    bits: Vec<u8>,
}

impl PublicKey {
    /// The key with this content of a bit string, which is known to be well-formed.
    pub(super) fn new(kind: KeyKind, bits: Vec<u8>) -> PublicKey {
        PublicKey { kind, bits }
    }

    /// The key that a `SubjectPublicKeyInfo` holds, whichever form that has.
    ///
    /// # Errors
    /// An [`UnusableKey`] if it is none that a Caddy would verify and only its maker can sign with.
    pub fn from_spki_der(der: &[u8]) -> Result<PublicKey, UnusableKey> {
        let info = SubjectPublicKeyInfoOwned::from_der(der).map_err(|_| UnusableKey::Damaged)?;
        let bits = info.subject_public_key.as_bytes();
        let bits = bits.ok_or(UnusableKey::Damaged)?;
        let (kind, bits) = match info.algorithm.oid {
            EC => point(&info.algorithm, bits)?,
            RSA => (KeyKind::Rsa, rsa(bits)?),
            ED25519 => (KeyKind::Ed25519, ed25519(bits)?),
            other => return Err(UnusableKey::named(other)),
        };
        Ok(PublicKey { kind, bits })
    }

    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// How such a key signs here (RFC 5758 §3.2, RFC 8017 §8.2, RFC 8410 §6).
    pub(super) fn scheme(&self) -> Scheme {
        match self.kind {
            KeyKind::P256 => Scheme::Ecdsa(Hash::Sha256),
            KeyKind::P384 => Scheme::Ecdsa(Hash::Sha384),
            KeyKind::Ed25519 => Scheme::Ed25519,
            KeyKind::Rsa => Scheme::Pkcs1(Hash::Sha256),
        }
    }

    /// The content of a certificate's bit string.
    pub(super) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The key as a `SubjectPublicKeyInfo` in DER (RFC 5480, RFC 3279 §2.3.1, RFC 8410).
    pub fn spki_der(&self) -> Vec<u8> {
        self.subject_public_key_info()
    }

    /// SHA-256 of [`spki_der`](Self::spki_der): what pins a key whichever certificate carries it.
    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint::of(&self.spki_der())
    }

    /// The key identifier of certificates (SKI, AKI) and bundles.
    pub fn key_id(&self) -> [u8; 20] {
        // RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the bit string, without
        // tag, length, unused bits.
        let digest: [u8; 32] = Sha256::digest(&self.bits).into();
        *digest.first_chunk().expect("32 octets begin with 20")
    }
}

/// A point of a named curve, uncompressed: Go reads certificates with no other.
fn point(
    algorithm: &AlgorithmIdentifierOwned,
    bits: &[u8],
) -> Result<(KeyKind, Vec<u8>), UnusableKey> {
    let curve = algorithm.parameters.as_ref();
    // RFC 5480 §2.1.1: the name of the curve, never its numbers.
    let curve = curve.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
    let curve = curve.ok_or(UnusableKey::ExplicitCurve)?;
    if matches!(bits.first(), Some(6 | 7)) {
        return Err(UnusableKey::HybridPoint);
    }
    let damaged = |_| UnusableKey::Damaged;
    match curve {
        P256 => {
            let key = p256::PublicKey::from_sec1_bytes(bits).map_err(damaged)?;
            Ok((KeyKind::P256, key.to_sec1_point(false).as_bytes().to_vec()))
        }
        P384 => {
            let key = p384::PublicKey::from_sec1_bytes(bits).map_err(damaged)?;
            Ok((KeyKind::P384, key.to_sec1_point(false).as_bytes().to_vec()))
        }
        other => Err(UnusableKey::named(other)),
    }
}

/// RFC 8017 §A.1.1.
#[derive(Sequence)]
struct RsaPublicKey {
    modulus: Uint,
    public_exponent: Uint,
}

fn rsa(bits: &[u8]) -> Result<Vec<u8>, UnusableKey> {
    let key = RsaPublicKey::from_der(bits).map_err(|_| UnusableKey::Damaged)?;
    let modulus = key.modulus.as_bytes();
    let length = match modulus.first() {
        Some(first) => modulus.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    };
    if !RSA_BITS.contains(&length) {
        return Err(UnusableKey::RsaLength(length));
    }
    // With the exponent 1 everybody can sign, with an even one nobody; Go takes none of 32 bits or more.
    let exponent = key.public_exponent.as_bytes();
    let exponent = match exponent.len() {
        0..=4 => exponent
            .iter()
            .fold(0, |e, octet| e << 8 | u32::from(*octet)),
        _ => u32::MAX,
    };
    if !(3..=i32::MAX as u32).contains(&exponent) || exponent % 2 == 0 || modulus.ends_with(&[0]) {
        return Err(UnusableKey::RsaExponent);
    }
    Ok(bits.to_vec())
}

/// RFC 8032 §5.1.5, without the points under which a signature says nothing: with one of small order everybody
/// could sign, and no key that was made by the rules has another part of that order.
fn ed25519(bits: &[u8]) -> Result<Vec<u8>, UnusableKey> {
    let point = CompressedEdwardsY::from_slice(bits).map_err(|_| UnusableKey::Damaged)?;
    let decoded = point.decompress().ok_or(UnusableKey::Damaged)?;
    if decoded.is_small_order() || !decoded.is_torsion_free() || decoded.compress() != point {
        return Err(UnusableKey::SmallOrder);
    }
    Ok(bits.to_vec())
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("kind", &self.kind)
            .field("key_id", &HEXLOWER.encode(&self.key_id()))
            .finish()
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// How this key's owner signs here; of a mere subject's key only the kind is looked at.
    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self.kind {
            KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
            KeyKind::Rsa => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

/// Why no certificate is made of a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnusableKey {
    /// It cannot be read, or is no point of its curve.
    #[error("its key is damaged")]
    Damaged,
    /// Another kind or curve than Caddy, or the devices' programs, take.
    #[error("its key is of {0}")]
    Kind(Cow<'static, str>),
    /// RFC 5480 §2.1.1 forbids it, and Go cannot read it.
    #[error("its key spells its curve out in numbers instead of naming it")]
    ExplicitCurve,
    /// SEC 1 knows a third form of a point, which hardly any reader takes.
    #[error("its key's point is in the hybrid form")]
    HybridPoint,
    /// Too few bits to be safe, or too many for a TLS server.
    #[error("its key is of RSA with {0} bits; 2048 to 8192 are taken")]
    RsaLength(usize),
    /// Everybody could sign, or nobody, or Go refuses it.
    #[error("its RSA key has a public exponent that cannot be used; 65537 is the usual one")]
    RsaExponent,
    /// Everybody could sign.
    #[error("its Ed25519 key is one that others could sign with too")]
    SmallOrder,
}

impl UnusableKey {
    /// What a key of a curve that is not known is of.
    pub(super) fn of_curve(parameters: Option<AnyRef<'_>>) -> UnusableKey {
        let curve = parameters.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
        match curve {
            None => UnusableKey::ExplicitCurve,
            Some(P256 | P384) => UnusableKey::Damaged,
            Some(other) => UnusableKey::named(other),
        }
    }

    pub(super) fn named(oid: ObjectIdentifier) -> UnusableKey {
        let name = NAMED.iter().find(|(known, _)| *known == oid);
        UnusableKey::Kind(match name {
            Some((_, name)) => Cow::Borrowed(*name),
            None => format!("a kind that is not known here ({oid})").into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use der::Encode;

    use super::*;

    fn spki(algorithm: &[u8], bits: &[u8]) -> Vec<u8> {
        let wrapped = |tag: u8, parts: &[&[u8]]| {
            let content = parts.concat();
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            let head = [tag, 0x82, length[0], length[1]];
            match content.len() {
                short @ 0..=127 => [&[tag, short as u8][..], &content].concat(),
                medium @ 128..=255 => [&[tag, 0x81, medium as u8][..], &content].concat(),
                _ => [&head[..], &content].concat(),
            }
        };
        let bits = wrapped(3, &[&[0], bits]);
        wrapped(0x30, &[algorithm, &bits])
    }

    fn ed25519_spki(point: [u8; 32]) -> Vec<u8> {
        spki(&[0x30, 5, 6, 3, 0x2b, 0x65, 0x70], &point)
    }

    fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        const ALGORITHM: [u8; 15] = [
            0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0,
        ];
        let key = RsaPublicKey {
            modulus: Uint::new(modulus).unwrap(),
            public_exponent: Uint::new(exponent).unwrap(),
        };
        spki(&ALGORITHM, &key.to_der().unwrap())
    }

    #[test]
    fn keys_under_which_a_signature_says_nothing_are_refused() {
        let first = |octet: u8| {
            let mut point = [0; 32];
            point[0] = octet;
            point
        };
        // RFC 7748 §6.1 and libsodium's list: the points of order 1, 2, 4 and 8.
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
        let order_8 = HEXLOWER.decode(order_8.as_bytes()).unwrap();
        for weak in [first(1), first(0), minus_one, order_8.try_into().unwrap()] {
            let read = PublicKey::from_spki_der(&ed25519_spki(weak));
            assert_eq!(read, Err(UnusableKey::SmallOrder), "{weak:?}");
        }
        // RFC 8032 §7.1, test 1.
        let good = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let good = HEXLOWER.decode(good.as_bytes()).unwrap();
        let spki = ed25519_spki(good.try_into().unwrap());
        let read = PublicKey::from_spki_der(&spki).unwrap();
        assert_eq!((read.kind(), read.spki_der()), (KeyKind::Ed25519, spki));
    }

    #[test]
    fn rsa_keys_are_long_enough_and_have_an_exponent_that_hides_something() {
        let modulus = |octets: usize, first: u8| {
            let mut modulus = vec![0x5b; octets];
            modulus[0] = first;
            modulus
        };
        for (modulus, expected) in [
            (modulus(256, 0x7f), Err(UnusableKey::RsaLength(2047))),
            (modulus(128, 0x80), Err(UnusableKey::RsaLength(1024))),
            (modulus(1025, 1), Err(UnusableKey::RsaLength(8193))),
            (modulus(256, 0x80), Ok(KeyKind::Rsa)),
            (modulus(1024, 0xff), Ok(KeyKind::Rsa)),
        ] {
            let read = PublicKey::from_spki_der(&rsa_spki(&modulus, &[1, 0, 1]));
            assert_eq!(read.map(|key| key.kind()), expected);
        }
        let modulus = modulus(256, 0x80);
        for bad in [
            &[1][..],
            &[2],
            &[1, 0, 0],
            &[0x80, 0, 0, 1],
            &[1, 0, 0, 0, 1],
        ] {
            let read = PublicKey::from_spki_der(&rsa_spki(&modulus, bad));
            assert_eq!(read, Err(UnusableKey::RsaExponent), "{bad:?}");
        }
        let spki = rsa_spki(&modulus, &[3]);
        assert_eq!(PublicKey::from_spki_der(&spki).unwrap().spki_der(), spki);
    }
}
