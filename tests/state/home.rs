//! The homelab that these tests begin with.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::NamedTempFile;

use super::support::lab::Lab;
use super::support::outcome::Outcome;
use super::support::tools::tool;

pub const DECLARATION: &str = r#"domain "home.example.com"

person "alice" {
    device "pixel" platform="android"
}
person "bob" { device "iphone" platform="android"; }
group "family" "alice" "bob"

service "photos" { upstream "http://127.0.0.1:2283"; allow "family"; public "/share/*"; }
"#;

/// A homelab of two devices that has been built.
pub fn built() -> Lab {
    let lab = Lab::new();
    lab.command(["init", "home.example.com"]).run().succeeds();
    lab.write("homelab.kdl", DECLARATION);
    lab.command(["build"]).run().succeeds();
    lab
}

/// What the lock says of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub device: String,
    pub state: String,
}

/// The certificates in the lock, by their fingerprints.
pub fn certificates(lab: &Lab) -> BTreeMap<String, Certificate> {
    let lock = lab.read("homelab.lock");
    let lines = lock.lines().filter(|line| line.starts_with("certificate "));
    lines
        .map(|line| {
            let certificate = Certificate {
                device: line.split('"').nth(1).expect("it is a device's").to_owned(),
                state: value(line, "state").unwrap_or("active").to_owned(),
            };
            let fingerprint = value(line, "fingerprint").expect("each has one");
            (fingerprint.to_owned(), certificate)
        })
        .collect()
}

/// The states of a device's certificates, sorted.
pub fn states(lab: &Lab, device: &str) -> Vec<String> {
    let certificates = certificates(lab).into_values();
    let mut states: Vec<String> = certificates
        .filter(|certificate| certificate.device == device)
        .map(|certificate| certificate.state)
        .collect();
    states.sort();
    states
}

/// A value in a line of the lock; what goes without saying is not written.
pub fn value<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let start = format!(" {name}=\"");
    let at = line.find(&start)? + start.len();
    line[at..].split('"').next()
}

/// An authority that openssl has made, `ca.pem` and `ca.key` beside the declaration.
pub fn foreign_authority(lab: &Lab) {
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new(tool("openssl"));
        let made = command.current_dir(lab.path()).args(arguments).output();
        let made = made.expect("openssl runs");
        assert!(made.status.success(), "{made:?}");
    };
    let key = "ecparam -name prime256v1 -genkey -noout -out ca.key";
    openssl(&key.split(' ').collect::<Vec<_>>());
    let certificate = "req -x509 -key ca.key -subj /CN=recipe -days 3000 -out ca.pem \
        -addext keyUsage=critical,keyCertSign,cRLSign";
    openssl(&certificate.split_whitespace().collect::<Vec<_>>());
}

/// A build that has nothing to do, and has done nothing.
#[track_caller]
pub fn is_unchanged(build: &Outcome) {
    let said = build.succeeds().stdout();
    let (count, rest) = said.split_once(' ').unwrap_or_default();
    assert!(
        count.parse::<u32>().is_ok() && rest == "unchanged\n",
        "{build}"
    );
}

/// What git prints in a directory of the homelab's.
#[track_caller]
pub fn git(lab: &Lab, directory: &str, words: &[&str]) -> String {
    let done = lab.git_below(directory, words);
    done.succeeds().stdout().to_owned()
}

/// Puts another declaration in the place of the present one, as editors do: in one step.
pub fn declare(lab: &Lab, text: &str) {
    let mut new = NamedTempFile::new_in(lab.path()).expect("a file beside it");
    new.write_all(text.as_bytes()).expect("it is written");
    fs::set_permissions(new.path(), Permissions::from_mode(0o644)).expect("it is ours");
    new.persist(lab.path().join("homelab.kdl"))
        .expect("renamed");
}
