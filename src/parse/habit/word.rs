//! Words of other languages, so far that a text falls apart into the right ones.

/// Quotes that are none in KDL, each with those that may close it.
const QUOTES: [(char, &str); 9] = [
    ('\'', "'"),
    ('`', "`"),
    ('“', "”“\""),
    ('”', "”\""),
    ('„', "“”\""),
    ('‘', "’‘"),
    ('’', "’"),
    ('«', "»"),
    ('»', "«"),
];

/// Bytes of a word, at the most, so that looking for its end takes no time.
const WORD_LIMIT: usize = 1024;

/// The bytes of a word at the start of `rest` that is none in KDL, though other languages have such; none where it may be KDL.
pub(in crate::parse) fn word_length(rest: &str) -> Option<usize> {
    let first = rest.chars().next()?;
    if first.is_ascii_alphanumeric() || first == '/' {
        return bare_length(rest);
    }
    quoted(rest).map(|(length, _)| length)
}

/// A word in other quotes: its bytes, and what stands between them.
pub(super) fn quoted(rest: &str) -> Option<(usize, &str)> {
    let first = rest.chars().next()?;
    let (_, closing) = QUOTES.iter().find(|(quote, _)| *quote == first)?;
    let inside = &rest[first.len_utf8()..];
    let inside = &inside[..inside.floor_char_boundary(WORD_LIMIT)];
    let line = inside.split(['\n', '\r']).next().unwrap_or(inside);
    for (at, quote) in line.match_indices(|c| closing.contains(c)) {
        let after = line[at + quote.len()..].chars().next();
        if after.is_none_or(|c| c.is_whitespace() || ";{},=:)]".contains(c)) {
            return Some((first.len_utf8() + at + quote.len(), &line[..at]));
        }
    }
    None
}

/// A word with a `/` in it, which no bare word of KDL has: a URL, a path, a range of addresses.
fn bare_length(rest: &str) -> Option<usize> {
    let near = &rest[..rest.floor_char_boundary(WORD_LIMIT)];
    let is_all = near.len() == rest.len();
    let ends = |c: char| c.is_whitespace() || ";{}\"()=#\\,'[]".contains(c);
    let before = near.find(|c| c == '/' || ends(c))?;
    let slash = near[before..].strip_prefix('/')?;
    let next = slash.chars().next();
    let is_word = match next {
        Some('/') => {
            let has_scheme = near[..before].ends_with(':') || &near[..before] == "unix";
            has_scheme
                && slash[1..]
                    .chars()
                    .next()
                    .is_some_and(|c| !c.is_whitespace())
        }
        // A comment, where it is closed; one whose end is not in sight may be.
        Some('*') => {
            let is_line_in_sight = is_all || slash.contains('\n');
            before > 0 && is_line_in_sight && !first_line(slash).contains("*/")
        }
        Some('-') => false,
        Some(c) => before > 0 || !ends(c),
        None => before > 0,
    };
    if !is_word {
        return None;
    }
    let ends_there = |c: char| c.is_whitespace() || ";}\"".contains(c);
    let length = near.find(ends_there).or(is_all.then_some(near.len()))?;
    Some(near[..length].trim_end_matches([',', ']', '{']).len())
}

/// A text in quotes whose closing one is missing.
pub(in crate::parse) struct Unclosed<'a> {
    /// What it was to say.
    pub inside: &'a str,
    /// The bytes from its opening quote to where it was to end.
    pub whole: usize,
}

/// Where a text was to end that begins with a quote, and has none at its end: before the next property, or what ends a statement.
pub(in crate::parse) fn unclosed(text: &str) -> Unclosed<'_> {
    let line = text[1..].split(['\n', '\r']).next().unwrap_or_default();
    if let Some((inside, _)) = line.split_once(['”', '“', '’'])
        && let quote = line[inside.len()..]
            .chars()
            .next()
            .map_or(0, char::len_utf8)
    {
        let whole = 1 + inside.len() + quote;
        return Unclosed { inside, whole };
    }
    let property = line
        .match_indices("=\"")
        .find_map(|(at, _)| before_key(&line[..at]));
    let structure = || {
        let ends = [" {", ";", " }", "{"];
        ends.iter().filter_map(|end| line.find(end)).min()
    };
    let end = property.or_else(structure).unwrap_or(line.len());
    let inside = line[..end].trim_end();
    Unclosed {
        inside,
        whole: 1 + inside.len(),
    }
}

/// Whether a `"` at the start of `rest` closes the word before it, which no quote opens. Nothing in KDL has a quote right behind a word
/// but a raw text of KDL 1, and that goes on behind it.
pub(in crate::parse) fn is_unopened(word: &str, rest: &str) -> bool {
    let behind = rest.strip_prefix('"').map(|rest| rest.chars().next());
    let ends = behind.is_some_and(|c| c.is_none_or(|c| c.is_whitespace() || ",;{}]".contains(c)));
    ends && word != "r" && !word.ends_with(|c| "\"=:,[]()#\\;{}".contains(c))
}

/// Where the white space stands before the key that a text ends with.
fn before_key(text: &str) -> Option<usize> {
    let is_key = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let before = text.trim_end_matches(is_key);
    (before.len() < text.len() && before.ends_with([' ', '\t'])).then(|| before.trim_end().len())
}

/// Of a line, the place of a text that goes on to the opening quote of a property's value: `"pixel platform="android"`.
pub(in crate::parse) fn swallowing(line: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let open = at + line[at..].find('"')?;
        let length = closed_length(&line[open..])?;
        let inside = &line[open + 1..open + length - 1];
        if swallows(inside) {
            return Some(open);
        }
        at = open + length;
    }
}

/// Whether what stands between two quotes ends with a key and `=`, so that the second one opens the key's value.
pub(super) fn swallows(inside: &str) -> bool {
    let before = inside.strip_suffix('=');
    before.and_then(before_key).is_some()
}

/// The bytes of a text with its quotes.
fn closed_length(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    loop {
        match characters.next()? {
            (at, '"') => return Some(at + 1),
            (_, '\\') => _ = characters.next()?,
            _ => {}
        }
    }
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or(text)
}

/// Whether a `#` at the start of `rest` begins what a shell takes for a comment: neither a raw text nor a keyword.
pub(in crate::parse) fn begins_comment(rest: &str) -> bool {
    let Some(after) = rest.strip_prefix('#') else {
        return false;
    };
    if after.trim_start_matches('#').starts_with('"') {
        return false;
    }
    let ends = |c: char| c.is_whitespace() || ";{}".contains(c);
    let word = after.split(ends).next().unwrap_or(after);
    !matches!(word, "true" | "false" | "null" | "inf" | "-inf" | "nan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_languages_are_seen_to_their_ends() {
        for (rest, word) in [
            ("http://10.0.0.7:80; allow", "http://10.0.0.7:80"),
            ("http://a/b/* }", "http://a/b/*"),
            ("unix//run/app.sock\n", "unix//run/app.sock"),
            ("/share/* methods", "/share/*"),
            ("192.168.0.0/16 x", "192.168.0.0/16"),
            ("fd00::/8", "fd00::/8"),
            ("bob/laptop, x", "bob/laptop"),
            ("photos.example.com/*\n", "photos.example.com/*"),
            ("'a b' c", "'a b'"),
            ("'it's' c", "'it's'"),
            ("“a b”;", "“a b”"),
            ("„a b“ {", "„a b“"),
        ] {
            assert_eq!(word_length(rest), Some(word.len()), "{rest}");
        }
        for rest in [
            "a b",
            "'a",
            "O'Brien x",
            "a/* c */ b",
            "a// c",
            "http:// c",
            "//",
            "a/-b",
            "",
            "x",
        ] {
            assert_eq!(word_length(rest), None, "{rest}");
        }
    }

    #[test]
    fn quotes_that_close_what_none_opens_are_seen() {
        for (word, rest) in [
            ("alice", "\""),
            ("ios", "\"; }"),
            ("é", "\" \"bob\""),
            ("bob", "\", x"),
        ] {
            assert!(is_unopened(word, rest), "{word}{rest}");
        }
        for (word, rest) in [
            ("device", "\"pixel\""),
            ("platform=", "\""),
            ("r", "\" b\""),
            ("alice", " \"bob\""),
            ("alice", ""),
        ] {
            assert!(!is_unopened(word, rest), "{word}{rest}");
        }
    }

    #[test]
    fn comments_of_a_shell_are_seen() {
        for rest in ["# a", "#a", "##", "#", "#truer"] {
            assert!(begins_comment(rest), "{rest}");
        }
        for rest in ["#true", "#\"a\"#", "##\"a\"##", "a", "#null;", "#-inf"] {
            assert!(!begins_comment(rest), "{rest}");
        }
    }
}
