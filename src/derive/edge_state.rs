//! What an edge exposes and which certificates it lets in, as the next build will want to know it.
//!
//! It stands in the tree as `edge/exposure.json`, so that what a change means for people can be told
//! from the tree and the inputs alone, without a memory elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::exposure::VERSION;
use super::{Exposure, lines};
use crate::lock::{Authority, Lock, Remembered, State};
use crate::model::{DeviceId, EdgePart, Visitors};
use crate::pki::Fingerprint;

/// What an edge exposes, and which certificates it lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EdgeState {
    #[serde(flatten)]
    pub exposure: Arc<Exposure>,
    /// The key that the lock was signed with; none where nobody had signed it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_key: Option<String>,
    /// The authorities that it trusts, the one that signs first.
    pub authorities: Vec<Trusted>,
    /// The certificates of each declared device that are let in, wherever its person is.
    pub devices: BTreeMap<String, DeviceAccess>,
    /// The certificates of devices that no service of this edge lets in, where there are others: they are not shut out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub elsewhere: BTreeSet<Fingerprint>,
    /// The devices with a certificate that was let in once.
    pub retired: BTreeSet<String>,
    /// The certificates that the lock shuts out: whoever is given an older
    /// lock knows by them.
    #[serde(default)]
    pub shut_out: BTreeSet<Fingerprint>,
    /// What a later lock may not take back. All of it stands in the lock, and what that has forgotten is refused before
    /// this is written, so it needs no memory of what stood here before.
    #[serde(default)]
    pub remembered: Remembered,
}

/// An authority that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trusted {
    /// Its common name.
    pub name: String,
    pub fingerprint: Fingerprint,
}

/// The certificates of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceAccess {
    /// The one that its file holds; none where it has only older ones.
    pub fingerprint: Option<Fingerprint>,
    /// Those that are let in beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<Older>,
    /// Whether it was on the device already, and no file holds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub installed: bool,
}

/// A certificate that is let in beside a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Older {
    pub fingerprint: Fingerprint,
    /// Until when.
    pub until: Timestamp,
}

impl EdgeState {
    /// What is published by an edge that exposes this, with this lock.
    pub(crate) fn of(
        exposure: Arc<Exposure>,
        (part, visitors): (EdgePart<'_>, &Visitors<'_>),
        lock: &Lock,
    ) -> EdgeState {
        let homelab = part.homelab;
        // The lock may not have learnt yet of who is gone.
        let known = homelab.enrolled().map(|(_, device)| &device.id);
        let known: BTreeSet<&DeviceId> = known.collect();
        let is_declared = |device: &DeviceId| known.contains(device);
        let mut devices = DeviceAccess::all(lock);
        let names: BTreeSet<String> = known.iter().map(ToString::to_string).collect();
        devices.retain(|device, let_in| !let_in.installed && names.contains(device));
        // Where no authority vouches for them, their being declared lets them in nowhere.
        let vouched = homelab.installed().filter(|_| lock.vouches_for_installed());
        devices.extend(vouched.map(|(device, fingerprint)| {
            (device.to_string(), DeviceAccess::installed(*fingerprint))
        }));
        let mut elsewhere = BTreeSet::new();
        for (_, device) in homelab
            .devices()
            .filter(|(_, device)| !visitors.has(&device.id))
        {
            let access = devices.remove(&device.id.to_string());
            elsewhere.extend({ access.iter() }.flat_map(DeviceAccess::fingerprints));
        }
        let removed = lock.removed(homelab);
        let out = lock.certificates.iter();
        let out = out.filter(|c| c.revoked().is_some() || !is_declared(&c.device));
        // Who is gone from the declaration alone may come back by it.
        let retired = lock.certificates.iter().filter(|c| c.revoked().is_some());
        let shut_out = retired.map(|issued| issued.fingerprint);
        EdgeState {
            exposure,
            root_key: lock.key.map(|key| key.to_string()),
            authorities: lock.trusted().map(Trusted::new).collect(),
            devices,
            elsewhere,
            remembered: Remembered::of(lock),
            shut_out: shut_out
                .chain(removed.iter().map(|known| known.fingerprint))
                .collect(),
            retired: { out.map(|issued| &issued.device) }
                .chain(removed.iter().map(|known| &known.device))
                .filter(|device| visitors.may_have_had(device, homelab))
                .map(ToString::to_string)
                .collect(),
        }
    }

    /// As it is written: a line for each service, person, audience and device.
    pub(crate) fn to_json(&self) -> String {
        lines::to_json(self).expect("it is plain data with text for keys")
    }

    /// Reads what [`to_json`](EdgeState::to_json) has written; none where it is something else.
    pub(crate) fn from_json(bytes: &[u8]) -> Option<EdgeState> {
        let published: EdgeState = serde_json::from_slice(bytes).ok()?;
        (published.exposure.version == VERSION).then_some(published)
    }
}

impl Trusted {
    fn new(authority: &Authority) -> Trusted {
        Trusted {
            name: authority.common_name(),
            fingerprint: authority.certificate.fingerprint(),
        }
    }
}

impl DeviceAccess {
    /// The certificates that the lock lets in, of each device, and those that it has recorded as declared by fingerprint.
    pub(crate) fn all(lock: &Lock) -> BTreeMap<String, DeviceAccess> {
        let admitted = lock.admitted().into_iter();
        let of = |(device, certificates): (&DeviceId, Vec<&crate::lock::Issued>)| {
            let mut let_in = DeviceAccess::default();
            for issued in certificates {
                let fingerprint = issued.fingerprint;
                match issued.state {
                    State::Superseded { until } => let_in.older.push(Older { fingerprint, until }),
                    _ => let_in.fingerprint = Some(fingerprint),
                }
            }
            (device.to_string(), let_in)
        };
        let installed = { lock.installed.iter() }.filter(|known| known.removed.is_none());
        let installed = installed.map(|known| {
            let fingerprint = known.fingerprint;
            (
                known.device.to_string(),
                DeviceAccess::installed(fingerprint),
            )
        });
        installed.chain(admitted.map(of)).collect()
    }

    fn installed(fingerprint: Fingerprint) -> DeviceAccess {
        DeviceAccess {
            fingerprint: Some(fingerprint),
            older: Vec::new(),
            installed: true,
        }
    }

    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint> {
        let older = self.older.iter().map(|older| &older.fingerprint);
        older.chain(&self.fingerprint)
    }

    /// Whether there is one.
    pub(crate) fn lets_in(&self) -> bool {
        self.fingerprint.is_some() || !self.older.is_empty()
    }

    /// Whether one of the certificates is this one.
    pub(crate) fn has(&self, fingerprint: &Fingerprint) -> bool {
        self.fingerprints().any(|known| known == fingerprint)
    }
}
