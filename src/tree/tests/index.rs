//! The index: what it knows of a tree without reading it is what reading the tree would say.

use std::fs::{File, FileTimes};
use std::os::unix::fs::symlink;
use std::time::SystemTime;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::super::directory::Directory;
use super::super::index::{FolderIdentity, Index, Looked, MANIFEST, PackedIndex, Tick};
use super::*;

/// Where edits are made: files and directories of ours.
const FILES: [&str; 5] = [
    "edge/Caddyfile",
    "index.html",
    "people/alice/guide.html",
    "people/alice/pixel/alice-pixel.p12",
    ".homelab/manifest.kdl",
];
const FOLDERS: [&str; 5] = [
    "edge",
    "people",
    "people/alice",
    "people/alice/pixel",
    ".homelab",
];

impl Lab {
    /// A build that knows this of the tree, and has nothing to do; what is known of it then.
    fn index(&self, known: Option<&PackedIndex>) -> Option<PackedIndex> {
        let mut tree = self.open().expect("a tree");
        let index = known.and_then(|known| Index::of(&known.bytes));
        tree.know(index.as_ref());
        for (name, ..) in FIRST {
            assert_eq!(
                tree.inspect(&path(name)).expect(name),
                Found::Intact,
                "{name}"
            );
        }
        let kept = FIRST.map(|(name, ..)| Wanted::Keep(path(name)));
        let outcome = tree.commit(kept.into(), &Scope::All).expect("a commit");
        assert_eq!(outcome.unchanged, FIRST.len());
        outcome.index
    }

    /// The same by a build that has looked ahead, where something happens before it holds the tree; none where it finds something to do.
    fn index_after(&self, known: &PackedIndex, between: impl FnOnce()) -> Option<PackedIndex> {
        let index = Index::of(&known.bytes).expect("an index");
        look_ahead(&index, &self.out);
        between();
        let mut tree = self.open().ok()?;
        tree.know(Some(&index));
        let is_intact =
            |name: &str| { tree.inspect(&path(name)) }.is_ok_and(|found| found == Found::Intact);
        if !FIRST
            .iter()
            .all(|(name, ..)| tree.entry(&path(name)).is_some() && is_intact(name))
        {
            return None;
        }
        let kept = FIRST.map(|(name, ..)| Wanted::Keep(path(name)));
        let outcome = tree.commit(kept.into(), &Scope::All).ok()?;
        outcome.index
    }

    /// A first build, and what is known of the tree after the second.
    fn indexed() -> (Lab, PackedIndex) {
        let lab = Lab::built(&FIRST);
        // Until the file system's clock has gone on, and its files are older than any look at them.
        std::thread::sleep(Duration::from_millis(50));
        let index = lab.index(None).expect("an index");
        assert!(index.is_whole);
        (lab, index)
    }

    /// Puts a copy of the tree, with its times, in its place: what git or rsync would write. The tree itself is `before`.
    fn give_way_to_a_copy(&self) {
        let copy = self.out.with_file_name("copy");
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .args([&self.out, &copy])
            .status();
        assert!(copied.expect("cp").success());
        fs::rename(&self.out, self.out.with_file_name("before")).expect("moved");
        fs::rename(&copy, &self.out).expect("moved");
    }

    fn holds(&self, index: &PackedIndex) -> bool {
        Index::of(&index.bytes).expect("an index").holds(&self.out)
    }

    /// Whether a build that reads everything finds nothing to do.
    fn is_as_built(&self, manifest: &[u8]) -> bool {
        let Ok(view) = View::open(&self.out, OWNER, SHORT) else {
            return false;
        };
        let is_intact = |name: &str| {
            view.inspect(&path(name))
                .is_ok_and(|found| found == Found::Intact)
        };
        let own = self.at(".homelab/manifest.kdl");
        let is_unfinished = [
            ".homelab/staging",
            ".homelab/.manifest.kdl.tmp",
            ".homelab.modes.tmp",
        ]
        .into_iter()
        .any(|left| self.at(left).symlink_metadata().is_ok());
        !view.damaged()
            && FIRST.iter().all(|(name, ..)| is_intact(name))
            && view
                .altered_folders()
                .is_ok_and(|altered| altered.is_empty())
            && fs::read(&own).is_ok_and(|bytes| bytes == manifest)
            && fs::symlink_metadata(&own)
                .is_ok_and(|own| own.is_file() && own.mode() & 0o7777 == 0o600)
            && !is_unfinished
    }
}

/// Looks ahead, and waits until all was looked at.
fn look_ahead(index: &Index<'_>, directory: &Path) {
    rayon::in_place_scope(|scope| index.look_ahead(scope, directory));
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Changes something of a tree, as far as that is possible at the moment; what it was.
fn edit(lab: &Lab, dice: &mut Dice, manifest: &[u8]) -> String {
    let (name, folder) = (dice.one_of(&FILES), dice.one_of(&FOLDERS));
    let (file, directory) = (lab.at(name), lab.at(folder));
    let original: Vec<u8> = { FIRST.iter() }
        .find(|known| known.0 == name)
        .map_or_else(|| manifest.to_vec(), |known| known.2.as_bytes().to_vec());
    let aside = lab.at("aside");
    let times = fs::metadata(&file).ok().and_then(|m| m.modified().ok());
    let set_time = |time: SystemTime| -> std::io::Result<()> {
        let opened = File::options().append(true).open(&file)?;
        opened.set_times(FileTimes::new().set_modified(time))
    };
    let mut other = original.clone();
    if let Some(last) = other.last_mut() {
        *last ^= 1;
    }
    let kind = dice.below(22);
    let _ = match kind {
        0 => fs::write(&file, &other),
        1 => fs::write(&file, &original),
        // The same size and the same time.
        2 => fs::write(&file, &other)
            .and_then(|()| set_time(times.unwrap_or(SystemTime::UNIX_EPOCH))),
        3 => fs::write(&file, &original)
            .and_then(|()| set_time(times.unwrap_or(SystemTime::UNIX_EPOCH))),
        4 => fs::write(&file, ""),
        5 => fs::set_permissions(
            &file,
            Permissions::from_mode([0o600, 0o644, 0o640][dice.below(3)]),
        ),
        6 => fs::set_permissions(
            &directory,
            Permissions::from_mode([0o700, 0o755][dice.below(2)]),
        ),
        // Renamed over, with what was there and with something else.
        7 => fs::write(&aside, &original).and_then(|()| fs::rename(&aside, &file)),
        8 => fs::write(&aside, &other).and_then(|()| fs::rename(&aside, &file)),
        9 => renameat_with(
            CWD,
            &file,
            CWD,
            lab.at(dice.one_of(&FILES)),
            RenameFlags::EXCHANGE,
        )
        .map_err(Into::into),
        10 => fs::rename(&file, &aside).and_then(|()| symlink("../aside", &file)),
        11 => fs::remove_file(&file).and_then(|()| fs::create_dir(&file)),
        12 => fs::remove_dir(&file).and_then(|()| fs::write(&file, &original)),
        13 => fs::remove_file(&file),
        14 => set_time(SystemTime::now() + Duration::from_secs(1 << 20)),
        15 => set_time(SystemTime::UNIX_EPOCH),
        16 => fs::write(lab.at("edge/extra"), "extra"),
        17 => fs::remove_dir_all(lab.at("elsewhere"))
            .or(Ok(()))
            .and_then(|()| fs::rename(&directory, lab.at("elsewhere")))
            .and_then(|()| symlink(lab.at("elsewhere"), &directory)),
        18 => {
            fs::remove_file(&directory).and_then(|()| fs::rename(lab.at("elsewhere"), &directory))
        }
        19 => fs::create_dir(lab.at(".homelab/staging")),
        20 => fs::remove_dir(lab.at(".homelab/staging")),
        _ => fs::hard_link(&file, lab.at("second")).or_else(|_| fs::remove_file(lab.at("second"))),
    };
    format!("{kind} {name} {folder}")
}

/// As many edits, one after the other. After each, whoever goes by the index and whoever reads everything say the same; now and then
/// the index is made anew in the very moment of an edit, and the tree is built again.
fn edits_are_noticed(around: &Path, number: usize) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut lab = Lab::within(around);
    let (mut held, mut log) = (0, Vec::new());
    let mut known: Option<PackedIndex> = None;
    let mut manifest = Vec::new();
    for at in 0..number {
        if known.is_none() {
            if lab.build(&FIRST).is_err() || lab.build(&FIRST).is_err() {
                lab = Lab::within(around);
                lab.build(&FIRST).expect("a first build");
            }
            manifest = fs::read(lab.at(".homelab/manifest.kdl")).expect("a manifest");
            known = lab.index(None);
            log.clear();
        }
        let index = known.as_ref().expect("the tree can be written to");
        log.push(edit(&lab, &mut dice, &manifest));
        let (holds, is_as_built) = (lab.holds(index), lab.is_as_built(&manifest));
        assert!(!holds || is_as_built, "{at}: {log:?}");
        held += usize::from(holds);
        compare(&lab, index, &format!("{at}: {log:?}"));
        known = match dice.below(8) {
            0..4 if !is_as_built => None,
            4..6 if is_as_built && lab.open().is_ok() => lab.index(known.as_ref()),
            6..8 if is_as_built => {
                lab.index_after(index, || log.push(edit(&lab, &mut dice, &manifest)))
            }
            _ => known,
        };
        // What was edited just now is noticed as what is edited after a build.
        if let Some(index) = &known {
            assert!(
                !lab.holds(index) || lab.is_as_built(&manifest),
                "{at}: {log:?}"
            );
            compare(&lab, index, &format!("{at}: {log:?}"));
        }
    }
    // An index that never held would be right, too.
    assert!(held > number / 20, "held {held} times of {number}");
}

/// Whoever looks and knows, and whoever looks and reads, see the same.
fn compare(lab: &Lab, index: &PackedIndex, after: &str) {
    let views = [(); 2].map(|()| View::open(&lab.out, OWNER, SHORT));
    let [Ok(reading), Ok(mut knowing)] = views else {
        return;
    };
    knowing.know(&Index::of(&index.bytes).expect("an index"));
    for (name, ..) in FIRST {
        let [read, known] = [&reading, &knowing].map(|view| {
            let found = view.inspect(&path(name));
            found.map_err(|error| error.to_string())
        });
        assert_eq!(read, known, "{name} after {after}");
    }
}

#[test]
fn no_edit_of_thousands_goes_unnoticed_in_memory() {
    edits_are_noticed(Path::new("/dev/shm"), 9_000);
}

#[test]
fn no_edit_of_a_thousand_goes_unnoticed_on_a_disk() {
    // Not the directory for temporary files, which may be in memory.
    let disk = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    fs::create_dir_all(&disk).expect("it can be made");
    edits_are_noticed(&disk, 1_000);
}

#[test]
fn what_was_written_in_the_tick_in_which_it_was_seen_is_read_again() {
    for _ in 0..50 {
        let (lab, _) = Lab::indexed();
        let file = lab.at("index.html");
        // As fast as it can be: before a clock of 4 ms has gone on.
        fs::write(&file, "index").expect("written");
        let index = lab.index(None).expect("an index");
        fs::write(&file, "INDEX").expect("written");
        assert!(!lab.holds(&index));
    }
}

/// As where the clock of the file system went back, and whoever looks is told an earlier time than whoever wrote.
#[test]
fn what_is_not_older_than_the_look_by_the_file_system_s_clock_is_read_again() {
    let lab = Lab::built(&FIRST);
    let root = Directory::at(&lab.out).expect("it can be opened");
    let root = root.expect("it is there");
    // Until the file system's clock has gone on.
    let tick = || {
        std::thread::sleep(Duration::from_millis(50));
        Tick::of(&root).expect("it can be written to")
    };
    let file = lab.at("index.html");
    let is_known = |tick: Tick| {
        let manifest = fs::read(lab.at(MANIFEST)).expect("a manifest");
        let looked = Looked {
            manifest: blake3::hash(&manifest),
            root: FolderIdentity::of(&rustix::fs::stat(&lab.out).expect("it is there")),
            tick,
            folders: Vec::new(),
            files: vec![(
                "index.html",
                Identity::at(&file).expect("it is there"),
                blake3::hash(b"index"),
            )],
            is_whole: true,
        };
        let index = looked.pack();
        // Read again, it is as it was.
        assert!(lab.holds(&index));
        let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
        view.know(&Index::of(&index.bytes).expect("an index"));
        view.sighting(&path("index.html")).is_some()
    };
    let before = tick();
    std::thread::sleep(Duration::from_millis(50));
    lab.write("index.html", "index");
    let after = tick();
    assert!(is_known(after));
    assert!(!is_known(before));
    // So it is with the time of what it holds, where a file system keeps no other.
    let opened = File::options().append(true).open(&file).expect("a file");
    let future = SystemTime::now() + Duration::from_secs(1 << 24);
    let times = FileTimes::new().set_modified(future);
    opened.set_times(times).expect("a time");
    assert!(!is_known(tick()));
}

#[test]
fn a_time_in_the_future_does_not_hide_what_is_written_later() {
    let (lab, _) = Lab::indexed();
    let file = lab.at("index.html");
    let future = SystemTime::now() + Duration::from_secs(1 << 24);
    let set = || {
        let opened = File::options().append(true).open(&file).expect("a file");
        opened
            .set_times(FileTimes::new().set_modified(future))
            .expect("a time");
    };
    set();
    let index = lab.index(None).expect("an index");
    assert!(lab.holds(&index));
    fs::write(&file, "INDEX").expect("written");
    set();
    assert!(!lab.holds(&index));
}

#[test]
fn an_index_is_of_one_tree() {
    let (lab, index) = Lab::indexed();
    assert!(lab.holds(&index));
    let (other, its) = Lab::indexed();
    assert!(!other.holds(&index) && !lab.holds(&its));
    lab.give_way_to_a_copy();
    assert!(!lab.holds(&index));
}

#[test]
fn an_index_of_another_manifest_is_no_use() {
    let (lab, index) = Lab::indexed();
    let mut more = FIRST.to_vec();
    more.push(("renewals.ics", Mode::Public, "calendar"));
    lab.build(&more).expect("a build");
    assert!(!lab.holds(&index));
    let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    view.know(&Index::of(&index.bytes).expect("an index"));
    assert!(view.sighting(&path("index.html")).is_none());
}

#[test]
fn that_nothing_is_in_a_directory_is_known_by_an_index_of_this_tree_alone() {
    let (lab, index) = Lab::indexed();
    let below = |directory: &str| {
        let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
        let unknown = view.standing_below(directory).is_none();
        assert!(unknown, "it was not asked");
        view.know(&Index::of(&index.bytes).expect("an index"));
        view.standing_below(directory).map(<[_]>::len)
    };
    assert_eq!(below("people/nobody"), Some(0));
    let mut more = FIRST.to_vec();
    more.push(("renewals.ics", Mode::Public, "calendar"));
    lab.build(&more).expect("a build");
    assert_eq!(below("people/nobody"), None);
}

#[test]
fn what_changes_between_a_look_ahead_and_the_hold_is_found_by_the_next_build() {
    let (lab, known) = Lab::indexed();
    let index = lab.index_after(&known, || {
        let file = lab.at("index.html");
        let time = fs::metadata(&file)
            .and_then(|m| m.modified())
            .expect("a time");
        fs::write(&file, "INDEX").expect("written");
        let opened = File::options().append(true).open(&file).expect("a file");
        let times = FileTimes::new().set_modified(time);
        opened.set_times(times).expect("a time");
        lab.chmod("edge/Caddyfile", 0o640);
        fs::remove_file(lab.at("people/alice/guide.html")).expect("removed");
        lab.write("people/alice/pixel/alice-pixel.p12", "BUNDLE");
    });
    let index = index.expect("it has seen them before");
    assert!(!lab.holds(&index));
    let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    view.know(&Index::of(&index.bytes).expect("an index"));
    for (name, ..) in FIRST {
        assert!(view.sighting(&path(name)).is_none(), "{name}");
        assert_ne!(view.inspect(&path(name)).expect(name), Found::Intact);
    }
}

#[test]
fn a_directory_that_changes_after_a_look_ahead_is_set_right_by_the_next_build() {
    let (lab, known) = Lab::indexed();
    let index = lab.index_after(&known, || lab.chmod("people/alice/pixel", 0o755));
    assert!(!lab.holds(&index.expect("it has seen it before")));
    let outcome = lab.build(&FIRST).expect("a build");
    assert_eq!(outcome.modes_restored, [lab.at("people/alice/pixel")]);
}

#[test]
fn a_directory_in_which_something_comes_is_looked_at_whatever_an_index_says() {
    let bundle = "people/alice/pixel/alice-pixel.p12";
    let build = |change: fn(&Lab)| -> (Lab, Result<Outcome, TreeError>) {
        let (lab, known) = Lab::indexed();
        let index = Index::of(&known.bytes).expect("an index");
        look_ahead(&index, &lab.out);
        change(&lab);
        let mut tree = lab.open().expect("a tree");
        tree.know(Some(&index));
        let staged = tree
            .stage(&path(bundle), Mode::Secret, b"another")
            .expect("staged");
        let put = Wanted::Put {
            staged,
            input: blake3::hash(b"another"),
            templates: Vec::new(),
        };
        let kept = FIRST.iter().filter(|(name, ..)| *name != bundle);
        let kept = kept.map(|(name, ..)| Wanted::Keep(path(name)));
        let wanted = kept.chain([put]).collect();
        let outcome = tree.commit(wanted, &Scope::All);
        (lab, outcome)
    };
    let (lab, outcome) = build(|lab| lab.chmod("people/alice", 0o755));
    let restored = outcome.expect("a build").modes_restored;
    assert_eq!(restored, [lab.at("people/alice")]);
    let (_, outcome) = build(|lab| {
        fs::rename(lab.at("people/alice"), lab.at("elsewhere")).expect("moved");
        std::os::unix::fs::symlink(lab.at("elsewhere"), lab.at("people/alice")).expect("a link");
    });
    assert!(matches!(outcome, Err(TreeError::LinkInTheWay { .. })));
}

#[test]
fn a_look_ahead_is_of_no_use_once_somebody_else_has_built() {
    let (lab, known) = Lab::indexed();
    let index = Index::of(&known.bytes).expect("an index");
    look_ahead(&index, &lab.out);
    let mut more = FIRST.to_vec();
    more[1].2 = "another";
    lab.build(&more).expect("a build");
    let mut tree = lab.open().expect("a tree");
    tree.know(Some(&index));
    for (name, ..) in FIRST {
        assert!(tree.sighting(&path(name)).is_none(), "{name}");
    }
}

#[test]
fn what_somebody_else_has_mended_after_a_look_ahead_is_read_by_the_next_build() {
    let (lab, known) = Lab::indexed();
    let index = lab.index_after(&known, || {
        lab.write("index.html", "INDEX");
        lab.build(&FIRST).expect("a build that mends it");
    });
    let index = index.expect("the manifest is the same");
    assert!(!lab.holds(&index));
    let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    view.know(&Index::of(&index.bytes).expect("an index"));
    assert!(view.sighting(&path("index.html")).is_none());
    assert!(view.sighting(&path("edge/Caddyfile")).is_some());
    assert_eq!(
        view.inspect(&path("index.html")).expect("read"),
        Found::Intact
    );
}

#[test]
fn a_look_ahead_is_of_one_tree() {
    let (lab, known) = Lab::indexed();
    let index = Index::of(&known.bytes).expect("an index");
    look_ahead(&index, &lab.out.with_file_name("nowhere"));
    look_ahead(&index, &lab.out);
    lab.give_way_to_a_copy();
    let mut tree = lab.open().expect("a tree");
    tree.know(Some(&index));
    assert!(tree.sighting(&path("index.html")).is_none());
    // Nor is anything seen ahead in a tree that it is not of.
    let index = Index::of(&known.bytes).expect("an index");
    look_ahead(&index, &lab.out);
    fs::remove_dir_all(&lab.out).expect("removed");
    fs::rename(lab.out.with_file_name("before"), &lab.out).expect("moved back");
    let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    view.know(&index);
    assert!(view.sighting(&path("index.html")).is_some());
}

#[test]
fn a_build_that_changes_something_still_knows_the_rest() {
    let (lab, index) = Lab::indexed();
    let mut tree = lab.open().expect("a tree");
    tree.know(Index::of(&index.bytes).as_ref());
    let staged = tree
        .stage(&path("index.html"), Mode::Secret, b"another")
        .expect("staged");
    let put = Wanted::Put {
        staged,
        input: blake3::hash(b"another"),
        templates: Vec::new(),
    };
    let mut wanted = vec![put];
    let kept = FIRST.iter().filter(|(name, ..)| *name != "index.html");
    wanted.extend(kept.map(|(name, ..)| Wanted::Keep(path(name))));
    let outcome = tree.commit(wanted, &Scope::All).expect("a commit");
    let index = outcome.index.expect("an index");
    assert!(!index.is_whole);
    assert!(!lab.holds(&index));
    let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    view.know(&Index::of(&index.bytes).expect("an index"));
    assert!(view.sighting(&path("edge/Caddyfile")).is_some());
    // What was made has not been seen since.
    assert!(view.sighting(&path("index.html")).is_none());
}

#[test]
fn a_tree_that_somebody_builds_in_or_was_killed_in_is_not_vouched_for() {
    let (lab, index) = Lab::indexed();
    let tree = lab.open().expect("a tree");
    assert!(!lab.holds(&index));
    drop(tree);
    assert!(lab.holds(&index));
    lab.write(".homelab/.manifest.kdl.tmp", "half");
    assert!(!lab.holds(&index));
    fs::remove_dir_all(&lab.out).expect("removed");
    assert!(!lab.holds(&index));
    assert!(!lab.out.exists(), "looking makes nothing");
}

#[test]
fn no_bytes_panic() {
    let (lab, index) = Lab::indexed();
    for length in 0..index.bytes.len() {
        if let Some(cut) = Index::of(&index.bytes[..length]) {
            let _ = cut.holds(&lab.out);
        }
    }
    for at in 0..index.bytes.len() {
        let mut bytes = index.bytes.clone();
        bytes[at] ^= 0x80;
        if let Some(changed) = Index::of(&bytes) {
            let _ = changed.holds(&lab.out);
        }
    }
}

#[test]
fn each_of_many_files_is_known_by_itself() {
    let name = |number| -> &'static str { format!("people/{number:04}/guide.html").leak() };
    let names: Vec<&str> = (0..1500).map(name).collect();
    let files: Vec<super::File> = { names.iter() }
        .map(|name| (*name, Mode::Public, *name))
        .collect();
    let lab = Lab::built(&files);
    std::thread::sleep(SHORT);
    let mut tree = lab.open().expect("a tree");
    tree.know(None);
    for name in &names {
        assert_eq!(tree.inspect(&path(name)).expect(name), Found::Intact);
    }
    let kept = names.iter().map(|name| Wanted::Keep(path(name)));
    let outcome = tree.commit(kept.collect(), &Scope::All).expect("a commit");
    let index = outcome.index.expect("an index");
    let identities: Vec<Option<Identity>> = { names.iter() }
        .map(|name| Identity::at(&lab.at(name)))
        .collect();

    lab.write(names[1200], "something else");
    fs::rename(lab.at("people/0700"), lab.at("aside")).expect("moved");
    symlink("../aside", lab.at("people/0700")).expect("a link");
    let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    view.know(&Index::of(&index.bytes).expect("an index"));
    for (number, (name, identity)) in names.iter().zip(identities).enumerate() {
        let known = identity.filter(|_| ![700, 1200].contains(&number));
        let sighted = view.sighting(&path(name));
        assert_eq!(sighted.map(|sighting| sighting.identity), known, "{name}");
    }
}

#[test]
fn what_lies_in_a_directory_that_is_not_as_it_should_be_is_not_known() {
    let (lab, index) = Lab::indexed();
    lab.chmod("people", 0o755);
    let index = lab.index(Some(&index)).expect("an index");
    let mut view = View::open(&lab.out, OWNER, SHORT).expect("a view");
    view.know(&Index::of(&index.bytes).expect("an index"));
    for (name, ..) in FIRST {
        let is_known = view.sighting(&path(name)).is_some();
        assert_eq!(is_known, !name.starts_with("people/"), "{name}");
    }
}
