//! What is to be made: a [`Homelab`] and its lock become a sorted list of derivations.
//!
//! Pure and total: no secret, no clock, no file. A [`Derivation`] holds all that its artifact is made
//! from, apart from the root secret and the templates, as plain data; that data is what is hashed
//! to know whether the artifact is up to date.

mod beside;
mod calendar;
mod device_files;
mod dns;
mod edge;
mod edge_state;
mod exposed;
mod exposure;
mod guide;
mod index;
mod lines;
mod pick_up;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use serde::Serialize;

pub(crate) use beside::HandedOut;
pub(crate) use calendar::{Calendar, Event};
pub(crate) use device_files::{
    AppleBrowserPolicy, AppleLabels, AppleProfile, ChromiumPolicy, CommonParts, DeviceFiles,
    Installer, Script, WindowsPolicy,
};
pub use device_files::{InstallerContext, RegistryValue};
pub(crate) use dns::{DnsFormat, DnsNames, DnsRecords, DnsView};
pub(crate) use edge::{Edge, Globals, Link, Pages, Sites};
pub(crate) use edge_state::{DeviceAccess, EdgeState};
pub(crate) use exposure::{
    ALL, CertificateGrant, Exposure, GatewayExposure, Guarded, LANDING, OpenFrom, Opening,
    PathExposure, UncheckedKind,
};
#[cfg(test)]
pub(crate) use guide::FileKind;
pub(crate) use guide::{DeviceFile, DevicePart, Guide, Guides, ServiceLink};
pub(crate) use index::{Index, Term};
#[cfg(test)]
pub(crate) use index::{IndexDevice, IndexOpening, IndexPerson, IndexService};
pub(crate) use pick_up::{PickUpPage, RENEW, Waiting};

use crate::lock::{Authority, Issued, Lock, State};
use crate::model::{DeviceId, Domain, Homelab, Service};
use crate::pki::{BundleProfile, Crl};
use crate::tree::{Mode, OutputPath};

/// An artifact to be, and what it is made from.
#[derive(Debug)]
pub(crate) struct Derivation {
    /// Where it stands in the output tree.
    pub path: OutputPath,
    pub mode: Mode,
    /// What it is made from.
    pub recipe: Recipe,
}

/// What an artifact is made from. Nothing secret is in it.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Recipe {
    Text {
        text: Cow<'static, str>,
    },
    /// Constant bytes that are no text.
    Bytes {
        #[serde(serialize_with = "as_base64")]
        bytes: Vec<u8>,
    },
    Bundle(Box<Bundle>),
    /// The Caddyfile, which imports the files beside it.
    Caddyfile {
        domain: Domain,
    },
    Globals(Box<Globals>),
    /// The policy.
    Sites(Box<Sites>),
    /// What visitors are shown in place of a service.
    Pages(Pages),
    /// Reminders of what is to be renewed.
    Calendar(Calendar),
    /// The report of what can be reached.
    Exposure(Arc<Exposure>),
    Guide(Guide),
    /// The page on which a device is handed its newer certificate.
    PickUpPage(Box<PickUpPage>),
    /// What the next build is compared with.
    EdgeState(EdgeState),
    Index(Index),
    /// A configuration profile for Apple's devices with the certificate in it.
    AppleProfile(Box<AppleProfile>),
    /// One that has Chrome and Edge on a Mac choose the certificate by themselves.
    AppleBrowserPolicy(AppleBrowserPolicy),
    /// The same for Chromium on Linux.
    ChromiumPolicy(ChromiumPolicy),
    /// The same for Chrome and Edge on Windows.
    WindowsPolicy(WindowsPolicy),
    /// A script that installs the certificate.
    Installer(Box<Installer>),
}

impl Recipe {
    /// The hash of the file that the root secret is sealed in, where the artifact is held against it. It
    /// is not what the artifact is made from: the same comes out of every file that holds the secret.
    pub(crate) fn sealed_root(&self) -> Option<blake3::Hash> {
        match self {
            Recipe::Bundle(bundle) => bundle.sealed_root,
            Recipe::AppleProfile(profile) => profile.bundle.sealed_root,
            _ => None,
        }
    }
}

/// Where it stands what an edge exposes, for the next build to compare with.
pub(crate) const EDGE_STATE: &str = "edge/exposure.json";

/// Where the revocation lists stand in PEM.
const CRL: &str = "edge/ca.crl";

/// Where the revocation lists stand: all of them in PEM, each in DER, which holds one: that of the
/// authority that signs under the plain name.
pub(crate) fn crl_paths(lock: &Lock) -> Vec<OutputPath> {
    let der: Vec<OutputPath> = lock
        .listing()
        .map(|authority| crl_path(lock, authority))
        .collect();
    let pem = (!der.is_empty()).then(|| path(CRL));
    pem.into_iter().chain(der).collect()
}

/// Those of [`crl_paths`] that are to be written anew when the lists that are stale have been signed.
pub(crate) fn unsigned_crl_paths(lock: &Lock) -> Vec<OutputPath> {
    let stale = lock.listing().filter(|a| lock.crl(a).is_none());
    let der: Vec<OutputPath> = stale.map(|authority| crl_path(lock, authority)).collect();
    let pem = (!der.is_empty()).then(|| path(CRL));
    pem.into_iter().chain(der).collect()
}

fn crl_path(lock: &Lock, authority: &Authority) -> OutputPath {
    match lock.signing() {
        Some(signing) if signing.id != authority.id => {
            path(&format!("edge/ca-{}.crl.der", authority.id.short()))
        }
        _ => path("edge/ca.crl.der"),
    }
}

/// What a device's .p12 is made from, apart from the root secret.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Bundle {
    /// The certificate, as the lock records it.
    #[serde(serialize_with = "as_recorded")]
    pub issued: Issued,
    #[serde(serialize_with = "as_word")]
    pub profile: BundleProfile,
    /// The name that the importing device shows.
    pub friendly_name: String,
    /// The hash of the file that the root secret is sealed in: see [`Recipe::sealed_root`].
    #[serde(skip)]
    pub sealed_root: Option<blake3::Hash>,
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
    let EdgeArtifacts {
        mut derivations,
        exposure,
    } = edge(homelab, lock, templates, sealed_root);
    let people = People::derive(homelab, lock, sealed_root);
    let index = Index::new(homelab, lock, exposure.as_deref(), &people.files);
    let ignored = Recipe::Text {
        text: Cow::Borrowed("# What is secret here stays out of git.\n*\n"),
    };
    let calendar = Recipe::Calendar(Calendar::new(homelab, lock));
    derivations.extend([
        public(path("index.html"), Recipe::Index(index)),
        public(path(".gitignore"), ignored),
        public(path("renewals.ics"), calendar),
    ]);
    derivations.extend(people.derivations);
    derivations.sort_by(|a, b| a.path.cmp(&b.path));
    derivations
}

fn public(path: OutputPath, recipe: Recipe) -> Derivation {
    Derivation {
        path,
        mode: Mode::Public,
        recipe,
    }
}

struct People<'h> {
    derivations: Vec<Derivation>,
    /// The files of each device that has a certificate.
    files: BTreeMap<&'h DeviceId, Arc<[DeviceFile]>>,
}

impl<'h> People<'h> {
    fn derive(homelab: &'h Homelab, lock: &Lock, sealed_root: Option<blake3::Hash>) -> People<'h> {
        let common = CommonParts::new(homelab, lock, sealed_root);
        let admitted = lock.admitted();
        let mut guides = Guides::new(homelab);
        let mut people = People {
            derivations: Vec::new(),
            files: BTreeMap::new(),
        };
        for person in homelab.people.values() {
            let hosts = common.asking(person);
            let mut parts = Vec::new();
            for device in person.devices.values() {
                let certificates = admitted.get(&device.id).map_or(&[][..], Vec::as_slice);
                let Some((issued, older)) = certificates
                    .split_first()
                    .filter(|(first, _)| first.state == State::Active)
                else {
                    continue;
                };
                let folder = DeviceFiles {
                    common: &common,
                    person,
                    device,
                    issued,
                    older,
                    hosts: &hosts,
                };
                let (files, derivations): (Vec<_>, Vec<_>) = folder.derive().unzip();
                let files: Arc<[DeviceFile]> = files.into();
                people.derivations.extend(derivations);
                people.files.insert(&device.id, Arc::clone(&files));
                let renew = &homelab.validity.renew;
                parts.push(DevicePart::new(device, issued, older, files, renew));
            }
            if !parts.is_empty() {
                let at = path(&format!("people/{}/guide.html", person.name));
                let guide = Recipe::Guide(guides.guide(person, parts));
                people.derivations.push(public(at, guide));
            }
        }
        people
    }
}

/// The artifacts below `edge/`, and what they expose.
#[derive(Default)]
pub(crate) struct EdgeArtifacts {
    /// Sorted by path.
    pub derivations: Vec<Derivation>,
    /// None before the first build.
    pub exposure: Option<Arc<Exposure>>,
}

/// The artifacts below `edge/`. They need no secret, but for newer certificates that wait for their devices. Those of [`crl_paths`] are left
/// out where one of the lock's lists is stale.
pub(crate) fn edge(
    homelab: &Homelab,
    lock: &Lock,
    templates: &[String],
    sealed_root: Option<blake3::Hash>,
) -> EdgeArtifacts {
    if lock.signing().is_none() {
        return EdgeArtifacts::default();
    }
    let edge = Edge::new(homelab, Some(lock));
    let exposure = Arc::new(Exposure::of(&edge, templates));
    let published = EdgeState::of(Arc::clone(&exposure), homelab, lock);
    let text = |of: fn(&Authority) -> String| lock.trusted().map(of).collect();
    let authorities = Recipe::Text {
        text: text(|authority| authority.certificate.pem()),
    };
    let domain = homelab.domain.clone();
    let mut derivations = vec![
        public(path("edge/Caddyfile"), Recipe::Caddyfile { domain }),
        public(path("edge/ca.pem"), authorities),
        public(path(EDGE_STATE), Recipe::EdgeState(published)),
        public(
            path("edge/exposure.md"),
            Recipe::Exposure(Arc::clone(&exposure)),
        ),
        public(
            path("edge/globals.caddyfile"),
            Recipe::Globals(Box::new(edge.globals)),
        ),
        public(path("edge/pages.caddyfile"), Recipe::Pages(edge.pages)),
        public(
            path("edge/sites.caddyfile"),
            Recipe::Sites(Box::new(edge.sites)),
        ),
    ];
    derivations.extend(pick_up::derive(homelab, lock, sealed_root));
    let lists: Option<Vec<Crl>> = lock
        .listing()
        .map(|authority| lock.crl(authority))
        .collect();
    if let Some(lists) = lists.filter(|lists| !lists.is_empty()) {
        let text = lists.iter().map(Crl::pem).collect();
        derivations.push(public(path(CRL), Recipe::Text { text }));
        for (authority, crl) in iter::zip(lock.listing(), lists) {
            let bytes = crl.der().to_vec();
            let at = crl_path(lock, authority);
            derivations.push(public(at, Recipe::Bytes { bytes }));
        }
    }
    derivations.sort_by(|a, b| a.path.cmp(&b.path));
    EdgeArtifacts {
        derivations,
        exposure: Some(exposure),
    }
}

/// Where a service is to be opened: at least one address.
fn addresses(service: &Service, edge: &crate::model::Edge) -> Vec<String> {
    let hosts = service.authorities(edge);
    hosts.map(|host| format!("https://{host}/")).collect()
}

/// The .p12's name. Android proposes it, up to its last dot, as the certificate's name.
fn bundle_file(id: &DeviceId) -> String {
    format!("{}.p12", id.common_name())
}

fn path(text: &str) -> OutputPath {
    OutputPath::new(text).expect("names are [a-z0-9-], and so are the paths made of them")
}

/// A certificate is what its fingerprint says; the rest of its line follows from that.
fn as_recorded<S: serde::Serializer>(issued: &Issued, serializer: S) -> Result<S::Ok, S::Error> {
    let Issued {
        device,
        id,
        fingerprint,
        ..
    } = issued;
    serializer.collect_str(&format_args!("{device} {id} {fingerprint}"))
}

fn as_base64<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&data_encoding::BASE64.encode_display(bytes))
}

fn as_word<S: serde::Serializer>(
    profile: &BundleProfile,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(profile)
}
