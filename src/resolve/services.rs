//! Services: hosts, upstream, and who may reach them.

use std::collections::BTreeMap;

use super::Mistake;
use super::names::{Declared, each_once};
use super::people::People;
use super::settings::certificate_mode;
use crate::catalogue;
use crate::diagnostic::did_you_mean;
use crate::model::{
    Access, Allowed, CertificateMode, Domain, Host, Name, PublicPath, Scheme, Service, Upstream,
};
use crate::parse::declaration::{ServiceBlock, Text, UpstreamLine};
use crate::source::Span;

/// Resolves every service.
pub fn services(
    blocks: &[ServiceBlock],
    domain: Option<&Domain>,
    people: &People,
    default_mode: CertificateMode,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<Name, Service> {
    let mut names = Declared::new("service");
    let mut hosts_taken = BTreeMap::new();
    let mut services = BTreeMap::new();
    for block in blocks {
        let name = names.declare(&block.name, mistakes);
        let hosts = hosts(block, name.is_some(), domain, &mut hosts_taken, mistakes);
        let upstream = upstream(block, mistakes);
        let access = access(block, people, default_mode, mistakes);
        let app = app(block, mistakes);
        let resolved = name.zip(upstream).zip(access);
        if let Some(((name, upstream), access)) = resolved {
            let service = Service {
                name: name.clone(),
                hosts,
                upstream,
                access,
                app,
            };
            services.insert(name, service);
        }
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

fn upstream(block: &ServiceBlock, mistakes: &mut Vec<Mistake>) -> Option<Upstream> {
    let Some(UpstreamLine { address, verify }) = &block.upstream else {
        mistakes.push(Mistake::NoUpstream {
            service: block.name.value.clone(),
            span: block.name.span,
        });
        return None;
    };
    let verifies = verify.as_ref().is_none_or(|verify| verify.value);
    let upstream = Upstream::new(&address.value, verifies).map_err(|why| {
        mistakes.push(Mistake::BadUpstream {
            written: address.value.clone(),
            why,
            span: address.span,
        });
    });
    let upstream = upstream.ok()?;
    if let Some(verify) = verify
        && upstream.scheme == Scheme::Http
    {
        mistakes.push(Mistake::VerifyWithoutTls {
            span: verify.span,
            address: address.span,
        });
    }
    Some(upstream)
}

/// To whom a service is open without a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Lan,
    Everyone,
}

fn access(
    block: &ServiceBlock,
    people: &People,
    default_mode: CertificateMode,
    mistakes: &mut Vec<Mistake>,
) -> Option<Access> {
    let mode = block.certificate.as_ref();
    let mode =
        mode.and_then(|written| certificate_mode(written, mistakes).map(|m| (m, written.span)));
    let public = public_paths(block, mistakes);
    let open = match &block.open {
        Some(written) => Some((audience(written, mistakes)?, written.span)),
        None => None,
    };
    let members = people.members(&block.allow, mistakes);
    match (open, block.allow.is_empty()) {
        (None, true) => {
            mistakes.push(Mistake::NoAccess {
                service: block.name.value.clone(),
                span: block.name.span,
            });
            None
        }
        (Some((Audience::Everyone, open)), _) => {
            refuse_more(block, open, mistakes);
            Some(Access::Everyone)
        }
        (Some((Audience::Lan, _)), true) => {
            refuse_unasked(block, mistakes);
            Some(Access::Lan { public })
        }
        (open, false) => {
            let opening = open.map(|(_, span)| ("open \"lan\"", span));
            let first_public = block.public.first().map(|path| ("public", path.span));
            let opening = opening.or(first_public);
            if let (Some((CertificateMode::Required, span)), Some((what, because))) =
                (mode, opening)
            {
                mistakes.push(Mistake::CertificateRequired {
                    what,
                    span,
                    because,
                });
            }
            let certificate = match (opening, mode) {
                (Some(_), _) => CertificateMode::Asked,
                (None, Some((mode, _))) => mode,
                (None, None) => default_mode,
            };
            Some(Access::Certificate(Allowed {
                people: members,
                lan: open.is_some(),
                public,
                certificate,
                identity: block.identity.is_some(),
            }))
        }
    }
}

fn public_paths(block: &ServiceBlock, mistakes: &mut Vec<Mistake>) -> Vec<PublicPath> {
    let mut paths = Vec::new();
    for written in each_once(&block.public, mistakes) {
        match PublicPath::new(&written.value) {
            Ok(path) => paths.push(path),
            Err(why) => mistakes.push(Mistake::BadPublicPath {
                written: written.value.clone(),
                why,
                span: written.span,
            }),
        }
    }
    paths.sort();
    paths
}

fn audience(written: &Text, mistakes: &mut Vec<Mistake>) -> Option<Audience> {
    match written.value.as_str() {
        "lan" => Some(Audience::Lan),
        "everyone" => Some(Audience::Everyone),
        other => {
            mistakes.push(Mistake::UnknownAudience {
                written: other.to_owned(),
                span: written.span,
                help: did_you_mean(other, ["lan", "everyone"]),
            });
            None
        }
    }
}

/// What has no meaning where everybody is let in.
fn refuse_more(block: &ServiceBlock, open: Span, mistakes: &mut Vec<Mistake>) {
    let more = [
        ("allow", block.allow.first().map(|text| text.span)),
        ("public", block.public.first().map(|text| text.span)),
        (
            "certificate",
            block.certificate.as_ref().map(|text| text.span),
        ),
        ("identity", block.identity),
    ];
    for (more, span) in more {
        mistakes.extend(span.map(|span| Mistake::OpenAndMore { more, span, open }));
    }
}

/// What has no meaning where nobody presents a certificate.
fn refuse_unasked(block: &ServiceBlock, mistakes: &mut Vec<Mistake>) {
    let unasked = [
        (
            "certificate",
            block.certificate.as_ref().map(|text| text.span),
        ),
        ("identity", block.identity),
    ];
    for (what, span) in unasked {
        mistakes.extend(span.map(|span| Mistake::NobodyToAsk { what, span }));
    }
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
