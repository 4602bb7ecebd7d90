//! Who may reach a service, and which of its paths are open to everyone.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::audiences::Audiences;
use super::meant::{self, Public};
use super::networks::{self, EVERYONE, Networks};
use super::sign_in::{Beside, KnownGateway};
use crate::catalogue::{App, SharePath};
use crate::diagnostic::mistake;
use crate::model::{
    Access, Allowed, CertificateMode, Grant, Methods, Name, Network, Origin, PathPattern,
    PathPolicy, PublicPath, SignIn,
};
use crate::parse::declaration::{AllowLine, OpenLine, ServiceBlock, Text};
use crate::source::{Span, Spanned};

/// All that is said of who may reach a service.
pub(super) struct Policy {
    pub access: Access,
    pub sign_in: Option<SignIn>,
    pub paths: Vec<PathPolicy>,
    pub preflight: Vec<Origin>,
    pub certificate: Option<CertificateMode>,
}

/// To whom something is open without a certificate.
pub(super) enum Audience {
    /// Never empty.
    Networks(BTreeSet<Network>),
    Everyone,
}

impl Resolver<'_> {
    pub(super) fn service_policy(
        &mut self,
        block: &ServiceBlock,
        app: Option<&App>,
        (audiences, networks): (&mut Audiences<'_>, &Networks),
        (gateway, default_mode): (KnownGateway<'_>, CertificateMode),
    ) -> Option<Policy> {
        let mode = block.certificate.as_ref();
        let mode = mode.and_then(|written| Some((self.certificate_mode(written)?, written.span)));
        let public = self.public_paths(block, app);
        let preflight = self.preflight(&block.preflight);
        let paths = self.path_policies(&block.paths, (audiences, networks), gateway);
        let beside = Beside::of(&block.allow, block.open.as_ref());
        let sign_in = match &block.sign_in {
            Some(line) => Some(self.sign_in(line, gateway, beside)?),
            None => None,
        };
        let open = match &block.open {
            Some(written) => Some((self.audience(written, networks)?, first_span(written))),
            None => None,
        };
        let grants = self.grants(&block.allow, (audiences, networks));
        let asks_below = paths.iter().any(|path| !path.grants.is_empty());
        let opening = opening(block, open.as_ref().map(|(_, span)| *span));
        let access = match (open, block.allow.first()) {
            (Some((Audience::Everyone, open)), _) => {
                self.refuse_more(block, open, asks_below);
                Access::Everyone
            }
            (Some((Audience::Networks(networks), _)), None) => {
                if !asks_below {
                    self.refuse_unasked(block);
                }
                Access::Networks { networks, public }
            }
            // Nobody is let in but who signs in.
            (None, None) if sign_in.is_some() => {
                if !asks_below {
                    self.refuse_unasked(block);
                }
                Access::Networks {
                    networks: BTreeSet::new(),
                    public,
                }
            }
            (None, None) => {
                let service = &block.name.value;
                self.refuse_absence(mistake!(
                    "resolve::no-access",
                    "the service `{service}` does not say who may use it",
                    at(block.name.span, "neither `allow` nor `open` nor `sign-in`"),
                    help("add `allow \"…\"` with people or groups, or `open \"lan\"`: nothing is public by omission"),
                ));
                return None;
            }
            (open, Some(_)) => Access::Certificate(Allowed {
                grants,
                networks: match open {
                    Some((Audience::Networks(networks), _)) => networks,
                    _ => BTreeSet::new(),
                },
                public,
            }),
        };
        let certificate = match access {
            Access::Certificate(_) => Some(self.mode(mode, opening, default_mode)),
            // Who has none gets in somewhere.
            Access::Everyone | Access::Networks { .. } => {
                asks_below.then_some(CertificateMode::Asked)
            }
        };
        Some(Policy {
            access,
            sign_in,
            paths,
            preflight,
            certificate,
        })
    }

    /// Resolves lines of `allow`: those that count everywhere together, and those that count in the same network.
    pub(super) fn grants(
        &mut self,
        lines: &[AllowLine],
        (audiences, networks): (&mut Audiences<'_>, &Networks),
    ) -> Vec<Grant> {
        let mut named: BTreeMap<Option<Network>, Vec<&Text>> = BTreeMap::new();
        for line in lines {
            let from = match &line.from {
                None => Some(None),
                Some(written) => self.network(written, networks).map(Some),
            };
            if let Some(from) = from {
                named.entry(from).or_default().extend(&line.names);
            }
        }
        let mut grants = Vec::new();
        for (from, names) in named {
            let (members, mut devices) = self.members(audiences.people(), &names);
            devices.retain(|device| !members.contains(&device.person));
            let span = names.first().map(|text| text.span);
            let people = self.shared(audiences, members, span);
            let same = |grant: &&mut Grant| grant.people == people && grant.devices == devices;
            match grants.iter_mut().find(same) {
                // What counts everywhere comes first, and counts in each network.
                Some(known) if known.from.is_empty() => {}
                Some(known) => known.from.extend(from),
                None => grants.push(Grant {
                    people,
                    devices,
                    from: from.into_iter().collect(),
                }),
            }
        }
        grants
    }

    fn preflight(&mut self, written: &[Text]) -> Vec<Origin> {
        let mut origins = Vec::new();
        for text in self.each_once(written) {
            origins.extend(self.read(text, Origin::new, |origin, why| {
                mistake!(
                    "resolve::bad-origin",
                    "`{origin}` is no origin of a page",
                    at(text.span, "{why}"),
                    help("write it as the browser sends it, such as `preflight \"https://app.home.example.com\"`"),
                )
            }));
        }
        origins.sort();
        origins
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
        match written {
            None => Some(Methods::reading()),
            Some(written) => self.methods_of(written),
        }
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

    /// Resolves `open "lan" "office"`, or `open "everyone"`.
    pub(super) fn audience(&mut self, line: &OpenLine, networks: &Networks) -> Option<Audience> {
        let mut open = BTreeSet::new();
        let mut everyone = None;
        let written = self.each_once(&line.audiences);
        for word in &written {
            if word.value == EVERYONE {
                everyone = Some(word.span);
                continue;
            }
            let Some(network) = networks::known(&word.value, networks) else {
                self.refuse_audience(word, networks);
                return None;
            };
            open.insert(network);
        }
        let Some(everyone) = everyone else {
            return (!open.is_empty()).then_some(Audience::Networks(open));
        };
        for more in written.iter().filter(|word| word.value != EVERYONE) {
            let word = &more.value;
            self.refuse(mistake!(
                "resolve::everyone-and-more",
                "open to everyone, and to `{word}` besides",
                at(more.span, "`{word}` has no meaning here"),
                at(everyone, "already open to everyone"),
                help("remove `everyone`, or `{word}`"),
            ));
        }
        Some(Audience::Everyone)
    }

    fn refuse_audience(&mut self, written: &Text, networks: &Networks) {
        let word = &written.value;
        let help = match meant::public(word) {
            Some(Public::Everyone) => Some(
                "`open \"everyone\"` is what opens it to everyone, without a certificate".into(),
            ),
            Some(Public::Lan) => {
                Some("`open \"lan\"` is what opens it to whoever is at home".into())
            }
            None => {
                let names = networks.keys().map(Name::as_str);
                let known = [Network::LAN, EVERYONE].into_iter().chain(names);
                networks::named(word).or_else(|| self.meant(word, written.span, known))
            }
        };
        self.refuse(mistake!(
            "resolve::unknown-audience",
            "`open` to `{word}`, whom nobody knows",
            at(written.span, "not known"),
            help(help),
        ));
    }

    /// What has no meaning where everybody is let in, but below paths that ask for a certificate.
    fn refuse_more(&mut self, block: &ServiceBlock, open: Span, asks_below: bool) {
        let public = block.public.first().and_then(|line| line.paths.first());
        let mode = block.certificate.as_ref();
        let allow = block.allow.first().and_then(|line| line.names.first());
        let preflight = block.preflight.first();
        for (more, span) in [
            ("allow", allow.map(|text| text.span)),
            ("public", public.map(|text| text.span)),
            ("share-links", block.share_links),
            ("certificate", mode.map(|text| text.span)),
            ("identity", block.identity.filter(|_| !asks_below)),
            ("sign-in", block.sign_in.as_ref().map(|line| line.span)),
            (
                "preflight",
                preflight.map(|text| text.span).filter(|_| !asks_below),
            ),
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

pub(super) fn first_span(line: &OpenLine) -> Span {
    line.audiences[0].span
}

/// What lets some in without a certificate, and where it is said.
fn opening(block: &ServiceBlock, open: Option<Span>) -> Option<(&'static str, Span)> {
    let lan = block.open.as_ref().is_some_and(|line| {
        let [only] = line.audiences.as_slice() else {
            return false;
        };
        only.value == Network::LAN
    });
    let open = open.map(|span| (if lan { "open \"lan\"" } else { "open" }, span));
    let preflight = block.preflight.first().map(|text| ("preflight", text.span));
    let mut below = block.paths.iter().filter_map(|path| path.open.as_ref());
    let below = below.next().map(|line| ("open", first_span(line)));
    let paths = block.paths.iter().filter_map(|path| path.sign_in.as_ref());
    let mut sign_ins = block.sign_in.iter().chain(paths);
    let instead = sign_ins.find(|line| line.word.is_none());
    let instead = instead.map(|line| ("sign-in", line.span));
    { open.or(first_public(block)).or(preflight) }
        .or(below)
        .or(instead)
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
