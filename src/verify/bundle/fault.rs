//! What can be wrong with a bundle, or worth knowing of it.

use jiff::Timestamp;
use thiserror::Error;

use crate::dates;
use crate::model::DeviceId;
use crate::pki::{BundleProfile, OpenError};

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum BundleFault {
    #[error(transparent)]
    CannotOpen(OpenError),
    #[error("it does not open with the password of {device}: {source}")]
    OtherPassword { device: DeviceId, source: OpenError },
    #[error("its password cannot be derived: homelab.age lacks the secret that it was made with")]
    NoPassword,

    #[error("it holds {0} keys, not one")]
    Keys(usize),
    #[error("it holds no certificate")]
    NoCertificate,
    #[error("its key is not one of P-256, P-384 or RSA from 2048 to 4096 bits")]
    KeyKind,
    #[error("its key is not the one of its certificate")]
    OtherKey,
    #[error(
        "key and certificate have no localKeyID in common, and Apple's importers pair them by nothing else"
    )]
    NoLocalKeyId,
    #[error("it holds {0} certificates, not one: importers may offer to trust the others")]
    Certificates(usize),

    #[error("its certificate is valid from {} on, {}", dates::moment(*from), dates::relative(*from, *now))]
    NotYetValid { from: Timestamp, now: Timestamp },
    #[error("its certificate ended on {}, {}", dates::moment(*at), dates::relative(*at, *now))]
    Expired { at: Timestamp, now: Timestamp },
    #[error("its certificate has dates that cannot be read")]
    NoDates,
    #[error("its certificate is not signed by `{0}`")]
    NotSignedBy(String),
    #[error("`{0}` has a key of a kind whose signatures are not verified here")]
    CannotVerify(String),
    /// Not as a client's leaf is written here.
    #[error("its certificate {0}")]
    Leaf(String),

    #[error(
        "homelab.lock does not record its certificate, though `{0}` has signed it: it is let in nowhere"
    )]
    Unrecorded(String),
    #[error("{0} is not declared with it any more: it is let in nowhere")]
    Removed(DeviceId),
    #[error("its certificate is not of this homelab")]
    Foreign,
    #[error("{device} has a newer certificate; this one is let in until {}", dates::moment(*until))]
    Superseded { device: DeviceId, until: Timestamp },
    #[error("its certificate was shut out on {}, and is let in nowhere", dates::moment(*since))]
    Revoked { since: Timestamp },
    #[error("its authority `{0}` is not trusted any more")]
    RetiredAuthority(String),
    #[error("{0} is not declared any more")]
    Undeclared(DeviceId),
    #[error("its certificate is not the one that homelab.lock records for the device")]
    OtherCertificate,

    #[error("it has no MAC, and importers refuse it")]
    NoMac,
    #[error("its key is not encrypted by itself, and Apple's importers pass over it")]
    BareKey,
    #[error("it is neither `compat` nor `modern`, but {0}: some importers may refuse it")]
    NoProfile(String),
    #[error("it is `{found}`, and the device's platform wants `{wanted}`")]
    OtherProfile {
        found: BundleProfile,
        wanted: BundleProfile,
    },
    /// What every importer takes does no harm.
    #[error("it is `compat`, and the device's platform wants `{0}`, but takes both")]
    CompatInstead(BundleProfile),
}
