//! The edges, and which one a service stands behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Resolver;
use super::names::Declared;
use super::sign_in::KnownGateway;
use crate::diagnostic::{joined, mistake};
use crate::model::{CertificateMode, Edge, Name};
use crate::parse::declaration::{EdgeBlock, ServiceBlock};
use crate::source::Span;

/// Edges that are named in a help, at the most.
const NAMED: usize = 5;

/// Edges, at the most: each has revocation lists and authorities of its own.
const MOST_EDGES: usize = 64;

/// Every edge, as services find it.
pub(super) struct Edges<'d> {
    /// At least one.
    all: Vec<KnownEdge<'d>>,
    places: BTreeMap<Name, usize>,
    names: Declared,
}

/// An edge, as its services find it.
pub(super) struct KnownEdge<'d> {
    block: Option<&'d EdgeBlock>,
    /// A stand-in where something is wrong with it, which has been said.
    pub edge: Arc<Edge>,
    /// What the handshake asks of visitors, where a service does not say it.
    pub mode: CertificateMode,
}

impl Edges<'_> {
    pub(super) fn into_settings(self) -> Vec<Arc<Edge>> {
        self.all.into_iter().map(|known| known.edge).collect()
    }

    /// Where the page of the domain itself is asked for.
    pub(super) fn landing(&self) -> Option<Span> {
        { self.all.iter() }.find_map(|known| known.block?.landing)
    }
}

impl KnownEdge<'_> {
    pub(super) fn gateway(&self) -> KnownGateway<'_> {
        let is_declared = self.block.is_some_and(|block| block.sign_in.is_some());
        match (is_declared, &self.edge.gateway) {
            (false, _) => KnownGateway::Undeclared,
            (true, Some(gateway)) => KnownGateway::Right(gateway),
            // A stand-in has none.
            (true, None) => KnownGateway::Wrong,
        }
    }
}

impl Resolver<'_> {
    pub(super) fn edges<'d>(&mut self, blocks: &'d [EdgeBlock]) -> Edges<'d> {
        let mut names = Declared::new("edge");
        let mut all: Vec<KnownEdge<'d>> = Vec::new();
        let mut places = BTreeMap::new();
        if let Some(beyond) = blocks.get(MOST_EDGES) {
            self.refuse(mistake!(
                "resolve::too-many-edges",
                "there are more than {MOST_EDGES} edges",
                at(beyond.span, "the first beyond them"),
                help(
                    "let several names lead to one Caddy: a service has as many hosts as it needs"
                ),
            ));
        }
        for block in blocks.iter().take(MOST_EDGES) {
            let name = block.name.as_ref();
            let name = name.and_then(|written| self.declare(&mut names, written));
            let mode = block.certificate.as_ref();
            let mode = mode.and_then(|written| self.certificate_mode(written));
            let edge = self.edge(block, name.clone());
            places.extend(name.map(|name| (name, all.len())));
            all.push(KnownEdge {
                block: Some(block),
                edge: Arc::new(edge.unwrap_or_else(|| self.usual_edge())),
                mode: mode.unwrap_or(CertificateMode::Required),
            });
        }
        if all.is_empty() {
            all.push(KnownEdge {
                block: None,
                edge: Arc::new(self.usual_edge()),
                mode: CertificateMode::Required,
            });
        }
        self.refuse_nameless(blocks);
        let landings = blocks.iter().filter_map(|block| block.landing);
        self.refuse_two(landings, "landing", "the domain itself has one page");
        let fallbacks = blocks.iter().filter_map(|block| block.fallback.as_ref());
        self.refuse_two(
            fallbacks.map(|line| line.span),
            "fallback",
            "a name that nobody declares leads to one edge",
        );
        self.refuse_same_place(&all);
        Edges { all, places, names }
    }

    /// One of which nothing is said.
    fn usual_edge(&mut self) -> Edge {
        let block = EdgeBlock::new((0, 0).into(), None);
        let edge = self.edge(&block, None);
        edge.expect("every setting has a default")
    }

    fn refuse_nameless(&mut self, blocks: &[EdgeBlock]) {
        let [first, others @ ..] = blocks else {
            return;
        };
        let is_nameless = |block: &&EdgeBlock| block.name.is_none();
        let mut nameless: Vec<&EdgeBlock> = others.iter().filter(is_nameless).collect();
        if nameless.is_empty() && !others.is_empty() && first.name.is_none() {
            nameless.push(first);
        }
        for block in nameless {
            let other = if block.span == first.span {
                &others[0]
            } else {
                first
            };
            self.refuse(mistake!(
                "resolve::edge-without-name",
                "there are several edges, and one has no name",
                at(block.span, "which one is this?"),
                at(other.span, "another one"),
                help("put what all of them say into one block; or, where there are several Caddys, give each a name: `edge \"home\" {{ … }}`, and say in each service `on \"home\"`"),
            ));
        }
    }

    /// What only one of several edges can say.
    fn refuse_two(&mut self, said: impl Iterator<Item = Span>, word: &str, why: &str) {
        let said: Vec<Span> = said.collect();
        let Some((first, others)) = said.split_first() else {
            return;
        };
        for other in others {
            self.refuse(mistake!(
                "resolve::said-by-two-edges",
                "`{word}` stands in two edges",
                at(*other, "and here"),
                at(*first, "it is here already"),
                help("remove one of them: {why}"),
            ));
        }
    }

    /// Two edges in one place would each remove what the other has brought there.
    fn refuse_same_place(&mut self, edges: &[KnownEdge<'_>]) {
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for known in edges {
            let line = known.block.and_then(|block| block.deploy.as_ref());
            let (Some(line), Some(place)) = (line, &known.edge.deploy) else {
                continue;
            };
            if let Some(first) = places.insert(place.named(), line.span) {
                self.refuse(mistake!(
                    "resolve::same-deploy",
                    "two edges are deployed to the same place",
                    at(line.span, "this one"),
                    at(first, "and this one"),
                    help("say another `path`, or another host: each would remove what the other has brought there"),
                ));
            }
        }
    }

    /// The edge that a service stands behind. Where that is wrong, the rest of the service is read as if it were the first one.
    pub(super) fn edge_of<'e, 'd>(
        &mut self,
        block: &ServiceBlock,
        edges: &'e Edges<'d>,
    ) -> &'e KnownEdge<'d> {
        let [first, others @ ..] = edges.all.as_slice() else {
            unreachable!("there is always one");
        };
        let Some(written) = &block.on else {
            if !others.is_empty() {
                let names = edges.names.names().take(NAMED);
                let names = joined(names.map(|name| format!("`on \"{name}\"`")), " or ");
                let service = &block.name.value;
                self.refuse_absence(mistake!(
                    "resolve::no-edge",
                    "the service `{service}` does not say on which edge it stands",
                    at(block.name.span, "on which one?"),
                    help("there are several edges: add {names}"),
                ));
            }
            return first;
        };
        let word = written.value.as_str();
        if let Some(place) = edges.places.get(word) {
            return &edges.all[*place];
        }
        // A name that is wrong where it is declared has been told of there.
        if edges.names.place(word).is_none() {
            let help = match edges.names.names().next() {
                None => Some(format!(
                    "no edge has a name: write `edge \"{word}\" {{ … }}`, or remove `on`"
                )),
                Some(_) => self.meant(word, written.span, edges.names.names()),
            };
            self.refuse_absence(mistake!(
                "resolve::unknown-edge",
                "no edge `{word}` is declared",
                at(written.span, "not known"),
                help(help),
            ));
        }
        first
    }
}
