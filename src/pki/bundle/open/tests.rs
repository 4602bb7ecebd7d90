//! Bundles that are whole, cut, changed or hostile.

use std::time::{Duration, Instant};

use super::*;
use crate::pki::{BundleProfile, golden};

const PROFILES: [BundleProfile; 2] = [BundleProfile::Compat, BundleProfile::Modern];

fn opened(file: &[u8]) -> Result<OpenedBundle, OpenError> {
    SealedBundle::from_der(file)?.open(golden::PASSWORD)
}

#[test]
fn what_is_written_here_opens_and_has_its_profile() {
    for profile in PROFILES {
        let opened = opened(&golden::bundle(profile)).unwrap();
        assert_eq!(opened.profile(), Some(profile));
        let ([key], [certificate]) = (&opened.keys[..], &opened.certificates[..]) else {
            panic!("{opened:?}");
        };
        assert_eq!(certificate.certificate, golden::leaf());
        let public = key.key().map(|key| key.public_key());
        assert_eq!(public, certificate.certificate.public_key());
        assert_eq!(key.local_key_id, certificate.local_key_id);
        assert_eq!(key.bag, KeyBag::Shrouded);
        let sealed = SealedBundle::from_der(&golden::bundle(profile)).unwrap();
        assert_eq!(sealed.takes(golden::PASSWORD), Ok(Some(true)));
        for wrong in ["", "wrong", "\u{1f511}"] {
            assert_eq!(sealed.takes(wrong), Ok(Some(false)));
            assert_eq!(sealed.open(wrong).unwrap_err(), OpenError::WrongPassword);
        }
    }
}

#[test]
fn no_truncation_and_no_flipped_bit_opens_to_something_else() {
    let begin = Instant::now();
    for profile in PROFILES {
        let whole = golden::bundle(profile);
        for length in 0..whole.len() {
            assert!(
                opened(&whole[..length]).is_err(),
                "{profile} cut at {length}"
            );
        }
        assert!(opened(&[&whole[..], &[0]].concat()).is_err());
        // Each octet, and of it another bit than of its neighbours.
        for bit in (0..8 * whole.len()).step_by(9) {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // Parameters that nobody reads may change; what it holds may not.
            if let Ok(opened) = opened(&changed) {
                assert_eq!(opened.certificates[0].certificate, golden::leaf(), "{bit}");
                assert_eq!(opened.profile(), Some(profile), "{bit}");
            }
        }
    }
    assert!(
        begin.elapsed() < Duration::from_secs(200),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn work_is_refused_before_it_is_done() {
    let begin = Instant::now();
    let whole = golden::bundle(BundleProfile::Modern);
    for (iterations, expected) in [
        (i32::MAX, OpenError::TooMuchWork),
        (0, OpenError::Damaged),
        (-1, OpenError::Damaged),
    ] {
        let mut pfx = Pfx::from_der(&whole).unwrap();
        pfx.mac_data.as_mut().unwrap().iterations = iterations;
        assert_eq!(opened(&pfx.to_der().unwrap()).unwrap_err(), expected);
    }
    assert!(
        begin.elapsed() < Duration::from_secs(60),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn a_bundle_without_a_mac_is_told() {
    let mut pfx = Pfx::from_der(&golden::bundle(BundleProfile::Compat)).unwrap();
    pfx.mac_data = None;
    let file = pfx.to_der().unwrap();
    let opened = opened(&file).unwrap();
    assert!(opened.mac.is_none() && opened.profile().is_none());
    let sealed = SealedBundle::from_der(&file).unwrap();
    assert_eq!(sealed.takes(golden::PASSWORD), Ok(None));
    assert!(!sealed.may_be_own());
    assert_eq!(sealed.open("wrong").unwrap_err(), OpenError::WrongPassword);
}
