//! Keys and certificates that were issued just now, and are to be put into files.
//!
//! To derive and to sign one again costs as much as to issue it, and those of RSA a good part of a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{IssuanceId, Keyring};
use crate::pki::{Certificate, PrivateKey};

/// By what they were issued under. Keys wipe themselves.
#[derive(Default)]
pub(super) struct Fresh(Mutex<BTreeMap<IssuanceId, (PrivateKey, Certificate)>>);

impl Keyring {
    /// Holds a key and its certificate until they are taken.
    pub(crate) fn hold_issued(&self, id: IssuanceId, key: PrivateKey, certificate: Certificate) {
        let held = &mut *self.fresh.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(id, (key, certificate));
    }

    /// Gives away what is held of an issuance: it lives as long as whoever takes it needs it.
    pub(crate) fn take_issued(&self, id: &IssuanceId) -> Option<(PrivateKey, Certificate)> {
        let held = &mut *self.fresh.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(id)
    }
}
