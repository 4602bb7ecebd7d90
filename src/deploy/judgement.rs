//! Whether a release may be served, by what the one before it has shut out.

use std::collections::BTreeSet;

use super::error::DeployError;
use super::orders::{Remembered, Standing, Unkept};
use crate::derive::EdgeState;
use crate::model::DeviceId;
use crate::pki::Fingerprint;

/// What lets in again whom what is served keeps out.
pub(crate) struct Returning<'a> {
    pub served: Option<&'a EdgeState>,
    pub next: &'a EdgeState,
}

impl Returning<'_> {
    /// The devices with a certificate that `next` lets in and the release that is served does not.
    pub(crate) fn devices(&self) -> Vec<String> {
        let Some(served) = self.served else {
            return Vec::new();
        };
        let kept = served.devices.values();
        let kept: BTreeSet<&Fingerprint> = kept
            .flat_map(crate::derive::DeviceAccess::fingerprints)
            .collect();
        let comes_back = |fingerprint: &&Fingerprint| !kept.contains(fingerprint);
        let devices = { self.next.devices.iter() }
            .filter(|(_, access)| access.fingerprints().any(|one| comes_back(&one)));
        devices.map(|(device, _)| device.clone()).collect()
    }
}

/// What becomes of a release that nobody keeps: what was served before may be put back only if that lets in nobody whom the release shuts
/// out. A phone that was lost must not come back because something else went wrong.
pub(crate) fn unkept(standing: &Standing, release: Option<&EdgeState>) -> Unkept {
    if standing.current.is_none() {
        return Unkept::PutBack;
    }
    let served = standing.served.state.as_deref();
    let served = served.and_then(EdgeState::from_json);
    // Of what does not say whom it lets in nobody knows that it keeps out who is shut out.
    let (Some(served), Some(release)) = (served, release) else {
        return Unkept::Stays;
    };
    let returning = Returning {
        served: Some(release),
        next: &served,
    };
    if returning.devices().is_empty() {
        Unkept::PutBack
    } else {
        Unkept::Stays
    }
}

/// Fails where a former release lets in what was shut out since and nobody has named, or is of another root secret.
pub(crate) fn refuse_return(
    release: &str,
    former: &Remembered,
    served: &Remembered,
    accepted: &[DeviceId],
) -> Result<(EdgeState, EdgeState), DeployError> {
    let state = |remembered: &Remembered| {
        let state = remembered.state.as_deref();
        state.and_then(EdgeState::from_json)
    };
    let (Some(former), Some(served)) = (state(former), state(served)) else {
        let release = release.to_owned();
        return Err(DeployError::UnknownRelease { release });
    };
    if former.root_key != served.root_key {
        let release = release.to_owned();
        return Err(DeployError::OtherRoot { release });
    }
    let returning = Returning {
        served: Some(&served),
        next: &former,
    };
    let accepted: Vec<String> = accepted.iter().map(ToString::to_string).collect();
    let mut devices = returning.devices();
    devices.retain(|device| !accepted.contains(device));
    if devices.is_empty() {
        Ok((served, former))
    } else {
        let release = release.to_owned();
        Err(DeployError::LetsInAgain { release, devices })
    }
}
