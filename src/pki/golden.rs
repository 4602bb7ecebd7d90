//! One authority, one leaf, its two bundles and one revocation list, pinned byte for byte.

use std::sync::OnceLock;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::*;

pub(super) const PASSWORD: &str = "7Q2M9-XKVTC-04HJR-WNE8B";
pub(super) const NONCE_KEY: [u8; 32] = [0x4e; 32];
pub(super) const AUTHORITY_NAME: &str = "home.example.com devices 5f3a";

pub(super) fn authority_key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::from_seed(&[0x41; 32]).unwrap())
}

pub(super) fn leaf_key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::from_seed(&[0x42; 32]).unwrap())
}

pub(super) fn validity(from: &str, until: &str) -> Validity {
    Validity::new(from.parse().unwrap(), until.parse().unwrap()).unwrap()
}

pub(super) fn authority_profile() -> AuthorityProfile {
    AuthorityProfile {
        common_name: AUTHORITY_NAME.to_owned(),
        serial: Serial::from_bytes([0x11; 20]),
        validity: validity("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"),
    }
}

pub(super) fn leaf_profile() -> LeafProfile {
    LeafProfile {
        common_name: "alice-pixel".to_owned(),
        organization: "home.example.com".to_owned(),
        email: "alice@home.example.com".to_owned(),
        serial: Serial::from_bytes([0x22; 20]),
        validity: validity("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    }
}

pub(super) fn issuer() -> Issuer<'static> {
    Issuer {
        key: authority_key(),
        name: issuer_name(),
        validity: authority_profile().validity,
    }
}

pub(super) fn issuer_name() -> &'static IssuerName {
    static NAME: OnceLock<IssuerName> = OnceLock::new();
    NAME.get_or_init(|| IssuerName::of(&authority()).unwrap())
}

pub(super) fn authority() -> Certificate {
    self_sign(authority_key(), &authority_profile()).unwrap()
}

pub(super) fn leaf() -> Certificate {
    issue(&issuer(), &leaf_key().public_key(), &leaf_profile()).unwrap()
}

pub(super) fn crl_profile() -> CrlProfile {
    let revoked = [
        ([0x33; 20], "2026-02-03T04:05:06Z"),
        ([0x22; 20], "2026-05-31T10:00:00Z"),
    ];
    let revoked = revoked.map(|(serial, since)| (Serial::from_bytes(serial), since));
    CrlProfile {
        issuer: issuer_name().clone(),
        number: "7".parse().unwrap(),
        validity: validity("2026-06-01T00:00:00Z", "2036-01-01T00:00:00Z"),
        revoked: revoked
            .map(|(serial, since)| (serial, since.parse().unwrap()))
            .into(),
    }
}

pub(super) fn crl() -> (Crl, CrlSignature) {
    sign_crl(authority_key(), &crl_profile()).unwrap()
}

pub(super) fn content(leaf: &Certificate) -> BundleContent<'_> {
    BundleContent {
        key: leaf_key(),
        certificate: leaf,
        friendly_name: "alice-pixel",
    }
}

pub(super) fn bundle(profile: BundleProfile) -> Vec<u8> {
    super::bundle(profile, &content(&leaf()), PASSWORD, &NONCE_KEY).unwrap()
}

/// A change here is a change of every certificate, bundle and revocation list out there: never let it pass for a
/// refactoring.
#[test]
fn the_bytes_are_frozen() {
    let artifacts = [
        authority().der().to_vec(),
        leaf().der().to_vec(),
        bundle(BundleProfile::Compat),
        bundle(BundleProfile::Modern),
        crl().0.der().to_vec(),
    ];
    let hashes = artifacts.map(|bytes| HEXLOWER.encode(&Sha256::digest(bytes)));
    assert_eq!(
        hashes,
        [
            "a7faf419229377065e965fbc758e53d4d0f58713b0033b13b07ffa0b8ff2ac43",
            "011a2a38e55759c0ee5350632df479c753da3a80a69978aed0e47f1ccb9b1118",
            "b1455328ecd631ac3f901771b29a44cfff24e4d44fa3d5579a51fb3a42edf716",
            "ee278568cefaaa8358979bcb6201bfd60f625e6cc34d058f51763166516ab5e2",
            "a5cde491f09edb075fbed79afb2c9fdae69a8df1b1beb31c6f3b71fdb4199857",
        ]
    );
}
