//! What is told of a lock that is brought up to date.

use crate::build::Updated;
use crate::dates;
use crate::lock::Reconciliation;
use crate::workspace::Listener;

/// Tells that a lock of version 1 has been signed, and what nobody can vouch for.
pub(super) fn tell_of_signing(listener: Listener, unconfirmed: Option<Vec<String>>) {
    match unconfirmed.as_deref() {
        None => {}
        Some([]) => listener.note(format_args!(
            "Signed homelab.lock; all that it lets in is of the root secret."
        )),
        Some(unconfirmed) => listener.note(format_args!(
            "Signed homelab.lock. The root secret cannot confirm what follows; see that it is right, `git log -p -- homelab.lock`:\n  {}",
            unconfirmed.join("\n  ")
        )),
    }
}

/// Tells what can be done without the root secret, where nothing is to be issued.
pub(super) fn tell_of_edge(listener: Listener, reconciliation: &Reconciliation) {
    let gone = reconciliation.revoke.iter().chain(&reconciliation.remove);
    if let Some(device) = { gone }.next() {
        listener.note(format_args!(
            "`homelab build --edge` takes {device} off the Caddyfile's lists without the root secret."
        ));
    } else if let ([], Some(device)) = (&reconciliation.issue[..], reconciliation.record.first()) {
        listener.note(format_args!(
            "{device} is to be recorded in homelab.lock; `homelab build --edge` lets it in without the root secret."
        ));
    } else if reconciliation.is_empty() {
        listener.note(format_args!(
            "ca.crl is to be signed anew; `homelab build --edge` leaves it as it is, and needs no root secret.",
        ));
    }
}

/// Tells what is new in the lock, which is written by now.
pub(super) fn announce(listener: Listener, Updated { lock, changes }: &Updated) {
    let active = lock.active();
    for device in &changes.issued {
        let validity = active[device].validity;
        let until = dates::end(validity.not_before(), validity.not_after());
        listener.result(format_args!("issued {device} until {until}"));
    }
    for device in &changes.recorded {
        listener.result(format_args!("recorded {device}"));
    }
    for device in changes.revoked.iter().chain(&changes.removed) {
        listener.result(format_args!("retired {device}"));
    }
    for device in &changes.closed {
        listener.result(format_args!("retired the older certificate of {device}"));
    }
}
