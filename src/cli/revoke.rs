//! `homelab revoke PERSON/DEVICE…`.

use super::arguments::Revoke;
use super::build::build_accepting;
use super::report;
use crate::build::{Purpose, Reissue, Revocation, is_enrolled};
use crate::dates;
use crate::diagnostic::Failure;
use crate::issue::was_replaced_at;
use crate::lock::Lock;
use crate::model::{DeviceId, Enrolment, Homelab};

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
    let Revocation {
        out_already,
        to_revoke,
    } = revocation;
    for device in out_already {
        report::result(format_args!(
            "{device} is out already: `homelab renew {device}` would let it in again"
        ));
    }
    if !to_revoke.is_empty() {
        report::result(run_book(&inputs.homelab, &to_revoke));
    }
    for (device, _) in &to_revoke {
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

/// What whoever has the devices could reach, and what cuts it off.
fn run_book(homelab: &Homelab, revoked: &[(DeviceId, Reissue)]) -> String {
    let names: Vec<String> = revoked.iter().map(|(id, _)| id.to_string()).collect();
    let (is, it) = match revoked {
        [_] => ("is", "it"),
        _ => ("are", "them"),
    };
    let mut steps = vec![
        format!(
            "copy out/edge/ to the Caddy host, and `caddy reload` there: from then on {} refused",
            if it == "it" { "it is" } else { "they are" }
        ),
        String::from(
            "restart Caddy, if a download or a stream may be under way: a reload lets those go on",
        ),
        format!(
            "in those services, sign {it} out and change what was saved on {it}: sessions do not end here"
        ),
        String::from("commit homelab.lock"),
    ];
    let replaced = revoked.iter().filter(|(_, then)| *then == Reissue::Now);
    steps.extend(replaced.map(|(device, _)| hand_over(homelab, device)));
    let steps = steps.iter().enumerate();
    let steps: Vec<String> = steps
        .map(|(number, step)| format!("{}. {step}", number + 1))
        .collect();
    format!(
        "\n{} {is} out of every list in out/edge/. Nothing changes on the server until you deploy.\n{}\n{}",
        names.join(", "),
        reach(homelab, revoked, it),
        steps.join("\n")
    )
}

/// What can be got to with the devices, until the server learns of it.
fn reach(homelab: &Homelab, revoked: &[(DeviceId, Reissue)], it: &str) -> String {
    let services = homelab.services.values();
    let reached = services.filter(|service| {
        let mut devices = revoked.iter().map(|(device, _)| device);
        devices.any(|device| service.grants().any(|grant| grant.names_device(device)))
    });
    let landing = homelab.edge.landing.then_some(&homelab.domain);
    let landing = landing.map(|domain| format!("the landing page (https://{domain}/)"));
    let reached: Vec<String> = reached
        .map(|service| format!("{} (https://{}/)", service.title, service.hosts[0]))
        .chain(landing)
        .collect();
    match reached.as_slice() {
        [] => String::from("No certificate that was revoked opened anything."),
        reached => format!(
            "Until then, whoever has {it} gets to {}.",
            reached.join(", ")
        ),
    }
}

/// How a device gets its new file.
fn hand_over(homelab: &Homelab, device: &DeviceId) -> String {
    let known = homelab.device(device);
    let made_its_key = known.is_some_and(|known| matches!(known.enrolment, Enrolment::Request(_)));
    let owner = &device.person;
    if made_its_key {
        format!("hand over the new .crt of {device} to {owner}")
    } else {
        format!(
            "hand over the new .p12 of {device} to {owner}; `homelab password {device}` prints its password"
        )
    }
}
