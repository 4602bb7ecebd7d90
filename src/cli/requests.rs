//! The files that devices ask with which make their own keys.

use super::failure::Failure;
use super::workspace::Workspace;
use crate::build::{RequestFile, Requested};
use crate::model::{Enrolment, Homelab};

/// Bytes of a request, at the most.
const LIMIT: u64 = 64 << 10;

/// Reads every request that is declared.
pub(super) fn read(workspace: &Workspace, homelab: &Homelab) -> Result<Requested, Failure> {
    let mut files = Vec::new();
    for (_, device) in homelab.devices() {
        if let Enrolment::Request(path) = &device.enrolment {
            let path = workspace.path(path.as_str());
            files.push(RequestFile {
                device: device.id.clone(),
                bytes: workspace.read(&path, LIMIT)?,
                path,
            });
        }
    }
    Requested::of(files).map_err(Failure::from)
}
