//! What becomes of devices that are to be shut out.

use super::operation::{LockOperation, Reissue};
use super::requests::Requested;
use crate::lock::Lock;
use crate::model::DeviceId;

/// Devices that somebody wants to be out.
pub(crate) struct Revocation {
    /// Those that are out already, sorted.
    pub out_already: Vec<DeviceId>,
    /// The others, and when each gets another certificate.
    pub to_revoke: Vec<(DeviceId, Reissue)>,
}

impl Revocation {
    /// Another certificate for a key that went with its device would let whoever has it in: such a one is never issued at once,
    /// whatever `reissue` says.
    pub(crate) fn of(
        lock: &Lock,
        requested: &Requested,
        devices: &[DeviceId],
        reissue: Reissue,
    ) -> Revocation {
        let blocked = lock.blocked();
        let mut devices = devices.to_vec();
        devices.sort();
        devices.dedup();
        let (out_already, to_revoke): (Vec<DeviceId>, Vec<DeviceId>) =
            { devices.into_iter() }.partition(|id| blocked.contains(id));
        let to_revoke = to_revoke.into_iter().map(|device| {
            let has_same_key = requested.would_certify_again(lock, &device);
            let then = if has_same_key {
                Reissue::OnRenewal
            } else {
                reissue
            };
            (device, then)
        });
        Revocation {
            out_already,
            to_revoke: to_revoke.collect(),
        }
    }

    /// What is to be done to the lock.
    pub(crate) fn operation<S>(&self) -> LockOperation<S> {
        if self.to_revoke.is_empty() {
            // Whoever wrote that into the lock may have been killed before the tree was built.
            LockOperation::Nothing
        } else {
            LockOperation::Revoke(self.to_revoke.clone())
        }
    }
}
