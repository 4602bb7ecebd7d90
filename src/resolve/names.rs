//! Names as they are declared: each valid, each once.

use std::collections::BTreeMap;

use super::Mistake;
use crate::model::{Name, NotAName};
use crate::parse::declaration::Text;
use crate::source::Span;

/// The names of one kind that have been declared, and where.
pub struct Declared {
    kind: &'static str,
    places: BTreeMap<Name, Span>,
}

impl Declared {
    /// None yet, of a kind such as `person`.
    pub fn new(kind: &'static str) -> Declared {
        Declared {
            kind,
            places: BTreeMap::new(),
        }
    }

    /// Declares a name; one that is invalid or declared already is a mistake.
    pub fn declare(&mut self, written: &Text, mistakes: &mut Vec<Mistake>) -> Option<Name> {
        let name = match Name::new(&written.value) {
            Ok(name) => name,
            Err(why) => {
                mistakes.push(bad_name(self.kind, written, why));
                return None;
            }
        };
        if let Some(first) = self.places.get(&name) {
            mistakes.push(Mistake::DuplicateName {
                kind: self.kind,
                name: written.value.clone(),
                span: written.span,
                first: *first,
            });
            return None;
        }
        self.places.insert(name.clone(), written.span);
        Some(name)
    }

    /// Where a name is declared, if it is.
    pub fn place(&self, name: &str) -> Option<Span> {
        self.places.get(name).copied()
    }

    /// The declared names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.places.keys().map(Name::as_str)
    }
}

fn bad_name(kind: &'static str, written: &Text, why: NotAName) -> Mistake {
    let why = match why {
        NotAName::Reserved => {
            return Mistake::ReservedName {
                written: written.value.clone(),
                kind,
                span: written.span,
            };
        }
        NotAName::Length => match written.value.len() {
            0 => String::from("it is empty"),
            length => format!("it has {length} characters"),
        },
        NotAName::EdgeHyphen => String::from("it begins or ends with a hyphen"),
        NotAName::Character(capital) if capital.is_ascii_uppercase() => {
            format!("it has the capital `{capital}`")
        }
        NotAName::Character(other) => format!("it has `{other}` (U+{:04X})", u32::from(other)),
    };
    Mistake::BadName {
        written: written.value.clone(),
        kind,
        why,
        span: written.span,
    }
}

/// The items of a list, each with its place; one that is listed twice is a mistake.
pub fn each_once<'a>(list: &'a [Text], mistakes: &mut Vec<Mistake>) -> Vec<&'a Text> {
    let mut firsts: BTreeMap<&str, &Text> = BTreeMap::new();
    for item in list {
        match firsts.get(item.value.as_str()) {
            None => {
                firsts.insert(&item.value, item);
            }
            Some(first) => mistakes.push(Mistake::RepeatedMember {
                name: item.value.clone(),
                span: item.span,
                first: first.span,
            }),
        }
    }
    firsts.into_values().collect()
}
