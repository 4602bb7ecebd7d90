//! Reminders as an iCalendar object (RFC 5545).
//!
//! A library would serve, but those that are well kept stamp what they write with the clock.

use std::fmt::{self, Display, Formatter, Write};

use jiff::Timestamp;

use crate::derive::{Calendar, Event};

/// Octets of a line before it is folded, at the most (RFC 5545 §3.1).
const LINE_LIMIT: usize = 75;

pub(super) fn render(calendar: &Calendar) -> String {
    let mut text = String::new();
    line(&mut text, "BEGIN", "VCALENDAR");
    line(&mut text, "VERSION", "2.0");
    line(&mut text, "PRODID", "-//homelab//homelab//EN");
    let name = format_args!("Certificates of {}", calendar.domain);
    line(&mut text, "X-WR-CALNAME", Escaped(name));
    for event in &calendar.events {
        self::event(&mut text, event);
    }
    line(&mut text, "END", "VCALENDAR");
    text
}

/// Without an end or a duration it takes no time (RFC 5545 §3.6.1); free time stays free.
fn event(text: &mut String, event: &Event) {
    line(text, "BEGIN", "VEVENT");
    line(text, "UID", Escaped(&event.uid));
    line(text, "DTSTAMP", date_time(event.stamp));
    line(text, "DTSTART", date_time(event.start));
    line(text, "SUMMARY", Escaped(&event.summary));
    line(text, "DESCRIPTION", Escaped(&event.description));
    line(text, "TRANSP", "TRANSPARENT");
    for days in &event.alarms {
        // RFC 5545 §3.6.6.
        line(text, "BEGIN", "VALARM");
        line(text, "ACTION", "DISPLAY");
        line(text, "TRIGGER", format_args!("-P{days}D"));
        line(text, "DESCRIPTION", Escaped(&event.summary));
        line(text, "END", "VALARM");
    }
    line(text, "END", "VEVENT");
}

/// RFC 5545 §3.3.5, form 2: in UTC.
fn date_time(at: Timestamp) -> impl Display {
    at.strftime("%Y%m%dT%H%M%SZ")
}

/// A text, as RFC 5545 §3.3.11 writes it.
struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'w, 'f>(&'w mut Formatter<'f>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            '\\' | ';' | ',' => write!(self.0, "\\{character}"),
            '\n' => self.0.write_str("\\n"),
            other => self.0.write_char(other),
        })
    }
}

fn line(text: &mut String, name: &str, value: impl Display) {
    let mut line = Folded { text, length: 0 };
    write!(line, "{name}:{value}").expect("a String takes all");
    text.push_str("\r\n");
}

/// RFC 5545 §3.1: a long line goes on in the next, behind a space, and no character is cut in two.
struct Folded<'t> {
    text: &'t mut String,
    length: usize,
}

impl Write for Folded<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            if self.length + character.len_utf8() > LINE_LIMIT {
                self.text.push_str("\r\n ");
                self.length = 1;
            }
            self.text.push(character);
            self.length += character.len_utf8();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut text = String::new();
        line(&mut text, "SUMMARY", "é".repeat(80));
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert!(lines.len() > 2 && lines.iter().all(|line| line.len() <= LINE_LIMIT));
        assert!(lines[1..].iter().all(|line| line.starts_with(" é")));
        assert_eq!(
            text.replace("\r\n ", ""),
            format!("SUMMARY:{}\r\n", "é".repeat(80))
        );
    }

    #[test]
    fn what_has_a_meaning_is_escaped() {
        assert_eq!(Escaped("a,b;c\\d\ne:f").to_string(), "a\\,b\\;c\\\\d\\ne:f");
    }
}
