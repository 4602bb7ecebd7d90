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
#[cfg(test)]
pub(crate) use calendar::Tells;
pub(crate) use calendar::{Calendar, Event, PersonCalendar};
pub(crate) use device_files::{
    AppleBrowserPolicy, AppleLabels, AppleProfile, ChromiumPolicy, CommonParts, DeviceFiles,
    Installer, Script, WindowsPolicy,
};
pub use device_files::{InstallerContext, RegistryValue};
pub(crate) use dns::{DnsFormat, DnsHost, DnsNames, DnsRecords, DnsView};
pub(crate) use edge::{Edge, Globals, Known, LandingPages, Link, Pages, Sites};
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
pub(crate) use pick_up::{PickUpPage, RENEW, Waiting, renewed_at};

use crate::lock::{Authority, Issued, Lock, State};
use crate::model::{DeviceId, Domain, EdgePart, Homelab, Service};
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
    /// Those of one person, for that person.
    PersonCalendar(PersonCalendar),
    /// The report of what can be reached.
    Exposure(Arc<Exposure>),
    Guide(Guide),
    /// The page on which a device is handed its newer certificate.
    PickUpPage(Box<PickUpPage>),
    /// What the next build is compared with.
    EdgeState(Box<EdgeState>),
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
        exposures,
    } = edges(homelab, lock, templates, sealed_root);
    let people = People::derive(homelab, lock, sealed_root);
    let index = Index::new(homelab, lock, &exposures, &people.files);
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
            let (mut parts, mut certified) = (Vec::new(), Vec::new());
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
                certified.push((device, *issued));
            }
            if !parts.is_empty() {
                let at = |name: &str| path(&format!("people/{}/{name}", person.name));
                let guide = Recipe::Guide(guides.guide(person, parts));
                let calendar = PersonCalendar::new(homelab, person, &certified);
                people.derivations.extend([
                    public(at("calendar.ics"), Recipe::PersonCalendar(calendar)),
                    public(at("guide.html"), guide),
                ]);
            }
        }
        people
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
    if lock.signing().is_none() {
        return EdgeArtifacts::default();
    }
    let mut all = EdgeArtifacts::default();
    for part in homelab.edges() {
        let (derivations, exposure) = edge(part, lock, templates, sealed_root);
        all.derivations.extend(derivations);
        all.exposures.push(exposure);
    }
    all.derivations.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn edge(
    part: EdgePart<'_>,
    lock: &Lock,
    templates: &[String],
    sealed_root: Option<blake3::Hash>,
) -> (Vec<Derivation>, Arc<Exposure>) {
    let edge = Edge::new(part, Some(lock));
    let exposure = Arc::new(Exposure::of(&edge, templates));
    let published = EdgeState::of(Arc::clone(&exposure), part, lock);
    let directory = part.directory();
    let at = |file: &str| path(&format!("{directory}/{file}"));
    let text = |of: fn(&Authority) -> String| lock.trusted().map(of).collect();
    let authorities = Recipe::Text {
        text: text(|authority| authority.certificate.pem()),
    };
    let domain = part.homelab.domain.clone();
    let report = Recipe::Exposure(Arc::clone(&exposure));
    let mut derivations = vec![
        public(at("Caddyfile"), Recipe::Caddyfile { domain }),
        public(at("ca.pem"), authorities),
        public(at(EDGE_STATE), Recipe::EdgeState(Box::new(published))),
        public(at("exposure.md"), report),
        public(
            at("globals.caddyfile"),
            Recipe::Globals(Box::new(edge.globals)),
        ),
        public(at("pages.caddyfile"), Recipe::Pages(edge.pages)),
        public(at("sites.caddyfile"), Recipe::Sites(Box::new(edge.sites))),
    ];
    derivations.extend(pick_up::derive(part, lock, sealed_root));
    let lists: Option<Vec<Crl>> = lock
        .listing()
        .map(|authority| lock.crl(authority))
        .collect();
    if let Some(lists) = lists.filter(|lists| !lists.is_empty()) {
        let text = lists.iter().map(Crl::pem).collect();
        derivations.push(public(at(CRL), Recipe::Text { text }));
        for (authority, crl) in iter::zip(lock.listing(), lists) {
            let bytes = crl.der().to_vec();
            let at = at(&crl_file(lock, authority));
            derivations.push(public(at, Recipe::Bytes { bytes }));
        }
    }
    (derivations, exposure)
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
