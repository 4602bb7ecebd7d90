//! The programs of others that the tests run.

use std::env;
use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::outcome::{self, Outcome};

/// Where `tests/run` puts the tools that are not Debian packages.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools");

/// The program of that name; panics where it is missing, so that no test passes without it.
#[track_caller]
pub fn tool(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    [installed("bin")]
        .into_iter()
        .chain(env::split_paths(&path))
        // Administrators' commands may lie outside a user's PATH.
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(name))
        .find(|candidate| is_program(candidate))
        .unwrap_or_else(|| panic!("`{name}` is missing. Run tests/run: it installs {name}."))
}

/// SHA-256 of a certificate, in capital hexadecimal.
#[track_caller]
pub fn fingerprint(pem: &Path) -> String {
    let pem = pem.to_str().expect("a test's paths are UTF-8");
    let words = ["x509", "-noout", "-sha256", "-fingerprint", "-in", pem];
    let said = run("openssl", words);
    let (_, octets) = said
        .succeeds()
        .stdout()
        .trim_end()
        .split_once('=')
        .expect("it says one");
    octets.replace(':', "")
}

/// What `tests/run` has put there in one directory.
pub fn installed(directory: &str) -> PathBuf {
    Path::new(INSTALLED).join(directory)
}

/// A command for that tool, with nothing of the caller's environment but the PATH.
#[track_caller]
pub fn command(name: &str) -> Command {
    let mut command = Command::new(tool(name));
    command.env_clear().env("LC_ALL", "C.UTF-8");
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Runs that tool with no input.
#[track_caller]
pub fn run<Argument: AsRef<OsStr>>(
    name: &str,
    arguments: impl IntoIterator<Item = Argument>,
) -> Outcome {
    outcome::run(command(name).args(arguments), b"")
}

/// Makes `site.pem` and `site.key` in a directory: a certificate of its own for a server of that host, address, or `*.` and a domain.
#[track_caller]
pub fn site_certificate(directory: &Path, host: &str) {
    let kind = match host.parse::<IpAddr>() {
        Ok(_) => "IP",
        Err(_) => "DNS",
    };
    let mut openssl = command("openssl");
    openssl.current_dir(directory).args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "9",
        "-subj",
        "/CN=site",
        "-addext",
        &format!("subjectAltName={kind}:{host}"),
        "-keyout",
        "site.key",
        "-out",
        "site.pem",
    ]);
    outcome::run(&mut openssl, b"").succeeds();
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
