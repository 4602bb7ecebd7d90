//! SIGKILL at one system call of a command: the same command again completes it.
//!
//! The calls are taken from a trace of each command, so that every kind of call is struck, the last ones too: strace counts each
//! kind of call by itself, and a count over all of them would only ever meet the most frequent. A kill comes before the call, and what
//! it leaves depends on the calls before it alone: those that change nothing in the file system need no kill of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::home::{
    NOW, add_device, authority, built, differences_from_undisturbed, homelab, leftovers,
    remove_device, small,
};
use super::support::lab::{Invocation, Lab};
use super::support::recipe::Recipe;
use super::support::{outcome, tools};

/// The kinds of call that can change a file system, or what of it is durable.
const KINDS: [&str; 14] = [
    "openat",
    "openat2",
    "write",
    "fsync",
    "syncfs",
    "rename",
    "renameat",
    "renameat2",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "fchmod",
];

#[test]
fn an_init_that_is_killed_is_completed() {
    sweep(Lab::new, "init", &["write", "renameat", "openat2"]);
}

#[test]
fn a_first_build_that_is_killed_is_completed() {
    let kinds = ["write", "renameat", "mkdirat", "fchmod", "unlinkat"];
    sweep(small, "build", &kinds);
}

#[test]
fn a_build_that_adds_and_is_killed_is_completed() {
    let first = built();
    add_device(&first);
    let kinds = ["write", "renameat", "mkdirat", "fchmod", "unlinkat"];
    sweep(|| first.copy(), "build", &kinds);
}

/// The second build writes nothing but what it knows of the tree by then.
#[test]
fn a_build_with_nothing_to_do_that_is_killed_leaves_nothing_that_lies() {
    let first = built();
    sweep(|| first.copy(), "build", &["write", "renameat"]);
}

#[test]
fn a_build_that_removes_and_is_killed_is_completed() {
    let first = built();
    remove_device(&first);
    let kinds = ["write", "renameat", "unlinkat"];
    sweep(|| first.copy(), "build", &kinds);
}

/// The commands that change the lock by themselves: the same again, or a build once the lock is written, and every device that should
/// be let in is.
#[test]
fn a_renewal_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "renameat"];
    sweep(|| first.copy(), "renew --all", &kinds);
}

#[test]
fn a_revocation_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "renameat"];
    sweep(|| first.copy(), "revoke alice/pixel", &kinds);
}

#[test]
fn a_rotation_of_the_authority_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "renameat"];
    sweep(|| first.copy(), "rotate --authority", &kinds);
}

#[test]
fn a_rotation_of_the_root_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "renameat"];
    sweep(|| first.copy(), "rotate --root", &kinds);
}

#[test]
fn the_end_of_a_rotation_that_is_killed_is_completed() {
    let first = built();
    for command in [["rotate", "--root"], ["renew", "--all"]] {
        homelab(&first, command).run().succeeds();
    }
    let kinds = ["write", "renameat", "unlinkat"];
    sweep(|| first.copy(), "rotate --finish --force", &kinds);
    let undisturbed = first.copy();
    homelab(&undisturbed, ["rotate", "--finish", "--force"])
        .run()
        .succeeds();
    assert_eq!(secrets(&undisturbed), 1);
}

#[test]
fn the_end_of_a_rotation_that_nobody_depends_on_is_completed() {
    let first = built();
    for command in [
        &["rotate", "--authority"][..],
        &["renew", "--all"],
        &[
            "renew",
            "--finish",
            "alice/macbook",
            "alice/pixel",
            "bob/iphone",
        ],
    ] {
        lab_command(&first, command).run().succeeds();
    }
    let kinds = ["write", "renameat", "unlinkat"];
    sweep(|| first.copy(), "rotate --finish", &kinds);
}

#[test]
fn the_end_of_a_renewal_that_is_killed_is_completed() {
    let first = built();
    homelab(&first, ["renew", "alice/pixel"]).run().succeeds();
    let kinds = ["write", "renameat"];
    sweep(|| first.copy(), "renew --finish alice/pixel", &kinds);
}

#[test]
fn a_revocation_for_good_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "renameat", "unlinkat"];
    sweep(|| first.copy(), "revoke --no-replace alice/pixel", &kinds);
}

/// The key is in homelab.age before the lock knows of it, and what a killed adoption has left there goes.
#[test]
fn an_adoption_that_is_killed_is_completed() {
    let first = built();
    let recipe = Recipe::of_2026();
    let [certificate, key] = ["ca.pem", "ca.key"].map(|name| recipe.path(name));
    let (certificate, key) = (certificate.display(), key.display());
    let kinds = ["write", "renameat"];
    sweep(
        || first.copy(),
        &format!("adopt {certificate} --key {key}"),
        &kinds,
    );
}

#[test]
fn another_encryption_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "renameat"];
    sweep(|| first.copy(), &encryption(&first), &kinds);
}

/// `rotate --reseal` to the lab's own identity and to another.
#[track_caller]
fn encryption(lab: &Lab) -> String {
    let other = lab.home().join("other.txt");
    let mut keygen = tools::command("age-keygen");
    outcome::run(keygen.arg("-o").arg(&other), b"").succeeds();
    let recipient = |identity: &Path| {
        let mut public = tools::command("age-keygen");
        let public = outcome::run(public.arg("-y").arg(identity), b"");
        public.succeeds().stdout().trim().to_owned()
    };
    let own = recipient(&lab.home().join(IDENTITY));
    format!("rotate --reseal -r {own} -r {}", recipient(&other))
}

/// The disk refuses instead: that is an error with a remedy, nothing is lost, and the same command completes it.
#[test]
fn what_the_disk_refuses_a_command_is_completed() {
    let plain = built();
    let renewed = plain.copy();
    homelab(&renewed, ["renew", "alice/pixel"]).run().succeeds();
    let rotating = plain.copy();
    for command in [["rotate", "--root"], ["renew", "--all"]] {
        homelab(&rotating, command).run().succeeds();
    }
    let encryption = encryption(&plain);
    let mut failures = Vec::new();
    for (first, command) in [
        (&plain, "renew --all"),
        (&renewed, "renew --finish alice/pixel"),
        (&plain, "revoke --no-replace alice/pixel"),
        (&plain, "rotate --authority"),
        (&plain, "rotate --root"),
        (&rotating, "rotate --finish --force"),
        (&plain, &encryption),
    ] {
        let calls = calls(&first.copy(), command);
        for (kind, errno) in [
            ("write", "ENOSPC"),
            ("fsync", "EIO"),
            ("renameat", "ENOSPC"),
            ("openat", "EMFILE"),
        ] {
            let ordinals = calls.iter().filter(|call| call.kind == kind);
            let last = ordinals.map(|call| call.nth).max().unwrap_or(0);
            for nth in [1, last / 2, last] {
                if nth == 0 {
                    continue;
                }
                let fault = Fault::Error(errno);
                if let Err(fault) = completes(&first.copy(), command, kind, nth, fault) {
                    failures.push(format!("{command} with {errno} of {kind} {nth}: {fault}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Where a user's identity lies in the home.
const IDENTITY: &str = ".config/homelab/identity.txt";

/// What befalls a command at a system call.
#[derive(Clone, Copy)]
enum Fault {
    Kill,
    /// That error, of this one call.
    Error(&'static str),
}

/// How many root secrets and keys of authorities homelab.age holds, as age says; whom it is sealed to may stand there too.
#[track_caller]
fn secrets(lab: &Lab) -> usize {
    let mut age = tools::command("age");
    age.args(["-d", "-i"]).arg(lab.home().join(IDENTITY));
    let opened = outcome::run(age.arg(lab.path().join("homelab.age")), b"");
    let lines = opened.succeeds().stdout();
    let is_secret = |line: &&str| !line.starts_with("homelab-recipient-");
    lines.lines().filter(is_secret).count()
}

/// Kills a command at each call that changes something, and at its last one, when all is done and nothing said of it; `expected` are
/// kinds among them, or the sweep is hollow.
#[track_caller]
fn sweep(prepare: impl Fn() -> Lab, command: &str, expected: &[&str]) {
    let mut calls = calls(&prepare(), command);
    if let Some(last) = calls.last_mut() {
        last.changes = true;
    }
    let changes: BTreeSet<(String, usize)> = calls
        .into_iter()
        .filter(|call| call.changes)
        .map(|call| (call.kind, call.nth))
        .collect();
    for kind in expected {
        let is_struck = changes.iter().any(|(struck, _)| struck == kind);
        assert!(is_struck, "no {kind} in {changes:?}");
    }
    let mut failures = Vec::new();
    for (kind, nth) in &changes {
        if let Err(fault) = completes(&prepare(), command, kind, *nth, Fault::Kill) {
            failures.push(format!("{command} killed at {kind} {nth}: {fault}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A system call in a trace.
struct Call {
    kind: String,
    /// The how manieth of its kind it is in its thread: strace counts threads apart.
    nth: usize,
    /// Whether it changes a file system: it makes, writes, moves or removes.
    changes: bool,
}

/// The calls that a command makes, of these kinds.
#[track_caller]
fn calls(lab: &Lab, command: &str) -> Vec<Call> {
    let trace = lab.home().join("trace");
    let trace = trace.to_str().expect("a temporary path is plain");
    let filter = format!("trace={}", KINDS.join(","));
    let run = invocation(lab, command);
    run.through(["strace", "-f", "-qq", "-o", trace, "-e", &filter])
        .run()
        .succeeds();
    let text = fs::read_to_string(trace).expect("strace writes its trace");
    let mut by_thread: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut calls = Vec::new();
    // glibc opens the latter when it gives memory back, now and then.
    let not_counted = [" resumed>", "\"/proc/sys/vm/overcommit_memory\""];
    let counts = |line: &&str| !not_counted.iter().any(|part| line.contains(part));
    for line in text.lines().filter(counts) {
        let (thread, call) = line.split_once(' ').expect("a line names its thread");
        let kind = call.trim_start().split('(').next().unwrap_or_default();
        if KINDS.contains(&kind) {
            let nth = by_thread.entry((thread, kind)).or_default();
            *nth += 1;
            calls.push(Call {
                kind: kind.to_owned(),
                nth: *nth,
                changes: changes_something(kind, line),
            });
        }
    }
    calls
}

/// Whether the call of that line changes a file system. What a line leaves open counts as a change.
fn changes_something(kind: &str, line: &str) -> bool {
    match kind {
        "openat" | "openat2" => line.contains("O_CREAT"),
        "write" => !line.contains(" write(1,") && !line.contains(" write(2,"),
        "fsync" | "syncfs" => false,
        // Unfinished ones have no result yet.
        _ => !line.contains(" = -1 "),
    }
}

fn completes(lab: &Lab, command: &str, kind: &str, nth: usize, fault: Fault) -> Result<(), String> {
    let what = match fault {
        Fault::Kill => String::from("signal=SIGKILL"),
        Fault::Error(errno) => format!("error={errno}"),
    };
    let inject = format!("inject={kind}:{what}:when={nth}");
    let standing = authority(lab);
    let struck = invocation(lab, command).tampered(&inject).run();
    match fault {
        Fault::Kill if struck.status.success() => {
            return Err(format!("it was not killed\n{struck}"));
        }
        // What can be done without, such as a thread's name, may well be refused.
        Fault::Error(_) if !matches!(struck.status.code(), Some(0 | 3)) => {
            return Err(format!("no error of the environment\n{struck}"));
        }
        // A write that is refused may be that of the message.
        Fault::Error(_)
            if !struck.status.success()
                && kind != "write"
                && !struck.stderr().contains("help:") =>
        {
            return Err(format!("no remedy\n{struck}"));
        }
        _ => {}
    }
    let standing = standing.or_else(|| authority(lab));
    let again = invocation(lab, command).run();
    // Once its last file is there, an `init` has only to make it durable.
    let had_ended = command == "init" && again.stderr().contains("init::exists");
    if !again.status.success() && !had_ended {
        return Err(again.to_string());
    }
    let left = leftovers(lab);
    if !left.is_empty() {
        return Err(format!("left over: {left:?}"));
    }
    // Neither builds a tree.
    if command == "init" || command.starts_with("rotate --reseal") {
        invocation(lab, "build").run().succeeds();
    }
    // A rotation makes another beside it.
    let lock = lab.read("homelab.lock");
    if standing.is_some_and(|line| !lock.contains(&name(&line))) {
        return Err("there is another authority".to_owned());
    }
    consistent(lab, command)?;
    match differences_from_undisturbed(lab) {
        differences if differences.is_empty() => Ok(()),
        differences => Err(format!("{differences:?}")),
    }
}

/// What a line of the lock is about.
fn name(line: &str) -> String {
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Whether the lock lets in what it should after that command, and homelab.age holds what the lock needs and no more.
fn consistent(lab: &Lab, command: &str) -> Result<(), String> {
    let lock = lab.read("homelab.lock");
    let active = lock.matches("state=\"active\"").count();
    let authorities = lock
        .lines()
        .filter(|line| line.starts_with("authority "))
        .count();
    let (expected, roots) = match command {
        "rotate --authority" => ((3, 2), 1),
        "rotate --root" => ((3, 2), 2),
        "rotate --finish --force" | "rotate --finish" => ((3, 2), 1),
        "revoke --no-replace alice/pixel" => ((2, 1), 1),
        command if command.starts_with("adopt") => ((3, 2), 2),
        command if command.starts_with("rotate --reseal") => ((3, 1), 1),
        command if command.starts_with("renew") || command.starts_with("revoke") => ((3, 1), 1),
        _ => return Ok(()),
    };
    match ((active, authorities), secrets(lab)) == (expected, roots) {
        true => Ok(()),
        false => Err(format!("{} secrets with\n{lock}", secrets(lab))),
    }
}

/// With one job, so that the same call comes at the same count each time.
fn invocation(lab: &Lab, command: &str) -> Invocation {
    let mut words: Vec<&str> = command.split(' ').collect();
    if command != "init" {
        words.insert(1, "--jobs=1");
    }
    lab_command(lab, &words)
}

/// [`homelab`] with so many words as there are.
fn lab_command(lab: &Lab, words: &[&str]) -> Invocation {
    let command = lab.command(words.iter().copied());
    command.at(NOW)
}
