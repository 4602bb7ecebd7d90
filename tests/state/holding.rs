//! Somebody else holds the directory: who writes waits and says for whom, who only looks does not wait.

use std::fs::{File, remove_dir_all};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::home::{DECLARATION, built, declare};
use super::support::lab::Lab;
use super::support::outcome::first_line;

/// Far less than a command waits for the directory, far more than it needs.
const SOON: Duration = Duration::from_secs(30);

fn held(lab: &Lab, path: &str) -> File {
    let directory = File::open(lab.path().join(path)).expect("it is there");
    directory.lock().expect("nobody else holds it");
    directory
}

#[test]
fn who_only_looks_waits_for_nobody() {
    let lab = built();
    let _directory = held(&lab, ".");
    let _tree = held(&lab, "out");
    for command in [
        &["check"][..],
        &["status"],
        &["status", "--json"],
        &["exposure"],
        &["plan"],
        &["plan", "--expect-no-changes"],
        &["plan", "--edge", "--json"],
        &["password", "alice/pixel"],
    ] {
        let begun = Instant::now();
        lab.command(command).run().succeeds();
        assert!(begun.elapsed() < SOON, "{command:?}");
    }
    let plan = lab.command(["plan"]).run();
    let me = format!("(process {}) holds `out`", std::process::id());
    plan.succeeds().stdout_contains(&me);
}

#[test]
fn who_waits_says_for_whom_and_goes_on() {
    let lab = built();
    for command in [&["build"][..], &["build", "--check"], &["verify"]] {
        let directory = held(&lab, ".");
        let mut waiting = lab.command(command).start();
        let expected = format!("(process {}), which holds `.`.\n", std::process::id());
        let told = first_line(waiting.stderr.as_mut().expect("it is piped"));
        assert!(told.starts_with("Waiting for `"), "{told}");
        assert!(told.ends_with(&expected), "{told}");
        drop(directory);
        let ended = waiting.wait_with_output().expect("it ends");
        assert!(ended.status.success(), "{command:?}: {ended:?}");
    }
}

#[test]
fn who_has_waited_too_long_names_who_holds_the_directory_and_changes_nothing() {
    let lab = built();
    let before = lab.snapshot();
    // A local user needs no more than this to keep everybody out.
    let _directory = held(&lab, ".");
    let outcome = lab.command(["renew", "--all"]).run();
    outcome
        .fails_with(3)
        .stderr_contains("workspace::locked")
        .stderr_contains(&format!("(process {})", std::process::id()))
        .stderr_contains(&format!("`kill {}`", std::process::id()));
    assert_eq!(lab.snapshot(), before);
}

/// Whoever holds the directory chooses what the process is called.
#[test]
fn the_name_of_who_holds_the_directory_is_no_word_for_the_terminal() {
    let lab = built();
    let holds = "import fcntl, os, sys\n\
        open('/proc/self/comm', 'wb').write(b'\\x1b[2J`rm')\n\
        fcntl.flock(os.open('.', os.O_RDONLY), fcntl.LOCK_EX)\n\
        print('held', flush=True)\n\
        sys.stdin.read()\n";
    let mut python = Command::new("/usr/bin/python3");
    let python = python.current_dir(lab.path()).args(["-c", holds]);
    let python = python.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = python.spawn().expect("Python runs");
    let mut held = [0; 5];
    let stdout = holder.stdout.as_mut().expect("it is piped");
    stdout.read_exact(&mut held).expect("it says so");
    let waiting = lab.command(["build"]).start();
    thread::sleep(Duration::from_secs(5));
    drop(holder.stdin.take());
    holder.wait().expect("it ends");
    let ended = waiting.wait_with_output().expect("it ends");
    let told = String::from_utf8(ended.stderr).expect("it is text");
    assert!(told.contains("Waiting for `\\u{1b}[2J`rm`"), "{told:?}");
    assert!(!told.contains('\u{1b}'), "{told:?}");
}

/// Who reads while a build writes sees the time before or the time after, and no damage.
#[test]
fn reading_while_builds_write_gives_whole_answers() {
    let lab = built();
    let fewer = DECLARATION.replace(
        "person \"bob\" { device \"iphone\" platform=\"android\"; }",
        "person \"bob\"",
    );
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = [
            &["status"][..],
            &["check"],
            &["plan", "--json"],
            &["exposure", "--json"],
        ]
        .into_iter()
        .map(|command| {
            let (lab, is_over) = (&lab, &is_over);
            scope.spawn(move || {
                let mut answers = 0;
                while !is_over.load(Ordering::Relaxed) {
                    lab.command(command).run().succeeds();
                    answers += 1;
                }
                answers
            })
        })
        .collect();
        for round in 0..12 {
            let text = if round % 2 == 0 { &fewer } else { DECLARATION };
            declare(&lab, text);
            lab.command(["build"]).run().succeeds();
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().expect("none fails") > 0);
        }
    });
}

/// `homelab.age` comes after the lock that pins it. Who has looked for the lock before it was there, and for the secret after, has
/// not found a homelab that lost its lock.
#[test]
fn a_first_build_is_no_damage_to_who_looks_at_it() {
    let lab = Lab::new().declare(DECLARATION);
    let late = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-P",
        "homelab.age",
        "-e",
        "inject=all:delay_enter=5000000:when=1",
    ];
    thread::scope(|scope| {
        let status = scope.spawn(|| lab.command(["status"]).through(late).run());
        thread::sleep(Duration::from_millis(1500));
        lab.command(["build"]).run().succeeds();
        let status = status.join().expect("it ends");
        status.succeeds().stdout_contains("2 valid");
    });
    remove_dir_all(lab.path().join("out")).expect("it was built");
}
