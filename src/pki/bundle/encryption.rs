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
use crate::pki::password_based::{Derivation, DerivedKeys, Function, Hash, Purpose};

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

impl Encryption<'_> {
    /// `plaintext`, which is the bundle's `part`, encrypted; and the algorithm that undoes it with
    /// the password.
    pub(super) fn encrypt(
        &mut self,
        part: &str,
        plaintext: &[u8],
    ) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), der::Error> {
        match self.profile {
            BundleProfile::Compat => self.pbe_with_sha1_and_triple_des(part, plaintext),
            BundleProfile::Modern => self.pbes2(part, plaintext),
        }
    }

    /// The octets for `purpose` in protecting `plaintext`, which is the bundle's `part`.
    pub(super) fn nonce<const N: usize>(
        &self,
        part: &str,
        purpose: nonce::Purpose,
        plaintext: &[u8],
    ) -> [u8; N] {
        nonce::derive(self.nonce_key, self.profile, part, purpose, plaintext)
    }

    /// The key of this derivation with the iterations of every bundle.
    pub(super) fn key(
        &mut self,
        function: Function,
        salt: &[u8],
        octets: usize,
    ) -> Zeroizing<Vec<u8>> {
        self.keys.key(Derivation {
            function,
            salt: salt.to_vec(),
            iterations: ITERATIONS.into(),
            octets,
        })
    }

    /// RFC 7292 appendix C.
    fn pbe_with_sha1_and_triple_des(
        &mut self,
        part: &str,
        plaintext: &[u8],
    ) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), der::Error> {
        let salt: [u8; 8] = self.nonce(part, nonce::Purpose::Salt, plaintext);
        let kind = |purpose| Function::Pkcs12(Hash::Sha1, purpose);
        let key = self.key(kind(Purpose::Encryption), &salt, 24);
        let vector = self.key(kind(Purpose::Vector), &salt, 8);
        let cipher = Encryptor::<TdesEde3>::new_from_slices(&key, &vector);
        let ciphertext = cipher
            .expect("24 and 8 octets are 3DES's")
            .encrypt_padded_vec::<Pkcs7>(plaintext);

        let params = Pkcs12PbeParams {
            salt: OctetString::new(salt)?,
            iterations: ITERATIONS.into(),
        };
        let algorithm = algorithm(
            PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC,
            Any::encode_from(&params)?,
        );
        Ok((algorithm, ciphertext))
    }

    /// RFC 8018 §6.2.
    fn pbes2(
        &mut self,
        part: &str,
        plaintext: &[u8],
    ) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), der::Error> {
        let salt: [u8; 16] = self.nonce(part, nonce::Purpose::Salt, plaintext);
        let vector: [u8; 16] = self.nonce(part, nonce::Purpose::Vector, plaintext);
        let key = self.key(Function::Pbkdf2(Hash::Sha256), &salt, 32);
        let cipher = Encryptor::<Aes256>::new_from_slices(&key, &vector);
        let ciphertext = cipher
            .expect("32 and 16 octets are AES-256's")
            .encrypt_padded_vec::<Pkcs7>(plaintext);

        let kdf = Pbkdf2Params {
            salt: OctetString::new(salt)?,
            iteration_count: ITERATIONS.into(),
            // RFC 8018 §A.2: optional, and AES-256 implies it. OpenSSL leaves it out, so every
            // importer has met that form.
            key_length: None,
            // Apple's template demands the NULL that RFC 8018 §B.1.2 asks for.
            prf: algorithm(HMAC_WITH_SHA256, Any::encode_from(&Null)?),
        };
        let params = Pbes2Params {
            kdf: algorithm(PBKDF2, Any::encode_from(&kdf)?),
            encryption: algorithm(AES256_CBC, Any::encode_from(&OctetString::new(vector)?)?),
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
