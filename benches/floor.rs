//! The least that a first build can cost: exactly the key derivations, keys, signatures and verifications that its devices need,
//! and nothing else. Nothing is parsed, encoded, encrypted, rendered or written. And how long it takes to look at each file of a tree.
//!
//! ```sh
//! cargo bench --bench floor -- devices 1000      # as many devices, in parallel
//! cargo bench --bench floor -- walk out          # stat of each file below a directory
//! ```
//!
//! `benches/compare` runs it beside the program itself. A device's platform decides how its .p12 is protected: of the ten kinds of device
//! that `benches/compare` declares, six have the modern profile.

#[allow(
    dead_code,
    reason = "the program itself compiles it: the floor iterates as it does"
)]
#[path = "../src/pki/password_based/iterated.rs"]
mod iterated;

use std::hint::black_box;
use std::time::Instant;

use ed25519_dalek::Signer as _;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use iterated::{pbkdf2_sha256, pkcs12};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use rayon::prelude::*;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use sha1::Sha1;
use sha2::Sha256;

/// As in `src/pki/bundle/encryption.rs`.
const ITERATIONS: u32 = 2048;

/// About as many octets as are signed of a certificate, and of a record of the lock.
const CERTIFICATE: [u8; 480] = [0x30; 480];
const RECORD: [u8; 400] = [b'a'; 400];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo clippy` and `cargo test --all-targets` start it without.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let begin = Instant::now();
    let done = match words[..] {
        ["devices", count, ..] => devices(count.parse().expect("a number of devices")),
        ["walk", directory, ..] => walk(directory),
        _ => panic!("say `devices NUMBER` or `walk DIRECTORY`"),
    };
    println!("{done} in {:.3} ms", begin.elapsed().as_secs_f64() * 1e3);
}

fn devices(count: u64) -> u64 {
    let authority = SigningKey::from(&scalar(&[1; 32]));
    let point = authority.verifying_key().to_sec1_point(false);
    let lock = ed25519_dalek::SigningKey::from_bytes(&[2; 32]);
    (0..count).into_par_iter().for_each(|number| {
        let secrets = derived(number);
        black_box(SigningKey::from(&scalar(&secrets[0])));
        let signature: Signature = authority.sign(&CERTIFICATE);
        let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.as_bytes());
        let verified = verifier.verify(&CERTIFICATE, signature.to_der().as_bytes());
        verified.expect("it was signed just now");
        let record = lock.sign(&RECORD);
        let verified = lock.verifying_key().verify_strict(&RECORD, &record);
        verified.expect("it was signed just now");
        if number % 10 < 6 {
            modern(&secrets);
        } else {
            compat(&secrets);
        }
    });
    count
}

/// The seed of the key, the serial number, the password and the source of salts, each by HKDF.
fn derived(number: u64) -> [[u8; 32]; 4] {
    [1_u8, 2, 3, 4].map(|label| {
        let info = [&[label; 80][..], &number.to_be_bytes()].concat();
        let mut output = [0; 32];
        let expanded = Hkdf::<Sha256>::new(None, &[7; 32]).expand(&info, &mut output);
        expanded.expect("HKDF gives up to 8160 octets");
        output
    })
}

/// HMAC_DRBG of a seed, as C2SP det-keygen has it: five HMACs to the first candidate.
fn scalar(seed: &[u8; 32]) -> p256::SecretKey {
    let mut value = *seed;
    for _ in 0..5 {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&value).expect("HMAC takes keys of any length");
        mac.update(seed);
        value = mac.finalize().into_bytes().into();
    }
    p256::SecretKey::from_slice(&value).expect("one in 2³² is none")
}

/// Two keys and the MAC's.
fn modern([_, _, password, salts]: &[[u8; 32]; 4]) {
    let (parts, mac) = ([&salts[..16], &salts[1..17]], [&salts[8..24]]);
    black_box(pbkdf2_sha256(&password[..23], parts, ITERATIONS, 32));
    black_box(pkcs12::<Sha256, 1>(3, password, mac, ITERATIONS, 32));
}

/// Two keys with their vectors and the MAC's.
fn compat([_, _, password, salts]: &[[u8; 32]; 4]) {
    let (parts, mac) = ([&salts[..8], &salts[1..9]], [&salts[16..24]]);
    black_box(pkcs12::<Sha1, 2>(1, password, parts, ITERATIONS, 24));
    black_box(pkcs12::<Sha1, 2>(2, password, parts, ITERATIONS, 8));
    black_box(pkcs12::<Sha1, 1>(3, password, mac, ITERATIONS, 20));
}

/// How many files are below a directory, each looked at.
fn walk(directory: &str) -> u64 {
    let entries = walkdir::WalkDir::new(directory).into_iter();
    let files = entries.filter(|entry| {
        let entry = entry.as_ref().expect("the tree can be read");
        let metadata = entry.metadata().expect("the tree can be read");
        black_box(metadata.modified().expect("the system keeps times"));
        metadata.is_file()
    });
    files.count() as u64
}
