//! When a rotation may begin, and when it may end.

use miette::Diagnostic;
use thiserror::Error;

use super::operation::Rotation;
use super::stop::Stop;
use crate::dates;
use crate::diagnostic::Fault;
use crate::lock::{AuthorityState, Dependent, Lock, Origin};
use crate::model::Homelab;

#[derive(Debug, Error, Diagnostic)]
enum RotationError {
    #[error("devices still depend on what would not be trusted any more: {}", devices.join(", "))]
    #[diagnostic(
        code("rotate::depended-on"),
        help(
            "give them new certificates with `homelab renew`, and where those are known to be installed run `homelab renew --finish PERSON/DEVICE`; or lock them out with `--force`"
        )
    )]
    DependedOn { devices: Vec<String> },

    #[error("a rotation of the authority is under way")]
    #[diagnostic(
        code("rotate::under-way"),
        help("finish it first: `homelab rotate --finish`")
    )]
    UnderWay,
}

impl<S> Rotation<S> {
    /// Whether such a rotation is under way already, so that nothing is left but to build.
    ///
    /// # Errors
    /// Where one of the authority is under way, and this is to be of the root secret.
    pub(crate) fn is_under_way(&self, lock: &Lock) -> Result<bool, Stop> {
        let mut states = lock.authorities.iter().map(|authority| authority.state);
        let is_under_way = states.any(|state| state == AuthorityState::Superseded);
        let is_of_root = matches!(self, Rotation::Root(_));
        if is_under_way && is_of_root && lock.roots().len() == 1 {
            return Err(Stop::new(Fault::Usage, RotationError::UnderWay));
        }
        Ok(is_under_way)
    }
}

/// Fails where a device would be shut out by the end of a rotation.
pub(crate) fn refuse_depended_on(lock: &Lock, homelab: &Homelab) -> Result<(), Stop> {
    let dependents = lock.dependents(homelab);
    if dependents.is_empty() {
        return Ok(());
    }
    let devices = dependents.iter().map(depends).collect();
    Err(Stop::difference(RotationError::DependedOn { devices }))
}

fn depends(dependent: &Dependent) -> String {
    if dependent.is_installed {
        return format!(
            "{} (declared by fingerprint: delete it, or declare a device that is issued one in its place)",
            dependent.device
        );
    }
    match dependent.moving_until {
        Some(until) => format!(
            "{} (its older certificate works until {})",
            dependent.device,
            dates::moment(until)
        ),
        None => format!("{} (not renewed yet)", dependent.device),
    }
}

/// Why no authority goes: none was replaced, and those that were only trusted are needed still.
pub(crate) fn nothing_to_finish(lock: &Lock, homelab: &Homelab) -> String {
    let mut foreign = lock.trusted().filter(|a| a.origin == Origin::Foreign);
    let Some(authority) = foreign.next() else {
        return String::from("no rotation is under way");
    };
    let devices: Vec<String> = { homelab.installed() }
        .map(|(id, _)| id.to_string())
        .collect();
    format!(
        "no rotation is under way; `{}` stays trusted for devices that are declared by fingerprint: {}",
        authority.common_name(),
        devices.join(", ")
    )
}
