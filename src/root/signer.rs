//! The key that the lock's records are signed with, Ed25519 (RFC 8032). Only this file knows its crate.
//!
//! A signature is a function of the key and the text alone (RFC 8032 §5.1.6), so a record that has not
//! changed keeps its bytes whoever writes the lock anew.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey, verify_batch};
use thiserror::Error;

use crate::pki::Fault;

/// The secret half. Wiped when it is dropped, as its crate does by itself.
pub struct RootSigner(SigningKey);

/// The public half, written in hexadecimal: what the lock names, and what can be pinned from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RootKey(VerifyingKey);

/// A signature of a record, written as base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordSignature(Signature);

impl RootSigner {
    pub(super) fn from_seed(seed: &[u8; 32]) -> RootSigner {
        RootSigner(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn key(&self) -> RootKey {
        RootKey(self.0.verifying_key())
    }

    /// Signs a text.
    ///
    /// # Errors
    /// [`Fault`] if the signature does not verify.
    pub fn sign(&self, text: &str) -> Result<RecordSignature, Fault> {
        let signature = RecordSignature(self.0.sign(text.as_bytes()));
        // Two signatures of one text, one of them miscalculated, give the key away.
        if self.key().verifies(text, &signature) {
            Ok(signature)
        } else {
            Err(Fault)
        }
    }
}

impl fmt::Debug for RootSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSigner(…)")
    }
}

impl RootKey {
    /// Whether this key has signed the text.
    pub fn verifies(&self, text: &str, signature: &RecordSignature) -> bool {
        self.0.verify_strict(text.as_bytes(), &signature.0).is_ok()
    }

    /// Whether it has signed them all, in half the time of one by one. The crate draws no randomness for
    /// it: its coefficients are a hash of everything that is verified.
    pub fn verifies_all(&self, signed: &[(&str, RecordSignature)]) -> bool {
        let texts: Vec<&[u8]> = signed.iter().map(|(text, _)| text.as_bytes()).collect();
        let signatures: Vec<Signature> = signed.iter().map(|(_, s)| s.0).collect();
        verify_batch(&texts, &signatures, &vec![self.0; signed.len()]).is_ok()
    }
}

impl fmt::Display for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({self})")
    }
}

impl FromStr for RootKey {
    type Err = NotARootKey;

    fn from_str(text: &str) -> Result<RootKey, NotARootKey> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        // Of a point of small order anything is a signature.
        let key = key.filter(|key| !key.is_weak());
        key.map(RootKey).ok_or(NotARootKey)
    }
}

/// A text that is no root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected 64 hexadecimal digits, `root_key` in `homelab status --json`")]
pub struct NotARootKey;

impl fmt::Display for RecordSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0.to_bytes()))
    }
}

impl fmt::Debug for RecordSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordSignature({self})")
    }
}

impl FromStr for RecordSignature {
    type Err = NotARecordSignature;

    fn from_str(text: &str) -> Result<RecordSignature, NotARecordSignature> {
        let bytes = BASE64.decode(text.as_bytes()).ok();
        let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature.map(RecordSignature).ok_or(NotARecordSignature)
    }
}

/// A text that is not a signature as [`RecordSignature`] writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected base64 of 64 octets")]
pub struct NotARecordSignature;

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> RootSigner {
        RootSigner::from_seed(&[7; 32])
    }

    /// RFC 8032 §7.1, TEST 1.
    #[test]
    fn it_is_ed25519() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let seed = HEXLOWER.decode(seed.as_bytes()).unwrap();
        let signer = RootSigner::from_seed(&seed.try_into().unwrap());
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(signer.key().to_string(), key);
        let signature = signer.sign("").unwrap();
        assert!(
            HEXLOWER
                .encode(&signature.0.to_bytes())
                .starts_with("e5564300c360ac72")
        );
        assert!(signer.key().verifies("", &signature));
    }

    #[test]
    fn one_bad_signature_spoils_all() {
        let (signer, texts) = (signer(), ["a", "b", "c", "d"]);
        let signed = texts.map(|text| (text, signer.sign(text).unwrap()));
        assert!(signer.key().verifies_all(&signed));
        assert!(signer.key().verifies_all(&[]));
        for spoilt in 0..texts.len() {
            let mut bad = signed;
            bad[spoilt].0 = "e";
            assert!(!signer.key().verifies_all(&bad), "{spoilt}");
        }
    }

    #[test]
    fn nothing_else_is_read() {
        let key = signer().key().to_string();
        assert_eq!(key.parse(), Ok(signer().key()));
        let weak = format!("01{}", "0".repeat(62));
        let no_point = format!("02{}", "0".repeat(62));
        for bad in ["", &key[2..], &key.to_uppercase(), &weak, &no_point] {
            assert_eq!(bad.parse::<RootKey>(), Err(NotARootKey), "{bad:?}");
        }
        let signature = signer().sign("a").unwrap().to_string();
        let read: Result<RecordSignature, _> = signature.parse();
        assert_eq!(read, Ok(signer().sign("a").unwrap()));
        assert!(signature[4..].parse::<RecordSignature>().is_err());
    }

    #[test]
    fn the_secret_does_not_show() {
        assert_eq!(format!("{:?}", signer()), "RootSigner(…)");
    }
}
