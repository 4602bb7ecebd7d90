//! The revocation list, as openssl, GnuTLS, NSS and pkilint read it, and as a server in TLS goes by it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::family::{Built, Device, Extracted, ISSUED, block};
use crate::forgery::strangers;
use crate::support::clock;
use crate::support::outcome::{self, Outcome};
use crate::support::port::Port;
use crate::support::tools;
use crate::verifiers::{CLIENT, assert_clean};

/// When one device is removed, and as `faketime` takes it.
const REMOVED: u64 = ISSUED + 7200;
const SHOWN: &str = "2026-01-01 02:00:00";

const LOST: &str = "alice/pixel";

/// The family, of which alice loses her telephone.
struct Family {
    built: Built,
    /// With everybody's certificate, the lost one's too.
    devices: Vec<(Device, Extracted)>,
}

impl Family {
    #[track_caller]
    fn complete() -> Self {
        let mut built = Built::family();
        let devices = std::mem::take(&mut built.devices);
        let with_files = devices.into_iter().map(|device| {
            let extracted = built.extract(&device);
            (device, extracted)
        });
        Self {
            devices: with_files.collect(),
            built,
        }
    }

    #[track_caller]
    fn without_the_lost() -> Self {
        let family = Self::complete();
        family.lose();
        family
    }

    /// Takes the lost device out of the declaration, and builds.
    #[track_caller]
    fn lose(&self) {
        let lab = &self.built.lab;
        let declared = lab.read("homelab.kdl");
        let line = "    device \"pixel\" platform=\"android\" version=15\n";
        assert_eq!(declared.matches(line).count(), 1);
        lab.write("homelab.kdl", declared.replace(line, ""));
        let outcome = lab.command(["build"]).at(REMOVED).run();
        outcome.succeeds().stdout_contains("retired alice/pixel\n");
    }

    fn list(&self) -> PathBuf {
        self.built.lab.path().join("out/edge/ca.crl")
    }

    #[track_caller]
    fn of(&self, name: &str) -> &Extracted {
        let mut devices = self.devices.iter();
        let device = devices.find(|(device, _)| device.id() == name);
        &device.expect("it is one of the family's").1
    }

    /// `openssl verify` with the list.
    #[track_caller]
    fn verify(&self, time: u64, leaf: &Path) -> Outcome {
        self.verify_as("-crl_check", time, leaf)
    }

    #[track_caller]
    fn verify_as(&self, check: &str, time: u64, leaf: &Path) -> Outcome {
        let mut command = tools::command("openssl");
        command.args("verify -x509_strict -no-CApath -no-CAstore -purpose sslclient".split(' '));
        command.args([check, "-attime", &time.to_string(), "-CRLfile"]);
        command.arg(self.list()).arg("-CAfile");
        outcome::run(command.arg(self.built.authority()).arg(leaf), b"")
    }
}

#[test]
fn both_forms_are_one_list() {
    let family = Family::without_the_lost();
    let pem = fs::read_to_string(family.list()).expect("it is text");
    assert_eq!(block(&pem, "X509 CRL"), pem, "nothing but the list");
    assert!(pem.lines().all(|line| line.len() <= 64));
    let mut command = tools::command("openssl");
    let decoded = outcome::run(command.args(["crl", "-outform", "DER"]), pem.as_bytes());
    assert!(decoded.succeeds().stdout == family.built.lab.read_bytes("out/edge/ca.crl.der"));
}

#[test]
fn only_the_authority_has_signed_it() {
    let family = Family::without_the_lost();
    let verify = |authority: &Path| {
        let mut command = tools::command("openssl");
        command.args([
            "crl",
            "-noout",
            "-verify",
            "-no-CApath",
            "-no-CAstore",
            "-in",
        ]);
        command.arg(family.list()).arg("-CAfile").arg(authority);
        outcome::run(&mut command, b"")
    };
    verify(&family.built.authority())
        .succeeds()
        .stderr_contains("verify OK");
    for stranger in strangers(&family.built) {
        let refused = verify(&stranger);
        assert!(!refused.stderr().contains("verify OK"), "{refused}");
    }
    let gnutls = |authority: &Path| {
        let mut command = clock::command_at(SHOWN, "certtool");
        command
            .args(["--verify-crl", "--load-ca-certificate"])
            .arg(authority);
        outcome::run(command.arg("--infile").arg(family.list()), b"")
    };
    gnutls(&family.built.authority())
        .succeeds()
        .stdout_contains("Verified. The certificate is trusted.");
    let [stranger, _] = strangers(&family.built);
    gnutls(&stranger).fails_with(1);
}

#[test]
fn openssl_refuses_who_is_on_it_and_nobody_else() {
    let family = Family::complete();
    for (_, files) in &family.devices {
        family.verify(ISSUED, &files.certificate).succeeds();
    }
    family.lose();
    // nginx and HAProxy ask for a list about the authority itself too: it is on its own.
    for check in ["-crl_check", "-crl_check_all"] {
        for (device, files) in &family.devices {
            let verified = family.verify_as(check, REMOVED, &files.certificate);
            match device.id() == LOST {
                true => verified
                    .fails_with(2)
                    .stderr_contains("certificate revoked"),
                false => verified.succeeds(),
            };
        }
    }
}

/// A list that a proxy takes for one of the future, or of the past, keeps everybody out.
#[test]
fn it_counts_from_an_hour_before_it_was_signed_until_its_authority_ends() {
    let family = Family::without_the_lost();
    let leaf = &family.of("alice/macbook").certificate;
    family.verify(REMOVED - 3600, leaf).succeeds();
    family
        .verify(REMOVED - 3601, leaf)
        .fails_with(2)
        .stderr_contains("CRL is not yet valid");
    let updates = |what: &str, file: &Path| {
        let mut command = tools::command("openssl");
        let verb = if what == "-nextupdate" { "crl" } else { "x509" };
        outcome::run(command.args([verb, "-noout", what, "-in"]).arg(file), b"")
    };
    let next = updates("-nextupdate", &family.list());
    let end = updates("-enddate", &family.built.authority());
    let date = |shown: &Outcome| {
        shown
            .succeeds()
            .stdout()
            .split_once('=')
            .map(|two| two.1.to_owned())
    };
    assert_eq!(date(&next), date(&end));
}

#[test]
fn gnutls_refuses_who_is_on_it_and_nobody_else() {
    let family = Family::without_the_lost();
    for (device, files) in &family.devices {
        let mut command = clock::command_at(SHOWN, "certtool");
        command.args("--verify --verify-profile medium --verify-purpose".split(' '));
        command.args([CLIENT, "--load-ca-certificate"]);
        command.arg(family.built.authority()).arg("--load-crl");
        command.arg(family.list()).arg("--infile");
        let verified = outcome::run(command.arg(&files.certificate), b"");
        verified.stdout_contains("Checked against CRL[02]");
        match device.id() == LOST {
            true => verified.fails_with(1).stdout_contains("is revoked"),
            false => verified.succeeds(),
        };
    }
}

#[test]
fn nss_refuses_who_is_on_it_and_nobody_else() {
    let family = Family::without_the_lost();
    let database = format!("sql:{}", family.built.scratch().display());
    let nss = |tool: &str, arguments: &[&str], file: Option<&Path>| {
        let mut command = tools::command(tool);
        command.args(arguments).args(["-d", &database]);
        command.args(file.iter().flat_map(|file| [Path::new("-i"), *file]));
        outcome::run(&mut command, b"")
    };
    nss("certutil", &["-N", "--empty-password"], None).succeeds();
    let authority = family.built.authority();
    let trusted = ["-A", "-n", "authority", "-t", "T,,"];
    nss("certutil", &trusted, Some(&authority)).succeeds();
    let list = family.list().with_extension("crl.der");
    nss("crlutil", &["-I"], Some(&list)).succeeds();
    for (device, files) in &family.devices {
        let id = device.id();
        let added = ["-A", "-n", &id, "-t", ",,"];
        nss("certutil", &added, Some(&files.certificate)).succeeds();
        let verified = ["-V", "-u", "C", "-b", "260101020000Z", "-n", &id];
        let verified = nss("certutil", &verified, None);
        match id == LOST {
            true => verified.fails_with(255).stdout_contains("has been revoked"),
            false => verified.succeeds(),
        };
    }
}

#[test]
fn pkilint_has_no_finding_in_any_list() {
    let family = Family::complete();
    assert_clean(&lint(&family.list()));
    family.lose();
    assert_clean(&lint(&family.list()));
}

/// The control: a list that openssl makes without being told how has no number.
#[test]
fn pkilint_has_findings_in_an_ordinary_list() {
    let family = Built::family();
    let [stranger, _] = strangers(&family);
    let key = stranger.with_extension("key");
    let configuration = family.file(
        "ca.cnf",
        format!(
            "[ca]\ndefault_ca=own\n[own]\ndatabase={0}/index.txt\ndefault_md=sha256\ndefault_crl_days=1\n",
            family.scratch().display()
        ),
    );
    family.file("index.txt", "");
    let list = family.scratch().join("ordinary.crl");
    let mut command = tools::command("openssl");
    command
        .args(["ca", "-gencrl", "-config"])
        .arg(configuration);
    command.arg("-cert").arg(stranger).arg("-keyfile").arg(key);
    outcome::run(command.arg("-out").arg(&list), b"").succeeds();
    let findings = lint(&list);
    assert!(
        !findings.status.success() && findings.stdout().contains("(ERROR)"),
        "{findings}"
    );
}

/// What nginx does with `ssl_crl` and HAProxy with `crl-file`.
#[test]
fn a_server_in_tls_lets_the_lost_device_in_only_without_the_list() {
    let family = Family::without_the_lost();
    let (lost, other) = (family.of(LOST), family.of("alice/macbook"));
    let with_list = Server::start(&family, Some(&family.list()));
    with_list.visit(other).succeeds();
    let refused = with_list.visit(lost);
    assert!(
        !refused.status.success() && refused.stderr().contains("alert certificate revoked"),
        "{refused}"
    );
    let without = Server::start(&family, None);
    without.visit(other).succeeds();
    without.visit(lost).succeeds();
}

/// `openssl s_server`, which asks for a certificate of the authority.
struct Server {
    process: Child,
    port: Port,
}

impl Server {
    #[track_caller]
    fn start(family: &Family, list: Option<&Path>) -> Self {
        let [identity, _] = strangers(&family.built);
        let port = Port::reserve();
        let mut command = tools::command("openssl");
        let time = REMOVED.to_string();
        command.args("s_server -Verify 1 -verify_return_error -www -attime".split(' '));
        command.args([&time, "-accept", &format!("127.0.0.1:{}", port.number())]);
        command.arg("-cert").arg(&identity);
        command.arg("-key").arg(identity.with_extension("key"));
        command.arg("-CAfile").arg(family.built.authority());
        if let Some(list) = list {
            command.args(["-crl_check_all", "-CRL"]).arg(list);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("openssl starts");
        let stdout = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut lines = stdout.lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "ACCEPT"), "it listens");
        Self { process, port }
    }

    /// A visit in TLS 1.2, where a certificate is judged before the handshake ends.
    fn visit(&self, files: &Extracted) -> Outcome {
        let mut command = tools::command("openssl");
        command.args("s_client -tls1_2 -brief -connect".split(' '));
        command.arg(format!("127.0.0.1:{}", self.port.number()));
        command.arg("-cert").arg(&files.certificate);
        outcome::run(command.arg("-key").arg(&files.key), b"")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[track_caller]
fn lint(list: &Path) -> Outcome {
    let options = "lint -t CRL -p PKIX -s NOTICE".split(' ').map(Path::new);
    tools::run("lint_crl", options.chain([list]))
}
