//! Reminders as an iCalendar object (RFC 5545).
//!
//! A library would serve, but those that are well kept stamp what they write with the clock.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::derive::{Calendar, Event};

/// Octets of a line before it is folded, at the most (RFC 5545 §3.1).
const LINE_LIMIT: usize = 75;

pub(super) fn render(calendar: &Calendar) -> String {
    let mut text = String::new();
    let name = format!("Certificates of {}", calendar.domain);
    line(&mut text, "BEGIN", "VCALENDAR");
    line(&mut text, "VERSION", "2.0");
    line(&mut text, "PRODID", "-//homelab//homelab//EN");
    line(&mut text, "X-WR-CALNAME", &escaped(&name));
    for event in &calendar.events {
        self::event(&mut text, event);
    }
    line(&mut text, "END", "VCALENDAR");
    text
}

/// Without an end or a duration it takes no time (RFC 5545 §3.6.1); free time stays free.
fn event(text: &mut String, event: &Event) {
    line(text, "BEGIN", "VEVENT");
    line(text, "UID", &escaped(&event.uid));
    line(text, "DTSTAMP", &date_time(event.stamp));
    line(text, "DTSTART", &date_time(event.start));
    line(text, "SUMMARY", &escaped(&event.summary));
    line(text, "DESCRIPTION", &escaped(&event.description));
    line(text, "TRANSP", "TRANSPARENT");
    line(text, "END", "VEVENT");
}

/// RFC 5545 §3.3.5, form 2: in UTC.
fn date_time(at: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(at);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// RFC 5545 §3.3.11.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// RFC 5545 §3.1: a long line goes on in the next, behind a space, and no character is cut in two.
fn line(text: &mut String, name: &str, value: &str) {
    let mut length = 0;
    for character in format!("{name}:{value}").chars() {
        if length + character.len_utf8() > LINE_LIMIT {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(character);
        length += character.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut text = String::new();
        line(&mut text, "SUMMARY", &"é".repeat(80));
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
        assert_eq!(escaped("a,b;c\\d\ne:f"), "a\\,b\\;c\\\\d\\ne:f");
    }
}
