//! What is brought to the host: the files of the edge, under a name that they have by their content.

use super::error::DeployError;
use crate::derive::{Derivation, EdgeState};
use crate::render::{Bundles, RenderError, render};
use crate::template::Templates;
use crate::tree::View;

/// Octets of the hash that names a release: two that differ have the same one as good as never, and a host keeps five.
const NAME_LENGTH: usize = 16;

/// The files of an edge.
pub(crate) struct Release {
    pub name: String,
    /// By their paths in the release, sorted.
    files: Vec<(String, Vec<u8>)>,
}

impl Release {
    /// Reads the edge out of an output tree, as it was built.
    pub(crate) fn read(view: &View) -> Result<Release, DeployError> {
        let mut files = Vec::new();
        for entry in view.entries() {
            let Some(path) = entry.path.as_str().strip_prefix("edge/") else {
                continue;
            };
            let contents = view.read(&entry.path)?;
            let contents = contents.filter(|found| blake3::hash(&found.bytes) == entry.content);
            let contents = contents.ok_or_else(|| DeployError::Altered {
                path: view.directory().join(entry.path.as_str()),
            })?;
            files.push((path.to_owned(), contents.bytes));
        }
        if files.is_empty() {
            return Err(DeployError::NoEdge {
                path: view.directory().join("edge"),
            });
        }
        Ok(Release {
            name: name_of(&files),
            files,
        })
    }

    /// What a build would make of the edge, in memory; it takes no secret.
    pub(crate) fn rendered(
        derivations: &[Derivation],
        templates: &Templates,
    ) -> Result<Release, RenderError> {
        let mut files = Vec::new();
        for derivation in derivations {
            if let Some(path) = derivation.path.as_str().strip_prefix("edge/") {
                let artifact = render(&derivation.recipe, templates, &mut Bundles::new(None))?;
                files.push((path.to_owned(), artifact.bytes));
            }
        }
        Ok(Release {
            name: name_of(&files),
            files,
        })
    }

    /// What it says of itself.
    pub(crate) fn state(&self) -> Option<EdgeState> {
        let said = { self.files.iter() }.find(|(path, _)| path == "exposure.json");
        said.and_then(|(_, bytes)| EdgeState::from_json(bytes))
    }

    pub(crate) fn count_files(&self) -> usize {
        self.files.len()
    }

    /// All files as a tar file. Nobody's in particular, and of no time: what the host makes of it is its own.
    pub(super) fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in &self.files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            // It cannot fail: the paths are ours and short, and it is written to memory.
            tar.append_data(&mut header, path, bytes.as_slice())
                .expect("the paths of an edge fit a tar file");
        }
        tar.into_inner().expect("memory can be written to")
    }
}

fn name_of(files: &[(String, Vec<u8>)]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("homelab release v1");
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    let mut name = hasher.finalize().to_hex().to_string();
    name.truncate(NAME_LENGTH);
    name
}
