//! File systems that keep no modes, or know neither RENAME_NOREPLACE nor hard links: disks of Windows, exFAT, SMB.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::home::{DECLARATION, certificates, is_unchanged};
use super::support::files::{Kind, snapshot};
use super::support::lab::Lab;
use super::support::tools::{self, tool};

/// A file system where a lab's directory is, until this is dropped.
struct Mounted {
    place: PathBuf,
    daemon: Child,
}

#[derive(Clone, Copy, Debug)]
enum System {
    /// Everybody may do everything, and what `chmod` says is forgotten.
    Forgets,
    /// The same, and `chmod` is an error.
    Refuses,
    /// As it is mounted for one user alone.
    Private,
    /// A disk of Windows.
    Ntfs,
}

impl Mounted {
    fn at(lab: &Lab, system: System) -> Mounted {
        let (place, disk) = (lab.path(), lab.path().with_file_name("disk"));
        let bindfs = |options: &[&str]| {
            fs::create_dir(&disk).expect("a new directory");
            let mut command = Command::new(tool("bindfs"));
            command.arg("-f").args(options).args([&disk, &place]);
            command
        };
        let mut command = match system {
            System::Forgets => bindfs(&["--perms=0777:a+D", "--chmod-ignore"]),
            System::Refuses => bindfs(&["--perms=0777:a+D", "--chmod-deny"]),
            System::Private => bindfs(&["--perms=0700", "--chmod-ignore"]),
            System::Ntfs => {
                let image = File::create(&disk).expect("a new file");
                image.set_len(16 << 20).expect("it is sparse");
                tools::run("mkntfs", ["-F".as_ref(), "-Q".as_ref(), disk.as_os_str()]).succeeds();
                let mut command = Command::new(tool("ntfs-3g"));
                command.args(["-o", "no_detach"]).args([&disk, &place]);
                command
            }
        };
        let device = || fs::metadata(&place).expect("it is there").dev();
        let before = device();
        let daemon = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it can be started");
        let mounted = Mounted {
            place: place.clone(),
            daemon,
        };
        let begun = Instant::now();
        while device() == before {
            assert!(begun.elapsed() < Duration::from_secs(20), "{system:?}");
            thread::sleep(Duration::from_millis(20));
        }
        mounted
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let mut unmount = Command::new(tool("fusermount3"));
        let _ = unmount.arg("-u").arg(&self.place).status();
        let _ = self.daemon.wait();
    }
}

const WARNING: &str = "keeps no modes";

#[test]
fn where_no_modes_are_kept_builds_end_and_say_what_that_means_once() {
    for system in [System::Forgets, System::Refuses, System::Ntfs] {
        let lab = Lab::new();
        let _mounted = Mounted::at(&lab, system);
        lab.write("homelab.kdl", DECLARATION);
        let first = lab.command(["build"]).run();
        first.succeeds();
        for command in [
            &["build"][..],
            &["build", "--locked"],
            &["build", "--check"],
            &["verify"],
        ] {
            let outcome = lab.command(command).run();
            match command[0] {
                "verify" => _ = outcome.succeeds().stdout_contains("nothing is wrong"),
                _ => is_unchanged(&outcome),
            }
            assert_eq!(outcome.stderr().matches(WARNING).count(), 1, "{outcome}");
        }
        assert_eq!(first.stderr().matches(WARNING).count(), 1, "{first}");
        let plan = lab.command(["plan", "--expect-no-changes"]).run();
        plan.succeeds().stdout_contains(WARNING);
        lab.command(["renew", "--all"]).run().succeeds();
        is_unchanged(&lab.command(["build"]).run());
        same_as_elsewhere(&lab, system);
        // What somebody has changed is still seen.
        lab.write("out/edge/ca.pem", "another");
        lab.command(["verify"]).run().fails_with(4);
        let restored = lab.command(["build"]).run();
        restored
            .succeeds()
            .stdout_contains("restored out/edge/ca.pem");
        lab.command(["build", "--check"]).run().succeeds();
    }
}

/// The bytes do not depend on what they lie on.
fn same_as_elsewhere(lab: &Lab, system: System) {
    let elsewhere = lab.copy();
    fs::remove_dir_all(elsewhere.path().join("out")).expect("a copy");
    elsewhere.command(["build", "--locked"]).run().succeeds();
    let files = |lab: &Lab| {
        let tree = snapshot(&lab.path().join("out")).into_iter();
        let files = tree.filter_map(|(name, entry)| match entry.kind {
            Kind::File(bytes) => Some((name, bytes)),
            _ => None,
        });
        files.collect::<Vec<_>>()
    };
    assert!(files(lab) == files(&elsewhere), "{system:?}");
}

#[test]
fn where_only_the_owner_can_read_nothing_is_to_be_said() {
    let lab = Lab::new();
    let _mounted = Mounted::at(&lab, System::Private);
    lab.write("homelab.kdl", DECLARATION);
    lab.command(["build"])
        .run()
        .succeeds()
        .stderr_lacks(WARNING);
    let again = lab.command(["build"]).run();
    is_unchanged(&again);
    again.stderr_is("");
    lab.command(["verify"]).run().succeeds();
}

/// As on exFAT: strace answers for the file system.
const NEITHER: [&str; 9] = [
    "strace",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "inject=renameat2:error=EINVAL",
    "-e",
    "inject=linkat:error=EPERM",
];

#[test]
fn a_homelab_begins_without_noreplace_and_hard_links() {
    for command in [&["init", "home.example.com"][..], &["build"]] {
        let lab = Lab::new();
        if command == ["build"] {
            lab.write("homelab.kdl", DECLARATION);
        }
        let begun = lab.command(command).through(NEITHER).run();
        begun.succeeds();
        assert!(!lab.path().join(".homelab.age.pending").exists());
        lab.command(["build"]).through(NEITHER).run().succeeds();
        lab.command(["build", "--check"]).run().succeeds();
    }
    let lab = Lab::new().declare(DECLARATION);
    let refused = lab.command(["init", "home.example.com"]);
    let refused = refused.through(NEITHER).run();
    refused.fails_with(3).stderr_contains("init::exists");
    assert_eq!(lab.read("homelab.kdl"), DECLARATION);
}

#[test]
fn what_fails_there_is_completed_by_the_next_build() {
    for when in 1..=4 {
        let lab = Lab::new().declare(DECLARATION);
        let fails = format!("inject=renameat:error=EIO:when={when}");
        let wrapper = NEITHER.into_iter().chain(["-e", &fails]);
        let failed = lab.command(["build"]).through(wrapper).run();
        failed.stderr_lacks("panicked");
        let issued = match lab.path().join("homelab.lock").exists() {
            true => certificates(&lab),
            false => Default::default(),
        };
        lab.command(["build"]).through(NEITHER).run().succeeds();
        let now = certificates(&lab);
        assert!(issued.iter().all(|(known, _)| now.contains_key(known)));
        lab.command(["build", "--check"]).run().succeeds();
        assert!(!lab.path().join(".homelab.age.pending").exists());
    }
}
