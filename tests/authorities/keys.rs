//! The keys of the authorities, made with openssl, and what they sign.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;

use super::der::{object, sequence};
use super::support::outcome;
use super::support::tools;

/// How openssl makes a key, and what stands for it in a list.
pub type Kind = &'static str;

pub const P256: Kind = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
pub const P224: Kind = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224";
pub const P384: Kind = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384";
pub const P521: Kind = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521";
pub const K256: Kind = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1";
pub const BRAINPOOL: Kind = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1";
pub const EXPLICIT: Kind =
    "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit";
pub const RSA512: Kind = "genrsa 512";
pub const RSA1023: Kind = "genrsa 1023";
pub const RSA1024: Kind = "genrsa 1024";
pub const RSA2048: Kind = "genrsa 2048";
pub const RSA3072: Kind = "genrsa 3072";
/// Of five primes, which takes a second instead of a minute.
pub const RSA8192: Kind = "genrsa -primes 5 8192";
pub const RSA8200: Kind = "genrsa -primes 5 8200";
pub const RSA_OF_3: Kind = "genrsa -3 2048";
pub const RSA_OF_MUCH: Kind =
    "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:4294967297";
pub const RSA_PSS: Kind = "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048";
pub const ED25519: Kind = "genpkey -algorithm ED25519";
pub const ED448: Kind = "genpkey -algorithm ED448";
pub const X25519: Kind = "genpkey -algorithm X25519";

/// Keys, each made when it is asked for first.
pub struct Keys {
    place: TempDir,
    made: RefCell<BTreeMap<Kind, Key>>,
}

#[derive(Clone)]
pub struct Key {
    file: String,
    /// Its `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
}

impl Keys {
    pub fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let made = RefCell::default();
        Self { place, made }
    }

    #[track_caller]
    pub fn key(&self, kind: Kind) -> Key {
        if let Some(key) = self.made.borrow().get(kind) {
            return key.clone();
        }
        let file = format!("{}.key", self.made.borrow().len());
        let (options, last) = kind.rsplit_once(' ').expect("it is several words");
        match options.starts_with("genrsa") {
            true => self.openssl(&format!("{options} -out {file} {last}")),
            false => self.openssl(&format!("{kind} -out {file}")),
        }
        let spki = format!("{file}.spki");
        self.openssl(&format!("pkey -in {file} -pubout -outform DER -out {spki}"));
        let spki = fs::read(self.place.path().join(spki)).expect("it was written");
        let key = Key { file, spki };
        self.made.borrow_mut().insert(kind, key.clone());
        key
    }

    /// The private key in PKCS#8.
    #[track_caller]
    pub fn private(&self, kind: Kind) -> Vec<u8> {
        let key = self.key(kind);
        self.openssl(&format!(
            "pkcs8 -topk8 -nocrypt -in {} -outform DER -out private",
            key.file
        ));
        fs::read(self.place.path().join("private")).expect("it was written")
    }

    /// What a key of this kind signs with, as an `AlgorithmIdentifier`.
    pub fn algorithm(kind: Kind) -> Vec<u8> {
        match kind {
            ED25519 => sequence([&object("1.3.101.112")]),
            ED448 => sequence([&object("1.3.101.113")]),
            _ if kind.contains("EC") => sequence([&object("1.2.840.10045.4.3.2")]),
            _ => sequence([&object("1.2.840.113549.1.1.11"), &[5, 0]]),
        }
    }

    /// The signature of a key of this kind; none where it cannot sign.
    #[track_caller]
    pub fn sign(&self, kind: Kind, message: &[u8]) -> Vec<u8> {
        let key = self.key(kind);
        let (message_at, signature_at) = (self.place.path().join("message"), "signature");
        fs::write(&message_at, message).expect("the directory is there");
        match kind {
            X25519 => return vec![0; 64],
            ED25519 | ED448 => self.openssl(&format!(
                "pkeyutl -sign -rawin -in message -inkey {} -out {signature_at}",
                key.file
            )),
            _ => self.openssl(&format!(
                "dgst -sha256 -sign {} -out {signature_at} message",
                key.file
            )),
        }
        fs::read(self.place.path().join(signature_at)).expect("it was written")
    }

    #[track_caller]
    fn openssl(&self, words: &str) {
        let mut openssl = tools::command("openssl");
        openssl
            .current_dir(self.place.path())
            .args(words.split(' '));
        outcome::run(&mut openssl, b"").succeeds();
    }
}
