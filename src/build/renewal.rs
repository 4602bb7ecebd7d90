//! Which devices a renewal is about: those that are due, and those whose older certificates can be shut out.

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::operation::LockOperation;
use super::stop::Stop;
use crate::diagnostic::Fault;
use crate::lock::{Issued, Lock, State as Kept};
use crate::model::{DeviceId, Homelab, LastDay};
use crate::status::{State, Status, due_from};

#[derive(Debug, Error, Diagnostic)]
enum RenewError {
    #[error("`{device}` has no older certificate that could be shut out")]
    #[diagnostic(
        code("renew::nothing-to-finish"),
        help("`homelab status` says which devices have two")
    )]
    NothingToFinish { device: DeviceId },

    #[error("the last day of `{device}` was {until}, as homelab.kdl says")]
    #[diagnostic(
        code("renew::over"),
        help("write a later `until` on the device, or remove it; then `homelab renew {device}`")
    )]
    Over { device: DeviceId, until: LastDay },
}

/// The declared devices that `status` says are to be renewed.
pub(crate) fn due(homelab: &Homelab, lock: &Lock, now: Timestamp) -> Vec<DeviceId> {
    let status = Status::at(now, homelab, Some(lock));
    let is_due = |state| matches!(state, State::Due | State::Expired);
    let due = { status.devices.into_iter() }.filter(|device| is_due(device.state));
    due.map(|device| device.device).collect()
}

/// The devices that would be due or have ended, and that no renewal gives more time, with their last days.
pub(crate) fn guests(homelab: &Homelab, lock: &Lock, now: Timestamp) -> Vec<(DeviceId, LastDay)> {
    let active = lock.active();
    let guests = homelab.enrolled().filter_map(|(_, device)| {
        let until = device.until?;
        let over = device.is_over(now).then_some(until);
        let ends = active
            .get(&device.id)
            .filter(|issued| now >= due_from(&issued.validity, &homelab.validity.renew));
        let ends = ends.and_then(|issued| device.last_day_of(issued.validity.not_after()));
        Some((device.id.clone(), over.or(ends)?))
    });
    guests.collect()
}

/// A device whose last day is over gets no other certificate.
pub(crate) fn refuse_over(
    homelab: &Homelab,
    device: &DeviceId,
    now: Timestamp,
) -> Result<(), Stop> {
    let known = homelab.device(device).filter(|known| known.is_over(now));
    match known.and_then(|known| known.until) {
        None => Ok(()),
        Some(until) => {
            let device = device.clone();
            Err(Stop::new(Fault::Usage, RenewError::Over { device, until }))
        }
    }
}

/// Shuts out the older certificates of these devices. Where it has been done already, nothing is left but to build: whoever did it may have been killed
/// before that.
pub(crate) fn finish<S>(lock: &Lock, devices: &[DeviceId]) -> Result<LockOperation<S>, Stop> {
    for device in devices {
        let mut certificates = lock.certificates.iter().filter(|c| c.device == *device);
        if certificates.all(|issued| issued.state == Kept::Active) {
            let device = device.clone();
            return Err(Stop::new(
                Fault::Usage,
                RenewError::NothingToFinish { device },
            ));
        }
    }
    let mut open = with_older(lock);
    open.retain(|device| devices.contains(device));
    Ok(finishing(open))
}

/// The same for every device that has an older certificate.
pub(crate) fn finish_all<S>(lock: &Lock) -> LockOperation<S> {
    finishing(with_older(lock))
}

/// The devices that are let in with an older certificate beside the newer one.
fn with_older(lock: &Lock) -> Vec<DeviceId> {
    let is_open = |issued: &&Issued| matches!(issued.state, Kept::Superseded { .. });
    let open = lock.certificates.iter().filter(is_open);
    let mut open: Vec<DeviceId> = open.map(|issued| issued.device.clone()).collect();
    open.dedup();
    open
}

fn finishing<S>(devices: Vec<DeviceId>) -> LockOperation<S> {
    if devices.is_empty() {
        LockOperation::Nothing
    } else {
        LockOperation::Finish(devices)
    }
}
