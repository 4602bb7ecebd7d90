//! What an upstream is told, and what is done with what it says.

use std::collections::BTreeSet;

use super::super::configuration::{Handler, Matcher, Proxy, ResponseHandler, Route};
use super::super::place::Found;
use super::super::reach::{Visitor, asks_a_gateway, bare};
use super::super::subject::{Stand, Step, Subject};
use super::ways;

/// How headers begin by which an upstream is told who came.
const IDENTITY: &[&str] = &[
    "remote-",
    "x-remote-",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-auth-request-",
    "x-webauth-",
    "x-authentik-",
    "x-token-",
    "tailscale-user-",
    "x-client-cert",
    "x-user",
    "x-email",
];

fn tells_who(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    IDENTITY.iter().any(|start| name.starts_with(start))
}

/// An upstream that is told who came by a header gets the visitor's own by another way.
pub(in crate::lint) fn forged_identity(subject: &Subject<'_>) -> Vec<Found> {
    let told = told(subject);
    let mut found = Vec::new();
    for serving in &subject.servers {
        for host in serving.hosts().into_iter().map(Some).chain([None]) {
            for answer in serving.reach(host, Visitor::Nobody) {
                let Handler::ReverseProxy(proxy) = answer.handler else {
                    continue;
                };
                for dial in answer.dials() {
                    let names = told
                        .iter()
                        .filter(|(known, _)| *known == dial)
                        .map(|(_, name)| name);
                    let removed = |name: &&&str| {
                        removes(proxy, name)
                            || answer
                                .removed
                                .iter()
                                .any(|pattern| is_named_by(name, pattern))
                    };
                    if let Some(name) = { names }.find(|name| !removed(name)) {
                        let what = format!(
                            "`{dial}` is told who came by `{name}`, and here gets the visitor's own"
                        );
                        found.push(ways::place(serving, host.unwrap_or_default(), what));
                    }
                }
            }
        }
    }
    found
}

/// Upstreams with the headers by which they are told.
fn told<'c>(subject: &Subject<'c>) -> BTreeSet<(&'c str, &'c str)> {
    let mut told = BTreeSet::new();
    for (stand, handler) in subject.handlers() {
        let Handler::ReverseProxy(proxy) = handler else {
            continue;
        };
        if !asks_a_gateway(proxy) {
            let own = proxy
                .headers
                .request
                .set
                .iter()
                .filter(|(_, values)| values.iter().any(|value| value.contains('{')));
            let names: Vec<&str> = own
                .map(|(name, _)| name.as_str())
                .filter(|name| tells_who(name))
                .collect();
            let dials = proxy
                .upstreams
                .iter()
                .map(|upstream| upstream.dial.as_str());
            told.extend(dials.flat_map(|dial| names.iter().map(move |name| (dial, *name))));
            continue;
        }
        let mut names = Vec::new();
        let routes = proxy
            .handle_response
            .iter()
            .flat_map(|response| &response.routes);
        routes.for_each(|route| copied(route, &mut names));
        let behind = subject
            .stands
            .iter()
            .filter(|other| is_behind(other, stand));
        let own = stand
            .route()
            .handlers
            .iter()
            .skip_while(|other| !std::ptr::eq(*other, handler))
            .skip(1);
        for handler in behind.flat_map(|other| &other.route().handlers).chain(own) {
            if let Handler::ReverseProxy(proxy) = handler {
                let dials = proxy
                    .upstreams
                    .iter()
                    .map(|upstream| upstream.dial.as_str());
                told.extend(dials.flat_map(|dial| names.iter().map(move |name| (dial, *name))));
            }
        }
    }
    told
}

/// The headers that are set from what a gateway says.
fn copied<'c>(route: &'c Route, names: &mut Vec<&'c str>) {
    for handler in &route.handlers {
        match handler {
            Handler::Headers { request, .. } => names.extend(
                request
                    .set
                    .keys()
                    .map(String::as_str)
                    .filter(|name| tells_who(name)),
            ),
            Handler::Subroute { routes } => routes.iter().for_each(|route| copied(route, names)),
            _ => {}
        }
    }
}

/// Whether a route comes after another, in its list or within one that does.
fn is_behind(stand: &Stand<'_>, gateway: &Stand<'_>) -> bool {
    let is_same =
        |(a, b): (&Step<'_>, &Step<'_>)| std::ptr::eq(a.list, b.list) && a.index == b.index;
    let (last, above) = gateway
        .steps
        .split_last()
        .expect("a route stands at least in itself");
    let is_below = { stand.steps.iter().zip(above) }.all(is_same);
    let here = stand.steps.get(above.len());
    is_below
        && here.is_some_and(|here| std::ptr::eq(here.list, last.list) && here.index > last.index)
}

fn removes(proxy: &Proxy, name: &str) -> bool {
    let rules = &proxy.headers.request;
    let all = rules.set.keys().chain(&rules.delete);
    { all }.any(|pattern| is_named_by(name, pattern))
}

/// Whether a name is the one that is written, which may begin or end in `*`.
pub(super) fn is_named_by(name: &str, pattern: &str) -> bool {
    let (name, pattern) = (name.to_ascii_lowercase(), pattern.to_ascii_lowercase());
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

/// Whatever a gateway answers, the request goes on.
pub(in crate::lint) fn gateway_not_heard(subject: &Subject<'_>) -> Vec<Found> {
    let found = gateways(subject).filter_map(|(stand, _, proxy)| {
        let mut responses = proxy.handle_response.iter();
        let goes_on = responses.find(|response| admits_a_refusal(response) && !ends(&response.routes))?;
        let what = match &goes_on.matches {
            None => String::from("`handle_response` is for every answer of the gateway, and the request goes on after it"),
            Some(matches) => format!("`handle_response` goes on where the gateway answers {:?}", matches.status_code),
        };
        Some(stand.found(what))
    });
    found.collect()
}

/// Whether a response that refuses is one of those that it is for.
fn admits_a_refusal(response: &ResponseHandler) -> bool {
    let is_of_refusals = |status: &u16| matches!(status, 3 | 4 | 5 | 300..=599);
    let matches = response.matches.as_ref();
    response.status_code.is_none()
        && matches.is_none_or(|matches| {
            matches.headers.is_empty()
                && (matches.status_code.is_empty()
                    || matches.status_code.iter().any(is_of_refusals))
        })
}

/// Whether something in these routes answers, whatever is asked for.
fn ends(routes: &[Route]) -> bool {
    routes
        .iter()
        .filter(|route| route.matches.is_empty())
        .flat_map(|route| &route.handlers)
        .any(|handler| match handler {
            Handler::Subroute { routes } => ends(routes),
            Handler::StaticResponse { .. }
            | Handler::Error { .. }
            | Handler::ReverseProxy(_)
            | Handler::FileServer { .. } => true,
            // `copy_response`, and what others have made.
            Handler::Other => true,
            _ => false,
        })
}

/// CVE-2026-30851: a header that the gateway does not send stays as the visitor has sent it.
pub(in crate::lint) fn gateway_header_kept(subject: &Subject<'_>) -> Vec<Found> {
    let found = gateways(subject).filter_map(|(stand, handler, proxy)| {
        proxy.handle_response.iter().find_map(|response| {
            let before = stand.removed_before(handler);
            let kept = kept(&response.routes, before)?;
            Some(stand.found(format!(
                "`{kept}` of the visitor stays where the gateway says none"
            )))
        })
    });
    found.collect()
}

/// A header that is set on a condition, and was not removed before.
fn kept<'c>(routes: &'c [Route], mut removed: Vec<&'c str>) -> Option<&'c str> {
    for route in routes {
        for handler in &route.handlers {
            match handler {
                Handler::Headers { request, .. } => {
                    let is_gone =
                        |name: &str| removed.iter().any(|pattern| is_named_by(name, pattern));
                    let mut names = request.set.keys().map(String::as_str);
                    let left = names.find(|name| !is_gone(name));
                    if left.is_some() && depends_on_the_answer(route) {
                        return left;
                    }
                    removed.extend(request.delete.iter().map(String::as_str));
                }
                Handler::Subroute { routes } => {
                    let found = kept(routes, removed.clone());
                    if found.is_some() {
                        return found;
                    }
                }
                _ => {}
            }
        }
    }
    None
}

fn depends_on_the_answer(route: &Route) -> bool {
    let matchers = route.matches.iter().flat_map(|set| &set.0);
    let nots = matchers.filter_map(|matcher| match matcher {
        Matcher::Not(sets) => Some(sets.iter().flat_map(|set| &set.0)),
        _ => None,
    });
    nots.flatten().any(|matcher| match matcher {
        Matcher::Vars(values) => values
            .keys()
            .any(|key| bare(key).starts_with("http.reverse_proxy.header.")),
        _ => false,
    })
}

fn gateways<'s, 'c>(
    subject: &'s Subject<'c>,
) -> impl Iterator<Item = (&'s Stand<'c>, &'c Handler, &'c Proxy)> {
    subject
        .handlers()
        .filter_map(|(stand, handler)| match handler {
            Handler::ReverseProxy(proxy) if asks_a_gateway(proxy) => {
                Some((stand, handler, proxy.as_ref()))
            }
            _ => None,
        })
}

/// What a visitor writes as they like.
const SENT: &[&str] = &[
    "{http.request.header.",
    "{http.request.uri",
    "{http.request.orig_uri",
    "{http.request.cookie.",
    "{http.request.host}",
    "{http.request.hostport}",
];

pub(in crate::lint) fn visitor_chooses(subject: &Subject<'_>) -> Vec<Found> {
    let found = subject.handlers().filter_map(|(stand, handler)| {
        let Handler::ReverseProxy(proxy) = handler else {
            return None;
        };
        let chosen = |dial: &&str| {
            SENT.iter().any(|sent| {
                // A host that the site names is no choice.
                let is_bounded = sent.starts_with("{http.request.host") && !stand.hosts.is_empty();
                dial.contains(sent) && !is_bounded
            })
        };
        let dial = proxy
            .upstreams
            .iter()
            .map(|upstream| upstream.dial.as_str())
            .find(chosen)?;
        Some(stand.found(format!(
            "the request goes to `{dial}`, which the visitor writes"
        )))
    });
    found.collect()
}

/// What an upstream says is run as a template.
pub(in crate::lint) fn templates(subject: &Subject<'_>) -> Vec<Found> {
    let found = subject.stands.iter().filter_map(|stand| {
        let has = stand
            .route()
            .handlers
            .iter()
            .any(|handler| matches!(handler, Handler::Templates {}));
        if !has || !stand.route().matches.is_empty() {
            return None;
        }
        let proxied = stand.rest().iter().filter(|route| route.matches.is_empty());
        let mut handlers = proxied.flat_map(|route| &route.handlers);
        let dial = handlers.find_map(|handler| match handler {
            Handler::ReverseProxy(proxy) if !asks_a_gateway(proxy) => {
                Some(&proxy.upstreams.first()?.dial)
            }
            _ => None,
        })?;
        Some(stand.found(format!("`templates` runs what `{dial}` answers")))
    });
    found.collect()
}

/// Any page may read what the visitor may.
pub(in crate::lint) fn any_origin(subject: &Subject<'_>) -> Vec<Found> {
    let sets = |stand: &Stand<'_>, header: &str, is_it: &dyn Fn(&str) -> bool| {
        stand.route().handlers.iter().any(|handler| match handler {
            Handler::Headers { response, .. } => response.set.iter().any(|(name, values)| {
                name.eq_ignore_ascii_case(header) && values.iter().any(|value| is_it(value))
            }),
            _ => false,
        })
    };
    let is_sent = |value: &str| value.eq_ignore_ascii_case("{http.request.header.origin}");
    let found = subject.stands.iter().filter(|stand| {
        let reflects = sets(stand, "Access-Control-Allow-Origin", &is_sent);
        reflects && !stand.conditions().any(asks_for_origin)
    });
    let found = found.filter(|stand| {
        let mut others = subject
            .stands
            .iter()
            .filter(|other| other.hosts == stand.hosts);
        others.any(|other| {
            sets(other, "Access-Control-Allow-Credentials", &|value| {
                value == "true"
            })
        })
    });
    found.map(|stand| stand.found("`Access-Control-Allow-Origin` is whatever the page says that asks, with credentials")).collect()
}

fn asks_for_origin(matcher: &Matcher) -> bool {
    let is_it = |name: &String| name.eq_ignore_ascii_case("Origin");
    match matcher {
        Matcher::Header(values) => values.iter().any(|(name, values)| {
            is_it(name)
                && values
                    .as_ref()
                    .is_some_and(|values| values.iter().all(|value| value != "*"))
        }),
        Matcher::HeaderRegexp(patterns) => patterns.keys().any(is_it),
        Matcher::Expression(text) => text.0.to_ascii_lowercase().contains("origin"),
        _ => false,
    }
}
