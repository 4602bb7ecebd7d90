//! What must not be there: the root secret and passwords in files, arguments and environments, and modes that let others in.

use std::collections::BTreeMap;
use std::fs;

use crate::family::{Built, ISSUED};
use crate::root::{digits, identity, plaintext};
use crate::support::files::{Entry, Kind, snapshot};
use crate::support::lab::{Invocation, Lab};
use crate::support::tools;

/// Words that must not be found, by what they are.
struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    /// The root secret as text and as bytes, each password with and without its hyphens, and each private key in DER.
    #[track_caller]
    fn of(built: &Built) -> Self {
        let text = plaintext(&built.lab);
        let digits = digits(&text);
        let bytes = data_encoding::HEXLOWER
            .decode(digits.as_bytes())
            .expect("they are hexadecimal");
        let mut needles = vec![
            ("the root secret".to_owned(), digits.as_bytes().to_vec()),
            (
                "the root secret in capitals".to_owned(),
                digits.to_uppercase().into_bytes(),
            ),
            ("the root secret in base64".to_owned(), base64(&bytes)),
            ("the bytes of the root secret".to_owned(), bytes),
        ];
        for device in &built.devices {
            let password = built.password(device);
            let what = format!("the password of {}", device.id());
            needles.push((what.clone(), password.replace('-', "").into_bytes()));
            needles.push((what, password.into_bytes()));
            let key = scalar(
                &fs::read_to_string(built.extract(device).key).expect("it has been extracted"),
            );
            needles.push((format!("the key of {}", device.id()), key));
        }
        Self(needles)
    }

    /// What occurs in `bytes`.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let occurs = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        self.0
            .iter()
            .filter(|(_, needle)| occurs(needle))
            .map(|(what, _)| what.as_str())
            .collect()
    }
}

#[test]
fn no_file_holds_a_secret_in_the_clear() {
    let built = Built::family();
    let needles = Needles::of(&built);
    let key = fs::read_to_string(identity(&built.lab)).expect("homelab has made it");
    let key = key
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-1"))
        .expect("an identity");

    let (lab, home) = (built.lab.snapshot(), snapshot(&built.lab.home()));
    assert!(lab.len() > 30 && home.contains_key(".config/homelab/identity.txt"));
    for (path, bytes) in files(&lab).chain(files(&home)) {
        assert_eq!(needles.found_in(bytes), [""; 0], "{path}");
        let has_key = bytes
            .windows(key.len())
            .any(|window| window == key.as_bytes());
        assert_eq!(has_key, path == ".config/homelab/identity.txt", "{path}");
    }
    // Neither does what lies beside them, the directory for temporary files included.
    let place = built.lab.path();
    let place = place
        .parent()
        .expect("a lab lies in a directory of its own");
    let beside: Vec<_> = fs::read_dir(place)
        .expect("it can be read")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
}

/// The control: a search that finds nothing anywhere would be as quiet.
#[test]
fn the_search_finds_what_it_looks_for() {
    let built = Built::family();
    let needles = Needles::of(&built);
    let text = plaintext(&built.lab);
    assert_eq!(needles.found_in(text.as_bytes()), ["the root secret"]);
    let device = &built.devices[0];
    let said = format!("it is {}, really", built.password(device));
    assert_eq!(
        needles.found_in(said.as_bytes()),
        [format!("the password of {}", device.id())]
    );
}

#[test]
fn only_the_owner_may_read_what_is_secret() {
    for mask in [0o000, 0o022, 0o077, 0o777] {
        let lab = Lab::new().declare(&format!("{DECLARATION}{ALICE}"));
        // With a umask of 0777 nobody could write below a directory made without a mode of its own; HOME is that of the user.
        fs::create_dir_all(lab.home().join(".config/homelab")).expect("a new home is empty");
        lab.command(["build"]).umask(mask).run().succeeds();
        let tree = lab.snapshot();
        let mode = |path: &str| {
            let entry = tree
                .get(path)
                .unwrap_or_else(|| panic!("there is no {path}"));
            format!("{path} {:04o}", entry.mode)
        };
        for expected in [
            "out 0700",
            "out/people 0700",
            "out/people/alice 0700",
            "out/people/alice/pixel 0700",
            "out/people/alice/pixel/alice-pixel.p12 0600",
            "out/people/alice/guide.html 0644",
            "out/index.html 0644",
            "out/.homelab 0700",
            "out/.homelab/manifest.kdl 0600",
            "out/edge 0755",
            "out/edge/Caddyfile 0644",
            "out/edge/globals.caddyfile 0644",
            "out/edge/pages.caddyfile 0644",
            "out/edge/sites.caddyfile 0644",
            "out/edge/ca.crl 0644",
            "out/edge/ca.crl.der 0644",
            "out/edge/ca.pem 0644",
            "homelab.lock 0644",
            "homelab.age 0644",
        ] {
            let path = expected
                .split(' ')
                .next()
                .expect("a split gives at least one part");
            assert_eq!(mode(path), expected, "umask {mask:04o}");
        }
        let home = snapshot(&lab.home());
        assert_eq!(
            home[".config/homelab/identity.txt"].mode, 0o600,
            "umask {mask:04o}"
        );
    }
}

#[test]
fn the_identity_s_directory_is_made_for_its_owner_alone() {
    let lab = Lab::new().declare(&format!("{DECLARATION}{ALICE}"));
    lab.command(["build"]).umask(0).run().succeeds();
    let home = snapshot(&lab.home());
    for (path, mode) in [
        (".config/homelab", 0o700),
        (".config/homelab/identity.txt", 0o600),
    ] {
        assert_eq!(home[path].mode, mode, "{path}");
    }
}

/// Every process that a command starts, itself included, with its arguments and its environment.
#[test]
fn no_process_is_given_a_secret() {
    let built = Built::family();
    let needles = Needles::of(&built);
    let lab = &built.lab;
    let command = format!("age -d -i '{}' homelab.age", identity(lab).display());
    let by_command = |arguments: &[&str]| {
        lab.command(
            arguments
                .iter()
                .copied()
                .chain(["--root-command", &command]),
        )
    };
    let people = lab.path().join("out/people");
    let build_anew = || fs::remove_dir_all(&people).expect("it has been built");

    build_anew();
    assert_eq!(
        executed(lab, lab.command(["build"]), &needles),
        1,
        "no other program is run"
    );
    assert_eq!(
        executed(lab, lab.command(["password", "alice/pixel"]), &needles),
        1
    );
    build_anew();
    assert_eq!(
        executed(lab, by_command(&["build"]), &needles),
        3,
        "itself, sh, age"
    );
    assert!(executed(lab, by_command(&["password", "alice/pixel"]), &needles) >= 2);
}

/// How many programs a command executed, after a search through what each was given.
#[track_caller]
fn executed(lab: &Lab, command: Invocation, needles: &Needles) -> usize {
    let log = lab.home().join("trace");
    let name = log.to_str().expect("temporary paths are UTF-8");
    let options = [
        "strace",
        "-f",
        "-qq",
        "-v",
        "-s",
        "65536",
        "-e",
        "trace=execve,execveat",
        "-o",
        name,
    ];
    command.through(options).run().succeeds();
    let trace = fs::read(&log).expect("strace writes it");
    fs::remove_file(&log).expect("strace has written it");
    assert_eq!(needles.found_in(&trace), [""; 0]);
    let trace = String::from_utf8(trace).expect("strace escapes what is not ASCII");
    assert!(
        trace.contains("XDG_CONFIG_HOME="),
        "the trace tells environments:\n{trace}"
    );
    trace
        .lines()
        .filter(|line| line.contains("execve") && line.ends_with(" = 0"))
        .count()
}

/// While it runs, too: its arguments and environment as anybody may list them, at the moment when it asks for the secret.
#[test]
fn the_process_table_shows_no_secret() {
    let built = Built::family();
    let needles = Needles::of(&built);
    let lab = &built.lab;
    let seen = lab.home().join("seen");
    let command = format!(
        "cat /proc/$PPID/cmdline /proc/$PPID/environ /proc/self/environ >'{}'; exec age -d -i '{}' homelab.age",
        seen.display(),
        identity(lab).display()
    );
    fs::remove_dir_all(lab.path().join("out/people")).expect("it has been built");
    lab.command(["build", "--root-command", &command])
        .at(ISSUED)
        .run()
        .succeeds();
    let seen = fs::read(seen).expect("the root command was run");
    assert!(seen.windows(16).any(|window| window == b"XDG_CONFIG_HOME="));
    assert_eq!(needles.found_in(&seen), [""; 0]);
}

const DECLARATION: &str = "domain \"home.example.com\"\n";
const ALICE: &str = "person \"alice\" { device \"pixel\" platform=\"android\"; }\n";

fn files(tree: &BTreeMap<String, Entry>) -> impl Iterator<Item = (&str, &[u8])> {
    tree.iter().filter_map(|(path, entry)| match &entry.kind {
        Kind::File(bytes) => Some((path.as_str(), bytes.as_slice())),
        _ => None,
    })
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    data_encoding::BASE64.encode(bytes).into_bytes()
}

/// The private scalar in a PKCS#8 key of P-256, as openssl finds it.
#[track_caller]
fn scalar(pem: &str) -> Vec<u8> {
    let mut command = tools::command("openssl");
    command.args(["ec", "-outform", "DER"]);
    let der = crate::support::outcome::run(&mut command, pem.as_bytes());
    // RFC 5915 §3: SEQUENCE, version 1, OCTET STRING of 32.
    let der = &der.succeeds().stdout;
    assert_eq!(der[2..7], [0x02, 0x01, 0x01, 0x04, 0x20], "an ECPrivateKey");
    der[7..39].to_vec()
}
