//! What comes first, and what comes too late.

use super::super::configuration::{Handler, Matcher, Route};
use super::super::place::Found;
use super::super::reach::{asks_a_gateway, refuses};
use super::super::subject::{Polarity, Subject};
use super::paths::patterns;

/// A refusal, or a question for a password, that stands behind what answers everybody.
pub(in crate::lint) fn guard_too_late(subject: &Subject<'_>) -> Vec<Found> {
    let found = subject.stands.iter().filter_map(|stand| {
        let before = stand.before();
        let is_late = stands_guard(stand.route()) && before.iter().any(answers_all);
        (is_late || is_late_within(stand.route())).then(|| {
            stand.found("it refuses, and is never reached: what stands before it answers everybody")
        })
    });
    found.collect()
}

/// Neighbours in a `route` are steps of one route in Caddy's JSON.
fn is_late_within(route: &Route) -> bool {
    let mut steps = route.handlers.iter();
    steps.any(passes_all_on) && steps.any(asks_who)
}

fn asks_who(handler: &Handler) -> bool {
    match handler {
        Handler::Authentication { .. } => true,
        Handler::ReverseProxy(proxy) => asks_a_gateway(proxy),
        _ => false,
    }
}

fn passes_all_on(handler: &Handler) -> bool {
    match handler {
        Handler::Subroute { routes } => {
            let ends = routes.iter().position(answers_all);
            ends.is_some_and(|at| !routes[..at].iter().any(refuses_all))
        }
        Handler::ReverseProxy(proxy) => !asks_a_gateway(proxy),
        _ => false,
    }
}

/// Whether somebody is turned away by it: by name and password, by a gateway, or where conditions are met.
fn stands_guard(route: &Route) -> bool {
    route.handlers.iter().any(|handler| match handler {
        Handler::Authentication { .. } => true,
        Handler::ReverseProxy(proxy) => asks_a_gateway(proxy),
        Handler::Error { status_code } => !route.matches.is_empty() && refuses(status_code),
        Handler::StaticResponse { status_code, abort } => {
            !route.matches.is_empty() && (*abort || is_forbidden(status_code))
        }
        Handler::Subroute { routes } => routes.iter().any(|inner| {
            stands_guard(inner)
                || !route.matches.is_empty() && inner.matches.is_empty() && turns_away(inner)
        }),
        _ => false,
    })
}

fn turns_away(route: &Route) -> bool {
    route.handlers.iter().any(|handler| match handler {
        Handler::Error { status_code } => refuses(status_code),
        Handler::StaticResponse { status_code, abort } => *abort || is_forbidden(status_code),
        _ => false,
    })
}

fn is_forbidden(status: &serde_json::Value) -> bool {
    let number = status.as_u64().or_else(|| status.as_str()?.parse().ok());
    matches!(number, Some(401 | 403 | 404 | 421))
}

/// Whether a route passes everything on that gets to it.
fn answers_all(route: &Route) -> bool {
    let is_refused = |handler: &Handler| matches!(handler, Handler::Error { .. });
    let before = { route.handlers.iter() }.take_while(|handler| !passes_all_on(handler));
    route.matches.is_empty()
        && !{ before }.any(is_refused)
        && route.handlers.iter().any(passes_all_on)
}

fn refuses_all(route: &Route) -> bool {
    route.matches.is_empty() && turns_away(route)
}

/// A path is taken off before it is asked for.
pub(in crate::lint) fn stripped_before(subject: &Subject<'_>) -> Vec<Found> {
    let found = subject.stands.iter().filter_map(|stand| {
        if !stands_guard(stand.route()) {
            return None;
        }
        let guarded: Vec<&str> = patterns(&stand.route().matches, Polarity::Met);
        let before = stand
            .before()
            .iter()
            .filter(|route| is_before(route, &guarded));
        let stripped =
            before
                .flat_map(|route| &route.handlers)
                .find_map(|handler| match handler {
                    Handler::Rewrite(rewrite) => rewrite.strip_path_prefix.as_deref(),
                    _ => None,
                })?;
        let is_gone = |pattern: &&str| {
            pattern
                .strip_prefix(stripped)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*']))
        };
        let all_gone = !guarded.is_empty() && guarded.iter().all(is_gone);
        all_gone.then(|| {
            stand.found(format!(
                "it is for `{}`, and `{stripped}` is taken off before it is asked",
                guarded.join(" ")
            ))
        })
    });
    found.collect()
}

/// Whether a route is gone through by what another is for.
fn is_before(route: &Route, guarded: &[&str]) -> bool {
    route.matches.iter().all(|set| {
        set.0.iter().all(|matcher| match matcher {
            Matcher::Path(paths) => guarded
                .iter()
                .all(|path| paths.iter().any(|own| own == path)),
            _ => false,
        })
    })
}
