//! The root secret, and everything that is derived from it.
//!
//! 32 random bytes are all that is ever secret here. Each key, serial, salt and password is
//! HKDF-SHA256 (RFC 5869) of them under a constant label and length-prefixed fields, the issuance's
//! id among them. The labels and their fields are frozen: a change would be another CA, so a golden
//! test pins what they give.

mod fresh;
mod identity;
mod keyring;
mod sealed;
mod signer;

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub(crate) use identity::{Identity, NotIdentities, OtherKey, Recipient};
pub use keyring::Keyring;
pub(crate) use sealed::{
    Key, SealError, has_conflict, is_armoured, is_sealed, is_sealed_with_passphrase, recipients,
    seal, seal_with_passphrase, unseal,
};
pub use signer::RootSigner;
pub(crate) use signer::{RecordSignature, RootKey};

use crate::model::{DeviceId, MadeKey};
use crate::pki::{Fault, PrivateKey, Serial};
use crate::record::{from_hex, serde_as_text};

/// The version of the derivation; part of every label.
const VERSION: &str = "homelab derivation v1";

/// The word before the secret in its text form, so that the file says what it is.
const TEXT_PREFIX: &str = "homelab-root-1 ";

/// The secret that everything is derived from. Redacted, wiped, never serialised but sealed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RootSecret {
    bytes: [u8; 32],
}

impl RootSecret {
    /// Takes 32 bytes that were drawn at random.
    pub fn new(mut bytes: [u8; 32]) -> RootSecret {
        let secret = RootSecret { bytes };
        bytes.zeroize();
        secret
    }

    /// Reads the form that [`RootSecret::to_text`] writes; white space around it does not count.
    pub fn from_text(text: &str) -> Option<RootSecret> {
        let hex = text.trim().strip_prefix(TEXT_PREFIX)?;
        let decoded = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok()?;
        let decoded = Zeroizing::new(decoded);
        Some(RootSecret::new(decoded.as_slice().try_into().ok()?))
    }

    /// One line of text, which is what is sealed: `homelab-root-1` and 64 hexadecimal digits.
    pub fn to_text(&self) -> Zeroizing<String> {
        let hex = Zeroizing::new(data_encoding::HEXLOWER.encode(&self.bytes));
        Zeroizing::new(format!("{TEXT_PREFIX}{}\n", hex.as_str()))
    }

    /// What the lock pins this secret by; it tells nothing about the secret.
    pub fn id(&self) -> RootId {
        RootId(self.derive("root id", &[]))
    }

    /// What signs the records of the lock.
    pub fn signer(&self) -> RootSigner {
        let seed = Zeroizing::new(self.derive("lock signing key", &[]));
        RootSigner::from_seed(&seed)
    }

    /// The key of the authority issued under `id`.
    pub fn authority_key(&self, id: &IssuanceId) -> PrivateKey {
        key_from(self.derive("authority key", &[&id.0]))
    }

    /// The serial of that authority's certificate.
    pub fn authority_serial(&self, id: &IssuanceId) -> Serial {
        Serial::from_bytes(self.derive("authority serial", &[&id.0]))
    }

    /// The key of the certificate issued to `device` under `id`.
    ///
    /// # Errors
    /// [`Fault`] where the machine miscalculates.
    pub fn device_key(
        &self,
        kind: MadeKey,
        id: &IssuanceId,
        device: &DeviceId,
    ) -> Result<PrivateKey, Fault> {
        let fields = device_fields(id, device);
        match kind {
            MadeKey::P256 => Ok(key_from(self.derive("device key", &fields))),
            MadeKey::Rsa => {
                let seed = Zeroizing::new(self.derive("device rsa key", &fields));
                PrivateKey::rsa_from_seed(&seed)
            }
        }
    }

    /// The serial of that certificate.
    pub fn device_serial(&self, id: &IssuanceId, device: &DeviceId) -> Serial {
        Serial::from_bytes(self.derive("device serial", &device_fields(id, device)))
    }

    /// The password of that certificate's bundle.
    pub fn password(&self, id: &IssuanceId, device: &DeviceId) -> Password {
        let bytes: Zeroizing<[u8; 13]> =
            Zeroizing::new(self.derive("bundle password", &device_fields(id, device)));
        Password::from_bits(&bytes)
    }

    /// The key from which that bundle's salts and IVs are derived, together with what they protect.
    pub fn nonce_key(&self, id: &IssuanceId, device: &DeviceId) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.derive("bundle nonces", &device_fields(id, device)))
    }

    /// The key that seals what a build has made and not yet put to its place, so that the next one believes it.
    pub fn staging_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.derive("staging key", &[]))
    }

    /// HKDF-SHA256 without a salt; info is the version, the label and the fields, each behind its
    /// length in four big-endian bytes, so that no two lists of fields read alike.
    fn derive<const N: usize>(&self, label: &str, fields: &[&[u8]]) -> [u8; N] {
        let mut info = Vec::new();
        for field in [VERSION.as_bytes(), label.as_bytes()].iter().chain(fields) {
            let length = u32::try_from(field.len()).expect("fields are names and ids");
            info.extend_from_slice(&length.to_be_bytes());
            info.extend_from_slice(field);
        }
        let mut output = [0; N];
        Hkdf::<Sha256>::new(None, &self.bytes)
            .expand(&info, &mut output)
            .expect("HKDF-SHA256 gives up to 8160 bytes");
        output
    }
}

fn device_fields<'a>(id: &'a IssuanceId, device: &'a DeviceId) -> [&'a [u8]; 3] {
    [
        &id.0,
        device.person.as_str().as_bytes(),
        device.device.as_str().as_bytes(),
    ]
}

fn key_from(seed: [u8; 32]) -> PrivateKey {
    let seed = Zeroizing::new(seed);
    PrivateKey::from_seed(seed.as_slice()).expect("32 bytes are enough of a seed")
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(…)")
    }
}

/// What a lock pins its root secret by: 16 bytes, written in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RootId([u8; 16]);

/// What makes one issuance differ from every other: 16 random bytes, written in hexadecimal.
///
/// A device that is removed and declared again gets a new one, and with it a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuanceId([u8; 16]);

impl IssuanceId {
    /// Takes 16 bytes that were drawn at random.
    pub fn new(bytes: [u8; 16]) -> IssuanceId {
        IssuanceId(bytes)
    }

    /// The first eight hexadecimal digits, for names.
    pub fn short(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0[..4])
    }
}

/// As many ids as an update of the lock needs, all from one seed that was drawn at random: each is as hard to guess as the seed.
pub(crate) struct IssuanceIds(blake3::OutputReader);

impl IssuanceIds {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> IssuanceIds {
        let mut hasher = blake3::Hasher::new_derive_key("homelab root: issuance ids");
        hasher.update(seed);
        IssuanceIds(hasher.finalize_xof())
    }

    /// The next one; there is no end to them.
    pub(crate) fn draw(&mut self) -> IssuanceId {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        IssuanceId::new(bytes)
    }
}

macro_rules! hexadecimal {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                data_encoding::HEXLOWER.encode_write(&self.0, f)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<$type, NotAnId> {
                from_hex(text).map($type).ok_or(NotAnId)
            }
        }
    };
}
hexadecimal!(RootId);
hexadecimal!(IssuanceId);
serde_as_text!(RootId);
serde_as_text!(IssuanceId);

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 hexadecimal digits")]
pub struct NotAnId;

/// A bundle's password: 20 characters of Crockford's base32 in four groups, 100 bits.
///
/// Small letters, because phones make capitals a chore; no `i`, `l`, `o` or `u`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Shows the password. What it is given to must not keep it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn from_bits(bytes: &[u8; 13]) -> Password {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut bits = 0_u32;
        let mut held = 0;
        let mut remaining = bytes.iter();
        let mut text = String::with_capacity(23);
        for position in 0..20 {
            if position > 0 && position % 5 == 0 {
                text.push('-');
            }
            if held < 5 {
                let byte = remaining.next().expect("13 bytes hold 20 times 5 bits");
                bits = (bits << 8 | u32::from(*byte)) & 0xffff;
                held += 8;
            }
            held -= 5;
            text.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
        }
        Password(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> (RootSecret, IssuanceId, DeviceId) {
        let device = "alice/pixel".parse().unwrap();
        (RootSecret::new([7; 32]), IssuanceId::new([9; 16]), device)
    }

    #[test]
    fn the_derivation_is_frozen() {
        let (root, id, device) = fixed();
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let key_id = |key: PrivateKey| hex(&key.public_key().key_id());
        for (derived, frozen) in [
            (root.id().to_string(), "2e317dd67f6ecda9bc342a29ec819570"),
            (
                root.signer().key().to_string(),
                "106ad445fb2731de0c6fc9f37a50a13825cc4062e3847e74b422bafa9a87430b",
            ),
            (
                root.authority_serial(&id).to_hex(),
                "6dfe5a6cbf10d40e2aaf150d9bdf5360ee67642e",
            ),
            (
                root.device_serial(&id, &device).to_hex(),
                "624784e7ef34fba472a6ec8d99e90dba0f376a66",
            ),
            (
                root.password(&id, &device).expose().to_owned(),
                "dp70f-662fv-41r0r-3ekes",
            ),
            (
                key_id(root.authority_key(&id)),
                "9107156529e9d604d2208a96f1e15a58a0a2f33d",
            ),
            (
                key_id(root.device_key(MadeKey::P256, &id, &device).unwrap()),
                "83423a115ed2c811bec0159f9605399907807558",
            ),
            (
                key_id(root.device_key(MadeKey::Rsa, &id, &device).unwrap()),
                "bd01676babf2e712f8cee787b7c2f8ae2cfadaf5",
            ),
            (
                hex(root.nonce_key(&id, &device).as_slice()),
                "610eb57b664eecd87f381149a2b2a40140965743034fe0b553188e4bfdd0b30d",
            ),
        ] {
            assert_eq!(derived, frozen);
        }
    }

    #[test]
    fn a_key_of_rsa_has_a_seed_of_its_own() {
        let (root, id, device) = fixed();
        let of = |label| root.derive::<32>(label, &device_fields(&id, &device));
        assert_ne!(of("device key"), of("device rsa key"));
    }

    #[test]
    fn every_field_counts() {
        let (root, id, device) = fixed();
        let serial = root.device_serial(&id, &device);
        let other_id = IssuanceId::new([8; 16]);
        let shifted: DeviceId = "alic/epixel".parse().unwrap();
        assert_ne!(serial, root.device_serial(&other_id, &device));
        assert_ne!(serial, root.device_serial(&id, &shifted));
        assert_ne!(serial, RootSecret::new([6; 32]).device_serial(&id, &device));
        assert_ne!(serial, root.authority_serial(&id));
    }

    #[test]
    fn the_text_form_round_trips_and_nothing_else_is_read() {
        let (root, ..) = fixed();
        let text = root.to_text();
        assert_eq!(
            text.as_str(),
            format!("homelab-root-1 {}\n", "07".repeat(32))
        );
        assert_eq!(RootSecret::from_text(&text).unwrap().id(), root.id());
        let cut = &text[..text.len() - 2];
        for bad in ["", "homelab-root-1 ", &text[1..], cut, &text.to_uppercase()] {
            assert!(RootSecret::from_text(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let (root, id, device) = fixed();
        assert_eq!(format!("{root:?}"), "RootSecret(…)");
        assert_eq!(format!("{:?}", root.password(&id, &device)), "Password(…)");
    }

    #[test]
    fn passwords_use_every_bit() {
        assert_eq!(
            Password::from_bits(&[0; 13]).expose(),
            "00000-00000-00000-00000"
        );
        assert_eq!(
            Password::from_bits(&[255; 13]).expose(),
            "zzzzz-zzzzz-zzzzz-zzzzz"
        );
        // Crockford's order: 5 bits at a time from the most significant.
        let counting = [
            0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf, 0x84, 0x65, 0x30,
        ];
        assert_eq!(
            Password::from_bits(&counting).expose(),
            "01234-56789-abcde-fghjk"
        );
    }
}
