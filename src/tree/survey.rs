//! The look at the disk before anything is changed: what is there already, what is in the way.

use std::collections::HashSet;
use std::path::PathBuf;

use rayon::prelude::*;
use rustix::fs::{FileType, Mode as FileMode, Stat};
use rustix::io::Errno;

use super::change::{Change, Folder, Put, folder_of};
use super::directory::{Directory, Standing, kind};
use super::error::{TreeError, cannot_read, directory_in_the_way, in_the_way};
use super::index::{FolderIdentity, KnownFolder};
use super::manifest::{self, Mode};
use super::modes::Modes;
use super::path::OWN;
use super::view::View;

/// How many directories are looked at in a row, at least: for so few it is not worth it to share the work.
const FEW: usize = 256;

/// What is left to do, given what is on the disk.
#[derive(Debug, Default)]
pub(super) struct Survey<'c> {
    /// Directories to be made, each after the one that it is in.
    pub absent: Vec<Folder<'c>>,
    /// Directories with another mode than they should have.
    pub altered: Vec<Folder<'c>>,
    /// Staged files that have to be moved to their places.
    pub moves: Vec<&'c Put<'c>>,
    /// Files that are not in the manifest, and are just what is wanted.
    pub adopted: Vec<&'c Put<'c>>,
    /// Directories that are as they should be, in the order of their paths; homelab's own is the first.
    pub fine: Vec<(&'c str, FolderIdentity)>,
    /// Whether the manifest's own mode is another than it should be.
    pub manifest_altered: bool,
    foreign: Vec<PathBuf>,
}

/// Compares `change` with what is below `root`, that of `view`; an error if anything that is not ours is in the way.
///
/// A directory that an index has told of, and in which nothing changes, is not looked at again: it counts as its files do.
pub(super) fn survey<'c>(
    view: &View,
    root: &Directory,
    change: &'c Change<'_>,
    folders: &[Folder<'c>],
) -> Result<Survey<'c>, TreeError> {
    let modes = &view.modes;
    let known = Known {
        folders: &view.known_folders,
        changing: change.changing_folders(),
        modes,
    };
    let mut survey = Survey::default();
    let whole = root
        .status(".")?
        .ok_or_else(|| cannot_read(&root.named("."), Errno::NOENT))?;
    // The root is made for its owner alone; who has opened it since, or pointed to a directory that
    // others share, is not overruled: what is secret lies in directories of its own.
    let own = Folder {
        path: OWN,
        mode: Some(Mode::Secret),
    };
    match condition(root, modes, &whole, change, &own)? {
        Condition::Altered => survey.altered.push(own),
        Condition::Fine(identity) => survey.fine.push((OWN, identity)),
        Condition::Absent => {}
    }
    // In parallel, since a large tree has a directory for each device; the first error in order is the one reported.
    let conditions: Vec<_> = folders
        .par_iter()
        .with_min_len(FEW)
        .map(|folder| match known.condition(root, folder) {
            Some(condition) => Ok(condition),
            None => condition(root, modes, &whole, change, folder),
        })
        .collect();
    for (folder, condition) in folders.iter().zip(conditions) {
        match condition? {
            Condition::Absent if folder.mode.is_some() => survey.absent.push(*folder),
            Condition::Altered => survey.altered.push(*folder),
            Condition::Fine(identity) => survey.fine.push((folder.path, identity)),
            Condition::Absent => {}
        }
    }
    for put in &change.puts {
        survey.look_at(root, modes, change, put)?;
    }
    if !survey.foreign.is_empty() {
        return Err(TreeError::NotOurs {
            directory: root.named("."),
            paths: survey.foreign,
            manifest: view.state,
        });
    }
    let status = root.status(&format!("{OWN}/{}", manifest::FILE))?;
    survey.manifest_altered = status.is_some_and(|status| {
        let mode = FileMode::from_raw_mode(status.st_mode);
        !modes.is_as_given(root, mode, Mode::Secret.of_file())
    });
    Ok(survey)
}

enum Condition {
    Absent,
    /// Its mode is another than it should be.
    Altered,
    Fine(FolderIdentity),
}

/// What need not be looked at.
struct Known<'k> {
    /// In the order of their paths.
    folders: &'k [KnownFolder],
    /// Those in which something comes or goes.
    changing: HashSet<&'k str>,
    modes: &'k Modes,
}

impl Known<'_> {
    /// How a directory stands, if that is known, and it is as it should be.
    fn condition(&self, root: &Directory, folder: &Folder<'_>) -> Option<Condition> {
        let wanted = folder.mode?.of_directory();
        if self.changing.contains(folder.path) {
            return None;
        }
        let by_path = |known: &KnownFolder| known.0.as_str().cmp(folder.path);
        let place = self.folders.binary_search_by(by_path).ok()?;
        let (_, identity) = self.folders[place];
        let is_fine = self
            .modes
            .is_as_given(root, identity.directory_mode(), wanted);
        is_fine.then_some(Condition::Fine(identity))
    }
}

fn condition(
    root: &Directory,
    modes: &Modes,
    whole: &Stat,
    change: &Change<'_>,
    folder: &Folder<'_>,
) -> Result<Condition, TreeError> {
    let Some(status) = root.status(folder.path)? else {
        return Ok(Condition::Absent);
    };
    let path = root.named(folder.path);
    match kind(&status) {
        FileType::Directory if status.st_dev != whole.st_dev => {
            Err(TreeError::OtherFileSystem { path })
        }
        FileType::Directory => {
            let mode = FileMode::from_raw_mode(status.st_mode);
            let altered = folder
                .mode
                .is_some_and(|wanted| !modes.is_as_given(root, mode, wanted.of_directory()));
            Ok(if altered {
                Condition::Altered
            } else {
                Condition::Fine(FolderIdentity::of(&status))
            })
        }
        FileType::Symlink => Err(in_the_way(path, FileType::Symlink)),
        // Something has taken the place of a directory from which all was to be removed.
        _ if folder.mode.is_none() => Ok(Condition::Absent),
        // It will be gone when the directory is made.
        _ if change.has_orphan_at(folder.path) => Ok(Condition::Absent),
        other => Err(in_the_way(path, other)),
    }
}

impl<'c> Survey<'c> {
    /// Whether anything on the disk, but for the manifest and what has to go, is not as it should be.
    pub(super) fn finds_work(&self) -> bool {
        !(self.absent.is_empty() && self.altered.is_empty() && self.moves.is_empty())
    }

    fn look_at(
        &mut self,
        root: &Directory,
        modes: &Modes,
        change: &Change<'_>,
        put: &'c Put<'c>,
    ) -> Result<(), TreeError> {
        let path = put.entry.path.as_str();
        if self.is_absent(folder_of(path)) {
            self.moves.push(put);
            return Ok(());
        }
        match root.examine(path)? {
            Standing::Nothing => self.moves.push(put),
            Standing::File { content, identity }
                if put.known.is_some() || content == put.entry.content =>
            {
                if put.known.is_none() {
                    self.adopted.push(put);
                }
                let wanted = put.entry.mode.of_file();
                let mode = identity.file_mode();
                if content != put.entry.content || !modes.is_as_given(root, mode, wanted) {
                    self.moves.push(put);
                }
            }
            // It will be gone when it matters.
            Standing::Other(FileType::Directory) if change.has_orphan_below(path) => {
                self.moves.push(put)
            }
            Standing::Other(FileType::Directory) if put.known.is_some() => {
                return Err(directory_in_the_way(root.named(path)));
            }
            Standing::Other(_) if put.known.is_some() => self.moves.push(put),
            Standing::File { .. } | Standing::Other(_) => self.foreign.push(root.named(path)),
        }
        Ok(())
    }

    fn is_absent(&self, folder: &str) -> bool {
        self.absent
            .binary_search_by(|absent| absent.path.cmp(folder))
            .is_ok()
    }
}
