//! The output tree as it stands, to be looked at.

use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use blake3::Hash;
use rayon::prelude::*;
use rustix::fs::{FileType, Mode as FileMode};
use rustix::io::Errno;

use super::change::{Change, Scope, folders_in};
use super::directory::{Directory, LARGEST, Standing, kind};
use super::error::{TreeError, cannot_read, describe, directory_in_the_way};
use super::hold::{Access, hold};
use super::holder::Holder;
use super::index::{Identity, Index, KnownFolder, Sighting};
use super::manifest::{self, ManifestEntry, ManifestState, Mode, Reading};
use super::modes::Modes;
use super::path::{OWN, OutputPath, places};
use super::survey;
use crate::lasting::Lasting;
use crate::source::normal_form;

/// An output directory that is open for reading, and what its manifest says.
///
/// As long as it is open, no build changes it, unless it is only a [`View::glance`]. Every method can be called from many threads at once.
#[derive(Debug)]
pub(crate) struct View {
    pub(super) root: Option<Directory>,
    directory: PathBuf,
    pub(super) owner: Owner,
    /// Whose tree it is, as the manifest says, where there is a sound one.
    whose: Option<String>,
    pub(super) entries: Lasting<Vec<ManifestEntry>>,
    pub(super) state: ManifestState,
    /// The hash of the manifest's text, where there is one; ends of lines and a byte-order mark are git's affair.
    pub(super) manifest: Option<Hash>,
    pub(super) doubted: bool,
    /// How the manifest stood before it was read, and the hash of its very bytes.
    pub(super) manifest_sighting: Option<(Identity, Hash)>,
    /// How files stood that were found as the manifest has them, one for each entry.
    pub(super) sightings: Vec<OnceLock<Sighting>>,
    /// Directories that stood as an index has them, in the order of their paths.
    pub(super) known_folders: Lasting<Vec<KnownFolder>>,
    /// Whether an index of this very tree and manifest has told how they stand.
    is_known: bool,
    busy: Option<Busy>,
    pub(super) modes: Modes,
}

/// Somebody else holds the tree that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Busy {
    /// Who, where that is known.
    pub holder: Option<Holder>,
}

/// A manifest that was read: what another of the same bytes says, it says too.
#[derive(Debug)]
pub(crate) struct ReadManifest {
    bytes: Hash,
    /// The hash of its text.
    text: Hash,
    whose: String,
    entries: Lasting<Vec<ManifestEntry>>,
}

impl ReadManifest {
    /// Reads that of a directory as it is at the moment, whoever's tree it is; none where there is none that is sound.
    pub(crate) fn at(directory: &Path) -> Option<ReadManifest> {
        let own = Directory::at(directory).ok()??.descend(OWN).ok()??;
        let Contents { bytes, .. } = read(&own, manifest::FILE).ok()??;
        let whose = manifest::owner(&bytes)?;
        let Reading::Whole(entries) = manifest::read(&bytes, &whose) else {
            return None;
        };
        let hash = blake3::hash(&bytes);
        Some(ReadManifest {
            bytes: hash,
            text: hash_of_text(&bytes, &normal_form(&bytes), hash),
            whose,
            entries: Lasting::new(entries),
        })
    }

    /// Whether it has a file.
    pub(crate) fn has(&self, path: &OutputPath) -> bool {
        place_among(&self.entries, path.as_str()).is_some()
    }
}

/// What the manifest has at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'v> {
    pub entry: &'v ManifestEntry,
    /// How the file stands, once it was found as the manifest has it; none where nobody keeps that.
    sighting: Option<&'v OnceLock<Sighting>>,
}

impl Listed<'_> {
    /// How the file stood, if it was found as the manifest has it.
    pub(super) fn sighting(&self) -> Option<Sighting> {
        self.sighting?.get().copied()
    }
}

/// Whose output a tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// What the manifest says.
    pub present: String,
    /// What it may have said before.
    pub former: Vec<String>,
}

impl Owner {
    fn is_or_was(&self, whose: &str) -> bool {
        whose == self.present || self.former.iter().any(|former| former == whose)
    }
}

impl From<&str> for Owner {
    fn from(present: &str) -> Owner {
        Owner {
            present: present.to_owned(),
            former: Vec::new(),
        }
    }
}

/// How what stands on the disk at a path compares with the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Missing,
    /// The manifest has it, and its bytes and mode are as recorded.
    Intact,
    /// The manifest has it, but its bytes or mode are others, or it is no longer a file.
    Altered,
    /// Something is there that the manifest does not have.
    Unowned,
}

/// A file that stands in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub bytes: Vec<u8>,
    /// Its permissions: the last twelve bits of its mode.
    pub mode: u32,
}

impl View {
    /// Opens `directory`, the output of `owner`, only to be looked at: nothing is made or changed.
    ///
    /// A directory that is not there is an empty tree. Waits as long as `patience` for a build to end.
    pub(crate) fn open(
        directory: &Path,
        owner: impl Into<Owner>,
        patience: Duration,
    ) -> Result<View, TreeError> {
        View::open_after(None, directory, owner, patience)
    }

    /// The same, but the manifest is not taken apart again where an earlier look has found the same.
    pub(crate) fn open_after(
        earlier: Option<ReadManifest>,
        directory: &Path,
        owner: impl Into<Owner>,
        patience: Duration,
    ) -> Result<View, TreeError> {
        let root = hold(Access::Shared, directory, patience)?;
        View::of(root, directory, owner.into(), earlier)
    }

    /// The same, after an earlier look or none, but it waits for nobody: a tree that somebody else holds is looked at as it is at the moment.
    pub(crate) fn glance(
        earlier: Option<ReadManifest>,
        directory: &Path,
        owner: impl Into<Owner>,
    ) -> Result<View, TreeError> {
        let owner = owner.into();
        match hold(Access::Shared, directory, Duration::ZERO) {
            Err(TreeError::Locked { holder, .. }) => {
                let root = Directory::at(directory)?;
                let mut view = View::of(root, directory, owner, earlier)?;
                view.busy = Some(Busy { holder });
                Ok(view)
            }
            root => View::of(root?, directory, owner, earlier),
        }
    }

    /// Where somebody else held the tree when it was opened at a glance, what its manifest says by now: it has what they make before
    /// they make it.
    pub(crate) fn meanwhile(&self) -> Option<ReadManifest> {
        self.busy.as_ref()?;
        ReadManifest::at(&self.directory)
    }

    /// Whether a file has the mode that it was given, as far as the file system keeps modes.
    pub(crate) fn has_mode(&self, contents: &Contents, mode: Mode) -> bool {
        let root = self.root.as_ref();
        let found = FileMode::from_raw_mode(contents.mode);
        root.is_none_or(|root| self.modes.is_as_given(root, found, mode.of_file()))
    }

    /// Whether it has turned out that the file system lets others read what is meant for the owner alone.
    pub(crate) fn shows_secrets(&self) -> bool {
        self.modes.show_secrets()
    }

    /// Whether somebody else held the tree when it was opened at a [`View::glance`].
    pub(crate) fn busy(&self) -> Option<&Busy> {
        self.busy.as_ref()
    }

    /// Directories of ours whose mode is another than they were given.
    pub(crate) fn altered_folders(&self) -> Result<Vec<PathBuf>, TreeError> {
        self.foreseen_folders(|_| true, [].into_iter(), &Scope::All)
    }

    /// Directories of ours, in `scope`, whose mode is another than a build would give them that keeps
    /// those of our files that are `wanted`, which is asked in the order of the paths, and makes the `new` ones.
    pub(crate) fn foreseen_folders<'p>(
        &self,
        mut wanted: impl FnMut(&OutputPath) -> bool,
        new: impl Iterator<Item = (&'p OutputPath, Mode)>,
        scope: &Scope,
    ) -> Result<Vec<PathBuf>, TreeError> {
        let Some(root) = &self.root else {
            return Ok(Vec::new());
        };
        // Where both have a path, the manifest's comes first.
        let known = { self.entries.iter() }.map(|entry| (&entry.path, entry.mode, Some(entry)));
        let new = new.map(|(path, mode)| (path, mode, None));
        let mut files: Vec<(&OutputPath, Mode, Option<&ManifestEntry>)> =
            known.chain(new).collect();
        files.sort_by_key(|(path, ..)| *path);
        let mut orphans = Vec::new();
        let files = files.into_iter().map(|(path, mode, known)| {
            let is_left = !scope.contains(path) || wanted(path);
            orphans.extend(known.filter(|_| !is_left));
            (path.as_str(), is_left.then_some(mode))
        });
        let folders = folders_in(scope, files);
        let change = Change::removing(&self.entries, orphans, scope);
        let survey = survey::survey(self, root, &change, &folders)?;
        let altered = survey.altered.iter();
        Ok(altered.map(|folder| root.named(folder.path)).collect())
    }

    pub(super) fn of(
        root: Option<Directory>,
        directory: &Path,
        owner: Owner,
        earlier: Option<ReadManifest>,
    ) -> Result<View, TreeError> {
        let mut view = View {
            root,
            directory: directory.to_owned(),
            owner,
            whose: None,
            entries: Lasting::new(Vec::new()),
            state: ManifestState::Sound,
            manifest: None,
            doubted: false,
            manifest_sighting: None,
            sightings: Vec::new(),
            known_folders: Lasting::new(Vec::new()),
            is_known: false,
            busy: None,
            modes: Modes::default(),
        };
        view.read_manifest(earlier)?;
        Ok(view)
    }

    /// What its manifest says, for who opens the tree again: somebody may have built in it meanwhile.
    pub(crate) fn into_manifest(self) -> Option<ReadManifest> {
        let (_, bytes) = self.manifest_sighting?;
        Some(ReadManifest {
            bytes,
            text: self.manifest?,
            whose: self.whose?,
            entries: self.entries,
        })
    }

    /// Whether the manifest is of a former owner: the next build writes it anew.
    pub(super) fn was_former(&self) -> bool {
        let whose = self.whose.as_ref();
        whose.is_some_and(|whose| *whose != self.owner.present)
    }

    /// The output directory, as it was given.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether there is a manifest that cannot be read, so that nothing is known of what stands in the directory.
    pub(crate) fn damaged(&self) -> bool {
        self.state == ManifestState::Damaged
    }

    /// Holds the manifest against those that are known to have been `written`. Any other only says which files are ours:
    /// nothing is believed of what they were made from. Whether there is one that is not believed.
    pub(crate) fn believe_only(&mut self, written: &[Hash]) -> bool {
        self.doubted = !self.entries.is_empty() && { self.manifest.as_ref() }
            .is_some_and(|found| !written.contains(found));
        self.doubted
    }

    /// Whether what the manifest says that files were made from is not believed.
    pub(crate) fn is_doubted(&self) -> bool {
        self.doubted
    }

    /// What the manifest has, in the order of the paths.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.entries.iter()
    }

    /// What the manifest has below a directory, in the order of the paths.
    pub(crate) fn entries_below(&self, directory: &str) -> &[ManifestEntry] {
        &self.entries[self.places_below(directory)]
    }

    /// The same, where all of it is known by an index, and so to stand as it was made, and its manifest is believed.
    pub(crate) fn standing_below(&self, directory: &str) -> Option<&[ManifestEntry]> {
        let places = self.places_below(directory);
        let (entries, sightings) = (&self.entries[places.clone()], self.sightings.get(places)?);
        let stands = |(entry, sighting): (&ManifestEntry, &OnceLock<Sighting>)| {
            entry.input != ManifestEntry::UNKNOWN && sighting.get().is_some()
        };
        let is_told = self.is_known && !self.doubted;
        let all_stand = is_told && entries.iter().zip(sightings).all(stands);
        all_stand.then_some(entries)
    }

    fn places_below(&self, directory: &str) -> Range<usize> {
        let begin = format!("{directory}/");
        let first = self
            .entries
            .partition_point(|entry| entry.path.as_str() < begin.as_str());
        let count = { self.entries[first..].iter() }
            .take_while(|entry| entry.path.as_str().starts_with(&begin))
            .count();
        first..first + count
    }

    /// What the manifest has at `path`.
    pub(crate) fn entry(&self, path: &OutputPath) -> Option<&ManifestEntry> {
        self.place_of(path.as_str()).map(|at| &self.entries[at])
    }

    /// What the manifest has at each of these paths, which are in their order.
    pub(crate) fn listed<'p>(
        &self,
        paths: impl Iterator<Item = &'p OutputPath>,
    ) -> impl Iterator<Item = Option<Listed<'_>>> {
        let mut places = places(self.entries.iter().map(|entry| &entry.path));
        paths.map(move |path| places.get(path.as_str()).map(|at| self.listed_at(at)))
    }

    fn listed_at(&self, at: usize) -> Listed<'_> {
        Listed {
            entry: &self.entries[at],
            sighting: self.sightings.get(at),
        }
    }

    /// The place of an entry in the manifest.
    fn place_of(&self, path: &str) -> Option<usize> {
        place_among(&self.entries, path)
    }

    /// Takes files for what the manifest has that stand as they did when this index was made, without reading them. One that is of
    /// another tree or of another manifest is of no use.
    pub(crate) fn know(&mut self, index: &Index<'_>) {
        let Some(root) = { self.root.as_ref() }.filter(|root| index.is_of(root, self.manifest))
        else {
            return;
        };
        let sightings: Vec<OnceLock<Sighting>> = self.unseen();
        let (standing, folders) = index.standing(root, &self.entries);
        standing.for_each(|(at, identity)| {
            // Where the file system keeps no modes, that is to be learned even so.
            let wanted = self.entries[at].mode.of_file();
            if self.modes.is_as_given(root, identity.file_mode(), wanted) {
                let is_new = false;
                let _ = sightings[at].set(Sighting { identity, is_new });
            }
        });
        self.sightings = sightings;
        self.known_folders = Lasting::new(folders);
        self.is_known = true;
    }

    #[cfg(test)]
    pub(super) fn sighting(&self, path: &OutputPath) -> Option<Sighting> {
        let at = self.place_of(path.as_str())?;
        self.listed_at(at).sighting()
    }

    /// Room for how each file of the manifest stands.
    pub(super) fn unseen(&self) -> Vec<OnceLock<Sighting>> {
        self.entries.iter().map(|_| OnceLock::new()).collect()
    }

    /// Compares what stands on the disk at `path` with the manifest; reads the file to its end, unless it is known.
    pub(crate) fn inspect(&self, path: &OutputPath) -> Result<Found, TreeError> {
        let listed = self.place_of(path.as_str()).map(|at| self.listed_at(at));
        self.inspect_listed(path, listed)
    }

    /// The same, where it was looked up what the manifest has.
    pub(crate) fn inspect_listed(
        &self,
        path: &OutputPath,
        listed: Option<Listed<'_>>,
    ) -> Result<Found, TreeError> {
        let Some(root) = &self.root else {
            return Ok(Found::Missing);
        };
        let sighting = listed.and_then(|listed| listed.sighting);
        if sighting.is_some_and(|sighting| sighting.get().is_some()) {
            return Ok(Found::Intact);
        }
        let Some(Listed { entry, .. }) = listed else {
            let there = root.examine(path.as_str())? != Standing::Nothing;
            return Ok(if there {
                Found::Unowned
            } else {
                Found::Missing
            });
        };
        Ok(match root.examine(path.as_str())? {
            Standing::Nothing => Found::Missing,
            Standing::File { content, identity }
                if content == entry.content
                    && self
                        .modes
                        .is_as_given(root, identity.file_mode(), entry.mode.of_file()) =>
            {
                if let Some(sighting) = sighting {
                    let is_new = true;
                    let _ = sighting.set(Sighting { identity, is_new });
                }
                Found::Intact
            }
            Standing::File { .. } | Standing::Other(_) => Found::Altered,
        })
    }

    /// The error that a build ends with which has to put a file of ours to `path`; none where nothing hinders it. A directory that
    /// somebody has put there is left alone, unless files of ours lie in it.
    pub(crate) fn hindrance(&self, path: &OutputPath) -> Result<Option<TreeError>, TreeError> {
        let Some(root) = self.root.as_ref().filter(|_| self.entry(path).is_some()) else {
            return Ok(None);
        };
        let status = root.status(path.as_str())?;
        let is_directory = status.is_some_and(|status| kind(&status) == FileType::Directory);
        let holds_ours = || { self.entries.iter() }.any(|entry| entry.path.is_below(path.as_str()));
        let hinders = is_directory && !holds_ours();
        Ok(hinders.then(|| directory_in_the_way(root.named(path.as_str()))))
    }

    /// The file that stands at `path`; `None` if there is none, or something else than a file.
    pub(crate) fn read(&self, path: &OutputPath) -> Result<Option<Contents>, TreeError> {
        match &self.root {
            Some(root) => read(root, path.as_str()),
            None => Ok(None),
        }
    }

    fn read_manifest(&mut self, earlier: Option<ReadManifest>) -> Result<(), TreeError> {
        let Some(root) = &self.root else {
            return Ok(());
        };
        let Some(own) = root.descend(OWN)? else {
            return Ok(());
        };
        let path = own.named(manifest::FILE);
        let status = own.status(manifest::FILE)?;
        let Some(status) = status else {
            return Ok(());
        };
        match kind(&status) {
            FileType::RegularFile => {}
            FileType::Symlink => return Err(TreeError::LinkInTheWay { path }),
            other => {
                return Err(TreeError::SomethingInTheWay {
                    path,
                    found: describe(other),
                    expected: "a file",
                });
            }
        }
        let earlier = earlier.filter(|earlier| self.owner.is_or_was(&earlier.whose));
        if let Some(earlier) = earlier
            && let Standing::File { content, identity } = own.examine(manifest::FILE)?
            && content == earlier.bytes
        {
            self.manifest_sighting = Some((identity, content));
            self.manifest = Some(earlier.text);
            self.whose = Some(earlier.whose);
            self.entries = earlier.entries;
            return Ok(());
        }
        let contents =
            read(&own, manifest::FILE)?.ok_or_else(|| cannot_read(&path, Errno::FBIG))?;
        let hash = blake3::hash(&contents.bytes);
        self.manifest_sighting = Some((Identity::of(&status), hash));
        let normal = normal_form(&contents.bytes);
        self.manifest = Some(hash_of_text(&contents.bytes, &normal, hash));
        let mut whose = self.owner.present.clone();
        let mut reading = manifest::read(&normal, &whose);
        if let Reading::Foreign(found) = &reading
            && self.owner.is_or_was(found)
        {
            whose.clone_from(found);
            reading = manifest::read(&normal, &whose);
        }
        match reading {
            Reading::Whole(entries) => {
                self.whose = Some(whose);
                self.entries = Lasting::new(entries);
            }
            Reading::Damaged => self.state = ManifestState::Damaged,
            Reading::Newer(found) => {
                let known = manifest::VERSION;
                return Err(TreeError::NewerManifest { path, found, known });
            }
            Reading::Foreign(found) => {
                return Err(TreeError::AnotherHomelab {
                    directory: self.directory.clone(),
                    found,
                    expected: self.owner.present.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The place of a path among entries that are in their order.
fn place_among(entries: &[ManifestEntry], path: &str) -> Option<usize> {
    let place = entries.binary_search_by(|entry| entry.path.as_str().cmp(path));
    place.ok()
}

/// The hash of the text of bytes that have this `hash`: it is shorter, where it is another.
fn hash_of_text(bytes: &[u8], text: &[u8], hash: Hash) -> Hash {
    if text.len() == bytes.len() {
        hash
    } else {
        blake3::hash(text)
    }
}

/// The file at `below`; `None` if there is none, or something else than a file, or one larger than any that is written here.
fn read(directory: &Directory, below: &str) -> Result<Option<Contents>, TreeError> {
    let Some(file) = directory.file(below)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let mode = file
        .metadata()
        .and_then(|metadata| {
            let expected = metadata.len().min(LARGEST) + 1;
            bytes.reserve(usize::try_from(expected).unwrap_or_default());
            let mut file = file.take(LARGEST + 1);
            file.read_to_end(&mut bytes)
                .map(|_| metadata.mode() & 0o7777)
        })
        .map_err(|source| cannot_read(&directory.named(below), source))?;
    let is_ours = bytes.len() as u64 <= LARGEST;
    Ok(is_ours.then_some(Contents { bytes, mode }))
}
