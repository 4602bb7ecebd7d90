//! What an edge that was built before says of itself, in `edge/exposure.json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::derive::DeviceAccess;
use crate::lock::Remembered;
use crate::memory::Memory;
use crate::model::DeviceId;
use crate::pki::Fingerprint;
use crate::root::RootKey;

/// The key that earlier locks were signed with, as an edge says that lies there, and this machine remembers. What it remembers is the
/// last word.
pub(crate) fn known_key(edge_state: Option<&[u8]>, memory: &Memory) -> Option<RootKey> {
    let said = || edge_state.and_then(Said::of)?.root_key;
    memory.root_key.or_else(said)
}

/// What an edge says of itself, as far as it is wanted.
#[derive(Default)]
pub(super) struct Said {
    pub root_key: Option<RootKey>,
    pub shut_out: BTreeSet<Fingerprint>,
    devices: BTreeMap<String, DeviceAccess>,
    pub remembered: Remembered,
}

impl Said {
    /// The parts are read apart: what is wrong with one takes nothing from the others.
    pub(super) fn of(json: &[u8]) -> Option<Said> {
        let parts: BTreeMap<String, &RawValue> = serde_json::from_slice(json).ok()?;
        fn part<'j, T: Deserialize<'j> + Default>(
            parts: &BTreeMap<String, &'j RawValue>,
            name: &str,
        ) -> T {
            let raw = parts.get(name);
            raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
                .unwrap_or_default()
        }
        let root_key: Option<String> = part(&parts, "root_key");
        Some(Said {
            root_key: root_key.and_then(|key| key.parse().ok()),
            shut_out: part(&parts, "shut_out"),
            devices: part(&parts, "devices"),
            remembered: part(&parts, "remembered"),
        })
    }

    /// What it has let in by fingerprint.
    pub(super) fn installed(&self) -> impl Iterator<Item = (DeviceId, Fingerprint)> {
        let installed = self.devices.iter().filter(|(_, let_in)| let_in.installed);
        installed.filter_map(|(device, let_in)| {
            let fingerprint = let_in.fingerprint?;
            // A record of that one nobody would read again.
            let is_one = !fingerprint.is_of_nothing();
            Some((device.parse().ok()?, fingerprint)).filter(|_| is_one)
        })
    }
}
