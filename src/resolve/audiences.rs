//! The sets of people who are let in, each held once, and not more of them than an edge can list.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Resolver;
use super::people::People;
use crate::diagnostic::mistake;
use crate::model::Name;
use crate::once::Once;
use crate::source::Span;

/// Certificates that the lists of all sets of people may have together: each stands there with its fingerprint, 65 bytes, and
/// Caddy holds and reads all of them. What many services share counts once.
pub(super) const MOST_LISTED: usize = 500_000;

/// The sets of people that services let in.
pub(super) struct Audiences<'p> {
    people: &'p People,
    known: Once<BTreeSet<Name>>,
    listed: usize,
    /// Whether there were too many already.
    full: bool,
}

impl<'p> Audiences<'p> {
    pub(super) fn new(people: &'p People) -> Audiences<'p> {
        Audiences {
            people,
            known: Once::new(),
            listed: 0,
            full: false,
        }
    }

    /// The people and groups that they are taken from.
    pub(super) fn people(&self) -> &'p People {
        self.people
    }

    fn devices(&self, members: &BTreeSet<Name>) -> usize {
        let people = &self.people.people;
        let members = members.iter().filter_map(|name| people.get(name));
        members.map(|person| person.devices.len()).sum()
    }
}

impl Resolver<'_> {
    /// The one set of these people; `span` is where they are named.
    pub(super) fn shared(
        &mut self,
        audiences: &mut Audiences<'_>,
        members: BTreeSet<Name>,
        span: Option<Span>,
    ) -> Arc<BTreeSet<Name>> {
        if let Some(known) = audiences.known.known(&members) {
            return known;
        }
        // One is enough to say that there are too many, and nothing is made of any of them.
        if audiences.full {
            return Arc::default();
        }
        audiences.listed += audiences.devices(&members);
        let listed = audiences.listed;
        if let Some(span) = span.filter(|_| listed > MOST_LISTED) {
            audiences.full = true;
            let sets = audiences.known.len() + 1;
            self.refuse(mistake!(
                "resolve::too-many-audiences",
                "the services let in too many different sets of people",
                at(
                    span,
                    "the {sets} sets up to this one list {listed} devices; {MOST_LISTED} may be listed"
                ),
                help(
                    "let services that much the same people use name one group: those that let in exactly the same people share one list"
                ),
            ));
            return Arc::default();
        }
        audiences.known.the(members)
    }
}
