//! A plan as people read it.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::build::{Kind, LockPlan, Plan, Step, Verb};
use crate::cli::build::MEANS;
use crate::tree::summed::{self, Listing};

/// For people: what stops it first, then the artifacts, the lock, and what it means.
pub(super) fn shown(plan: &Plan, out: &Path, listing: Listing) -> String {
    let mut parts = Vec::new();
    let mut stops = String::new();
    for stop in &plan.stops {
        let red = AnsiColor::Red.on_default().bold();
        line(&mut stops, red, &format!("a build stops: {}", stop.text));
        line(&mut stops, Style::new(), &format!("  {}", stop.help));
    }
    parts.push(stops);
    parts.push(artifacts(plan, out, listing));
    parts.push(lock_lines(&plan.lock));
    let mut people = String::new();
    let bold = Style::new().bold();
    if let Some(why) = &plan.no_former_build {
        let text = if plan.lock.changes.authority {
            String::from("first build: nothing to compare with")
        } else {
            format!("what it means for devices; who may open what cannot be compared: {why}")
        };
        line(&mut people, bold, &text);
    } else if !plan.people.is_empty() {
        line(&mut people, bold, MEANS);
    }
    for consequence in &plan.people {
        let text = format!("  {}", consequence.text);
        line(&mut people, style(consequence.kind), &text);
    }
    parts.push(people);
    let mut end = String::new();
    for note in &plan.notes {
        line(&mut end, Style::new(), &format!("note: {note}"));
    }
    line(&mut end, Style::new(), &summary(plan));
    parts.push(end);
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn line(text: &mut String, style: Style, words: &str) {
    writeln!(text, "{style}{words}{style:#}").expect("a String takes all");
}

fn artifacts(plan: &Plan, out: &Path, listing: Listing) -> String {
    let has_each = listing.has_each(plan.artifacts.len());
    let reasons: Vec<Cow<'_, str>> = { plan.artifacts.iter() }
        .map(|step| {
            if has_each {
                step.reason.to_string().into()
            } else {
                step.reason.of_many().into()
            }
        })
        .collect();
    let steps: Vec<(&str, (Verb, &str))> = { plan.artifacts.iter().zip(&reasons) }
        .map(|(step, reason)| (step.path.as_str(), (step.verb, &**reason)))
        .collect();
    let lines: Vec<(String, Verb, &str)> = { summed::lines(&steps, listing).into_iter() }
        .map(|(line, (verb, reason))| (line.below(out), verb, reason))
        .collect();
    let width = lines.iter().map(|(shown, ..)| shown.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for (shown, verb, reason) in &lines {
        let style = match verb {
            Verb::Build => AnsiColor::Green.on_default(),
            Verb::Restore => AnsiColor::Yellow.on_default(),
            Verb::Remove => AnsiColor::Red.on_default(),
        };
        let verb = verb.as_str();
        let words = format!("{style}{verb:7}{style:#}  {shown:width$}  {reason}");
        line(&mut text, Style::new(), &words);
    }
    text
}

fn lock_lines(lock: &LockPlan) -> String {
    let changes = &lock.changes;
    let mut text = String::new();
    let mut tell = |style: AnsiColor, verb: &str, what: &str| {
        let style = style.on_default();
        line(
            &mut text,
            Style::new(),
            &format!("{style}{verb:7}{style:#}  {what}"),
        );
    };
    if changes.authority {
        tell(AnsiColor::Green, "make", "an authority");
    }
    for device in &changes.issued {
        let what = match changes.last_days.get(device) {
            Some(until) => format!("{device}, whose last day is {until}"),
            None => device.to_string(),
        };
        tell(AnsiColor::Green, "issue", &what);
    }
    for device in &changes.recorded {
        tell(AnsiColor::Green, "record", &device.to_string());
    }
    for device in changes.revoked.iter().chain(&changes.removed) {
        tell(AnsiColor::Red, "retire", &device.to_string());
    }
    for device in &changes.closed {
        tell(
            AnsiColor::Red,
            "retire",
            &format!("the older certificate of {device}"),
        );
    }
    if changes.sign && !changes.authority {
        tell(AnsiColor::Green, "sign", "the revocation list");
    }
    if lock.rewrite {
        tell(AnsiColor::Green, "write", "homelab.lock in its usual form");
    }
    text
}

fn style(kind: Kind) -> Style {
    match kind {
        Kind::LocksOut | Kind::Loses => AnsiColor::Red.on_default(),
        Kind::Opens | Kind::Unchecked | Kind::NewFile => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

/// How much would be done.
pub(super) fn summary(plan: &Plan) -> String {
    let (folders, files): (Vec<&Step>, Vec<&Step>) = plan
        .artifacts
        .iter()
        .partition(|step| step.path.ends_with('/'));
    let count = |verb| files.iter().filter(|step| step.verb == verb).count();
    let counts = [
        (count(Verb::Build), "to build"),
        (count(Verb::Restore), "to restore"),
        (plan.unchanged, "unchanged"),
        (count(Verb::Remove), "to remove"),
        (folders.len(), "modes of directories to restore"),
    ];
    let said = counts
        .iter()
        .filter(|(count, what)| *count > 0 || *what == "unchanged");
    let said: Vec<String> = said
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let lock = if plan.lock.rewrite || !plan.lock.changes.is_empty() {
        "; homelab.lock changes"
    } else {
        ""
    };
    let secret = if plan.needs_secret {
        "; it takes the root secret"
    } else {
        ""
    };
    format!("{}{lock}{secret}", said.join(", "))
}
