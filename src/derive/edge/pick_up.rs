//! Who is handed which newer certificate by the domain's own site, as data.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use crate::derive::guide::FileKind;
use crate::derive::pick_up::{PICK_UP, RENEW, Waiting};
use crate::lock::{Lock, State};
use crate::model::{self, DeviceId, Homelab, Language};
use crate::pki::Fingerprint;

/// What the domain's own site hands out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PickUp {
    /// The path where it does.
    pub at: &'static str,
    /// The directory on the Caddy host.
    pub directory: String,
    /// The devices that wait, sorted by owner and name.
    pub devices: Vec<Offer>,
}

/// What one device is handed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Offer {
    pub name: DeviceId,
    /// The certificate that waits.
    pub newer: Fingerprint,
    /// Those by which it is handed out; at least one.
    pub older: Vec<Fingerprint>,
    /// Until when the last of them is let in.
    pub until: Timestamp,
    /// Its directory.
    pub folder: String,
    pub file: Cow<'static, str>,
    pub content_type: &'static str,
    /// How a browser takes it (RFC 6266).
    pub disposition: String,
    /// In whose language it is told.
    pub language: Language,
}

impl PickUp {
    /// Nothing is handed out before there is a lock.
    pub(super) fn new(declared: &model::PickUp, homelab: &Homelab, lock: Option<&Lock>) -> PickUp {
        let waiting = lock.map(|lock| Waiting::all(homelab, lock));
        let waiting = waiting.unwrap_or_default();
        PickUp {
            at: RENEW,
            directory: format!("{}/{PICK_UP}", declared.root),
            devices: waiting.iter().map(Offer::of).collect(),
        }
    }
}

impl Offer {
    fn of(waiting: &Waiting<'_>) -> Offer {
        let file = waiting.file();
        let Waiting {
            person,
            device,
            newer,
            older,
        } = waiting;
        let until = older.iter().filter_map(|older| match older.state {
            State::Superseded { until } => Some(until),
            State::Active | State::Revoked { .. } | State::Blocked { .. } => None,
        });
        let (content_type, how) = match file.kind {
            FileKind::Bundle => ("application/x-pkcs12", "attachment"),
            FileKind::AppleProfile => ("application/x-apple-aspen-config", "inline"),
            _ => ("application/x-pem-file", "attachment"),
        };
        Offer {
            name: device.id.clone(),
            newer: newer.fingerprint,
            older: older.iter().map(|older| older.fingerprint).collect(),
            until: until.max().unwrap_or(newer.validity.not_after()),
            folder: waiting.folder(),
            file: file.name.clone(),
            content_type,
            disposition: format!("{how}; filename=\"{}\"", file.name),
            language: person.language(),
        }
    }
}
