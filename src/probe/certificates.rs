//! The certificates that are tried: every one of the lock whose key can be had, and a stranger's.

use std::fmt;

use jiff::{Timestamp, ToSpan};
use serde::{Serialize, Serializer};

use super::tls::ClientIdentity;
use crate::dates;
use crate::issue::{Credential, CredentialError, Signer};
use crate::lock::{Authority, Issued, Lock, State};
use crate::model::Homelab;
use crate::pki::{
    AuthorityProfile, Issuer, IssuerName, IssuerNameError, LeafProfile, PrivateKey, Serial,
    Validity, issue, self_sign,
};
use crate::root::Keyring;
use crate::verify::Standing;

/// A stranger's key is no secret: nothing trusts it.
const STRANGER_SEED: [u8; 32] = *b"a stranger's, whom nobody trusts";

/// A certificate of the lock that is tried.
pub(crate) struct ClientCertificate<'l> {
    pub issued: &'l Issued,
    pub standing: Standing,
    pub name: String,
    pub(super) identity: ClientIdentity,
}

/// A certificate that is not tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NotTried {
    pub certificate: String,
    pub why: WhyNotTried,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhyNotTried {
    /// The device has made its key.
    OwnKey,
    /// Its authority was made elsewhere, and never had its key here.
    ForeignKey,
    /// The secret of its authority is gone.
    AuthorityKey,
    /// Another certificate comes out of the derivation.
    NotAsRecorded,
    /// Of a stranger's: it is named like one that there is not.
    NoAuthority,
}

/// What is tried of the lock, and what is not.
#[derive(Default)]
pub(crate) struct Certificates<'l> {
    pub tried: Vec<ClientCertificate<'l>>,
    pub not_tried: Vec<NotTried>,
}

/// Every certificate that has not ended, and whose key can be derived.
pub(crate) fn client_certificates<'l>(
    keyring: &Keyring,
    homelab: &Homelab,
    lock: &'l Lock,
    now: Timestamp,
) -> Certificates<'l> {
    let mut certificates = Certificates::default();
    for authority in &lock.authorities {
        let is_over = |issued: &Issued| issued.validity.not_after() < now;
        let is_gone = |issued: &Issued| is_over(issued) && issued.state != State::Active;
        let of_it = |issued: &&Issued| issued.authority == authority.id;
        let issued = lock.certificates.iter().filter(of_it);
        let issued: Vec<&Issued> = issued.filter(|issued| !is_gone(issued)).collect();
        if issued.is_empty() {
            continue;
        }
        let signer = authority.can_sign().then(|| Signer::of(keyring, authority));
        for issued in issued {
            let name = name(issued, homelab);
            match derived(keyring, signer.as_ref(), issued) {
                Ok(Credential { key, certificate }) => {
                    certificates.tried.push(ClientCertificate {
                        issued,
                        standing: Standing::of(issued, homelab, lock, now),
                        name,
                        identity: ClientIdentity::new(key, &certificate),
                    });
                }
                Err(why) => certificates.not_tried.push(NotTried {
                    certificate: name,
                    why,
                }),
            }
        }
    }
    let installed = homelab.installed().map(|(device, _)| NotTried {
        certificate: device.to_string(),
        why: WhyNotTried::OwnKey,
    });
    certificates.not_tried.extend(installed);
    certificates.tried.sort_by(|a, b| a.name.cmp(&b.name));
    certificates
}

fn derived(
    keyring: &Keyring,
    signer: Option<&Result<Signer, CredentialError>>,
    issued: &Issued,
) -> Result<Credential, WhyNotTried> {
    match signer {
        _ if issued.own_key.is_some() => Err(WhyNotTried::OwnKey),
        None => Err(WhyNotTried::ForeignKey),
        Some(Err(_)) => Err(WhyNotTried::AuthorityKey),
        Some(Ok(signer)) => {
            Credential::derive(keyring, signer, issued).map_err(|_| WhyNotTried::NotAsRecorded)
        }
    }
}

fn name(issued: &Issued, homelab: &Homelab) -> String {
    let device = &issued.device;
    match issued.state {
        State::Active if homelab.device(device).is_some() => device.to_string(),
        State::Active => format!("{device} (removed)"),
        State::Superseded { until } => format!("{device} (older, until {})", dates::moment(until)),
        State::Revoked { since } => format!("{device} (retired {})", dates::moment(since)),
        State::Blocked { since } => format!("{device} (barred {})", dates::moment(since)),
    }
}

impl NotTried {
    /// Where there is no authority yet whose name a stranger's could bear.
    pub(super) fn stranger() -> NotTried {
        NotTried {
            certificate: String::from("a stranger's"),
            why: WhyNotTried::NoAuthority,
        }
    }
}

impl fmt::Display for WhyNotTried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WhyNotTried::OwnKey => "its key is on the device alone",
            WhyNotTried::ForeignKey => "it was made elsewhere, with its key",
            WhyNotTried::AuthorityKey => "the key of its authority cannot be had any more",
            WhyNotTried::NotAsRecorded => "what is derived is not what homelab.lock records",
            WhyNotTried::NoAuthority => "there is no authority yet whose name it could bear",
        })
    }
}

impl Serialize for WhyNotTried {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A certificate with the names and numbers of one of ours, from an authority with the name of ours: only
/// the signature is another's.
pub(super) fn stranger(lock: &Lock, now: Timestamp) -> Option<ClientIdentity> {
    let authority = lock.signing().or_else(|| lock.trusted().next())?;
    let validity = Validity::new(now - 1.hour(), now + 24.hours()).ok()?;
    let known = lock.active().into_values().next();
    let (common_name, serial, email) = match known {
        Some(issued) => (
            issued.device.common_name(),
            issued.serial,
            issued.email.to_string(),
        ),
        None => (
            String::from("stranger"),
            Serial::from_bytes([1; 20]),
            format!("stranger@{}", authority.domain),
        ),
    };
    let name = IssuerName::of(&authority.certificate).or_else(|_| named_alike(authority, validity));
    let issuer = Issuer {
        key: &stranger_key(),
        name: &name.ok()?,
        validity,
    };
    let profile = LeafProfile {
        common_name,
        organization: authority.domain.to_string(),
        email,
        serial,
        validity,
    };
    let key = stranger_key();
    let leaf = issue(&issuer, &key.public_key(), &profile).ok()?;
    Some(ClientIdentity::new(key, &leaf))
}

fn stranger_key() -> PrivateKey {
    PrivateKey::from_seed(&STRANGER_SEED).expect("it is long enough")
}

/// For an authority whose name cannot be repeated as it is.
fn named_alike(authority: &Authority, validity: Validity) -> Result<IssuerName, IssuerNameError> {
    let profile = AuthorityProfile {
        common_name: format!("{} devices", authority.domain),
        serial: Serial::from_bytes([1; 20]),
        validity,
    };
    let made = self_sign(&stranger_key(), &profile).expect("a domain fits a common name");
    IssuerName::of(&made)
}
