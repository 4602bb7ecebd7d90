//! The folders of people: a guide, a calendar, and the files of each device.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::device_files::{CommonParts, DeviceFiles, Hosts};
use super::guide::{DeviceFile, DevicePart, Guides};
use super::standing::{CommonPremises, KnownFolders, Premises};
use super::{Derivation, PersonCalendar, Recipe, path};
use crate::lock::{Admitted, Issued, State};
use crate::model::{Device, DeviceId, Person};

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
        common: &CommonParts<'h>,
        admitted: &Admitted<'_>,
        known: Option<KnownFolders<'_>>,
    ) -> People<'h> {
        let homelab = common.homelab();
        let known = known.map(|known| (CommonPremises::of(common, &known.means), known));
        let people: Vec<&Person> = homelab.people.values().collect();
        let shares = 4 * rayon::current_num_threads();
        let folders = people.par_chunks(people.len().div_ceil(shares).max(1));
        // What guides say of services is held once in each share.
        let folders = folders.flat_map_iter(|people| {
            let mut guides = Guides::new(common);
            let folder = |person| {
                let folder = Folder::of(person, common, admitted);
                let premises = known
                    .as_ref()
                    .map(|(common, _)| common.of_person(person, admitted));
                let standing = known.as_ref().zip(premises);
                let standing =
                    standing.and_then(|((_, known), premises)| known.of(person, &premises));
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
            files.extend(devices.map(|certified| (&certified.device.id, certified.files)));
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
struct Folder<'h, 'c> {
    person: &'h Person,
    common: &'c CommonParts<'h>,
    /// The hosts that ask the person for a certificate.
    hosts: Hosts,
    /// The devices that have one, sorted by name.
    devices: Vec<Certified<'h, 'c>>,
}

/// A device with its certificates.
struct Certified<'h, 'c> {
    device: &'h Device,
    issued: &'c Issued,
    /// The older ones that are let in still.
    older: &'c [&'c Issued],
    files: Arc<[DeviceFile]>,
}

impl<'h, 'c> Folder<'h, 'c> {
    fn of(
        person: &'h Person,
        common: &'c CommonParts<'h>,
        admitted: &'c Admitted<'_>,
    ) -> Folder<'h, 'c> {
        let hosts = common.asking(person);
        let devices = person.devices.values().filter_map(|device| {
            let (issued, older) = admitted.get(&device.id)?.split_first()?;
            let of_device = DeviceFiles {
                common,
                person,
                device,
                issued,
                older,
                hosts: &hosts,
            };
            (issued.state == State::Active).then(|| Certified {
                device,
                issued,
                older,
                files: of_device.files(),
            })
        });
        Folder {
            devices: devices.collect(),
            person,
            common,
            hosts,
        }
    }

    /// What is in it, sorted by path.
    fn derive(&self, guides: &mut Guides<'_, 'h>) -> Vec<Derivation> {
        let Folder {
            person,
            common,
            ref hosts,
            ref devices,
        } = *self;
        if devices.is_empty() {
            return Vec::new();
        }
        let homelab = common.homelab();
        let of_devices = devices.iter().flat_map(|certified| {
            let of_device = DeviceFiles {
                common,
                person,
                device: certified.device,
                issued: certified.issued,
                older: certified.older,
                hosts,
            };
            let files = certified.files.iter();
            files.map(move |file| of_device.derivation(file))
        });
        let mut derivations: Vec<Derivation> = of_devices.collect();
        let parts = devices.iter().map(|certified| {
            let Certified {
                device,
                issued,
                older,
                files,
            } = certified;
            let renew = &homelab.validity.renew;
            DevicePart::new(device, issued, older, Arc::clone(files), renew)
        });
        let guide = Recipe::Guide(Box::new(guides.guide(person, parts.collect())));
        let certified: Vec<_> = { devices.iter() }
            .map(|certified| (certified.device, certified.issued))
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
