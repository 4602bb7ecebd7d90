//! What the files of a device say, as data.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::derive::Bundle;
use crate::model::{DisplayName, Domain, Language};
use crate::once::Shared;

/// Hosts, sorted. Devices that are asked at the same ones share them.
pub(crate) type Hosts = Shared<[Arc<str>]>;

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
    pub domain: Domain,
    pub common_name: String,
    /// The person's name to show.
    pub display_name: DisplayName,
}

/// A configuration profile that has Chrome and Edge on a Mac choose the certificate by themselves.
#[derive(Debug, Serialize)]
pub(crate) struct AppleBrowserPolicy {
    /// What it says of itself.
    pub labels: AppleLabels,
    /// The entries of the policy.
    pub entries: Shared<[Arc<str>]>,
}

/// `AutoSelectCertificateForUrls` as a file of Chromium's on Linux.
#[derive(Debug, Serialize)]
pub(crate) struct ChromiumPolicy {
    /// The entries of the policy.
    #[serde(rename = "AutoSelectCertificateForUrls")]
    pub entries: Shared<[Arc<str>]>,
}

/// `AutoSelectCertificateForUrls` in the registry of Windows.
#[derive(Debug, Serialize)]
pub(crate) struct WindowsPolicy {
    /// The values, by name.
    pub values: Shared<[RegistryValue]>,
}

/// A value of a policy that is a list.
#[derive(Debug, Clone, Serialize)]
pub struct RegistryValue {
    /// A number: Chrome and Edge take no other. High, so that it meets nobody else's.
    pub name: u32,
    pub text: Arc<str>,
}

/// A script that installs a device's certificate.
#[derive(Debug, Serialize)]
pub(crate) struct Installer {
    pub script: Script,
    /// In which it speaks.
    pub language: Language,
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
    pub common_name: String,
    /// What the .p12 beside it is called.
    pub bundle: String,
    /// SHA-256 of the certificate, in hexadecimal pairs between colons.
    pub fingerprint: String,
    /// SHA-256 of the certificate, in capital hexadecimal.
    pub fingerprint_hex: String,
    /// The beginning of its time, in figures: `20270503120000`, in UTC.
    pub issued: String,
    /// The hosts that ask for a certificate, sorted.
    pub hosts: Hosts,
    /// What the browsers' policy beside it is called, where there is one.
    pub policy: Option<Cow<'static, str>>,
    /// The policy's values, for Windows.
    pub values: Shared<[RegistryValue]>,
    /// How it fetches a newer certificate, where that is handed out.
    pub fetched: Option<Fetched>,
}

/// Where a newer certificate is fetched, and by whom it is signed.
#[derive(Debug, Serialize)]
pub struct Fetched {
    pub at: String,
    /// DER in base64.
    pub authorities: Arc<[String]>,
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
