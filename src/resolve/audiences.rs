//! The sets of people who are let in, each held once, and not more of them than an edge can list.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Mistake;
use super::people::People;
use crate::model::Name;
use crate::source::Span;

/// Certificates that the lists of all sets of people may have together: each stands there with its fingerprint, 65 bytes, and
/// Caddy holds and reads all of them. What many services share counts once.
pub const MOST_LISTED: usize = 500_000;

/// The sets of people that services let in.
pub struct Audiences<'p> {
    people: &'p People,
    known: BTreeSet<Arc<BTreeSet<Name>>>,
    listed: usize,
    /// Whether there were too many already.
    full: bool,
}

impl<'p> Audiences<'p> {
    /// Those of these people; none yet.
    pub fn new(people: &'p People) -> Audiences<'p> {
        Audiences {
            people,
            known: BTreeSet::new(),
            listed: 0,
            full: false,
        }
    }

    /// The people and groups that they are taken from.
    pub fn people(&self) -> &'p People {
        self.people
    }

    /// The one set of these people; `span` is where they are named.
    pub fn shared(
        &mut self,
        members: BTreeSet<Name>,
        span: Option<Span>,
        mistakes: &mut Vec<Mistake>,
    ) -> Arc<BTreeSet<Name>> {
        if let Some(known) = self.known.get(&members) {
            return Arc::clone(known);
        }
        // One is enough to say that there are too many, and nothing is made of any of them.
        if self.full {
            return Arc::default();
        }
        let devices = members
            .iter()
            .filter_map(|name| self.people.people.get(name));
        self.listed += devices.map(|person| person.devices.len()).sum::<usize>();
        if let Some(span) = span.filter(|_| self.listed > MOST_LISTED) {
            self.full = true;
            mistakes.push(Mistake::TooManyAudiences {
                sets: self.known.len() + 1,
                listed: self.listed,
                most: MOST_LISTED,
                span,
            });
            return Arc::default();
        }
        let members = Arc::new(members);
        self.known.insert(Arc::clone(&members));
        members
    }
}
