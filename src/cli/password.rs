//! `homelab password PERSON/DEVICE`.

use super::arguments::Password;
use super::report;
use crate::diagnostic::Failure;
use crate::keyring;

/// Prints the password of a device's .p12, and nothing else.
pub(super) fn password(arguments: &Password) -> Result<(), Failure> {
    let workspace = arguments.declaration.workspace();
    let lock = workspace.lock()?;
    let (lock, issued) = keyring::issued_to(lock.as_ref(), &arguments.device)?;
    let means = arguments.secret.means();
    let password = keyring::password(&means, &workspace, lock, issued)?;
    report::only_result(password.expose())
}
