//! What has to change for the tree to be as wanted: found by comparing lists, without a look at the disk.

use blake3::Hash;

use super::manifest::{ManifestEntry, Mode};
use super::path::{OutputPath, is_below, split};

/// A file whose bytes lie in the staging directory.
#[derive(Debug)]
#[must_use = "a staged file is not in the tree before it is committed"]
pub struct Staged {
    pub(super) path: OutputPath,
    pub(super) mode: Mode,
    pub(super) content: Hash,
    pub(super) name: String,
}

/// A file that the tree should have.
#[derive(Debug)]
pub enum Wanted {
    /// The one that the manifest has.
    Keep(OutputPath),
    /// A new one.
    Put {
        /// Its bytes and mode.
        staged: Staged,
        /// The hash of all that it was made from.
        input: Hash,
        /// The names of the templates that were used, none with a space.
        templates: Vec<String>,
    },
}

/// Which part of the tree a commit is about. What lies outside is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole tree.
    All,
    /// What is below this directory.
    Below(OutputPath),
    /// What is below this directory, but for these files.
    BelowBut(OutputPath, Vec<OutputPath>),
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
    fn path(&self) -> &OutputPath {
        match self {
            Wanted::Keep(path) => path,
            Wanted::Put { staged, .. } => &staged.path,
        }
    }
}

impl Scope {
    /// Whether a file is in that part.
    pub fn contains(&self, path: &OutputPath) -> bool {
        match self {
            Scope::All => true,
            Scope::Below(directory) => path.is_below(directory.as_str()),
            Scope::BelowBut(directory, files) => {
                path.is_below(directory.as_str()) && !files.contains(path)
            }
        }
    }

    /// Whether a directory is in scope, or on the way there.
    fn concerns(&self, folder: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Below(directory) | Scope::BelowBut(directory, _) => {
                let directory = directory.as_str();
                folder == directory || is_below(folder, directory) || is_below(directory, folder)
            }
        }
    }
}

impl<'m> Change<'m> {
    /// Compares what is wanted with what the manifest has `before`, which is in the order of the paths.
    ///
    /// # Panics
    /// If a path is wanted twice or from outside the scope, or one is to be kept that the manifest does not have: the
    /// caller has not planned from this tree.
    pub fn between(
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
    pub fn adds_to_manifest(&self) -> bool {
        self.puts.iter().any(|put| put.known != Some(&put.entry))
    }

    /// Whether the manifest must say something else, more or less than now.
    pub fn alters_manifest(&self) -> bool {
        self.adds_to_manifest() || !self.orphans.is_empty()
    }

    /// The entries of the manifest as long as the change is under way: all that is ours or is about to be.
    pub fn entries_meanwhile(&self) -> Vec<&ManifestEntry> {
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
    pub fn entries_afterwards(&self) -> Vec<&ManifestEntry> {
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
    pub fn folders(&self) -> Vec<Folder<'_>> {
        let mut orphans = self.orphans.iter().peekable();
        let entries = self.entries_meanwhile();
        let files = entries.into_iter().map(|entry| {
            let orphan = orphans
                .next_if(|orphan| orphan.path == entry.path)
                .is_some();
            (entry.path.as_str(), (!orphan).then_some(entry.mode))
        });
        let mut folders = folders_of(files);
        folders.retain(|folder| self.scope.concerns(folder.path));
        folders
    }

    pub fn has_orphan_at(&self, path: &str) -> bool {
        self.orphans
            .binary_search_by(|orphan| orphan.path.as_str().cmp(path))
            .is_ok()
    }

    pub fn has_orphan_below(&self, directory: &str) -> bool {
        let start = format!("{directory}/");
        let first = self
            .orphans
            .partition_point(|orphan| *orphan.path.as_str() < *start);
        self.orphans
            .get(first)
            .is_some_and(|orphan| orphan.path.is_below(directory))
    }

    /// Whether a file has to go before a directory can take its place, or the other way about.
    pub fn has_orphans_in_the_way(&self, folders: &[Folder<'_>]) -> bool {
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
mod tests {
    use super::*;

    fn path(path: &str) -> OutputPath {
        OutputPath::new(path).expect("a path")
    }

    fn entry(at: &str, mode: Mode) -> ManifestEntry {
        ManifestEntry {
            path: path(at),
            mode,
            content: blake3::hash(b"old"),
            input: blake3::hash(b"old"),
            templates: vec![],
        }
    }

    fn put(at: &str, mode: Mode) -> Wanted {
        let staged = Staged {
            path: path(at),
            mode,
            content: blake3::hash(b"new"),
            name: "0".to_owned(),
        };
        Wanted::Put {
            staged,
            input: blake3::hash(b"new"),
            templates: vec![],
        }
    }

    fn paths<'a>(entries: impl IntoIterator<Item = &'a ManifestEntry>) -> Vec<&'a str> {
        entries
            .into_iter()
            .map(|entry| entry.path.as_str())
            .collect()
    }

    #[test]
    fn the_manifest_names_old_and_new_meanwhile_and_only_what_is_wanted_afterwards() {
        let before = ["a", "b", "c/x", "d"].map(|path| entry(path, Mode::Public));
        let wanted = vec![
            put("e", Mode::Public),
            Wanted::Keep(path("d")),
            put("b", Mode::Secret),
            put("aa", Mode::Public),
        ];
        let change = Change::between(&before, wanted, &Scope::All);
        assert_eq!(paths(change.orphans.iter().copied()), ["a", "c/x"]);
        assert_eq!(
            paths(change.entries_meanwhile()),
            ["a", "aa", "b", "c/x", "d", "e"]
        );
        assert_eq!(paths(change.entries_afterwards()), ["aa", "b", "d", "e"]);
        assert_eq!(change.entries_afterwards()[1].mode, Mode::Secret);
        assert_eq!(
            change
                .puts
                .iter()
                .map(|put| put.known.is_some())
                .collect::<Vec<_>>(),
            [false, true, false]
        );
        assert_eq!(change.kept, 1);
    }

    #[test]
    fn outside_the_scope_nothing_is_an_orphan() {
        let before = ["a", "edge/old", "edge.txt"].map(|path| entry(path, Mode::Public));
        let mut before = before.to_vec();
        before.sort_by(|one, other| one.path.cmp(&other.path));
        let wanted = vec![put("edge/new", Mode::Public)];
        let change = Change::between(&before, wanted, &Scope::Below(path("edge")));
        assert_eq!(paths(change.orphans.iter().copied()), ["edge/old"]);
        assert_eq!(
            paths(change.entries_afterwards()),
            ["a", "edge.txt", "edge/new"]
        );
    }

    #[test]
    fn what_a_scope_leaves_out_is_neither_an_orphan_nor_forgotten() {
        let before = ["edge/a", "edge/b", "edge/c"].map(|path| entry(path, Mode::Public));
        let scope = Scope::BelowBut(path("edge"), vec![path("edge/b"), path("edge/d")]);
        let wanted = vec![put("edge/a", Mode::Public)];
        let change = Change::between(&before, wanted, &scope);
        assert_eq!(paths(change.orphans.iter().copied()), ["edge/c"]);
        assert_eq!(paths(change.entries_afterwards()), ["edge/a", "edge/b"]);
    }

    #[test]
    fn a_folder_is_public_if_all_that_is_wanted_below_it_is() {
        let before = [
            entry("gone/deep/x", Mode::Secret),
            entry("people/bob/old", Mode::Secret),
        ];
        let wanted = vec![
            put("edge/sub/Caddyfile", Mode::Public),
            put("edge-b", Mode::Public),
            put("people/alice/guide", Mode::Public),
            put("people/alice/pixel/p12", Mode::Secret),
            put("people/bob/guide", Mode::Public),
            put("root", Mode::Secret),
        ];
        let change = Change::between(&before, wanted, &Scope::All);
        let folders: Vec<_> = change
            .folders()
            .iter()
            .map(|folder| (folder.path, folder.mode))
            .collect();
        assert_eq!(
            folders,
            [
                ("edge", Some(Mode::Public)),
                ("edge/sub", Some(Mode::Public)),
                ("gone", None),
                ("gone/deep", None),
                ("people", Some(Mode::Secret)),
                ("people/alice", Some(Mode::Secret)),
                ("people/alice/pixel", Some(Mode::Secret)),
                ("people/bob", Some(Mode::Public)),
            ]
        );
    }

    #[test]
    fn the_folders_of_a_scope_are_those_in_it_and_on_the_way() {
        let before = ["a/b/c/x", "a/d/x", "a/x", "e/x"].map(|path| entry(path, Mode::Secret));
        let change = Change::between(
            &before,
            vec![put("a/b/new", Mode::Public)],
            &Scope::Below(path("a/b")),
        );
        let folders: Vec<_> = change
            .folders()
            .iter()
            .map(|folder| (folder.path, folder.mode))
            .collect();
        assert_eq!(
            folders,
            [
                ("a", Some(Mode::Secret)),
                ("a/b", Some(Mode::Public)),
                ("a/b/c", None)
            ]
        );
    }

    #[test]
    #[should_panic(expected = "wanted once")]
    fn a_path_that_is_wanted_twice_is_a_bug() {
        Change::between(
            &[],
            vec![put("a", Mode::Public), put("a", Mode::Public)],
            &Scope::All,
        );
    }

    #[test]
    #[should_panic(expected = "the manifest does not have it")]
    fn keeping_what_is_not_there_is_a_bug() {
        Change::between(&[], vec![Wanted::Keep(path("a"))], &Scope::All);
    }

    #[test]
    #[should_panic(expected = "outside the scope")]
    fn wanting_from_outside_the_scope_is_a_bug() {
        Change::between(
            &[],
            vec![put("a", Mode::Public)],
            &Scope::Below(path("edge")),
        );
    }
}
