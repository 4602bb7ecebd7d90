//! That the landing page, which is another for all who may open other services, is not too many.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::diagnostic::mistake;
use crate::model::{Admission, Name, Person, Service};
use crate::source::Span;

/// Links that all its pages may have together: each is about 250 bytes of `pages.caddyfile`, which Caddy holds.
pub(super) const MOST_LINKS: usize = 100_000;

impl Resolver<'_> {
    /// Says where the pages would have too many links. `landing` is where the page was asked for.
    pub(super) fn refuse_too_many_links(
        &mut self,
        landing: Option<Span>,
        people: &BTreeMap<Name, Person>,
        services: &BTreeMap<Name, Service>,
    ) {
        let Some(span) = landing else {
            return;
        };
        let mut pages = BTreeSet::new();
        let mut links = 0;
        let visitors = people.values().filter(|person| !person.devices.is_empty());
        for visitor in visitors {
            let page = page(visitor, services);
            let length = page.len();
            if pages.insert(page) {
                links += length;
            }
            if links > MOST_LINKS {
                let pages = pages.len();
                self.refuse(mistake!(
                    "resolve::landing-too-large",
                    "the landing page is another one for too many people",
                    at(span, "the first {pages} pages have more than {MOST_LINKS} links"),
                    help("remove `landing`, or let people who open much the same services open the same: they share one page"),
                ));
                return;
            }
        }
    }
}

/// The services that somebody is shown, by their places, and whether they can be used at home only.
fn page(visitor: &Person, services: &BTreeMap<Name, Service>) -> Vec<(usize, bool)> {
    let services = services.values().enumerate();
    let shown =
        services.filter_map(
            |(place, service)| match service.access.admits(&visitor.name) {
                Admission::Nowhere => None,
                Admission::LanOnly => Some((place, true)),
                Admission::Everyone
                | Admission::WithCertificate { .. }
                | Admission::InNetwork { .. } => Some((place, false)),
            },
        );
    shown.collect()
}
