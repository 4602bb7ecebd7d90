//! Statements that only together say what was meant: indented ones, items of a list, sections, two on one line.

use std::collections::BTreeSet;
use std::mem;

use super::super::blocks::is_statement;
use super::super::cursor::{Cursor, DEPTH_LIMIT};
use super::super::document::{Node, Value};
use super::super::known::Known;
use super::super::reader::Reader;
use super::super::scan::line_start;
use super::Habit;
use crate::source::{Span, Spanned, end_of};

/// Puts nodes where they were meant to stand, in this block and in those below it.
pub(in crate::parse) fn mend(reader: &mut Reader, text: &str, nodes: &mut Vec<Node>) {
    statements(reader, text, nodes);
    arrange(reader, text, nodes);
}

/// Takes the dash off items that are statements: `- device "pixel" platform="android"`.
fn statements(reader: &mut Reader, text: &str, nodes: &mut [Node]) {
    for node in nodes {
        if is_item(node) && is_statement_in_item(text, node) {
            let dash = node.name.span;
            let name = node.arguments.remove(0);
            let (begin, end) = (name.span.offset(), end_of(node.span));
            node.span = Span::from((begin, end - begin));
            node.name = Spanned::new(text[begin..end_of(name.span)].to_owned(), name.span);
            let block = if node.block.is_some() { " { … }" } else { "" };
            let corrected = || node.well_written() + block;
            reader.habits.note(Habit::ListItem, dash, "-", corrected);
        }
        if let Some(block) = &mut node.block {
            statements(reader, text, block);
        }
    }
}

fn is_statement_in_item(text: &str, item: &Node) -> bool {
    let says_more = item.arguments.len() > 1 || !item.properties.is_empty() || item.block.is_some();
    let first = item.arguments.first().map(|word| word.span);
    let first = first.and_then(|span| text.get(span.offset()..end_of(span)));
    // One that ends in a colon has what it says below it.
    says_more && first.is_some_and(is_statement) && !text[..end_of(item.span)].ends_with(':')
}

fn arrange(reader: &mut Reader, text: &str, nodes: &mut Vec<Node>) {
    for node in nodes.iter_mut().filter(|node| !has_list(node)) {
        if let Some(block) = &mut node.block {
            arrange(reader, text, block);
        }
    }
    let is_odd = |node: &Node| {
        is_item(node) || has_list(node) || is_section(text, node) || is_indenting(text, node)
    };
    if nodes.iter().any(is_odd) {
        let flat = mem::take(nodes);
        *nodes = nested(text, flat, 0);
        items(reader, nodes);
        colons(reader, text, nodes);
    }
}

/// Notes the colons at the ends of statements, now that it is known what was to stand behind them.
fn colons(reader: &mut Reader, text: &str, nodes: &[Node]) {
    for node in nodes.iter().filter(|node| ends_in_colon(text, node)) {
        let colon = end_of(node.span) - 1;
        let corrected = || match node.block {
            Some(_) => format!("{} {{ … }}", node.well_written()),
            None => node.well_written(),
        };
        reader
            .habits
            .note(Habit::Colon, Span::from((colon, 1)), ":", corrected);
        colons(reader, text, node.children());
    }
}

/// `- alice`.
fn is_item(node: &Node) -> bool {
    node.name.value == "-"
}

/// Whether nothing but items of a list stands in its block.
fn has_list(node: &Node) -> bool {
    let block = node.block.as_deref().unwrap_or_default();
    !block.is_empty() && block.iter().all(is_item)
}

/// `[edge]`.
fn is_section(text: &str, node: &Node) -> bool {
    text[node.span.offset()..].starts_with('[')
}

/// `edge:` or `person alice:`, with nothing behind it.
fn is_indenting(text: &str, node: &Node) -> bool {
    node.block.is_none() && ends_in_colon(text, node)
}

fn ends_in_colon(text: &str, node: &Node) -> bool {
    let end = end_of(node.span);
    // The reading of the statement has taken the colon off, where it knew it for one.
    let mut spans = node
        .arguments
        .iter()
        .map(|value| value.span)
        .chain([node.name.span]);
    text[..end].ends_with(':')
        && !node.is_unread
        && node.properties.is_empty()
        && spans.all(|span| end_of(span) < end)
}

fn column(text: &str, node: &Node) -> usize {
    node.span.offset() - line_start(text, node.span.offset())
}

/// The nodes with those below a section, or indented below a `name:`, in its block.
fn nested(text: &str, flat: Vec<Node>, depth: usize) -> Vec<Node> {
    if depth == DEPTH_LIMIT {
        return flat;
    }
    let mut nodes: Vec<Node> = Vec::new();
    let mut rest = flat.into_iter().peekable();
    while let Some(mut node) = rest.next() {
        let mut below = Vec::new();
        if is_section(text, &node) && node.block.is_none() {
            while let Some(next) = rest.next_if(|next| !is_section(text, next)) {
                below.push(next);
            }
        } else if is_indenting(text, &node) {
            let column_of_it = column(text, &node);
            while let Some(next) = rest.next_if(|next| column(text, next) > column_of_it) {
                below.push(next);
            }
        }
        if !below.is_empty() {
            node.block = Some(nested(text, below, depth + 1));
        }
        nodes.push(node);
    }
    nodes
}

/// Gives the items of lists to the node before them, or to the one that has them in its block.
fn items(reader: &mut Reader, nodes: &mut Vec<Node>) {
    let mut kept: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut noted = Vec::new();
    for mut node in mem::take(nodes) {
        let is_one = is_item(&node) && !kept.is_empty();
        let is_list = has_list(&node);
        if let Some(block) = &mut node.block {
            if is_list {
                // Where it is an item itself, it becomes part of the one before.
                let of = kept.len() - usize::from(is_one);
                noted.extend(block.iter().map(|item| (of, item.name.span)));
                let items = node.block.take().into_iter().flatten();
                node.arguments.extend(items.flat_map(|item| item.arguments));
            } else {
                self::items(reader, block);
            }
        }
        match kept.last_mut() {
            Some(before) if is_item(&node) => {
                before.arguments.extend(node.arguments);
                noted.push((kept.len() - 1, node.name.span));
            }
            _ => kept.push(node),
        }
    }
    for (of, span) in noted {
        reader
            .habits
            .note(Habit::ListItem, span, "-", || as_declared(&kept[of]));
    }
    *nodes = kept;
}

/// How the items of a list are declared.
fn as_declared(list: &Node) -> String {
    let first = list.arguments.first().map(|item| &item.value);
    let singular = match list.name.value.as_str() {
        "persons" | "people" | "users" => "person",
        "services" | "apps" => "service",
        "devices" => "device",
        _ => return list.well_written(),
    };
    match first {
        Some(Value::String(name)) => format!("{singular} \"{name}\" {{ … }}"),
        _ => list.well_written(),
    }
}

/// What a block of the declaration knows, by the name of its node.
pub(in crate::parse) type Blocks = fn(&str) -> Option<&'static Known>;

/// Takes statements apart in which a second one begins: `upstream "…" allow "bob"`. It does so only where the first could not be
/// meant so, and `is_declared` tells of a word whether somebody is called by it.
pub(in crate::parse) fn split(
    reader: &mut Reader,
    text: &str,
    known: &Known,
    blocks: Blocks,
    is_declared: &dyn Fn(&str) -> bool,
    nodes: &mut Vec<Node>,
) {
    let words: Vec<&str> = known.once.iter().chain(known.many).copied().collect();
    let has_access = has_any(nodes, &["allow", "open"]);
    let has_backend = has_any(nodes, &["upstream", "files", "redirect"]);
    let may_begin = |name: &str, at: usize, word: &str| {
        if at == 0 && !TAKES_NOTHING.contains(&name) {
            return false;
        }
        match (name, word) {
            ("host", "allow" | "open") => !has_access,
            ("host", "upstream" | "files" | "redirect") => !has_backend,
            ("host", _) => false,
            ("allow" | "group", word) => !is_declared(word),
            _ => true,
        }
    };
    let mut apart = Vec::with_capacity(nodes.len());
    for mut node in mem::take(nodes) {
        if let Some(list) = apart.last_mut()
            && let Some(ends) = goes_on(text, list, &node)
            && !words.contains(&node.name.value.as_str())
            && (is_quoted(text, &node) || is_declared(&node.name.value))
        {
            for habit in ends {
                reader.habits.note(habit, node.name.span, "", String::new);
            }
            take_words(list, node);
            continue;
        }
        if has_names_in_braces(text, &node, &words) {
            for names in node.block.take().into_iter().flatten() {
                take_words(&mut node, names);
            }
            let (name, span) = (&node.name.value, node.name.span);
            let corrected = || node.well_written();
            reader.habits.note(Habit::Braces, span, name, corrected);
        }
        reader.read_misspelt(known, &mut node);
        let seconds = seconds(text, &node, &words, &may_begin);
        let first = apart.len();
        // From the back, so that each value is moved once.
        let cuts = { seconds.iter().rev() }.map(|(at, span)| cut(&mut node, *at, *span));
        let behind: Vec<Node> = cuts.collect();
        apart.push(node);
        apart.extend(behind.into_iter().rev());
        for (_, span) in seconds {
            let written = &text[span.offset()..][..span.len()];
            let corrected = || {
                let statements: Vec<String> =
                    apart[first..].iter().map(Node::well_written).collect();
                statements.join("; ")
            };
            reader
                .habits
                .note(Habit::TwoStatements, span, written, corrected);
        }
    }
    for node in &mut apart {
        let known = blocks(&node.name.value);
        if let (Some(known), Some(block)) = (known, &mut node.block) {
            split(reader, text, known, blocks, is_declared, block);
        }
    }
    *nodes = apart;
}

/// Statements that take as many names as one likes.
const TAKES_NAMES: [&str; 2] = ["allow", "group"];

/// What ends a statement that takes names before one that is nothing but names, so that these were to be among them.
fn goes_on(text: &str, list: &Node, below: &Node) -> Option<BTreeSet<Habit>> {
    let is_list = TAKES_NAMES.contains(&list.name.value.as_str()) && list.block.is_none();
    if !is_list || !is_words(below) {
        return None;
    }
    let at = end_of(list.span);
    let mut between = Cursor { text, at };
    let mut ends = BTreeSet::new();
    loop {
        between.skip_within().ok()?;
        if between.at >= below.span.offset() {
            return Some(ends);
        }
        let end = match between.peek()? {
            ';' => Habit::Semicolon,
            '\n' | '\r' => Habit::LineEnd,
            '#' => {
                between.skip_line();
                continue;
            }
            _ => return None,
        };
        ends.insert(end);
        between.at += 1;
    }
}

/// Whether a node has nothing in it but texts.
fn is_words(node: &Node) -> bool {
    let mut values = node.arguments.iter().map(|argument| &argument.value);
    !node.is_unread
        && node.properties.is_empty()
        && node.block.is_none()
        && values.all(|value| matches!(value, Value::String(_)))
}

fn is_quoted(text: &str, node: &Node) -> bool {
    text[node.span.offset()..].starts_with('"')
}

/// Whether a statement that takes names has nothing else in its block: neither items of a list nor another statement, which begins with
/// one of these words.
fn has_names_in_braces(text: &str, node: &Node, words: &[&str]) -> bool {
    let block = node.block.as_deref().unwrap_or_default();
    let takes_names = TAKES_NAMES.contains(&node.name.value.as_str());
    let begins_statement =
        |below: &Node| !is_quoted(text, below) && words.contains(&below.name.value.as_str());
    takes_names && !block.is_empty() && { block.iter() }
        .all(|below| is_words(below) && !is_item(below) && !begins_statement(below))
}

/// Puts the name and the values of a node among the values of the one before it, which then reaches to its end.
fn take_words(before: &mut Node, node: Node) {
    let begin = before.span.offset();
    before.span = Span::from((begin, end_of(node.span) - begin));
    let name = Spanned::new(Value::String(node.name.value), node.name.span);
    before.arguments.push(name);
    before.arguments.extend(node.arguments);
}

/// Statements that have no value.
const TAKES_NOTHING: [&str; 7] = [
    "compress",
    "header-underscores",
    "identity",
    "landing",
    "metrics",
    "share-links",
    "stream",
];

fn has_any(nodes: &[Node], names: &[&str]) -> bool {
    { nodes.iter() }.any(|node| names.contains(&node.name.value.as_str()))
}

/// The values of a node that are words without quotes which begin a statement, each after the one before it.
fn seconds(
    text: &str,
    node: &Node,
    words: &[&str],
    may_begin: &dyn Fn(&str, usize, &str) -> bool,
) -> Vec<(usize, Span)> {
    let (mut name, mut begin) = (node.name.value.as_str(), 0);
    let mut found = Vec::new();
    if !words.contains(&name) {
        return found;
    }
    for (at, argument) in node.arguments.iter().enumerate() {
        let Value::String(word) = &argument.value else {
            continue;
        };
        let span = argument.span;
        let is_bare = text.get(span.offset()..end_of(span)) == Some(word);
        if is_bare && words.contains(&word.as_str()) && may_begin(name, at - begin, word) {
            found.push((at, span));
            (name, begin) = (word, at + 1);
        }
    }
    found
}

/// Cuts a node before the value that is the name of the next one, which is returned.
fn cut(node: &mut Node, at: usize, span: Span) -> Node {
    let mut arguments = node.arguments.split_off(at).into_iter();
    let name = match arguments.next().map(|argument| argument.value) {
        Some(Value::String(name)) => name,
        _ => unreachable!("it is a word"),
    };
    let is_before = |(key, _): &(Spanned<String>, _)| key.span.offset() < span.offset();
    let (before, behind) = mem::take(&mut node.properties)
        .into_iter()
        .partition(is_before);
    node.properties = before;
    let arguments: Vec<_> = arguments.collect();
    // Items of a list stand behind the statement that they were given to.
    let last = arguments.last().map_or(span, |argument| argument.span);
    let end = end_of(node.span).max(end_of(last));
    node.span = Span::from((node.span.offset(), span.offset() - node.span.offset()));
    Node {
        name: Spanned::new(name, span),
        arguments,
        properties: behind,
        block: node.block.take(),
        span: Span::from((span.offset(), end - span.offset())),
        is_unread: false,
    }
}
