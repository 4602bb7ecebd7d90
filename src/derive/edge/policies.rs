//! A site of which some paths have policies of their own: a request has to be granted by each that it could fall under.
//!
//! Each policy has a variable of Caddy's. It is set where the policy grants the request, and where no upstream could take the request's path
//! for one of the policy's; whoever is let in has all of them set. So nothing is let in because something did not match.

use std::borrow::Cow;

use serde::Serialize;

use super::audience::Told;
use super::entrance::{Entrances, Ways, by_sign_in, plain_name, preflight, signing_in};
use super::handler::{Answer, Condition, Handler, Matcher};
use crate::model::{Opened, PathPattern, PathPolicy, Service, uri_pattern};

/// One policy of a site.
#[derive(Debug, Serialize)]
pub(crate) struct Policy {
    /// The variable that says whether the policy is no hindrance.
    pub variable: String,
    /// Its path; none for the policy of all else.
    pub path: Option<PathPattern>,
    /// For a decoded path: whether some upstream could take it for one of the policy's.
    pub wide_pattern: Option<String>,
    /// What grants a request, what does so on a condition first: the last that matches counts.
    pub grants: Vec<Granting>,
}

/// Something that grants a request.
#[derive(Debug, Serialize)]
pub(crate) struct Granting {
    /// None for all requests.
    pub matcher: Option<Matcher>,
    pub mark: Mark,
}

/// What the variable of a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    /// It is granted to who signs in.
    SignIn,
    /// What was granted depends on the method: nothing may be taken for another one.
    AsSent,
    Granted,
}

impl Entrances<'_> {
    /// The policies of a service with such paths, that of all else first.
    pub(super) fn policies(&self, service: &Service, ways: &Ways) -> Vec<Policy> {
        let base = self.of_service(service, &ways.base, Told::Nothing);
        let elsewhere = (1..)
            .zip(&service.paths)
            .map(|(number, path)| below(number, path));
        let mut policies = vec![policy("policy".into(), None, base)];
        policies[0].grants.extend(elsewhere);
        for (number, (path, places)) in (1..).zip(std::iter::zip(&service.paths, &ways.paths)) {
            let grants = self.by_grants(&path.grants, places, Told::Nothing);
            let networks = path.networks.iter().map(|network| self.network(network));
            let let_in = grants.into_iter().chain(networks);
            let handlers = { let_in.map(|handler| signing_in(path.sign_in, handler)) }
                .chain(path.everyone.as_ref().map(everyone))
                .chain(preflight(&service.preflight))
                .chain(by_sign_in(path.sign_in));
            let variable = format!("path{number}");
            policies.push(policy(variable, Some(&path.path), handlers.collect()));
        }
        policies
    }

    /// What is done with a request once each policy has said what it thinks of it.
    pub(super) fn granted(&self, policies: &[Policy], ways: &Ways) -> Vec<Handler> {
        let variables: Vec<String> = { policies.iter() }
            .map(|policy| policy.variable.clone())
            .collect();
        let of = |certificate, marks| Condition::Granted {
            certificate,
            marks,
            policies: variables.clone(),
        };
        let backend = || Answer::Backend { person: None };
        let as_sent = || Answer::BackendAsSent;
        let has = |mark| {
            let mut grants = policies.iter().flat_map(|policy| &policy.grants);
            grants.any(|grant| grant.mark == mark)
        };
        let mut handlers = self.told_of(ways, "grant", |certificate| {
            of(Some(certificate), &[Mark::Granted])
        });
        handlers.push(Handler::of(
            "grant-all",
            of(None, &[Mark::Granted]),
            backend(),
        ));
        if has(Mark::AsSent) {
            let condition = of(None, &[Mark::Granted, Mark::AsSent]);
            handlers.push(Handler::of("grant-as-sent", condition, as_sent()));
        }
        if has(Mark::SignIn) {
            let marks = &[Mark::Granted, Mark::SignIn];
            let told = self.told_of(ways, "grant-sign-in", |certificate| {
                of(Some(certificate), marks)
            });
            handlers.extend(told.into_iter().map(Handler::signed_in));
            let all = Handler::of("grant-sign-in-all", of(None, marks), backend());
            handlers.push(all.signed_in());
        }
        if has(Mark::SignIn) && has(Mark::AsSent) {
            let condition = of(None, &[Mark::Granted, Mark::AsSent, Mark::SignIn]);
            let all = Handler::of("grant-sign-in-as-sent", condition, as_sent());
            handlers.push(all.signed_in());
        }
        handlers
    }

    /// For whoever upstreams are told of, where paths have policies.
    fn told_of(
        &self,
        ways: &Ways,
        names: &str,
        condition: impl Fn(Box<Condition>) -> Condition,
    ) -> Vec<Handler> {
        let told = { ways.told.iter() }.flat_map(|place| self.by_audience(*place, Told::Who));
        let told = told.map(|told| Handler {
            matcher: told.matcher.map(|matcher| Matcher {
                name: format!("{names}-{}", plain_name(&matcher.name)).into(),
                condition: condition(Box::new(matcher.condition.marked())),
            }),
            ..told
        });
        told.collect()
    }
}

fn policy(variable: String, path: Option<&PathPattern>, handlers: Vec<Handler>) -> Policy {
    let granting = |handler: Handler| {
        let mark = match handler.answer {
            Answer::BackendAsSent => Mark::AsSent,
            Answer::SignIn { .. } => Mark::SignIn,
            _ => Mark::Granted,
        };
        let matcher = handler.matcher.map(|matcher| Matcher {
            name: Cow::Owned(format!("grant-{variable}-{}", plain_name(&matcher.name))),
            condition: matcher.condition.marked(),
        });
        Granting { matcher, mark }
    };
    let mut grants: Vec<Granting> = handlers.into_iter().map(granting).collect();
    grants.sort_by_key(|grant| grant.mark);
    Policy {
        wide_pattern: path.map(PathPattern::wide_pattern),
        path: path.cloned(),
        variable,
        grants,
    }
}

/// What is plainly a path of another policy is none of this one's.
fn below(number: usize, path: &PathPolicy) -> Granting {
    Granting {
        matcher: Some(Matcher {
            name: Cow::Owned(format!("grant-policy-path{number}")),
            condition: Condition::Below {
                path: path.path.clone(),
                uri_pattern: uri_pattern([&path.path]),
            },
        }),
        mark: Mark::Granted,
    }
}

fn everyone(opened: &Opened) -> Handler {
    match opened {
        Opened::ByAll => Handler::rest(Answer::Backend { person: None }),
        Opened::By(methods) => {
            let methods = methods.clone();
            Handler::of(
                "methods",
                Condition::Methods { methods },
                Answer::BackendAsSent,
            )
        }
    }
}
