//! Services: names, hosts, and what they add to every answer.

use std::collections::{BTreeMap, BTreeSet};

use super::Mistake;
use super::access::access;
use super::audiences::Audiences;
use super::backend::backend;
use super::names::{Declared, each_once};
use super::people::{People, display_name};
use crate::catalogue;
use crate::diagnostic::did_you_mean;
use crate::model::{ByteSize, CertificateMode, Domain, Header, Host, Name, Raw, Service};
use crate::parse::declaration::ServiceBlock;
use crate::source::Span;

/// Resolves every service. `landing` is where the domain itself was taken for the landing page.
pub fn services(
    blocks: &[ServiceBlock],
    domain: Option<&Domain>,
    landing: Option<Span>,
    people: &People,
    default_mode: CertificateMode,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<Name, Service> {
    let mut names = Declared::new("service");
    let mut audiences = Audiences::new(people);
    let mut hosts_taken = BTreeMap::new();
    let mut services = BTreeMap::new();
    for block in blocks {
        let name = names.declare(&block.name, mistakes);
        let hosts = hosts(block, name.is_some(), domain, &mut hosts_taken, mistakes);
        let app = app(block, mistakes);
        let backend = backend(block, app, mistakes);
        let access = access(block, app, &mut audiences, default_mode, mistakes);
        let title = block.title.as_ref();
        let title = title.and_then(|written| display_name(written, mistakes));
        let max_body = max_body(block, mistakes);
        let headers = headers(block, mistakes);
        let raw = raw(block, mistakes);
        let resolved = name.zip(backend).zip(access);
        if let Some(((name, backend), access)) = resolved {
            let title = match (title, app) {
                (Some(title), _) => title.to_string(),
                (None, Some(app)) => app.title.clone(),
                (None, None) => name.to_string(),
            };
            let service = Service {
                name: name.clone(),
                title,
                hosts,
                access,
                backend,
                max_body,
                header_underscores: block.header_underscores.is_some(),
                headers,
                raw,
                app,
            };
            services.insert(name, service);
        }
    }
    if let (Some(domain), Some(landing)) = (domain, landing) {
        let taken = domain
            .host("@")
            .ok()
            .and_then(|host| hosts_taken.get(&host));
        mistakes.extend(taken.map(|span| Mistake::LandingHostTaken {
            host: domain.to_string(),
            span: *span,
            landing,
        }));
    }
    services
}

fn hosts(
    block: &ServiceBlock,
    has_name: bool,
    domain: Option<&Domain>,
    taken: &mut BTreeMap<Host, Span>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Host> {
    let Some(domain) = domain else {
        return Vec::new();
    };
    let written = match block.hosts.as_slice() {
        // The service's name is its host; a bad name has been reported as a name.
        [] if has_name => vec![&block.name],
        [] => Vec::new(),
        hosts => each_once(hosts, mistakes),
    };
    let mut hosts = Vec::new();
    for text in written {
        let host = match domain.host(&text.value) {
            Ok(host) => host,
            Err(why) => {
                mistakes.push(Mistake::BadHost {
                    written: text.value.clone(),
                    why,
                    span: text.span,
                });
                continue;
            }
        };
        if let Some(first) = taken.get(&host) {
            mistakes.push(Mistake::DuplicateHost {
                host: host.to_string(),
                span: text.span,
                first: *first,
            });
            continue;
        }
        taken.insert(host.clone(), text.span);
        hosts.push(host);
    }
    hosts
}

fn app(block: &ServiceBlock, mistakes: &mut Vec<Mistake>) -> Option<&'static catalogue::App> {
    let written = block.app.as_ref()?;
    let app = catalogue::app(&written.value);
    if app.is_none() {
        mistakes.push(Mistake::UnknownApp {
            written: written.value.clone(),
            span: written.span,
            help: did_you_mean(&written.value, catalogue::names()),
        });
    }
    app
}

fn max_body(block: &ServiceBlock, mistakes: &mut Vec<Mistake>) -> Option<ByteSize> {
    let written = block.max_body.as_ref()?;
    ByteSize::new(&written.value)
        .map_err(|why| {
            mistakes.push(Mistake::BadSize {
                written: written.value.clone(),
                why,
                span: written.span,
            });
        })
        .ok()
}

fn headers(block: &ServiceBlock, mistakes: &mut Vec<Mistake>) -> Vec<Header> {
    let mut firsts: BTreeMap<String, Span> = BTreeMap::new();
    let mut headers = Vec::new();
    for line in &block.headers {
        match Header::new(&line.name.value, &line.value.value) {
            Ok(header) => headers.push(header),
            Err(why) => mistakes.push(Mistake::BadHeader {
                name: line.name.value.clone(),
                why,
                span: line.name.span,
            }),
        }
        let name = line.name.value.to_ascii_lowercase();
        if let Some(first) = firsts.insert(name, line.name.span) {
            mistakes.push(Mistake::DuplicateHeader {
                name: line.name.value.clone(),
                span: line.name.span,
                first,
            });
        }
    }
    headers
}

fn raw(block: &ServiceBlock, mistakes: &mut Vec<Mistake>) -> Vec<Raw> {
    let mut taken = Vec::new();
    for written in &block.raw {
        match Raw::new(&written.value) {
            Ok(raw) => taken.push((raw, written.span)),
            Err(why) => mistakes.push(Mistake::BadRaw {
                why,
                span: written.span,
            }),
        }
    }
    // With a mistake in some lines nobody knows what they define.
    if taken.len() == block.raw.len() {
        matchers(&taken, mistakes);
    }
    taken.into_iter().map(|(raw, _)| raw).collect()
}

/// Holds the matchers of a service's lines against each other, and against those of the policy.
fn matchers(lines: &[(Raw, Span)], mistakes: &mut Vec<Mistake>) {
    let mut known = BTreeSet::new();
    for (raw, span) in lines {
        for name in raw.defined() {
            if Raw::is_taken(name) || !known.insert(name.as_str()) {
                mistakes.push(Mistake::MatcherTaken {
                    name: name.clone(),
                    bare: name.trim_start_matches('@').to_owned(),
                    span: *span,
                });
            }
        }
    }
    for (raw, span) in lines {
        for name in raw.used() {
            if !known.contains(name.as_str()) {
                mistakes.push(Mistake::UnknownMatcher {
                    name: name.clone(),
                    span: *span,
                });
            }
        }
    }
}
