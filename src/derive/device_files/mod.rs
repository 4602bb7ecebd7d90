//! What stands in a device's folder: its .p12, and what saves its owner work with it, as data.
//!
//! Which files there are follows from the platform, and from whether any site asks this person for a
//! certificate. Nothing here holds a password; what holds the .p12 is as secret as that is.

mod content;
mod policy;

use std::borrow::Cow;
use std::sync::Arc;

use super::guide::{DeviceFile, FileKind};
use super::pick_up::{is_fetched_by, renewed_at};
use super::{Bundle, Derivation, Recipe, bundle_file, path};
use crate::dates::figures;
use crate::lock::Issued;
use crate::model::{Device, Person, Platform};
use crate::pki::Certificate;
use crate::tree::Mode;

use content::Fetched;
pub(super) use content::Hosts;
pub(crate) use content::{
    AppleBrowserPolicy, AppleLabels, AppleProfile, ChromiumPolicy, Installer, Script, WindowsPolicy,
};
pub use content::{InstallerContext, RegistryValue};
pub(crate) use policy::CommonParts;
use policy::{IssuerFilter, Policy};

/// The line that has Firefox choose the certificate by itself, with what is to be known of it.
const FIREFOX_PREFERENCE: &str = "\
// Firefox shows a certificate by itself wherever one is asked for, to any site that names its authority or none.
// For exactly your own sites there is no such setting: leave this out where you would rather be asked.
user_pref(\"security.default_personal_cert\", \"Select Automatically\");
";

/// A device with the certificate that it has now, and all that its files are made from.
pub(crate) struct DeviceFiles<'p> {
    pub common: &'p CommonParts<'p>,
    pub person: &'p Person,
    pub device: &'p Device,
    pub issued: &'p Issued,
    /// The older ones that are let in still.
    pub older: &'p [&'p Issued],
    /// The hosts that ask the person for a certificate.
    pub hosts: Hosts,
}

impl DeviceFiles<'_> {
    /// What stands in the folder, the one to open first.
    pub(crate) fn files(&self) -> Arc<[DeviceFile]> {
        let files = self.kinds().into_iter().map(|kind| DeviceFile {
            name: name(self.device, kind),
            kind,
        });
        files.collect()
    }

    /// What the one file is made from with which a newer certificate is installed.
    pub(crate) fn fetched(&self, file: &DeviceFile) -> Recipe {
        self.derivation(file).recipe
    }

    fn kinds(&self) -> Vec<FileKind> {
        use FileKind::*;
        let mut kinds = match self.device.platform {
            // The form that the settings of Apple's devices take.
            Platform::Ios | Platform::Ipados => vec![AppleProfile, Bundle],
            Platform::Macos => vec![
                AppleProfile,
                Bundle,
                MacosInstaller,
                AppleBrowserPolicy,
                FirefoxPreference,
            ],
            Platform::Windows => vec![Bundle, WindowsInstaller, WindowsPolicy, FirefoxPreference],
            Platform::Linux => vec![Bundle, LinuxInstaller, ChromiumPolicy, FirefoxPreference],
            Platform::Firefox => vec![Bundle, FirefoxPreference],
            Platform::Android | Platform::Chromeos | Platform::Wearos | Platform::Other => {
                vec![Bundle]
            }
        };
        if self.hosts.is_empty() {
            kinds.retain(|kind| !kind.saves_choosing());
        }
        // There is no key here to install.
        if self.issued.own_key.is_some() {
            kinds.retain(|kind| kind.saves_choosing());
            kinds.insert(0, Certificate);
        }
        kinds
    }

    /// One of those files.
    pub(crate) fn derivation(&self, DeviceFile { name, kind }: &DeviceFile) -> Derivation {
        let kind = *kind;
        let id = &self.device.id;
        let recipe = match kind {
            FileKind::Bundle => Recipe::Bundle(Box::new(self.bundle())),
            FileKind::Certificate => Recipe::Text {
                text: Cow::Owned(self.own_certificate()),
            },
            FileKind::AppleProfile => Recipe::AppleProfile(Box::new(AppleProfile {
                bundle: self.bundle(),
                bundle_file: bundle_file(&self.device.id),
                labels: self.labels(""),
                hosts: match self.device.platform {
                    Platform::Macos => self.hosts.clone(),
                    _ => Hosts::from([]),
                },
            })),
            FileKind::AppleBrowserPolicy => {
                Recipe::AppleBrowserPolicy(Box::new(AppleBrowserPolicy {
                    labels: self.labels(".browsers"),
                    entries: self.policy().entries,
                }))
            }
            FileKind::ChromiumPolicy => Recipe::ChromiumPolicy(ChromiumPolicy {
                entries: self.policy().entries,
            }),
            FileKind::WindowsPolicy => Recipe::WindowsPolicy(WindowsPolicy {
                values: self.policy().values,
            }),
            FileKind::FirefoxPreference => Recipe::Text {
                text: Cow::Borrowed(FIREFOX_PREFERENCE),
            },
            FileKind::LinuxInstaller => {
                self.installer(kind, Script::Linux, FileKind::ChromiumPolicy)
            }
            FileKind::MacosInstaller => {
                self.installer(kind, Script::Macos, FileKind::AppleBrowserPolicy)
            }
            FileKind::WindowsInstaller => {
                self.installer(kind, Script::Windows, FileKind::WindowsPolicy)
            }
        };
        let path = path(&["people", id.person.as_str(), id.device.as_str(), name].join("/"));
        let mode = if kind.holds_key() {
            Mode::Secret
        } else {
            Mode::Public
        };
        Derivation::new(path, mode, recipe)
    }

    fn bundle(&self) -> Bundle {
        Bundle {
            issued: self.issued.clone(),
            profile: self.device.platform.bundle_profile(self.device.version),
            friendly_name: self.device.id.common_name(),
            sealed_root: self.common.sealed_root,
        }
    }

    /// The certificate of a device that has made its key.
    fn own_certificate(&self) -> String {
        let own = self.issued.own_key.as_ref();
        own.map(Certificate::pem).unwrap_or_default()
    }

    fn labels(&self, suffix: &str) -> AppleLabels {
        let domain = &self.common.homelab.domain;
        let reversed: Vec<&str> = domain.as_str().rsplit('.').collect();
        let id = &self.device.id;
        let (person, device) = (&id.person, &id.device);
        AppleLabels {
            identifier: format!("{}.devices.{person}.{device}{suffix}", reversed.join(".")),
            domain: domain.clone(),
            common_name: id.common_name(),
            display_name: self.person.display_name.clone(),
        }
    }

    fn installer(&self, kind: FileKind, script: Script, policy: FileKind) -> Recipe {
        Recipe::Installer(Box::new(Installer {
            script,
            language: self.person.language(),
            context: InstallerContext {
                domain: self.common.homelab.domain.to_string(),
                common_name: self.device.id.common_name(),
                bundle: bundle_file(&self.device.id),
                fingerprint: self.issued.fingerprint.in_pairs(":"),
                fingerprint_hex: self.issued.fingerprint.in_pairs(""),
                issued: figures(self.issued.validity.not_before()).to_string(),
                hosts: self.hosts.clone(),
                policy: (!self.hosts.is_empty()).then(|| name(self.device, policy)),
                values: match script {
                    Script::Windows => self.policy().values,
                    Script::Linux | Script::Macos => [].into(),
                },
                fetched: self.fetched_by(kind),
            },
        }))
    }

    fn fetched_by(&self, kind: FileKind) -> Option<Fetched> {
        let homelab = self.common.homelab;
        let at = renewed_at(homelab).filter(|_| is_fetched_by(kind, homelab))?;
        Some(Fetched {
            at: format!("https://{at}"),
            authorities: Arc::clone(&self.common.authorities),
        })
    }

    fn policy(&self) -> Policy {
        let mut issuers: Vec<&IssuerFilter> = Vec::new();
        // Older and newer certificates may be of two authorities: each is to be found.
        for issued in std::iter::once(&self.issued).chain(self.older) {
            let issuer = self.common.issuers.get(&issued.authority);
            issuers.extend(issuer.filter(|issuer| !issuers.contains(issuer)));
        }
        let issuers = issuers.into_iter().cloned();
        self.common.policy(&self.hosts, issuers.collect())
    }
}

/// The one file with which a newer certificate is installed: what the platform's own way takes.
pub(crate) fn fetched_file(device: &Device, issued: &Issued) -> DeviceFile {
    let kind = match device.platform {
        _ if issued.own_key.is_some() => FileKind::Certificate,
        Platform::Ios | Platform::Ipados | Platform::Macos => FileKind::AppleProfile,
        _ => FileKind::Bundle,
    };
    let name = name(device, kind);
    DeviceFile { name, kind }
}

fn name(device: &Device, kind: FileKind) -> Cow<'static, str> {
    let of_device = |end| Cow::Owned(device.id.common_name() + end);
    match kind {
        FileKind::Bundle => Cow::Owned(bundle_file(&device.id)),
        FileKind::Certificate => of_device(".crt"),
        FileKind::AppleProfile => of_device(".mobileconfig"),
        FileKind::AppleBrowserPolicy => of_device("-browsers.mobileconfig"),
        FileKind::ChromiumPolicy => of_device("-browsers.json"),
        FileKind::WindowsPolicy => of_device("-browsers.reg"),
        FileKind::FirefoxPreference => Cow::Borrowed("user.js"),
        FileKind::LinuxInstaller | FileKind::MacosInstaller => Cow::Borrowed("install.sh"),
        FileKind::WindowsInstaller => Cow::Borrowed("install.ps1"),
    }
}
