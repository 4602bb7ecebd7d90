//! Chromium without a window.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::user::User;

/// Seconds after which a page counts as waiting for somebody.
const PATIENCE: u32 = 20;

/// Opens an address, and gives the page that it shows, as HTML on stdout. Every host is on this machine, and nothing else is asked.
///
/// A Chromium that waits for somebody to choose is ended by SIGTERM, which `timeout` reports as 124.
#[track_caller]
pub fn open(user: &User, url: &str) -> Outcome {
    open_within(user, url, PATIENCE)
}

/// The same for a page that takes longer, in seconds.
#[track_caller]
pub fn open_within(user: &User, url: &str, seconds: u32) -> Outcome {
    let profile = user.home().join("chromium");
    let mut command = user.command("timeout");
    command
        .args(["--kill-after=5", &seconds.to_string(), "chromium"])
        .args([
            "--headless=new",
            // A browser run by root has no sandbox to begin with.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--host-resolver-rules=MAP * 127.0.0.1",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(url);
    outcome::run(&mut command, b"")
}

/// A policy of the whole machine's, where Chromium looks for it on Debian; it is taken away again, whatever becomes of the test.
pub struct Policy(pub PathBuf);

impl Policy {
    /// The one that the script of a homelab with this domain puts there.
    pub fn of(domain: &str) -> Self {
        let directory = Path::new("/etc/chromium/policies/managed");
        Self(directory.join(format!("homelab-{domain}.json")))
    }

    /// Puts a file there by hand.
    #[track_caller]
    pub fn put(&self, file: &Path) {
        let mut command = as_root("install");
        command.args(["-D", "-m", "644"]).args([file, &self.0]);
        outcome::run(&mut command, b"").succeeds();
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        _ = outcome::run(as_root("rm").arg("-f").arg(&self.0), b"");
    }
}

/// Root's, or by sudo, which must not ask: as `tests/run` installs packages.
#[track_caller]
fn as_root(program: &str) -> Command {
    let own = fs::metadata("/proc/self").expect("Linux says so").uid();
    if own == 0 {
        return tools::command(program);
    }
    let mut command = tools::command("sudo");
    command.args(["-n", program]);
    command
}
