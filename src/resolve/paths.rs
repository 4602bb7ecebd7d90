//! Policies of single paths.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::access::{Audience, first_span};
use super::audiences::Audiences;
use super::networks::Networks;
use super::sign_in::{Beside, KnownGateway};
use crate::diagnostic::mistake;
use crate::model::{Methods, Network, Opened, PathPattern, PathPolicy};
use crate::parse::declaration::{OpenLine, PathBlock, Text};
use crate::source::Span;

impl Resolver<'_> {
    /// The policies of a service's paths, in the order of the paths.
    pub(super) fn path_policies(
        &mut self,
        blocks: &[PathBlock],
        (audiences, networks): (&mut Audiences<'_>, &Networks),
        gateway: KnownGateway<'_>,
    ) -> Vec<PathPolicy> {
        let mut firsts: BTreeMap<PathPattern, Span> = BTreeMap::new();
        let mut policies = Vec::new();
        for block in blocks {
            let beside = Beside::of(&block.allow, block.open.as_ref());
            if beside == Beside::Nobody && block.sign_in.is_none() {
                self.refuse_empty(block);
            }
            let sign_in = block.sign_in.as_ref();
            let sign_in = sign_in.and_then(|line| self.sign_in(line, gateway, beside));
            let grants = self.grants(&block.allow, (audiences, networks));
            let open = block.open.as_ref();
            let open = open.and_then(|line| self.opened(line, networks));
            let (networks, everyone) = open.unwrap_or_default();
            if let (Some(line), Some(Opened::ByAll)) = (&block.sign_in, &everyone) {
                self.refuse_sign_in(block, line.span);
            }
            let Some(path) = self.policy_path(block) else {
                continue;
            };
            if let Some(first) = firsts.insert(path.clone(), block.path.span) {
                self.refuse_repeated(block, first);
            }
            policies.push(PathPolicy {
                path,
                grants,
                networks,
                everyone,
                sign_in,
            });
        }
        policies.sort_by(|one, other| one.path.cmp(&other.path));
        policies
    }

    fn policy_path(&mut self, block: &PathBlock) -> Option<PathPattern> {
        let written = &block.path;
        self.read(written, PathPattern::new, |path, why| {
            mistake!(
                "resolve::bad-path",
                "`{path}` cannot have a policy of its own",
                at(written.span, "{why}"),
                help("write plain segments, and at most one `*` in the last, such as `path \"/admin/*\" {{ … }}`"),
            )
        })
    }

    fn opened(
        &mut self,
        line: &OpenLine,
        networks: &Networks,
    ) -> Option<(BTreeSet<Network>, Option<Opened>)> {
        let methods = match &line.methods {
            None => Some(Opened::ByAll),
            Some(written) => self.methods_of(written).map(Opened::By),
        };
        let open = match self.audience(line, networks)? {
            Audience::Everyone => (BTreeSet::new(), Some(methods?)),
            Audience::Networks(networks) => {
                if let Some(written) = &line.methods {
                    self.refuse(mistake!(
                        "resolve::methods-of-a-network",
                        "`methods` where not everyone is let in",
                        at(written.span, "a network is let in for all methods"),
                        help("remove `methods`, or write `open \"everyone\"`"),
                    ));
                }
                (networks, None)
            }
        };
        Some(open)
    }

    fn refuse_empty(&mut self, block: &PathBlock) {
        let path = &block.path.value;
        self.refuse(mistake!(
            "resolve::path-without-policy",
            "nothing says who may use `{path}`",
            at(block.path.span, "neither `allow` nor `open` nor `sign-in`"),
            help("write `path \"{path}\" {{ allow \"…\"; }}` with people, groups or devices, or `{{ open \"lan\"; }}`"),
        ));
    }

    /// Whoever is let in anyway signs in nowhere.
    fn refuse_sign_in(&mut self, block: &PathBlock, sign_in: Span) {
        let open = block.open.as_ref().map_or(block.path.span, first_span);
        self.refuse(mistake!(
            "resolve::open-and-sign-in",
            "open to everyone, and yet somebody is to sign in",
            at(sign_in, "nobody is asked to"),
            at(open, "already open to everyone"),
            help(
                "remove `open \"everyone\"` to have visitors sign in, or `sign-in` to leave it open"
            ),
        ));
    }

    fn refuse_repeated(&mut self, block: &PathBlock, first: Span) {
        let path = &block.path.value;
        self.refuse(mistake!(
            "resolve::duplicate-path",
            "`{path}` has two policies",
            at(block.path.span, "again here"),
            at(first, "first here"),
            help("put both into one block"),
        ));
    }

    /// Reads methods that are open to everyone.
    pub(super) fn methods_of(&mut self, written: &Text) -> Option<Methods> {
        self.read(written, Methods::new, |methods, why| {
            mistake!(
                "resolve::bad-methods",
                "`{methods}` cannot be the methods of a public path",
                at(written.span, "{why}"),
                help("write those that are open, such as `methods=\"POST\"` or `methods=\"GET POST\"`"),
            )
        })
    }
}
