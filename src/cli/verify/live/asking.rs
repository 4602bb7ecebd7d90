//! A host asked as each visitor.

use std::net::SocketAddr;

use jiff::Timestamp;

use super::super::resolve;
use super::super::visit::{
    ClientIdentity, Observation, Protocol, Request, Visit, Visitors, Wanted,
};
use super::cards::ClientCertificate;
use super::report::{HostReport, RequestReport};
use crate::cli::arguments::Verify;
use crate::lock::{Issued, Lock};
use crate::model::{Forwarding, Homelab, SiteCertificates};
use crate::verify::{
    Answer, Judgement, Manner, NameShown, Outcome, Place, PlainAnswer, Probe, Site, Standing,
    Verdict, Visitor, judge, judge_plain, probes, shown,
};

/// What is asked, and with what.
pub struct Prober<'a> {
    pub arguments: &'a Verify,
    pub homelab: &'a Homelab,
    pub lock: &'a Lock,
    pub now: Timestamp,
    /// Whether templates of the user's own make the edge.
    pub own_templates: bool,
    pub all: &'a [Site],
    pub cards: &'a [ClientCertificate<'a>],
    pub stranger: Option<ClientIdentity>,
    pub visitors: Visitors,
}

/// A host that was asked.
pub struct Asked {
    /// What is told of it.
    pub told: HostReport,
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
    pub fn host(&self, site: &Site) -> Asked {
        let mut asked = Asked {
            told: HostReport {
                host: site.host.clone(),
                service: Some(site.service.clone()),
                ..HostReport::default()
            },
            at: None,
            is_caddy: false,
        };
        let port = self.arguments.port;
        let addresses = resolve::addresses(&site.host, port, &self.arguments.resolve);
        let addresses = match addresses {
            Ok(addresses) if !addresses.is_empty() => addresses,
            Ok(_) => {
                asked.told.unreached = Some(String::from("its name has no address"));
                return asked;
            }
            Err(why) => {
                asked.told.unreached = Some(why);
                return asked;
            }
        };
        self.visits(site, &addresses, &mut asked);
        if let (Some(at), None) = (asked.at, &asked.told.unreached) {
            self.without_tls(site, at, &mut asked.told);
            self.echo(site, at, &mut asked.told);
        }
        asked
    }

    fn visits(&self, site: &Site, addresses: &[SocketAddr], asked: &mut Asked) {
        let cards: Vec<(&Issued, Standing)> = self
            .cards
            .iter()
            .map(|card| (card.issued, card.standing))
            .collect();
        let domain = self.homelab.domain.to_string();
        let mut unclaimed = None;
        for probe in probes(site, self.all, &domain, &cards) {
            if probe.visitor == Visitor::Stranger && self.stranger.is_none() {
                continue;
            }
            let seen = match asked.at {
                Some(address) => self.ask(site, &probe, address),
                None => {
                    let (found, seen) = self.first(site, &probe, addresses);
                    asked.at = Some(found);
                    self.look(site, &seen, found, &mut asked.told);
                    seen
                }
            };
            // A server that speaks no HTTP/2 has answered this already.
            let is_repeated = seen.protocol == Protocol::Http1 && seen.reply.is_some();
            if probe.manner == Manner::AsBrowsers && is_repeated {
                continue;
            }
            let place = match (seen.local, asked.at) {
                (Some(local), Some(address)) => Place::of(self.homelab, local, address.ip()),
                _ => Place::Unknown,
            };
            asked.told.place = asked.told.place.or(Some(place));
            let mut judged = judge(probe.expected, &seen.answer, place, self.own_templates);
            let unclaimed = unclaimed.get_or_insert_with(|| seen.answer.clone());
            if matches!(probe.manner, Manner::FromHome | Manner::FromElsewhere) {
                if self.is_proxy(&seen) {
                    continue;
                }
                if let Some(why) = believed(unclaimed, &seen.answer) {
                    judged = Judgement::wrong(why);
                }
            }
            if let Some(why) = self.fault_of_redirect(site, &probe, &seen, &judged) {
                judged = Judgement::wrong(why);
            }
            if judged.verdict == Verdict::Unreached {
                asked.told.unreached = judged.why.clone();
            }
            self.note_reply(&seen, asked);
            asked
                .told
                .requests
                .push(self.told(&probe, &seen, place, judged));
            if asked.told.unreached.is_some() {
                break;
            }
        }
    }

    /// The first request, at the first address that answers.
    fn first(
        &self,
        site: &Site,
        probe: &Probe,
        addresses: &[SocketAddr],
    ) -> (SocketAddr, Observation) {
        let mut last = (addresses[0], self.ask(site, probe, addresses[0]));
        for address in &addresses[1..] {
            if !matches!(last.1.answer, Answer::Unreached(_)) {
                break;
            }
            last = (*address, self.ask(site, probe, *address));
        }
        last
    }

    fn ask(&self, site: &Site, probe: &Probe, address: SocketAddr) -> Observation {
        let claim = match probe.manner {
            Manner::Plain | Manner::AsBrowsers | Manner::Options => None,
            Manner::FromHome => Some(self.homelab.edge.address_at_home().to_string()),
            // RFC 5737 §3: nobody has it.
            Manner::FromElsewhere => Some(String::from("203.0.113.66")),
        };
        let forwarded = claim.as_ref().map(|claim| format!("for=\"{claim}\""));
        let claimed = |name| match name {
            "Forwarded" => forwarded.as_deref(),
            _ => claim.as_deref(),
        };
        let headers: Vec<(&str, &str)> = FORWARDING
            .into_iter()
            .filter_map(|name| Some((name, claimed(name)?)))
            .collect();
        self.visitors.make(&Visit {
            address,
            server_name: match &probe.name {
                NameShown::Own => Some(&site.host),
                NameShown::Other(name) => Some(name),
                NameShown::None => None,
            },
            protocol: match probe.manner {
                Manner::AsBrowsers => Protocol::Http2,
                _ => Protocol::Http1,
            },
            request: Request {
                method: match probe.manner {
                    Manner::Options => "OPTIONS",
                    _ => "GET",
                },
                host: &with_port(&site.host, address.port()),
                path: &probe.path,
                headers: &headers,
                wanted: Wanted::Head,
            },
            shown: self.shown(probe.visitor),
        })
    }

    /// What that visitor shows.
    pub fn shown(&self, visitor: Visitor) -> Option<ClientIdentity> {
        match visitor {
            Visitor::Nobody => None,
            Visitor::Stranger => self.stranger.clone(),
            Visitor::Device(place) => Some(self.cards[place].shown.clone()),
        }
    }

    /// What that visitor is called.
    pub fn name(&self, visitor: Visitor) -> String {
        match visitor {
            Visitor::Nobody => String::from("nobody"),
            Visitor::Stranger => String::from("a stranger"),
            Visitor::Device(place) => self.cards[place].name.clone(),
        }
    }

    fn told(
        &self,
        probe: &Probe,
        seen: &Observation,
        place: Place,
        judged: Judgement,
    ) -> RequestReport {
        let name = self.name(probe.visitor);
        let Probe { expected, path, .. } = probe;
        RequestReport {
            visitor: match probe.manner {
                Manner::FromHome => format!("{name}, who claims to be at home,"),
                Manner::FromElsewhere => format!("{name}, who claims to be elsewhere,"),
                Manner::AsBrowsers => format!("{name}, over HTTP/2,"),
                Manner::Plain | Manner::Options => name,
            },
            path: match probe.manner {
                Manner::Options => format!("OPTIONS {path}"),
                _ => path.clone(),
            },
            server_name: match &probe.name {
                NameShown::Own => None,
                NameShown::Other(name) => Some(name.clone()),
                NameShown::None => Some(String::new()),
            },
            expected: match expected.at(place) {
                Some(outcome) => outcome.to_string(),
                None => format!("{} at home, {} elsewhere", expected.home, expected.outside),
            },
            got: seen.answer.to_string(),
            verdict: judged.verdict,
            why: judged.why,
        }
    }

    /// Whether this machine is a proxy that is believed: what it claims, it may.
    fn is_proxy(&self, seen: &Observation) -> bool {
        let behind = self.homelab.edge.behind.as_ref();
        behind.is_some_and(|behind| {
            let local = seen.local.map(|local| local.to_canonical());
            let is_ours = |local| behind.proxies.iter().any(|proxy| proxy.contains(local));
            behind.by == Forwarding::XForwardedFor && local.is_some_and(is_ours)
        })
    }

    /// What is wrong with where somebody is sent to who was let in.
    fn fault_of_redirect(
        &self,
        site: &Site,
        probe: &Probe,
        seen: &Observation,
        judged: &Judgement,
    ) -> Option<String> {
        let redirect = site.redirect.as_ref()?;
        let reply = seen.reply.as_ref()?;
        let outcome = probe.expected.at(Place::Outside);
        let is_let_in = outcome == Some(Outcome::DeviceAccess) && judged.verdict == Verdict::Fine;
        if !is_let_in || probe.path != "/" || site.public.is_some() {
            return None;
        }
        let to = match redirect.same_path {
            true => format!("{}/", redirect.to),
            false => redirect.to.clone(),
        };
        let found = reply.location.as_deref().unwrap_or_default();
        (found != to || reply.status != redirect.status).then(|| {
            let (status, found) = (reply.status, shown(found));
            format!(
                "should be sent to `{to}` with {}, is sent to `{found}` with {status}",
                redirect.status
            )
        })
    }

    /// What each answer says of the whole.
    fn note_reply(&self, seen: &Observation, asked: &mut Asked) {
        let Some(reply) = &seen.reply else {
            return;
        };
        asked.is_caddy |= reply.is_caddy;
        if reply.offers_other {
            let offer = "it offers another protocol (`Alt-Svc`): HTTP/3 is to be off";
            asked.told.is_wrong(offer);
        }
        let certificates = &self.homelab.edge.certificates;
        let lasting = matches!(
            certificates,
            SiteCertificates::Acme | SiteCertificates::Dns { .. }
        );
        // What is refused before any site is found has no headers of a site.
        if lasting && !self.own_templates && !reply.hsts && !matches!(reply.status, 400 | 421 | 431)
        {
            let open =
                "an answer lacks `Strict-Transport-Security`: browsers would ask without TLS";
            asked.told.is_wrong(open);
        }
    }

    /// The port without TLS, where nobody has to answer.
    fn without_tls(&self, site: &Site, at: SocketAddr, told: &mut HostReport) {
        let port = self.arguments.http_port;
        let host = match port {
            80 => site.host.clone(),
            _ => with_port(&site.host, port),
        };
        let public = site.public.iter().map(|public| public.path.as_str());
        for path in ["/"].into_iter().chain(public) {
            let reply = self.visitors.make_plain(
                SocketAddr::new(at.ip(), port),
                &Request {
                    method: "GET",
                    host: &host,
                    path,
                    headers: &[],
                    wanted: Wanted::Head,
                },
            );
            let Ok(reply) = reply else {
                return;
            };
            let answer = PlainAnswer {
                status: reply.status,
                location: reply.location,
            };
            let judged = judge_plain(&site.host, path, at.port(), &answer);
            told.requests.push(RequestReport {
                visitor: String::from("nobody"),
                path: format!("http://{host}{path}"),
                server_name: None,
                expected: String::from("redirected to https"),
                got: answer.status.to_string(),
                verdict: judged.verdict,
                why: judged.why,
            });
        }
    }
}

/// Why what somebody claims was believed; none where it made no difference.
fn believed(unclaimed: &Answer, claimed: &Answer) -> Option<String> {
    let is_same = match (unclaimed, claimed) {
        (_, Answer::Unreached(_) | Answer::Dropped) => true,
        (before, now) => before == now,
    };
    (!is_same).then(|| {
        format!("what a visitor says of where they are is believed: got {claimed}, and without it {unclaimed}")
    })
}

/// A host as it stands in a request.
pub fn with_port(host: &str, port: u16) -> String {
    match port {
        443 => host.to_owned(),
        port => format!("{host}:{port}"),
    }
}
