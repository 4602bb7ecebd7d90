//! What a refusal advises is done as it says, and the devices that were there before come in.

use std::fs;

use homelab::internals::AuthorityRefusal;
use homelab::internals::{certificates_in, read_authority};
use jiff::Timestamp;
use miette::Diagnostic;

use super::caddies::Asked;
use super::support::caddy::Version;
use super::support::outcome;
use super::support::recipe::{CA, P256, Recipe};
use super::support::tools;

const EXPLICIT: &str =
    "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit";

/// Follows the advice with openssl; the certificate that comes of it.
#[track_caller]
fn follow(recipe: &Recipe, help: &str) -> Vec<u8> {
    let quoted: Vec<&str> = help.split('`').skip(1).step_by(2).collect();
    let lines = quoted
        .iter()
        .filter(|quoted| quoted.contains('=') && !quoted.contains(' '));
    let lines: Vec<&str> = lines.copied().collect();
    recipe.write("ca.ext", &(lines.join("\n") + "\n"));
    let commands: Vec<&&str> = quoted
        .iter()
        .filter(|it| it.starts_with("openssl "))
        .collect();
    for (at, command) in commands.iter().enumerate() {
        let key = if at == 0 { "ca.key" } else { "named.key" };
        let command = command.replace("CERTIFICATE", "ca.pem").replace("KEY", key);
        let mut openssl = tools::command("openssl");
        openssl
            .current_dir(recipe.path(""))
            .args(command.split(' ').skip(1));
        outcome::run(&mut openssl, b"").succeeds();
    }
    let again = fs::read(recipe.path("again.pem")).expect("it was written");
    certificates_in(&again).remove(0)
}

#[test]
fn what_a_refusal_advises_helps() {
    let caddies = Version::ALL.map(Asked::start);
    let with = |line: &str| format!("{CA}{line}\n");
    for (number, (key, extensions, serial, code)) in [
        (P256, CA.to_owned(), "-5", "adopt::serial"),
        (
            P256,
            with("2.5.29.1=critical,DER:3000"),
            "5",
            "adopt::critical",
        ),
        (
            P256,
            CA.replace("keyIdentifier", "KeyIdentifier")
                .replace("=hash", "=critical,hash"),
            "5",
            "adopt::extension",
        ),
        (
            P256,
            with("extendedKeyUsage=serverAuth"),
            "5",
            "adopt::not-for-clients",
        ),
        (
            P256,
            with("subjectAltName=IP:10.0.0.1,URI:https://a..b/"),
            "5",
            "adopt::alternative-name",
        ),
        (EXPLICIT, CA.to_owned(), "5", "adopt::key-form"),
    ]
    .into_iter()
    .enumerate()
    {
        let recipe = Recipe::new(key, CA);
        recipe.issue("laptop");
        // The client here does not show certificates without extensions.
        recipe.write("leaf", "keyUsage=digitalSignature\n");
        recipe.openssl("x509 -req -in laptop.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -extfile leaf -out laptop.crt");
        recipe.write("odd", &extensions);
        recipe.openssl(&format!(
            "x509 -in ca.pem -signkey ca.key -clrext -extfile odd -set_serial {serial} -days 900 -out odd.pem"
        ));
        fs::rename(recipe.path("odd.pem"), recipe.path("ca.pem")).expect("it was written");
        let file = fs::read(recipe.path("ca.pem")).expect("it is there");
        let source =
            read_authority(&certificates_in(&file)[0], Timestamp::now()).expect_err("it is odd");
        let refusal = AuthorityRefusal {
            path: "ca.pem".into(),
            which: None,
            source,
        };
        let said = refusal.code().map(|code| code.to_string());
        assert_eq!(said.as_deref(), Some(code), "{refusal:?}");
        let help = refusal.help().expect("it says what to do").to_string();

        let again = follow(&recipe, &help);
        read_authority(&again, Timestamp::now()).expect("it is to be taken now");
        let leaf = fs::read(recipe.path("laptop.crt")).expect("it was issued");
        let chain = certificates_in(&leaf);
        recipe.openssl("pkcs8 -topk8 -nocrypt -in laptop.key -outform DER -out laptop.der");
        let key = fs::read(recipe.path("laptop.der")).expect("it was written");
        for caddy in &caddies {
            assert!(caddy.loads([(number, &again[..])].into_iter()), "{code}");
            assert!(caddy.lets_in(number, &chain, &key), "{code}");
        }
    }
}
