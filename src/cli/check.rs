//! `homelab check`.

use super::arguments::Check;
use super::{clock, report};
use crate::build::{self, Consent, LockChanges, Mode, Prepared};
use crate::dates;
use crate::diagnostic::{Failure, counted};
use crate::model::Homelab;
use crate::prepared::{Foreseen, looked};
use crate::status::{State, Status};

/// Says everything that is wrong with the declaration, the templates and the lock, and for what a build would be refused.
pub(super) fn check(arguments: &Check) -> Result<(), Failure> {
    let (inputs, beside) = looked(arguments.declaration.workspace(), None, Mode::Update)?;
    let consent = Consent {
        revocations: arguments.allow_retire,
        ..Consent::accepting(&arguments.accept_return_of)
    };
    let intent = clock::intent(Mode::Update, consent)?;
    let foreseen = Foreseen::of(&inputs, beside, intent)?;
    let prepared = &foreseen.prepared;
    if let Some(lock) = &prepared.before {
        report::notes(build::note_of_unsigned(lock));
    }
    report::notes(build::notes_of_caddy(&inputs.homelab));
    if foreseen.stops().next().is_some() {
        return Err(foreseen.into_stops().into());
    }
    report::result(format_args!(
        "{} is right: {}",
        inputs.workspace.declaration().display(),
        contents(&inputs.homelab)
    ));
    tell_changes(prepared);
    tell_what_ends(prepared);
    Ok(())
}

fn contents(homelab: &Homelab) -> String {
    let devices = homelab.devices().count();
    format!(
        "{}, {}, {}",
        counted(homelab.people.len(), "person", "people"),
        counted(devices, "device", "devices"),
        counted(homelab.services.len(), "service", "services"),
    )
}

/// What the next build does to the lock.
fn tell_changes(prepared: &Prepared<'_>) {
    let LockChanges {
        issued,
        revoked,
        recorded,
        removed,
        sign,
        ..
    } = &prepared.changes;
    let verbs = [
        ("issues certificates to", issued.len()),
        ("records", recorded.len()),
        ("retires", revoked.len() + removed.len()),
    ];
    for (does, count) in verbs.into_iter().filter(|(_, count)| *count > 0) {
        let devices = counted(count, "device", "devices");
        report::result(format_args!("the next build {does} {devices}"));
    }
    if *sign && revoked.is_empty() && prepared.before.is_some() {
        report::result("the next build signs ca.crl anew");
    }
}

/// What has ended, or will soon.
fn tell_what_ends(prepared: &Prepared<'_>) {
    let Some(lock) = &prepared.before else {
        return;
    };
    let (homelab, clock) = (prepared.situation.homelab, &prepared.situation.clock);
    let status = Status::at(clock.now, homelab, Some(lock));
    report::notes(build::ended(&status, lock, clock));
    let due = status
        .authority
        .filter(|authority| authority.state == State::Due);
    if let Some(end) = due.and_then(|authority| authority.not_after) {
        report::note(format_args!(
            "The authority ends on {}: certificates that would be valid for longer end with it.",
            dates::day(end)
        ));
    }
    if let Some(note) = build::of_authority(homelab, lock) {
        report::note(sentence(&note));
    }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), chars.as_str())
}
