//! The folders of people: a guide, a calendar, and the files of each device.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::device_files::{CommonParts, DeviceFiles};
use super::guide::{DeviceFile, DevicePart, Guides};
use super::{Derivation, PersonCalendar, Recipe, path};
use crate::lock::{Admitted, State};
use crate::model::{DeviceId, Person};

/// The folders of people who have a certificate.
pub(super) struct People<'h> {
    pub derivations: Vec<Derivation>,
    /// The files of each device that has a certificate.
    pub files: BTreeMap<&'h DeviceId, Arc<[DeviceFile]>>,
}

impl<'h> People<'h> {
    pub(super) fn derive(common: &CommonParts<'h>, admitted: &Admitted<'_>) -> People<'h> {
        let homelab = common.homelab();
        let people: Vec<&Person> = homelab.people.values().collect();
        let shares = 4 * rayon::current_num_threads();
        let folders = people.par_chunks(people.len().div_ceil(shares).max(1));
        // What guides say of services is held once in each share.
        let folders = folders.flat_map_iter(|people| {
            let mut guides = Guides::new(common);
            let folder = |person| Folder::derive(person, common, admitted, &mut guides);
            people.iter().copied().map(folder).collect::<Vec<_>>()
        });
        let folders: Vec<Folder<'h>> = folders.collect();
        let (mut derivations, mut files) = (Vec::new(), Vec::new());
        for folder in folders {
            derivations.extend(folder.derivations);
            files.extend(folder.files);
        }
        People {
            derivations,
            // All at once: in their order, as they are, none has to be looked up.
            files: files.into_iter().collect(),
        }
    }
}

/// The folder of a person; nothing is in it where no device has a certificate.
struct Folder<'h> {
    /// Sorted by path.
    derivations: Vec<Derivation>,
    files: Vec<(&'h DeviceId, Arc<[DeviceFile]>)>,
}

impl<'h> Folder<'h> {
    fn derive(
        person: &'h Person,
        common: &CommonParts<'h>,
        admitted: &Admitted<'_>,
        guides: &mut Guides<'_, 'h>,
    ) -> Folder<'h> {
        let homelab = common.homelab();
        let mut folder = Folder {
            derivations: Vec::new(),
            files: Vec::new(),
        };
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
            let of_device = DeviceFiles {
                common,
                person,
                device,
                issued,
                older,
                hosts: &hosts,
            };
            let (files, derivations): (Vec<_>, Vec<_>) = of_device.derive().unzip();
            let files: Arc<[DeviceFile]> = files.into();
            folder.derivations.extend(derivations);
            folder.files.push((&device.id, Arc::clone(&files)));
            let renew = &homelab.validity.renew;
            parts.push(DevicePart::new(device, issued, older, files, renew));
            certified.push((device, *issued));
        }
        if !parts.is_empty() {
            let at = |name: &str| path(&format!("people/{}/{name}", person.name));
            let guide = Recipe::Guide(Box::new(guides.guide(person, parts)));
            let calendar = Box::new(PersonCalendar::new(homelab, person, &certified));
            folder.derivations.extend([
                Derivation::public(at("calendar.ics"), Recipe::PersonCalendar(calendar)),
                Derivation::public(at("guide.html"), guide),
            ]);
        }
        folder.derivations.sort_by(|a, b| a.path.cmp(&b.path));
        folder
    }
}
