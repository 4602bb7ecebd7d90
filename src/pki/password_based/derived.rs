//! A password, and the keys that were derived from it already.

use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::{Hash, iterated};

/// A password with the keys that were derived from it: whoever writes a bundle and reads it back derives none of them twice.
///
/// One is given again only where everything is the same that it follows from. A bundle that tells another salt or count than
/// its keys were made with is read with other keys, and so not at all.
#[cfg_attr(test, derive(Clone))]
pub(in crate::pki) struct DerivedKeys<'p> {
    password: &'p str,
    known: Vec<(Derivation, Zeroizing<Vec<u8>>)>,
}

/// All that a key follows from, but for the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pki) struct Derivation {
    pub function: Function,
    pub salt: Vec<u8>,
    /// At least one.
    pub iterations: u32,
    /// How long the key is.
    pub octets: usize,
}

/// How a key is derived from a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pki) enum Function {
    /// RFC 7292 §B.2.
    Pkcs12(Hash, Purpose),
    /// RFC 8018 §5.2.
    Pbkdf2(Hash),
}

/// What a key is for: the numbers of RFC 7292 §B.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pki) enum Purpose {
    Encryption = 1,
    Vector = 2,
    Mac = 3,
}

impl<'p> DerivedKeys<'p> {
    /// Nothing is derived yet.
    pub(in crate::pki) fn of(password: &'p str) -> DerivedKeys<'p> {
        let known = Vec::new();
        DerivedKeys { password, known }
    }

    pub(in crate::pki) fn password(&self) -> &'p str {
        self.password
    }

    /// The key, derived where it was not yet.
    pub(in crate::pki) fn key(&mut self, wanted: Derivation) -> Zeroizing<Vec<u8>> {
        if let Some((_, key)) = self.known.iter().find(|(known, _)| *known == wanted) {
            return key.clone();
        }
        let key = wanted.derive(self.password);
        self.known.push((wanted, key.clone()));
        key
    }
}

impl Derivation {
    fn derive(&self, password: &str) -> Zeroizing<Vec<u8>> {
        let (salt, iterations) = (&self.salt[..], self.iterations);
        let mut key = Zeroizing::new(vec![0; self.octets]);
        match self.function {
            Function::Pkcs12(hash, purpose) => {
                let (id, password) = (purpose as u8, bmp(password));
                match hash {
                    Hash::Sha1 => {
                        iterated::pkcs12::<Sha1>(id, &password, salt, iterations, &mut key);
                    }
                    Hash::Sha256 => {
                        iterated::pkcs12::<Sha256>(id, &password, salt, iterations, &mut key);
                    }
                    Hash::Sha384 => {
                        return self.by_the_crate(derive_key::<Sha384>, purpose, &password);
                    }
                    Hash::Sha512 => {
                        return self.by_the_crate(derive_key::<Sha512>, purpose, &password);
                    }
                }
            }
            // RFC 8018 takes the password's octets as they are: no BMPString here.
            Function::Pbkdf2(hash) => {
                let password = password.as_bytes();
                match hash {
                    Hash::Sha256 => iterated::pbkdf2_sha256(password, salt, iterations, &mut key),
                    Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut key),
                    Hash::Sha384 => {
                        pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, iterations, &mut key);
                    }
                    Hash::Sha512 => {
                        pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut key);
                    }
                }
            }
        }
        key
    }

    /// RFC 7292 §B.2 with the hashes that nothing is written with here.
    fn by_the_crate(
        &self,
        derive: CrateDerivation,
        purpose: Purpose,
        password: &[u8],
    ) -> Zeroizing<Vec<u8>> {
        let rounds = i32::try_from(self.iterations).expect("more are too much work");
        let key = derive(password, &self.salt, purpose.into(), rounds, self.octets);
        Zeroizing::new(key)
    }
}

/// Password, salt, purpose, rounds and octets to the octets.
type CrateDerivation = fn(&[u8], &[u8], Pkcs12KeyType, i32, usize) -> Vec<u8>;

impl From<Purpose> for Pkcs12KeyType {
    fn from(purpose: Purpose) -> Pkcs12KeyType {
        match purpose {
            Purpose::Encryption => Pkcs12KeyType::EncryptionKey,
            Purpose::Vector => Pkcs12KeyType::Iv,
            Purpose::Mac => Pkcs12KeyType::Mac,
        }
    }
}

/// RFC 7292 §B.1: a BMPString with two zero octets at the end.
fn bmp(password: &str) -> Zeroizing<Vec<u8>> {
    let mut bmp = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
    for unit in password.encode_utf16().chain([0]) {
        bmp.extend(unit.to_be_bytes());
    }
    bmp
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn derived(
        function: Function,
        password: &str,
        salt: &[u8],
        iterations: u32,
        octets: usize,
    ) -> Vec<u8> {
        let mut keys = DerivedKeys::of(password);
        let salt = salt.to_vec();
        let wanted = Derivation {
            function,
            salt,
            iterations,
            octets,
        };
        keys.key(wanted).to_vec()
    }

    proptest! {
        /// Those of the crates, whatever the lengths: of less and more than a block, and of several hashes.
        #[test]
        fn keys_are_those_of_the_crates(
            password in "\\PC{0,80}",
            salt in prop::collection::vec(any::<u8>(), 1..150),
            iterations in 1_u32..5,
            octets in 1_usize..100,
        ) {
            let utf16 = bmp(&password);
            let rounds = iterations as i32;
            for purpose in [Purpose::Encryption, Purpose::Vector, Purpose::Mac] {
                let ours = |hash| {
                    let function = Function::Pkcs12(hash, purpose);
                    derived(function, &password, &salt, iterations, octets)
                };
                let theirs = derive_key::<Sha1>(&utf16, &salt, purpose.into(), rounds, octets);
                prop_assert_eq!(ours(Hash::Sha1), theirs);
                let theirs = derive_key::<Sha256>(&utf16, &salt, purpose.into(), rounds, octets);
                prop_assert_eq!(ours(Hash::Sha256), theirs);
                let theirs = derive_key::<Sha512>(&utf16, &salt, purpose.into(), rounds, octets);
                prop_assert_eq!(ours(Hash::Sha512), theirs);
            }
            let ours = derived(Function::Pbkdf2(Hash::Sha256), &password, &salt, iterations, octets);
            let mut theirs = vec![0; octets];
            pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut theirs);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn a_key_is_given_again_only_where_everything_is_the_same() {
        let base = Derivation {
            function: Function::Pkcs12(Hash::Sha1, Purpose::Encryption),
            salt: vec![1; 8],
            iterations: 3,
            octets: 24,
        };
        let others = [
            Derivation {
                function: Function::Pkcs12(Hash::Sha1, Purpose::Mac),
                ..base.clone()
            },
            Derivation {
                function: Function::Pkcs12(Hash::Sha256, Purpose::Encryption),
                ..base.clone()
            },
            Derivation {
                function: Function::Pbkdf2(Hash::Sha1),
                ..base.clone()
            },
            Derivation {
                salt: vec![2; 8],
                ..base.clone()
            },
            Derivation {
                iterations: 4,
                ..base.clone()
            },
            Derivation {
                octets: 23,
                ..base.clone()
            },
        ];
        let mut keys = DerivedKeys::of("password");
        let first = keys.key(base.clone());
        for other in others {
            assert_ne!(keys.key(other.clone()), first, "{other:?}");
        }
        assert_eq!(keys.key(base), first);
        assert_eq!(keys.known.len(), 7);
    }
}
