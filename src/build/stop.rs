//! Why a build is refused.

use miette::{Diagnostic, Report};
use thiserror::Error;

use super::notes::names;
use crate::diagnostic::{Failure, Fault};
use crate::issue::CredentialError;
use crate::lock::Reconciliation;
use crate::model::DeviceId;
use crate::render::RenderError;

/// Something that a build is refused for.
#[derive(Debug)]
pub(crate) struct Stop {
    pub fault: Fault,
    /// With its code, and with what to do.
    pub report: Report,
}

impl Stop {
    pub(crate) fn new(fault: Fault, error: impl Diagnostic + Send + Sync + 'static) -> Stop {
        Stop {
            fault,
            report: Report::new(error),
        }
    }

    pub(crate) fn environment(error: impl Diagnostic + Send + Sync + 'static) -> Stop {
        Stop::new(Fault::Environment, error)
    }

    pub(crate) fn difference(error: impl Diagnostic + Send + Sync + 'static) -> Stop {
        Stop::new(Fault::Difference, error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        Failure {
            fault: stop.fault,
            reports: vec![stop.report],
        }
    }
}

/// The first one decides how a command ends; there is one at least.
impl From<Vec<Stop>> for Failure {
    fn from(stops: Vec<Stop>) -> Failure {
        Failure {
            fault: stops.first().map_or(Fault::Environment, |stop| stop.fault),
            reports: stops.into_iter().map(|stop| stop.report).collect(),
        }
    }
}

impl From<CredentialError> for Stop {
    fn from(error: CredentialError) -> Stop {
        Stop::environment(error)
    }
}

impl From<RenderError> for Stop {
    fn from(error: RenderError) -> Stop {
        let fault = match error {
            RenderError::Template(_) => Fault::Declaration,
            _ => Fault::Environment,
        };
        Stop::new(fault, error)
    }
}

#[derive(Debug, Error, Diagnostic)]
pub(super) enum LockStop {
    #[error("homelab.lock would change: {}", changes.join(", "))]
    #[diagnostic(
        code("lock::would-change"),
        help("run `homelab build` where the root secret is, and commit homelab.lock")
    )]
    WouldChange { changes: Vec<String> },

    #[error("{count} of {of} devices would be shut out: {devices}")]
    #[diagnostic(
        code("lock::retires-many"),
        help(
            "if that is meant, `homelab build --allow-retire {count}`; otherwise bring them back into homelab.kdl"
        )
    )]
    RevokesMany {
        count: usize,
        of: usize,
        devices: String,
    },

    #[error("`{device}` has the fingerprint of a certificate that was issued to `{issued_to}`")]
    #[diagnostic(
        code("lock::issued-here"),
        help(
            "remove `fingerprint`: it is for certificates of an authority that was adopted. One that was taken out does not come in again; a new one does"
        )
    )]
    IssuedHere {
        device: DeviceId,
        issued_to: DeviceId,
    },

    #[error("nothing has been issued yet")]
    #[diagnostic(
        code("lock::nothing-issued"),
        help("run `homelab build` where the root secret is, and commit homelab.lock")
    )]
    NothingIssued,
}

/// The stop of a command that needs a homelab in which something has been issued.
pub(crate) fn nothing_issued() -> Stop {
    Stop::difference(LockStop::NothingIssued)
}

/// A declaration that has lost many devices is probably a bad merge, or a file that was cut.
pub(super) fn revokes_many(
    reconciliation: &Reconciliation,
    allowed: Option<usize>,
) -> Option<Stop> {
    let devices = &reconciliation.shut_out;
    let is_meant = allowed.is_some_and(|most| devices.len() <= most);
    if is_meant || !reconciliation.shuts_out_many() {
        return None;
    }
    Some(Stop::difference(LockStop::RevokesMany {
        count: devices.len(),
        of: reconciliation.let_in,
        devices: names(devices).to_string(),
    }))
}

/// The lock may not change, and would: to these.
pub(super) fn would_change(changes: Vec<String>) -> Stop {
    Stop::difference(LockStop::WouldChange { changes })
}
