//! What the domain itself shows a visitor, as data: the services that this visitor may use.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::audience::Audiences;
use super::extras::Extras;
use super::handler::{Answer, Condition, Handler};
use super::site::{ErrorPages, PageKind};
use super::tls::SiteTls;
use crate::model::{Access, Admission, CertificateMode, Domain, Edge, Homelab, Service};

/// The landing page's site: each visitor is shown another page.
#[derive(Debug, Serialize)]
pub(crate) struct Landing {
    pub host: Domain,
    /// How a certificate is asked for.
    pub certificate: CertificateMode,
    pub tls: SiteTls,
    pub extras: Extras,
    /// As in [`Site`](super::Site).
    pub hsts: bool,
    /// What a visitor is told who is shown nothing.
    pub pages: PageKind,
    /// As those of a [`Site`](super::Site): who may use the same services comes together.
    pub handlers: Vec<Handler>,
}

/// What the landing page shows each visitor.
#[derive(Debug, Serialize)]
pub(crate) struct LandingPages {
    /// Those who come with a certificate, in the order of [`Landing::handlers`].
    pub visitors: Vec<Vec<Link>>,
    /// What is shown at home without one; nothing where nothing is open there.
    pub home: Vec<Link>,
}

/// A service that a visitor may use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Link {
    /// Its name to show.
    pub title: String,
    /// Its first host, with the port where that has to be said.
    pub host: String,
    /// Whether it can be used at home only.
    pub at_home: bool,
}

impl Landing {
    /// The landing page of a homelab whose people have these certificates, and what it shows.
    pub(crate) fn new(homelab: &Homelab, audiences: &Audiences<'_>) -> (Landing, LandingPages) {
        let visitors = visitors(homelab, audiences);
        let services = homelab.services.values();
        let is_shown_at_home = services.clone().any(|s| s.access.is_open_at_home());
        let (shown, visitors): (Vec<_>, Vec<_>) = visitors.into_iter().unzip();
        let by_certificate = (1..).zip(visitors).map(|(number, people)| {
            let page = Cow::Owned(format!("visitors-{number}"));
            let name = format!("visitors{number}");
            Handler::certificates(name, people.into(), Answer::Page { page })
        });
        let page = Cow::Borrowed("at-home");
        let lan = is_shown_at_home.then(|| Handler::lan(Answer::Page { page }));
        let rest = Handler::rest(Answer::Refusal);
        let landing = Landing {
            host: homelab.domain.clone(),
            certificate: CertificateMode::Asked,
            tls: SiteTls::default(),
            hsts: false,
            extras: Extras::default(),
            pages: if is_shown_at_home {
                PageKind::CertificateOrHome
            } else {
                PageKind::Certificate
            },
            handlers: by_certificate.chain(lan).chain([rest]).collect(),
        };
        let home = if is_shown_at_home {
            links(&homelab.edge, services, |access| {
                let open = access.is_open_at_home() || *access == Access::Everyone;
                open.then_some(false)
            })
        } else {
            Vec::new()
        };
        let visitors = shown;
        (landing, LandingPages { visitors, home })
    }

    pub(crate) fn error_pages(&self) -> ErrorPages {
        ErrorPages {
            kind: self.pages,
            hsts: self.hsts,
        }
    }

    /// Whether something is shown at home without a certificate.
    pub(crate) fn is_shown_at_home(&self) -> bool {
        let matchers = self.handlers.iter().filter_map(|h| h.matcher.as_ref());
        let mut conditions = matchers.map(|matcher| &matcher.condition);
        conditions.any(|condition| matches!(condition, Condition::Lan))
    }
}

/// Those who may use the same services, by their places among all people, with these services.
fn visitors(homelab: &Homelab, audiences: &Audiences<'_>) -> BTreeMap<Vec<Link>, Vec<usize>> {
    let mut visitors: BTreeMap<Vec<Link>, Vec<usize>> = BTreeMap::new();
    for name in homelab.people.keys() {
        let Some(place) = audiences.place(name) else {
            continue;
        };
        let links = links(
            &homelab.edge,
            homelab.services.values(),
            |access| match access.admits(name) {
                Admission::Nowhere => None,
                Admission::LanOnly => Some(true),
                Admission::Everyone
                | Admission::WithCertificate { .. }
                | Admission::InNetwork { .. } => Some(false),
            },
        );
        visitors.entry(links).or_default().push(place);
    }
    visitors
}

/// The services of whose access `at_home` says something, in the order of their names.
fn links<'h>(
    edge: &Edge,
    services: impl Iterator<Item = &'h Service>,
    at_home: impl Fn(&Access) -> Option<bool>,
) -> Vec<Link> {
    services
        .filter_map(|service| {
            Some(Link {
                at_home: at_home(&service.access)?,
                title: service.title.clone(),
                host: service.authorities(edge).next()?,
            })
        })
        .collect()
}
