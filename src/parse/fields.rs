//! Takes one node apart: each value is asked for by name, and what nobody asked for is a mistake.

use super::blocks::block;
use super::document::{Node, Value};
use super::habit::help_for_property;
use super::reader::Reader;
use crate::diagnostic::{did_you_mean, mistake};
use crate::source::{Span, Spanned};

/// A node being taken apart. Call [`Fields::finish`], or [`Fields::finish_before_block`], when all that may be there
/// has been asked for.
pub(crate) struct Fields<'n, 'r> {
    node: &'n Node,
    arguments_taken: usize,
    properties_known: Vec<&'static str>,
    reader: &'r mut Reader,
}

impl<'n, 'r> Fields<'n, 'r> {
    pub(crate) fn of(node: &'n Node, reader: &'r mut Reader) -> Fields<'n, 'r> {
        Fields {
            node,
            arguments_taken: 0,
            properties_known: Vec::new(),
            reader,
        }
    }

    /// The next argument, which must be there and be text.
    pub(crate) fn text(&mut self, what: &str, example: &str) -> Option<Spanned<String>> {
        let argument = self.argument(what, example)?;
        self.as_text(argument)
    }

    fn argument(&mut self, what: &str, example: &str) -> Option<&'n Spanned<Value>> {
        let Some(argument) = self.node.arguments.get(self.arguments_taken) else {
            self.refuse_missing(what, example);
            return None;
        };
        self.arguments_taken += 1;
        Some(argument)
    }

    fn refuse_missing(&mut self, what: &str, example: &str) {
        let node = &self.node.name.value;
        self.reader.refuse(mistake!(
            "parse::missing-argument",
            "`{node}` lacks {what}",
            at(self.node.span, "{what} is missing"),
            help("write `{example}`"),
        ));
    }

    /// A property that must be there and be text.
    pub(crate) fn needed_property(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<Spanned<String>> {
        let value = self.property(key);
        if value.is_none() {
            self.refuse_missing(&format!("`{key}`"), example);
        }
        self.as_text(value?)
    }

    /// The next argument, if there is one, which must be text.
    pub(crate) fn optional_text(&mut self) -> Option<Spanned<String>> {
        let argument = self.node.arguments.get(self.arguments_taken)?;
        self.arguments_taken += 1;
        self.as_text(argument)
    }

    /// Where the node stands.
    pub(crate) fn span(&self) -> Span {
        self.node.span
    }

    /// All the remaining arguments, at least one, each text.
    pub(crate) fn texts(&mut self, what: &str, example: &str) -> Vec<Spanned<String>> {
        let mut texts: Vec<_> = self.text(what, example).into_iter().collect();
        texts.extend(self.more_texts());
        texts
    }

    /// All the remaining arguments, perhaps none, each text.
    pub(crate) fn more_texts(&mut self) -> Vec<Spanned<String>> {
        let rest = self.node.arguments.iter().skip(self.arguments_taken);
        self.arguments_taken = self.node.arguments.len();
        rest.filter_map(|argument| self.as_text(argument)).collect()
    }

    /// The next argument, which must be there and be a whole number.
    pub(crate) fn integer(&mut self, what: &str, example: &str) -> Option<Spanned<i128>> {
        let argument = self.argument(what, example)?;
        self.as_integer(argument, format!("write `{example}`"))
    }

    pub(crate) fn text_property(&mut self, key: &'static str) -> Option<Spanned<String>> {
        self.property(key).and_then(|value| self.as_text(value))
    }

    /// A property that is `#true` or `#false`.
    pub(crate) fn boolean_property(&mut self, key: &'static str) -> Option<Spanned<bool>> {
        let value = self.property(key)?;
        if let Value::Boolean(truth) = value.value {
            return Some(Spanned::new(truth, value.span));
        }
        let help = match &value.value {
            Value::String(text) => match text.to_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => format!("write `{key}=#true`"),
                "false" | "no" | "off" | "0" => format!("write `{key}=#false`"),
                _ => format!("write `{key}=#true` or `{key}=#false`"),
            },
            _ => format!("write `{key}=#true` or `{key}=#false`"),
        };
        self.refuse_type(value, "`#true` or `#false`", help);
        None
    }

    /// A property that is a whole number.
    pub(crate) fn integer_property(&mut self, key: &'static str) -> Option<Spanned<i128>> {
        let value = self.property(key)?;
        self.as_integer(value, format!("write `{key}=17`"))
    }

    /// Complains about every value that was not asked for, and about a block.
    pub(crate) fn finish(self, takes: &str) {
        let Node {
            name, block, span, ..
        } = self.node;
        if block.is_some() {
            let node = &name.value;
            let help = match self.as_properties() {
                Some(written) => format!("these are properties: write `{written}`"),
                None => "remove the braces and what is in them".into(),
            };
            self.reader.refuse(mistake!(
                "parse::unexpected-block",
                "`{node}` has no block",
                at(*span, "has one here"),
                help(help),
            ));
        }
        self.finish_before_block(takes);
    }

    /// The node with what stands in its block as the properties that it knows; none where there is anything else.
    fn as_properties(&self) -> Option<String> {
        let children = self.node.children();
        let is_said = |child: &Node| {
            { self.node.properties.iter() }.any(|(key, _)| key.value == child.name.value)
        };
        let are_too_many = children.len() > self.properties_known.len();
        if children.is_empty() || are_too_many || children.iter().any(is_said) {
            return None;
        }
        let mut written = self.node.well_written();
        for child in children {
            let known = self.properties_known.contains(&child.name.value.as_str());
            let [value] = child.arguments.as_slice() else {
                return None;
            };
            known.then_some(())?;
            let child = Node {
                properties: vec![(child.name.clone(), value.clone())],
                ..Node::named(&child.name)
            };
            let property = child.well_written();
            let (_, property) = property.split_once(' ')?;
            written = format!("{written} {property}");
        }
        Some(written)
    }

    /// Complains about every value that was not asked for. What stands in the block is read apart.
    pub(crate) fn finish_before_block(self, takes: &str) {
        let node = &self.node.name.value;
        let asks_for = match self.properties_known.as_slice() {
            // `timeouts 30`: it has properties alone.
            keys @ [_, ..] if self.arguments_taken == 0 => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}=\"…\"`")).collect();
                Some(format!("say which it is: {}", keys.join(" or ")))
            }
            _ => None,
        };
        for argument in self.node.arguments.iter().skip(self.arguments_taken) {
            let help = asks_for.clone().unwrap_or_else(|| "remove it".into());
            self.reader.refuse(mistake!(
                "parse::unexpected-argument",
                "`{node}` takes {takes}",
                at(argument.span, "one too many"),
                help(help),
            ));
        }
        let known = self.properties_known.as_slice();
        let is_known = |key: &str| known.contains(&key);
        let properties = self.node.properties.iter();
        for (key, _) in properties.filter(|(key, _)| !is_known(&key.value)) {
            let name = &key.value;
            let help = match known {
                [] if block(node).is_some_and(|block| block.words().any(|word| word == name)) => {
                    format!("it is a line of its block: `{node} \"…\" {{ {name} \"…\"; }}`")
                }
                [] => format!("`{node}` has no properties"),
                known => did_you_mean(name, known.iter().copied()),
            };
            let help = help_for_property(node, name).unwrap_or(help);
            self.reader.refuse(mistake!(
                "parse::unknown-property",
                "unknown property `{name}` on `{node}`",
                at(key.span, "not known here"),
                help(help),
            ));
        }
    }

    fn property(&mut self, key: &'static str) -> Option<&'n Spanned<Value>> {
        self.properties_known.push(key);
        let found = self.node.properties.iter().find(|(k, _)| k.value == key);
        found.map(|(_, value)| value)
    }

    fn as_text(&mut self, value: &Spanned<Value>) -> Option<Spanned<String>> {
        let help = match &value.value {
            Value::String(text) => return Some(Spanned::new(text.clone(), value.span)),
            Value::Integer(number) => format!("put it in quotes: `\"{number}\"`"),
            Value::Other("`#null`") => "leave it out: what is not said has its default".into(),
            Value::Boolean(truth) => format!("put it in quotes: `\"{truth}\"`"),
            Value::Other(_) => "put it in quotes".into(),
        };
        self.refuse_type(value, "a text", help);
        None
    }

    fn as_integer(&mut self, value: &Spanned<Value>, help: String) -> Option<Spanned<i128>> {
        if let Value::Integer(number) = value.value {
            return Some(Spanned::new(number, value.span));
        }
        self.refuse_type(value, "a whole number", help);
        None
    }

    fn refuse_type(&mut self, value: &Spanned<Value>, expected: &str, help: String) {
        let found = value.value.kind();
        self.reader.refuse(mistake!(
            "parse::wrong-type",
            "expected {expected}, found {found}",
            at(value.span, "this is {found}"),
            help(help),
        ));
    }
}
