//! Words of scripts.

use std::borrow::Cow;

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
}
