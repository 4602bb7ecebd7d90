//! homelab.kdl, and apps.kdl beside it, read and resolved.

use std::path::{Path, PathBuf};

use super::Workspace;
use super::error::{WorkspaceError, mistaken};
use crate::catalogue::Catalogue;
use crate::diagnostic::{Failure, Fault};
use crate::model::Homelab;
use crate::parse;

/// The file of the user's own apps, beside the declaration.
const OWN_APPS: &str = "apps.kdl";

impl Workspace {
    /// Reads and resolves the declaration.
    pub(crate) fn homelab(&self) -> Result<Homelab, Failure> {
        // One more, which tells that there are more.
        let most = parse::SIZE_LIMIT as u64 + 1;
        let Some(bytes) = self.read_start(&self.declaration, most)? else {
            let (path, above) = (self.declaration.clone(), self.above());
            return Err(Failure::environment(WorkspaceError::NoDeclaration {
                path,
                above,
            }));
        };
        let name = self.declaration.display().to_string();
        let wrong = |mistakes| mistaken(&self.declaration, Fault::Declaration, mistakes);
        let source = parse::source(name, bytes).map_err(wrong)?;
        let languages = self.languages()?;
        self.languages_were_listed(&languages);
        let catalogue = self.catalogue()?;
        crate::compile_with(&source, (&languages, catalogue)).map_err(wrong)
    }

    /// The apps of the user's own, where there are any, over the built-in ones.
    fn catalogue(&self) -> Result<Catalogue, Failure> {
        let path = self.path(OWN_APPS);
        if path == self.declaration {
            return Ok(Catalogue::default());
        }
        let most = parse::SIZE_LIMIT as u64 + 1;
        let Some(bytes) = self.read_start(&path, most)? else {
            return Ok(Catalogue::default());
        };
        let name = path.display().to_string();
        let wrong = |mistakes| mistaken(&path, Fault::Declaration, mistakes);
        let source = parse::source(name, bytes).map_err(wrong)?;
        crate::compile_apps(&source).map_err(wrong)
    }

    /// The nearest directory above this one that has such a declaration.
    fn above(&self) -> Option<PathBuf> {
        let name = self.declaration.file_name()?;
        let here = std::path::absolute(&self.directory).ok()?;
        let mut above = here.ancestors().skip(1);
        let found = above.find(|directory| directory.join(name).is_file());
        found.map(Path::to_owned)
    }
}
