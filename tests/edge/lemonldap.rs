//! A real gateway: LemonLDAP::NG of Debian 12, with its portal, its users and its sessions. It is asked at Authelia's path and answers as Authelia does:
//! 302 to its portal, 200 and `Remote-…`, or 403 by rules of its own. `tests/tools/lemonldap/` is its configuration.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::family::replaced;
use crate::support::port::Port;
use crate::support::{tools, wait};

/// Where it is going to be, before it is known where Caddy is.
pub struct Place {
    directory: TempDir,
    port: Port,
}

/// It runs; it is stopped when it is dropped, and its log is shown when that is because the test failed.
pub struct Lemonldap {
    place: Place,
    process: Child,
}

/// What it was asked: method, target, and what else of the request is not empty, as CGI names it.
#[derive(Debug)]
pub struct Question(Vec<String>);

impl Place {
    pub fn reserve() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        for name in ["sessions/lock", "kept/lock"] {
            fs::create_dir_all(directory.path().join(name)).expect("it can be written to");
        }
        Self {
            directory,
            port: Port::reserve(),
        }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// Starts it for hosts that are served at this port.
    #[track_caller]
    pub fn start(self, https: u16) -> Lemonldap {
        let text = include_str!("../tools/lemonldap/lemonldap-ng.ini");
        let text = replaced(text, "PORT", &https.to_string());
        let text = replaced(&text, "PLACE", &self.directory.path().display().to_string());
        let root = tools::installed("lemonldap");
        let text = replaced(&text, "ROOT", &root.display().to_string());
        fs::write(self.directory.path().join("lemonldap-ng.ini"), text).expect("it can be written");
        let process = self.spawn();
        Lemonldap {
            place: self,
            process,
        }
    }

    /// Waits until it listens, too.
    #[track_caller]
    fn spawn(&self) -> Child {
        let at = |name: &str| self.directory.path().join(name);
        let mut log = File::options();
        let log = log.create(true).append(true).open(at("log"));
        let log = log.expect("it can be written");
        let both = log.try_clone();
        let mut command: Command = tools::command("lemonldap");
        command
            .args(["-s", "Standalone", "--no-default-middleware"])
            .args(["--host", "127.0.0.1", "--port"])
            .arg(self.port.number().to_string())
            .arg("-a")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/tools/lemonldap/app.psgi"
            ))
            .env("LLNG_DEFAULTCONFFILE", at("lemonldap-ng.ini"))
            .stdin(Stdio::null())
            .stdout(both.expect("a file can be written to from two places"))
            .stderr(log);
        let process = command.spawn().expect("LemonLDAP::NG starts");
        wait::until(|| wait::listens(self.port.number()), || self.log());
        process
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Lemonldap {
    pub fn address(&self) -> String {
        self.place.address()
    }

    /// Ends it, in whatever it is doing.
    pub fn kill(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }

    /// Starts it again, with the sessions that it had.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.process = self.place.spawn();
    }

    /// What it has been asked until now.
    pub fn questions(&self) -> Vec<Question> {
        let log = self.place.log();
        let asked = log.lines().filter_map(|line| line.strip_prefix("asked\t"));
        let words = asked.map(|line| line.split('\t').map(str::to_owned).collect());
        words.map(Question).collect()
    }

    /// The one-time numbers of forms, which it keeps where it keeps its sessions, and its sessions.
    pub fn kept(&self) -> Vec<String> {
        let sessions = fs::read_dir(self.place.directory.path().join("sessions"));
        let names = sessions.expect("it can be read").flatten();
        let names = names.map(|entry| entry.file_name().into_string().expect("they are ASCII"));
        names.filter(|name| name != "lock").collect()
    }
}

impl Drop for Lemonldap {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("LemonLDAP::NG:\n{}", self.place.log());
        }
    }
}

impl Question {
    pub fn method(&self) -> &str {
        &self.0[0]
    }

    pub fn target(&self) -> &str {
        &self.0[1]
    }

    /// What a variable of CGI says; none where it is empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter_map(|word| word.split_once('='));
        values.find_map(|(found, value)| (found == name).then_some(value))
    }

    pub fn mentions(&self, text: &str) -> bool {
        self.0.iter().any(|word| word.contains(text))
    }
}
