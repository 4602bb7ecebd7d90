//! Who holds a directory that cannot be had, as far as the system tells.

use std::fmt::{self, Display, Formatter};
use std::os::fd::AsFd;

/// A process that holds a file or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its number.
    pub process: u32,
    /// What it runs, characters that do not show as their numbers: whoever runs it chooses the name.
    pub command: Option<String>,
    /// Whose it is, where it is not this process's own user.
    pub user: Option<String>,
}

impl Holder {
    /// Whether it says that it is a homelab.
    pub(crate) fn is_homelab(&self) -> bool {
        self.command.as_deref() == Some("homelab")
    }
}

impl Display for Holder {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) => write!(f, "`{command}` (process {})", self.process)?,
            None => write!(f, "process {}", self.process)?,
        }
        match &self.user {
            Some(user) => write!(f, " of {user}"),
            None => Ok(()),
        }
    }
}

/// Who holds what is open here with `flock`; `None` where the system does not tell.
pub(crate) fn holder(open: impl AsFd) -> Option<Holder> {
    #[cfg(target_os = "linux")]
    {
        linux::holder(open)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = open;
        None
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{major, minor};

    use super::Holder;
    use crate::source::visible;

    /// Readings of `/proc/locks`, at the most: where other locks come and go meanwhile, one may leave out a lock that is held.
    const READINGS: usize = 8;

    pub(super) fn holder(open: impl AsFd) -> Option<Holder> {
        let status = rustix::fs::fstat(open).ok()?;
        let device = (major(status.st_dev), minor(status.st_dev));
        let process = (0..READINGS).find_map(|_| {
            let locks = fs::read_to_string("/proc/locks").ok()?;
            process_in(&locks, device, status.st_ino)
        })?;
        let of = fs::metadata(format!("/proc/{process}")).ok();
        let others = of.filter(|of| of.uid() != rustix::process::getuid().as_raw());
        let command = fs::read(format!("/proc/{process}/comm")).ok();
        Some(Holder {
            process,
            command: command.map(|name| visible(String::from_utf8_lossy(&name).trim_end())),
            user: others.map(|of| user(of.uid())),
        })
    }

    /// The process that `/proc/locks` names for a file (`man 5 proc_locks`):
    /// `1: FLOCK  ADVISORY  WRITE 708 08:01:4718613 0 EOF`.
    pub(super) fn process_in(locks: &str, device: (u32, u32), inode: u64) -> Option<u32> {
        let held = locks.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            // A line of somebody who waits has `->` for its second word.
            let [_, "FLOCK", _, _, process, file, ..] = words[..] else {
                return None;
            };
            let mut parts = file.split(':');
            let mut hexadecimal = || u32::from_str_radix(parts.next()?, 16).ok();
            let device = (hexadecimal()?, hexadecimal()?);
            let file: u64 = parts.next()?.parse().ok()?;
            Some((process.parse::<u32>().ok()?, device, file))
        });
        let here: Vec<_> = held
            .filter(|(process, _, file)| *process != 0 && *file == inode)
            .collect();
        let exact = here.iter().find(|(_, on, _)| *on == device);
        // Btrfs gives its subvolumes numbers of their own that the kernel's list does not have.
        let only = (here.len() == 1).then(|| &here[0]);
        exact.or(only).map(|(process, ..)| *process)
    }

    pub(super) fn user(id: u32) -> String {
        let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = known.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(id)).then(|| visible(name))
        });
        name.unwrap_or_else(|| format!("user {id}"))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn who_waits_is_not_who_holds() {
        let locks = "1: POSIX  ADVISORY  WRITE 700 08:01:12 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 708 08:01:12 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 709 08:01:12 0 EOF\n\
                     3: FLOCK  ADVISORY  READ 0 08:01:13 0 EOF\n\
                     4: FLOCK  ADVISORY  READ 710 00:2a:14 0 EOF\n\
                     5: FLOCK  ADVISORY  READ 711 00:2b:15 0 EOF\n\
                     6: FLOCK  ADVISORY  READ 712 00:2c:15 0 EOF\n\
                     nonsense\n";
        let process = |device, inode| linux::process_in(locks, device, inode);
        assert_eq!(process((8, 1), 12), Some(708));
        assert_eq!(process((8, 1), 13), None, "in another namespace");
        assert_eq!(process((0, 99), 14), Some(710), "another number, one file");
        assert_eq!(process((0, 0x2c), 15), Some(712));
        assert_eq!(process((0, 99), 15), None, "one of two");
        assert_eq!(process((8, 1), 16), None);
    }

    #[test]
    fn users_have_names_where_the_system_knows_them() {
        assert_eq!(linux::user(0), "root");
        assert_eq!(linux::user(4_294_967_290), "user 4294967290");
    }

    #[test]
    fn this_very_process_is_found() {
        let place = tempfile::TempDir::new().expect("a temporary directory");
        let directory = File::open(place.path()).expect("it is there");
        assert_eq!(holder(&directory), None);
        directory.lock().expect("nobody else has it");
        let found = holder(&directory).expect("it is held");
        assert_eq!((found.process, found.user), (std::process::id(), None));
        assert!(found.command.is_some());
    }

    #[test]
    fn who_holds_is_found_while_others_take_and_leave_locks() {
        let place = tempfile::TempDir::new().expect("a temporary directory");
        let directory = File::open(place.path()).expect("it is there");
        directory.lock().expect("nobody else has it");
        let ended = AtomicBool::new(false);
        let missed = thread::scope(|scope| {
            for other in 0..6 {
                let (place, ended) = (place.path(), &ended);
                scope.spawn(move || {
                    let files =
                        (0..20).map(|file| File::create(place.join(format!("{other}-{file}"))));
                    let files: Vec<File> = files.collect::<Result<_, _>>().expect("files");
                    while !ended.load(Ordering::Relaxed) {
                        files
                            .iter()
                            .for_each(|file| file.lock().expect("nobody else has it"));
                        files
                            .iter()
                            .for_each(|file| file.unlock().expect("it is locked"));
                    }
                });
            }
            let missed = (0..4_000).filter(|_| holder(&directory).is_none()).count();
            ended.store(true, Ordering::Relaxed);
            missed
        });
        assert_eq!(missed, 0);
    }
}
