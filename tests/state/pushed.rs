//! What somebody who can push puts into the repository: links in the places of the files that a build reads and writes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::home::{built, git};
use super::support::lab::Lab;

/// A homelab in git.
fn in_git() -> Lab {
    let lab = built();
    git(&lab, ".", &["init", "-q"]);
    git(&lab, ".", &["add", "-A"]);
    git(&lab, ".", &["commit", "-qm", "begin"]);
    lab
}

/// A file of the user's own beside the repository, which nobody else may read.
fn own_file(lab: &Lab, name: &str, text: &str) -> PathBuf {
    let path = lab.home().join(name);
    fs::write(&path, text).expect("it is written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
    path
}

/// Puts a link in a file's place.
fn link(lab: &Lab, name: &str, target: &Path) {
    let path = lab.path().join(name);
    if path.symlink_metadata().is_ok() {
        fs::remove_file(&path).expect("it is a file");
    }
    symlink(target, path).expect("a link");
}

#[test]
fn nothing_is_written_through_a_link_in_the_place_of_a_file_of_gits() {
    let lab = in_git();
    let profile = own_file(&lab, ".profile", "echo mine\n");
    let beside = own_file(&lab, "..profile.tmp", "mine, too\n");
    for name in [".gitattributes", ".gitignore"] {
        let before = fs::read(lab.path().join(name)).expect("it is there");
        link(&lab, name, &profile);
        let build = lab.command(["build"]).run();
        build.succeeds();
        if name == ".gitattributes" {
            build.stderr_contains("`.gitattributes` is a link, which git does not follow");
        }
        lab.command(["revoke", "alice/pixel"]).run().succeeds();
        assert_eq!(
            fs::read_to_string(&profile).expect("it is there"),
            "echo mine\n"
        );
        assert_eq!(
            fs::metadata(&profile).expect("it is there").mode() & 0o777,
            0o600
        );
        assert!(beside.exists());
        fs::remove_file(lab.path().join(name)).expect("the link");
        fs::write(lab.path().join(name), before).expect("it is written");
    }
    // Where a homelab begins they are not written through either.
    let new = Lab::new();
    let profile = own_file(&new, ".profile", "echo mine\n");
    link(&new, ".gitattributes", &profile);
    link(&new, ".gitignore", &profile);
    new.command(["init", "home.example.com"]).run().succeeds();
    assert_eq!(
        fs::read_to_string(&profile).expect("it is there"),
        "echo mine\n"
    );
}

#[test]
fn what_is_written_again_keeps_its_mode() {
    let lab = in_git();
    for name in ["homelab.lock", "homelab.age", ".gitattributes"] {
        let private = Permissions::from_mode(0o600);
        fs::set_permissions(lab.path().join(name), private).expect("it is ours");
    }
    lab.write(".gitattributes", "");
    lab.command(["rotate", "--root"]).run().succeeds();
    lab.command(["build"]).run().succeeds();
    assert!(lab.read(".gitattributes").contains("homelab.lock"));
    for name in ["homelab.lock", "homelab.age", ".gitattributes"] {
        let there = fs::metadata(lab.path().join(name)).expect("it is there");
        assert_eq!(there.mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_pending_secret_is_no_way_to_a_file_elsewhere() {
    let lab = in_git();
    let identity = lab.home().join(".config/homelab/identity.txt");
    assert!(
        fs::read_to_string(&identity)
            .expect("it was made")
            .contains("AGE-SECRET-KEY")
    );
    let sealed = fs::read(lab.path().join("homelab.age")).expect("it is there");
    let pending = lab.path().join(".homelab.age.pending");
    let put: [(&str, &dyn Fn()); 4] = [
        ("a link", &|| symlink(&identity, &pending).expect("a link")),
        ("a link to what is sealed", &|| {
            let elsewhere = lab.home().join("elsewhere.age");
            fs::write(&elsewhere, &sealed).expect("it is written");
            symlink(elsewhere, &pending).expect("a link");
        }),
        ("plain", &|| {
            _ = fs::copy(&identity, &pending).expect("copied")
        }),
        ("cut", &|| {
            fs::write(&pending, &sealed[..sealed.len() / 2]).expect("written")
        }),
    ];
    for (what, put) in put {
        fs::remove_file(lab.path().join("homelab.age")).expect("it is there");
        put();
        for command in ["build", "renew --all", "rotate --reseal"] {
            let refused = lab.command(command.split(' ')).run();
            refused.fails_with(3).stderr_contains("root::stray");
            assert!(
                !lab.path().join("homelab.age").exists(),
                "{what}: {command}"
            );
        }
        fs::remove_file(&pending).expect("it is there still");
        fs::write(lab.path().join("homelab.age"), &sealed).expect("it is written");
    }
    // A link that nobody needs goes away, and what it leads to stays.
    symlink(&identity, &pending).expect("a link");
    lab.command(["build"]).run().succeeds();
    assert!(pending.symlink_metadata().is_err() && identity.exists());
    // The one that an interrupted command has left is put in its place.
    fs::rename(lab.path().join("homelab.age"), &pending).expect("renamed");
    lab.command(["renew", "--all"]).run().succeeds();
    assert_eq!(
        fs::read(lab.path().join("homelab.age")).expect("it is there"),
        sealed
    );
}

/// The secret of another homelab, sealed to whoever works here.
#[test]
fn a_pending_secret_of_another_homelab_is_refused() {
    let lab = in_git();
    let other = Lab::new();
    let identity = lab.home().join(".config/homelab/identity.txt");
    let named = identity.to_str().expect("a test's paths are UTF-8");
    let begin = ["init", "home.example.com", "--identity", named];
    other.command(begin).run().succeeds();
    fs::remove_file(lab.path().join("homelab.age")).expect("it is there");
    let pending = lab.path().join(".homelab.age.pending");
    fs::copy(other.path().join("homelab.age"), pending).expect("copied");
    let refused = lab.command(["build"]).run();
    refused
        .fails_with(3)
        .stderr_contains("root::stray")
        .stderr_contains("not the secret that homelab.lock pins");
    assert!(!lab.path().join("homelab.age").exists());
}

#[test]
fn nothing_of_a_file_elsewhere_is_shown() {
    const SECRET: &str = "TOKEN-s3cr3t-0123";
    let lab = in_git();
    let text = format!("machine x login y password {SECRET}\n{SECRET} {{\n");
    let netrc = own_file(&lab, ".netrc", &text);
    let environment = Path::new("/proc/self/environ");
    let kept = ["homelab.kdl", "homelab.lock"].map(|name| (name, lab.read(name)));
    for target in [netrc.as_path(), environment] {
        for (name, text) in &kept {
            link(&lab, name, target);
            for command in [
                "check",
                "build --edge",
                "build",
                "status",
                "plan",
                "exposure",
            ] {
                let told = lab
                    .command(command.split(' '))
                    .env("GH_TOKEN", SECRET)
                    .run();
                assert!(!told.status.success(), "{told}");
                let said = [told.stdout(), told.stderr()].concat();
                assert!(
                    !said.contains(SECRET),
                    "{name} -> {target:?}, {command}\n{told}"
                );
                if command == "check" {
                    told.stderr_contains("workspace::mistakes-behind-link");
                }
            }
            fs::remove_file(lab.path().join(name)).expect("the link");
            lab.write(name, text);
        }
    }
    // What a link within the directory leads to is the homelab's own: it is shown.
    lab.write("mine.kdl", "domain \"home.example.com\"\nnonsense\n");
    link(&lab, "homelab.kdl", Path::new("mine.kdl"));
    lab.command(["check"])
        .run()
        .fails_with(1)
        .stderr_contains("nonsense");
    // And so is what is named, wherever it is.
    let elsewhere = own_file(
        &lab,
        "homelab.kdl",
        "domain \"home.example.com\"\nnonsense\n",
    );
    link(&lab, "homelab.kdl", &elsewhere);
    lab.command(["check"])
        .run()
        .fails_with(1)
        .stderr_contains("homelab check --file")
        .stderr_lacks("nonsense");
    let named = elsewhere.to_str().expect("a test's paths are UTF-8");
    lab.command(["check", "--file", named])
        .run()
        .fails_with(1)
        .stderr_contains("nonsense");
}

/// Killed as it gives the file its name, or just before: nothing is left that git could take along.
#[test]
fn an_export_that_is_killed_leaves_nothing() {
    const KILLED: &str = "inject=linkat,renameat2,renameat,rename:signal=SIGKILL";
    let lab = in_git();
    fs::write(lab.path().join(".gitignore"), "/out/\n*.pem\n").expect("it is written");
    git(&lab, ".", &["add", "-A"]);
    git(&lab, ".", &["commit", "-qm", "ignore"]);
    let export = ["export", "alice/pixel", "--output", "key.pem"];
    let killed = lab.command(export).tampered(KILLED).run();
    assert!(!killed.status.success(), "{killed}");
    assert_eq!(git(&lab, ".", &["status", "--short"]), "");
    assert!(!lab.path().join(".key.pem.tmp").exists());
    lab.command(export).run().succeeds();
    let key = lab.read("key.pem");
    let forced = export.into_iter().chain(["--force"]);
    let killed = lab.command(forced.clone()).tampered(KILLED).run();
    assert!(!killed.status.success(), "{killed}");
    assert_eq!(git(&lab, ".", &["status", "--short"]), "");
    lab.command(forced).run().succeeds();
    assert_eq!(lab.read("key.pem"), key);
    let there = fs::metadata(lab.path().join("key.pem")).expect("it is there");
    assert_eq!(there.mode() & 0o777, 0o600);
}
