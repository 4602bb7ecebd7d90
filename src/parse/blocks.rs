//! Which block knows which statements, over the whole language.

use std::collections::BTreeSet;

use super::declaration::{CERTIFICATES, DECLARATION, EDGE, PERSON, VALIDITY};
use super::document::{Node, Value};
use super::habit;
use super::known::Known;
use super::reader::Reader;
use super::service::SERVICE;
use super::sign_in::GATEWAY;

/// What the block of a node knows.
pub(super) fn block(name: &str) -> Option<&'static Known> {
    match name {
        "validity" => Some(&VALIDITY),
        "edge" => Some(&EDGE),
        "certificates" => Some(&CERTIFICATES),
        "person" => Some(&PERSON),
        "service" => Some(&SERVICE),
        "sign-in" => Some(&GATEWAY),
        _ => None,
    }
}

/// The blocks of the language as they are written, and nothing for the outside of all blocks.
const BLOCKS: [(&str, &Known); 6] = [
    ("", &DECLARATION),
    ("`edge { … }`", &EDGE),
    ("`certificates \"dns\" { … }`", &CERTIFICATES),
    ("`person \"…\" { … }`", &PERSON),
    ("`service \"…\" { … }`", &SERVICE),
    ("`validity { … }`", &VALIDITY),
];

/// The blocks that know a node of this name.
fn homes_of(word: &str) -> impl Iterator<Item = &'static str> {
    let knows = move |known: &Known| known.words().any(|known| known == word);
    let homes = BLOCKS.into_iter().filter(move |(_, known)| knows(known));
    homes.map(|(home, _)| home)
}

/// Where a node stands that is known: the block, and nothing for the outside of all blocks; none where no block knows it, or several do.
pub(super) fn home_of(word: &str) -> Option<&'static str> {
    let mut homes = homes_of(word);
    let home = homes.next()?;
    homes.next().is_none().then_some(home)
}

/// Whether a statement is called so in some block.
pub(super) fn is_statement(word: &str) -> bool {
    homes_of(word).next().is_some()
}

impl Reader {
    /// Takes statements apart that have a second one in them.
    pub(super) fn split_statements(&mut self, text: &str, nodes: &mut Vec<Node>) {
        let declares = |node: &&Node| ["person", "group"].contains(&node.name.value.as_str());
        let names = nodes.iter().filter(declares);
        let names = names.filter_map(|node| match &node.arguments.first()?.value {
            Value::String(name) => Some(name.clone()),
            _ => None,
        });
        let names: BTreeSet<String> = names.collect();
        let is_declared = |word: &str| names.contains(word);
        habit::split(self, text, &DECLARATION, block, &is_declared, nodes);
    }
}
