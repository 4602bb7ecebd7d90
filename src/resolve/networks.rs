//! Networks that are declared by name, and where they are referred to.

use std::collections::BTreeMap;

use super::Resolver;
use super::names::Declared;
use crate::diagnostic::mistake;
use crate::model::{IpRange, Name, Network};
use crate::parse::declaration::{NetworkLine, Text};

/// The networks that are declared by name, with their ranges.
pub(super) type Networks = BTreeMap<Name, Vec<IpRange>>;

/// Words that say something else already where networks are named.
const TAKEN: [&str; 3] = [Network::LAN, EVERYONE, "everywhere"];

/// The word for everybody, where networks are named.
pub(super) const EVERYONE: &str = "everyone";

impl Resolver<'_> {
    pub(super) fn networks(&mut self, lines: &[NetworkLine]) -> Networks {
        let mut names = Declared::new("network");
        let mut networks = Networks::new();
        for line in lines {
            let name = self.declare(&mut names, &line.name);
            let ranges = self.ranges(&line.ranges);
            if TAKEN.contains(&line.name.value.as_str()) {
                self.refuse_taken(&line.name);
            } else {
                networks.extend(name.map(|name| (name, ranges)));
            }
        }
        networks
    }

    fn refuse_taken(&mut self, name: &Text) {
        let help = match name.value.as_str() {
            Network::LAN => "say what counts as the LAN in `edge`: `lan \"192.168.0.0/16\"`",
            _ => "choose another name",
        };
        let (name, span) = (&name.value, name.span);
        self.refuse(mistake!(
            "resolve::network-name-taken",
            "no network can be called `{name}`",
            at(span, "means something else"),
            help("{help}"),
        ));
    }

    /// The network of that name.
    pub(super) fn network(&mut self, written: &Text, networks: &Networks) -> Option<Network> {
        let word = &written.value;
        let found = known(word, networks);
        if found.is_none() {
            let names = networks.keys().map(Name::as_str).chain([Network::LAN]);
            let help = named(word).or_else(|| self.meant(word, written.span, names));
            self.refuse(mistake!(
                "resolve::unknown-network",
                "there is no network `{word}`",
                at(written.span, "not declared"),
                help(help),
            ));
        }
        found
    }
}

/// The help for who writes addresses where the name of a network stands.
pub(super) fn named(word: &str) -> Option<String> {
    let help = || {
        format!(
            "give it a name first: `network \"office\" \"{word}\"`, and write `\"office\"` here"
        )
    };
    IpRange::new(word).is_ok().then(help)
}

/// The network of that name, where there is one.
pub(super) fn known(name: &str, networks: &Networks) -> Option<Network> {
    if name == Network::LAN {
        return Some(Network::Lan);
    }
    let name = Name::new(name).ok();
    let declared = name.filter(|name| networks.contains_key(name));
    declared.map(Network::Named)
}
