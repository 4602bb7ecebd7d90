//! SIGKILL at one system call of a command: the same command again completes it.
//!
//! The calls are taken from a trace of each command, so that every kind of call is struck, the last ones too: strace counts each
//! kind of call by itself, and a count over all of them would only ever meet the most frequent.

use std::collections::BTreeMap;
use std::fs;

use super::home::{
    add_device, authority, built, differences_from_undisturbed, homelab, leftovers, remove_device,
    small,
};
use super::support::lab::Lab;
use super::support::{outcome, tools};

/// The kinds of call that change a file system, or what of it is durable.
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
    sweep(Lab::new, "init", &["write", "fsync", "renameat2", "openat"]);
}

#[test]
fn a_first_build_that_is_killed_is_completed() {
    let kinds = [
        "write", "fsync", "renameat", "mkdirat", "fchmod", "unlinkat",
    ];
    sweep(small, "build", &kinds);
}

#[test]
fn a_build_that_adds_and_is_killed_is_completed() {
    let first = built();
    add_device(&first);
    let kinds = [
        "write", "fsync", "renameat", "mkdirat", "fchmod", "unlinkat",
    ];
    sweep(|| first.copy(), "build", &kinds);
}

#[test]
fn a_build_that_removes_and_is_killed_is_completed() {
    let first = built();
    remove_device(&first);
    let kinds = ["write", "fsync", "renameat", "unlinkat"];
    sweep(|| first.copy(), "build", &kinds);
}

/// The commands that change the lock by themselves: the same again, or a build once the lock is written, and every device that should
/// be let in is.
#[test]
fn a_renewal_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "fsync", "renameat"];
    sweep(|| first.copy(), "renew --all", &kinds);
}

#[test]
fn a_revocation_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "fsync", "renameat"];
    sweep(|| first.copy(), "revoke alice/pixel", &kinds);
}

#[test]
fn a_rotation_of_the_authority_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "fsync", "renameat"];
    sweep(|| first.copy(), "rotate --authority", &kinds);
}

#[test]
fn a_rotation_of_the_root_that_is_killed_is_completed() {
    let first = built();
    let kinds = ["write", "fsync", "renameat"];
    sweep(|| first.copy(), "rotate --root", &kinds);
}

#[test]
fn the_end_of_a_rotation_that_is_killed_is_completed() {
    let first = built();
    for command in [["rotate", "--root"], ["renew", "--all"]] {
        homelab(&first, command).run().succeeds();
    }
    let kinds = ["write", "fsync", "renameat", "unlinkat"];
    sweep(|| first.copy(), "rotate --finish --force", &kinds);
    let undisturbed = first.copy();
    homelab(&undisturbed, ["rotate", "--finish", "--force"])
        .run()
        .succeeds();
    assert_eq!(secrets(&undisturbed), 1);
}

/// How many secrets homelab.age holds, as age says.
#[track_caller]
fn secrets(lab: &Lab) -> usize {
    let mut age = tools::command("age");
    age.args(["-d", "-i"])
        .arg(lab.home().join(".config/homelab/identity.txt"));
    let opened = outcome::run(age.arg(lab.path().join("homelab.age")), b"");
    opened.succeeds().stdout().lines().count()
}

/// Kills a command at each call that it makes; `expected` are kinds that it must make, or the sweep is hollow.
#[track_caller]
fn sweep(prepare: impl Fn() -> Lab, command: &str, expected: &[&str]) {
    let counts = calls(&prepare(), command);
    for kind in expected {
        assert!(counts.contains_key(*kind), "no {kind} in {counts:?}");
    }
    let mut failures = Vec::new();
    for (kind, count) in &counts {
        for nth in 1..=*count {
            if let Err(fault) = completes(&prepare(), command, kind, nth) {
                failures.push(format!(
                    "{command} killed at {kind} {nth} of {count}: {fault}"
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// How many calls of each kind a command makes in its busiest thread: strace counts threads apart.
#[track_caller]
fn calls(lab: &Lab, command: &str) -> BTreeMap<String, usize> {
    let trace = lab.home().join("trace");
    let trace = trace.to_str().expect("a temporary path is plain");
    let filter = format!("trace={}", KINDS.join(","));
    let run = invocation(lab, command);
    run.through(["strace", "-f", "-qq", "-o", trace, "-e", &filter])
        .run()
        .succeeds();
    let text = fs::read_to_string(trace).expect("strace writes its trace");
    let mut by_thread: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    // glibc opens the latter when it gives memory back, now and then.
    let not_counted = [" resumed>", "\"/proc/sys/vm/overcommit_memory\""];
    let counts = |line: &&str| !not_counted.iter().any(|part| line.contains(part));
    for line in text.lines().filter(counts) {
        let (thread, call) = line.split_once(' ').expect("a line names its thread");
        let kind = call.trim_start().split('(').next().unwrap_or_default();
        if KINDS.contains(&kind) {
            *by_thread.entry((thread, kind)).or_default() += 1;
        }
    }
    let mut counts = BTreeMap::new();
    for ((_, kind), count) in by_thread {
        let most = counts.entry(kind.to_owned()).or_insert(0);
        *most = count.max(*most);
    }
    counts
}

fn completes(lab: &Lab, command: &str, kind: &str, nth: usize) -> Result<(), String> {
    let inject = format!("inject={kind}:signal=SIGKILL:when={nth}");
    let killed = invocation(lab, command)
        .through(["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject])
        .run();
    if killed.status.success() {
        return Err(format!("it was not killed\n{killed}"));
    }
    let standing = authority(lab);
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
    if command == "init" {
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
        "rotate --finish --force" => ((3, 2), 1),
        command if command.starts_with("renew") || command.starts_with("revoke") => ((3, 1), 1),
        _ => return Ok(()),
    };
    match ((active, authorities), secrets(lab)) == (expected, roots) {
        true => Ok(()),
        false => Err(format!("{} secrets with\n{lock}", secrets(lab))),
    }
}

/// With one job, so that the same call comes at the same count each time.
fn invocation(lab: &Lab, command: &str) -> super::support::lab::Invocation {
    let words: Vec<&str> = command.split(' ').collect();
    match words.as_slice() {
        ["build"] => homelab(lab, ["build", "--jobs=1"]),
        ["renew", devices] => homelab(lab, ["renew", "--jobs=1", devices]),
        ["revoke", device] => homelab(lab, ["revoke", "--jobs=1", device]),
        ["rotate", what] => homelab(lab, ["rotate", "--jobs=1", what]),
        ["rotate", what, force] => homelab(lab, ["rotate", "--jobs=1", what, force]),
        [other] => homelab(lab, [*other]),
        other => panic!("{other:?} is not swept"),
    }
}
