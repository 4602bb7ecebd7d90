//! The `caddy` of this machine, asked what it makes of a Caddyfile.
//!
//! It reads and prints, and starts no server: `caddy adapt` provisions nothing.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use miette::Diagnostic;
use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;

use crate::model::CaddyVersion;
use crate::source::visible;

/// Bytes of what it prints, at the most: 20 sites of 10,000 devices are 21 MB.
const LIMIT: u64 = 256 << 20;

/// How long it may take: what it imports may be a pipe that nobody writes to.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a Caddy is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'a> {
    File(&'a Path),
    /// A text; what it imports by a relative path is not found.
    Text(&'a [u8]),
}

/// The JSON that a Caddy makes of a Caddyfile, and which Caddy that is, where it says so.
#[derive(Debug)]
pub(crate) struct Adapted {
    pub json: Vec<u8>,
    pub version: Option<CaddyVersion>,
}

#[derive(Debug, Error, Diagnostic)]
pub(crate) enum AdaptError {
    #[error("there is no `caddy` here that could read a Caddyfile")]
    #[diagnostic(
        code("lint::no-caddy"),
        help(
            "put one on the PATH; or where there is one, `caddy adapt --config Caddyfile > caddy.json`, and lint that"
        )
    )]
    NoCaddy,

    #[error("`caddy adapt` refuses the Caddyfile: {said}")]
    #[diagnostic(
        code("lint::caddy-refuses"),
        help(
            "it has to be one that this `caddy` can load: the same version, and the same plugins, as where it runs"
        )
    )]
    Refused { said: String },

    #[error("`caddy adapt` could not be asked")]
    #[diagnostic(
        code("lint::cannot-ask-caddy"),
        help("see that `caddy version` works here")
    )]
    CannotAsk { source: io::Error },
}

/// Asks the `caddy` of the PATH.
pub(crate) fn adapt(asked: Asked<'_>) -> Result<Adapted, AdaptError> {
    let (path, text) = match asked {
        // A name that begins with `-` would be an option.
        Asked::File(path) => (std::path::absolute(path), None),
        Asked::Text(text) => (Ok(PathBuf::from("/dev/stdin")), Some(text)),
    };
    let path = path.map_err(|source| AdaptError::CannotAsk { source })?;
    let mut command = Command::new("caddy");
    command
        .args(["adapt", "--adapter", "caddyfile", "--config"])
        .arg(path);
    let (is_done, json, said) = run(&mut command, text.unwrap_or_default())?;
    if !is_done {
        return Err(AdaptError::Refused {
            said: last_word(&said),
        });
    }
    Ok(Adapted {
        json,
        version: version(),
    })
}

/// Which Caddy that is.
pub(crate) fn version() -> Option<CaddyVersion> {
    let (_, said, _) = run(Command::new("caddy").arg("version"), &[]).ok()?;
    CaddyVersion::told(&said)
}

/// Whether it succeeded, and what it printed on either side.
fn run(command: &mut Command, input: &[u8]) -> Result<(bool, Vec<u8>, Vec<u8>), AdaptError> {
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = spawned.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => AdaptError::NoCaddy,
        _ => AdaptError::CannotAsk { source },
    })?;
    talk(child, input).map_err(|source| AdaptError::CannotAsk { source })
}

fn talk(mut child: Child, input: &[u8]) -> io::Result<(bool, Vec<u8>, Vec<u8>)> {
    let mut stdin = child.stdin.take().expect("it was asked to be piped");
    let stdout = child.stdout.take().expect("it was asked to be piped");
    let stderr = child.stderr.take().expect("it was asked to be piped");
    let (mut printed, mut said) = (Vec::new(), Vec::new());
    let process = Pid::from_child(&child);
    let (done, is_done) = mpsc::channel::<()>();
    let status = thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // It fails only where it has ended already.
                let _ = kill_process(process, Signal::KILL);
            }
        });
        // It may end without having read everything.
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        let said = &mut said;
        scope.spawn(move || {
            let _ = stderr.take(LIMIT).read_to_end(said);
        });
        let read = stdout.take(LIMIT).read_to_end(&mut printed);
        let status = child.wait();
        drop(done);
        read.and(status)
    })?;
    Ok((status.success(), printed, said))
}

/// A line of Caddy's log, which it writes in JSON where nobody reads along.
#[derive(serde::Deserialize)]
struct Logged {
    level: String,
    msg: String,
}

/// What it has said that matters, a line each, as it may be shown: of its log the warnings and the errors.
pub(crate) fn told(said: &[u8]) -> Vec<String> {
    let said = String::from_utf8_lossy(said);
    let lines = said.lines().map(str::trim_end);
    let told = lines.filter_map(|line| match serde_json::from_str::<Logged>(line) {
        Ok(Logged { level, .. }) if level == "info" || level == "debug" => None,
        Ok(Logged { msg, .. }) => Some(visible(&msg)),
        Err(_) if line.is_empty() => None,
        Err(_) => Some(visible(line)),
    });
    told.collect()
}

/// The line that says why: warnings come before it. Caddy from 2.9 on may say it in JSON.
fn last_word(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let plain = lines
        .clone()
        .find_map(|line| line.strip_prefix("Error: ").map(str::to_owned));
    let logged = || {
        let mut logged = lines
            .clone()
            .filter_map(|line| serde_json::from_str::<Logged>(line).ok());
        logged
            .find(|logged| logged.level == "error")
            .map(|logged| logged.msg)
    };
    let last = || {
        lines
            .clone()
            .next_back()
            .unwrap_or("it says nothing")
            .to_owned()
    };
    visible(&plain.or_else(logged).unwrap_or_else(last))
}
