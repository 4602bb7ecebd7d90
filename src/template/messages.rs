//! What guides say, in the language of whom they are for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, HtmlEscape};

use super::message::Message;
use super::script;
use crate::model::Language;
use crate::parse::messages::{MessageFile, messages};
use crate::source::Source;

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

/// One file of messages.
#[derive(Debug)]
pub(super) struct Layer {
    is_fallback: bool,
    right_to_left: bool,
    messages: Entries,
    notes: Entries,
}

/// Messages by their keys, or notes by their English words.
type Entries = BTreeMap<Cow<'static, str>, Entry>;

/// A message that is taken apart when it is asked for first: a page says some of a file, and many pages say the same.
#[derive(Debug)]
struct Entry {
    /// Its statement, where it is built in.
    written: &'static str,
    message: OnceLock<Message>,
}

impl Entry {
    fn message(&self) -> &Message {
        self.message.get_or_init(|| {
            let source = Source::new("messages", self.written);
            let mut file = messages(&source).expect(BUILT_IN);
            let text = { file.messages.pop_first() }.or_else(|| file.notes.pop_first());
            let (_, text) = text.expect(BUILT_IN);
            Message::new(&text.value).expect(BUILT_IN)
        })
    }
}

const BUILT_IN: &str = "a test reads every built-in message";

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
            messages: Entries::new(),
            notes: Entries::new(),
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
                let entry = Entry {
                    written: "",
                    message: OnceLock::from(message),
                };
                to.insert(key.clone().into(), entry);
            }
        }
        Ok(layer)
    }

    /// Those of a built-in file, none of which has been read: it has one statement on each line, plainly written.
    pub(super) fn built_in(text: &'static str) -> Layer {
        let mut layer = Layer {
            is_fallback: false,
            right_to_left: false,
            messages: Entries::new(),
            notes: Entries::new(),
        };
        let is_statement = |line: &&str| !line.is_empty() && !line.starts_with("//");
        for written in text.lines().filter(is_statement) {
            let entry = Entry {
                written,
                message: OnceLock::new(),
            };
            let (key, texts) = written.split_once(' ').unwrap_or((written, ""));
            match key {
                "right-to-left" => layer.right_to_left = true,
                "note" => {
                    let english = texts.split('"').nth(1).unwrap_or_default();
                    layer.notes.insert(english.into(), entry);
                }
                key => drop(layer.messages.insert(key.into(), entry)),
            }
        }
        layer
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
        messages.map(|(key, entry)| (&**key, entry.message()))
    }

    pub(super) fn message(&self, key: &str) -> Option<&Message> {
        self.messages.get(key).map(Entry::message)
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

    /// A message on one line, for a terminal: a script quotes it as any value.
    pub(super) fn line(&self, key: &str, values: &Kwargs) -> Result<String, Error> {
        Ok(script::line(&self.plain(key, values)?))
    }

    /// Whether there is such a message.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// What the catalogue says in English, translated where that has been done.
    pub(super) fn note(&self, english: &str) -> Result<Value, Error> {
        let own = self.layers.iter().filter(|layer| !layer.is_fallback);
        let found = own
            .clone()
            .find_map(|layer| layer.notes.get(english))
            .map(Entry::message);
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
        let form = self.form_of_date(day);
        let said = self.plain(form, &fields)?;
        let (said, date) = (HtmlEscape(&said), HtmlEscape(date));
        let html = match time {
            None => format!("<time datetime=\"{date}\">{said}</time>"),
            Some(time) => {
                let minute = HtmlEscape(time.strip_suffix(" UTC").ok_or_else(not_a_date)?);
                let time = HtmlEscape(time);
                format!("<time datetime=\"{date}T{minute}Z\">{said}, {time}</time>")
            }
        };
        let (layer, _) = self.find(form)?;
        Ok(Value::from_safe_string(marked(layer, html)))
    }

    /// The message that writes such a day. Some languages write the first of a month in another way (1er mars, 1º marzo); who says only how
    /// days are written says it of that one too.
    fn form_of_date(&self, day: u16) -> &'static str {
        let layer_of =
            |key| { self.layers.iter() }.position(|layer| layer.messages.contains_key(key));
        match (layer_of("date-first"), layer_of("date")) {
            (Some(first), Some(others)) if day == 1 && first <= others => "date-first",
            _ => "date",
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::builtin::{TEMPLATES, text};

    fn read_so_far(layer: &Layer) -> usize {
        let entries = layer.messages.values().chain(layer.notes.values());
        entries
            .filter(|entry| entry.message.get().is_some())
            .count()
    }

    /// Each is found where reading the file whole finds it, and can be read.
    #[test]
    fn what_is_built_in_is_what_reading_it_whole_gives() {
        let files = TEMPLATES
            .iter()
            .filter(|(name, _)| language_of(name).is_some());
        for (name, text) in files {
            let whole = messages(&Source::new(*name, *text)).expect("it can be read");
            let whole = Layer::new(&whole)
                .map_err(|wrong| wrong.key)
                .expect("it can be read");
            let layer = Layer::built_in(text);
            assert_eq!(layer.right_to_left, whole.right_to_left, "{name}");
            let said = |entries: &Entries| {
                let said = entries
                    .iter()
                    .map(|(key, entry)| (key.clone(), entry.message().clone()));
                said.collect::<Vec<_>>()
            };
            assert_eq!(said(&layer.messages), said(&whole.messages), "{name}");
            assert_eq!(said(&layer.notes), said(&whole.notes), "{name}");
        }
    }

    #[test]
    fn only_what_is_said_is_read() {
        let english = text(&file_of("en")).expect("it is built in");
        let messages = Messages::new(vec![Layer::built_in(english)]);
        assert_eq!(read_so_far(&messages.layers[0]), 0);
        assert!(messages.has("month-3"));
        messages.date("2027-03-01").expect("it is a day");
        assert_eq!(read_so_far(&messages.layers[0]), 2);
    }

    #[test]
    fn the_first_of_a_month_is_written_as_the_language_does() {
        let french = || Layer::built_in(text(&file_of("fr")).expect("it is built in"));
        let english = || Layer::built_in(text(&file_of("en")).expect("it is built in"));
        let own = || Layer::built_in("date \"{day}. {month} {year}\"");
        for (layers, first, second) in [
            (vec![english()], "1 March 2027", "2 March 2027"),
            (vec![french(), english()], "1er mars 2027", "2 mars 2027"),
            (vec![own(), french()], "1. mars 2027", "2. mars 2027"),
        ] {
            let messages = Messages::new(layers);
            for (day, said) in [("2027-03-01", first), ("2027-03-02", second)] {
                let html = messages.date(day).expect("it is a day");
                assert_eq!(
                    html.as_str(),
                    Some(&*format!("<time datetime=\"{day}\">{said}</time>"))
                );
            }
        }
    }
}
