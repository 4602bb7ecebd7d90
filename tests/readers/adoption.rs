//! Authorities that openssl and GnuTLS have made: their keys are read in every form, and what they sign here is believed.

use std::fs;
use std::time::{Duration, Instant};

use homelab::internals::{Certificate, ForeignKey, ForeignKeyError, Readers, certificates_in};

use crate::support::lab::Lab;
use crate::support::recipe::{CA, P256, RSA, Recipe};
use crate::terminal::{away_from_terminals, typing};
use crate::verifiers::{CLIENT, assert_clean, gnutls, lint, verify};

const PASSPHRASE: &str = "an insecure passphrase, ünd so weiter";

/// openssl's words for each form of a private key that it writes.
const ENCRYPTED: [&str; 13] = [
    "ec -in ca.key -aes128",
    "ec -in ca.key -aes192",
    "ec -in ca.key -aes256",
    "ec -in ca.key -des3",
    "pkcs8 -topk8 -in ca.key -v2 aes-128-cbc",
    "pkcs8 -topk8 -in ca.key -v2 aes-256-cbc",
    "pkcs8 -topk8 -in ca.key -v2 aes-256-cbc -v2prf hmacWithSHA1",
    "pkcs8 -topk8 -in ca.key -v2 des3",
    "pkcs8 -topk8 -in ca.key -scrypt",
    "pkcs8 -topk8 -in ca.key -v1 PBE-SHA1-3DES",
    "pkcs8 -topk8 -in ca.key -v1 PBE-SHA1-2DES",
    "pkcs8 -topk8 -in ca.key -v1 PBE-MD5-DES -provider legacy -provider default",
    "pkcs8 -topk8 -in ca.key -v1 PBE-SHA1-DES -provider legacy -provider default",
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
    let ForeignKeyError::Cipher(cipher) = refused else {
        panic!("{refused}");
    };
    assert_eq!(cipher.name, "CAMELLIA-256-CBC");
    assert_eq!(cipher.readers, Readers::Openssl);
}

/// A cipher that is not read here is named, and the help is a command that works.
#[test]
fn a_cipher_that_is_not_known_is_named_with_a_remedy_that_works() {
    let recipe = Recipe::new(P256, CA);
    // Of one file openssl would take the second line for the second passphrase.
    recipe.write("passphrase", PASSPHRASE);
    recipe.write("again", PASSPHRASE);
    let [certificate, key, new] =
        ["ca.pem", "sealed.key", "new.key"].map(|name| recipe.path(name).display().to_string());
    let legacy = "-provider legacy -provider default";
    for (words, name, options) in [
        ("pkcs8 -topk8 -v2 camellia-256-cbc", "CAMELLIA-256-CBC", ""),
        ("pkcs8 -topk8 -v2 aria-128-cbc", "ARIA-128-CBC", ""),
        ("ec -camellia128", "CAMELLIA-128-CBC", ""),
        (
            "pkcs8 -topk8 -v1 PBE-SHA1-RC2-40",
            "pbeWithSHA1And40BitRC2-CBC",
            legacy,
        ),
        (
            "pkcs8 -topk8 -v1 PBE-MD5-RC2-64",
            "pbeWithMD5AndRC2-CBC",
            legacy,
        ),
        (
            "pkcs8 -topk8 -v1 PBE-SHA1-RC4-128",
            "pbeWithSHA1And128BitRC4",
            legacy,
        ),
        ("pkcs8 -topk8 -v2 des", "DES-CBC", legacy),
    ] {
        let spaced = match options {
            "" => String::new(),
            options => format!("{options} "),
        };
        recipe.openssl(&format!(
            "{words} -in ca.key {spaced}-passout file:passphrase -out sealed.key"
        ));
        let lab = Lab::new().declare(
            "domain \"home.example.com\"\nperson \"a\" { device \"b\" platform=\"linux\"; }\n",
        );
        let refused = typing(
            lab.command(["adopt", &certificate, "--key", &key]),
            &[PASSPHRASE],
        )
        .run();
        refused.fails_with(3);
        let told: String = refused
            .stdout()
            .replace("│", " ")
            .split_whitespace()
            .collect();
        let convert =
            format!("openssl pkcs8 -topk8 -v2 aes-256-cbc {spaced}-in {key} -out new.key");
        for part in [name, &convert] {
            let part: String = part.split_whitespace().collect();
            assert!(told.contains(&part), "{words}: {part}\n{refused}");
        }
        let convert = convert
            .strip_prefix("openssl ")
            .expect("it is a command of openssl's");
        recipe.openssl(&format!(
            "{convert} -passin file:passphrase -passout file:again"
        ));
        typing(
            lab.command(["adopt", &certificate, "--key", &new]),
            &[PASSPHRASE],
        )
        .run()
        .succeeds();
    }
}

/// What a file asks for is refused before it is done: iterations of every derivation, and scrypt's memory.
#[test]
fn a_key_that_asks_for_too_much_work_is_refused_at_once() {
    let recipe = Recipe::new(P256, CA);
    recipe.write("passphrase", PASSPHRASE);
    // INTEGERs of three octets, which nothing else in such a file is: 65537 iterations become 8,388,607, an N of 65536
    // becomes 4,194,304, which takes 1 GiB.
    let iterations = ([2, 3, 1, 0, 1], [2, 3, 0x7f, 0xff, 0xff]);
    let memory = ([2, 3, 1, 0, 0], [2, 3, 0x40, 0, 0]);
    let legacy = "-provider legacy -provider default";
    for (words, (from, to)) in [
        ("-v2 aes-256-cbc -iter 65537", iterations),
        (
            "-v2 aes-256-cbc -v2prf hmacWithSHA1 -iter 65537",
            iterations,
        ),
        ("-v2 des3 -v2prf hmacWithSHA512 -iter 65537", iterations),
        ("-v1 PBE-SHA1-3DES -iter 65537", iterations),
        (&format!("-v1 PBE-MD5-DES -iter 65537 {legacy}"), iterations),
        ("-scrypt -scrypt_N 65536 -scrypt_r 2 -scrypt_p 1", memory),
    ] {
        recipe.openssl(&format!(
            "pkcs8 -topk8 -in ca.key {words} -outform DER -passout file:passphrase -out sealed.der"
        ));
        let honest = fs::read(recipe.path("sealed.der")).expect("it was made");
        let open = |der: Vec<u8>| {
            let text = pem::encode(&pem::Pem::new("ENCRYPTED PRIVATE KEY", der));
            ForeignKey::from_pem(text.as_bytes()).and_then(|key| key.open(PASSPHRASE))
        };
        assert!(open(honest.clone()).is_ok(), "{words}");
        let at = honest.windows(5).position(|octets| octets == from);
        let at = at.unwrap_or_else(|| panic!("{words}: {honest:02x?}"));
        let mut hostile = honest;
        hostile[at..at + 5].copy_from_slice(&to);
        let begin = Instant::now();
        let refused = open(hostile).expect_err("it asks for too much");
        assert_eq!(refused, ForeignKeyError::TooMuchWork, "{words}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{words}");
    }
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
        .stderr_contains("root::no-terminal")
        .stderr_contains("--passphrase-file FILE");
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

    // Or it comes from a file, or from standard input.
    let passphrase = recipe.path("passphrase").display().to_string();
    for (file, stdin) in [(passphrase.as_str(), ""), ("-", PASSPHRASE)] {
        let lab = Lab::new().declare(
            "domain \"home.example.com\"\nperson \"a\" { device \"b\" platform=\"linux\"; }\n",
        );
        let adopt = lab.command([
            "adopt",
            &certificate,
            "--key",
            &key,
            "--passphrase-file",
            file,
        ]);
        away_from_terminals(adopt)
            .stdin(stdin)
            .run()
            .succeeds()
            .stdout_contains("adopted authority `Home CA`");
    }
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
