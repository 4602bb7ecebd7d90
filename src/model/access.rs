//! Who may reach a service, and what a visitor without a certificate meets.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::path::PublicPath;

/// Who may reach a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everyone, from anywhere, without a certificate.
    Everyone,
    /// Whoever is on the LAN, without a certificate; from outside only the public paths.
    Lan { public: Vec<PublicPath> },
    /// The devices of these people.
    Certificate(Allowed),
}

/// Who is let in by certificate, and what else is open beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The people whose devices are let in; groups are resolved into them. Never empty. Services that let in the same
    /// people have one set.
    pub people: Arc<BTreeSet<Name>>,
    /// Whether the LAN needs no certificate.
    pub lan: bool,
    pub public: Vec<PublicPath>,
    /// What the TLS handshake asks of a visitor.
    pub certificate: CertificateMode,
    /// Whether the upstream is told who came.
    pub identity: bool,
}

/// What the TLS handshake asks of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateMode {
    /// A certificate is asked for and verified if given; who has none meets the HTTP policy.
    Asked,
    /// Without a valid certificate there is no connection.
    Required,
}

impl fmt::Display for CertificateMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CertificateMode::Asked => "asked",
            CertificateMode::Required => "required",
        })
    }
}

impl Access {
    /// The paths that everyone may reach where not all of it is open, sorted.
    pub fn public(&self) -> &[PublicPath] {
        match self {
            Access::Everyone => &[],
            Access::Lan { public } => public,
            Access::Certificate(allowed) => &allowed.public,
        }
    }

    /// Whether the LAN is let in where not everybody is.
    pub fn is_open_at_home(&self) -> bool {
        match self {
            Access::Everyone => false,
            Access::Lan { .. } => true,
            Access::Certificate(allowed) => allowed.lan,
        }
    }

    /// Who is let in by certificate, where anybody is.
    pub fn allowed(&self) -> Option<&Allowed> {
        match self {
            Access::Certificate(allowed) => Some(allowed),
            Access::Everyone | Access::Lan { .. } => None,
        }
    }

    /// Whether a person may use the service from anywhere.
    pub fn admits(&self, person: &Name) -> Admission {
        match self {
            Access::Everyone => Admission::Everyone,
            Access::Lan { .. } => Admission::LanOnly,
            Access::Certificate(allowed) if allowed.people.contains(person) => {
                Admission::WithCertificate { lan: allowed.lan }
            }
            Access::Certificate(allowed) if allowed.lan => Admission::LanOnly,
            Access::Certificate(_) => Admission::Nowhere,
        }
    }
}

/// From where a person may use a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// From anywhere, as everyone.
    Everyone,
    /// At home, as everyone there.
    LanOnly,
    /// From anywhere with a certificate; at home without, where `lan`.
    WithCertificate {
        /// Whether the LAN needs no certificate.
        lan: bool,
    },
    Nowhere,
}
