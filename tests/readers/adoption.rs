//! Authorities that openssl and GnuTLS have made: their keys are read in every form, and what they sign here is believed.

use std::fs;

use homelab::pki::{Certificate, ForeignKey, ForeignKeyError, certificates_in};

use crate::support::lab::Lab;
use crate::support::recipe::{CA, P256, RSA, Recipe};
use crate::terminal::{away_from_terminals, typing};
use crate::verifiers::{CLIENT, assert_clean, gnutls, lint, verify};

const PASSPHRASE: &str = "an insecure passphrase, ünd so weiter";

/// openssl's words for each form of a private key that it writes.
const ENCRYPTED: [&str; 9] = [
    "ec -in ca.key -aes128",
    "ec -in ca.key -aes192",
    "ec -in ca.key -aes256",
    "ec -in ca.key -des3",
    "pkcs8 -topk8 -in ca.key -v2 aes-128-cbc",
    "pkcs8 -topk8 -in ca.key -v2 aes-256-cbc",
    "pkcs8 -topk8 -in ca.key -v2 aes-256-cbc -v2prf hmacWithSHA1",
    "pkcs8 -topk8 -in ca.key -v2 des3",
    "pkcs8 -topk8 -in ca.key -scrypt",
];

/// The kinds of authorities that sign here.
const KINDS: [&str; 4] = [P256, P384, RSA, LONG_RSA];
const P384: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384";
const LONG_RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096";

#[test]
fn keys_are_read_in_every_form_that_openssl_writes() {
    for kind in KINDS {
        keys_are_read_in_every_form(kind);
    }
}

fn keys_are_read_in_every_form(kind: &str) {
    let recipe = Recipe::new(kind, CA);
    // What openssl writes for a kind of key as it always did, rather than PKCS#8.
    let of_kind = |words: &str| match kind {
        RSA | LONG_RSA => words.replace("ec -in", "rsa -traditional -in"),
        _ => words.to_owned(),
    };
    let certificate = fs::read(recipe.path("ca.pem")).expect("it was made");
    let certificate =
        Certificate::from_der(certificates_in(&certificate).remove(0)).expect("it is one");
    let public = certificate.public_key().expect("of a kind that is known");
    let read =
        |name: &str| ForeignKey::from_pem(&fs::read(recipe.path(name)).expect("it was made"));
    for plain in [
        "ec -in ca.key -out k",
        "pkcs8 -topk8 -nocrypt -in ca.key -out k",
    ] {
        recipe.openssl(&of_kind(plain));
        let key = read("k").expect("it is a key");
        assert!(!key.is_encrypted(), "{plain}");
        assert_eq!(
            key.open("").expect("it opens").public_key(),
            public,
            "{plain}"
        );
    }
    // `openssl ecparam -genkey` puts the curve before the key.
    recipe.openssl("ecparam -name prime256v1 -genkey -out with-curve");
    assert!(read("with-curve").expect("it is a key").open("").is_ok());
    recipe.write("passphrase", PASSPHRASE);
    for words in ENCRYPTED {
        let words = of_kind(words);
        recipe.openssl(&format!("{words} -passout file:passphrase -out k"));
        let key = read("k").expect("it is a key");
        assert!(key.is_encrypted(), "{words}");
        let opened = key.open(PASSPHRASE).expect("it opens").public_key();
        assert_eq!(opened, public, "{words}");
        for wrong in ["", "an insecure passphrase", "AN INSECURE PASSPHRASE"] {
            let refused = key.open(wrong).expect_err("it is another");
            // Now and then what comes out has the padding of a block, and is no key.
            let told = matches!(
                refused,
                ForeignKeyError::WrongPassphrase | ForeignKeyError::Unusable(_)
            );
            assert!(told, "{words}: {refused}");
        }
    }
    recipe.openssl("ec -in ca.key -camellia256 -passout file:passphrase -out k");
    let refused = read("k").err().expect("the cipher is not known");
    assert_eq!(
        refused,
        ForeignKeyError::Cipher(String::from("CAMELLIA-256-CBC"))
    );
}

#[test]
fn keys_that_cannot_sign_are_named() {
    let recipe = Recipe::new(P256, CA);
    for (words, message) in [
        (
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
            "RSA with fewer than 2048 bits",
        ),
        (
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4608",
            "RSA with more than 4096 bits",
        ),
        (
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
            "an exponent below 65537",
        ),
        (
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3",
            "RSA in a form that cannot be signed with",
        ),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
            "of P-521",
        ),
        ("genpkey -algorithm ED25519", "of Ed25519"),
        ("genpkey -algorithm ED448", "of Ed448"),
    ] {
        recipe.openssl(&format!("{words} -out k"));
        let key = fs::read(recipe.path("k")).expect("it was made");
        let refused = ForeignKey::from_pem(&key).and_then(|key| key.open(""));
        let refused = refused.expect_err("it cannot sign").to_string();
        assert!(refused.contains(message), "{words}: {refused}");
        assert!(
            refused.contains("P-256, P-384 and RSA from 2048 to 4096 bits"),
            "{refused}"
        );
    }
}

#[test]
fn what_is_damaged_is_an_error() {
    for kind in [P256, P384, RSA] {
        what_is_damaged(kind);
    }
}

fn what_is_damaged(kind: &str) {
    let recipe = Recipe::new(kind, CA);
    recipe.write("passphrase", PASSPHRASE);
    for words in [
        "pkcs8 -topk8 -nocrypt -in ca.key",
        "ec -in ca.key -aes256 -passout file:passphrase",
        "pkcs8 -topk8 -in ca.key -v2 aes-256-cbc -iter 1 -passout file:passphrase",
    ] {
        let words = match kind {
            RSA => words.replace("ec -in", "rsa -traditional -in"),
            _ => words.to_owned(),
        };
        recipe.openssl(&format!("{words} -out k"));
        let text = fs::read(recipe.path("k")).expect("it was made");
        let whole = ForeignKey::from_pem(&text).and_then(|key| key.open(PASSPHRASE));
        let whole = whole.expect("it opens").public_key();
        for at in 0..text.len() {
            _ = ForeignKey::from_pem(&text[..at]).and_then(|key| key.open(PASSPHRASE));
            let mut altered = text.clone();
            altered[at] ^= 4;
            let opened = ForeignKey::from_pem(&altered).and_then(|key| key.open(PASSPHRASE));
            // Whatever still opens is not taken for the authority's key unless it is.
            _ = opened.map(|key| key.public_key() == whole);
        }
    }
}

/// The passphrase is asked for on the terminal, and nothing is done without one.
#[test]
fn the_passphrase_is_asked_for() {
    let recipe = Recipe::new(P256, CA);
    recipe.write("passphrase", PASSPHRASE);
    recipe.openssl("pkcs8 -topk8 -in ca.key -passout file:passphrase -out sealed.key");
    let [certificate, key] =
        ["ca.pem", "sealed.key"].map(|name| recipe.path(name).display().to_string());
    let lab = Lab::new().declare(
        "domain \"home.example.com\"\nperson \"a\" { device \"b\" platform=\"linux\"; }\n",
    );
    let adopt = || lab.command(["adopt", &certificate, "--key", &key]);
    away_from_terminals(adopt())
        .run()
        .fails_with(3)
        .stderr_contains("root::no-terminal");
    typing(adopt(), &["wrong"])
        .run()
        .fails_with(3)
        .stdout_contains("the passphrase is wrong");
    assert!(!lab.path().join("homelab.lock").exists());
    typing(adopt(), &[PASSPHRASE])
        .run()
        .succeeds()
        .stdout_contains("Passphrase of ")
        .stdout_contains("adopted authority `Home CA`");
}

#[test]
fn what_an_adopted_authority_signs_is_believed() {
    for kind in KINDS {
        what_it_signs_is_believed(kind);
    }
}

fn what_it_signs_is_believed(kind: &str) {
    let recipe = Recipe::new(kind, CA);
    recipe.openssl(&format!("{P256} -out own.key"));
    recipe.openssl("req -new -key own.key -subj /CN=own -out own.csr");
    let lab = Lab::new().declare(
        "domain \"home.example.com\"\nperson \"a\" { device \"own\" csr=\"own.csr\"; device \"gone\" platform=\"linux\"; }\n",
    );
    lab.write(
        "own.csr",
        fs::read(recipe.path("own.csr")).expect("it was made"),
    );
    let [certificate, key] =
        ["ca.pem", "ca.key"].map(|name| recipe.path(name).display().to_string());
    lab.command(["adopt", &certificate, "--key", &key])
        .run()
        .succeeds();
    let leaf = lab.path().join("out/people/a/own/a-own.crt");
    let authority = lab.path().join("out/edge/ca.pem");
    // openssl has no other clock than the machine's to make an authority by.
    let now = jiff::Timestamp::now();
    let time = u64::try_from(now.as_second()).expect("it is after 1970");
    verify("sslclient", time, &authority, &leaf).succeeds();
    verify("sslserver", time, &authority, &leaf).fails_with(2);
    let shown = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    gnutls(&authority, &leaf, &shown, CLIENT).succeeds();
    assert_clean(&lint("lint_pkix_cert", &[&leaf]));
    // Its revocation list too.
    lab.command(["revoke", "--no-replace", "a/own"])
        .run()
        .succeeds();
    let list = lab.path().join("out/edge/ca.crl");
    // Without the secret it comes out of the lock, to the last byte.
    let signed = fs::read(&list).expect("it was written");
    fs::remove_dir_all(lab.path().join("out/edge")).expect("it is there");
    lab.command(["build", "--edge"]).run().succeeds();
    assert_eq!(fs::read(&list).expect("it was written"), signed);
    lab.command(["build", "--check"]).run().succeeds();
    lab.command(["verify"]).run().succeeds();
    let text = recipe.openssl(&format!(
        "crl -in {} -CAfile {certificate} -noout -text",
        list.display()
    ));
    assert_eq!(text.matches("Serial Number: ").count(), 1, "{text}");
}
