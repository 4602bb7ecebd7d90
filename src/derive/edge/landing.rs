//! What the domain itself shows a visitor, as data: the services that this visitor may use.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::audience::Audiences;
use super::extras::Extras;
use super::handler::{Answer, Condition, Handler};
use super::people::Device;
use super::pick_up::{Offer, PickUp};
use super::site::{ErrorPages, PageKind};
use super::tls::SiteTls;
use crate::dates::{self, Shown};
use crate::lock::{Admitted, State};
use crate::model::{
    Access, CertificateMode, DeviceId, DisplayName, Domain, Homelab, Language, Name, Service,
    SignIn,
};
use crate::pki::Fingerprint;

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
    /// What it hands to devices of which newer certificates wait.
    pub pick_up: Option<PickUp>,
    /// Whether it greets somebody.
    pub greets: bool,
    /// Whether devices for which nothing waits are told so.
    pub settles: bool,
}

/// What the landing page shows each visitor.
#[derive(Debug, Serialize)]
pub(crate) struct LandingPages {
    /// Those who come with a certificate, in the order of [`Landing::handlers`].
    pub visitors: Vec<Visit>,
    /// What is shown at home without one; nothing where nothing is open there.
    pub home: Vec<Link>,
    /// Who they are.
    pub known: Vec<Known>,
}

/// Somebody whom the landing page greets.
#[derive(Debug, Serialize)]
pub(crate) struct Known {
    pub name: Name,
    pub display_name: DisplayName,
    /// The person's language, where it is declared: it goes before what the browser asks for.
    pub language: Option<Language>,
    /// The certificates.
    pub devices: Vec<KnownDevice>,
}

/// A certificate of somebody whom the landing page greets.
#[derive(Debug, Serialize)]
pub(crate) struct KnownDevice {
    pub fingerprint: Fingerprint,
    /// Until when it works, where newer ones are handed out and none goes before it.
    pub settled: Option<Settled>,
}

/// Until when a certificate works before which no newer one goes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Settled {
    pub until: Shown,
    /// Whether it ends then: no newer one follows the last day of a device that is let in for a while.
    pub is_last: bool,
}

/// What a visitor is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Visit {
    pub links: Vec<Link>,
    /// In whose language it is told that a newer certificate waits, where one does.
    pub waiting: Option<Language>,
}

/// A service that a visitor may use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Link {
    /// Its name to show.
    pub title: String,
    /// Its first host, with the port where that has to be said.
    pub host: String,
    /// The path there, behind its first `/`, where only that can be used.
    pub path: Option<String>,
    /// Whether it can be used at home only.
    pub at_home: bool,
}

impl LandingPages {
    /// Whether a newer certificate waits for some device.
    pub(crate) fn waits(&self) -> bool {
        self.visitors.iter().any(|visit| visit.waiting.is_some())
    }

    /// Whether a device is told until when its certificate works.
    pub(crate) fn settles(&self) -> bool {
        let mut devices = self.known.iter().flat_map(|known| &known.devices);
        devices.any(|device| device.settled.is_some())
    }
}

impl Landing {
    /// The landing page of a homelab whose people have these certificates, and what it shows.
    pub(crate) fn new(
        homelab: &Homelab,
        audiences: &Audiences<'_>,
        pick_up: Option<PickUp>,
        admitted: &Admitted<'_>,
    ) -> (Landing, LandingPages) {
        let offers = pick_up.as_ref().map(|pick_up| pick_up.devices.clone());
        let offers = offers.unwrap_or_default();
        let settled = pick_up.as_ref().map(|_| settled(homelab, admitted));
        let known = known(homelab, audiences, &settled.unwrap_or_default());
        let visitors = visitors(homelab, audiences, &offers);
        let services = homelab.services.values();
        let is_shown_at_home = services.clone().any(|s| s.access.is_open_at_home());
        let (shown, visitors): (Vec<_>, Vec<_>) = visitors.into_iter().unzip();
        let by_certificate = (1..).zip(visitors).map(|(number, visitors)| {
            let page = Cow::Owned(format!("visitors-{number}"));
            let name = format!("visitors{number}");
            Handler::of(name, visitors.condition(audiences), Answer::Page { page })
        });
        let home = if is_shown_at_home {
            links(services, |service| {
                let access = &service.access;
                let signs_in = service.sign_in == Some(SignIn::Instead);
                access.is_open_at_home() || *access == Access::Everyone || signs_in
            })
        } else {
            Vec::new()
        };
        let pages = LandingPages {
            visitors: shown,
            home,
            known,
        };
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
            pick_up,
            greets: !pages.known.is_empty(),
            settles: pages.settles(),
        };
        (landing, pages)
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

/// Until when the certificates work before which no newer one goes.
fn settled(homelab: &Homelab, admitted: &Admitted<'_>) -> BTreeMap<Fingerprint, Settled> {
    let newest = { admitted.iter() }.filter_map(|(id, all)| Some((id, all.first()?)));
    let certificates = newest.filter(|(_, newest)| newest.state == State::Active);
    let ends = certificates.map(|(id, issued)| {
        let (begins, ends) = (issued.validity.not_before(), issued.validity.not_after());
        let person = homelab.people.get(&id.person);
        let device = person.and_then(|person| person.devices.get(&id.device));
        let is_last = device.is_some_and(|device| device.last_day_of(ends).is_some());
        let until = match is_last {
            // As the guide says it, and whoever has declared it.
            true => dates::end(begins, ends),
            false => dates::through(begins, ends),
        };
        let settled = Settled { until, is_last };
        (issued.fingerprint, settled)
    });
    ends.collect()
}

/// Everybody who comes with a certificate, sorted by name.
fn known(
    homelab: &Homelab,
    audiences: &Audiences<'_>,
    settled: &BTreeMap<Fingerprint, Settled>,
) -> Vec<Known> {
    let people = homelab.people.values();
    let known = people.filter_map(|person| {
        let place = audiences.place(&person.name)?;
        let devices = audiences.person(place).devices.iter();
        Some(Known {
            name: person.name.clone(),
            display_name: person.display_name.clone(),
            language: person.language.clone(),
            devices: devices
                .map(|device| KnownDevice {
                    fingerprint: device.fingerprint,
                    settled: settled.get(&device.fingerprint).copied(),
                })
                .collect(),
        })
    });
    known.collect()
}

/// Those who are shown the same links.
#[derive(Default)]
struct Visitors {
    /// By their places among all people.
    people: Vec<usize>,
    /// Certificates of others, whose other devices are shown other links.
    devices: Vec<Device>,
}

impl Visitors {
    fn condition(self, audiences: &Audiences<'_>) -> Condition {
        if self.devices.is_empty() {
            return Condition::Certificates {
                people: self.people.into(),
            };
        }
        let people = self.people.into_iter();
        let of_people = people.flat_map(|place| audiences.person(place).devices.clone());
        Condition::Devices {
            devices: of_people.chain(self.devices).collect(),
        }
    }
}

/// Those who may use the same services with the device that they come with, with these services, and those among them whose newer
/// certificates wait.
fn visitors(
    homelab: &Homelab,
    audiences: &Audiences<'_>,
    offers: &[Offer],
) -> BTreeMap<Visit, Visitors> {
    let offered = offers.iter().flat_map(|offer| {
        let older = offer.older.iter();
        older.map(|older| (older, &offer.language))
    });
    let offered: BTreeMap<&Fingerprint, &Language> = offered.collect();
    let services = homelab.services.values();
    let by_device: BTreeSet<&Name> = services.flat_map(Service::people_by_device).collect();
    let mut visitors: BTreeMap<Visit, Visitors> = BTreeMap::new();
    for name in homelab.people.keys() {
        let Some(place) = audiences.place(name) else {
            continue;
        };
        let certificates = &audiences.person(place).devices;
        let waits = |device: &Device| offered.contains_key(&device.fingerprint);
        if !by_device.contains(name) && !certificates.iter().any(waits) {
            // All of them are shown the same.
            let first = certificates.first().expect("who has a place has one");
            let shown = Visit {
                links: links_of(homelab, &first.name),
                waiting: None,
            };
            let page = visitors.entry(shown).or_default();
            page.people.push(place);
            continue;
        }
        let mut pages: BTreeMap<Visit, Vec<Device>> = BTreeMap::new();
        for certificate in certificates {
            let language = offered.get(&certificate.fingerprint);
            let page = pages.entry(Visit {
                links: links_of(homelab, &certificate.name),
                waiting: language.map(|language| (*language).clone()),
            });
            page.or_default().push(certificate.clone());
        }
        let is_one = pages.len() == 1;
        for (shown, devices) in pages {
            let page = visitors.entry(shown).or_default();
            match is_one {
                true => page.people.push(place),
                false => page.devices.extend(devices),
            }
        }
    }
    visitors
}

/// What a device is shown, in the order of the services' names.
fn links_of(homelab: &Homelab, device: &DeviceId) -> Vec<Link> {
    let mut links = Vec::new();
    for service in homelab.services.values() {
        let Some(host) = service.authorities().next() else {
            continue;
        };
        links.extend(service.shown_to(device).into_iter().map(|shown| Link {
            title: service.title.clone(),
            host: host.clone(),
            path: shown.path.map(|path| path.link().to_owned()),
            at_home: shown.at_home,
        }));
    }
    links
}

/// The services of whose access that is so, in the order of their names.
fn links<'h>(
    services: impl Iterator<Item = &'h Service>,
    is_shown: impl Fn(&Service) -> bool,
) -> Vec<Link> {
    services
        .filter(|service| is_shown(service))
        .filter_map(|service| {
            Some(Link {
                title: service.title.clone(),
                host: service.authorities().next()?,
                path: None,
                at_home: false,
            })
        })
        .collect()
}
