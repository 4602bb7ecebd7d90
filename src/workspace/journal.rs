//! What is read of a workspace, written down while it is read: a build that would read the same would do the same.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};

use blake3::{Hash, Hasher};

use super::{Workspace, bounded};
use crate::build::{Journal, Read};
use crate::diagnostic::Failure;
use crate::model::Language;

/// What the journal calls the languages that guides can be written in, and the user's own templates.
const LANGUAGES: &str = "languages";
const TEMPLATES: &str = "templates";

impl Workspace {
    /// What has been read so far.
    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a file of which so many bytes were asked for; of none that could not be read.
    pub(super) fn was_read(&self, path: &Path, most: u64, found: Option<&Option<Vec<u8>>>) {
        let mut journal = self.journal();
        match found {
            None => journal.spoil(),
            Some(bytes) => {
                let read = Read {
                    most,
                    content: bytes.as_deref().map(blake3::hash),
                    is_link: path.is_symlink(),
                };
                journal.read(path, read);
            }
        }
    }

    pub(super) fn languages_were_listed(&self, languages: &[Language]) {
        self.journal().list(LANGUAGES, hash_of_languages(languages));
    }

    pub(super) fn templates_were_read(&self, overrides: &BTreeMap<String, String>) {
        self.journal().list(TEMPLATES, hash_of_overrides(overrides));
    }

    /// The lists of files as they are now, in the order in which [`Journal::lists`] has them.
    pub(crate) fn lists(&self) -> Result<[(&'static str, Hash); 2], Failure> {
        Ok([
            (LANGUAGES, hash_of_languages(&self.languages()?)),
            (TEMPLATES, hash_of_overrides(&self.overrides()?)),
        ])
    }

    /// Whether a file is there as it was when it was read.
    pub(crate) fn reads_the_same(&self, path: &Path, read: &Read) -> bool {
        let content = match bounded::hash_of_start(path, read.most) {
            Ok(hash) => Some(hash),
            // Where a link leads nowhere, that is to be told.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => None,
            Err(_) => return false,
        };
        content == read.content && path.is_symlink() == read.is_link
    }
}

fn hash_of_languages(languages: &[Language]) -> Hash {
    hash_of(languages.iter().map(Language::as_str))
}

fn hash_of_overrides(overrides: &BTreeMap<String, String>) -> Hash {
    let texts = { overrides.iter() }.flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    hash_of(texts)
}

fn hash_of<'t>(texts: impl Iterator<Item = &'t str>) -> Hash {
    let mut hasher = Hasher::new();
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize()
}
