//! Words of a Caddyfile, and its canonical form.

use std::borrow::Cow;

use crate::model::sayable;

/// Says a text as one word of a Caddyfile, or why that cannot be done.
///
/// Bare where no character has a meaning, otherwise in double quotes with only `"` escaped: Caddy's
/// lexer knows no other escape there. Backticks would say more, but `caddy fmt` of 2.6 breaks them.
pub fn quote(text: &str) -> Result<Cow<'_, str>, &'static str> {
    sayable(text)?;
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"._/:@%+=,~*-".contains(&b);
    if !text.is_empty() && text.bytes().all(bare) {
        return Ok(Cow::Borrowed(text));
    }
    Ok(Cow::Owned(format!("\"{}\"", text.replace('"', "\\\""))))
}

/// Brings a Caddyfile into the form that `caddy fmt` leaves alone, as far as blank lines go: none at
/// the start, none behind `{` or before `}`, never two, and one newline at the end.
pub fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut blank = false;
    let mut opened = true;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            blank = true;
            continue;
        }
        if blank && !opened && line.trim_start() != "}" {
            tidied.push('\n');
        }
        tidied.push_str(line);
        tidied.push('\n');
        blank = false;
        opened = line.ends_with('{');
    }
    tidied
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
    fn blank_lines_are_where_fmt_leaves_them() {
        let text = "\n\na {\n\n\tb\n\n\n\tc {\n\t}\n\n}\n\n\nd\n\n";
        assert_eq!(tidy(text), "a {\n\tb\n\n\tc {\n\t}\n}\n\nd\n");
    }
}
