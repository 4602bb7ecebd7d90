//! `homelab export`: keys and certificates in PEM, for programs that want them so, and for whoever wants to leave.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::{Export, Exported};
use super::report;
use crate::diagnostic::{Failure, Fault};
use crate::keyring::export::{self, Exportable, Part};
use crate::tree::{Existing, Mode, write_durably};
use crate::workspace::git::is_seen;

#[derive(Debug, Error, Diagnostic)]
enum ExportError {
    #[error("{what}")]
    #[diagnostic(code("export::contradiction"), help("leave one of the two out"))]
    Contradiction { what: &'static str },

    #[error("a private key is not shown on a terminal")]
    #[diagnostic(
        code("export::terminal"),
        help("write it to a file with `--output FILE`, pass it on with `|`, or say `--output -`")
    )]
    Terminal,

    #[error("there is a file `{}` already", path.display())]
    #[diagnostic(
        code("export::exists"),
        help("name another, or replace it with `--force`")
    )]
    Exists { path: PathBuf },

    #[error(
        "`{}` would be in a git work tree that does not ignore it: a commit would take the key along",
        path.display()
    )]
    #[diagnostic(
        code("export::in-repository"),
        help("write it elsewhere, have git ignore it, or insist with `--force`")
    )]
    InRepository { path: PathBuf },
}

/// Prints a device's key and certificate, or an authority's key, or writes them to a file.
pub(super) fn export(arguments: &Export) -> Result<(), Failure> {
    if let Some(what) = arguments.contradiction() {
        return Err(Failure::new(
            Fault::Usage,
            ExportError::Contradiction { what },
        ));
    }
    refuse_terminal(arguments)?;
    refuse_repository(arguments)?;
    let workspace = arguments.declaration.workspace();
    let lock = workspace.lock()?;
    let (means, lock) = (arguments.secret.means(), lock.as_ref());
    let exportable = match &arguments.what {
        Exported::Device(device) => {
            export::device(&means, &workspace, lock, device, part(arguments))?
        }
        Exported::AuthorityKey => {
            let name = arguments.authority.as_deref();
            export::authority_key(&means, &workspace, lock, name)?
        }
    };
    let existing = if arguments.force {
        Existing::GiveWay
    } else {
        Existing::Refuse
    };
    match arguments.to_file() {
        None => report::only_text(&exportable.text),
        Some(path) => write(path, &exportable, existing),
    }
}

/// Before anything is asked or opened.
fn refuse_terminal(arguments: &Export) -> Result<(), Failure> {
    let is_shown = arguments.output.is_none() && std::io::stdout().is_terminal();
    if is_shown && !arguments.form.cert {
        Err(Failure::environment(ExportError::Terminal))
    } else {
        Ok(())
    }
}

/// The same of a file that the next commit would have in it.
fn refuse_repository(arguments: &Export) -> Result<(), Failure> {
    match arguments.to_file() {
        Some(path) if !arguments.form.cert && !arguments.force && is_seen(path) => {
            let path = path.to_owned();
            Err(Failure::environment(ExportError::InRepository { path }))
        }
        _ => Ok(()),
    }
}

fn part(arguments: &Export) -> Part {
    if arguments.form.cert {
        Part::Certificate
    } else if arguments.form.key {
        Part::Key
    } else {
        Part::Both
    }
}

/// Writes the file, and says a word where git could take it along.
fn write(path: &Path, exportable: &Exportable, existing: Existing) -> Result<(), Failure> {
    if existing == Existing::Refuse && path.symlink_metadata().is_ok() {
        let path = path.to_owned();
        return Err(Failure::environment(ExportError::Exists { path }));
    }
    write_durably(path, exportable.mode, exportable.text.as_bytes(), existing)
        .map_err(Failure::environment)?;
    if exportable.mode == Mode::Secret && is_seen(path) {
        report::note(format_args!(
            "`{}` is in a git work tree that does not ignore it: a commit would take the key along.",
            path.display()
        ));
    }
    Ok(())
}
