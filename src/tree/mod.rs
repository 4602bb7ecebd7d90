//! The output tree: the only room that writes below the output directory.
//!
//! It knows no homelab. It is given paths, modes, bytes and the hashes of what they were made from, and makes a
//! directory hold exactly that, next to whatever else is there. Files are first *staged*, in `.homelab/staging`, so
//! that nothing unfinished ever lies among what users copy away; then one *commit* moves them to their places and
//! removes what is no longer wanted.
//!
//! What holds at every instant, so that a build that is killed or loses power is completed by the next one:
//! - the manifest on the disk names every file that is ours, so none is ever left behind or taken for a user's;
//! - a file that the manifest does not name is not touched;
//! - each file is either the old or the new one, whole, with its mode;
//! - below the root, no symbolic link is followed.
//!
//! There is no clock here, no randomness, no environment, and nothing is printed.

mod apply;
mod beneath;
mod change;
mod directory;
mod durable;
mod error;
mod hold;
mod holder;
mod index;
mod label;
mod links;
mod manifest;
mod modes;
mod path;
pub(crate) mod summed;
mod survey;
#[cfg(test)]
mod tests;
mod view;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use blake3::Hash;

pub(crate) use change::{Scope, Staged, Wanted};
pub(crate) use directory::parent_of;
pub(crate) use durable::{
    Existing, make_private_directory, remove_unfinished, sync_name, write_durably,
};
pub(crate) use error::{TreeError, named as named_holder, remedy_for_held};
pub(crate) use holder::{Holder, holder};
pub(crate) use index::{Identity, Index, PackedIndex};
pub(crate) use label::Label;
pub(crate) use links::linked_file;
pub(crate) use manifest::{ManifestEntry, Mode};
pub(crate) use path::{OutputPath, places};
pub(crate) use view::{Found, Listed, Owner, ReadManifest, View};

use change::{Change, Put};
use directory::{Directory, Standing};
use error::cannot_write;
use hold::{Access, hold};
use index::{FolderIdentity, Looked, MANIFEST, Tick};
use survey::Survey;

#[cfg(test)]
use crate::progress::Unseen;
use crate::progress::{Progress, Underway, Work};

/// An output directory that this process alone holds, to be built in.
///
/// It can be looked at as a [`View`]. Staging can be done from many threads at once.
#[derive(Debug)]
pub(crate) struct Tree {
    view: View,
    /// Made when the first file is staged, so that a build with nothing to do writes nothing.
    staging: Mutex<Option<Arc<Directory>>>,
    staged: AtomicUsize,
    /// What a killed build staged under labels.
    left: Vec<Label>,
    /// Before anything in it was looked at, but for what an index had as settled already.
    tick: Option<Tick>,
}

/// How much of a tree an index tells of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coverage {
    Whole,
    Part,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub written: Vec<OutputPath>,
    /// Files that the manifest did not have, and that turned out to be just what was wanted.
    pub adopted: Vec<OutputPath>,
    /// Files that are no longer wanted.
    pub removed: Vec<OutputPath>,
    /// Directories whose mode was set back.
    pub modes_restored: Vec<PathBuf>,
    /// How many files stayed as they were.
    pub unchanged: usize,
    /// Whether the file system lets others read what is meant for the owner alone.
    pub shows_secrets: bool,
    /// What is known of the tree as it stands now, where that was asked for.
    pub index: Option<PackedIndex>,
}

impl Tree {
    /// Opens a tree of which nothing was read.
    #[cfg(test)]
    pub(crate) fn open(
        directory: &Path,
        owner: impl Into<Owner>,
        patience: Duration,
    ) -> Result<Tree, TreeError> {
        Tree::open_after(None, directory, owner, patience)
    }

    /// Opens `directory`, the output of `owner`, to be built in, making it and those above it if they are absent. Its manifest is not
    /// taken apart again where an earlier look has found the same.
    ///
    /// Waits as long as `patience` for another build to end, and removes what a killed one has left, but for what it staged
    /// under labels.
    pub(crate) fn open_after(
        earlier: Option<ReadManifest>,
        directory: &Path,
        owner: impl Into<Owner>,
        patience: Duration,
    ) -> Result<Tree, TreeError> {
        let root = hold(Access::Alone, directory, patience)?;
        let tick = root.as_ref().and_then(Tick::of);
        let mut tree = Tree {
            view: View::of(root, directory, owner.into(), earlier)?,
            staging: Mutex::new(None),
            staged: AtomicUsize::new(0),
            tick,
            left: Vec::new(),
        };
        tree.left = apply::recover(tree.root(), &tree.view.entries)?;
        Ok(tree)
    }

    /// Goes by an index, if there is one, and has [`Tree::commit_telling`] make another.
    pub(crate) fn know(&mut self, index: Option<&Index<'_>>) {
        self.view.sightings = self.view.unseen();
        if let Some(index) = index {
            self.view.know(index);
        }
    }

    /// Writes `bytes` to a new file in the staging directory, with its final mode.
    ///
    /// It is made durable, with all others, by [`Tree::commit`]; without one it is gone when the tree is dropped.
    pub(crate) fn stage(
        &self,
        path: &OutputPath,
        mode: Mode,
        bytes: &[u8],
    ) -> Result<Staged, TreeError> {
        let name = self.staged.fetch_add(1, Ordering::Relaxed).to_string();
        self.stage_as(path, mode, bytes, name)
    }

    /// The same, under a label by which a later build knows the file if this one is killed.
    pub(crate) fn stage_labelled(
        &self,
        path: &OutputPath,
        mode: Mode,
        bytes: &[u8],
        label: &Label,
    ) -> Result<Staged, TreeError> {
        let name = label.to_string();
        if self.left.binary_search(label).is_ok() {
            // It was not taken up.
            self.staging()?.remove_file(&name)?;
        }
        self.stage_as(path, mode, bytes, name)
    }

    /// What a killed build has staged under labels.
    pub(crate) fn left(&self) -> &[Label] {
        &self.left
    }

    /// Takes up what a killed build has staged for `path`, where it has that mode and `is_ours` says so of its bytes' hash.
    pub(crate) fn take_up(
        &self,
        path: &OutputPath,
        mode: Mode,
        label: &Label,
        is_ours: impl FnOnce(&Hash) -> bool,
    ) -> Result<Option<Staged>, TreeError> {
        let name = label.to_string();
        let Standing::File { content, identity } = self.staging()?.examine(&name)? else {
            return Ok(None);
        };
        let modes = &self.view.modes;
        let is_whole = is_ours(&content)
            && modes.is_as_given(self.root(), identity.file_mode(), mode.of_file());
        Ok(is_whole.then(|| Staged {
            path: path.clone(),
            mode,
            content,
            name,
        }))
    }

    fn stage_as(
        &self,
        path: &OutputPath,
        mode: Mode,
        bytes: &[u8],
        name: String,
    ) -> Result<Staged, TreeError> {
        let staging = self.staging()?;
        match durable::write_new(&staging, &name, mode, bytes) {
            Ok((_, kept)) => {
                self.view.modes.learn(self.root(), kept);
                Ok(Staged {
                    path: path.clone(),
                    mode,
                    content: blake3::hash(bytes),
                    name,
                })
            }
            // What the user knows is the file that this was to be.
            Err(TreeError::CannotWrite { source, .. }) => {
                Err(cannot_write(&self.root().named(path.as_str()), source))
            }
            Err(other) => Err(other),
        }
    }

    /// Commits, and tells nobody of manifests.
    #[cfg(test)]
    pub(crate) fn commit(self, wanted: Vec<Wanted>, scope: &Scope) -> Result<Outcome, TreeError> {
        self.commit_telling(wanted, scope, &Unseen, |_| ())
    }

    /// Makes the tree hold exactly what is `wanted`, in the part of it that `scope` says.
    ///
    /// Where nothing has to change, nothing is written at all. An error leaves what was there in place: either all of
    /// it, if something that is not homelab's is in the way, or so that the next build completes this one.
    ///
    /// `tell` is given the hashes of the manifests that are about to be written, before anything in the tree is
    /// touched. Where none is written, it is not called.
    ///
    /// # Panics
    /// If a path is wanted twice or from outside the scope, or one is to be kept that the manifest does not have.
    pub(crate) fn commit_telling(
        mut self,
        wanted: Vec<Wanted>,
        scope: &Scope,
        progress: &dyn Progress,
        tell: impl FnOnce(&[Hash]) + Send,
    ) -> Result<Outcome, TreeError> {
        if self.view.doubted {
            // Whoever reads the next manifest believes it, and nobody has looked at these.
            let unseen = self.view.entries.iter_mut();
            for entry in unseen.filter(|entry| !scope.contains(&entry.path)) {
                entry.input = ManifestEntry::UNKNOWN;
            }
        }
        let (root, owner) = (self.root(), &self.view.owner.present);
        let change = Change::between(&self.view.entries, wanted, scope);
        let folders = change.folders();
        let survey = survey::survey(&self.view, root, &change, &folders)?;
        let doubted = self.view.doubted || self.view.was_former();
        let stale = self.damaged() || doubted || survey.manifest_altered;
        if !stale && !change.alters_manifest() && !survey.finds_work() {
            if !self.left.is_empty() {
                apply::remove_leftovers(root)?;
            }
            let index = self.index_as_it_is(&survey, folders.len());
            return Ok(self.outcome(&change, &survey, index));
        }

        let meanwhile = manifest::render(&change.entries_meanwhile(), owner);
        // Where nothing goes, the one is the other.
        let afterwards = (!change.orphans.is_empty())
            .then(|| manifest::render(&change.entries_afterwards(), owner));
        let hash = |text: &String| blake3::hash(text.as_bytes());
        let first = hash(&meanwhile);
        let last = afterwards.as_ref().map_or(first, hash);

        // From here on what is staged stays if this fails: it tells the next build that this one is not complete.
        let staging = self.take_staging()?;
        let in_the_way = change.has_orphans_in_the_way(&folders);
        let write = || -> Result<(), TreeError> {
            let underway = Underway::begin(progress, Work::Writing, survey.moves.len());
            // Only what is moved has to be on the disk before. The rest is done while the disk writes that.
            let announce = || -> Result<(), TreeError> {
                tell(&[first, last]);
                if stale || change.adds_to_manifest() {
                    apply::write_manifest(root, &meanwhile)?;
                }
                if in_the_way {
                    return Ok(());
                }
                apply::make_folders(root, &survey)
            };
            let make_durable = || apply::make_staged_durable(&staging, &survey.moves);
            let (durable, announced) = rayon::join(make_durable, announce);
            durable?;
            announced?;
            if in_the_way {
                apply::remove_orphans(root, &change, &folders)?;
                apply::make_folders(root, &survey)?;
            }
            apply::move_into_place(&staging, root, &survey.moves, &underway)?;
            apply::remove_orphans(root, &change, &folders)?;
            apply::make_names_durable(root, &change, &survey, &folders)?;
            if let Some(afterwards) = &afterwards {
                apply::write_manifest(root, afterwards)?;
            }
            apply::remove_leftovers(root)
        };
        // The index tells only of what stays as it is. Writing is mostly waiting for the disk.
        let index = || self.index_afterwards(&change, &survey, last, scope);
        let (written, index) = rayon::join(write, index);
        written?;
        Ok(self.outcome(&change, &survey, index))
    }

    /// What is known of a tree that was left as it is, with so many directories.
    fn index_as_it_is(&self, survey: &Survey<'_>, folders: usize) -> Option<PackedIndex> {
        let View {
            manifest_sighting,
            manifest,
            entries,
            ..
        } = &self.view;
        let kept = self.sighted(entries.iter().collect());
        let own = manifest_sighting.map(|(identity, hash)| (MANIFEST, identity, hash));
        // With homelab's own directory.
        let is_whole =
            kept.len() == entries.len() && survey.fine.len() == folders + 1 && own.is_some();
        let coverage = if is_whole {
            Coverage::Whole
        } else {
            Coverage::Part
        };
        self.index((*manifest)?, survey, own.into_iter().chain(kept), coverage)
    }

    /// What is known of a tree that has another manifest by now: of what was made, nobody has seen that it stands there.
    fn index_afterwards(
        &self,
        change: &Change<'_>,
        survey: &Survey<'_>,
        manifest: Hash,
        scope: &Scope,
    ) -> Option<PackedIndex> {
        if *scope != Scope::All {
            return None;
        }
        let mut made = places(change.puts.iter().map(|put| &put.entry.path));
        let mut kept = change.entries_afterwards();
        kept.retain(|entry| made.get(entry.path.as_str()).is_none());
        let kept = self.sighted(kept);
        self.index(manifest, survey, kept, Coverage::Part)
    }

    fn sighted<'e>(&self, entries: Vec<&'e ManifestEntry>) -> Vec<(&'e str, Identity, Hash)> {
        let listed = self.view.listed(entries.iter().map(|entry| &entry.path));
        let sighted = entries.iter().zip(listed).filter_map(|(entry, listed)| {
            let sighting = listed?.sighting()?;
            Some((entry.path.as_str(), sighting.identity, entry.content))
        });
        sighted.collect()
    }

    /// Makes an index, with all that it tells of on the disk: a loss of power must not undo what it vouches for.
    fn index<'e>(
        &self,
        manifest: Hash,
        survey: &'e Survey<'_>,
        files: impl IntoIterator<Item = (&'e str, Identity, Hash)>,
        coverage: Coverage,
    ) -> Option<PackedIndex> {
        let tick = self.tick.filter(|_| !self.view.sightings.is_empty())?;
        let root = self.root();
        let new = self.entries().zip(&self.view.sightings);
        let new = new.filter(|(_, sighting)| sighting.get().is_some_and(|seen| seen.is_new));
        let new: Vec<&str> = new.map(|(entry, _)| entry.path.as_str()).collect();
        if !new.is_empty() {
            durable::flush_files(root, &new).ok()?;
        }
        let looked = Looked {
            manifest,
            root: FolderIdentity::of(&root.status(".").ok()??),
            tick,
            folders: survey.fine.clone(),
            files: files.into_iter().collect(),
            is_whole: coverage == Coverage::Whole,
        };
        Some(looked.pack())
    }

    fn outcome(
        &self,
        change: &Change<'_>,
        survey: &Survey<'_>,
        index: Option<PackedIndex>,
    ) -> Outcome {
        let paths = |puts: &[&Put]| {
            puts.iter()
                .map(|put| put.entry.path.clone())
                .collect::<Vec<_>>()
        };
        let adopted = paths(&survey.adopted);
        let mut written = paths(&survey.moves);
        written.retain(|path| adopted.binary_search(path).is_err());
        Outcome {
            removed: change
                .orphans
                .iter()
                .map(|orphan| orphan.path.clone())
                .collect(),
            modes_restored: survey
                .altered
                .iter()
                .map(|folder| self.root().named(folder.path))
                .collect(),
            unchanged: change.kept + change.puts.len() - written.len() - adopted.len(),
            written,
            adopted,
            shows_secrets: self.view.shows_secrets(),
            index,
        }
    }

    /// Holds the manifest against those that are known to have been written, as [`View::believe_only`] does.
    pub(crate) fn believe_only(&mut self, written: &[Hash]) -> bool {
        self.view.believe_only(written)
    }

    fn root(&self) -> &Directory {
        let root = self.view.root.as_ref();
        root.expect("a directory that is opened to be built in is made if it is absent")
    }

    fn staging(&self) -> Result<Arc<Directory>, TreeError> {
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(staging) = &*staging {
            return Ok(Arc::clone(staging));
        }
        let made = Arc::new(apply::make_staging(self.root())?);
        Ok(Arc::clone(staging.insert(made)))
    }

    /// The staging directory, made even if nothing was staged; dropping the tree no longer removes it.
    fn take_staging(&self) -> Result<Arc<Directory>, TreeError> {
        let taken = self.staging()?;
        *self.staging.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(taken)
    }
}

impl Deref for Tree {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl Drop for Tree {
    /// Removes what was staged and not committed, as far as that is possible; the next build removes the rest.
    fn drop(&mut self) {
        let staging = self
            .staging
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if staging.is_some() {
            let _ = apply::remove_leftovers(self.root());
        }
    }
}
