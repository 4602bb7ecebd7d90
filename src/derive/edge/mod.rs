//! What the Caddyfile says, as data: sites with their policies, every group resolved to devices.
//!
//! What `exposure.md` says is read off the same data ([`Exposure`](super::Exposure)), so that the two
//! cannot tell different stories.

mod audience;
mod classes;
mod entrance;
mod extras;
mod handler;
mod issuer;
mod landing;
mod people;
mod pick_up;
mod policies;
mod site;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use data_encoding::BASE64;
use serde::Serialize;

pub(super) use audience::Audience;
#[cfg(test)]
pub(crate) use audience::Listed;
pub(super) use extras::{AdminEndpoint, Extras};
pub(super) use handler::{Answer, Condition, Matcher, Public};
pub(crate) use landing::{Known, KnownDevice, Landing, LandingPages, Link};
pub(super) use people::{Device, Person};
pub(crate) use pick_up::PickUp;
pub(super) use policies::Mark;
pub(super) use site::{Guard, PathSite, Site};

use audience::{Audiences, Finished};
use classes::Classes;
use entrance::{Entrances, Ways};
use extras::{Metrics, Undeclared};
use issuer::{AcmeDns, AcmeIssuer};
use site::{ErrorPages, PageKind};
use tls::{Snippets, Tls};

use super::pick_up::renewed_at;
use crate::lock::{Issued, Lock};
use crate::model::{
    Behind, CaddyVersion, DeviceId, Domain, EdgePart, Email, Forwarding, Gateway, Homelab,
    Language, Name, Service, SiteCertificates, Visitors, holes_of,
};

/// The whole edge, by the files that it stands in.
pub(crate) struct Edge {
    /// What it is called, where there are others.
    pub name: Option<Name>,
    pub globals: Globals,
    pub sites: Sites,
    pub pages: Pages,
    /// The declared Caddy where it lets something happen that nothing here closes: in no file of Caddy's, but in the
    /// review.
    pub holes: Option<OpenHoles>,
}

/// A version of Caddy that is declared, and what it lets happen.
pub(crate) struct OpenHoles {
    pub caddy: CaddyVersion,
    /// At least one.
    pub holes: Vec<String>,
}

/// The global options.
#[derive(Debug, Serialize)]
pub(crate) struct Globals {
    pub domain: Domain,
    /// The ACME account's address.
    pub email: Option<Email>,
    /// Whether the sites' own certificates come from Caddy's own authority.
    pub local_certs: bool,
    /// How they come by ACME over DNS, where they do.
    pub acme_dns: Option<AcmeDns>,
    /// Of whom they are asked and how, where more is to be said of it.
    pub issuer: Option<AcmeIssuer>,
    pub admin: AdminEndpoint,
    pub metrics: Metrics,
    /// The proxies that stand before this one.
    pub behind: Option<Behind>,
    /// Whether those say for whom they speak in `X-Forwarded-For`, and not before the connection.
    pub forwarded_for: bool,
}

/// The policy: who gets in where.
#[derive(Debug, Serialize)]
pub(crate) struct Sites {
    pub domain: Domain,
    /// Whether the edge's Caddy knows `trust_pool`, and named routes with it (those since 2.7).
    pub trust_pool: bool,
    /// The guards that stand in Caddy's configuration once, sorted: those of the sites, where a list stands apart from them and that
    /// Caddy has named routes. Otherwise the guard is repeated for each site, which is what takes longest in loading many.
    pub guards_once: BTreeSet<Guard>,
    /// The authorities whose certificates are verified, DER in base64.
    pub authorities: Vec<String>,
    /// How the sites ask for certificates, by the names of the snippets that say it.
    pub certificates: BTreeMap<String, Tls>,
    /// What a site says that belongs to no service; none where that is nothing.
    pub open_tls: Option<Tls>,
    /// What is said of all hosts right below the domain that are not declared.
    pub undeclared: Option<Undeclared>,
    /// Whether what is written down of requests has names for certificates.
    pub named_in_logs: bool,
    /// Whether some site makes files smaller on the way.
    pub compress: bool,
    /// Whether browsers are told never to speak to these hosts in the clear (RFC 6797): only where
    /// their certificates are of an authority that all browsers know. Where that is so of some only, those say it themselves.
    pub hsts: bool,
    /// What counts as the LAN: ranges, or `private_ranges`.
    pub lan: Vec<String>,
    /// The networks that are declared by name.
    pub networks: BTreeMap<String, Vec<String>>,
    /// The proxies that stand before this one.
    pub behind: Option<Behind>,
    /// As in [`Globals`].
    pub forwarded_for: bool,
    /// Certificates that were let in once, and verify still: told so, and let in nowhere.
    pub retired: Vec<Device>,
    /// Everybody who has a certificate that is let in, sorted by name.
    pub people: Vec<Person>,
    /// The sets of people that sites let in, in the order of their names.
    pub audiences: Vec<Audience>,
    /// What audiences are made of where many certificates are in several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Classes>,
    /// Whether some site has policies for paths, for which it is asked whether a path has one reading.
    pub path_policies: bool,
    /// Whether some site opens paths, for which a path has to be plain.
    pub plain_paths: bool,
    /// Whether some site has to keep requests from climbing.
    pub no_climbing: bool,
    /// Where visitors sign in, where some site asks for it.
    pub gateway: Option<Gateway>,
    /// What the domain itself shows visitors.
    pub landing: Option<Landing>,
    /// The kinds of pages that some site refers to, sorted.
    pub page_kinds: BTreeSet<ErrorPages>,
    /// The sites, sorted by the service's name.
    pub sites: Vec<Site>,
}

/// What visitors are shown in place of a service, as data.
#[derive(Debug, Serialize)]
pub(crate) struct Pages {
    pub domain: Domain,
    /// Whom visitors are told to ask.
    pub email: Option<Email>,
    /// The languages of the people, but for English: `pt-BR` before `pt`, which is asked for by its beginning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
    /// As in [`Sites`].
    pub hsts: bool,
    /// Where newer certificates are fetched, without the scheme; none where they are not.
    pub renewed_at: Option<String>,
    /// Whether a site has the page of [`PageKind::Elsewhere`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// The landing page of each visitor.
    pub landing: Option<LandingPages>,
}

impl Edge {
    /// An edge of a homelab with this lock; before the first build there is none, and nobody has a
    /// certificate.
    pub(crate) fn new(part: EdgePart<'_>, visitors: &Visitors<'_>, lock: Option<&Lock>) -> Edge {
        let EdgePart { homelab, settings } = part;
        let (domain, email) = (&homelab.domain, &settings.email);
        let admitted = lock.map(Lock::admitted).unwrap_or_default();
        let audiences = Audiences::new(homelab, &admitted, visitors);
        let pick_up = settings.pick_up.as_ref();
        let pick_up = pick_up.map(|declared| PickUp::new(declared, homelab, lock));
        let landing = settings
            .landing
            .then(|| Landing::new(homelab, &audiences, pick_up, &admitted));
        let (landing, landing_pages) = landing.unzip();
        let (acme_dns, issuer) = issuer::of_all(part);
        let sites = sites(part, (lock, visitors), landing, audiences);
        Edge {
            name: part.name().cloned(),
            globals: Globals {
                domain: domain.clone(),
                email: email.clone(),
                local_certs: settings.certificates == SiteCertificates::Internal,
                admin: AdminEndpoint::of(&settings.admin),
                metrics: Metrics::of(settings),
                acme_dns,
                issuer,
                behind: settings.behind.clone(),
                forwarded_for: is_forwarded_for(settings.behind.as_ref()),
            },
            pages: Pages {
                domain: domain.clone(),
                email: email.clone(),
                languages: languages(homelab),
                hsts: is_all_known_to_browsers(part),
                renewed_at: renewed_at(homelab),
                elsewhere: sites.have_page(PageKind::Elsewhere),
                landing: landing_pages,
            },
            sites,
            holes: settings.promised.and_then(open_holes),
        }
    }
}

/// The languages that pages are told in beside English.
fn languages(homelab: &Homelab) -> Vec<Language> {
    let people = homelab.people.values();
    let spoken: BTreeSet<&Language> = people.filter_map(|p| p.language.as_ref()).collect();
    let others = { spoken.into_iter().rev() }.filter(|one| one.as_str() != Language::ENGLISH);
    others.cloned().collect()
}

impl Sites {
    fn have_page(&self, kind: PageKind) -> bool {
        self.sites.iter().any(|site| site.pages == kind)
    }
}

fn is_forwarded_for(behind: Option<&Behind>) -> bool {
    behind.is_some_and(|behind| behind.by == Forwarding::XForwardedFor)
}

fn sites<'h>(
    part: EdgePart<'h>,
    (lock, visitors): (Option<&Lock>, &Visitors<'_>),
    landing: Option<Landing>,
    mut audiences: Audiences<'h>,
) -> Sites {
    let EdgePart { homelab, settings } = part;
    let services = || part.services();
    // How an audience is said depends on how many services let it in: all are gathered before any site is made.
    let ways: Vec<Ways> = services()
        .map(|service| Ways::of(service, &mut audiences))
        .collect();
    let Finished {
        people,
        audiences,
        classes,
    } = audiences.finish(settings.caddy);
    let lan = match settings.lan.as_slice() {
        [] => vec!["private_ranges".into()],
        ranges => ranges.iter().map(ToString::to_string).collect(),
    };
    let entrances = Entrances {
        homelab,
        audiences: &audiences,
        people: &people,
        lan: &lan,
    };
    let mut snippets = Snippets::default();
    let hsts = is_all_known_to_browsers(part);
    let landing = landing.map(|landing| {
        let tls = Tls::of_all(settings, Some(landing.certificate));
        let tls = snippets.of(tls, settings, None);
        Landing {
            tls,
            hsts: !hsts && settings.are_public(&settings.certificates),
            extras: Extras::of_landing(settings),
            ..landing
        }
    });
    let sites: Vec<Site> = iter::zip(services(), &ways)
        .map(|(service, ways)| {
            let tls = snippets.of(Tls::of(service), settings, Some(&service.name));
            let hsts = !hsts && service.is_known_to_browsers();
            Site {
                tls,
                hsts,
                extras: Extras::of(service),
                ..Site::new(service, ways, &entrances)
            }
        })
        .collect();
    let others: Vec<&Extras> = landing.iter().map(|landing| &landing.extras).collect();
    let authorities = lock.into_iter().flat_map(Lock::trusted);
    Sites {
        domain: homelab.domain.clone(),
        trust_pool: settings.caddy >= CaddyVersion::NAMED_ROUTES,
        guards_once: guards_once(settings.caddy, &audiences, &sites),
        forwarded_for: is_forwarded_for(settings.behind.as_ref()),
        authorities: authorities
            .map(|authority| BASE64.encode(authority.certificate.der()))
            .collect(),
        networks: named_networks(homelab),
        certificates: snippets.finish(),
        open_tls: Some(Tls::of_all(settings, None)).filter(Tls::says_something),
        named_in_logs: extras::are_named(&sites, &others, &people),
        compress: sites.iter().any(|site| site.extras.compress),
        undeclared: Undeclared::of(settings),
        hsts,
        lan,
        behind: settings.behind.clone(),
        retired: lock.map_or_else(Vec::new, |lock| retired(homelab, lock, visitors)),
        path_policies: sites.iter().any(|site| !site.policies.is_empty()),
        plain_paths: sites.iter().any(|site| site.plain_path),
        gateway: { settings.gateway.clone() }.filter(|_| services().any(Service::takes_sign_in)),
        no_climbing: services().any(|service| service.backend.keeps_from_climbing()),
        page_kinds: { sites.iter().map(Site::error_pages) }
            .chain(landing.iter().map(Landing::error_pages))
            .collect(),
        people,
        audiences,
        classes,
        landing,
        sites,
    }
}

/// The guards that are said once for all sites, where lists stand apart.
fn guards_once(caddy: CaddyVersion, audiences: &[Audience], sites: &[Site]) -> BTreeSet<Guard> {
    let are_apart = audiences.iter().any(|audience| audience.listed.is_apart());
    if caddy < CaddyVersion::NAMED_ROUTES || !are_apart {
        return BTreeSet::new();
    }
    let guards = sites.iter().map(|site| site.guard);
    // A site of the user's own may import that one, too.
    guards.chain([Guard::Guard]).collect()
}

fn named_networks(homelab: &Homelab) -> BTreeMap<String, Vec<String>> {
    { homelab.networks.iter() }
        .map(|(name, ranges)| {
            let ranges = ranges.iter().map(ToString::to_string);
            (name.to_string(), ranges.collect())
        })
        .collect()
}

/// Whether the certificates of all sites are of authorities that browsers know.
fn is_all_known_to_browsers(part: EdgePart<'_>) -> bool {
    let edge = part.settings;
    edge.are_public(&edge.certificates) && part.services().all(Service::is_known_to_browsers)
}

/// What was let in once and is not any more, as far as its authority is trusted: no certificate of another is looked at.
fn retired(homelab: &Homelab, lock: &Lock, visitors: &Visitors<'_>) -> Vec<Device> {
    let came_here = |device: &DeviceId| visitors.may_have_had(device, homelab);
    let is_seen = |issued: &&Issued| lock.trusted().any(|a| a.id == issued.authority);
    // The lock may not have learnt yet of who is gone.
    let is_declared = |issued: &Issued| {
        let device = homelab.device(&issued.device);
        device.is_some_and(|device| device.installed().is_none())
    };
    let issued = { lock.certificates.iter() }
        .filter(|issued| issued.revoked().is_some() || !is_declared(issued))
        .filter(is_seen)
        .filter(|issued| came_here(&issued.device));
    let installed = { lock.removed(homelab).into_iter() }
        .filter(|known| came_here(&known.device))
        .map(Device::from);
    issued.map(Device::from).chain(installed).collect()
}

fn open_holes(caddy: CaddyVersion) -> Option<OpenHoles> {
    let open = holes_of(caddy).filter(|hole| hole.is_open());
    let holes: Vec<String> = open
        .map(|hole| format!("{}: {}", hole.id, hole.lets))
        .collect();
    (!holes.is_empty()).then_some(OpenHoles { caddy, holes })
}
