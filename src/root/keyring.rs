//! What homelab.age holds: the root secret, during a rotation also the one that it takes over from, and
//! the keys of authorities that were made elsewhere.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use super::{IssuanceId, RootId, RootSecret};
use crate::pki::PrivateKey;

/// The word before an adopted authority's id and key.
const AUTHORITY_PREFIX: &str = "homelab-authority-1 ";

/// Every secret of a homelab. Redacted, wiped, never serialised but sealed.
pub struct Keyring {
    roots: BTreeMap<RootId, RootSecret>,
    authorities: BTreeMap<IssuanceId, PrivateKey>,
}

impl Keyring {
    /// A keyring with this root secret alone.
    pub fn of(root: RootSecret) -> Keyring {
        Keyring {
            roots: BTreeMap::from([(root.id(), root)]),
            authorities: BTreeMap::new(),
        }
    }

    /// The root secret of that id.
    pub fn root(&self, id: &RootId) -> Option<&RootSecret> {
        self.roots.get(id)
    }

    /// The key of the adopted authority of that id.
    pub fn authority(&self, id: &IssuanceId) -> Option<&PrivateKey> {
        self.authorities.get(id)
    }

    /// Adds a root secret.
    pub fn add_root(&mut self, root: RootSecret) {
        self.roots.insert(root.id(), root);
    }

    /// Adds the key of an adopted authority.
    pub fn add_authority(&mut self, id: IssuanceId, key: PrivateKey) {
        self.authorities.insert(id, key);
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
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let known = match line.strip_prefix(AUTHORITY_PREFIX) {
                Some(rest) => {
                    let (id, key) = authority(rest)?;
                    keyring.authorities.insert(id, key).is_some()
                }
                None => {
                    let root = RootSecret::from_text(line)?;
                    keyring.roots.insert(root.id(), root).is_some()
                }
            };
            if known {
                return None;
            }
        }
        (!keyring.roots.is_empty()).then_some(keyring)
    }

    /// A line for each secret: `homelab-root-1` and 64 hexadecimal digits; `homelab-authority-1`, the
    /// authority's id, and its key's scalar in 64 hexadecimal digits.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Grown, it would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(
            160 * (self.roots.len() + self.authorities.len()),
        ));
        for root in self.roots.values() {
            text.push_str(&root.to_text());
        }
        for (id, key) in &self.authorities {
            let scalar = Zeroizing::new(HEXLOWER.encode(key.to_scalar().as_slice()));
            for part in [AUTHORITY_PREFIX, &id.to_string(), " ", &scalar, "\n"] {
                text.push_str(part);
            }
        }
        text
    }
}

fn authority(text: &str) -> Option<(IssuanceId, PrivateKey)> {
    let (id, scalar) = text.split_once(' ')?;
    let decoded = Zeroizing::new(HEXLOWER.decode(scalar.as_bytes()).ok()?);
    let scalar: Zeroizing<[u8; 32]> = Zeroizing::new(decoded.as_slice().try_into().ok()?);
    Some((id.parse().ok()?, PrivateKey::from_scalar(&scalar)?))
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        let mut keyring = Keyring::of(RootSecret::new([7; 32]));
        keyring.add_root(RootSecret::new([8; 32]));
        let key = PrivateKey::from_seed(&[9; 32]).unwrap();
        keyring.add_authority(IssuanceId::new([1; 16]), key);
        keyring
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
    fn what_is_not_kept_is_gone() {
        let mut keyring = keyring();
        let kept = RootSecret::new([8; 32]).id();
        assert!(keyring.keep(&[kept], &[]));
        assert!(!keyring.keep(&[kept], &[]));
        assert!(keyring.root(&RootSecret::new([7; 32]).id()).is_none());
        assert_eq!(keyring.to_text().lines().count(), 1);
    }
}
