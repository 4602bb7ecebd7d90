//! A year: certificates of 90 days, a timer that runs `homelab renew --due` each day, and people who do what the page at `/renew` says, each
//! in their own time. Nobody is ever without access, and there is nothing to do for who runs the homelab.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread;

use plist::Value as Plist;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::days::{Days, HOST};
use crate::support::caddy::Version;
use crate::support::outcome;
use crate::support::tools;
use crate::user::{User, certificates};

const WIKI: &str = "wiki.home.example.com";

const REST: &str = r#"
person "alice" {
    device "pixel" platform="android"
    device "iphone" platform="ios"
    device "desk" platform="linux"
}
person "bob" {
    language "de"
    device "laptop" platform="windows"
    device "yk" csr="csr/yk.csr"
}
service "wiki" { respond "wiki"; allow "alice" "bob"; }
"#;

/// With those whose browser a person opens, how many days they take for it: some at once, some on the last day that there is.
const BY_HAND: [(&str, &str, u64); 4] = [
    ("alice/pixel", "en", 0),
    ("alice/iphone", "en", 9),
    ("bob/laptop", "de", 20),
    ("bob/yk", "de", 29),
];

/// The script runs where it is installed, on a computer that is on once a week.
const SCRIPT: &str = "alice/desk";

/// One Chromium for the whole year, which shows what it is told to.
struct Browser {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    home: TempDir,
}

impl Browser {
    #[track_caller]
    fn start(port: u16) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        let mut node = tools::command("node");
        node.arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/tools/renew.mjs"
        ))
        .arg(tools::installed("node"))
        .arg(tools::tool("chromium"))
        .arg(port.to_string())
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
        let mut process = node.spawn().expect("node starts");
        Self {
            asks: process.stdin.take().expect("it is piped"),
            answers: BufReader::new(process.stdout.take().expect("it is piped")),
            process,
            home,
        }
    }

    /// What somebody sees who shows that.
    #[track_caller]
    fn visit(&mut self, pem: &Path, language: &str) -> Value {
        let job = json!({
            "cert": pem, "key": pem, "domain": HOST, "service": WIKI, "downloads": self.home.path(), "language": language
        });
        writeln!(self.asks, "{job}").expect("it reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        let said: Value = serde_json::from_str(&line).expect("it says JSON");
        assert_eq!(said["failed"], Value::Null, "{said}");
        said
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// A device on which somebody installs by hand: what it shows.
struct Device {
    name: &'static str,
    language: &'static str,
    takes: u64,
    shows: String,
}

impl Device {
    /// Does what the page says, and sees that it is done.
    #[track_caller]
    fn renews(&mut self, days: &Days, browser: &mut Browser) {
        let device = self.name;
        let said = browser.visit(days.pem(&self.shows), self.language);
        assert_eq!(said["notice"], true, "{device}: {said}");
        let file = PathBuf::from(said["file"].as_str().expect("it has downloaded it"));
        let password = said["password"].as_str();
        assert_eq!(password.is_none(), device == "bob/yk", "{said}");
        // What is installed comes out of the file and the page, and of nothing else.
        let installed = match file.extension().and_then(|end| end.to_str()) {
            Some("crt") => tools::fingerprint(&file),
            Some("p12") => opened(&file, password.expect("it is shown")),
            Some("mobileconfig") => {
                let bundle = file.with_extension("p12");
                fs::write(&bundle, in_profile(&file)).expect("it is the browser's directory");
                opened(&bundle, password.expect("it is shown"))
            }
            end => panic!("{end:?}"),
        };
        fs::remove_file(file).expect("it is there");
        assert_eq!(installed, days.newest(device));
        self.shows = installed;
        let said = browser.visit(days.pem(&self.shows), self.language);
        assert_eq!(said["notice"], false, "{device}: {said}");
        let done = match self.language {
            "de" => "Du bist fertig",
            _ => "You are done",
        };
        let page = said["renew"].as_str().unwrap_or_default();
        assert!(page.contains(done), "{device}: {said}");
        assert_eq!(said["service"], "200 wiki");
    }
}

/// The certificate in a bundle that opens with that.
#[track_caller]
fn opened(bundle: &Path, password: &str) -> String {
    let pem = bundle.with_extension("pem");
    let mut openssl = tools::command("openssl");
    openssl
        .args(["pkcs12", "-nokeys", "-passin", "stdin", "-in"])
        .arg(bundle)
        .arg("-out")
        .arg(&pem);
    outcome::run(&mut openssl, password.as_bytes()).succeeds();
    tools::fingerprint(&pem)
}

/// The bundle in an Apple profile.
#[track_caller]
fn in_profile(profile: &Path) -> Vec<u8> {
    let profile = Plist::from_file(profile).expect("it is a property list");
    let parts = profile
        .as_dictionary()
        .and_then(|all| all["PayloadContent"].as_array());
    let mut parts = parts
        .expect("it has parts")
        .iter()
        .filter_map(Plist::as_dictionary);
    let bundle = parts.find_map(|part| part.get("PayloadContent").and_then(Plist::as_data));
    bundle.expect("one is the bundle").to_owned()
}

#[test]
fn nobody_is_without_access_for_a_year_and_nobody_has_work() {
    let names = &[
        "alice/pixel",
        "alice/iphone",
        SCRIPT,
        "bob/laptop",
        "bob/yk",
    ];
    let mut days = Days::begin(Version::New, REST, names, &["yk"]);
    let mut browser = Browser::start(days.https_port());
    let mut devices = BY_HAND.map(|(name, language, takes)| Device {
        name,
        language,
        takes,
        shows: days.newest(name),
    });
    // The one with a timer of its own.
    let user = User::new();
    fs::create_dir_all(user.database()).expect("the home is empty");
    let script = days
        .house
        .lab
        .path()
        .join("out/people/alice/desk/install.sh");
    let password = days.house.lab.command(["password", SCRIPT]).run();
    days.script(&user, &script, &[], password.succeeds().stdout())
        .succeeds();
    days.tell_curl(&user);
    let put = days.script(&user, &script, &["--renew", "--timer"], "");
    put.succeeds();
    let kept = ".local/share/homelab/homelab-home.example.com-alice-desk/install.sh";
    let kept = user.home().join(kept);

    let mut desk = has(&user);
    let mut renewed_on = Vec::new();
    for day in 1..=365 {
        let renewed = days.dawns(day);
        if renewed.stdout().contains("issued ") {
            assert_eq!(renewed.stdout().matches("issued ").count(), names.len());
            renewed_on.push(day);
        } else {
            renewed.stdout_contains("nothing is due");
        }
        // Whoever runs it has nothing to do: no step says so, today or any day.
        let status = days.homelab(&["status", "--exit-code"]);
        status
            .succeeds()
            .stdout_lacks("homelab ")
            .stdout_lacks("install");
        let since = renewed_on.last().map(|last| day - last);
        for device in &mut devices {
            if since == Some(device.takes) {
                device.renews(&days, &mut browser);
            }
        }
        if day % 7 == 0 {
            days.script(&user, &kept, &["--renew"], "").succeeds();
            desk = has(&user);
        }
        // Whatever a browser takes of what is on a device is let in: each day while there are older and newer ones, and now and then between.
        if since.is_none_or(|since| since > 31) && day % 5 > 0 {
            continue;
        }
        let by_hand = devices.iter().map(|device| &device.shows);
        let lasting = desk.iter().filter(|fingerprint| days.lasts(fingerprint));
        let shown: Vec<&String> = lasting.chain(by_hand).collect();
        assert!(shown.len() >= names.len(), "day {day}");
        thread::scope(|scope| {
            for fingerprint in &shown {
                let days = &days;
                scope.spawn(move || {
                    assert_eq!(
                        days.wiki(fingerprint),
                        Some(200),
                        "{fingerprint} on day {day}"
                    );
                });
            }
        });
    }
    assert_eq!(renewed_on, [60, 120, 180, 240, 300, 360]);
    // It is the sixth that each has installed, but for those who take their time: the sixth came five days ago.
    for device in &devices {
        let has_newest = device.shows == days.newest(device.name);
        assert_eq!(has_newest, device.takes <= 5, "{}", device.name);
    }
}

/// What the browsers of a computer have.
#[track_caller]
fn has(user: &User) -> Vec<String> {
    let found = certificates(&user.database()).into_iter();
    found.map(|(_, fingerprint)| fingerprint).collect()
}
