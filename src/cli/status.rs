//! `homelab status`.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::arguments::Status as Arguments;
use super::{clock, report};
use crate::build;
use crate::dates;
use crate::diagnostic::{Failure, Fault, listed};
use crate::keyring;
use crate::model::Platform;
use crate::status::{DependentStatus, DeviceStatus, State, Status};

#[derive(Debug, Error, Diagnostic)]
#[error("{what}")]
#[diagnostic(
    code("status::needs-action"),
    help("`homelab status` says what is to be done")
)]
struct NeedsAction {
    what: String,
}

/// Says how every device stands.
pub(super) fn status(arguments: &Arguments) -> Result<(), Failure> {
    let workspace = arguments.declaration.workspace();
    let homelab = workspace.homelab()?;
    let out = workspace.path("out");
    let lock = keyring::begun(&workspace, &out)?;
    let clock = clock::read()?;
    let mut went_back = Vec::new();
    if let Some(lock) = &lock {
        report::notes(clock.note(lock));
        report::notes(build::note_of_unsigned(lock));
        let history = workspace.history(&out, lock)?;
        build::hold_against_history(lock, history.root_key, workspace.pinned()?, &out)?;
        report::notes(history.notes());
        let (devices, notes) = history.told(&homelab, lock, clock.now);
        report::notes(&notes);
        went_back = devices;
    }
    let mut status = Status::at(clock.now, &homelab, lock.as_ref());
    for device in &mut status.devices {
        device.went_back = went_back.contains(&device.device);
    }
    if arguments.json {
        report::json(&status)?;
    } else {
        report::table(&table(&status))?;
    }
    if arguments.exit_code && !status.is_fine() {
        let what = summary(&status);
        return Err(Failure::new(Fault::Difference, NeedsAction { what }));
    }
    Ok(())
}

/// A line for each device under a line of titles, what needs somebody in colour; then the authority,
/// and the sum.
fn table(status: &Status) -> String {
    let mut rows = vec![[
        String::from("DEVICE"),
        String::from("PLATFORM"),
        String::from("STATE"),
        String::from("ENDS"),
        String::from("TO DO"),
    ]];
    let mut styles = vec![Style::new().bold()];
    for device in &status.devices {
        rows.push(row(status, device));
        styles.push(style(device.state));
    }
    let widths: Vec<usize> = (0..5)
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (row, style) in rows.iter().zip(styles) {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let line = line.join("  ");
        writeln!(text, "{style}{}{style:#}", line.trim_end()).expect("a String takes all");
    }
    if let Some(authority) = &status.authority {
        let (style, end) = (style(authority.state), authority.not_after);
        let (name, word) = (&authority.common_name, authority.state.as_str());
        let when = end.map_or_else(String::new, |end| {
            format!(", {}", dates::relative(end, status.now))
        });
        let ends = ends(end);
        writeln!(
            text,
            "\n{style}authority `{name}`: {word}, {ends}{when}{style:#}"
        )
        .expect("a String takes all");
    }
    text += &rotation(status);
    text + &summary(status) + "\n"
}

/// When an authority ends; one can be without an end.
fn ends(end: Option<Timestamp>) -> String {
    end.map_or_else(
        || String::from("without an end"),
        |end| format!("ends {}", dates::day(end)),
    )
}

/// How far a rotation is: a line for each authority that is to go, and who needs them still.
fn rotation(status: &Status) -> String {
    let mut text = String::new();
    for outgoing in &status.outgoing {
        let (name, ends) = (&outgoing.common_name, ends(outgoing.not_after));
        text += &if outgoing.is_foreign {
            format!(
                "authority `{name}`: trusted, but no device is declared by fingerprint; `homelab rotate --finish` drops it\n"
            )
        } else {
            format!("authority `{name}`: trusted until `homelab rotate --finish`, {ends}\n")
        };
    }
    let named = |dependents: Vec<&DependentStatus>| {
        let devices: Vec<_> = dependents.iter().map(|d| &d.device).collect();
        listed(devices).to_string()
    };
    for vouching in &status.vouching {
        let (name, ends) = (&vouching.common_name, ends(vouching.not_after));
        text += &format!(
            "authority `{name}`: trusted for devices that are declared by fingerprint, {ends}\n"
        );
    }
    let (installed, issued): (Vec<_>, Vec<_>) = status
        .dependents
        .iter()
        .partition(|dependent| dependent.is_installed);
    let (moving, staying): (Vec<_>, Vec<_>) = issued
        .into_iter()
        .partition(|dependent| dependent.moving_until.is_some());
    if !installed.is_empty() {
        text += &format!(
            "declared by fingerprint, and perhaps of an authority that goes: {}\n",
            named(installed)
        );
    }
    if !staying.is_empty() {
        text += &format!("have still to be renewed: {}\n", named(staying));
    }
    if !moving.is_empty() {
        text += &format!(
            "may not have installed their new files yet: {}\n",
            named(moving)
        );
    }
    let is_moving = status.outgoing.iter().any(|outgoing| !outgoing.is_foreign);
    if is_moving && status.dependents.is_empty() {
        text += "every device has moved: `homelab rotate --finish`\n";
    }
    text
}

fn row(status: &Status, device: &DeviceStatus) -> [String; 5] {
    let ends = match &device.certificate {
        None => String::from("-"),
        Some(certificate) => {
            let (begin, end) = (certificate.not_before, certificate.not_after);
            let (shown, when) = (dates::end(begin, end), dates::relative(end, status.now));
            format!("{shown}, {when}")
        }
    };
    let renew = || format!("homelab renew {}", device.device);
    let to_do = match (device.state, device.older_until) {
        _ if device.went_back => String::from("was shut out: homelab.lock went back"),
        (State::Valid | State::Due, Some(until)) if until <= status.now => {
            String::from("homelab build shuts the older certificate out")
        }
        (State::Valid, Some(until)) => {
            let until = dates::moment(until);
            format!("install the new file by {until}; the older one works until then")
        }
        (State::Valid | State::Due, _) if device.outlives_until => match device.until {
            Some(until) => format!("{} makes it end on {until}", renew()),
            None => renew(),
        },
        (State::Valid, None) if device.other_key => {
            format!("{} makes the kind of key that is declared", renew())
        }
        (State::Valid, None) => {
            let ends = device
                .certificate
                .as_ref()
                .map(|certificate| certificate.not_after);
            let last = device.until.filter(|until| ends >= Some(until.end()));
            last.map_or_else(String::new, |until| {
                format!("its last day is {until}: it is not renewed")
            })
        }
        (State::Ended, _) => match device.until {
            Some(until) => format!("its last day was {until}: delete its line"),
            None => String::new(),
        },
        (State::Early, _) => {
            let authority = status.authority.as_ref().map(|authority| authority.state);
            let remedy = match authority {
                Some(State::Early) => String::from("homelab rotate --authority"),
                _ => renew(),
            };
            format!("set the clock right; if it is, {remedy}")
        }
        (State::Due | State::Expired, _) => renew(),
        (State::Installed, _) => String::new(),
        (State::Unrecorded, _) => String::from("homelab build records it"),
        (State::Unvouched, _) => String::from("homelab adopt the authority that signed it"),
        (State::Unissued, _) => String::from("homelab build issues it"),
        (State::Revoked, _) => format!("{} would let it in again", renew()),
        (State::Undeclared, _) => String::from("homelab build retires it"),
    };
    [
        device.device.to_string(),
        device.platform.map_or("-", Platform::as_str).to_owned(),
        device.state.as_str().to_owned(),
        ends,
        to_do,
    ]
}

fn style(state: State) -> Style {
    match state {
        State::Valid | State::Installed | State::Revoked | State::Ended => Style::new(),
        State::Due | State::Unissued | State::Unrecorded | State::Undeclared => {
            AnsiColor::Yellow.on_default()
        }
        State::Early | State::Expired | State::Unvouched => AnsiColor::Red.on_default(),
    }
}

/// How many devices there are in each state, those that are fine first; and the authority, where it
/// is not.
fn summary(status: &Status) -> String {
    let states = [
        State::Valid,
        State::Installed,
        State::Unrecorded,
        State::Unvouched,
        State::Due,
        State::Early,
        State::Expired,
        State::Ended,
        State::Unissued,
        State::Revoked,
        State::Undeclared,
    ];
    let counted = states.into_iter().filter_map(|state| {
        let count = status.devices.iter().filter(|d| d.state == state).count();
        (count > 0).then(|| format!("{count} {}", state.as_str()))
    });
    let mut counted: Vec<String> = counted.collect();
    let overdue = status.overdue().count();
    if overdue > 0 {
        counted.push(format!("{overdue} with an older certificate to shut out"));
    }
    let other = status.devices.iter().filter(|d| d.other_key).count();
    if other > 0 {
        counted.push(format!("{other} with another kind of key than declared"));
    }
    let outlives = status.devices.iter().filter(|d| d.outlives_until).count();
    if outlives > 0 {
        counted.push(format!("{outlives} with a certificate beyond the last day"));
    }
    let devices = match counted.as_slice() {
        [] => String::from("no devices"),
        counted => format!("devices: {}", counted.join(", ")),
    };
    match &status.authority {
        Some(authority) if authority.state.needs_action() => {
            format!("{devices}; the authority: {}", authority.state.as_str())
        }
        _ => devices,
    }
}
