//! Who may reach a service, and which of its paths are open to everyone.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::audiences::Audiences;
use super::meant::{self, Public};
use crate::catalogue::{App, SharePath};
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{Access, Allowed, CertificateMode, Methods, PathPattern, PublicPath};
use crate::parse::declaration::{ServiceBlock, Text};
use crate::source::{Span, Spanned};

/// To whom a service is open without a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Lan,
    Everyone,
}

impl Resolver<'_> {
    pub(super) fn access(
        &mut self,
        block: &ServiceBlock,
        app: Option<&App>,
        audiences: &mut Audiences<'_>,
        default_mode: CertificateMode,
    ) -> Option<Access> {
        let mode = block.certificate.as_ref();
        let mode = mode.and_then(|written| Some((self.certificate_mode(written)?, written.span)));
        let public = self.public_paths(block, app);
        let open = match &block.open {
            Some(written) => Some((self.audience(written)?, written.span)),
            None => None,
        };
        let members = self.members(audiences.people(), &block.allow);
        match (open, block.allow.as_slice()) {
            (Some((Audience::Everyone, open)), _) => {
                self.refuse_more(block, open);
                Some(Access::Everyone)
            }
            (Some((Audience::Lan, _)), []) => {
                self.refuse_unasked(block);
                Some(Access::Lan { public })
            }
            (None, []) => {
                let service = &block.name.value;
                self.refuse_absence(mistake!(
                    "resolve::no-access",
                    "the service `{service}` does not say who may use it",
                    at(block.name.span, "neither `allow` nor `open`"),
                    help("add `allow \"…\"` with people or groups, or `open \"lan\"`: nothing is public by omission"),
                ));
                None
            }
            (open, [first, ..]) => {
                let opening = open.map(|(_, span)| ("open \"lan\"", span));
                let opening = opening.or(first_public(block));
                Some(Access::Certificate(Allowed {
                    people: self.shared(audiences, members, Some(first.span)),
                    lan: open.is_some(),
                    public,
                    certificate: self.mode(mode, opening, default_mode),
                    identity: block.identity.is_some(),
                }))
            }
        }
    }

    /// Whether a certificate is asked for or required, where `opening` lets some in without.
    fn mode(
        &mut self,
        said: Option<(CertificateMode, Span)>,
        opening: Option<(&str, Span)>,
        default_mode: CertificateMode,
    ) -> CertificateMode {
        let Some((what, because)) = opening else {
            return said.map_or(default_mode, |(mode, _)| mode);
        };
        if let Some((CertificateMode::Required, span)) = said {
            self.refuse(mistake!(
                "resolve::certificate-required",
                "a certificate cannot be required here",
                at(span, "required of everyone"),
                at(because, "`{what}` lets some in without"),
                help("remove `certificate \"required\"`, or `{what}`: who has no certificate would never get that far"),
            ));
        }
        CertificateMode::Asked
    }

    /// The declared paths and, where the service says so, those that its app's share links need.
    fn public_paths(&mut self, block: &ServiceBlock, app: Option<&App>) -> Vec<PublicPath> {
        let mut paths: BTreeMap<PathPattern, PublicPath> = BTreeMap::new();
        let written = block.public.iter().flat_map(|line| &line.paths);
        let once: BTreeSet<Span> = { self.each_once(written).into_iter() }
            .map(|text| text.span)
            .collect();
        for line in &block.public {
            let methods = self.methods(line.methods.as_ref());
            for written in line.paths.iter().filter(|path| once.contains(&path.span)) {
                let path = self.public_path(written);
                if let Some((path, methods)) = path.zip(methods.clone()) {
                    let public = PublicPath {
                        path: path.clone(),
                        methods,
                        share_link: false,
                    };
                    paths.insert(path, public);
                }
            }
        }
        for (path, methods) in self.share_links(block, app) {
            let public = paths.entry(path.clone()).or_insert_with(|| PublicPath {
                path,
                methods: methods.clone(),
                share_link: true,
            });
            public.methods = public.methods.and(&methods);
        }
        paths.into_values().collect()
    }

    pub(super) fn public_path(&mut self, written: &Text) -> Option<PathPattern> {
        self.read(written, PathPattern::new, |path, why| {
            let is_read = |path: &str| PathPattern::new(path).is_ok();
            let with_slash = format!("/{}", path.trim_end_matches("/*").trim_end_matches('/'));
            let help = if Methods::new(path).is_ok() {
                format!("methods stand in one text: `methods=\"{path}\"`, several as `methods=\"GET {path}\"`")
            } else if !path.starts_with('/') && is_read(&with_slash) {
                format!("write `public \"{with_slash}\"` for this path alone, or `\"{with_slash}/*\"` for all below it")
            } else {
                "write plain segments, and at most one `*` in the last, such as `public \"/share/*\"`".into()
            };
            mistake!(
                "resolve::bad-public-path",
                "`{path}` cannot be opened safely",
                at(written.span, "{why}"),
                help(help),
            )
        })
    }

    pub(super) fn methods(&mut self, written: Option<&Text>) -> Option<Methods> {
        let Some(written) = written else {
            return Some(Methods::reading());
        };
        self.read(written, Methods::new, |methods, why| {
            mistake!(
                "resolve::bad-methods",
                "`{methods}` cannot be the methods of a public path",
                at(written.span, "{why}"),
                help("write those that are open, such as `methods=\"POST\"` or `methods=\"GET POST\"`"),
            )
        })
    }

    fn share_links(
        &mut self,
        block: &ServiceBlock,
        app: Option<&App>,
    ) -> Vec<(PathPattern, Methods)> {
        let Some(span) = block.share_links else {
            return Vec::new();
        };
        let links = app.map(share_paths).unwrap_or_default();
        match app {
            // An app that nobody knows has been reported as that.
            None if block.app.is_none() => self.refuse_absence(mistake!(
                "resolve::share-links-without-app",
                "`share-links` without `app`",
                at(span, "of which app?"),
                help("add `app \"…\"`: the catalogue knows what its share links need; or open paths with `public`"),
            )),
            Some(App { title: Spanned { value: title, .. }, .. }) if links.is_empty() => self.refuse(mistake!(
                "resolve::no-share-links",
                "the catalogue knows no share links of {title}",
                at(span, "would open nothing"),
                help("remove `share-links`, or open what you know to be safe with `public \"/…/*\"`"),
            )),
            _ => {}
        }
        links
    }

    fn audience(&mut self, written: &Text) -> Option<Audience> {
        let known = |word: &str| match word {
            "lan" => Some(Audience::Lan),
            "everyone" => Some(Audience::Everyone),
            _ => None,
        };
        self.know(written, known, |word| {
            let help = match meant::public(word) {
                Some(Public::Everyone) => {
                    "`open \"everyone\"` is what opens it to everyone, without a certificate".into()
                }
                Some(Public::Lan) => "`open \"lan\"` is what opens it to whoever is at home".into(),
                None => did_you_mean(word, ["lan", "everyone"]),
            };
            mistake!(
                "resolve::unknown-audience",
                "`open` to `{word}`, whom nobody knows",
                at(written.span, "not known"),
                help(help),
            )
        })
    }

    /// What has no meaning where everybody is let in.
    fn refuse_more(&mut self, block: &ServiceBlock, open: Span) {
        let public = block.public.first().and_then(|line| line.paths.first());
        let mode = block.certificate.as_ref();
        for (more, span) in [
            ("allow", block.allow.first().map(|text| text.span)),
            ("public", public.map(|text| text.span)),
            ("share-links", block.share_links),
            ("certificate", mode.map(|text| text.span)),
            ("identity", block.identity),
        ] {
            let Some(span) = span else { continue };
            self.refuse(mistake!(
                "resolve::open-and-more",
                "open to everyone, and yet it says more about who may use it",
                at(span, "`{more}` has no meaning here"),
                at(open, "already open to everyone"),
                help(
                    "remove `open \"everyone\"` to guard the service, or `{more}` to leave it open"
                ),
            ));
        }
    }

    /// What has no meaning where nobody presents a certificate.
    fn refuse_unasked(&mut self, block: &ServiceBlock) {
        let mode = block.certificate.as_ref().map(|text| text.span);
        for (what, span) in [("certificate", mode), ("identity", block.identity)] {
            let Some(span) = span else { continue };
            self.refuse_absence(mistake!(
                "resolve::nobody-to-ask",
                "`{what}` without `allow`",
                at(span, "nobody presents a certificate here"),
                help("add `allow \"…\"`, or remove `{what}`: no certificate is asked for here"),
            ));
        }
    }
}

/// What opens a path to everyone, and where it is said first.
fn first_public(block: &ServiceBlock) -> Option<(&'static str, Span)> {
    let mut paths = block.public.iter().flat_map(|line| &line.paths);
    let path = paths.next().map(|path| ("public", path.span));
    path.or(block.share_links.map(|span| ("share-links", span)))
}

/// All that an app's share links need, and the manifest with it where there are any.
fn share_paths(app: &App) -> Vec<(PathPattern, Methods)> {
    let path = |written: &Text| PathPattern::new(&written.value).expect(READ);
    let methods = |written: &Option<Text>| match written {
        Some(written) => Methods::new(&written.value).expect(READ),
        None => Methods::reading(),
    };
    if app.share.is_empty() {
        return Vec::new();
    }
    let share = app.share.iter().map(|claim| &claim.value);
    let share = share.map(|share: &SharePath| (path(&share.path), methods(&share.methods)));
    let manifest = app.manifest.iter().map(|claim| &claim.value);
    let manifest = manifest.map(|manifest| (path(manifest), Methods::reading()));
    share.chain(manifest).collect()
}

const READ: &str = "a test reads every path that is built in, and `apps` those of one's own";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_share_links_need_can_be_opened() {
        for app in crate::catalogue::apps() {
            let manifest = usize::from(app.manifest.is_some() && !app.share.is_empty());
            assert_eq!(share_paths(app).len(), app.share.len() + manifest);
            // It is read even where no share links bring it.
            let written = app.manifest.iter().map(|claim| &claim.value.value);
            written.for_each(|path| assert!(PathPattern::new(path).is_ok(), "{path}"));
        }
    }
}
