//! What a person's install guide says, as data.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::alike::Kind;
use super::device_files::CommonParts;
use super::pick_up::{is_fetched_by, renewed_at};
use crate::catalogue::{App, ClientKind};
use crate::dates::{self, Shown};
use crate::lock::{Issued, State};
use crate::model::{
    Admission, Device, DisplayName, Domain, Email, Homelab, Language, LastDay, Lifetime, MadeKey,
    Name, Person, Platform, Service,
};
use crate::once::Shared;
use crate::pki::Fingerprint;
use crate::status::due_from;

#[derive(Debug, Serialize)]
pub(crate) struct Guide {
    pub language: Language,
    pub domain: Domain,
    pub display_name: DisplayName,
    /// Whom to ask: the edge's address, where one is declared.
    pub admin: Option<Email>,
    /// Where newer certificates are fetched, without the scheme, where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<String>,
    /// The devices, sorted by name; at least one.
    pub devices: Vec<DevicePart>,
    /// The services that the person may use, sorted by name.
    pub services: Arc<[Shared<ServiceLink>]>,
    /// The scripts among the devices' files that fetch newer certificates by themselves.
    pub fetching: BTreeSet<FileKind>,
}

/// The part about one device.
#[derive(Debug, Serialize)]
pub(crate) struct DevicePart {
    pub name: Name,
    pub common_name: String,
    /// Its word names the template of its steps.
    pub platform: Platform,
    pub platform_title: &'static str,
    /// What stands in the device's folder, the one to open first.
    pub files: Arc<[DeviceFile]>,
    /// When it was issued, a day.
    pub issued: Shown,
    /// Until when it works, as [`dates::through`] says it.
    pub expires: Shown,
    /// From when on it is to be renewed.
    pub renew_from: Shown,
    /// Its last day, where it is not to be renewed beyond it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_day: Option<LastDay>,
    /// The certificates that it replaces and that go on working for a while, the newest first.
    pub older: Vec<OlderPart>,
    /// SHA-256 of the certificate, said in hexadecimal pairs as certificate viewers show it.
    #[serde(serialize_with = "in_pairs")]
    pub fingerprint: Fingerprint,
    /// Whether its key is of RSA and was made here. Left out where it is not, as it was before there was any.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rsa: bool,
}

fn in_pairs<S: Serializer>(fingerprint: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&fingerprint.in_pairs(":"))
}

/// A certificate that a device has a newer one of.
#[derive(Debug, Serialize)]
pub(crate) struct OlderPart {
    /// When it was issued, a day.
    pub issued: Shown,
    /// Until when it is let in, as [`dates::through`] says it of the time since the newer one.
    pub until: Shown,
}

/// A file in a device's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DeviceFile {
    pub name: Cow<'static, str>,
    /// What it is, which names what the guide says of it.
    pub kind: FileKind,
}

/// What a file in a device's folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileKind {
    Bundle,
    /// The certificate alone, of a key that the device has made.
    Certificate,
    /// A configuration profile for Apple's devices with the .p12 in it.
    AppleProfile,
    /// A configuration profile that has Chrome and Edge on a Mac choose the certificate by themselves.
    AppleBrowserPolicy,
    /// The same for Chromium and its kin on Linux: JSON, to be put where an administrator may write.
    ChromiumPolicy,
    /// The same for Chrome and Edge on Windows: values for the registry.
    WindowsPolicy,
    /// `user.js` for a profile of Firefox, which then chooses by itself.
    FirefoxPreference,
    LinuxInstaller,
    /// A script for a Mac.
    MacosInstaller,
    /// A script for PowerShell on Windows.
    WindowsInstaller,
}

impl FileKind {
    #[cfg(test)]
    pub(crate) const ALL: [FileKind; 10] = [
        FileKind::Bundle,
        FileKind::Certificate,
        FileKind::AppleProfile,
        FileKind::AppleBrowserPolicy,
        FileKind::ChromiumPolicy,
        FileKind::WindowsPolicy,
        FileKind::FirefoxPreference,
        FileKind::LinuxInstaller,
        FileKind::MacosInstaller,
        FileKind::WindowsInstaller,
    ];

    /// Whether the device's key is in such a file.
    pub(crate) fn holds_key(self) -> bool {
        matches!(self, FileKind::Bundle | FileKind::AppleProfile)
    }

    /// Whether such a file only saves choosing a certificate where a site asks for one.
    pub(crate) fn saves_choosing(self) -> bool {
        matches!(
            self,
            FileKind::AppleBrowserPolicy
                | FileKind::ChromiumPolicy
                | FileKind::WindowsPolicy
                | FileKind::FirefoxPreference
        )
    }
}

/// A service that the person may use.
#[derive(Debug, Serialize)]
pub(crate) struct ServiceLink {
    pub title: String,
    pub addresses: Vec<String>,
    /// Whether the certificate opens it from outside.
    pub with_certificate: bool,
    /// Whether it can be reached at home without one.
    pub at_home: bool,
    /// Whether everyone can reach it without one.
    pub everyone: bool,
    /// Whether it can be reached from some networks only.
    pub in_network: bool,
    /// Whether it can be reached from anywhere by who signs in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_sign_in: bool,
    /// What is known about the app's own clients.
    pub notes: Vec<String>,
}

impl DevicePart {
    /// The part about a device with this certificate in this file, beside these older ones that are
    /// let in still.
    pub(crate) fn new(
        device: &Device,
        issued: &Issued,
        older: &[&Issued],
        files: Arc<[DeviceFile]>,
        renew: &Lifetime,
    ) -> DevicePart {
        let begins = issued.validity.not_before();
        let older = older.iter().filter_map(|older| match older.state {
            State::Superseded { until } => Some(OlderPart {
                issued: dates::day(older.validity.not_before()),
                until: dates::through(begins, until.min(older.validity.not_after())),
            }),
            State::Active | State::Revoked { .. } | State::Blocked { .. } => None,
        });
        DevicePart {
            name: device.id.device.clone(),
            common_name: device.id.common_name(),
            platform: device.platform,
            platform_title: device.platform.title(),
            files,
            issued: dates::day(begins),
            expires: dates::through(begins, issued.validity.not_after()),
            renew_from: dates::day(due_from(&issued.validity, renew)),
            last_day: device.last_day_of(issued.validity.not_after()),
            older: older.collect(),
            fingerprint: issued.fingerprint,
            rsa: issued.made_key() == Some(MadeKey::Rsa),
        }
    }
}

/// The services that a guide names.
type Links = Arc<[Shared<ServiceLink>]>;

/// What the guides of all people are made from. What several of them say of a service is held once.
pub(crate) struct Guides<'c, 'h> {
    common: &'c CommonParts<'h>,
    links: BTreeMap<(&'h Name, Admission, Vec<Platform>), Shared<ServiceLink>>,
    services: BTreeMap<(Kind, Vec<Platform>), Links>,
}

impl<'c, 'h> Guides<'c, 'h> {
    /// Those of a homelab; none has been made.
    pub(crate) fn new(common: &'c CommonParts<'h>) -> Guides<'c, 'h> {
        Guides {
            common,
            links: BTreeMap::new(),
            services: BTreeMap::new(),
        }
    }

    /// The guide of a person with these devices.
    pub(crate) fn guide(&mut self, person: &Person, devices: Vec<DevicePart>) -> Guide {
        let homelab = self.common.homelab();
        Guide {
            language: person.language(),
            domain: homelab.domain.clone(),
            display_name: person.display_name.clone(),
            admin: homelab.email().cloned(),
            renewed_at: renewed_at(homelab),
            fetching: fetching(&devices, homelab),
            devices,
            services: self.services(person),
        }
    }

    /// The services that a person may use, as whoever is let in alike and has devices of the same platforms is told of them.
    fn services(&mut self, person: &Person) -> Links {
        let mut platforms: Vec<Platform> = person.devices.values().map(|d| d.platform).collect();
        platforms.sort();
        platforms.dedup();
        let key = (self.common.kind(person).clone(), platforms);
        if let Some(known) = self.services.get(&key) {
            return Arc::clone(known);
        }
        let homelab = self.common.homelab();
        let services = homelab.services.values();
        let services = services.filter_map(|service| {
            let admission = service.admits(&person.name);
            let platforms = match &service.app {
                Some(_) => key.1.clone(),
                None => Vec::new(),
            };
            let of_link = (&service.name, admission, platforms);
            if let Some(known) = self.links.get(&of_link) {
                return Some(known.clone());
            }
            let link = link(homelab, service, admission, &of_link.2)?;
            let link = Shared::from(Arc::new(link));
            self.links.insert(of_link, link.clone());
            Some(link)
        });
        let services: Links = services.collect();
        self.services.insert(key, Arc::clone(&services));
        services
    }
}

fn fetching(devices: &[DevicePart], homelab: &Homelab) -> BTreeSet<FileKind> {
    let files = devices.iter().flat_map(|device| device.files.iter());
    let kinds = files.map(|file| file.kind);
    kinds.filter(|kind| is_fetched_by(*kind, homelab)).collect()
}

/// What is said of a service to those who may use it so, from devices of these platforms.
fn link(
    homelab: &Homelab,
    service: &Service,
    admission: Admission,
    platforms: &[Platform],
) -> Option<ServiceLink> {
    let (with_certificate, at_home, everyone) = match admission {
        Admission::Nowhere => return None,
        Admission::Everyone => (false, false, true),
        Admission::LanOnly => (false, true, false),
        Admission::WithCertificate { lan } => (true, lan, false),
        Admission::InNetwork { certificate } => (certificate, false, false),
        Admission::BySignIn => (false, false, false),
    };
    let app = service.app.as_ref().filter(|_| with_certificate);
    let app = app.and_then(|name| homelab.catalogue.app(name.as_str()));
    Some(ServiceLink {
        title: service.title.clone(),
        addresses: super::addresses(service),
        with_certificate,
        at_home,
        everyone,
        by_sign_in: admission == Admission::BySignIn,
        in_network: matches!(admission, Admission::InNetwork { .. }),
        notes: app.map(|app| notes(app, platforms)).unwrap_or_default(),
    })
}

/// What is known about an app's own clients, as far as it concerns one of these platforms.
fn notes(app: &App, platforms: &[Platform]) -> Vec<String> {
    let concerns = |on: ClientKind| platforms.iter().any(|p| is_about(on, *p));
    let notes = app.clients.iter().map(|note| &note.value);
    let notes = notes.filter(|note| note.on.is_none_or(concerns));
    notes.map(|note| note.text.clone()).collect()
}

/// Whether what is said of a kind of device concerns a platform.
fn is_about(on: ClientKind, platform: Platform) -> bool {
    use Platform::{Android, Chromeos, Firefox, Ios, Ipados, Linux, Macos, Other, Wearos, Windows};
    match platform {
        Android => on == ClientKind::Android,
        Ios | Ipados => on == ClientKind::Ios,
        Wearos => on == ClientKind::WearOs,
        Macos | Windows | Linux | Chromeos | Firefox => on == ClientKind::Computers,
        Other => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_of_the_devices_that_they_have() {
        let app = crate::catalogue::app("home-assistant").unwrap();
        let said = |platform| notes(app, &[platform]).concat();
        assert!(said(Platform::Android).contains("Android:"));
        assert!(!said(Platform::Android).contains("iPhone"));
        assert!(said(Platform::Ipados).starts_with("iPhone and iPad:"));
        assert!(said(Platform::Other).contains("Android:"));
        assert!(said(Platform::Other).contains("Wear OS:"));
    }
}
