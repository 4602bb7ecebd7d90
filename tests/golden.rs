//! One homelab under a fixed root secret and a fixed lock, whose output is compared byte by byte.
//!
//! The derivation is frozen: certificates that were installed years ago must come out of the same lock again, to the last bit.
//! So [`AUTHORITY`] and [`DEVICES`] are constants, which nothing rewrites; where one of them would have to change, every homelab
//! out there would lose its devices. Texts may change with the templates. To accept a change of those:
//!
//! ```text
//! HOMELAB_UPDATE_GOLDEN=1 cargo nextest run --test golden; git diff tests/golden
//! ```
//!
//! The fixture holds the inputs and, made by this test, `expected.txt` with the mode and SHA-256 of everything, and below
//! `expected/` each text (`….golden`) and what openssl reads in each binary (`….dump`).

mod support;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use support::files::{self, Entry, Kind, changed, snapshot};
use support::lab::{Invocation, Lab};
use support::outcome;
use support::tools;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/golden/insecure-fixed-root"
);

const IDENTITY: &str = "INSECURE-test-identity.txt";

const INPUTS: [&str; 4] = ["homelab.kdl", "homelab.lock", "homelab.age", IDENTITY];

/// The same lock in version 1, which nobody had signed.
const FIRST_LOCK: &str = "homelab.lock.1";

const MANIFEST: &str = ".homelab/manifest.kdl";

/// The authority's certificate.
const AUTHORITY: Frozen = Frozen {
    pem: "979fa8e3204d7e0876a77299bbd773e59d1b598f968f829cff237db1efc48d74",
    fingerprint: "47da282cc909f768ee945a22c17dc02877842cecbd702d75c078888e4c3ecafb",
};

/// SHA-256 of `edge/ca.crl.der`, the second list, on which alice's tablet is.
const CRL: &str = "a7539c74bad2d73d334a042653f3b3913093aab334e2456b9f45b34512740eee";

struct Frozen {
    /// SHA-256 of `edge/ca.pem`.
    pem: &'static str,
    /// SHA-256 of the certificate in DER.
    fingerprint: &'static str,
}

/// What each device was given.
const DEVICES: [Device; 6] = [
    Device {
        person: "alice",
        name: "macbook",
        password: "d3znq-646tx-15bjm-7hej7",
        bundle: "4fc25c5f5558a74968f17daac5ebd8e58fc703b678a0ed1fc7a410e2e596cced",
        fingerprint: "79d83f2754fe356b088c448d6a0c9f6a32efbbfbfdec9b187dfb4df6e2ac5187",
    },
    Device {
        person: "alice",
        name: "pixel",
        password: "x731j-t1vkf-nh85s-pkyat",
        bundle: "66beaf5089604be1a4725b5c2d49173cee1f814fc1ffc790f435b924ad645367",
        fingerprint: "0cc1ae3ee5799f773368eb65bdd6002a8b81102a0463bf242b0edefb48393a9c",
    },
    Device {
        person: "alice",
        name: "workstation",
        password: "5wmzb-6j9vg-4ta0g-4knct",
        bundle: "b3bff262f60939b87ec7a5299553bdbd66459d4598ba54a8688f3a6643f37156",
        fingerprint: "2ba54034ace9a46e9518b05609fe7e43fecca5de4cf6842e9eb94abc7168ea21",
    },
    Device {
        person: "bob",
        name: "desktop",
        password: "td27s-3wjh6-88fh1-83qkn",
        bundle: "5982fe0672220426d8974d913d71303988f5c9dd32da9369acf0bb22238126e2",
        fingerprint: "00243dbcaafa61e7cdeba160bc021b6b133bf424d64566fa5a3ffd5b85da8771",
    },
    Device {
        person: "bob",
        name: "iphone",
        password: "9tg34-t7065-9px5b-2gxz5",
        bundle: "4a8a58db2b93927ebcf845914683a7f9647bfbb644bbb914b0a1cca16f9651b1",
        fingerprint: "248b2a5e72a6c7c6e39ccf67d84343bdef550499594e95d1970d1da3ef7bbea6",
    },
    Device {
        person: "guest",
        name: "tablet",
        password: "gsfmx-q17n1-9megm-a98a0",
        bundle: "3463c4bbe42f7011936271c03f18e8232d8239426c67e0f67b8f0dc1c5818b16",
        fingerprint: "cf3d74b7fe76fa933e2487745bab6bac890fe464cdefc6356bc55aec9b0f480f",
    },
];

struct Device {
    person: &'static str,
    name: &'static str,
    password: &'static str,
    /// SHA-256 of the .p12.
    bundle: &'static str,
    /// SHA-256 of the certificate in DER.
    fingerprint: &'static str,
}

#[test]
fn the_authority_is_frozen() {
    let lab = built();
    let pem = lab.read_bytes("out/edge/ca.pem");
    assert_eq!(sha256(&pem), AUTHORITY.pem);
    assert_eq!(fingerprint(&pem), AUTHORITY.fingerprint);
}

#[test]
fn the_revocation_list_is_frozen() {
    let lab = built();
    let der = lab.read_bytes("out/edge/ca.crl.der");
    assert_eq!(sha256(&der), CRL);
    let pem = lab.read_bytes("out/edge/ca.crl");
    let mut command = tools::command("openssl");
    let decoded = outcome::run(command.args(["crl", "-outform", "DER"]), &pem);
    assert!(decoded.succeeds().stdout == der, "both forms are one list");
}

#[test]
fn bundles_and_passwords_are_frozen() {
    let lab = built();
    for device in &DEVICES {
        let id = format!("{}/{}", device.person, device.name);
        let password = with_identity(&lab, &["password", &id]).run();
        password
            .succeeds()
            .stdout_is(&format!("{}\n", device.password));
        let bundle = lab.read_bytes(&device.path());
        let opened = openssl(
            &[
                "pkcs12",
                "-nokeys",
                "-passin",
                &format!("pass:{}", device.password),
            ],
            &bundle,
        );
        assert_eq!(fingerprint(opened.as_bytes()), device.fingerprint, "{id}");
        assert_eq!(sha256(&bundle), device.bundle, "{id}");
    }
    let tree = lab.snapshot();
    let bundles = tree.keys().filter(|path| path.ends_with(".p12"));
    assert_eq!(
        bundles.count(),
        DEVICES.len(),
        "every bundle is in the list"
    );
}

/// Fails where a path is missing or too many, and where a byte or a mode is another.
#[test]
fn the_tree_is_as_expected() {
    let lab = built();
    let actual = expectation(&lab);
    if env::var_os("HOMELAB_UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        rewrite(&actual);
        panic!(
            "tests/golden was rewritten: look at `git diff`, then run this without HOMELAB_UPDATE_GOLDEN"
        );
    }
    let committed = committed();
    let paths = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    for (path, expected) in &committed {
        if let Some(found) = actual.get(path) {
            let (expected, found) = (
                String::from_utf8_lossy(expected),
                String::from_utf8_lossy(found),
            );
            assert!(expected == found, "{path}\n{}", diff(&expected, &found));
        }
    }
    assert_eq!(paths(&actual), paths(&committed));
}

#[test]
fn the_manifest_names_exactly_the_files() {
    let lab = built();
    let manifest = lab.read(&format!("out/{MANIFEST}"));
    let named = manifest.lines().filter_map(|line| {
        let (path, rest) = line.strip_prefix("file \"")?.split_once("\" mode=\"")?;
        Some(format!("{} {path}", rest.split('"').next()?))
    });
    let tree = snapshot(&lab.path().join("out"));
    let files = tree
        .iter()
        .filter(|(path, entry)| is_file(entry) && *path != MANIFEST);
    let mut there: Vec<String> = files
        .map(|(path, entry)| format!("{:04o} {path}", entry.mode))
        .collect();
    there.sort_by(|one, other| one[5..].cmp(&other[5..]));
    assert_eq!(named.collect::<Vec<_>>(), there);
    with_identity(&lab, &["build", "--check"]).run().succeeds();
}

/// age opens the root secret as homelab itself does, to the same tree, the manifest included.
#[test]
fn a_root_command_gives_the_same_tree() {
    let by_identity = built();
    let lab = prepared();
    let command = format!("age -d -i {IDENTITY} homelab.age");
    lab.command(["build", "--locked", "--root-command", &command])
        .run()
        .succeeds();
    assert_eq!(changed(&by_identity.snapshot(), &lab.snapshot()), [""; 0]);
}

/// Signed, it is to the byte what this homelab writes, and gives the same tree.
#[test]
fn a_lock_of_version_1_is_signed_by_the_next_build() {
    let by_second = built();
    let lab = prepared();
    let first = fs::read(Path::new(FIXTURE).join(FIRST_LOCK)).expect("it can be read");
    lab.write("homelab.lock", &first);
    for way in ["--locked", "--edge", "--check"] {
        with_identity(&lab, &["build", way])
            .run()
            .fails_with(4)
            .stderr_contains("lock::unsigned");
        assert!(lab.read_bytes("homelab.lock") == first, "{way} leaves it");
    }
    with_identity(&lab, &["build"])
        .run()
        .succeeds()
        .stderr_contains("Signed homelab.lock; all that it lets in is of the root secret.\n");
    assert_eq!(changed(&by_second.snapshot(), &lab.snapshot()), [""; 0]);
}

/// What is public comes out of the lock alone, without anybody's identity.
#[test]
fn the_edge_needs_no_secret() {
    let complete = built();
    let lab = prepared();
    fs::remove_file(lab.path().join(IDENTITY)).expect("it was copied");
    lab.command(["build", "--edge"]).run().succeeds();
    let edge = |lab: &Lab| snapshot(&lab.path().join("out/edge"));
    assert_eq!(changed(&edge(&complete), &edge(&lab)), [""; 0]);
}

/// The age file of the fixture is what its names say: its secret is no secret.
#[test]
fn the_fixture_is_the_insecure_root() {
    let lab = prepared();
    let path = |name: &str| lab.path().join(name).into_os_string();
    let plain = tools::run(
        "age",
        [
            "-d".into(),
            "-i".into(),
            path(IDENTITY),
            path("homelab.age"),
        ],
    );
    let digits: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    plain
        .succeeds()
        .stdout_is(&format!("homelab-root-1 {digits}\n"));
}

impl Device {
    fn path(&self) -> String {
        let Device { person, name, .. } = self;
        format!("out/people/{person}/{name}/{person}-{name}.p12")
    }
}

/// A copy of the inputs.
#[track_caller]
fn prepared() -> Lab {
    let lab = Lab::new();
    for name in INPUTS {
        let path = Path::new(FIXTURE).join(name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        lab.write(name, bytes);
    }
    lab
}

/// A copy of the inputs and what they compile to. The clock has no part in it.
#[track_caller]
fn built() -> Lab {
    let lab = prepared();
    with_identity(&lab, &["build", "--locked"]).run().succeeds();
    for name in INPUTS {
        let before = fs::read(Path::new(FIXTURE).join(name)).expect("it has just been copied");
        assert!(
            lab.read_bytes(name) == before,
            "a build with `--locked` leaves {name} alone"
        );
    }
    lab
}

fn with_identity(lab: &Lab, arguments: &[&str]) -> Invocation {
    lab.command(arguments.iter().chain(&["--identity", IDENTITY]).copied())
}

/// What the fixture should hold beside its inputs, by path.
#[track_caller]
fn expectation(lab: &Lab) -> BTreeMap<String, Vec<u8>> {
    let tree = snapshot(&lab.path().join("out"));
    let mut expected = BTreeMap::new();
    let mut list = String::new();
    for (path, entry) in &tree {
        let Entry { kind, mode } = entry;
        let content = match kind {
            // It holds hashes of inputs, and the program's version is one of those.
            Kind::File(_) if path == MANIFEST => "not compared".to_owned(),
            Kind::File(bytes) => {
                let (suffix, text) = readable(path, bytes);
                expected.insert(format!("expected/{path}.{suffix}"), text);
                sha256(bytes)
            }
            Kind::Directory => "directory".to_owned(),
            Kind::Symlink(target) => panic!("{path} is a link to {}", target.display()),
        };
        list += &format!("{mode:04o} {content:64} {path}\n");
    }
    expected.insert(
        "expected/edge/ca.pem.dump".to_owned(),
        certificate(&lab.read_bytes("out/edge/ca.pem")),
    );
    expected.insert("expected.txt".to_owned(), list.into_bytes());
    expected
}

#[track_caller]
fn readable(path: &str, bytes: &[u8]) -> (&'static str, Vec<u8>) {
    if str::from_utf8(bytes).is_ok() {
        return ("golden", bytes.to_vec());
    }
    if path == "edge/ca.crl.der" {
        return ("dump", revocations(bytes));
    }
    if path.ends_with(".reg") {
        return ("dump", utf16(bytes));
    }
    let mut devices = DEVICES.iter();
    let device = devices
        .find(|device| device.path().strip_prefix("out/") == Some(path))
        .unwrap_or_else(|| {
            panic!(
                "{path} is binary, and neither the revocation list, nor for the registry, nor a bundle of a known device"
            )
        });
    ("dump", dump(bytes, device.password))
}

/// A bundle as openssl tells of it: its algorithms, the attributes of the certificate, and the certificate.
#[track_caller]
fn dump(bundle: &[u8], password: &str) -> Vec<u8> {
    let mut command = tools::command("openssl");
    command.args([
        "pkcs12",
        "-info",
        "-nokeys",
        "-passin",
        &format!("pass:{password}"),
    ]);
    let opened = outcome::run(&mut command, bundle);
    let text = opened.succeeds().stdout();
    let attributes = text
        .lines()
        .take_while(|line| !line.starts_with("subject="));
    let attributes: String = attributes
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    let mut dump = format!("{}{attributes}", opened.stderr()).into_bytes();
    dump.extend(certificate(text.as_bytes()));
    dump
}

/// Every field, with names in a form that does not differ between versions of openssl.
#[track_caller]
fn certificate(pem: &[u8]) -> Vec<u8> {
    openssl(&["x509", "-noout", "-text", "-nameopt", "RFC2253"], pem).into_bytes()
}

/// A text in UTF-16, little-endian, its mark included.
#[track_caller]
fn utf16(bytes: &[u8]) -> Vec<u8> {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.expect("it is UTF-16").into_bytes()
}

/// Every field of a revocation list in DER.
#[track_caller]
fn revocations(der: &[u8]) -> Vec<u8> {
    let arguments = "crl -inform DER -noout -text -nameopt RFC2253".split(' ');
    openssl(&arguments.collect::<Vec<_>>(), der).into_bytes()
}

#[track_caller]
fn fingerprint(pem: &[u8]) -> String {
    let printed = openssl(&["x509", "-noout", "-fingerprint", "-sha256"], pem);
    let (_, pairs) = printed
        .trim_end()
        .split_once('=')
        .expect("`sha256 Fingerprint=…`");
    pairs.replace(':', "").to_lowercase()
}

#[track_caller]
fn openssl(arguments: &[&str], input: &[u8]) -> String {
    let outcome = outcome::run(tools::command("openssl").args(arguments), input);
    outcome.succeeds().stdout().to_owned()
}

/// The files of the fixture that are no inputs, by path.
#[track_caller]
fn committed() -> BTreeMap<String, Vec<u8>> {
    files::snapshot(Path::new(FIXTURE))
        .into_iter()
        .filter(|(path, _)| !INPUTS.contains(&path.as_str()) && path != FIRST_LOCK)
        .filter_map(|(path, entry)| match entry.kind {
            Kind::File(bytes) => Some((path, bytes)),
            _ => None,
        })
        .collect()
}

/// Puts an expectation in the place of the committed one.
#[track_caller]
fn rewrite(expectation: &BTreeMap<String, Vec<u8>>) {
    let place = |path: &str| -> PathBuf { Path::new(FIXTURE).join(path) };
    if place("expected").exists() {
        fs::remove_dir_all(place("expected")).expect("the working tree can be written to");
    }
    for (path, bytes) in expectation {
        let path = place(path);
        let directory = path.parent().expect("a file lies in a directory");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, bytes))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn is_file(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::File(_))
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A unified diff, for whoever reads the failure.
#[track_caller]
fn diff(expected: &str, found: &str) -> String {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    for (name, text) in [("expected", expected), ("found", found)] {
        fs::write(place.path().join(name), text).expect("a temporary directory can be written to");
    }
    let mut command = tools::command("diff");
    command
        .current_dir(place.path())
        .args(["-u", "expected", "found"]);
    outcome::run(&mut command, b"").stdout().to_owned()
}
