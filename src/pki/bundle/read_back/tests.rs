//! What the writer could get wrong, one thing at a time, each under a MAC that is right.

use cms::cert::x509::attr::{Attribute, Attributes};
use cms::content_info::ContentInfo;
use der::asn1::SetOfVec;
use der::{Any, Encode};
use pkcs12::safe_bag::SafeBag;
use rayon::prelude::*;

use super::super::encryption::Encryption;
use super::super::{
    CERTIFICATE, FRIENDLY_NAME, KEY, LOCAL_KEY_ID, Version, attributes, certificate_bags, data,
    mac, write,
};
use super::*;
use crate::pki::golden::{self, NONCE_KEY, PASSWORD};
use crate::pki::{Certificate, PrivateKey};

const PROFILES: [BundleProfile; 2] = [BundleProfile::Compat, BundleProfile::Modern];

fn certificate_safe(
    certificate: &Certificate,
    attributes: &Attributes,
    encryption: &mut Encryption<'_>,
) -> Result<ContentInfo, der::Error> {
    let bags = certificate_bags(certificate, attributes)?;
    let [key] = encryption.part_keys([(CERTIFICATE, &bags)]);
    super::super::certificate_safe(&bags, key)
}

fn key_safe(
    key: &PrivateKey,
    attributes: &Attributes,
    encryption: &mut Encryption<'_>,
) -> Result<ContentInfo, der::Error> {
    let key = key.to_pkcs8_der();
    let [part_key] = encryption.part_keys([(KEY, &key)]);
    super::super::key_safe(&key, attributes, part_key)
}

/// A bundle that is being written.
struct Writing {
    encryption: Encryption<'static>,
    safes: Vec<ContentInfo>,
}

impl Writing {
    /// As it should be.
    fn new(profile: BundleProfile) -> Writing {
        let leaf = golden::leaf();
        let content = golden::content(&leaf);
        let named = attributes(&content).unwrap();
        Writing::of(profile, PASSWORD, |encryption| {
            let certificate = certificate_safe(content.certificate, &named, encryption);
            let key = key_safe(content.key, &named, encryption);
            vec![certificate.unwrap(), key.unwrap()]
        })
    }

    fn of(
        profile: BundleProfile,
        password: &'static str,
        safes: impl FnOnce(&mut Encryption<'static>) -> Vec<ContentInfo>,
    ) -> Writing {
        let mut encryption = Encryption {
            profile,
            keys: DerivedKeys::of(password),
            nonce_key: &NONCE_KEY,
        };
        let safes = safes(&mut encryption);
        Writing { encryption, safes }
    }

    /// Sealed, and read with the keys that it was written with.
    fn read(self) -> Result<(), BundleError> {
        let auth_safe = self.safes.to_der().unwrap();
        sealed(self.encryption, auth_safe)
    }
}

fn sealed(mut encryption: Encryption<'_>, auth_safe: Vec<u8>) -> Result<(), BundleError> {
    let pfx = Pfx {
        version: Version::V3,
        mac_data: Some(mac::mac_data(&mut encryption, &auth_safe).unwrap()),
        auth_safe: data(auth_safe).unwrap(),
    };
    let leaf = golden::leaf();
    let (profile, content) = (encryption.profile, golden::content(&leaf));
    check(&pfx.to_der().unwrap(), profile, &content, encryption.keys)
}

/// The same keys for each of many readings.
fn keys_of(profile: BundleProfile) -> DerivedKeys<'static> {
    let leaf = golden::leaf();
    let (_, keys) = write(profile, &golden::content(&leaf), PASSWORD, &NONCE_KEY).unwrap();
    keys
}

#[test]
fn what_is_written_is_read() {
    for profile in PROFILES {
        assert_eq!(Writing::new(profile).read(), Ok(()), "{profile}");
    }
}

/// The octets that may be others without anybody noticing, each with what stands around it.
fn unnoticed(
    right: &[u8],
    read: impl Fn(Vec<u8>) -> Result<(), BundleError> + Sync,
) -> Vec<String> {
    let unnoticed = (0..right.len()).into_par_iter().filter(|at| {
        let mut wrong = right.to_vec();
        wrong[*at] ^= 1;
        read(wrong).is_ok()
    });
    let shown = |at: usize| {
        let (before, after) = (&right[at.saturating_sub(6)..at], &right[at..]);
        let after = &after[..after.len().min(6)];
        format!("{at}: {before:02x?} {after:02x?}")
    };
    unnoticed.map(shown).collect()
}

/// Each octet of a finished bundle counts, whatever it says.
#[test]
fn a_bundle_that_is_damaged_anywhere_does_not_leave() {
    for profile in PROFILES {
        let (bundle, leaf) = (golden::bundle(profile), golden::leaf());
        let content = golden::content(&leaf);
        let keys = keys_of(profile);
        assert_eq!(check(&bundle, profile, &content, keys.clone()), Ok(()));
        let unnoticed = unnoticed(&bundle, |damaged| {
            check(&damaged, profile, &content, keys.clone())
        });
        assert_eq!(unnoticed, [""; 0], "{profile}");
        for length in [0, 1, bundle.len() / 2, bundle.len() - 1] {
            let read = check(&bundle[..length], profile, &content, keys.clone());
            assert!(read.is_err(), "{profile}: {length} octets");
        }
        let longer = [&bundle[..], &[0]].concat();
        assert!(check(&longer, profile, &content, keys).is_err());
    }
}

/// The same before the MAC is made: no reader could tell by that.
#[test]
fn what_the_writer_gets_wrong_anywhere_does_not_leave() {
    for profile in PROFILES {
        let auth_safe = Writing::new(profile).safes.to_der().unwrap();
        let keys = keys_of(profile);
        let unnoticed = unnoticed(&auth_safe, |wrong| {
            let keys = keys.clone();
            let nonce_key = &NONCE_KEY;
            let encryption = Encryption {
                profile,
                keys,
                nonce_key,
            };
            sealed(encryption, wrong)
        });
        assert_eq!(unnoticed, [""; 0], "{profile}");
    }
}

#[test]
fn other_content_does_not_leave() {
    let leaf = golden::leaf();
    let named = attributes(&golden::content(&leaf)).unwrap();
    let authority = golden::authority();
    let read = |wrong: &dyn Fn(&mut Encryption<'static>) -> Vec<ContentInfo>| {
        PROFILES.map(|profile| Writing::of(profile, PASSWORD, wrong).read())
    };
    let certificate =
        |encryption: &mut Encryption<'_>| certificate_safe(&leaf, &named, encryption).unwrap();
    let key =
        |encryption: &mut Encryption<'_>| key_safe(golden::leaf_key(), &named, encryption).unwrap();
    let found = |message: &str| {
        let error = BundleError::ReadBack(message.to_owned());
        [Err(error.clone()), Err(error)]
    };

    let other = read(&|e| vec![certificate_safe(&authority, &named, e).unwrap(), key(e)]);
    assert_eq!(other, found("its certificate is another one"));
    let other = read(&|e| {
        let key = key_safe(golden::authority_key(), &named, e).unwrap();
        vec![certificate(e), key]
    });
    assert_eq!(other, found("its key is another one"));
    let number = found("it does not hold one key and one certificate");
    assert_eq!(read(&|e| vec![certificate(e)]), number);
    assert_eq!(read(&|e| vec![key(e)]), number);
    assert_eq!(read(&|e| vec![certificate(e), key(e), key(e)]), number);
    let two = read(&|e| vec![certificate(e), certificate(e), key(e)]);
    assert_eq!(two, number);
    // A bag of a kind that nobody asked for: a CRL's (RFC 7292 §4.2).
    let other = SafeBag {
        bag_id: "1.2.840.113549.1.12.10.1.4".parse().unwrap(),
        bag_value: Any::null().to_der().unwrap(),
        bag_attributes: None,
    };
    let other = data(vec![other].to_der().unwrap()).unwrap();
    assert_eq!(
        read(&|e| vec![certificate(e), key(e), other.clone()]),
        number
    );
    // Keys in the clear, and a certificate in the clear.
    let plain = SafeBag {
        bag_id: pkcs12::PKCS_12_KEY_BAG_OID,
        bag_value: golden::leaf_key().to_pkcs8_der().to_vec(),
        bag_attributes: Some(named.clone()),
    };
    let plain = data(vec![plain].to_der().unwrap()).unwrap();
    let protected = found("it is protected in another way");
    assert_eq!(read(&|e| vec![certificate(e), plain.clone()]), protected);
}

#[test]
fn other_attributes_do_not_leave() {
    let leaf = golden::leaf();
    let right = attributes(&golden::content(&leaf)).unwrap();
    let without = |oid| -> Attributes {
        let kept = right.iter().filter(|attribute| attribute.oid != oid);
        SetOfVec::try_from(kept.cloned().collect::<Vec<Attribute>>()).unwrap()
    };
    let named = |friendly_name| {
        let content = BundleContent {
            friendly_name,
            ..golden::content(&leaf)
        };
        attributes(&content).unwrap()
    };
    let of_another = {
        let content = BundleContent {
            key: golden::authority_key(),
            ..golden::content(&leaf)
        };
        attributes(&content).unwrap()
    };
    let (name, id) = (
        "its friendlyName is another one",
        "its localKeyID is another one",
    );
    for (wrong, message) in [
        (without(FRIENDLY_NAME), name),
        (named("alice-pixe1"), name),
        (without(LOCAL_KEY_ID), id),
        (of_another, id),
    ] {
        for profile in PROFILES {
            for (of_certificate, of_key) in [(&wrong, &right), (&right, &wrong)] {
                let written = Writing::of(profile, PASSWORD, |encryption| {
                    let certificate = certificate_safe(&leaf, of_certificate, encryption);
                    let key = key_safe(golden::leaf_key(), of_key, encryption);
                    vec![certificate.unwrap(), key.unwrap()]
                });
                let expected = BundleError::ReadBack(message.to_owned());
                assert_eq!(written.read(), Err(expected), "{profile}: {message}");
            }
        }
    }
}

#[test]
fn another_protection_does_not_leave() {
    for (profile, other) in [
        (BundleProfile::Compat, BundleProfile::Modern),
        (BundleProfile::Modern, BundleProfile::Compat),
    ] {
        // All of it is the other profile's: right as such, and not what was asked for.
        let leaf = golden::leaf();
        let content = golden::content(&leaf);
        let (bundle, keys) = write(other, &content, PASSWORD, &NONCE_KEY).unwrap();
        assert_eq!(check(&bundle, other, &content, keys.clone()), Ok(()));
        assert!(check(&bundle, profile, &content, keys).is_err());
        // One part is.
        for part in 0..2 {
            let mut written = Writing::new(profile);
            written.safes[part] = Writing::new(other).safes[part].clone();
            assert!(written.read().is_err(), "{profile}: part {part}");
            // Or is under another password.
            let mut written = Writing::new(profile);
            let named = attributes(&content).unwrap();
            let foreign = Writing::of(profile, "another password", |encryption| {
                let certificate = certificate_safe(&leaf, &named, encryption);
                let key = key_safe(golden::leaf_key(), &named, encryption);
                vec![certificate.unwrap(), key.unwrap()]
            });
            written.safes[part] = foreign.safes[part].clone();
            assert!(written.read().is_err(), "{profile}: part {part}");
        }
        // There is no MAC.
        let mut pfx = Pfx::from_der(&bundle).unwrap();
        pfx.mac_data = None;
        let read = check(&pfx.to_der().unwrap(), other, &content, keys_of(other));
        let missing = BundleError::ReadBack(String::from("it has no MAC"));
        assert_eq!(read, Err(missing));
        // It counts less.
        let mut pfx = Pfx::from_der(&bundle).unwrap();
        pfx.mac_data.as_mut().unwrap().iterations = 1;
        assert!(check(&pfx.to_der().unwrap(), other, &content, keys_of(other)).is_err());
    }
}

#[test]
fn another_reader_opens_it_with_its_password_only() {
    for profile in PROFILES {
        let bundle = golden::bundle(profile);
        let leaf = golden::leaf();
        let content = golden::content(&leaf);
        assert_eq!(check_with_another(&bundle, &content, PASSWORD), Ok(()));
        for password in ["", "wrong", &PASSWORD.to_lowercase()] {
            let read = check_with_another(&bundle, &content, password);
            assert!(
                matches!(read, Err(BundleError::ReadBack(_))),
                "{profile} with {password:?}"
            );
            let read = check(&bundle, profile, &content, DerivedKeys::of(password));
            assert!(
                matches!(read, Err(BundleError::ReadBack(_))),
                "{profile} with {password:?}"
            );
        }
        let content = BundleContent {
            friendly_name: "pixel",
            ..content
        };
        assert!(check_with_another(&bundle, &content, PASSWORD).is_err());
    }
}
