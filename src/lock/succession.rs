//! From one root secret to the next: the key of each has signed the key of the one after it.
//!
//! Whoever knows an earlier key can tell by that whether a lock which names another one is its successor, or
//! somebody's own. The secret cannot tell: an age file does not say who has sealed it.

use std::fmt;
use std::str::FromStr;

use super::Lock;
use crate::pki::Fault;
use crate::root::{RecordSignature, RootKey, RootSecret};

/// So many keys before the present one are kept; of more, the oldest are left out.
const MOST: usize = 64;

/// The key of an earlier root secret, and its word for the one that came after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predecessor {
    key: RootKey,
    signature: RecordSignature,
}

/// What is signed: no record of a lock begins so.
fn statement(former: &RootKey, next: &RootKey) -> String {
    format!("homelab root succession v1 {former}\n{next}")
}

impl Predecessor {
    fn vouches_for(&self, next: &RootKey) -> bool {
        { self.key }.verifies(&statement(&self.key, next), &self.signature)
    }
}

impl fmt::Display for Predecessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.signature)
    }
}

impl FromStr for Predecessor {
    type Err = NotAPredecessor;

    fn from_str(text: &str) -> Result<Predecessor, NotAPredecessor> {
        let (key, signature) = text.split_once(':').ok_or(NotAPredecessor)?;
        Ok(Predecessor {
            key: key.parse().map_err(|_| NotAPredecessor)?,
            signature: signature.parse().map_err(|_| NotAPredecessor)?,
        })
    }
}

/// A text that is not what [`Predecessor`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPredecessor;

impl Lock {
    /// Whether that key has vouched for the present one, or for one that did.
    pub fn is_vouched_for_by(&self, known: &RootKey) -> bool {
        let Some(present) = &self.key else {
            return false;
        };
        let first = { self.predecessors.iter() }.position(|one| one.key == *known);
        let Some(chain) = first.map(|first| &self.predecessors[first..]) else {
            return false;
        };
        let next = chain[1..].iter().map(|one| &one.key).chain([present]);
        { chain.iter().zip(next) }.all(|(one, next)| one.vouches_for(next))
    }

    /// Goes over to another root secret, for which the present one vouches.
    ///
    /// # Errors
    /// [`Fault`] where the machine miscalculates.
    pub fn go_over(&mut self, present: &RootSecret, next: &RootSecret) -> Result<(), Fault> {
        let (signer, next_key) = (present.signer(), next.signer().key());
        let key = signer.key();
        let signature = signer.sign(&statement(&key, &next_key))?;
        self.predecessors.push(Predecessor { key, signature });
        let excess = self.predecessors.len().saturating_sub(MOST);
        self.predecessors.drain(..excess);
        self.root = next.id();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(seed: u8) -> RootSecret {
        RootSecret::new([seed; 32])
    }

    fn key(seed: u8) -> RootKey {
        root(seed).signer().key()
    }

    /// A lock that has gone through these root secrets.
    fn gone_through(seeds: &[u8]) -> Lock {
        let mut lock = Lock::new(&root(seeds[0]));
        for pair in seeds.windows(2) {
            let (present, next) = (root(pair[0]), root(pair[1]));
            lock.go_over(&present, &next).expect("it calculates");
            lock.key = Some(next.signer().key());
        }
        lock
    }

    #[test]
    fn every_key_before_vouches_for_the_present_one() {
        let lock = gone_through(&[1, 2, 3]);
        assert!(lock.is_vouched_for_by(&key(1)) && lock.is_vouched_for_by(&key(2)));
        assert!(!lock.is_vouched_for_by(&key(3)) && !lock.is_vouched_for_by(&key(4)));
    }

    #[test]
    fn nobody_else_is_put_in_its_place() {
        // The word for one key is none for another, nor is a chain with a link of somebody else's.
        let mut other = gone_through(&[1, 2]);
        other.key = Some(key(9));
        assert!(!other.is_vouched_for_by(&key(1)));
        let mut spliced = gone_through(&[1, 2]);
        spliced
            .predecessors
            .extend(gone_through(&[8, 9]).predecessors);
        spliced.key = Some(key(9));
        assert!(!spliced.is_vouched_for_by(&key(1)) && !spliced.is_vouched_for_by(&key(2)));
        // Nor is the signature of a record.
        let mut record = gone_through(&[1, 2]);
        let signed = root(1).signer().sign(&format!("{}\n{}", key(1), key(9)));
        record.predecessors[0].signature = signed.expect("it calculates");
        record.key = Some(key(9));
        assert!(!record.is_vouched_for_by(&key(1)));
    }

    #[test]
    fn it_is_read_as_it_is_written_and_does_not_grow_for_ever() {
        let seeds: Vec<u8> = (1..=70).collect();
        let lock = gone_through(&seeds);
        assert_eq!(lock.predecessors.len(), MOST);
        assert!(lock.is_vouched_for_by(&key(69)) && lock.is_vouched_for_by(&key(6)));
        assert!(!lock.is_vouched_for_by(&key(5)));
        for one in &lock.predecessors {
            assert_eq!(one.to_string().parse(), Ok(*one));
        }
        assert_eq!("".parse::<Predecessor>(), Err(NotAPredecessor));
    }
}
