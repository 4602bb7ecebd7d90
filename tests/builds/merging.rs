//! The lock after git has merged it, or somebody has edited it.

use super::home::{
    add_device, authority, build, built, certificate, homelab, refused, remove_device,
};
use super::support::files::changed;
use super::support::lab::Lab;
use super::support::lock::{resigned, with_check};

#[track_caller]
pub fn replace_in_lock(lab: &Lab, from: &str, to: &str) {
    let lock = lab.read("homelab.lock");
    assert_eq!(lock.matches(from).count(), 1, "{from:?} in\n{lock}");
    lab.write("homelab.lock", lock.replace(from, to));
}

#[test]
fn a_lost_certificate_is_issued_anew_and_nothing_else_is() {
    let lab = built();
    let line = certificate(&lab, "alice/pixel");
    let old = (authority(&lab), certificate(&lab, "alice/macbook"));
    replace_in_lock(&lab, &format!("{line}\n"), "");
    let locked = homelab(&lab, ["build", "--locked"]);
    refused(&lab, locked, 4, &["alice/pixel is to be issued"]);
    let before = lab.snapshot();
    let outcome = build(&lab);
    outcome
        .succeeds()
        .stdout_contains("issued alice/pixel until");
    assert_eq!(
        changed(&before, &lab.snapshot()),
        [
            "~ homelab.lock",
            "~ out/.homelab/manifest.kdl",
            "~ out/edge/exposure.json",
            "~ out/edge/sites.caddyfile",
            "~ out/people/alice/guide.html",
            "~ out/people/alice/pixel/alice-pixel.p12",
            "~ out/renewals.ics",
        ]
    );
    assert_eq!(
        (authority(&lab), certificate(&lab, "alice/macbook")),
        old,
        "{outcome}"
    );
}

#[test]
fn an_edited_fingerprint_is_noticed_even_with_a_signature_that_fits() {
    let lab = built();
    let line = certificate(&lab, "alice/pixel");
    let at = line.find("fingerprint=\"").expect("it has one") + "fingerprint=\"".len();
    let other = if line[at..].starts_with('0') {
        "1"
    } else {
        "0"
    };
    let edited = format!("{}{other}{}", &line[..at], &line[at + 1..]);
    replace_in_lock(&lab, &line, &edited);
    refused(&lab, homelab(&lab, ["build"]), 3, &["lock::damaged"]);
    let checked = with_check(&edited);
    replace_in_lock(&lab, &edited, &checked);
    refused(&lab, homelab(&lab, ["build"]), 3, &["lock::forged"]);
    replace_in_lock(&lab, &checked, &resigned(&lab, &edited));
    refused(
        &lab,
        homelab(&lab, ["build"]),
        3,
        &["issue::not-as-recorded"],
    );
}

#[test]
fn the_order_of_the_lines_does_not_matter() {
    let lab = built();
    let [one, two] = ["alice/macbook", "bob/iphone"].map(|device| certificate(&lab, device));
    let lock = lab.read("homelab.lock");
    let swapped = lock.replace(&one, "\0").replace(&two, &one);
    lab.write("homelab.lock", swapped.replace('\0', &two));
    let before = lab.snapshot();
    homelab(&lab, ["build", "--locked"]).run().succeeds();
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
    // A build that may change the lock puts it in order.
    build(&lab).succeeds().stdout_is("19 unchanged\n");
    assert_eq!(lab.read("homelab.lock"), lock);
}

#[test]
fn two_branches_that_add_devices_side_by_side_merge() {
    let lab = Lab::new().declare(super::home::SMALL);
    let before = begin(&lab);
    // Both lines come to stand between alice/pixel's and bob/iphone's: without `union` a conflict.
    branch(&lab, "one", |lab| {
        lab.edit(
            "\"Alice\"\n",
            "\"Alice\"\n    device \"watch\" platform=\"wearos\"\n",
        );
    });
    branch(&lab, "two", |lab| {
        lab.edit(
            "version=13\n",
            "version=13\n    device \"tablet\" platform=\"android\"\n",
        );
    });
    lab.git(&["merge", "-q", "-m", "both", "one"]).succeeds();
    let merged = lab.read("homelab.lock");
    homelab(&lab, ["build", "--locked"]).run().succeeds();
    assert_eq!(lab.read("homelab.lock"), merged, "nothing is issued anew");
    let kept = before.lines().filter(|line| merged.contains(line)).count();
    assert_eq!(kept, before.lines().count());
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    for device in ["alice/tablet", "alice/watch"] {
        certificate(&lab, device);
        assert!(caddyfile.contains(device), "{caddyfile}");
    }
}

#[test]
fn a_device_that_two_branches_add_is_told_with_both_lines() {
    let lab = Lab::new().declare(super::home::SMALL);
    begin(&lab);
    branch(&lab, "one", add_device);
    branch(&lab, "two", add_device);
    lab.git(&["merge", "-q", "-m", "both", "one"]).succeeds();
    let words = [
        "lock::duplicate",
        "homelab.lock has `bob/tablet` twice: lines 9 and 10",
    ];
    refused(&lab, homelab(&lab, ["build"]), 3, &words);
    let lock = lab.read("homelab.lock");
    let is_either = |line: &&str| line.starts_with("certificate \"bob/tablet\"");
    let second = lock.lines().filter(is_either).nth(1).expect("two lines");
    let kept = lock.replace(&format!("{second}\n"), "");
    lab.write("homelab.lock", kept);
    build(&lab).succeeds();
    assert_eq!(super::home::differences_from_undisturbed(&lab), [""; 0]);
}

/// One branch removes the device beside which the other adds one: union keeps the removed one's line in both forms.
#[test]
fn a_device_removed_beside_one_that_is_added_is_retired() {
    let lab = Lab::new().declare(super::home::SMALL);
    begin(&lab);
    branch(&lab, "one", remove_device);
    branch(&lab, "two", |lab| {
        let iphone = "    device \"iphone\"";
        lab.edit(
            iphone,
            &format!("    device \"ipad\" platform=\"ipados\"\n{iphone}"),
        );
        lab.edit(
            "version=13\n",
            "version=13\n    device \"nexus\" platform=\"android\"\n",
        );
    });
    lab.git(&["merge", "-q", "-m", "both", "one"]).succeeds();
    let lock = lab.read("homelab.lock");
    let lines: Vec<&str> = lock
        .lines()
        .filter(|line| line.starts_with("certificate \"alice/macbook\""))
        .collect();
    assert_eq!(lines.len(), 2, "git keeps both forms of the line");
    build(&lab).succeeds();
    let lock = lab.read("homelab.lock");
    assert_eq!(lock.matches("certificate \"alice/macbook\"").count(), 1);
    assert!(certificate(&lab, "alice/macbook").contains("state=\"retired\""));
    assert_eq!(super::home::differences_from_undisturbed(&lab), [""; 0]);
}

#[test]
fn marks_of_a_conflict_are_told_as_such() {
    let lab = built();
    let line = certificate(&lab, "bob/iphone");
    replace_in_lock(
        &lab,
        &line,
        &format!("<<<<<<< HEAD\n{line}\n=======\n>>>>>>> one"),
    );
    refused(&lab, homelab(&lab, ["build"]), 3, &["lock::merge-conflict"]);
}

/// Builds and commits as `main`; gives the lock.
#[track_caller]
pub fn begin(lab: &Lab) -> String {
    lab.write(".gitattributes", "homelab.lock merge=union\n");
    lab.write(".gitignore", "/out/\n");
    build(lab).succeeds();
    for words in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &["commit", "-qm", "begin"],
    ] {
        lab.git(words).succeeds();
    }
    lab.read("homelab.lock")
}

/// Changes, builds and commits on a new branch from `main`, and stays there.
#[track_caller]
pub fn branch(lab: &Lab, name: &str, change: impl FnOnce(&Lab)) {
    lab.git(&["checkout", "-q", "-b", name, "main"]).succeeds();
    // As in a clone of its own: what another branch has revoked is not known here.
    super::home::remove(lab, "out");
    lab.forget();
    change(lab);
    build(lab).succeeds();
    lab.git(&["commit", "-qam", name]).succeeds();
}
