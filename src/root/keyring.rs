//! What homelab.age holds: the root secret, during a rotation also the one that it takes over from, and
//! the keys of authorities that were made elsewhere.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use zeroize::Zeroizing;

use super::fresh::Fresh;
use super::{IssuanceId, Recipient, RootId, RootSecret};
use crate::pki::PrivateKey;

/// The word before an adopted authority's id and the scalar of its key of P-256.
const P256_PREFIX: &str = "homelab-authority-1 ";

/// The word before the id and the key of an adopted authority whose key is of another kind.
const PKCS8_PREFIX: &str = "homelab-authority-2 ";

/// The word before a recipient.
const RECIPIENT_PREFIX: &str = "homelab-recipient-1 ";

/// Every secret of a homelab. Redacted, wiped, never serialised but sealed.
pub struct Keyring {
    roots: BTreeMap<RootId, RootSecret>,
    authorities: BTreeMap<IssuanceId, PrivateKey>,
    /// Whom it was sealed to, where there were several. It stands inside, where nobody adds to it who cannot read
    /// the secrets anyway: age files do not tell who their recipients are, nor who sealed them.
    recipients: Vec<Recipient>,
    /// What it has issued since it was opened. It is sealed nowhere.
    pub(super) fresh: Fresh,
}

impl Keyring {
    /// A keyring with this root secret alone.
    pub fn of(root: RootSecret) -> Keyring {
        Keyring {
            roots: BTreeMap::from([(root.id(), root)]),
            authorities: BTreeMap::new(),
            recipients: Vec::new(),
            fresh: Fresh::default(),
        }
    }

    /// Whom it was sealed to, as whoever sealed it has said; none where that was one, or not said.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// The root secret of that id.
    pub fn root(&self, id: &RootId) -> Option<&RootSecret> {
        self.roots.get(id)
    }

    /// The key of the adopted authority of that id.
    pub fn authority(&self, id: &IssuanceId) -> Option<&PrivateKey> {
        self.authorities.get(id)
    }

    pub fn add_root(&mut self, root: RootSecret) {
        self.roots.insert(root.id(), root);
    }

    /// Adds the key of an adopted authority.
    pub fn add_authority(&mut self, id: IssuanceId, key: PrivateKey) {
        self.authorities.insert(id, key);
    }

    /// Whether it holds others than these.
    pub fn has_more_than(&self, roots: &[RootId], authorities: &[IssuanceId]) -> bool {
        self.roots.keys().any(|id| !roots.contains(id))
            || self.authorities.keys().any(|id| !authorities.contains(id))
    }

    /// Drops all but these; whether there was anything to drop.
    pub fn keep(&mut self, roots: &[RootId], authorities: &[IssuanceId]) -> bool {
        let before = (self.roots.len(), self.authorities.len());
        self.roots.retain(|id, _| roots.contains(id));
        self.authorities.retain(|id, _| authorities.contains(id));
        before != (self.roots.len(), self.authorities.len())
    }

    /// Reads the form that [`Keyring::to_text`] writes: at least one root secret, nothing twice. White
    /// space around lines, and empty ones, do not count.
    pub fn from_text(text: &str) -> Option<Keyring> {
        let mut keyring = Keyring {
            roots: BTreeMap::new(),
            authorities: BTreeMap::new(),
            recipients: Vec::new(),
            fresh: Fresh::default(),
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(recipient) = line.strip_prefix(RECIPIENT_PREFIX) {
                keyring.recipients.push(recipient.parse().ok()?);
                continue;
            }
            let known = if let Some(rest) = line.strip_prefix(P256_PREFIX) {
                let (id, key) = p256_authority(rest)?;
                keyring.authorities.insert(id, key).is_some()
            } else if let Some(rest) = line.strip_prefix(PKCS8_PREFIX) {
                let (id, key) = pkcs8_authority(rest)?;
                keyring.authorities.insert(id, key).is_some()
            } else {
                let root = RootSecret::from_text(line)?;
                keyring.roots.insert(root.id(), root).is_some()
            };
            if known {
                return None;
            }
        }
        (!keyring.roots.is_empty()).then_some(keyring)
    }

    /// A line for each secret: `homelab-root-1` and 64 hexadecimal digits; `homelab-authority-1`, the
    /// authority's id, and its key's scalar in 64 hexadecimal digits; for a key that is not of P-256
    /// `homelab-authority-2`, the id, and the key's PKCS#8 in base64.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Grown, it would leave copies behind.
        let keys = self.authorities.values().map(|key| match key.to_scalar() {
            Some(_) => 64,
            None => key.to_pkcs8_der().len().div_ceil(3) * 4,
        });
        let lines = 96 * (self.roots.len() + self.authorities.len());
        let mut text = Zeroizing::new(String::with_capacity(keys.sum::<usize>() + lines));
        for root in self.roots.values() {
            text.push_str(&root.to_text());
        }
        for (id, key) in &self.authorities {
            let (prefix, written) = match key.to_scalar() {
                Some(scalar) => (P256_PREFIX, HEXLOWER.encode(scalar.as_slice())),
                None => (PKCS8_PREFIX, BASE64.encode(&key.to_pkcs8_der())),
            };
            let written = Zeroizing::new(written);
            for part in [prefix, &id.to_string(), " ", &written, "\n"] {
                text.push_str(part);
            }
        }
        text
    }
}

impl Keyring {
    /// The same with a line for each of these, where there are several: `homelab-recipient-1` and the recipient. One is
    /// known without: it belongs to the identity that opens the file.
    pub fn to_text_for(&self, recipients: &[Recipient]) -> Zeroizing<String> {
        let secrets = self.to_text();
        if recipients.len() < 2 {
            return secrets;
        }
        // Grown, it would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(
            secrets.len() + 128 * recipients.len(),
        ));
        text.push_str(&secrets);
        for recipient in recipients {
            text.push_str(&format!("{RECIPIENT_PREFIX}{recipient}\n"));
        }
        text
    }
}

fn p256_authority(text: &str) -> Option<(IssuanceId, PrivateKey)> {
    let (id, scalar) = text.split_once(' ')?;
    let scalar = Zeroizing::new(HEXLOWER.decode(scalar.as_bytes()).ok()?);
    let scalar = Zeroizing::new(<[u8; 32]>::try_from(scalar.as_slice()).ok()?);
    Some((id.parse().ok()?, PrivateKey::from_scalar(&scalar)?))
}

fn pkcs8_authority(text: &str) -> Option<(IssuanceId, PrivateKey)> {
    let (id, pkcs8) = text.split_once(' ')?;
    let pkcs8 = Zeroizing::new(BASE64.decode(pkcs8.as_bytes()).ok()?);
    let key = PrivateKey::from_pkcs8_der(&pkcs8).ok()?;
    // Each key has one form.
    let is_ours = key.to_scalar().is_none() && *key.to_pkcs8_der() == *pkcs8;
    is_ours.then_some((id.parse().ok()?, key))
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{AuthorityProfile, Serial, Validity, self_sign};

    fn keyring() -> Keyring {
        let mut keyring = Keyring::of(RootSecret::new([7; 32]));
        keyring.add_root(RootSecret::new([8; 32]));
        let key = PrivateKey::from_seed(&[9; 32]).unwrap();
        keyring.add_authority(IssuanceId::new([1; 16]), key);
        keyring
    }

    /// A key of P-384, as it stands in PKCS#8.
    fn of_p384() -> PrivateKey {
        let secret = p384::SecretKey::from_slice(&[9; 48]).unwrap();
        let pkcs8 = p384::pkcs8::EncodePrivateKey::to_pkcs8_der(&secret).unwrap();
        PrivateKey::from_pkcs8_der(pkcs8.as_bytes()).unwrap()
    }

    #[test]
    fn keys_of_other_kinds_stand_beside_those_of_p256_and_have_one_form() {
        let mut keyring = keyring();
        let id = IssuanceId::new([2; 16]);
        let before = keyring.to_text();
        keyring.add_authority(id, of_p384());
        let text = keyring.to_text();
        // What was written before is written as it was.
        let added = text.strip_prefix(before.as_str()).unwrap();
        assert!(
            added.starts_with(&format!("homelab-authority-2 {id} MI")),
            "{added}"
        );
        let read = Keyring::from_text(&text).unwrap();
        assert_eq!(*read.to_text(), *text);
        let read = read.authority(&id).unwrap();
        assert_eq!(read.public_key(), of_p384().public_key());
        // One of P-256 has another line, and nothing follows a key.
        let p256 = PrivateKey::from_seed(&[9; 32]).unwrap().to_pkcs8_der();
        let longer = [of_p384().to_pkcs8_der().as_slice(), &[0]].concat();
        for bad in [BASE64.encode(&p256), BASE64.encode(&longer), String::new()] {
            let bad = format!("{}homelab-authority-2 {id} {bad}\n", *before);
            assert!(Keyring::from_text(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_text_form_round_trips_and_nothing_else_is_read() {
        let text = keyring().to_text();
        let read = Keyring::from_text(&text).unwrap();
        assert_eq!(*read.to_text(), *text);
        let id = IssuanceId::new([1; 16]);
        let (read, written) = (read.authority(&id).unwrap(), keyring());
        let written = written.authority(&id).unwrap();
        assert_eq!(read.public_key(), written.public_key());
        let twice = format!("{}{}", *text, *text);
        let only_authority = text.lines().last().unwrap();
        let cut = &text[..text.len() - 2];
        for bad in ["", "\n", &twice, only_authority, cut, &text.to_uppercase()] {
            assert!(Keyring::from_text(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_lone_root_reads_as_it_always_did() {
        let root = RootSecret::new([7; 32]);
        let keyring = Keyring::from_text(&root.to_text()).unwrap();
        assert!(keyring.root(&root.id()).is_some());
        assert_eq!(*keyring.to_text(), *root.to_text());
    }

    #[test]
    fn what_is_issued_is_given_away_once_and_sealed_nowhere() {
        let (keyring, id) = (keyring(), IssuanceId::new([3; 16]));
        let sealed = keyring.to_text();
        let key = PrivateKey::from_seed(&[9; 32]).unwrap();
        let public = key.public_key();
        let profile = AuthorityProfile {
            common_name: String::from("home.example.com devices"),
            serial: Serial::from_bytes([1; 20]),
            validity: Validity::new(
                "2026-01-01T00:00:00Z".parse().unwrap(),
                "2027-01-01T00:00:00Z".parse().unwrap(),
            )
            .unwrap(),
        };
        let certificate = self_sign(&key, &profile).unwrap();
        keyring.hold_issued(id, key, certificate);
        assert_eq!(*keyring.to_text(), *sealed);
        assert!(keyring.take_issued(&IssuanceId::new([4; 16])).is_none());
        let (key, _) = keyring.take_issued(&id).unwrap();
        assert_eq!(key.public_key(), public);
        assert!(keyring.take_issued(&id).is_none());
    }

    #[test]
    fn what_is_not_kept_is_gone() {
        let mut keyring = keyring();
        let kept = RootSecret::new([8; 32]).id();
        assert!(keyring.keep(&[kept], &[]));
        assert!(!keyring.keep(&[kept], &[]));
        assert!(keyring.root(&RootSecret::new([7; 32]).id()).is_none());
        assert_eq!(keyring.to_text().lines().count(), 1);
    }
}
