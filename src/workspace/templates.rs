//! The user's templates and messages, which take the place of built-in ones.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use super::error::WorkspaceError;
use super::{Workspace, bounded};
use crate::diagnostic::{Failure, Fault};
use crate::model::Language;
use crate::template::{self, Templates};

/// Bytes of a template or of a file of messages, at the most.
const TEMPLATE_LIMIT: u64 = 1 << 20;
/// Bytes of all of them, at the most.
pub(crate) const TEMPLATES_LIMIT: usize = 16 << 20;
/// Files and directories below `templates/`, at the most.
pub(crate) const MOST_TEMPLATES: usize = 4096;

impl Workspace {
    /// The built-in templates under those in `templates/`.
    pub(crate) fn templates(&self) -> Result<Templates, Failure> {
        let overrides = self.overrides()?;
        self.templates_were_read(&overrides);
        Templates::new(overrides).map_err(|error| Failure::new(Fault::Declaration, error))
    }

    /// Those in `templates/`, by name.
    pub(super) fn overrides(&self) -> Result<BTreeMap<String, String>, Failure> {
        let root = self.path("templates");
        let mut overrides = BTreeMap::new();
        let too_many = || {
            let path = root.clone();
            Failure::environment(WorkspaceError::TooManyTemplates { path })
        };
        let mut size = 0;
        // The directory itself may be a link, as whoever keeps such files elsewhere has it.
        if let Ok(true_root) = root.canonicalize().and_then(|path| {
            if path.is_dir() {
                Ok(path)
            } else {
                Err(io::ErrorKind::NotADirectory.into())
            }
        }) {
            for (number, entry) in WalkDir::new(&root)
                .follow_links(true)
                .max_depth(8)
                .into_iter()
                .enumerate()
            {
                if number >= MOST_TEMPLATES {
                    return Err(too_many());
                }
                let entry = entry.map_err(|error| {
                    let path = error.path().unwrap_or(&root).to_owned();
                    let source = error.into();
                    Failure::environment(WorkspaceError::CannotRead { path, source })
                })?;
                refuse_link_out(&root, &true_root, &entry)?;
                if let Some((name, text)) = self.override_at(&root, entry.path())? {
                    size += text.len();
                    if size > TEMPLATES_LIMIT {
                        return Err(too_many());
                    }
                    overrides.insert(name, text);
                }
            }
        }
        Ok(overrides)
    }

    /// The override in a file below `templates/`; other files there are the user's own affair.
    fn override_at(&self, root: &Path, path: &Path) -> Result<Option<(String, String)>, Failure> {
        let name = path.strip_prefix(root).ok().and_then(Path::to_str);
        let is_override = |name: &&str| {
            name.ends_with(".j2") || name.starts_with("messages/") && name.ends_with(".kdl")
        };
        let Some(name) = name.filter(|name| is_override(name) && !path.is_dir()) else {
            return Ok(None);
        };
        let cannot_read = |source| {
            let path = path.to_owned();
            Failure::environment(WorkspaceError::CannotRead { path, source })
        };
        let bytes = bounded::whole(path, TEMPLATE_LIMIT).map_err(cannot_read)?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| cannot_read(io::Error::other("it is not UTF-8")))?;
        Ok(Some((name.to_owned(), text)))
    }

    /// The languages that guides can be written in: the built-in ones, and those of `templates/messages/`.
    pub(crate) fn languages(&self) -> Result<Vec<Language>, Failure> {
        let mut languages = BTreeSet::from_iter(template::built_in_languages());
        let path = self.path("templates").join("messages");
        if path.is_dir() {
            let cannot_read = |source| {
                let path = path.clone();
                Failure::environment(WorkspaceError::CannotRead { path, source })
            };
            for entry in std::fs::read_dir(&path).map_err(cannot_read)? {
                let name = entry.map_err(cannot_read)?.file_name();
                let name = name.to_str().map(|name| format!("messages/{name}"));
                languages.extend(name.and_then(|name| template::language_of(&name)));
            }
        }
        Ok(languages.into_iter().collect())
    }
}

/// A link may lead from one template to another, and not out of their directory.
fn refuse_link_out(root: &Path, true_root: &Path, entry: &DirEntry) -> Result<(), Failure> {
    if entry.depth() == 0 || !entry.path_is_symlink() {
        return Ok(());
    }
    let leads_to = entry.path().canonicalize();
    if leads_to.is_ok_and(|target| target.starts_with(true_root)) {
        Ok(())
    } else {
        Err(Failure::environment(WorkspaceError::LinkOut {
            path: entry.path().to_owned(),
            root: root.to_owned(),
        }))
    }
}
