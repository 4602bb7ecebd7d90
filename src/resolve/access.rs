//! Who may reach a service, and which of its paths are open to everyone.

use std::collections::{BTreeMap, BTreeSet};

use super::Mistake;
use super::audiences::Audiences;
use super::names::each_once;
use super::settings::certificate_mode;
use crate::catalogue::{App, SharePath};
use crate::diagnostic::did_you_mean;
use crate::model::{Access, Allowed, CertificateMode, Methods, PathPattern, PublicPath};
use crate::parse::declaration::{PublicLine, ServiceBlock, Text};
use crate::source::Span;

/// To whom a service is open without a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Lan,
    Everyone,
}

/// Resolves who may reach a service.
pub fn access(
    block: &ServiceBlock,
    app: Option<&App>,
    audiences: &mut Audiences<'_>,
    default_mode: CertificateMode,
    mistakes: &mut Vec<Mistake>,
) -> Option<Access> {
    let mode = block.certificate.as_ref();
    let mode =
        mode.and_then(|written| certificate_mode(written, mistakes).map(|m| (m, written.span)));
    let public = public_paths(block, app, mistakes);
    let open = match &block.open {
        Some(written) => Some((audience(written, mistakes)?, written.span)),
        None => None,
    };
    let members = audiences.people().members(&block.allow, mistakes);
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
            let opening = opening.or(first_public(block));
            let first_allowed = block.allow.first().map(|text| text.span);
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
                people: audiences.shared(members, first_allowed, mistakes),
                lan: open.is_some(),
                public,
                certificate,
                identity: block.identity.is_some(),
            }))
        }
    }
}

/// What opens a path to everyone, and where it is said first.
fn first_public(block: &ServiceBlock) -> Option<(&'static str, Span)> {
    let paths = block.public.iter().flat_map(|line| &line.paths);
    let path = paths.map(|path| ("public", path.span)).next();
    path.or(block.share_links.map(|span| ("share-links", span)))
}

/// The declared paths and, where the service says so, those that its app's share links need.
fn public_paths(
    block: &ServiceBlock,
    app: Option<&App>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<PublicPath> {
    let mut paths: BTreeMap<PathPattern, PublicPath> = BTreeMap::new();
    let written: Vec<Text> = block
        .public
        .iter()
        .flat_map(|line| line.paths.clone())
        .collect();
    let once: BTreeSet<Span> = each_once(&written, mistakes)
        .into_iter()
        .map(|text| text.span)
        .collect();
    for line in &block.public {
        let methods = methods(line, mistakes);
        for written in line.paths.iter().filter(|path| once.contains(&path.span)) {
            let path = PathPattern::new(&written.value).map_err(|why| {
                mistakes.push(Mistake::BadPublicPath {
                    written: written.value.clone(),
                    why,
                    span: written.span,
                });
            });
            if let (Ok(path), Some(methods)) = (path, &methods) {
                let public = PublicPath {
                    path: path.clone(),
                    methods: methods.clone(),
                    share_link: false,
                };
                paths.insert(path, public);
            }
        }
    }
    for SharePath { path, methods } in share_links(block, app, mistakes) {
        let public = paths.entry(path.clone()).or_insert_with(|| PublicPath {
            path,
            methods: methods.clone(),
            share_link: true,
        });
        public.methods = public.methods.and(&methods);
    }
    paths.into_values().collect()
}

fn methods(line: &PublicLine, mistakes: &mut Vec<Mistake>) -> Option<Methods> {
    let Some(written) = &line.methods else {
        return Some(Methods::reading());
    };
    Methods::new(&written.value)
        .map_err(|why| {
            mistakes.push(Mistake::BadMethods {
                written: written.value.clone(),
                why,
                span: written.span,
            });
        })
        .ok()
}

fn share_links(
    block: &ServiceBlock,
    app: Option<&App>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<SharePath> {
    let Some(span) = block.share_links else {
        return Vec::new();
    };
    let links = app.map(App::share_links).unwrap_or_default();
    match app {
        // An app that nobody knows has been reported as that.
        None if block.app.is_none() => mistakes.push(Mistake::ShareLinksWithoutApp { span }),
        Some(app) if links.is_empty() => mistakes.push(Mistake::NoShareLinks {
            app: app.title.clone(),
            span,
        }),
        _ => {}
    }
    links
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
        (
            "public",
            block
                .public
                .first()
                .and_then(|line| line.paths.first())
                .map(|text| text.span),
        ),
        ("share-links", block.share_links),
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
