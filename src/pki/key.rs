//! Private keys: those of P-256 and RSA that are made here from a seed, and those that others made, of P-384 too.

use std::fmt;

use cms::cert::x509::spki::AlgorithmIdentifierRef;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Encode, Sequence};
use p256::ecdsa::signature::Signer;
use p256::pkcs8::DecodePrivateKey;
use pkcs8::PrivateKeyInfoRef;
use rcgen::PublicKeyData;
use thiserror::Error;
use zeroize::Zeroizing;

use super::pem::pem;
use super::public_key::{EC, P256, P384, RSA, UnusableKey};
use super::rsa::RsaKey;
use super::{KeyKind, PublicKey, keygen, rsa_keygen};

/// A private key: redacted in `Debug`, wiped when dropped, never cloned.
pub struct PrivateKey {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    /// Wipes itself (`ZeroizeOnDrop`), as the next does.
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Rsa(Box<RsaKey>),
}

impl PrivateKey {
    /// The key of P-256 that `seed` stands for, by C2SP det-keygen. Seeds should hold at least 192 bits of
    /// entropy.
    ///
    /// # Errors
    /// [`SeedLength`] for a seed shorter than 16 octets.
    pub fn from_seed(seed: &[u8]) -> Result<PrivateKey, SeedLength> {
        if seed.len() < keygen::SHORTEST_SEED {
            return Err(SeedLength { octets: seed.len() });
        }
        let secret = keygen::secret_key(seed)
            .expect("no seed is known that misses the order of P-256 twice");
        Ok(PrivateKey::p256(&secret))
    }

    /// The key of RSA, of 2048 bits, that `seed` stands for, by C2SP det-keygen. It has signed something, and the
    /// signature verified. It takes a good part of a second.
    ///
    /// # Errors
    /// [`Fault`] if its numbers do not belong together, or what it signs does not verify.
    pub fn rsa_from_seed(seed: &[u8; 32]) -> Result<PrivateKey, Fault> {
        let pkcs1 = rsa_keygen::private_key(seed);
        let key = PrivateKey::from_pkcs1_der(&pkcs1).map_err(|_| Fault)?;
        key.sign(b"")?;
        Ok(key)
    }

    /// The key of P-256 whose scalar these 32 octets are, the most significant first (SEC 1 §2.3.7); none
    /// where they are not one.
    pub fn from_scalar(scalar: &[u8; 32]) -> Option<PrivateKey> {
        let secret = p256::SecretKey::from_slice(scalar).ok()?;
        Some(PrivateKey::p256(&secret))
    }

    /// The scalar, as [`from_scalar`](Self::from_scalar) reads it; none of a key of another kind.
    pub fn to_scalar(&self) -> Option<Zeroizing<[u8; 32]>> {
        match &self.secret {
            Secret::P256(signing) => Some(Zeroizing::new(signing.to_bytes().into())),
            Secret::P384(_) | Secret::Rsa(_) => None,
        }
    }

    /// The key in an unencrypted PKCS#8 `PrivateKeyInfo` (RFC 5958).
    ///
    /// # Errors
    /// An [`UnusableKey`] if it is of a kind that does not sign here.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<PrivateKey, UnusableKey> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| UnusableKey::Damaged)?;
        match info.algorithm.oid {
            EC => match p256::SecretKey::from_pkcs8_der(der) {
                Ok(secret) => Ok(PrivateKey::p256(&secret)),
                Err(_) => match p384::SecretKey::from_pkcs8_der(der) {
                    Ok(secret) => Ok(PrivateKey::p384(&secret)),
                    Err(_) => Err(UnusableKey::of_curve(info.algorithm.parameters)),
                },
            },
            RSA => PrivateKey::from_pkcs1_der(info.private_key.as_bytes()),
            other => Err(UnusableKey::named(other)),
        }
    }

    /// The key in an `ECPrivateKey` (RFC 5915).
    ///
    /// # Errors
    /// An [`UnusableKey`] if it is none of P-256 or P-384.
    pub fn from_sec1_der(der: &[u8]) -> Result<PrivateKey, UnusableKey> {
        if let Ok(secret) = p256::SecretKey::from_sec1_der(der) {
            return Ok(PrivateKey::p256(&secret));
        }
        match p384::SecretKey::from_sec1_der(der) {
            Ok(secret) => Ok(PrivateKey::p384(&secret)),
            Err(_) => Err(UnusableKey::Kind("another curve".into())),
        }
    }

    /// The key in an `RSAPrivateKey` (RFC 8017 §A.1.2).
    ///
    /// # Errors
    /// An [`UnusableKey`] if it cannot be signed with.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<PrivateKey, UnusableKey> {
        let key = RsaKey::from_pkcs1(der).map_err(|why| UnusableKey::Kind(why.into()))?;
        let public = key.public_key();
        let secret = Secret::Rsa(Box::new(key));
        Ok(PrivateKey { secret, public })
    }

    fn p256(secret: &p256::SecretKey) -> PrivateKey {
        let signing = p256::ecdsa::SigningKey::from(secret);
        let point = signing.verifying_key().to_sec1_point(false);
        let public = PublicKey::new(KeyKind::P256, point.as_bytes().to_vec());
        let secret = Secret::P256(signing);
        PrivateKey { secret, public }
    }

    fn p384(secret: &p384::SecretKey) -> PrivateKey {
        let signing = p384::ecdsa::SigningKey::from(secret);
        let point = signing.verifying_key().to_sec1_point(false);
        let public = PublicKey::new(KeyKind::P384, point.as_bytes().to_vec());
        let secret = Secret::P384(signing);
        PrivateKey { secret, public }
    }

    /// The same key once more: it is cloned in sight only.
    pub fn duplicate(&self) -> PrivateKey {
        PrivateKey::from_pkcs8_der(&self.to_pkcs8_der()).expect("it was written by this very key")
    }

    /// The public key that belongs to this key.
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// The key as an unencrypted PKCS#8 `PrivateKeyInfo` (RFC 5958); one of a curve with the public key
    /// inside (RFC 5915).
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        match &self.secret {
            Secret::P256(signing) => {
                let scalar = Zeroizing::new(signing.to_bytes());
                curve_pkcs8(P256, &scalar, self.public.bits())
            }
            Secret::P384(signing) => {
                let scalar = Zeroizing::new(signing.to_bytes());
                curve_pkcs8(P384, &scalar, self.public.bits())
            }
            Secret::Rsa(key) => pkcs8(RSA, AnyRef::NULL, key.to_pkcs1()),
        }
    }

    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        // RFC 7468 §10.
        Zeroizing::new(pem("PRIVATE KEY", &self.to_pkcs8_der()))
    }

    /// The signature of `message`, the same whenever it is asked for: ECDSA with SHA-256 (P-256) or SHA-384
    /// (P-384) in DER (RFC 3279 §2.2.3), its nonce RFC 6979's; RSASSA-PKCS1-v1_5 with SHA-256, which has none.
    ///
    /// # Errors
    /// [`Fault`] if the signature does not verify.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let signature = match &self.secret {
            Secret::P256(signing) => {
                let signature: p256::ecdsa::Signature =
                    signing.try_sign(message).map_err(|_| Fault)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::P384(signing) => {
                let signature: p384::ecdsa::Signature =
                    signing.try_sign(message).map_err(|_| Fault)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::Rsa(key) => key.sign(message)?,
        };
        // Two signatures of one message under one nonce, one of them miscalculated, give the
        // private key away; with RSA, one that is miscalculated does.
        if self
            .public
            .verifies(self.public.scheme(), message, &signature)
        {
            Ok(signature)
        } else {
            Err(Fault)
        }
    }
}

/// RFC 5915 §3. RFC 5958 §2: which curve it is says the algorithm around it.
#[derive(Sequence)]
struct EcPrivateKey<'a> {
    version: u8,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    public_key: BitStringRef<'a>,
}

/// What a key of a curve has been made with is known: to multiply its point again would take longer than all else.
fn curve_pkcs8(curve: ObjectIdentifier, scalar: &[u8], point: &[u8]) -> Zeroizing<Vec<u8>> {
    let short = "it is of some dozen octets";
    let key = EcPrivateKey {
        version: 1,
        private_key: OctetStringRef::new(scalar).expect(short),
        public_key: BitStringRef::from_bytes(point).expect(short),
    };
    let mut sec1 = Zeroizing::new(Vec::with_capacity(scalar.len() + point.len() + 32));
    key.encode_to_vec(&mut sec1).expect(short);
    pkcs8(EC, (&curve).into(), &sec1)
}

/// RFC 8017 §A.1: the parameters of RSA are NULL.
fn pkcs8(oid: ObjectIdentifier, parameters: AnyRef<'_>, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let short = "it is of some thousand octets";
    let algorithm = AlgorithmIdentifierRef {
        oid,
        parameters: Some(parameters),
    };
    let info = PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(key).expect(short));
    // Grown, it would leave copies behind.
    let mut der = Zeroizing::new(Vec::with_capacity(key.len() + 64));
    info.encode_to_vec(&mut der).expect(short);
    der
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl rcgen::SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        // Signing is the only "remote" operation that rcgen knows, so this error stands for `Fault`
        // alone.
        PrivateKey::sign(self, message).map_err(|Fault| rcgen::Error::RemoteKeyError)
    }
}

/// A seed too short to make a key from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("key seed has {octets} octets, fewer than {}", keygen::SHORTEST_SEED)]
pub struct SeedLength {
    /// How many octets it has.
    pub octets: usize,
}

/// A signature that was just made and does not verify: the machine miscalculates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a signature just made does not verify: this machine miscalculates")]
pub struct Fault;

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
    use p256::SecretKey;
    use p256::ecdsa::Signature;
    use p256::pkcs8::EncodePublicKey;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn det_keygen_vectors_hold() {
        // C2SP det-keygen/ecdsa.json, "secp256r1": seed and PKCS#8; the last one takes the retry of
        // step 11.
        let vectors = [
            (
                "QkJCQkJCQkJCQkJCQkJCQg==",
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFXAP+MY43FEcYRph/xtnRepvbgTZns3Ypd4s3KHG2PWhRANCAARK9xANzNgkarQJXzjfxNcfIXaj0GD+TwPBH2ihYsDSLmCVD3nI5EhogDuptztLvWJGXiYCoETbV3UZ/SzASU0v",
            ),
            (
                "QkJCQkJCQkJCQkJCQkJCQkJCQkJC",
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfypiGNS2nMg0+rGylgdqWWOTWEG6lfl3YCLGW1nj0mqhRANCAATf8c2vos8cNd5TfyuKI2u06LhRPDsHiHxwf3l69ayzAs2MyL6ivpv1qlVUVSkHssJGEt7VlLd/QwYYk0cN9Ehx",
            ),
            (
                "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC",
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGyGF1fZ+2czLp6D54LtG6V44boaPOXX8CbnPWaEt8tihRANCAAQ06+841WvjBR0iYrBCq1PNHu4pmMEcBdz4riE/PH1CltOxxiPj9BNlVFuXoGd1PsAz10VbM9saDS/GlQkKPbgU",
            ),
            (
                "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC",
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgte+KqUo2LvucQS/I+7SnAZykNox1/sUTxzbWSQpTICOhRANCAARppwCEmwMGkCDsckjYdQn+JLTdOAEA4eTEnL+rbr6bjR/EJ9GEt31prHZGnnd5V57qLMnEMr7Kn47Ullx2Nbn4",
            ),
            (
                "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC",
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYwGnU54dourLPWG1tVTBJp9XsDxBz2w8s+wWxtfExSChRANCAARRn/XSye5/iB83UvVy2iS1uLFZ7XXF97JlRMOSBCntXn2tq16nZ96Gh5h9DUFu1/5tpWh6zJxw0xwCsaZ0xTVP",
            ),
            (
                "tDL5vjCJBIApghhRBVmu1w==",
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjjMHhWW9fR+fgQEfqLeIYyr4QAdKsOsx+AIrd1R9YfOhRANCAAQL4vM/F5MfdZGkNZ76xFsUcBv2wGOLFeR6UUdMjcVKdVJVGy54GBTj+RMMDNq2ptG07tEKwNRKmC3Sq1HX9q4e",
            ),
        ];
        for (seed, pkcs8) in vectors {
            let key = PrivateKey::from_seed(&BASE64.decode(seed.as_bytes()).unwrap()).unwrap();
            assert_eq!(BASE64.encode(&key.to_pkcs8_der()), pkcs8, "seed {seed}");
        }
    }

    #[test]
    fn a_short_seed_is_refused() {
        assert_eq!(
            PrivateKey::from_seed(&[7; 15]).unwrap_err(),
            SeedLength { octets: 15 }
        );
        assert!(PrivateKey::from_seed(&[7; 16]).is_ok());
    }

    #[test]
    fn rfc_6979_vectors_hold() {
        // RFC 6979 §A.2.5, with SHA-256. The first s is the high one: it stays as it is.
        let secret = unhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let key = PrivateKey::p256(&SecretKey::from_slice(&secret).unwrap());
        let vectors = [
            (
                "sample",
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                "test",
                "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
                "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            ),
        ];
        for (message, r, s) in vectors {
            let signature = Signature::from_der(&key.sign(message.as_bytes()).unwrap()).unwrap();
            assert_eq!(
                signature.to_bytes().as_slice(),
                [unhex(r), unhex(s)].concat(),
                "{message}"
            );
        }
    }

    #[test]
    fn the_public_key_is_encoded_as_p256_encodes_it() {
        let key = PrivateKey::from_seed(&[7; 32]).unwrap();
        let Secret::P256(signing) = &key.secret else {
            panic!("seeds are of keys of P-256");
        };
        let expected = signing.verifying_key().to_public_key_der().unwrap();
        assert_eq!(key.public_key().spki_der(), expected.as_bytes());
        assert_eq!(
            key.public_key().key_id(),
            Sha256::digest(&expected.as_bytes()[26..])[..20]
        );
    }

    #[test]
    fn keys_of_curves_are_written_as_their_crates_write_them() {
        use p256::pkcs8::EncodePrivateKey;
        for first in [1, 0x7f, 0x80, 0xfe] {
            let secret = SecretKey::from_slice(&[first; 32]).unwrap();
            let expected = secret.to_pkcs8_der().unwrap();
            let written = PrivateKey::p256(&secret).to_pkcs8_der();
            assert_eq!(*written, expected.as_bytes(), "{first}");
            let secret = p384::SecretKey::from_slice(&[first; 48]).unwrap();
            let expected = secret.to_pkcs8_der().unwrap();
            let written = PrivateKey::p384(&secret).to_pkcs8_der();
            assert_eq!(*written, expected.as_bytes(), "{first}");
        }
    }

    #[test]
    fn a_signature_that_was_miscalculated_does_not_leave() {
        let mut key = PrivateKey::from_seed(&[7; 32]).unwrap();
        assert!(key.sign(b"a").is_ok());
        // What is signed with another key verifies as little as what is signed wrongly.
        key.public = PrivateKey::from_seed(&[8; 32]).unwrap().public;
        assert_eq!(key.sign(b"a"), Err(Fault));
    }

    #[test]
    fn a_key_of_rsa_signs_and_is_read_again() {
        let key = PrivateKey::rsa_from_seed(&[7; 32]).unwrap();
        let again = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der()).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        assert_eq!(key.public_key().kind(), KeyKind::Rsa);
        assert_eq!(key.sign(b"a"), again.sign(b"a"));
        let other = PrivateKey::rsa_from_seed(&[8; 32]).unwrap();
        assert_ne!(key.public_key(), other.public_key());
    }

    #[test]
    fn debug_tells_nothing_of_a_private_key() {
        let key = PrivateKey::from_seed(&[7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey { .. }");
    }

    fn unhex(digits: &str) -> Vec<u8> {
        HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).unwrap()
    }
}
