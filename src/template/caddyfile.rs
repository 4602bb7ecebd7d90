//! Words of a Caddyfile, and its canonical form.

use std::borrow::Cow;

use crate::model::sayable;

/// Says a text as one word of a Caddyfile, or why that cannot be done.
///
/// Bare where no character has a meaning, otherwise in double quotes with only `"` escaped: Caddy's
/// lexer knows no other escape there. Backticks would say more, but `caddy fmt` of 2.6 breaks them.
pub(crate) fn quote(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"._/:@%+=,~*-".contains(&b);
    if !text.is_empty() && text.bytes().all(bare) {
        // It has nothing that cannot be said either.
        return Ok(Cow::Borrowed(text));
    }
    sayable(text)?;
    Ok(Cow::Owned(in_quotes(text)))
}

/// Says a text as one word in quotes, whatever it is: where Caddy takes words for numbers or for truth, as `map` does, it takes
/// none of these.
pub(super) fn quoted(text: &str) -> Result<String, &'static str> {
    sayable(text)?;
    Ok(in_quotes(text))
}

/// What stands on a page for what Caddy knows of who sees it: no text of a user has these characters, and no page a brace.
pub(crate) const VISITOR_NAME: &str = "\u{1}visitor.name\u{1}";
pub(crate) const VISITOR_UNTIL: &str = "\u{1}visitor.until\u{1}";

/// Says a page as one word, with Caddy's placeholders where it says something of who sees it.
pub(super) fn page(html: &str) -> Result<String, &'static str> {
    let mut word = html.to_owned();
    for said in [VISITOR_NAME, VISITOR_UNTIL] {
        word = word.replace(said, "");
    }
    sayable(&word)?;
    let word = in_quotes(html);
    let mut parts = word.split('\u{1}');
    let mut said = parts.next().unwrap_or_default().to_owned();
    while let (Some(placeholder), Some(text)) = (parts.next(), parts.next()) {
        said.extend(["{", placeholder, "}", text]);
    }
    Ok(said)
}

fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

/// Says as one word that a placeholder's value matches a pattern, for Caddy's `expression`.
///
/// Its `vars_regexp` would do for a pattern, but up to Caddy 2.11.1 it replaces placeholders within the
/// value a second time, and the value is what a visitor has sent (CVE-2026-30852).
pub(super) fn matches(placeholder: &str, pattern: &str) -> Result<String, &'static str> {
    if pattern.contains(['\'', '"']) || pattern.ends_with('\\') {
        return Err("a pattern has a quote in it, or ends in a `\\`");
    }
    if pattern.contains(|c: char| c.is_control() || c == '`') || has_a_placeholder(pattern) {
        return Err("a pattern has a control character, a backtick or a placeholder in it");
    }
    Ok(format!("\"{{{placeholder}}}.matches(r'{pattern}')\""))
}

/// Whether Caddy would take a brace for the beginning of a placeholder; `{8}` is none.
fn has_a_placeholder(pattern: &str) -> bool {
    let mut behind = pattern.split('{').skip(1);
    behind.any(|text| !text.starts_with(|c: char| c.is_ascii_digit()))
}

/// Puts an HTML page on one line, so that it can be one word: white space between elements goes, and
/// any other run of it becomes a space.
pub(crate) fn one_line(html: &str) -> String {
    let mut line = String::with_capacity(html.len());
    for part in html.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if !(line.is_empty() || line.ends_with('>') && part.starts_with('<')) {
            line.push(' ');
        }
        line.push_str(part);
    }
    line
}

/// Brings a Caddyfile into the form that `caddy fmt` leaves alone: one tab per open brace, no blank
/// line at the start, behind `{` or before `}`, never two, and one newline at the end. What a quote
/// or a heredoc holds stays as it is.
pub(crate) fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut blank = false;
    let mut opened = true;
    let mut depth = 0usize;
    let mut verbatim = None;
    for line in text.lines() {
        if verbatim.is_some() {
            tidied.push_str(line);
            tidied.push('\n');
            verbatim = unfinished(line, verbatim);
            continue;
        }
        let line = line.trim();
        if line.is_empty() {
            blank = true;
            continue;
        }
        let closes = line == "}";
        if blank && !opened && !closes {
            tidied.push('\n');
        }
        depth = depth.saturating_sub(usize::from(closes));
        tidied.extend(std::iter::repeat_n('\t', depth));
        tidied.push_str(line);
        tidied.push('\n');
        blank = false;
        verbatim = unfinished(line, None);
        opened = verbatim.is_none() && (line == "{" || line.ends_with(" {"));
        depth += usize::from(opened);
    }
    tidied
}

/// A word that goes on in the next line.
#[derive(Clone)]
enum Unfinished {
    /// Between double quotes.
    DoubleQuoted,
    /// Between backticks.
    BackQuoted,
    /// In a heredoc, until this marker.
    Heredoc(String),
}

/// What is unfinished at the end of a line that begins within `open`.
fn unfinished(line: &str, mut open: Option<Unfinished>) -> Option<Unfinished> {
    if let Some(Unfinished::Heredoc(marker)) = &open {
        return (!line.trim_start().starts_with(marker.as_str())).then(|| open.clone())?;
    }
    for (at, sign) in line.match_indices(['"', '`', '#', '<']) {
        let previous = line[..at].chars().next_back().unwrap_or(' ');
        let begins = previous.is_whitespace();
        match (&open, sign) {
            (Some(Unfinished::DoubleQuoted), "\"") if previous != '\\' => open = None,
            (Some(Unfinished::BackQuoted), "`") => open = None,
            (None, "\"") if begins => open = Some(Unfinished::DoubleQuoted),
            (None, "`") if begins => open = Some(Unfinished::BackQuoted),
            (None, "#") if begins => return None,
            (None, "<") if begins && line[at..].starts_with("<<") => {
                let marker = line[at + 2..].split_whitespace().next()?;
                return Some(Unfinished::Heredoc(marker.to_owned()));
            }
            _ => {}
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        for bare in ["alice", "http://10.0.0.7:3000", "[a]"] {
            let quoted = quote(bare).unwrap();
            let expected = if bare == "[a]" { "\"[a]\"" } else { bare };
            assert_eq!(quoted, expected);
        }
        assert_eq!(quote("").unwrap(), "\"\"");
        assert_eq!(
            quote("Alice \"Al\" Liddell").unwrap(),
            r#""Alice \"Al\" Liddell""#
        );
        assert_eq!(quote("#x").unwrap(), "\"#x\"");
        assert_eq!(quote("`x`").unwrap(), "\"`x`\"");
        assert_eq!(quote("<<EOF").unwrap(), "\"<<EOF\"");
        assert_eq!(quote("a\\b").unwrap(), "\"a\\b\"");
        for bad in [
            "{", "}", "{$X}", "{env.X}", "a\\", "a\\\"b", "a\nb", "a\u{85}", "\u{feff}", "\0",
        ] {
            assert!(quote(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_pattern_is_one_word_and_no_way_out_of_it() {
        let word = matches("http.request.uri", r"^/a\.b/(x{2})?(\?.*)?$").unwrap();
        assert_eq!(
            word,
            r#""{http.request.uri}.matches(r'^/a\.b/(x{2})?(\?.*)?$')""#
        );
        for bad in [
            "'",
            "\"",
            "a\\",
            "{http.request.host}",
            "{$X}",
            "a{",
            "\n",
            "`",
        ] {
            assert!(matches("http.request.uri", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_page_is_one_word() {
        let page = "<!doctype html>\n<p class=\"x\">\n  One\n  two <b>three</b>\n  four\n</p>\n<p>";
        assert_eq!(
            one_line(page),
            "<!doctype html><p class=\"x\"> One two <b>three</b> four </p><p>"
        );
    }

    #[test]
    fn lines_stand_at_their_depth_and_quoted_ones_as_they_are() {
        let text = "a {\nb {\nc \"{\" x\n}\n respond `x {\n y\n  }` z\n d <<END\n  e {\n\n  END\nf # \"\n}\n";
        assert_eq!(
            tidy(text),
            "a {\n\tb {\n\t\tc \"{\" x\n\t}\n\trespond `x {\n y\n  }` z\n\td <<END\n  e {\n\n  END\n\tf # \"\n}\n"
        );
    }

    #[test]
    fn blank_lines_are_where_fmt_leaves_them() {
        let text = "\n\na {\n\n\tb\n\n\n\tc {\n\t}\n\n}\n\n\nd\n\n";
        assert_eq!(tidy(text), "a {\n\tb\n\n\tc {\n\t}\n}\n\nd\n");
    }
}
