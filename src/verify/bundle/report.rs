//! What is told of a bundle: whose it is, and the fields of its certificate.

use std::fmt::{self, Display};

use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::super::Finding;
use crate::dates;
use crate::lock::State;
use crate::model::{DeviceId, Platform};
use crate::pki::{BundleProfile, Certificate, Fingerprint, Validity};

/// What a bundle turned out to be.
#[derive(Debug, Serialize)]
pub(crate) struct BundleReport {
    pub file: String,
    pub of: WhoseFile,
    /// None where it has no certificate.
    pub certificate: Option<CertificateReport>,
    pub protection: String,
    #[serde(serialize_with = "profile_word")]
    pub profile: Option<BundleProfile>,
    /// What the device runs, where it is declared.
    #[serde(serialize_with = "platform_word")]
    pub platform: Option<Platform>,
    /// The profile that the device's platform wants.
    #[serde(serialize_with = "profile_word")]
    pub wanted: Option<BundleProfile>,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "known", rename_all = "kebab-case")]
pub(crate) enum WhoseFile {
    /// The lock records its certificate.
    Recorded(Recorded),
    /// The declaration has its fingerprint: it was on the device already.
    Declared {
        #[serde(serialize_with = "as_text")]
        device: DeviceId,
    },
    /// It was declared by its fingerprint once.
    Removed {
        #[serde(serialize_with = "as_text")]
        device: DeviceId,
        /// Since when it is not; none where the lock has not learnt it yet.
        since: Option<Timestamp>,
    },
    /// One of the lock's authorities has signed it, and the lock does not record it.
    Unrecorded { authority: String },
    /// This homelab does not know it.
    Unknown,
    /// There is no homelab to ask.
    NoHomelab,
}

/// A certificate that the lock records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub device: DeviceId,
    pub state: State,
}

#[derive(Debug, Serialize)]
pub(crate) struct CertificateReport {
    pub subject: String,
    pub issuer: String,
    pub serial: String,
    pub fingerprint: Fingerprint,
    pub emails: Vec<String>,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
}

impl BundleReport {
    /// From when to when its certificate is valid; none where it does not say.
    pub(crate) fn valid(&self, now: Timestamp) -> Option<String> {
        let certificate = self.certificate.as_ref()?;
        let (from, until) = (certificate.not_before?, certificate.not_after?);
        let from = dates::moment(from);
        if until == Validity::NO_END {
            return Some(format!("from {from} on, without an end"));
        }
        let hour = match self.of {
            WhoseFile::Recorded(_) => {
                "; certificates begin an hour before they are issued, for servers whose clocks are late"
            }
            _ => "",
        };
        let (until, when) = (dates::moment(until), dates::relative(until, now));
        Some(format!("{from} to {until}, ends {when}{hour}"))
    }
}

impl Display for WhoseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhoseFile::Recorded(recorded) => recorded.fmt(f),
            WhoseFile::Declared { device } => write!(f, "{device}, which is declared to have it"),
            WhoseFile::Removed { device, since } => match since {
                Some(since) => write!(f, "{device}, removed since {}", dates::moment(*since)),
                None => write!(f, "{device}, removed"),
            },
            WhoseFile::Unrecorded { authority } => {
                write!(f, "unknown, though `{authority}` signed it")
            }
            WhoseFile::Unknown => f.write_str("unknown to this homelab"),
            WhoseFile::NoHomelab => f.write_str("not known here: there is no homelab.lock"),
        }
    }
}

impl Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.device, self.word())?;
        match self.state {
            State::Active => Ok(()),
            State::Superseded { until } => write!(f, ", let in until {}", dates::moment(until)),
            State::Revoked { since } | State::Blocked { since } => {
                write!(f, " since {}", dates::moment(since))
            }
        }
    }
}

impl Recorded {
    /// The state as the lock file has it.
    pub(crate) fn word(&self) -> &'static str {
        match self.state {
            State::Active => "active",
            State::Superseded { .. } => "replaced",
            State::Revoked { .. } => "retired",
            State::Blocked { .. } => "barred",
        }
    }

    /// Until when, or since when, where the state has that.
    fn moment(&self) -> Option<Timestamp> {
        match self.state {
            State::Active => None,
            State::Superseded { until } => Some(until),
            State::Revoked { since } | State::Blocked { since } => Some(since),
        }
    }
}

impl Serialize for Recorded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut recorded = serializer.serialize_struct("Recorded", 3)?;
        recorded.serialize_field("device", &format_args!("{}", self.device))?;
        recorded.serialize_field("state", self.word())?;
        recorded.serialize_field("moment", &self.moment())?;
        recorded.end()
    }
}

impl CertificateReport {
    pub(super) fn of(certificate: &Certificate) -> CertificateReport {
        let fields = certificate.fields();
        CertificateReport {
            subject: fields.subject,
            issuer: fields.issuer,
            serial: fields.serial,
            fingerprint: certificate.fingerprint(),
            emails: fields.emails,
            not_before: fields.not_before,
            not_after: fields.not_after,
        }
    }
}

fn as_text<S: Serializer>(device: &DeviceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(device)
}

fn profile_word<S: Serializer>(
    profile: &Option<BundleProfile>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    profile.map(BundleProfile::as_str).serialize(serializer)
}

fn platform_word<S: Serializer>(
    platform: &Option<Platform>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    platform.map(Platform::as_str).serialize(serializer)
}
