//! Salts and initialization vectors, derived instead of drawn.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::BundleProfile;

/// What the value is for. Each gets values of its own even for the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The salt that turns the password into an encryption key.
    Salt,
    /// The initialization vector of the cipher.
    Vector,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Purpose::Salt => "salt",
            Purpose::Vector => "iv",
        }
    }
}

/// The `N` octets for `purpose` in protecting `plaintext`, which is the bundle's `part`.
///
/// HKDF-SHA256 (RFC 5869) with `nonce_key` as its input and, as info, `p12 v1`, profile, part,
/// purpose, each ended by a NUL, and the SHA-256 of the plaintext. Frozen: a bundle must come out
/// the same for ever, and other content must get another salt.
pub(super) fn derive<const N: usize>(
    nonce_key: &[u8; 32],
    profile: BundleProfile,
    part: &str,
    purpose: Purpose,
    plaintext: &[u8],
) -> [u8; N] {
    let digest: Zeroizing<[u8; 32]> = Zeroizing::new(Sha256::digest(plaintext).into());
    let fields = ["p12 v1", profile.as_str(), part, purpose.label()];
    let mut info = Zeroizing::new(
        fields
            .map(|field| format!("{field}\0"))
            .concat()
            .into_bytes(),
    );
    info.extend_from_slice(digest.as_slice());

    let mut nonce = [0; N];
    let expanded = Hkdf::<Sha256>::new(None, nonce_key).expand(&info, &mut nonce);
    expanded.expect("HKDF gives up to 8160 octets");
    nonce
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn each_field_counts() {
        use BundleProfile::{Compat, Modern};
        let nonces: [[u8; 16]; 6] = [
            derive(&[1; 32], Compat, "key", Purpose::Salt, b"plaintext"),
            derive(&[2; 32], Compat, "key", Purpose::Salt, b"plaintext"),
            derive(&[1; 32], Modern, "key", Purpose::Salt, b"plaintext"),
            derive(&[1; 32], Compat, "certificate", Purpose::Salt, b"plaintext"),
            derive(&[1; 32], Compat, "key", Purpose::Vector, b"plaintext"),
            derive(&[1; 32], Compat, "key", Purpose::Salt, b"plaintexu"),
        ];
        assert_eq!(nonces.iter().collect::<BTreeSet<_>>().len(), nonces.len());
    }

    #[test]
    fn the_derivation_is_frozen() {
        let salt: [u8; 16] = derive(
            &[1; 32],
            BundleProfile::Modern,
            "key",
            Purpose::Salt,
            b"plaintext",
        );
        assert_eq!(HEXLOWER.encode(&salt), "10353f7a238edae0060e195619d89aec");
    }
}
