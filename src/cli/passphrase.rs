//! The passphrase of homelab.age, or of another file: from a file, standard input or the terminal.

use std::io;
use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::arguments::Secret;
use super::terminal;
use crate::diagnostic::Failure;
use crate::workspace::{first_line_at, first_line_of};

#[derive(Debug, Error, Diagnostic)]
enum PassphraseError {
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

/// A new passphrase: the first line of a file, or what is typed twice.
pub(super) fn new(file: Option<&Path>) -> Result<SecretString, Failure> {
    const SHORTEST: usize = 12;
    let wrong = |what, help| Failure::environment(PassphraseError::Passphrase { what, help });
    let ask = |prompt: &str| ask(prompt, "for homelab.age", "use `--passphrase-file FILE`");
    let passphrase = match file {
        Some(file) => in_file(file)?,
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
pub(super) fn present(options: &Secret) -> Result<SecretString, Failure> {
    match &options.root_passphrase_file {
        Some(file) => in_file(file),
        None => ask(
            "Passphrase for homelab.age: ",
            "of homelab.age",
            "use `--root-passphrase-file FILE`, `-` for standard input, or `--root-command`",
        ),
    }
}

/// The passphrase in the first line of a file, or of standard input.
pub(super) fn in_file(file: &Path) -> Result<SecretString, Failure> {
    let line = first_line(file).map_err(|source| {
        let path = file.to_owned();
        Failure::environment(PassphraseError::PassphraseFile { path, source })
    })?;
    Ok(SecretString::from(line.as_str()))
}

/// Asks for a passphrase on the terminal, without showing it; says what helps where there is none.
pub(super) fn ask(
    prompt: &str,
    of: &'static str,
    instead: &'static str,
) -> Result<SecretString, Failure> {
    let no_terminal = |source| PassphraseError::NoTerminal {
        of,
        instead,
        source,
    };
    terminal::ask(prompt).map_err(|source| Failure::environment(no_terminal(source)))
}

/// The first line of a file, of standard input where that is called `-`, or of a pipe.
pub(super) fn first_line(path: &Path) -> io::Result<Zeroizing<String>> {
    if path == Path::new("-") {
        first_line_of(io::stdin().lock())
    } else {
        first_line_at(path)
    }
}
