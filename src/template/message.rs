//! One message.
//!
//! It has little markup: `**what a screen shows**`, `` `what is typed` `` and `{value}`.
//! Everything else is text, and so is every value: a translator cannot write HTML, nor can a name.

use std::collections::BTreeSet;
use std::fmt::Write;

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, HtmlEscape};

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message(Vec<Part>);

impl Message {
    /// Takes a text apart, or says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Message, &'static str> {
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
    pub(super) fn values(&self) -> BTreeSet<&str> {
        let values = self.0.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            _ => None,
        });
        values.collect()
    }

    /// As HTML. A value is isolated from the direction of what surrounds it.
    pub(super) fn html(&self, values: &Kwargs) -> Result<String, Error> {
        let mut html = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => write!(html, "{}", HtmlEscape(text))?,
                Part::Value(name) => {
                    let value: Value = values.get(name)?;
                    if value.is_safe() {
                        write!(html, "{value}")?;
                    } else {
                        write!(html, "<bdi>{}</bdi>", HtmlEscape(&said(name, &value)?))?;
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
    pub(super) fn plain(&self, values: &Kwargs) -> Result<String, Error> {
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
