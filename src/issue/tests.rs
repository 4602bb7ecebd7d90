//! A certificate as it was issued, and as it is derived again.

use super::*;
use crate::model::Domain;
use crate::progress::Unseen;

fn issued(kind: MadeKey) -> (Keyring, Authority, Vec<Issued>) {
    let root = RootSecret::new([7; 32]);
    let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let lifetime = Lifetime::new("1y").unwrap();
    let domain = Domain::new("home.example.com").unwrap();
    let id = IssuanceId::new([1; 16]);
    let authority = new_authority(&root, id, &domain, &Lifetime::new("10y").unwrap(), now).unwrap();
    let keyring = Keyring::of(root);
    let devices = ["alice/pixel", "bob/iphone"].map(|device| NewDevice {
        until: None,
        device: device.parse().unwrap(),
        email: Email::new("alice@home.example.com").unwrap(),
        validity: lifetime.clone(),
        key: NewKey::Derived(kind),
    });
    let ids = [2, 3].map(|id| IssuanceId::new([id; 16]));
    let devices: Vec<(IssuanceId, NewDevice)> = ids.into_iter().zip(devices).collect();
    let certificates = new_certificates(&keyring, &authority, &devices, now, &Unseen).unwrap();
    (keyring, authority, certificates)
}

#[test]
fn what_was_issued_just_now_is_given_away_once_and_is_what_is_derived_later() {
    let (keyring, authority, certificates) = issued(MadeKey::P256);
    let signer = Signer::of(&keyring, &authority).unwrap();
    for recorded in &certificates {
        // Another keyring of the same secret has issued nothing.
        let derived = {
            let keyring = Keyring::of(RootSecret::new([7; 32]));
            Credential::of(&keyring, &signer, recorded).unwrap()
        };
        let fresh = Credential::of(&keyring, &signer, recorded).unwrap();
        assert!(keyring.take_issued(&recorded.id).is_none());
        let again = Credential::of(&keyring, &signer, recorded).unwrap();
        for other in [derived, again] {
            assert_eq!(other.certificate, fresh.certificate);
            assert_eq!(*other.key.to_pkcs8_der(), *fresh.key.to_pkcs8_der());
        }
    }
}

#[test]
fn what_is_not_as_the_lock_records_it_is_never_put_into_a_file() {
    let (keyring, authority, certificates) = issued(MadeKey::P256);
    let signer = Signer::of(&keyring, &authority).unwrap();
    let [one, other] = &certificates[..] else {
        panic!("two were issued");
    };
    // What is held for one is another's: it is derived instead.
    let (key, certificate) = keyring.take_issued(&other.id).unwrap();
    keyring.hold_issued(one.id, key, certificate);
    let credential = Credential::of(&keyring, &signer, one).unwrap();
    assert_eq!(credential.certificate.fingerprint(), one.fingerprint);
    // What is held is right, and the record is another.
    let (keyring, ..) = issued(MadeKey::P256);
    let wrong = Issued {
        fingerprint: other.fingerprint,
        ..one.clone()
    };
    let refused = Credential::of(&keyring, &signer, &wrong);
    assert!(matches!(
        refused.err(),
        Some(CredentialError::NotAsRecorded { .. })
    ));
}
