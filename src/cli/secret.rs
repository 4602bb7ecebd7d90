//! Opening the root secret: an identity, a passphrase on the terminal, or a command.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use age::secrecy::SecretString;
use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::arguments::Secret;
use super::failure::Failure;
use super::workspace::Workspace;
use crate::root::{
    Identity, Key, RootId, RootSecret, SealError, is_sealed_with_passphrase, unseal,
};

/// Bytes of an identity file, a sealed root or a command's answer, at the most.
pub const LIMIT: u64 = 64 << 10;

#[derive(Debug, Error, Diagnostic)]
pub enum SecretError {
    #[error("`{}` cannot be opened", path.display())]
    #[diagnostic(code("root::cannot-open"), help("{help}"))]
    CannotOpen {
        path: PathBuf,
        #[source]
        source: SealError,
        help: String,
    },

    #[error("`{}` is missing, and what homelab.lock records was made with it", path.display())]
    #[diagnostic(
        code("root::missing"),
        help(
            "bring it back, `git checkout -- homelab.age`: without it nothing can be issued, and a new one would lock every device out"
        )
    )]
    Missing { path: PathBuf },

    #[error("there is no identity at `{}`", path.display())]
    #[diagnostic(
        code("root::no-identity"),
        help(
            "copy the one that homelab.age was encrypted to there, or name it with `--identity FILE`"
        )
    )]
    NoIdentity { path: PathBuf },

    #[error("`{}` is not an age identity file", path.display())]
    #[diagnostic(
        code("root::bad-identity"),
        help(
            "it holds lines that begin with `AGE-SECRET-KEY-1`, as `age-keygen` writes them; for keys on hardware use `--root-command`"
        )
    )]
    BadIdentity { path: PathBuf },

    #[error("there is neither $XDG_CONFIG_HOME nor $HOME to keep an identity in")]
    #[diagnostic(
        code("root::no-home"),
        help("name the identity with `--identity FILE`")
    )]
    NoHome,

    #[error("the directory `{}` cannot be made", path.display())]
    #[diagnostic(
        code("root::cannot-make-directory"),
        help("make it yourself, or name an identity with `--identity FILE`")
    )]
    CannotMake {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("the root secret is not the one that homelab.lock was made with")]
    #[diagnostic(
        code("root::foreign"),
        help(
            "bring both files back from the same commit: `git checkout -- homelab.lock homelab.age`"
        )
    )]
    Foreign { found: RootId, expected: RootId },

    #[error("the root command {what}")]
    #[diagnostic(
        code("root::command"),
        help(
            "it is run by `sh -c` and prints what `age -d homelab.age` prints, one line that begins with `homelab-root-1`"
        )
    )]
    Command { what: String },

    #[error("the passphrase cannot be asked for")]
    #[diagnostic(
        code("root::no-terminal"),
        help("run this in a terminal, or use `--root-command`")
    )]
    NoTerminal {
        #[source]
        source: io::Error,
    },

    #[error("the passphrase {what}")]
    #[diagnostic(code("root::passphrase"), help("try again"))]
    Passphrase { what: &'static str },
}

/// Opens the root secret and holds it against the lock.
pub fn unlock(
    workspace: &Workspace,
    options: &Secret,
    expected: Option<RootId>,
) -> Result<RootSecret, Failure> {
    let root = match &options.root_command {
        Some(command) => from_command(command)?,
        None => from_file(workspace, options)?,
    };
    match expected {
        Some(expected) if root.id() != expected => {
            Err(Failure::environment(SecretError::Foreign {
                found: root.id(),
                expected,
            }))
        }
        _ => Ok(root),
    }
}

fn from_file(workspace: &Workspace, options: &Secret) -> Result<RootSecret, Failure> {
    let path = workspace.path("homelab.age");
    let Some(sealed) = workspace.read(&path, LIMIT)? else {
        return Err(Failure::environment(SecretError::Missing { path }));
    };
    let cannot_open = |source, help: &str| {
        Failure::environment(SecretError::CannotOpen {
            path: path.clone(),
            source,
            help: help.to_owned(),
        })
    };
    let restore = "bring back the last good one: `git checkout -- homelab.age`";
    let wants_passphrase = is_sealed_with_passphrase(&sealed);
    if wants_passphrase.map_err(|source| cannot_open(source, restore))? {
        let passphrase = ask("Passphrase for homelab.age: ")?;
        let opened = unseal(&sealed, &Key::Passphrase(passphrase));
        return opened.map_err(|source| cannot_open(source, "try again"));
    }
    let identity_path = identity_path(options.identity.as_deref())?;
    let Some(identities) = read_identities(workspace, &identity_path)? else {
        let path = identity_path;
        return Err(Failure::environment(SecretError::NoIdentity { path }));
    };
    unseal(&sealed, &Key::Identities(identities)).map_err(|source| match source {
        SealError::WrongIdentity => cannot_open(
            source,
            &format!(
                "`{}` is not the identity that it was encrypted to: name the right one with `--identity FILE`",
                identity_path.display()
            ),
        ),
        other => cannot_open(other, restore),
    })
}

/// The identity file: as named, `$HOMELAB_IDENTITY`, or the usual place.
pub fn identity_path(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    if let Some(path) = set("HOMELAB_IDENTITY") {
        return Ok(PathBuf::from(path));
    }
    let config = set("XDG_CONFIG_HOME").map(PathBuf::from);
    // The XDG specification: a relative path in the variable is to be ignored.
    let config = config.filter(|path| path.is_absolute());
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".config"));
    match config.or_else(home) {
        Some(config) => Ok(config.join("homelab").join("identity.txt")),
        None => Err(Failure::environment(SecretError::NoHome)),
    }
}

/// The identities in a file; `None` if there is no file.
pub fn read_identities(
    workspace: &Workspace,
    path: &Path,
) -> Result<Option<Vec<Identity>>, Failure> {
    let Some(bytes) = workspace.read(path, LIMIT)? else {
        return Ok(None);
    };
    let bytes = Zeroizing::new(bytes);
    let identities = std::str::from_utf8(&bytes)
        .ok()
        .and_then(Identity::from_file);
    let path = path.to_owned();
    let bad = || Failure::environment(SecretError::BadIdentity { path });
    identities.map(Some).ok_or_else(bad)
}

/// Asks for a passphrase on the terminal, without showing it.
pub fn ask(prompt: &str) -> Result<SecretString, Failure> {
    rpassword::prompt_password(prompt)
        .map(SecretString::from)
        .map_err(|source| Failure::environment(SecretError::NoTerminal { source }))
}

fn from_command(command: &str) -> Result<RootSecret, Failure> {
    let failed = |what: String| Failure::environment(SecretError::Command { what });
    let answer = run(command).map_err(|error| failed(format!("could not be run: {error}")))?;
    let (status, output) = answer;
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    let text = std::str::from_utf8(&output).ok();
    text.and_then(RootSecret::from_text)
        .ok_or_else(|| failed(String::from("printed something that is no root secret")))
}

/// Runs a command by sh. It may ask on the terminal; only its output is taken.
fn run(command: &str) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = Zeroizing::new(Vec::with_capacity(1024));
    let stdout = child.stdout.take().expect("it was asked to be piped");
    stdout.take(LIMIT).read_to_end(&mut output)?;
    Ok((child.wait()?, output))
}

/// Makes a directory, and those above it, that only the user may look into.
pub fn make_private_directory(directory: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(directory);
    made.map_err(|source| {
        Failure::environment(SecretError::CannotMake {
            path: directory.to_owned(),
            source,
        })
    })
}
