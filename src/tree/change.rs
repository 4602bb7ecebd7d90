//! What has to change for the tree to be as wanted: found by comparing lists, without a look at the disk.

use std::collections::HashSet;

use blake3::Hash;

use super::manifest::{ManifestEntry, Mode};
use super::path::{OutputPath, folders_above, is_below, split};

/// A file whose bytes lie in the staging directory.
#[derive(Debug)]
#[must_use = "a staged file is not in the tree before it is committed"]
pub(crate) struct Staged {
    pub(super) path: OutputPath,
    pub(super) mode: Mode,
    pub(super) content: Hash,
    pub(super) name: String,
}

/// A file that the tree should have.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// The one that the manifest has.
    Keep(OutputPath),
    Put {
        staged: Staged,
        /// The hash of all that it was made from.
        input: Hash,
        /// The names of the templates that were used, none with a space.
        templates: Vec<String>,
    },
}

/// Which part of the tree a commit is about. What lies outside is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    /// What is below these directories, but for these files.
    Below {
        directories: Vec<OutputPath>,
        but: Vec<OutputPath>,
    },
}

/// The steps from what the manifest has to what is wanted.
#[derive(Debug)]
pub(super) struct Change<'m> {
    /// In the order of their paths.
    pub puts: Vec<Put<'m>>,
    /// What the manifest has in scope and nobody wants any more, in the order of the paths.
    pub orphans: Vec<&'m ManifestEntry>,
    /// How many entries stay as they are.
    pub kept: usize,
    before: &'m [ManifestEntry],
    scope: Scope,
}

/// A staged file, and what the manifest will say of it.
#[derive(Debug)]
pub(super) struct Put<'m> {
    pub entry: ManifestEntry,
    /// Its name in the staging directory.
    pub staged: String,
    /// What the manifest says of the path now.
    pub known: Option<&'m ManifestEntry>,
}

/// A directory that the files of the tree are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Folder<'c> {
    pub path: &'c str,
    /// Who may look into it; `None` if nothing that is wanted is below it.
    pub mode: Option<Mode>,
}

impl Wanted {
    pub(crate) fn path(&self) -> &OutputPath {
        match self {
            Wanted::Keep(path) => path,
            Wanted::Put { staged, .. } => &staged.path,
        }
    }
}

impl Scope {
    /// What is below one directory.
    #[cfg(test)]
    pub(crate) fn below(directory: OutputPath) -> Scope {
        Scope::Below {
            directories: vec![directory],
            but: Vec::new(),
        }
    }

    /// Whether a file is in that part.
    pub(crate) fn contains(&self, path: &OutputPath) -> bool {
        match self {
            Scope::All => true,
            Scope::Below { directories, but } => {
                let is_below = |directory: &OutputPath| path.is_below(directory.as_str());
                directories.iter().any(is_below) && !but.contains(path)
            }
        }
    }

    /// Whether a directory is in scope, or on the way there.
    fn concerns(&self, folder: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Below { directories, .. } => directories.iter().any(|directory| {
                let directory = directory.as_str();
                folder == directory || is_below(folder, directory) || is_below(directory, folder)
            }),
        }
    }
}

impl<'m> Change<'m> {
    /// Compares what is wanted with what the manifest has `before`, which is in the order of the paths.
    ///
    /// # Panics
    /// If a path is wanted twice or from outside the scope, or one is to be kept that the manifest does not have: the
    /// caller has not planned from this tree.
    pub(super) fn between(
        before: &'m [ManifestEntry],
        mut wanted: Vec<Wanted>,
        scope: &Scope,
    ) -> Change<'m> {
        wanted.sort_by(|one, other| one.path().cmp(other.path()));
        let once = wanted.is_sorted_by(|one, other| one.path() < other.path());
        assert!(once, "each path is wanted once");
        let mut change = Change {
            puts: Vec::new(),
            orphans: Vec::new(),
            kept: 0,
            before,
            scope: scope.clone(),
        };
        let mut before = before.iter().peekable();
        for wanted in wanted {
            assert!(
                scope.contains(wanted.path()),
                "`{}` is wanted from outside the scope",
                wanted.path()
            );
            while let Some(entry) = before.next_if(|entry| entry.path < *wanted.path()) {
                change.leave(entry);
            }
            let known = before.next_if(|entry| entry.path == *wanted.path());
            change.want(wanted, known);
        }
        before.for_each(|entry| change.leave(entry));
        change
    }

    /// Takes these away, which are in the order of their paths, and leaves the rest.
    pub(super) fn removing(
        before: &'m [ManifestEntry],
        orphans: Vec<&'m ManifestEntry>,
        scope: &Scope,
    ) -> Change<'m> {
        Change {
            puts: Vec::new(),
            kept: before.len() - orphans.len(),
            orphans,
            before,
            scope: scope.clone(),
        }
    }

    fn leave(&mut self, entry: &'m ManifestEntry) {
        if self.scope.contains(&entry.path) {
            self.orphans.push(entry);
        }
    }

    fn want(&mut self, wanted: Wanted, known: Option<&'m ManifestEntry>) {
        match wanted {
            Wanted::Keep(path) => {
                assert!(
                    known.is_some(),
                    "`{path}` is to be kept, and the manifest does not have it"
                );
                self.kept += 1;
            }
            Wanted::Put {
                staged,
                input,
                templates,
            } => self.puts.push(Put {
                entry: ManifestEntry {
                    path: staged.path,
                    mode: staged.mode,
                    content: staged.content,
                    input,
                    templates,
                },
                staged: staged.name,
                known,
            }),
        }
    }

    /// Whether the manifest must say something that it does not say now.
    pub(super) fn adds_to_manifest(&self) -> bool {
        self.puts.iter().any(|put| put.known != Some(&put.entry))
    }

    /// Whether the manifest must say something else, more or less than now.
    pub(super) fn alters_manifest(&self) -> bool {
        self.adds_to_manifest() || !self.orphans.is_empty()
    }

    /// The entries of the manifest as long as the change is under way: all that is ours or is about to be.
    pub(super) fn entries_meanwhile(&self) -> Vec<&ManifestEntry> {
        let mut entries = Vec::with_capacity(self.before.len() + self.puts.len());
        let mut puts = self.puts.iter().map(|put| &put.entry).peekable();
        for entry in self.before {
            while let Some(put) = puts.next_if(|put| put.path < entry.path) {
                entries.push(put);
            }
            entries.push(puts.next_if(|put| put.path == entry.path).unwrap_or(entry));
        }
        entries.extend(puts);
        entries
    }

    /// The entries of the manifest when all is done.
    pub(super) fn entries_afterwards(&self) -> Vec<&ManifestEntry> {
        let mut orphans = self.orphans.iter().peekable();
        let mut entries = self.entries_meanwhile();
        entries.retain(|entry| {
            orphans
                .next_if(|orphan| orphan.path == entry.path)
                .is_none()
        });
        entries
    }

    /// The directories in scope that hold what was or will be there, each after the one that it is in.
    pub(super) fn folders(&self) -> Vec<Folder<'_>> {
        let mut orphans = self.orphans.iter().peekable();
        let entries = self.entries_meanwhile();
        let files = entries.into_iter().map(|entry| {
            let orphan = orphans
                .next_if(|orphan| orphan.path == entry.path)
                .is_some();
            (entry.path.as_str(), (!orphan).then_some(entry.mode))
        });
        folders_in(&self.scope, files)
    }

    /// The directories in which something comes or goes, however far below.
    pub(super) fn changing_folders(&self) -> HashSet<&str> {
        let puts = self.puts.iter().map(|put| &put.entry.path);
        let orphans = self.orphans.iter().map(|orphan| &orphan.path);
        let paths = puts.chain(orphans);
        paths
            .flat_map(|path| folders_above(path.as_str()))
            .collect()
    }

    pub(super) fn has_orphan_at(&self, path: &str) -> bool {
        self.orphans
            .binary_search_by(|orphan| orphan.path.as_str().cmp(path))
            .is_ok()
    }

    pub(super) fn has_orphan_below(&self, directory: &str) -> bool {
        let start = format!("{directory}/");
        let first = self
            .orphans
            .partition_point(|orphan| *orphan.path.as_str() < *start);
        self.orphans
            .get(first)
            .is_some_and(|orphan| orphan.path.is_below(directory))
    }

    /// Whether a file has to go before a directory can take its place, or the other way about.
    pub(super) fn has_orphans_in_the_way(&self, folders: &[Folder<'_>]) -> bool {
        if self.orphans.is_empty() {
            return false;
        }
        let mut wanted = folders.iter().filter(|folder| folder.mode.is_some());
        wanted.any(|folder| self.has_orphan_at(folder.path))
            || self
                .puts
                .iter()
                .any(|put| self.has_orphan_below(put.entry.path.as_str()))
    }
}

/// The directories in scope that hold files in the order of their paths, each with its mode where it is wanted.
pub(super) fn folders_in<'c>(
    scope: &Scope,
    files: impl Iterator<Item = (&'c str, Option<Mode>)>,
) -> Vec<Folder<'c>> {
    let mut folders = folders_of(files);
    folders.retain(|folder| scope.concerns(folder.path));
    folders
}

/// The directories that hold `files`, whose paths are in order. One in which all that is wanted is public is public.
fn folders_of<'c>(files: impl Iterator<Item = (&'c str, Option<Mode>)>) -> Vec<Folder<'c>> {
    let mut folders: Vec<Folder<'c>> = Vec::new();
    // The directories around the present file, outermost first.
    let mut around: Vec<usize> = Vec::new();
    for (path, mode) in files {
        while around
            .last()
            .is_some_and(|last| !is_below(path, folders[*last].path))
        {
            around.pop();
        }
        let known = around
            .last()
            .map_or(0, |last| folders[*last].path.len() + 1);
        for (at, _) in path[known..].match_indices('/') {
            around.push(folders.len());
            folders.push(Folder {
                path: &path[..known + at],
                mode: None,
            });
        }
        for folder in &around {
            folders[*folder].mode = folders[*folder].mode.max(mode);
        }
    }
    folders
}

/// The directory that a path is in, as one that can be opened: `.` for the root.
pub(super) fn folder_of(path: &str) -> &str {
    split(path).0.unwrap_or(".")
}

#[cfg(test)]
mod tests;
