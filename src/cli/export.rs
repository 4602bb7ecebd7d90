//! `homelab export`: keys and certificates in PEM, for programs that want them so, and for whoever wants to leave.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::arguments::{Export, Exported, Secret};
use super::password::issued_to;
use super::report;
use crate::diagnostic::{Failure, Fault};
use crate::issue::{Credential, Signer};
use crate::lock::{Authority, Issued, Lock};
use crate::model::{DeviceId, Enrolment};
use crate::tree::{Existing, Mode, write_durably};
use crate::workspace::{Workspace, git::is_seen};

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

    #[error("`{device}` has made its own key, which is nowhere but there")]
    #[diagnostic(
        code("export::own-key"),
        help("its certificate can be had: `homelab export {device} --cert`")
    )]
    OwnKey { device: DeviceId },

    #[error("`{device}` has its certificate from somewhere else")]
    #[diagnostic(
        code("export::installed"),
        help(
            "whoever made it has the files; declare the device with `platform` in place of `fingerprint`, and it gets a certificate here"
        )
    )]
    Installed { device: DeviceId },

    #[error(
        "`{}` would be in a git work tree that does not ignore it: a commit would take the key along",
        path.display()
    )]
    #[diagnostic(
        code("export::in-repository"),
        help("write it elsewhere, have git ignore it, or insist with `--force`")
    )]
    InRepository { path: PathBuf },

    #[error("{what}")]
    #[diagnostic(code("export::no-authority"), help("{help}"))]
    NoAuthority { what: String, help: String },
}

/// What is written, and whether others may see it.
struct Exportable {
    text: Zeroizing<String>,
    mode: Mode,
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
    let exportable = match &arguments.what {
        Exported::Device(device) => of_device(&workspace, lock.as_ref(), device, arguments)?,
        Exported::AuthorityKey => of_authority(&workspace, lock.as_ref(), arguments)?,
    };
    match arguments.to_file() {
        None => report::only_text(&exportable.text),
        Some(path) => write(path, &exportable, arguments.force),
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

fn of_device(
    workspace: &Workspace,
    lock: Option<&Lock>,
    device: &DeviceId,
    arguments: &Export,
) -> Result<Exportable, Failure> {
    let (lock, issued) = match issued_to(lock, device) {
        Ok(found) => found,
        Err(unknown) => return Err(installed(workspace, device).unwrap_or(unknown)),
    };
    if let Some(certificate) = &issued.own_key {
        let device = device.clone();
        return if arguments.form.cert {
            Ok(public(certificate.pem()))
        } else {
            Err(Failure::environment(ExportError::OwnKey { device }))
        };
    }
    let credential = derived(workspace, lock, issued, &arguments.secret)?;
    let certificate = credential.certificate.pem();
    if arguments.form.cert {
        return Ok(public(certificate));
    }
    let mut text = credential.key.to_pkcs8_pem();
    if !arguments.form.key {
        // curl, git, restic read both from one file, in whichever order.
        text = Zeroizing::new([certificate.as_str(), &text].concat());
    }
    let mode = Mode::Secret;
    Ok(Exportable { text, mode })
}

fn public(text: String) -> Exportable {
    let (text, mode) = (Zeroizing::new(text), Mode::Public);
    Exportable { text, mode }
}

/// Whether a device is one whose certificate was never made here. Mistakes in the declaration are for `check`.
fn installed(workspace: &Workspace, device: &DeviceId) -> Option<Failure> {
    let homelab = workspace.homelab().ok()?;
    let declared = homelab.devices().any(|(_, declared)| {
        declared.id == *device && matches!(declared.enrolment, Enrolment::Installed(_))
    });
    let device = device.clone();
    declared.then(|| Failure::environment(ExportError::Installed { device }))
}

/// A device's key and certificate, derived again and held against the lock.
fn derived(
    workspace: &Workspace,
    lock: &Lock,
    issued: &Issued,
    options: &Secret,
) -> Result<Credential, Failure> {
    let authority = lock.authority(&issued.authority);
    let authority = authority.ok_or_else(|| {
        no_authority(
            format!(
                "homelab.lock does not know the authority of `{}`",
                issued.device
            ),
            "bring back the last good one: `git checkout -- homelab.lock`",
        )
    })?;
    let opened = options.means().open(workspace, lock, &[authority.root])?;
    let signer = Signer::of(&opened.keyring, authority).map_err(Failure::environment)?;
    Credential::derive(&opened.keyring, &signer, issued).map_err(Failure::environment)
}

fn of_authority(
    workspace: &Workspace,
    lock: Option<&Lock>,
    arguments: &Export,
) -> Result<Exportable, Failure> {
    let lock = lock.ok_or_else(|| {
        no_authority(
            String::from("there is no authority yet"),
            "run `homelab build` first",
        )
    })?;
    let authority = chosen(lock, arguments.authority.as_deref())?;
    let opened = { arguments.secret.means() }.open(workspace, lock, &[authority.root])?;
    let signer = Signer::of(&opened.keyring, authority).map_err(Failure::environment)?;
    report::note(format_args!(
        "This is the key of `{}`. With it certificates can be made that proxies which check only ca.pem accept; homelab's Caddyfile still refuses them.",
        authority.common_name()
    ));
    Ok(Exportable {
        text: signer.key().to_pkcs8_pem(),
        mode: Mode::Secret,
    })
}

/// The authority of that name, as `status` has it, or else the one that signs.
fn chosen<'l>(lock: &'l Lock, name: Option<&str>) -> Result<&'l Authority, Failure> {
    let with_keys = || lock.trusted().filter(|authority| authority.can_sign());
    let Some(name) = name else {
        return lock.signing().ok_or_else(|| {
            no_authority(
                String::from("no authority signs here"),
                "run `homelab build` first",
            )
        });
    };
    let found = lock
        .trusted()
        .find(|authority| authority.common_name() == name);
    match found {
        Some(found) if found.can_sign() => Ok(found),
        Some(_) => Err(no_authority(
            format!("`{name}` is only trusted: its key was never here"),
            "whoever made it has the key",
        )),
        None => {
            let known: Vec<String> = with_keys().map(Authority::common_name).collect();
            Err(no_authority(
                format!("no authority `{name}` is trusted"),
                &format!("these have keys here: `{}`", known.join("`, `")),
            ))
        }
    }
}

fn no_authority(what: String, help: &str) -> Failure {
    let help = help.to_owned();
    Failure::environment(ExportError::NoAuthority { what, help })
}

/// Writes the file, and says a word where git could take it along.
fn write(path: &Path, exportable: &Exportable, force: bool) -> Result<(), Failure> {
    let existing = if force {
        Existing::GiveWay
    } else {
        Existing::Refuse
    };
    if !force && path.symlink_metadata().is_ok() {
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
