//! Newer certificates that wait for their devices: what lies below `edge/pick-up/`, as data. It is there only while the older ones are let in,
//! and holds keys and passwords: nothing else below `edge/` does.

use serde::Serialize;

use super::device_files::{CommonParts, DeviceFiles, fetched_file};
use super::guide::{DeviceFile, DevicePart, FileKind};
use super::{Derivation, Recipe, as_recorded, path};
use crate::lock::{Issued, Lock, State};
use crate::model::{
    Device, DisplayName, Domain, Edge, EdgePart, Email, Homelab, Language, OldestTls, Person,
};
use crate::tree::Mode;

/// Where the files lie, below `edge/` and below the root that is declared.
pub(crate) const PICK_UP: &str = "pick-up";

/// Where they are fetched, at the domain's own site.
pub(crate) const RENEW: &str = "/renew";

/// Whether a script of that kind fetches newer certificates. On a Mac it does not where TLS 1.2 is refused: what of a Mac's own can show a
/// certificate of its keychain speaks no newer one (`templates/install/macos.sh.j2`).
pub(super) fn is_fetched_by(kind: FileKind, homelab: &Homelab) -> bool {
    picked_up_at(homelab).is_some_and(|edge| match kind {
        FileKind::LinuxInstaller | FileKind::WindowsInstaller => true,
        FileKind::MacosInstaller => edge.oldest_tls != OldestTls::V13,
        _ => false,
    })
}

/// The edge at which newer certificates are fetched, where there is one.
fn picked_up_at(homelab: &Homelab) -> Option<&Edge> {
    let mut edges = homelab.edges.iter().map(|edge| &**edge);
    edges.find(|edge| edge.pick_up.is_some())
}

/// Where newer certificates are fetched, without the scheme; none where they are not.
pub(crate) fn renewed_at(homelab: &Homelab) -> Option<String> {
    let edge = picked_up_at(homelab)?;
    Some(format!("{}{RENEW}", edge.port.of(&homelab.domain)))
}

/// The name of the page beside a device's file.
pub(crate) const PAGE: &str = "page.html";

/// A device of which a newer certificate waits.
pub(crate) struct Waiting<'l> {
    pub person: &'l Person,
    pub device: &'l Device,
    pub newer: &'l Issued,
    /// Those that are let in beside it; at least one.
    pub older: Vec<&'l Issued>,
}

impl<'l> Waiting<'l> {
    /// Every device that waits, sorted by owner and name: none where nothing is handed out.
    pub(crate) fn all(homelab: &'l Homelab, lock: &'l Lock) -> Vec<Waiting<'l>> {
        if !homelab.edges.iter().any(|edge| edge.pick_up.is_some()) {
            return Vec::new();
        }
        let mut admitted = lock.admitted();
        let waiting = homelab.enrolled().filter_map(|(person, device)| {
            let mut older = admitted.remove(&device.id)?;
            let newer = older.remove(0);
            let waits = newer.state == State::Active && !older.is_empty();
            waits.then_some(Waiting {
                person,
                device,
                newer,
                older,
            })
        });
        waiting.collect()
    }

    /// The name of its directory: of each certificate another, so that nothing that was there before is ever another's.
    pub(crate) fn folder(&self) -> String {
        let mut name = self.newer.fingerprint.to_string();
        name.truncate(32);
        name
    }

    /// The file that it is handed.
    pub(crate) fn file(&self) -> DeviceFile {
        fetched_file(self.device, self.newer)
    }

    /// Its file and its page.
    fn derive(&self, edge: &str, common: &CommonParts<'_>) -> [Derivation; 2] {
        let Waiting {
            person,
            device,
            newer,
            ..
        } = *self;
        let files = DeviceFiles {
            common,
            person,
            device,
            issued: newer,
            older: &self.older,
            hosts: common.asking(person),
        };
        let file = self.file();
        let recipe = files.fetched(&file);
        let at = |name: &str| path(&format!("{edge}/{PICK_UP}/{}/{name}", self.folder()));
        let page = PickUpPage {
            language: person.language(),
            domain: common.homelab().domain.clone(),
            display_name: person.display_name.clone(),
            admin: common.homelab().email().cloned(),
            renewed_at: renewed_at(common.homelab()),
            device: DevicePart::new(
                device,
                newer,
                &self.older,
                [file.clone()].into(),
                &common.homelab().validity.renew,
            ),
            issued: newer.clone(),
        };
        [
            Derivation::new(at(&file.name), Mode::Group, recipe),
            Derivation::new(at(PAGE), Mode::Group, Recipe::PickUpPage(Box::new(page))),
        ]
    }
}

/// What an edge hands to all devices that wait: the one that does so.
pub(super) fn derive(part: EdgePart<'_>, common: &CommonParts<'_>, lock: &Lock) -> Vec<Derivation> {
    if part.settings.pick_up.is_none() {
        return Vec::new();
    }
    let waiting = Waiting::all(part.homelab, lock);
    if waiting.is_empty() {
        return Vec::new();
    }
    let edge = part.directory();
    let derivations = waiting
        .iter()
        .flat_map(|waiting| waiting.derive(&edge, common));
    derivations.collect()
}

/// The page on which a device is handed its newer certificate. The password stands on it, which is derived when it is rendered.
#[derive(Debug, Serialize)]
pub(crate) struct PickUpPage {
    pub language: Language,
    pub domain: Domain,
    pub display_name: DisplayName,
    /// Whom to ask: the edge's address, where one is declared.
    pub admin: Option<Email>,
    /// Where the page is, without the scheme.
    pub renewed_at: Option<String>,
    /// With the one file.
    pub device: DevicePart,
    #[serde(serialize_with = "as_recorded")]
    pub issued: Issued,
}

impl PickUpPage {
    /// Whether a password stands on it: the certificate alone has none.
    pub(crate) fn has_password(&self) -> bool {
        self.issued.own_key.is_none()
    }
}
