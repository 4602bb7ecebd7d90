//! What the user sees. Nothing here fails where a stream is closed: the exit code still tells.

use std::fmt::{Arguments, Display};
use std::io::Write;

use miette::{MietteHandlerOpts, Report};
use serde::Serialize;

use super::failure::Failure;

/// Chooses how diagnostics are drawn.
pub fn set_up() {
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

/// A result, on stdout.
pub fn result(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A styled result that the command is of no use without: the styles stay where stdout is a terminal
/// and nothing says otherwise (`NO_COLOR`).
pub fn table(text: &str) -> Result<(), Failure> {
    print(anstream::stdout(), format_args!("{text}"))
}

/// A result that the command is of no use without: an error where it cannot be printed.
pub fn only_result(line: impl Display) -> Result<(), Failure> {
    print(std::io::stdout(), format_args!("{line}\n"))
}

/// The same as a JSON object, for scripts.
pub fn json(result: &impl Serialize) -> Result<(), Failure> {
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
pub fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// An error, on stderr.
pub fn failure(report: &Report) {
    let _ = writeln!(std::io::stderr(), "{report:?}");
}
