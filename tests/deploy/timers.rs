//! The units below packaging/systemd/: systemd finds nothing wrong with them, and what they run does what they say, in a home with a
//! clone of a homelab.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::host::{Host, gets_in, lab};
use crate::support::caddy::Version;
use crate::support::lab::Lab;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::support::upstream::Upstream;

const HOMELAB: &str = env!("CARGO_BIN_EXE_homelab");
const FILES: [&str; 6] = [
    "homelab-check.service",
    "homelab-check.timer",
    "homelab-due.service",
    "homelab-failed@.service",
    "homelab-renew.service",
    "homelab-renew.timer",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a unit says, with its specifiers filled in.
struct Unit {
    settings: Vec<(String, String)>,
}

impl Unit {
    #[track_caller]
    fn read(name: &str, home: &Path, instance: &str) -> Unit {
        let text = fs::read_to_string(root().join("packaging/systemd").join(name));
        let text = text.expect("the unit is there");
        let lines = text.lines().filter(|line| !line.starts_with(['#', '[']));
        let settings = lines.filter_map(|line| line.split_once('='));
        let settings = settings.map(|(key, value)| {
            let value = value
                .replace("%h", home.to_str().expect("a test's paths are UTF-8"))
                .replace("%H", "host")
                .replace("%i", instance)
                .replace("%n", name);
            assert!(!value.contains('%'), "{key}={value}");
            (key.to_owned(), value)
        });
        Unit {
            settings: settings.collect(),
        }
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let settings = self.settings.iter();
        settings
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// A command of it as systemd would run it. Its quotes are a shell's, and `$$` is one `$`.
    fn run(&self, line: &str, home: &Path) -> Outcome {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &line.replace("$$", "$")])
            .env_clear()
            .env("HOME", home)
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let paths = self
            .all("ExecSearchPath")
            .chain(["/usr/local/bin:/usr/bin:/bin"]);
        if let Some(path) = paths.take(1).next() {
            command.env("PATH", path);
        }
        for variable in self.all("Environment").flat_map(|value| value.split(' ')) {
            let (name, value) = variable.split_once('=').expect("NAME=VALUE");
            command.env(name, value);
        }
        if let Some(directory) = self.all("WorkingDirectory").next() {
            command.current_dir(directory);
        }
        outcome::run(&mut command, b"")
    }

    /// Runs it as systemd does: a condition first, then one command after the other until one fails.
    fn start(&self, home: &Path) -> Ended {
        for line in self.all("ExecCondition") {
            let outcome = self.run(line, home);
            match outcome.status.code() {
                Some(0) => {}
                Some(1..=254) => return Ended::Skipped,
                _ => return Ended::Failed(outcome),
            }
        }
        for line in self.all("ExecStart") {
            let outcome = self.run(line, home);
            if !outcome.status.success() {
                return Ended::Failed(outcome);
            }
        }
        Ended::Well
    }
}

#[derive(Debug)]
enum Ended {
    Well,
    Skipped,
    Failed(Outcome),
}

impl Ended {
    #[track_caller]
    fn well(&self) {
        assert!(matches!(self, Ended::Well), "{self:?}");
    }

    #[track_caller]
    fn failed(&self) -> &Outcome {
        match self {
            Ended::Failed(outcome) => outcome,
            Ended::Well | Ended::Skipped => panic!("should have failed, but {self:?}"),
        }
    }
}

/// Puts the lab where the units look for it: ~/homelab, and `homelab` and the host's `caddy` below ~/.local/bin.
fn settle_in(lab: &Lab, host: &Host) {
    let bin = lab.home().join(".local/bin");
    fs::create_dir_all(&bin).expect("it is ours");
    symlink(lab.path(), lab.home().join("homelab")).expect("it is new");
    symlink(host.path("bin/caddy"), bin.join("caddy")).expect("it is new");
    // The ports of a test, which a declaration's hosts would not lead to.
    let (https, http) = (host.ports.https.number(), host.ports.http.number());
    let wrapper = format!(
        "#!/bin/sh\ncase $1 in verify) set -- \"$@\" --port {https} --http-port {http} --admin-port {} --resolve '*:{https}:127.0.0.1' --ca {} ;; esac\nexec {HOMELAB} \"$@\"\n",
        host.ports.admin.number(),
        host.root().display()
    );
    executable(&bin.join("homelab"), &wrapper);
}

pub fn executable(path: &Path, text: &str) {
    fs::write(path, text).expect("it is ours");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// A homelab whose certificates last a day, that was built so many hours ago and is committed; and its host.
fn built(hours_ago: i64) -> (Host, Lab, Upstream) {
    let upstream = Upstream::start("wiki");
    let mut host = Host::new(Version::New);
    host.start_before();
    let word = host.word_at("verify=#false");
    let declared = lab(&host, &word, &upstream).read("homelab.kdl");
    let lab = Lab::new().declare(&format!(
        "{declared}validity {{ device \"1d\"; renew \"12h\"; }}\n"
    ));
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.expect("it is past 1970").as_secs()).expect("for long");
    let build = lab.command(["build"]).at(now - hours_ago * 3_600);
    build.run().succeeds();
    settle_in(&lab, &host);
    lab.git(&["init", "--quiet"]).succeeds();
    commit(&lab);
    (host, lab, upstream)
}

fn commit(lab: &Lab) {
    lab.git(&["add", "--all"]).succeeds();
    lab.git(&["commit", "--quiet", "--message", "By hand"])
        .succeeds();
}

fn commits(lab: &Lab) -> Vec<String> {
    let log = lab.git(&["log", "--format=%an: %s"]);
    let log = log.succeeds().stdout().lines().map(str::to_owned);
    log.collect()
}

fn is_committed(lab: &Lab) -> bool {
    lab.git(&["status", "--porcelain"]).stdout().is_empty()
}

#[test]
fn what_is_due_is_renewed_committed_and_deployed() {
    let (mut host, lab, _upstream) = built(20);
    let home = lab.home();
    let renew = Unit::read("homelab-renew.service", &home, "");
    let before = lab.let_in();
    renew.start(&home).well();
    assert!(lab.let_in().len() > before.len(), "the older ones as well");
    let renewed = ["homelab: Renew what was due", "test: By hand"];
    assert_eq!(commits(&lab), renewed);
    assert!(is_committed(&lab));
    let release = host.current().expect("a release is served");
    assert!(gets_in(&host, &lab, "alice/pixel"));

    // The next night nothing is due.
    renew.start(&home).well();
    assert_eq!(commits(&lab), renewed);
    assert_eq!(host.current(), Some(release));

    // A host that cannot be reached loses nothing: what was issued is committed, and deployed the next time.
    lab.edit("device \"laptop\"", "device \"tablet\"");
    commit(&lab);
    host.stop();
    renew.start(&home).failed().stderr_contains("deploy::");
    assert_eq!(commits(&lab)[0], renewed[0]);
    assert!(is_committed(&lab));
    host.start();
    renew.start(&home).well();
    assert!(gets_in(&host, &lab, "alice/tablet"));
}

#[test]
fn what_somebody_is_writing_is_not_deployed() {
    let (host, lab, _upstream) = built(20);
    let home = lab.home();
    let renew = Unit::read("homelab-renew.service", &home, "");
    lab.edit("allow \"alice\"", "allow \"alice\" \"bob\"");
    let before = lab.snapshot();
    assert!(matches!(renew.start(&home), Ended::Skipped));
    assert!(before == lab.snapshot());
    assert_eq!(host.current(), None);

    // A lock that a run before could not commit is no reason to wait.
    lab.git(&["checkout", "--quiet", "homelab.kdl"]).succeeds();
    lab.command(["renew", "--due"]).run().succeeds();
    assert!(!is_committed(&lab));
    renew.start(&home).well();
    assert!(is_committed(&lab));
    assert!(gets_in(&host, &lab, "alice/pixel"));

    // Where there is no git, nothing is skipped in silence.
    fs::rename(lab.path().join(".git"), lab.home().join("git")).expect("it is there");
    renew.start(&home).failed();
}

#[test]
fn the_check_tells_of_both_what_is_to_be_done_and_what_answers_otherwise() {
    let (mut host, lab, _upstream) = built(20);
    let home = lab.home();
    let renew = Unit::read("homelab-renew.service", &home, "");
    renew.run("homelab deploy", &home).succeeds();
    assert!(gets_in(&host, &lab, "alice/pixel"), "its site is ready");
    let notify = home.join(".config/homelab/notify");
    let takes = "#!/bin/sh\n{ echo \"$HOMELAB_SUMMARY\"; cat; } >~/told\n";
    executable(&notify, takes);
    let told = || {
        let told = fs::read_to_string(home.join("told")).unwrap_or_default();
        let _ = fs::remove_file(home.join("told"));
        told
    };
    let check = Unit::read("homelab-check.service", &home, "");
    let wanted: Vec<&str> = check.all("Wants").collect();
    assert_eq!(wanted, ["homelab-due.service"]);
    let due = Unit::read(wanted[0], &home, "");
    // What sends mail may be a program that runs as another group.
    for bound in ["NoNewPrivileges", "RestrictSUIDSGID", "SystemCallFilter"] {
        assert_eq!(due.all(bound).count(), 0, "{bound}");
        assert_eq!(check.all(bound).count(), 1, "{bound}");
    }

    check.start(&home).well();
    due.start(&home).well();
    let to_do = told();
    assert!(to_do.starts_with("devices: 3 due\n"), "{to_do}");
    assert!(to_do.contains("homelab renew alice/pixel"), "{to_do}");
    renew.start(&home).well();
    due.start(&home).well();
    assert_eq!(told(), "", "there is nothing to do");

    lab.edit("device \"laptop\"", "device \"tablet\"");
    check.start(&home).failed().fails_with(4);
    due.start(&home).well();
    let to_do = told();
    assert!(to_do.contains("homelab build issues it"), "{to_do}");
    // Who cannot be told is no reason for silence: another unit is started by that.
    executable(&notify, "#!/bin/sh\nexit 1\n");
    let untold = due.start(&home);
    untold
        .failed()
        .fails_with(3)
        .stderr_contains("status::on-due");
    lab.edit("device \"tablet\"", "device \"laptop\"");
    check.start(&home).well();
    host.stop();
    check.start(&home).failed().fails_with(3);
}

/// The scripts of docs/timers.md for ~/.config/homelab/notify, by the line of the unit.
#[test]
fn who_fails_is_told_by_the_user_s_own_command() {
    let page = fs::read_to_string(root().join("docs/timers.md")).expect("it is there");
    let blocks = page.split("```sh\n#!/bin/sh\n").skip(1);
    let scripts = blocks.map(|rest| rest.split("```").next().expect("it ends"));
    let scripts: Vec<&str> = scripts.collect();
    assert_eq!(scripts.len(), 3);
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let config = home.path().join(".config/homelab");
    fs::create_dir_all(&config).expect("it is ours");
    fs::write(config.join("gotify-header"), "X-Gotify-Key: A-secret\n").expect("it is ours");
    let unit = Unit::read(
        "homelab-failed@.service",
        home.path(),
        "homelab-check.service",
    );
    let mut told = 0;
    for script in scripts {
        let path = config.join("notify");
        let Some((before, url)) = script.split_once("https://") else {
            assert!(script.contains("mail "), "{script}");
            executable(&path, &format!("#!/bin/sh\n{script}"));
            tools::run("shellcheck", [&path]).succeeds();
            continue;
        };
        let server = Upstream::start("notifier");
        let (_, target) = url.split_once('/').expect("it has a path");
        let moved = format!("#!/bin/sh\n{before}http://{}/{target}", server.address());
        executable(&path, &moved);
        tools::run("shellcheck", [&path]).succeeds();
        unit.start(home.path()).well();
        let [arrival] = &server.arrivals()[..] else {
            panic!("one request\n{moved}");
        };
        assert_eq!(arrival.method, "POST");
        let is_token =
            |(name, value): &(String, String)| name == "X-Gotify-Key" && value == "A-secret";
        let says =
            |(_, value): &(String, String)| value.starts_with("homelab-check.service has failed");
        assert!(
            arrival.headers.iter().any(says) || arrival.headers.iter().any(is_token),
            "{arrival:?}"
        );
        told += 1;
    }
    assert_eq!(told, 2);
    fs::remove_file(config.join("notify")).expect("it was made");
    unit.start(home.path()).failed();
}

#[test]
fn the_alerts_are_rules_of_prometheus() {
    let page = fs::read_to_string(root().join("docs/timers.md")).expect("it is there");
    let (_, rules) = page.split_once("```yaml\n").expect("they are shown");
    let rules = rules.split("```").next().expect("it ends");
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let file = place.path().join("rules.yml");
    fs::write(&file, rules).expect("it is ours");
    let checked = tools::run(
        "promtool",
        ["check".as_ref(), "rules".as_ref(), file.as_os_str()],
    );
    checked.succeeds().stdout_contains("SUCCESS: 2 rules found");
}

/// systemd itself reads them. It looks for programs in its own places alone, so that `homelab` is named by where it is.
#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let run = home.path().join("run");
    let config = home.path().join(".config/homelab");
    for directory in [&run, &config, &home.path().join("homelab")] {
        fs::create_dir_all(directory).expect("it is ours");
    }
    executable(&config.join("notify"), "#!/bin/sh\n");
    let units = home.path().join("units");
    fs::create_dir(&units).expect("it is new");
    let mut there: Vec<String> = fs::read_dir(root().join("packaging/systemd"))
        .expect("it is there")
        .map(|entry| entry.expect("it can be listed").file_name())
        .map(|name| name.into_string().expect("plain"))
        .collect();
    there.sort();
    assert_eq!(there, FILES);
    let verify = |change: &dyn Fn(String) -> String| {
        let paths = FILES.map(|name| {
            let text = fs::read_to_string(root().join("packaging/systemd").join(name));
            let text = change(text.expect("it is there"));
            let text = text.replace("=homelab ", &format!("={HOMELAB} "));
            let path = units.join(name);
            fs::write(&path, text).expect("it is ours");
            path
        });
        let mut analyze = tools::command("systemd-analyze");
        analyze
            .args(["--user", "verify"])
            .args::<[PathBuf; 6], PathBuf>(paths)
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", &run);
        outcome::run(&mut analyze, b"")
    };
    verify(&|text| text).succeeds().stderr_is("");
    // It does look.
    let misspelt = verify(&|text| text.replace("RestrictRealtime", "RestrictRealTime"));
    misspelt.stderr_contains("RestrictRealTime");
}
