//! Certificates that others make: with a stolen key of the authority, and with keys of their own.

use std::path::{Path, PathBuf};

use homelab::internals::RootSecret;
use homelab::internals::Source;
use homelab::internals::read_lock;

use crate::family::{Built, WHILE_VALID};
use crate::root::plaintext;
use crate::support::clock;
use crate::support::outcome;
use crate::support::tools;
use crate::verifiers::{CLIENT, SERVER, field, gnutls, text, verify};

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// Why importing the authority is harmless: with its key in hand, a certificate for a server's name is made, and even who
/// trusts the authority for everything does not believe it. One for another client is believed: the key does sign.
#[test]
fn a_stolen_authority_key_vouches_for_no_server() {
    let family = Built::family();
    let key = authority_key(&family);
    let authority = family.authority();
    let forge = |name: &str, extensions: &str| forge(&family, &key, name, extensions);

    let client = forge("client", "extendedKeyUsage=clientAuth\n");
    verify("sslclient", WHILE_VALID, &authority, &client).succeeds();
    gnutls(&authority, &client, "2026-01-01 01:00:00", CLIENT).succeeds();

    for (name, extensions) in [
        (
            "by-name",
            "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:bank.example\n",
        ),
        (
            "by-address",
            "extendedKeyUsage=serverAuth\nsubjectAltName=IP:192.0.2.1\n",
        ),
        (
            "by-address-6",
            "extendedKeyUsage=serverAuth\nsubjectAltName=IP:2001:db8::1\n",
        ),
        ("any", "subjectAltName=DNS:bank.example\n"),
    ] {
        let server = forge(name, extensions);
        verify("sslserver", WHILE_VALID, &authority, &server).fails_with(2);
        // Without any purpose in mind the name constraints still stand.
        let mut anything = tools::command("openssl");
        anything.args(["verify", "-attime", &WHILE_VALID.to_string(), "-CAfile"]);
        anything.arg(&authority).arg(&server);
        outcome::run(&mut anything, b"")
            .fails_with(2)
            .stderr_contains("excluded subtree violation");
        gnutls(&authority, &server, "2026-01-01 01:00:00", SERVER).fails_with(1);
    }

    let subordinate = forge("subordinate", "basicConstraints=critical,CA:TRUE\n");
    verify("sslclient", WHILE_VALID, &authority, &subordinate).fails_with(2);
}

/// The authority's key, from the secret that age opens.
#[track_caller]
fn authority_key(family: &Built) -> PathBuf {
    let secret =
        RootSecret::from_text(&plaintext(&family.lab)).expect("that is what homelab.age holds");
    let source = Source::new("homelab.lock".to_owned(), family.lab.read("homelab.lock"));
    let Ok(lock) = read_lock(&source) else {
        panic!("homelab reads its own lock");
    };
    let authority = lock.signing().expect("it has been built");
    let der = secret.authority_key(&authority.id).to_pkcs8_der();
    family.file("authority.key", der.as_slice())
}

/// A certificate of that name with these extensions, signed with the authority's key.
#[track_caller]
fn forge(family: &Built, key: &Path, name: &str, extensions: &str) -> PathBuf {
    let path = |end: &str| family.scratch().join(format!("forged-{name}.{end}"));
    let mut request = tools::command("openssl");
    request.args(["req", "-new"]).args(NEW_KEY.split(' '));
    request.args(["-subj", &format!("/CN={name}"), "-keyout"]);
    request.arg(path("key")).arg("-out").arg(path("csr"));
    outcome::run(&mut request, b"").succeeds();

    let usual = match extensions.contains("basicConstraints") {
        true => "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
        false => {
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nbasicConstraints=critical,CA:FALSE\n"
        }
    };
    let file = family.file(
        &format!("forged-{name}.ext"),
        format!("{usual}{extensions}"),
    );
    // openssl x509 takes its dates from the clock.
    let mut sign = clock::command_at("2026-01-01 00:30:00", "openssl");
    sign.args("x509 -req -days 30 -set_serial 0x0123456789abcdef -in".split(' '));
    sign.arg(path("csr")).arg("-CA").arg(family.authority());
    sign.arg("-CAkey").arg(key).arg("-extfile").arg(file);
    outcome::run(sign.arg("-out").arg(path("pem")), b"").succeeds();
    path("pem")
}

/// Two authorities that openssl makes without being told how: one with a name of its own, and one with the name of ours.
#[track_caller]
pub fn strangers(family: &Built) -> [PathBuf; 2] {
    let ours = field(&text(&family.authority()), "Subject: ").to_owned();
    [("stranger", "CN=stranger"), ("impostor", &ours)].map(|(file, name)| {
        let path = |end: &str| family.scratch().join(format!("{file}.{end}"));
        let mut command = clock::command_at("2025-12-31 22:00:00", "openssl");
        command
            .args(["req", "-x509", "-days", "3650"])
            .args(NEW_KEY.split(' '));
        command.args(["-subj", &format!("/{name}"), "-keyout"]);
        command.arg(path("key")).arg("-out").arg(path("pem"));
        outcome::run(&mut command, b"").succeeds();
        path("pem")
    })
}
