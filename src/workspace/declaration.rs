//! homelab.kdl, read and resolved.

use std::path::{Path, PathBuf};

use super::Workspace;
use super::error::{WorkspaceError, mistaken};
use crate::diagnostic::{Failure, Fault};
use crate::model::Homelab;
use crate::parse;

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
        crate::compile_with(&source, &languages).map_err(wrong)
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
