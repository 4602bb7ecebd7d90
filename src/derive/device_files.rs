//! What stands in a device's folder: its .p12, and what saves its owner work with it, as data.
//!
//! Which files there are follows from the platform, and from whether any site asks this person for a
//! certificate. Nothing here holds a password; what holds the .p12 is as secret as that is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::guide::{DeviceFile, FileKind};
use super::once::Once;
use super::{Bundle, Derivation, Recipe, bundle_file, path};
use crate::lock::{Authority, Issued, Lock};
use crate::model::{Access, Admission, Device, Homelab, Person, Platform};
use crate::pki::{Certificate, SubjectAttribute};
use crate::root::IssuanceId;
use crate::tree::Mode;

/// Hosts, sorted. Devices that are asked at the same ones share them.
pub(super) type Hosts = Arc<[Arc<str>]>;

/// A configuration profile for Apple's devices with the certificate in it.
#[derive(Debug, Serialize)]
pub(crate) struct AppleProfile {
    /// The .p12 that it carries.
    pub bundle: Bundle,
    /// What the .p12 is called.
    pub bundle_file: String,
    /// What names it, and every text in it, to whoever installs it.
    pub labels: AppleLabels,
    /// The hosts that Safari is to show the certificate by itself: on a Mac.
    pub hosts: Hosts,
}

/// What a configuration profile says of itself.
#[derive(Debug, Serialize)]
pub(crate) struct AppleLabels {
    /// In reverse-domain style. It decides whether a profile is added or replaces another, so it is the
    /// same for every certificate of a device.
    pub identifier: String,
    pub domain: String,
    /// The certificate's common name.
    pub common_name: String,
    /// The person's name to show.
    pub display_name: String,
}

/// A configuration profile that has Chrome and Edge on a Mac choose the certificate by themselves.
#[derive(Debug, Serialize)]
pub(crate) struct AppleBrowserPolicy {
    /// What it says of itself.
    pub labels: AppleLabels,
    /// The entries of the policy.
    pub entries: Arc<[Arc<str>]>,
}

/// `AutoSelectCertificateForUrls` as a file of Chromium's on Linux.
#[derive(Debug, Serialize)]
pub(crate) struct ChromiumPolicy {
    /// The entries of the policy.
    #[serde(rename = "AutoSelectCertificateForUrls")]
    pub entries: Arc<[Arc<str>]>,
}

/// `AutoSelectCertificateForUrls` in the registry of Windows.
#[derive(Debug, Serialize)]
pub(crate) struct WindowsPolicy {
    /// The values, by name.
    pub values: Arc<[RegistryValue]>,
}

/// A value of a policy that is a list.
#[derive(Debug, Clone, Serialize)]
pub struct RegistryValue {
    /// A number: Chrome and Edge take no other. High, so that it meets nobody else's.
    pub name: u32,
    /// The entry.
    pub text: Arc<str>,
}

/// A script that installs a device's certificate.
#[derive(Debug, Serialize)]
pub(crate) struct Installer {
    /// For which platform.
    pub script: Script,
    /// What its template is given.
    pub context: InstallerContext,
}

/// For which platform a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Script {
    /// For a shell on Linux.
    Linux,
    /// For a shell on a Mac.
    Macos,
    /// For PowerShell on Windows.
    Windows,
}

/// What the template of a script is given.
#[derive(Debug, Serialize)]
pub struct InstallerContext {
    /// The domain, which is the organization in the certificate.
    pub domain: String,
    /// The certificate's common name.
    pub common_name: String,
    /// What the .p12 beside it is called.
    pub bundle: String,
    /// SHA-256 of the certificate, in hexadecimal pairs between colons.
    pub fingerprint: String,
    /// SHA-256 of the certificate, in capital hexadecimal.
    pub fingerprint_hex: String,
    /// The hosts that ask for a certificate, sorted.
    pub hosts: Hosts,
    /// What the browsers' policy beside it is called, where there is one.
    pub policy: Option<String>,
    /// The policy's values, for Windows.
    pub values: Arc<[RegistryValue]>,
}

impl Script {
    /// The name of its template.
    pub(crate) fn template(self) -> &'static str {
        match self {
            Script::Linux => "install/linux.sh.j2",
            Script::Macos => "install/macos.sh.j2",
            Script::Windows => "install/windows.ps1.j2",
        }
    }
}

/// The line that has Firefox choose the certificate by itself, with what is to be known of it.
const FIREFOX_PREFERENCE: &str = "\
// Firefox shows a certificate by itself wherever one is asked for, to any site that names its authority or none.
// For exactly your own sites there is no such setting: leave this out where you would rather be asked.
user_pref(\"security.default_personal_cert\", \"Select Automatically\");
";

/// What tells an authority's certificates from others in a policy: the name of an attribute, and its value.
type IssuerFilter = BTreeMap<&'static str, String>;

/// What the files of all devices are made from, and what many of them say alike, held once.
pub(crate) struct CommonParts<'p> {
    homelab: &'p Homelab,
    /// How each authority that is trusted is told in a policy.
    issuers: BTreeMap<IssuanceId, IssuerFilter>,
    sealed_root: Option<blake3::Hash>,
    /// The hosts of each service behind certificates.
    hosts: Vec<(&'p Access, Vec<Arc<str>>)>,
    lists: RefCell<Once<[Arc<str>]>>,
    entries: RefCell<Once<str>>,
    policies: RefCell<BTreeMap<(Hosts, Vec<IssuerFilter>), Policy>>,
}

/// The entries of a policy, and the same as values of the registry.
#[derive(Clone)]
struct Policy {
    entries: Arc<[Arc<str>]>,
    values: Arc<[RegistryValue]>,
}

impl<'p> CommonParts<'p> {
    /// Those of a homelab with this lock.
    pub(crate) fn new(
        homelab: &'p Homelab,
        lock: &Lock,
        sealed_root: Option<blake3::Hash>,
    ) -> CommonParts<'p> {
        let issuer = |authority: &Authority| {
            let told = authority.certificate.subject_attribute();
            (authority.id, issuer_filter(told))
        };
        let services = homelab.services.values();
        let guarded = services.filter(|s| matches!(s.access, Access::Certificate(_)));
        let hosts = guarded.map(|service| {
            let hosts = service.hosts.iter().map(|host| host.to_string().into());
            (&service.access, hosts.collect())
        });
        CommonParts {
            homelab,
            issuers: lock.trusted().map(issuer).collect(),
            sealed_root,
            hosts: hosts.collect(),
            lists: RefCell::new(Once::new()),
            entries: RefCell::new(Once::new()),
            policies: RefCell::default(),
        }
    }

    /// The hosts that ask this person for a certificate, sorted: those of services behind certificates
    /// that the person may use, be it at home only, and of the landing page.
    pub(crate) fn asking(&self, person: &Person) -> Hosts {
        let services = { self.hosts.iter() }
            .filter(|(access, _)| access.admits(&person.name) != Admission::Nowhere);
        let mut hosts: Vec<Arc<str>> = services.flat_map(|(_, hosts)| hosts.clone()).collect();
        if self.homelab.edge.landing {
            hosts.push(self.homelab.domain.to_string().into());
        }
        hosts.sort();
        hosts.dedup();
        self.lists.borrow_mut().the(hosts)
    }

    /// The policy for certificates of these issuers at these hosts.
    fn policy(&self, hosts: &Hosts, issuers: Vec<IssuerFilter>) -> Policy {
        let mut policies = self.policies.borrow_mut();
        let policy = policies.entry((Arc::clone(hosts), issuers));
        let made = policy.or_insert_with_key(|(hosts, issuers)| {
            let mut known = self.entries.borrow_mut();
            let texts = entries(hosts, issuers).map(|entry| known.the(entry));
            let entries: Arc<[Arc<str>]> = texts.collect();
            Policy {
                values: numbered(&entries),
                entries,
            }
        });
        made.clone()
    }
}

/// A device with the certificate that it has now, and all that its files are made from.
pub(crate) struct DeviceFiles<'p> {
    pub common: &'p CommonParts<'p>,
    /// Whose device it is.
    pub person: &'p Person,
    pub device: &'p Device,
    /// Its certificate.
    pub issued: &'p Issued,
    /// The older ones that are let in still.
    pub older: &'p [&'p Issued],
    /// The hosts that ask the person for a certificate.
    pub hosts: &'p Hosts,
}

impl DeviceFiles<'_> {
    /// What stands in the folder, the one to open first, each file with its derivation.
    pub(crate) fn derive(&self) -> impl Iterator<Item = (DeviceFile, Derivation)> {
        self.kinds().into_iter().map(|kind| {
            let name = self.name(kind);
            let derivation = self.derivation(kind, &name);
            (DeviceFile { name, kind }, derivation)
        })
    }

    fn kinds(&self) -> Vec<FileKind> {
        use FileKind::*;
        let first = match self.issued.own_key {
            Some(_) => Certificate,
            None => Bundle,
        };
        let mut kinds = vec![first];
        kinds.extend(match self.device.platform {
            Platform::Ios | Platform::Ipados => &[AppleProfile][..],
            Platform::Macos => &[
                AppleProfile,
                MacosInstaller,
                AppleBrowserPolicy,
                FirefoxPreference,
            ],
            Platform::Windows => &[WindowsInstaller, WindowsPolicy, FirefoxPreference],
            Platform::Linux => &[LinuxInstaller, ChromiumPolicy, FirefoxPreference],
            Platform::Firefox => &[FirefoxPreference],
            Platform::Android | Platform::Chromeos | Platform::Wearos | Platform::Other => &[],
        });
        if self.hosts.is_empty() {
            kinds.retain(|kind| !kind.saves_choosing());
        }
        // There is no key here to install.
        if self.issued.own_key.is_some() {
            kinds.retain(|kind| *kind == Certificate || kind.saves_choosing());
        }
        kinds
    }

    fn name(&self, kind: FileKind) -> String {
        let common_name = self.device.id.common_name();
        match kind {
            FileKind::Bundle => bundle_file(&self.device.id),
            FileKind::Certificate => format!("{common_name}.crt"),
            FileKind::AppleProfile => format!("{common_name}.mobileconfig"),
            FileKind::AppleBrowserPolicy => format!("{common_name}-browsers.mobileconfig"),
            FileKind::ChromiumPolicy => format!("{common_name}-browsers.json"),
            FileKind::WindowsPolicy => format!("{common_name}-browsers.reg"),
            FileKind::FirefoxPreference => String::from("user.js"),
            FileKind::LinuxInstaller | FileKind::MacosInstaller => String::from("install.sh"),
            FileKind::WindowsInstaller => String::from("install.ps1"),
        }
    }

    fn derivation(&self, kind: FileKind, name: &str) -> Derivation {
        let id = &self.device.id;
        let recipe = match kind {
            FileKind::Bundle => Recipe::Bundle(Box::new(self.bundle())),
            FileKind::Certificate => Recipe::Text {
                text: self.own_certificate(),
            },
            FileKind::AppleProfile => Recipe::AppleProfile(Box::new(AppleProfile {
                bundle: self.bundle(),
                bundle_file: bundle_file(&self.device.id),
                labels: self.labels(""),
                hosts: match self.device.platform {
                    Platform::Macos => Arc::clone(self.hosts),
                    _ => Arc::default(),
                },
            })),
            FileKind::AppleBrowserPolicy => Recipe::AppleBrowserPolicy(AppleBrowserPolicy {
                labels: self.labels(".browsers"),
                entries: self.policy().entries,
            }),
            FileKind::ChromiumPolicy => Recipe::ChromiumPolicy(ChromiumPolicy {
                entries: self.policy().entries,
            }),
            FileKind::WindowsPolicy => Recipe::WindowsPolicy(WindowsPolicy {
                values: self.policy().values,
            }),
            FileKind::FirefoxPreference => Recipe::Text {
                text: String::from(FIREFOX_PREFERENCE),
            },
            FileKind::LinuxInstaller => self.installer(Script::Linux, FileKind::ChromiumPolicy),
            FileKind::MacosInstaller => self.installer(Script::Macos, FileKind::AppleBrowserPolicy),
            FileKind::WindowsInstaller => self.installer(Script::Windows, FileKind::WindowsPolicy),
        };
        Derivation {
            path: path(&format!("people/{}/{}/{name}", id.person, id.device)),
            mode: if kind.holds_key() {
                Mode::Secret
            } else {
                Mode::Public
            },
            recipe,
        }
    }

    fn bundle(&self) -> Bundle {
        Bundle {
            issued: self.issued.clone(),
            profile: self.device.platform.bundle_profile(self.device.version),
            friendly_name: self.device.id.common_name(),
            sealed_root: self
                .common
                .sealed_root
                .map(|hash| hash.to_hex().to_string()),
        }
    }

    /// The certificate of a device that has made its key.
    fn own_certificate(&self) -> String {
        let own = self.issued.own_key.as_ref();
        own.map(Certificate::pem).unwrap_or_default()
    }

    fn labels(&self, suffix: &str) -> AppleLabels {
        let domain = self.common.homelab.domain.as_str();
        let reversed: Vec<&str> = domain.rsplit('.').collect();
        let id = &self.device.id;
        let (person, device) = (&id.person, &id.device);
        AppleLabels {
            identifier: format!("{}.devices.{person}.{device}{suffix}", reversed.join(".")),
            domain: domain.to_owned(),
            common_name: id.common_name(),
            display_name: self.person.display_name.to_string(),
        }
    }

    fn installer(&self, script: Script, policy: FileKind) -> Recipe {
        Recipe::Installer(Box::new(Installer {
            script,
            context: InstallerContext {
                domain: self.common.homelab.domain.to_string(),
                common_name: self.device.id.common_name(),
                bundle: bundle_file(&self.device.id),
                fingerprint: self.issued.fingerprint.in_pairs(":"),
                fingerprint_hex: self.issued.fingerprint.in_pairs(""),
                hosts: Arc::clone(self.hosts),
                policy: (!self.hosts.is_empty()).then(|| self.name(policy)),
                values: match script {
                    Script::Windows => self.policy().values,
                    Script::Linux | Script::Macos => Arc::default(),
                },
            },
        }))
    }

    fn policy(&self) -> Policy {
        let mut issuers: Vec<&IssuerFilter> = Vec::new();
        // Older and newer certificates may be of two authorities: each is to be found.
        for issued in std::iter::once(&self.issued).chain(self.older) {
            let issuer = self.common.issuers.get(&issued.authority);
            issuers.extend(issuer.filter(|issuer| !issuers.contains(issuer)));
        }
        let issuers = issuers.into_iter().cloned();
        self.common.policy(self.hosts, issuers.collect())
    }
}

/// An entry of `AutoSelectCertificateForUrls` for each host and issuer: entries for one host add up.
fn entries(hosts: &[Arc<str>], issuers: &[IssuerFilter]) -> impl Iterator<Item = String> {
    hosts.iter().flat_map(move |host| {
        let pattern = format!("https://{host}");
        issuers.iter().map(move |issuer| {
            let entry = Entry {
                pattern: pattern.clone(),
                filter: Filter { issuer },
            };
            serde_json::to_string(&entry).expect("texts with texts for keys are JSON")
        })
    })
}

/// An entry of `AutoSelectCertificateForUrls`.
#[derive(Serialize)]
struct Entry<'k> {
    pattern: String,
    filter: Filter<'k>,
}

#[derive(Serialize)]
struct Filter<'k> {
    #[serde(rename = "ISSUER")]
    issuer: &'k IssuerFilter,
}

/// What an issuer is told by: Chromium compares the common name, the organization, the organizational
/// unit and the locality. One that has none of them is told by nothing: then every certificate is taken
/// that the site says it takes.
fn issuer_filter(attribute: Option<SubjectAttribute>) -> IssuerFilter {
    let attribute = attribute.into_iter();
    attribute.map(|told| (told.name, told.value)).collect()
}

/// Entries as values of the registry, each under a number of its own that stays the same as long as the
/// entry does: applied twice it is there once, and what an administrator has numbered 1, 2, 3 stays.
fn numbered(entries: &[Arc<str>]) -> Arc<[RegistryValue]> {
    const FIRST: u32 = 1_000_000;
    const COUNT: u32 = 1_000_000_000;
    let mut values: BTreeMap<u32, &Arc<str>> = BTreeMap::new();
    for text in entries {
        let hash = blake3::hash(text.as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        let mut number = u32::from_be_bytes([a, b, c, d]) % COUNT;
        while values.contains_key(&(FIRST + number)) {
            number = (number + 1) % COUNT;
        }
        values.insert(FIRST + number, text);
    }
    let value = |(name, text): (u32, &Arc<str>)| RegistryValue {
        name,
        text: Arc::clone(text),
    };
    values.into_iter().map(value).collect()
}
