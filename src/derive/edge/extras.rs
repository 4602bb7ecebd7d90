//! Where the edge listens, what it writes down and what it answers by itself, as data.

use serde::Serialize;

use super::people::Person;
use super::tls::has_wildcard;
use crate::model::{
    Admin, Backend, CaddyVersion, Edge, Fallback, HostPath, LogTarget, Service, Setting,
};

/// Caddy's admin endpoint; there is none where neither is said.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AdminEndpoint {
    /// Where browsers could reach it too.
    pub address: Option<String>,
    pub socket: Option<HostPath>,
}

impl AdminEndpoint {
    pub(crate) fn of(admin: &Admin) -> AdminEndpoint {
        let (address, socket) = match admin {
            Admin::Local { host, port } => (Some(format!("{host}:{port}")), None),
            Admin::Socket(path) => (None, Some(path.clone())),
            Admin::Off => (None, None),
        };
        AdminEndpoint { address, socket }
    }
}

/// Where that Caddy takes the word for its metrics: at most in one place.
#[derive(Debug, Serialize)]
pub(crate) struct Metrics {
    pub of_all: bool,
    /// Among the options of a server, as older ones do.
    pub of_servers: bool,
}

impl Metrics {
    pub(super) fn of(edge: &Edge) -> Metrics {
        let is_new = edge.caddy >= CaddyVersion::METRICS;
        Metrics {
            of_all: edge.metrics && is_new,
            of_servers: edge.metrics && !is_new,
        }
    }
}

/// Where a site's requests are written down.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Log {
    /// None for the standard error of Caddy's process.
    pub file: Option<HostPath>,
}

impl Log {
    pub(super) fn of(target: &LogTarget) -> Log {
        let file = match target {
            LogTarget::Stderr => None,
            LogTarget::File(path) => Some(path.clone()),
        };
        Log { file }
    }
}

/// What stands in a site besides its policy.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Extras {
    /// The port, where it has to be said.
    pub port: Option<u16>,
    /// Where its requests are written down.
    pub log: Option<Log>,
    /// Whether files are made smaller on the way.
    pub compress: bool,
    /// Headers that upstreams are told, each with its value.
    pub request_headers: Vec<(String, Setting)>,
}

impl Extras {
    pub(super) fn of(service: &Service) -> Extras {
        let told = service.request_headers.iter();
        let is_told = matches!(service.backend, Backend::Proxy(_) | Backend::Files(_));
        Extras {
            port: said(service.port()),
            log: service.log().map(Log::of),
            compress: is_told && (service.compress || service.edge.compress),
            request_headers: told
                .map(|header| (header.name.clone(), header.value.clone()))
                .collect(),
        }
    }

    /// Those of the landing page.
    pub(super) fn of_landing(edge: &Edge) -> Extras {
        Extras {
            port: said(edge.port),
            log: edge.log.as_ref().map(Log::of),
            ..Extras::default()
        }
    }
}

fn said(port: crate::model::Port) -> Option<u16> {
    (port != crate::model::Port::USUAL).then(|| port.number())
}

/// A site for all hosts right below the domain that are not declared.
#[derive(Debug, Serialize)]
pub(crate) struct Undeclared {
    /// What they get; none where their connections end.
    pub answer: Option<Backend>,
    pub extras: Extras,
}

impl Undeclared {
    pub(super) fn of(edge: &Edge) -> Option<Undeclared> {
        let answer = edge.fallback.as_ref().map(|fallback| match fallback {
            Fallback::Respond(respond) => Backend::Respond(respond.clone()),
            Fallback::Redirect(redirect) => Backend::Redirect(redirect.clone()),
        });
        let is_there = answer.is_some() || has_wildcard(edge);
        is_there.then(|| Undeclared {
            // Nothing is written down of who gets nothing.
            extras: match answer {
                Some(_) => Extras::of_landing(edge),
                None => Extras {
                    port: said(edge.port),
                    ..Extras::default()
                },
            },
            answer,
        })
    }
}

/// Whether names of devices stand in some log: something is written down, and somebody has a certificate.
pub(super) fn are_named(sites: &[super::Site], others: &[&Extras], people: &[Person]) -> bool {
    let mut all = sites
        .iter()
        .map(|site| &site.extras)
        .chain(others.iter().copied());
    !people.is_empty() && all.any(|extras| extras.log.is_some())
}
