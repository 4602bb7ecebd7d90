//! Requests of every kind of key that a Caddy verifies, and of those that it does not, with the remedies that are printed.

use std::fs;

use crate::support::lab::Lab;
use crate::support::outcome::Outcome;
use crate::support::recipe::{CA, P256, Recipe};

const DECLARATION: &str = r#"
domain "home.example.com"
person "alice" { device "yk" csr="csr/yk.csr"; }
service "it" { upstream "http://127.0.0.1:1"; allow "alice"; }
"#;

const P384: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384";
const ED25519: &str = "genpkey -algorithm ED25519";
const RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048";
const PSS: &str = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest";

/// How keys are made and how requests are signed that are met.
const TAKEN: [(&str, &str); 13] = [
    (P256, "-sha256"),
    (P256, "-sha224"),
    (P256, "-sha384"),
    (P256, "-sha512"),
    (P384, "-sha256"),
    (P384, "-sha384"),
    (P384, "-sha512"),
    (ED25519, ""),
    (RSA, "-sha256"),
    (RSA, "-sha384"),
    (RSA, "-sha512"),
    (RSA, PSS),
    (
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_pubexp:3",
        "-sha256",
    ),
];

/// How keys are made and requests signed that are not met, and what is said of them.
const REFUSED: [(&str, &str, &str); 14] = [
    (
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
        "",
        "of RSA with 1024 bits; 2048 to 8192 are taken",
    ),
    (
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
        "",
        "its key is of P-521",
    ),
    (
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224",
        "",
        "its key is of P-224",
    ),
    (
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
        "",
        "its key is of secp256k1",
    ),
    (
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1",
        "",
        "its key is of brainpoolP256r1",
    ),
    (
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
        "",
        "spells its curve out in numbers",
    ),
    ("genpkey -algorithm ED448", "", "its key is of Ed448"),
    (
        "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
        "",
        "RSA for PSS alone",
    ),
    (P256, "-sha1", "it is signed with SHA-1"),
    (RSA, "-sha1", "it is signed with SHA-1"),
    (RSA, "-md5", "it is signed with MD5"),
    (RSA, "-sha224", "it is signed with SHA-224 of RSA"),
    (RSA, "-sha3-256", "an algorithm that is not known here"),
    (
        RSA,
        "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20",
        "a salt of another length",
    ),
];

#[track_caller]
fn run<const N: usize>(lab: &Lab, arguments: [&str; N]) -> Outcome {
    lab.command(arguments).run()
}

/// A key and a request for it, made by openssl and put where the declaration says.
#[track_caller]
fn request(lab: &Lab, recipe: &Recipe, key: &str, how: &str) {
    recipe.openssl(&format!("{key} -out alice-yk.key"));
    ask(
        lab,
        recipe,
        &format!("req -new {how} -key alice-yk.key -subj /CN=x -out alice-yk.csr"),
    );
}

#[track_caller]
fn ask(lab: &Lab, recipe: &Recipe, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    recipe.openssl(&words.join(" "));
    let request = fs::read(recipe.path("alice-yk.csr")).expect("it was made");
    lab.write("csr/yk.csr", request);
}

/// The message as one line, without the frame around it.
fn said(outcome: &Outcome) -> String {
    let text = outcome.stderr().replace(['│', '╰', '─', '▶', '×'], " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_key_of_every_kind_that_caddy_verifies_is_certified() {
    let recipe = Recipe::new(P256, CA);
    for (key, how) in TAKEN {
        let lab = Lab::new().declare(DECLARATION);
        request(&lab, &recipe, key, how);
        run(&lab, ["build"]).succeeds();
        let issued = lab.path().join("out/people/alice/yk/alice-yk.crt");
        let issued = issued.to_str().expect("it is plain");
        assert_eq!(
            recipe.openssl(&format!("x509 -noout -pubkey -in {issued}")),
            recipe.openssl("pkey -pubout -in alice-yk.key"),
            "{key} {how}"
        );
        let text = recipe.openssl(&format!("x509 -noout -text -in {issued}"));
        for line in [
            "Signature Algorithm: ecdsa-with-SHA256",
            "Digital Signature\n",
            "TLS Web Client Authentication\n",
            "CN = alice-yk",
        ] {
            assert!(text.contains(line), "{key} {how}: {line}\n{text}");
        }
        let ca = lab.path().join("out/edge/ca.pem");
        let ca = ca.to_str().expect("it is plain");
        recipe.openssl(&format!(
            "verify -x509_strict -purpose sslclient -CAfile {ca} {issued}"
        ));
        run(&lab, ["build", "--check"]).succeeds();
        run(&lab, ["check"]).succeeds();
        run(&lab, ["verify"]).succeeds();
        run(&lab, ["status"]).succeeds().stdout_contains("1 valid");
    }
}

#[test]
fn a_compressed_point_is_the_key_that_it_stands_for() {
    let recipe = Recipe::new(P256, CA);
    for curve in ["P-256", "P-384"] {
        let lab = Lab::new().declare(DECLARATION);
        let key = format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve}");
        recipe.openssl(&format!("{key} -out plain.key"));
        recipe.openssl("ec -in plain.key -conv_form compressed -out alice-yk.key");
        let asking = "req -new -key alice-yk.key -subj /CN=x -out alice-yk.csr";
        ask(&lab, &recipe, asking);
        run(&lab, ["build"]).succeeds();
        // Go reads no certificate with a compressed point.
        let issued = lab.path().join("out/people/alice/yk/alice-yk.crt");
        let issued = issued.to_str().expect("it is plain");
        assert_eq!(
            recipe.openssl(&format!("x509 -noout -pubkey -in {issued}")),
            recipe.openssl("pkey -pubout -in plain.key"),
        );
        // Shut out in the one form, it is shut out in the other.
        run(&lab, ["revoke", "alice/yk"]).succeeds();
        ask(
            &lab,
            &recipe,
            "req -new -key plain.key -subj /CN=x -out alice-yk.csr",
        );
        run(&lab, ["renew", "alice/yk"])
            .fails_with(1)
            .stderr_contains("request::shut-out");
    }
}

#[test]
fn a_key_of_any_kind_that_was_shut_out_is_certified_no_more() {
    let recipe = Recipe::new(P256, CA);
    for (key, how) in [(P384, ""), (ED25519, ""), (RSA, "-sha256")] {
        let lab = Lab::new().declare(DECLARATION);
        request(&lab, &recipe, key, how);
        run(&lab, ["build"]).succeeds();
        run(&lab, ["revoke", "alice/yk"]).succeeds();
        for how in ["-sha256", "-sha512"] {
            let how = if key == ED25519 { "" } else { how };
            ask(
                &lab,
                &recipe,
                &format!("req -new {how} -key alice-yk.key -subj /CN=y -out alice-yk.csr"),
            );
            run(&lab, ["renew", "alice/yk"])
                .fails_with(1)
                .stderr_contains("request::shut-out");
            lab.write("homelab.kdl", DECLARATION.replace("\"yk\"", "\"other\""));
            run(&lab, ["build"])
                .fails_with(1)
                .stderr_contains("request::shut-out");
            lab.write("homelab.kdl", DECLARATION);
        }
    }
}

#[test]
fn what_cannot_be_taken_is_named_and_the_remedy_works() {
    let recipe = Recipe::new(P256, CA);
    for (key, how, message) in REFUSED {
        let lab = Lab::new().declare(DECLARATION);
        request(&lab, &recipe, key, how);
        let refused = run(&lab, ["check"]);
        refused.fails_with(1).stderr_contains("request::not-met");
        let said = said(&refused);
        assert!(said.contains(message), "{message}: {said}");
        let remedies = said
            .split('`')
            .filter(|quoted| quoted.starts_with("openssl "));
        let mut remedies: Vec<&str> = remedies.collect();
        let last = remedies.pop().expect("there is one");
        for before in remedies {
            recipe.openssl(before.strip_prefix("openssl ").expect("it begins so"));
        }
        ask(
            &lab,
            &recipe,
            last.strip_prefix("openssl ").expect("it begins so"),
        );
        run(&lab, ["build"]).succeeds();
    }
}

/// Whoever asks has to show that the key is theirs; and nothing that was cut or altered is taken.
#[test]
fn an_altered_request_is_refused_whatever_its_key() {
    let recipe = Recipe::new(P256, CA);
    for (key, how) in [(P384, ""), (ED25519, ""), (RSA, "-sha384"), (RSA, PSS)] {
        recipe.openssl(&format!("{key} -out alice-yk.key"));
        let asking =
            format!("req -new {how} -key alice-yk.key -subj /CN=x -outform DER -out x.csr");
        recipe.openssl(&asking.split_whitespace().collect::<Vec<_>>().join(" "));
        let der = fs::read(recipe.path("x.csr")).expect("it was made");
        assert!(
            homelab::internals::requested_key(&der).is_ok(),
            "{key} {how}"
        );
        for at in 0..der.len() {
            let mut altered = der.clone();
            altered[at] ^= 1;
            assert!(
                homelab::internals::requested_key(&altered).is_err(),
                "{key} {how} at {at}"
            );
            assert!(
                homelab::internals::requested_key(&der[..at]).is_err(),
                "{key} {how} cut at {at}"
            );
        }
    }
}
