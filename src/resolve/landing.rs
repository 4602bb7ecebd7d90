//! That the landing page, which is another for all who may open other services, is not too many.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::diagnostic::mistake;
use crate::model::{DeviceId, Name, Person, Service, Shown};
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
        let by_device = services.values().flat_map(Service::people_by_device);
        let by_device: BTreeSet<&Name> = by_device.collect();
        let devices = people.values().flat_map(|person| {
            let all_alike = !by_device.contains(&person.name);
            let count = if all_alike { 1 } else { person.devices.len() };
            person.devices.values().take(count)
        });
        let mut pages = BTreeSet::new();
        let mut links = 0;
        for device in devices {
            let page = page(&device.id, services);
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

/// What a device is shown, each with the place of its service.
fn page<'s>(device: &DeviceId, services: &'s BTreeMap<Name, Service>) -> Vec<(usize, Shown<'s>)> {
    let services = services.values().enumerate();
    let shown = services.flat_map(|(place, service)| {
        let shown = service.shown_to(device).into_iter();
        shown.map(move |shown| (place, shown))
    });
    shown.collect()
}
