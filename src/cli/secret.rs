//! Opening and sealing the keyring: an identity, a passphrase on the terminal, or a command.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use age::secrecy::{ExposeSecret, SecretString};
use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::arguments::Secret;
use super::believed;
use super::failure::Failure;
use super::hold::Held;
use super::workspace::Workspace;
use crate::lock::Lock;
use crate::root::{
    Identity, Key, Keyring, Recipient, RootId, RootSecret, SealError, is_sealed_with_passphrase,
    recipients, seal, seal_with_passphrase, unseal,
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
    Foreign,

    #[error("the root command {what}")]
    #[diagnostic(
        code("root::command"),
        help(
            "it is run by `sh -c` and prints what `age -d homelab.age` prints, one line that begins with `homelab-root-1`"
        )
    )]
    Command { what: String },

    #[error("homelab.age cannot be written anew: a command opens it")]
    #[diagnostic(
        code("root::command-keeps"),
        help("run this without `--root-command`, with an identity or a passphrase")
    )]
    CommandKeeps,

    #[error(
        "homelab.age is encrypted to {count} recipients, and the identity file has {own} of them"
    )]
    #[diagnostic(
        code("root::unknown-recipients"),
        help(
            "age does not tell who the others are: name all, yourself too, each with `--recipient age1…`"
        )
    )]
    UnknownRecipients { count: usize, own: usize },

    #[error("homelab.age cannot be encrypted")]
    #[diagnostic(code("root::cannot-seal"), help("check the recipients"))]
    CannotSeal {
        #[source]
        source: SealError,
    },

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

/// A keyring that has been opened, and how it can be sealed again.
pub struct Opened {
    /// What was sealed.
    pub keyring: Keyring,
    sealer: Sealer,
}

/// Who could open the file that a keyring came from.
enum Sealer {
    /// The identities in a file, and how many recipients there were.
    Identities(Vec<Recipient>, usize),
    /// Whoever knows this passphrase.
    Passphrase(SecretString),
    /// Whoever the command asks.
    Command,
}

/// Opens the keyring and holds it against what the lock pins, and the lock against it.
pub fn unlock(
    workspace: &Workspace,
    options: &Secret,
    lock: &Lock,
    expected: &[RootId],
) -> Result<Opened, Failure> {
    let opened = match &options.root_command {
        Some(command) => Opened {
            keyring: from_command(command)?,
            sealer: Sealer::Command,
        },
        None => from_file(workspace, options)?,
    };
    if !expected.iter().all(|id| opened.keyring.root(id).is_some()) {
        return Err(Failure::environment(SecretError::Foreign));
    }
    believed::hold_against_secret(lock, &opened.keyring)?;
    Ok(opened)
}

/// The root secret that a command prints, where nothing is pinned yet, and a lock of its own.
pub fn first_from_command(options: &Secret) -> Result<Option<(Lock, Opened)>, Failure> {
    let Some(command) = &options.root_command else {
        return Ok(None);
    };
    let only = printed(command)?;
    let root = str::from_utf8(&only).ok().and_then(RootSecret::from_text);
    let root = root.ok_or_else(no_root)?;
    let (lock, keyring) = (Lock::new(&root), Keyring::of(root));
    let sealer = Sealer::Command;
    Ok(Some((lock, Opened { keyring, sealer })))
}

fn from_file(workspace: &Workspace, options: &Secret) -> Result<Opened, Failure> {
    let path = workspace.path("homelab.age");
    let Some(sealed) = workspace.sealed()? else {
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
        let keyring = unseal(&sealed, &Key::Passphrase(passphrase.clone()));
        return Ok(Opened {
            keyring: keyring.map_err(|source| cannot_open(source, "try again"))?,
            sealer: Sealer::Passphrase(passphrase),
        });
    }
    let identity_path = identity_path(options.identity.as_deref())?;
    let Some(identities) = read_identities(workspace, &identity_path)? else {
        let path = identity_path;
        return Err(Failure::environment(SecretError::NoIdentity { path }));
    };
    let own = identities.iter().map(Identity::recipient).collect();
    let count = recipients(&sealed).map_err(|source| cannot_open(source, restore))?;
    let keyring = unseal(&sealed, &Key::Identities(identities)).map_err(|source| match source {
        SealError::WrongIdentity => cannot_open(
            source,
            &format!(
                "`{}` is not the identity that it was encrypted to: name the right one with `--identity FILE`",
                identity_path.display()
            ),
        ),
        other => cannot_open(other, restore),
    })?;
    Ok(Opened {
        keyring,
        sealer: Sealer::Identities(own, count),
    })
}

impl Opened {
    /// A keyring that has just been made, and is to be sealed to these.
    pub fn new(keyring: Keyring, to: &SealsTo) -> Opened {
        let sealer = match to {
            SealsTo::Recipients(own) => Sealer::Identities(own.clone(), own.len()),
            SealsTo::Passphrase(passphrase) => Sealer::Passphrase(passphrase.clone()),
        };
        Opened { keyring, sealer }
    }

    /// Whether what has opened it would open it again.
    pub fn can_open(&self, to: &SealsTo) -> bool {
        match (&self.sealer, to) {
            (Sealer::Identities(own, _), SealsTo::Recipients(recipients)) => {
                own.iter().any(|own| recipients.contains(own))
            }
            _ => false,
        }
    }

    /// Whom homelab.age would be sealed to again: those who are named, or else those who could open it.
    ///
    /// # Errors
    /// Where that is not known: age files do not tell who their recipients are.
    pub fn seals_to(&self, named: &[Recipient]) -> Result<SealsTo, Failure> {
        let known = |fault| Err(Failure::environment(fault));
        match &self.sealer {
            Sealer::Command => known(SecretError::CommandKeeps),
            _ if !named.is_empty() => Ok(SealsTo::Recipients(named.to_vec())),
            Sealer::Passphrase(passphrase) => Ok(SealsTo::Passphrase(passphrase.clone())),
            Sealer::Identities(own, count) if own.len() < *count => {
                known(SecretError::UnknownRecipients {
                    count: *count,
                    own: own.len(),
                })
            }
            Sealer::Identities(own, _) => Ok(SealsTo::Recipients(own.clone())),
        }
    }
}

/// Whom a keyring is sealed to.
pub enum SealsTo {
    /// Whoever has one of these identities.
    Recipients(Vec<Recipient>),
    /// Whoever knows it.
    Passphrase(SecretString),
}

impl SealsTo {
    /// Seals a keyring.
    pub fn seal(&self, keyring: &Keyring) -> Result<Vec<u8>, SealError> {
        match self {
            SealsTo::Recipients(recipients) => seal(keyring, recipients),
            SealsTo::Passphrase(passphrase) => seal_with_passphrase(keyring, passphrase),
        }
    }

    /// Puts a keyring into homelab.age, in place of the one that is there.
    pub fn replace(&self, workspace: &Held, keyring: &Keyring) -> Result<(), Failure> {
        let sealed = self.seal(keyring);
        let sealed =
            sealed.map_err(|source| Failure::environment(SecretError::CannotSeal { source }))?;
        workspace.write("homelab.age", &sealed)
    }
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
    let text = std::str::from_utf8(&bytes).ok();
    // Some editors begin a file with a byte-order mark.
    let text = text.map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
    let identities = text.and_then(Identity::from_file);
    let path = path.to_owned();
    let bad = || Failure::environment(SecretError::BadIdentity { path });
    identities.map(Some).ok_or_else(bad)
}

/// Asks twice for a new passphrase.
pub fn ask_new() -> Result<SecretString, Failure> {
    const SHORTEST: usize = 12;
    let passphrase = ask("New passphrase for homelab.age: ")?;
    let again = ask("Once more: ")?;
    let wrong = |what| Failure::environment(SecretError::Passphrase { what });
    if passphrase.expose_secret() != again.expose_secret() {
        return Err(wrong("was not the same both times"));
    }
    if passphrase.expose_secret().chars().count() < SHORTEST {
        return Err(wrong(
            "has fewer than 12 characters, and whoever has your repository can try them all",
        ));
    }
    Ok(passphrase)
}

/// Asks for a passphrase on the terminal, without showing it.
pub fn ask(prompt: &str) -> Result<SecretString, Failure> {
    rpassword::prompt_password(prompt)
        .map(SecretString::from)
        .map_err(|source| Failure::environment(SecretError::NoTerminal { source }))
}

fn from_command(command: &str) -> Result<Keyring, Failure> {
    let output = printed(command)?;
    let text = str::from_utf8(&output).ok();
    text.and_then(Keyring::from_text).ok_or_else(no_root)
}

fn no_root() -> Failure {
    let what = String::from("printed something that is no root secret");
    Failure::environment(SecretError::Command { what })
}

fn printed(command: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |what: String| Failure::environment(SecretError::Command { what });
    let answer = run(command).map_err(|error| failed(format!("could not be run: {error}")))?;
    let (status, output) = answer;
    match status.success() {
        true => Ok(output),
        false => Err(failed(format!("failed: {status}"))),
    }
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
