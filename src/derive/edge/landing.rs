//! What the domain itself shows a visitor, as data: the services that this visitor may use.

use std::collections::BTreeMap;

use serde::Serialize;

use super::PageKind;
use super::audience::Audiences;
use crate::model::{Access, Admission, Homelab, Service};

/// The landing page, which is another for each visitor.
#[derive(Debug, Serialize)]
pub struct Landing {
    /// The domain, as a host.
    pub host: String,
    /// What a visitor is told who is shown nothing.
    pub pages: PageKind,
    /// Who comes with a certificate, those who may use the same services together.
    pub visitors: Vec<Visitors>,
    /// Whether something is shown at home without a certificate.
    pub home: bool,
}

/// What the landing page shows each visitor.
#[derive(Debug, Serialize)]
pub struct LandingPages {
    /// Those who come with a certificate, in the order of [`Landing::visitors`].
    pub visitors: Vec<Vec<Link>>,
    /// What is shown at home without one; nothing where nothing is open there.
    pub home: Vec<Link>,
}

/// People who may use the same services.
#[derive(Debug, Serialize)]
pub struct Visitors {
    /// Who, by their places among all people; at least one.
    pub people: Vec<usize>,
}

/// A service that a visitor may use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Link {
    /// Its name to show.
    pub title: String,
    /// Its first host.
    pub host: String,
    /// Whether it can be used at home only.
    pub at_home: bool,
}

impl Landing {
    /// The landing page of a homelab whose people have these certificates, and what it shows.
    pub fn new(homelab: &Homelab, audiences: &Audiences<'_>) -> (Landing, LandingPages) {
        let mut visitors: BTreeMap<Vec<Link>, Vec<usize>> = BTreeMap::new();
        for who in homelab.people.values() {
            let Some(place) = audiences.place(&who.name) else {
                continue;
            };
            let links = links(homelab, |service| match service.access.admits(&who.name) {
                Admission::Nowhere => None,
                Admission::LanOnly => Some(true),
                Admission::Everyone | Admission::WithCertificate { .. } => Some(false),
            });
            visitors.entry(links).or_default().push(place);
        }
        let is_open_at_home = |service: &Service| service.access.is_open_at_home();
        let home = links(homelab, |service| {
            let open = is_open_at_home(service) || service.access == Access::Everyone;
            open.then_some(false)
        });
        let is_shown_at_home = homelab.services.values().any(is_open_at_home);
        let (shown, visitors): (Vec<_>, Vec<_>) = visitors
            .into_iter()
            .map(|(links, people)| (links, Visitors { people }))
            .unzip();
        let landing = Landing {
            host: homelab.domain.to_string(),
            pages: PageKind::of(true, is_shown_at_home),
            visitors,
            home: is_shown_at_home,
        };
        let pages = LandingPages {
            visitors: shown,
            home: match is_shown_at_home {
                true => home,
                false => Vec::new(),
            },
        };
        (landing, pages)
    }
}

/// The services of which `at_home` says something, in the order of their names.
fn links(homelab: &Homelab, at_home: impl Fn(&Service) -> Option<bool>) -> Vec<Link> {
    let services = homelab.services.values();
    services
        .filter_map(|service| {
            Some(Link {
                at_home: at_home(service)?,
                title: service.title.clone(),
                host: service.hosts.first()?.to_string(),
            })
        })
        .collect()
}
