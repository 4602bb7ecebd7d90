//! A clock that a test sets, for what would take months: for each program that is started by it, and for a Caddy that is running.
//!
//! Programs that ask libc for the time are told by libfaketime. A Caddy asks nobody: Go reads the kernel's page for it (vDSO), by a call
//! of the system where there is none. In qemu's emulation of one process there is none, and the call arrives at qemu, which asks libc.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::tools;

const DAY: u64 = 86_400;

/// Runs ahead of the machine's by so much as the test says.
pub struct Clock {
    place: TempDir,
}

/// What has a program, and what that starts, go by a time as `faketime -f` takes it: `YYYY-MM-DD hh:mm:ss` stops the clock, `-4s` is behind.
///
/// It is told without that command, which gives up where the number of its process is that of one that was killed.
pub fn told(time: &str) -> [(&'static str, OsString); 3] {
    [
        ("LD_PRELOAD", library()),
        ("FAKETIME", time.into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ]
}

/// A program at that time, in UTC.
#[track_caller]
pub fn command_at(time: &str, name: &str) -> Command {
    let mut command = tools::command(name);
    command.env("TZ", "UTC").envs(told(time));
    command
}

/// libfaketime, for programs with several threads, where Debian has it.
#[track_caller]
fn library() -> OsString {
    let places = fs::read_dir("/usr/lib").expect("every system has it");
    places
        .map(|place| place.expect("it can be listed").path())
        .map(|place| place.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .expect("libfaketime is missing. Run tests/run: it installs faketime.")
        .into()
}

impl Clock {
    /// One that goes as the machine's does.
    pub fn new() -> Self {
        let place = tempfile::Builder::new().prefix("clock-").tempdir();
        let clock = Self {
            place: place.expect("a temporary directory can be made"),
        };
        clock.set(0);
        clock
    }

    /// From now on it is so many days later than it is.
    pub fn set(&self, days: u64) {
        let file = self.place.path().join("ahead");
        let new = file.with_extension("new");
        let ahead = format!("+{}\n", days * DAY);
        fs::write(&new, ahead).expect("a temporary directory can be written to");
        fs::rename(new, file).expect("a temporary directory can be written to");
    }

    /// What has a program go by it.
    pub fn environment(&self) -> [(&'static str, OsString); 4] {
        let file = self.place.path().join("ahead");
        [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", file.into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }

    /// The command of a program that asks nobody for the time, in an emulation that does.
    pub fn emulated(&self, command: &Command) -> Command {
        let mut emulated = Command::new(tools::tool(&format!("qemu-{}", env::consts::ARCH)));
        emulated.arg(command.get_program()).args(command.get_args());
        if let Some(directory) = command.get_current_dir() {
            emulated.current_dir(directory);
        }
        emulated.env_clear();
        for (name, value) in command.get_envs() {
            emulated.envs(value.map(|value| (name, value)));
        }
        emulated.envs(self.environment());
        emulated
    }
}
