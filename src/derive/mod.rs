//! What is to be made: a [`Homelab`] and its lock become a sorted list of derivations.
//!
//! Pure and total: no secret, no clock, no file. A [`Derivation`] holds all that its artifact is made
//! from, apart from the root secret and the templates, as plain data; that data is what is hashed
//! to know whether the artifact is up to date.

mod alike;
mod beside;
mod calendar;
mod device_files;
mod dns;
mod edge;
mod edge_files;
mod edge_state;
mod exposed;
mod exposure;
mod guide;
mod index;
mod lines;
mod people;
mod pick_up;
mod recipe;
mod standing;

use std::borrow::Cow;

pub(crate) use beside::HandedOut;
#[cfg(test)]
pub(crate) use calendar::Tells;
pub(crate) use calendar::{Calendar, Event, Moment, PersonCalendar, PersonEvent, What};
pub(crate) use device_files::{
    AppleBrowserPolicy, AppleLabels, AppleProfile, ChromiumPolicy, CommonParts, Installer, Script,
    WindowsPolicy,
};
pub use device_files::{InstallerContext, RegistryValue};
pub(crate) use dns::{DnsFormat, DnsHost, DnsNames, DnsRecords, DnsView};
#[cfg(test)]
pub(crate) use edge::Listed;
pub(crate) use edge::{Edge, Globals, Known, KnownDevice, LandingPages, Link, Pages, Sites};
pub(crate) use edge_files::{
    CRL, CRL_DER, EDGE_STATE, EDGES, EdgeArtifacts, crl_paths, edges, unsigned_crl_paths,
};
pub(crate) use edge_state::{DeviceAccess, EdgeState};
pub(crate) use exposure::{
    ALL, CertificateGrant, Exposure, GatewayExposure, Guarded, LANDING, OpenFrom, Opening,
    PathExposure, UncheckedKind,
};
#[cfg(test)]
pub(crate) use guide::FileKind;
pub(crate) use guide::{DeviceFile, DevicePart, Guide, ServiceLink};
#[cfg(test)]
pub(crate) use index::IndexDevice;
pub(crate) use index::{Index, IndexOpening, IndexPerson, IndexService, Term};
pub(crate) use pick_up::{PickUpPage, RENEW, Waiting, renewed_at};
pub(crate) use recipe::{Bundle, Derivation, Recipe};
#[cfg(test)]
pub(crate) use standing::Standing;
pub(crate) use standing::{KnownFolders, Premises};

use crate::lock::Lock;
use crate::model::{DeviceId, Homelab, Service};
use crate::tree::OutputPath;
use people::People;
use recipe::as_recorded;

/// What is to be made.
pub(crate) struct Derived {
    /// Every artifact, sorted by path.
    pub derivations: Vec<Derivation>,
    /// What the folders of people follow from; empty where that was not asked for.
    pub premises: Premises,
}

/// Every artifact of the homelab, sorted by path.
///
/// `templates` are the names of the user's own that the edge's files are made with. `sealed_root` is the hash of the file that the root secret is sealed in, where there is one: a
/// bundle is not up to date where another file has taken its place.
///
/// Devices that the lock has no certificate of are left out: reconciling comes first.
pub(crate) fn derive(
    homelab: &Homelab,
    lock: &Lock,
    templates: &[String],
    sealed_root: Option<blake3::Hash>,
) -> Vec<Derivation> {
    derive_beside(homelab, lock, templates, sealed_root, None).derivations
}

/// The same, where folders of people stand that need not be derived anew: what is in them is [`Recipe::Standing`].
pub(crate) fn derive_beside(
    homelab: &Homelab,
    lock: &Lock,
    templates: &[String],
    sealed_root: Option<blake3::Hash>,
    known: Option<KnownFolders<'_>>,
) -> Derived {
    let common = CommonParts::new(homelab, lock, sealed_root);
    let admitted = lock.admitted();
    let (edges, people) = rayon::join(
        || edge_files::edges_with(&common, lock, templates),
        || People::derive(&common, &admitted, known),
    );
    let EdgeArtifacts {
        mut derivations,
        exposures,
    } = edges;
    let (index, calendar) = rayon::join(
        || Index::new(homelab, (lock, &admitted), &exposures, &people.files),
        || Calendar::new(homelab, lock),
    );
    let ignored = Recipe::Text {
        text: Cow::Borrowed("# What is secret here stays out of git.\n*\n"),
    };
    derivations.extend([
        Derivation::public(path("index.html"), Recipe::Index(Box::new(index))),
        Derivation::public(path(".gitignore"), ignored),
        Derivation::public(path("renewals.ics"), Recipe::Calendar(calendar)),
    ]);
    derivations.extend(people.derivations);
    derivations.sort_by(|a, b| a.path.cmp(&b.path));
    Derived {
        derivations,
        premises: people.premises,
    }
}

/// Where a service is to be opened: at least one address.
fn addresses(service: &Service) -> Vec<String> {
    service
        .authorities()
        .map(|host| format!("https://{host}/"))
        .collect()
}

/// The .p12's name. Android proposes it, up to its last dot, as the certificate's name.
fn bundle_file(id: &DeviceId) -> String {
    id.common_name() + ".p12"
}

fn path(text: &str) -> OutputPath {
    OutputPath::new(text).expect("names are [a-z0-9-], and so are the paths made of them")
}
