//! The script for Linux, run: what it leaves in the databases of browsers.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;

use homelab::internals::InstallerContext;
use homelab::internals::Templates;

use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::files::{changed, snapshot};
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::terminal::{PYTHON, TYPIST};
use crate::user::{Handed, User, certificates, certutil};

/// Somebody whose name and service would like to be run.
fn declaration(domain: &str) -> String {
    format!(
        r#"
        domain "{domain}"
        person "alice" {{
            name "Alice \"$(touch pwned)\" `touch pwned` O'Brien; touch pwned <b>"
            device "desk" platform="linux"
            device "desk-2" platform="linux"
        }}
        service "closed" {{
            upstream "http://127.0.0.1:9"
            allow "alice"
            title "'; touch pwned; \"$(touch pwned)`touch pwned`"
        }}
        "#
    )
}

/// A device's folder as it is now, and the fingerprint of its certificate.
#[track_caller]
fn handed(house: &House, device: &str) -> (Handed, String) {
    let bundle = house.bundle("alice", device);
    let fingerprint = bundle.fingerprint(&house.lab.home()).to_uppercase();
    let folder = house.lab.path().join(format!("out/people/alice/{device}"));
    let handed = Handed {
        folder,
        password: bundle.password,
    };
    (handed, fingerprint)
}

#[test]
fn every_database_has_exactly_the_newest_certificate_however_often_it_is_run() {
    let house = House::new(&declaration("home.example.com"));
    let user = User::new();
    let databases = [
        user.home().join(".pki/nssdb"),
        user.home().join(".local/share/pki/nssdb"),
        user.home().join("snap/chromium/current/.pki/nssdb"),
        user.firefox_profile(".mozilla/firefox", "x.default"),
        user.firefox_profile(".mozilla/firefox", "a profile's name"),
        user.firefox_profile(".config/mozilla/firefox", "y.default"),
        user.firefox_profile("snap/firefox/common/.mozilla/firefox", "z.default"),
    ];
    for database in &databases {
        fs::create_dir_all(database).expect("the home can be written to");
    }
    let (first, fingerprint) = handed(&house, "desk");
    let expected = |fingerprint: &str| [("alice-desk".to_owned(), fingerprint.to_owned())];
    let installed = user.install(&first, &[]);
    assert_eq!(
        installed
            .succeeds()
            .stdout()
            .matches("): installed\n")
            .count(),
        7,
        "{installed}"
    );
    for database in &databases {
        assert_eq!(certificates(database), expected(&fingerprint));
    }
    let again = user.install(&first, &[]);
    assert_eq!(
        again
            .succeeds()
            .stdout()
            .matches("): already there\n")
            .count(),
        7,
        "{again}"
    );
    for database in &databases {
        assert_eq!(certificates(database), expected(&fingerprint));
    }

    house.lab.command(["renew", "alice/desk"]).run().succeeds();
    let (renewed, newer) = handed(&house, "desk");
    assert_ne!(fingerprint, newer);
    let replaced = user.install(&renewed, &[]);
    assert_eq!(
        replaced
            .succeeds()
            .stdout()
            .matches(": an older one was removed\n")
            .count(),
        7,
        "{replaced}"
    );
    for database in &databases {
        assert_eq!(certificates(database), expected(&newer));
        // Not even the older one's key is left.
        let keys = certutil(database, &["-K"]);
        assert_eq!(keys.succeeds().stdout().matches("< ").count(), 1, "{keys}");
    }
    // What was never asked for was not done.
    assert!(!databases[3].join("user.js").exists());
    assert!(!house.lab.path().join("pwned").exists() && !user.home().join("pwned").exists());
}

#[test]
fn firefox_s_preference_is_written_once_beside_what_is_there() {
    let house = House::new(&declaration("home.example.com"));
    let user = User::new();
    let profile = user.firefox_profile(".mozilla/firefox", "x.default");
    let file = profile.join("user.js");
    fs::write(&file, "// user_pref(\"mine\", 1);").expect("the home can be written to");
    let (handed, _) = handed(&house, "desk");
    for _ in 0..2 {
        user.install(&handed, &["--firefox"]).succeeds();
    }
    let line = "user_pref(\"security.default_personal_cert\", \"Select Automatically\");\n";
    let text = fs::read_to_string(&file).expect("it is there");
    assert_eq!(text, format!("// user_pref(\"mine\", 1);\n{line}"));
    // The same line as in the file that can be put there by hand.
    let by_hand = fs::read_to_string(handed.folder.join("user.js")).expect("it was built");
    assert!(by_hand.ends_with(&format!("\n{line}")), "{by_hand}");
}

/// Another device's, another homelab's certificate, the first of which has a name that begins alike and the second the same name.
#[test]
fn certificates_of_others_stay() {
    let (ours, theirs) = (
        House::new(&declaration("home.example.com")),
        House::new(&declaration("home.example.community")),
    );
    let user = User::new();
    fs::create_dir_all(user.database()).expect("the home is empty");
    let mut expected = Vec::new();
    for (house, device) in [(&theirs, "desk"), (&ours, "desk-2"), (&ours, "desk")] {
        let (handed, fingerprint) = handed(house, device);
        user.install(&handed, &[]).succeeds();
        expected.push(fingerprint);
    }
    ours.lab.command(["renew", "alice/desk"]).run().succeeds();
    let (renewed, newer) = handed(&ours, "desk");
    expected[2] = newer;
    for _ in 0..2 {
        user.install(&renewed, &[]).succeeds();
    }
    let found = certificates(&user.database());
    let mut found: Vec<String> = found
        .into_iter()
        .map(|(_, fingerprint)| fingerprint)
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_wrong_password_and_missing_files_change_nothing_and_say_so() {
    let house = House::new(&declaration("home.example.com"));
    let user = User::new();
    let profile = user.firefox_profile(".mozilla/firefox", "x.default");
    fs::create_dir_all(user.database()).expect("the home is empty");
    let (right, _) = handed(&house, "desk");
    user.install(&right, &[]).succeeds();
    house.lab.command(["renew", "alice/desk"]).run().succeeds();
    let (renewed, _) = handed(&house, "desk");
    let before = snapshot(user.home());
    let unchanged = || assert_eq!(changed(&before, &snapshot(user.home())), [""; 0]);

    for (password, says) in [
        // The older one's, as whoever mixes up two letters types it.
        (
            &*right.password,
            "The password of alice-desk.p12 is another one. Nothing was changed.",
        ),
        (
            "$(touch pwned)",
            "The password of alice-desk.p12 is another one. Nothing was changed.",
        ),
        (
            "-n",
            "The password of alice-desk.p12 is another one. Nothing was changed.",
        ),
        ("", "No password was given. Nothing was changed."),
    ] {
        let mistaken = Handed {
            folder: renewed.folder.clone(),
            password: password.to_owned(),
        };
        let refused = user.install(&mistaken, &["--firefox"]);
        refused
            .fails_with(1)
            .stdout_is("")
            .stderr_is(&format!("install.sh: {says}\n"));
        unchanged();
    }
    let help = user.install(&renewed, &["--help"]);
    help.succeeds()
        .stdout_contains("sh install.sh --policy")
        .stdout_lacks("set -eu");
    unchanged();
    for arguments in [&["--polic"][..], &["--renew"]] {
        let refused = user.install(&renewed, arguments);
        refused
            .fails_with(2)
            .stdout_is("")
            .stderr_contains("sh install.sh --policy");
        unchanged();
    }
    let alone = house.lab.home().join("alone");
    fs::create_dir_all(&alone).expect("the home can be written to");
    fs::copy(renewed.folder.join("install.sh"), alone.join("install.sh")).expect("it is there");
    let moved = Handed {
        folder: alone.clone(),
        password: renewed.password.clone(),
    };
    let refused = user.install(&moved, &[]);
    refused
        .fails_with(1)
        .stderr_contains("no alice-desk.p12 beside this script");
    fs::write(alone.join("alice-desk.p12"), "damaged").expect("the home can be written to");
    let refused = user.install(&moved, &[]);
    refused
        .fails_with(1)
        .stderr_contains("alice-desk.p12 cannot be read. Nothing was changed.");
    unchanged();
    drop(profile);
}

/// Without the programs that it needs, and without a browser.
#[test]
fn what_is_missing_is_named() {
    let house = House::new(&declaration("home.example.com"));
    let user = User::new();
    let (handed, _) = handed(&house, "desk");
    let programs = user.home().join("programs");
    fs::create_dir(&programs).expect("the home is empty");
    let provide = |name: &str| symlink(tools::tool(name), programs.join(name)).expect("it is new");
    ["sh", "dirname", "sed", "cat"]
        .into_iter()
        .for_each(provide);
    let run = || {
        let mut command = user.command("sh");
        command
            .env("PATH", &programs)
            .arg(handed.folder.join("install.sh"));
        outcome::run(&mut command, format!("{}\n", handed.password).as_bytes())
    };
    run()
        .fails_with(1)
        .stderr_contains("This program is missing: certutil")
        .stderr_contains("libnss3-tools");
    ["certutil", "pk12util"].into_iter().for_each(provide);
    run().fails_with(1).stderr_contains("No browser was found.");
    assert!(!user.home().join(".pki").exists());
}

/// At a terminal the password is not shown; a profile's own primary password is asked for by NSS.
#[test]
fn the_password_is_typed_unseen_and_stands_on_no_command_line() {
    let house = House::new(&declaration("home.example.com"));
    let user = User::new();
    let profile = user.firefox_profile(".mozilla/firefox", "x.default");
    let primary = user.home().join("primary");
    fs::write(&primary, "primary-password\n").expect("the home can be written to");
    let primary = primary.to_str().expect("temporary paths are UTF-8");
    certutil(&profile, &["-N", "-f", primary]).succeeds();
    fs::remove_file(primary).expect("it has just been written");

    let (handed, fingerprint) = handed(&house, "desk");
    let trace = house.lab.home().join("trace");
    let mut command = user.command("strace");
    command
        .args(["-f", "-s", "10000", "-v", "-e", "trace=execve", "-o"])
        .arg(&trace)
        .args([PYTHON, "-c", TYPIST, "sh"])
        .arg(handed.folder.join("install.sh"));
    let typed = format!("{}\nprimary-password\n", handed.password);
    let run = outcome::run(&mut command, typed.as_bytes());
    run.succeeds()
        .stdout_contains("Password of alice-desk.p12: \n")
        .stdout_lacks(&handed.password);
    assert_eq!(
        certificates(&profile),
        [("alice-desk".to_owned(), fingerprint)]
    );

    let executed = fs::read_to_string(&trace).expect("strace has written it");
    assert!(executed.contains("pk12util"), "{executed}");
    assert!(!executed.contains(&handed.password) && !executed.contains("primary-password"));
    for (path, entry) in snapshot(user.home()) {
        if let crate::support::files::Kind::File(bytes) = entry.kind {
            let password = handed.password.as_bytes();
            assert!(
                !bytes
                    .windows(password.len())
                    .any(|window| window == password),
                "{path}"
            );
        }
    }
}

/// The rendered script, and one whose every value would like to be run: a template of a user's own may hand on anything.
#[test]
fn shellcheck_finds_nothing_and_values_stay_words() {
    let house = House::new(&declaration("home.example.com"));
    let hostile = "'; touch pwned; \"$(touch pwned)\" `touch pwned` \\ ${HOME} # * ~ -n O'Brien";
    let context = InstallerContext {
        fetched: None,
        domain: hostile.to_owned(),
        common_name: hostile.to_owned(),
        bundle: hostile.to_owned(),
        fingerprint: hostile.to_owned(),
        fingerprint_hex: hostile.to_owned(),
        issued: "20270503120000".to_owned(),
        hosts: [hostile.into()].into(),
        policy: Some(hostile.into()),
        values: [].into(),
    };
    let templates = Templates::new(BTreeMap::new()).expect("there is no override");
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    for template in ["install/linux.sh.j2", "install/macos.sh.j2"] {
        let script = templates
            .render(template, &context)
            .expect("it can be said")
            .text;
        let file = place.path().join("hostile.sh");
        fs::write(&file, &script).expect("a temporary directory can be written to");
        // What stands in single quotes is meant to stay as it is.
        let file_name = file.to_str().expect("temporary paths are UTF-8");
        tools::run("shellcheck", ["--exclude=SC2016", file_name]).succeeds();
        let without_main = script.strip_suffix("main \"$@\"\n").expect("it ends so");
        let says = "printf '%s\\n' \"$domain\" \"$name\" \"$bundle\" \"$fingerprint\"\n";
        fs::write(&file, format!("{without_main}{says}")).expect("as above");
        let mut shell = tools::command("sh");
        shell
            .current_dir(place.path())
            .arg(&file)
            .env("HOME", place.path());
        let said = outcome::run(&mut shell, b"");
        said.succeeds().stdout_is(&format!("{hostile}\n").repeat(4));
        assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 1);
    }
    tools::run(
        "shellcheck",
        [house.lab.path().join("out/people/alice/desk/install.sh")],
    )
    .succeeds();
}

/// `--renew` shows what the browsers have, takes what waits, and leaves what is there.
#[test]
fn a_browser_s_certificate_fetches_the_newer_one() {
    let house = House::unbuilt("");
    house.build_renewing(
        r#"person "alice" { device "desk" platform="linux"; device "pixel" platform="android"; }"#,
    );
    let user = User::new();
    let databases = [
        user.home().join(".pki/nssdb"),
        user.firefox_profile(".mozilla/firefox", "x.default"),
    ];
    for database in &databases {
        fs::create_dir_all(database).expect("the home can be written to");
    }
    let (first, older) = handed(&house, "desk");
    user.install(&first, &[]).succeeds();
    let script = first.folder.join("install.sh");
    tools::run("shellcheck", [script]).succeeds();
    let serve = || {
        let caddy = house.serve(Version::New);
        user.tell_curl(caddy.https_port(), &caddy.root_certificate());
        caddy
    };
    let has = |fingerprints: &[&String]| {
        for database in &databases {
            let mut found: Vec<String> = certificates(database)
                .into_iter()
                .map(|(_, is)| is)
                .collect();
            let mut expected: Vec<String> = fingerprints.iter().map(|is| (*is).clone()).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        }
    };
    let caddy = serve();
    let nothing = user.install(&first, &["--renew"]);
    nothing
        .succeeds()
        .stdout_contains("No new certificate waits for alice-desk.");
    has(&[&older]);
    drop(caddy);

    house.lab.command(["renew", "alice/desk"]).run().succeeds();
    // What is on the computer is the script of the first time.
    let (_, newer) = handed(&house, "desk");
    let caddy = serve();
    let renewed = user.install(&first, &["--renew"]);
    assert_eq!(
        renewed
            .succeeds()
            .stdout()
            .matches("): installed\n")
            .count(),
        2,
        "{renewed}"
    );
    has(&[&older, &newer]);
    // By now it is the newer one that is shown, for which nothing waits.
    let again = user.install(&first, &["--renew"]);
    again
        .succeeds()
        .stdout_contains("No new certificate waits for alice-desk.");
    has(&[&older, &newer]);

    // When the older one is shut out before its end, no browser is to take it.
    drop(caddy);
    let finish = house.lab.command(["renew", "--finish", "alice/desk"]).run();
    finish.succeeds();
    let caddy = serve();
    let shut = user.install(&first, &["--renew"]);
    assert_eq!(
        shut.succeeds()
            .stdout()
            .matches("): one that is no longer let in was removed\n")
            .count(),
        2,
        "{shut}"
    );
    has(&[&newer]);
    drop(caddy);

    // Of another authority nothing is taken, whoever hands it out.
    house.lab.command(["renew", "alice/desk"]).run().succeeds();
    let other = House::new(&declaration("home.example.com"));
    let other = other.lab.read("out/edge/ca.pem");
    let other: String = other
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let path = "out/people/alice/desk/install.sh";
    let script = house.lab.read(path);
    let (before, behind) = script.split_once("authorities='").expect("it has them");
    let (_, behind) = behind.split_once('\'').expect("they end");
    house
        .lab
        .write(path, format!("{before}authorities='{other}'{behind}"));
    let _caddy = serve();
    let refused = user.install(&first, &["--renew"]);
    refused
        .fails_with(1)
        .stderr_contains("is not signed by an authority that this script knows");
    has(&[&newer]);
}

/// A user with an older certificate, the script that it came with, and a Caddy that hands out a newer one.
struct Renewing {
    user: User,
    script: PathBuf,
    older: String,
    newer: String,
    /// The newer one, as a file.
    handed: Handed,
    _house: House,
    _caddy: Caddy,
}

impl Renewing {
    fn new() -> Renewing {
        let house = House::unbuilt("");
        house.build_renewing(r#"person "alice" { device "desk" platform="linux"; }"#);
        let user = User::new();
        fs::create_dir_all(user.database()).expect("the home is empty");
        let (first, older) = handed(&house, "desk");
        user.install(&first, &[]).succeeds();
        house.lab.command(["renew", "alice/desk"]).run().succeeds();
        let (handed, newer) = handed(&house, "desk");
        let caddy = house.serve(Version::New);
        user.tell_curl(caddy.https_port(), &caddy.root_certificate());
        Renewing {
            user,
            script: first.folder.join("install.sh"),
            older,
            newer,
            handed,
            _house: house,
            _caddy: caddy,
        }
    }

    /// Renews by the script, run by another command.
    #[track_caller]
    fn through(&self, command: &str, arguments: &[&str]) -> Outcome {
        let mut command = self.user.command(command);
        command
            .args(arguments)
            .arg("sh")
            .arg(&self.script)
            .arg("--renew");
        outcome::run(&mut command, b"")
    }

    fn has(&self) -> Vec<String> {
        let found = certificates(&self.user.database()).into_iter();
        found.map(|(_, fingerprint)| fingerprint).collect()
    }

    #[track_caller]
    fn has_both(&self) {
        let mut expected = [self.older.clone(), self.newer.clone()];
        let mut found = self.has();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}

/// Killed at any moment, and run twice at once: what is there stays, and the next run completes it.
#[test]
fn a_renewal_that_is_killed_loses_nothing() {
    let renewing = Renewing::new();
    let mut killed = 0;
    for after in 1..30 {
        let after = format!("{:.1}", f64::from(after) * 0.3);
        let ended = renewing.through("timeout", &["-s", "KILL", &after]);
        assert!(renewing.has().contains(&renewing.older), "{ended}");
        if ended.status.success() {
            break;
        }
        killed += 1;
    }
    assert!(killed > 1, "{killed}");
    let again: Vec<_> = (0..2)
        .map(|_| {
            let mut command = renewing.user.command("sh");
            command
                .arg(&renewing.script)
                .arg("--renew")
                .stdout(Stdio::null());
            command.spawn().expect("sh starts")
        })
        .collect();
    for mut run in again {
        assert!(run.wait().expect("it ends").success());
    }
    renewing.has_both();
}

/// Killed where NSS has written all and only not taken away what it would take it back by: nobody can read such a database who does not open it
/// to write, and the next run does.
#[test]
fn a_database_that_was_left_half_written_is_completed() {
    let renewing = Renewing::new();
    let database = renewing.user.database();
    let mut command = renewing.user.command("strace");
    command
        .args(["-qq", "-o", "/dev/null", "-e", "trace=unlink"])
        .args(["-e", "inject=unlink:signal=KILL:when=2", "pk12util", "-i"])
        .arg(renewing.handed.folder.join("alice-desk.p12"))
        .args(["-W", &renewing.handed.password, "-d"])
        .arg(format!("sql:{}", database.display()));
    let killed = outcome::run(&mut command, b"");
    assert!(!killed.status.success(), "{killed}");
    certutil(&database, &["-L"])
        .fails_with(255)
        .stderr_contains("SEC_ERROR_BAD_DATABASE");
    renewing.through("env", &[]).succeeds();
    certutil(&database, &["-L"]).succeeds();
    renewing.has_both();
}
