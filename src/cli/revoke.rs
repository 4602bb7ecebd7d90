//! `homelab revoke PERSON/DEVICE…`.

use super::arguments::Revoke;
use super::build::build_accepting;
use super::report;
use crate::build::{Purpose, Reissue, Revocation, is_enrolled};
use crate::dates;
use crate::diagnostic::Failure;
use crate::issue::was_replaced_at;
use crate::lock::Lock;
use crate::model::DeviceId;

/// Shuts devices out at once, builds, and says what is to be done next, in order.
pub(super) fn revoke(arguments: &Revoke) -> Result<(), Failure> {
    let inputs = arguments.make.held()?;
    for device in &arguments.devices {
        is_enrolled(&inputs.homelab, device, Purpose::Revoke)?;
    }
    let lock = inputs.workspace.issued_lock()?;
    let has_same_key = |device: &DeviceId| inputs.requested.would_certify_again(&lock, device);
    let reissue = if arguments.no_replace {
        Reissue::OnRenewal
    } else {
        Reissue::Now
    };
    let revocation = Revocation::of(&lock, &inputs.requested, &arguments.devices, reissue);
    let order = revocation.operation();
    let accepted = &arguments.accept_return_of;
    build_accepting(&inputs, &arguments.make, &order, accepted)?;
    for device in &revocation.out_already {
        report::result(format_args!(
            "{device} is out already: `homelab renew {device}` would let it in again"
        ));
    }
    if !revocation.to_revoke.is_empty() {
        report::result(revocation.run_book(&inputs.homelab));
    }
    for (device, _) in &revocation.to_revoke {
        if has_same_key(device) {
            report::result(format_args!(
                "{device} gets no other certificate, for its key went with it: where it has a new key, put the new request in the place of the old one and `homelab renew {device}`."
            ));
        }
        tell_of_repetition(&lock, device);
    }
    Ok(())
}

/// Tells that a device was revoked before: whoever meant to repeat a command has shut out the new file.
fn tell_of_repetition(lock: &Lock, device: &DeviceId) {
    if let Some(since) = was_replaced_at(lock, device) {
        report::note(format_args!(
            "{device} was revoked before, at {}: this has shut out the file that it got then. Hand over the newest one, if any.",
            dates::moment(since)
        ));
    }
}
