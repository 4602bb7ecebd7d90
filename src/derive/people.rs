//! The folders of people: a guide, a calendar, and the files of each device.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::device_files::{CommonParts, DeviceFiles};
use super::guide::{DeviceFile, DevicePart, Guides};
use super::{Derivation, PersonCalendar, Recipe, path};
use crate::lock::{Lock, State};
use crate::model::DeviceId;

/// The folders of people who have a certificate.
pub(super) struct People<'h> {
    pub derivations: Vec<Derivation>,
    /// The files of each device that has a certificate.
    pub files: BTreeMap<&'h DeviceId, Arc<[DeviceFile]>>,
}

impl<'h> People<'h> {
    pub(super) fn derive(common: &CommonParts<'h>, lock: &Lock) -> People<'h> {
        let homelab = common.homelab();
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
                    common,
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
                    Derivation::public(at("calendar.ics"), Recipe::PersonCalendar(calendar)),
                    Derivation::public(at("guide.html"), guide),
                ]);
            }
        }
        people
    }
}
