//! What one change of a large home has opened, written and made durable: no more than in a small one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::home::{NOW, build};
use super::support::lab::Lab;

/// A home of so many people with a device each, of which the index is whole.
fn settled(people: usize) -> Lab {
    let name = |number: usize| format!("p{number:03}");
    let declared = (0..people).map(|number| {
        let id = name(number);
        format!(
            "person \"{id}\" {{\n    name \"Person {number}\"\n    device \"laptop\" platform=\"linux\"\n}}\n"
        )
    });
    let declared: String = declared.collect();
    let all: String = (0..people).map(|n| format!(" \"{}\"", name(n))).collect();
    let lab = Lab::new().declare(&format!(
        "domain \"home.example.com\"\n{declared}group \"family\"{all}\n\
         service \"photos\" {{ upstream \"http://127.0.0.1:1\"; allow \"family\"; }}\n\
         service \"notes\" {{ upstream \"http://127.0.0.1:2\"; allow \"p000\" \"p007\"; identity; }}\n"
    ));
    for _ in 0..3 {
        build(&lab).succeeds();
    }
    lab
}

/// What a command did, with paths from the directory that holds the lab and its user's home.
#[derive(Debug, Default)]
struct Trace {
    opened: BTreeSet<String>,
    /// Renamed into place.
    put: BTreeSet<String>,
    removed: BTreeSet<String>,
    /// Calls that wait for a disk.
    waits: usize,
}

const CALLS: &str = "trace=open,openat,openat2,creat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,fsync,fdatasync,syncfs,sync,sync_file_range,msync";

/// A build of a lab in which only this is other than before.
#[track_caller]
fn traced(lab: &Lab, from: &str, to: &str) -> Trace {
    lab.edit(from, to);
    let file = lab.home().join("trace");
    let words = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", CALLS, "-o"];
    let words = words.into_iter().map(Into::into);
    lab.command(["build"])
        .at(NOW)
        .through(words.chain([file.clone().into_os_string()]))
        .run()
        .succeeds();
    let text = fs::read_to_string(&file).expect("strace writes its trace");
    let around = lab.path().with_file_name("");
    let around = around.to_str().expect("a plain path");
    let mut trace = Trace::default();
    for call in &calls(&text) {
        let name = call.split('(').next().expect("a first part");
        // A place is told as the descriptor of a directory, `5</directory>`, and a name from there.
        let places: Vec<String> = {
            let descriptors = call.split('<').skip(1);
            let directories = descriptors.filter_map(|part| part.split_once('>'));
            let names = call.split('"').skip(1).step_by(2);
            let directories = directories.map(|(directory, _)| directory);
            { names.zip(directories.chain(["", ""])) }
                .map(|(name, directory)| match name.strip_prefix('/') {
                    Some(_) => name.to_owned(),
                    None => format!("{directory}/{name}"),
                })
                .collect()
        };
        let own = |path: &str| path.strip_prefix(around).map(str::to_owned);
        match name.trim_end() {
            _ if call.contains(" = -1 ") => {}
            "rename" | "renameat" | "renameat2" | "link" | "linkat" => {
                trace.put.extend(own(&places[1]));
            }
            "unlink" | "unlinkat" => trace.removed.extend(own(&places[0])),
            "fsync" | "fdatasync" | "syncfs" | "sync" | "sync_file_range" | "msync" => {
                trace.waits += 1;
            }
            _ => {
                let opened = call.rsplit_once(" = ").and_then(|(_, result)| {
                    let (_, path) = result.split_once('<')?;
                    own(path.split('>').next()?)
                });
                trace.opened.extend(opened);
            }
        }
    }
    trace
        .opened
        .retain(|path| !lab.path().with_file_name(path).is_dir());
    trace
}

/// The calls of a trace, each whole: one that another thread's came between is told in two lines.
fn calls(trace: &str) -> Vec<String> {
    let mut begun = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').expect("a thread and its call");
        let call = call.trim_start();
        if let Some(first) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, first);
        } else if let Some(rest) = call.strip_prefix("<... ") {
            let (_, rest) = rest.split_once(" resumed>").expect("the end of a call");
            let first = begun.remove(thread).expect("the call was begun");
            calls.push(format!("{first}{rest}"));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

/// Changes, one made after the other.
const CHANGES: [Change; 3] = [
    Change {
        what: "a device more",
        from: ONE,
        to: TWO,
        put: &[
            "lab/homelab.lock",
            "lab/out/.homelab/manifest.kdl",
            "lab/out/edge/exposure.json",
            "lab/out/edge/exposure.md",
            "lab/out/edge/sites.caddyfile",
            "lab/out/index.html",
            "lab/out/people/p007/calendar.ics",
            "lab/out/people/p007/guide.html",
            "lab/out/people/p007/tablet/install.sh",
            "lab/out/people/p007/tablet/p007-tablet-browsers.json",
            "lab/out/people/p007/tablet/p007-tablet.p12",
            "lab/out/people/p007/tablet/user.js",
            "lab/out/renewals.ics",
        ],
        removed: &[],
    },
    Change {
        what: "a device less",
        from: TWO,
        to: ONE,
        put: &[
            "lab/homelab.lock",
            "lab/out/.homelab/manifest.kdl",
            "lab/out/edge/ca.crl",
            "lab/out/edge/ca.crl.der",
            "lab/out/edge/exposure.json",
            "lab/out/edge/exposure.md",
            "lab/out/edge/sites.caddyfile",
            "lab/out/index.html",
            "lab/out/people/p007/calendar.ics",
            "lab/out/people/p007/guide.html",
            "lab/out/renewals.ics",
        ],
        removed: &[
            "lab/out/people/p007/tablet",
            "lab/out/people/p007/tablet/install.sh",
            "lab/out/people/p007/tablet/p007-tablet-browsers.json",
            "lab/out/people/p007/tablet/p007-tablet.p12",
            "lab/out/people/p007/tablet/user.js",
        ],
    },
    Change {
        what: "another name",
        from: "\"Person 7\"",
        to: "\"Other\"",
        put: &[
            "lab/out/.homelab/manifest.kdl",
            "lab/out/edge/sites.caddyfile",
            "lab/out/index.html",
            "lab/out/people/p007/guide.html",
        ],
        removed: &[],
    },
];

/// The person's first device, and a second one.
const ONE: &str = "    name \"Person 7\"\n    device \"laptop\" platform=\"linux\"\n";
const TWO: &str = "    name \"Person 7\"\n    device \"laptop\" platform=\"linux\"\n    device \"tablet\" platform=\"linux\"\n";

struct Change {
    what: &'static str,
    from: &'static str,
    to: &'static str,
    /// Renamed into place, but for what the machine keeps for itself.
    put: &'static [&'static str],
    /// But for the directory in which a build makes its files.
    removed: &'static [&'static str],
}

#[test]
fn one_change_reaches_as_far_in_a_large_home_as_in_a_small_one() {
    let labs = [30, 300].map(settled);
    for change in &CHANGES {
        let traces = labs.each_ref().map(|lab| {
            let trace = traced(lab, change.from, change.to);
            for path in trace.opened.iter().chain(&trace.put).chain(&trace.removed) {
                let is_of_others = path.starts_with("lab/out/people/")
                    && !path.starts_with("lab/out/people/p007/");
                assert!(!is_of_others, "{}: {path}", change.what);
            }
            let own = |path: &&String| path.starts_with(STATE);
            let state: Vec<&str> = { trace.put.iter().filter(own) }
                .filter_map(|path| path.rsplit('.').next())
                .collect();
            assert_eq!(state, ["index", "kdl"], "{}", change.what);
            let put: Vec<&String> = trace.put.iter().filter(|path| !own(path)).collect();
            assert_eq!(put, change.put, "{}", change.what);
            let staging = |path: &&String| *path != "lab/out/.homelab/staging";
            let removed: Vec<&String> = trace.removed.iter().filter(staging).collect();
            assert_eq!(removed, change.removed, "{}", change.what);
            // Back to a build that has nothing to do.
            build(lab).succeeds();
            build(lab).succeeds();
            trace
        });
        let [small, large] = traces.each_ref().map(|trace| trace.waits);
        assert_eq!(small, large, "{}", change.what);
        // It is durable, by more than one call and by few.
        assert!((2..40).contains(&small), "{}: {small}", change.what);
    }
}

/// Where the machine keeps what it knows of a homelab.
const STATE: &str = "home/.local/state/homelab/";
