//! Both profiles, field by field, as the typed decoder of `x509-cert` reads them back.

use cms::cert::x509;
use cms::cert::x509::ext::Extension;
use cms::cert::x509::time::Time;
use data_encoding::HEXLOWER;
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;

use super::*;
use crate::pki::golden::{self, validity};

const KEY_USAGE: &str = "2.5.29.15";
const SUBJECT_ALT_NAME: &str = "2.5.29.17";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const NAME_CONSTRAINTS: &str = "2.5.29.30";
const AUTHORITY_KEY_IDENTIFIER: &str = "2.5.29.35";
const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

const CRITICAL: bool = true;

#[test]
fn an_authority_has_its_profile_and_nothing_else() {
    let key = golden::authority_key();
    let read = decode(&golden::authority());
    let tbs = read.tbs_certificate();

    assert_eq!(tbs.version(), x509::Version::V3);
    assert_eq!(
        tbs.serial_number().as_bytes(),
        golden::authority_profile().serial.as_bytes()
    );
    // One attribute: commonName (2.5.4.3) as UTF8String (tag 0c).
    let name = name_der(&[("0603550403", golden::AUTHORITY_NAME)]);
    assert_eq!(hex(&tbs.subject().to_der().unwrap()), name);
    assert_eq!(hex(&tbs.issuer().to_der().unwrap()), name);
    assert_eq!(
        tbs.subject_public_key_info().to_der().unwrap(),
        key.public_key().spki_der()
    );
    assert_eq!(
        extensions(&read),
        [
            // keyCertSign and cRLSign: bits 5 and 6.
            (KEY_USAGE, CRITICAL, "03020106".to_owned()),
            // Only [1] excludedSubtrees: a dNSName (82) of length 0, and an iPAddress (87) of 8 and
            // one of 32 zeros.
            (
                NAME_CONSTRAINTS,
                CRITICAL,
                format!(
                    "3036a1343002820030 0a8708{}3022 8720{}",
                    "00".repeat(8),
                    "00".repeat(32)
                )
                .replace(' ', "")
            ),
            (
                SUBJECT_KEY_IDENTIFIER,
                !CRITICAL,
                format!("0414{}", hex(&key.public_key().key_id()))
            ),
            // cA TRUE, pathLenConstraint 0.
            (BASIC_CONSTRAINTS, CRITICAL, "30060101ff020100".to_owned()),
            // id-kp-clientAuth alone.
            (
                EXTENDED_KEY_USAGE,
                CRITICAL,
                "300a06082b06010505070302".to_owned()
            ),
        ]
        .map(|(oid, critical, value)| (ObjectIdentifier::new_unwrap(oid), critical, value))
    );
    assert_signed_by(&read, key);
}

#[test]
fn a_leaf_has_its_profile_and_nothing_else() {
    let (authority, key) = (golden::authority_key(), golden::leaf_key());
    let read = decode(&golden::leaf());
    let tbs = read.tbs_certificate();

    assert_eq!(tbs.version(), x509::Version::V3);
    assert_eq!(
        tbs.serial_number().as_bytes(),
        golden::leaf_profile().serial.as_bytes()
    );
    assert_eq!(
        tbs.issuer(),
        decode(&golden::authority()).tbs_certificate().subject()
    );
    // organizationName (2.5.4.10), then commonName (2.5.4.3).
    let name = name_der(&[
        ("060355040a", "home.example.com"),
        ("0603550403", "alice-pixel"),
    ]);
    assert_eq!(hex(&tbs.subject().to_der().unwrap()), name);
    assert_eq!(
        tbs.subject_public_key_info().to_der().unwrap(),
        key.public_key().spki_der()
    );
    assert_eq!(
        extensions(&read),
        [
            // [0] keyIdentifier alone: neither issuer nor serial number.
            (
                AUTHORITY_KEY_IDENTIFIER,
                !CRITICAL,
                format!("30168014{}", hex(&authority.public_key().key_id()))
            ),
            // One rfc822Name ([1], 81).
            (
                SUBJECT_ALT_NAME,
                !CRITICAL,
                format!("30188116{}", hex(b"alice@home.example.com"))
            ),
            // digitalSignature: bit 0.
            (KEY_USAGE, CRITICAL, "03020780".to_owned()),
            (
                EXTENDED_KEY_USAGE,
                !CRITICAL,
                "300a06082b06010505070302".to_owned()
            ),
            (
                SUBJECT_KEY_IDENTIFIER,
                !CRITICAL,
                format!("0414{}", hex(&key.public_key().key_id()))
            ),
            // cA FALSE is the default, which DER leaves out.
            (BASIC_CONSTRAINTS, CRITICAL, "3000".to_owned()),
        ]
        .map(|(oid, critical, value)| (ObjectIdentifier::new_unwrap(oid), critical, value))
    );
    assert_signed_by(&read, authority);
}

#[test]
fn dates_are_utc_time_until_2049_and_generalized_time_from_2050() {
    let dates = [
        (
            "1970-01-01T00:00:00Z",
            "700101000000Z",
            "2049-12-31T23:59:59Z",
            "491231235959Z",
        ),
        (
            "2050-01-01T00:00:00Z",
            "20500101000000Z",
            "9999-12-30T21:59:59Z",
            "99991230215959Z",
        ),
    ];
    for (from, from_text, until, until_text) in dates {
        let profile = AuthorityProfile {
            validity: validity(from, until),
            ..golden::authority_profile()
        };
        let certificate = self_sign(golden::authority_key(), &profile).unwrap();
        let read = decode(&certificate);
        let read = read.tbs_certificate().validity();
        for time in [read.not_before, read.not_after] {
            assert_eq!(matches!(time, Time::UtcTime(_)), from_text.len() == 13);
        }
        // RFC 5280 §4.1.2.5: down to seconds, in Zulu.
        let tag = if from_text.len() == 13 { 0x17 } else { 0x18 };
        let encoded: Vec<u8> = [from_text, until_text]
            .iter()
            .flat_map(|text| [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat())
            .collect();
        assert!(
            certificate
                .der()
                .windows(encoded.len())
                .any(|window| window == encoded)
        );
    }
}

#[test]
fn a_leaf_does_not_outlive_its_issuer() {
    let with = |until| LeafProfile {
        validity: validity("2026-01-01T00:00:00Z", until),
        ..golden::leaf_profile()
    };
    let issue = |until| {
        issue(
            &golden::issuer(),
            &golden::leaf_key().public_key(),
            &with(until),
        )
    };
    assert!(issue("2036-01-01T00:00:00Z").is_ok());
    assert_eq!(
        issue("2036-01-01T00:00:01Z"),
        Err(IssueError::OutlivesIssuer {
            leaf: "2036-01-01T00:00:01Z".parse().unwrap(),
            authority: "2036-01-01T00:00:00Z".parse().unwrap(),
        })
    );
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let long = LeafProfile {
        organization: "a".repeat(65),
        ..golden::leaf_profile()
    };
    let email = LeafProfile {
        email: "ålice@home.example.com".to_owned(),
        ..golden::leaf_profile()
    };
    for profile in [long, email] {
        let refused = issue(
            &golden::issuer(),
            &golden::leaf_key().public_key(),
            &profile,
        );
        assert!(matches!(refused, Err(IssueError::Subject(_))));
    }
    let nameless = AuthorityProfile {
        common_name: String::new(),
        ..golden::authority_profile()
    };
    assert!(matches!(
        self_sign(golden::authority_key(), &nameless),
        Err(IssueError::Subject(_))
    ));
}

fn decode(certificate: &Certificate) -> x509::Certificate {
    x509::Certificate::from_der(certificate.der()).unwrap()
}

fn extensions(certificate: &x509::Certificate) -> Vec<(ObjectIdentifier, bool, String)> {
    let extensions = certificate.tbs_certificate().extensions().unwrap();
    let read = |extension: &Extension| {
        (
            extension.extn_id,
            extension.critical,
            hex(extension.extn_value.as_bytes()),
        )
    };
    extensions.iter().map(read).collect()
}

/// The hexadecimal DER of a name of UTF8String attributes, each given by the hexadecimal DER of its
/// type.
fn name_der(attributes: &[(&str, &str)]) -> String {
    let tlv = |tag: &str, value: String| format!("{tag}{:02x}{value}", value.len() / 2);
    let sets = attributes.iter().map(|(oid, value)| {
        let value = tlv("0c", hex(value.as_bytes()));
        tlv("31", tlv("30", format!("{oid}{value}")))
    });
    tlv("30", sets.collect())
}

fn assert_signed_by(certificate: &x509::Certificate, key: &PrivateKey) {
    // ecdsa-with-SHA256, without parameters (RFC 5758 §3.2), inside and outside of what is signed.
    let algorithm = certificate.signature_algorithm();
    assert_eq!(
        (algorithm.oid.to_string().as_str(), &algorithm.parameters),
        ("1.2.840.10045.4.3.2", &None)
    );
    assert_eq!(certificate.tbs_certificate().signature(), algorithm);

    let verifying = VerifyingKey::from_public_key_der(&key.public_key().spki_der()).unwrap();
    let signature = Signature::from_der(certificate.signature().raw_bytes()).unwrap();
    let signed = certificate.tbs_certificate().to_der().unwrap();
    verifying.verify(&signed, &signature).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
