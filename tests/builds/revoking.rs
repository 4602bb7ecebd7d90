//! The revocation list: when it is signed anew, by whom, and what is done where nobody can sign it.

use std::fs;

use super::home::{
    FILES, add_device, build, built, certificate, crl, differences_from_undisturbed, field,
    homelab, refused, remove_device, remove_identity, without_output,
};
use super::merging::{begin, branch, replace_in_lock};
use super::support::files::{changed, snapshot};
use super::support::lab::Lab;
use super::support::lock::{resigned, with_check};
use super::support::outcome::{self, Outcome};
use super::support::tools;

const LISTS: [&str; 2] = ["out/edge/ca.crl", "out/edge/ca.crl.der"];

#[test]
fn each_list_has_a_greater_number_and_lists_who_is_out() {
    let lab = built();
    assert_eq!(field(&crl(&lab), "number"), "1");
    assert_eq!(revoked(&lab), [""; 0]);
    let first = certificate(&lab, "alice/macbook");
    let declaration = lab.read("homelab.kdl");

    remove_device(&lab);
    at(&lab, "1800003600").succeeds();
    assert_eq!(field(&crl(&lab), "number"), "2");
    assert_eq!(revoked(&lab), [serial(&first)]);

    // A new device is no matter of the list.
    let (line, lists) = (crl(&lab), LISTS.map(|path| lab.read_bytes(path)));
    lab.write("homelab.kdl", &declaration);
    at(&lab, "1800007200").succeeds();
    assert_eq!(crl(&lab), line);
    assert_eq!(LISTS.map(|path| lab.read_bytes(path)), lists);
    let lock = lab.read("homelab.lock");
    let is_second = |line: &&str| {
        line.starts_with("certificate \"alice/macbook\"") && line.contains("state=\"active\"")
    };
    let second = lock.lines().find(is_second).expect("it came back");

    remove_device(&lab);
    at(&lab, "1800010800").succeeds();
    assert_eq!(field(&crl(&lab), "number"), "3");
    let mut both = [serial(&first), serial(second)];
    both.sort();
    assert_eq!(revoked(&lab), both);
    assert_eq!(
        shown(&lab, "Revocation Date: "),
        match both == [serial(&first), serial(second)] {
            true => ["Jan 15 09:00:00 2027 GMT", "Jan 15 11:00:00 2027 GMT"],
            false => ["Jan 15 11:00:00 2027 GMT", "Jan 15 09:00:00 2027 GMT"],
        }
    );
    // An hour before it was signed, for a proxy whose clock is late.
    assert_eq!(shown(&lab, "Last Update: "), ["Jan 15 10:00:00 2027 GMT"]);
    assert_eq!(shown(&lab, "Next Update: "), ["Jan 15 08:00:00 2037 GMT"]);
}

#[test]
fn a_clock_that_was_set_back_dates_no_list_before_an_earlier_one() {
    let lab = built();
    remove_device(&lab);
    at(&lab, "1799990000")
        .succeeds()
        .stderr_contains("is the clock right?");
    assert_eq!(field(&crl(&lab), "updated"), "2027-01-15T07:00:00Z");
    let line = certificate(&lab, "alice/macbook");
    assert_eq!(field(&line, "retired"), field(&line, "not-before"));
    assert_eq!(differences_from_undisturbed(&lab), [""; 0]);
}

/// An authority that has ended still lets devices be removed; its last list is of its last second.
#[test]
fn a_list_is_never_of_a_time_after_its_authority() {
    let lab = built();
    remove_device(&lab);
    at(&lab, "2200000000").succeeds();
    assert_eq!(shown(&lab, "Last Update: "), ["Jan 15 07:59:59 2037 GMT"]);
    assert_eq!(shown(&lab, "Next Update: "), ["Jan 15 08:00:00 2037 GMT"]);
}

#[test]
fn what_has_expired_leaves_the_list_when_something_is_issued() {
    let lab = built();
    remove_device(&lab);
    build(&lab).succeeds();
    let after_its_end = "1850000000";
    at(&lab, after_its_end)
        .succeeds()
        .stdout_is(&format!("{} unchanged\n", FILES.len() - 1));
    assert_eq!(revoked(&lab).len(), 1, "time alone changes nothing");
    add_device(&lab);
    at(&lab, after_its_end)
        .succeeds()
        .stdout_contains("built out/edge/ca.crl\n");
    assert_eq!(revoked(&lab), [""; 0]);
    assert_eq!(field(&crl(&lab), "number"), "3");
    assert!(!lab.read("homelab.lock").contains("alice/macbook"));
}

#[test]
fn removing_a_device_needs_the_secret_and_leaving_it_out_does_not() {
    let lab = built();
    remove_identity(&lab);
    remove_device(&lab);
    let remedy = "`homelab build --edge` takes alice/macbook off";
    refused(
        &lab,
        homelab(&lab, ["build"]),
        3,
        &["root::no-identity", remedy],
    );

    let before = lab.snapshot();
    let outcome = homelab(&lab, ["build", "--edge"]).run();
    outcome
        .succeeds()
        .stdout_is(
            "built out/edge/exposure.json\nbuilt out/edge/exposure.md\nbuilt out/edge/sites.caddyfile\n\
             3 built, 6 unchanged\n\nwhat it means:\n  locks out alice/macbook\n",
        )
        .stderr_is(
            "ca.crl does not list alice/macbook yet: run `homelab build` where the root secret is, \
             and commit homelab.lock.\n",
        );
    assert_eq!(
        changed(&before, &lab.snapshot()),
        [
            "~ out/.homelab/manifest.kdl",
            "~ out/edge/exposure.json",
            "~ out/edge/exposure.md",
            "~ out/edge/sites.caddyfile",
        ]
    );
    assert!(
        !lab.read("out/edge/sites.caddyfile")
            .contains("alice/macbook")
    );
    assert!(!lab.read("out/edge/exposure.md").contains("alice/macbook"));
}

/// Where there is no output yet, the last list that was signed is better than none.
#[test]
fn an_edge_that_is_made_without_the_secret_has_the_last_list_that_was_signed() {
    let lab = built();
    remove_device(&lab);
    let elsewhere = without_output(&lab);
    homelab(&elsewhere, ["build", "--edge"])
        .run()
        .succeeds()
        .stderr_contains("does not list alice/macbook yet");
    for list in LISTS {
        assert_eq!(elsewhere.read_bytes(list), lab.read_bytes(list));
    }
}

#[test]
fn a_lock_from_before_gets_its_list() {
    let lab = built();
    let whole = lab.read("homelab.lock");
    replace_in_lock(&lab, &format!("{}\n", crl(&lab)), "");
    super::home::remove(&lab, "out");
    lab.forget();
    stale(&lab);
    let elsewhere = lab.copy();
    remove_identity(&elsewhere);
    let said = ["root::no-identity", "ca.crl is to be signed anew"];
    refused(&elsewhere, homelab(&elsewhere, ["build"]), 3, &said);
    build(&lab).succeeds();
    assert_eq!(
        lab.read("homelab.lock"),
        whole,
        "the first list, at the same time"
    );
    assert_eq!(differences_from_undisturbed(&lab), [""; 0]);
}

/// A line that was retired before the date was recorded.
#[test]
fn a_certificate_that_was_retired_on_an_unknown_day_is_listed() {
    let lab = built();
    remove_device(&lab);
    build(&lab).succeeds();
    let line = certificate(&lab, "alice/macbook");
    let retired = format!(" retired=\"{}\"", field(&line, "retired"));
    replace_in_lock(&lab, &line, &resigned(&lab, &line.replace(&retired, "")));
    stale(&lab);
    build(&lab).succeeds();
    assert_eq!(revoked(&lab), [serial(&line)]);
    assert_eq!(
        shown(&lab, "Revocation Date: "),
        ["Jan 15 07:00:00 2027 GMT"]
    );
    let mended = certificate(&lab, "alice/macbook");
    assert_eq!(field(&mended, "retired"), field(&line, "not-before"));
}

#[test]
fn two_branches_that_each_remove_a_device_merge() {
    let lab = Lab::new().declare(super::home::SMALL);
    begin(&lab);
    branch(&lab, "one", remove_device);
    branch(&lab, "two", remove_iphone);
    let lists = LISTS.map(|path| lab.read_bytes(path));
    lab.git(&["merge", "-q", "-m", "both", "one"]).succeeds();
    let lock = lab.read("homelab.lock");
    assert_eq!(lock.matches("\ncrl ").count(), 2, "one of each branch");
    stale(&lab);
    assert_eq!(LISTS.map(|path| lab.read_bytes(path)), lists);
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    for device in ["alice/macbook", "bob/iphone"] {
        assert!(!caddyfile.contains(device), "{caddyfile}");
    }

    build(&lab).succeeds().stderr_is("");
    assert_eq!(field(&crl(&lab), "number"), "3");
    let mut both = ["alice/macbook", "bob/iphone"].map(|device| serial(&certificate(&lab, device)));
    both.sort();
    assert_eq!(revoked(&lab), both);
    assert_eq!(differences_from_undisturbed(&lab), [""; 0]);
    homelab(&lab, ["build", "--locked"]).run().succeeds();
}

/// Union keeps both forms of the line, which differ in their dates: the earlier counts, and the lists of both branches are
/// superseded, though one of them would fit.
#[test]
fn a_device_that_two_branches_remove_is_retired_since_the_earlier() {
    let lab = Lab::new().declare(super::home::SMALL);
    begin(&lab);
    for (name, time) in [("one", "1800007200"), ("two", "1800003600")] {
        lab.git(&["checkout", "-q", "-b", name, "main"]).succeeds();
        // As in a clone of its own: what another branch has revoked is not known here.
        super::home::remove(&lab, "out");
        lab.forget();
        remove_device(&lab);
        at(&lab, time).succeeds();
        lab.git(&["commit", "-qam", name]).succeeds();
    }
    lab.git(&["merge", "-q", "-m", "both", "one"]).succeeds();
    let lock = lab.read("homelab.lock");
    assert_eq!(lock.matches("state=\"retired\"").count(), 2);
    stale(&lab);
    build(&lab).succeeds();
    let line = certificate(&lab, "alice/macbook");
    assert_eq!(field(&line, "retired"), "2027-01-15T09:00:00Z");
    assert_eq!(field(&crl(&lab), "number"), "3");
    // Not before the latest of the two branches, though the clock says so.
    assert_eq!(field(&crl(&lab), "updated"), "2027-01-15T09:00:00Z");
    assert_eq!(revoked(&lab), [serial(&line)]);
}

/// The line of the list lies between two that never change: a new device's line comes into no conflict with it.
#[test]
fn a_device_removed_on_one_branch_and_one_added_on_another_leave_one_list() {
    let lab = Lab::new().declare(super::home::SMALL);
    begin(&lab);
    branch(&lab, "one", |lab| {
        let iphone = "    device \"iphone\" platform=\"android\" version=17\n";
        lab.edit(iphone, "");
    });
    branch(&lab, "two", |lab| {
        lab.edit(
            "\"Alice\"\n",
            "\"Alice\"\n    device \"amiga\" platform=\"other\"\n",
        );
    });
    lab.git(&["merge", "-q", "-m", "both", "one"]).succeeds();
    homelab(&lab, ["build", "--locked"])
        .run()
        .succeeds()
        .stderr_is("");
    assert_eq!(field(&crl(&lab), "number"), "2");
    assert_eq!(revoked(&lab), [serial(&certificate(&lab, "bob/iphone"))]);
}

#[test]
fn a_damaged_line_is_refused_and_a_signature_of_something_else_is_not_used() {
    let lab = built();
    let line = crl(&lab);
    let signature = field(&line, "signature");
    let other = match signature.starts_with('A') {
        true => signature.replacen('A', "B", 1),
        false => signature.replacen(&signature[..1], "A", 1),
    };
    let forged = line.replace(&signature, &other);
    replace_in_lock(&lab, &line, &forged);
    refused(&lab, homelab(&lab, ["build"]), 3, &["lock::damaged"]);
    let checked = with_check(&forged);
    replace_in_lock(&lab, &forged, &checked);
    refused(&lab, homelab(&lab, ["build"]), 3, &["lock::forged"]);
    replace_in_lock(&lab, &checked, &resigned(&lab, &forged));
    stale(&lab);
    let forged = crl(&lab);
    for (name, value) in [
        ("number", "0"),
        ("number", "18446744073709551616"),
        ("updated", "yesterday"),
        ("signature", ""),
        ("authority", "00000000000000000000000000000000"),
    ] {
        let old = format!("{name}=\"{}\"", field(&forged, name));
        let edited = forged.replace(&old, &format!("{name}=\"{value}\""));
        let edited = resigned(&lab, &edited);
        replace_in_lock(&lab, &forged, &edited);
        let code = match name {
            "authority" => "lock::no-authority",
            _ => "lock::damaged",
        };
        refused(&lab, homelab(&lab, ["build"]), 3, &[code]);
        replace_in_lock(&lab, &edited, &forged);
    }
    let last = forged.replace("number=\"1\"", "number=\"18446744073709551615\"");
    let last = resigned(&lab, &last);
    replace_in_lock(&lab, &forged, &last);
    refused(&lab, homelab(&lab, ["build"]), 3, &["issue::crl-numbers"]);
    replace_in_lock(&lab, &last, &forged);
    build(&lab).succeeds();
    assert_eq!(field(&crl(&lab), "number"), "2");
}

/// What holds where the lock has no signature of the list: `--locked` and `--check` refuse, and `--edge` makes all but the list.
#[track_caller]
fn stale(lab: &Lab) {
    let said = ["homelab.lock would change: ca.crl is to be signed anew"];
    for way in ["--locked", "--check"] {
        refused(lab, homelab(lab, ["build", way]), 4, &said);
    }
    homelab(lab, ["check"])
        .run()
        .succeeds()
        .stdout_contains("the next build signs ca.crl anew\n");
    let lists = |lab: &Lab| LISTS.map(|path| fs::read(lab.path().join(path)).ok());
    let (before, lock) = (lists(lab), lab.read("homelab.lock"));
    let outcome = homelab(lab, ["build", "--edge"]).run();
    outcome.succeeds().stderr_is(
        "ca.crl is left as it is, for homelab.lock has no signature of what it should list: \
         run `homelab build` where the root secret is, and commit homelab.lock.\n",
    );
    assert_eq!((lists(lab), lab.read("homelab.lock")), (before, lock));
    assert!(snapshot(&lab.path()).contains_key("out/edge/Caddyfile"));
}

/// `homelab build` at that time.
fn at(lab: &Lab, time: &str) -> Outcome {
    homelab(lab, ["build"]).at(time).run()
}

#[track_caller]
fn remove_iphone(lab: &Lab) {
    lab.edit(
        "    device \"iphone\" platform=\"android\" version=17\n",
        "    // gone\n",
    );
}

fn serial(line: &str) -> String {
    field(line, "serial").to_uppercase()
}

/// The serials on the list, in its order.
#[track_caller]
fn revoked(lab: &Lab) -> Vec<String> {
    shown(lab, "Serial Number: ")
}

/// What openssl shows behind that name, line by line.
#[track_caller]
fn shown(lab: &Lab, name: &str) -> Vec<String> {
    let mut command = tools::command("openssl");
    command.args(["crl", "-noout", "-text", "-in"]);
    let listed = outcome::run(command.arg(lab.path().join(LISTS[0])), b"");
    let lines = listed.succeeds().stdout().lines();
    lines
        .filter_map(|line| line.trim_start().strip_prefix(name))
        .map(str::to_owned)
        .collect()
}
