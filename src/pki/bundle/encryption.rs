//! How the parts of a bundle are encrypted under its password.

use aes::Aes256;
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use der::Any;
use der::asn1::{Null, ObjectIdentifier, OctetString};
use des::TdesEde3;
use pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC;
use pkcs12::pbe_params::{Pbes2Params, Pbkdf2Params, Pkcs12PbeParams};
use zeroize::Zeroizing;

use super::BundleProfile;
use super::nonce;
use crate::pki::password_based::{DerivedKeys, Function, Hash, Purpose};

/// How often every key derivation of a bundle iterates, its MAC's included: the number that each
/// importer is known to take.
///
/// Iterations make guessing dearer, and passwords of 100 random bits are not guessed: a 3DES bundle
/// holds by its password, and a hundred times as many iterations would add no more than 7 bits to
/// it while costing every build.
pub(super) const ITERATIONS: u16 = 2048;

/// PBES2 (RFC 8018 §A.4).
pub(in crate::pki) const PBES2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
/// PBKDF2 (RFC 8018 §A.2).
pub(in crate::pki) const PBKDF2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
/// hmacWithSHA256 (RFC 8018 §B.1.2).
pub(in crate::pki) const HMAC_WITH_SHA256: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
/// aes256-CBC-PAD (RFC 8018 §B.2.5). Apple takes every PBES2 for this cipher, whatever it says.
pub(in crate::pki) const AES256_CBC: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");

pub(super) struct Encryption<'a> {
    pub(super) profile: BundleProfile,
    /// Those of a password that is not empty, and printable ASCII.
    pub(super) keys: DerivedKeys<'a>,
    pub(super) nonce_key: &'a [u8; 32],
}

/// A part of a bundle that is to be encrypted: its name, and its content.
type Part<'a> = (&'a str, &'a [u8]);

/// What one part of a bundle is encrypted with.
pub(super) struct PartKey {
    profile: BundleProfile,
    salt: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    vector: Zeroizing<Vec<u8>>,
}

impl Encryption<'_> {
    /// What each of these parts is encrypted with. The keys of two are derived side by side, which is faster than one after the other.
    pub(super) fn part_keys<const N: usize>(&mut self, parts: [Part<'_>; N]) -> [PartKey; N] {
        match self.profile {
            // RFC 7292 appendix C.
            BundleProfile::Compat => {
                let kind = |purpose| Function::Pkcs12(Hash::Sha1, purpose);
                let salts: [[u8; 8]; N] = self.nonces(nonce::Purpose::Salt, parts);
                let keys = self.derived(kind(Purpose::Encryption), &salts, 24);
                let vectors = self.derived(kind(Purpose::Vector), &salts, 8);
                self.together(salts, keys, vectors)
            }
            // RFC 8018 §6.2.
            BundleProfile::Modern => {
                let salts: [[u8; 16]; N] = self.nonces(nonce::Purpose::Salt, parts);
                let keys = self.derived(Function::Pbkdf2(Hash::Sha256), &salts, 32);
                let vectors: [[u8; 16]; N] = self.nonces(nonce::Purpose::Vector, parts);
                let vectors = vectors.map(|vector| Zeroizing::new(vector.to_vec()));
                self.together(salts, keys, vectors)
            }
        }
    }

    fn together<const N: usize, const OCTETS: usize>(
        &self,
        salts: [[u8; OCTETS]; N],
        keys: [Zeroizing<Vec<u8>>; N],
        vectors: [Zeroizing<Vec<u8>>; N],
    ) -> [PartKey; N] {
        let mut rest = keys.into_iter().zip(vectors);
        salts.map(|salt| {
            let (key, vector) = rest.next().expect("there is one of each for each part");
            PartKey {
                profile: self.profile,
                salt: salt.to_vec(),
                key,
                vector,
            }
        })
    }

    fn nonces<const OCTETS: usize, const N: usize>(
        &self,
        purpose: nonce::Purpose,
        parts: [Part<'_>; N],
    ) -> [[u8; OCTETS]; N] {
        parts.map(|(part, plaintext)| self.nonce(part, purpose, plaintext))
    }

    /// The octets for `purpose` in protecting `plaintext`, which is the bundle's `part`.
    pub(super) fn nonce<const OCTETS: usize>(
        &self,
        part: &str,
        purpose: nonce::Purpose,
        plaintext: &[u8],
    ) -> [u8; OCTETS] {
        nonce::derive(self.nonce_key, self.profile, part, purpose, plaintext)
    }

    /// The key for each salt, with the iterations of every bundle.
    pub(super) fn derived<const N: usize, const OCTETS: usize>(
        &mut self,
        function: Function,
        salts: &[[u8; OCTETS]; N],
        octets: usize,
    ) -> [Zeroizing<Vec<u8>>; N] {
        let salts = salts.each_ref().map(|salt| &salt[..]);
        self.keys.keys(function, salts, ITERATIONS.into(), octets)
    }
}

impl PartKey {
    /// The part, encrypted; and the algorithm that undoes it with the password.
    pub(super) fn encrypt(
        self,
        plaintext: &[u8],
    ) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), der::Error> {
        match self.profile {
            BundleProfile::Compat => self.pbe_with_sha1_and_triple_des(plaintext),
            BundleProfile::Modern => self.pbes2(plaintext),
        }
    }

    /// RFC 7292 appendix C.
    fn pbe_with_sha1_and_triple_des(
        self,
        plaintext: &[u8],
    ) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), der::Error> {
        let cipher = Encryptor::<TdesEde3>::new_from_slices(&self.key, &self.vector);
        let ciphertext = cipher
            .expect("24 and 8 octets are 3DES's")
            .encrypt_padded_vec::<Pkcs7>(plaintext);

        let params = Pkcs12PbeParams {
            salt: OctetString::new(self.salt)?,
            iterations: ITERATIONS.into(),
        };
        let algorithm = algorithm(
            PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC,
            Any::encode_from(&params)?,
        );
        Ok((algorithm, ciphertext))
    }

    /// RFC 8018 §6.2.
    fn pbes2(self, plaintext: &[u8]) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), der::Error> {
        let cipher = Encryptor::<Aes256>::new_from_slices(&self.key, &self.vector);
        let ciphertext = cipher
            .expect("32 and 16 octets are AES-256's")
            .encrypt_padded_vec::<Pkcs7>(plaintext);

        let kdf = Pbkdf2Params {
            salt: OctetString::new(self.salt)?,
            iteration_count: ITERATIONS.into(),
            // RFC 8018 §A.2: optional, and AES-256 implies it. OpenSSL leaves it out, so every
            // importer has met that form.
            key_length: None,
            // Apple's template demands the NULL that RFC 8018 §B.1.2 asks for.
            prf: algorithm(HMAC_WITH_SHA256, Any::encode_from(&Null)?),
        };
        let vector = OctetString::new(self.vector.to_vec())?;
        let params = Pbes2Params {
            kdf: algorithm(PBKDF2, Any::encode_from(&kdf)?),
            encryption: algorithm(AES256_CBC, Any::encode_from(&vector)?),
        };
        Ok((algorithm(PBES2, Any::encode_from(&params)?), ciphertext))
    }
}

/// The identifier of an algorithm with its parameters.
pub(super) fn algorithm(oid: ObjectIdentifier, parameters: Any) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: Some(parameters),
    }
}
