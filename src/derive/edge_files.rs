//! What lies in the directory of each edge.

use std::iter;
use std::sync::Arc;

use super::device_files::CommonParts;
use super::{Derivation, Edge, EdgeState, Exposure, Recipe, path, pick_up};
use crate::lock::{Authority, Lock};
use crate::model::{EdgePart, Homelab};
use crate::pki::Crl;
use crate::tree::OutputPath;

/// The directories of the output tree that hold edges: the only one, or all of them.
pub(crate) const EDGES: [&str; 2] = ["edge", "edges"];

/// Where it stands in an edge's directory what that exposes, for the next build to compare with.
pub(crate) const EDGE_STATE: &str = "exposure.json";

/// Where the revocation lists stand there in PEM.
pub(crate) const CRL: &str = "ca.crl";

/// Where the list of the authority that signs stands there in DER.
pub(crate) const CRL_DER: &str = "ca.crl.der";

/// Where the revocation lists stand, of each edge: all of them in PEM, each in DER, which holds one: that of the
/// authority that signs under the plain name.
pub(crate) fn crl_paths(homelab: &Homelab, lock: &Lock) -> Vec<OutputPath> {
    list_paths(homelab, lock, |_| true)
}

/// Those of [`crl_paths`] that are to be written anew when the lists that are stale have been signed.
pub(crate) fn unsigned_crl_paths(homelab: &Homelab, lock: &Lock) -> Vec<OutputPath> {
    list_paths(homelab, lock, |authority| lock.crl(authority).is_none())
}

fn list_paths(
    homelab: &Homelab,
    lock: &Lock,
    is_wanted: impl Fn(&Authority) -> bool,
) -> Vec<OutputPath> {
    let wanted = lock.listing().filter(|authority| is_wanted(authority));
    let der: Vec<String> = wanted.map(|authority| crl_file(lock, authority)).collect();
    let pem = (!der.is_empty()).then(|| CRL.to_owned());
    let files: Vec<String> = pem.into_iter().chain(der).collect();
    let of_edge = |part: EdgePart<'_>| {
        let directory = part.directory();
        let at = |file| path(&format!("{directory}/{file}"));
        files.iter().map(at).collect::<Vec<_>>()
    };
    homelab.edges().flat_map(of_edge).collect()
}

fn crl_file(lock: &Lock, authority: &Authority) -> String {
    match lock.signing() {
        Some(signing) if signing.id != authority.id => {
            format!("ca-{}.crl.der", authority.id.short())
        }
        _ => CRL_DER.to_owned(),
    }
}

/// The artifacts of all edges, and what they expose.
#[derive(Default)]
pub(crate) struct EdgeArtifacts {
    /// Sorted by path.
    pub derivations: Vec<Derivation>,
    /// Of each edge, in their order; none before the first build.
    pub exposures: Vec<Arc<Exposure>>,
}

/// The artifacts of all edges. They need no secret, but for newer certificates that wait for their devices. Those of [`crl_paths`] are left out
/// where one of the lock's lists is stale.
pub(crate) fn edges(
    homelab: &Homelab,
    lock: &Lock,
    templates: &[String],
    sealed_root: Option<blake3::Hash>,
) -> EdgeArtifacts {
    edges_with(
        &CommonParts::new(homelab, lock, sealed_root),
        lock,
        templates,
    )
}

/// The same, where what many files say alike is at hand.
pub(super) fn edges_with(
    common: &CommonParts<'_>,
    lock: &Lock,
    templates: &[String],
) -> EdgeArtifacts {
    if lock.signing().is_none() {
        return EdgeArtifacts::default();
    }
    let mut all = EdgeArtifacts::default();
    for part in common.homelab().edges() {
        let (derivations, exposure) = edge(part, common, lock, templates);
        all.derivations.extend(derivations);
        all.exposures.push(exposure);
    }
    all.derivations.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn edge(
    part: EdgePart<'_>,
    common: &CommonParts<'_>,
    lock: &Lock,
    templates: &[String],
) -> (Vec<Derivation>, Arc<Exposure>) {
    let visitors = part.visitors();
    let edge = Edge::new(part, &visitors, Some(lock));
    let exposure = Arc::new(Exposure::of(part, &edge, templates));
    let published = EdgeState::of(Arc::clone(&exposure), (part, &visitors), lock);
    let directory = part.directory();
    let at = |file: &str| path(&format!("{directory}/{file}"));
    let text = |of: fn(&Authority) -> String| lock.trusted().map(of).collect();
    let authorities = Recipe::Text {
        text: text(|authority| authority.certificate.pem()),
    };
    let domain = part.homelab.domain.clone();
    let report = Recipe::Exposure(Arc::clone(&exposure));
    let mut derivations = vec![
        Derivation::public(at("Caddyfile"), Recipe::Caddyfile { domain }),
        Derivation::public(at("ca.pem"), authorities),
        Derivation::public(at(EDGE_STATE), Recipe::EdgeState(Box::new(published))),
        Derivation::public(at("exposure.md"), report),
        Derivation::public(
            at("globals.caddyfile"),
            Recipe::Globals(Box::new(edge.globals)),
        ),
        Derivation::public(at("pages.caddyfile"), Recipe::Pages(Box::new(edge.pages))),
        Derivation::public(at("sites.caddyfile"), Recipe::Sites(Box::new(edge.sites))),
    ];
    derivations.extend(pick_up::derive(part, common, lock));
    let lists: Option<Vec<Crl>> = lock
        .listing()
        .map(|authority| lock.crl(authority))
        .collect();
    if let Some(lists) = lists.filter(|lists| !lists.is_empty()) {
        let text = lists.iter().map(Crl::pem).collect();
        derivations.push(Derivation::public(at(CRL), Recipe::Text { text }));
        for (authority, crl) in iter::zip(lock.listing(), lists) {
            let bytes = crl.der().to_vec();
            let at = at(&crl_file(lock, authority));
            derivations.push(Derivation::public(at, Recipe::Bytes { bytes }));
        }
    }
    (derivations, exposure)
}
