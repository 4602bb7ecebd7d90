//! Devices that are declared by fingerprint: the declaration lets them in, and the lock remembers those that were deleted, so that the edge
//! tells them that their certificate is not let in any more.

use std::fs;

use serde_json::Value;

use crate::renewal::run;
use crate::support::files::changed;
use crate::support::lab::Lab;
use crate::support::lock::resigned;
use crate::support::outcome::Outcome;
use crate::support::recipe::{CA, P256, PASSWORD, Recipe};
use crate::support::tools;

/// Two certificates that were made by hand, as the declaration has them.
const OLD: &str = "3f8b08911e310a6c6239251e5a1b504fa5608f1b2e796f2f40b511db61e4314c";
const OTHER: &str = "7d1a08911e310a6c6239251e5a1b504fa5608f1b2e796f2f40b511db61e4314c";

fn by(device: &str, fingerprint: &str) -> String {
    format!("device \"{device}\" fingerprint=\"{fingerprint}\"")
}

/// A declaration with these devices of alice's and of bob's, beside one of each that is issued a certificate.
fn declared(alice: &str, bob: &str) -> String {
    format!(
        "domain \"home.example.com\"\n\
         person \"alice\" {{ device \"pixel\" platform=\"android\"; {alice}; }}\n\
         person \"bob\" {{ device \"iphone\" platform=\"ios\"; {bob}; }}\n\
         service \"notes\" {{ upstream \"http://127.0.0.1:1\"; allow \"alice\"; certificate \"asked\"; }}\n"
    )
}

fn with(alice: &str) -> String {
    declared(alice, "name \"Bob\"")
}

fn without() -> String {
    with("name \"Alice\"")
}

/// A homelab that trusts the authority of those certificates, built on day 0.
fn trusting(declaration: &str) -> Lab {
    let recipe = Recipe::of_2026();
    let lab = Lab::new().declare(declaration);
    let certificate = recipe.path("ca.pem").display().to_string();
    run(&lab, 0, ["adopt", &certificate, "--trust-only"]).succeeds();
    lab
}

/// The same where alice's old laptop is declared.
fn remembering() -> Lab {
    let lab = trusting(&with(&by("old-laptop", OLD)));
    assert_eq!(records(&lab), [format!("alice/old-laptop {OLD}")]);
    lab
}

/// What the lock has of certificates that devices had already: whose, which, and since when it is removed.
fn records(lab: &Lab) -> Vec<String> {
    let lock = lab.read("homelab.lock");
    let lines = lock.lines().filter(|line| line.starts_with("installed "));
    let told = lines.map(|line| {
        let (record, _) = line.split_once(" signed=").expect("each is signed");
        let record = record.replace("installed ", "").replace('"', "");
        record.replace("fingerprint=", "")
    });
    told.collect()
}

fn removed(device: &str, fingerprint: &str, day: &str) -> String {
    format!("{device} {fingerprint} removed={day}T00:00:00Z")
}

/// How the edge meets a certificate.
#[derive(Debug, PartialEq, Eq)]
enum Meets {
    /// The service.
    Service,
    /// The page that says that it is no longer let in.
    Superseded,
    /// The page of who was never let in.
    Stranger,
}

fn meets(lab: &Lab, fingerprint: &str) -> Meets {
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    let listed = |matcher: &str| {
        let mut lists = caddyfile.lines().filter(|line| line.contains(matcher));
        lists.any(|line| line.contains(fingerprint))
    };
    match (listed("@allowed "), listed("@retired ")) {
        (true, false) => Meets::Service,
        (false, true) => Meets::Superseded,
        (false, false) => Meets::Stranger,
        (true, true) => panic!("both let in and shut out:\n{caddyfile}"),
    }
}

/// Takes the identity away, and gives what brings it back.
fn without_secret(lab: &Lab) -> impl Fn() {
    let identity = lab.home().join(".config/homelab/identity.txt");
    let aside = lab.home().join("aside");
    fs::rename(&identity, &aside).expect("it is there");
    move || fs::rename(&aside, &identity).expect("it was there")
}

/// What a build was foreseen to do, and what it has told.
struct Done {
    plan: Value,
    built: Outcome,
}

/// Runs `plan` and then `build` on that day; the plan foresees whatever the build does to the lock and to the edge.
#[track_caller]
fn planned_and_built(lab: &Lab, day: i64) -> Done {
    let told = run(lab, day, ["plan", "--json"]);
    let plan: Value = serde_json::from_str(told.succeeds().stdout()).expect("it is JSON");
    let before = lab.snapshot();
    let built = run(lab, day, ["build"]);
    built.succeeds();
    let artifacts = plan["artifacts"].as_array().expect("a list");
    let artifacts = artifacts
        .iter()
        .map(|step| step["path"].as_str().expect("a path"));
    let mut foreseen: Vec<String> = artifacts.map(|path| format!("out/{path}")).collect();
    let tells = |what: &str| {
        plan["lock"][what]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    let records = tells("record") || tells("remove");
    if records || plan["lock"]["rewrite"] == true {
        foreseen.push(String::from("homelab.lock"));
        assert_eq!(plan["needs_secret"], records, "{plan}");
    }
    foreseen.sort();
    let after = changed(&before, &lab.snapshot());
    let after = after.iter().map(|path| path[2..].to_owned());
    let mut after: Vec<String> = after
        .filter(|path| !path.ends_with("manifest.kdl") && !path.ends_with('/'))
        .collect();
    after.sort();
    assert_eq!(foreseen, after, "{plan}\n{built}");
    run(lab, day, ["plan", "--expect-no-changes"]).succeeds();
    run(lab, day, ["build", "--locked"]).succeeds();
    run(lab, day, ["build", "--check"]).succeeds();
    run(lab, day, ["status", "--exit-code"]).succeeds();
    Done { plan, built }
}

#[track_caller]
fn would_change(lab: &Lab, day: i64, what: &str) {
    for way in ["--locked", "--check"] {
        run(lab, day, ["build", way])
            .fails_with(4)
            .stderr_contains("lock::would-change")
            .stderr_contains(what);
    }
    run(lab, day, ["status", "--exit-code"]).fails_with(4);
    run(lab, day, ["plan", "--expect-no-changes"]).fails_with(4);
}

#[test]
fn what_is_deleted_is_remembered_and_what_is_declared_again_is_let_in() {
    let lab = remembering();
    assert_eq!(meets(&lab, OLD), Meets::Service);
    lab.write("homelab.kdl", without());
    run(&lab, 10, ["check"])
        .succeeds()
        .stdout_contains("the next build retires 1 device\n");
    run(&lab, 10, ["status"])
        .succeeds()
        .stdout_contains("alice/old-laptop  -         removed")
        .stdout_contains("homelab build retires it");
    would_change(&lab, 10, "alice/old-laptop is to be retired");
    let Done { plan, built } = planned_and_built(&lab, 10);
    assert_eq!(plan["lock"]["remove"][0], "alice/old-laptop");
    built
        .stdout_contains("retired alice/old-laptop\n")
        .stdout_contains("  locks out alice/old-laptop\n");
    assert_eq!(
        records(&lab),
        [removed("alice/old-laptop", OLD, "2027-01-11")]
    );
    assert_eq!(meets(&lab, OLD), Meets::Superseded);
    run(&lab, 10, ["status"])
        .succeeds()
        .stdout_lacks("old-laptop");
    let exposure: Value = serde_json::from_str(&lab.read("out/edge/exposure.json")).expect("JSON");
    assert_eq!(exposure["shut_out"][0], OLD);
    assert_eq!(exposure["retired"][0], "alice/old-laptop");
    assert!(exposure["devices"].get("alice/old-laptop").is_none());
    // In whatever way it is built, and without anything that was built before.
    let tree = lab.snapshot();
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    run(&lab, 20, ["build"]).succeeds();
    assert_eq!(changed(&tree, &lab.snapshot()), [""; 0]);

    lab.write("homelab.kdl", with(&by("old-laptop", OLD)));
    run(&lab, 20, ["check"])
        .succeeds()
        .stdout_contains("the next build records 1 device\n");
    run(&lab, 20, ["status"])
        .succeeds()
        .stdout_contains("not recorded")
        .stdout_contains("homelab build records it");
    would_change(&lab, 20, "alice/old-laptop is to be recorded");
    let Done { plan, built } = planned_and_built(&lab, 20);
    assert_eq!(plan["lock"]["record"][0], "alice/old-laptop");
    built
        .stdout_contains("recorded alice/old-laptop\n")
        .stdout_contains("lets alice/old-laptop in again with a certificate that was shut out");
    assert_eq!(records(&lab), [format!("alice/old-laptop {OLD}")]);
    assert_eq!(meets(&lab, OLD), Meets::Service);
}

/// The line is signed, so it takes the secret; shutting out does not.
#[test]
fn without_the_secret_the_edge_shuts_out_at_once_and_shows_the_page() {
    let lab = remembering();
    lab.write("homelab.kdl", without());
    let bring_back = without_secret(&lab);
    let before = lab.snapshot();
    run(&lab, 10, ["build"])
        .fails_with(3)
        .stderr_contains("root::no-identity")
        .stderr_contains("`homelab build --edge` takes alice/old-laptop off the Caddyfile's lists");
    assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
    run(&lab, 10, ["plan", "--edge"])
        .succeeds()
        .stdout_contains("homelab.lock does not say yet that alice/old-laptop is deleted");
    let lock = lab.read("homelab.lock");
    run(&lab, 10, ["build", "--edge"])
        .succeeds()
        .stderr_contains("homelab.lock does not say yet that alice/old-laptop is deleted");
    assert_eq!(meets(&lab, OLD), Meets::Superseded);
    assert_eq!(lab.read("homelab.lock"), lock);
    // A clone that has never built.
    fs::remove_dir_all(lab.path().join("out")).expect("it was built");
    run(&lab, 10, ["build", "--edge"]).succeeds();
    assert_eq!(meets(&lab, OLD), Meets::Superseded);

    // Who is declared without the secret is let in, and is recorded later.
    lab.write("homelab.kdl", with(&by("other", OTHER)));
    run(&lab, 11, ["build"])
        .fails_with(3)
        .stderr_contains("`homelab build --edge` takes alice/old-laptop off");
    run(&lab, 11, ["build", "--edge"])
        .succeeds()
        .stderr_contains("homelab.lock does not record alice/other yet");
    assert_eq!(meets(&lab, OTHER), Meets::Service);
    // Deleted before any build with the secret has seen it: the edge's own report has it.
    lab.write("homelab.kdl", without());
    bring_back();
    let Done { plan, .. } = planned_and_built(&lab, 12);
    assert_eq!(plan["lock"]["remove"].as_array().map(Vec::len), Some(2));
    let both = [
        removed("alice/old-laptop", OLD, "2027-01-13"),
        removed("alice/other", OTHER, "2027-01-13"),
    ];
    assert_eq!(records(&lab), both);
    assert_eq!(meets(&lab, OTHER), Meets::Superseded);
}

/// Whoever can write to the output tree could otherwise bring about a lock that nobody reads any more, or a page for who has no certificate.
#[test]
fn what_an_edge_tells_is_taken_up_only_where_it_could_be_true() {
    let lab = trusting(&without());
    lab.write("homelab.kdl", with(&by("other", OTHER)));
    run(&lab, 1, ["build", "--edge"]).succeeds();
    let exposure = lab.read("out/edge/exposure.json");
    let lock = lab.read("homelab.lock");
    let own = lock.lines().find(|line| line.starts_with("certificate "));
    let (_, own) = own
        .and_then(|line| line.split_once(" fingerprint=\""))
        .expect("one was issued");
    lab.write("homelab.kdl", without());
    for (from, to, learnt) in [
        (OTHER, OTHER, 1),
        (OTHER, &own[..64], 0),
        (
            OTHER,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            0,
        ),
        (OTHER, "7d1a", 0),
        ("alice/other", "alice", 0),
        ("alice/other", "alice/../other", 0),
        ("{", "[", 0),
    ] {
        let copy = lab.copy();
        copy.write("out/edge/exposure.json", exposure.replace(from, to));
        run(&copy, 2, ["build"]).succeeds();
        assert_eq!(records(&copy).len(), learnt, "{to}");
        run(&copy, 2, ["build", "--check"]).succeeds();
    }
}

#[test]
fn a_new_one_can_be_let_in_without_the_secret() {
    let lab = trusting(&without());
    lab.write("homelab.kdl", with(&by("old-laptop", OLD)));
    let bring_back = without_secret(&lab);
    run(&lab, 1, ["build"]).fails_with(3).stderr_contains(
        "alice/old-laptop is to be recorded in homelab.lock; `homelab build --edge` lets it in without",
    );
    run(&lab, 1, ["build", "--edge"]).succeeds();
    assert_eq!(meets(&lab, OLD), Meets::Service);
    bring_back();
    let Done { plan, .. } = planned_and_built(&lab, 1);
    assert_eq!(plan["lock"]["record"][0], "alice/old-laptop");
}

/// Another certificate for the device, one that is issued here, another name, another person.
#[test]
fn what_a_device_had_before_is_remembered_and_what_moves_is_not_shut_out() {
    let old = || format!("alice/old-laptop {OLD}");
    let lab = remembering();
    // From one that it had to one that is issued here.
    lab.write(
        "homelab.kdl",
        with("device \"old-laptop\" platform=\"linux\""),
    );
    let Done { built, .. } = planned_and_built(&lab, 10);
    built
        .stdout_contains("issued alice/old-laptop until")
        .stdout_contains("locks out alice/old-laptop until it installs its new file");
    assert_eq!(
        records(&lab),
        [removed("alice/old-laptop", OLD, "2027-01-11")]
    );
    assert_eq!(meets(&lab, OLD), Meets::Superseded);
    // And back.
    lab.write("homelab.kdl", with(&by("old-laptop", OLD)));
    planned_and_built(&lab, 11);
    assert_eq!(
        (records(&lab), meets(&lab, OLD)),
        (vec![old()], Meets::Service)
    );

    // To another that it had.
    let lab = remembering();
    lab.write("homelab.kdl", with(&by("old-laptop", OTHER)));
    planned_and_built(&lab, 10);
    let both = [
        removed("alice/old-laptop", OLD, "2027-01-11"),
        format!("alice/old-laptop {OTHER}"),
    ];
    assert_eq!(records(&lab), both);
    assert_eq!(
        (meets(&lab, OLD), meets(&lab, OTHER)),
        (Meets::Superseded, Meets::Service)
    );

    // Under another name, and at last with somebody whom the service does not let in.
    let lab = remembering();
    lab.write("homelab.kdl", with(&by("laptop", OLD)));
    planned_and_built(&lab, 10);
    assert_eq!(records(&lab), [format!("alice/laptop {OLD}")]);
    assert_eq!(meets(&lab, OLD), Meets::Service);
    lab.write(
        "homelab.kdl",
        declared("name \"Alice\"", &by("laptop", OLD)),
    );
    planned_and_built(&lab, 11);
    assert_eq!(records(&lab), [format!("bob/laptop {OLD}")]);
    // It is not withdrawn, and that is what he is told.
    assert_eq!(meets(&lab, OLD), Meets::Stranger);
    lab.write("homelab.kdl", without());
    planned_and_built(&lab, 12);
    assert_eq!(records(&lab), [removed("bob/laptop", OLD, "2027-01-13")]);
}

/// It takes an authority that vouches for them, and ends with the last one; time alone forgets nothing, and every list is bounded.
#[test]
fn memory_ends() {
    // Nobody vouches yet: nothing is recorded, and nothing in the lock tells of it.
    let lab = Lab::new().declare(&with(&by("old-laptop", OLD)));
    run(&lab, 0, ["build"]).succeeds();
    assert_eq!(records(&lab), [""; 0]);
    run(&lab, 0, ["build", "--locked"]).succeeds();

    let lab = remembering();
    lab.write("homelab.kdl", without());
    run(&lab, 10, ["build"]).succeeds();
    // Three years are 1,098 days here.
    for day in [1_000, 1_107, 1_200] {
        run(&lab, day, ["build"])
            .succeeds()
            .stdout_contains(" unchanged\n");
        assert_eq!(records(&lab).len(), 1, "{day}");
    }
    for (day, left) in [(1_108, 1), (1_109, 0)] {
        let copy = lab.copy();
        // The lock is written anyway.
        copy.write(
            "homelab.kdl",
            with("device \"tablet\" platform=\"android\""),
        );
        planned_and_renewed(&copy, day);
        assert_eq!(records(&copy).len(), left, "{day}");
        assert_eq!(meets(&copy, OLD) == Meets::Superseded, left == 1, "{day}");
    }

    run(&lab, 20, ["rotate", "--finish"])
        .succeeds()
        .stdout_contains("No longer trusted: Home CA.");
    assert_eq!(records(&lab), [""; 0]);
    assert_eq!(meets(&lab, OLD), Meets::Stranger);
    run(&lab, 20, ["build", "--check"]).succeeds();
}

/// The same as a build, at a time when certificates are to be renewed: only the lock is looked at.
#[track_caller]
fn planned_and_renewed(lab: &Lab, day: i64) {
    let told = run(lab, day, ["plan"]);
    told.succeeds();
    run(lab, day, ["build"]).succeeds();
    run(lab, day, ["plan", "--expect-no-changes"]).succeeds();
    run(lab, day, ["build", "--check"]).succeeds();
}

#[test]
fn hundreds_do_not_grow_the_caddyfile() {
    let numbered = |number: usize| format!("{number:064x}");
    let many = |from: usize, until: usize| {
        let devices = (from..until).map(|n| by(&format!("d{n}"), &numbered(n + 0xabc0_0000)));
        with(&devices.collect::<Vec<_>>().join("\n"))
    };
    let lab = trusting(&many(0, 600));
    assert_eq!(records(&lab).len(), 600);
    // Deleted in two steps, the second in two days: what went last stays.
    for (day, from) in [(1, 300), (3, 560)] {
        lab.write("homelab.kdl", many(from, 600));
        planned_and_built(&lab, day);
    }
    let kept = records(&lab);
    assert_eq!(kept.len(), 40 + 256);
    let last = kept
        .iter()
        .filter(|line| line.ends_with("removed=2027-01-04T00:00:00Z"));
    assert_eq!(last.count(), 256);
    lab.write("homelab.kdl", without());
    run(&lab, 4, ["build", "--edge"]).succeeds();
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    let lists = caddyfile
        .lines()
        .filter(|line| line.contains("@retired vars "));
    let lists: Vec<&str> = lists.collect();
    assert!(!lists.is_empty(), "{caddyfile}");
    for list in lists {
        // Those of today before all others.
        let today = (560..600).filter(|n| list.contains(&numbered(n + 0xabc0_0000)));
        assert_eq!(today.count(), 40);
        let all = list.split(' ').filter(|word| word.len() == 64);
        assert_eq!(all.count(), 256);
    }
}

/// Where nobody is declared so, the lock has no word of it.
#[test]
fn a_homelab_without_such_devices_has_no_such_records() {
    let lab = trusting(&without());
    assert_eq!(records(&lab), [""; 0]);
    run(&lab, 1, ["renew", "--all"]).succeeds();
    assert_eq!(records(&lab), [""; 0]);
}

/// What somebody without the secret makes of such a line is not believed; and what they could make of one would choose a page.
#[test]
fn a_forged_record_is_refused_and_a_record_lets_nobody_in() {
    let lab = remembering();
    lab.write("homelab.kdl", without());
    run(&lab, 10, ["build"]).succeeds();
    let good = lab.read("homelab.lock");
    let line = good
        .lines()
        .find(|line| line.starts_with("installed "))
        .expect("it is there");
    let as_declared = line.replace(" removed=\"2027-01-11T00:00:00Z\"", "");
    let other = line.replace(OLD, OTHER);
    let renamed = line.replace("alice/old-laptop", "alice/pixel");
    for forged in [&as_declared, &other, &renamed] {
        let forged = crate::support::lock::with_check(forged);
        for text in [
            good.replace(line, &forged),
            good.replace(line, &format!("{line}\n{forged}")),
        ] {
            lab.write("homelab.lock", &text);
            let before = lab.snapshot();
            for reader in [
                &["build", "--edge"][..],
                &["build"],
                &["plan"],
                &["check"],
                &["status"],
            ] {
                let refused = lab.command(reader.iter().copied()).on(11).run();
                refused.fails_with(3).stderr_contains("lock::forged");
            }
            assert_eq!(changed(&before, &lab.snapshot()), [""; 0]);
        }
    }
    // Of somebody who has the secret, and even then nobody comes in by it.
    lab.write(
        "homelab.lock",
        good.replace(line, &resigned(&lab, &as_declared)),
    );
    run(&lab, 11, ["build", "--edge"]).succeeds();
    assert_eq!(meets(&lab, OLD), Meets::Superseded);
    // Left out, by whoever can push: then the page is lost, and that is all.
    lab.write("homelab.lock", good.replace(&format!("{line}\n"), ""));
    run(&lab, 11, ["build", "--edge"]).succeeds();
    assert_eq!(meets(&lab, OLD), Meets::Stranger);
}

/// An older lock and an older declaration: the line lets the device in, and every plan and build says so.
#[test]
fn a_line_that_comes_back_is_told() {
    let lab = remembering();
    let (lock, declaration) = (lab.read("homelab.lock"), lab.read("homelab.kdl"));
    lab.write("homelab.kdl", without());
    run(&lab, 10, ["build"]).succeeds();
    // The lock alone: nobody comes back by it.
    let newer = lab.read("homelab.lock");
    lab.write("homelab.lock", &lock);
    run(&lab, 11, ["build", "--edge"]).succeeds();
    assert_eq!(meets(&lab, OLD), Meets::Superseded);
    // Both: the edge that was built in between remembers.
    lab.write("homelab.kdl", &declaration);
    for command in [&["plan"][..], &["plan", "--edge"], &["build", "--edge"]] {
        let told = lab.command(command.iter().copied()).on(11).run();
        told.succeeds()
            .stdout_contains("lets alice/old-laptop in again with a certificate that was shut out");
    }
    lab.write("homelab.lock", &newer);
    planned_and_built(&lab, 12);
    assert_eq!(records(&lab), [format!("alice/old-laptop {OLD}")]);
}

/// Merges by git's union; `done` is what each of two branches of one homelab does on its own day.
#[track_caller]
fn merged(ours: &str, theirs: &str) -> Lab {
    let base = remembering();
    let branch = |declaration: &str, day: i64| {
        let branch = base.copy();
        branch.write("homelab.kdl", declaration);
        run(&branch, day, ["build"]).succeeds();
        branch
    };
    let (ours, theirs) = (branch(ours, 10), branch(theirs, 20));
    let files = [&ours, &base, &theirs].map(|lab| lab.path().join("homelab.lock"));
    let union = ["merge-file".into(), "--union".into()];
    tools::run("git", union.into_iter().chain(files)).succeeds();
    ours
}

#[test]
fn two_branches_merge_and_the_declaration_has_the_last_word() {
    let old = by("old-laptop", OLD);
    let kept = with(&format!("{old}; {}", by("other", OTHER)));
    let deleted = || removed("alice/old-laptop", OLD, "2027-01-11");
    // One deletes it, the other keeps it and adds another beside it.
    let lab = merged(&without(), &kept);
    lab.write("homelab.kdl", with(&by("other", OTHER)));
    assert!(lab.read("homelab.lock").matches("installed ").count() >= 2);
    // Nothing is to be recorded that is not in one of the two.
    run(&lab, 21, ["build", "--locked"]).succeeds();
    let mut both = vec![deleted(), format!("alice/other {OTHER}")];
    planned_and_built(&lab, 21);
    assert_eq!(records(&lab), both);
    assert_eq!(meets(&lab, OLD), Meets::Superseded);
    // Whoever merged the declarations has kept the line: it counts.
    let lab = merged(&without(), &kept);
    lab.write("homelab.kdl", &kept);
    run(&lab, 21, ["build", "--edge"]).succeeds();
    assert_eq!(meets(&lab, OLD), Meets::Service);
    planned_and_built(&lab, 21);
    both[0] = format!("alice/old-laptop {OLD}");
    assert_eq!(records(&lab), both);

    // Both delete it: since the earlier day.
    let lab = merged(&without(), &without());
    lab.write("homelab.kdl", without());
    planned_and_built(&lab, 21);
    assert_eq!(records(&lab), [deleted()]);
    // One renames it, the other gives it to bob: the declaration says which.
    let bobs = declared("name \"Alice\"", &by("laptop", OLD));
    let lab = merged(&with(&by("laptop", OLD)), &bobs);
    lab.write("homelab.kdl", &bobs);
    planned_and_built(&lab, 21);
    assert_eq!(records(&lab), [format!("bob/laptop {OLD}")]);
}

/// One branch lets the authority go that the other has such a device of.
#[test]
fn a_branch_that_finishes_prevails_over_what_the_other_remembers() {
    let base = remembering();
    base.write("homelab.kdl", without());
    run(&base, 5, ["build"]).succeeds();
    let (ours, theirs) = (base.copy(), base.copy());
    run(&ours, 10, ["rotate", "--finish"]).succeeds();
    theirs.write("homelab.kdl", with(&by("other", OTHER)));
    run(&theirs, 20, ["build"]).succeeds();
    let files = [&ours, &base, &theirs].map(|lab| lab.path().join("homelab.lock"));
    let union = ["merge-file".into(), "--union".into()];
    tools::run("git", union.into_iter().chain(files)).succeeds();
    assert!(ours.read("homelab.lock").contains("installed "));
    // Without the secret: dropping lines takes none.
    let bring_back = without_secret(&ours);
    run(&ours, 21, ["build"]).succeeds();
    bring_back();
    assert_eq!(records(&ours), [""; 0]);
    run(&ours, 21, ["build", "--check"]).succeeds();
}

/// `verify` says whose a file is.
#[test]
fn a_file_of_one_that_was_deleted_is_known_for_what_it_is() {
    let recipe = Recipe::new(P256, CA);
    let fingerprint = recipe.issue("old-laptop");
    let lab = Lab::new().declare(&with(&by("old-laptop", &fingerprint)));
    let certificate = recipe.path("ca.pem").display().to_string();
    let command = |arguments: &[&str]| lab.command(arguments.iter().copied()).run();
    command(&["adopt", &certificate, "--trust-only"]).succeeds();
    lab.write("pw", PASSWORD);
    let bundle = recipe.path("old-laptop.p12").display().to_string();
    let verify = ["verify", bundle.as_str(), "--password-file", "pw"];
    command(&verify).stdout_contains("alice/old-laptop, which is declared to have it");
    lab.write("homelab.kdl", without());
    for since in ["removed\n", "removed since "] {
        command(&verify)
            .stdout_contains(&format!("alice/old-laptop, {since}"))
            .stdout_contains(
                "alice/old-laptop is not declared with it any more: it is let in nowhere",
            );
        command(&["build"]).succeeds();
    }
}
