//! What a build had made when it was killed, the next one takes up; and nothing that somebody else put there.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use super::home::devices;
use super::support::files::{changed, snapshot};
use super::support::lab::Lab;

/// Twenty devices of one person, each of which has a .p12, and half of which a profile.
fn declaration() -> String {
    devices(20, &["ios", "linux"])
}

fn staging(lab: &Lab) -> PathBuf {
    lab.path().join("out/.homelab/staging")
}

/// What is staged under a label: its name, and the file. As long as it is open, no other file has its inode's number.
fn labelled(lab: &Lab) -> BTreeMap<String, File> {
    let Ok(entries) = fs::read_dir(staging(lab)) else {
        return BTreeMap::new();
    };
    let entries = entries.map(|entry| {
        let entry = entry.expect("it can be listed");
        let file = File::open(entry.path()).expect("it is there");
        (entry.file_name().into_string().expect("it is UTF-8"), file)
    });
    entries.filter(|(name, _)| name.contains('.')).collect()
}

fn inode(file: &File) -> u64 {
    file.metadata().expect("it is open").ino()
}

/// The inodes of what takes the root secret, below `out/people`.
fn secret_inodes(lab: &Lab) -> Vec<u64> {
    let files = lab.snapshot().into_keys();
    let files = files.filter(|path| path.ends_with(".p12") || path.ends_with(".mobileconfig"));
    files
        .map(|path| {
            fs::metadata(lab.path().join(path))
                .expect("it is there")
                .ino()
        })
        .collect()
}

/// A homelab whose first build was ended by `signal` in the midst of its files, with what it had made by then.
fn interrupted(signal: &str) -> (Lab, BTreeMap<String, File>) {
    let lab = Lab::new().declare(&declaration());
    // The thread that makes the files gives each its mode; strace counts each thread's calls by themselves.
    let killed = format!("inject=fchmod:signal={signal}:when=60");
    let outcome = lab
        .command(["build", "--jobs", "1"])
        .tampered(&killed)
        .run();
    assert!(!outcome.status.success(), "{outcome}");
    let made = labelled(&lab);
    assert!(made.len() >= 9, "{made:?}\n{outcome}");
    (lab, made)
}

/// The same tree as one that was built from the same files at once.
#[track_caller]
fn is_whole(lab: &Lab) {
    lab.command(["build"]).run().succeeds();
    assert!(!staging(lab).exists(), "something is staged still");
    lab.command(["build", "--check"]).run().succeeds();
    let other = lab.copy();
    fs::remove_dir_all(other.path().join("out")).expect("it is there");
    other.command(["build", "--locked"]).run().succeeds();
    let tree = |lab: &Lab| snapshot(&lab.path().join("out"));
    assert_eq!(changed(&tree(&other), &tree(lab)), [""; 0]);
}

#[test]
fn what_was_made_before_an_interruption_is_not_made_again() {
    for signal in ["SIGINT", "SIGTERM", "SIGKILL"] {
        let (lab, made) = interrupted(signal);
        is_whole(&lab);
        let taken_up = secret_inodes(&lab);
        let kept = { made.values() }.filter(|file| taken_up.contains(&inode(file)));
        // The last one may not have had its bytes.
        assert!(
            kept.count() >= made.len() - 1,
            "{signal}: {made:?} {taken_up:?}"
        );
    }
}

#[test]
fn an_interruption_of_what_goes_on_from_one_loses_nothing_either() {
    let (lab, made) = interrupted("SIGINT");
    let killed = "inject=fchmod:signal=SIGINT:when=50";
    let again = lab.command(["build", "--jobs", "1"]).tampered(killed).run();
    assert!(!again.status.success(), "{again}");
    let more = labelled(&lab);
    assert!(more.len() > made.len(), "{more:?}");
    // Nothing is asked for that could fail: a wrong identity leaves what is there, too.
    fs::rename(lab.home().join(".config"), lab.home().join("away")).expect("it is there");
    lab.command(["build"]).run().fails_with(3);
    assert!(labelled(&lab).keys().eq(more.keys()));
    fs::rename(lab.home().join("away"), lab.home().join(".config")).expect("it is there");
    is_whole(&lab);
}

#[test]
fn what_somebody_else_staged_is_not_taken_up() {
    let (lab, made) = interrupted("SIGKILL");
    let names: Vec<&String> = made.keys().collect();
    let path = |name: &str| staging(&lab).join(name);
    let alter = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path(name)).expect("it is there");
        change(&mut bytes);
        fs::write(path(name), bytes).expect("it can be written");
    };
    // A byte, the end, all of it; another's bytes; a mode; a link to the very bytes; names that nobody gave.
    alter(names[0], &|bytes| bytes[40] ^= 1);
    alter(names[1], &|bytes| bytes.truncate(20));
    alter(names[2], &|bytes| bytes.clear());
    fs::copy(path(names[4]), path(names[3])).expect("it can be copied");
    fs::set_permissions(path(names[5]), Permissions::from_mode(0o644)).expect("it is ours");
    let aside = lab.path().join("aside");
    fs::rename(path(names[6]), &aside).expect("it is there");
    std::os::unix::fs::symlink(&aside, path(names[6])).expect("there is nothing");
    let zeros = "0".repeat(32);
    fs::write(path(&format!("{zeros}.{zeros}")), b"forged").expect("it can be written");
    let (which, seal) = names[7].split_once('.').expect("a label");
    fs::write(path(&format!("{which}.{zeros}")), b"forged").expect("it can be written");
    fs::write(path(&format!("{zeros}.{seal}")), b"forged").expect("it can be written");
    fs::write(path("0"), b"forged").expect("it can be written");

    is_whole(&lab);
    let taken_up = secret_inodes(&lab);
    for forged in &names[..7] {
        if *forged != names[4] {
            assert!(!taken_up.contains(&inode(&made[*forged])), "{forged}");
        }
    }
    assert!(
        taken_up.contains(&inode(&made[names[7]])),
        "what nobody touched is taken up"
    );
}

#[test]
fn what_is_not_declared_any_more_is_not_taken_up_and_does_not_stay() {
    let (lab, _) = interrupted("SIGKILL");
    let text = declaration().replace(
        "device \"d000\" platform=\"ios\"",
        "device \"d000\" platform=\"android\"",
    );
    fs::write(lab.path().join("homelab.kdl"), text).expect("it can be written");
    is_whole(&lab);
    let devices = lab.path().join("out/people/alice/d000");
    let mut names = fs::read_dir(devices).expect("it is there").map(|entry| {
        let name = entry.expect("it can be listed").file_name();
        name.into_string().expect("it is UTF-8")
    });
    assert!(names.all(|name| !name.ends_with(".mobileconfig")));
}
