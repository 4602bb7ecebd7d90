//! One site of the Caddyfile: its handlers, of which the first that matches answers a request.

use std::borrow::Cow;

use serde::Serialize;

use super::audience::Told;
use super::entrance::{Entrances, Ways};
use super::extras::Extras;
use super::handler::{Answer, Handler};
use super::policies::Policy;
use super::tls::SiteTls;
use crate::model::{
    Access, Backend, ByteSize, CertificateMode, Grant, Header, Host, Name, Network, Opened,
    PathPattern, Raw, Service, SignIn,
};

/// One service's site.
#[derive(Debug, Serialize)]
pub(crate) struct Site {
    pub service: Name,
    /// At least one.
    pub hosts: Vec<Host>,
    /// How a certificate is asked for; none where it is not.
    pub certificate: Option<CertificateMode>,
    pub tls: SiteTls,
    pub extras: Extras,
    /// Whether it says itself that browsers are never to speak to it in the clear.
    pub hsts: bool,
    /// What a visitor is told who is not let in.
    pub pages: PageKind,
    /// Who is let in by certificate, by the place among [`Sites::audiences`](super::Sites::audiences); none where nobody is.
    pub audience: Option<usize>,
    /// Whose certificates count, but for those of paths.
    pub admitted: Vec<AdmittedSet>,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// The audiences whose lists stand apart and are looked into before anything else, by their places.
    pub apart: Vec<usize>,
    /// Who may sign in, or has to, but for what paths say.
    pub sign_in: Option<SignIn>,
    /// Whether the gateway's own paths are looked at before the policies of paths.
    pub sign_in_own: bool,
    /// The policies that all have to grant a request; none where no path has one of its own.
    pub policies: Vec<Policy>,
    /// The paths with policies of their own, as they are exposed.
    pub paths: Vec<PathSite>,
    /// Whether a handler is for paths, which then have to be plain.
    pub plain_path: bool,
    /// The last one is for whoever no other matches.
    pub handlers: Vec<Handler>,
    /// What is done with a request that is let in.
    pub backend: Backend,
    /// The largest body that a request may have.
    pub max_body: Option<ByteSize>,
    pub guard: Guard,
    /// Headers set on every answer.
    pub headers: Vec<Header>,
    /// Lines that stand before the backend as they are.
    pub raw: Vec<String>,
}

/// Certificates that count together.
#[derive(Debug, Serialize)]
pub(crate) struct AdmittedSet {
    /// By the place among [`Sites::audiences`](super::Sites::audiences).
    pub audience: Option<usize>,
    /// Single devices.
    pub devices: Vec<String>,
    /// The networks in which they count; empty for everywhere.
    pub from: Vec<String>,
}

/// A path with a policy of its own.
#[derive(Debug, Serialize)]
pub(crate) struct PathSite {
    pub path: PathPattern,
    pub admitted: Vec<AdmittedSet>,
    /// The networks that need no certificate.
    pub networks: Vec<String>,
    /// Whether everyone is let in, by the methods that there are, or by all where there are none.
    pub everyone: Option<Vec<Cow<'static, str>>>,
    /// Who may sign in, or has to.
    pub sign_in: Option<SignIn>,
}

/// Which headers are kept from an upstream, by the name of the snippet that removes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Guard {
    /// All that an upstream could believe.
    Guard,
    /// Those, but for what it believes because of an underscore in its name.
    GuardButForUnderscores,
}

/// What a visitor is told who is not let in: it depends on who is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PageKind {
    /// Devices with a certificate are let in.
    Certificate,
    /// Those, and whoever is on the LAN.
    CertificateOrHome,
    /// Whoever is on the LAN.
    Home,
    /// Whoever is in another network, or asks by some method.
    Elsewhere,
    /// Everybody is let in.
    Everyone,
}

/// A snippet with the pages of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct ErrorPages {
    pub kind: PageKind,
    /// As in [`Site`].
    pub hsts: bool,
}

impl Site {
    /// The site of a service that lets in these sets of people.
    pub(super) fn new(service: &Service, ways: &Ways, entrances: &Entrances<'_>) -> Site {
        let access = &service.access;
        let mut policies = Vec::new();
        let mut handlers = if service.paths.is_empty() {
            entrances.of_service(service, &ways.base, Told::by(service.identity))
        } else {
            policies = entrances.policies(service, ways);
            entrances.granted(&policies, ways)
        };
        if handlers.last().is_none_or(|last| last.matcher.is_some()) {
            handlers.push(Handler::rest(Answer::Refusal));
        }
        let unconfined = access
            .grants()
            .first()
            .filter(|grant| grant.from.is_empty());
        Site {
            service: service.name.clone(),
            hosts: service.hosts.clone(),
            certificate: service.certificate,
            tls: SiteTls::default(),
            hsts: false,
            extras: Extras::default(),
            pages: PageKind::of(service),
            audience: unconfined.and(ways.base.first().copied().flatten()),
            admitted: admitted(access.grants(), &ways.base),
            identity: service.identity,
            sign_in: service.sign_in,
            sign_in_own: { service.edge.gateway.iter() }.any(|gateway| !gateway.own.is_empty())
                && !policies.is_empty()
                && service.takes_sign_in(),
            apart: apart(&policies, &handlers),
            plain_path: !access.public().is_empty() || !policies.is_empty(),
            paths: std::iter::zip(&service.paths, &ways.paths)
                .map(|(path, places)| PathSite {
                    path: path.path.clone(),
                    admitted: admitted(&path.grants, places),
                    networks: path.networks.iter().map(ToString::to_string).collect(),
                    everyone: path.everyone.as_ref().map(|opened| match opened {
                        Opened::ByAll => Vec::new(),
                        Opened::By(methods) => methods.as_slice().to_vec(),
                    }),
                    sign_in: path.sign_in,
                })
                .collect(),
            policies,
            handlers,
            backend: service.backend.clone(),
            max_body: service.max_body.clone(),
            guard: if service.header_underscores {
                Guard::GuardButForUnderscores
            } else {
                Guard::Guard
            },
            headers: service.headers.clone(),
            raw: service.raw.iter().flat_map(Raw::lines).collect(),
        }
    }

    pub(crate) fn error_pages(&self) -> ErrorPages {
        ErrorPages {
            kind: self.pages,
            hsts: self.hsts,
        }
    }
}

fn admitted(grants: &[Grant], places: &[Option<usize>]) -> Vec<AdmittedSet> {
    let sets = std::iter::zip(grants, places).map(|(grant, place)| AdmittedSet {
        audience: *place,
        devices: grant.devices.iter().map(ToString::to_string).collect(),
        from: grant.from.iter().map(ToString::to_string).collect(),
    });
    sets.collect()
}

/// The audiences that are looked into first, each once.
fn apart(policies: &[Policy], handlers: &[Handler]) -> Vec<usize> {
    let grants = policies.iter().flat_map(|policy| &policy.grants);
    let of_grants = grants.filter_map(|grant| grant.matcher.as_ref());
    let of_handlers = handlers
        .iter()
        .filter_map(|handler| handler.matcher.as_ref());
    let matchers = of_grants.chain(of_handlers);
    let mut apart: Vec<usize> = matchers
        .filter_map(|matcher| matcher.condition.looked_into())
        .collect();
    apart.sort_unstable();
    apart.dedup();
    apart
}

impl PageKind {
    fn of(service: &Service) -> PageKind {
        let paths = service.paths.iter().flat_map(|path| &path.networks);
        let mut networks = service.access.networks().chain(paths);
        let at_home = networks.any(|network| *network == Network::Lan);
        match (service.certificate, &service.access) {
            (Some(_), _) if at_home => PageKind::CertificateOrHome,
            (Some(_), _) => PageKind::Certificate,
            (None, Access::Everyone) if service.paths.is_empty() => PageKind::Everyone,
            (None, _) if service.is_nobody_refused() => PageKind::Everyone,
            (None, _) if at_home => PageKind::Home,
            (None, _) => PageKind::Elsewhere,
        }
    }
}
