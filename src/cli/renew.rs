//! `homelab renew`.

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::Renew;
use super::build::{Operation, build_after};
use super::device::{Purpose, is_enrolled};
use super::{clock, report};
use crate::build::LockOperation;
use crate::diagnostic::{Failure, Fault};
use crate::lock::{Issued, Lock, State as Kept};
use crate::model::{DeviceId, Homelab};
use crate::status::{State, Status};

#[derive(Debug, Error, Diagnostic)]
enum RenewError {
    #[error("`{device}` has no older certificate that could be shut out")]
    #[diagnostic(
        code("renew::nothing-to-finish"),
        help("`homelab status` says which devices have two")
    )]
    NothingToFinish { device: DeviceId },
}

/// Issues new certificates, or shuts out the older ones, and builds.
pub(super) fn renew(arguments: &Renew) -> Result<(), Failure> {
    let inputs = arguments.make.held()?;
    let (homelab, lock) = (&inputs.homelab, inputs.workspace.issued_lock()?);
    for device in &arguments.devices {
        is_enrolled(homelab, device, Purpose::Renew)?;
    }
    if arguments.finish {
        let order = if arguments.all {
            finish_all(&lock)
        } else {
            finish(&lock, &arguments.devices)?
        };
        build_after(&inputs, &arguments.make, &order)?;
        if matches!(order, LockOperation::Nothing) {
            report::result("no older certificate is left to shut out");
        }
        return Ok(());
    }
    let devices: Vec<DeviceId> = match (arguments.all, arguments.due) {
        (true, _) => lock.active().into_keys().cloned().collect(),
        (_, true) => due(homelab, &lock)?,
        _ => arguments.devices.clone(),
    };
    if devices.is_empty() {
        report::result("nothing is due");
        return build_after(&inputs, &arguments.make, &LockOperation::Nothing);
    }
    build_after(&inputs, &arguments.make, &LockOperation::Renew(devices))?;
    report::result(
        "\n1. copy out/edge/ to the Caddy host, and `caddy reload` there: before that, the new certificates are refused\n\
         2. hand over the new files; `homelab status` says until when the older ones work\n\
         3. commit homelab.lock",
    );
    Ok(())
}

/// Where it has been done already, nothing is left but to build: whoever did it may have been killed
/// before that.
fn finish(lock: &Lock, devices: &[DeviceId]) -> Result<Operation, Failure> {
    for device in devices {
        let mut certificates = lock.certificates.iter().filter(|c| c.device == *device);
        if certificates.all(|issued| issued.state == Kept::Active) {
            let device = device.clone();
            return Err(Failure::new(
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
fn finish_all(lock: &Lock) -> Operation {
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

fn finishing(devices: Vec<DeviceId>) -> Operation {
    if devices.is_empty() {
        LockOperation::Nothing
    } else {
        LockOperation::Finish(devices)
    }
}

/// The declared devices that `status` says are to be renewed.
fn due(homelab: &Homelab, lock: &Lock) -> Result<Vec<DeviceId>, Failure> {
    let status = Status::at(clock::now_to_issue()?, homelab, Some(lock));
    let is_due = |state| matches!(state, State::Due | State::Expired);
    let due = status.devices.iter().filter(|device| is_due(device.state));
    let names: Vec<&str> = due.map(|device| device.device.as_str()).collect();
    let devices = homelab.enrolled().map(|(_, device)| &device.id);
    let named = devices.filter(|id| names.contains(&id.to_string().as_str()));
    Ok(named.cloned().collect())
}
