//! A built homelab, and its certificates as openssl takes them out of the bundles.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;

/// When everything is issued: 2026-01-01T00:00:00Z.
pub const ISSUED: u64 = 1_767_225_600;

/// An hour later, when even the guest's certificate of twelve hours is valid.
pub const WHILE_VALID: u64 = ISSUED + 3600;

const EXAMPLE: &str = include_str!("../../examples/family/homelab.kdl");

/// A homelab that was built at [`ISSUED`], and a directory for what foreign tools make of it.
pub struct Built {
    pub lab: Lab,
    pub devices: Vec<Device>,
    scratch: TempDir,
}

/// A device with a certificate, as the lock records it.
pub struct Device {
    pub person: String,
    pub name: String,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    pub fingerprint: String,
    /// The serial number, in lower-case hexadecimal.
    pub serial: String,
}

/// What openssl took out of a bundle.
pub struct Extracted {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Built {
    /// The example of a family.
    #[track_caller]
    pub fn family() -> Self {
        Self::of(EXAMPLE)
    }

    #[track_caller]
    pub fn of(declaration: &str) -> Self {
        let lab = Lab::new().declare(declaration);
        lab.command(["build"]).at(ISSUED).run().succeeds();
        Self::read(lab)
    }

    /// What stands in a homelab that has been built already.
    #[track_caller]
    pub fn read(lab: Lab) -> Self {
        let devices = devices(&lab.read("homelab.lock"));
        assert!(
            !devices.is_empty(),
            "a homelab without devices proves nothing"
        );
        let scratch = tempfile::tempdir().expect("a temporary directory can be made");
        Self {
            lab,
            devices,
            scratch,
        }
    }

    /// The device of that name, such as `alice/pixel`.
    #[track_caller]
    pub fn device(&self, name: &str) -> &Device {
        let mut devices = self.devices.iter();
        devices
            .find(|device| device.id() == name)
            .unwrap_or_else(|| panic!("the lock has no {name}"))
    }

    pub fn authority(&self) -> PathBuf {
        self.lab.path().join("out/edge/ca.pem")
    }

    pub fn bundle(&self, device: &Device) -> PathBuf {
        self.lab.path().join(device.bundle())
    }

    /// The password that `homelab password` prints.
    #[track_caller]
    pub fn password(&self, device: &Device) -> String {
        let outcome = self.lab.command(["password", &device.id()]).run();
        let printed = outcome.succeeds().stdout();
        let password = printed.strip_suffix('\n').expect("it is one line");
        let groups: Vec<&str> = password.split('-').collect();
        assert!(
            groups.len() == 4 && groups.iter().all(|group| group.len() == 5),
            "{password}"
        );
        password.to_owned()
    }

    /// A new file with that content, whose path ends in that name.
    #[track_caller]
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.scratch.path().join(name);
        fs::write(&path, content).expect("a temporary directory can be written to");
        path
    }

    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// The certificate and the key of a device, by openssl.
    #[track_caller]
    pub fn extract(&self, device: &Device) -> Extracted {
        let opened = open(&self.bundle(device), &self.password(device), &["-nodes"]);
        let opened = opened.succeeds().stdout();
        let pem = |label| block(opened, label);
        Extracted {
            certificate: self.file(&format!("{}.pem", device.common_name()), pem("CERTIFICATE")),
            key: self.file(&format!("{}.key", device.common_name()), pem("PRIVATE KEY")),
        }
    }
}

impl Device {
    /// As `homelab password` wants it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.person, self.name)
    }

    pub fn common_name(&self) -> String {
        format!("{}-{}", self.person, self.name)
    }

    /// Where its bundle stands in the homelab.
    pub fn bundle(&self) -> String {
        format!("out/people/{}/{}.p12", self.id(), self.common_name())
    }
}

/// `openssl pkcs12 -info`, which tells the algorithms on stderr and the content on stdout.
#[track_caller]
pub fn open(bundle: &Path, password: &str, options: &[&str]) -> Outcome {
    let mut command = tools::command("openssl");
    command
        .args(["pkcs12", "-info", "-passin", "stdin", "-in"])
        .arg(bundle)
        .args(options);
    outcome::run(&mut command, format!("{password}\n").as_bytes())
}

/// The one PEM block with that label.
#[track_caller]
pub fn block<'a>(text: &'a str, label: &str) -> &'a str {
    let (begin, end) = (
        format!("-----BEGIN {label}-----\n"),
        format!("-----END {label}-----\n"),
    );
    assert_eq!(text.matches(&begin).count(), 1, "one {label} in\n{text}");
    let from = text.find(&begin).expect("it was counted");
    let length = text[from..].find(&end).expect("what begins ends") + end.len();
    &text[from..from + length]
}

/// The value of a property in a line of the lock.
#[track_caller]
pub fn property<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line
        .split_once(&format!(" {name}=\""))
        .unwrap_or_else(|| panic!("no {name} in `{line}`"));
    rest.split('"')
        .next()
        .expect("a split gives at least one part")
}

fn devices(lock: &str) -> Vec<Device> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("certificate \"").map(|rest| (line, rest)))
        .map(|(line, rest)| {
            let id = rest
                .split('"')
                .next()
                .expect("a split gives at least one part");
            let (person, name) = id.split_once('/').expect("a device has an owner");
            Device {
                person: person.to_owned(),
                name: name.to_owned(),
                fingerprint: property(line, "fingerprint").to_owned(),
                serial: property(line, "serial").to_owned(),
            }
        })
        .collect()
}
