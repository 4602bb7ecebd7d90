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
        let salt = [&wanted.salt[..]];
        let [key] = self.keys(wanted.function, salt, wanted.iterations, wanted.octets);
        key
    }

    /// A key for each salt, derived side by side, which is faster than one after the other.
    pub(in crate::pki) fn keys<const N: usize>(
        &mut self,
        function: Function,
        salts: [&[u8]; N],
        iterations: u32,
        octets: usize,
    ) -> [Zeroizing<Vec<u8>>; N] {
        let keys = function.derive(self.password, salts, iterations, octets);
        let derivations = salts.map(|salt| Derivation {
            function,
            salt: salt.to_vec(),
            iterations,
            octets,
        });
        self.known.extend(derivations.into_iter().zip(keys.clone()));
        keys
    }
}

impl Function {
    fn derive<const N: usize>(
        self,
        password: &str,
        salts: [&[u8]; N],
        iterations: u32,
        octets: usize,
    ) -> [Zeroizing<Vec<u8>>; N] {
        match self {
            Function::Pkcs12(hash, purpose) => {
                let (id, password) = (purpose as u8, bmp(password));
                let by_the_crate = |derive: CrateDerivation| {
                    let rounds = i32::try_from(iterations).expect("more are too much work");
                    salts.map(|salt| {
                        Zeroizing::new(derive(&password, salt, purpose.into(), rounds, octets))
                    })
                };
                match hash {
                    Hash::Sha1 => {
                        iterated::pkcs12::<Sha1, N>(id, &password, salts, iterations, octets)
                    }
                    Hash::Sha256 => {
                        iterated::pkcs12::<Sha256, N>(id, &password, salts, iterations, octets)
                    }
                    // Nothing is written with these here.
                    Hash::Sha384 => by_the_crate(derive_key::<Sha384>),
                    Hash::Sha512 => by_the_crate(derive_key::<Sha512>),
                }
            }
            // RFC 8018 takes the password's octets as they are: no BMPString here.
            Function::Pbkdf2(hash) => {
                let password = password.as_bytes();
                let by_the_crate = |derive: fn(&[u8], &[u8], u32, &mut [u8])| {
                    salts.map(|salt| {
                        let mut key = Zeroizing::new(vec![0; octets]);
                        derive(password, salt, iterations, &mut key);
                        key
                    })
                };
                match hash {
                    Hash::Sha256 => iterated::pbkdf2_sha256(password, salts, iterations, octets),
                    Hash::Sha1 => by_the_crate(pbkdf2::pbkdf2_hmac::<Sha1>),
                    Hash::Sha384 => by_the_crate(pbkdf2::pbkdf2_hmac::<Sha384>),
                    Hash::Sha512 => by_the_crate(pbkdf2::pbkdf2_hmac::<Sha512>),
                }
            }
        }
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

        /// As if each were derived alone, and each is known from then on.
        #[test]
        fn keys_side_by_side_are_those_of_each_alone(
            password in "\\PC{0,80}",
            one in prop::collection::vec(any::<u8>(), 1..150),
            other in prop::collection::vec(any::<u8>(), 1..150),
            iterations in 1_u32..5,
            octets in 1_usize..100,
        ) {
            for function in [
                Function::Pkcs12(Hash::Sha1, Purpose::Encryption),
                Function::Pkcs12(Hash::Sha256, Purpose::Mac),
                Function::Pkcs12(Hash::Sha512, Purpose::Vector),
                Function::Pbkdf2(Hash::Sha256),
                Function::Pbkdf2(Hash::Sha1),
            ] {
                let mut keys = DerivedKeys::of(&password);
                let both = keys.keys(function, [&one, &other], iterations, octets);
                for (salt, key) in [&one, &other].into_iter().zip(&both) {
                    let alone = derived(function, &password, salt, iterations, octets);
                    prop_assert_eq!(&**key, &alone);
                    let wanted = Derivation { function, salt: salt.clone(), iterations, octets };
                    prop_assert_eq!(&*keys.key(wanted), &alone);
                }
                prop_assert_eq!(keys.known.len(), 2);
            }
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
