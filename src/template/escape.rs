//! How each kind of file says what it is given.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write};

use minijinja::{AutoEscape, Error, ErrorKind, Output, State, Value};

use super::caddyfile::quote;
use super::markdown::as_text;
use super::script::{powershell_string, shell_word};

/// A kind of file, by what has a meaning in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    Html,
    Markdown,
    Caddyfile,
    Shell,
    PowerShell,
    Calendar,
}

impl Escape {
    /// By the name of the file's template; none for a kind that nobody knows.
    pub(super) fn of(name: &str) -> Option<Escape> {
        let file = name.strip_suffix(".j2")?;
        if file == "Caddyfile" || file.ends_with("/Caddyfile") {
            return Some(Escape::Caddyfile);
        }
        match file.rsplit_once('.')?.1 {
            "html" => Some(Escape::Html),
            "md" => Some(Escape::Markdown),
            "caddyfile" => Some(Escape::Caddyfile),
            "sh" => Some(Escape::Shell),
            "ps1" => Some(Escape::PowerShell),
            "ics" => Some(Escape::Calendar),
            _ => None,
        }
    }

    /// What minijinja knows it by.
    pub(super) fn mode(self) -> AutoEscape {
        match self {
            Escape::Html => AutoEscape::Html,
            Escape::Markdown => AutoEscape::Custom("markdown".into()),
            Escape::Caddyfile => AutoEscape::Custom("caddyfile".into()),
            Escape::Shell => AutoEscape::Custom("shell".into()),
            Escape::PowerShell => AutoEscape::Custom("powershell".into()),
            Escape::Calendar => AutoEscape::Custom("calendar".into()),
        }
    }

    /// The kind that escapes in this way; none for HTML and for what is no file of ours, which minijinja knows itself.
    pub(super) fn of_mode(mode: &AutoEscape) -> Option<Escape> {
        // Asked for each value that is written.
        if matches!(mode, AutoEscape::Html | AutoEscape::None) {
            return None;
        }
        use Escape::{Caddyfile, Calendar, Markdown, PowerShell, Shell};
        let own = [Markdown, Caddyfile, Shell, PowerShell, Calendar];
        own.into_iter().find(|escape| escape.mode() == *mode)
    }

    /// Says a text, or why that cannot be done.
    fn say(self, text: &str) -> Result<Cow<'_, str>, &'static str> {
        match self {
            Escape::Html => unreachable!("minijinja escapes HTML"),
            Escape::Markdown => Ok(as_text(text).into()),
            Escape::Caddyfile => quote(text),
            Escape::Shell => shell_word(text),
            Escape::PowerShell => powershell_string(text).map(Cow::Owned),
            Escape::Calendar => Ok(calendar_text(text).to_string().into()),
        }
    }

    /// What the file is, for "… cannot say `x`".
    fn noun(self) -> &'static str {
        match self {
            Escape::Html => "an HTML page",
            Escape::Markdown => "a Markdown document",
            Escape::Caddyfile => "a Caddyfile",
            Escape::Shell => "a shell script",
            Escape::PowerShell => "a PowerShell script",
            Escape::Calendar => "a calendar",
        }
    }
}

/// A text in a calendar (RFC 5545 §3.3.11).
pub(crate) fn calendar_text(text: impl Display) -> impl Display {
    fmt::from_fn(move |f| write!(CalendarText(f), "{text}"))
}

/// Escapes what is written to it for a calendar.
struct CalendarText<'f, 'b>(&'f mut Formatter<'b>);

impl Write for CalendarText<'_, '_> {
    fn write_str(&mut self, mut part: &str) -> fmt::Result {
        let has_a_meaning = |byte: u8| matches!(byte, b'\\' | b';' | b',' | b'\n');
        // Hardly any part has one, and to look at all bytes takes less than to look at one after the other.
        let has_any = |part: &str| {
            part.bytes()
                .fold(false, |any, byte| any | has_a_meaning(byte))
        };
        if !has_any(part) {
            return self.0.write_str(part);
        }
        while let Some(at) = part.bytes().position(has_a_meaning) {
            self.0.write_str(&part[..at])?;
            self.0.write_str(match part.as_bytes()[at] {
                b'\n' => "\\n",
                b';' => "\\;",
                b',' => "\\,",
                _ => "\\\\",
            })?;
            part = &part[at + 1..];
        }
        self.0.write_str(part)
    }
}

/// Writes a value into a file of the kind that is being rendered: nothing else writes one.
pub(super) fn write(
    output: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_none() {
        let detail = "a value that is none";
        return Err(Error::new(ErrorKind::InvalidOperation, detail));
    }
    let escape = Escape::of_mode(state.auto_escape());
    let Some(escape) = escape.filter(|_| !value.is_safe()) else {
        return minijinja::escape_formatter(output, state, value);
    };
    let text = value.to_string();
    let said = escape.say(&text).map_err(|why| {
        let detail = format!(
            "{} cannot say `{}`: {why}",
            escape.noun(),
            text.escape_debug()
        );
        Error::new(ErrorKind::BadEscape, detail)
    })?;
    output.write_str(&said)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_calendar_is_escaped() {
        let escaped = calendar_text("a,b;c\\d\ne:f,").to_string();
        assert_eq!(escaped, "a\\,b\\;c\\\\d\\ne:f\\,");
    }
}
