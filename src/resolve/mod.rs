//! Declarations become a [`Homelab`]: names are looked up, values read, defaults filled in.
//!
//! All mistakes are told in one run: what cannot be resolved is left out and the rest goes on, so
//! that nothing is made of a declaration with a mistake in it.

mod access;
mod address;
mod apps;
mod audiences;
mod backend;
mod certificates;
mod declared;
mod deploy;
mod devices;
mod edges;
mod enrolment;
mod extras;
mod landing;
mod meant;
mod names;
mod networks;
mod paths;
mod people;
mod provider;
mod services;
mod settings;
mod sign_in;
mod upstreams;

use std::sync::Arc;

pub(crate) use apps::apps;

use crate::catalogue::Catalogue;
use crate::diagnostic::{First, Mistake, Mistakes, did_you_mean};
use crate::model::{Homelab, Language, ValidityPolicy};
use crate::parse::declaration::Text;
use crate::parse::{Declaration, Unread};
use crate::source::{Source, Span};

/// Resolves a declaration that was read from `source` with these `mistakes`, or says everything that is wrong with it.
/// Guides can be written in these `languages`, and apps are those of this `catalogue`.
pub(crate) fn resolve(
    source: &Source,
    declaration: &Declaration,
    mistakes: Vec<Mistake>,
    (languages, catalogue): (&[Language], Catalogue),
) -> Result<Homelab, Mistakes> {
    let catalogue = Arc::new(catalogue);
    let mut resolver = Resolver {
        languages,
        catalogue: &catalogue,
        source,
        unread: &declaration.unread,
        mistakes: Vec::new(),
        first: First::default(),
    };
    for mistake in mistakes {
        resolver.refuse(mistake);
    }
    match resolver.homelab(declaration) {
        Some(homelab) if resolver.mistakes.is_empty() => Ok(homelab),
        _ => Err(Mistakes::new(source, resolver.mistakes)),
    }
}

/// What every rule of this room has at hand. A rule that is broken is told to it and gives nothing.
struct Resolver<'l> {
    languages: &'l [Language],
    catalogue: &'l Arc<Catalogue>,
    source: &'l Source,
    unread: &'l Unread,
    mistakes: Vec<Mistake>,
    first: First,
}

impl Resolver<'_> {
    fn refuse(&mut self, mistake: Mistake) {
        self.first.note(&mistake);
        self.mistakes.push(mistake);
    }

    /// The same of something that is not there; where something around it could not be read, that may be it.
    fn refuse_absence(&mut self, mistake: Mistake) {
        let place = mistake.place();
        if !place.is_some_and(|place| self.unread.is_around(place)) {
            self.refuse(mistake);
        }
    }

    /// The help for an unknown word, where it is told.
    fn meant<'a>(
        &self,
        word: &str,
        span: Span,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Option<String> {
        // Where none is known, some may be in what could not be read.
        let is_told = self.first.is_told_at(span)
            && (self.unread.is_whole || known.clone().into_iter().next().is_some());
        is_told.then(|| did_you_mean(word, known))
    }

    /// What a text says to the reader of a type, such as `Domain::new`; what that does not take is the mistake
    /// that `wrong` makes of the text and the reader's reason.
    fn read<T, Why>(
        &mut self,
        written: &Text,
        reader: impl FnOnce(&str) -> Result<T, Why>,
        wrong: impl FnOnce(&str, Why) -> Mistake,
    ) -> Option<T> {
        match reader(&written.value) {
            Ok(value) => Some(value),
            Err(why) => {
                self.refuse(wrong(&written.value, why));
                None
            }
        }
    }

    /// What a text says, where only some words are known.
    fn know<T>(
        &mut self,
        written: &Text,
        known: impl FnOnce(&str) -> Option<T>,
        wrong: impl FnOnce(&str) -> Mistake,
    ) -> Option<T> {
        self.read(
            written,
            |word| known(word).ok_or(()),
            |word, ()| wrong(word),
        )
    }

    fn homelab(&mut self, declaration: &Declaration) -> Option<Homelab> {
        let domain = self.domain(declaration.domain.as_ref());
        let validity = self.validity(&declaration.validity);
        let edges = self.edges(&declaration.edges);
        let people = self.people(declaration, domain.as_ref(), &validity);
        let networks = self.networks(&declaration.networks);
        let services = self.services(declaration, domain.as_ref(), (&people, &networks), &edges);
        let landing = edges.landing();
        self.refuse_too_many_links(landing, &people.people, &services);
        Some(Homelab {
            domain: domain?,
            validity: ValidityPolicy {
                authority: validity.authority?,
                renew: validity.renew?,
            },
            edges: edges.into_settings(),
            people: people.people,
            networks,
            services,
            catalogue: Arc::clone(self.catalogue),
            declared: self.declared_beside_people(declaration),
        })
    }
}
