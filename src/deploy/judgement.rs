//! Whether a release may be served, by what the one before it has shut out.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::PathBuf;

use jiff::Timestamp;

use super::error::DeployError;
use super::orders::{Remembered, Standing, Unkept};
use crate::build::{Accepted, FoundList, History, Remains, Stop, hold_against_history};
use crate::derive::{DeviceAccess, EdgeState};
use crate::lock::Lock;
use crate::memory::Memory;
use crate::model::{Deploy, DeviceId, Homelab};
use crate::root::RootKey;

/// What is declared, and what somebody has said of it.
pub(crate) struct Declared<'a> {
    pub homelab: &'a Homelab,
    pub lock: &'a Lock,
    /// The key that the lock has to be signed with.
    pub pinned: Option<RootKey>,
    pub accepted: Accepted<'a>,
    pub now: Timestamp,
}

impl Declared<'_> {
    /// The host remembers: a lock that is older than what it serves is refused, and one of another root secret. What there is to know
    /// besides.
    pub(crate) fn hold_against(
        &self,
        place: &Deploy,
        standing: &Standing,
    ) -> Result<Vec<String>, Vec<Stop>> {
        let edge = PathBuf::from(format!("{}/current", place.named()));
        let served = &standing.served;
        let lists = served.lists.iter().map(|bytes| FoundList {
            path: edge.join("ca.crl"),
            bytes: bytes.clone(),
        });
        let remains = Remains {
            edge: edge.clone(),
            edge_state: served.state.clone(),
            lists: lists.collect(),
        };
        let beside = |_: &_| Ok(served.authorities.clone().unwrap_or_default());
        let history =
            History::of::<Infallible>(&[remains], &[], &Memory::default(), self.lock, beside);
        let Ok(mut history) = history;
        history.remedy = "homelab deploy";
        hold_against_history(self.lock, history.root_key, self.pinned, &edge)
            .map_err(|stop| vec![stop])?;
        let stops = history.stops(self.homelab, self.lock, self.lock, self.accepted, self.now);
        if stops.is_empty() {
            Ok(history.notes())
        } else {
            Err(stops)
        }
    }
}

/// What becomes of a release that nobody keeps: what was served before may be put back only if that lets in nobody whom the release shuts
/// out. A phone that was lost must not come back because something else went wrong.
pub(crate) fn unkept(standing: &Standing, release: Option<&EdgeState>) -> Unkept {
    if standing.current.is_none() {
        return Unkept::PutBack;
    }
    // Of what does not say whom it lets in nobody knows that it keeps out who is shut out.
    match (standing.served.edge_state(), release) {
        (Some(served), Some(release)) if returning(release, &served).is_empty() => Unkept::PutBack,
        _ => Unkept::Stays,
    }
}

/// Fails where a former release lets in what was shut out since and nobody has named, or is of another root secret. Gives what is served, and
/// that one.
pub(crate) fn refuse_return(
    release: &str,
    former: &Remembered,
    served: &Remembered,
    accepted: &[DeviceId],
) -> Result<(EdgeState, EdgeState), DeployError> {
    let release = release.to_owned();
    let (Some(former), Some(served)) = (former.edge_state(), served.edge_state()) else {
        return Err(DeployError::UnknownRelease { release });
    };
    if former.root_key != served.root_key {
        return Err(DeployError::OtherRoot { release });
    }
    let accepted: Vec<String> = accepted.iter().map(ToString::to_string).collect();
    let mut devices = returning(&served, &former);
    devices.retain(|device| !accepted.contains(device));
    if devices.is_empty() {
        Ok((served, former))
    } else {
        Err(DeployError::LetsInAgain { release, devices })
    }
}

/// The devices with a certificate that `next` lets in and `served` does not.
fn returning(served: &EdgeState, next: &EdgeState) -> Vec<String> {
    let kept = served.devices.values().flat_map(DeviceAccess::fingerprints);
    let kept: BTreeSet<_> = kept.chain(&served.elsewhere).collect();
    let comes_back = |access: &DeviceAccess| access.fingerprints().any(|one| !kept.contains(one));
    let devices = next.devices.iter().filter(|(_, access)| comes_back(access));
    devices.map(|(device, _)| device.clone()).collect()
}
