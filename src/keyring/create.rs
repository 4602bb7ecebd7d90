//! Making a root secret, where one may be made.

use super::identity::IdentityPlace;
use super::open::Opened;
use super::seal::SealsTo;
use super::standing::complete_pending;
use crate::diagnostic::Failure;
use crate::lock::Lock;
use crate::random;
use crate::root::Keyring;
use crate::workspace::{Held, PENDING, Workspace};

/// A root secret that is not yet in its place.
pub(crate) struct CreatedRoot {
    /// A lock of its own, under which nothing has been issued.
    pub lock: Lock,
    /// The secret, alone.
    pub opened: Opened,
    sealed: Vec<u8>,
}

/// Draws a root secret and seals it.
pub(crate) fn create(workspace: &Workspace, to: &SealsTo) -> Result<CreatedRoot, Failure> {
    let root = random::root_secret()?;
    let (lock, keyring) = (Lock::new(&root), Keyring::of(root));
    let sealed = to.seal(workspace, &keyring)?;
    Ok(CreatedRoot {
        lock,
        opened: Opened::new(keyring, to),
        sealed,
    })
}

/// Draws a root secret and seals it to an identity, which is made where there is none and none was named.
pub(crate) fn create_for_identity(
    workspace: &Workspace,
    place: &IdentityPlace,
) -> Result<CreatedRoot, Failure> {
    let identity = place.found_or_made(workspace)?;
    create(workspace, &SealsTo::Recipients(vec![identity.recipient()]))
}

/// Writes a created secret and the lock that pins it, in the order that survives a crash.
pub(crate) fn establish(
    workspace: &Held,
    created: &CreatedRoot,
    lock: &Lock,
    usual: &IdentityPlace,
) -> Result<(), Failure> {
    workspace.write_here(PENDING, &created.sealed)?;
    workspace.write_lock(lock, Some(&created.opened.keyring))?;
    complete_pending(workspace, lock, usual)?;
    workspace.listener().note(format_args!(
        "Made a new root secret, {}: keep it in git together with homelab.lock.",
        workspace.path("homelab.age").display()
    ));
    Ok(())
}
