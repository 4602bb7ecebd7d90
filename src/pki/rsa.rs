//! RSA private keys, which sign by RSASSA-PKCS1-v1_5 with SHA-256: no nonce, so one message has one signature.
//!
//! The arithmetic is ring's, in constant time and checked against the public key before it leaves (RFC 8017 §5.2.1 has
//! no such check; a fault in the CRT would give a factor of the modulus away). RustCrypto's `rsa` leaks its key in time
//! (RUSTSEC-2023-0071).

use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

use super::{Fault, KeyKind, PublicKey};

/// An RSA private key of 2048 to 4096 bits with two primes.
pub(super) struct RsaKey {
    /// The `RSAPrivateKey` (RFC 8017 §A.1.2), wiped when dropped.
    pkcs1: Zeroizing<Vec<u8>>,
    /// What ring made of it, which ring does not wipe.
    pair: RsaKeyPair,
}

impl RsaKey {
    /// Reads an `RSAPrivateKey`.
    ///
    /// # Errors
    /// What is wrong with it, to be read behind "its key is of".
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<RsaKey, &'static str> {
        let pair =
            RsaKeyPair::from_der(der).map_err(|rejected| match rejected.to_string().as_str() {
                "TooSmall" => "RSA with fewer than 2048 bits, or with an exponent below 65537",
                "TooLarge" => "RSA with more than 4096 bits",
                "PrivateModulusLenNotMultipleOf512Bits" => {
                    "RSA with a length that is no multiple of 512 bits"
                }
                "InconsistentComponents" => "RSA with numbers that do not belong together",
                _ => "RSA in a form that cannot be signed with",
            })?;
        let pkcs1 = Zeroizing::new(der.to_vec());
        Ok(RsaKey { pkcs1, pair })
    }

    pub(super) fn to_pkcs1(&self) -> &[u8] {
        &self.pkcs1
    }

    pub(super) fn public_key(&self) -> PublicKey {
        PublicKey::new(KeyKind::Rsa, self.pair.public_key().as_ref().to_vec())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        // RFC 8017 §9.2: this padding takes no randomness, and ring draws none for it.
        let unused = SystemRandom::new();
        let signed = self
            .pair
            .sign(&RSA_PKCS1_SHA256, &unused, message, &mut signature);
        signed.map(|()| signature).map_err(|_| Fault)
    }
}
