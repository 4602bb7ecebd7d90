//! What people write out of habit: as YAML, TOML, JSON, shells or KDL 1 want it.
//!
//! Nobody who writes `verify=false` has to learn from it what an identifier string is. So what another language would have
//! meant is read as it was meant, that the rest of the text is read too, and told as a mistake with the habit's name and the very
//! text corrected. A habit is told once, with all of its lines.

mod statement;
mod tree;
mod word;
mod words;

use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) use statement::{near, statement};
pub(super) use tree::{mend, split};
pub(super) use word::{begins_comment, is_unopened, swallowing, unclosed, word_length};
pub(super) use words::{help_for_node, help_for_property};

use super::document::{Node, Value};
use crate::diagnostic::{Mistake, mistake};
use crate::source::Span;

/// A habit from another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Habit {
    /// `# a comment`.
    HashComment,
    /// `"alice", "bob"`.
    Comma,
    /// `verify=false`.
    BareKeyword,
    /// `'alice'`, `“alice”`.
    OtherQuotes,
    /// `http://10.0.0.7`, `/share/*`, `30d` without quotes.
    Unquoted,
    /// `domain: "home.example.com"`.
    Colon,
    /// `domain = "home.example.com"`.
    Equals,
    /// `[edge]`.
    Section,
    /// `allow ["alice", "bob"]`.
    Brackets,
    /// `- alice`.
    ListItem,
    /// `r"…"`.
    OldRawString,
    /// `upstream "…" allow "bob"`.
    TwoStatements,
    /// `allow "family`.
    UnclosedText,
    /// `allow family"`.
    UnopenedText,
    /// `"alice"; "bob"`.
    Semicolon,
    /// `"alice"` on a line of its own below `group "all"`.
    LineEnd,
    /// `group "all" { "alice"; }`.
    Braces,
    /// `email null`.
    Null,
    /// `allow"alice"`.
    MissingSpace,
}

/// Where a habit was seen first, and what should stand there.
struct First {
    span: Span,
    /// What is written there.
    written: String,
    corrected: String,
}

/// Lines that are named beside the first one, at the most.
const LINES: usize = 12;

/// Characters of a corrected text that are shown, at the most.
const CORRECTED: usize = 200;

/// The habits that were seen in one text.
#[derive(Default)]
pub(super) struct Habits {
    seen: BTreeMap<Habit, (First, Vec<usize>)>,
}

impl Habits {
    /// Notes one at a place, as it is written there; `corrected` is what should stand there.
    pub(super) fn note(
        &mut self,
        habit: Habit,
        span: Span,
        written: &str,
        corrected: impl FnOnce() -> String,
    ) {
        if let Some((_, others)) = self.seen.get_mut(&habit) {
            others.push(span.offset());
            return;
        }
        let first = First {
            span,
            written: written.trim().to_owned(),
            corrected: shortened(corrected()),
        };
        self.seen.insert(habit, (first, Vec::new()));
    }

    /// Each as one mistake.
    pub(super) fn into_mistakes(self, text: &str) -> impl Iterator<Item = Mistake> {
        self.seen.into_iter().map(move |(habit, (first, others))| {
            let more = also_on(text, first.span.offset(), &others);
            told(habit, &first, &more)
        })
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(CORRECTED) {
        Some((cut, _)) => format!("{} …", &text[..cut]),
        None => text,
    }
}

/// `; the same on lines 4, 5 and 9`, for those that stand on other lines than the first.
fn also_on(text: &str, first: usize, others: &[usize]) -> String {
    let mut lines = Vec::new();
    let (mut from, mut line) = (0, 1);
    for at in std::iter::once(&first).chain(others) {
        // Noted in the order of the text but for comments; those begin anew.
        if *at < from {
            (from, line) = (0, 1);
        }
        line += text[from..*at].matches('\n').count();
        from = *at;
        if lines.len() > LINES {
            break;
        }
        lines.push(line);
    }
    let mut also: Vec<usize> = lines.split_off(1);
    also.sort_unstable();
    also.dedup();
    also.retain(|line| *line != lines[0]);
    let Some((last, before)) = also.split_last() else {
        return String::new();
    };
    let before: Vec<String> = before.iter().map(usize::to_string).collect();
    match before.as_slice() {
        [] => format!("; the same on line {last}"),
        _ if others.len() > LINES => {
            format!("; the same on lines {}, {last} and more", before.join(", "))
        }
        _ => format!("; the same on lines {} and {last}", before.join(", ")),
    }
}

/// A habit as a mistake: what is wrong with it, and what to write.
fn told(habit: Habit, first: &First, more: &str) -> Mistake {
    let help = remedy(habit, &first.corrected);
    what_is_wrong(habit, first.span, &first.written).help(help + more)
}

fn remedy(habit: Habit, corrected: &str) -> String {
    match habit {
        Habit::Section => format!("write `{corrected} {{`, then its lines, then `}}`"),
        Habit::TwoStatements => format!("write `{corrected}`, or each on a line of its own"),
        Habit::Null => {
            String::from("leave the line out, or this of it: what is not said has its default")
        }
        Habit::UnclosedText => format!("add the closing `\"`: `{corrected}`"),
        Habit::UnopenedText => format!("add the opening `\"`: `{corrected}`"),
        Habit::Semicolon => String::from("write a space in its place"),
        Habit::LineEnd => String::from("end the line before it with ` \\`"),
        _ => format!("write `{corrected}`"),
    }
}

fn what_is_wrong(habit: Habit, span: Span, written: &str) -> Mistake {
    match habit {
        Habit::HashComment => mistake!(
            "parse::hash-comment",
            "`#` does not begin a comment",
            at(span, "`//` does"),
        ),
        Habit::Comma => mistake!(
            "parse::comma",
            "KDL has no commas: values have spaces between them",
            at(span, "remove it"),
        ),
        Habit::BareKeyword => mistake!(
            "parse::bare-keyword",
            "`{written}` without its `#`: KDL 2 marks its keywords",
            at(span, "`#{written}`"),
        ),
        Habit::OtherQuotes => mistake!(
            "parse::other-quotes",
            "text stands in straight double quotes, `\"…\"`, and in no others",
            at(span, "other quotes"),
        ),
        Habit::Unquoted => {
            let why = why_quotes(written);
            mistake!("parse::unquoted", "{why}", at(span, "without quotes"),)
        }
        Habit::Colon => mistake!(
            "parse::colon",
            "KDL has no colons: a name and its values have a space between them, a property has `=`",
            at(span, "as in YAML or JSON"),
        ),
        Habit::Equals => mistake!(
            "parse::equals",
            "no `=` between a name and its value: that is for properties, such as `platform=\"android\"`",
            at(span, "a space is enough"),
        ),
        Habit::Section => mistake!(
            "parse::section",
            "KDL has no sections: what belongs together stands in braces",
            at(span, "as in TOML or INI"),
        ),
        Habit::Brackets => mistake!(
            "parse::brackets",
            "KDL has no lists in brackets: several values stand behind each other",
            at(span, "no bracket"),
        ),
        Habit::ListItem => mistake!(
            "parse::list-item",
            "KDL has no lists with `-`: several values stand behind a name, several things are several lines",
            at(span, "as in YAML"),
        ),
        Habit::OldRawString => mistake!(
            "parse::old-raw-string",
            "`r\"…\"` is KDL 1: a raw text is `#\"…\"#`",
            at(span, "of KDL 1"),
        ),
        Habit::TwoStatements => mistake!(
            "parse::two-statements",
            "two statements on one line without `;` between",
            at(span, "`{written}` begins another one"),
        ),
        Habit::Null => mistake!(
            "parse::nothing",
            "`{written}` says nothing",
            at(span, "no value"),
        ),
        Habit::MissingSpace => mistake!(
            "parse::missing-space",
            "a space is missing between two words",
            at(span, "begins without one"),
        ),
        Habit::UnclosedText => mistake!(
            "parse::unclosed-text",
            "a text is never closed",
            at(span, "opens here"),
        ),
        Habit::UnopenedText => mistake!(
            "parse::unopened-text",
            "a text is never opened",
            at(span, "its first `\"` is missing"),
        ),
        Habit::Semicolon => mistake!(
            "parse::semicolon",
            "`;` ends a statement: values have spaces between them",
            at(span, "belongs to the statement before"),
        ),
        Habit::LineEnd => mistake!(
            "parse::line-end",
            "a statement ends with its line, unless `\\` stands at its end",
            at(span, "belongs to the line before"),
        ),
        Habit::Braces => mistake!(
            "parse::names-in-braces",
            "names stand behind `{written}`, not in braces",
            at(span, "has them in braces"),
        ),
    }
}

fn why_quotes(written: &str) -> &'static str {
    if written.contains("//") {
        "a URL needs quotes: `//` begins a comment"
    } else if written.contains('/') {
        "a text with a `/` needs quotes"
    } else {
        "a text that begins with a digit needs quotes"
    }
}

impl Node {
    /// The statement as it is written well, without its block.
    pub(super) fn well_written(&self) -> String {
        let mut text = name_as_written(&self.name.value);
        let arguments = self.arguments.iter().map(|value| (None, value));
        let properties = self
            .properties
            .iter()
            .map(|(key, value)| (Some(key), value));
        for (key, value) in arguments.chain(properties) {
            text.push(' ');
            if let Some(key) = key {
                text.push_str(&name_as_written(&key.value));
                text.push('=');
            }
            value.value.write_to(&mut text);
        }
        text
    }
}

/// A name, in quotes where it needs them.
fn name_as_written(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.is_empty()
        && name.chars().all(is_plain)
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '-')
    {
        return name.to_owned();
    }
    format!("{name:?}")
}

impl Value {
    fn write_to(&self, text: &mut String) {
        let written = match self {
            Value::String(value) => write!(
                text,
                "\"{}\"",
                value.replace('\\', "\\\\").replace('"', "\\\"")
            ),
            Value::Integer(number) => write!(text, "{number}"),
            Value::Boolean(truth) => write!(text, "#{truth}"),
            Value::Other(kind) => write!(text, "{}", kind.trim_matches('`')),
        };
        written.expect("a String takes all");
    }
}
