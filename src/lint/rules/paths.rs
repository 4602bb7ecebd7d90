//! What is open by its path, and what is guarded by it.

use super::super::configuration::{Expression, Handler, Matcher, MatcherSet, Route};
use super::super::place::Found;
use super::super::reach::{Answer, CERTIFICATE, Visitor, asks_a_gateway, bare};
use super::super::subject::{Guarded, Polarity, Subject};
use super::{checks, ways};

/// The patterns of paths in conditions.
pub(super) fn patterns(sets: &[MatcherSet], polarity: Polarity) -> Vec<&str> {
    let matchers = sets.iter().flat_map(|set| &set.0);
    let found = matchers.filter_map(|matcher| match (matcher, polarity) {
        (Matcher::Path(paths), Polarity::Met) => Some(paths.iter().map(String::as_str).collect()),
        (Matcher::Not(sets), Polarity::NotMet) => Some(patterns(sets, Polarity::Met)),
        _ => None,
    });
    found.flatten().collect()
}

/// A part of what is behind a certificate is open by its path alone, which servers read in more than one way.
pub(in crate::lint) fn open_by_path(subject: &Subject<'_>) -> Vec<Found> {
    let found = ways::guarded_hosts(subject).into_iter().filter_map(|(serving, host)| {
        let is_its = |guarded: &&Guarded<'_>| guarded.host == host && std::ptr::eq(guarded.serving.server, serving.server);
        let is_guarded = |dial: &str| subject.guarded.iter().filter(is_its).any(|guarded| guarded.dial == dial);
        let answers = serving.reach(Some(host), Visitor::Nobody);
        let mut open = answers.iter().filter(|answer| answer.dials().any(is_guarded) && !is_held_against_what_was_sent(answer));
        let path = open.find_map(|answer| {
            answer.undecided.iter().find_map(|matcher| match matcher {
                Matcher::Path(paths) => paths.first(),
                _ => None,
            })
        })?;
        Some(ways::place(&serving, host, format!("`{path}` is open by `path` alone, before an upstream that is behind a certificate otherwise")))
    });
    found.collect()
}

/// Whether the request as it was sent is asked about besides.
fn is_held_against_what_was_sent(answer: &Answer<'_>) -> bool {
    let is_raw = |name: &str| matches!(name, "http.request.uri" | "http.request.orig_uri");
    answer.undecided.iter().any(|matcher| match matcher {
        Matcher::VarsRegexp(patterns) => patterns.keys().any(|key| is_raw(bare(key))),
        Matcher::Expression(Expression(text)) => {
            text.contains("{http.request.uri}") || text.contains("{http.request.orig_uri}")
        }
        _ => false,
    })
}

/// What is guarded is all that is below a path, but not the path itself.
pub(in crate::lint) fn itself_open(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for serving in &subject.servers {
        for host in serving.hosts().into_iter().map(Some).chain([None]) {
            for answer in serving.reach(host, Visitor::Nobody) {
                let is_of_paths = answer
                    .undecided
                    .iter()
                    .any(|matcher| matches!(matcher, Matcher::Path(_)));
                let dials: Vec<&str> = answer.dials().collect();
                if is_of_paths || dials.is_empty() {
                    continue;
                }
                for route in answer
                    .passed
                    .iter()
                    .filter(|route| tells_people_apart(route, &dials))
                {
                    found.extend(bare_paths(route).map(|path| {
                        ways::place(
                            serving,
                            host.unwrap_or_default(),
                            format!("`{path}/*` is guarded, and `{path}` is not"),
                        )
                    }));
                }
            }
        }
    }
    found
}

/// Whether a route asks who somebody is, for what these upstreams answer.
fn tells_people_apart(route: &Route, dials: &[&str]) -> bool {
    let mut own = Vec::new();
    upstreams(route, &mut own);
    let is_theirs = own.is_empty() || own.iter().any(|dial| dials.contains(dial));
    is_theirs && asks_who(route)
}

fn asks_who(route: &Route) -> bool {
    let names = { route.matches.iter() }
        .flat_map(|set| &set.0)
        .flat_map(checks::placeholders);
    { names }.any(|name| name.starts_with(CERTIFICATE))
        || route.handlers.iter().any(|handler| match handler {
            Handler::Authentication { .. } => true,
            Handler::ReverseProxy(proxy) => asks_a_gateway(proxy),
            Handler::Subroute { routes } => routes.iter().any(asks_who),
            _ => false,
        })
}

fn upstreams<'c>(route: &'c Route, dials: &mut Vec<&'c str>) {
    for handler in &route.handlers {
        match handler {
            Handler::Subroute { routes } => routes.iter().for_each(|route| upstreams(route, dials)),
            Handler::ReverseProxy(proxy) if !asks_a_gateway(proxy) => {
                dials.extend(
                    proxy
                        .upstreams
                        .iter()
                        .map(|upstream| upstream.dial.as_str()),
                );
            }
            _ => {}
        }
    }
}

/// The paths of which a route is for all below, and not for the path itself.
fn bare_paths(route: &Route) -> impl Iterator<Item = &str> {
    let all = patterns(&route.matches, Polarity::Met);
    let below: Vec<&str> = all
        .iter()
        .filter_map(|pattern| pattern.strip_suffix("/*"))
        .collect();
    below.into_iter().filter(move |path| {
        let is_for = |pattern: &&str| match pattern.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => pattern == path,
        };
        !path.is_empty() && !path.contains('*') && !all.iter().any(is_for)
    })
}
