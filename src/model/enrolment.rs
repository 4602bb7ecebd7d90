//! How a device comes by its key and its certificate.

use crate::pki::Fingerprint;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MadeKey {
    /// ECDSA of P-256.
    P256,
    /// RSA of 2048 bits, for devices that take nothing else.
    Rsa,
}

impl MadeKey {
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
        if path.split('/').any(|part| part == "..") {
            Err("it leads out of the directory of homelab.kdl")
        } else {
            Ok(RequestPath(path.to_owned()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
