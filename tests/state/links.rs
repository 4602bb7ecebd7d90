//! The lock and the secret are links into another directory, as stow and chezmoi make them: what they lead to is what counts.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::home::{DECLARATION, built, certificates, git};
use super::support::files::snapshot;
use super::support::lab::Lab;

const LINKED: [&str; 4] = [
    ".gitattributes",
    ".gitignore",
    "homelab.lock",
    "homelab.age",
];

/// A homelab whose files lie in `repo`, in git, and are links in its own directory.
fn linked() -> Lab {
    let lab = built();
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    fs::create_dir(lab.path().join("repo")).expect("a new directory");
    for name in LINKED.into_iter().chain(["homelab.kdl"]) {
        let repo = lab.path().join("repo").join(name);
        fs::rename(lab.path().join(name), repo).expect("it is there");
        symlink(Path::new("repo").join(name), lab.path().join(name)).expect("a link");
    }
    git(&lab, "repo", &["init", "-q"]);
    git(&lab, "repo", &["add", "-A"]);
    git(&lab, "repo", &["commit", "-qm", "begin"]);
    lab.command(["build"]).run().succeeds();
    assert_eq!(git(&lab, "repo", &["status", "--short"]), "");
    lab
}

fn is_link(lab: &Lab, name: &str) -> bool {
    let there = fs::symlink_metadata(lab.path().join(name)).expect("it is there");
    there.is_symlink()
}

#[test]
fn a_revocation_is_written_to_what_the_link_leads_to() {
    let lab = linked();
    let lost = certificates(&lab);
    let lost = lost.iter().find(|(_, known)| known.device == "alice/pixel");
    let (lost, _) = lost.expect("it was issued");
    lab.command(["revoke", "alice/pixel"]).run().succeeds();
    assert!(LINKED.iter().all(|name| is_link(&lab, name)));
    let changed = git(&lab, "repo", &["status", "--short"]);
    assert_eq!(changed, " M homelab.lock\n");
    // Who deploys from the repository shuts it out.
    let file = [
        "build",
        "--edge",
        "--file",
        "repo/homelab.kdl",
        "--out",
        "out",
    ];
    lab.command(file).run().succeeds();
    assert!(!lab.let_in().contains(lost));
    lab.command(["rotate", "--root"]).run().succeeds();
    assert!(LINKED.iter().all(|name| is_link(&lab, name)));
    let changed = git(&lab, "repo", &["status", "--short"]);
    assert_eq!(changed, " M homelab.age\n M homelab.lock\n");
    lab.command(["build", "--check"]).run().succeeds();
    let left: Vec<String> = snapshot(&lab.path().join("repo")).into_keys().collect();
    assert!(!left.iter().any(|name| name.ends_with(".tmp")), "{left:?}");
}

#[test]
fn a_chain_of_links_into_another_file_system_is_followed() {
    let lab = built();
    let device = |path: &Path| fs::metadata(path).expect("it is there").dev();
    // Where the lab is in memory, a directory of the build's is not.
    let directories = ["/dev/shm", env!("CARGO_TARGET_TMPDIR")];
    let elsewhere = { directories.iter().map(Path::new) }
        .find(|directory| device(directory) != device(&lab.path()))
        .expect("one of them is on another file system");
    let elsewhere = tempfile::tempdir_in(elsewhere).expect("a directory");
    for name in ["homelab.lock", "homelab.age"] {
        let there = elsewhere.path().join(name);
        fs::copy(lab.path().join(name), &there).expect("copied");
        fs::remove_file(lab.path().join(name)).expect("it was there");
        let step = lab.home().join(name);
        symlink(there, &step).expect("a link");
        symlink(step, lab.path().join(name)).expect("a link to the link");
    }
    lab.command(["renew", "--all"]).run().succeeds();
    assert!(is_link(&lab, "homelab.lock"));
    let lock = fs::read_to_string(elsewhere.path().join("homelab.lock")).expect("it is there");
    assert_eq!(lock.matches("state=\"replaced\"").count(), 2, "{lock}");
    lab.command(["build", "--check"]).run().succeeds();
}

/// What a link leads to may be on a disk that is not there at the moment: nothing is begun anew.
#[test]
fn a_link_to_nothing_is_no_reason_for_a_new_authority() {
    let lab = built();
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    let away = |name: &str| lab.home().join("away").join(name);
    fs::create_dir(lab.home().join("away")).expect("a new directory");
    for name in ["homelab.lock", "homelab.age"] {
        fs::rename(lab.path().join(name), away(name)).expect("it is there");
        symlink(away(name), lab.path().join(name)).expect("a link");
    }
    lab.command(["check"]).run().succeeds();
    fs::rename(lab.home().join("away"), lab.home().join("unmounted")).expect("unmounted");
    let before = lab.snapshot();
    for command in [
        "build",
        "check",
        "status",
        "plan",
        "renew --all",
        "rotate --authority",
    ] {
        lab.command(command.split(' '))
            .run()
            .fails_with(3)
            .stderr_contains("tree::link-to-nothing")
            .stderr_contains("homelab.lock");
        assert_eq!(lab.snapshot(), before, "{command}");
    }
    fs::remove_file(lab.path().join("homelab.lock")).expect("the link");
    let before = lab.snapshot();
    let alone = lab.command(["build"]).run();
    alone.fails_with(3).stderr_contains("homelab.age");
    assert_eq!(lab.snapshot(), before);
}

#[test]
fn an_identity_that_is_a_link_to_nothing_is_not_made_anew() {
    let lab = Lab::new().declare(DECLARATION);
    let directory = lab.home().join(".config/homelab");
    fs::create_dir_all(&directory).expect("made");
    symlink("/media/key/identity.txt", directory.join("identity.txt")).expect("a link");
    let before = lab.snapshot();
    let build = lab.command(["build"]).run();
    build
        .fails_with(3)
        .stderr_contains("tree::link-to-nothing")
        .stderr_contains("/media/key/");
    assert_eq!(lab.snapshot(), before);
}

#[test]
fn circles_and_directories_are_told_and_left() {
    for (name, target) in [
        ("homelab.lock", "homelab.lock"),
        ("homelab.age", "homelab.age"),
        ("homelab.lock", "out"),
        ("homelab.age", "out"),
    ] {
        let lab = built();
        fs::remove_file(lab.path().join(name)).expect("it was there");
        symlink(target, lab.path().join(name)).expect("a link");
        let before = lab.snapshot();
        let renew = lab.command(["renew", "--all"]).run();
        renew
            .fails_with(3)
            .stderr_contains(name)
            .stderr_contains("help:")
            .stderr_lacks("panicked");
        assert_eq!(lab.snapshot(), before, "{name} → {target}");
    }
}

#[test]
fn another_name_of_the_lock_keeps_what_it_had_and_that_is_said() {
    let lab = built();
    let (lock, other) = (
        lab.path().join("homelab.lock"),
        lab.home().join("backup.lock"),
    );
    fs::hard_link(&lock, &other).expect("on one file system");
    let before = lab.read("homelab.lock");
    let renew = lab.command(["renew", "--all"]).run();
    renew
        .succeeds()
        .stderr_contains("has another name (a hard link)");
    assert_eq!(fs::read_to_string(&other).expect("it is there"), before);
    assert_ne!(lab.read("homelab.lock"), before);
    let again = lab.command(["renew", "--all"]).run();
    again.succeeds().stderr_lacks("hard link");
}

/// Who works where the links are and who works where the files are write the same files.
#[test]
fn the_directory_that_links_lead_to_is_held_too() {
    let lab = linked();
    let directory = File::open(lab.path().join("repo")).expect("it is there");
    directory.lock().expect("nobody else holds it");
    let before = lab.snapshot();
    let mut revoke = lab.command(["revoke", "alice/pixel"]).start();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(lab.snapshot(), before);
    assert!(revoke.try_wait().expect("it runs").is_none());
    drop(directory);
    let ended = revoke.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{ended:?}");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("which holds `repo`"), "{told}");
}

#[test]
fn init_replaces_no_link() {
    let lab = Lab::new();
    fs::write(lab.home().join("ignored"), "*.swp\n").expect("written");
    symlink(lab.home().join("ignored"), lab.path().join(".gitignore")).expect("a link");
    symlink("elsewhere.kdl", lab.path().join("homelab.kdl")).expect("a link");
    let init = ["init", "home.example.com"];
    let refused = lab.command(init).run();
    refused.fails_with(3).stderr_contains("init::exists");
    assert!(is_link(&lab, "homelab.kdl"));
    fs::remove_file(lab.path().join("homelab.kdl")).expect("the link");
    lab.command(init).run().succeeds();
    // Git would not follow this one, and so nothing is written through it.
    assert!(is_link(&lab, ".gitignore"));
    let ignored = fs::read_to_string(lab.home().join("ignored")).expect("it is there");
    assert_eq!(ignored, "*.swp\n");
}
