//! People, their devices and their groups.

use std::collections::{BTreeMap, BTreeSet};

use super::Mistake;
use super::enrolment::{Fingerprints, enrolment};
use super::names::{Declared, each_once};
use super::settings::{Validity, lifetime};
use crate::diagnostic::did_you_mean;
use crate::model::{
    Device, DeviceId, DisplayName, Domain, Email, Language, Name, Person, Platform,
};
use crate::parse::declaration::{DeviceLine, GroupLine, PersonBlock, Text};
use crate::source::{Span, Spanned};

/// Everybody who is declared, and the groups they are in.
pub struct People {
    /// The people, by name.
    pub people: BTreeMap<Name, Person>,
    /// The members of each group.
    pub groups: BTreeMap<Name, BTreeSet<Name>>,
    person_names: Declared,
    group_names: Declared,
}

impl People {
    /// Resolves `allow "family" "alice"` to people.
    pub fn members(&self, list: &[Text], mistakes: &mut Vec<Mistake>) -> BTreeSet<Name> {
        let mut members = BTreeSet::new();
        for item in each_once(list, mistakes) {
            let name = Name::new(&item.value).ok();
            if let Some(group) = name.as_ref().and_then(|name| self.groups.get(name)) {
                merge(&mut members, group);
            } else if self.person_names.place(&item.value).is_some() {
                members.extend(name);
            } else if self.group_names.place(&item.value).is_none() {
                let known = self.person_names.names().chain(self.group_names.names());
                mistakes.push(Mistake::UnknownMember {
                    name: item.value.clone(),
                    span: item.span,
                    help: did_you_mean(&item.value, known),
                });
            }
        }
        members
    }
}

/// The first group, which mostly is the only one, is taken over whole: that is quick.
fn merge(members: &mut BTreeSet<Name>, group: &BTreeSet<Name>) {
    match members.is_empty() {
        true => members.clone_from(group),
        false => members.extend(group.iter().cloned()),
    }
}

/// Resolves people and groups.
pub fn people(
    blocks: &[PersonBlock],
    groups: &[GroupLine],
    domain: Option<&Domain>,
    validity: &Validity,
    languages: &[Language],
    mistakes: &mut Vec<Mistake>,
) -> People {
    let mut resolved = People {
        people: BTreeMap::new(),
        groups: BTreeMap::new(),
        person_names: Declared::new("person"),
        group_names: Declared::new("group"),
    };
    let mut taken = Taken::default();
    for block in blocks {
        let declared = resolved.person_names.declare(&block.name, mistakes);
        let person = person(
            block, declared, domain, validity, languages, &mut taken, mistakes,
        );
        if let Some(person) = person {
            resolved.people.insert(person.name.clone(), person);
        }
    }
    for line in groups {
        group(line, &mut resolved, mistakes);
    }
    resolved
}

/// What one device has and no other may have.
#[derive(Default)]
struct Taken {
    common_names: BTreeMap<String, (DeviceId, Span)>,
    fingerprints: Fingerprints,
}

fn person(
    block: &PersonBlock,
    name: Option<Name>,
    domain: Option<&Domain>,
    validity: &Validity,
    languages: &[Language],
    taken: &mut Taken,
    mistakes: &mut Vec<Mistake>,
) -> Option<Person> {
    let display_name = match &block.display_name {
        Some(written) => display_name(written, mistakes),
        // A bad name that stands in as the name to show has been reported as a name.
        None => DisplayName::new(&block.name.value).ok(),
    };
    let email = match &block.email {
        Some(written) => email(written, mistakes),
        None => name
            .as_ref()
            .zip(domain)
            .and_then(|(name, domain)| Email::new(&format!("{name}@{domain}")).ok()),
    };
    let language = match &block.language {
        Some(written) => language(written, languages, mistakes),
        None => Some(Language::default()),
    };
    let mut device_names = Declared::new("device");
    let mut devices = BTreeMap::new();
    for line in &block.devices {
        let declared = device_names.declare(&line.name, mistakes);
        let id = name.clone().zip(declared);
        let id = id.map(|(person, device)| DeviceId { person, device });
        if let Some(id) = &id {
            check_common_name(id, line.name.span, &mut taken.common_names, mistakes);
        }
        let device = device(line, id, validity, &mut taken.fingerprints, mistakes);
        devices.extend(device.map(|device| (device.id.device.clone(), device)));
    }
    Some(Person {
        name: name?,
        display_name: display_name?,
        email: email?,
        language: language?,
        groups: BTreeSet::new(),
        devices,
    })
}

/// Reads a name to show.
pub fn display_name(written: &Text, mistakes: &mut Vec<Mistake>) -> Option<DisplayName> {
    DisplayName::new(&written.value)
        .map_err(|why| {
            mistakes.push(Mistake::BadDisplayName {
                written: written.value.clone(),
                why,
                span: written.span,
            });
        })
        .ok()
}

fn language(
    written: &Text,
    languages: &[Language],
    mistakes: &mut Vec<Mistake>,
) -> Option<Language> {
    let known = languages
        .iter()
        .find(|known| known.as_str() == written.value);
    if known.is_none() {
        let tags = languages.iter().map(Language::as_str);
        let meant = did_you_mean(&written.value, tags);
        let help = match Language::new(&written.value) {
            Some(tag) if meant.ends_with('?') => {
                format!("{meant} Or add it: `templates/messages/{tag}.kdl`")
            }
            Some(tag) => format!("{meant}; or add it: `templates/messages/{tag}.kdl`"),
            None => meant,
        };
        mistakes.push(Mistake::UnknownLanguage {
            written: written.value.clone(),
            span: written.span,
            help,
        });
    }
    known.cloned()
}

/// RFC 5280 appendix A: a common name has at most 64 characters (ub-common-name).
const COMMON_NAME_LIMIT: usize = 64;

fn check_common_name(
    id: &DeviceId,
    span: Span,
    taken: &mut BTreeMap<String, (DeviceId, Span)>,
    mistakes: &mut Vec<Mistake>,
) {
    let common_name = id.common_name();
    if common_name.len() > COMMON_NAME_LIMIT {
        mistakes.push(Mistake::CommonNameTooLong { common_name, span });
        return;
    }
    if let Some((other, first)) = taken.get(&common_name) {
        mistakes.push(Mistake::SameCommonName {
            one: other.to_string(),
            other: id.to_string(),
            common_name,
            span,
            first: *first,
        });
        return;
    }
    taken.insert(common_name, (id.clone(), span));
}

fn device(
    line: &DeviceLine,
    id: Option<DeviceId>,
    policy: &Validity,
    fingerprints: &mut Fingerprints,
    mistakes: &mut Vec<Mistake>,
) -> Option<Device> {
    let enrolment = enrolment(line, fingerprints, mistakes);
    let platform = platform(line, mistakes);
    let version = match (&line.version, platform) {
        (Some(version), Some(platform)) => self::version(version, platform, mistakes),
        _ => None,
    };
    let validity = match &line.validity {
        Some(written) => {
            let validity = lifetime(written, mistakes)?;
            policy.refuse_outliving(&validity, written.span, mistakes);
            validity
        }
        None => policy.device.clone()?,
    };
    Some(Device {
        id: id?,
        platform: platform?,
        version,
        enrolment: enrolment?,
        validity,
    })
}

fn platform(line: &DeviceLine, mistakes: &mut Vec<Mistake>) -> Option<Platform> {
    let words = Platform::ALL.iter().map(|platform| platform.as_str());
    let Some(written) = &line.platform else {
        if line.csr.is_some() || line.fingerprint.is_some() {
            // It makes a difference for a .p12, and these get none.
            return Some(Platform::Other);
        }
        let quoted: Vec<String> = words.map(|word| format!("`{word}`")).collect();
        mistakes.push(Mistake::NoPlatform {
            device: line.name.value.clone(),
            known: quoted.join(", "),
            span: line.name.span,
        });
        return None;
    };
    let platform = Platform::from_word(&written.value);
    if platform.is_none() {
        mistakes.push(Mistake::UnknownPlatform {
            written: written.value.clone(),
            span: written.span,
            help: did_you_mean(&written.value, words),
        });
    }
    platform
}

fn version(
    written: &Spanned<i128>,
    platform: Platform,
    mistakes: &mut Vec<Mistake>,
) -> Option<u32> {
    let help = match platform.versions() {
        None => String::from("remove `version`: it makes no difference on this platform"),
        Some(known) => {
            let version = u32::try_from(written.value).ok();
            if let Some(version) = version.filter(|version| known.contains(version)) {
                return Some(version);
            }
            format!(
                "write its major version, {} to {}",
                known.start(),
                known.end()
            )
        }
    };
    mistakes.push(Mistake::BadVersion {
        platform: platform.as_str(),
        version: written.value,
        span: written.span,
        help,
    });
    None
}

fn group(line: &GroupLine, resolved: &mut People, mistakes: &mut Vec<Mistake>) {
    let Some(name) = resolved.group_names.declare(&line.name, mistakes) else {
        return;
    };
    if let Some(first) = resolved.person_names.place(name.as_str()) {
        mistakes.push(Mistake::AmbiguousName {
            name: name.to_string(),
            span: line.name.span,
            first,
        });
    }
    let mut members = BTreeSet::new();
    for item in each_once(&line.members, mistakes) {
        if resolved.person_names.place(&item.value).is_none() {
            let help = match resolved.group_names.place(&item.value) {
                Some(_) => String::from("list the people: a group cannot hold another"),
                None => did_you_mean(&item.value, resolved.person_names.names()),
            };
            mistakes.push(Mistake::UnknownPerson {
                name: item.value.clone(),
                span: item.span,
                help,
            });
            continue;
        }
        let person = Name::new(&item.value).expect("a declared person's name is a name");
        if let Some(person) = resolved.people.get_mut(&person) {
            person.groups.insert(name.clone());
        }
        members.insert(person);
    }
    resolved.groups.insert(name, members);
}

/// An address that certificates and Caddyfiles take as it is.
pub fn email(written: &Text, mistakes: &mut Vec<Mistake>) -> Option<Email> {
    Email::new(&written.value)
        .map_err(|why| {
            mistakes.push(Mistake::BadEmail {
                written: written.value.clone(),
                why,
                span: written.span,
            });
        })
        .ok()
}
