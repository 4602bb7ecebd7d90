//! A server as a whole: what it does besides serving the declared hosts.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::visit::{Protocol, Request, Visit, Wanted};
use super::asking::{Asked, Prober, with_port};
use super::report::{HostReport, RequestReport};
use crate::verify::{Expected, Guard, Outcome, Place, Signs, Site, Verdict, judge, undeclared};

/// How long a head is that recent Caddys refuse: they take 16 KiB and some more.
const LONG: usize = 24 << 10;

impl Prober<'_> {
    /// Asks each server at which a host was reached.
    pub fn servers(&self, hosts: &[Asked]) -> Vec<HostReport> {
        let mut servers: BTreeMap<SocketAddr, Vec<&Asked>> = BTreeMap::new();
        for asked in hosts {
            if let (Some(at), Some(_)) = (asked.at, asked.told.tls) {
                servers.entry(at).or_default().push(asked);
            }
        }
        servers
            .into_iter()
            .map(|(at, hosts)| self.server(at, &hosts))
            .collect()
    }

    fn server(&self, at: SocketAddr, hosts: &[&Asked]) -> HostReport {
        let mut told = HostReport {
            host: at.to_string(),
            ..HostReport::default()
        };
        if self.visitors.speaks_quic(at) {
            told.is_wrong("it speaks QUIC: HTTP/3 is to be off");
        }
        let is_here = |site: &&Site| hosts.iter().any(|asked| asked.told.host == site.host);
        let here: Vec<&Site> = self.all.iter().filter(is_here).collect();
        let talkative = here
            .iter()
            .find(|site| site.guard != Guard::Required)
            .copied();
        for name in undeclared(&self.homelab.domain.to_string()) {
            self.undeclared(at, Some(&name), &name, Outcome::Unserved, &mut told);
            self.undeclared(at, None, &name, Outcome::Unserved, &mut told);
            if let Some(site) = talkative {
                let behind = Some(site.host.as_str());
                self.undeclared(at, behind, &name, Outcome::Misdirected, &mut told);
            }
        }
        if self.answers_to_admin(at) {
            told.is_wrong(format!(
                "its admin endpoint answers at {}: whoever reaches it can replace the policy",
                SocketAddr::new(at.ip(), self.arguments.admin_port)
            ));
        }
        let signs = Signs {
            is_caddy: hosts.iter().any(|asked| asked.is_caddy),
            hybrid: here
                .first()
                .and_then(|site| self.visitors.is_hybrid(at, &site.host)),
            refuses_long_heads: self.refuses_long_heads(at, here.first().copied(), talkative),
        };
        told.notes.extend(signs.age().warning());
        told
    }

    /// A name that nobody declares.
    fn undeclared(
        &self,
        at: SocketAddr,
        server_name: Option<&str>,
        host: &str,
        outcome: Outcome,
        told: &mut HostReport,
    ) {
        let seen = self.visitors.make(&Visit {
            address: at,
            server_name,
            protocol: Protocol::Http1,
            request: Request {
                method: "GET",
                host: &with_port(host, at.port()),
                path: "/",
                headers: &[],
                wanted: Wanted::Head,
            },
            shown: None,
        });
        let expected = Expected::always(outcome);
        let mut judged = judge(expected, &seen.answer, Place::Unknown, self.own_templates);
        if judged.verdict == Verdict::Wrong && self.own_templates {
            // Sites of the user's own may be for any name.
            judged.verdict = Verdict::Either;
        }
        told.requests.push(RequestReport {
            visitor: String::from("nobody"),
            path: format!("https://{host}/"),
            server_name: match server_name {
                Some(name) if name == host => None,
                other => Some(other.unwrap_or_default().to_owned()),
            },
            expected: outcome.to_string(),
            got: seen.answer.to_string(),
            verdict: judged.verdict,
            why: judged.why,
        });
    }

    /// Whether Caddy's admin endpoint is reached where the services are. At loopback it has to be.
    fn answers_to_admin(&self, at: SocketAddr) -> bool {
        let loopback = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        let address = SocketAddr::new(at.ip(), self.arguments.admin_port);
        if loopback.contains(&at.ip().to_canonical()) {
            return false;
        }
        let host = address.to_string();
        let asked = Request {
            method: "GET",
            host: &host,
            path: "/config/",
            headers: &[],
            wanted: Wanted::Head,
        };
        self.visitors.make_plain(address, &asked).is_ok()
    }

    /// Whether a head of 24 KiB is refused as such, by a site that answers before there is a certificate, or
    /// else without TLS; none where neither can be asked.
    fn refuses_long_heads(
        &self,
        at: SocketAddr,
        any: Option<&Site>,
        talkative: Option<&Site>,
    ) -> Option<bool> {
        let padding = "a".repeat(LONG);
        let headers = [("X-Homelab-Verify", padding.as_str())];
        let site = talkative.or(any)?;
        let request = |host| Request {
            method: "GET",
            host,
            path: "/",
            headers: &headers,
            wanted: Wanted::Head,
        };
        let reply = match talkative {
            Some(site) => {
                let host = with_port(&site.host, at.port());
                let visit = Visit {
                    address: at,
                    server_name: Some(&site.host),
                    protocol: Protocol::Http1,
                    request: request(&host),
                    shown: None,
                };
                self.visitors.make(&visit).reply
            }
            None => {
                let address = SocketAddr::new(at.ip(), self.arguments.http_port);
                self.visitors.make_plain(address, &request(&site.host)).ok()
            }
        };
        // RFC 6585 §5
        reply.map(|reply| reply.status == 431)
    }
}
