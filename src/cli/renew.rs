//! `homelab renew`.

use super::arguments::Renew;
use super::build::build_after;
use super::{clock, report};
use crate::build::{self, LockOperation, Purpose, is_enrolled};
use crate::derive::renewed_at;
use crate::diagnostic::Failure;
use crate::model::{DeviceId, Homelab};

/// Issues new certificates, or shuts out the older ones, and builds.
pub(super) fn renew(arguments: &Renew) -> Result<(), Failure> {
    let inputs = arguments.make.held()?;
    let (homelab, lock) = (&inputs.homelab, inputs.workspace.issued_lock()?);
    for device in &arguments.devices {
        is_enrolled(homelab, device, Purpose::Renew)?;
    }
    if arguments.finish {
        let order = if arguments.all {
            build::finish_all(&lock)
        } else {
            build::finish(&lock, &arguments.devices)?
        };
        build_after(&inputs, &arguments.make, &order)?;
        if matches!(order, LockOperation::Nothing) {
            report::result("no older certificate is left to shut out");
        }
        return Ok(());
    }
    let now = clock::now_to_issue()?;
    for device in &arguments.devices {
        build::refuse_over(homelab, device, now)?;
    }
    let devices: Vec<DeviceId> = match (arguments.all, arguments.due) {
        (true, _) => {
            let is_over = |id: &&DeviceId| homelab.device(id).is_some_and(|d| d.is_over(now));
            let all = lock.active().into_keys().filter(|id| !is_over(id));
            all.cloned().collect()
        }
        (_, true) => build::due(homelab, &lock, now),
        _ => arguments.devices.clone(),
    };
    if arguments.all || arguments.due {
        for (guest, until) in build::guests(homelab, &lock, now) {
            let is_left = !devices.contains(&guest);
            if is_left {
                report::result(format_args!(
                    "left {guest} as it is: its last day is {until}, as `until` says"
                ));
            }
        }
    }
    if devices.is_empty() {
        report::result("nothing is due");
        return build_after(&inputs, &arguments.make, &LockOperation::Nothing);
    }
    build_after(&inputs, &arguments.make, &LockOperation::Renew(devices))?;
    report::result(format_args!(
        "\n1. {}: before that, the new certificates are refused\n\
         2. {}; `homelab status` says until when the older ones work\n\
         3. commit homelab.lock",
        build::how_to_deploy(homelab),
        how_to_hand_over(homelab)
    ));
    Ok(())
}

fn how_to_hand_over(homelab: &Homelab) -> String {
    match renewed_at(homelab) {
        Some(at) => format!(
            "the devices fetch their new files at https://{at}: tell their owners, or hand the files over"
        ),
        None => String::from("hand over the new files"),
    }
}
