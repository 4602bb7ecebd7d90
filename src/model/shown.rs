//! What the landing page links of a service, for whoever comes with a certificate.

use std::collections::BTreeSet;

use super::Service;
use super::access::{Admission, PathPolicy};
use super::name::{DeviceId, Name};
use super::path::PathPattern;

/// A link to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shown<'s> {
    /// To one of its paths; none where it is to all of it.
    pub path: Option<&'s PathPattern>,
    /// Whether it can be used at home only.
    pub at_home: bool,
}

impl Service {
    /// The links for a device: to the service; to paths of it that the device's certificate opens, where that does not open the service.
    pub(crate) fn shown_to(&self, device: &DeviceId) -> Vec<Shown<'_>> {
        let whole = |at_home| Shown {
            path: None,
            at_home,
        };
        let whole = match self.or_by_sign_in(self.access.admits_device(device)) {
            Admission::Nowhere => None,
            Admission::LanOnly => Some(whole(true)),
            Admission::Everyone
            | Admission::BySignIn
            | Admission::WithCertificate { .. }
            | Admission::InNetwork { .. } => return vec![whole(false)],
        };
        let paths = self.paths.iter();
        let paths = paths.filter(|path| self.opens(path, device));
        let paths = paths.map(|path| Shown {
            path: Some(&path.path),
            at_home: false,
        });
        whole.into_iter().chain(paths).collect()
    }

    /// Whether a certificate opens a path that can be linked; one below others is under the policies of those, too.
    fn opens(&self, path: &PathPolicy, device: &DeviceId) -> bool {
        let names = |policy: &PathPolicy| {
            let mut grants = policy.grants.iter();
            grants.any(|grant| grant.names_device(device))
        };
        let mut around = self
            .paths
            .iter()
            .filter(|other| path.path.is_in(&other.path));
        path.path.is_exact_or_below() && names(path) && around.all(names)
    }

    /// Whose devices are named one by one: only of theirs is one shown other links than another.
    pub(crate) fn people_by_device(&self) -> BTreeSet<&Name> {
        let devices = self.grants().flat_map(|grant| &grant.devices);
        devices.map(|device| &device.person).collect()
    }
}
