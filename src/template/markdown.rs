//! Text in a Markdown document.

/// Writes a text so that Markdown shows it as it is: what has a meaning there is escaped
/// (CommonMark §2.4), and a line's end becomes a space.
pub(super) fn as_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        assert_eq!(as_text("a-b.c (d)"), "a-b.c (d)");
        assert_eq!(
            as_text("<b>*x*|[y](z)\n# `w`"),
            "\\<b\\>\\*x\\*\\|\\[y\\](z) \\# \\`w\\`"
        );
    }
}
