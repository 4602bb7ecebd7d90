//! A statement with habits in it, read as it was meant.

use kdl::KdlNode;

use super::super::document::{Node, Value};
use super::Habit;
use super::word::{Unclosed, is_unopened, quoted, swallows, unclosed, word_length};
use crate::source::{Span, Spanned, end_of, is_invisible};

/// What a statement was meant to say, and the habits by which it does not.
pub(in crate::parse) struct Meant {
    pub node: Node,
    pub habits: Vec<(Habit, Span)>,
}

/// Reads a statement without its block, which stands at `start` of its source; none where no habit is in it, or more is wrong.
pub(in crate::parse) fn statement(text: &str, start: usize) -> Option<Meant> {
    read(text, start, false)
}

/// The same of a text that may be cut off at its end.
fn read(text: &str, start: usize, is_cut: bool) -> Option<Meant> {
    let mut reader = Words {
        text,
        at: 0,
        start,
        habits: Vec::new(),
        touching: Vec::new(),
    };
    let mut node = reader.section().or_else(|| reader.statement())?;
    let mut habits = reader.habits;
    if is_cut {
        // What is cut off is no habit of whoever wrote it.
        let end = start + text.len();
        habits.retain(|(_, span)| end_of(*span) < end);
    }
    // Where there is another habit, that is why: a quote too many, or too few. Where KDL reads it, a comment stands between.
    let touching = reader.touching;
    if habits.is_empty() && !touching.is_empty() && text.parse::<KdlNode>().is_err() {
        habits.extend(touching.into_iter().map(|span| (Habit::MissingSpace, span)));
    }
    node.is_unread = { habits.iter() }.any(|(habit, _)| *habit == Habit::Null);
    let mut keys: Vec<&str> = node
        .properties
        .iter()
        .map(|(key, _)| key.value.as_str())
        .collect();
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    // Several of one name are several statements, which are taken apart later.
    (!habits.is_empty() || keys.len() < all).then_some(Meant { node, habits })
}

/// The first habit of a statement that is too long to be read as a whole, and how it is written well there: read are so many bytes of it
/// at the most, its beginning where the odd word at `odd` stands there, and what follows that word where it does not.
pub(in crate::parse) fn near(
    text: &str,
    start: usize,
    odd: usize,
    limit: usize,
) -> Option<(Habit, Span, String)> {
    let from = if odd < limit / 2 { 0 } else { odd };
    let to = text.floor_char_boundary(from.saturating_add(limit));
    let meant = read(&text[from..to], start + from, to < text.len())?;
    let (habit, span) = { meant.habits.into_iter() }.min_by_key(|(_, span)| span.offset())?;
    if is_of_lines(habit) {
        return None;
    }
    let more = if from > 0 { "… " } else { "" };
    Some((habit, span, format!("{more}{}", meant.node.well_written())))
}

/// Whether several lines together show what was meant.
fn is_of_lines(habit: Habit) -> bool {
    matches!(habit, Habit::ListItem | Habit::Colon | Habit::Section)
}

/// A word, and whether it is one without quotes.
struct Word {
    value: Value,
    is_bare: bool,
    span: Span,
}

struct Words<'a> {
    text: &'a str,
    at: usize,
    /// Where the statement begins in its source.
    start: usize,
    habits: Vec<(Habit, Span)>,
    /// Where a word begins right behind another.
    touching: Vec<Span>,
}

impl Words<'_> {
    /// `[edge]`, `[person.alice]`, `[[service]]`.
    fn section(&mut self) -> Option<Node> {
        let inside = self.text.trim_end().strip_prefix('[')?.strip_suffix(']')?;
        let inside = inside.trim_matches(['[', ']', ' ']);
        let mut parts = inside
            .split('.')
            .map(|part| part.trim_matches(['"', '\'', ' ']));
        let name = parts.next().filter(|name| !name.is_empty())?;
        let whole = self.span(0);
        let span = Span::from((whole.offset(), self.text.len()));
        self.at = self.text.len();
        self.habits.push((Habit::Section, span));
        let argument = |part: &str| Spanned::new(Value::String(part.to_owned()), span);
        Some(Node {
            arguments: parts.map(argument).collect(),
            ..self.empty(Spanned::new(name.to_owned(), span))
        })
    }

    fn statement(&mut self) -> Option<Node> {
        let name = self.name()?;
        let mut node = self.empty(name);
        self.space()?;
        if self.rest().starts_with('=') || self.rest().starts_with(": ") {
            let habit = if self.rest().starts_with('=') {
                Habit::Equals
            } else {
                Habit::Colon
            };
            self.take(habit, 1);
            self.space()?;
            if self.at == self.text.len() && habit == Habit::Equals {
                return None;
            }
        }
        loop {
            self.space()?;
            match self.rest().chars().next() {
                None => return Some(node),
                Some(',') => self.take(Habit::Comma, 1),
                Some('[' | ']') => self.take(Habit::Brackets, 1),
                Some(first) => {
                    if self.is_right_behind_a_word() {
                        let place = (self.start + self.at, first.len_utf8());
                        self.touching.push(Span::from(place));
                    }
                    self.entry(&mut node)?;
                }
            }
        }
    }

    fn is_right_behind_a_word(&self) -> bool {
        let before = self.text[..self.at].chars().next_back();
        before.is_some_and(|c| !c.is_whitespace() && !",[]=:".contains(c))
    }

    fn empty(&self, name: Spanned<String>) -> Node {
        Node {
            name,
            arguments: Vec::new(),
            properties: Vec::new(),
            block: None,
            span: Span::from((self.start, self.text.len())),
            is_unread: false,
        }
    }

    fn name(&mut self) -> Option<Spanned<String>> {
        if let Some(item) = self.text.strip_prefix('-')
            && (item.is_empty() || item.starts_with(' '))
        {
            self.take(Habit::ListItem, 1);
            let span = Span::from((self.start, 1));
            return Some(Spanned::new("-".into(), span));
        }
        let begin = self.at;
        let word = self.word()?;
        let Value::String(mut name) = word.value else {
            return None;
        };
        if !word.is_bare {
            if self.rest().starts_with(':') {
                self.take(Habit::Colon, 1);
            }
        } else if let Some((before, _)) = name.split_once(':')
            && is_word(before)
        {
            // `domain: x`, and `domain:x`, of which the rest is read again.
            let colon = begin + before.len();
            name.truncate(before.len());
            self.at = colon;
            self.take(Habit::Colon, 1);
        }
        let span = Span::from((self.start + begin, name.len().min(word.span.len())));
        Some(Spanned::new(name, span))
    }

    /// A value, or a property.
    fn entry(&mut self, node: &mut Node) -> Option<()> {
        let word = self.word()?;
        let key_ends = self.at;
        self.space()?;
        let has_more = self.at < self.text.len();
        if self.rest().starts_with('=') {
            self.at += 1;
            self.space()?;
            return self.property(node, word);
        }
        if !word.is_bare && self.rest().starts_with(':') && key_ends == self.at {
            self.take(Habit::Colon, 1);
            self.space()?;
            if self.at == self.text.len() {
                node.arguments.push(Spanned::new(word.value, word.span));
                return Some(());
            }
            return self.property(node, word);
        }
        if let Value::String(text) = &word.value
            && word.is_bare
            && !has_more
            && let Some(name) = text.strip_suffix(':').filter(|name| is_word(name))
            && node.arguments.is_empty()
            && ["person", "service", "group", "device"].contains(&node.name.value.as_str())
        {
            // `person alice:`, and what is indented below it.
            let colon = word.span.offset() + name.len();
            self.habits.push((Habit::Colon, Span::from((colon, 1))));
            let span = Span::from((word.span.offset(), name.len()));
            node.arguments
                .push(Spanned::new(Value::String(name.to_owned()), span));
            return Some(());
        }
        if let Value::String(text) = &word.value
            && word.is_bare
            && has_more
            && let Some(key) = text.strip_suffix(':').filter(|key| is_word(key))
        {
            let colon = word.span.offset() + key.len();
            self.habits.push((Habit::Colon, Span::from((colon, 1))));
            let key = Word {
                value: Value::String(key.to_owned()),
                span: Span::from((word.span.offset(), key.len())),
                ..word
            };
            return self.property(node, key);
        }
        if let Some(text) = self.begun(node) {
            self.habits.pop();
            let begin = text.span.offset() - self.start;
            let inside = self.text[begin..self.at].trim_end_matches('"');
            *text = Spanned::new(Value::String(inside.to_owned()), self.span(begin));
            self.habits.push((Habit::UnopenedText, self.span(begin)));
            let begin = text.span.offset();
            node.arguments.retain(|word| word.span.offset() <= begin);
            return Some(());
        }
        node.arguments.push(Spanned::new(word.value, word.span));
        Some(())
    }

    /// The value that the last word ends, where no quote opens that: `title My Photos"`, `version=14 beta"`.
    fn begun<'a>(&self, node: &'a mut Node) -> Option<&'a mut Spanned<Value>> {
        let (_, word) =
            { self.habits.last() }.filter(|(habit, _)| *habit == Habit::UnopenedText)?;
        let argument = match node.name.value.as_str() {
            "name" | "title" => node.arguments.first_mut(),
            _ => None,
        };
        let property = node.properties.last_mut().map(|(_, value)| value);
        let begun =
            { argument.into_iter().chain(property) }.max_by_key(|text| text.span.offset())?;
        let (from, to) = (begun.span.offset(), word.offset());
        let words = self.text.get(from - self.start..to - self.start)?;
        let is_bare = !words.contains(['"', '#', '=', '\n']);
        is_bare.then_some(begun)
    }

    fn property(&mut self, node: &mut Node, key: Word) -> Option<()> {
        let Value::String(name) = key.value else {
            return None;
        };
        let value = self.word()?;
        let mut known = node.properties.iter().map(|(key, _)| key);
        if let Some(first) = known.find(|known| known.value == name)
            && !self.begins_again(node, first.span)
        {
            return None;
        }
        let key = Spanned::new(name, key.span);
        let value = Spanned::new(value.value, value.span);
        node.properties.push((key, value));
        Some(())
    }

    /// Whether a node's own name stands among its values behind this place: `device "a" platform="ios" device "b" platform="ios"`.
    fn begins_again(&self, node: &Node, behind: Span) -> bool {
        node.arguments.iter().any(|argument| {
            let is_name =
                matches!(&argument.value, Value::String(text) if *text == node.name.value);
            let is_bare = argument.span.len() == node.name.value.len();
            is_name && is_bare && argument.span.offset() > behind.offset()
        })
    }

    fn word(&mut self) -> Option<Word> {
        let begin = self.at;
        let rest = &self.text[begin..];
        let (value, is_bare) = match rest.chars().next()? {
            '"' => (Value::String(self.text_in_quotes()?), false),
            '#' => (self.marked()?, false),
            'r' if rest[1..].trim_start_matches('#').starts_with('"') => {
                self.at += 1;
                let value = self.raw()?;
                self.habits.push((Habit::OldRawString, self.span(begin)));
                (value, false)
            }
            _ => {
                if let Some((length, inside)) = quoted(rest) {
                    self.take(Habit::OtherQuotes, length);
                    (Value::String(inside.to_owned()), false)
                } else if let Some(length) = unopened_length(rest) {
                    self.take(Habit::UnopenedText, length + 1);
                    (Value::String(rest[..length].to_owned()), false)
                } else if let Some(length) = word_length(rest) {
                    self.take(Habit::Unquoted, length);
                    (Value::String(rest[..length].to_owned()), false)
                } else {
                    (self.bare()?, true)
                }
            }
        };
        let span = self.span(begin);
        Some(Word {
            value,
            is_bare,
            span,
        })
    }

    /// `#true` and its kin, or a raw text.
    fn marked(&mut self) -> Option<Value> {
        let rest = self.rest();
        if rest.trim_start_matches('#').starts_with('"') {
            return self.raw();
        }
        let length = rest.find(ends_word).unwrap_or(rest.len());
        let value = match &rest[..length] {
            "#true" => Value::Boolean(true),
            "#false" => Value::Boolean(false),
            "#null" => Value::Other("`#null`"),
            _ => return None,
        };
        self.at += length;
        Some(value)
    }

    /// `#"…"#`, on one line.
    fn raw(&mut self) -> Option<Value> {
        let rest = self.rest();
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let inside = rest[hashes..].strip_prefix('"')?;
        let closing = format!("\"{}", "#".repeat(hashes));
        let length = inside.find(&closing)?;
        let text = &inside[..length];
        if text.contains(is_invisible) || inside.starts_with("\"\"") {
            return None;
        }
        let value = Value::String(text.to_owned());
        self.at += hashes + 1 + length + closing.len();
        Some(value)
    }

    /// A text in quotes; one that is not closed ends where it was meant to.
    fn text_in_quotes(&mut self) -> Option<String> {
        let begin = self.at;
        let inside = &self.text[begin + 1..];
        let mut text = String::new();
        let mut characters = inside.char_indices();
        loop {
            match characters.next() {
                Some((at, '"')) => {
                    let after = inside[at + 1..].chars().next();
                    let goes_on = after.is_some_and(|c| !ends_value(c));
                    if goes_on && swallows(&inside[..at]) {
                        break;
                    }
                    // `"alice "bob"`: the quote opens the next one.
                    let said = inside[..at].trim_end();
                    if goes_on && !said.is_empty() && said.len() < at {
                        self.take(Habit::UnclosedText, 1 + said.len());
                        return Some(said.to_owned());
                    }
                    let is_of_lines = at == 0 && after == Some('"');
                    self.at += at + 2;
                    return (!is_of_lines).then_some(text);
                }
                Some((_, '\\')) => match characters.next() {
                    Some((_, c @ ('"' | '\\' | '/'))) => text.push(c),
                    _ => return None,
                },
                Some((_, '\n' | '\r')) | None => break,
                Some((_, c)) if is_invisible(c) => return None,
                Some((_, c)) => text.push(c),
            }
        }
        let Unclosed { inside, whole } = unclosed(&self.text[begin..]);
        self.take(Habit::UnclosedText, whole);
        Some(inside.to_owned())
    }

    /// A word without quotes: a number, a keyword, or text.
    fn bare(&mut self) -> Option<Value> {
        let begin = self.at;
        let rest = self.rest();
        let mut length = rest.find(ends_word).unwrap_or(rest.len());
        // `alice, bob`: the last of a statement may really be called so.
        if !rest[length..].trim_start().is_empty() {
            length = rest[..length].trim_end_matches(',').len();
        }
        let word = rest[..length].to_owned();
        if word.is_empty() || word.starts_with('/') || word.contains(is_invisible) {
            return None;
        }
        self.at += length;
        if let Ok(number) = word.parse::<i128>() {
            return Some(Value::Integer(number));
        }
        Some(match word.as_str() {
            "true" | "false" => {
                self.habits.push((Habit::BareKeyword, self.span(begin)));
                Value::Boolean(word == "true")
            }
            "null" => {
                self.habits.push((Habit::Null, self.span(begin)));
                Value::Other("`#null`")
            }
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
                if word.parse::<f64>().is_ok() {
                    return Some(Value::Other("a fraction"));
                }
                self.habits.push((Habit::Unquoted, self.span(begin)));
                Value::String(word)
            }
            _ => Value::String(word),
        })
    }

    /// White space, line ends that a list or a `\` goes over, and comments there.
    fn space(&mut self) -> Option<()> {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if let Some(after) = trimmed.strip_prefix('\\') {
                let (line, _) = after.split_once('\n')?;
                let line = line.trim();
                (line.is_empty() || line.starts_with("//")).then_some(())?;
                self.at += 1 + after.find('\n')?;
            } else if trimmed.starts_with("//")
                || trimmed.starts_with("/*")
                || trimmed.starts_with("/-")
            {
                // For who knows KDL: the crate's.
                return None;
            } else {
                return Some(());
            }
        }
    }

    /// Goes over what a habit has brought.
    fn take(&mut self, habit: Habit, length: usize) {
        let begin = self.at;
        self.at += length;
        self.habits.push((habit, self.span(begin)));
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn span(&self, begin: usize) -> Span {
        Span::from((self.start + begin, self.at - begin))
    }
}

/// The bytes of the word at the start of `rest`, where a quote closes it and none opens it.
fn unopened_length(rest: &str) -> Option<usize> {
    let length = word_length(rest).or_else(|| rest.find(ends_word))?;
    is_unopened(&rest[..length], &rest[length..]).then_some(length)
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || "=:,[]()#\\;{}".contains(c)
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || "\"=[]()#\\;{}".contains(c)
}

/// Whether this is a word as nodes and properties are called by.
fn is_word(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}
