//! People and their devices.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    DeviceId, DisplayName, Email, Enrolment, Language, LastDay, Lifetime, MadeKey, Name, Platform,
};
use crate::pki::Fingerprint;

/// Somebody who has devices.
#[derive(Debug)]
pub struct Person {
    /// The name that everything else refers to.
    pub name: Name,
    pub display_name: DisplayName,
    /// The person's address; it stands in the certificates.
    pub email: Email,
    /// The person's language, where the declaration says it.
    pub language: Option<Language>,
    /// The groups that the person is in.
    pub groups: BTreeSet<Name>,
    /// The person's devices, by name.
    pub devices: BTreeMap<Name, Device>,
    /// The hash of the statement that declares the person, with the devices.
    pub declared: blake3::Hash,
}

impl Person {
    /// In which language the person is told what is for nobody else.
    pub fn language(&self) -> Language {
        self.language.clone().unwrap_or_default()
    }
}

/// A device that has, or gets, a certificate of its own.
#[derive(Debug)]
pub struct Device {
    pub id: DeviceId,
    pub platform: Platform,
    /// The platform's major version, where the declaration says it.
    pub version: Option<u32>,
    /// How it comes by its certificate.
    pub enrolment: Enrolment,
    /// How long a certificate issued to it is valid.
    pub validity: Lifetime,
    /// The day with which its certificate ends at the latest; none where it is renewed as long as it is declared.
    pub until: Option<LastDay>,
}

impl Device {
    /// Whether its last day is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until.is_over(now))
    }

    /// When a certificate ends that is issued to it at a moment; none beyond the year 9999.
    pub fn end_from(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.validity.after(now)?;
        Some(self.until.map_or(end, |until| end.min(until.end())))
    }

    /// Its last day, where a certificate that ends then reaches it: no renewal makes it longer.
    pub fn last_day_of(&self, not_after: Timestamp) -> Option<LastDay> {
        self.until.filter(|until| not_after >= until.end())
    }

    /// The certificate that it has already, where nothing is issued to it.
    pub fn installed(&self) -> Option<&Fingerprint> {
        match &self.enrolment {
            Enrolment::Installed(fingerprint) => Some(fingerprint),
            Enrolment::Bundle(_) | Enrolment::Request(_) => None,
        }
    }

    /// The kind of key that is made for it; none where it has its own.
    pub fn made_key(&self) -> Option<MadeKey> {
        match self.enrolment {
            Enrolment::Bundle(kind) => Some(kind),
            Enrolment::Request(_) | Enrolment::Installed(_) => None,
        }
    }
}
