//! The declaration against the lock: what is to be issued, and what retired.

use std::collections::BTreeMap;
use std::{iter, slice};

use jiff::Timestamp;

use super::{Issued, Lock, State};
use crate::model::{Device, DeviceId, Email, Homelab, LastDay, Lifetime, MadeKey, Person};
use crate::pki::PublicKey;

/// The keys that devices have made, by device.
pub(crate) type OwnKeys = BTreeMap<DeviceId, PublicKey>;

/// What a build has to do to the lock. Renewing is never among it: that is a command of its own.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reconciliation {
    /// Devices that are declared and have no certificate, sorted.
    pub issue: Vec<NewDevice>,
    /// Devices that have certificates and are no longer declared, sorted.
    pub revoke: Vec<DeviceId>,
    /// Those of them that are let in now: one that is blocked loses nothing.
    pub shut_out: Vec<DeviceId>,
    /// How many devices are let in now.
    pub let_in: usize,
    /// Devices that are to be issued a certificate of a key that was shut out, sorted: who has that key would be let in again.
    pub reused_keys: Vec<ReusedKey>,
    /// Devices that are declared by fingerprint and not recorded so, sorted.
    pub record: Vec<DeviceId>,
    /// Devices that are recorded as declared by fingerprint and are so no longer, sorted.
    pub remove: Vec<DeviceId>,
}

/// A device that is to be issued its certificate.
#[derive(Debug, Clone)]
pub(crate) struct NewDevice {
    pub device: DeviceId,
    pub email: Email,
    pub validity: Lifetime,
    /// Its last day, beyond which no certificate of it goes.
    pub until: Option<LastDay>,
    pub key: NewKey,
}

/// Whose key a new certificate is of.
#[derive(Debug, Clone)]
pub(crate) enum NewKey {
    /// One of that kind, to be derived from the root secret.
    Derived(MadeKey),
    Own(PublicKey),
}

/// A device that asks with a key that was shut out, or will be when the declaration is met.
#[derive(Debug, Clone)]
pub(crate) struct ReusedKey {
    pub device: DeviceId,
    /// The device, the same or another, whose last certificate of that key is the one that is shut out.
    pub before: DeviceId,
}

impl Reconciliation {
    /// Whether so many devices would be shut out that it is probably a mistake, a bad merge or a file that was cut: more
    /// than two, and more than a third of those that are let in.
    pub(crate) fn shuts_out_many(&self) -> bool {
        self.shut_out.len() > 2 && self.shut_out.len() * 3 > self.let_in
    }

    /// Whether the lock says already what the declaration says.
    pub(crate) fn is_empty(&self) -> bool {
        self.issue.is_empty()
            && self.revoke.is_empty()
            && self.record.is_empty()
            && self.remove.is_empty()
    }

    /// Whether nothing is to be made or signed either: then a build leaves the lock.
    pub(crate) fn is_settled(&self, lock: &Lock) -> bool {
        self.is_empty() && lock.signing().is_some() && !lock.has_stale_crl()
    }
}

/// Compares what is declared with what has been issued. `own_keys` has the key of each device that is declared to have
/// made its own. At `now` nothing is issued to a device whose last day is over.
pub(crate) fn reconcile(
    homelab: &Homelab,
    lock: &Lock,
    own_keys: &OwnKeys,
    now: Timestamp,
) -> Reconciliation {
    let mut found = Reconciliation {
        record: lock.unrecorded(homelab),
        remove: lock.gone(homelab),
        ..Reconciliation::default()
    };
    for (declared, certificates) in lock.beside(homelab) {
        let is_let_in = certificates.iter().any(|c| c.revoked().is_none());
        found.let_in += usize::from(is_let_in);
        let has = |state: fn(&State) -> bool| certificates.iter().any(|c| state(&c.state));
        let is_to_have_none = has(|state| matches!(state, State::Active | State::Blocked { .. }));
        match (declared, certificates.first()) {
            (Some((person, device)), _) if !is_to_have_none && !device.is_over(now) => {
                found.issue.push(NewDevice::of(person, device, own_keys));
            }
            (None, Some(first)) if has(|state| !matches!(state, State::Revoked { .. })) => {
                found.revoke.push(first.device.clone());
                found
                    .shut_out
                    .extend(is_let_in.then(|| first.device.clone()));
            }
            _ => {}
        }
    }
    found.reused_keys = lock.reused_keys(&found.issue, &found.revoke);
    found
}

impl NewDevice {
    fn of(person: &Person, device: &Device, own_keys: &OwnKeys) -> NewDevice {
        NewDevice {
            device: device.id.clone(),
            email: person.email.clone(),
            validity: device.validity.clone(),
            until: device.until,
            key: match device.made_key() {
                Some(kind) => NewKey::Derived(kind),
                None => NewKey::Own(
                    own_keys
                        .get(&device.id)
                        .expect("each request that is declared has been read")
                        .clone(),
                ),
            },
        }
    }
}

/// A device that is declared to be issued certificates, if it is, and what it was issued.
type Beside<'l> = (Option<(&'l Person, &'l Device)>, Vec<&'l Issued>);

impl Lock {
    /// Every device that is declared to be issued certificates, or was issued one, sorted.
    fn beside<'l>(&'l self, homelab: &'l Homelab) -> impl Iterator<Item = Beside<'l>> {
        let mut issued: Vec<&Issued> = self.certificates.iter().collect();
        // As a rule they are sorted, and that is seen at once.
        issued.sort_by_key(|issued| &issued.device);
        let mut issued = issued.into_iter().peekable();
        let mut declared = homelab.enrolled().peekable();
        iter::from_fn(move || {
            let of_declared = declared.peek().map(|(_, device)| &device.id);
            let of_issued = issued.peek().map(|issued| &issued.device);
            let next = of_declared.into_iter().chain(of_issued).min()?;
            let of_next = iter::from_fn(|| issued.next_if(|issued| issued.device == *next));
            let certificates = of_next.collect();
            Some((
                declared.next_if(|(_, device)| device.id == *next),
                certificates,
            ))
        })
    }

    /// The devices that have certificates, or are blocked, and are no longer declared to be issued any, sorted.
    pub fn undeclared(&self, homelab: &Homelab) -> Vec<DeviceId> {
        let is_revoked = |issued: &Issued| matches!(issued.state, State::Revoked { .. });
        let gone = self.beside(homelab).filter_map(|(declared, certificates)| {
            let known = certificates.into_iter().find(|issued| !is_revoked(issued));
            declared.is_none().then_some(known).flatten()
        });
        gone.map(|issued| issued.device.clone()).collect()
    }

    fn reused_keys(&self, issue: &[NewDevice], revoke: &[DeviceId]) -> Vec<ReusedKey> {
        let reused = issue.iter().filter_map(|new| {
            let NewKey::Own(key) = &new.key else {
                return None;
            };
            let last = self.last_of_key(key)?;
            let is_out = last.is_shut_out() || revoke.contains(&last.device);
            is_out.then(|| ReusedKey {
                device: new.device.clone(),
                before: last.device.clone(),
            })
        });
        reused.collect()
    }

    /// The last certificate of a key that was issued, to whatever device; one that is let in, where there is any.
    fn last_of_key(&self, key: &PublicKey) -> Option<&Issued> {
        let certificates = self.certificates.iter();
        let of_key = certificates.filter(|issued| issued.own_public_key().as_ref() == Some(key));
        of_key.max_by_key(|issued| (issued.revoked().is_none(), issued.validity.not_before()))
    }
}

impl Issued {
    /// Whether it was shut out before its end: one that has only ended never was.
    fn is_shut_out(&self) -> bool {
        let end = self.validity.not_after();
        self.revoked().is_some_and(|since| since < end)
    }
}

/// The devices that are declared to have a certificate already which the lock records as issued here,
/// to the other: one that was taken out would come in again.
pub(crate) fn issued_here<'a>(
    homelab: &'a Homelab,
    lock: &'a Lock,
) -> impl Iterator<Item = (&'a DeviceId, &'a DeviceId)> {
    homelab.installed().filter_map(|(device, fingerprint)| {
        let is_it = |issued: &&Issued| issued.fingerprint == *fingerprint;
        let issued = lock.certificates.iter().find(is_it)?;
        Some((device, &issued.device))
    })
}

impl Lock {
    /// Shuts out every certificate of these devices at `now`; they may get another.
    pub fn revoke(&mut self, devices: &[DeviceId], now: Timestamp) {
        self.close_all(devices, now, |since| State::Revoked { since });
    }

    /// Shuts out every certificate of a device at `now`; it gets no other until it is renewed.
    pub fn block(&mut self, device: &DeviceId, now: Timestamp) {
        self.close_all(slice::from_ref(device), now, |since| State::Blocked {
            since,
        });
    }

    fn close_all(&mut self, devices: &[DeviceId], now: Timestamp, state: fn(Timestamp) -> State) {
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

    /// Holds the certificates of devices to their last days, which may have been declared after they were issued: those that
    /// would go on are shut out once it is over, and older ones are let in no longer than that. Gives whose were shut out.
    pub fn keep_last_days(&mut self, homelab: &Homelab, now: Timestamp) -> Vec<DeviceId> {
        let days = homelab.enrolled();
        let days = days.filter_map(|(_, device)| Some((&device.id, device.until?)));
        let days: BTreeMap<&DeviceId, LastDay> = days.collect();
        let mut over = Vec::new();
        for issued in &mut self.certificates {
            let Some(day) = days.get(&issued.device) else {
                continue;
            };
            let (begin, end) = (issued.validity.not_before(), issued.validity.not_after());
            match issued.state {
                State::Active | State::Superseded { .. } if day.is_over(now) && end > day.end() => {
                    issued.state = State::Revoked {
                        since: now.max(begin),
                    };
                    over.push(issued.device.clone());
                }
                State::Superseded { until } if until > day.end() => {
                    issued.state = State::Superseded {
                        until: day.end().max(begin),
                    };
                }
                _ => {}
            }
        }
        over.dedup();
        over
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
