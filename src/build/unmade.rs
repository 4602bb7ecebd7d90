//! What of an edge takes the secret: newer certificates that wait for their devices. Where the edge alone is made, what a build with the
//! secret has left of them stays, and the rest is left out.

use std::collections::BTreeSet;

use super::staleness::Stale;
use crate::derive::{Derivation, Recipe};
use crate::tree::{Found, OutputPath, TreeError, View};

/// Takes out of what is stale all that takes the secret, and gives the paths of what is not there.
///
/// What stands in its place is of the same certificate, whose fingerprint is the directory's name: it can be used, be it of yesterday.
pub(crate) fn set_aside<'d>(
    stale: &mut Vec<Stale<'d>>,
    view: &View,
) -> Result<BTreeSet<&'d OutputPath>, TreeError> {
    let mut missing = BTreeSet::new();
    for (derivation, staleness) in stale.extract_if(.., |(made, _)| made.recipe.needs_secrets()) {
        let is_ours = view.entry(&derivation.path).is_some() && !staleness.is_repair();
        if !is_ours || view.inspect(&derivation.path)? != Found::Intact {
            missing.insert(&derivation.path);
        }
    }
    Ok(missing)
}

/// Of which devices something is left out, for who is to make it.
pub(crate) fn note_of_missing(
    derivations: &[Derivation],
    missing: &BTreeSet<&OutputPath>,
) -> Option<String> {
    let of_page = |derivation: &Derivation| match &derivation.recipe {
        Recipe::PickUpPage(page) => Some(page.issued.device.to_string()),
        _ => None,
    };
    let folder = |path: &OutputPath| Some(path.as_str().rsplit_once('/')?.0.to_owned());
    let folders: BTreeSet<Option<String>> = missing.iter().map(|path| folder(path)).collect();
    let pages = derivations.iter();
    let pages = pages.filter(|derivation| folders.contains(&folder(&derivation.path)));
    let devices: BTreeSet<String> = pages.filter_map(of_page).collect();
    let devices: Vec<String> = devices.into_iter().collect();
    (!devices.is_empty()).then(|| {
        format!(
            "The new certificates of {} are not in the edge, for they take the root secret. Where a deploy has brought them to the host they stay; otherwise their owners are told to wait: run `homelab build` where the secret is, and deploy from there.",
            devices.join(", ")
        )
    })
}
