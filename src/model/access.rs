//! Who may reach a service, and what a visitor without a certificate meets.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::name::{DeviceId, Name};
use super::path::{Methods, PathPattern, PublicPath};
use super::sign_in::SignIn;

/// Who may reach a service, but for the paths that have a policy of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everyone, from anywhere, without a certificate.
    Everyone,
    /// Whoever is in one of these networks, without a certificate; from outside only the public paths.
    Networks {
        /// Empty only where a sign-in lets in whoever does.
        networks: BTreeSet<Network>,
        public: Vec<PublicPath>,
    },
    /// The devices of these people.
    Certificate(Allowed),
}

/// Who is let in by certificate, and what else is open beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Whose certificates count, and where; never empty.
    pub grants: Vec<Grant>,
    /// The networks that need no certificate.
    pub networks: BTreeSet<Network>,
    pub public: Vec<PublicPath>,
}

/// Certificates that count, and where they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The people whose devices are let in; groups are resolved into them. Services that let in the same
    /// people have one set.
    pub people: Arc<BTreeSet<Name>>,
    /// Single devices, of people who are not among them.
    pub devices: BTreeSet<DeviceId>,
    /// The networks in which they count; empty for everywhere.
    pub from: BTreeSet<Network>,
}

/// A network in which visitors may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    Lan,
    /// One that is declared by name.
    Named(Name),
}

impl Network {
    /// The word for the LAN, where networks are named.
    pub const LAN: &str = "lan";

    pub fn as_str(&self) -> &str {
        match self {
            Network::Lan => Network::LAN,
            Network::Named(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Another policy, for a path and for whatever any upstream could take for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPolicy {
    pub path: PathPattern,
    /// Whose certificates count.
    pub grants: Vec<Grant>,
    /// The networks that need no certificate.
    pub networks: BTreeSet<Network>,
    /// The methods that need nothing at all.
    pub everyone: Option<Opened>,
    /// Who may sign in, or has to.
    pub sign_in: Option<SignIn>,
}

/// The methods by which something is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    ByAll,
    By(Methods),
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

impl Grant {
    /// Whether some device of a person is let in by it.
    pub fn names(&self, person: &Name) -> bool {
        let mut devices = self.devices.iter();
        self.people.contains(person) || devices.any(|device| device.person == *person)
    }

    /// Whether a device is let in by it.
    pub fn names_device(&self, device: &DeviceId) -> bool {
        self.people.contains(&device.person) || self.devices.contains(device)
    }
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
            Access::Networks { public, .. } => public,
            Access::Certificate(allowed) => &allowed.public,
        }
    }

    /// The networks that are let in where not everybody is.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        let networks = match self {
            Access::Everyone => None,
            Access::Networks { networks, .. } => Some(networks),
            Access::Certificate(allowed) => Some(&allowed.networks),
        };
        networks.into_iter().flatten()
    }

    /// Whether the LAN is let in where not everybody is.
    pub fn is_open_at_home(&self) -> bool {
        self.networks().any(|network| *network == Network::Lan)
    }

    /// Who is let in by certificate, where anybody is.
    pub fn allowed(&self) -> Option<&Allowed> {
        match self {
            Access::Certificate(allowed) => Some(allowed),
            Access::Everyone | Access::Networks { .. } => None,
        }
    }

    /// Whose certificates count, and where.
    pub fn grants(&self) -> &[Grant] {
        self.allowed().map_or(&[], |allowed| &allowed.grants)
    }

    /// From where a person may use the service, with one of their devices.
    pub fn admits(&self, person: &Name) -> Admission {
        self.admits_whom(|grant| grant.names(person))
    }

    /// From where a device may use the service.
    pub fn admits_device(&self, device: &DeviceId) -> Admission {
        self.admits_whom(|grant| grant.names_device(device))
    }

    fn admits_whom(&self, is_named: impl Fn(&Grant) -> bool) -> Admission {
        if *self == Access::Everyone {
            return Admission::Everyone;
        }
        let lan = self.is_open_at_home();
        let named: Vec<&Grant> = self
            .grants()
            .iter()
            .filter(|grant| is_named(grant))
            .collect();
        match named.as_slice() {
            [] if lan => Admission::LanOnly,
            [] if self.networks().next().is_some() => Admission::InNetwork { certificate: false },
            [] => Admission::Nowhere,
            grants if grants.iter().any(|grant| grant.from.is_empty()) => {
                Admission::WithCertificate { lan }
            }
            _ => Admission::InNetwork { certificate: true },
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
    /// From anywhere, by signing in.
    BySignIn,
    /// In some network that is declared by name; or, with a certificate, in some network at all.
    InNetwork {
        /// Whether it takes a certificate.
        certificate: bool,
    },
    Nowhere,
}
