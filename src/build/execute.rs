//! Makes the output tree what the derivations say: renders what is stale, in parallel, and hands bytes to `tree`.

use std::fmt;
use std::path::PathBuf;

use miette::Diagnostic;
use rayon::prelude::*;
use thiserror::Error;

use super::consequence::Consequence;
use super::forecast::consequences;
use super::resume::Resumption;
use super::staleness::{Means, Stale};
use crate::derive::{Derivation, Recipe};
use crate::progress::{Progress, Underway, Work};
use crate::render::{Artifact, Bundles, RenderError, Secrets, render};
use crate::template::Templates;
use crate::tree::{OutputPath, PackedIndex, Scope, Tree, TreeError, View, Wanted};

/// Why the tree could not be made.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum ExecuteError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Render(#[from] RenderError),
}

/// What a build did, each list sorted.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// Artifacts that are new or have changed.
    pub built: Vec<OutputPath>,
    /// Artifacts that somebody had changed or removed, made again.
    pub restored: Vec<OutputPath>,
    /// Artifacts that nothing declares any more.
    pub removed: Vec<OutputPath>,
    /// Directories whose mode somebody had changed, set back.
    pub modes_restored: Vec<PathBuf>,
    /// How many artifacts were left as they are.
    pub unchanged: usize,
    /// Whether the file system lets others read what is meant for the owner alone.
    pub shows_secrets: bool,
    /// What is known of the tree as it stands now.
    pub index: Option<PackedIndex>,
    /// What it means for people.
    pub consequences: Vec<Consequence>,
}

/// What artifacts are rendered with, and who is told how far that has come.
#[derive(Clone, Copy)]
pub(crate) struct Rendering<'a> {
    pub templates: &'a Templates,
    /// Needed where a recipe takes the root secret.
    pub secrets: Option<&'a Secrets>,
    pub progress: &'a dyn Progress,
}

/// Renders what is stale, and commits the whole. `tell` is given the hashes of manifests before they are written.
pub(crate) fn execute(
    tree: Tree,
    derivations: &[&Derivation],
    stale: &[Stale<'_>],
    scope: &Scope,
    rendering: Rendering<'_>,
    tell: impl FnOnce(&[blake3::Hash]) + Send,
) -> Result<Built, ExecuteError> {
    let resumption = rendering.secrets;
    let resumption = resumption.and_then(|secrets| Resumption::of(&tree, secrets));
    let means = Means::of(rendering.templates);
    let to_make: Vec<&Derivation> = stale.iter().map(|(derivation, _)| *derivation).collect();
    let stage = || {
        rendering.each(
            Work::Making,
            &to_make,
            |derivation, bundles| match &resumption {
                Some(resumption) if derivation.recipe.holds_bundle() => {
                    rendering.stage_secret(derivation, bundles, resumption, &means)
                }
                _ => rendering.stage(derivation, bundles, &tree, &means),
            },
        )
    };
    // The tree tells what was built before as long as nothing is moved into it.
    let (staged, consequences) = rayon::join(stage, || consequences(&tree, derivations, stale));
    let (mut staged, consequences) = (staged?, consequences?);
    staged.sort_by(|one, other| one.path().cmp(other.path()));
    // The derivations are sorted by path, too.
    let mut staged = staged.into_iter().peekable();
    let wanted = derivations.iter().map(|derivation| {
        let put = staged.next_if(|put| *put.path() == derivation.path);
        put.unwrap_or_else(|| Wanted::Keep(derivation.path.clone()))
    });
    let wanted = wanted.collect();
    let outcome = tree.commit_telling(wanted, scope, rendering.progress, tell)?;
    let altered = |path: &OutputPath| {
        let place = stale.binary_search_by(|(derivation, _)| derivation.path.cmp(path));
        place.is_ok_and(|place| stale[place].1.is_repair())
    };
    let (restored, built) = outcome.written.into_iter().partition(altered);
    Ok(Built {
        built,
        restored,
        removed: outcome.removed,
        modes_restored: outcome.modes_restored,
        unchanged: outcome.unchanged + outcome.adopted.len(),
        shows_secrets: outcome.shows_secrets,
        index: outcome.index,
        consequences,
    })
}

impl<'a> Rendering<'a> {
    /// Does the same with many derivations, in parallel but for those of one folder, and tells how far that has come. What
    /// comes of them is in no order.
    fn each<'d, R: Send>(
        &self,
        work: Work,
        derivations: &[&'d Derivation],
        piece: impl Fn(&'d Derivation, &mut Bundles<'d>) -> Result<R, ExecuteError> + Sync,
    ) -> Result<Vec<R>, ExecuteError>
    where
        'a: 'd,
    {
        let underway = Underway::begin(self.progress, work, derivations.len());
        let folders = derivations.chunk_by(|one, other| are_made_together(one, other));
        let mut folders: Vec<&[&Derivation]> = folders.collect();
        // What tells of all devices takes longest: last, all others would wait for it.
        folders.sort_by_key(|folder| match folder[0].recipe {
            Recipe::Index(_) => 0,
            Recipe::Sites(_) => 1,
            _ => 2,
        });
        // Whoever is free takes the next one; otherwise they were shared out, and the second could wait behind the first.
        let done = folders.into_iter().par_bridge().map(|folder| {
            let mut bundles = Bundles::new(self.secrets);
            let done = folder.iter().map(|derivation| {
                let done = piece(derivation, &mut bundles)?;
                underway.advance();
                Ok(done)
            });
            done.collect::<Result<Vec<R>, ExecuteError>>()
        });
        let done: Result<Vec<Vec<R>>, ExecuteError> = done.collect();
        Ok(done?.into_iter().flatten().collect())
    }

    fn stage<'d>(
        &self,
        derivation: &'d Derivation,
        bundles: &mut Bundles<'d>,
        tree: &Tree,
        means: &Means<'_>,
    ) -> Result<Wanted, ExecuteError> {
        let artifact = render(&derivation.recipe, self.templates, bundles)?;
        Ok(Wanted::Put {
            staged: tree.stage(&derivation.path, derivation.mode, &artifact.bytes)?,
            input: means.input_hash(derivation, &artifact.templates),
            templates: artifact.templates,
        })
    }

    /// What takes the secret takes long, and no template: what a killed build has made of it is taken up.
    fn stage_secret<'d>(
        &self,
        derivation: &'d Derivation,
        bundles: &mut Bundles<'d>,
        resumption: &Resumption<'_>,
        means: &Means<'_>,
    ) -> Result<Wanted, ExecuteError> {
        let input = means.input_hash(derivation, &[]);
        let staged = match resumption.take_up(derivation, &input)? {
            Some(staged) => staged,
            None => {
                let artifact = render(&derivation.recipe, self.templates, bundles)?;
                resumption.stage(derivation, &input, &artifact.bytes)?
            }
        };
        Ok(Wanted::Put {
            staged,
            input,
            templates: Vec::new(),
        })
    }
}

/// Whether one thread makes both, one after the other: what stands in a device's folder has one .p12.
fn are_made_together(one: &Derivation, other: &Derivation) -> bool {
    let folder = device_folder(one);
    folder.is_some() && folder == device_folder(other)
}

fn device_folder(derivation: &Derivation) -> Option<&str> {
    let (folder, _) = derivation.path.as_str().rsplit_once('/')?;
    let (person, _) = folder.rsplit_once('/')?;
    person.starts_with("people/").then_some(folder)
}

/// How a tree differs from the plan, one line each: what `build --check` finds.
pub(crate) fn differences(
    view: &View,
    derivations: &[Derivation],
    rendering: Rendering<'_>,
) -> Result<Vec<Difference>, ExecuteError> {
    let all: Vec<&Derivation> = derivations.iter().collect();
    let compared = rendering.each(Work::Comparing, &all, |derivation, bundles| {
        let artifact = render(&derivation.recipe, rendering.templates, bundles)?;
        difference(view, derivation, &artifact)
    });
    let mut differences: Vec<Difference> = compared?.into_iter().flatten().collect();
    for entry in view.entries() {
        let planned = derivations.binary_search_by(|derivation| derivation.path.cmp(&entry.path));
        if planned.is_err() {
            differences.push(Difference {
                path: entry.path.clone(),
                what: Mismatch::Undeclared,
            });
        }
    }
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(differences)
}

/// One way in which a tree is not what the plan says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub path: OutputPath,
    pub what: Mismatch,
}

/// What an artifact in the tree is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mismatch {
    Missing,
    Content,
    Mode,
    /// It is what it should be, and the manifest does not name it.
    Unrecorded,
    /// The manifest names it, and nothing is derived there.
    Undeclared,
}

/// To be read behind the path.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mismatch::Missing => "is missing",
            Mismatch::Content => "has other bytes",
            Mismatch::Mode => "has another mode",
            Mismatch::Unrecorded => "is not in the manifest",
            Mismatch::Undeclared => "is no longer declared",
        })
    }
}

fn difference(
    view: &View,
    derivation: &Derivation,
    artifact: &Artifact,
) -> Result<Option<Difference>, ExecuteError> {
    let what = match view.read(&derivation.path)? {
        None => Mismatch::Missing,
        Some(contents) if contents.bytes != artifact.bytes => Mismatch::Content,
        Some(contents) if !view.has_mode(&contents, derivation.mode) => Mismatch::Mode,
        Some(_) if view.entry(&derivation.path).is_none() => Mismatch::Unrecorded,
        Some(_) => return Ok(None),
    };
    Ok(Some(Difference {
        path: derivation.path.clone(),
        what,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Mode;

    #[test]
    fn what_stands_in_one_devices_folder_is_made_together_and_nothing_else() {
        let derivations = [
            "edge/Caddyfile",
            "edge/sites.caddyfile",
            "index.html",
            "people/a/guide.html",
            "people/a/mac/a-mac.mobileconfig",
            "people/a/mac/a-mac.p12",
            "people/a/pixel/a-pixel.p12",
            "people/b/guide.html",
            "people/b/mac/b-mac.p12",
        ]
        .map(|path| {
            let path = OutputPath::new(path).unwrap();
            Derivation::new(path, Mode::Public, Recipe::Text { text: "".into() })
        });
        let together = derivations.chunk_by(are_made_together);
        let sizes: Vec<usize> = together.map(<[Derivation]>::len).collect();
        assert_eq!(sizes, [1, 1, 1, 1, 2, 1, 1, 1]);
    }
}
