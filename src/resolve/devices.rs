//! The devices of people.

use std::collections::BTreeMap;

use super::enrolment::Fingerprints;
use super::settings::Validity;
use super::{Resolver, meant};
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{Device, DeviceId, LastDay, Name, Platform};
use crate::parse::declaration::{DeviceLine, Text};
use crate::source::{Span, Spanned};

/// What one device has and no other may have.
#[derive(Default)]
pub(super) struct Taken {
    common_names: BTreeMap<String, (DeviceId, Span)>,
    fingerprints: Fingerprints,
}

/// RFC 5280 appendix A: a common name has at most 64 characters (ub-common-name).
const COMMON_NAME_LIMIT: usize = 64;

impl Resolver<'_> {
    /// Resolves a device; `names` are its person's and its own, where they are good.
    pub(super) fn device(
        &mut self,
        line: &DeviceLine,
        names: Option<(Name, Name)>,
        policy: &Validity,
        taken: &mut Taken,
    ) -> Option<Device> {
        let id = names.map(|(person, device)| DeviceId { person, device });
        if let Some(id) = &id {
            self.refuse_bad_common_name(id, line.name.span, taken);
        }
        let enrolment = self.enrolment(line, &mut taken.fingerprints);
        let platform = self.platform(line);
        let version = match (&line.version, platform) {
            (Some(version), Some(platform)) => self.version(version, platform),
            _ => None,
        };
        let until = match &line.until {
            Some(written) => Some(self.last_day(written)?),
            None => None,
        };
        let validity = match &line.validity {
            Some(written) => {
                let validity = self.lifetime(written)?;
                self.refuse_outliving(policy, &validity, written.span);
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
            until,
        })
    }

    fn refuse_bad_common_name(&mut self, id: &DeviceId, span: Span, taken: &mut Taken) {
        let common_name = id.common_name();
        let length = common_name.len();
        if length > COMMON_NAME_LIMIT {
            self.refuse(mistake!(
                "resolve::common-name-too-long",
                "`{common_name}` is too long for the name of a certificate",
                at(span, "{length} characters with the person's name"),
                help("shorten the person's name or the device's: together with the hyphen they may have 64 characters"),
            ));
            return;
        }
        let Some((other, first)) = taken.common_names.get(&common_name) else {
            taken.common_names.insert(common_name, (id.clone(), span));
            return;
        };
        self.refuse(mistake!(
            "resolve::same-common-name",
            "`{other}` and `{id}` would both be called `{common_name}`",
            at(span, "this device"),
            at(*first, "and this one"),
            help("rename one of the devices: people choose certificates by that name"),
        ));
    }

    fn last_day(&mut self, written: &Text) -> Option<LastDay> {
        self.read(written, LastDay::new, |text, why| {
            let help = match meant::last_day(text) {
                Some(meant) => format!("write `until=\"{meant}\"`"),
                None => "write the last day, year first, such as `until=\"2026-12-27\"`".into(),
            };
            mistake!(
                "resolve::bad-until",
                "`{text}` is no last day",
                at(written.span, "{why}"),
                help(help),
            )
        })
    }

    fn platform(&mut self, line: &DeviceLine) -> Option<Platform> {
        let words = Platform::ALL.iter().map(|platform| platform.as_str());
        if let Some(written) = &line.platform {
            return self.know(written, Platform::from_word, |word| {
                let help = match meant::platform(word) {
                    Some(platform) => format!("write `platform=\"{}\"`", platform.as_str()),
                    None => did_you_mean(word, words),
                };
                mistake!(
                    "resolve::unknown-platform",
                    "there is no platform `{word}`",
                    at(written.span, "not known"),
                    help(help),
                )
            });
        }
        if line.csr.is_some() || line.fingerprint.is_some() {
            // It makes a difference for a .p12, and these get none.
            return Some(Platform::Other);
        }
        let device = &line.name.value;
        let known: Vec<String> = words.map(|word| format!("`{word}`")).collect();
        let known = known.join(", ");
        self.refuse_absence(mistake!(
            "resolve::no-platform",
            "the device `{device}` says no platform",
            at(line.name.span, "which platform?"),
            help("add `platform=\"android\"`, or one of {known}; `other` gets a file that everything reads"),
        ));
        None
    }

    fn version(&mut self, written: &Spanned<i128>, platform: Platform) -> Option<u32> {
        let help = match platform.versions() {
            None => "remove `version`: it makes no difference on this platform".into(),
            Some(known) => {
                let version = u32::try_from(written.value).ok();
                if let Some(version) = version.filter(|version| known.contains(version)) {
                    return Some(version);
                }
                let (first, last) = known.into_inner();
                format!("write its major version, {first} to {last}")
            }
        };
        let (platform, version) = (platform.as_str(), written.value);
        self.refuse(mistake!(
            "resolve::bad-version",
            "{platform} has no version {version} here",
            at(written.span, "not known"),
            help(help),
        ));
        None
    }
}
