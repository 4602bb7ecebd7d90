//! How devices and authorities stand, in words, and what somebody is to do about it.

use super::{AuthorityStatus, DependentStatus, DeviceStatus, State, Status};
use crate::dates;
use crate::diagnostic::listed;

impl AuthorityStatus {
    /// When it ends; one can be without an end.
    pub(crate) fn ends(&self) -> String {
        self.not_after.map_or_else(
            || String::from("without an end"),
            |end| format!("ends {}", dates::day(end)),
        )
    }
}

impl DeviceStatus {
    /// What somebody is to do; nothing where all is well.
    pub(crate) fn to_do(&self, status: &Status) -> String {
        let renew = || format!("homelab renew {}", self.device);
        match (self.state, self.older_until) {
            _ if self.went_back => String::from("was shut out: homelab.lock went back"),
            (State::Valid | State::Due, Some(until)) if until <= status.now => {
                String::from("homelab build shuts the older certificate out")
            }
            (State::Valid, Some(until)) => {
                let until = dates::moment(until);
                if status.are_fetched {
                    format!(
                        "nothing: its owner fetches the new one; the older one works until {until}"
                    )
                } else {
                    format!("install the new file by {until}; the older one works until then")
                }
            }
            (State::Valid | State::Due, _) if self.outlives_until => match self.until {
                Some(until) => format!("{} makes it end on {until}", renew()),
                None => renew(),
            },
            (State::Valid, None) if self.other_key => {
                format!("{} makes the kind of key that is declared", renew())
            }
            (State::Valid, None) => {
                let ends = self
                    .certificate
                    .as_ref()
                    .map(|certificate| certificate.not_after);
                let last = self.until.filter(|until| ends >= Some(until.end()));
                last.map_or_else(String::new, |until| {
                    format!("its last day is {until}: it is not renewed")
                })
            }
            (State::Ended, _) => match self.until {
                Some(until) => format!("its last day was {until}: delete its line"),
                None => String::new(),
            },
            (State::Early, _) => {
                let authority = status.authority.as_ref().map(|authority| authority.state);
                let remedy = match authority {
                    Some(State::Early) => String::from("homelab rotate --authority"),
                    _ => renew(),
                };
                format!("set the clock right; if it is, {remedy}")
            }
            (State::Due | State::Expired, _) => renew(),
            (State::Installed, _) => String::new(),
            (State::Unrecorded, _) => String::from("homelab build records it"),
            (State::Unvouched, _) => String::from("homelab adopt the authority that signed it"),
            (State::Unissued, _) => String::from("homelab build issues it"),
            (State::Revoked, _) => format!("{} would let it in again", renew()),
            (State::Undeclared, _) => String::from("homelab build retires it"),
        }
    }
}

impl Status {
    /// How many devices there are in each state, those that are fine first; and the authority, where it
    /// is not.
    pub(crate) fn summary(&self) -> String {
        let counted = State::ALL.into_iter().filter_map(|state| {
            let count = self.devices.iter().filter(|d| d.state == state).count();
            (count > 0).then(|| format!("{count} {}", state.as_str()))
        });
        let mut counted: Vec<String> = counted.collect();
        let overdue = self.overdue().count();
        if overdue > 0 {
            counted.push(format!("{overdue} with an older certificate to shut out"));
        }
        let other = self.devices.iter().filter(|d| d.other_key).count();
        if other > 0 {
            counted.push(format!("{other} with another kind of key than declared"));
        }
        let outlives = self.devices.iter().filter(|d| d.outlives_until).count();
        if outlives > 0 {
            counted.push(format!("{outlives} with a certificate beyond the last day"));
        }
        let devices = match counted.as_slice() {
            [] => String::from("no devices"),
            counted => format!("devices: {}", counted.join(", ")),
        };
        match &self.authority {
            Some(authority) if authority.state.needs_action() => {
                format!("{devices}; the authority: {}", authority.state.as_str())
            }
            _ => devices,
        }
    }

    /// How far a rotation is: a line for each authority that is to go, and who needs them still.
    pub(crate) fn rotation(&self) -> String {
        let mut text = String::new();
        for outgoing in &self.outgoing {
            let (name, ends) = (&outgoing.common_name, outgoing.ends());
            text += &if outgoing.is_foreign {
                format!(
                    "authority `{name}`: trusted, but no device is declared by fingerprint; `homelab rotate --finish` drops it\n"
                )
            } else {
                format!("authority `{name}`: trusted until `homelab rotate --finish`, {ends}\n")
            };
        }
        let named = |dependents: Vec<&DependentStatus>| {
            let devices: Vec<_> = dependents.iter().map(|d| &d.device).collect();
            listed(devices).to_string()
        };
        for vouching in &self.vouching {
            let (name, ends) = (&vouching.common_name, vouching.ends());
            text += &format!(
                "authority `{name}`: trusted for devices that are declared by fingerprint, {ends}\n"
            );
        }
        let (installed, issued): (Vec<_>, Vec<_>) = self
            .dependents
            .iter()
            .partition(|dependent| dependent.is_installed);
        let (moving, staying): (Vec<_>, Vec<_>) = issued
            .into_iter()
            .partition(|dependent| dependent.moving_until.is_some());
        if !installed.is_empty() {
            text += &format!(
                "declared by fingerprint, and perhaps of an authority that goes: {}\n",
                named(installed)
            );
        }
        if !staying.is_empty() {
            text += &format!("have still to be renewed: {}\n", named(staying));
        }
        if !moving.is_empty() {
            text += &format!(
                "may not have installed their new files yet: {}\n",
                named(moving)
            );
        }
        let is_moving = self.outgoing.iter().any(|outgoing| !outgoing.is_foreign);
        if is_moving && self.dependents.is_empty() {
            text += "every device has moved: `homelab rotate --finish`\n";
        }
        text
    }
}
