//! The small homelab that the tests start from, and what they ask of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::support::files::{self, Entry, Kind};
use super::support::lab::{Invocation, Lab};
use super::support::outcome::Outcome;

/// Two people, three devices of platforms that get a .p12 and nothing else, and a service of each kind that shows people's names in another way.
pub const SMALL: &str = r#"domain "home.example.com"

person "alice" {
    name "Alice"
    device "macbook" platform="other"
    device "pixel" platform="android" version=13
}

person "bob" {
    device "iphone" platform="android" version=17
}

service "grafana" {
    upstream "http://127.0.0.1:3000"
    allow "alice"
    identity
}

service "immich" {
    upstream "http://127.0.0.1:2283"
    allow "alice" "bob"
}
"#;

/// What a build of [`SMALL`] makes, in the order of the paths.
pub const FILES: [&str; 19] = [
    ".gitignore",
    "edge/Caddyfile",
    "edge/ca.crl",
    "edge/ca.crl.der",
    "edge/ca.pem",
    "edge/exposure.json",
    "edge/exposure.md",
    "edge/globals.caddyfile",
    "edge/pages.caddyfile",
    "edge/sites.caddyfile",
    "index.html",
    "people/alice/calendar.ics",
    "people/alice/guide.html",
    "people/alice/macbook/alice-macbook.p12",
    "people/alice/pixel/alice-pixel.p12",
    "people/bob/calendar.ics",
    "people/bob/guide.html",
    "people/bob/iphone/bob-iphone.p12",
    "renewals.ics",
];

/// The clock of the tests' commands: 2027-01-15.
pub const NOW: &str = "1800000000";

/// [`SMALL`], of which nothing has been built.
pub fn small() -> Lab {
    Lab::new().declare(SMALL)
}

/// [`SMALL`], built.
#[track_caller]
pub fn built() -> Lab {
    let lab = small();
    build(&lab).succeeds();
    lab
}

/// `homelab` at [`NOW`].
pub fn homelab<const N: usize>(lab: &Lab, arguments: [&str; N]) -> Invocation {
    lab.command(arguments).at(NOW)
}

pub fn build(lab: &Lab) -> Outcome {
    homelab(lab, ["build"]).run()
}

/// Declares one more device of bob's.
#[track_caller]
pub fn add_device(lab: &Lab) {
    lab.edit(
        "version=17\n",
        "version=17\n    device \"tablet\" platform=\"android\"\n",
    );
}

#[track_caller]
pub fn remove_device(lab: &Lab) {
    lab.edit("    device \"macbook\" platform=\"other\"\n", "");
}

#[track_caller]
pub fn remove(lab: &Lab, path: &str) {
    let path = lab.path().join(path);
    let removed = if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(&path)
    } else {
        fs::remove_file(&path)
    };
    removed.unwrap_or_else(|error| panic!("cannot remove {}: {error}", path.display()));
}

/// Has a shell run this with the command as its arguments, where what it mounts is seen by itself alone.
pub fn in_mounts_of_its_own(script: &str) -> [&str; 7] {
    [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
    ]
}

/// Takes away the identity that `homelab.age` is encrypted to.
#[track_caller]
pub fn remove_identity(lab: &Lab) {
    let path = lab.home().join(".config/homelab/identity.txt");
    fs::remove_file(path).expect("the first build made one");
}

/// The directory that holds the lab, the home of its user, and whatever commands leave in `TMPDIR`.
pub fn place(lab: &Lab) -> PathBuf {
    let path = lab.path();
    path.parent()
        .expect("a lab lies in a place of its own")
        .to_owned()
}

/// All files of the homelab and of its user, and of nobody else; but for what is known of a tree, which is written anew where it was
/// looked at, and of which nothing depends.
#[track_caller]
pub fn everything(lab: &Lab) -> BTreeMap<String, Entry> {
    let mut everything = files::snapshot(&place(lab));
    everything.retain(|name, _| !is_known_only(name));
    everything
}

/// What would show that one of them was written anew.
#[track_caller]
pub fn traces(lab: &Lab) -> BTreeMap<String, (u64, i64)> {
    let mut traces = files::stamps(&place(lab));
    traces.retain(|name, _| !is_known_only(name) && !name.ends_with(STATE));
    traces
}

/// Whether that is a file with what is known of a tree, or of a lock that was verified.
fn is_known_only(name: &str) -> bool {
    name.ends_with(".index") || name.ends_with(".verified")
}

/// Where it lies.
const STATE: &str = "home/.local/state/homelab";

/// Files that a build makes on its way and no build may leave.
#[track_caller]
pub fn leftovers(lab: &Lab) -> Vec<String> {
    let passing = |path: &String| {
        path.contains(".tmp") || path.contains("staging") || path.contains("pending")
    };
    everything(lab).into_keys().filter(passing).collect()
}

/// A declaration of so many devices of one person, which are of these platforms in turn.
pub fn devices(count: usize, platforms: &[&str]) -> String {
    let devices: String = (0..count)
        .map(|at| {
            let platform = platforms[at % platforms.len()];
            format!("    device \"d{at:03}\" platform=\"{platform}\"\n")
        })
        .collect();
    format!(
        "domain \"home.example.com\"\nperson \"alice\" {{\n{devices}}}\nservice \"photos\" {{ upstream \"http://127.0.0.1:1\"; allow \"alice\"; }}\n"
    )
}

/// The line of the lock that says which authority there is; `None` where there is no lock or none in it.
pub fn authority(lab: &Lab) -> Option<String> {
    let lock = fs::read_to_string(lab.path().join("homelab.lock")).ok()?;
    lock.lines()
        .find(|line| line.starts_with("authority "))
        .map(str::to_owned)
}

/// The line of the lock for a device's certificate; there must be one.
#[track_caller]
pub fn certificate(lab: &Lab, device: &str) -> String {
    let lock = lab.read("homelab.lock");
    let start = format!("certificate \"{device}\" ");
    let lines: Vec<&str> = lock
        .lines()
        .filter(|line| line.starts_with(&start))
        .collect();
    assert_eq!(lines.len(), 1, "lines of {device} in\n{lock}");
    lines[0].to_owned()
}

/// The line of the lock for the revocation list; there must be one.
#[track_caller]
pub fn crl(lab: &Lab) -> String {
    let lock = lab.read("homelab.lock");
    let lines: Vec<&str> = lock
        .lines()
        .filter(|line| line.starts_with("crl "))
        .collect();
    assert_eq!(lines.len(), 1, "lines of the revocation list in\n{lock}");
    lines[0].to_owned()
}

/// The value of a property in a line of the lock.
#[track_caller]
pub fn field(line: &str, name: &str) -> String {
    let start = format!(" {name}=\"");
    let (_, rest) = line.split_once(&start).expect("the line has that field");
    rest.split('"').next().expect("a first part").to_owned()
}

/// The same inputs elsewhere, with no output yet.
#[track_caller]
pub fn without_output(lab: &Lab) -> Lab {
    let copy = lab.copy();
    if copy.path().join("out").exists() {
        remove(&copy, "out");
    }
    copy
}

/// How the tree differs from the one that an undisturbed build makes from the same declaration, lock and secret.
#[track_caller]
pub fn differences_from_undisturbed(lab: &Lab) -> Vec<String> {
    let undisturbed = without_output(lab);
    build(&undisturbed).succeeds();
    files::changed(&undisturbed.snapshot(), &lab.snapshot())
}

/// Asserts that a command failed with this code, said all this, and left every file as it was: not even written anew.
#[track_caller]
pub fn refused(lab: &Lab, command: Invocation, code: i32, words: &[&str]) {
    let seen = || (files::snapshot(&place(lab)), files::stamps(&place(lab)));
    let (before, stood) = seen();
    let outcome = command.run();
    outcome.fails_with(code);
    for word in words {
        outcome.stderr_contains(word);
    }
    let (after, stands) = seen();
    assert_eq!(files::changed(&before, &after), [""; 0], "{outcome}");
    let is_file = |name: &&String| matches!(before[*name].kind, Kind::File(_));
    let rewritten = stood
        .keys()
        .filter(is_file)
        .filter(|name| stood[*name] != stands[*name]);
    assert_eq!(rewritten.collect::<Vec<_>>(), [""; 0], "{outcome}");
}

/// What is different below a directory: empty where nothing was written, not even the same bytes again.
#[track_caller]
pub fn touched(directory: &Path, action: impl FnOnce()) -> Vec<String> {
    let (before, stamps) = (files::snapshot(directory), files::stamps(directory));
    action();
    let mut changes = files::changed(&before, &files::snapshot(directory));
    let after = files::stamps(directory);
    let rewritten = stamps
        .iter()
        .filter(|(name, stamp)| after.get(*name) != Some(stamp));
    changes.extend(rewritten.map(|(name, _)| format!("touched {name}")));
    changes.retain(|change| !is_known_only(change) && !change.ends_with(STATE));
    changes
}
