//! What a command does to the lock beyond what the declaration says.

use std::slice;

use jiff::Timestamp;

use crate::lock::Lock;
use crate::model::{DeviceId, Homelab};
use crate::pki::{Certificate, PrivateKey, Validity};

/// What is to be done to the lock. `S` says whom homelab.age is to be sealed to, where it is written anew.
pub(crate) enum LockOperation<S> {
    /// A mere build.
    Nothing,
    /// New certificates for these devices; the older ones are let in for a while.
    Renew(Vec<DeviceId>),
    /// That while is over for these devices.
    Finish(Vec<DeviceId>),
    /// All certificates of these devices are out at once.
    Revoke(Vec<(DeviceId, Reissue)>),
    /// A new authority signs from now on.
    Rotate(Rotation<S>),
    /// Authorities that were made elsewhere are trusted, and one signs if its key is there.
    Adopt(Vec<Adoption<S>>),
    /// Only the authority that signs is trusted any more.
    FinishRotation(S),
}

/// An authority that was made elsewhere.
pub(crate) struct Adoption<S> {
    pub certificate: Certificate,
    pub validity: Validity,
    /// Where it is to sign.
    pub key: Option<(PrivateKey, S)>,
}

/// What is to be made anew.
pub(crate) enum Rotation<S> {
    Authority,
    /// The root secret, and the authority with it.
    Root(S),
}

/// When a device whose certificates were revoked gets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reissue {
    /// With the revocation.
    Now,
    /// When the admin renews it, and not before.
    OnRenewal,
}

/// Whom an operation takes something from.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Devices that are shut out.
    pub revoked: Vec<DeviceId>,
    /// Devices whose older certificate is, while the newer one stays.
    pub closed: Vec<DeviceId>,
}

impl<S> LockOperation<S> {
    /// Shuts out older certificates whose time is over, and does what takes no secret: all that shuts somebody out, and what makes
    /// way for new certificates. What signs or seals is left to who has the secret.
    pub(crate) fn apply(&self, lock: &mut Lock, homelab: &Homelab, now: Timestamp) -> Taken {
        let mut taken = Taken {
            closed: lock.finish_overdue(now),
            revoked: Vec::new(),
        };
        match self {
            LockOperation::Nothing | LockOperation::Rotate(_) | LockOperation::Adopt(_) => {}
            LockOperation::Renew(devices) => lock.supersede(devices, &homelab.validity.renew, now),
            LockOperation::Finish(devices) => {
                lock.finish(devices, now);
                taken.closed.extend(devices.iter().cloned());
            }
            LockOperation::Revoke(devices) => {
                for (device, reissue) in devices {
                    match reissue {
                        Reissue::Now => lock.revoke(slice::from_ref(device), now),
                        Reissue::OnRenewal => lock.block(device, now),
                    }
                    taken.revoked.push(device.clone());
                }
            }
            LockOperation::FinishRotation(_) => {
                let let_in: Vec<DeviceId> = lock.admitted().into_keys().cloned().collect();
                lock.finish_rotation(homelab, now);
                let left = lock.admitted();
                let out = let_in
                    .into_iter()
                    .filter(|device| !left.contains_key(device));
                taken.revoked.extend(out);
            }
        }
        taken.revoked.extend(lock.keep_last_days(homelab, now));
        taken
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, LockOperation::Nothing)
    }
}
