//! `status --on-due`: a command of the user's own is told what is to be done.

use std::io::{self, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use miette::Diagnostic;
use thiserror::Error;

use super::Status;
use crate::diagnostic::Failure;

#[derive(Debug, Error, Diagnostic)]
#[error(
    "the command of `--on-due` {what}: nobody may have been told that there is something to do"
)]
#[diagnostic(
    code("status::on-due"),
    help(
        "it is run by `sh -c`, with what is to be done on stdin and in the variable HOMELAB_SUMMARY; run it by hand to see why it fails"
    )
)]
struct OnDueError {
    what: String,
}

impl Status {
    /// Runs the command, and waits for it. It reads `words` on stdin, and what it prints goes to `prints`.
    pub(crate) fn tell(&self, command: &str, words: String, prints: Stdio) -> Result<(), Failure> {
        let failed = |what| Failure::environment(OnDueError { what });
        match run(command, self, words, prints) {
            Ok(ended) if ended.success() => Ok(()),
            Ok(ended) => Err(failed(format!("failed: {ended}"))),
            Err(error) => Err(failed(format!("could not be run: {error}"))),
        }
    }
}

fn run(command: &str, status: &Status, words: String, prints: Stdio) -> io::Result<ExitStatus> {
    let due: Vec<String> = status.due().map(|due| due.device.to_string()).collect();
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env("HOMELAB_SUMMARY", status.summary())
        .env("HOMELAB_DEVICES", due.join(" "))
        .stdin(Stdio::piped())
        .stdout(prints)
        .spawn()?;
    let mut stdin = child.stdin.take().expect("it was asked to be piped");
    // Not waited for: the command may leave something behind that holds the other end and never reads.
    thread::spawn(move || stdin.write_all(words.as_bytes()));
    child.wait()
}
