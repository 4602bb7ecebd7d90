//! The words that templates compare are words that types serialise to: one that is misspelt, or that a type has no more, would
//! make a template say something else without a mistake.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::derive::{FileKind, Listed, OpenFrom, Tells, UncheckedKind};
use crate::model::{Forwarding, Language, Platform, SignIn};
use crate::template::TEMPLATES;

/// What can stand in each field that a template compares, by the field's name.
fn words() -> BTreeMap<&'static str, BTreeSet<String>> {
    BTreeMap::from([
        (
            "by",
            of(&[Forwarding::XForwardedFor, Forwarding::ProxyProtocol]),
        ),
        ("from", of(&[OpenFrom::Everywhere, OpenFrom::Lan])),
        ("kind", of(&FileKind::ALL)),
        (
            "listed",
            of(&[
                Listed::InSites,
                Listed::AsSet,
                Listed::AsValues,
                Listed::AsClasses,
            ]),
        ),
        // What stands there where no range is declared.
        ("lan", of(&["private_ranges"])),
        ("language", of(&[Language::ENGLISH])),
        ("platform", of(&Platform::ALL)),
        ("sign_in", of(&[SignIn::Instead, SignIn::Also])),
        ("tells", of(&Tells::ALL)),
        ("what", of(&UncheckedKind::ALL)),
    ])
}

/// The words that these serialise to.
fn of<T: Serialize>(values: &[T]) -> BTreeSet<String> {
    let word = |value: &T| match serde_json::to_value(value).expect("it is plain data") {
        Value::String(word) => word,
        other => panic!("{other} is no word"),
    };
    values.iter().map(word).collect()
}

/// What a template is made of between its texts, as far as comparing takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Quoted(&'t str),
    Sign(&'t str),
}

fn tokens(mut tag: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    while let Some(first) = tag.chars().next() {
        let token = if first == '"' {
            let (quoted, rest) = tag[1..].split_once('"').expect("quotes are closed");
            tag = rest;
            tokens.push(Token::Quoted(quoted));
            continue;
        } else if first.is_alphanumeric() || first == '_' {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            let length = tag.find(|c| !is_word(c)).unwrap_or(tag.len());
            Token::Word(&tag[..length])
        } else {
            let length = if tag.starts_with("==") || tag.starts_with("!=") {
                2
            } else {
                first.len_utf8()
            };
            Token::Sign(&tag[..length])
        };
        let (Token::Word(text) | Token::Sign(text) | Token::Quoted(text)) = token;
        tag = &tag[text.len()..];
        if !text.trim().is_empty() {
            tokens.push(token);
        }
    }
    tokens
}

/// The quoted words at the beginning: one, or those of a list.
fn quoted<'t>(tokens: &[Token<'t>]) -> Vec<&'t str> {
    match tokens {
        [Token::Quoted(word), ..] => vec![word],
        [Token::Sign("["), list @ ..] => {
            let list = list.iter().take_while(|token| **token != Token::Sign("]"));
            let words = list.filter_map(|token| match token {
                Token::Quoted(word) => Some(*word),
                Token::Word(_) | Token::Sign(_) => None,
            });
            words.collect()
        }
        _ => Vec::new(),
    }
}

/// The fields that a template compares with words, each with the words.
fn compared(template: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let tags = template
        .split("{%")
        .skip(1)
        .map(|rest| rest.split("%}").next());
    let shown = template
        .split("{{")
        .skip(1)
        .map(|rest| rest.split("}}").next());
    for tag in tags.chain(shown).flatten() {
        let tokens = tokens(tag);
        for at in 0..tokens.len() {
            let (field, words) = match &tokens[at..] {
                [Token::Word(field), Token::Sign("==" | "!="), right @ ..] => {
                    (field, quoted(right))
                }
                // What a loop goes through is compared with nothing.
                [Token::Word(field), Token::Word("in"), right @ ..]
                    if !tokens[..at].ends_with(&[Token::Word("for")]) =>
                {
                    (field, quoted(right))
                }
                [
                    Token::Word("selectattr" | "rejectattr"),
                    Token::Sign("("),
                    Token::Quoted(field),
                    Token::Sign(","),
                    Token::Quoted(_),
                    Token::Sign(","),
                    right @ ..,
                ] => (field, quoted(right)),
                _ => continue,
            };
            if !words.is_empty() {
                found.push((field.rsplit('.').next().unwrap_or(field), words));
            }
        }
    }
    found
}

#[test]
fn templates_compare_with_what_a_type_can_say() {
    let known = words();
    let mut count = 0;
    for (name, template) in TEMPLATES.iter().filter(|(name, _)| name.ends_with(".j2")) {
        for (field, compared) in compared(template) {
            let words = known.get(field);
            let words = words.unwrap_or_else(|| panic!("{name}: no type is known of `{field}`"));
            for word in compared {
                assert!(words.contains(word), "{name}: `{field}` is never `{word}`");
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count} comparisons were found");
}

#[test]
fn the_words_stand_in_the_documentation() {
    let rows = include_str!("../../docs/templates.md").lines();
    let mut documented: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in rows.skip_while(|line| *line != "| value | words |").skip(2) {
        let mut quoted = row.split('`').skip(1).step_by(2);
        let field = quoted.next().expect("a row begins with a value");
        let words = documented.entry(field).or_default();
        let about = row.split('|').nth(1).expect("a row has cells");
        let named = about.matches('`').count() / 2 - 1;
        words.extend(quoted.skip(named).map(str::to_owned));
    }
    let mut known = words();
    // They are no words of a type, but what stands there in one case.
    for field in ["lan", "language"] {
        known.remove(field);
    }
    assert_eq!(documented, known);
}

#[test]
fn comparisons_are_found() {
    let template = r#"{% if a.by == "x" and not (b != "y") %}{{ "p" if c in ["q", "r"] }}
        {% set l = d|selectattr("kind", "in", ["s", "t"])|list %}{% if "u" in e or f == g %}{% endif %}
        {% for h in "v" %}{% endfor %}"#;
    let expected = [
        ("by", vec!["x"]),
        ("b", vec!["y"]),
        ("kind", vec!["s", "t"]),
        ("c", vec!["q", "r"]),
    ];
    assert_eq!(compared(template), expected);
}
