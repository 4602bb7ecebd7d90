//! Verifiers and a linter, and certificates as openssl shows them.

use std::path::Path;

use crate::support::clock;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;

/// id-kp-clientAuth and id-kp-serverAuth (RFC 5280 §4.2.1.12).
pub const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
pub const SERVER: &str = "1.3.6.1.5.5.7.3.1";

/// `openssl verify` at that time, in seconds since 1970.
#[track_caller]
pub fn verify(purpose: &str, time: u64, authority: &Path, leaf: &Path) -> Outcome {
    let mut command = tools::command("openssl");
    // Only this authority: not those of the machine.
    command.args("verify -x509_strict -no-CApath -no-CAstore -purpose".split(' '));
    command.args([purpose, "-attime", &time.to_string(), "-CAfile"]);
    outcome::run(command.arg(authority).arg(leaf), b"")
}

/// `certtool --verify` at that time, `YYYY-MM-DD hh:mm:ss` in UTC.
#[track_caller]
pub fn gnutls(authority: &Path, leaf: &Path, time: &str, purpose: &str) -> Outcome {
    let mut command = clock::command_at(time, "certtool");
    command.args("--verify --verify-profile medium --verify-purpose".split(' '));
    command
        .args([purpose, "--load-ca-certificate"])
        .arg(authority);
    outcome::run(command.arg("--infile").arg(leaf), b"")
}

/// One of pkilint's linters; its exit code is the number of findings.
#[track_caller]
pub fn lint(linter: &str, certificates: &[&Path]) -> Outcome {
    let options = ["lint", "-s", "NOTICE"].map(Path::new);
    tools::run(linter, options.iter().chain(certificates))
}

#[track_caller]
pub fn assert_clean(lint: &Outcome) {
    assert_eq!(lint.succeeds().stdout().trim(), "", "{lint}");
}

/// All that openssl reads in a certificate, but for the key and the signature.
#[track_caller]
pub fn text(certificate: &Path) -> String {
    let mut command = tools::command("openssl");
    command.args([
        "x509",
        "-noout",
        "-text",
        "-nameopt",
        "RFC2253",
        "-certopt",
        "no_pubkey,no_sigdump",
        "-in",
    ]);
    outcome::run(command.arg(certificate), b"")
        .succeeds()
        .stdout()
        .to_owned()
}

#[track_caller]
pub fn public_key(certificate: &Path) -> String {
    let mut command = tools::command("openssl");
    command.args(["x509", "-noout", "-text", "-in"]);
    outcome::run(command.arg(certificate), b"")
        .succeeds()
        .stdout()
        .to_owned()
}

/// What stands behind `name` in its line of the text.
#[track_caller]
pub fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines();
    lines
        .find_map(|line| line.trim_start().strip_prefix(name))
        .unwrap_or_else(|| panic!("no `{name}` in\n{text}"))
}

#[track_caller]
pub fn serial(text: &str) -> &str {
    below(text, "Serial Number:")
}

#[track_caller]
pub fn subject_key_id(text: &str) -> &str {
    below(text, "X509v3 Subject Key Identifier: ")
}

#[track_caller]
fn below<'a>(text: &'a str, heading: &str) -> &'a str {
    let mut lines = text.lines().map(str::trim_start);
    lines
        .find(|line| *line == heading)
        .unwrap_or_else(|| panic!("no `{heading}` in\n{text}"));
    lines.next().expect("a heading has something below it")
}
