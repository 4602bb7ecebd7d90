//! A server as a whole: what it does besides serving the declared hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Prober;
use super::host::ProbedHost;
use super::report::{HostFault, HostNote, HostReport, RequestReport};
use super::request::{Protocol, Request, Visit, with_port};
use crate::model::{Admin, CertificateMode, SiteCertificates};
use crate::verify::{
    Answer, Expected, Judgement, Outcome, Pages, Place, Signs, Site, Visitor, judge, undeclared,
};

/// How long a head is that recent Caddys refuse: they take 16 KiB and some more.
const LONG: usize = 24 << 10;

impl Prober<'_> {
    /// Asks each server at which a host was reached.
    pub(super) fn servers(&self, hosts: &[ProbedHost]) -> Vec<HostReport> {
        let mut servers: BTreeMap<SocketAddr, Vec<&ProbedHost>> = BTreeMap::new();
        for host in hosts {
            if let (Some(at), Some(_)) = (host.at, host.report.tls) {
                servers.entry(at).or_default().push(host);
            }
        }
        servers
            .into_iter()
            .map(|(at, hosts)| self.server(at, &hosts))
            .collect()
    }

    fn server(&self, at: SocketAddr, hosts: &[&ProbedHost]) -> HostReport {
        let mut told = HostReport {
            host: at.to_string(),
            ..HostReport::default()
        };
        if self.client.speaks_quic(at) {
            told.wrong.push(HostFault::SpeaksQuic);
        }
        let is_here = |site: &&Site| hosts.iter().any(|host| host.report.host == site.host);
        let here: Vec<&Site> = self.sites.iter().filter(is_here).collect();
        let before_certificates = here
            .iter()
            .find(|site| site.certificate != Some(CertificateMode::Required))
            .copied();
        for name in undeclared(&self.homelab.domain.to_string()) {
            let mut ask = |server_name, outcome| {
                let request = self.undeclared(at, server_name, &name, outcome);
                told.requests.push(request);
            };
            let domain = self.homelab.domain.as_str();
            let is_answered = here.iter().any(|site| site.edge.fallback.is_some())
                && name.split_once('.').is_some_and(|(_, rest)| rest == domain);
            let outcome = match is_answered {
                true => Outcome::Admitted,
                false => Outcome::Unserved,
            };
            ask(Some(name.as_str()), outcome);
            ask(None, Outcome::Unserved);
            if let Some(site) = before_certificates {
                ask(Some(&site.host), Outcome::Misdirected);
            }
        }
        let declared = here.iter().map(|site| match site.edge.admin {
            Admin::Local { port, .. } => port,
            Admin::Socket(_) | Admin::Off => Admin::PORT,
        });
        let ports: BTreeSet<u16> = match self.ports.admin {
            Some(port) => BTreeSet::from([port]),
            None => declared.collect(),
        };
        let admins = ports.into_iter().map(|port| SocketAddr::new(at.ip(), port));
        let answering = admins.filter(|admin| self.answers_to_admin(*admin));
        told.wrong.extend(answering.map(HostFault::AdminEndpoint));
        let first = here.first().copied();
        let signs = Signs {
            is_caddy: hosts.iter().any(|host| host.is_caddy),
            hybrid: first.and_then(|site| self.client.is_hybrid(at, &site.host)),
            refuses_long_heads: self.refuses_long_heads(at, first, before_certificates),
        };
        if !signs.age().is_safe() {
            told.notes.push(HostNote::Caddy(signs.age()));
        }
        told
    }

    /// Whether a certificate out of a file may be for that name, as one for all hosts right below the domain is. Caddy ends the handshake then, and
    /// answers with an empty page by itself.
    fn may_have_certificate_for(&self, name: Option<&str>) -> bool {
        let parent = name.and_then(|name| name.split_once('.'));
        let is_below = parent.is_some_and(|(_, parent)| parent == self.homelab.domain.as_str());
        let mut certificates = self.sites.iter().map(|site| &site.edge.certificates);
        is_below && certificates.any(|kind| matches!(kind, SiteCertificates::Files { .. }))
    }

    /// A name that nobody declares.
    fn undeclared(
        &self,
        at: SocketAddr,
        server_name: Option<&str>,
        host: &str,
        outcome: Outcome,
    ) -> RequestReport {
        let seen = self.client.visit(&Visit {
            address: at,
            server_name,
            protocol: Protocol::Http1,
            request: Request::get(&with_port(host, at.port()), "/"),
            identity: None,
        });
        let expected = Expected::always(outcome);
        let is_free = self.pages == Pages::Overridden || self.may_have_certificate_for(server_name);
        let judgement = match judge(&expected, &seen.answer, Place::Unknown, self.pages) {
            // Sites of the user's own may be for any name.
            Judgement::Wrong(fault) if is_free => Judgement::Tolerable(fault),
            judgement => judgement,
        };
        RequestReport {
            visitor: self.name(Visitor::Nobody).to_owned(),
            path: format!("https://{host}/"),
            policy: None,
            server_name: match server_name {
                Some(name) if name == host => None,
                other => Some(other.unwrap_or_default().to_owned()),
            },
            expected: outcome.to_string(),
            got: seen.answer.to_string(),
            is_without_handshake: matches!(seen.answer, Answer::HandshakeFailed(_)),
            judgement,
        }
    }

    /// Whether Caddy's admin endpoint is reached where the services are. At loopback it has to be.
    fn answers_to_admin(&self, address: SocketAddr) -> bool {
        let loopback = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        if loopback.contains(&address.ip().to_canonical()) {
            return false;
        }
        let host = address.to_string();
        let request = Request::get(&host, "/config/");
        self.client.get_without_tls(address, request).is_some()
    }

    /// Whether a head of 24 KiB is refused as such, by a site that answers before there is a certificate, or
    /// else without TLS; none where neither can be asked.
    fn refuses_long_heads(
        &self,
        at: SocketAddr,
        any: Option<&Site>,
        before_certificates: Option<&Site>,
    ) -> Option<bool> {
        let padding = "a".repeat(LONG);
        let headers = [("X-Homelab-Verify", padding.as_str())];
        let request = |host| Request {
            headers: &headers,
            ..Request::get(host, "/")
        };
        let reply = match (before_certificates, any) {
            (Some(site), _) => {
                let host = with_port(&site.host, at.port());
                let visit = Visit {
                    address: at,
                    server_name: Some(&site.host),
                    protocol: Protocol::Http1,
                    request: request(&host),
                    identity: None,
                };
                self.client.visit(&visit).reply
            }
            (None, Some(site)) => {
                let address = SocketAddr::new(at.ip(), self.ports.http);
                self.client.get_without_tls(address, request(&site.host))
            }
            (None, None) => None,
        };
        // RFC 6585 §5
        reply.map(|reply| reply.status == 431)
    }
}
