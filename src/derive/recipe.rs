//! What artifacts are made from, as data.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::{
    AppleBrowserPolicy, AppleProfile, Calendar, ChromiumPolicy, EdgeState, Exposure, Globals,
    Guide, Index, Installer, Pages, PersonCalendar, PickUpPage, Sites, WindowsPolicy,
};
use crate::lock::Issued;
use crate::model::Domain;
use crate::pki::BundleProfile;
use crate::tree::{Mode, OutputPath};

/// An artifact to be, and what it is made from.
#[derive(Debug)]
pub(crate) struct Derivation {
    /// Where it stands in the output tree.
    pub path: OutputPath,
    pub mode: Mode,
    /// What it is made from.
    pub recipe: Recipe,
    /// The hash of path and recipe, from the first question whether it is stale on: a large home's recipes are megabytes.
    pub hash: OnceLock<blake3::Hash>,
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
    Pages(Box<Pages>),
    /// Reminders of what is to be renewed.
    Calendar(Calendar),
    /// Those of one person, for that person.
    PersonCalendar(Box<PersonCalendar>),
    /// The report of what can be reached.
    Exposure(Arc<Exposure>),
    Guide(Box<Guide>),
    /// The page on which a device is handed its newer certificate.
    PickUpPage(Box<PickUpPage>),
    /// What the next build is compared with.
    EdgeState(Box<EdgeState>),
    Index(Box<Index>),
    /// A configuration profile for Apple's devices with the certificate in it.
    AppleProfile(Box<AppleProfile>),
    /// One that has Chrome and Edge on a Mac choose the certificate by themselves.
    AppleBrowserPolicy(Box<AppleBrowserPolicy>),
    /// The same for Chromium on Linux.
    ChromiumPolicy(ChromiumPolicy),
    /// The same for Chrome and Edge on Windows.
    WindowsPolicy(WindowsPolicy),
    /// A script that installs the certificate.
    Installer(Box<Installer>),
    /// That of an artifact that stands as it was made, and of which nothing has changed that it is made from: nobody asks what that is.
    Standing,
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

impl Derivation {
    /// Of what everybody may read who reads the tree.
    pub(super) fn public(path: OutputPath, recipe: Recipe) -> Derivation {
        Derivation::new(path, Mode::Public, recipe)
    }

    pub(crate) fn new(path: OutputPath, mode: Mode, recipe: Recipe) -> Derivation {
        Derivation {
            path,
            mode,
            recipe,
            hash: OnceLock::new(),
        }
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

/// A certificate is what its fingerprint says; the rest of its line follows from that.
pub(super) fn as_recorded<S: serde::Serializer>(
    issued: &Issued,
    serializer: S,
) -> Result<S::Ok, S::Error> {
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
