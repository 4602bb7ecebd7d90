//! A lock of version 1, which nobody has signed, held against the root secret before it is signed.

use rayon::prelude::*;

use super::{Credential, CredentialError, Signer};
use crate::lock::{Issued, Lock, State};
use crate::root::Keyring;

/// What a lock says that its root secret cannot confirm, each as a sentence without its full stop. Who let
/// somebody in by the lock alone, before it was signed, did it by one of these.
///
/// # Errors
/// [`CredentialError::NotAsRecorded`] where the root secret says otherwise.
pub(crate) fn unconfirmed(keyring: &Keyring, lock: &Lock) -> Result<Vec<String>, CredentialError> {
    let mut found = Vec::new();
    let signing = lock.signing().map(|authority| authority.id);
    let mut signers = Vec::new();
    for authority in &lock.authorities {
        if authority.can_sign() && (authority.is_trusted() || has_key(keyring, lock, authority)) {
            signers.push((authority.id, Signer::of(keyring, authority)?));
        }
        if authority.is_trusted() && Some(authority.id) != signing {
            found.push(format!(
                "the authority `{}` is trusted",
                authority.common_name()
            ));
        }
    }
    let as_derived = |issued: &Issued| match signers.iter().find(|(id, _)| *id == issued.authority)
    {
        Some((_, signer)) => confirm(keyring, signer, issued),
        // An authority that is not trusted any more, and what it signed is out.
        None => Ok(()),
    };
    lock.certificates.par_iter().try_for_each(as_derived)?;
    if lock.has_stale_crl() {
        found.push(String::from(
            "nobody has signed which certificates are revoked: `homelab status` tells who is let in",
        ));
    }
    let replaced = lock
        .certificates
        .iter()
        .filter_map(|issued| match issued.state {
            State::Superseded { until } => Some((&issued.device, until)),
            _ => None,
        });
    found.extend(replaced.map(|(device, until)| {
        format!("the older certificate of {device} is let in until {until}")
    }));
    Ok(found)
}

fn has_key(keyring: &Keyring, lock: &Lock, authority: &crate::lock::Authority) -> bool {
    let is_derived = authority.origin == crate::lock::Origin::Derived;
    if is_derived {
        lock.roots().contains(&authority.root) && keyring.root(&authority.root).is_some()
    } else {
        keyring.authority(&authority.id).is_some()
    }
}

/// Makes a certificate again from what the lock records of it.
fn confirm(keyring: &Keyring, signer: &Signer, issued: &Issued) -> Result<(), CredentialError> {
    let not_as_recorded = || CredentialError::NotAsRecorded {
        name: issued.device.to_string(),
    };
    let Some(own_key) = &issued.own_key else {
        return Credential::derive(keyring, signer, issued).map(drop);
    };
    let key = own_key.public_key().ok_or_else(not_as_recorded)?;
    let root = signer.root(keyring)?;
    let serial = root.device_serial(&issued.id, &issued.device);
    let (device, email) = (&issued.device, &issued.email);
    let made = signer.sign(&key, serial, device, email, issued.validity)?;
    if made == *own_key && serial == issued.serial {
        Ok(())
    } else {
        Err(not_as_recorded())
    }
}
