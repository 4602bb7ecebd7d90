//! Templates: the built-in ones, a user's overrides, and which of them a rendering used.
//!
//! `Caddyfile.j2` is the user's if `templates/Caddyfile.j2` is there, otherwise the built-in one;
//! `builtin/Caddyfile.j2` is always the built-in one, so that an override can extend it and replace
//! one block. Each kind of file escapes what it is given, overrides included. What guides say stands in
//! `messages/<language>.kdl`, which can be overridden message by message.

mod blocks;
mod broken;
mod builtin;
mod caddyfile;
mod check;
mod environment;
mod escape;
mod markdown;
mod message;
mod messages;
mod script;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;

#[cfg(test)]
pub(crate) use builtin::TEMPLATES;
pub use builtin::built_in_languages;
pub(crate) use caddyfile::{VISITOR_NAME, VISITOR_UNTIL, one_line, tidy};
pub(crate) use escape::calendar_text;
pub(crate) use messages::language_of;

use crate::diagnostic::Mistake;
use crate::model::Language;
use crate::once::encoded;
use builtin::BUILTIN;
use environment::fuel;
use escape::Escape;
use messages::{Layer, Messages, file_of};

/// The built-in templates under a user's overrides.
#[derive(Debug, Clone)]
pub struct Templates {
    overrides: Arc<BTreeMap<String, String>>,
    /// The messages that have been asked for, by language.
    messages: Arc<Mutex<BTreeMap<String, Arc<Messages>>>>,
    /// The digests that have been asked for: as many artifacts are made with a template as there are people.
    digests: Arc<Mutex<BTreeMap<String, blake3::Hash>>>,
    /// What renderings begin with: the templates that have been rendered are compiled in it.
    compiled: Arc<Mutex<Option<Environment<'static>>>>,
}

/// What a rendering gave, and what it used.
#[derive(Debug)]
pub struct Rendered {
    pub text: String,
    /// The names that were asked for, sorted; those that are not there too.
    pub used: Vec<String>,
}

impl Templates {
    /// The built-in templates under these overrides, each read once to see that it can be.
    pub fn new(overrides: BTreeMap<String, String>) -> Result<Templates, Mistake> {
        let templates = Templates {
            overrides: Arc::new(overrides),
            messages: Arc::default(),
            digests: Arc::default(),
            compiled: Arc::default(),
        };
        for (name, text) in templates.overrides.iter() {
            templates.check(name, text)?;
        }
        Ok(templates)
    }

    /// Whether the user has none of their own.
    pub fn are_built_in(&self) -> bool {
        self.overrides.is_empty()
    }

    /// The names of the user's own templates that the edge's files are made with, sorted: what they say is
    /// not checked.
    pub fn of_the_edge(&self) -> Vec<String> {
        self.own_of_the_edge()
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn own_of_the_edge(&self) -> impl Iterator<Item = (&String, &String)> {
        let own = self.overrides.iter();
        own.filter(|(name, _)| Escape::of(name) == Some(Escape::Caddyfile))
    }

    /// The texts of those.
    pub(crate) fn texts_of_the_edge(&self) -> impl Iterator<Item = &str> {
        self.own_of_the_edge().map(|(_, text)| text.as_str())
    }

    /// The built-in ones alone.
    pub(crate) fn without_overrides(&self) -> Templates {
        Templates {
            overrides: Arc::default(),
            messages: Arc::default(),
            digests: Arc::default(),
            compiled: Arc::default(),
        }
    }

    /// What `name` stands for now; another hash for each text, and one for none.
    pub fn digest(&self, name: &str) -> blake3::Hash {
        let mut made = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = made.get(name) {
            return *digest;
        }
        let digest = match self.text(name) {
            Some(text) => blake3::hash(text.as_bytes()),
            None => blake3::hash(b"\0no such template"),
        };
        made.insert(name.to_owned(), digest);
        digest
    }

    /// The hash of all that the user has of their own.
    pub(crate) fn digest_of_own(&self) -> blake3::Hash {
        blake3::hash(&encoded(&*self.overrides))
    }

    /// Renders a template with the fields of `context`; what it says by messages is in English.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<Rendered, Mistake> {
        self.render_in(Language::ENGLISH, name, context)
    }

    /// Renders a template with the fields of `context` in a language, with these functions more:
    ///
    /// - `t(key, value=…)`: a message as HTML, `plain(key, value=…)` as text for attributes, `line(key, value=…)` as one line for a terminal;
    /// - `has_message(key)`: whether there is one;
    /// - `note(english)`: what the catalogue of apps says;
    /// - `date(day)`: a day as the language writes it;
    /// - `direction()`: `ltr` or `rtl`; and `language`, its tag.
    pub fn render_in(
        &self,
        language: &str,
        name: &str,
        context: &impl Serialize,
    ) -> Result<Rendered, Mistake> {
        let (mut environment, used) = self.environment(name);
        environment.set_fuel(Some(fuel(context)));
        self.add_messages(&mut environment, language, &used);
        let template = environment.get_template(name);
        let text = template.and_then(|template| template.render(Serde(context)));
        let text = text.map_err(|error| broken::by(name, &error))?;
        self.keep(environment);
        Ok(Rendered {
            text,
            used: used.names(),
        })
    }

    /// How many steps a rendering takes.
    #[cfg(test)]
    pub(crate) fn steps(&self, name: &str, context: &impl Serialize) -> u64 {
        let (mut environment, used) = self.environment(name);
        environment.set_fuel(Some(fuel(context)));
        self.add_messages(&mut environment, Language::ENGLISH, &used);
        let template = environment.get_template(name).expect("it can be read");
        let rendered = template.render_captured(Serde(context));
        let rendered = rendered.expect("it can be rendered");
        rendered.state().fuel_levels().expect("there is fuel").0
    }

    /// The files that a language's messages come from, the first before the others.
    fn message_files(&self, language: &str) -> Vec<String> {
        let mut files = Vec::new();
        for language in [language, Language::ENGLISH] {
            let name = file_of(language);
            let built_in = format!("{BUILTIN}{name}");
            if files.contains(&name) {
                break;
            }
            // Where nothing overrides it, one name is enough to notice that something does.
            if self.overrides.contains_key(&name) && self.text(&built_in).is_some() {
                files.extend([name, built_in]);
            } else {
                files.push(name);
            }
        }
        files
    }

    /// The messages of a language, read once.
    fn messages(&self, language: &str) -> Arc<Messages> {
        let mut read = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(messages) = read.get(language) {
            return Arc::clone(messages);
        }
        let own = [file_of(language), format!("{BUILTIN}{}", file_of(language))];
        let files = self.message_files(language);
        let layers = files.iter().filter_map(|name| {
            let layer = match self.overrides.get(name) {
                Some(text) => check::layer(name, text).ok()?,
                None => Layer::built_in(built_in(name)?),
            };
            let is_own = own.contains(name) || language == Language::ENGLISH;
            Some(if is_own { layer } else { layer.into_fallback() })
        });
        let messages = Arc::new(Messages::new(layers.collect()));
        read.insert(language.to_owned(), Arc::clone(&messages));
        messages
    }

    fn text(&self, name: &str) -> Option<&str> {
        text(&self.overrides, name)
    }
}

/// What a name stands for under these overrides.
fn text<'o>(overrides: &'o BTreeMap<String, String>, name: &str) -> Option<&'o str> {
    let own = overrides.get(name).map(String::as_str);
    own.or_else(|| built_in(name))
}

fn built_in(name: &str) -> Option<&'static str> {
    builtin::text(name.strip_prefix(BUILTIN).unwrap_or(name))
}
