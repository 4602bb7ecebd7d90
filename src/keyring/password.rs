//! The certificate that a device has now, and the password of its .p12, which the root secret gives again.

use miette::Diagnostic;
use thiserror::Error;

use super::open::Means;
use crate::diagnostic::{Failure, did_you_mean};
use crate::lock::{Issued, Lock};
use crate::model::DeviceId;
use crate::root::Password;
use crate::workspace::Workspace;

#[derive(Debug, Error, Diagnostic)]
enum PasswordError {
    #[error("`{device}` has made its own key: it has no .p12, and no password")]
    #[diagnostic(code("password::own-key"), help("hand its .crt over: it is no secret"))]
    OwnKey { device: DeviceId },

    #[error("`{device}` has no certificate that is let in: the last one was {how}")]
    #[diagnostic(code("lock::shut-out"), help("{help}"))]
    ShutOut {
        device: DeviceId,
        how: &'static str,
        help: String,
    },

    #[error("no certificate has been issued to `{device}`")]
    #[diagnostic(code("lock::unknown-device"))]
    UnknownDevice {
        device: DeviceId,
        #[help]
        help: String,
    },
}

/// The certificate that a device has now, or why there is none.
pub(crate) fn issued_to<'l>(
    lock: Option<&'l Lock>,
    device: &DeviceId,
) -> Result<(&'l Lock, &'l Issued), Failure> {
    let active = lock.map(Lock::active).unwrap_or_default();
    if let (Some(lock), Some(issued)) = (lock, active.get(device)) {
        return Ok((lock, issued));
    }
    if let Some(lock) = lock
        && { lock.certificates.iter() }.any(|issued| issued.device == *device)
    {
        return Err(Failure::environment(shut_out(lock, device)));
    }
    let known: Vec<String> = active.keys().map(ToString::to_string).collect();
    let help = match known.as_slice() {
        [] => String::from("run `homelab build` first"),
        known => did_you_mean(&device.to_string(), known.iter().map(String::as_str)),
    };
    let device = device.clone();
    Err(Failure::environment(PasswordError::UnknownDevice {
        device,
        help,
    }))
}

/// Why a device that had certificates has none.
fn shut_out(lock: &Lock, device: &DeviceId) -> PasswordError {
    let (how, help) = if lock.blocked().contains(device) {
        (
            "revoked",
            format!("`homelab renew {device}` issues a new one"),
        )
    } else {
        (
            "shut out when the device was taken out of homelab.kdl",
            String::from("declare it there again, and run `homelab build`"),
        )
    };
    let device = device.clone();
    PasswordError::ShutOut { device, how, help }
}

/// The password of the .p12 with this certificate; opens the root secret.
pub(crate) fn password(
    means: &Means<'_>,
    workspace: &Workspace,
    lock: &Lock,
    issued: &Issued,
) -> Result<Password, Failure> {
    if issued.own_key.is_some() {
        let device = issued.device.clone();
        return Err(Failure::environment(PasswordError::OwnKey { device }));
    }
    let of = lock.root_of(issued);
    let opened = means.open(workspace, lock, &[of])?;
    let root = opened
        .keyring
        .root(&of)
        .expect("it has been held against it");
    Ok(root.password(&issued.id, &issued.device))
}
