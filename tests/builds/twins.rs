//! A homelab that is built by what is known of its tree, beside one of which everything is read: both do and say the same.

use std::cell::Cell;
use std::fs::{self, File, FileTimes};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::home::NOW;
use super::support::files::changed;
use super::support::lab::Lab;
use super::support::outcome::Outcome;

/// A homelab that is built by what is known of it, and its twin, of which everything is read each time.
pub struct Twins {
    pub knowing: Lab,
    pub reading: Lab,
    compared: Cell<usize>,
}

impl Twins {
    /// Of a homelab that was built, and has nothing to do.
    #[track_caller]
    pub fn of(lab: &Lab) -> Twins {
        let twins = Twins {
            knowing: lab.copy(),
            reading: lab.copy(),
            compared: Cell::new(0),
        };
        // The first writes down that it was here, the second what it knows.
        twins.agree("nothing");
        twins.agree("nothing");
        twins.knows();
        assert!(index_of(&twins.knowing).is_file());
        assert!(!index_of(&twins.reading).exists());
        twins
    }

    pub fn both(&self) -> [&Lab; 2] {
        [&self.knowing, &self.reading]
    }

    /// How many times both were built and compared.
    pub fn compared(&self) -> usize {
        self.compared.get()
    }

    /// The one that knows reads no bundle when there is nothing to do.
    #[track_caller]
    pub fn knows(&self) {
        let opened = opened(&self.knowing, &["build"]);
        let is_bundle = |path: &String| path.ends_with(".p12");
        assert!(!opened.iter().any(is_bundle), "{opened:?}");
    }

    /// Builds both, which do and say the same.
    #[track_caller]
    pub fn agree(&self, after: &str) {
        drop(self.agree_at(after, NOW, &[]));
    }

    #[track_caller]
    pub fn agree_at(&self, after: &str, now: &str, arguments: &[&str]) -> Outcome {
        self.compared.set(self.compared.get() + 1);
        let command = |lab: &Lab| lab.command(["build"]).at(now).arguments(arguments.to_vec());
        let knowing = command(&self.knowing).run();
        let reading = command(&self.reading).arguments(["--no-index"]).run();
        let told = |outcome: &Outcome, lab: &Lab| {
            // Git says where the whole is, and a build where its memory is.
            let places = [lab.path(), lab.memory()].map(|place| place.display().to_string());
            let said = [outcome.stdout(), outcome.stderr()].map(|said| {
                said.replace(&places[0], "HERE")
                    .replace(&places[1], "MEMORY")
            });
            (outcome.status.code(), said)
        };
        let [one, other] = self.both();
        assert_eq!(told(&knowing, one), told(&reading, other), "after {after}");
        let trees = self.both().map(|lab| {
            let mut tree = lab.snapshot();
            // Git's own index has inodes and times, too.
            tree.retain(|name, _| !name.starts_with(".git/"));
            tree
        });
        assert_eq!(changed(&trees[1], &trees[0]), [""; 0], "after {after}");
        knowing
    }
}

/// Where the machine keeps the index of that homelab's tree.
pub fn index_of(lab: &Lab) -> PathBuf {
    lab.memory().with_extension("index")
}

/// Which files a command opens.
#[track_caller]
pub fn opened(lab: &Lab, command: &[&str]) -> Vec<String> {
    let trace = lab.home().join("trace");
    let to = trace.to_str().expect("a plain path");
    let calls = "trace=open,openat,openat2";
    lab.command(command.iter().copied())
        .at(NOW)
        .through(["strace", "-f", "-qq", "-o", to, "-e", calls])
        .run()
        .succeeds();
    let text = fs::read_to_string(&trace).expect("strace writes its trace");
    let named = text.lines().filter_map(|line| line.split('"').nth(1));
    named.map(str::to_owned).collect()
}

#[track_caller]
pub fn must<T>(done: io::Result<T>) -> T {
    done.expect("the file system does as it is told")
}

pub fn set_time(path: &Path, time: SystemTime) -> io::Result<()> {
    let file = File::options().append(true).open(path)?;
    file.set_times(FileTimes::new().set_modified(time))
}

/// Other bytes of the same length, and the time that it had.
pub fn forge(path: &Path) -> io::Result<()> {
    let time = fs::metadata(path)?.modified()?;
    let mut bytes = fs::read(path)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    // Not cut to nothing in between.
    File::options()
        .write(true)
        .open(path)?
        .write_all_at(&bytes, 0)?;
    set_time(path, time)
}

/// Another inode with the same bytes, mode and time.
pub fn replace(path: &Path) -> io::Result<()> {
    let aside = path.with_extension("aside");
    let time = fs::metadata(path)?.modified()?;
    fs::copy(path, &aside)?;
    set_time(&aside, time)?;
    fs::rename(&aside, path)
}
