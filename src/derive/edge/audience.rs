//! Who is let in together: each set of people once, however many services let them in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::classes::Classes;
use super::people::Person;
use crate::lock::Admitted;
use crate::model::{CaddyVersion, Homelab, Name, Visitors};

/// Certificates that a site lists itself, even where others list the same. A home of ten devices has twenty while each of them
/// is being renewed, and is read best where each site says who gets in. That is a line of 1.3 KB; what is longer nobody reads.
pub(super) const SHORT: usize = 20;

/// A set of people who are let in by certificate.
#[derive(Debug, Serialize)]
pub(crate) struct Audience {
    /// The first service that lets in exactly these, with a number behind a dot where that has let in others already: no other set can
    /// have its name.
    pub name: String,
    /// Who, by their places among all people, sorted.
    pub people: Arc<[usize]>,
    /// How many certificates they have.
    pub certificates: usize,
    pub listed: Listed,
    /// Whether what upstreams are told of each of its people stands beside the list. Where each site has its list, so does each
    /// person's handler.
    pub told: bool,
    /// The classes that it is made of, by their numbers, where it is listed by these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<usize>,
}

/// Where the certificates of an audience are listed, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Listed {
    /// In each site.
    InSites,
    /// Once, in an expression: Caddy makes a set of the list, and finds a certificate in it as fast among a thousand as among ten.
    AsSet,
    /// Once, as values that Caddy compares one by one. It loads them in half the time, which counts where Caddy has no named
    /// routes: there, each site that goes by the list loads all of it again.
    AsValues,
    /// Once for all audiences together: a certificate stands in a table with its class, and an audience is a few classes.
    AsClasses,
}

impl Listed {
    /// The form for this many certificates, for which so many sites ask that Caddy.
    fn of(certificates: usize, sites: usize, caddy: CaddyVersion) -> Listed {
        if certificates <= SHORT {
            Listed::InSites
        } else if sites > 1 && caddy < CaddyVersion::NAMED_ROUTES {
            Listed::AsValues
        } else {
            Listed::AsSet
        }
    }

    /// Whether sites refer to the list.
    pub(super) fn is_apart(self) -> bool {
        self != Listed::InSites
    }
}

/// What upstreams are told of who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Who,
}

impl Told {
    /// What those are told that ask to be told, or do not.
    pub(super) fn by(identity: bool) -> Told {
        if identity { Told::Who } else { Told::Nothing }
    }
}

/// The sets as they are said.
pub(crate) struct Finished {
    pub people: Vec<Person>,
    pub audiences: Vec<Audience>,
    pub classes: Option<Classes>,
}

/// How many sites go by a set, while they are gathered.
#[derive(Default)]
struct Uses {
    sites: usize,
    with_identity: usize,
}

/// The sets of people, and everybody who is in one.
pub(crate) struct Audiences<'h> {
    people: Vec<Person>,
    places: BTreeMap<&'h Name, usize>,
    by_people: BTreeMap<Arc<[usize]>, usize>,
    by_names: BTreeMap<&'h BTreeSet<Name>, Option<usize>>,
    names: BTreeSet<String>,
    all: Vec<(Audience, Uses)>,
}

impl<'h> Audiences<'h> {
    /// Those of everybody who has a certificate; no set yet.
    pub(crate) fn new(
        homelab: &'h Homelab,
        admitted: &Admitted<'_>,
        visitors: &Visitors<'_>,
    ) -> Audiences<'h> {
        let mut people = Vec::new();
        let mut places = BTreeMap::new();
        for (name, who) in &homelab.people {
            if let Some(person) = Person::new(who, admitted, visitors) {
                places.insert(name, people.len());
                people.push(person);
            }
        }
        Audiences {
            people,
            places,
            by_people: BTreeMap::new(),
            by_names: BTreeMap::new(),
            names: BTreeSet::new(),
            all: Vec::new(),
        }
    }

    /// The place of somebody; none where they have no certificate.
    pub(crate) fn place(&self, name: &Name) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Somebody at their place.
    pub(crate) fn person(&self, place: usize) -> &Person {
        &self.people[place]
    }

    /// The place of a set that a service lets in; none where nobody in it has a certificate. Services come in the order of
    /// their names.
    pub(crate) fn of(
        &mut self,
        service: &Name,
        names: &'h BTreeSet<Name>,
        told: Told,
    ) -> Option<usize> {
        let place = match self.by_names.get(names) {
            Some(known) => *known,
            None => {
                let place = self.gathered(service, names);
                self.by_names.insert(names, place);
                place
            }
        }?;
        self.used(place, told);
        Some(place)
    }

    /// The place of the set of everybody who is in one of these, or among those that are named here.
    pub(crate) fn of_all(
        &mut self,
        service: &Name,
        names: &BTreeSet<Name>,
        told: Told,
    ) -> Option<usize> {
        let place = self.gathered(service, names)?;
        self.used(place, told);
        Some(place)
    }

    fn used(&mut self, place: usize, told: Told) {
        let uses = &mut self.all[place].1;
        uses.sites += 1;
        uses.with_identity += usize::from(told == Told::Who);
    }

    /// A name that no other set has.
    fn free_name(&mut self, service: &Name) -> String {
        let numbered = (2..).map(|number| format!("{service}.{number}"));
        let mut names = std::iter::once(service.to_string()).chain(numbered);
        let name = names.find(|name| !self.names.contains(name));
        let name = name.expect("there are more numbers than sets");
        self.names.insert(name.clone());
        name
    }

    fn gathered(&mut self, service: &Name, names: &BTreeSet<Name>) -> Option<usize> {
        let people: Arc<[usize]> = names.iter().filter_map(|name| self.place(name)).collect();
        if people.is_empty() {
            return None;
        }
        if let Some(known) = self.by_people.get(&people) {
            return Some(*known);
        }
        let devices = people.iter().map(|place| self.people[*place].devices.len());
        let certificates = devices.sum();
        let audience = Audience {
            name: self.free_name(service),
            certificates,
            people: Arc::clone(&people),
            listed: Listed::InSites,
            told: false,
            classes: Vec::new(),
        };
        self.by_people.insert(people, self.all.len());
        self.all.push((audience, Uses::default()));
        Some(self.all.len() - 1)
    }

    /// Everybody, and the sets, now that it is known how many sites ask this Caddy for each.
    pub(crate) fn finish(mut self, caddy: CaddyVersion) -> Finished {
        let finished = self.all.into_iter().map(|(mut audience, uses)| {
            audience.listed = Listed::of(audience.certificates, uses.sites, caddy);
            audience.told = audience.listed.is_apart() && uses.with_identity > 0;
            audience
        });
        let mut audiences: Vec<Audience> = finished.collect();
        let classes = (caddy >= CaddyVersion::NAMED_ROUTES)
            .then(|| Classes::of(&mut self.people, &mut audiences))
            .flatten();
        Finished {
            people: self.people,
            audiences,
            classes,
        }
    }
}
