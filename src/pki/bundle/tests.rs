//! Both profiles, field by field, decrypted here with ciphers and key derivations called directly.

use aes::Aes256;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use der::asn1::{ContextSpecific, Null};
use der::{Any, Decode, Tag, Tagged};
use des::TdesEde3;
use p12_keystore::Pkcs12Archive;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use pkcs12::pbe_params::{Pbes2Params, Pbkdf2Params, Pkcs12PbeParams};
use sha1::Sha1;
use sha2::Sha256;

use super::*;
use crate::pki::golden::{self, NONCE_KEY, PASSWORD};

#[test]
fn a_bundle_holds_a_shrouded_key_and_one_encrypted_certificate() {
    for profile in [BundleProfile::Compat, BundleProfile::Modern] {
        let bundle = golden::bundle(profile);
        let [certificate_safe, key_safe] = safes(&bundle);

        assert_eq!(certificate_safe.content_type, ENCRYPTED_DATA);
        let encrypted: EncryptedData = certificate_safe.content.decode_as().unwrap();
        assert_eq!(
            (encrypted.version, encrypted.unprotected_attrs),
            (CmsVersion::V0, None)
        );
        let encrypted = encrypted.enc_content_info;
        assert_eq!(encrypted.content_type, DATA);
        let ciphertext = encrypted.encrypted_content.unwrap();
        let [certificate_bag] = bags(&decrypt(
            profile,
            &encrypted.content_enc_alg,
            ciphertext.as_bytes(),
        ));
        assert_eq!(
            certificate_bag.bag_id.to_string(),
            "1.2.840.113549.1.12.10.1.3"
        );
        let certificate = ContextSpecific::<CertBag>::from_der(&certificate_bag.bag_value)
            .unwrap()
            .value;
        assert_eq!(certificate.cert_id.to_string(), "1.2.840.113549.1.9.22.1");
        assert_eq!(certificate.cert_value.as_bytes(), golden::leaf().der());

        assert_eq!(key_safe.content_type, DATA);
        let [key_bag] = bags(
            key_safe
                .content
                .decode_as::<OctetString>()
                .unwrap()
                .as_bytes(),
        );
        assert_eq!(key_bag.bag_id.to_string(), "1.2.840.113549.1.12.10.1.2");
        let key = ContextSpecific::<EncryptedPrivateKeyInfo>::from_der(&key_bag.bag_value)
            .unwrap()
            .value;
        let plaintext = decrypt(
            profile,
            &key.encryption_algorithm,
            key.encrypted_data.as_bytes(),
        );
        assert_eq!(plaintext, golden::leaf_key().to_pkcs8_der().to_vec());

        // No pair of salts is alike, nor do the two vectors of the modern profile repeat.
        assert_ne!(key.encryption_algorithm, encrypted.content_enc_alg);
        assert_attributes(&certificate_bag);
        assert_attributes(&key_bag);
    }
}

/// Undoes `algorithm`, after checking that it is what the profile says, parameter by parameter.
fn decrypt(
    profile: BundleProfile,
    algorithm: &AlgorithmIdentifierOwned,
    ciphertext: &[u8],
) -> Vec<u8> {
    let parameters = algorithm.parameters.as_ref().unwrap();
    match profile {
        BundleProfile::Compat => {
            assert_eq!(algorithm.oid.to_string(), "1.2.840.113549.1.12.1.3");
            let pbe: Pkcs12PbeParams = parameters.decode_as().unwrap();
            assert_eq!((pbe.salt.as_bytes().len(), pbe.iterations), (8, 2048));
            let derive = |kind, octets| {
                derive_key_utf8::<Sha1>(PASSWORD, pbe.salt.as_bytes(), kind, 2048, octets).unwrap()
            };
            let (key, vector) = (
                derive(Pkcs12KeyType::EncryptionKey, 24),
                derive(Pkcs12KeyType::Iv, 8),
            );
            let cipher = Decryptor::<TdesEde3>::new_from_slices(&key, &vector).unwrap();
            cipher.decrypt_padded_vec::<Pkcs7>(ciphertext).unwrap()
        }
        BundleProfile::Modern => {
            assert_eq!(algorithm.oid.to_string(), "1.2.840.113549.1.5.13");
            let pbes2: Pbes2Params = parameters.decode_as().unwrap();
            assert_eq!(pbes2.kdf.oid.to_string(), "1.2.840.113549.1.5.12");
            let kdf: Pbkdf2Params = pbes2.kdf.parameters.unwrap().decode_as().unwrap();
            assert_eq!(
                (
                    kdf.salt.as_bytes().len(),
                    kdf.iteration_count,
                    kdf.key_length
                ),
                (16, 2048, None)
            );
            assert_eq!(kdf.prf.oid.to_string(), "1.2.840.113549.2.9");
            assert_eq!(kdf.prf.parameters, Some(Any::from(Null)));
            assert_eq!(pbes2.encryption.oid.to_string(), "2.16.840.1.101.3.4.1.42");
            let vector: OctetString = pbes2.encryption.parameters.unwrap().decode_as().unwrap();
            assert_eq!(vector.as_bytes().len(), 16);
            assert_ne!(vector.as_bytes(), kdf.salt.as_bytes());

            let key: [u8; 32] = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(
                PASSWORD.as_bytes(),
                kdf.salt.as_bytes(),
                2048,
            );
            let cipher = Decryptor::<Aes256>::new_from_slices(&key, vector.as_bytes()).unwrap();
            cipher.decrypt_padded_vec::<Pkcs7>(ciphertext).unwrap()
        }
    }
}

fn assert_attributes(bag: &SafeBag) {
    let attributes = bag.bag_attributes.as_ref().unwrap();
    assert_eq!(attributes.len(), 2);
    let value = |oid: &str| {
        let attribute = attributes
            .iter()
            .find(|attribute| attribute.oid.to_string() == oid)
            .unwrap();
        assert_eq!(attribute.values.len(), 1);
        attribute.values.get(0).unwrap().clone()
    };
    let friendly_name = value("1.2.840.113549.1.9.20");
    assert_eq!(friendly_name.tag(), Tag::BmpString);
    assert_eq!(
        friendly_name.decode_as::<BmpString>().unwrap().to_string(),
        "alice-pixel"
    );
    let local_key_id: OctetString = value("1.2.840.113549.1.9.21").decode_as().unwrap();
    assert_eq!(
        local_key_id.as_bytes(),
        golden::leaf_key().public_key().key_id()
    );
}

#[test]
fn the_mac_goes_with_the_profile() {
    let expected = [
        (BundleProfile::Compat, "1.3.14.3.2.26", 20, 8),
        (BundleProfile::Modern, "2.16.840.1.101.3.4.2.1", 32, 16),
    ];
    for (profile, digest, octets, salt) in expected {
        let pfx = Pfx::from_der(&golden::bundle(profile)).unwrap();
        assert_eq!(
            (pfx.version, pfx.auth_safe.content_type),
            (Version::V3, DATA)
        );
        let mac = pfx.mac_data.unwrap();
        assert_eq!(mac.mac.algorithm.oid.to_string(), digest);
        assert_eq!(mac.mac.algorithm.parameters, Some(Any::from(Null)));
        assert_eq!(mac.mac.digest.as_bytes().len(), octets);
        assert_eq!(mac.mac_salt.as_bytes().len(), salt);
        assert_eq!(mac.iterations, 2048);
    }
}

#[test]
fn the_reader_verifies_the_mac() {
    // What the read-back rests on: p12-keystore refuses a bundle whose MAC, or whose content under
    // it, was touched.
    for profile in [BundleProfile::Compat, BundleProfile::Modern] {
        let bundle = golden::bundle(profile);
        let mac = Pfx::from_der(&bundle).unwrap().mac_data.unwrap().mac.digest;
        let digest = bundle
            .windows(mac.as_bytes().len())
            .position(|window| window == mac.as_bytes())
            .unwrap();
        let name: Vec<u8> = "alice-pixel"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        let friendly_name = bundle
            .windows(name.len())
            .position(|window| window == name)
            .unwrap();
        for position in [digest, friendly_name + 1] {
            let mut touched = bundle.clone();
            touched[position] ^= 1;
            let error = Pkcs12Archive::from_pkcs12(&touched, PASSWORD).unwrap_err();
            assert!(
                matches!(error, p12_keystore::error::Error::MacError(_)),
                "{profile}: {error}"
            );
        }
    }
}

#[test]
fn another_content_or_nonce_key_gets_other_salts() {
    let leaf = golden::leaf();
    let content = golden::content(&leaf);
    let write = |content: &BundleContent<'_>, nonce_key| {
        bundle(BundleProfile::Modern, content, PASSWORD, nonce_key).unwrap()
    };
    let salts = |bundle: &[u8]| {
        let encrypted: EncryptedData = safes(bundle)[0].content.decode_as().unwrap();
        (
            encrypted.enc_content_info.content_enc_alg,
            Pfx::from_der(bundle).unwrap().mac_data.unwrap().mac_salt,
        )
    };
    let base = salts(&write(&content, &NONCE_KEY));
    let renamed = salts(&write(
        &BundleContent {
            friendly_name: "pixel",
            ..content
        },
        &NONCE_KEY,
    ));
    let rekeyed = salts(&write(&content, &[0x4f; 32]));
    for other in [renamed, rekeyed] {
        assert!(other.0 != base.0 && other.1 != base.1);
    }
}

#[test]
fn only_passwords_that_every_importer_reads_alike_are_taken() {
    let leaf = golden::leaf();
    for password in ["", "pässword", "tab\tbed", "nul\0", "del\x7f", "line\n"] {
        let refused = bundle(
            BundleProfile::Compat,
            &golden::content(&leaf),
            password,
            &NONCE_KEY,
        );
        assert_eq!(refused, Err(BundleError::Password), "{password:?}");
    }
    assert!(
        bundle(
            BundleProfile::Compat,
            &golden::content(&leaf),
            " ~",
            &NONCE_KEY
        )
        .is_ok()
    );
}

#[test]
fn friendly_names_fit_a_bmp_string() {
    let leaf = golden::leaf();
    let with = |friendly_name| {
        let content = BundleContent {
            friendly_name,
            ..golden::content(&leaf)
        };
        bundle(BundleProfile::Modern, &content, PASSWORD, &NONCE_KEY)
    };
    assert!(with("Müller 日本").is_ok());
    let (longest, longer) = ("x".repeat(255), "x".repeat(256));
    assert!(with(&longest).is_ok());
    for friendly_name in ["", "\u{1f4f1}", "a\0b", &longer] {
        assert_eq!(
            with(friendly_name),
            Err(BundleError::FriendlyName),
            "{friendly_name:?}"
        );
    }
}

#[test]
fn a_certificate_of_another_key_is_refused() {
    let leaf = golden::leaf();
    let content = BundleContent {
        key: golden::authority_key(),
        ..golden::content(&leaf)
    };
    assert_eq!(
        bundle(BundleProfile::Modern, &content, PASSWORD, &NONCE_KEY),
        Err(BundleError::OtherKey)
    );
}

fn safes(bundle: &[u8]) -> [ContentInfo; 2] {
    let pfx = Pfx::from_der(bundle).unwrap();
    let auth_safe: OctetString = pfx.auth_safe.content.decode_as().unwrap();
    Vec::<ContentInfo>::from_der(auth_safe.as_bytes())
        .unwrap()
        .try_into()
        .unwrap()
}

fn bags(safe_contents: &[u8]) -> [SafeBag; 1] {
    Vec::<SafeBag>::from_der(safe_contents)
        .unwrap()
        .try_into()
        .unwrap()
}
