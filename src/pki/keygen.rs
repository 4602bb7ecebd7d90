//! C2SP det-keygen (<https://c2sp.org/det-keygen>): a P-256 private key from a seed, the same one
//! for ever; and the generator of bits that those of RSA are drawn from, too.
//!
//! The steps named in comments are those of its section "ECDSA".

use hmac::{Hmac, KeyInit, Mac};
use p256::SecretKey;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The fewest octets that a seed may have: 128 bits.
pub(super) const SHORTEST_SEED: usize = 16;

const PERSONALIZATION: &[u8] = b"det ECDSA key gen P-256";

/// The secret key that `seed` stands for, or nothing if the seed misses the curve's order twice.
///
/// Fewer than one seed in 2⁶⁴ does that, and none is known.
pub(super) fn secret_key(seed: &[u8]) -> Option<SecretKey> {
    let mut generator = HmacDrbg::instantiate(&[seed, PERSONALIZATION]);
    if let Ok(key) = SecretKey::from_slice(generator.generate()) {
        return Some(key);
    }
    // Step 11: P-256 alone is retried, and once, for its order leaves one candidate in 2³² out.
    generator.update(&[]);
    SecretKey::from_slice(generator.generate()).ok()
}

/// HMAC_DRBG with SHA-256 (SP 800-90A §10.1.2), as far as keys need it: one block at a time.
pub(super) struct HmacDrbg {
    key: Zeroizing<[u8; 32]>,
    value: Zeroizing<[u8; 32]>,
}

impl HmacDrbg {
    /// From a seed and a personalization string, in pieces: what they are together counts.
    pub(super) fn instantiate(seed: &[&[u8]]) -> Self {
        // Steps 2 and 3.
        let mut drbg = Self {
            key: Zeroizing::new([0x00; 32]),
            value: Zeroizing::new([0x01; 32]),
        };
        // Steps 4 to 7.
        drbg.update(seed);
        drbg
    }

    /// SP 800-90A §10.1.2.2: without data the second round is left out.
    pub(super) fn update(&mut self, data: &[&[u8]]) {
        self.rekey(0x00, data);
        if !data.is_empty() {
            self.rekey(0x01, data);
        }
    }

    fn rekey(&mut self, round: u8, data: &[&[u8]]) {
        let mut mac = self.mac();
        mac.update(self.value.as_slice());
        mac.update(&[round]);
        for part in data {
            mac.update(part);
        }
        self.key.copy_from_slice(&mac.finalize().into_bytes());
        self.generate();
    }

    /// Steps 8 to 10: one block is exactly as long as the order of P-256, so bits2int changes
    /// nothing.
    pub(super) fn generate(&mut self) -> &[u8] {
        let mut mac = self.mac();
        mac.update(self.value.as_slice());
        self.value.copy_from_slice(&mac.finalize().into_bytes());
        self.value.as_slice()
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.key.as_slice()).expect("HMAC takes keys of any length")
    }
}
