//! Opening and sealing the keyring: an identity, a passphrase on the terminal, or a command.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use age::secrecy::{ExposeSecret, SecretString};
use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::arguments::Secret;

use super::passphrase;
use super::sealing::SealsTo;
use crate::build::hold_against_secret;
use crate::diagnostic::Failure;
use crate::lock::Lock;
use crate::root::{
    Identity, Key, Keyring, NotIdentities, OtherKey, Recipient, RootId, RootSecret, SealError,
    has_conflict, is_sealed_with_passphrase, recipients, unseal,
};
use crate::tree;
use crate::workspace::{SEALED_LIMIT as LIMIT, Workspace, first_line};

#[derive(Debug, Error, Diagnostic)]
pub(super) enum SecretError {
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

    #[error("git's marks of a conflict stand in `{}`", path.display())]
    #[diagnostic(
        code("root::conflict"),
        help(
            "take one side whole, `git checkout --ours homelab.age` or `--theirs`: the one whose homelab.lock you keep. Where both have the same root secret, encrypt it then to everybody of both sides: `homelab rotate --reseal --recipient age1… --recipient age1…`"
        )
    )]
    Conflict { path: PathBuf },

    #[error("`{}` cannot be used as an age identity", path.display())]
    #[diagnostic(code("root::bad-identity"), help("{}", other_identity(source, path)))]
    BadIdentity {
        path: PathBuf,
        #[source]
        source: NotIdentities,
    },

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
            "it is run by `sh -c` and prints what `age -d homelab.age` prints, one line that begins with `homelab-root-1`. Where it is for a homelab.age that is yet to be encrypted, name the identity that opens the present one: `--identity FILE`"
        )
    )]
    Command { what: String },

    #[error("the passphrase {of} cannot be asked for")]
    #[diagnostic(
        code("root::no-terminal"),
        help("run this in a terminal, or {instead}")
    )]
    NoTerminal {
        of: &'static str,
        instead: &'static str,
        #[source]
        source: io::Error,
    },

    #[error("the passphrase in `{}` cannot be read", path.display())]
    #[diagnostic(
        code("root::passphrase-file"),
        help("it holds the passphrase in its first line, in UTF-8")
    )]
    PassphraseFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("the passphrase {what}")]
    #[diagnostic(code("root::passphrase"), help("{help}"))]
    Passphrase {
        what: &'static str,
        help: &'static str,
    },
}

/// What can be done about an identity file that is none.
fn other_identity(why: &NotIdentities, path: &Path) -> String {
    let path = path.display();
    match why {
        NotIdentities::Other(OtherKey::Plugin(_) | OtherKey::PostQuantum | OtherKey::Ssh) => {
            format!(
                "have `age` open homelab.age, `--root-command 'age -d -i {path} homelab.age'`, and encrypt it where it is written anew, `--seal-command 'age -r KEY -a'`"
            )
        }
        NotIdentities::Other(OtherKey::Protected) => format!(
            "have `age` open homelab.age, `--root-command 'age -d -i {path} homelab.age'`: it asks for the passphrase of the identity"
        ),
        NotIdentities::Nothing | NotIdentities::Damaged { .. } => String::from(
            "it holds lines that begin with `AGE-SECRET-KEY-1`, as `age-keygen` writes them; for keys on hardware use `--root-command`",
        ),
    }
}

/// A keyring that has been opened, and how it can be sealed again.
pub(super) struct Opened {
    /// What was sealed.
    pub keyring: Keyring,
    /// What it was opened with.
    pub with: OpenedWith,
}

/// What a keyring was opened with.
pub(super) enum OpenedWith {
    /// The identities in a file.
    Identities {
        /// All of them.
        at_hand: Vec<Identity>,
        /// Whom the file was sealed to; none where that is not known.
        known: Option<Vec<Recipient>>,
        /// How many recipients the file had.
        count: usize,
        /// How many of them the identities are.
        own: usize,
    },
    Passphrase(SecretString),
    Command,
}

/// Opens the keyring and holds it against what the lock pins, and the lock against it.
pub(super) fn unlock(
    workspace: &Workspace,
    options: &Secret,
    lock: &Lock,
    expected: &[RootId],
) -> Result<Opened, Failure> {
    let opened = match &options.root_command {
        Some(command) => {
            let path = workspace.path("homelab.age");
            Opened {
                keyring: from_command(command, &path)?,
                with: OpenedWith::Command,
            }
        }
        None => from_file(workspace, options)?,
    };
    if !expected.iter().all(|id| opened.keyring.root(id).is_some()) {
        return Err(Failure::environment(SecretError::Foreign));
    }
    hold_against_secret(lock, &opened.keyring)?;
    Ok(opened)
}

/// The root secret that a command prints, where nothing is pinned yet, and a lock of its own.
pub(super) fn first_from_command(
    workspace: &Workspace,
    options: &Secret,
) -> Result<Option<(Lock, Opened)>, Failure> {
    let Some(command) = &options.root_command else {
        return Ok(None);
    };
    let only = printed(command, &workspace.path("homelab.age"))?;
    let root = str::from_utf8(&only).ok().and_then(RootSecret::from_text);
    let root = root.ok_or_else(no_root)?;
    let (lock, keyring) = (Lock::new(&root), Keyring::of(root));
    let with = OpenedWith::Command;
    Ok(Some((lock, Opened { keyring, with })))
}

fn from_file(workspace: &Workspace, options: &Secret) -> Result<Opened, Failure> {
    let path = workspace.path("homelab.age");
    let Some(sealed) = workspace.sealed()? else {
        return Err(Failure::environment(SecretError::Missing { path }));
    };
    if has_conflict(&sealed) {
        return Err(Failure::environment(SecretError::Conflict { path }));
    }
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
        let passphrase = root_passphrase(options)?;
        let keyring = unseal(&sealed, &Key::Passphrase(&passphrase));
        return Ok(Opened {
            keyring: keyring.map_err(|source| cannot_open(source, "try again"))?,
            with: OpenedWith::Passphrase(passphrase),
        });
    }
    let identity_path = identity_path(options.identity.as_deref())?;
    let Some(identities) = read_identities(workspace, &identity_path)? else {
        let path = identity_path;
        return Err(Failure::environment(SecretError::NoIdentity { path }));
    };
    let (keyring, with) = open_with(&sealed, identities).map_err(|source| match source {
        SealError::WrongIdentity => cannot_open(
            source,
            &format!(
                "`{}` is not the identity that it was encrypted to: name the right one with `--identity FILE`",
                identity_path.display()
            ),
        ),
        other => cannot_open(other, restore),
    })?;
    Ok(Opened { keyring, with })
}

/// Opens with whichever identities fit, and finds out whom else the file was sealed to.
fn open_with(sealed: &[u8], at_hand: Vec<Identity>) -> Result<(Keyring, OpenedWith), SealError> {
    let count = recipients(sealed)?;
    let (mut own, mut opened) = (Vec::new(), None);
    for identity in &at_hand {
        match unseal(sealed, &Key::Identities(std::slice::from_ref(identity))) {
            Ok(keyring) => {
                own.push(identity.recipient());
                opened = Some(keyring);
            }
            Err(SealError::WrongIdentity) => {}
            Err(other) => return Err(other),
        }
    }
    let keyring = opened.ok_or(SealError::WrongIdentity)?;
    let said = keyring.recipients();
    let known = if own.len() == count {
        Some(own.clone())
    } else if said.len() == count && own.iter().all(|own| said.contains(own)) {
        Some(said.to_vec())
    } else {
        // Somebody has encrypted it with another program.
        None
    };
    let own = own.len();
    Ok((
        keyring,
        OpenedWith::Identities {
            at_hand,
            known,
            count,
            own,
        },
    ))
}

impl Opened {
    /// A keyring that has just been made, and is to be sealed to these.
    pub(super) fn new(keyring: Keyring, to: &SealsTo) -> Opened {
        let with = match to {
            SealsTo::Recipients(own) => OpenedWith::Identities {
                at_hand: Vec::new(),
                known: Some(own.clone()),
                count: own.len(),
                own: own.len(),
            },
            SealsTo::Passphrase(passphrase) => OpenedWith::Passphrase(passphrase.clone()),
            SealsTo::Command { .. } => OpenedWith::Command,
        };
        Opened { keyring, with }
    }
}

/// The identity file: as named, `$HOMELAB_IDENTITY`, or the usual place.
pub(super) fn identity_path(named: Option<&Path>) -> Result<PathBuf, Failure> {
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

/// The identities that are here, whatever opened homelab.age: those in the file that is named, or in the usual place.
pub(super) fn identities_at_hand(workspace: &Workspace, named: Option<&Path>) -> Vec<Identity> {
    let path = identity_path(named).ok();
    let read = path.and_then(|path| read_identities(workspace, &path).ok().flatten());
    read.unwrap_or_default()
}

/// The identities in a file; `None` if there is no file.
pub(super) fn read_identities(
    workspace: &Workspace,
    path: &Path,
) -> Result<Option<Vec<Identity>>, Failure> {
    let Some(bytes) = workspace.read(path, LIMIT)? else {
        return Ok(None);
    };
    let identities = Identity::from_file(&Zeroizing::new(bytes));
    let path = path.to_owned();
    let bad = |source| Failure::environment(SecretError::BadIdentity { path, source });
    identities.map(Some).map_err(bad)
}

/// A new passphrase: the first line of a file, or what is typed twice.
pub(super) fn new_passphrase(file: Option<&Path>) -> Result<SecretString, Failure> {
    const SHORTEST: usize = 12;
    let wrong = |what, help| Failure::environment(SecretError::Passphrase { what, help });
    let ask = |prompt: &str| ask(prompt, "for homelab.age", "use `--passphrase-file FILE`");
    let passphrase = match file {
        Some(file) => passphrase_in(file)?,
        None => ask("New passphrase for homelab.age, at least 12 characters: ")?,
    };
    if passphrase.expose_secret().chars().count() < SHORTEST {
        return Err(wrong(
            "has fewer than 12 characters, and whoever has your repository can try them all",
            "choose at least 12 characters, for instance five random words",
        ));
    }
    if file.is_none() && ask("Once more: ")?.expose_secret() != passphrase.expose_secret() {
        return Err(wrong(
            "was not the same both times",
            "run it again, and type the same twice",
        ));
    }
    Ok(passphrase)
}

/// The passphrase of homelab.age, from a file or the terminal.
fn root_passphrase(options: &Secret) -> Result<SecretString, Failure> {
    match &options.root_passphrase_file {
        Some(file) => passphrase_in(file),
        None => ask(
            "Passphrase for homelab.age: ",
            "of homelab.age",
            "use `--root-passphrase-file FILE`, `-` for standard input, or `--root-command`",
        ),
    }
}

/// The passphrase in the first line of a file, or of standard input.
pub(super) fn passphrase_in(file: &Path) -> Result<SecretString, Failure> {
    let line = first_line(file).map_err(|source| {
        let path = file.to_owned();
        Failure::environment(SecretError::PassphraseFile { path, source })
    })?;
    Ok(SecretString::from(line.as_str()))
}

/// Asks for a passphrase on the terminal, without showing it; says what helps where there is none.
pub(super) fn ask(
    prompt: &str,
    of: &'static str,
    instead: &'static str,
) -> Result<SecretString, Failure> {
    let no_terminal = |source| SecretError::NoTerminal {
        of,
        instead,
        source,
    };
    passphrase::ask(prompt).map_err(|source| Failure::environment(no_terminal(source)))
}

/// What a command prints that opens homelab.age, or the file that is to come in its place.
pub(super) fn from_command(command: &str, sealed: &Path) -> Result<Keyring, Failure> {
    let output = printed(command, sealed)?;
    let text = str::from_utf8(&output).ok();
    text.and_then(Keyring::from_text).ok_or_else(no_root)
}

fn no_root() -> Failure {
    let what = String::from("printed something that is no root secret");
    Failure::environment(SecretError::Command { what })
}

fn printed(command: &str, sealed: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |what: String| Failure::environment(SecretError::Command { what });
    let answer = run(command, sealed);
    let answer = answer.map_err(|error| failed(format!("could not be run: {error}")))?;
    let (status, output) = answer;
    if status.success() {
        Ok(output)
    } else {
        Err(failed(format!("failed: {status}")))
    }
}

/// Runs a command by sh, which is told the file that it is to open. It may ask on the terminal; only its output is taken.
fn run(command: &str, sealed: &Path) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env(SEALED_VARIABLE, std::path::absolute(sealed)?)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = Zeroizing::new(Vec::with_capacity(1024));
    let stdout = child.stdout.take().expect("it was asked to be piped");
    stdout.take(LIMIT).read_to_end(&mut output)?;
    Ok((child.wait()?, output))
}

/// The variable that tells a root command which file it is to open.
pub(super) const SEALED_VARIABLE: &str = "HOMELAB_AGE";

/// Makes a directory, and those above it, that only the user may look into.
pub(super) fn make_private_directory(directory: &Path) -> Result<(), Failure> {
    tree::make_private_directory(directory).map_err(|source| {
        Failure::environment(SecretError::CannotMake {
            path: directory.to_owned(),
            source,
        })
    })
}
