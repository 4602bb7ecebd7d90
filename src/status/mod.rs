//! How every device stands at a moment: valid, due for renewal, expired, or without a certificate.
//!
//! Pure, the moment is given, but for `on_due`, which runs a command of the user's. Nothing secret is in it.

mod on_due;
mod prometheus;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::lock::{self, Authority, Issued, Lock};
use crate::model::{Device, DeviceId, Homelab, LastDay, Lifetime, Name, Platform};
use crate::pki::{Fingerprint, Serial, Validity};

#[derive(Debug, Serialize)]
pub(crate) struct Status {
    /// The moment that it is about.
    pub now: Timestamp,
    /// The key that the lock is signed with, which can be pinned; none where nobody has signed it.
    pub root_key: Option<String>,
    /// The authority that signs; none before the first build.
    pub authority: Option<AuthorityStatus>,
    /// Others that are trusted, until `rotate --finish`.
    pub outgoing: Vec<AuthorityStatus>,
    /// Others that are trusted as long as devices are declared by fingerprint.
    pub vouching: Vec<AuthorityStatus>,
    /// The devices that would be locked out by that, sorted.
    pub dependents: Vec<DependentStatus>,
    /// Every declared device, sorted by person and device; then what the lock has let in that is no
    /// longer declared.
    pub devices: Vec<DeviceStatus>,
    /// Whether people fetch their newer certificates themselves.
    #[serde(skip)]
    pub are_fetched: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct AuthorityStatus {
    pub common_name: String,
    /// When its certificate ends, if it does.
    pub not_after: Option<Timestamp>,
    /// Whether it was made elsewhere and signs nothing here.
    pub is_foreign: bool,
    /// Its state: never [`State::Unissued`] or [`State::Undeclared`].
    pub state: State,
}

/// A device that needs an outgoing authority.
#[derive(Debug, Serialize)]
pub(crate) struct DependentStatus {
    pub device: DeviceId,
    /// Until when its older certificate works beside the new one; none where it has no new one yet.
    pub moving_until: Option<Timestamp>,
    /// Whether it is declared by fingerprint: no renewal moves it.
    pub is_installed: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeviceStatus {
    pub device: DeviceId,
    pub person: Name,
    /// What it runs; none where it is no longer declared.
    pub platform: Option<Platform>,
    pub state: State,
    /// Whether a revocation list that was published shuts out what the lock lets in: it is an older lock.
    pub went_back: bool,
    /// Its last day, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<LastDay>,
    /// Whether its certificate goes beyond that day: a build shuts it out then, and `renew` makes one that ends by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outlives_until: bool,
    /// Whether its certificate is of another kind of key than the declaration asks for: no build changes that, and
    /// `renew` does.
    pub other_key: bool,
    /// Until when its older certificate is let in beside it, where it has one.
    pub older_until: Option<Timestamp>,
    /// When its certificate begins and ends, its serial number and its SHA-256 fingerprint, both in
    /// hexadecimal; none where it has no certificate.
    pub certificate: Option<CertificateStatus>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CertificateStatus {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// From when on it is to be renewed; none where it ends with its device's last day, and is not.
    pub due_from: Option<Timestamp>,
    pub serial: Serial,
    pub fingerprint: Fingerprint,
}

/// What a certificate is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It is valid, and has time.
    Valid,
    /// It is valid, and in the window in which it is to be renewed.
    Due,
    /// It is not valid yet: a clock is wrong.
    Early,
    Expired,
    /// Its last day is over.
    Ended,
    /// The device is declared and has none yet.
    Unissued,
    /// It was not made here, and what is known of it is its fingerprint alone.
    Installed,
    /// The same, and the next build records it.
    Unrecorded,
    /// The same, and no authority is trusted that could have signed it.
    Unvouched,
    /// The device's certificate was revoked, and it gets no other until it is renewed.
    Revoked,
    /// The device is no longer declared, and the next build retires it.
    Undeclared,
}

impl State {
    /// All of them, those that are fine first.
    const ALL: [State; 11] = [
        State::Valid,
        State::Installed,
        State::Unrecorded,
        State::Unvouched,
        State::Due,
        State::Early,
        State::Expired,
        State::Ended,
        State::Unissued,
        State::Revoked,
        State::Undeclared,
    ];

    /// Whether somebody has to do something.
    pub(crate) fn needs_action(self) -> bool {
        !matches!(
            self,
            State::Valid | State::Installed | State::Revoked | State::Ended
        )
    }

    /// What programs are told.
    fn name(self) -> &'static str {
        match self {
            State::Valid => "valid",
            State::Due => "due",
            State::Early => "early",
            State::Expired => "expired",
            State::Ended => "ended",
            State::Unissued => "unissued",
            State::Installed => "installed",
            State::Unrecorded => "unrecorded",
            State::Unvouched => "unvouched",
            State::Revoked => "revoked",
            State::Undeclared => "undeclared",
        }
    }

    /// What people are told.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Valid => "valid",
            State::Due => "due",
            State::Early => "not valid yet",
            State::Expired => "expired",
            State::Ended => "ended",
            State::Unissued => "not issued",
            State::Installed => "installed",
            State::Unrecorded => "not recorded",
            State::Unvouched => "not trusted",
            State::Revoked => "revoked",
            State::Undeclared => "removed",
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl AuthorityStatus {
    fn at(now: Timestamp, authority: &Authority, renew: &Lifetime) -> AuthorityStatus {
        AuthorityStatus {
            common_name: authority.common_name(),
            not_after: authority.validity.end(),
            is_foreign: !authority.can_sign(),
            state: state(&authority.validity, renew, now),
        }
    }
}

impl Status {
    /// How a homelab with this lock stands at that moment.
    pub(crate) fn at(now: Timestamp, homelab: &Homelab, lock: Option<&Lock>) -> Status {
        let renew = &homelab.validity.renew;
        let signing = lock.and_then(Lock::signing).map(|authority| {
            let mut status = AuthorityStatus::at(now, authority, renew);
            // What it issues from then on would be cut short by its own end.
            if devices_outlive(homelab, &authority.validity, now) {
                status.state = status.state.max(State::Due);
            }
            status
        });
        let outgoing: Vec<&Authority> = lock
            .into_iter()
            .flat_map(|lock| lock.outgoing(homelab))
            .collect();
        let others = lock.into_iter().flat_map(Lock::trusted);
        let vouching = others.filter(|authority| {
            !authority.can_sign() && !outgoing.iter().any(|known| known.id == authority.id)
        });
        let dependents = lock
            .map(|lock| lock.dependents(homelab))
            .unwrap_or_default();
        Status {
            now,
            root_key: lock.and_then(|lock| lock.key).map(|key| key.to_string()),
            authority: signing,
            vouching: vouching
                .map(|authority| AuthorityStatus::at(now, authority, renew))
                .collect(),
            outgoing: outgoing
                .into_iter()
                .map(|authority| AuthorityStatus::at(now, authority, renew))
                .collect(),
            dependents: dependents
                .into_iter()
                .map(|dependent| DependentStatus {
                    device: dependent.device,
                    moving_until: dependent.moving_until,
                    is_installed: dependent.is_installed,
                })
                .collect(),
            devices: devices(now, homelab, lock),
            are_fetched: homelab.edges.iter().any(|edge| edge.pick_up.is_some()),
        }
    }

    /// Whether nothing has to be done.
    pub(crate) fn is_fine(&self) -> bool {
        let mut authority = self.authority.iter();
        !authority.any(|authority| authority.state.needs_action()) && self.due().next().is_none()
    }

    /// The devices about which somebody has to do something.
    pub(crate) fn due(&self) -> impl Iterator<Item = &DeviceStatus> {
        let devices = self.devices.iter();
        devices.filter(|device| device.needs_action(self.now))
    }

    /// The devices whose older certificate is let in still, though its time is over: a build shuts
    /// it out.
    pub(crate) fn overdue(&self) -> impl Iterator<Item = &DeviceStatus> {
        let devices = self.devices.iter();
        devices.filter(|device| device.is_overdue(self.now))
    }
}

/// How each device stands that is declared, or was.
fn devices(now: Timestamp, homelab: &Homelab, lock: Option<&Lock>) -> Vec<DeviceStatus> {
    let recorded = Recorded::of(lock);
    let declared = homelab.devices().map(|(_, device)| {
        let issued = recorded.active.get(&device.id).copied();
        let issued = issued.filter(|_| device.installed().is_none());
        DeviceStatus {
            platform: Some(device.platform),
            state: recorded.state(device, issued, &homelab.validity.renew, now),
            other_key: issued.is_some_and(|issued| issued.made_key() != device.made_key()),
            until: device.until,
            outlives_until: issued
                .zip(device.until)
                .is_some_and(|(issued, until)| issued.validity.not_after() > until.end()),
            older_until: recorded.older_until(&device.id),
            certificate: issued
                .map(|issued| certificate(issued, Some(device), &homelab.validity.renew)),
            ..DeviceStatus::undeclared(&device.id)
        }
    });
    let gone = recorded.active.values().copied();
    let gone = gone.filter(|issued| homelab.device(&issued.device).is_none());
    let gone = gone.map(|issued| DeviceStatus {
        older_until: recorded.older_until(&issued.device),
        certificate: Some(certificate(issued, None, &homelab.validity.renew)),
        ..DeviceStatus::undeclared(&issued.device)
    });
    // One that is issued a certificate instead is told of as that.
    let removed = lock.map(|lock| lock.gone(homelab));
    let removed = removed.into_iter().flatten();
    let removed = removed.filter(|device| homelab.device(device).is_none());
    let removed = removed.map(|device| DeviceStatus::undeclared(&device));
    declared.chain(gone).chain(removed).collect()
}

/// What the lock records of devices, where there is one.
struct Recorded<'l> {
    lock: Option<&'l Lock>,
    active: BTreeMap<&'l DeviceId, &'l Issued>,
    /// Until when older certificates are let in beside newer ones.
    older: BTreeMap<&'l DeviceId, Timestamp>,
    blocked: BTreeSet<&'l DeviceId>,
}

impl<'l> Recorded<'l> {
    fn of(lock: Option<&'l Lock>) -> Recorded<'l> {
        Recorded {
            lock,
            active: lock.map(Lock::active).unwrap_or_default(),
            older: lock.map(older).unwrap_or_default(),
            blocked: lock.map(Lock::blocked).unwrap_or_default(),
        }
    }

    fn older_until(&self, device: &DeviceId) -> Option<Timestamp> {
        self.older.get(device).copied()
    }

    /// How a device stands that is declared and has this certificate.
    fn state(
        &self,
        device: &Device,
        issued: Option<&Issued>,
        renew: &Lifetime,
        now: Timestamp,
    ) -> State {
        match (device.installed(), issued, self.lock) {
            (None, issued, _) if device.is_over(now) => match issued {
                // It was issued for longer, and is let in until the next build.
                Some(issued) if issued.validity.not_after() > now => State::Undeclared,
                _ => State::Ended,
            },
            (None, Some(issued), _) => match state(&issued.validity, renew, now) {
                State::Due if device.last_day_of(issued.validity.not_after()).is_some() => {
                    State::Valid
                }
                state => state,
            },
            (None, None, _) if self.blocked.contains(&device.id) => State::Revoked,
            (None, None, _) => State::Unissued,
            (Some(fingerprint), _, Some(lock)) if lock.vouches_for_installed() => {
                if lock.has_installed(&device.id, fingerprint) {
                    State::Installed
                } else {
                    State::Unrecorded
                }
            }
            (Some(_), _, _) => State::Unvouched,
        }
    }
}

/// Until when the last of each device's older certificates is let in.
fn older(lock: &Lock) -> BTreeMap<&DeviceId, Timestamp> {
    let mut older: BTreeMap<&DeviceId, Timestamp> = BTreeMap::new();
    for issued in &lock.certificates {
        if let lock::State::Superseded { until } = issued.state {
            let last = older.entry(&issued.device).or_insert(until);
            *last = until.max(*last);
        }
    }
    older
}

impl DeviceStatus {
    /// Whether somebody has to do something.
    pub(crate) fn needs_action(&self, now: Timestamp) -> bool {
        self.state.needs_action()
            || self.went_back
            || self.other_key
            || self.outlives_until
            || self.is_overdue(now)
    }

    fn is_overdue(&self, now: Timestamp) -> bool {
        self.older_until.is_some_and(|until| until <= now)
    }

    /// One that is no longer declared, and of which nothing more is known.
    fn undeclared(device: &DeviceId) -> DeviceStatus {
        DeviceStatus {
            device: device.clone(),
            person: device.person.clone(),
            platform: None,
            state: State::Undeclared,
            went_back: false,
            until: None,
            outlives_until: false,
            other_key: false,
            older_until: None,
            certificate: None,
        }
    }
}

/// Whether some device's next certificate would end with the authority's, earlier than declared.
fn devices_outlive(homelab: &Homelab, authority: &Validity, now: Timestamp) -> bool {
    let mut ends = homelab
        .enrolled()
        .filter_map(|(_, device)| device.end_from(now));
    ends.any(|end| end > authority.not_after())
}

/// When a certificate's renewal is due. The window is the declared one, or a third of the
/// certificate's life where that is shorter: a guest's twelve hours are not due from the first on.
pub(crate) fn due_from(validity: &Validity, renew: &Lifetime) -> Timestamp {
    let (begin, end) = (validity.not_before(), validity.not_after());
    let third = end.duration_since(begin) / 3;
    let window = renew.before(end).unwrap_or(begin);
    window.max(end.checked_sub(third).unwrap_or(window))
}

fn state(validity: &Validity, renew: &Lifetime, now: Timestamp) -> State {
    if now < validity.not_before() {
        State::Early
    } else if now >= validity.not_after() {
        State::Expired
    } else if now >= due_from(validity, renew) {
        State::Due
    } else {
        State::Valid
    }
}

/// A device's certificate; one that is no longer declared has none to be renewed.
fn certificate(issued: &Issued, device: Option<&Device>, renew: &Lifetime) -> CertificateStatus {
    let is_renewed = |device: &Device| device.last_day_of(issued.validity.not_after()).is_none();
    CertificateStatus {
        not_before: issued.validity.not_before(),
        not_after: issued.validity.not_after(),
        due_from: device
            .is_some_and(is_renewed)
            .then(|| due_from(&issued.validity, renew)),
        serial: issued.serial,
        fingerprint: issued.fingerprint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_certificate_is_due_in_its_window() {
        let year = Validity::new(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")).unwrap();
        let day = Validity::new(at("2026-01-01T00:00:00Z"), at("2026-01-01T12:00:00Z")).unwrap();
        let renew = Lifetime::new("30d").unwrap();
        for (validity, now, expected) in [
            (&year, "2025-12-31T23:59:59Z", State::Early),
            (&year, "2026-01-01T00:00:00Z", State::Valid),
            (&year, "2026-12-01T23:59:59Z", State::Valid),
            (&year, "2026-12-02T00:00:00Z", State::Due),
            (&year, "2026-12-31T23:59:59Z", State::Due),
            (&year, "2027-01-01T00:00:00Z", State::Expired),
            (&day, "2026-01-01T07:59:59Z", State::Valid),
            (&day, "2026-01-01T08:00:00Z", State::Due),
        ] {
            assert_eq!(state(validity, &renew, at(now)), expected, "{now}");
        }
    }
}
