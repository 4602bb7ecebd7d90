//! Each file of a homelab and of its tree, edited in each way, by a list and at random: a build that goes by what it knows of them
//! does and says what one does that reads everything.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::home::{NOW, build, homelab, in_mounts_of_its_own};
use super::support::files::{Entry, Kind};
use super::support::lab::Lab;
use super::support::random::Random;
use super::support::recipe::{CA, P256, Recipe};
use super::twins::{Twins, forge, must, replace, set_time};

/// A homelab with every kind of file that a build reads. Its first half names all devices and ends in a comment, so that whoever cuts it
/// there, or changes a letter there, has nothing issued: that is another certificate each time.
const DECLARATION: &str = r#"domain "home.example.com"

person "alice" {
    name "Alice"
    language "eo"
    device "macbook" platform="other"
    device "pixel" platform="android" version=13
}

person "bob" {
    device "iphone" platform="android" version=17
    device "key" csr="key.csr"
}

// Here the devices end. What follows are services, of which one is of an app of our own, as apps.kdl tells of it.

service "grafana" {
    upstream "http://127.0.0.1:3000"
    allow "alice"
    identity
}

service "immich" {
    upstream "http://127.0.0.1:2283"
    allow "alice" "bob"
}

service "notes" {
    app "notes"
    upstream "http://10.0.0.5"
    allow "bob"
}
"#;

/// What a build reads beside the tree. What the machine remembers has another name in each homelab.
const INPUTS: [&str; 10] = [
    ".gitattributes",
    ".gitignore",
    "apps.kdl",
    "homelab.age",
    "homelab.kdl",
    "homelab.lock",
    "key.csr",
    "templates/guide.html.j2",
    "templates/messages/eo.kdl",
    MEMORY,
];
const MEMORY: &str = "what the machine remembers";

type Way = fn(&Path) -> io::Result<()>;

/// How a file can be edited.
const WAYS: [(&str, Way); 15] = [
    ("other bytes, size and time the same", forge),
    ("more bytes", |path| {
        let mut file = File::options().append(true).open(path)?;
        file.write_all(b"\n")
    }),
    ("fewer bytes", |path| {
        let file = File::options().write(true).open(path)?;
        file.set_len(file.metadata()?.len() / 2)
    }),
    ("no bytes", |path| {
        File::options().write(true).open(path)?.set_len(0)
    }),
    ("the same bytes again", |path| {
        fs::read(path).and_then(|bytes| fs::write(path, bytes))
    }),
    ("another mode", |path| {
        fs::set_permissions(path, Permissions::from_mode(0o640))
    }),
    ("the time of now", |path| set_time(path, SystemTime::now())),
    ("a time of long ago", |path| {
        set_time(path, SystemTime::UNIX_EPOCH)
    }),
    ("a time to come", |path| {
        set_time(path, SystemTime::now() + Duration::from_secs(1 << 26))
    }),
    ("another inode", replace),
    (
        "another inode with other bytes, size and time the same",
        |path| {
            let other = aside(path);
            let time = fs::metadata(path)?.modified()?;
            fs::copy(path, &other)?;
            set_time(&other, time)?;
            forge(&other)?;
            fs::rename(other, path)
        },
    ),
    ("a second name", |path| fs::hard_link(path, aside(path))),
    ("a file that is gone", |path| fs::remove_file(path)),
    ("a link in its place", |path| {
        let name = path.file_name().expect("a file has a name");
        let target = aside(Path::new(name));
        fs::rename(path, aside(path)).and_then(|()| symlink(target, path))
    }),
    ("a directory in its place", |path| {
        fs::rename(path, aside(path)).and_then(|()| fs::create_dir(path))
    }),
];

/// The same path with another ending.
fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".aside");
    name.into()
}

fn place(lab: &Lab, name: &str) -> PathBuf {
    match name {
        MEMORY => lab.memory(),
        _ => lab.path().join(name),
    }
}

/// A directory of a file system in memory.
fn memory() -> PathBuf {
    let directory = PathBuf::from("/dev/shm");
    assert!(is_in_memory(&directory), "/dev/shm is no tmpfs");
    directory
}

/// The directory of temporary files, or where that is in memory, too, one of the build's, which is not.
fn disk() -> PathBuf {
    let directories = [env::temp_dir(), env!("CARGO_TARGET_TMPDIR").into()];
    let on_disk = directories
        .into_iter()
        .find(|directory| !is_in_memory(directory));
    on_disk.expect("one of them is on a disk")
}

fn is_in_memory(directory: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    let system = rustix::fs::statfs(directory).expect("it is a directory");
    u64::try_from(system.f_type) == Ok(TMPFS)
}

/// [`DECLARATION`], built in a repository.
fn home(around: &Path) -> Lab {
    let lab = Lab::within(around).declare(DECLARATION);
    let recipe = Recipe::new(P256, CA);
    recipe.openssl(&format!("{P256} -out key.key"));
    recipe.openssl("req -new -key key.key -subj /CN=key -out key.csr");
    lab.write("key.csr", recipe.read("key.csr"));
    lab.write(
        "apps.kdl",
        "app \"notes\" title=\"Notes\" {\n    port 8123\n}\n",
    );
    lab.write(
        "templates/guide.html.j2",
        "<h1>{{ t(\"greeting\", name=display_name) }}</h1>\n<p>{# ours, and a few words more #}</p>\n",
    );
    lab.write(
        "templates/messages/eo.kdl",
        "// Esperanto, of which most is missing.\ngreeting \"Saluton {name}\"\n",
    );
    lab.git(&["init", "-q", "--template="]).succeeds();
    build(&lab).succeeds();
    lab
}

/// The files of the tree.
fn outputs(lab: &Lab) -> Vec<String> {
    let files = { lab.snapshot().into_iter() }
        .filter(|(path, entry)| path.starts_with("out/") && matches!(entry.kind, Kind::File(_)));
    files.map(|(path, _)| path).collect()
}

/// Twins that are edited again and again, and what they were made from.
struct Edited {
    twins: Twins,
    inputs: BTreeMap<&'static str, Entry>,
    outputs: Vec<String>,
}

impl Edited {
    fn within(around: &Path) -> Edited {
        let lab = home(around);
        let mut tree = lab.snapshot();
        let input = |name: &'static str| Some((name, tree.remove(name)?));
        let inputs: BTreeMap<_, _> = INPUTS.into_iter().filter_map(input).collect();
        assert_eq!(inputs.len(), INPUTS.len() - 1);
        let outputs = outputs(&lab);
        assert!(outputs.len() > 20, "{outputs:?}");
        Edited {
            twins: Twins::of(&lab),
            inputs,
            outputs,
        }
    }

    /// The same edit of both; whether it could be made.
    #[track_caller]
    fn edit(&self, name: &str, way: Way) -> bool {
        let [one, other] = self.twins.both().map(|lab| way(&place(lab, name)).is_ok());
        assert_eq!(one, other, "{name}");
        one
    }

    /// Puts back what nobody makes anew but the user, and takes away what no build does; whether there was any.
    fn mend(&self) -> bool {
        let [one, other] = self.twins.both().map(|lab| {
            let mut mended = false;
            for (name, entry) in &self.inputs {
                mended |= put_back(&place(lab, name), entry);
            }
            for name in self.outputs.iter().map(String::as_str).chain([MEMORY]) {
                let path = place(lab, name);
                // A name less is another time of change.
                mended |= fs::remove_file(aside(&path)).is_ok();
                let Ok(stands) = path.symlink_metadata() else {
                    continue;
                };
                let now = SystemTime::now();
                if !stands.is_file() {
                    must(clear(&path));
                    mended = true;
                } else if must(stands.modified()) > now {
                    // It would be read each time until then.
                    must(set_time(&path, now));
                    mended = true;
                }
            }
            mended
        });
        assert_eq!(one, other);
        one
    }

    /// Builds until there is nothing to do, and the index says so.
    #[track_caller]
    fn settle(&self, after: &str) {
        let mut is_settled = self.build_twice(after);
        if self.mend() {
            is_settled = self.build_twice(&format!("{after}, and what was there before"));
        }
        if !is_settled {
            // A damaged manifest beside other damage: nobody but the user knows whose that is.
            for lab in self.twins.both() {
                must(clear(&place(lab, "out")));
            }
            is_settled = self.build_twice(&format!("{after}, and no tree"));
        }
        assert!(is_settled, "{after}");
    }

    /// Whether there is nothing to do then.
    #[track_caller]
    fn build_twice(&self, after: &str) -> bool {
        self.twins.agree(after);
        let again = format!("{after}, and a build");
        self.twins.agree_at(&again, NOW, &[]).status.success()
    }
}

/// Whatever stands there, taken away.
fn clear(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(stands) if stands.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// Makes a file what it was; whether it was another.
fn put_back(path: &Path, entry: &Entry) -> bool {
    let Kind::File(bytes) = &entry.kind else {
        unreachable!("inputs are files");
    };
    let _ = fs::remove_file(aside(path));
    let is_file = path.symlink_metadata().is_ok_and(|stands| stands.is_file());
    if is_file && must(fs::read(path)) == *bytes {
        return false;
    }
    must(clear(path));
    must(fs::write(path, bytes));
    must(fs::set_permissions(
        path,
        Permissions::from_mode(entry.mode),
    ));
    true
}

/// Each of these in each way.
fn each_is_noticed(around: &Path, names: impl Fn(&Edited) -> Vec<&str>) {
    let edited = Edited::within(around);
    for name in names(&edited) {
        for (what, way) in WAYS {
            let after = format!("{what}: {name}");
            assert!(edited.edit(name, way), "{after}");
            edited.settle(&after);
        }
        edited.twins.knows();
    }
}

fn inputs(_: &Edited) -> Vec<&str> {
    INPUTS.to_vec()
}

fn files_of_the_tree(edited: &Edited) -> Vec<&str> {
    edited.outputs.iter().map(String::as_str).collect()
}

#[test]
fn each_input_edited_in_each_way_is_noticed_on_a_disk() {
    each_is_noticed(&disk(), inputs);
}

#[test]
fn each_input_edited_in_each_way_is_noticed_in_memory() {
    each_is_noticed(&memory(), inputs);
}

#[test]
fn each_file_of_the_tree_edited_in_each_way_is_noticed_on_a_disk() {
    each_is_noticed(&disk(), files_of_the_tree);
}

#[test]
fn each_file_of_the_tree_edited_in_each_way_is_noticed_in_memory() {
    each_is_noticed(&memory(), files_of_the_tree);
}

/// Written to as soon as a build has ended that looked at a file that was just written.
fn nothing_is_too_fast(around: &Path) {
    let edited = Edited::within(around);
    let twins = &edited.twins;
    for round in 0..120 {
        let name = &edited.outputs[round % edited.outputs.len()];
        for (lab, arguments) in [
            (&twins.knowing, &["build"][..]),
            (&twins.reading, &["build", "--no-index"]),
        ] {
            let path = place(lab, name);
            let bytes = must(fs::read(&path));
            // In place, so that nothing but its times tells it from what it was.
            must(fs::write(&path, &bytes));
            let command = lab.command(arguments.iter().copied()).at(NOW);
            command.run().succeeds();
            must(forge(&path));
        }
        twins.agree(&format!("round {round}: {name}"));
    }
}

#[test]
fn what_is_written_right_after_a_build_is_noticed_on_a_disk() {
    nothing_is_too_fast(&disk());
}

#[test]
fn what_is_written_right_after_a_build_is_noticed_in_memory() {
    nothing_is_too_fast(&memory());
}

/// On ramfs, whose clock goes on every few milliseconds, as that of every file system did before Linux 6.13: what is written there in the
/// tick in which a build looked at it has the same times. A file is written again and again with what it holds, and with
/// something else at the end, at another moment of the build in each round.
#[test]
fn what_is_written_in_the_tick_in_which_a_build_looks_is_noticed() {
    let script = r#"set -eu
        mv out kept
        mkdir -m 700 out
        mount -t ramfs -o mode=700 ramfs out
        cp -a kept/. out/
        "$@" >first; "$@" >first
        file=out/edge/ca.pem
        text=$(cat $file)
        other=$(printf %s "$text" | tr A-Y B-Z)
        round=0
        while [ $round -lt 500 ]; do
            round=$((round + 1))
            (
                times=$((round * 37 % 1500))
                while [ $times -gt 0 ]; do
                    times=$((times - 1))
                    printf '%s\n' "$text" 1<>$file
                done
                printf '%s\n' "$other" 1<>$file
            ) &
            "$@" >first
            wait
            "$@" >second
            # Nothing but a newline is cut off.
            if [ "$(cat $file)" != "$text" ]; then
                echo "round $round" >&2
                cat first second >&2
                exit 1
            fi
        done
        umount out
        rm -r out
        mv kept out"#;
    let lab = home(&disk());
    let build = homelab(&lab, ["build"]).through(in_mounts_of_its_own(script));
    build.run().succeeds();
}

type Edit = fn(&Lab) -> io::Result<()>;

/// What else becomes of a homelab: of its directories, and of what somebody adds and declares.
const ELSE: [(&str, Edit); 12] = [
    ("the mode of a directory", |lab| {
        fs::set_permissions(
            place(lab, "out/people/alice"),
            Permissions::from_mode(0o755),
        )
    }),
    ("the mode of homelab's own", |lab| {
        fs::set_permissions(place(lab, "out/.homelab"), Permissions::from_mode(0o755))
    }),
    ("a directory that is gone", |lab| {
        fs::remove_dir_all(place(lab, "out/people/bob"))
    }),
    ("a directory that went and came", |lab| {
        fs::rename(place(lab, "out/edge"), place(lab, "edge"))?;
        fs::create_dir(place(lab, "out/edge"))?;
        fs::remove_dir(place(lab, "out/edge"))?;
        fs::rename(place(lab, "edge"), place(lab, "out/edge"))
    }),
    ("a file of somebody's", |lab| {
        fs::write(place(lab, "out/people/bob/notes.txt"), "mine")
    }),
    ("what a killed build left", |lab| {
        fs::create_dir(place(lab, "out/.homelab/staging"))
    }),
    ("two files that changed places", |lab| {
        let [one, two] = ["out/index.html", "out/edge/ca.pem"].map(|name| place(lab, name));
        fs::rename(&one, aside(&one))?;
        fs::rename(&two, &one)?;
        fs::rename(aside(&one), &two)
    }),
    ("another name", |lab| {
        let text = DECLARATION.replace("\"Alice\"", "\"Alicia\"");
        fs::write(place(lab, "homelab.kdl"), text)
    }),
    ("a comment", |lab| {
        fs::write(place(lab, "homelab.kdl"), format!("{DECLARATION}// more\n"))
    }),
    ("the declaration of before", |lab| {
        fs::write(place(lab, "homelab.kdl"), DECLARATION)
    }),
    ("another template", |lab| {
        fs::write(place(lab, "templates/guide.html.j2"), "only this\n")
    }),
    ("nothing", |_| Ok(())),
];

/// How many edits a machine makes, in so many parts.
const EDITS: usize = 10_000;
const PARTS: usize = 4;

fn edited_at_random(around: &Path, seed: u64) {
    let edited = Edited::within(around);
    let mut random = Random(seed);
    let (mut edits, mut rounds) = (0, 0);
    while edits < EDITS / PARTS {
        // Mostly one or a few, now and then so many that little is as it was.
        let many = match random.below(8) {
            0 => 100,
            _ => 1 + random.below(4),
        };
        let mut log = Vec::new();
        for _ in 0..many {
            let (what, name) = match random.below(8) {
                0 => {
                    let (what, edit) = ELSE[random.below(ELSE.len())];
                    let [one, other] = edited.twins.both().map(|lab| edit(lab).is_ok());
                    assert_eq!(one, other, "{what}");
                    (what, "")
                }
                number => {
                    let (what, way) = WAYS[random.below(WAYS.len())];
                    let name = match number {
                        1 | 2 => INPUTS[random.below(INPUTS.len())],
                        _ => edited.outputs[random.below(edited.outputs.len())].as_str(),
                    };
                    // It may not be there any more.
                    edited.edit(name, way);
                    (what, name)
                }
            };
            log.push(format!("{what} {name}"));
        }
        edits += many;
        rounds += 1;
        log.truncate(20);
        edited.settle(&format!("round {rounds}: {log:?}"));
        if rounds % 16 == 0 {
            edited.twins.knows();
        }
    }
    println!(
        "{edits} edits in {rounds} rounds, {} comparisons",
        edited.twins.compared()
    );
}

#[test]
fn ten_thousand_edits_are_noticed_0() {
    edited_at_random(&disk(), 0x2545_f491_4f6c_dd1d);
}

#[test]
fn ten_thousand_edits_are_noticed_1() {
    edited_at_random(&memory(), 1);
}

#[test]
fn ten_thousand_edits_are_noticed_2() {
    edited_at_random(&disk(), 2);
}

#[test]
fn ten_thousand_edits_are_noticed_3() {
    edited_at_random(&memory(), 3);
}
