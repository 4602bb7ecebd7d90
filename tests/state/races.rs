//! One command begins, and before it holds the directory another one comes and goes: the first goes by what the second has left.

use std::thread;
use std::time::Duration;

use super::home::{DECLARATION, built, declare, foreign_authority, states};
use super::support::lab::Lab;
use super::support::outcome::Outcome;

/// How late the first command is at taking hold, in microseconds: the second has to be through by then.
const LATE: &str = "inject=flock:delay_enter=6000000:when=1";

/// Runs `first`, which is late at taking hold, and `second` meanwhile.
fn overtaken(lab: &Lab, first: &[&str], second: impl FnOnce() + Send) -> Outcome {
    thread::scope(|scope| {
        let first = scope.spawn(|| lab.command(first).tampered(LATE).run());
        thread::sleep(Duration::from_millis(1500));
        second();
        first.join().expect("it ends")
    })
}

#[test]
fn a_rotation_is_not_finished_that_began_meanwhile() {
    let lab = built();
    let finish = overtaken(&lab, &["rotate", "--finish"], || {
        lab.command(["rotate", "--authority"]).run().succeeds();
    });
    finish
        .fails_with(4)
        .stderr_contains("rotate::depended-on")
        .stderr_contains("alice/pixel");
    assert_eq!(states(&lab, "alice/pixel"), ["active"]);
}

#[test]
fn a_device_that_was_revoked_meanwhile_is_not_renewed() {
    let lab = built();
    let renew = overtaken(&lab, &["renew", "--all"], || {
        let revoke = ["revoke", "--no-replace", "bob/iphone"];
        lab.command(revoke).run().succeeds();
    });
    renew.succeeds();
    assert_eq!(states(&lab, "bob/iphone"), ["barred"]);
    assert_eq!(states(&lab, "alice/pixel"), ["active", "replaced"]);
}

#[test]
fn what_is_due_is_asked_when_the_directory_is_held() {
    let lab = built();
    let later = "2000000000";
    let due = ["renew", "--due"];
    let late = thread::scope(|scope| {
        let late = scope.spawn(|| {
            let renew = lab.command(due).at(later);
            renew.tampered(LATE).run()
        });
        thread::sleep(Duration::from_millis(1500));
        let renew = lab.command(due).at(later);
        renew.run().succeeds();
        late.join().expect("it ends")
    });
    late.succeeds().stdout_contains("nothing is due");
}

#[test]
fn an_authority_that_was_adopted_meanwhile_is_not_adopted_twice() {
    let lab = built();
    foreign_authority(&lab);
    let adopt = ["adopt", "ca.pem", "--key", "ca.key"];
    let late = overtaken(&lab, &adopt, || {
        lab.command(adopt).run().succeeds();
    });
    late.succeeds().stdout_contains("trusted already");
    let lock = lab.read("homelab.lock");
    assert_eq!(lock.matches("\nauthority ").count(), 2, "{lock}");
    lab.command(["build", "--check"]).run().succeeds();
}

#[test]
fn a_build_goes_by_the_declaration_of_when_it_holds_the_directory() {
    let lab = built();
    let without_pixel = DECLARATION.replace("    device \"pixel\" platform=\"android\"\n", "");
    let build = overtaken(&lab, &["build"], || {
        declare(&lab, &without_pixel);
        lab.command(["build"]).run().succeeds();
    });
    build.succeeds().stdout_lacks("issued");
    assert_eq!(states(&lab, "alice/pixel"), ["retired"]);
    assert!(!lab.path().join("out/people/alice/pixel").exists());
}

#[test]
fn a_device_that_was_revoked_meanwhile_is_revoked_no_second_time() {
    let lab = built();
    let revoke = ["revoke", "--no-replace", "bob/iphone"];
    let late = overtaken(&lab, &revoke, || {
        lab.command(revoke).run().succeeds();
    });
    late.succeeds().stdout_contains("out already");
    assert_eq!(states(&lab, "bob/iphone"), ["barred"]);
}

#[test]
fn a_directory_that_was_moved_away_meanwhile_is_not_written_in() {
    let lab = built();
    let (here, away) = (lab.path(), lab.home().join("away"));
    let before = lab.read("homelab.lock");
    let renew = overtaken(&lab, &["renew", "--all", "--file", &file(&lab)], || {
        std::fs::rename(&here, &away).expect("moved");
        super::support::files::copy(&away, &here);
    });
    renew.succeeds();
    let moved = std::fs::read_to_string(away.join("homelab.lock")).expect("it is there");
    assert_eq!(moved, before);
    assert_eq!(states(&lab, "bob/iphone"), ["active", "replaced"]);
}

fn file(lab: &Lab) -> String {
    lab.path().join("homelab.kdl").display().to_string()
}
