//! What is known of a tree without reading it: how each file stood when it was last read and found as the manifest has it.
//!
//! In the manner of git's index: a file whose inode, size, mode and times are as they were has the bytes that it had. Its time of
//! change is the kernel's, which nobody sets but by setting the clock. What was changed in the same tick in which somebody looked is
//! not to be told from what was not ("racy", in git's words): such a file is *unsettled*, and is read again.
//!
//! An index is good for this machine and this very tree. It is never in the tree, where git could put another one; where it lies
//! is `workspace`'s affair.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use blake3::Hash;
use rayon::Scope;
use rayon::prelude::*;
use rustix::fs::{Mode as FileMode, Stat};

use super::apply::is_unfinished;
use super::directory::{Directory, Standing};
use super::hold::{Access, hold};
use super::manifest::ManifestEntry;
use super::modes::{TRIAL, trial};
use super::path::{folders_above, places, split};
use crate::packed::{Packer, Unpacker};

/// The manifest, from the root.
pub(super) const MANIFEST: &str = ".homelab/manifest.kdl";

/// How many entries stand in a row, to be looked at by one thread.
const ROW: usize = 256;

/// Rows that one thread looks at, at the most: more threads would cost more than they save.
const ALONE: usize = 2;

/// Bytes of an entry, at the most in most rows.
const USUAL_SIZE: usize = 128;

/// Files that are read again though everything stands as it did, at the most. With more, an index is made anew.
const MOST_UNSETTLED: usize = 64;

/// What tells a file from any other, and from itself before it was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    inode: Inode,
    /// Kind and permissions.
    mode: u32,
    size: u64,
    /// Seconds and nanoseconds, of its content and of the inode.
    modified: (i64, u64),
    changed: (i64, u64),
}

/// What tells a directory from any other. What else lies in it is nobody's concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FolderIdentity {
    inode: Inode,
    mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

/// The time by the clock of a tree's file system, as far as that tells it: what is written from now on is no older.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick(i64, u64);

/// How a file stood that is as the manifest has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub identity: Identity,
    /// Whether it was read now, and perhaps is not on the disk yet.
    pub is_new: bool,
}

impl Inode {
    // The types differ from system to system.
    #[allow(clippy::unnecessary_cast)]
    fn of(status: &Stat) -> Inode {
        Inode {
            device: status.st_dev as u64,
            number: status.st_ino as u64,
        }
    }
}

impl Identity {
    #[allow(clippy::unnecessary_cast)]
    pub(super) fn of(status: &Stat) -> Identity {
        Identity {
            inode: Inode::of(status),
            mode: status.st_mode as u32,
            size: status.st_size as u64,
            modified: (status.st_mtime as i64, status.st_mtime_nsec as u64),
            changed: (status.st_ctime as i64, status.st_ctime_nsec as u64),
        }
    }

    /// That of the file that a path leads to.
    pub(crate) fn at(path: &Path) -> Option<Identity> {
        let status = rustix::fs::stat(path).ok()?;
        Some(Identity::of(&status))
    }

    /// Its permissions.
    pub(super) fn file_mode(&self) -> FileMode {
        FileMode::from_raw_mode(self.mode as _)
    }

    /// Whether it could be written to in the tick that it was last written in, and look as it does. Where a file system keeps no
    /// time of change, that of the content has to do.
    fn is_settled(&self, before: Tick) -> bool {
        self.changed.max(self.modified) < (before.0, before.1)
    }
}

impl FolderIdentity {
    /// Its permissions.
    pub(super) fn directory_mode(&self) -> FileMode {
        FileMode::from_raw_mode(self.mode as _)
    }

    #[allow(clippy::unnecessary_cast)]
    pub(super) fn of(status: &Stat) -> FolderIdentity {
        FolderIdentity {
            inode: Inode::of(status),
            mode: status.st_mode as u32,
        }
    }
}

impl Tick {
    /// The present one; none where nothing can be written.
    pub(super) fn of(root: &Directory) -> Option<Tick> {
        // What a killed run left is older.
        root.remove_file(TRIAL).ok()?;
        let file = trial(root)?;
        let status = rustix::fs::fstat(&file);
        let _ = root.remove_file(TRIAL);
        let Identity { changed, .. } = Identity::of(&status.ok()?);
        Some(Tick(changed.0, changed.1))
    }
}

/// What an index says of one path.
enum Recorded {
    Folder(FolderIdentity),
    Settled(Identity),
    /// Read again each time, for what it has to hold.
    Unsettled(Identity, Hash),
}

impl Recorded {
    /// Whether that is what stands there; of a file, not what it holds.
    fn is_met_by(&self, status: &Stat) -> bool {
        match self {
            Recorded::Folder(folder) => FolderIdentity::of(status) == *folder,
            Recorded::Settled(identity) | Recorded::Unsettled(identity, _) => {
                Identity::of(status) == *identity
            }
        }
    }
}

/// What is to be recorded of one path.
enum Seen<'l> {
    Folder(&'l FolderIdentity),
    /// With what it holds.
    File(&'l Identity, &'l Hash),
}

const FOLDER: u64 = 0;
const SETTLED: u64 = 1;
const UNSETTLED: u64 = 2;

/// A tree that was looked at.
pub(super) struct Looked<'t> {
    /// The hash of the manifest.
    pub manifest: Hash,
    pub root: FolderIdentity,
    /// Before the first look.
    pub tick: Tick,
    /// Directories that are as they should be.
    pub folders: Vec<(&'t str, FolderIdentity)>,
    /// Files that are as the manifest has them, and what they hold.
    pub files: Vec<(&'t str, Identity, Hash)>,
    /// Whether that is everything, down to the manifest itself.
    pub is_whole: bool,
}

/// An index, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackedIndex {
    pub bytes: Vec<u8>,
    /// Whether it tells of the whole tree: what stands so needs nothing.
    pub is_whole: bool,
}

impl Looked<'_> {
    /// As it is written. A file is in it if all directories above it are, on the one file system.
    pub(super) fn pack(mut self) -> PackedIndex {
        let device = self.root.inode.device;
        let (folders, files) = (self.folders.len(), self.files.len());
        self.folders
            .retain(|(_, folder)| folder.inode.device == device);
        self.files
            .retain(|(_, file, _)| file.inode.device == device);
        self.is_whole &= (folders, files) == (self.folders.len(), self.files.len());
        let folders = { self.folders.iter() }.map(|(path, folder)| (*path, Seen::Folder(folder)));
        let files = self.files.iter();
        let files = files.map(|(path, file, content)| (*path, Seen::File(file, content)));
        let mut entries: Vec<(&str, Seen)> = folders.chain(files).collect();
        entries.sort_by_key(|(path, _)| *path);
        keep_what_is_reached(&mut entries);
        let rows = entries.par_chunks(ROW).map(|row| pack_row(row, self.tick));
        let rows: Vec<Vec<u8>> = rows.collect();
        let mut packer = Packer::with_room(rows.iter().map(|row| row.len() + 16).sum());
        packer.hash(&self.manifest);
        packer.number(u64::from(self.is_whole));
        packer.number(self.root.inode.device);
        packer.number(self.root.inode.number);
        for row in &rows {
            packer.bytes(row);
        }
        PackedIndex {
            bytes: packer.unsealed(),
            is_whole: self.is_whole,
        }
    }
}

/// Drops from a sorted list all that lies in a directory which is not in it.
fn keep_what_is_reached(entries: &mut Vec<(&str, Seen<'_>)>) {
    let mut reached = HashSet::new();
    // That of the file before is mostly that of the next one.
    let mut last = None;
    // Each directory comes before what is in it.
    entries.retain(|(path, seen)| {
        let folder = split(path).0;
        let is_reached = folder.is_none()
            || folder == last
            || folder.is_some_and(|folder| reached.contains(folder));
        if is_reached {
            last = folder;
            if matches!(seen, Seen::Folder(_)) {
                reached.insert(*path);
            }
        }
        is_reached
    });
}

/// Each path is told by how much of it is that of the one before.
fn pack_row(row: &[(&str, Seen<'_>)], tick: Tick) -> Vec<u8> {
    let mut packer = Packer::with_room(row.len() * USUAL_SIZE);
    let mut before = "";
    for (path, seen) in row {
        let shared = { path.bytes().zip(before.bytes()) }.take_while(|(a, b)| a == b);
        let shared = shared.count();
        packer.number(shared as u64);
        packer.bytes(&path.as_bytes()[shared..]);
        match seen {
            Seen::Folder(folder) => {
                packer.number(FOLDER);
                packer.number(folder.inode.number);
                packer.number(u64::from(folder.mode));
            }
            Seen::File(identity, _) if identity.is_settled(tick) => {
                packer.number(SETTLED);
                pack_identity(&mut packer, identity);
            }
            Seen::File(identity, content) => {
                packer.number(UNSETTLED);
                pack_identity(&mut packer, identity);
                packer.hash(content);
            }
        }
        before = path;
    }
    packer.unsealed()
}

fn pack_identity(packer: &mut Packer, identity: &Identity) {
    packer.number(identity.inode.number);
    packer.number(u64::from(identity.mode));
    packer.number(identity.size);
    for (seconds, nanoseconds) in [identity.modified, identity.changed] {
        packer.number(seconds.cast_unsigned());
        packer.number(nanoseconds);
    }
}

/// An index that was read.
#[derive(Debug)]
pub(crate) struct Index<'b> {
    manifest: Hash,
    is_whole: bool,
    root: Inode,
    rows: Vec<Row<'b>>,
}

/// Entries that one thread looks at.
#[derive(Debug)]
struct Row<'b> {
    packed: &'b [u8],
    /// Once it was looked at, which of them stand as the index has them.
    looked: OnceLock<Vec<bool>>,
}

/// A directory that stands as an index has it.
pub(super) type KnownFolder = (String, FolderIdentity);

/// What stands as an index has it.
#[derive(Default)]
struct Standings {
    /// By their places in the manifest.
    files: Vec<(usize, Identity)>,
    folders: Vec<KnownFolder>,
    /// Directories that are others by now, or stand no more.
    altered: Vec<String>,
}

impl<'b> Index<'b> {
    /// What [`PackedIndex`] has.
    pub(crate) fn of(bytes: &'b [u8]) -> Option<Index<'b>> {
        let mut unpacker = Unpacker::inside(bytes);
        let mut index = Index {
            manifest: unpacker.hash()?,
            is_whole: unpacker.number()? == 1,
            root: Inode {
                device: unpacker.number()?,
                number: unpacker.number()?,
            },
            rows: Vec::new(),
        };
        while !unpacker.is_at_its_end() {
            index.rows.push(Row {
                packed: unpacker.bytes()?,
                looked: OnceLock::new(),
            });
        }
        Some(index)
    }

    /// Whether the tree in `directory` stands, to the last file, as it did when this was made, and nobody builds in it. What is there
    /// besides is not ours.
    pub(crate) fn holds(&self, directory: &Path) -> bool {
        if !self.is_whole {
            return false;
        }
        // It is held as a build holds it, and not waited for: a build waits.
        match hold(Access::AloneIfThere, directory, Duration::ZERO) {
            Ok(Some(root)) => self.is_root(&root) && !is_unfinished(&root) && self.stands(&root),
            Ok(None) | Err(_) => false,
        }
    }

    fn is_root(&self, root: &Directory) -> bool {
        rustix::fs::fstat(root).is_ok_and(|status| Inode::of(&status) == self.root)
    }

    fn stands(&self, root: &Directory) -> bool {
        let look = |row: &Row<'_>| -> Option<usize> {
            let mut entries = self.entries(row);
            let mut unsettled = 0;
            while let Some((path, recorded)) = entries.next()? {
                let status = root.status(path).ok()??;
                if let Recorded::Unsettled(identity, content) = recorded {
                    unsettled += 1;
                    let is_same =
                        unsettled <= MOST_UNSETTLED && holds_still(root, path, &identity, &content);
                    is_same.then_some(())?;
                } else {
                    recorded.is_met_by(&status).then_some(())?;
                }
            }
            Some(unsettled)
        };
        let unsettled: Option<usize> = if self.rows.len() <= ALONE {
            self.rows.iter().map(look).sum()
        } else {
            let unsettled = self.rows.par_iter().map(look);
            unsettled.try_reduce(|| 0, |a, b| Some(a + b))
        };
        unsettled.is_some_and(|unsettled| unsettled <= MOST_UNSETTLED)
    }

    /// Whether this tells of the tree in `root` that has this manifest.
    pub(super) fn is_of(&self, root: &Directory, manifest: Option<Hash>) -> bool {
        manifest == Some(self.manifest) && self.is_root(root)
    }

    /// Has other threads look already what stands in `directory` as it has it, while somebody works out what to do there. A row is looked
    /// at once: what nobody has come to by the time that the tree is held is looked at then.
    ///
    /// Nobody has to hold the tree for that. What counts is that it, once it is held, is this very directory with this very manifest
    /// ([`Index::is_of`]). A file that was found as this has it had the bytes that the manifest says, and was older than this: whatever is
    /// done to it later gives it another time of change. It is recorded again as it was then, so the next build sees that. So it is with
    /// what somebody changes by hand between the look and the hold: it is as if it were changed right after. Another build that held
    /// the tree in between has left another manifest, or has made the same of every file, of which the next build reads those that it
    /// has made.
    pub(crate) fn look_ahead<'s>(&'s self, scope: &Scope<'s>, directory: &Path) {
        let Ok(Some(root)) = Directory::at(directory) else {
            return;
        };
        if !self.is_root(&root) {
            return;
        }
        let root = Arc::new(root);
        for row in &self.rows {
            let root = Arc::clone(&root);
            scope.spawn(move |_| {
                self.look(row, &root);
            });
        }
    }

    /// Which entries of a row stand as it has them, or stood when they were looked at.
    fn look<'r>(&self, row: &'r Row<'_>, root: &Directory) -> &'r [bool] {
        row.looked.get_or_init(|| {
            let mut standing = Vec::with_capacity(ROW);
            let mut entries = self.entries(row);
            while let Some(Some((path, recorded))) = entries.next() {
                // What is not settled is read.
                let is_settled = !matches!(recorded, Recorded::Unsettled(..));
                let status = || root.status(path).ok().flatten();
                standing
                    .push(is_settled && status().is_some_and(|status| recorded.is_met_by(&status)));
            }
            standing
        })
    }

    /// The places of those files of the manifest that stand as they did: their directories too, so that no link leads to them. And
    /// each directory that stands as it did, whatever those above it do, in the order of their paths.
    pub(super) fn standing(
        &self,
        root: &Directory,
        manifest: &[ManifestEntry],
    ) -> (
        impl ParallelIterator<Item = (usize, Identity)>,
        Vec<KnownFolder>,
    ) {
        let rows =
            { self.rows.par_iter() }.map(|row| self.standings(row, self.look(row, root), manifest));
        let rows: Vec<Standings> = rows.collect();
        let (mut files, mut folders, mut altered) = (Vec::new(), Vec::new(), BTreeSet::new());
        for row in rows {
            files.push(row.files);
            folders.extend(row.folders);
            altered.extend(row.altered);
        }
        let is_reached = move |place: usize| {
            let path = manifest[place].path.as_str();
            altered.is_empty() || !folders_above(path).any(|folder| altered.contains(folder))
        };
        let files = files.into_par_iter().flatten_iter();
        let files = files.filter(move |(place, _)| is_reached(*place));
        (files, folders)
    }

    fn standings(&self, row: &Row<'_>, stands: &[bool], manifest: &[ManifestEntry]) -> Standings {
        let mut standings = Standings::default();
        let mut entries = self.entries(row);
        let Some(Some((begin, _))) = entries.next() else {
            return standings;
        };
        let first = manifest.partition_point(|entry| entry.path.as_str() < begin);
        let mut places = places(manifest[first..].iter().map(|entry| &entry.path));
        let mut entries = self.entries(row);
        for stands in stands {
            let Some(Some((path, recorded))) = entries.next() else {
                break;
            };
            match recorded {
                Recorded::Folder(folder) if *stands => {
                    standings.folders.push((path.to_owned(), folder));
                }
                Recorded::Folder(_) => standings.altered.push(path.to_owned()),
                Recorded::Settled(identity) if *stands => {
                    if let Some(place) = places.get(path) {
                        standings.files.push((first + place, identity));
                    }
                }
                Recorded::Settled(_) | Recorded::Unsettled(..) => {}
            }
        }
        standings
    }

    fn entries<'i>(&self, row: &Row<'i>) -> Entries<'i> {
        Entries {
            device: self.root.device,
            unpacker: Unpacker::inside(row.packed),
            path: String::new(),
        }
    }
}

/// Whether a file that may have been written to unseen has the bytes that it had.
fn holds_still(root: &Directory, path: &str, as_it_was: &Identity, bytes: &Hash) -> bool {
    matches!(
        root.examine(path),
        Ok(Standing::File { content, identity }) if content == *bytes && identity == *as_it_was
    )
}

/// The entries of a row, one after the other.
struct Entries<'i> {
    device: u64,
    unpacker: Unpacker<'i>,
    path: String,
}

impl Entries<'_> {
    /// The next one, or none at the end; nothing where this is no index.
    fn next(&mut self) -> Option<Option<(&str, Recorded)>> {
        if self.unpacker.is_at_its_end() {
            return Some(None);
        }
        let shared = usize::try_from(self.unpacker.number()?).ok()?;
        let rest = self.unpacker.text()?;
        self.path.is_char_boundary(shared).then_some(())?;
        self.path.truncate(shared);
        self.path.push_str(rest);
        let recorded = match self.unpacker.number()? {
            FOLDER => Recorded::Folder(FolderIdentity {
                inode: self.inode()?,
                mode: self.mode()?,
            }),
            SETTLED => Recorded::Settled(self.identity()?),
            UNSETTLED => Recorded::Unsettled(self.identity()?, self.unpacker.hash()?),
            _ => return None,
        };
        Some(Some((&self.path, recorded)))
    }

    fn identity(&mut self) -> Option<Identity> {
        Some(Identity {
            inode: self.inode()?,
            mode: self.mode()?,
            size: self.unpacker.number()?,
            modified: self.moment()?,
            changed: self.moment()?,
        })
    }

    fn inode(&mut self) -> Option<Inode> {
        Some(Inode {
            device: self.device,
            number: self.unpacker.number()?,
        })
    }

    fn mode(&mut self) -> Option<u32> {
        u32::try_from(self.unpacker.number()?).ok()
    }

    fn moment(&mut self) -> Option<(i64, u64)> {
        Some((
            self.unpacker.number()?.cast_signed(),
            self.unpacker.number()?,
        ))
    }
}
