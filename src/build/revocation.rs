//! What becomes of devices that are to be shut out, and what is to be done about it by hand.

use super::notes::how_to_deploy;
use super::operation::{LockOperation, Reissue};
use super::requests::Requested;
use crate::lock::Lock;
use crate::model::{DeviceId, Enrolment, Homelab};

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

    /// What whoever has the devices could reach, and what cuts it off.
    pub(crate) fn run_book(&self, homelab: &Homelab) -> String {
        let revoked = self.to_revoke.as_slice();
        let names: Vec<String> = revoked.iter().map(|(id, _)| id.to_string()).collect();
        let (is, it) = match revoked {
            [_] => ("is", "it"),
            _ => ("are", "them"),
        };
        let mut steps = vec![
            format!(
                "{}: from then on {} refused",
                how_to_deploy(homelab),
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
            "\n{} {is} out of every list of the edge. Nothing changes on the server until you deploy.\n{}\n{}",
            names.join(", "),
            reach(homelab, revoked, it),
            steps.join("\n")
        )
    }
}

/// What can be got to with the devices, until the server learns of it.
fn reach(homelab: &Homelab, revoked: &[(DeviceId, Reissue)], it: &str) -> String {
    let services = homelab.services.values();
    let reached = services.filter(|service| {
        let mut devices = revoked.iter().map(|(device, _)| device);
        devices.any(|device| service.grants().any(|grant| grant.names_device(device)))
    });
    let landing = homelab.landing().map(|_| &homelab.domain);
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
