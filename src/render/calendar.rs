//! Reminders as an iCalendar object (RFC 5545).
//!
//! A library would serve, but those that are well kept stamp what they write with the clock.

use std::fmt::{self, Display, Formatter, Write};

use serde::Serialize;

use super::Artifact;
use crate::derive::{Calendar, Event, Moment, PersonCalendar, PersonEvent, What};
use crate::diagnostic::Mistake;
use crate::model::{DeviceId, Domain, Email, Language};
use crate::template::{Templates, calendar_text};

/// Octets of a line before it is folded, at the most (RFC 5545 §3.1).
const LINE_LIMIT: usize = 75;

pub(super) fn render(calendar: &Calendar) -> String {
    let mut text = String::new();
    line(&mut text, "BEGIN", "VCALENDAR");
    line(&mut text, "VERSION", "2.0");
    line(&mut text, "PRODID", "-//homelab//homelab//EN");
    let name = format_args!("Certificates of {}", calendar.domain);
    line(&mut text, "X-WR-CALNAME", calendar_text(name));
    for event in calendar.events() {
        self::event(&mut text, &event, &calendar.domain);
    }
    line(&mut text, "END", "VCALENDAR");
    text
}

/// What the template of a person's own is given.
#[derive(Serialize)]
struct Own<'c> {
    language: &'c Language,
    domain: &'c Domain,
    admin: Option<&'c Email>,
    renewed_at: Option<&'c str>,
    events: Vec<PersonEvent<'c>>,
}

/// A person's own, from its template: a property on each line.
pub(super) fn render_own(
    calendar: &PersonCalendar,
    templates: &Templates,
) -> Result<Artifact, Mistake> {
    let context = Own {
        language: &calendar.language,
        domain: &calendar.domain,
        admin: calendar.admin.as_ref(),
        renewed_at: calendar.renewed_at.as_deref(),
        events: calendar.events().collect(),
    };
    let language = calendar.language.as_str();
    let rendered = templates.render_in(language, "calendar.ics.j2", &context)?;
    let mut text = String::new();
    let properties = rendered.text.lines().map(str::trim);
    for property in properties.filter(|property| !property.is_empty()) {
        content_line(&mut text, format_args!("{property}"));
    }
    Ok(Artifact {
        bytes: text.into_bytes(),
        templates: rendered.used,
    })
}

/// Without an end or a duration it takes no time (RFC 5545 §3.6.1); free time stays free.
fn event(text: &mut String, event: &Event<'_>, domain: &Domain) {
    let (id, word) = (event.identifier, event.word());
    let uid = format_args!("{id}-{word}@{domain}");
    let summary = calendar_text(summary(event, domain)).to_string();
    text.push_str("BEGIN:VEVENT\r\n");
    line(text, "UID", calendar_text(uid));
    line(text, "DTSTAMP", Moment(event.stamp));
    line(text, "DTSTART", Moment(event.start));
    line(text, "SUMMARY", &summary);
    line(text, "DESCRIPTION", calendar_text(description(event)));
    text.push_str("TRANSP:TRANSPARENT\r\n");
    for days in event.alarms() {
        // RFC 5545 §3.6.6.
        text.push_str("BEGIN:VALARM\r\nACTION:DISPLAY\r\n");
        line(text, "TRIGGER", format_args!("-P{days}D"));
        line(text, "DESCRIPTION", &summary);
        text.push_str("END:VALARM\r\n");
    }
    text.push_str("END:VEVENT\r\n");
}

/// What happens, in a few words.
fn summary(event: &Event<'_>, domain: &Domain) -> impl Display {
    fmt::from_fn(move |f| match (event.what, event.devices.as_slice()) {
        (What::AuthorityEnd(_), _) => write!(f, "{domain}: the authority of all devices ends"),
        (What::Due, [device]) => write!(f, "{device}: renew its certificate"),
        (What::End | What::LastDay(_), [device]) => write!(f, "{device}: its certificate ends"),
        (What::Due, devices) => write!(f, "{} devices: renew their certificates", devices.len()),
        (What::End | What::LastDay(_), devices) => {
            write!(f, "{} devices: their certificates end", devices.len())
        }
    })
}

/// What to do.
fn description(event: &Event<'_>) -> impl Display {
    fmt::from_fn(move |f| match (event.what, event.devices.as_slice()) {
        (What::AuthorityEnd(name), _) => {
            write!(f, "From now on every certificate of `{name}` is refused.")
        }
        (What::Due, [device]) => write!(
            f,
            "Run `homelab renew {device}`, deploy the edge, and hand over the new file."
        ),
        (What::End, [device]) => write!(
            f,
            "From now on it is refused. Run `homelab renew {device}`, if it is still in use."
        ),
        (What::LastDay(day), [_]) => write!(
            f,
            "Its last day, {day}, is over. Delete its line in homelab.kdl, build, and deploy the edge."
        ),
        (What::Due, devices) => write!(
            f,
            "Run `homelab renew --due`, deploy the edge, and hand over the new files. {}",
            Named(devices)
        ),
        (What::End, devices) => write!(
            f,
            "On this day they end, and are refused from then on. Run `homelab renew` with those that are still in use. {}",
            Named(devices)
        ),
        (What::LastDay(day), devices) => write!(
            f,
            "Their last day, {day}, is over. Delete their lines in homelab.kdl, build, and deploy the edge. {}",
            Named(devices)
        ),
    })
}

/// Devices that an event names, at the most: calendars cut long texts.
const MOST_NAMED: usize = 50;

/// Several devices by their names, as far as they fit.
struct Named<'d>(&'d [&'d DeviceId]);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (named, more) = self.0.split_at(self.0.len().min(MOST_NAMED));
        f.write_str("These are ")?;
        for (at, device) in named.iter().enumerate() {
            let before = match at {
                0 => "",
                _ if at + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{device}")?;
        }
        match more.len() {
            0 => f.write_str("."),
            more => write!(f, " and {more} more: `homelab status` has all of them."),
        }
    }
}

fn line(text: &mut String, name: &str, value: impl Display) {
    content_line(text, format_args!("{name}:{value}"));
}

fn content_line(text: &mut String, content: fmt::Arguments<'_>) {
    let mut line = Folded { text, length: 0 };
    line.write_fmt(content).expect("a String takes all");
    text.push_str("\r\n");
}

/// RFC 5545 §3.1: a long line goes on in the next, behind a space, and no character is cut in two.
struct Folded<'t> {
    text: &'t mut String,
    length: usize,
}

impl Write for Folded<'_> {
    fn write_str(&mut self, mut part: &str) -> fmt::Result {
        while self.length + part.len() > LINE_LIMIT {
            let (fits, rest) = part.split_at(part.floor_char_boundary(LINE_LIMIT - self.length));
            self.text.extend([fits, "\r\n "]);
            (part, self.length) = (rest, 1);
        }
        self.text.push_str(part);
        self.length += part.len();
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
}
