//! Two branches that each renewed, added, removed or revoked: what git makes of their locks with `merge=union`.

use std::fs;

use super::renewal::{DECLARATION, run, states};
use crate::support::lab::Lab;
use crate::support::tools;

/// A homelab of ten days ago, and two copies of it, in which each does something else on the same day.
struct Branches {
    base: Lab,
    ours: Lab,
    theirs: Lab,
}

impl Branches {
    fn new(ours: &[&str], theirs: &[&str]) -> Self {
        let base = Lab::new().declare(DECLARATION);
        run(&base, 0, ["build"]).succeeds();
        let done = |arguments: &[&str]| {
            let branch = base.copy();
            branch
                .command(arguments.iter().copied())
                .on(10)
                .run()
                .succeeds();
            branch
        };
        let (ours, theirs) = (done(ours), done(theirs));
        Self { base, ours, theirs }
    }

    /// Their lock into ours, as git does it.
    fn merged(self) -> Lab {
        let place = |lab: &Lab| lab.path().join("homelab.lock");
        let files = [&self.ours, &self.base, &self.theirs].map(place);
        let union = ["merge-file".into(), "--union".into()]
            .into_iter()
            .chain(files);
        tools::run("git", union).succeeds();
        self.ours
    }
}

#[test]
fn two_renewals_of_two_devices_are_both_done() {
    let branches = Branches::new(&["renew", "alice/pixel"], &["renew", "bob/iphone"]);
    let theirs = branches.theirs.read("homelab.lock");
    let lab = branches.merged();
    run(&lab, 11, ["build"])
        .succeeds()
        .stdout_lacks("issued")
        .stdout_lacks("retired");
    for device in ["alice/pixel", "bob/iphone"] {
        assert_eq!(states(&lab, device)[0], "active", "{device}");
        assert_eq!(states(&lab, device).len(), 2, "{device}");
    }
    let (_, id) = theirs
        .split_once("certificate \"bob/iphone\" id=\"")
        .expect("it is there");
    assert!(
        lab.read("homelab.lock").contains(&id[..32]),
        "theirs, and not another"
    );
}

#[test]
fn one_device_renewed_twice_is_told_with_a_remedy_that_works() {
    let lab = Branches::new(&["renew", "alice/pixel"], &["renew", "alice/pixel"]).merged();
    let refused = run(&lab, 11, ["build"]);
    refused
        .fails_with(3)
        .stderr_contains("lock::duplicate")
        .stderr_contains("delete the other");
    let lock = lab.read("homelab.lock");
    let theirs = lock.lines().rfind(|line| {
        line.starts_with("certificate \"alice/pixel\"") && line.contains("\"active\"")
    });
    let theirs = format!("{}\n", theirs.expect("both are there"));
    lab.write("homelab.lock", lock.replace(&theirs, ""));
    run(&lab, 11, ["build"]).succeeds().stdout_lacks("issued");
    assert_eq!(states(&lab, "alice/pixel").len(), 2);
}

/// Who shuts out prevails, whatever else was done to that certificate.
#[test]
fn what_one_branch_revoked_stays_revoked() {
    for renewed in [&["renew", "alice/pixel"][..], &["renew", "--all"]] {
        let lab = Branches::new(renewed, &["revoke", "--no-replace", "alice/pixel"]).merged();
        let before = lab.read("homelab.lock");
        assert_eq!(
            before.matches("certificate \"alice/pixel\"").count(),
            3,
            "{before}"
        );
        run(&lab, 11, ["build"]).succeeds();
        // So is what the other branch issued meanwhile: it may be on the device that was lost.
        let barred = "barred retired=2027-01-11T00:00:00Z";
        assert_eq!(states(&lab, "alice/pixel"), [barred, barred]);
        run(&lab, 12, ["renew", "alice/pixel"]).succeeds();
        assert_eq!(states(&lab, "alice/pixel")[0], "active");
    }
    let lab = Branches::new(&["revoke", "alice/pixel"], &["renew", "bob/iphone"]).merged();
    run(&lab, 11, ["build"]).succeeds().stdout_lacks("issued");
    assert_eq!(
        states(&lab, "alice/pixel")[1],
        "retired retired=2027-01-11T00:00:00Z"
    );
    let out = fs::read_dir(lab.path().join("out/people/bob/iphone"));
    // A .p12 and a profile.
    assert_eq!(out.expect("it was built").count(), 2);
}
