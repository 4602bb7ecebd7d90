//! A list, field by field, as the typed decoder of `x509-cert` reads it back; and what a signature
//! writes again.

use cms::cert::x509;
use cms::cert::x509::crl::RevokedCert;
use data_encoding::HEXLOWER;
use der::Encode;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use proptest::prelude::*;

use super::*;
use crate::pki::{AuthorityProfile, golden, self_sign};

#[test]
fn a_list_has_its_profile_and_nothing_else() {
    let key = golden::authority_key();
    let (crl, _) = golden::crl();
    let read = decode(&crl);
    let list = &read.tbs_cert_list;

    assert_eq!(list.version, x509::Version::V2);
    let certificate = x509::Certificate::from_der(golden::authority().der()).unwrap();
    assert_eq!(&list.issuer, certificate.tbs_certificate().subject());
    assert_eq!(list.this_update.to_string(), "2026-06-01T00:00:00Z");
    let next = list.next_update.expect("RFC 5280 §5.1.2.5 asks for it");
    assert_eq!(next.to_string(), "2036-01-01T00:00:00Z");
    let revoked = list.revoked_certificates.iter().flatten().map(entry);
    assert_eq!(
        revoked.collect::<Vec<_>>(),
        [
            (
                format!("62{}", "22".repeat(19)),
                "2026-05-31T10:00:00Z".to_owned()
            ),
            (
                format!("73{}", "33".repeat(19)),
                "2026-02-03T04:05:06Z".to_owned()
            ),
        ]
    );
    let extensions = list.crl_extensions.iter().flatten();
    let extensions = extensions.map(|extension| {
        let value = HEXLOWER.encode(extension.extn_value.as_bytes());
        (extension.extn_id.to_string(), extension.critical, value)
    });
    let key_id = HEXLOWER.encode(&key.public_key().key_id());
    assert_eq!(
        extensions.collect::<Vec<_>>(),
        [
            // authorityKeyIdentifier: [0] keyIdentifier alone.
            ("2.5.29.35".to_owned(), false, format!("30168014{key_id}")),
            // cRLNumber: INTEGER 7.
            ("2.5.29.20".to_owned(), false, "020107".to_owned()),
        ]
    );
    let verifying = VerifyingKey::from_public_key_der(&key.public_key().spki_der()).unwrap();
    let signature = Signature::from_der(read.signature.raw_bytes()).unwrap();
    let message = list.to_der().unwrap();
    verifying.verify(&message, &signature).unwrap();
}

#[test]
fn a_list_of_nobody_has_no_entries() {
    let profile = CrlProfile {
        revoked: BTreeMap::new(),
        ..golden::crl_profile()
    };
    let (crl, _) = sign_crl(golden::authority_key(), &profile).unwrap();
    // RFC 5280 §5.1.2.6: absent, not empty.
    assert_eq!(decode(&crl).tbs_cert_list.revoked_certificates, None);
}

#[test]
fn a_number_is_written_in_as_few_octets_as_der_asks_for() {
    for (number, der) in [
        ("1", "020101"),
        ("127", "02017f"),
        ("128", "02020080"),
        ("256", "02020100"),
        ("18446744073709551615", "020900ffffffffffffffff"),
    ] {
        let profile = CrlProfile {
            number: number.parse().unwrap(),
            ..golden::crl_profile()
        };
        let (crl, _) = sign_crl(golden::authority_key(), &profile).unwrap();
        let list = decode(&crl).tbs_cert_list;
        let extensions = list.crl_extensions.unwrap();
        assert_eq!(HEXLOWER.encode(extensions[1].extn_value.as_bytes()), der);
    }
}

#[test]
fn numbers_are_read_as_they_are_written_and_end() {
    let last: CrlNumber = "18446744073709551615".parse().unwrap();
    assert_eq!(last.next(), None);
    let second = CrlNumber::FIRST.next().unwrap();
    assert_eq!(second.to_string(), "2");
    assert!(CrlNumber::FIRST < second && second < last);
    for mistake in [
        "",
        "0",
        "-1",
        "+1",
        "01",
        " 1",
        "0x1",
        "18446744073709551616",
    ] {
        assert_eq!(
            mistake.parse::<CrlNumber>(),
            Err(CrlNumberFormat),
            "{mistake}"
        );
    }
}

#[test]
fn signatures_are_read_as_they_are_written_and_nothing_else_is() {
    let (_, signature) = golden::crl();
    let text = signature.to_string();
    assert_eq!(text.len(), 88);
    assert_eq!(text.parse(), Ok(signature));
    let zero = BASE64.encode(&[0; 64]);
    for mistake in ["", &text[4..], &text.replace('=', ""), &zero, "é"] {
        let read: Result<CrlSignature, _> = mistake.parse();
        assert_eq!(read, Err(CrlSignatureFormat), "{mistake}");
    }
}

#[test]
fn another_key_s_signature_is_not_replayed() {
    let (_, signature) = golden::crl();
    let key = golden::leaf_key().public_key();
    let replayed = replay_crl(&key, &golden::crl_profile(), &signature);
    assert_eq!(replayed, Err(CrlError::Signature));
}

fn named(common_name: &str) -> IssuerName {
    let profile = AuthorityProfile {
        common_name: common_name.to_owned(),
        ..golden::authority_profile()
    };
    IssuerName::of(&self_sign(golden::authority_key(), &profile).unwrap()).unwrap()
}

fn profile() -> impl Strategy<Value = CrlProfile> {
    // Up to the years in which dates change their form and end.
    let instant = || (0_i64..253_402_207_200).prop_map(|s| Timestamp::from_second(s).unwrap());
    let serial = any::<[u8; 20]>().prop_map(Serial::from_bytes);
    let revoked = prop::collection::btree_map(serial, instant(), 0..9);
    let number = (1..=u64::MAX).prop_map(|number| number.to_string().parse().unwrap());
    let issuer = prop::sample::select(vec!["a", "home.example.com devices 5f3a", "é"]);
    let ends = (instant(), instant()).prop_filter_map("empty", |(one, other)| {
        Validity::new(one.min(other), one.max(other)).ok()
    });
    (issuer, number, ends, revoked).prop_map(|(issuer, number, validity, revoked)| CrlProfile {
        issuer: named(issuer),
        number,
        validity,
        revoked,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_signature_writes_the_same_list_again(profile in profile()) {
        let key = golden::authority_key();
        let (crl, signature) = sign_crl(key, &profile).unwrap();
        let read = signature.to_string().parse().unwrap();
        prop_assert_eq!(replay_crl(&key.public_key(), &profile, &read), Ok(crl));
    }

    #[test]
    fn every_field_is_under_the_signature(signed in profile(), other in profile()) {
        let key = golden::authority_key();
        let (_, signature) = sign_crl(key, &signed).unwrap();
        let changes = [
            CrlProfile { issuer: named("another"), ..signed.clone() },
            CrlProfile { number: other.number, ..signed.clone() },
            CrlProfile { validity: other.validity, ..signed.clone() },
            CrlProfile { revoked: other.revoked, ..signed.clone() },
        ];
        for changed in changes.into_iter().filter(|changed| *changed != signed) {
            let replayed = replay_crl(&key.public_key(), &changed, &signature);
            prop_assert_eq!(replayed, Err(CrlError::Signature));
        }
    }
}

fn decode(crl: &Crl) -> CertificateList {
    CertificateList::from_der(crl.der()).unwrap()
}

/// The serial and the date of an entry, which has no extension.
fn entry(entry: &RevokedCert) -> (String, String) {
    assert_eq!(entry.crl_entry_extensions, None);
    let serial = HEXLOWER.encode(entry.serial_number.as_bytes());
    (serial, entry.revocation_date.to_string())
}
