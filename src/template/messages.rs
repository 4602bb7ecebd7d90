//! What guides say, in the language of whom they are for.

use std::collections::BTreeMap;

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, HtmlEscape};

use super::message::Message;
use crate::model::Language;
use crate::parse::messages::MessageFile;

/// The folder of message files.
const FOLDER: &str = "messages/";

/// Whether a template of that name is a file of messages, and of which language.
pub(crate) fn language_of(name: &str) -> Option<Language> {
    Language::new(name.strip_prefix(FOLDER)?.strip_suffix(".kdl")?)
}

/// The name of a language's file of messages.
pub(super) fn file_of(language: &str) -> String {
    format!("{FOLDER}{language}.kdl")
}

/// One file of messages, taken apart.
#[derive(Debug)]
pub(super) struct Layer {
    is_fallback: bool,
    right_to_left: bool,
    messages: BTreeMap<String, Message>,
    notes: BTreeMap<String, Message>,
}

/// What is wrong with a message, by its key.
pub(super) struct Wrong {
    pub key: String,
    /// Why it cannot be used.
    pub why: &'static str,
}

impl Layer {
    /// Takes the messages of a file apart.
    pub(super) fn new(file: &MessageFile) -> Result<Layer, Wrong> {
        let mut layer = Layer {
            is_fallback: false,
            right_to_left: file.right_to_left,
            messages: BTreeMap::new(),
            notes: BTreeMap::new(),
        };
        for (from, to) in [
            (&file.messages, &mut layer.messages),
            (&file.notes, &mut layer.notes),
        ] {
            for (key, text) in from {
                let message = Message::new(&text.value).map_err(|why| Wrong {
                    key: key.clone(),
                    why,
                })?;
                to.insert(key.clone(), message);
            }
        }
        Ok(layer)
    }

    /// The same, for who has no message of the own language.
    pub(super) fn into_fallback(self) -> Layer {
        Layer {
            is_fallback: true,
            ..self
        }
    }

    /// The messages by key, sorted.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&str, &Message)> + Clone {
        let messages = self.messages.iter();
        messages.map(|(key, message)| (key.as_str(), message))
    }

    pub(super) fn message(&self, key: &str) -> Option<&Message> {
        self.messages.get(key)
    }
}

/// The messages of a language: those of the user, the built-in ones, and then the English ones.
#[derive(Debug)]
pub(super) struct Messages {
    /// The first that has a message says it.
    layers: Vec<Layer>,
}

impl Messages {
    /// The messages of these files, the first before the others.
    pub(super) fn new(layers: Vec<Layer>) -> Messages {
        Messages { layers }
    }

    /// `rtl` or `ltr`.
    pub(super) fn direction(&self) -> &'static str {
        let own = self.layers.iter().filter(|layer| !layer.is_fallback);
        if own.clone().any(|layer| layer.right_to_left) {
            "rtl"
        } else {
            "ltr"
        }
    }

    /// A message as HTML; an English one in place of another says that it is.
    pub(super) fn html(&self, key: &str, values: &Kwargs) -> Result<Value, Error> {
        let (layer, message) = self.find(key)?;
        let html = message.html(values)?;
        Ok(Value::from_safe_string(marked(layer, html)))
    }

    /// A message without markup, for attributes and titles.
    pub(super) fn plain(&self, key: &str, values: &Kwargs) -> Result<String, Error> {
        let (_, message) = self.find(key)?;
        message.plain(values)
    }

    /// Whether there is such a message.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// What the catalogue says in English, translated where that has been done.
    pub(super) fn note(&self, english: &str) -> Result<Value, Error> {
        let own = self.layers.iter().filter(|layer| !layer.is_fallback);
        let found = own.clone().find_map(|layer| layer.notes.get(english));
        let is_english = own.clone().next().is_none();
        let none = Kwargs::from_iter(std::iter::empty::<(&str, Value)>());
        let html = match found {
            Some(message) => message.html(&none)?,
            None if is_english => HtmlEscape(english).to_string(),
            None => in_english(&HtmlEscape(english).to_string()),
        };
        Ok(Value::from_safe_string(html))
    }

    /// A day, `2027-01-01`, or a moment, `2027-01-01 12:00 UTC`, as the language says it.
    pub(super) fn date(&self, written: &str) -> Result<Value, Error> {
        let not_a_date = || {
            let detail = format!("`{written}` is no day as `2027-01-01`");
            Error::new(ErrorKind::InvalidOperation, detail)
        };
        let (date, time) = match written.split_once(' ') {
            Some((date, time)) => (date, Some(time)),
            None => (written, None),
        };
        let fields: Vec<u16> = date.split('-').filter_map(|f| f.parse().ok()).collect();
        let [year, month @ 1..=12, day] = fields[..] else {
            return Err(not_a_date());
        };
        let none = Kwargs::from_iter(std::iter::empty::<(&str, Value)>());
        let month = self.plain(&format!("month-{month}"), &none)?;
        let fields = Kwargs::from_iter([
            ("day", Value::from(day)),
            ("month", Value::from(month)),
            ("year", Value::from(year)),
        ]);
        let said = self.plain("date", &fields)?;
        let (said, date) = (HtmlEscape(&said), HtmlEscape(date));
        let html = match time {
            None => format!("<time datetime=\"{date}\">{said}</time>"),
            Some(time) => {
                let minute = HtmlEscape(time.strip_suffix(" UTC").ok_or_else(not_a_date)?);
                let time = HtmlEscape(time);
                format!("<time datetime=\"{date}T{minute}Z\">{said}, {time}</time>")
            }
        };
        let (layer, _) = self.find("date")?;
        Ok(Value::from_safe_string(marked(layer, html)))
    }

    fn find(&self, key: &str) -> Result<(&Layer, &Message), Error> {
        let mut layers = self.layers.iter();
        let found = layers.find_map(|layer| Some((layer, layer.message(key)?)));
        found.ok_or_else(|| {
            let detail = format!("there is no message `{key}`");
            Error::new(ErrorKind::InvalidOperation, detail)
        })
    }
}

fn marked(layer: &Layer, html: String) -> String {
    if layer.is_fallback {
        in_english(&html)
    } else {
        html
    }
}

fn in_english(html: &str) -> String {
    format!("<span lang=\"en\" dir=\"ltr\">{html}</span>")
}
