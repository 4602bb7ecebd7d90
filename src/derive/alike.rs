//! Which people services let in alike, so that what follows from it is worked out once for all of them: many people with many
//! services would be as many pairs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Homelab, Name};

/// What decides which services let in a person. Two people of whom it is the same are let in by the same ones, in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// Among the sets of people that services let in, by their numbers, those that the person is in.
    sets: Vec<usize>,
    /// Who is named by single devices is like nobody else.
    alone: Option<Name>,
}

/// The kind of each person.
pub(super) struct Kinds<'h>(BTreeMap<&'h Name, Kind>);

impl<'h> Kinds<'h> {
    pub(super) fn of(homelab: &'h Homelab) -> Kinds<'h> {
        let nobody = |name| {
            let sets = Vec::new();
            (name, Kind { sets, alone: None })
        };
        let mut kinds: BTreeMap<&Name, Kind> = homelab.people.keys().map(nobody).collect();
        let grants = || {
            homelab
                .services
                .values()
                .flat_map(|service| service.grants())
        };
        // Services that let in the same people have one set.
        let sets: BTreeMap<_, _> = grants()
            .map(|grant| (Arc::as_ptr(&grant.people), &grant.people))
            .collect();
        for (number, members) in sets.values().enumerate() {
            for member in members.iter() {
                if let Some(kind) = kinds.get_mut(member) {
                    kind.sets.push(number);
                }
            }
        }
        for device in grants().flat_map(|grant| &grant.devices) {
            if let Some(kind) = kinds.get_mut(&device.person) {
                kind.alone = Some(device.person.clone());
            }
        }
        Kinds(kinds)
    }

    pub(super) fn kind(&self, person: &Name) -> &Kind {
        self.0.get(person).expect("every person has one")
    }
}
