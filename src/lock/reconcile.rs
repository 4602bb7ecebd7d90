//! The declaration against the lock: what is to be issued, and what retired.

use std::collections::BTreeSet;
use std::slice;

use jiff::Timestamp;

use super::{Issued, Lock, State};
use crate::model::{DeviceId, Email, Homelab, Lifetime, MadeKey};
use crate::pki::PublicKey;

/// What a build has to do to the lock. Renewing is never among it: that is a command of its own.
#[derive(Debug, Default)]
pub struct Reconciliation {
    /// Devices that are declared and have no certificate, sorted.
    pub issue: Vec<NewDevice>,
    /// Devices that have certificates and are no longer declared, sorted.
    pub revoke: Vec<DeviceId>,
    /// Devices that are declared by fingerprint and not recorded so, sorted.
    pub record: Vec<DeviceId>,
    /// Devices that are recorded as declared by fingerprint and are so no longer, sorted.
    pub remove: Vec<DeviceId>,
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
    /// The kind of key to make for it.
    pub made: MadeKey,
    /// The device's key, where it has made its own.
    pub own_key: Option<PublicKey>,
}

impl Reconciliation {
    /// Whether so many devices would be retired that it is probably a mistake: more than two, and
    /// more than a third of those that are let in.
    pub fn revokes_many(&self, lock: &Lock) -> bool {
        let (shut_out, let_in) = (self.shut_out(lock).len(), lock.admitted().len());
        shut_out > 2 && shut_out * 3 > let_in
    }

    /// The devices to be retired that are let in now: one that was barred loses nothing.
    pub fn shut_out(&self, lock: &Lock) -> Vec<&DeviceId> {
        let admitted = lock.admitted();
        let retired = self.revoke.iter();
        retired.filter(|id| admitted.contains_key(id)).collect()
    }

    /// Whether the lock says already what the declaration says.
    pub fn is_empty(&self) -> bool {
        self.issue.is_empty()
            && self.revoke.is_empty()
            && self.record.is_empty()
            && self.remove.is_empty()
    }

    /// Whether nothing is to be made or signed either: then a build leaves the lock.
    pub fn is_settled(&self, lock: &Lock) -> bool {
        self.is_empty() && lock.signing().is_some() && !lock.has_stale_crl()
    }
}

/// Compares what is declared with what has been issued.
pub fn reconcile(homelab: &Homelab, lock: &Lock) -> Reconciliation {
    let active = lock.active();
    let declared: BTreeSet<&DeviceId> = homelab.enrolled().map(|(_, device)| &device.id).collect();
    let blocked = lock.blocked();
    let is_new = |id: &DeviceId| !active.contains_key(id) && !blocked.contains(id);
    let is_revoked = |issued: &Issued| matches!(issued.state, State::Revoked { .. });
    let known = lock.certificates.iter().filter(|c| !is_revoked(c));
    let known: BTreeSet<&DeviceId> = known.map(|issued| &issued.device).collect();
    Reconciliation {
        issue: homelab
            .enrolled()
            .filter(|(_, device)| is_new(&device.id))
            .map(|(person, device)| NewDevice {
                device: device.id.clone(),
                email: person.email.clone(),
                validity: device.validity.clone(),
                made: device.made_key().unwrap_or(MadeKey::P256),
                own_key: None,
            })
            .collect(),
        revoke: known
            .into_iter()
            .filter(|id| !declared.contains(id))
            .cloned()
            .collect(),
        record: lock.unrecorded(homelab),
        remove: lock.gone(homelab),
    }
}

/// The devices that are declared to have a certificate already which the lock records as issued here,
/// to the other: one that was taken out would come in again.
pub fn issued_here<'a>(
    homelab: &'a Homelab,
    lock: &'a Lock,
) -> impl Iterator<Item = (&'a DeviceId, &'a DeviceId)> {
    homelab.installed().filter_map(|(device, fingerprint)| {
        let is_it = |issued: &&Issued| issued.fingerprint == *fingerprint.as_bytes();
        let issued = lock.certificates.iter().find(is_it)?;
        Some((device, &issued.device))
    })
}

impl Lock {
    /// Shuts out every certificate of these devices at `now`; they may get another.
    pub fn revoke(&mut self, devices: &[DeviceId], now: Timestamp) {
        self.shut_out(devices, now, |since| State::Revoked { since });
    }

    /// Shuts out every certificate of a device at `now`; it gets no other until it is renewed.
    pub fn block(&mut self, device: &DeviceId, now: Timestamp) {
        self.shut_out(slice::from_ref(device), now, |since| State::Blocked {
            since,
        });
    }

    fn shut_out(&mut self, devices: &[DeviceId], now: Timestamp, state: fn(Timestamp) -> State) {
        for issued in &mut self.certificates {
            let since = match issued.state {
                // A clock that is late does not shut out what has not been issued yet.
                State::Active | State::Superseded { .. } => now.max(issued.validity.not_before()),
                State::Blocked { since } => since,
                State::Revoked { .. } => continue,
            };
            if devices.contains(&issued.device) {
                issued.state = state(since);
            }
        }
    }

    /// Makes way for a new certificate of these devices: the one that they have is let in until
    /// `window` from `now` has passed, or until it ends.
    pub fn supersede(&mut self, devices: &[DeviceId], window: &Lifetime, now: Timestamp) {
        for issued in &mut self.certificates {
            if !devices.contains(&issued.device) {
                continue;
            }
            let (begin, end) = (issued.validity.not_before(), issued.validity.not_after());
            let ends = window.after(now).unwrap_or(end);
            issued.state = match issued.state {
                // Of a clock that was far ahead: it lets nobody in during all of that time.
                State::Active if begin > ends => State::Revoked { since: begin },
                State::Active if end <= now => State::Revoked { since: end },
                State::Active => State::Superseded {
                    until: ends.clamp(begin, end),
                },
                State::Blocked { since } => State::Revoked { since },
                other => other,
            }
        }
    }

    /// Shuts out what these devices have newer certificates of.
    pub fn finish(&mut self, devices: &[DeviceId], now: Timestamp) {
        self.close(now, |issued, _| devices.contains(&issued.device));
    }

    /// Shuts out the certificates whose time beside a newer one is over at `now`, and no other of the
    /// same device; gives whose they were.
    pub fn finish_overdue(&mut self, now: Timestamp) -> Vec<DeviceId> {
        self.close(now, |_, until| until <= now)
    }

    /// Shuts out those of the certificates beside a newer one that are to be.
    fn close(
        &mut self,
        now: Timestamp,
        is_over: impl Fn(&Issued, Timestamp) -> bool,
    ) -> Vec<DeviceId> {
        let mut devices = Vec::new();
        for issued in &mut self.certificates {
            if let State::Superseded { until } = issued.state
                && is_over(issued, until)
            {
                let since = now.max(issued.validity.not_before());
                issued.state = State::Revoked { since };
                devices.push(issued.device.clone());
            }
        }
        devices
    }

    /// Whether some certificate is let in beside a newer one.
    pub fn has_superseded(&self) -> bool {
        let mut states = self.certificates.iter().map(|issued| issued.state);
        states.any(|state| matches!(state, State::Superseded { .. }))
    }

    /// Adds what has been issued, and drops retired certificates that have expired by `now`.
    ///
    /// RFC 5280 §3.3 keeps an entry on one more list after its certificate's end, for who judges a
    /// signature of the past. Whoever asks for a client's certificate judges it now.
    pub fn add(&mut self, issued: Vec<Issued>, now: Timestamp) {
        let is_revoked = |c: &Issued| matches!(c.state, State::Revoked { .. });
        let expired = |c: &Issued| is_revoked(c) && c.validity.not_after() < now;
        self.certificates
            .retain(|certificate| !expired(certificate));
        // An authority that is not trusted has to stay for what it has signed, and no longer.
        let certificates = &self.certificates;
        self.authorities.retain(|authority| {
            let is_over = !authority.is_trusted() && authority.validity.not_after() < now;
            !is_over || certificates.iter().any(|c| c.authority == authority.id)
        });
        self.certificates.extend(issued);
        self.certificates.sort_by(|a, b| order(a).cmp(&order(b)));
    }
}

/// How the lock is sorted.
pub(super) fn order(issued: &Issued) -> (&DeviceId, Timestamp, crate::root::IssuanceId) {
    (&issued.device, issued.validity.not_before(), issued.id)
}
