//! `homelab status`.

use std::fmt::Write;
use std::io;

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};
use miette::Diagnostic;
use thiserror::Error;

use super::arguments::{Status as Arguments, StatusFormat};
use super::{clock, report};
use crate::build;
use crate::dates;
use crate::diagnostic::{Failure, Fault};
use crate::keyring;
use crate::model::Platform;
use crate::status::{DeviceStatus, State, Status};

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
    let printed = match arguments.format() {
        StatusFormat::Table => report::table(&table(&status, status.devices.iter())),
        StatusFormat::Json => report::json(&status),
        StatusFormat::Prometheus => report::only_text(&status.prometheus()),
    };
    // Also where nobody reads what is printed.
    let told = match &arguments.on_due {
        Some(command) if !status.is_fine() => {
            let words = table(&status, status.due());
            let words = strip_str(&words).to_string();
            // Stdout is the status's.
            status.tell(command, words, io::stderr().into())
        }
        _ => Ok(()),
    };
    printed.and(told)?;
    if arguments.exit_code && !status.is_fine() {
        let what = status.summary();
        return Err(Failure::new(Fault::Difference, NeedsAction { what }));
    }
    Ok(())
}

/// A line for each of these devices under a line of titles, what needs somebody in colour; then the authority,
/// and the sum.
fn table<'s>(status: &Status, devices: impl Iterator<Item = &'s DeviceStatus>) -> String {
    let mut rows = vec![[
        String::from("DEVICE"),
        String::from("PLATFORM"),
        String::from("STATE"),
        String::from("ENDS"),
        String::from("TO DO"),
    ]];
    let mut styles = vec![Style::new().bold()];
    for device in devices {
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
        let style = style(authority.state);
        let (name, word) = (&authority.common_name, authority.state.as_str());
        let when = authority.not_after.map_or_else(String::new, |end| {
            format!(", {}", dates::relative(end, status.now))
        });
        let ends = authority.ends();
        writeln!(
            text,
            "\n{style}authority `{name}`: {word}, {ends}{when}{style:#}"
        )
        .expect("a String takes all");
    }
    text += &status.rotation();
    text + &status.summary() + "\n"
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
    [
        device.device.to_string(),
        device.platform.map_or("-", Platform::as_str).to_owned(),
        device.state.as_str().to_owned(),
        ends,
        device.to_do(status),
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
