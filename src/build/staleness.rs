//! Which artifacts are not up to date, and why.

use std::collections::BTreeMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use rayon::prelude::*;

use crate::derive::{Derivation, Recipe};
use crate::once::encoded;
use crate::template::Templates;
use crate::tree::{Found, Listed, ManifestEntry, TreeError, View};

/// Why an artifact is not up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Staleness {
    New,
    /// What it is made from has changed.
    Recipe,
    /// A template that it is made with has.
    Template,
    /// It stands as it was, and is to be held against another homelab.age.
    Sealed,
    /// Somebody else may read it than did before.
    Mode,
    Missing,
    Altered,
    /// Nobody knows what it was made from: the manifest is not one that was written here.
    Unproven,
}

impl Staleness {
    /// Whether the same is made again.
    pub(crate) fn is_repair(self) -> bool {
        matches!(
            self,
            Staleness::Missing | Staleness::Altered | Staleness::Unproven
        )
    }

    /// Whether what stands there may be right, and is only held against what the secret gives.
    pub(crate) fn may_be_same(self) -> bool {
        matches!(self, Staleness::Sealed | Staleness::Unproven)
    }
}

/// A derivation whose artifact is not up to date.
pub(crate) type Stale<'d> = (&'d Derivation, Staleness);

/// The derivations whose artifact is not up to date, with the reason.
pub(crate) fn stale<'d>(
    derivations: &'d [Derivation],
    view: &View,
    templates: &Templates,
) -> Result<Vec<Stale<'d>>, TreeError> {
    let listed = view.listed(derivations.iter().map(|derivation| &derivation.path));
    let listed: Vec<Option<Listed<'_>>> = listed.collect();
    let means = Means::of(templates);
    let checked = derivations.par_iter().zip(listed);
    let checked = checked.map(|(derivation, listed)| {
        let staleness = staleness(derivation, listed, view, &means)?;
        Ok(staleness.map(|staleness| (derivation, staleness)))
    });
    let checked: Result<Vec<_>, TreeError> = checked.collect();
    Ok(checked?.into_iter().flatten().collect())
}

fn staleness(
    derivation: &Derivation,
    listed: Option<Listed<'_>>,
    view: &View,
    means: &Means<'_>,
) -> Result<Option<Staleness>, TreeError> {
    if let Recipe::Standing = derivation.recipe {
        return Ok(None);
    }
    let Some(Listed { entry, .. }) = listed else {
        return Ok(Some(Staleness::New));
    };
    if entry.input == ManifestEntry::UNKNOWN {
        return Ok(Some(Staleness::Unproven));
    }
    let input = means.input_hash(derivation, &entry.templates);
    let (found, recorded) = (input.as_bytes(), entry.input.as_bytes());
    if found[..HALF] != recorded[..HALF] {
        return Ok(Some(Staleness::Recipe));
    }
    let is_made_alike = found[HALF..] == recorded[HALF..];
    if !is_made_alike && !entry.templates.is_empty() {
        return Ok(Some(Staleness::Template));
    }
    if entry.mode != derivation.mode {
        return Ok(Some(Staleness::Mode));
    }
    Ok(match view.inspect_listed(&derivation.path, listed)? {
        Found::Missing => Some(Staleness::Missing),
        Found::Altered | Found::Unowned => Some(Staleness::Altered),
        // It is made with no template, and so with the secret: from another homelab.age, the same comes out.
        Found::Intact if !is_made_alike => Some(Staleness::Sealed),
        Found::Intact => view.is_doubted().then_some(Staleness::Unproven),
    })
}

/// How many bytes of an input hash are of the recipe; the others are of what it is made with.
const HALF: usize = blake3::OUT_LEN / 2;

/// Templates, and the hashes of what artifacts are made with: many are made with the same.
pub(super) struct Means<'t> {
    templates: &'t Templates,
    /// By the sealed secret, where it is of use, and by the names of the templates.
    known: RwLock<BTreeMap<Option<[u8; blake3::OUT_LEN]>, ByTemplates>>,
}

type ByTemplates = BTreeMap<Vec<String>, blake3::Hash>;

impl<'t> Means<'t> {
    pub(super) fn of(templates: &'t Templates) -> Means<'t> {
        Means {
            templates,
            known: RwLock::default(),
        }
    }

    /// The hash of all that an artifact is made from, the program's version and the recipe, and of what it
    /// is made with, the templates that are `used` and the sealed secret: half and half, so that the two can be told apart.
    ///
    /// The root secret is not in it: a bundle's certificate is, and no other root could have signed it.
    pub(super) fn input_hash(&self, derivation: &Derivation, used: &[String]) -> blake3::Hash {
        let recipe = derivation.hash.get_or_init(|| {
            let recipe = encoded(&derivation.recipe);
            fields(
                &RECIPE,
                [
                    env!("CARGO_PKG_VERSION").as_bytes(),
                    derivation.path.as_str().as_bytes(),
                    &recipe,
                ],
            )
        });
        let means = self.hash(used, derivation.recipe.sealed_root());
        let mut whole = [0; blake3::OUT_LEN];
        whole[..HALF].copy_from_slice(&recipe.as_bytes()[..HALF]);
        whole[HALF..].copy_from_slice(&means.as_bytes()[..HALF]);
        blake3::Hash::from_bytes(whole)
    }

    fn hash(&self, used: &[String], sealed: Option<blake3::Hash>) -> blake3::Hash {
        let by = sealed.map(|hash| *hash.as_bytes());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(hash) = known.get(&by).and_then(|known| known.get(used)) {
            return *hash;
        }
        drop(known);
        let digests: Vec<blake3::Hash> = { used.iter() }
            .map(|name| self.templates.digest(name))
            .collect();
        let with = used.iter().zip(&digests);
        let with = with.flat_map(|(name, digest)| [name.as_bytes(), digest.as_bytes().as_slice()]);
        let hex = sealed.map(|hash| hash.to_hex());
        let hex = hex.as_ref().map(|hash| hash.as_bytes());
        let hash = fields(&MEANS, with.chain(hex));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(by).or_default().insert(used.to_vec(), hash);
        hash
    }
}

/// What the two halves are hashed under, gone through once and not for each artifact.
static RECIPE: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("homelab input hash v4, recipe"));
static MEANS: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("homelab input hash v4, means"));

fn fields<'f>(context: &ContextKey, fields: impl IntoIterator<Item = &'f [u8]>) -> blake3::Hash {
    let mut hasher = Hasher::new_from_context_key(context);
    for field in fields {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    hasher.finalize()
}
