//! What a build does after one thing has changed: exactly what has to be done, and it says so.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::home::{
    self, FILES, add_device, authority, build, built, certificate, crl, everything, field,
    remove_device, traces,
};
use super::support::files::{changed, stamps};
use super::support::lab::Lab;

const MANIFEST: &str = "~ out/.homelab/manifest.kdl";
const SITES: &str = "~ out/edge/sites.caddyfile";
const GLOBALS: &str = "~ out/edge/globals.caddyfile";
const CRL: &str = "~ out/edge/ca.crl";
const CRL_DER: &str = "~ out/edge/ca.crl.der";
const INDEX: &str = "~ out/index.html";
const EXPOSURE: &str = "~ out/edge/exposure.md";
const PUBLISHED: &str = "~ out/edge/exposure.json";
const RENEWALS: &str = "~ out/renewals.ics";

const GUIDE: &str = "out/people/bob/guide.html";
const BUNDLE: &str = "out/people/bob/iphone/bob-iphone.p12";

/// Builds, and gives the paths that changed in the homelab and what was said on stdout. Asserts that nothing else was even
/// written anew, and that nothing is left over.
#[track_caller]
fn build_after(lab: &Lab, change: impl FnOnce(&Lab)) -> (Vec<String>, String) {
    change(lab);
    let (before, stood) = (lab.snapshot(), stamps(&lab.path()));
    let at_home = everything(lab);
    let outcome = build(lab);
    outcome.succeeds().stderr_is("");
    let (after, stands) = (lab.snapshot(), stamps(&lab.path()));
    let changes = changed(&before, &after);
    let files = before
        .keys()
        .filter(|name| lab.path().join(name.as_str()).is_file());
    let rewritten: Vec<&String> = files.filter(|name| stood[*name] != stands[*name]).collect();
    let unsaid: Vec<_> = rewritten
        .into_iter()
        .filter(|name| {
            !changes
                .iter()
                .any(|change| change.split(' ').nth(1) == Some(name))
        })
        .collect();
    assert!(unsaid.is_empty(), "written anew: {unsaid:?}\n{outcome}");
    let elsewhere: Vec<_> = changed(&at_home, &everything(lab))
        .into_iter()
        .filter(|change| !change[2..].starts_with("lab"))
        // What the machine remembers changes with the tree, and only then.
        .filter(|change| {
            changes.is_empty() || !change[2..].starts_with("home/.local/state/homelab")
        })
        .collect();
    assert_eq!(elsewhere, [""; 0], "{outcome}");
    assert_eq!(home::leftovers(lab), [""; 0], "{outcome}");
    (changes, outcome.stdout().to_owned())
}

#[track_caller]
fn changes_nothing(lab: &Lab, change: impl FnOnce(&Lab)) {
    change(lab);
    let before = (everything(lab), traces(lab));
    build(lab)
        .succeeds()
        .stderr_is("")
        .stdout_is(&format!("{} unchanged\n", FILES.len()));
    let after = (everything(lab), traces(lab));
    assert_eq!(changed(&before.0, &after.0), [""; 0]);
    assert_eq!(before.1, after.1, "something was written");
}

#[track_caller]
fn gives(found: (Vec<String>, String), paths: &[&str], said: &str) {
    assert_eq!(found.0, paths);
    assert_eq!(found.1, said);
}

fn chmod(lab: &Lab, path: &str, mode: u32) {
    fs::set_permissions(lab.path().join(path), Permissions::from_mode(mode))
        .expect("the mode of an own file can be set");
}

#[test]
fn the_first_build_names_what_it_makes() {
    let lab = home::small();
    let outcome = build(&lab);
    let issued = ["alice/macbook", "alice/pixel", "bob/iphone"]
        .map(|device| format!("issued {device} until 2028-01-15\n"))
        .concat();
    let made = FILES.map(|file| format!("built out/{file}\n")).concat();
    outcome
        .succeeds()
        .stdout_is(&format!("{issued}{made}19 built, 0 unchanged\n"));
    let tree = lab.snapshot();
    let modes: Vec<String> = tree
        .iter()
        .filter(|(path, _)| path.starts_with("out") || path.starts_with("homelab."))
        .map(|(path, entry)| format!("{:04o} {path}", entry.mode))
        .collect();
    assert_eq!(
        modes,
        [
            "0644 homelab.age",
            "0644 homelab.kdl",
            "0644 homelab.lock",
            "0700 out",
            "0644 out/.gitignore",
            "0700 out/.homelab",
            "0600 out/.homelab/manifest.kdl",
            "0755 out/edge",
            "0644 out/edge/Caddyfile",
            "0644 out/edge/ca.crl",
            "0644 out/edge/ca.crl.der",
            "0644 out/edge/ca.pem",
            "0644 out/edge/exposure.json",
            "0644 out/edge/exposure.md",
            "0644 out/edge/globals.caddyfile",
            "0644 out/edge/pages.caddyfile",
            "0644 out/edge/sites.caddyfile",
            "0644 out/index.html",
            "0700 out/people",
            "0700 out/people/alice",
            "0644 out/people/alice/calendar.ics",
            "0644 out/people/alice/guide.html",
            "0700 out/people/alice/macbook",
            "0600 out/people/alice/macbook/alice-macbook.p12",
            "0700 out/people/alice/pixel",
            "0600 out/people/alice/pixel/alice-pixel.p12",
            "0700 out/people/bob",
            "0644 out/people/bob/calendar.ics",
            "0644 out/people/bob/guide.html",
            "0700 out/people/bob/iphone",
            "0600 out/people/bob/iphone/bob-iphone.p12",
            "0644 out/renewals.ics",
        ]
    );
}

#[test]
fn a_build_with_nothing_to_do_does_nothing() {
    let lab = built();
    changes_nothing(&lab, |_| {});
    changes_nothing(&lab, |lab| lab.edit("domain", "// a comment\ndomain"));
}

#[test]
fn a_new_device_is_a_bundle_a_guide_and_the_edge() {
    let lab = built();
    let before = lab.read("homelab.lock");
    gives(
        build_after(&lab, add_device),
        &[
            "~ homelab.lock",
            MANIFEST,
            PUBLISHED,
            EXPOSURE,
            SITES,
            INDEX,
            "~ out/people/bob/calendar.ics",
            "~ out/people/bob/guide.html",
            "+ out/people/bob/tablet/",
            "+ out/people/bob/tablet/bob-tablet.p12",
            RENEWALS,
        ],
        "issued bob/tablet until 2028-01-15\n\
         built out/edge/exposure.json\n\
         built out/edge/exposure.md\n\
         built out/edge/sites.caddyfile\n\
         built out/index.html\n\
         built out/people/bob/calendar.ics\n\
         built out/people/bob/guide.html\n\
         built out/people/bob/tablet/bob-tablet.p12\n\
         built out/renewals.ics\n\
         8 built, 12 unchanged\n\
         \nwhat it means:\n  bob/tablet gets its first file\n",
    );
    let after = lab.read("homelab.lock");
    let new: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(line))
        .collect();
    assert_eq!(new, [certificate(&lab, "bob/tablet")]);
    assert_eq!(after.lines().count(), before.lines().count() + 1);
}

#[test]
fn a_name_changes_where_it_is_shown() {
    let lab = built();
    gives(
        build_after(&lab, |lab| lab.edit("name \"Alice\"", "name \"Alice L.\"")),
        &[MANIFEST, SITES, INDEX, "~ out/people/alice/guide.html"],
        "built out/edge/sites.caddyfile\nbuilt out/index.html\nbuilt out/people/alice/guide.html\n3 built, 16 unchanged\n",
    );
    // No service is told of bob.
    gives(
        build_after(&lab, |lab| {
            lab.edit("\"bob\" {", "\"bob\" {\n    name \"Robert\"")
        }),
        &[MANIFEST, INDEX, "~ out/people/bob/guide.html"],
        "built out/index.html\nbuilt out/people/bob/guide.html\n2 built, 17 unchanged\n",
    );
}

#[test]
fn another_version_of_a_platform_is_another_bundle_where_its_kind_is_another() {
    let lab = built();
    let issued = certificate(&lab, "alice/pixel");
    gives(
        build_after(&lab, |lab| lab.edit("version=13", "version=15")),
        &[MANIFEST, "~ out/people/alice/pixel/alice-pixel.p12"],
        "built out/people/alice/pixel/alice-pixel.p12\n1 built, 18 unchanged\n",
    );
    assert_eq!(
        certificate(&lab, "alice/pixel"),
        issued,
        "it is the same certificate"
    );
    changes_nothing(&lab, |lab| lab.edit("version=15", "version=16"));
}

#[test]
fn an_upstream_changes_the_sites_only() {
    gives(
        build_after(&built(), |lab| lab.edit(":2283", ":2284")),
        &[MANIFEST, SITES],
        "built out/edge/sites.caddyfile\n1 built, 18 unchanged\n",
    );
}

#[test]
fn what_somebody_changed_in_the_output_is_restored() {
    let lab = built();
    let tree = lab.snapshot();
    for (path, change) in [
        (GUIDE, (|lab| lab.write(GUIDE, "mine")) as fn(&Lab)),
        (GUIDE, |lab| home::remove(lab, GUIDE)),
        (GUIDE, |lab| chmod(lab, GUIDE, 0o600)),
        (GUIDE, |lab| {
            home::remove(lab, GUIDE);
            std::os::unix::fs::symlink("../../edge/ca.pem", lab.path().join(GUIDE))
                .expect("a link can be made");
        }),
        (BUNDLE, |lab| lab.write(BUNDLE, "")),
        (BUNDLE, |lab| chmod(lab, BUNDLE, 0o644)),
        (BUNDLE, |lab| chmod(lab, BUNDLE, 0o4600)),
        (BUNDLE, |lab| home::remove(lab, "out/people/bob/iphone")),
    ] {
        let (_, said) = build_after(&lab, change);
        assert_eq!(said, format!("restored {path}\n1 restored, 18 unchanged\n"));
        assert_eq!(changed(&tree, &lab.snapshot()), [""; 0]);
    }
}

#[test]
fn all_of_the_output_is_restored() {
    let lab = built();
    let tree = lab.snapshot();
    let (_, said) = build_after(&lab, |lab| home::remove(lab, "out"));
    let made = FILES.map(|file| format!("built out/{file}\n")).concat();
    assert_eq!(said, format!("{made}19 built, 0 unchanged\n"));
    assert_eq!(changed(&tree, &lab.snapshot()), [""; 0]);
}

/// A directory that was opened to others is closed again, and that is no secret.
#[test]
fn the_mode_of_a_directory_is_restored_and_said() {
    for (directory, mode) in [
        ("out/people", 0o755),
        ("out/edge", 0o700),
        ("out/.homelab", 0o755),
        ("out/people/bob/iphone", 0o777),
    ] {
        let lab = built();
        let tree = lab.snapshot();
        chmod(&lab, directory, mode);
        let outcome = build(&lab);
        outcome.succeeds();
        assert_eq!(changed(&tree, &lab.snapshot()), [""; 0], "{outcome}");
        outcome.stdout_contains(&format!("restored {directory}"));
    }
}

#[test]
fn a_template_changes_what_was_made_with_it() {
    let lab = built();
    let tree = lab.snapshot();
    let guide = [MANIFEST, "~ out/people/alice/guide.html"];
    let said = "built out/people/alice/guide.html\n1 built, 18 unchanged\n";
    let other = "templates/guide/other.html.j2";
    gives(
        build_after(&lab, |lab| lab.write(other, "<p>As you like it.</p>\n")),
        &guide,
        said,
    );
    gives(
        build_after(&lab, |lab| lab.write(other, "<p>Much ado.</p>\n")),
        &guide,
        said,
    );
    assert!(
        lab.read("out/people/alice/guide.html")
            .contains("Much ado.")
    );
    gives(
        build_after(&lab, |lab| home::remove(lab, "templates")),
        &guide,
        said,
    );
    assert_eq!(changed(&tree, &lab.snapshot()), [""; 0]);
}

#[test]
fn a_template_may_extend_the_one_that_it_replaces() {
    let lab = built();
    let tree = lab.snapshot();
    let globals = "{% extends \"builtin/globals.caddyfile.j2\" %}\n{% block global %}\ndebug\n{% endblock %}\n";
    // The report says that there is such a template.
    let said = |means: &str| {
        format!(
            "built out/edge/exposure.json\nbuilt out/edge/exposure.md\nbuilt out/edge/globals.caddyfile\n\
             built out/index.html\n4 built, 15 unchanged\n\nwhat it means:\n  the Caddyfile is made with {means}\n"
        )
    };
    gives(
        build_after(&lab, |lab| {
            lab.write("templates/globals.caddyfile.j2", globals)
        }),
        &[MANIFEST, PUBLISHED, EXPOSURE, GLOBALS, INDEX],
        &said("templates of your own, which homelab does not check: globals.caddyfile.j2"),
    );
    assert!(lab.read("out/edge/globals.caddyfile").contains("\ndebug\n"));
    gives(
        build_after(&lab, |lab| home::remove(lab, "templates")),
        &[MANIFEST, PUBLISHED, EXPOSURE, GLOBALS, INDEX],
        &said("homelab's own templates again"),
    );
    assert_eq!(changed(&tree, &lab.snapshot()), [""; 0]);
}

#[test]
fn a_template_that_nothing_uses_changes_nothing() {
    let lab = built();
    changes_nothing(&lab, |lab| {
        lab.write("templates/guide/windows.html.j2", "nobody has one");
        lab.write("templates/mine.html.j2", "nobody includes it");
        lab.write("templates/README.md", "not a template");
    });
}

/// A template that an override asks for "if it is there" counts even as long as it is not.
#[test]
fn a_template_that_comes_to_be_is_noticed() {
    let lab = built();
    lab.write(
        "templates/guide/other.html.j2",
        "{% include \"note.html.j2\" ignore missing %}",
    );
    build(&lab).succeeds();
    let note = |lab: &Lab| lab.write("templates/note.html.j2", "Noted.");
    let (changes, _) = build_after(&lab, note);
    assert_eq!(changes, [MANIFEST, "~ out/people/alice/guide.html"]);
    assert!(lab.read("out/people/alice/guide.html").contains("Noted."));
}

#[test]
fn a_removed_device_is_retired_and_its_files_go() {
    let lab = built();
    let (before, line) = (lab.read("homelab.lock"), certificate(&lab, "alice/macbook"));
    let first = crl(&lab);
    gives(
        build_after(&lab, remove_device),
        &[
            "~ homelab.lock",
            MANIFEST,
            CRL,
            CRL_DER,
            PUBLISHED,
            EXPOSURE,
            SITES,
            INDEX,
            "~ out/people/alice/calendar.ics",
            "~ out/people/alice/guide.html",
            "- out/people/alice/macbook/",
            "- out/people/alice/macbook/alice-macbook.p12",
            RENEWALS,
        ],
        "retired alice/macbook\n\
         built out/edge/ca.crl\n\
         built out/edge/ca.crl.der\n\
         built out/edge/exposure.json\n\
         built out/edge/exposure.md\n\
         built out/edge/sites.caddyfile\n\
         built out/index.html\n\
         built out/people/alice/calendar.ics\n\
         built out/people/alice/guide.html\n\
         built out/renewals.ics\n\
         removed out/people/alice/macbook/alice-macbook.p12\n\
         9 built, 9 unchanged, 1 removed\n\
         \nwhat it means:\n  locks out alice/macbook\n",
    );
    let retired = certificate(&lab, "alice/macbook");
    let without_check = |line: &str| line.split(" signed=").next().map(str::to_owned);
    assert_eq!(
        without_check(&retired),
        without_check(&line.replace(
            "state=\"active\"",
            "state=\"retired\" retired=\"2027-01-15T08:00:00Z\""
        ))
    );
    let second = crl(&lab);
    assert_eq!(field(&second, "number"), "2");
    assert_eq!(field(&second, "updated"), "2027-01-15T07:00:00Z");
    assert_eq!(
        lab.read("homelab.lock"),
        before.replace(&line, &retired).replace(&first, &second)
    );
    is_let_in_nowhere(&lab, &line);
}

/// The certificate of that line of the lock is told that it is out of date, and no more.
#[track_caller]
fn is_let_in_nowhere(lab: &Lab, line: &str) {
    let fingerprint = field(line, "fingerprint");
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    let mut told = caddyfile.lines().filter(|line| line.contains(&fingerprint));
    assert!(told.all(|line| line.trim_start().starts_with("@retired ")));
}

#[test]
fn a_device_that_comes_back_is_another() {
    let lab = built();
    let old = certificate(&lab, "alice/macbook");
    let declaration = lab.read("homelab.kdl");
    let bundle = "out/people/alice/macbook/alice-macbook.p12";
    let stolen = lab.read_bytes(bundle);
    build_after(&lab, remove_device);
    let retired = certificate(&lab, "alice/macbook");
    build_after(&lab, |lab| lab.write("homelab.kdl", &declaration));
    let lock = lab.read("homelab.lock");
    let lines: Vec<&str> = lock
        .lines()
        .filter(|line| line.starts_with("certificate \"alice/macbook\""))
        .collect();
    assert_eq!(lines.len(), 2, "{lock}");
    assert!(lines.contains(&retired.as_str()), "the old line stays");
    let new = lines
        .iter()
        .find(|line| line.contains("state=\"active\""))
        .expect("one is active");
    for name in ["id", "fingerprint", "serial"] {
        assert_ne!(field(new, name), field(&old, name), "{name}");
    }
    assert_ne!(lab.read_bytes(bundle), stolen);
    let caddyfile = lab.read("out/edge/sites.caddyfile");
    assert!(caddyfile.contains(&field(new, "fingerprint")));
    is_let_in_nowhere(&lab, &old);
}

#[test]
fn a_removed_person_goes_with_all_that_is_hers() {
    let lab = built();
    let authority_before = authority(&lab);
    gives(
        build_after(&lab, |lab| {
            let text = lab.read("homelab.kdl");
            let (start, rest) = text.split_once("person \"bob\"").expect("bob is declared");
            let (_, rest) = rest.split_once("}\n").expect("his block ends");
            let text =
                format!("{start}{rest}").replace("allow \"alice\" \"bob\"", "allow \"alice\"");
            lab.write("homelab.kdl", text);
        }),
        &[
            "~ homelab.lock",
            MANIFEST,
            CRL,
            CRL_DER,
            PUBLISHED,
            EXPOSURE,
            SITES,
            INDEX,
            "- out/people/bob/",
            "- out/people/bob/calendar.ics",
            "- out/people/bob/guide.html",
            "- out/people/bob/iphone/",
            "- out/people/bob/iphone/bob-iphone.p12",
            RENEWALS,
        ],
        "retired bob/iphone\n\
         built out/edge/ca.crl\n\
         built out/edge/ca.crl.der\n\
         built out/edge/exposure.json\n\
         built out/edge/exposure.md\n\
         built out/edge/sites.caddyfile\n\
         built out/index.html\n\
         built out/renewals.ics\n\
         removed out/people/bob/calendar.ics\n\
         removed out/people/bob/guide.html\n\
         removed out/people/bob/iphone/bob-iphone.p12\n\
         7 built, 9 unchanged, 3 removed\n\
         \nwhat it means:\n  locks out bob/iphone\n  bob may no longer open immich\n",
    );
    assert_eq!(authority(&lab), authority_before);
}

#[test]
fn what_is_not_ours_is_left_and_keeps_its_directory() {
    let lab = built();
    for path in [
        "out/notes.txt",
        "out/edge/Caddyfile.bak",
        "out/people/alice/macbook/mine.txt",
        "out/people/carol/mine.txt",
    ] {
        lab.write(path, "mine");
        chmod(&lab, path, 0o604);
    }
    changes_nothing(&lab, |_| {});
    let (changes, _) = build_after(&lab, remove_device);
    assert_eq!(
        changes,
        [
            "~ homelab.lock",
            MANIFEST,
            CRL,
            CRL_DER,
            PUBLISHED,
            EXPOSURE,
            SITES,
            INDEX,
            "~ out/people/alice/calendar.ics",
            "~ out/people/alice/guide.html",
            "- out/people/alice/macbook/alice-macbook.p12",
            RENEWALS,
        ]
    );
}

/// Somebody's file in the place of one that is to be made is neither replaced nor taken for ours; nothing is done by halves.
#[test]
fn what_is_not_ours_is_not_replaced() {
    let lab = built();
    add_device(&lab);
    lab.write("out/people/bob/tablet/bob-tablet.p12", "mine");
    let tree = home::everything(&lab);
    build(&lab)
        .fails_with(3)
        .stderr_contains("tree::not-ours")
        .stderr_contains("out/people/bob/tablet/bob-tablet.p12");
    let changes = changed(&tree, &home::everything(&lab));
    assert!(
        changes.is_empty() || changes == ["~ lab/homelab.lock"],
        "{changes:?}"
    );
    home::remove(&lab, "out/people/bob/tablet");
    build(&lab).succeeds();
    assert_eq!(home::differences_from_undisturbed(&lab), [""; 0]);
}
