//! RSA keys that were derived already.
//!
//! One takes a good part of a second, and a build wants it more than once: to issue the certificate, for the .p12, for
//! a profile with that in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::IssuanceId;
use crate::model::DeviceId;
use crate::pki::{Fault, PrivateKey};

/// The keys of one root secret, by what they were derived under. Gone with it.
#[derive(Default)]
pub(super) struct Derived(Mutex<BTreeMap<(IssuanceId, DeviceId), Slot>>);

type Slot = Arc<OnceLock<Result<PrivateKey, Fault>>>;

impl Derived {
    /// The key, made where it is asked for the first time; who asks in the meantime waits.
    pub(super) fn key(
        &self,
        id: &IssuanceId,
        device: &DeviceId,
        make: impl FnOnce() -> Result<PrivateKey, Fault>,
    ) -> Result<PrivateKey, Fault> {
        let slot = self.slot(id, device);
        let key = slot.get_or_init(make).as_ref();
        key.map(PrivateKey::duplicate).map_err(|fault| *fault)
    }

    fn slot(&self, id: &IssuanceId, device: &DeviceId) -> Slot {
        // Whoever panicked while it was held has put in a slot, or has not.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry((*id, device.clone())).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_key_is_made_once_however_many_ask() {
        let derived = Derived::default();
        let made = AtomicUsize::new(0);
        let device: DeviceId = "alice/watch".parse().unwrap();
        let ask = |id: u8| {
            let make = || {
                made.fetch_add(1, Ordering::Relaxed);
                Ok(PrivateKey::from_seed(&[id; 32]).unwrap())
            };
            let key = derived.key(&IssuanceId::new([id; 16]), &device, make);
            key.unwrap().public_key()
        };
        let (one, other) = std::thread::scope(|scope| {
            let both = [scope.spawn(|| ask(1)), scope.spawn(|| ask(1))];
            let [one, other] = both.map(|asking| asking.join().unwrap());
            (one, other)
        });
        assert_eq!(one, other);
        assert_ne!(ask(2), one);
        assert_eq!(ask(1), one);
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }
}
