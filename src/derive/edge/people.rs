//! Everybody who is let in by certificate, and the certificates themselves.

use jiff::Timestamp;
use serde::Serialize;

use crate::lock::{Admitted, Installed, Issued, State};
use crate::model::{self, DeviceId, DisplayName, Email, Name, Visitors};
use crate::pki::Fingerprint;

/// Somebody who is let in by certificate.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Person {
    pub name: Name,
    pub display_name: DisplayName,
    pub email: Email,
    /// The groups, joined by commas; it may be empty.
    pub groups: String,
    /// The certificates; at least one.
    pub devices: Vec<Device>,
    /// The number of the class, where there are [classes](super::classes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<usize>,
}

/// A certificate of a device.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Device {
    pub name: DeviceId,
    /// Until when it is let in beside the device's newer one, if it is.
    pub until: Option<Timestamp>,
    pub fingerprint: Fingerprint,
}

impl Person {
    /// Nobody where none of the devices has a certificate.
    pub(crate) fn new(
        person: &model::Person,
        admitted: &Admitted<'_>,
        visitors: &Visitors<'_>,
    ) -> Option<Person> {
        let devices = person.devices.values();
        let devices = devices.filter(|device| visitors.has(&device.id));
        let devices: Vec<Device> = devices.flat_map(|known| let_in(known, admitted)).collect();
        let groups: Vec<&str> = person.groups.iter().map(Name::as_str).collect();
        (!devices.is_empty()).then(|| Person {
            name: person.name.clone(),
            display_name: person.display_name.clone(),
            email: person.email.clone(),
            groups: groups.join(","),
            devices,
            class: None,
        })
    }
}

/// The certificates of a device that are let in: those that were issued to it, or the one that it has
/// already.
fn let_in(known: &model::Device, admitted: &Admitted<'_>) -> Vec<Device> {
    match known.installed() {
        Some(fingerprint) => vec![Device {
            name: known.id.clone(),
            until: None,
            fingerprint: *fingerprint,
        }],
        None => {
            let issued = admitted.get(&known.id).into_iter().flatten();
            issued.map(|issued| Device::from(*issued)).collect()
        }
    }
}

impl From<&Issued> for Device {
    fn from(issued: &Issued) -> Device {
        Device {
            name: issued.device.clone(),
            until: match issued.state {
                State::Superseded { until } => Some(until),
                State::Active | State::Revoked { .. } | State::Blocked { .. } => None,
            },
            fingerprint: issued.fingerprint,
        }
    }
}

impl From<&Installed> for Device {
    fn from(known: &Installed) -> Device {
        Device {
            name: known.device.clone(),
            until: None,
            fingerprint: known.fingerprint,
        }
    }
}
