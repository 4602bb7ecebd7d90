//! A configuration with all that the forms ask of it, worked out once.

use std::collections::BTreeSet;

use super::configuration::{
    ClientAuthentication, Configuration, ConnectionPolicy, Handler, Matcher, MatcherSet, Mode,
    Route, Server,
};
use super::place::Place;
use super::reach::{Answer, Visitor, asks_a_gateway, reach};
use crate::model::CaddyVersion;

/// What is judged.
pub(super) struct Subject<'c> {
    pub configuration: &'c Configuration,
    pub caddy: Option<CaddyVersion>,
    pub servers: Vec<Serving<'c>>,
    /// Every route, in the order in which they stand.
    pub stands: Vec<Stand<'c>>,
    /// What is behind a certificate somewhere.
    pub guarded: Vec<Guarded<'c>>,
}

/// A server, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Serving<'c> {
    pub name: &'c str,
    pub server: &'c Server,
}

/// A route where it stands.
pub(super) struct Stand<'c> {
    pub serving: Serving<'c>,
    /// Those that it stands in, the outermost first, and itself last.
    pub routes: Vec<&'c Route>,
    /// For each of these the list that it is in, and which it is there.
    pub steps: Vec<Step<'c>>,
    pub place: Place,
    /// The hosts that it is for; none where it is for all.
    pub hosts: Vec<&'c str>,
    pub section: Section,
}

/// A route in its list.
#[derive(Clone, Copy)]
pub(super) struct Step<'c> {
    pub list: &'c [Route],
    pub index: usize,
}

/// What a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Requests,
    /// Requests that were refused, or could not be answered.
    Errors,
}

/// An upstream that is reached with a certificate, at a host where nobody else is to reach it.
pub(super) struct Guarded<'c> {
    pub serving: Serving<'c>,
    pub host: &'c str,
    pub dial: &'c str,
}

/// What is asked of visitors' certificates, at a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// None is asked for.
    Nothing,
    /// One has to be there, of anybody.
    Anyones,
    /// One may be there.
    Perhaps,
    /// One of an authority has to be there.
    Verified,
}

impl<'c> Subject<'c> {
    pub(in crate::lint) fn of(
        configuration: &'c Configuration,
        caddy: Option<CaddyVersion>,
    ) -> Subject<'c> {
        let servers = configuration
            .servers()
            .map(|(name, server)| Serving { name, server });
        let servers: Vec<Serving<'_>> = servers.collect();
        let stands: Vec<Stand<'_>> = servers
            .iter()
            .flat_map(|serving| serving.stands())
            .collect();
        // A gateway is there for those who have not shown anything yet.
        let gateways = gateways(&stands);
        let guarded = { servers.iter() }
            .flat_map(|serving| serving.guarded())
            .filter(|guarded| !gateways.contains(guarded.dial))
            .collect();
        Subject {
            configuration,
            caddy,
            servers,
            stands,
            guarded,
        }
    }

    /// Whether the Caddy is older than that; of one that is not known, it is not said.
    pub(in crate::lint) fn is_before(&self, version: CaddyVersion) -> bool {
        self.caddy.is_some_and(|caddy| caddy < version)
    }

    /// Whether a certificate counts for anything here.
    pub(in crate::lint) fn knows_certificates(&self) -> bool {
        self.servers
            .iter()
            .any(|serving| serving.server.asks_for_certificates())
    }

    /// Each condition of each route, those within `not` and those besides.
    pub(in crate::lint) fn matchers(
        &self,
    ) -> impl Iterator<Item = (&Stand<'c>, &'c Matcher, Polarity)> {
        self.stands.iter().flat_map(|stand| {
            let mut all = Vec::new();
            let sets = stand.route().matches.iter();
            sets.for_each(|set| gather(set, Polarity::Met, &mut all));
            all.into_iter()
                .map(move |(matcher, polarity)| (stand, matcher, polarity))
        })
    }

    /// Each step of each route.
    pub(in crate::lint) fn handlers(&self) -> impl Iterator<Item = (&Stand<'c>, &'c Handler)> {
        let stands = self.stands.iter();
        stands.flat_map(|stand| {
            stand
                .route()
                .handlers
                .iter()
                .map(move |handler| (stand, handler))
        })
    }

    /// Whether an upstream is behind a certificate somewhere.
    pub(in crate::lint) fn is_guarded(&self, dial: &str) -> bool {
        self.guarded.iter().any(|guarded| guarded.dial == dial)
    }
}

/// Whether a condition is to be met or not to be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Polarity {
    Met,
    NotMet,
}

/// Where somebody is asked who a visitor is.
fn gateways<'c>(stands: &[Stand<'c>]) -> BTreeSet<&'c str> {
    let handlers = stands.iter().flat_map(|stand| &stand.route().handlers);
    let proxies = handlers.filter_map(|handler| match handler {
        Handler::ReverseProxy(proxy) if asks_a_gateway(proxy) => Some(proxy),
        _ => None,
    });
    let upstreams = proxies.flat_map(|proxy| &proxy.upstreams);
    upstreams.map(|upstream| upstream.dial.as_str()).collect()
}

fn gather<'c>(set: &'c MatcherSet, polarity: Polarity, all: &mut Vec<(&'c Matcher, Polarity)>) {
    for matcher in &set.0 {
        all.push((matcher, polarity));
        if let Matcher::Not(sets) = matcher {
            let other = match polarity {
                Polarity::Met => Polarity::NotMet,
                Polarity::NotMet => Polarity::Met,
            };
            sets.iter().for_each(|set| gather(set, other, all));
        }
    }
}

impl<'c> Serving<'c> {
    /// The server as a whole.
    pub(in crate::lint) fn place(&self) -> Place {
        let listen = self.server.listen.join(" ");
        let at = if listen.is_empty() {
            self.name.to_owned()
        } else {
            listen
        };
        Place::new(at, format!("apps.http.servers.{}", self.name))
    }

    /// One of its policies for handshakes.
    pub(in crate::lint) fn place_of_policy(
        &self,
        index: usize,
        policy: &ConnectionPolicy,
    ) -> Place {
        let Place { at, path } = self.place();
        let names = policy.names();
        let at = if names.is_empty() {
            at
        } else {
            names.join(" ")
        };
        Place::new(at, format!("{path}.tls_connection_policies[{index}]"))
    }

    /// Its policies that say something of clients' certificates.
    pub(in crate::lint) fn asking(
        &self,
    ) -> impl Iterator<Item = (Place, &'c ConnectionPolicy, &'c ClientAuthentication)> {
        let policies = self.server.tls_connection_policies.iter().enumerate();
        policies.filter_map(|(index, policy)| {
            let asked = policy.client_authentication.as_ref()?;
            Some((self.place_of_policy(index, policy), policy, asked))
        })
    }

    /// What is asked of a visitor to that host before there is a request.
    pub(in crate::lint) fn asked(&self, host: &str) -> Asked {
        let mut policies = self.server.tls_connection_policies.iter();
        let policy = policies.find(|policy| policy.is_for(host));
        let Some(asked) = policy.and_then(|policy| policy.client_authentication.as_ref()) else {
            return Asked::Nothing;
        };
        match asked.mode() {
            Mode::Off => Asked::Nothing,
            Mode::Request | Mode::VerifyIfGiven => Asked::Perhaps,
            Mode::Require if asked.pins() => Asked::Verified,
            Mode::Require => Asked::Anyones,
            Mode::RequireAndVerify => Asked::Verified,
        }
    }

    /// The hosts that its routes name, sorted.
    pub(in crate::lint) fn hosts(&self) -> Vec<&'c str> {
        let sets = self.server.routes.iter().flat_map(|route| &route.matches);
        let mut hosts: Vec<&str> = sets.flat_map(MatcherSet::hosts).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// What is answered there. Where a certificate of an authority has to be there, nobody else gets as far as to a request.
    pub(in crate::lint) fn reach(
        &self,
        host: Option<&'c str>,
        visitor: Visitor,
    ) -> Vec<Answer<'c>> {
        self.reach_by(&self.server.routes, host, visitor)
    }

    /// The same, where a request was refused before.
    pub(in crate::lint) fn reach_by_errors(&self, host: Option<&'c str>) -> Vec<Answer<'c>> {
        self.reach_by(&self.server.errors.routes, host, Visitor::Nobody)
    }

    fn reach_by(
        &self,
        routes: &'c [Route],
        host: Option<&'c str>,
        visitor: Visitor,
    ) -> Vec<Answer<'c>> {
        let is_kept_out = host.is_some_and(|host| self.asked(host) == Asked::Verified);
        if is_kept_out && visitor == Visitor::Nobody {
            return Vec::new();
        }
        reach(self.server, routes, host, visitor)
    }

    fn guarded(&self) -> Vec<Guarded<'c>> {
        let mut guarded = Vec::new();
        for host in self.hosts() {
            if self.asked(host) == Asked::Nothing {
                continue;
            }
            let open = self.reach(Some(host), Visitor::Nobody);
            for answer in self.reach(Some(host), Visitor::WithCertificate) {
                let is_open = |other: &Answer<'_>| std::ptr::eq(other.handler, answer.handler);
                if !open.iter().any(is_open) {
                    let serving = *self;
                    guarded.extend(answer.dials().map(|dial| Guarded {
                        serving,
                        host,
                        dial,
                    }));
                }
            }
        }
        guarded
    }

    fn stands(&self) -> Vec<Stand<'c>> {
        let mut stands = Vec::new();
        let path = self.place().path;
        let Server {
            routes,
            errors,
            named_routes,
            ..
        } = self.server;
        let requests = Section::Requests;
        self.gather(
            routes,
            &format!("{path}.routes"),
            requests,
            &[],
            &mut stands,
        );
        self.gather(
            &errors.routes,
            &format!("{path}.errors.routes"),
            Section::Errors,
            &[],
            &mut stands,
        );
        for (name, route) in named_routes {
            let path = format!("{path}.named_routes.{name}");
            self.gather(
                std::slice::from_ref(route),
                &path,
                requests,
                &[],
                &mut stands,
            );
        }
        stands
    }

    fn gather(
        &self,
        list: &'c [Route],
        path: &str,
        section: Section,
        above: &[Step<'c>],
        stands: &mut Vec<Stand<'c>>,
    ) {
        for (index, route) in list.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let steps = [above, &[Step { list, index }]].concat();
            let routes: Vec<&Route> = steps.iter().map(|step| &step.list[step.index]).collect();
            let named = routes.iter().rev().map(|route| hosts_of(route));
            let hosts = { named }
                .find(|hosts| !hosts.is_empty())
                .unwrap_or_default();
            let at = if hosts.is_empty() {
                self.place().at
            } else {
                hosts.join(" ")
            };
            stands.push(Stand {
                serving: *self,
                routes,
                steps: steps.clone(),
                place: Place::new(at, path.clone()),
                hosts,
                section,
            });
            for (at, handler) in route.handlers.iter().enumerate() {
                let path = format!("{path}.handle[{at}]");
                match handler {
                    Handler::Subroute { routes: list } => {
                        self.gather(list, &format!("{path}.routes"), section, &steps, stands);
                    }
                    Handler::ReverseProxy(proxy) => {
                        for (at, response) in proxy.handle_response.iter().enumerate() {
                            let path = format!("{path}.handle_response[{at}].routes");
                            self.gather(&response.routes, &path, section, &steps, stands);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

fn hosts_of(route: &Route) -> Vec<&str> {
    route.matches.iter().flat_map(MatcherSet::hosts).collect()
}

impl<'c> Stand<'c> {
    pub(in crate::lint) fn route(&self) -> &'c Route {
        self.routes
            .last()
            .expect("a route stands at least in itself")
    }

    /// The routes of its list that come before it.
    pub(in crate::lint) fn before(&self) -> &'c [Route] {
        self.steps
            .last()
            .map_or(&[], |step| &step.list[..step.index])
    }

    /// The routes of its list, from itself on.
    pub(in crate::lint) fn rest(&self) -> &'c [Route] {
        self.steps
            .last()
            .map_or(&[], |step| &step.list[step.index..])
    }

    /// The headers that are removed from every request before it comes to a step of this route.
    pub(in crate::lint) fn removed_before(&self, step: &'c Handler) -> Vec<&'c str> {
        let certain = self.certain_before();
        let own = self
            .route()
            .handlers
            .iter()
            .take_while(|handler| !std::ptr::eq(*handler, step));
        let removed = certain.chain(own).filter_map(|handler| match handler {
            Handler::Headers { request, .. } => Some(&request.delete),
            _ => None,
        });
        removed.flatten().map(String::as_str).collect()
    }

    /// What is done with every request before it comes to this route.
    fn certain_before(&self) -> impl Iterator<Item = &'c Handler> {
        let before = self.steps.iter().flat_map(|step| &step.list[..step.index]);
        let certain = before.filter(|route| route.matches.is_empty());
        certain.flat_map(|route| &route.handlers)
    }

    /// The headers, as they are written, that are no word of the visitor's any more in every request that comes to this route.
    pub(in crate::lint) fn replaced_before(&self) -> impl Iterator<Item = &'c str> {
        let rules = self.certain_before().filter_map(|handler| match handler {
            Handler::Headers { request, .. } => Some(request),
            _ => None,
        });
        rules.flat_map(|rules| {
            let is_sent = |values: &[String]| values.iter().any(|v| v.contains("{http.request."));
            let set = rules.set.iter().filter(move |(_, values)| !is_sent(values));
            let set = set.map(|(name, _)| name.as_str());
            set.chain(rules.delete.iter().map(String::as_str))
        })
    }

    /// Whether whoever gets there has shown a certificate of an authority.
    pub(in crate::lint) fn is_verified(&self) -> bool {
        let mut hosts = self.hosts.iter();
        !self.hosts.is_empty() && hosts.all(|host| self.serving.asked(host) == Asked::Verified)
    }

    pub(in crate::lint) fn found(&self, what: impl Into<String>) -> super::place::Found {
        self.place.clone().found(what)
    }

    /// Every condition above it and of its own that has to be met.
    pub(in crate::lint) fn conditions(&self) -> impl Iterator<Item = &'c Matcher> {
        let sets = self.routes.iter().flat_map(|route| &route.matches);
        sets.flat_map(|set| &set.0)
    }
}
