//! Makes the output tree what the plan says: runs what missed, in parallel, and hands bytes to `tree`.

use std::fmt;
use std::path::PathBuf;

use miette::Diagnostic;
use rayon::prelude::*;
use thiserror::Error;

use crate::derive::Derivation;
use crate::render::{Artifact, RenderError, Secrets, render};
use crate::template::Templates;
use crate::tree::{Found, ManifestEntry, OutputPath, Scope, Tree, TreeError, View, Wanted};

/// Why the tree could not be made.
#[derive(Debug, Error, Diagnostic)]
pub enum RealiseError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Render(#[from] RenderError),
}

/// What a build did, each list sorted.
#[derive(Debug, Default)]
pub struct Built {
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
}

/// The derivations whose artifact is not up to date, with the reason.
pub fn missed<'d>(
    derivations: &'d [Derivation],
    view: &View,
    templates: &Templates,
) -> Result<Vec<(&'d Derivation, Staleness)>, TreeError> {
    let checked = derivations.par_iter().map(|derivation| {
        let miss = miss(derivation, view, templates)?;
        Ok(miss.map(|miss| (derivation, miss)))
    });
    let checked: Result<Vec<_>, TreeError> = checked.collect();
    Ok(checked?.into_iter().flatten().collect())
}

/// Why an artifact is not up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staleness {
    /// The tree has none.
    New,
    /// What it is made from has changed.
    Recipe,
    /// What it is made with has: a template; or it is to be held against another homelab.age.
    Means,
    /// Somebody else may read it than did before.
    Mode,
    /// Somebody has removed it.
    Missing,
    /// Somebody has changed it.
    Altered,
    /// Nobody knows what it was made from: the manifest is not one that was written here.
    Unproven,
}

impl Staleness {
    /// Whether the same is made again.
    pub fn is_repair(self) -> bool {
        matches!(
            self,
            Staleness::Missing | Staleness::Altered | Staleness::Unproven
        )
    }
}

fn miss(
    derivation: &Derivation,
    view: &View,
    templates: &Templates,
) -> Result<Option<Staleness>, TreeError> {
    let Some(entry) = view.entry(&derivation.path) else {
        return Ok(Some(Staleness::New));
    };
    if entry.input == ManifestEntry::UNKNOWN {
        return Ok(Some(Staleness::Unproven));
    }
    let input = input_hash(derivation, &entry.templates, templates);
    let (found, recorded) = (input.as_bytes(), entry.input.as_bytes());
    if found[..HALF] != recorded[..HALF] {
        return Ok(Some(Staleness::Recipe));
    }
    if found[HALF..] != recorded[HALF..] {
        return Ok(Some(Staleness::Means));
    }
    if entry.mode != derivation.mode {
        return Ok(Some(Staleness::Mode));
    }
    Ok(match view.inspect(&derivation.path)? {
        Found::Intact => view.is_doubted().then_some(Staleness::Unproven),
        Found::Missing => Some(Staleness::Missing),
        Found::Altered | Found::Unowned => Some(Staleness::Altered),
    })
}

/// What would come of an artifact that missed, as far as can be told without the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// It is made.
    Made,
    /// It comes out as it stands there.
    Same,
    /// Something that is not homelab's stands in its place; where it is not the very same, the build
    /// stops.
    InTheWay,
}

/// What a build would make of an artifact that missed: rendered where that takes no secret, and held
/// against what is on the disk.
pub fn outlook(
    derivation: &Derivation,
    miss: Staleness,
    view: &View,
    templates: &Templates,
) -> Result<Forecast, RealiseError> {
    let unowned = view.inspect(&derivation.path)? == Found::Unowned;
    if derivation.recipe.needs_secrets() {
        return Ok(match miss {
            // The lock records the certificate: from another file, the same comes out.
            Staleness::Means | Staleness::Unproven
                if view.inspect(&derivation.path)? == Found::Intact =>
            {
                Forecast::Same
            }
            _ if unowned => Forecast::InTheWay,
            _ => Forecast::Made,
        });
    }
    let artifact = render(&derivation.recipe, templates, None)?;
    let standing = view.read(&derivation.path)?;
    let is_same = standing.is_some_and(|standing| {
        let same_mode = unowned || view.has_mode(&standing, derivation.mode);
        standing.bytes == artifact.bytes && same_mode
    });
    Ok(match (is_same, unowned) {
        (true, _) => Forecast::Same,
        (false, true) => Forecast::InTheWay,
        (false, false) => Forecast::Made,
    })
}

/// Renders what missed, and commits the whole. `tell` is given the hashes of manifests before they are written.
pub fn realise(
    tree: Tree,
    derivations: &[Derivation],
    missed: &[(&Derivation, Staleness)],
    scope: &Scope,
    templates: &Templates,
    secrets: Option<&Secrets>,
    tell: impl FnOnce(&[blake3::Hash]),
) -> Result<Built, RealiseError> {
    let staged = missed.par_iter().map(|(derivation, _)| {
        let artifact = render(&derivation.recipe, templates, secrets)?;
        let staged = tree.stage(&derivation.path, derivation.mode, &artifact.bytes)?;
        Ok(Wanted::Put {
            staged,
            input: input_hash(derivation, &artifact.templates, templates),
            templates: artifact.templates,
        })
    });
    let mut wanted = staged.collect::<Result<Vec<Wanted>, RealiseError>>()?;
    // Both lists are sorted by path, as the plan is.
    let mut misses = missed
        .iter()
        .map(|(derivation, _)| &derivation.path)
        .peekable();
    for derivation in derivations {
        match misses.next_if_eq(&&derivation.path) {
            Some(_) => {}
            None => wanted.push(Wanted::Keep(derivation.path.clone())),
        }
    }
    let outcome = tree.commit_telling(wanted, scope, tell)?;
    let altered = |path: &OutputPath| {
        let place = missed.binary_search_by(|(derivation, _)| derivation.path.cmp(path));
        place.is_ok_and(|place| missed[place].1.is_repair())
    };
    let (restored, built) = outcome.written.into_iter().partition(altered);
    Ok(Built {
        built,
        restored,
        removed: outcome.removed,
        modes_restored: outcome.modes_restored,
        unchanged: outcome.unchanged + outcome.adopted.len(),
        shows_secrets: outcome.shows_secrets,
    })
}

/// How a tree differs from the plan, one line each: what `build --check` finds.
pub fn differences(
    view: &View,
    derivations: &[Derivation],
    templates: &Templates,
    secrets: Option<&Secrets>,
) -> Result<Vec<Difference>, RealiseError> {
    let compared = derivations.par_iter().map(|derivation| {
        let artifact = render(&derivation.recipe, templates, secrets)?;
        difference(view, derivation, &artifact)
    });
    let compared: Result<Vec<_>, RealiseError> = compared.collect();
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
pub struct Difference {
    pub path: OutputPath,
    pub what: Mismatch,
}

/// What an artifact in the tree is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
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
) -> Result<Option<Difference>, RealiseError> {
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

/// How many bytes of an input hash are of the recipe; the others are of what it is made with.
const HALF: usize = blake3::OUT_LEN / 2;

/// The hash of all that an artifact is made from, the program's version and the recipe, and of what it
/// is made with, the templates and the sealed secret: half and half, so that the two can be told apart.
///
/// The root secret is not in it: a bundle's certificate is, and no other root could have signed it.
fn input_hash(derivation: &Derivation, used: &[String], templates: &Templates) -> blake3::Hash {
    let recipe = serde_json::to_vec(&derivation.recipe);
    let recipe = recipe.expect("a recipe is plain data with text for keys");
    let recipe = fields(
        "homelab input hash v2, recipe",
        [
            env!("CARGO_PKG_VERSION").as_bytes(),
            derivation.path.as_str().as_bytes(),
            &recipe,
        ],
    );
    let digests: Vec<blake3::Hash> = used.iter().map(|name| templates.digest(name)).collect();
    let with = used.iter().zip(&digests);
    let with = with.flat_map(|(name, digest)| [name.as_bytes(), digest.as_bytes().as_slice()]);
    let sealed = derivation.recipe.sealed_root().map(str::as_bytes);
    let means = fields("homelab input hash v2, means", with.chain(sealed));
    let mut whole = [0; blake3::OUT_LEN];
    whole[..HALF].copy_from_slice(&recipe.as_bytes()[..HALF]);
    whole[HALF..].copy_from_slice(&means.as_bytes()[..HALF]);
    blake3::Hash::from_bytes(whole)
}

fn fields<'f>(context: &str, fields: impl IntoIterator<Item = &'f [u8]>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for field in fields {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    hasher.finalize()
}
