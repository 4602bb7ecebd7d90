//! The certificates that are shown: every one of the lock whose key can be had, and a stranger's.

use jiff::{Timestamp, ToSpan};

use super::super::visit::ClientIdentity;
use super::report::NotTried;
use crate::dates;
use crate::issue::{Credential, Signer};
use crate::lock::{Authority, Issued, Lock, State};
use crate::model::Homelab;
use crate::pki::{
    AuthorityProfile, Issuer, IssuerName, LeafProfile, PrivateKey, Serial, Validity, issue,
    self_sign,
};
use crate::root::Keyring;
use crate::verify::{Standing, standing};

/// A stranger's key is no secret: nothing trusts it.
const STRANGER_SEED: [u8; 32] = *b"a stranger's, whom nobody trusts";

/// A certificate of the lock that can be shown.
pub struct ClientCertificate<'l> {
    /// What the lock records of it.
    pub issued: &'l Issued,
    /// How it stands.
    pub standing: Standing,
    /// What it is called.
    pub name: String,
    /// The certificate with its key.
    pub shown: ClientIdentity,
}

/// Every certificate that has not ended, and whose key can be derived.
pub fn cards<'l>(
    keyring: &Keyring,
    homelab: &Homelab,
    lock: &'l Lock,
    now: Timestamp,
    not_tried: &mut Vec<NotTried>,
) -> Vec<ClientCertificate<'l>> {
    let mut cards = Vec::new();
    for authority in &lock.authorities {
        let of = |issued: &&Issued| issued.authority == authority.id;
        let is_over = |issued: &Issued| issued.validity.not_after() < now;
        let gone = |issued: &Issued| is_over(issued) && issued.state != State::Active;
        let certificates = lock.certificates.iter().filter(of);
        let certificates: Vec<&Issued> = certificates.filter(|issued| !gone(issued)).collect();
        if certificates.is_empty() {
            continue;
        }
        let signer = authority.can_sign().then(|| Signer::of(keyring, authority));
        for issued in certificates {
            let name = card_name(issued, homelab);
            let derived = match &signer {
                _ if issued.own_key.is_some() => Err("its key is on the device alone"),
                None => Err("it was made elsewhere, with its key"),
                Some(Err(_)) => Err("the key of its authority cannot be had any more"),
                Some(Ok(signer)) => Credential::derive(keyring, signer, issued)
                    .map_err(|_| "what is derived is not what homelab.lock records"),
            };
            match derived {
                Ok(Credential { key, certificate }) => cards.push(ClientCertificate {
                    issued,
                    standing: Standing::of(issued, homelab, lock, now),
                    name,
                    shown: ClientIdentity::new(key, &certificate),
                }),
                Err(why) => not_tried.push(NotTried {
                    certificate: name,
                    why: why.to_owned(),
                }),
            }
        }
    }
    not_tried.extend(homelab.installed().map(|(device, _)| NotTried {
        certificate: device.to_string(),
        why: String::from("its key is on the device alone"),
    }));
    cards.sort_by(|a, b| a.name.cmp(&b.name));
    cards
}

fn card_name(issued: &Issued, homelab: &Homelab) -> String {
    let device = &issued.device;
    match (standing(issued), homelab.device(device)) {
        (("active", _), Some(_)) => device.to_string(),
        (("active", _), None) => format!("{device} (removed)"),
        (("replaced", Some(at)), _) => {
            format!("{device} (older, until {})", dates::moment(at))
        }
        ((state, Some(at)), _) => format!("{device} ({state} {})", dates::moment(at)),
        ((state, None), _) => format!("{device} ({state})"),
    }
}

/// A certificate with the names and numbers of one of ours, from an authority with the name of ours: only
/// the signature is another's.
pub fn stranger(lock: &Lock, now: Timestamp) -> Option<ClientIdentity> {
    let authority = lock.signing().or_else(|| lock.trusted().next())?;
    let key = || PrivateKey::from_seed(&STRANGER_SEED).expect("it is long enough");
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
        key: &key(),
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
    let leaf = issue(&issuer, &key().public_key(), &profile).ok()?;
    Some(ClientIdentity::new(key(), &leaf))
}

/// For an authority whose name cannot be repeated as it is.
fn named_alike(
    authority: &Authority,
    validity: Validity,
) -> Result<IssuerName, crate::pki::IssuerNameError> {
    let key = PrivateKey::from_seed(&STRANGER_SEED).expect("it is long enough");
    let profile = AuthorityProfile {
        common_name: format!("{} devices", authority.domain),
        serial: Serial::from_bytes([1; 20]),
        validity,
    };
    let made = self_sign(&key, &profile).expect("a domain fits a common name");
    IssuerName::of(&made)
}
