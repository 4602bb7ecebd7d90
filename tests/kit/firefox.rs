//! Firefox without a window, told what to do over its own remote protocol (Marionette: JSON, each message behind its length).

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::outcome;
use crate::user::User;

/// What a test's Firefox is told beside what the homelab's files say: no host but this machine, no question but the test's.
const PREFERENCES: &str = "\
user_pref(\"marionette.port\", 0);
user_pref(\"network.dns.forceResolve\", \"127.0.0.1\");
user_pref(\"network.captive-portal-service.enabled\", false);
user_pref(\"network.connectivity-service.enabled\", false);
user_pref(\"app.normandy.enabled\", false);
user_pref(\"datareporting.policy.dataSubmissionEnabled\", false);
";

/// A running Firefox; it is stopped when it is dropped.
pub struct Firefox {
    process: Child,
    connection: BufReader<TcpStream>,
    sent: u64,
}

/// The profile that Firefox itself makes in a home, where its version makes them.
#[track_caller]
pub fn make_profile(user: &User) -> PathBuf {
    let mut command = user.command("firefox-esr");
    command.args(["--headless", "-CreateProfile", "somebody"]);
    outcome::run(&mut command, b"").succeeds();
    let entries = walkdir::WalkDir::new(user.home()).into_iter();
    let mut profiles = entries
        .map(|entry| entry.expect("the home can be read").into_path())
        .filter(|path| path.is_dir() && path.to_string_lossy().ends_with(".somebody"))
        // What is only cached stands elsewhere under the same name.
        .filter(|path| !path.starts_with(user.home().join(".cache")));
    let profile = profiles.next().expect("Firefox has made it");
    assert_eq!(profiles.next(), None, "there is one");
    profile
}

impl Firefox {
    const PATIENCE: Duration = Duration::from_secs(60);

    /// How long a page may take: longer, and somebody is asked something.
    const PAGE: Duration = Duration::from_secs(15);

    /// Starts it with that profile, whose `user.js` is what the homelab's script has made of it.
    #[track_caller]
    pub fn start(user: &User, profile: &Path) -> Self {
        let file = profile.join("user.js");
        let before = fs::read_to_string(&file).unwrap_or_default();
        if !before.contains("marionette.port") {
            fs::write(&file, before + PREFERENCES).expect("the profile can be written to");
        }
        let told = profile.join("MarionetteActivePort");
        _ = fs::remove_file(&told);
        let process = user
            .command("firefox-esr")
            .args(["--headless", "--marionette", "--no-remote", "--profile"])
            .arg(profile)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Firefox starts");
        let begin = Instant::now();
        let connection = loop {
            let port = fs::read_to_string(&told).ok();
            let port: Option<u16> = port.and_then(|port| port.trim().parse().ok());
            match port.map(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port))) {
                Some(Ok(connection)) => break connection,
                _ => assert!(begin.elapsed() < Self::PATIENCE, "Firefox says no port"),
            }
            sleep(Duration::from_millis(50));
        };
        let patience = Some(Self::PATIENCE);
        connection
            .set_read_timeout(patience)
            .expect("it is no zero");
        let connection = BufReader::new(connection);
        let mut firefox = Self {
            process,
            connection,
            sent: 0,
        };
        let hello = firefox.receive();
        assert_eq!(hello["marionetteProtocol"], 3, "{hello}");
        // What asks somebody stays open, as it does before a person.
        let strategy = json!({"unhandledPromptBehavior": "ignore"});
        firefox
            .call("WebDriver:NewSession", strategy)
            .expect("a session begins");
        firefox.limit(Self::PAGE);
        firefox
    }

    /// The same for a page that takes longer, in seconds.
    #[track_caller]
    pub fn open_within(&mut self, url: &str, seconds: u32) -> Result<String, String> {
        let patience = Duration::from_secs(seconds.into());
        let stream = self.connection.get_ref();
        stream
            .set_read_timeout(Some(patience + Self::PATIENCE))
            .expect("it is no zero");
        self.limit(patience);
        self.open(url)
    }

    /// How long pages may take from now on.
    #[track_caller]
    fn limit(&mut self, page: Duration) {
        let page = u64::try_from(page.as_millis()).expect("it is short");
        self.call("WebDriver:SetTimeouts", json!({ "pageLoad": page }))
            .expect("it is a limit");
    }

    /// Opens an address and gives the page as HTML, or what Firefox says of the failure.
    #[track_caller]
    pub fn open(&mut self, url: &str) -> Result<String, String> {
        self.call("WebDriver:Navigate", json!({"url": url}))?;
        let page = self.call("WebDriver:GetPageSource", json!({}))?;
        Ok(page["value"].as_str().expect("a page is text").to_owned())
    }

    #[track_caller]
    fn call(&mut self, command: &str, parameters: Value) -> Result<Value, String> {
        self.sent += 1;
        let message = json!([0, self.sent, command, parameters]).to_string();
        let framed = format!("{}:{message}", message.len());
        let stream = self.connection.get_mut();
        stream
            .write_all(framed.as_bytes())
            .expect("Firefox listens");
        let answer = self.receive();
        assert_eq!(answer[1], self.sent, "{answer}");
        match &answer[2] {
            Value::Null => Ok(answer[3].clone()),
            error => Err(format!("{}: {}", error["error"], error["message"])),
        }
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut byte = [0];
            self.connection
                .read_exact(&mut byte)
                .expect("Firefox answers");
            match byte[0] {
                b':' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut text = vec![0; length];
        self.connection
            .read_exact(&mut text)
            .expect("Firefox answers");
        serde_json::from_slice(&text).expect("messages are JSON")
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
