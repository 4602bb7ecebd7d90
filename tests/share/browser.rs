//! A real browser.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::sharing::{DECLARATION, Sharing};
use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;

const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Runs Chromium to its end, in a profile of its own.
#[track_caller]
fn chromium(arguments: &[&str]) -> Outcome {
    let profile = TempDir::new().expect("a temporary directory");
    let mut command = tools::command("chromium");
    command
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .env("HOME", profile.path());
    outcome::run(&mut command, b"")
}

/// What a page looks like.
#[track_caller]
pub fn screenshot(url: &str, to: &Path, (width, height): (u16, u16), dark: bool) {
    let (to_option, size) = (
        format!("--screenshot={}", to.display()),
        format!("--window-size={width},{height}"),
    );
    let mut arguments = vec![to_option.as_str(), &size, "--hide-scrollbars"];
    arguments.extend(dark.then_some("--force-dark-mode"));
    arguments.push(url);
    let _ = fs::remove_file(to);
    chromium(&arguments).succeeds();
    assert!(to.metadata().is_ok_and(|picture| picture.len() > 1000));
}

#[test]
fn chromium_shows_the_page_and_asks_for_nothing_else() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let shown = chromium(&["--dump-dom", "--enable-logging=stderr", &sharing.url]);
    shown
        .succeeds()
        .stdout_contains(&format!("href=\"{}\"", sharing.bundle()))
        .stdout_contains("Get the file")
        // What the policy forbids is told on the console.
        .stderr_lacks("Content Security Policy");
    for (name, dark) in [("light", false), ("dark", true)] {
        let to = lab.path().join(format!("{name}.png"));
        screenshot(&sharing.url, &to, (390, 1900), dark);
        // To be looked at: a directory for them.
        if let Some(kept) = std::env::var_os("HOMELAB_KEEP_PICTURES") {
            fs::copy(&to, Path::new(&kept).join(format!("share-{name}.png")))
                .expect("it can be kept");
        }
    }
    let stderr = sharing.stderr();
    assert!(
        stderr.contains("the page was opened by 127.0.0.1"),
        "{stderr}"
    );
    assert!(!stderr.contains("what is not here"), "{stderr}");
    assert!(!stderr.contains("fetched by"), "{stderr}");
}

#[test]
fn chromium_downloads_the_file() {
    let lab = Lab::built(DECLARATION);
    let sharing = Sharing::start(&lab);
    let (profile, downloads) = (lab.home().join("profile"), lab.home().join("downloads"));
    fs::create_dir_all(profile.join("Default")).expect("a new directory");
    fs::create_dir(&downloads).expect("a new directory");
    let preferences = format!(
        r#"{{"download": {{"default_directory": "{}", "prompt_for_download": false}}}}"#,
        downloads.display()
    );
    fs::write(profile.join("Default/Preferences"), preferences).expect("it can be written");
    let bundle = format!("{}alice-pixel.p12", sharing.url);
    let mut browser = tools::command("chromium")
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(&bundle)
        .env("HOME", lab.home())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Chromium starts");
    let downloaded = downloads.join("alice-pixel.p12");
    let until = Instant::now() + Duration::from_secs(60);
    // Chromium makes it empty, to have its name, and then moves the file there.
    let is_there = || fs::metadata(&downloaded).is_ok_and(|file| file.len() > 0);
    while !is_there() && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    let bytes = fs::read(&downloaded);
    // Its children go with it.
    let pid = rustix::process::Pid::from_child(&browser);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    let _ = browser.wait();
    assert_eq!(
        bytes.expect("it was downloaded"),
        lab.read_bytes("out/people/alice/pixel/alice-pixel.p12")
    );
    sharing.waits_for("alice-pixel.p12 fetched by 127.0.0.1\n");
}
