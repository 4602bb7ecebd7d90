//! `--renew`, day by day, from 60 days before a certificate's end to after it: on each day whatever a computer has is let in.

use std::fs;
use std::path::PathBuf;

use crate::days::{Days, HOST};
use crate::support::caddy::Version;
use crate::support::files;
use crate::support::outcome::{self, Outcome};
use crate::user::{User, certificates};

const REST: &str = r#"
person "alice" {
    device "desk" platform="linux"
    device "laptop" platform="linux"
    device "yk" csr="csr/yk.csr"
}
service "wiki" { respond "wiki"; allow "alice"; }
"#;

/// The end of what is issued on day 0.
const END: u64 = 90;

/// A computer with two browsers, on which its owner has installed what was handed over.
struct Computer {
    user: User,
    device: &'static str,
    /// What was downloaded on day 0, and its password.
    script: PathBuf,
    password: String,
}

impl Computer {
    #[track_caller]
    fn new(days: &Days, device: &'static str) -> Self {
        let user = User::new();
        fs::create_dir_all(user.database()).expect("the home is empty");
        user.firefox_profile(".mozilla/firefox", "x.default");
        let downloads = user.home().join("Downloads");
        let handed = format!("out/people/{device}");
        files::copy(&days.house.lab.path().join(handed), &downloads);
        let password = days.house.lab.command(["password", device]).run();
        let computer = Self {
            script: downloads.join("install.sh"),
            password: password.succeeds().stdout().to_owned(),
            user,
            device,
        };
        computer.runs(days, &[]).succeeds();
        days.tell_curl(&computer.user);
        assert_eq!(computer.has(), [days.newest(device)]);
        computer
    }

    /// The script that was downloaded.
    fn runs(&self, days: &Days, words: &[&str]) -> Outcome {
        days.script(&self.user, &self.script, words, &self.password)
    }

    /// The fingerprints of what its browsers have.
    #[track_caller]
    fn has(&self) -> Vec<String> {
        let firefox = self.user.home().join(".mozilla/firefox/x.default");
        let [first, second] = [self.user.database(), firefox].map(|database| {
            let found = certificates(&database).into_iter();
            found
                .map(|(_, fingerprint)| fingerprint)
                .collect::<Vec<_>>()
        });
        assert_eq!(first, second);
        first
    }

    /// Whatever a browser takes of these.
    #[track_caller]
    fn is_let_in(&self, days: &Days) {
        let has = self.has();
        assert!(!has.is_empty());
        for fingerprint in has {
            let device = self.device;
            assert_eq!(
                days.wiki(&fingerprint),
                Some(200),
                "{device} on day {}",
                days.day
            );
        }
    }
}

fn nobody_is_locked_out(version: Version) {
    let devices = &["alice/desk", "alice/laptop", "alice/yk"];
    let mut days = Days::begin(version, REST, devices, &["yk"]);
    let desk = Computer::new(&days, "alice/desk");
    let laptop = Computer::new(&days, "alice/laptop");
    let never = Computer::new(&days, "alice/laptop");
    let mut own_key = days.newest("alice/yk");
    let first = desk.has();

    // From now on by the copy that the timer has, whatever becomes of the download.
    let put = desk.runs(&days, &["--renew", "--timer"]);
    put.succeeds()
        .stdout_contains("No new certificate waits for alice-desk.")
        .stdout_contains("looks for a new certificate each day. (");
    let unit = "homelab-home.example.com-alice-desk";
    let units = desk.user.home().join(".config/systemd/user");
    let kept = format!(".local/share/homelab/{unit}/install.sh");
    let kept = desk.user.home().join(kept);
    let [service, timer] = ["service", "timer"].map(|kind| units.join(format!("{unit}.{kind}")));
    let runs = format!("ExecStart=/bin/sh \"{}\" --renew\n", kept.display());
    assert!(
        fs::read_to_string(&service)
            .expect("it is there")
            .contains(&runs)
    );
    let mut verify = desk.user.command("systemd-analyze");
    verify
        .env("XDG_RUNTIME_DIR", desk.user.home())
        .args(["verify", "--user"])
        .args([&service, &timer]);
    let verified = outcome::run(&mut verify, b"");
    verified.succeeds().stderr_is("").stdout_is("");
    let wanted = units.join(format!("timers.target.wants/{unit}.timer"));
    assert!(wanted.exists());

    for day in END - 60..END + 6 {
        let renewed = days.dawns(day);
        if day == END - 30 {
            renewed.stdout_contains("built out/people/alice/desk/alice-desk.p12");
        } else if day == END {
            renewed.stdout_contains("nothing is kept at https://home.example.com/renew any more");
        } else {
            renewed.stdout_lacks("built out/");
        }
        // The one is on every fifth day, the other on the last before it would be too late.
        if day % 5 == 0 {
            days.script(&desk.user, &kept, &["--renew"], "").succeeds();
        }
        if day == END - 1 {
            let installed = laptop.runs(&days, &["--renew"]);
            installed.succeeds();
            assert_eq!(installed.stdout().matches("): installed\n").count(), 2);
        }
        if day == END {
            let ended = laptop.runs(&days, &["--renew"]);
            ended.succeeds();
            assert_eq!(
                ended
                    .stdout()
                    .matches("one that is no longer let in was removed")
                    .count(),
                2
            );
        }
        // What made its own key shows it, and is handed the certificate alone.
        let page = days.shown(&own_key, HOST, "/renew").run();
        if page.text().contains("/renew/alice-yk.crt") {
            page.has_status(200).lacks("<div class=\"password\">\n<h2>");
            let file = days.shown(&own_key, HOST, "/renew/alice-yk.crt").run();
            own_key = days.newest("alice/yk");
            assert_eq!(
                file.has_status(200).body,
                fs::read(days.file("alice/yk", "crt")).expect("built")
            );
        }
        assert_eq!(days.wiki(&own_key), Some(200), "day {day}");
        desk.is_let_in(&days);
        laptop.is_let_in(&days);
    }
    assert_eq!(desk.has(), [days.newest("alice/desk")]);
    assert_eq!(own_key, days.newest("alice/yk"));
    assert_ne!(desk.has(), first);

    // The Caddy goes by that clock, or all of this proves nothing: who did nothing in 90 days stays outside, and is told.
    for fingerprint in first.iter().chain(&never.has()) {
        assert_eq!(days.wiki(fingerprint), None);
    }
    let told = never.runs(&days, &["--renew"]);
    told.fails_with(1)
        .stderr_contains("The certificate of alice-laptop has expired")
        .stderr_contains("Ask for a new install.sh");
    // The download of the first day installs nothing over what is newer.
    let has = laptop.has();
    let again = laptop.runs(&days, &[]);
    again.succeeds().stdout_contains("a newer one is there");
    assert_eq!(laptop.has(), has);

    desk.runs(&days, &["--renew", "--no-timer"])
        .succeeds()
        .stdout_is("This computer no longer looks for a new certificate each day.\n");
    for path in [service, timer, wanted, kept] {
        assert!(!path.exists() && !path.is_symlink(), "{}", path.display());
    }
}

#[test]
fn nobody_is_locked_out_on_the_old_caddy() {
    nobody_is_locked_out(Version::Old);
}

#[test]
fn nobody_is_locked_out_on_the_new_caddy() {
    nobody_is_locked_out(Version::New);
}
