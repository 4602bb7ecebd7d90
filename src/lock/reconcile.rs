//! The declaration against the lock: what is to be issued, and what retired.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Issued, Lock, State};
use crate::model::{DeviceId, Email, Homelab, Lifetime};

/// What a build has to do to the lock. Renewing is never among it: that is a command of its own.
#[derive(Debug, Default)]
pub struct Reconciliation {
    /// Devices that are declared and have no certificate, sorted.
    pub issue: Vec<NewDevice>,
    /// Devices whose certificate is active and that are no longer declared, sorted.
    pub retire: Vec<DeviceId>,
}

/// A device that is to be issued its certificate.
#[derive(Debug)]
pub struct NewDevice {
    /// Which.
    pub device: DeviceId,
    /// The address to put into it.
    pub email: Email,
    /// How long it is to be valid.
    pub validity: Lifetime,
}

impl Reconciliation {
    /// Whether the lock says already what the declaration says.
    pub fn is_empty(&self) -> bool {
        self.issue.is_empty() && self.retire.is_empty()
    }
}

/// Compares what is declared with what has been issued.
pub fn reconcile(homelab: &Homelab, lock: &Lock) -> Reconciliation {
    let active = lock.active();
    let declared: BTreeSet<&DeviceId> = homelab.devices().map(|(_, device)| &device.id).collect();
    let is_new = |id: &DeviceId| !active.contains_key(id);
    Reconciliation {
        issue: homelab
            .devices()
            .filter(|(_, device)| is_new(&device.id))
            .map(|(person, device)| NewDevice {
                device: device.id.clone(),
                email: person.email.clone(),
                validity: device.validity.clone(),
            })
            .collect(),
        retire: active
            .keys()
            .filter(|id| !declared.contains(*id))
            .map(|id| (*id).clone())
            .collect(),
    }
}

impl Lock {
    /// Marks the certificates of these devices as retired at `now`.
    pub fn retire(&mut self, devices: &[DeviceId], now: Timestamp) {
        for issued in &mut self.certificates {
            if issued.state == State::Active && devices.contains(&issued.device) {
                // A clock that is late does not retire what has not been issued yet.
                let since = now.max(issued.validity.not_before());
                issued.state = State::Retired { since };
            }
        }
    }

    /// Adds what has been issued, and drops retired certificates that have expired by `now`.
    ///
    /// RFC 5280 §3.3 keeps an entry on one more list after its certificate's end, for who judges a
    /// signature of the past. Whoever asks for a client's certificate judges it now.
    pub fn add(&mut self, issued: Vec<Issued>, now: Timestamp) {
        let expired = |c: &Issued| c.retired().is_some() && c.validity.not_after() < now;
        self.certificates
            .retain(|certificate| !expired(certificate));
        self.certificates.extend(issued);
        self.certificates.sort_by(|a, b| order(a).cmp(&order(b)));
    }
}

fn order(issued: &Issued) -> (&DeviceId, Timestamp, crate::root::IssuanceId) {
    (&issued.device, issued.validity.not_before(), issued.id)
}
