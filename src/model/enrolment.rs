//! How a device comes by its key and its certificate.

use std::fmt::{self, Display, Formatter};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Serialize, Serializer};

/// How a device comes by its key and its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolment {
    /// Both are made here, and stand in a .p12.
    Bundle(MadeKey),
    /// It has made its key, and asks for a certificate of it.
    Request(RequestPath),
    /// It has both already, from an authority that was adopted: nothing is made for it.
    Installed(Fingerprint),
}

/// The kind of a key that is made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeKey {
    /// ECDSA of P-256.
    P256,
    /// RSA of 2048 bits, for devices that take nothing else.
    Rsa,
}

impl MadeKey {
    /// Every kind.
    pub const ALL: [MadeKey; 2] = [MadeKey::P256, MadeKey::Rsa];

    /// The word for it in a declaration.
    pub fn as_str(self) -> &'static str {
        match self {
            MadeKey::P256 => "p256",
            MadeKey::Rsa => "rsa",
        }
    }

    /// The kind that a word stands for.
    pub fn from_word(word: &str) -> Option<MadeKey> {
        MadeKey::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Where a request for a certificate stands (PKCS#10, RFC 2986): beside the declaration, or below.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestPath(String);

impl RequestPath {
    /// A path relative to the declaration.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(path: &str) -> Result<RequestPath, &'static str> {
        if path.is_empty() || path.chars().any(char::is_control) {
            return Err("it is no path");
        }
        if path.starts_with('/') || path.starts_with('~') {
            return Err("it does not begin beside homelab.kdl");
        }
        match path.split('/').any(|part| part == "..") {
            true => Err("it leads out of the directory of homelab.kdl"),
            false => Ok(RequestPath(path.to_owned())),
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// SHA-256 of no octets, and of one line's end: what is printed where a file was missing or empty.
const OF_NOTHING: [&str; 2] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
];

impl Fingerprint {
    /// Whether it is that of an empty input. From 2.11.2 on Caddy gives it to whoever shows no certificate.
    pub fn is_of_nothing(&self) -> bool {
        OF_NOTHING.contains(&HEXLOWER.encode(&self.0).as_str())
    }

    /// Reads 64 hexadecimal digits, in capitals or not, with colons between pairs or without.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(text: &str) -> Result<Fingerprint, &'static str> {
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

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(digest: [u8; 32]) -> Fingerprint {
        Fingerprint(digest)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// In hexadecimal, as Caddy and the lock have it.
impl Display for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_write(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_tools_print_them() {
        let plain = "00ab".repeat(16);
        let read = Fingerprint::new(&plain).unwrap();
        let pairs: Vec<&str> = (0..32).map(|at| &plain[at * 2..at * 2 + 2]).collect();
        let printed = pairs.join(":").to_uppercase();
        for same in [
            plain.to_uppercase(),
            format!("sha256 Fingerprint={printed}"),
            format!("SHA256 Fingerprint={printed}"),
            printed.clone(),
        ] {
            assert_eq!(Fingerprint::new(&same), Ok(read), "{same}");
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
            assert!(Fingerprint::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn requests_stand_beside_the_declaration() {
        for good in ["a.csr", "csr/a b.csr", "./a..b"] {
            assert!(RequestPath::new(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "~/a", "../a", "a/../../b", "a\0"] {
            assert!(RequestPath::new(bad).is_err(), "{bad}");
        }
    }
}
