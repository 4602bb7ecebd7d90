//! Takes one node apart: each value is asked for by name, and what nobody asked for is a mistake.

use super::document::{Node, Value};
use super::mistake::Mistake;
use crate::diagnostic::did_you_mean;
use crate::source::Spanned;

/// A node being taken apart. Call [`Fields::finish`] when all that may be there has been asked for.
pub struct Fields<'n, 'm> {
    node: &'n Node,
    arguments_taken: usize,
    properties_known: Vec<&'static str>,
    mistakes: &'m mut Vec<Mistake>,
}

impl<'n, 'm> Fields<'n, 'm> {
    /// Begins with `node`; mistakes are added to `mistakes`.
    pub fn of(node: &'n Node, mistakes: &'m mut Vec<Mistake>) -> Fields<'n, 'm> {
        Fields {
            node,
            arguments_taken: 0,
            properties_known: Vec::new(),
            mistakes,
        }
    }

    /// The next argument, which must be there and be text.
    pub fn text(&mut self, what: &'static str, example: &'static str) -> Option<Spanned<String>> {
        let argument = self.argument(what, example)?;
        self.as_text(argument)
    }

    fn argument(
        &mut self,
        what: &'static str,
        example: &'static str,
    ) -> Option<&'n Spanned<Value>> {
        let Some(argument) = self.node.arguments.get(self.arguments_taken) else {
            self.mistakes.push(Mistake::MissingArgument {
                node: self.node.name.value.clone(),
                what,
                example,
                span: self.node.span,
            });
            return None;
        };
        self.arguments_taken += 1;
        Some(argument)
    }

    /// All the remaining arguments, at least one, each text.
    pub fn texts(&mut self, what: &'static str, example: &'static str) -> Vec<Spanned<String>> {
        let mut texts: Vec<_> = self.text(what, example).into_iter().collect();
        let rest = self.node.arguments.iter().skip(self.arguments_taken);
        self.arguments_taken = self.node.arguments.len();
        texts.extend(rest.filter_map(|argument| self.as_text(argument)));
        texts
    }

    /// The next argument, which must be there and be a whole number.
    pub fn integer(&mut self, what: &'static str, example: &'static str) -> Option<Spanned<i128>> {
        let argument = self.argument(what, example)?;
        self.as_integer(argument, String::from(example))
    }

    /// A property that is text.
    pub fn text_property(&mut self, key: &'static str) -> Option<Spanned<String>> {
        self.property(key).and_then(|value| self.as_text(value))
    }

    /// A property that is `#true` or `#false`.
    pub fn boolean_property(&mut self, key: &'static str) -> Option<Spanned<bool>> {
        let value = self.property(key)?;
        if let Value::Boolean(truth) = value.value {
            return Some(Spanned::new(truth, value.span));
        }
        let help = format!("write `{key}=#true` or `{key}=#false`");
        self.wrong_type(value, "`#true` or `#false`", Some(help));
        None
    }

    /// A property that is a whole number.
    pub fn integer_property(&mut self, key: &'static str) -> Option<Spanned<i128>> {
        let value = self.property(key)?;
        self.as_integer(value, format!("{key}=17"))
    }

    /// Complains about every value that was not asked for, and about a block where none may be.
    pub fn finish(self, takes: &'static str, may_have_block: bool) {
        for argument in self.node.arguments.iter().skip(self.arguments_taken) {
            self.mistakes.push(Mistake::UnexpectedArgument {
                node: self.node.name.value.clone(),
                takes,
                span: argument.span,
                help: Some(String::from("remove it")),
            });
        }
        for (key, _) in &self.node.properties {
            if !self.properties_known.contains(&key.value.as_str()) {
                let help = match self.properties_known.as_slice() {
                    [] => format!("`{}` has no properties", self.node.name.value),
                    known => did_you_mean(&key.value, known.iter().copied()),
                };
                self.mistakes.push(Mistake::UnknownProperty {
                    name: key.value.clone(),
                    node: self.node.name.value.clone(),
                    span: key.span,
                    help,
                });
            }
        }
        if self.node.block.is_some() && !may_have_block {
            self.mistakes.push(Mistake::UnexpectedBlock {
                node: self.node.name.value.clone(),
                span: self.node.span,
            });
        }
    }

    fn property(&mut self, key: &'static str) -> Option<&'n Spanned<Value>> {
        self.properties_known.push(key);
        let found = self.node.properties.iter().find(|(k, _)| k.value == key);
        found.map(|(_, value)| value)
    }

    fn as_text(&mut self, value: &Spanned<Value>) -> Option<Spanned<String>> {
        if let Value::String(text) = &value.value {
            return Some(Spanned::new(text.clone(), value.span));
        }
        let help = match &value.value {
            Value::Integer(number) => Some(format!("put it in quotes: `\"{number}\"`")),
            _ => Some(String::from("put it in quotes")),
        };
        self.wrong_type(value, "a text", help);
        None
    }

    fn as_integer(&mut self, value: &Spanned<Value>, example: String) -> Option<Spanned<i128>> {
        if let Value::Integer(number) = value.value {
            return Some(Spanned::new(number, value.span));
        }
        self.wrong_type(value, "a whole number", Some(format!("write `{example}`")));
        None
    }

    fn wrong_type(&mut self, value: &Spanned<Value>, expected: &'static str, help: Option<String>) {
        self.mistakes.push(Mistake::WrongType {
            expected,
            found: value.value.kind(),
            span: value.span,
            help,
        });
    }
}
