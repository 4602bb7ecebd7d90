//! `homelab init`.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::Init;
use super::passphrase;
use super::report;
use super::surroundings::identity_place;
use crate::diagnostic::{Failure, Fault};
use crate::keyring::{self, CreatedRoot, SealedRoot, SealsTo};
use crate::model::Domain;
use crate::tree::{Existing, Mode, write_durably};
use crate::workspace::{Held, Recollection, git, git_files};

#[derive(Debug, Error, Diagnostic)]
enum InitError {
    #[error("`{}` is there already", path.display())]
    #[diagnostic(
        code("init::exists"),
        help("edit it, and run `homelab build`; or begin elsewhere with `--file DIR/homelab.kdl`")
    )]
    Exists { path: PathBuf },

    #[error("certificates have been issued here, though `{}` is missing", path.display())]
    #[diagnostic(
        code("init::issued"),
        help("bring it back: `git checkout -- homelab.kdl`")
    )]
    Issued { path: PathBuf },

    #[error("the directory `{}` cannot be made", path.display())]
    #[diagnostic(
        code("init::cannot-make-directory"),
        help("make it yourself, or begin in one that is there")
    )]
    CannotMake {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("`{domain}` cannot be the domain: {why}")]
    #[diagnostic(
        code("init::bad-domain"),
        help("write it as a browser shows it, such as `home.example.com`")
    )]
    BadDomain { domain: String, why: &'static str },
}

/// Writes what a new homelab begins with. The declaration comes last: where it is, all else is.
pub(super) fn init(arguments: &Init) -> Result<(), Failure> {
    let domain = Domain::new(&arguments.domain).map_err(|why| {
        let domain = arguments.domain.clone();
        Failure::new(Fault::Usage, InitError::BadDomain { domain, why })
    })?;
    make_directory(&arguments.declaration.file)?;
    let workspace = arguments.declaration.held()?;
    let path = workspace.declaration();
    if path.symlink_metadata().is_ok() {
        let path = path.to_owned();
        return Err(Failure::environment(InitError::Exists { path }));
    }
    let (out, usual) = (workspace.path("out"), identity_place(None));
    let begun = keyring::begun(&workspace, &out)?;
    match keyring::standing(&workspace, begun, SealedRoot::Needed, &usual)? {
        None => {
            Recollection::begin_anew(&workspace);
            let created = created(arguments, &workspace)?;
            keyring::establish(&workspace, &created, &created.lock, &usual)?;
        }
        // An init that was interrupted; what it made is taken up.
        Some(lock) if lock.signing().is_none() => {}
        Some(_) => {
            let path = path.to_owned();
            return Err(Failure::environment(InitError::Issued { path }));
        }
    }
    git_files::tell(&workspace)?;
    write(path, declaration(&domain).as_bytes(), Existing::Refuse)?;
    report::result(format_args!(
        "Wrote {}: edit it, then run `homelab build`.",
        path.display()
    ));
    if !git::is_in_work_tree(workspace.directory()) {
        report::note(format_args!(
            "This directory is not in git: `git init` begins to keep what homelab.kdl and homelab.lock say, which is how a mistake is taken back."
        ));
    }
    Ok(())
}

/// Makes the directory that the declaration is to stand in, as the remedy of `init::exists` has it.
fn make_directory(declaration: &Path) -> Result<(), Failure> {
    let directory = declaration.parent().unwrap_or(Path::new(""));
    if directory == Path::new("") {
        return Ok(());
    }
    std::fs::create_dir_all(directory).map_err(|source| {
        let path = directory.to_owned();
        Failure::environment(InitError::CannotMake { path, source })
    })
}

fn created(arguments: &Init, workspace: &Held) -> Result<CreatedRoot, Failure> {
    if let (Some(seal), Some(root)) = (&arguments.seal_command, &arguments.root_command) {
        let (seal, root) = (seal.clone(), root.clone());
        return keyring::create(workspace, &SealsTo::Command { seal, root });
    }
    if arguments.passphrase || arguments.passphrase_file.is_some() {
        let passphrase = passphrase::new(arguments.passphrase_file.as_deref())?;
        return keyring::create(workspace, &SealsTo::Passphrase(passphrase));
    }
    keyring::create_for_identity(workspace, &identity_place(arguments.identity.as_deref()))
}

fn write(path: &Path, text: &[u8], existing: Existing) -> Result<(), Failure> {
    write_durably(path, Mode::Public, text, existing).map_err(Failure::environment)
}

/// The commented declaration. What is not commented out is a homelab that builds as it is.
fn declaration(domain: &Domain) -> String {
    include_str!("init.kdl").replace("home.example.com", domain.as_str())
}
