//! What the user sees. Nothing here fails where a stream is closed: the exit code still tells.

use std::fmt::{Arguments, Display};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{Ansi256Color, Color, Style};
use miette::{MietteHandlerOpts, Report};
use serde::Serialize;

use super::progress::BAR;
use crate::build::Stream;
use crate::diagnostic::{Failure, Shown};
use crate::share::Qr;

/// Chooses how diagnostics are drawn.
pub(super) fn set_up() {
    // Fails only where a hook is set already, and then that one is as good.
    let _ = miette::set_hook(Box::new(|_| {
        Box::new(
            MietteHandlerOpts::new()
                .terminal_links(false)
                .width(100)
                .build(),
        )
    }));
}

/// What has been said so far. A build that has nothing to do says what the one before said.
static SAID: Mutex<Vec<(Stream, String)>> = Mutex::new(Vec::new());

fn all_said() -> MutexGuard<'static, Vec<(Stream, String)>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What has been said so far, of results and notes.
pub(super) fn said() -> Vec<(Stream, String)> {
    all_said().clone()
}

/// Forgets what was said of the moment: the next build has no reason to repeat it.
pub(super) fn forget_said() {
    all_said().clear();
}

/// Says a line, and takes note of it.
pub(super) fn say(stream: Stream, line: String) {
    let _ = BAR.beside(|| match stream {
        Stream::Result => writeln!(std::io::stdout(), "{line}"),
        Stream::Note => writeln!(std::io::stderr(), "{line}"),
    });
    all_said().push((stream, line));
}

/// Whether lines of results are notes: stdout is for one JSON object at the end.
static IS_FOR_JSON: AtomicBool = AtomicBool::new(false);

/// From now on results that come before a JSON object go to stderr.
pub(super) fn expect_json() {
    IS_FOR_JSON.store(true, Ordering::Relaxed);
}

/// A result, on stdout.
pub(super) fn result(line: impl Display) {
    let stream = if is_for_json() {
        Stream::Note
    } else {
        Stream::Result
    };
    say(stream, line.to_string());
}

/// Whether stdout is for one JSON object at the end.
pub(super) fn is_for_json() -> bool {
    IS_FOR_JSON.load(Ordering::Relaxed)
}

/// A styled result that the command is of no use without: the styles stay where stdout is a terminal
/// and nothing says otherwise (`NO_COLOR`).
pub(super) fn table(text: &str) -> Result<(), Failure> {
    print(anstream::stdout(), format_args!("{text}"))
}

/// A result that the command is of no use without: an error where it cannot be printed.
pub(super) fn only_result(line: impl Display) -> Result<(), Failure> {
    print(std::io::stdout(), format_args!("{line}\n"))
}

/// The same for a text that ends its lines itself.
pub(super) fn only_text(text: &str) -> Result<(), Failure> {
    print(std::io::stdout(), format_args!("{text}"))
}

/// A QR code, black on white whatever the terminal's own colours are; `NO_COLOR` is not about a picture.
/// Where stdout is no terminal, ink is dark: it is right on white paper.
pub(super) fn picture(qr: &Qr) -> Result<(), Failure> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return only_result(qr.lines());
    }
    if let Ok(size) = rustix::termios::tcgetwinsize(&stdout)
        && (1..qr.width()).contains(&usize::from(size.ws_col))
    {
        note(format_args!(
            "The QR code needs a terminal of {} columns, and this one has {}: make it wider, or use `--qr FILE.svg`.",
            qr.width(),
            size.ws_col
        ));
        return Ok(());
    }
    for line in qr.lines().lines() {
        only_result(format_args!("{PICTURE}{line}{PICTURE:#}"))?;
    }
    Ok(())
}

/// Of the 256 colours the last ones are the same everywhere; the first sixteen are each terminal's own.
const PICTURE: Style = Style::new()
    .fg_color(Some(Color::Ansi256(Ansi256Color(16))))
    .bg_color(Some(Color::Ansi256(Ansi256Color(231))));

/// The same as a JSON object, for scripts.
pub(super) fn json(result: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(result);
    only_result(json.expect("it is plain data with text for keys"))
}

fn print(mut stdout: impl Write, text: Arguments<'_>) -> Result<(), Failure> {
    let printed = stdout.write_fmt(text).and_then(|()| stdout.flush());
    printed.map_err(|source| Failure::environment(CannotPrint { source }))
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("stdout cannot be written to")]
#[diagnostic(code("report::cannot-print"), help("see where it leads"))]
struct CannotPrint {
    source: std::io::Error,
}

/// What the user should know besides, on stderr.
pub(super) fn note(line: impl Display) {
    say(Stream::Note, line.to_string());
}

/// Several of these.
pub(super) fn notes<T: Display>(lines: impl IntoIterator<Item = T>) {
    lines.into_iter().for_each(note);
}

/// An error, on stderr.
pub(super) fn failure(report: &Report) {
    let _ = match Shown::of(report) {
        Some(shown) => writeln!(std::io::stderr(), "{:?}", Report::new(shown)),
        None => writeln!(std::io::stderr(), "{report:?}"),
    };
}
