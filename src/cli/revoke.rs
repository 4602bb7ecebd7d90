//! `homelab revoke PERSON/DEVICE`.

use super::arguments::Revoke;
use super::build::{Inputs, build_after, issued_lock};
use super::failure::Failure;
use super::issuing::{Order, Then};
use super::renew::is_enrolled;
use super::report;
use crate::model::{Admission, DeviceId, Enrolment, Homelab};

/// Shuts a device out at once, builds, and says what is to be done next, in order.
pub fn revoke(arguments: &Revoke) -> Result<(), Failure> {
    let device = &arguments.device;
    let inputs = Inputs::held(&arguments.make)?;
    is_enrolled(&inputs.homelab, device)?;
    let lock = issued_lock(&inputs.workspace)?;
    // Another certificate for a key that went with the device would let whoever has it in.
    let same_key = inputs.requested.would_certify_again(&lock, device);
    let then = match arguments.no_replace || same_key {
        true => Then::Bar,
        false => Then::Replace,
    };
    if lock.barred().contains(device) {
        // Whoever wrote that into the lock may have been killed before the tree was built.
        build_after(&inputs, &arguments.make, &Order::Nothing)?;
        report::result(format_args!(
            "{device} is out already: `homelab renew {device}` would let it in again"
        ));
        return Ok(());
    }
    let revoke = Order::Revoke {
        device: device.clone(),
        then,
    };
    build_after(&inputs, &arguments.make, &revoke)?;
    report::result(run_book(&inputs.homelab, device, then));
    if same_key {
        report::result(format_args!(
            "Its key went with it, so it gets no other certificate: where it has a new key, put the new request in the place of the old one and `homelab renew {device}`."
        ));
    }
    Ok(())
}

/// What whoever has the device could reach, and what cuts it off.
fn run_book(homelab: &Homelab, device: &DeviceId, then: Then) -> String {
    let services = homelab.services.values();
    let reached = services.filter(|service| {
        let admission = service.access.admits(&device.person);
        matches!(admission, Admission::WithCertificate { .. })
    });
    let landing = homelab.edge.landing.then_some(&homelab.domain);
    let landing = landing.map(|domain| format!("the landing page (https://{domain}/)"));
    let reached: Vec<String> = reached
        .map(|service| format!("{} (https://{}/)", service.title, service.hosts[0]))
        .chain(landing)
        .collect();
    let reached = match reached.as_slice() {
        [] => String::from("Its certificate opened nothing."),
        reached => format!(
            "Until you deploy, whoever has it gets to {}.",
            reached.join(", ")
        ),
    };
    let mut steps = vec![
        String::from(
            "copy out/edge/ to the Caddy host, and `caddy reload` there: from then on it is refused",
        ),
        String::from(
            "restart Caddy, if a download or a stream may be under way: a reload lets those go on",
        ),
        String::from(
            "in those services, sign the device out and change what was saved on it: their sessions do not end here",
        ),
        String::from("commit homelab.lock"),
    ];
    if then == Then::Replace {
        let made_its_key = homelab
            .device(device)
            .is_some_and(|known| matches!(known.enrolment, Enrolment::Request(_)));
        let owner = &device.person;
        steps.push(match made_its_key {
            true => format!("hand over the new .crt to {owner}"),
            false => format!(
                "hand over the new .p12 to {owner}; `homelab password {device}` prints its password"
            ),
        });
    }
    let steps = steps.iter().enumerate();
    let steps: Vec<String> = steps
        .map(|(number, step)| format!("{}. {step}", number + 1))
        .collect();
    format!(
        "\n{device} is out of every list. {reached}\n{}",
        steps.join("\n")
    )
}
