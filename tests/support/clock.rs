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
    library: OsString,
}

impl Clock {
    /// One that goes as the machine's does.
    pub fn new() -> Self {
        let place = tempfile::Builder::new().prefix("clock-").tempdir();
        // Where a distribution has it, its own wrapper knows.
        let words = ["-m", "-f", "+0", "sh", "-c", "printf %s \"$LD_PRELOAD\""];
        let asked = tools::run("faketime", words);
        let clock = Self {
            place: place.expect("a temporary directory can be made"),
            library: asked.succeeds().stdout().into(),
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
            ("LD_PRELOAD", self.library.clone()),
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
