//! `homelab adopt`: authorities that were made elsewhere sign here, or are trusted.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::arguments::Adopt;
use super::build::build_after;
use super::{clock, passphrase, report};
use crate::build::{self, FoundAuthority, KeyFile, LockOperation};
use crate::diagnostic::Failure;
use crate::keyring::Wanted;
use crate::model::Homelab;
use crate::pki::PrivateKey;
use crate::workspace::Workspace;

/// Bytes of a certificate's or a key's file, at the most.
const LIMIT: u64 = 1 << 20;

#[derive(Debug, Error, Diagnostic)]
#[error("there is no `{}`", path.display())]
#[diagnostic(code("adopt::missing"), help("name the file by its path from here"))]
struct Missing {
    path: PathBuf,
}

/// Adopts the authorities of a file, and builds.
pub(super) fn adopt(arguments: &Adopt) -> Result<(), Failure> {
    let inputs = arguments.make.held()?;
    let workspace = &inputs.workspace;
    let (path, now) = (&arguments.certificate, clock::now_to_issue()?);
    let authorities = build::authorities(path, &read(workspace, path)?, now)?;
    let signing = match &arguments.key {
        None => None,
        Some(key) => {
            let (at, key) = signing_key(workspace, arguments, key, &authorities)?;
            Some((at, key, wanted(arguments)))
        }
    };
    let lock = workspace.lock()?;
    let new = build::adoptions(lock.as_ref(), path, authorities, signing)?;
    for name in &new.known {
        report::result(format_args!(
            "`{name}` is trusted already: `homelab status` says which authorities are"
        ));
    }
    if new.adoptions.is_empty() {
        // Whoever wrote that into the lock may have been killed before the tree was built.
        return build_after(&inputs, &arguments.make, &LockOperation::Nothing);
    }
    let without_lists = new.without_lists();
    build_after(
        &inputs,
        &arguments.make,
        &LockOperation::Adopt(new.adoptions),
    )?;
    if let Some(name) = without_lists {
        report::note(format_args!(
            "`{name}` may not sign revocation lists (its key usage is without cRLSign), so that ca.crl has none of it: openssl and nginx would \
             refuse everybody with one. Caddy needs none; for another proxy see docs/crl.md"
        ));
    }
    report::result(next(arguments, &inputs.homelab));
    Ok(())
}

/// Whom homelab.age is to be sealed to, with the key in it.
fn wanted(arguments: &Adopt) -> Wanted {
    Wanted::of(
        &arguments.recipient,
        arguments.seal_command.as_deref(),
        arguments.make.secret.root_command.as_deref(),
    )
}

fn read(workspace: &Workspace, path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let missing = || {
        let path = path.to_owned();
        Failure::environment(Missing { path })
    };
    let file = workspace.read(path, LIMIT)?;
    file.map(Zeroizing::new).ok_or_else(missing)
}

fn signing_key(
    workspace: &Workspace,
    arguments: &Adopt,
    key: &Path,
    authorities: &[FoundAuthority],
) -> Result<(usize, PrivateKey), Failure> {
    let bytes = read(workspace, key)?;
    let file = KeyFile {
        path: key,
        bytes: &bytes,
    };
    let ask = || match &arguments.passphrase_file {
        Some(file) => passphrase::in_file(file),
        None => passphrase::ask(
            &format!("Passphrase of {}: ", key.display()),
            "of the key",
            "use `--passphrase-file FILE`, `-` for standard input",
        ),
    };
    build::signing_key(file, &arguments.certificate, authorities, ask)
}

/// What is to be done next.
fn next(arguments: &Adopt, homelab: &Homelab) -> String {
    let (who, files, key) = match &arguments.key {
        Some(key) => (
            "it signs new certificates, and",
            "homelab.lock and homelab.age",
            format!(
                "\n4. {} is in homelab.age now: keep a copy offline, or destroy it, but do not leave it here",
                key.display()
            ),
        ),
        None => ("it", "homelab.lock", String::new()),
    };
    format!(
        "\n1. {}: {who} is trusted\n\
         2. commit {files}\n\
         3. certificates that devices have from it come in where they are declared: `device \"old-laptop\" fingerprint=\"…\"`{key}",
        build::how_to_deploy(homelab)
    )
}
