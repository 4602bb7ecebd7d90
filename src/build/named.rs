//! A device that a command names, held against the declaration.

use miette::Diagnostic;
use thiserror::Error;

use super::stop::Stop;
use crate::diagnostic::{Fault, did_you_mean};
use crate::model::{DeviceId, Homelab};

#[derive(Debug, Error, Diagnostic)]
enum DeviceError {
    #[error("no device `{device}` is declared")]
    #[diagnostic(code("device::unknown"))]
    Unknown {
        device: DeviceId,
        #[help]
        help: String,
    },

    #[error("the certificate of `{device}` was not issued here")]
    #[diagnostic(code("device::installed"), help("{help}"))]
    Installed {
        device: DeviceId,
        help: &'static str,
    },
}

/// What is to be done with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is to get another certificate.
    Renew,
    /// It is to be shut out.
    Revoke,
    /// Its files are to be handed over.
    Share,
}

impl Purpose {
    /// What is done in its place with a device that is declared by fingerprint.
    fn instead(self) -> &'static str {
        match self {
            Purpose::Renew => {
                "take `fingerprint` out of homelab.kdl and build, which issues another"
            }
            Purpose::Revoke => "delete the device from homelab.kdl and build, which shuts it out",
            Purpose::Share => {
                "nothing is made for a device that is declared by `fingerprint`, so there is nothing to share"
            }
        }
    }
}

/// A device that nobody declared, or that nothing is issued to, is a mistake of the command line.
pub(crate) fn is_enrolled(homelab: &Homelab, device: &DeviceId, to: Purpose) -> Result<(), Stop> {
    let error = match homelab.device(device) {
        Some(known) if known.installed().is_none() => return Ok(()),
        Some(_) => DeviceError::Installed {
            device: device.clone(),
            help: to.instead(),
        },
        None => DeviceError::Unknown {
            device: device.clone(),
            help: known_for(homelab, device),
        },
    };
    Err(Stop::new(Fault::Usage, error))
}

/// What was probably meant: one that is called nearly so, or one of those that the person has.
fn known_for(homelab: &Homelab, device: &DeviceId) -> String {
    let all = homelab.enrolled().map(|(_, known)| &known.id);
    let (own, others): (Vec<&DeviceId>, Vec<&DeviceId>) =
        all.partition(|known| known.person == device.person);
    let known: Vec<String> = if own.is_empty() {
        others.iter().map(ToString::to_string).collect()
    } else {
        own.iter().map(ToString::to_string).collect()
    };
    did_you_mean(&device.to_string(), known.iter().map(String::as_str))
}
