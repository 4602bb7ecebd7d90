//! What git and editors make of the ends of lines, and what git is told so that it does not.

use std::fs;

use super::home::{DECLARATION, built, git, is_unchanged};
use super::support::lab::Lab;

const ATTRIBUTES: &str = "homelab.lock text eol=lf merge=union\nhomelab.age binary\n";
const FORMER: &str = "homelab.lock merge=union\n";

/// The same lab as Git for Windows checks it out by default.
fn cloned(lab: &Lab) -> Lab {
    git(lab, ".", &["init", "-q"]);
    git(lab, ".", &["add", "-A"]);
    git(lab, ".", &["commit", "-qm", "begin"]);
    let clone = lab.copy();
    fs::remove_dir_all(clone.path()).expect("a copy");
    let (from, to) = (lab.path(), clone.path());
    let (from, to) = (from.display().to_string(), to.display().to_string());
    git(
        lab,
        ".",
        &["clone", "-q", "-c", "core.autocrlf=true", &from, &to],
    );
    clone
}

fn status(lab: &Lab) -> String {
    git(lab, ".", &["status", "--short"])
}

#[test]
fn a_clone_with_other_ends_of_lines_builds_and_stays_clean() {
    let clone = cloned(&built());
    assert!(clone.read("homelab.kdl").contains("\r\n"));
    assert!(!clone.read("homelab.lock").contains('\r'));
    assert!(!clone.read("homelab.age").contains('\r'));
    clone.command(["build"]).run().succeeds();
    clone.command(["build", "--locked"]).run().succeeds();
    assert_eq!(status(&clone), "");
    clone.command(["renew", "--all"]).run().succeeds();
    assert_eq!(status(&clone), " M homelab.lock\n");
}

#[test]
fn a_lock_that_git_has_rewritten_is_read_and_left_as_it_is() {
    let lab = built();
    lab.write(".gitattributes", FORMER);
    let clone = cloned(&lab);
    let lock = clone.read("homelab.lock");
    assert!(lock.contains("\r\n") && clone.read("homelab.age").contains("\r\n"));
    for command in [
        &["build", "--locked"][..],
        &["check"],
        &["build", "--check"],
    ] {
        clone.command(command).run().succeeds();
    }
    let plan = clone.command(["plan", "--expect-no-changes"]).run();
    plan.succeeds();
    assert_eq!(status(&clone), "");
    let build = clone.command(["build"]).run();
    build.succeeds().stderr_contains(".gitattributes");
    assert_eq!(clone.read("homelab.lock"), lock);
    assert_eq!(
        clone.read(".gitattributes"),
        ATTRIBUTES.replacen('\n', "\r\n", 1)
    );
    // Git looks again at what was written since. By the new attributes it would commit the ends of lines in homelab.age as they are.
    clone.write("homelab.lock", &lock);
    clone.write("homelab.age", clone.read("homelab.age"));
    assert_eq!(status(&clone), " M .gitattributes\n M homelab.age\n");
    clone.command(["revoke", "alice/pixel"]).run().succeeds();
    assert!(!clone.read("homelab.lock").contains('\r'));
    let numbers = git(&clone, ".", &["diff", "--numstat", "homelab.lock"]);
    let changed: Vec<&str> = numbers.split_whitespace().collect();
    let lines: u32 = changed[0].parse().expect("a number");
    assert!(lines <= 4, "the lines that changed alone: {numbers}");
    // The remedy of former messages is one now.
    git(&clone, ".", &["checkout", "--", "homelab.lock"]);
    clone.command(["status"]).run().succeeds();
}

#[test]
fn byte_order_marks_and_ends_of_lines_change_nothing() {
    let lab = built();
    let names = [
        "homelab.kdl",
        "homelab.lock",
        "homelab.age",
        "out/.homelab/manifest.kdl",
    ];
    for name in names {
        let text = lab.read(name).replace('\n', "\r\n");
        lab.write(name, format!("\u{feff}{text}"));
    }
    let identity = lab.home().join(".config/homelab/identity.txt");
    let text = fs::read_to_string(&identity).expect("init has made it");
    let text = text.replace('\n', "\r\n");
    fs::write(&identity, format!("\u{feff}{text}")).expect("written");
    let written: Vec<Vec<u8>> = names.iter().map(|name| lab.read_bytes(name)).collect();
    let build = lab.command(["build"]).run();
    is_unchanged(&build);
    lab.command(["build", "--check"]).run().succeeds();
    lab.command(["password", "alice/pixel"]).run().succeeds();
    let now: Vec<Vec<u8>> = names.iter().map(|name| lab.read_bytes(name)).collect();
    assert_eq!(now, written);
    lab.command(["renew", "--all"]).run().succeeds();
    assert!(
        lab.read("homelab.lock")
            .starts_with("// What has been issued")
    );
}

#[test]
fn a_carriage_return_alone_is_damage() {
    for alter in [
        |lock: &str| lock.replace('\n', "\r"),
        |lock: &str| lock.replacen("\" ", "\"\r ", 1),
        |lock: &str| lock.replace('\n', "\r\r\n"),
        |lock: &str| lock.replacen('\n', "\n\u{feff}", 1),
    ] {
        let lab = built();
        lab.write("homelab.lock", alter(&lab.read("homelab.lock")));
        let before = lab.snapshot();
        let build = lab.command(["build"]).run();
        build.fails_with(3).stderr_contains("help:");
        assert_eq!(lab.snapshot(), before);
    }
}

/// Who begins with `build` has told git nothing by `init`.
#[test]
fn a_first_build_tells_git_what_init_does() {
    let lab = Lab::new().declare(DECLARATION);
    lab.write(".gitignore", "*.swp");
    lab.write(".gitattributes", "homelab.age diff=age\n");
    let build = lab.command(["build"]).run();
    build.succeeds().stderr_contains(".gitattributes");
    assert_eq!(
        lab.read(".gitignore"),
        "*.swp\n/out\n/.homelab.age.pending\n"
    );
    assert_eq!(
        lab.read(".gitattributes"),
        "homelab.age diff=age\nhomelab.lock text eol=lf merge=union\n"
    );
    let again = lab.command(["build"]).run();
    again.succeeds().stderr_lacks(".gitattributes");
}

#[test]
fn later_builds_bring_attributes_up_to_date_in_git_alone_and_leave_what_the_user_says() {
    for (in_git, before, after) in [
        (true, Some(FORMER), ATTRIBUTES),
        (true, None, ATTRIBUTES),
        (false, Some(FORMER), FORMER),
        (
            true,
            Some("homelab.lock -merge\n/homelab.age filter=x\n"),
            "homelab.lock -merge\n/homelab.age filter=x\n",
        ),
    ] {
        let lab = built();
        fs::remove_file(lab.path().join(".gitignore")).expect("init has made it");
        fs::remove_file(lab.path().join(".gitattributes")).expect("init has made it");
        if let Some(before) = before {
            lab.write(".gitattributes", before);
        }
        if in_git {
            git(&lab, ".", &["init", "-q"]);
        }
        for command in [
            &["build", "--locked"][..],
            &["build", "--edge"],
            &["build", "--check"],
        ] {
            lab.command(command).run().succeeds();
        }
        assert_eq!(attributes(&lab), before.unwrap_or_default());
        let build = lab.command(["build"]).run();
        build.succeeds();
        let is_told = build.stderr().contains(".gitattributes");
        assert_eq!(is_told, after != before.unwrap_or_default());
        assert_eq!(attributes(&lab), after);
        assert!(!lab.path().join(".gitignore").exists());
    }
}

fn attributes(lab: &Lab) -> String {
    fs::read_to_string(lab.path().join(".gitattributes")).unwrap_or_default()
}
