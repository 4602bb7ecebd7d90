//! What stands for a certificate, and what for a key: their SHA-256, written as lower-case hexadecimal digits.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::record::{from_hex, serde_as_text};

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// SHA-256 of a `SubjectPublicKeyInfo` in DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyFingerprint([u8; 32]);

/// SHA-256 of no octets, and of one line's end: what is printed where a file was missing or empty.
const OF_NOTHING: [&str; 2] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
];

impl Fingerprint {
    /// Of these octets, which are a certificate's.
    pub(super) fn of(der: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(der).into())
    }

    /// Reads what a tool has printed: 64 hexadecimal digits, in capitals or not, with colons between pairs or without.
    ///
    /// # Errors
    /// Why it is none.
    pub fn from_printed(text: &str) -> Result<Fingerprint, &'static str> {
        // As openssl prints it.
        let text = match text.split_once('=') {
            Some((what, digits)) if what.eq_ignore_ascii_case("sha256 Fingerprint") => digits,
            _ => text,
        };
        let pairs: Vec<&str> = text.split(':').collect();
        let digits = match pairs.as_slice() {
            [digits] => (*digits).to_owned(),
            pairs if pairs.iter().all(|pair| pair.len() == 2) => pairs.concat(),
            _ => return Err("its colons are not between pairs of digits"),
        };
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
        match bytes.map(<[u8; 32]>::try_from) {
            Ok(Ok(bytes)) => Ok(Fingerprint(bytes)),
            Ok(Err(other)) if other.len() == 20 => Err("it has the length of a SHA-1"),
            Ok(Err(_)) => Err("it has not 64 digits"),
            Err(_) => Err("it has something else than hexadecimal digits"),
        }
    }

    /// Whether it is of an empty file rather than of a certificate.
    pub fn is_of_nothing(&self) -> bool {
        OF_NOTHING.contains(&self.to_string().as_str())
    }

    /// In pairs of capitals with something between them, as tools show it.
    pub fn in_pairs(&self, between: &str) -> String {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
        ];
        let mut pairs = String::with_capacity(self.0.len() * (2 + between.len()));
        for (at, octet) in self.0.iter().enumerate() {
            if at > 0 {
                pairs.push_str(between);
            }
            pairs.push(DIGITS[usize::from(octet >> 4)]);
            pairs.push(DIGITS[usize::from(octet & 15)]);
        }
        pairs
    }
}

impl KeyFingerprint {
    /// Of these octets, which are a `SubjectPublicKeyInfo`'s.
    pub(super) fn of(spki: &[u8]) -> KeyFingerprint {
        KeyFingerprint(Sha256::digest(spki).into())
    }
}

/// A text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the 64 lower-case hexadecimal digits of a SHA-256")]
pub struct NoFingerprint;

macro_rules! as_hexadecimal {
    ($type:ident) => {
        impl From<[u8; 32]> for $type {
            fn from(digest: [u8; 32]) -> $type {
                $type(digest)
            }
        }

        impl Display for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                HEXLOWER.encode_write(&self.0, f)
            }
        }

        impl Debug for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Display::fmt(self, f)
            }
        }

        impl FromStr for $type {
            type Err = NoFingerprint;

            /// Reads what is written by `Display`, and nothing else.
            fn from_str(text: &str) -> Result<$type, NoFingerprint> {
                from_hex(text).map($type).ok_or(NoFingerprint)
            }
        }
    };
}

as_hexadecimal!(Fingerprint);
as_hexadecimal!(KeyFingerprint);

serde_as_text!(Fingerprint);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_tools_print_them() {
        let plain = "00ab".repeat(16);
        let read = Fingerprint::from_printed(&plain).unwrap();
        let printed = read.in_pairs(":");
        assert!(printed.starts_with("00:AB:00:AB"), "{printed}");
        for same in [
            plain.to_uppercase(),
            format!("sha256 Fingerprint={printed}"),
            format!("SHA256 Fingerprint={printed}"),
            printed.clone(),
        ] {
            assert_eq!(Fingerprint::from_printed(&same), Ok(read), "{same}");
        }
        for bad in [
            "",
            &plain[..62],
            &plain[..40],
            &format!("{plain}00"),
            &plain.replace('b', "g"),
            &format!("sha256:{plain}"),
            &plain.replacen("00", "0:0", 1),
        ] {
            assert!(Fingerprint::from_printed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn own_files_have_one_form_of_it() {
        let plain = "00ab".repeat(16);
        let read: Fingerprint = plain.parse().unwrap();
        assert_eq!(read.to_string(), plain);
        let json = format!("\"{plain}\"");
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), read);
        for bad in [&plain[..62], &plain.to_uppercase(), &read.in_pairs(":"), ""] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NoFingerprint), "{bad}");
            assert!(serde_json::from_str::<Fingerprint>(&format!("\"{bad}\"")).is_err());
        }
    }
}
