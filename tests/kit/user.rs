//! Somebody's home on Linux, in which the script of a device's folder is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::outcome::{self, Outcome};
use crate::support::tools;

pub struct User {
    home: TempDir,
}

/// A folder as it was handed over.
pub struct Handed {
    pub folder: PathBuf,
    pub password: String,
}

impl User {
    /// A home with nothing in it.
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("a user's home ").tempdir();
        let home = home.expect("a temporary directory can be made");
        Self { home }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A program in this home.
    #[track_caller]
    pub fn command(&self, program: &str) -> Command {
        let mut command = tools::command(program);
        command.env("HOME", self.home()).current_dir(self.home());
        command
    }

    /// Has curl find `home.example.com` at a port of this machine, and believe that authority.
    pub fn tell_curl(&self, port: u16, authority: &Path) {
        let told = format!(
            "connect-to = \"home.example.com:443:127.0.0.1:{port}\"\ncacert = \"{}\"\n",
            authority.display()
        );
        fs::write(self.home().join(".curlrc"), told).expect("the home can be written to");
    }

    /// `sh install.sh`, with the password from whatever stdin is.
    #[track_caller]
    pub fn install(&self, handed: &Handed, arguments: &[&str]) -> Outcome {
        let script = handed.folder.join("install.sh");
        let mut command = self.command("sh");
        command.arg(script).args(arguments);
        outcome::run(&mut command, format!("{}\n", handed.password).as_bytes())
    }

    /// A profile of Firefox that was started once, as far as files tell.
    #[track_caller]
    pub fn firefox_profile(&self, root: &str, name: &str) -> PathBuf {
        let root = self.home().join(root);
        let profile = root.join(name);
        fs::create_dir_all(&profile).expect("the home can be written to");
        let ini = root.join("profiles.ini");
        let mut text = fs::read_to_string(&ini).unwrap_or_default();
        let number = text.matches("[Profile").count();
        text += &format!("[Profile{number}]\nName={name}\nIsRelative=1\nPath={name}\n\n");
        fs::write(ini, text).expect("the home can be written to");
        profile
    }

    /// The database that Chromium and Chrome read in a home where there was none.
    pub fn database(&self) -> PathBuf {
        self.home().join(".pki/nssdb")
    }
}

/// The certificates in a database that have a key: nickname and fingerprint, sorted.
#[track_caller]
pub fn certificates(database: &Path) -> Vec<(String, String)> {
    // As who writes into it, too, sees it: what somebody who was killed had begun is taken back.
    let listed = certutil(database, &["-L", "-X"]);
    let mut names: Vec<&str> = listed
        .succeeds()
        .stdout()
        .lines()
        .filter_map(|line| line.trim_end().strip_suffix("u,u,u"))
        .map(str::trim_end)
        .collect();
    let count = names.len();
    names.dedup();
    let mut found = Vec::new();
    for name in names {
        let shown = certutil(database, &["-L", "-n", name]);
        let lines: Vec<&str> = shown.succeeds().stdout().lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if line.trim() == "Fingerprint (SHA-256):" {
                found.push((name.to_owned(), lines[at + 1].trim().replace(':', "")));
            }
        }
    }
    assert_eq!(found.len(), count, "{listed}");
    found.sort();
    found
}

#[track_caller]
pub fn certutil(database: &Path, arguments: &[&str]) -> Outcome {
    let database = format!("sql:{}", database.display());
    tools::run("certutil", arguments.iter().chain(&["-d", &database]))
}

/// Has a database trust an authority for servers.
#[track_caller]
pub fn trust(database: &Path, authority: &Path) {
    if !database.join("cert9.db").exists() {
        fs::create_dir_all(database).expect("the home can be written to");
        certutil(database, &["-N", "--empty-password"]).succeeds();
    }
    let authority = authority.to_str().expect("a test's paths are UTF-8");
    certutil(
        database,
        &["-A", "-n", "the test's Caddy", "-t", "C,,", "-i", authority],
    )
    .succeeds();
}
