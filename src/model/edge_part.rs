//! One edge with what stands behind it, and whose certificates may open something there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{DeviceId, Edge, Homelab, Name, Service};

/// An edge of a homelab, with the services that stand behind it.
#[derive(Debug, Clone, Copy)]
pub struct EdgePart<'h> {
    pub homelab: &'h Homelab,
    pub settings: &'h Arc<Edge>,
}

impl<'h> EdgePart<'h> {
    /// The services behind it, sorted by name.
    pub fn services(self) -> impl Iterator<Item = &'h Service> + Clone {
        let services = self.homelab.services.values();
        services.filter(move |service| Arc::ptr_eq(&service.edge, self.settings))
    }

    /// The directory of its files in the output tree: `edge`, or `edges/home` where there are several.
    pub fn directory(self) -> String {
        match self.name() {
            Some(name) => format!("edges/{name}"),
            None => String::from("edge"),
        }
    }

    /// What it is called, where there are others.
    pub fn name(self) -> Option<&'h Name> {
        let name = self.settings.name.as_ref();
        name.filter(|_| self.homelab.has_several_edges())
    }

    /// Whose certificates may open something there.
    pub fn visitors(self) -> Visitors<'h> {
        // The landing page has something for each.
        if !self.homelab.has_several_edges() || self.settings.landing {
            return Visitors::Everybody;
        }
        let grants = || self.services().flat_map(Service::grants);
        Visitors::Some {
            people: grants().flat_map(|grant| &*grant.people).collect(),
            devices: grants().flat_map(|grant| &grant.devices).collect(),
        }
    }
}

/// Whose certificates may open something at an edge.
#[derive(Debug)]
pub enum Visitors<'h> {
    Everybody,
    Some {
        /// Those with all of their devices.
        people: BTreeSet<&'h Name>,
        devices: BTreeSet<&'h DeviceId>,
    },
}

impl Visitors<'_> {
    pub fn has(&self, device: &DeviceId) -> bool {
        match self {
            Visitors::Everybody => true,
            Visitors::Some { people, devices } => {
                people.contains(&device.person) || devices.contains(device)
            }
        }
    }

    /// Whether a device may have been one of them: of one that is not declared any more nobody knows.
    pub fn may_have_had(&self, device: &DeviceId, homelab: &Homelab) -> bool {
        homelab.device(device).is_none() || self.has(device)
    }
}
