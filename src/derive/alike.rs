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
        // Services that let in the same people have one set. Whether two are one is all that their places in memory are asked.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::source::Source;

    const TEXT: &str = r#"
domain "home.example.com"
edge { email "admin@example.com"; certificates "internal"; }
person "alice" { device "phone" platform="ios"; }
person "bob" { device "phone" platform="ios"; device "laptop" platform="linux"; }
person "carol" { device "phone" platform="ios"; device "laptop" platform="linux"; }
person "dora" { device "phone" platform="ios"; }
person "emil" { device "phone" platform="ios"; }
group "family" "alice" "bob" "carol" "dora"
service "a" { upstream "http://127.0.0.1:9001"; allow "family"; }
service "b" { upstream "http://127.0.0.1:9002"; allow "alice" "dora"; }
service "c" { upstream "http://127.0.0.1:9003"; allow "bob/laptop"; }
service "d" { upstream "http://127.0.0.1:9004"; allow "family"; path "/x/*" { allow "emil"; }; }
"#;

    #[test]
    fn who_is_of_one_kind_is_let_in_by_the_same_services() {
        let homelab = crate::compile(&Source::new("homelab.kdl", TEXT)).expect("it is right");
        let kinds = Kinds::of(&homelab);
        let let_in = |person: &Name| {
            let services = homelab.services.values();
            let ways =
                services.map(|service| (service.admits(person), service.is_opened_by(person)));
            ways.collect::<Vec<_>>()
        };
        let people = || homelab.people.keys();
        for (one, other) in people().flat_map(|one| people().map(move |other| (one, other))) {
            if kinds.kind(one) == kinds.kind(other) {
                assert_eq!(let_in(one), let_in(other), "{one} {other}");
            }
        }
        // Alice and Dora are alike, Bob is named by a device, and Emil is let in below a path.
        let different: BTreeSet<&Kind> = people().map(|person| kinds.kind(person)).collect();
        assert_eq!(different.len(), 4);
    }
}
