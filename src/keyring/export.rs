//! Keys and certificates in PEM, derived again from the root secret and held against the lock.

use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::open::Means;
use super::password::issued_to;
use crate::diagnostic::Failure;
use crate::issue::{Credential, Signer};
use crate::lock::{Authority, Issued, Lock};
use crate::model::{DeviceId, Enrolment};
use crate::tree::Mode;
use crate::workspace::Workspace;

#[derive(Debug, Error, Diagnostic)]
enum ExportError {
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

    #[error("{what}")]
    #[diagnostic(code("export::no-authority"), help("{help}"))]
    NoAuthority { what: String, help: String },
}

/// What of a device is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Certificate,
    Key,
    Both,
}

/// What is exported, and whether others may see it.
pub(crate) struct Exportable {
    pub text: Zeroizing<String>,
    pub mode: Mode,
}

/// A device's key, its certificate or both.
pub(crate) fn device(
    means: &Means<'_>,
    workspace: &Workspace,
    lock: Option<&Lock>,
    device: &DeviceId,
    part: Part,
) -> Result<Exportable, Failure> {
    let (lock, issued) = match issued_to(lock, device) {
        Ok(found) => found,
        Err(unknown) => return Err(installed(workspace, device).unwrap_or(unknown)),
    };
    if let Some(certificate) = &issued.own_key {
        let device = device.clone();
        return if part == Part::Certificate {
            Ok(public(certificate.pem()))
        } else {
            Err(Failure::environment(ExportError::OwnKey { device }))
        };
    }
    let credential = derived(means, workspace, lock, issued)?;
    let certificate = credential.certificate.pem();
    if part == Part::Certificate {
        return Ok(public(certificate));
    }
    let mut text = credential.key.to_pkcs8_pem();
    if part == Part::Both {
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
    means: &Means<'_>,
    workspace: &Workspace,
    lock: &Lock,
    issued: &Issued,
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
    let opened = means.open(workspace, lock, &[authority.root])?;
    let signer = Signer::of(&opened.keyring, authority).map_err(Failure::environment)?;
    Credential::derive(&opened.keyring, &signer, issued).map_err(Failure::environment)
}

/// The key of the authority of that name, as `status` has it, or else of the one that signs.
pub(crate) fn authority_key(
    means: &Means<'_>,
    workspace: &Workspace,
    lock: Option<&Lock>,
    name: Option<&str>,
) -> Result<Exportable, Failure> {
    let lock = lock.ok_or_else(|| {
        no_authority(
            String::from("there is no authority yet"),
            "run `homelab build` first",
        )
    })?;
    let authority = chosen(lock, name)?;
    let opened = means.open(workspace, lock, &[authority.root])?;
    let signer = Signer::of(&opened.keyring, authority).map_err(Failure::environment)?;
    workspace.listener().note(format_args!(
        "This is the key of `{}`. With it certificates can be made that proxies which check only ca.pem accept; homelab's Caddyfile still refuses them.",
        authority.common_name()
    ));
    Ok(Exportable {
        text: signer.key().to_pkcs8_pem(),
        mode: Mode::Secret,
    })
}

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
