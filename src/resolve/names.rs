//! Names as they are declared: each valid, each once.

use std::collections::BTreeMap;

use super::{Resolver, meant};
use crate::diagnostic::{Mistake, mistake};
use crate::model::{Name, NotAName};
use crate::parse::declaration::Text;
use crate::source::Span;

/// The names of one kind that have been declared, and where.
pub(super) struct Declared {
    kind: &'static str,
    places: BTreeMap<Name, Span>,
}

impl Declared {
    /// None yet, of a kind such as `person`.
    pub(super) fn new(kind: &'static str) -> Declared {
        Declared {
            kind,
            places: BTreeMap::new(),
        }
    }

    /// Where a name is declared, if it is.
    pub(super) fn place(&self, name: &str) -> Option<Span> {
        self.places.get(name).copied()
    }

    /// The declared names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.places.keys().map(Name::as_str)
    }
}

impl Resolver<'_> {
    /// Declares a name; one that is invalid or declared already is a mistake.
    pub(super) fn declare(&mut self, declared: &mut Declared, written: &Text) -> Option<Name> {
        let kind = declared.kind;
        let name = match Name::new(&written.value) {
            Ok(name) => name,
            Err(why) => {
                let meant = meant::name(&written.value);
                self.refuse(bad_name(kind, written, why, meant.as_ref()));
                // It stands in, so that who names it well is not told that it is missing.
                let name = meant.filter(|name| !declared.places.contains_key(name))?;
                declared.places.insert(name.clone(), written.span);
                return Some(name);
            }
        };
        if let Some(first) = declared.places.get(&name) {
            self.refuse(mistake!(
                "resolve::duplicate-name",
                "the {kind} `{name}` is declared twice",
                at(written.span, "declared again here"),
                at(*first, "first declared here"),
                help("rename or remove one of the two"),
            ));
            return None;
        }
        declared.places.insert(name.clone(), written.span);
        Some(name)
    }

    /// The items of a list, each with its place; one that is listed twice is a mistake.
    pub(super) fn each_once<'a>(
        &mut self,
        list: impl IntoIterator<Item = &'a Text>,
    ) -> Vec<&'a Text> {
        let mut firsts: BTreeMap<&str, &Text> = BTreeMap::new();
        for item in list {
            let name = item.value.as_str();
            let Some(first) = firsts.get(name) else {
                firsts.insert(name, item);
                continue;
            };
            self.refuse(mistake!(
                "resolve::repeated-member",
                "`{name}` is listed twice",
                at(item.span, "again here"),
                at(first.span, "first here"),
                help("remove one of the two"),
            ));
        }
        firsts.into_values().collect()
    }
}

fn bad_name(kind: &str, written: &Text, why: NotAName, meant: Option<&Name>) -> Mistake {
    let span = written.span;
    let written = written.value.as_str();
    let a = if kind.starts_with('e') { "an" } else { "a" };
    let why = match why {
        NotAName::Reserved => {
            return mistake!(
                "resolve::reserved-name",
                "`{written}` cannot be the name of {a} {kind}: Windows keeps it for itself",
                at(span, "reserved"),
                help(
                    "choose another: no file on a relative's Windows could have it, such as `{written}-1`"
                ),
            );
        }
        NotAName::Length if written.is_empty() => "it is empty".into(),
        NotAName::Length => format!("it has {} characters", written.len()),
        NotAName::EdgeHyphen => "it begins or ends with a hyphen".into(),
        NotAName::Character(capital) if capital.is_ascii_uppercase() => {
            format!("it has the capital `{capital}`")
        }
        NotAName::Character(' ') => "it has a space".into(),
        NotAName::Character(other) => format!("it has `{other}` (U+{:04X})", u32::from(other)),
    };
    let is_to_show = written.contains(|c: char| c.is_uppercase() || c == ' ' || !c.is_ascii());
    let help = match (meant, kind) {
        (Some(meant), _) if !is_to_show => format!("write `{kind} \"{meant}\"`"),
        (Some(meant), "person") => format!(
            "write `person \"{meant}\"`, and in its block `name \"{written}\"`: that is what people are shown"
        ),
        (Some(meant), "service") => format!(
            "write `service \"{meant}\"`, and in its block `title \"{written}\"`: that is what people are shown"
        ),
        (Some(meant), kind) => format!("write `{kind} \"{meant}\"`"),
        (None, _) => "use 1 to 63 of `a`–`z`, `0`–`9` and `-`, no hyphen at an edge".into(),
    };
    mistake!(
        "resolve::bad-name",
        "`{written}` cannot be the name of {a} {kind}",
        at(span, "{why}"),
        help(help),
    )
}
