//! Words of scripts.

use std::borrow::Cow;
use std::fmt::Write;

use crate::source::is_invisible;

/// Why a text cannot stand in a script.
const INVISIBLE: &str = "it has a character that does not show, or ends a line";

/// Says a text as one word of a POSIX shell, or why that cannot be done (POSIX.1-2024, XCU §2.2).
///
/// Bare where no character has a meaning, otherwise in single quotes, within which none has.
pub(super) fn shell_word(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if text.chars().any(is_invisible) {
        return Err(INVISIBLE);
    }
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"._/:@%+,-".contains(&b);
    if !text.is_empty() && text.bytes().all(bare) {
        return Ok(Cow::Borrowed(text));
    }
    Ok(Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))))
}

/// Says a text as a string of PowerShell, in single quotes, within which only a quote has a meaning; or
/// why that cannot be done.
///
/// PowerShell takes four more characters for such quotes (about_Quoting_Rules); each is said twice.
pub(super) fn powershell_string(text: &str) -> Result<String, &'static str> {
    if text.chars().any(is_invisible) {
        return Err(INVISIBLE);
    }
    let mut quoted = String::from("'");
    for character in text.chars() {
        quoted.push(character);
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(character);
        }
    }
    quoted.push('\'');
    Ok(quoted)
}

/// Says a text on one line, as a terminal shows it: any white space is one space, and what does not show is left out.
pub(super) fn line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word: String = word.chars().filter(|&c| !is_invisible(c)).collect();
        if !word.is_empty() {
            let space = if line.is_empty() { "" } else { " " };
            line.extend([space, &word]);
        }
    }
    line
}

/// How many characters a line of a comment has at most, if its words are no longer.
const WIDTH: usize = 100;

/// Says a text as lines of a comment, which begins alike in a shell and in PowerShell, each with so many spaces before its words.
///
/// In a comment nothing has a meaning but the end of a line, of which [`line`] leaves none.
pub(super) fn comment(text: &str, indent: usize) -> String {
    let mut comment = String::new();
    let mut width = 0;
    for word in line(text).split(' ') {
        let length = word.chars().count();
        if comment.is_empty() || width + 1 + length > WIDTH {
            let end = if comment.is_empty() { "" } else { "\n" };
            write!(comment, "{end}#{:indent$} {word}", "").expect("a text takes what is written");
            width = indent + 2 + length;
        } else {
            comment.extend([" ", word]);
            width += 1 + length;
        }
    }
    comment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_word_back_as_it_was() {
        for text in [
            "alice-pixel",
            "",
            " ",
            "a b",
            "$(id)`id`${IFS}\"\\",
            "it's",
            "'",
            "~",
            "*",
            "-n",
            "#x",
            "a=b;c&d|e<f>g",
            "Zoë 愛",
        ] {
            let script = format!("printf '%s|' {} end", shell_word(text).unwrap());
            let output = std::process::Command::new("/bin/sh")
                .args(["-c", &script])
                .output()
                .expect("there is a shell");
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                format!("{text}|end|")
            );
        }
        for bad in ["a\nb", "\0", "a\u{202e}b", "\u{2028}", "\r"] {
            assert!(
                shell_word(bad).is_err() && powershell_string(bad).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn powershell_quotes_are_doubled_whatever_they_look_like() {
        assert_eq!(powershell_string("").unwrap(), "''");
        assert_eq!(powershell_string("$(x) `n \"").unwrap(), "'$(x) `n \"'");
        assert_eq!(
            powershell_string("it's \u{2018}\u{2019}\u{201a}\u{201b}").unwrap(),
            "'it''s \u{2018}\u{2018}\u{2019}\u{2019}\u{201a}\u{201a}\u{201b}\u{201b}'"
        );
    }

    #[test]
    fn a_line_has_no_end_and_nothing_hidden() {
        for (text, said) in [
            ("", ""),
            (" a\u{a0}:\r\n\tb\u{2028}c ", "a : b c"),
            ("a \u{200f} b\u{202e}c\u{1b}[2J\0", "a bc[2J"),
        ] {
            assert_eq!(line(text), said);
            assert!(shell_word(&line(text)).is_ok() && powershell_string(&line(text)).is_ok());
        }
    }

    #[test]
    fn every_line_of_a_comment_is_one() {
        assert_eq!(comment("", 4), "#     ");
        assert_eq!(comment("it's $(id) #", 0), "# it's $(id) #");
        let long = comment(&"words\nrm -r ".repeat(50), 6);
        for line in long.lines() {
            assert!(
                line.starts_with("#       ") && line.chars().count() <= WIDTH,
                "{line}"
            );
        }
        let word = "é".repeat(2 * WIDTH);
        assert_eq!(
            comment(&format!("a {word} b"), 0),
            format!("# a\n# {word}\n# b")
        );
    }
}
