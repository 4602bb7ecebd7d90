//! A build that knows at once that it has nothing to do, by the index of the last one: it does and says what one does that reads
//! everything, whatever was edited.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::home::{FILES, NOW, build, built, homelab, small};
use super::support::lab::Lab;
use super::support::outcome::first_line;
use super::twins::{self, Twins, index_of, must, opened};

#[test]
fn a_build_with_nothing_to_do_reads_no_file_of_the_tree_that_is_no_input() {
    let lab = built();
    let is_bundle = |path: &String| path.ends_with(".p12");
    assert!(
        opened(&lab, &["build"]).iter().any(is_bundle),
        "the second build reads what the first made"
    );
    let third = opened(&lab, &["build"]);
    assert!(!third.iter().any(is_bundle), "{third:?}");
    // Nor does one that only looks, or that makes something else.
    for command in ["plan", "check", "build"] {
        lab.edit("Alice", "Alicia");
        let opened = opened(&lab, &[command]);
        assert!(!opened.iter().any(is_bundle), "{command}: {opened:?}");
        lab.edit("Alicia", "Alice");
    }
    // And whoever is told to read everything does.
    let all = opened(&lab, &["build", "--no-index"]);
    assert!(all.iter().any(is_bundle), "{all:?}");
}

#[test]
fn checking_and_verifying_read_every_byte() {
    let lab = built();
    build(&lab).succeeds();
    let bundle = lab.path().join("out/people/bob/iphone/bob-iphone.p12");
    let before = fs::read(&bundle).expect("a bundle");
    for command in [&["build", "--check"][..], &["verify"]] {
        let opened = opened(&lab, command);
        for path in FILES {
            let is_it = |opened: &String| opened.ends_with(path);
            assert!(opened.iter().any(is_it), "{command:?}: {path}\n{opened:?}");
        }
    }
    assert_eq!(fs::read(&bundle).expect("a bundle"), before);
}

type Edit = fn(&Lab);

fn at(lab: &Lab, path: &str) -> PathBuf {
    lab.path().join(path)
}

fn set_time(path: &Path, time: SystemTime) {
    must(twins::set_time(path, time));
}

fn forge(lab: &Lab, path: &str) {
    must(twins::forge(&at(lab, path)));
}

fn replace(lab: &Lab, path: &str) {
    must(twins::replace(&at(lab, path)));
}

fn chmod(lab: &Lab, path: &str, mode: u32) {
    must(fs::set_permissions(
        at(lab, path),
        Permissions::from_mode(mode),
    ));
}

const BUNDLE: &str = "out/people/bob/iphone/bob-iphone.p12";
const GUIDE: &str = "out/people/bob/guide.html";
const MANIFEST: &str = "out/.homelab/manifest.kdl";

/// What may become of files that a build has written.
const OUTPUTS: [(&str, Edit); 21] = [
    ("other bytes, size and time the same", |lab| {
        forge(lab, BUNDLE)
    }),
    ("other bytes of a page", |lab| forge(lab, GUIDE)),
    ("another edge", |lab| forge(lab, "out/edge/sites.caddyfile")),
    ("another manifest", |lab| forge(lab, MANIFEST)),
    ("another inode", |lab| replace(lab, BUNDLE)),
    ("another inode of the manifest", |lab| {
        replace(lab, MANIFEST)
    }),
    ("a mode", |lab| chmod(lab, BUNDLE, 0o644)),
    ("the mode of a directory", |lab| {
        chmod(lab, "out/people", 0o755)
    }),
    ("the mode of homelab's own", |lab| {
        chmod(lab, "out/.homelab", 0o755)
    }),
    ("a time of long ago", |lab| {
        set_time(&at(lab, GUIDE), SystemTime::UNIX_EPOCH)
    }),
    ("a time to come", |lab| {
        set_time(
            &at(lab, GUIDE),
            SystemTime::now() + Duration::from_secs(1 << 26),
        )
    }),
    ("a file that is gone", |lab| {
        must(fs::remove_file(at(lab, BUNDLE)))
    }),
    ("a directory that is gone", |lab| {
        must(fs::remove_dir_all(at(lab, "out/people/bob")))
    }),
    ("no tree at all", |lab| {
        must(fs::remove_dir_all(at(lab, "out")))
    }),
    ("a directory in a file's place", |lab| {
        must(fs::remove_file(at(lab, GUIDE)));
        must(fs::create_dir(at(lab, GUIDE)));
    }),
    ("a link in a file's place", |lab| {
        must(fs::rename(at(lab, GUIDE), at(lab, "guide.html")));
        must(symlink("../../../guide.html", at(lab, GUIDE)));
    }),
    ("a link in a directory's place", |lab| {
        must(fs::rename(at(lab, "out/people"), at(lab, "people")));
        must(symlink("../people", at(lab, "out/people")));
    }),
    ("two files that changed places", |lab| {
        let (one, two) = (at(lab, BUNDLE), at(lab, GUIDE));
        let aside = at(lab, "aside");
        must(fs::rename(&one, &aside));
        must(fs::rename(&two, &one));
        must(fs::rename(&aside, &two));
    }),
    ("a file of somebody's", |lab| {
        must(fs::write(at(lab, "out/people/bob/notes.txt"), "mine"))
    }),
    ("what a killed build left", |lab| {
        must(fs::create_dir(at(lab, "out/.homelab/staging")))
    }),
    ("the tree of before, copied back", |lab| {
        let cp = |from: &str, to: &str| {
            let done = std::process::Command::new("cp")
                .arg("-a")
                .args([at(lab, from), at(lab, to)])
                .status();
            assert!(must(done).success());
        };
        cp("out", "copy");
        forge(lab, "copy/edge/Caddyfile");
        must(fs::rename(at(lab, "out"), at(lab, "before")));
        must(fs::rename(at(lab, "copy"), at(lab, "out")));
    }),
];

/// What may become of what a build reads. None of these has anything issued, which is another certificate each time.
const INPUTS: [(&str, Edit); 19] = [
    ("another declaration", |lab| {
        lab.edit("name \"Alice\"", "name \"Alicia\"")
    }),
    ("another declaration of the same size and time", |lab| {
        let path = at(lab, "homelab.kdl");
        let time = must(must(fs::metadata(&path)).modified());
        lab.edit("name \"Alice\"", "name \"Alyce\"");
        set_time(&path, time);
    }),
    ("a comment", |lab| {
        lab.edit("person \"bob\"", "// bob\nperson \"bob\"")
    }),
    ("a mistake", |lab| {
        lab.edit("allow \"alice\"\n", "allow \"carol\"\n")
    }),
    ("a device that is gone", |lab| {
        lab.edit("    device \"macbook\" platform=\"other\"\n", "")
    }),
    ("a declaration that is gone", |lab| {
        must(fs::remove_file(at(lab, "homelab.kdl")))
    }),
    ("a declaration behind a link", |lab| {
        must(fs::rename(at(lab, "homelab.kdl"), at(lab, "other.kdl")));
        must(symlink("other.kdl", at(lab, "homelab.kdl")));
    }),
    ("another inode of the lock", |lab| {
        replace(lab, "homelab.lock")
    }),
    ("a damaged lock", |lab| forge(lab, "homelab.lock")),
    ("a lock with other ends of lines", |lab| {
        let text = lab.read("homelab.lock").replace('\n', "\r\n");
        lab.write("homelab.lock", text);
    }),
    ("no lock", |lab| {
        must(fs::remove_file(at(lab, "homelab.lock")))
    }),
    ("a damaged age file", |lab| forge(lab, "homelab.age")),
    ("no age file", |lab| {
        must(fs::remove_file(at(lab, "homelab.age")))
    }),
    ("a pending age file", |lab| {
        must(fs::copy(
            at(lab, "homelab.age"),
            at(lab, ".homelab.age.pending"),
        ));
    }),
    ("a template", |lab| {
        lab.write("templates/guide.html.j2", "only this\n")
    }),
    ("a broken template", |lab| {
        lab.write("templates/guide.html.j2", "{{ nothing }\n")
    }),
    ("a file beside the templates", |lab| {
        lab.write("templates/notes.txt", "mine\n")
    }),
    ("messages of another language", |lab| {
        lab.write("templates/messages/eo.kdl", "")
    }),
    ("no memory", |lab| lab.forget()),
];

#[test]
fn whatever_becomes_of_the_output_is_noticed() {
    let lab = built();
    for (after, edit) in OUTPUTS {
        notices(&lab, after, edit);
    }
}

#[test]
fn whatever_becomes_of_the_inputs_is_noticed() {
    let lab = built();
    for (after, edit) in INPUTS {
        notices(&lab, after, edit);
    }
}

#[track_caller]
fn notices(lab: &Lab, after: &str, edit: Edit) {
    let twins = Twins::of(lab);
    twins.both().into_iter().for_each(edit);
    twins.agree(after);
    twins.agree(&format!("{after}, and a build"));
    twins.agree(&format!("{after}, and two builds"));
}

#[test]
fn other_options_and_surroundings_are_noticed() {
    let lab = built();
    let twins = Twins::of(&lab);
    drop(twins.agree_at("--locked", NOW, &["--locked"]));
    drop(twins.agree_at("--edge", NOW, &["--edge"]));
    drop(twins.agree_at("--locked", NOW, &["--locked"]));
    twins.agree("a build");
    // The key of another homelab's.
    let other = built();
    let other = homelab(&other, ["status", "--json"]).run();
    let key = { other.stdout().lines() }.find_map(|line| line.split("\"root_key\": \"").nth(1));
    let key = key.expect("a key").split('"').next().expect("its end");
    let refused = twins.agree_at("a root key", NOW, &["--root-key", key]);
    assert!(!refused.status.success(), "{refused}");
    drop(twins.agree_at("another place", NOW, &["--out", "other"]));
    drop(twins.agree_at("another place", NOW, &["--out", "other"]));
    twins.agree("a build");
    // A repository around it, and one that keeps the output.
    for lab in twins.both() {
        lab.git(&["init", "-q"]).succeeds();
    }
    twins.agree("git");
    twins.agree("git");
    for lab in twins.both() {
        lab.write(".gitignore", "");
    }
    twins.agree("other words to git");
    for lab in twins.both() {
        lab.git(&["add", "-f", "out/index.html"]).succeeds();
    }
    for _ in 0..2 {
        let told = twins.agree_at("a tracked output", NOW, &[]);
        told.stderr_contains("whoever can push writes");
    }
}

#[test]
fn an_index_that_is_damaged_or_anothers_or_no_file_is_none() {
    let lab = built();
    let twins = Twins::of(&lab);
    let index = index_of(&twins.knowing);
    let bytes = must(fs::read(&index));
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        must(fs::write(&index, &bytes[..length]));
        twins.agree(&format!("an index of {length} bytes"));
    }
    let other = Twins::of(&lab);
    must(fs::copy(index_of(&other.knowing), &index));
    for lab in twins.both() {
        forge(lab, BUNDLE);
    }
    twins.agree("the index of another tree");
    // An index that is older than the tree, and one that is newer.
    for lab in twins.both() {
        lab.edit("name \"Alice\"", "name \"Alicia\"");
    }
    twins.agree("another name");
    twins.agree("nothing");
    let newer = must(fs::read(&index));
    must(fs::write(&index, &bytes));
    twins.agree("an older index");
    for lab in twins.both() {
        lab.edit("name \"Alicia\"", "name \"Alice\"");
    }
    twins.agree("the first name");
    must(fs::write(&index, &newer));
    twins.agree("a newer index");
    must(fs::remove_file(&index));
    must(fs::create_dir(&index));
    twins.agree("a directory in its place");
}

/// Whatever somebody pushes, and wherever git puts it.
#[test]
fn an_index_in_the_repository_is_read_by_nobody() {
    let lab = built();
    build(&lab).succeeds();
    let index = index_of(&lab);
    let name = index.file_name().expect("a name").to_owned();
    for place in ["", "out", "out/.homelab", "out/edge"] {
        must(fs::copy(&index, at(&lab, place).join(&name)));
    }
    must(fs::remove_file(&index));
    for number in 0..2 {
        let paths = opened(&lab, &["build"]).into_iter();
        let read: Vec<String> = paths.filter(|path| path.ends_with(".index")).collect();
        assert!(!read.is_empty(), "build {number}");
        assert!(read.iter().all(|path| Path::new(path) == index), "{read:?}");
    }
}

/// What a note asks for is looked at again.
#[test]
fn a_file_that_takes_the_place_of_a_link_is_told_what_git_is_told() {
    let lab = built();
    lab.git(&["init"]).succeeds();
    let attributes = at(&lab, ".gitattributes");
    must(fs::rename(&attributes, at(&lab, "elsewhere")));
    must(symlink("elsewhere", &attributes));
    for _ in 0..3 {
        build(&lab).succeeds().stderr_contains("is a link");
    }
    must(fs::remove_file(&attributes));
    must(fs::write(&attributes, ""));
    build(&lab).succeeds();
    let told = must(fs::read_to_string(&attributes));
    assert!(told.contains("homelab.lock"), "{told}");
}

/// Whoever waits says so, and the next build does not.
#[test]
fn what_was_said_of_the_moment_is_not_said_again() {
    let lab = built();
    must(fs::remove_dir_all(lab.home().join(".local/state/homelab")));
    build(&lab).succeeds();
    let directory = must(File::open(lab.path()));
    must(directory.lock());
    let mut waiting = homelab(&lab, ["build"]).start();
    let told = first_line(waiting.stderr.as_mut().expect("it is piped"));
    assert!(told.starts_with("Waiting for `"), "{told}");
    must(directory.unlock());
    assert!(must(waiting.wait_with_output()).status.success());
    build(&lab).succeeds().stderr_is("");
}

/// What a build says at a moment when nothing is edited but the time goes on.
#[test]
fn time_that_goes_on_is_noticed() {
    const DAY: i64 = 86_400;
    let lab = small();
    lab.edit(
        "domain \"home.example.com\"",
        "domain \"home.example.com\"\nvalidity { renew \"20d\"; }",
    );
    build(&lab).succeeds();
    homelab(&lab, ["renew", "bob/iphone"]).run().succeeds();
    let twins = Twins::of(&lab);
    let now: i64 = NOW.parse().expect("a number");
    let mut said = Vec::new();
    for after in [
        0,
        1,
        20 * DAY - 1,
        20 * DAY,
        20 * DAY + 1,
        364 * DAY,
        400 * DAY,
        4_000 * DAY,
        -DAY,
        0,
    ] {
        for _ in 0..2 {
            let outcome = twins.agree_at(&format!("{after} s"), &(now + after).to_string(), &[]);
            said.push(format!("{after} {}{}", outcome.stdout(), outcome.stderr()));
        }
    }
    // Every kind of answer was among them.
    for words in [
        "retired the older certificate of bob/iphone",
        "Ended, and let in no more",
        "The authority ended",
        "is the clock right?",
    ] {
        assert!(
            said.iter().any(|said| said.contains(words)),
            "{words}\n{said:#?}"
        );
    }
}
