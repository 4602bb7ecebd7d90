//! What is brought to the host: the files of the edge, under a name that they have by their content.

use super::error::DeployError;
use crate::build::{self, Stop};
use crate::derive::{Derivation, EdgeState};
use crate::diagnostic::Failure;
use crate::render::{Bundles, render};
use crate::template::Templates;
use crate::tree::{ManifestEntry, Mode, OutputPath, View};

/// Octets of the hash that names a release: two that differ have the same one as good as never, and a host keeps five.
const NAME_LENGTH: usize = 16;

/// The files of an edge.
pub(crate) struct Release {
    pub name: String,
    /// Sorted by path.
    files: Vec<File>,
}

struct File {
    /// In the release.
    path: String,
    mode: Mode,
    bytes: Vec<u8>,
}

impl File {
    /// One of the edge, as it stands in the tree; none where it is not of the edge.
    fn read(
        view: &View,
        directory: &str,
        entry: &ManifestEntry,
    ) -> Result<Option<File>, DeployError> {
        let Some(path) = below(directory, &entry.path) else {
            return Ok(None);
        };
        let contents = view.read(&entry.path)?;
        let contents = contents.filter(|found| blake3::hash(&found.bytes) == entry.content);
        let contents = contents.ok_or_else(|| DeployError::Altered {
            path: view.directory().join(entry.path.as_str()),
        })?;
        Ok(Some(File {
            path: path.to_owned(),
            mode: entry.mode,
            bytes: contents.bytes,
        }))
    }
}

impl Release {
    /// Reads an edge out of its directory in an output tree, as it was built.
    pub(crate) fn read(view: &View, directory: &str) -> Result<Release, DeployError> {
        let mut files = Vec::new();
        for entry in view.entries_below(directory) {
            files.extend(File::read(view, directory, entry)?);
        }
        if files.is_empty() {
            return Err(DeployError::NoEdge {
                path: view.directory().join(directory),
            });
        }
        Ok(Release {
            name: name_of(&files),
            files,
        })
    }

    /// What a build would make of the edge, in memory; it takes no secret, and what does is what the tree has of it.
    pub(crate) fn rendered(
        derivations: &[Derivation],
        directory: &str,
        templates: &Templates,
        view: &View,
    ) -> Result<Release, Failure> {
        let stale = build::stale(derivations, view, templates);
        let mut stale = stale.map_err(Failure::environment)?;
        let missing = build::set_aside(&mut stale, view).map_err(Failure::environment)?;
        let mut files = Vec::new();
        for derivation in derivations {
            let Some(path) = below(directory, &derivation.path) else {
                continue;
            };
            if derivation.recipe.needs_secrets() {
                let entry = view.entry(&derivation.path);
                let entry = entry.filter(|entry| !missing.contains(&entry.path));
                if let Some(entry) = entry {
                    files.extend(File::read(view, directory, entry).map_err(Failure::environment)?);
                }
                continue;
            }
            let artifact = render(&derivation.recipe, templates, &mut Bundles::new(None));
            files.push(File {
                path: path.to_owned(),
                mode: derivation.mode,
                bytes: artifact.map_err(Stop::from)?.bytes,
            });
        }
        Ok(Release {
            name: name_of(&files),
            files,
        })
    }

    /// What it says of itself.
    pub(crate) fn state(&self) -> Option<EdgeState> {
        let said = { self.files.iter() }.find(|file| file.path == "exposure.json");
        said.and_then(|file| EdgeState::from_json(&file.bytes))
    }

    pub(crate) fn count_files(&self) -> usize {
        self.files.len()
    }

    /// All files as a tar file. Nobody's in particular, and of no time: what the host makes of it is its own.
    pub(super) fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for File { path, mode, bytes } in &self.files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(mode.permissions());
            // It cannot fail: the paths are ours and short, and it is written to memory.
            tar.append_data(&mut header, path, bytes.as_slice())
                .expect("the paths of an edge fit a tar file");
        }
        tar.into_inner().expect("memory can be written to")
    }
}

/// Where a file lies in a release.
fn below<'p>(directory: &str, path: &'p OutputPath) -> Option<&'p str> {
    path.as_str().strip_prefix(directory)?.strip_prefix('/')
}

fn name_of(files: &[File]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("homelab release v1");
    for File { path, bytes, .. } in files {
        for part in [path.as_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    let mut name = hasher.finalize().to_hex().to_string();
    name.truncate(NAME_LENGTH);
    name
}
