//! A host asked as each visitor.

use std::net::{IpAddr, SocketAddr};

use super::Prober;
use super::client::Observation;
use super::report::{HostFault, HostReport, RequestReport};
use super::request::{Method, Protocol, Request, Visit, Wanted, with_port};
use super::tls::ClientIdentity;
use crate::lock::Issued;
use crate::model::Forwarding;
use crate::verify::{
    Answer, Judgement, Location, Manner, NOBODYS_ADDRESS, NameShown, Outcome, Pages, Place, Probe,
    ServiceError, Site, Standing, Unreached, Visitor, Vouched, judge, judge_claim, judge_redirect,
    judge_without_tls, probes,
};

/// A host that was asked.
pub(super) struct ProbedHost {
    pub report: HostReport,
    /// Where it is, if it was reached.
    pub at: Option<SocketAddr>,
    /// Whether an answer says that it is Caddy's.
    pub is_caddy: bool,
}

/// Headers by which a proxy says for whom it speaks.
const FORWARDING: [&str; 6] = [
    "X-Forwarded-For",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Forwarded",
];

impl Prober<'_> {
    /// Asks a host all that there is to be asked of it.
    pub(super) fn host(&self, site: &Site, addresses: &[SocketAddr]) -> ProbedHost {
        let mut host = ProbedHost {
            report: HostReport {
                host: site.host.clone(),
                service: Some(site.service.clone()),
                ..HostReport::default()
            },
            at: None,
            is_caddy: false,
        };
        if addresses.is_empty() {
            host.report.unreached = Some(Unreached::NoAddress);
            return host;
        }
        self.visits(site, addresses, &mut host);
        if let (Some(at), None) = (host.at, &host.report.unreached) {
            self.without_tls(site, at, &mut host.report);
            self.echo(site, at, &mut host.report);
        }
        host
    }

    fn visits(&self, site: &Site, addresses: &[SocketAddr], host: &mut ProbedHost) {
        let tried: Vec<(&Issued, Standing)> = self
            .certificates
            .iter()
            .map(|certificate| (certificate.issued, certificate.standing))
            .collect();
        let domain = self.homelab.domain.to_string();
        let mut first_answer = None;
        for probe in probes(site, self.sites, &domain, &tried) {
            if probe.visitor == Visitor::Stranger && self.stranger.is_none() {
                continue;
            }
            let seen = self.visit(site, &probe, addresses, host);
            // A server that speaks no HTTP/2 has answered this already.
            let is_repeated = seen.protocol == Protocol::Http1 && seen.reply.is_some();
            if probe.manner == Manner::AsBrowsers && is_repeated {
                continue;
            }
            let place = place(site, &seen, host.at);
            host.report.place = host.report.place.or(Some(place));
            let first_answer = first_answer.get_or_insert_with(|| seen.answer.clone());
            if probe.manner.is_claim() && is_trusted_proxy(site, seen.local) {
                continue;
            }
            let place = match (seen.local, host.at) {
                (Some(local), Some(at)) if !probe.expected.networks.is_empty() => {
                    let whose = (self.homelab, &*site.edge);
                    Place::within(whose, &probe.expected.networks, local, at.ip())
                }
                _ => place,
            };
            let judgement = self.judged(site, &probe, &seen, place, first_answer);
            if let Judgement::Unreached(why) = &judgement {
                host.report.unreached = Some(why.clone());
            }
            self.note_reply(site, &seen, host);
            if judgement == Judgement::Fine && expects_service(&probe, place) {
                self.note_service(site, &probe, &seen.answer, &mut host.report);
            }
            let request = self.request_report(&probe, &seen, place, judgement);
            host.report.requests.push(request);
            if host.report.unreached.is_some() {
                break;
            }
        }
    }

    /// Makes a request; the first of all at the first address that answers, where the others follow.
    fn visit(
        &self,
        site: &Site,
        probe: &Probe,
        addresses: &[SocketAddr],
        host: &mut ProbedHost,
    ) -> Observation {
        if let Some(address) = host.at {
            return self.ask(site, probe, address);
        }
        let (mut at, mut seen) = (addresses[0], self.ask(site, probe, addresses[0]));
        for address in &addresses[1..] {
            if !matches!(seen.answer, Answer::Unreached(_)) {
                break;
            }
            (at, seen) = (*address, self.ask(site, probe, *address));
        }
        host.at = Some(at);
        host.report.address = Some(at);
        self.inspect(site, &seen, &mut host.report);
        seen
    }

    fn ask(&self, site: &Site, probe: &Probe, address: SocketAddr) -> Observation {
        let claim = match &probe.manner {
            Manner::Plain | Manner::AsBrowsers | Manner::Options | Manner::Preflight(_) => None,
            Manner::FromHome => Some(site.edge.address_at_home().to_string()),
            Manner::FromElsewhere => Some(NOBODYS_ADDRESS.to_owned()),
        };
        let forwarded = claim.as_ref().map(|claim| format!("for=\"{claim}\""));
        let claimed = |name| match name {
            "Forwarded" => forwarded.as_deref(),
            _ => claim.as_deref(),
        };
        let headers: Vec<(&str, &str)> = FORWARDING
            .into_iter()
            .filter_map(|name| Some((name, claimed(name)?)))
            .chain(preflight(&probe.manner))
            .collect();
        self.client.visit(&Visit {
            address,
            server_name: match &probe.name {
                NameShown::Own => Some(&site.host),
                NameShown::Other(name) => Some(name),
                NameShown::None => None,
            },
            protocol: match &probe.manner {
                Manner::AsBrowsers => Protocol::Http2,
                _ => Protocol::Http1,
            },
            request: Request {
                method: match &probe.manner {
                    Manner::Options | Manner::Preflight(_) => Method::Options,
                    _ => Method::Get,
                },
                host: &with_port(&site.host, address.port()),
                path: &probe.path,
                headers: &headers,
                wanted: Wanted::Head,
            },
            identity: self.identity(probe.visitor),
        })
    }

    fn judged(
        &self,
        site: &Site,
        probe: &Probe,
        seen: &Observation,
        place: Place,
        first_answer: &Answer,
    ) -> Judgement {
        let mut judgement = judge(&probe.expected, &seen.answer, place, self.pages);
        if probe.manner.is_claim()
            && let Some(fault) = judge_claim(first_answer, &seen.answer)
        {
            judgement = Judgement::Wrong(fault);
        }
        let redirect = seen.reply.as_ref().and_then(|reply| {
            let location = Location {
                status: reply.status,
                to: reply.location.as_deref(),
            };
            judge_redirect(site, probe, &judgement, location)
        });
        redirect.map_or(judgement, Judgement::Wrong)
    }

    /// The certificate that a visitor has.
    pub(super) fn identity(&self, visitor: Visitor) -> Option<ClientIdentity> {
        match visitor {
            Visitor::Nobody => None,
            Visitor::Stranger => self.stranger.clone(),
            Visitor::Device(place) => Some(self.certificates[place].identity.clone()),
        }
    }

    /// What a visitor is called.
    pub(super) fn name(&self, visitor: Visitor) -> &str {
        match visitor {
            Visitor::Nobody => "nobody",
            Visitor::Stranger => "a stranger",
            Visitor::Device(place) => &self.certificates[place].name,
        }
    }

    fn request_report(
        &self,
        probe: &Probe,
        seen: &Observation,
        place: Place,
        judgement: Judgement,
    ) -> RequestReport {
        let name = self.name(probe.visitor);
        let Probe { expected, path, .. } = probe;
        RequestReport {
            visitor: match &probe.manner {
                Manner::FromHome => format!("{name}, who claims to be at home,"),
                Manner::FromElsewhere => format!("{name}, who claims to be elsewhere,"),
                Manner::AsBrowsers => format!("{name}, over HTTP/2,"),
                Manner::Preflight(origin) => format!("{name}, as a page of {origin},"),
                Manner::Plain | Manner::Options => name.to_owned(),
            },
            path: match &probe.manner {
                Manner::Options | Manner::Preflight(_) => format!("OPTIONS {path}"),
                _ => path.clone(),
            },
            policy: probe.policy.clone(),
            server_name: match &probe.name {
                NameShown::Own => None,
                NameShown::Other(name) => Some(name.clone()),
                NameShown::None => Some(String::new()),
            },
            expected: match expected.at(place) {
                Some(outcome) => outcome.to_string(),
                None => format!(
                    "{} {}, {} elsewhere",
                    expected.inside, expected.networks, expected.outside
                ),
            },
            got: seen.answer.to_string(),
            is_without_handshake: matches!(seen.answer, Answer::HandshakeFailed(_)),
            judgement,
        }
    }

    /// What each answer says of the host as a whole.
    fn note_reply(&self, site: &Site, seen: &Observation, host: &mut ProbedHost) {
        let Some(reply) = &seen.reply else {
            return;
        };
        host.is_caddy |= reply.is_caddy;
        if reply.offers_other {
            host.report.wrong_once(HostFault::OffersOtherProtocol);
        }
        let is_lasting = site.vouched == Vouched::Publicly;
        // What is refused before any site is found has no headers of a site.
        let is_of_a_site = !matches!(reply.status, 400 | 421 | 431);
        if is_lasting && self.pages == Pages::BuiltIn && !reply.hsts && is_of_a_site {
            host.report.wrong_once(HostFault::NoHsts);
        }
    }

    /// What a service says to a device that gets as far as to it.
    fn note_service(&self, site: &Site, probe: &Probe, answer: &Answer, told: &mut HostReport) {
        let Some(service) = self.homelab.services.get(site.service.as_str()) else {
            return;
        };
        let app = service.app.as_ref();
        let app = app.and_then(|name| self.homelab.catalogue.app(name.as_str()));
        let device = self.name(probe.visitor);
        let error = ServiceError::of((&service.title, app), answer, device, self.pages);
        if let Some(error) = error {
            told.note_error(error);
        }
    }

    /// The port without TLS, where nobody has to answer.
    fn without_tls(&self, site: &Site, at: SocketAddr, told: &mut HostReport) {
        let port = self.ports.http;
        let host = match port {
            80 => site.host.clone(),
            _ => with_port(&site.host, port),
        };
        let public = site.public.iter().map(|public| public.path.as_str());
        for path in ["/"].into_iter().chain(public) {
            let address = SocketAddr::new(at.ip(), port);
            let request = Request::get(&host, path);
            let Some(reply) = self.client.get_without_tls(address, request) else {
                return;
            };
            let location = Location {
                status: reply.status,
                to: reply.location.as_deref(),
            };
            told.requests.push(RequestReport {
                visitor: self.name(Visitor::Nobody).to_owned(),
                path: format!("http://{host}{path}"),
                policy: None,
                server_name: None,
                expected: String::from("redirected to https"),
                got: reply.status.to_string(),
                is_without_handshake: false,
                judgement: judge_without_tls(&site.host, path, at.port(), location),
            });
        }
    }
}

/// What a browser says that asks what a page may send (Fetch Standard §4.8).
fn preflight(manner: &Manner) -> Vec<(&str, &str)> {
    match manner {
        Manner::Preflight(origin) => {
            vec![("Origin", origin), ("Access-Control-Request-Method", "GET")]
        }
        _ => Vec::new(),
    }
}

/// Whether a device asks for a service's first page, and is to get it.
fn expects_service(probe: &Probe, place: Place) -> bool {
    matches!(probe.visitor, Visitor::Device(_))
        && probe.manner == Manner::Plain
        && probe.policy.is_none()
        && probe.name == NameShown::Own
        && probe.expected.at(place) == Some(Outcome::Admitted)
}

/// Whether this machine is a proxy that is believed: what it claims, it may.
fn is_trusted_proxy(site: &Site, local: Option<IpAddr>) -> bool {
    let behind = site.edge.behind.as_ref();
    behind.is_some_and(|behind| {
        let is_ours = |local: IpAddr| {
            let mut proxies = behind.proxies.iter();
            proxies.any(|proxy| proxy.contains(local.to_canonical()))
        };
        behind.by == Forwarding::XForwardedFor && local.is_some_and(is_ours)
    })
}

/// Where the visitor stands, as that site's edge sees it.
fn place(site: &Site, seen: &Observation, at: Option<SocketAddr>) -> Place {
    match (seen.local, at) {
        (Some(local), Some(at)) => Place::of(&site.edge, local, at.ip()),
        _ => Place::Unknown,
    }
}
