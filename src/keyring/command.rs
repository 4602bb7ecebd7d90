//! Commands that keep the root secret elsewhere, such as on hardware: one prints it, one encrypts it.
//!
//! They are run by `sh -c`. They may ask on the terminal; only what they print is taken.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::diagnostic::Failure;
use crate::root::{Keyring, RootSecret, is_sealed};
use crate::tree::{Existing, Mode, write_durably};
use crate::workspace::{SEALED_LIMIT, Workspace};

/// The variable that tells a root command which file it is to open.
const SEALED_VARIABLE: &str = "HOMELAB_AGE";

/// Where a file that a command has sealed lies while another tries to open it.
pub(crate) const TRIED: &str = ".homelab.age.tried";

#[derive(Debug, Error, Diagnostic)]
enum CommandError {
    #[error("the root command {what}")]
    #[diagnostic(
        code("root::command"),
        help(
            "it is run by `sh -c` and prints what `age -d homelab.age` prints, one line that begins with `homelab-root-1`. Where it is for a homelab.age that is yet to be encrypted, name the identity that opens the present one: `--identity FILE`"
        )
    )]
    Root { what: String },

    #[error("the seal command {what}")]
    #[diagnostic(
        code("root::seal-command"),
        help(
            "it is run by `sh -c`, reads what is to be encrypted and prints an age file, as `age -r age1yubikey1… -a` does; homelab.age is as it was"
        )
    )]
    Seal { what: String },

    #[error(
        "the root command does not say that it opens homelab.age, so what is sealed anew cannot be tried"
    )]
    #[diagnostic(
        code("root::command-names-nothing"),
        help("name the file in it, `homelab.age` or `\"$HOMELAB_AGE\"`")
    )]
    NamesNothing,

    #[error("the root command does not open what the seal command has encrypted")]
    #[diagnostic(
        code("root::does-not-open"),
        help("encrypt to the key that the root command uses; homelab.age is as it was")
    )]
    DoesNotOpen,
}

/// What a command prints that opens homelab.age, or the file that is to come in its place.
pub(super) fn keyring_from(command: &str, sealed: &Path) -> Result<Keyring, Failure> {
    let output = printed(command, sealed)?;
    let text = str::from_utf8(&output).ok();
    text.and_then(Keyring::from_text).ok_or_else(no_root)
}

/// The only root secret that a command prints.
pub(super) fn root_from(command: &str, sealed: &Path) -> Result<RootSecret, Failure> {
    let only = printed(command, sealed)?;
    let root = str::from_utf8(&only).ok().and_then(RootSecret::from_text);
    root.ok_or_else(no_root)
}

fn no_root() -> Failure {
    let what = String::from("printed something that is no root secret");
    Failure::environment(CommandError::Root { what })
}

fn printed(command: &str, sealed: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |what: String| Failure::environment(CommandError::Root { what });
    let answer = run(command, sealed);
    let answer = answer.map_err(|error| failed(format!("could not be run: {error}")))?;
    let (status, output) = answer;
    if status.success() {
        Ok(output)
    } else {
        Err(failed(format!("failed: {status}")))
    }
}

/// Runs a command that is told the file that it is to open.
fn run(command: &str, sealed: &Path) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env(SEALED_VARIABLE, std::path::absolute(sealed)?)
        .stdout(Stdio::piped())
        .spawn()?;
    let output = output(&mut child, SEALED_LIMIT)?;
    Ok((child.wait()?, output))
}

/// What a command prints, up to so many bytes.
fn output(child: &mut Child, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    // Grown, it would leave copies of a secret behind.
    let mut output = Zeroizing::new(Vec::with_capacity(4096));
    let stdout = child.stdout.take().expect("it was asked to be piped");
    stdout.take(most).read_to_end(&mut output)?;
    Ok(output)
}

/// Seals a keyring with one command, and has the other open it, from a file beside the one that stays until that is done.
pub(super) fn seal(
    seal: &str,
    root: &str,
    workspace: &Workspace,
    keyring: &Keyring,
) -> Result<Vec<u8>, Failure> {
    if !root.contains("homelab.age") && !root.contains(SEALED_VARIABLE) {
        return Err(Failure::environment(CommandError::NamesNothing));
    }
    let sealed = sealed_by(seal, keyring)?;
    try_out(workspace, root, keyring, &sealed)?;
    Ok(sealed)
}

/// What a command makes of a keyring.
fn sealed_by(command: &str, keyring: &Keyring) -> Result<Vec<u8>, Failure> {
    let failed = |what: String| Failure::environment(CommandError::Seal { what });
    let run = || -> io::Result<_> {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut plain = child.stdin.take().expect("it was asked to be piped");
        // A command that reads nothing has failed by what it prints.
        let _ = plain.write_all(keyring.to_text().as_bytes());
        drop(plain);
        let sealed = output(&mut child, SEALED_LIMIT + 1)?;
        Ok((child.wait()?, sealed))
    };
    let (status, sealed) = run().map_err(|error| failed(format!("could not be run: {error}")))?;
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    // What is written must be ciphertext: `cat` prints the secret itself.
    let mark = b"homelab-root-1 ";
    let is_plain = sealed.windows(mark.len()).any(|part| part == mark);
    if !is_sealed(&sealed) || is_plain || sealed.len() as u64 > SEALED_LIMIT {
        return Err(failed(String::from(
            "printed something that is no age file",
        )));
    }
    Ok(sealed.to_vec())
}

fn try_out(
    workspace: &Workspace,
    root: &str,
    keyring: &Keyring,
    sealed: &[u8],
) -> Result<(), Failure> {
    let tried = workspace.path(TRIED);
    write_durably(&tried, Mode::Public, sealed, Existing::ReplaceHere)
        .map_err(Failure::environment)?;
    let command = root.replace("homelab.age", TRIED);
    let opened = keyring_from(&command, &tried);
    let _ = std::fs::remove_file(&tried);
    match opened {
        Ok(opened) if *opened.to_text() == *keyring.to_text() => Ok(()),
        _ => Err(Failure::environment(CommandError::DoesNotOpen)),
    }
}
