//! Where a visitor gets to: a configuration is gone through as Caddy does for a request, with what is not known of the request left
//! open.
//!
//! A condition is met, not met, or undecided. What stands behind an undecided one is reached perhaps, and so is what comes after it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::configuration::{
    Expression, Handler, Mapping, Matcher, MatcherSet, Pattern, Proxy, Ranges, Route, Server,
    covers,
};

/// Placeholders of a visitor's certificate begin so.
pub(super) const CERTIFICATE: &str = "http.request.tls.client.";

/// Who comes, from an address that is nobody's home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visitor {
    /// With nothing to show.
    Nobody,
    /// With a certificate, of which nothing more is known.
    WithCertificate,
}

/// Something that gives an answer, and what has to be so for that.
pub(super) struct Answer<'c> {
    pub handler: &'c Handler,
    /// The conditions that could not be decided.
    pub undecided: Vec<&'c Matcher>,
    /// Routes that refuse, and that were passed because their conditions need not be met.
    pub passed: Vec<&'c Route>,
    /// The headers that are removed on the way, as they are written.
    pub removed: Vec<&'c str>,
    /// Whether what is asked for was changed on the way.
    pub is_rewritten: bool,
}

impl<'c> Answer<'c> {
    /// The upstreams that get the request.
    pub(in crate::lint) fn dials(&self) -> impl Iterator<Item = &'c str> + use<'c> {
        let proxy = match self.handler {
            Handler::ReverseProxy(proxy) => Some(proxy),
            _ => None,
        };
        let upstreams = proxy.into_iter().flat_map(|proxy| &proxy.upstreams);
        upstreams.map(|upstream| upstream.dial.as_str())
    }

    /// Whether it is reached whatever is asked for.
    pub(in crate::lint) fn is_certain(&self) -> bool {
        self.undecided.is_empty()
    }
}

/// Goes through routes as a visitor to a host, and gives each answer that is reached, certainly or perhaps.
pub(super) fn reach<'c>(
    server: &'c Server,
    routes: &'c [Route],
    host: Option<&'c str>,
    visitor: Visitor,
) -> Vec<Answer<'c>> {
    let mut walk = Walk {
        server,
        host,
        visitor,
        undecided: Vec::new(),
        passed: Vec::new(),
        removed: Vec::new(),
        is_rewritten: false,
        variables: BTreeMap::new(),
        depth: 0,
        invoked: 0,
        answers: Vec::new(),
    };
    walk.list(routes);
    walk.answers
}

/// How far a condition is known to be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Yes,
    No,
    Perhaps,
}

/// How a list of routes ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// What comes after it has its turn.
    GoesOn,
    Answers,
    Refuses,
}

struct Walk<'c> {
    server: &'c Server,
    host: Option<&'c str>,
    visitor: Visitor,
    undecided: Vec<&'c Matcher>,
    passed: Vec<&'c Route>,
    removed: Vec<&'c str>,
    is_rewritten: bool,
    /// What is known of variables; none where one is perhaps set.
    variables: BTreeMap<&'c str, Option<&'c str>>,
    /// How many named routes it is in: one that invokes itself has no end.
    depth: usize,
    /// How many have been gone through: ten that each invoke the next ten times have hardly one.
    invoked: usize,
    answers: Vec<Answer<'c>>,
}

/// Named routes within each other, at the most.
const DEEPEST: usize = 16;

/// Named routes that are gone through for one visitor, at the most.
const MOST_INVOKED: usize = 1024;

impl<'c> Walk<'c> {
    fn list(&mut self, routes: &'c [Route]) -> End {
        let mut taken: Vec<&str> = Vec::new();
        for route in routes {
            let group = route.group.as_deref();
            if group.is_some_and(|group| taken.contains(&group)) {
                continue;
            }
            let met = self.route_is_for(route);
            if met == Met::No {
                continue;
            }
            let (before, known) = (self.answers.len(), self.undecided.len());
            if met == Met::Perhaps {
                let sets = route
                    .matches
                    .iter()
                    .filter(|set| self.all(set) == Met::Perhaps);
                let open: Vec<&Matcher> = sets
                    .flat_map(|set| &set.0)
                    .filter(|matcher| self.one(matcher) == Met::Perhaps)
                    .collect();
                self.undecided.extend(open);
            }
            let end = self.handlers(&route.handlers);
            self.undecided.truncate(known);
            match (met, end) {
                (Met::Yes, End::Answers | End::Refuses) => return end,
                (Met::Yes, End::GoesOn) if route.terminal => return End::Answers,
                (Met::Yes, End::GoesOn) => taken.extend(group),
                (_, End::Refuses) if self.answers.len() == before => self.passed.push(route),
                _ => {}
            }
        }
        End::GoesOn
    }

    fn handlers(&mut self, handlers: &'c [Handler]) -> End {
        for handler in handlers {
            let end = match handler {
                Handler::Subroute { routes } => self.list(routes),
                Handler::Invoke { name } => self.invoke(name),
                Handler::ReverseProxy(proxy) if asks_a_gateway(proxy) => End::Refuses,
                Handler::ReverseProxy(_) | Handler::FileServer { .. } => {
                    self.answer(handler);
                    End::Answers
                }
                Handler::StaticResponse { status_code, abort }
                    if !*abort && !refuses(status_code) =>
                {
                    End::Answers
                }
                Handler::StaticResponse { .. }
                | Handler::Error { .. }
                | Handler::Authentication { .. } => End::Refuses,
                other => {
                    self.take_note(other);
                    End::GoesOn
                }
            };
            if end != End::GoesOn {
                return end;
            }
        }
        End::GoesOn
    }

    fn invoke(&mut self, name: &str) -> End {
        let is_too_much = self.depth >= DEEPEST || self.invoked >= MOST_INVOKED;
        let Some(route) = self.server.named_routes.get(name).filter(|_| !is_too_much) else {
            return End::GoesOn;
        };
        self.depth += 1;
        self.invoked += 1;
        let end = self.list(std::slice::from_ref(route));
        self.depth -= 1;
        end
    }

    fn answer(&mut self, handler: &'c Handler) {
        self.answers.push(Answer {
            handler,
            undecided: self.undecided.clone(),
            passed: self.passed.clone(),
            removed: self.removed.clone(),
            is_rewritten: self.is_rewritten,
        });
    }

    fn take_note(&mut self, handler: &'c Handler) {
        let is_certain = self.undecided.is_empty();
        match handler {
            Handler::Headers { request, .. } if is_certain => {
                self.removed.extend(
                    request
                        .delete
                        .iter()
                        .chain(request.set.keys())
                        .map(String::as_str),
                );
            }
            Handler::Rewrite(_) => self.is_rewritten = true,
            Handler::Vars(variables) => {
                for (name, value) in variables {
                    // What is filled in may come to anything.
                    let is_known = |value: &&str| is_certain && !value.contains('{');
                    let value = value.as_str().filter(is_known);
                    self.variables.insert(name, value);
                }
            }
            Handler::Map(map) => {
                let is_of_certificate = bare(&map.source).starts_with(CERTIFICATE)
                    && map.source.matches('{').count() == 1
                    && map.mappings.iter().all(Mapping::is_of_somebody);
                let is_known = is_of_certificate && self.visitor == Visitor::Nobody;
                for (at, destination) in map.destinations.iter().enumerate() {
                    let (name, default) = (bare(destination), map.defaults.get(at));
                    let default = default.map_or("", String::as_str);
                    // Where it has that value already, it is of no matter whether this is passed.
                    let is_so = || self.variables.get(name).is_none_or(|v| *v == Some(default));
                    let is_known = is_known && (is_certain || default.is_empty() && is_so());
                    self.variables.insert(name, is_known.then_some(default));
                }
            }
            _ => {}
        }
    }

    fn route_is_for(&self, route: &'c Route) -> Met {
        if route.matches.is_empty() {
            return Met::Yes;
        }
        any(route.matches.iter().map(|set| self.all(set)))
    }

    fn all(&self, set: &'c MatcherSet) -> Met {
        all(set.0.iter().map(|matcher| self.one(matcher)))
    }

    fn one(&self, matcher: &'c Matcher) -> Met {
        match matcher {
            Matcher::Host(hosts) => match self.host {
                Some(host) => decided(hosts.iter().any(|pattern| covers(pattern, host))),
                None => Met::No,
            },
            // Of several in one matcher Caddy takes any one: `VarsMatcher.Match` of 2.6.2 and of 2.11.
            Matcher::Vars(values) => any(values
                .iter()
                .map(|(key, values)| self.variable(key, values))),
            Matcher::VarsRegexp(patterns) => any(patterns
                .iter()
                .map(|(key, pattern)| self.of_certificate(key, pattern))),
            Matcher::Expression(Expression(text)) => self.expression(text),
            Matcher::RemoteIp(ranges) | Matcher::ClientIp(ranges) => holds_a_stranger(ranges),
            Matcher::Not(sets) => match any(sets.iter().map(|set| self.all(set))) {
                Met::Yes => Met::No,
                Met::No => Met::Yes,
                Met::Perhaps => Met::Perhaps,
            },
            Matcher::Path(paths) if paths.iter().any(|path| path == "*" || path == "/*") => {
                Met::Yes
            }
            _ => Met::Perhaps,
        }
    }

    fn variable(&self, key: &str, values: &[String]) -> Met {
        if values.iter().any(|value| value.contains('{')) {
            return Met::Perhaps;
        }
        let name = bare(key);
        if name.starts_with(CERTIFICATE) {
            return match self.visitor {
                Visitor::Nobody => decided(values.iter().any(String::is_empty)),
                Visitor::WithCertificate => Met::Perhaps,
            };
        }
        match self.variables.get(name) {
            Some(Some(value)) => decided(values.iter().any(|known| known == value)),
            Some(None) => Met::Perhaps,
            // A variable that is named without braces is of this configuration.
            None if !key.starts_with('{') => decided(values.iter().any(String::is_empty)),
            None => Met::Perhaps,
        }
    }

    /// Who has no certificate meets a pattern that takes anything, or nothing.
    fn of_certificate(&self, key: &str, Pattern { pattern }: &Pattern) -> Met {
        let pattern = pattern.replace("[0-9a-f]{64}", "");
        let may_be_nothing = pattern.contains(['*', '+', '?', '|', '{']);
        if self.visitor == Visitor::Nobody && bare(key).starts_with(CERTIFICATE) && !may_be_nothing
        {
            Met::No
        } else {
            Met::Perhaps
        }
    }

    /// Whether it is a list of texts, and the value that is known of what has to be in it is none of these.
    fn is_elsewhere(&self, part: &str) -> bool {
        let Some((name, list)) = part.trim().split_once(" in [") else {
            return false;
        };
        let is_placeholder = name.starts_with('{') && name.ends_with('}');
        let Some(Some(value)) = self.variables.get(bare(name)).filter(|_| is_placeholder) else {
            return false;
        };
        // What is filled in, or stands for another character, may come to anything.
        let is_of_texts = list.ends_with(']') && !list.contains(['{', '\\', '[', '(']);
        let said = ['\'', '"'].map(|quote| format!("{quote}{value}{quote}"));
        is_of_texts && !said.iter().any(|said| list.contains(said.as_str()))
    }

    /// A list of certificates, or one, is not met by who has none. Of other expressions nothing is said.
    fn expression(&self, text: &str) -> Met {
        let is_plain = !text.contains(['!', '|', '?']);
        let is_of_nothing =
            { ["\"\"", "''", "null", "false"].iter() }.any(|word| text.contains(word));
        // Of what has to be met together, one that is not met is enough.
        let is_list = |part: &str| {
            part.matches('{').count() == 1
                && part.contains(CERTIFICATE)
                && (part.contains(" in [") || part.contains("=="))
        };
        let is_list = text
            .split("&&")
            .any(|part| is_list(part) || self.is_elsewhere(part));
        if is_plain && is_list && !is_of_nothing && self.visitor == Visitor::Nobody {
            Met::No
        } else {
            Met::Perhaps
        }
    }
}

/// A name without the braces of a placeholder, nor what says that it is a variable.
pub(super) fn bare(key: &str) -> &str {
    let key = key
        .strip_prefix('{')
        .and_then(|key| key.strip_suffix('}'))
        .unwrap_or(key);
    key.strip_prefix("http.vars.").unwrap_or(key)
}

/// Whether it asks somebody whether a request may go on: so does Caddy's `forward_auth`.
pub(super) fn asks_a_gateway(proxy: &Proxy) -> bool {
    let asks = proxy
        .rewrite
        .as_ref()
        .is_some_and(|rewrite| rewrite.uri.is_some());
    asks && !proxy.handle_response.is_empty()
}

/// Whether a status is one of a refusal.
pub(super) fn refuses(status: &serde_json::Value) -> bool {
    let number = status.as_u64().or_else(|| status.as_str()?.parse().ok());
    number.is_some_and(|status| status >= 400)
}

fn decided(is_met: bool) -> Met {
    if is_met { Met::Yes } else { Met::No }
}

fn all(conditions: impl Iterator<Item = Met>) -> Met {
    let mut all = Met::Yes;
    for met in conditions {
        match met {
            Met::No => return Met::No,
            Met::Perhaps => all = Met::Perhaps,
            Met::Yes => {}
        }
    }
    all
}

fn any(conditions: impl Iterator<Item = Met>) -> Met {
    let mut any = Met::No;
    for met in conditions {
        match met {
            Met::Yes => return Met::Yes,
            Met::Perhaps => any = Met::Perhaps,
            Met::No => {}
        }
    }
    any
}

/// RFC 5737 §3 and RFC 3849: addresses that are nobody's.
const STRANGERS: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 77)),
    IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77)),
];

fn holds_a_stranger(ranges: &Ranges) -> Met {
    if ranges.forwarded || ranges.networks().count() < ranges.ranges.len() {
        return Met::Perhaps;
    }
    let holds = |stranger: &IpAddr| ranges.networks().any(|network| network.contains(stranger));
    decided(STRANGERS.iter().any(holds))
}
