//! The passwords of a homelab's own bundles, which are derived.

use crate::lock::{Issued, Lock};
use crate::pki::{OpenError, OpenedBundle, SealedBundle};
use crate::root::{Keyring, Password};

/// The password of a certificate's .p12; none where it has none, or the keyring lacks its root.
pub(crate) fn bundle_password(keyring: &Keyring, lock: &Lock, issued: &Issued) -> Option<Password> {
    if issued.own_key.is_some() {
        return None;
    }
    let root = keyring.root(&lock.root_of(issued))?;
    Some(root.password(&issued.id, &issued.device))
}

/// Tries the passwords of the device that a file is named after, then those of all others; none where none
/// of them opens it.
pub(crate) fn open_with_derived(
    keyring: &Keyring,
    lock: &Lock,
    file_stem: &str,
    sealed: &SealedBundle,
) -> Result<Option<OpenedBundle>, OpenError> {
    let stem = file_stem.to_ascii_lowercase();
    let mut candidates: Vec<&Issued> = lock.certificates.iter().collect();
    // Copies are called `alice-pixel (1)` and the like.
    candidates.sort_by_key(|issued| !stem.starts_with(&issued.device.common_name()));
    for issued in candidates {
        let Some(password) = bundle_password(keyring, lock, issued) else {
            continue;
        };
        if sealed.takes(password.expose())? == Some(true) {
            return sealed.open(password.expose()).map(Some);
        }
    }
    Ok(None)
}
