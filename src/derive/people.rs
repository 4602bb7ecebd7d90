//! The folders of people: a guide, a calendar, and the files of each device.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::device_files::{CommonParts, DeviceFiles};
use super::guide::{DeviceFile, DevicePart, Guides};
use super::standing::{KnownFolders, Premises, Recognized};
use super::{Derivation, PersonCalendar, Recipe, path};
use crate::lock::{Admitted, State};
use crate::model::{DeviceId, Person};

/// The folders of people who have a certificate.
pub(super) struct People<'h> {
    pub derivations: Vec<Derivation>,
    /// The files of each device that has a certificate.
    pub files: BTreeMap<&'h DeviceId, Arc<[DeviceFile]>>,
    /// What each folder follows from; empty where that was not asked for.
    pub premises: Premises,
}

impl<'h> People<'h> {
    pub(super) fn derive(
        common: &'h CommonParts<'h>,
        admitted: &'h Admitted<'_>,
        known: Option<KnownFolders<'_>>,
    ) -> People<'h> {
        let known = known.map(|known| Recognized::by(known, common));
        let people: Vec<&Person> = common.homelab().people.values().collect();
        let shares = 4 * rayon::current_num_threads();
        let folders = people.par_chunks(people.len().div_ceil(shares).max(1));
        // What guides say of services is held once in each share.
        let folders = folders.flat_map_iter(|people| {
            let mut guides = Guides::new(common);
            let folder = |person| {
                let folder = Folder::of(person, common, admitted);
                let look = |known: &Recognized<'_>| known.look(person, admitted);
                let (premises, standing) = known.as_ref().map(look).unzip();
                let standing = standing.flatten();
                let derivations = standing.unwrap_or_else(|| folder.derive(&mut guides));
                (folder, derivations, premises)
            };
            people.iter().copied().map(folder).collect::<Vec<_>>()
        });
        let folders: Vec<_> = folders.collect();
        let (mut all, mut files, mut by_person) = (Vec::new(), Vec::new(), Vec::new());
        for (folder, derivations, premises) in folders {
            all.extend(derivations);
            let devices = folder.devices.into_iter();
            files.extend(devices.map(|(device, files)| (&device.device.id, files)));
            by_person.extend(premises.map(|premises| (folder.person.name.clone(), premises)));
        }
        People {
            derivations: all,
            // All at once: in their order, as they are, none has to be looked up.
            files: files.into_iter().collect(),
            premises: by_person.into_iter().collect(),
        }
    }
}

/// The folder of a person; nothing is in it where no device has a certificate.
struct Folder<'h> {
    person: &'h Person,
    common: &'h CommonParts<'h>,
    /// The devices that have one, sorted by name, each with what stands in its folder.
    devices: Vec<(DeviceFiles<'h>, Arc<[DeviceFile]>)>,
}

impl<'h> Folder<'h> {
    fn of(
        person: &'h Person,
        common: &'h CommonParts<'h>,
        admitted: &'h Admitted<'_>,
    ) -> Folder<'h> {
        let hosts = common.asking(person);
        let devices = person.devices.values().filter_map(|device| {
            let (issued, older) = admitted.get(&device.id)?.split_first()?;
            let of_device = DeviceFiles {
                common,
                person,
                device,
                issued,
                older,
                hosts: hosts.clone(),
            };
            (issued.state == State::Active).then(|| {
                let files = of_device.files();
                (of_device, files)
            })
        });
        Folder {
            person,
            common,
            devices: devices.collect(),
        }
    }

    /// What is in it, sorted by path.
    fn derive(&self, guides: &mut Guides<'_, 'h>) -> Vec<Derivation> {
        let Folder {
            person,
            common,
            ref devices,
        } = *self;
        if devices.is_empty() {
            return Vec::new();
        }
        let homelab = common.homelab();
        let of_devices = devices.iter().flat_map(|(device, files)| {
            let files = files.iter();
            files.map(|file| device.derivation(file))
        });
        let mut derivations: Vec<Derivation> = of_devices.collect();
        let renew = &homelab.validity.renew;
        let parts = devices.iter().map(|(of_device, files)| {
            let DeviceFiles {
                device,
                issued,
                older,
                ..
            } = *of_device;
            DevicePart::new(device, issued, older, Arc::clone(files), renew)
        });
        let guide = Recipe::Guide(Box::new(guides.guide(person, parts.collect())));
        let certified: Vec<_> = { devices.iter() }
            .map(|(of_device, _)| (of_device.device, of_device.issued))
            .collect();
        let calendar = Box::new(PersonCalendar::new(homelab, person, &certified));
        let at = |name: &str| path(&format!("people/{}/{name}", person.name));
        derivations.extend([
            Derivation::public(at("calendar.ics"), Recipe::PersonCalendar(calendar)),
            Derivation::public(at("guide.html"), guide),
        ]);
        derivations.sort_by(|a, b| a.path.cmp(&b.path));
        derivations
    }
}
