//! What guides say, in the language of whom they are for.
//!
//! A message has little markup: `**what a screen shows**`, `` `what is typed` `` and `{value}`.
//! Everything else is text, and so is every value: a translator cannot write HTML, nor can a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, HtmlEscape};

use crate::model::Language;
use crate::parse::messages::MessageFile;

/// The folder of message files.
const FOLDER: &str = "messages/";

/// Whether a template of that name is a file of messages, and of which language.
pub fn language_of(name: &str) -> Option<Language> {
    Language::new(name.strip_prefix(FOLDER)?.strip_suffix(".kdl")?)
}

/// The name of a language's file of messages.
pub fn file_of(language: &str) -> String {
    format!("{FOLDER}{language}.kdl")
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
    /// `**`: what a screen shows begins, or ends.
    Shown {
        begins: bool,
    },
    /// `` ` ``: what is typed begins, or ends.
    Typed {
        begins: bool,
    },
}

/// A message, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(Vec<Part>);

impl Message {
    /// Takes a text apart, or says what is wrong with it.
    pub fn new(text: &str) -> Result<Message, &'static str> {
        let mut parts = Vec::new();
        let (mut shown, mut typed) = (false, false);
        let mut rest = text;
        while let Some(at) = rest.find(['*', '`', '{', '}']) {
            let (before, from) = rest.split_at(at);
            let mut push_text = |text: &str| {
                if let Some(Part::Text(last)) = parts.last_mut() {
                    last.push_str(text);
                } else if !text.is_empty() {
                    parts.push(Part::Text(text.to_owned()));
                }
            };
            push_text(before);
            let double = from.strip_prefix("**").filter(|_| !typed);
            if let Some(behind) = double {
                shown = !shown;
                parts.push(Part::Shown { begins: shown });
                rest = behind;
            } else if let Some(behind) = from.strip_prefix('*') {
                push_text("*");
                rest = behind;
            } else if let Some(behind) = from.strip_prefix('`') {
                typed = !typed;
                parts.push(Part::Typed { begins: typed });
                rest = behind;
            } else if let Some((name, behind)) =
                from.strip_prefix('{').and_then(|from| from.split_once('}'))
            {
                let is_name = |b: u8| b.is_ascii_lowercase() || b == b'_';
                if name.is_empty() || !name.bytes().all(is_name) {
                    return Err("what stands in braces is no name of a value");
                }
                parts.push(Part::Value(name.to_owned()));
                rest = behind;
            } else {
                return Err("a brace has no partner");
            }
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        match (shown, typed) {
            (true, _) => Err("a `**` has no partner"),
            (_, true) => Err("a backtick has no partner"),
            _ => Ok(Message(parts)),
        }
    }

    /// The names of the values in it.
    pub fn values(&self) -> BTreeSet<&str> {
        let values = self.0.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            _ => None,
        });
        values.collect()
    }

    /// As HTML. A value is isolated from the direction of what surrounds it.
    fn html(&self, values: &Kwargs) -> Result<String, Error> {
        let mut html = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => write!(html, "{}", HtmlEscape(text))?,
                Part::Value(name) => {
                    let value: Value = values.get(name)?;
                    match value.is_safe() {
                        true => html.push_str(&value.to_string()),
                        false => write!(html, "<bdi>{}</bdi>", HtmlEscape(&said(name, &value)?))?,
                    }
                }
                Part::Shown { begins: true } => html.push_str("<b>"),
                Part::Shown { begins: false } => html.push_str("</b>"),
                Part::Typed { begins: true } => html.push_str("<code>"),
                Part::Typed { begins: false } => html.push_str("</code>"),
            }
        }
        Ok(html)
    }

    /// As text without any markup.
    fn plain(&self, values: &Kwargs) -> Result<String, Error> {
        let mut plain = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => plain.push_str(text),
                Part::Value(name) => plain.push_str(&said(name, &values.get(name)?)?),
                Part::Shown { .. } | Part::Typed { .. } => {}
            }
        }
        Ok(plain)
    }
}

fn said(name: &str, value: &Value) -> Result<String, Error> {
    if value.is_none() || value.is_undefined() {
        let detail = format!("the value `{name}` is none");
        return Err(Error::new(ErrorKind::InvalidOperation, detail));
    }
    Ok(value.to_string())
}

/// One file of messages, taken apart.
#[derive(Debug)]
pub struct Layer {
    is_fallback: bool,
    right_to_left: bool,
    messages: BTreeMap<String, Message>,
    notes: BTreeMap<String, Message>,
}

/// What is wrong with a message, by its key.
pub struct Wrong {
    /// The key.
    pub key: String,
    /// Why it cannot be used.
    pub why: &'static str,
}

impl Layer {
    /// Takes the messages of a file apart.
    pub fn new(file: &MessageFile) -> Result<Layer, Wrong> {
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
    pub fn into_fallback(self) -> Layer {
        Layer {
            is_fallback: true,
            ..self
        }
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> + Clone {
        self.messages.keys().map(String::as_str)
    }

    /// A message.
    pub fn message(&self, key: &str) -> Option<&Message> {
        self.messages.get(key)
    }
}

/// The messages of a language: those of the user, the built-in ones, and then the English ones.
#[derive(Debug)]
pub struct Messages {
    /// The first that has a message says it.
    layers: Vec<Arc<Layer>>,
}

impl Messages {
    /// The messages of these files, the first before the others.
    pub fn new(layers: Vec<Arc<Layer>>) -> Messages {
        Messages { layers }
    }

    /// `rtl` or `ltr`.
    pub fn direction(&self) -> &'static str {
        let own = self.layers.iter().filter(|layer| !layer.is_fallback);
        match own.clone().any(|layer| layer.right_to_left) {
            true => "rtl",
            false => "ltr",
        }
    }

    /// A message as HTML; an English one in place of another says that it is.
    pub fn html(&self, key: &str, values: &Kwargs) -> Result<Value, Error> {
        let (layer, message) = self.find(key)?;
        let html = message.html(values)?;
        Ok(Value::from_safe_string(marked(layer, html)))
    }

    /// A message without markup, for attributes and titles.
    pub fn plain(&self, key: &str, values: &Kwargs) -> Result<String, Error> {
        let (_, message) = self.find(key)?;
        message.plain(values)
    }

    /// Whether there is such a message.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// What the catalogue says in English, translated where that has been done.
    pub fn note(&self, english: &str) -> Result<Value, Error> {
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
    pub fn date(&self, written: &str) -> Result<Value, Error> {
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
        let mut said = self.plain("date", &fields)?;
        let mut machine = date.to_owned();
        if let Some(time) = time {
            let minute = time.strip_suffix(" UTC").ok_or_else(not_a_date)?;
            write!(said, ", {time}")?;
            write!(machine, "T{minute}Z")?;
        }
        let (said, machine) = (HtmlEscape(&said), HtmlEscape(&machine));
        let html = format!("<time datetime=\"{machine}\">{said}</time>");
        let (layer, _) = self.find("date")?;
        Ok(Value::from_safe_string(marked(layer, html)))
    }

    fn find(&self, key: &str) -> Result<(&Layer, &Message), Error> {
        let mut layers = self.layers.iter();
        let found = layers.find_map(|layer| Some((&**layer, layer.message(key)?)));
        found.ok_or_else(|| {
            let detail = format!("there is no message `{key}`");
            Error::new(ErrorKind::InvalidOperation, detail)
        })
    }
}

fn marked(layer: &Layer, html: String) -> String {
    match layer.is_fallback {
        true => in_english(&html),
        false => html,
    }
}

fn in_english(html: &str) -> String {
    format!("<span lang=\"en\" dir=\"ltr\">{html}</span>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str, values: &[(&str, Value)]) -> Result<String, Error> {
        let message = Message::new(text).expect("it is a message");
        message.html(&Kwargs::from_iter(values.iter().cloned()))
    }

    #[test]
    fn a_message_has_little_markup() {
        assert_eq!(
            html("a **B** `c` 2*3", &[]).unwrap(),
            "a <b>B</b> <code>c</code> 2*3"
        );
        assert_eq!(html("<i>&", &[]).unwrap(), "&lt;i&gt;&amp;");
        assert_eq!(html("`a**b**`", &[]).unwrap(), "<code>a**b**</code>");
    }

    #[test]
    fn a_value_is_text_unless_a_template_made_it() {
        let file = ("file", Value::from("<b>**x**{y}"));
        assert_eq!(
            html("{file}", &[file]).unwrap(),
            "<bdi>&lt;b&gt;**x**{y}</bdi>"
        );
        let link = ("link", Value::from_safe_string("<a>".to_owned()));
        assert_eq!(html("{link}", &[link]).unwrap(), "<a>");
        assert!(html("{file}", &[]).is_err());
        assert!(html("{file}", &[("file", Value::from(()))]).is_err());
    }

    #[test]
    fn what_has_no_partner_is_told() {
        for wrong in ["a **b", "a `b", "{", "a}", "{A}", "{}", "{a b}"] {
            assert!(Message::new(wrong).is_err(), "{wrong}");
        }
    }
}
