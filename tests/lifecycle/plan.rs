//! `homelab plan`: that what it says is what a build then does, that it writes nothing and needs no secret.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::renewal::run;
use crate::support::files;
use crate::support::lab::Lab;
use crate::support::outcome::Outcome;

const DECLARATION: &str = r#"
domain "home.example.com"
validity { device "1y"; renew "30d"; }
person "alice" { device "pixel" platform="android"; device "laptop" platform="linux"; }
person "bob" { device "iphone" platform="ios"; }
service "photos" { upstream "http://127.0.0.1:1"; allow "alice"; certificate "asked"; }
service "notes" { upstream "http://127.0.0.1:2"; allow "alice" "bob"; }
service "films" { upstream "http://127.0.0.1:3"; open "lan"; }
"#;

/// Runs `plan` as somebody without an identity, and sees that it writes nothing.
#[track_caller]
fn plan<'a>(lab: &Lab, days: i64, options: impl IntoIterator<Item = &'a str>) -> Outcome {
    let before = lab.snapshot();
    let arguments = ["plan"].into_iter().chain(options);
    let elsewhere = lab.home().join("nobody");
    let invocation = lab
        .command(arguments)
        .env("HOME", &elsewhere)
        .env("XDG_CONFIG_HOME", &elsewhere)
        .env("XDG_STATE_HOME", lab.home().join(".local/state"));
    let outcome = invocation.on(days).run();
    assert!(before == lab.snapshot(), "it changes nothing\n{outcome}");
    outcome
}

#[track_caller]
fn json<'a>(lab: &Lab, days: i64, options: impl IntoIterator<Item = &'a str>) -> Value {
    let outcome = plan(lab, days, ["--json"].into_iter().chain(options));
    serde_json::from_str(outcome.succeeds().stdout()).expect("it is JSON")
}

/// The texts below a key, one of each item.
fn texts<'v>(json: &'v Value, list: &str, key: &str) -> Vec<&'v str> {
    let items = json[list].as_array().expect("it is a list");
    let text = |item: &'v Value| item[key].as_str().expect("it is text");
    items.iter().map(text).collect()
}

fn words(json: &Value) -> Vec<String> {
    let words = json.as_array().expect("it is a list").iter();
    words
        .map(|word| word.as_str().expect("it is text").to_owned())
        .collect()
}

/// What a plan says, in the words of a build.
fn as_a_build_says(plan: &Value) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    for step in plan["artifacts"].as_array().expect("it is a list") {
        let path = step["path"].as_str().expect("it is text");
        let verb = match step["verb"].as_str() {
            Some("build") => "built",
            Some("restore") => "restored",
            Some("remove") => "removed",
            other => panic!("{other:?}"),
        };
        let mode = if path.ends_with('/') {
            " (its mode)"
        } else {
            ""
        };
        said.insert(format!("{verb} out/{path}{mode}"));
    }
    let lock = &plan["lock"];
    said.extend(
        words(&lock["issue"])
            .into_iter()
            .map(|device| format!("issued {device}")),
    );
    said.extend(
        words(&lock["retire"])
            .into_iter()
            .map(|device| format!("retired {device}")),
    );
    let close = words(&lock["close"]).into_iter();
    said.extend(close.map(|device| format!("retired the older certificate of {device}")));
    let people = texts(plan, "people", "text").into_iter();
    said.extend(people.map(|text| format!("  {text}")));
    said
}

/// Builds, and sees that the plan before it says exactly what is done; gives what it means for people.
#[track_caller]
fn as_planned(lab: &Lab, days: i64, options: &[&str]) -> Vec<String> {
    let planned = json(lab, days, options.iter().copied());
    assert_eq!(texts(&planned, "stops", "code"), [""; 0], "{planned:#}");
    let changes = planned["changes"].as_bool().expect("it says so");
    let expecting = options.iter().copied().chain(["--expect-no-changes"]);
    let expecting = plan(lab, days, expecting);
    match changes {
        true => expecting.fails_with(4).stderr_contains("plan::changes"),
        false => expecting.succeeds(),
    };
    let arguments = ["build"].into_iter().chain(options.iter().copied());
    let before = lab.snapshot();
    let build = lab.command(arguments).on(days).run();
    build.succeeds();
    let without_end = |line: &str| line.split(" until 20").next().unwrap_or(line).to_owned();
    let lines = build.stdout().lines();
    let is_said = |line: &&str| !line.is_empty() && !line.ends_with(':');
    let said = lines
        .clone()
        .filter(is_said)
        .map(|line| match line.starts_with("issued") {
            true => without_end(line),
            false => line.to_owned(),
        });
    let (sums, said): (Vec<String>, BTreeSet<String>) = said.fold(
        (Vec::new(), BTreeSet::new()),
        |(mut sums, mut said), line| {
            match line.contains(" unchanged") {
                true => sums.push(line),
                false => _ = said.insert(line),
            }
            (sums, said)
        },
    );
    assert_eq!(said, as_a_build_says(&planned), "{planned:#}\n{build}");
    let unchanged = format!("{} unchanged", planned["unchanged"]);
    assert!(sums[0].contains(&unchanged), "{unchanged}\n{build}");
    // The manifest may remember other inputs of the same bytes.
    let mut changed = files::changed(&before, &lab.snapshot());
    changed.retain(|path| !path.ends_with("manifest.kdl"));
    assert_eq!(changes, !changed.is_empty(), "{planned:#}\n{build}");
    let afterwards = options.iter().copied().chain(["--expect-no-changes"]);
    plan(lab, days, afterwards).succeeds();
    texts(&planned, "people", "text")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_build_does_exactly_what_was_planned() {
    let lab = Lab::built_on(0, DECLARATION);
    let steps: [(&dyn Fn(), &[&str]); 16] = [
        (&|| {}, &[]),
        (
            &|| {
                lab.edit(
                    "platform=\"ios\";",
                    "platform=\"ios\"; device \"tablet\" platform=\"android\";",
                )
            },
            &["bob/tablet gets its first file"],
        ),
        (
            &|| {
                lab.edit(
                    "allow \"alice\"; certificate",
                    "allow \"alice\" \"bob\"; certificate",
                )
            },
            &["bob may now open photos"],
        ),
        (
            &|| lab.edit("certificate \"asked\"", "public \"/share/*\""),
            &["photos becomes reachable without a certificate at /share/* (GET, HEAD)"],
        ),
        (&|| lab.write("templates/guide.html.j2", "Mine."), &[]),
        (
            &|| lab.write("templates/guide.html.j2", "Mine, again."),
            &[],
        ),
        (
            &|| fs::remove_dir_all(lab.path().join("templates")).expect("it is there"),
            &[],
        ),
        (&|| lab.write("out/edge/Caddyfile", "mine"), &[]),
        (
            &|| {
                fs::remove_file(lab.path().join("out/people/alice/pixel/alice-pixel.p12"))
                    .expect("it is there")
            },
            &[],
        ),
        (
            &|| {
                let people = lab.path().join("out/people");
                fs::set_permissions(people, Permissions::from_mode(0o777)).expect("it is ours");
            },
            &[],
        ),
        // Nobody is told who is in which group: the data of the sites changes, and not a byte of it.
        (
            &|| lab.edit("person \"bob\"", "group \"men\" \"bob\"\nperson \"bob\""),
            &[],
        ),
        (
            &|| lab.edit("device \"tablet\" platform=\"android\";", ""),
            &["locks out bob/tablet"],
        ),
        (
            &|| lab.edit("open \"lan\"", "open \"everyone\""),
            &["films becomes open to everyone, without a certificate"],
        ),
        // A merge leaves a line of the lock twice.
        (
            &|| {
                let lock = lab.read("homelab.lock");
                let line = lock.lines().find(|line| line.starts_with("certificate"));
                let line = line.expect("there is one");
                lab.write(
                    "homelab.lock",
                    lock.replace(line, &format!("{line}\n{line}")),
                );
            },
            &[],
        ),
        // Somebody who changes it, changes a thing that is compared with, and it is made anew.
        (&|| lab.write("out/.gitignore", "mine"), &[]),
        (
            &|| {
                let text = lab.read("homelab.kdl");
                let text = text
                    .replace(" \"bob\"; public", "; public")
                    .replace(" \"bob\"; }", "; }");
                let lines = text.lines().filter(|line| !line.contains("\"bob\""));
                lab.write("homelab.kdl", lines.collect::<Vec<_>>().join("\n"));
            },
            &[
                "locks out bob/iphone",
                "bob may no longer open notes, photos",
            ],
        ),
    ];
    for (number, (step, expected)) in steps.iter().enumerate() {
        step();
        assert_eq!(as_planned(&lab, 1, &[]), *expected, "step {number}");
    }
}

#[test]
fn time_that_passes_is_foreseen() {
    let lab = Lab::built_on(0, DECLARATION);
    let elsewhere = lab.copy();
    let renewed = run(&elsewhere, 1, ["renew", "alice/pixel"]);
    let told = "alice/pixel must install a new file by 1 February 2027, 00:00 UTC";
    renewed.succeeds().stdout_contains(told);
    // Here, the lock comes by git.
    lab.write("homelab.lock", elsewhere.read("homelab.lock"));
    let planned = json(&lab, 1, []);
    assert_eq!(planned["people"][0]["until"], "2027-02-01T00:00:00Z");
    assert_eq!(planned["people"][0]["kind"], "new-file");
    assert_eq!(as_planned(&lab, 1, &[]), [told]);
    assert_eq!(as_planned(&lab, 30, &[]), [""; 0]);
    assert_eq!(
        as_planned(&lab, 31, &[]),
        ["locks out alice/pixel, if its new file is not installed by now"]
    );
    let revoked = run(&lab, 32, ["revoke", "alice/pixel"]);
    let told = "\nwhat it means:\n  locks out alice/pixel until it installs its new file\n";
    revoked.succeeds().stdout_contains(told);
    run(&lab, 32, ["revoke", "--no-replace", "alice/pixel"])
        .succeeds()
        .stdout_contains("\n  locks out alice/pixel\n");
    run(&lab, 33, ["renew", "alice/pixel"])
        .succeeds()
        .stdout_contains("  alice/pixel is let in again, with a new file\n");
}

#[test]
fn the_first_build_is_planned_without_any_secret() {
    let lab = Lab::new().declare(DECLARATION);
    let planned = json(&lab, 0, []);
    assert_eq!(planned["lock"]["authority"], true);
    assert_eq!(
        words(&planned["lock"]["issue"]),
        ["alice/laptop", "alice/pixel", "bob/iphone"]
    );
    assert_eq!(planned["no_former_build"], "out has not been built before");
    assert_eq!(planned["needs_secret"], true);
    plan(&lab, 0, [])
        .succeeds()
        .stdout_contains("\nfirst build: nothing to compare with\n")
        .stdout_lacks("what it means")
        .stdout_contains("build    out/people/bob/iphone/bob-iphone.p12 ")
        .stdout_contains(" bob/iphone is to be issued\n");
    plan(&lab, 0, ["--expect-no-changes"]).fails_with(4);
    let build = run(&lab, 0, ["build"]);
    let lines = build.succeeds().stdout().lines();
    let built: BTreeSet<String> = lines
        .filter_map(|l| l.strip_prefix("built out/"))
        .map(str::to_owned)
        .collect();
    let paths: BTreeSet<String> = texts(&planned, "artifacts", "path")
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(paths, built);
}

#[test]
fn reasons_are_told() {
    let lab = Lab::built_on(0, DECLARATION);
    lab.edit(
        "platform=\"ios\";",
        "platform=\"ios\"; device \"tablet\" platform=\"android\";",
    );
    lab.edit("device \"laptop\" platform=\"linux\";", "");
    lab.write("templates/guide/android.html.j2", "Mine.");
    lab.write("out/.gitignore", "mine");
    fs::remove_file(lab.path().join("out/edge/ca.pem")).expect("it is there");
    let planned = json(&lab, 1, []);
    let reason = |path: &str| {
        let at = texts(&planned, "artifacts", "path")
            .iter()
            .position(|found| *found == path);
        texts(&planned, "artifacts", "reason")[at.unwrap_or_else(|| panic!("{path}"))]
    };
    assert_eq!(
        reason("people/bob/tablet/bob-tablet.p12"),
        "bob/tablet is to be issued"
    );
    assert_eq!(
        reason("people/bob/guide.html"),
        "bob/tablet is to be issued"
    );
    assert_eq!(
        reason("people/alice/laptop/alice-laptop.p12"),
        "alice/laptop is to be retired"
    );
    assert_eq!(
        reason("edge/sites.caddyfile"),
        "what it is made from has changed"
    );
    assert_eq!(reason("edge/ca.crl"), "it is to be signed anew");
    assert_eq!(reason("edge/ca.pem"), "missing on disk");
    assert_eq!(reason(".gitignore"), "changed by hand");
    lab.edit(
        "device \"pixel\"",
        "device \"laptop\" platform=\"linux\"; device \"pixel\"",
    );
    let planned = json(&lab, 1, []);
    let paths = texts(&planned, "artifacts", "path");
    let guide = paths
        .iter()
        .position(|path| *path == "people/alice/guide.html");
    let reasons = texts(&planned, "artifacts", "reason");
    assert_eq!(
        reasons[guide.expect("its template is another")],
        "its template has changed"
    );
}

/// In git there may be no homelab.age for whoever looks at a change.
#[test]
fn what_is_sealed_is_not_missed() {
    let lab = Lab::built_on(0, DECLARATION);
    fs::remove_file(lab.path().join("homelab.age")).expect("it is there");
    let planned = plan(&lab, 1, ["--expect-no-changes"]);
    planned
        .succeeds()
        .stdout_contains("note: there is no homelab.age here");
    lab.edit(":1", ":9");
    assert_eq!(
        texts(&json(&lab, 1, []), "artifacts", "path"),
        ["edge/sites.caddyfile"]
    );
    // Another file with the same secret in it: it is looked at, and the same comes out.
    let lab = Lab::built_on(0, DECLARATION);
    let sealed = lab.read_bytes("homelab.age");
    let recipient = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    let arguments = ["rotate", "--reseal", "--force", "--recipient", recipient];
    run(&lab, 1, arguments).succeeds();
    assert!(sealed != lab.read_bytes("homelab.age"));
    let planned = json(&lab, 1, ["--expect-no-changes"]);
    assert_eq!(
        (&planned["changes"], &planned["needs_secret"]),
        (&false.into(), &true.into())
    );
}

/// A build leaves a directory alone that somebody has put in the place of a file, and so can make nothing there.
#[test]
fn a_directory_in_the_place_of_a_file_is_told_by_whoever_looks() {
    for path in [
        "people/alice/guide.html",
        "people/alice/pixel/alice-pixel.p12",
        "edge/ca.pem",
    ] {
        let lab = Lab::built_on(0, DECLARATION);
        let file = lab.path().join("out").join(path);
        fs::remove_file(&file).expect("it has been built");
        fs::create_dir(&file).expect("nothing is there");
        let planned = json(&lab, 1, []);
        let code = "tree::something-in-the-way";
        assert_eq!(texts(&planned, "stops", "code"), [code], "{path}");
        for command in [&["check"][..], &["build"], &["build", "--locked"]] {
            let refused = lab.command(command.iter().copied()).on(1).run();
            refused.fails_with(3).stderr_contains(code);
        }
    }
}

/// The lock would tell of what no edge knows.
#[test]
fn nothing_is_issued_or_shut_out_for_a_template_that_cannot_be_rendered() {
    let lab = Lab::built_on(0, DECLARATION);
    let lock = lab.read("homelab.lock");
    lab.edit("device \"laptop\" platform=\"linux\";", "");
    fs::create_dir(lab.path().join("templates")).expect("there is none yet");
    lab.write("templates/guide.html.j2", "{{ nothing }}");
    let before = lab.snapshot();
    for command in ["build", "check"] {
        run(&lab, 1, [command])
            .fails_with(1)
            .stderr_contains("template::broken");
    }
    assert!(before == lab.snapshot());
    let planned = json(&lab, 1, []);
    assert_eq!(texts(&planned, "stops", "code"), ["template::broken"]);
    assert_eq!(planned["lock"]["retire"][0], "alice/laptop");
    // What is ordered does not wait for that.
    run(&lab, 1, ["revoke", "alice/pixel"])
        .fails_with(1)
        .stderr_contains("template::broken");
    assert_ne!(lab.read("homelab.lock"), lock);
}

/// A profile is made with no template: beside another homelab.age, what is wrong with it is that somebody has changed it.
#[test]
fn a_profile_that_was_tampered_with_is_told_beside_another_sealed_secret() {
    let lab = Lab::built_on(0, DECLARATION);
    let recipient = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    let arguments = ["rotate", "--reseal", "--force", "--recipient", recipient];
    run(&lab, 1, arguments).succeeds();
    let profile = "people/bob/iphone/bob-iphone.mobileconfig";
    lab.write(&format!("out/{profile}"), "not what was built");
    fs::remove_file(lab.path().join("out/people/alice/pixel/alice-pixel.p12"))
        .expect("it is there");
    let planned = json(&lab, 1, []);
    assert_eq!(
        texts(&planned, "artifacts", "path"),
        ["people/alice/pixel/alice-pixel.p12", profile]
    );
    assert_eq!(
        texts(&planned, "artifacts", "reason"),
        ["missing on disk", "changed by hand"]
    );
    assert_eq!(texts(&planned, "artifacts", "verb"), ["restore", "restore"]);
}

#[test]
fn what_was_built_before_is_believed_as_it_was_written_only() {
    let lab = Lab::built_on(0, DECLARATION);
    let written = lab.read("out/edge/exposure.json");
    lab.write(
        "out/edge/exposure.json",
        written.replace("\"lan\"", "\"everywhere\""),
    );
    lab.edit("open \"lan\"", "open \"everyone\"");
    let planned = json(&lab, 1, []);
    assert_eq!(
        planned["no_former_build"],
        "out has no exposure.json as it was written"
    );
    assert_eq!(texts(&planned, "people", "text"), [""; 0]);
    plan(&lab, 1, [])
        .succeeds()
        .stdout_contains("who may open what cannot be compared");
}

#[test]
fn the_edge_is_planned_where_no_secret_is() {
    let lab = Lab::built_on(0, DECLARATION);
    lab.edit("open \"lan\"", "open \"everyone\"");
    assert_eq!(
        as_planned(&lab, 1, &["--edge"]),
        ["films becomes open to everyone, without a certificate"]
    );
    // A removed device leaves the lists at once.
    lab.edit("device \"laptop\" platform=\"linux\";", "");
    let planned = json(&lab, 1, ["--edge"]);
    assert_eq!(
        texts(&planned, "people", "text"),
        ["locks out alice/laptop"]
    );
    assert!(words(&planned["notes"])[0].contains("would not list alice/laptop yet"));
    assert_eq!(as_planned(&lab, 1, &["--edge"]), ["locks out alice/laptop"]);
    // A fresh clone, as in CI.
    fs::remove_dir_all(lab.path().join("out")).expect("it is there");
    let planned = json(&lab, 1, ["--edge"]);
    assert_eq!(planned["no_former_build"], "out has not been built before");
    assert_eq!(as_planned_quietly(&lab), 9);
    // What has no certificate stops it.
    lab.edit(
        "platform=\"ios\";",
        "platform=\"ios\"; device \"tablet\" platform=\"android\";",
    );
    let planned = json(&lab, 1, ["--edge"]);
    assert_eq!(texts(&planned, "stops", "code"), ["lock::would-change"]);
    run(&lab, 1, ["build", "--edge"]).fails_with(4);
}

/// Builds the edge, and gives how much that was.
#[track_caller]
fn as_planned_quietly(lab: &Lab) -> usize {
    let planned = texts(&json(lab, 1, ["--edge"]), "artifacts", "path").len();
    let build = run(lab, 1, ["build", "--edge"]);
    let built = build
        .succeeds()
        .stdout()
        .lines()
        .filter(|line| line.starts_with("built"));
    assert_eq!(built.count(), planned);
    planned
}

#[test]
fn what_would_stop_a_build_is_told_first() {
    let lab = Lab::built_on(0, DECLARATION);
    let device = "out/people/bob/tablet/bob-tablet.p12";
    lab.edit(
        "platform=\"ios\";",
        "platform=\"ios\"; device \"tablet\" platform=\"android\";",
    );
    lab.write(device, "somebody's");
    let planned = json(&lab, 1, []);
    assert_eq!(texts(&planned, "stops", "code"), ["tree::not-ours"]);
    plan(&lab, 1, []).succeeds().stdout_contains(&format!(
        "a build stops: `{device}` was not written by homelab\n"
    ));
    run(&lab.copy(), 1, ["build"])
        .fails_with(3)
        .stderr_contains("tree::not-ours");
    // Without the lock nothing can be told, and no other authority is spoken of.
    fs::remove_file(lab.path().join("homelab.lock")).expect("it is there");
    plan(&lab, 1, [])
        .fails_with(3)
        .stderr_contains("lock::missing");
    let lab = Lab::built_on(0, DECLARATION);
    lab.edit(
        "platform=\"ios\";",
        "platform=\"ios\"; device \"tablet\" platform=\"android\";",
    );
    for arguments in ["plan", "build"] {
        let late = run(&lab, 3_700, [arguments]);
        late.fails_with(3)
            .stderr_contains("issue::authority-expired");
    }
}

#[test]
fn no_build_replaces_the_authority() {
    let lab = Lab::built_on(0, DECLARATION);
    let authority = |lab: &Lab| -> Vec<String> {
        let lock = lab.read("homelab.lock");
        let lines = lock
            .lines()
            .filter(|line| !line.starts_with("homelab-lock"));
        lines.map(str::to_owned).collect()
    };
    let (before, pem) = (authority(&lab), lab.read("out/edge/ca.pem"));
    lab.edit("home.example.com\"", "new.example.com\"");
    lab.edit("validity {", "validity { authority \"5y\";");
    let told = "stays as it is, and devices keep their certificates, though it is of the domain \
                `home.example.com`, and it ends on 2037-01-01, which is not `5y` after its issue; \
                `homelab rotate --authority` begins";
    plan(&lab, 1, []).succeeds().stdout_contains(told);
    run(&lab, 1, ["check"]).succeeds().stderr_contains(told);
    let means = as_planned(&lab, 1, &[]);
    assert!(means[0].starts_with(
        "the domain becomes new.example.com; it was home.example.com, and devices keep"
    ));
    assert_eq!(before, authority(&lab));
    assert_eq!(pem, lab.read("out/edge/ca.pem"));
    run(&lab, 2, ["rotate", "--authority"]).succeeds();
    let lock = lab.read("homelab.lock");
    let new = lock.lines().filter(|line| {
        line.starts_with("authority") && line.contains("domain=\"new.example.com\"")
    });
    assert_eq!(new.count(), 1, "{lock}");
    run(&lab, 2, ["check"])
        .succeeds()
        .stderr_lacks("stays as it is");
}

/// The line of the authority that signs can be lost: right after a rotation nothing depends on it.
#[test]
fn a_lost_authority_is_not_made_anew() {
    let lab = Lab::built_on(0, DECLARATION);
    run(&lab, 1, ["rotate", "--authority"]).succeeds();
    let lock = lab.read("homelab.lock");
    let signing = lock
        .lines()
        .find(|line| line.starts_with("authority") && !line.contains("state=\"replaced\""));
    let signing = signing.expect("one signs");
    let id = signing.split('"').nth(1).expect("it has an id");
    let kept = lock.lines().filter(|line| !line.contains(id));
    lab.write(
        "homelab.lock",
        kept.map(|line| format!("{line}\n")).collect::<String>(),
    );
    for out in ["out", "elsewhere"] {
        for command in ["build", "plan"] {
            let before = lab.snapshot();
            let refused = run(&lab, 2, [command, "--out", out]);
            refused.fails_with(3).stderr_contains("lock::nobody-signs");
            assert!(before == lab.snapshot(), "{refused}");
        }
    }
}
