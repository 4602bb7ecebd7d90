//! Other ways to what is behind a certificate.

use super::super::configuration::{ConnectionPolicy, Handler, Matcher, Route, covers};
use super::super::place::Found;
use super::super::reach::{Answer, Visitor, asks_a_gateway, bare};
use super::super::subject::{Asked, Guarded, Serving, Stand, Subject};

/// The hosts of a server's routes that a policy is the first for; the names of the policy where there are none.
pub(super) fn hosts_of<'c>(serving: &Serving<'c>, policy: &'c ConnectionPolicy) -> Vec<&'c str> {
    let policies = &serving.server.tls_connection_policies;
    let is_its = |host: &&str| {
        let first = policies.iter().find(|policy| policy.is_for(host));
        first.is_some_and(|first| std::ptr::eq(first, policy))
    };
    serving.hosts().into_iter().filter(is_its).collect()
}

/// Whether something is answered in a route, or below it, other than by a refusal.
pub(super) fn leads_somewhere(stand: &Stand<'_>) -> bool {
    answers(stand.route())
}

fn answers(route: &Route) -> bool {
    route.handlers.iter().any(|handler| match handler {
        Handler::Subroute { routes } => routes.iter().any(answers),
        Handler::ReverseProxy(proxy) => !asks_a_gateway(proxy),
        Handler::FileServer { .. } => true,
        _ => false,
    })
}

/// A visitor with nothing to show gets to what others need a certificate for, at the same host.
pub(in crate::lint) fn falls_through(subject: &Subject<'_>) -> Vec<Found> {
    let found = guarded_hosts(subject)
        .into_iter()
        .filter_map(|(serving, host)| {
            let open = serving.reach(Some(host), Visitor::Nobody);
            let is_its = |guarded: &&Guarded<'_>| {
                guarded.host == host && std::ptr::eq(guarded.serving.server, serving.server)
            };
            let dial = open
                .iter()
                .filter(|answer| answer.is_certain())
                .flat_map(Answer::dials)
                .find(|dial| {
                    subject
                        .guarded
                        .iter()
                        .filter(is_its)
                        .any(|guarded| guarded.dial == *dial)
                })?;
            Some(place(
                &serving,
                host,
                format!(
                    "`{dial}` is behind a certificate, and a later route leads everybody there"
                ),
            ))
        });
    found.collect()
}

/// The same at another host.
pub(in crate::lint) fn elsewhere(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for serving in &subject.servers {
        let hosts = serving.hosts().into_iter().map(Some).chain([None]);
        for host in hosts {
            if host.is_some_and(|host| serving.asked(host) == Asked::Verified) {
                continue;
            }
            let open = serving.reach(host, Visitor::Nobody);
            let certain = open.iter().filter(|answer| answer.is_certain());
            for dial in certain.flat_map(Answer::dials) {
                let is_other = |guarded: &&Guarded<'_>| {
                    guarded.dial == dial
                        && host.is_none_or(|host| {
                            !covers(guarded.host, host) && !covers(host, guarded.host)
                        })
                };
                if let Some(guarded) = subject.guarded.iter().find(is_other) {
                    let what = format!(
                        "`{dial}` is behind a certificate at `{}`, and open here",
                        guarded.host
                    );
                    found.push(place(serving, host.unwrap_or_default(), what));
                }
            }
        }
    }
    found
}

/// A host that asks for certificates is also served without TLS.
pub(in crate::lint) fn without_tls(subject: &Subject<'_>) -> Vec<Found> {
    let port = subject.configuration.http_port();
    let said =
        |host: &str| format!("`{host}` asks for a certificate, and answers without TLS here");
    other_servers(subject, |other| !other.server.speaks_tls(port), said)
}

/// A host that asks for certificates does not at another address.
pub(in crate::lint) fn second_port(subject: &Subject<'_>) -> Vec<Found> {
    let port = subject.configuration.http_port();
    let said = |host: &str| format!("`{host}` asks for a certificate elsewhere, and for none here");
    other_servers(subject, |other| other.server.speaks_tls(port), said)
}

fn other_servers(
    subject: &Subject<'_>,
    is_meant: impl Fn(&Serving<'_>) -> bool,
    said: impl Fn(&str) -> String,
) -> Vec<Found> {
    let mut found = Vec::new();
    for (guarding, guarded) in guarded_hosts(subject) {
        let others = subject
            .servers
            .iter()
            .filter(|other| !std::ptr::eq(other.server, guarding.server));
        for other in others.filter(|other| is_meant(other)) {
            let below = other
                .hosts()
                .into_iter()
                .filter(|host| covers(guarded, host));
            for host in below.chain([guarded]) {
                let is_open =
                    other.asked(host) == Asked::Nothing && guarding.asked(host) != Asked::Nothing;
                let answers = other.reach(Some(host), Visitor::Nobody);
                if is_open && answers.iter().any(Answer::is_certain) {
                    found.push(place(other, host, said(host)));
                }
            }
        }
    }
    found
}

/// A request that was refused is passed on all the same.
pub(in crate::lint) fn by_errors(subject: &Subject<'_>) -> Vec<Found> {
    let found = guarded_hosts(subject)
        .into_iter()
        .filter_map(|(serving, host)| {
            let answers = serving.reach_by_errors(Some(host));
            let open = answers.iter().filter(|answer| {
                !answer.is_rewritten && is_of_refusals(answer) && passes_on(answer)
            });
            let dial = open
                .flat_map(Answer::dials)
                .find(|dial| subject.is_guarded(dial))?;
            Some(place(
                &serving,
                host,
                format!("`handle_errors` passes what was refused on to `{dial}`"),
            ))
        });
    found.collect()
}

fn passes_on(answer: &Answer<'_>) -> bool {
    matches!(answer.handler, Handler::ReverseProxy(proxy) if proxy.rewrite.is_none())
}

/// Whether an answer may be one to a request that was refused for want of a certificate.
fn is_of_refusals(answer: &Answer<'_>) -> bool {
    answer.undecided.iter().all(|matcher| match matcher {
        Matcher::Vars(values) => values.iter().any(|(key, values)| {
            bare(key) != "http.error.status_code"
                || values.iter().any(|value| value == "401" || value == "403")
        }),
        _ => false,
    })
}

/// Each host that asks for certificates, with where it does.
pub(super) fn guarded_hosts<'c>(subject: &Subject<'c>) -> Vec<(Serving<'c>, &'c str)> {
    let all = subject.servers.iter().flat_map(|serving| {
        let hosts = serving.hosts().into_iter();
        hosts
            .filter(|host| serving.asked(host) != Asked::Nothing)
            .map(|host| (*serving, host))
    });
    all.collect()
}

pub(super) fn place(serving: &Serving<'_>, host: &str, what: String) -> Found {
    let mut place = serving.place();
    if !host.is_empty() {
        place.at = format!("{host} ({})", place.at);
    }
    place.found(what)
}
