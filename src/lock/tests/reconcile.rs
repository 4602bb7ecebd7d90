//! What the declaration changes, and who loses access by it.

use super::*;
use crate::compile;
use crate::model::Homelab;
use crate::progress::Unseen;
use crate::root::RootSecret;

/// The people of the fixture with these devices alone, each as it is declared.
fn declared(alice: &str, bob: &str) -> Homelab {
    let text = format!(
        "domain \"home.example.com\"\nperson \"alice\" {{ email \"alice@example.com\"; {alice} }}\nperson \"bob\" {{ {bob} }}\n"
    );
    compile(&Source::new("homelab.kdl", text)).unwrap_or_else(|wrong| panic!("{:?}", wrong.codes()))
}

fn device(name: &str) -> DeviceId {
    name.parse().unwrap()
}

/// The key that a device made.
fn own_key(seed: u8) -> PublicKey {
    crate::pki::PrivateKey::from_seed(&[seed; 32])
        .unwrap()
        .public_key()
}

#[test]
fn many_are_shut_out_where_it_is_more_than_a_third_of_those_who_are_let_in() {
    let lock = read_text(WRITTEN);
    let iphone = "device \"iphone\" platform=\"linux\"";
    let all_of_alice = "device \"pixel\" platform=\"linux\"; device \"macbook\" platform=\"linux\"; device \"workstation\" platform=\"linux\"";
    let many = reconcile(
        &declared("", iphone),
        &lock,
        &OwnKeys::new(),
        jiff::Timestamp::UNIX_EPOCH,
    );
    let expected = [
        "alice/macbook",
        "alice/pixel",
        "alice/workstation",
        "bob/desktop",
        "guest/tablet",
    ];
    assert_eq!(many.shut_out, expected.map(device));
    assert_eq!((many.let_in, many.shuts_out_many()), (6, true));
    // Two are not many.
    let few = reconcile(
        &declared(all_of_alice, iphone),
        &lock,
        &OwnKeys::new(),
        jiff::Timestamp::UNIX_EPOCH,
    );
    assert_eq!(
        few.shut_out,
        expected[3..].iter().map(|d| device(d)).collect::<Vec<_>>()
    );
    assert!(!few.shuts_out_many());
    // Who is blocked loses nothing.
    let mut blocked = lock.clone();
    for name in ["alice/pixel", "alice/macbook", "alice/workstation"] {
        blocked.block(&device(name), "2026-06-01T00:00:00Z".parse().unwrap());
    }
    let gone = reconcile(
        &declared("", iphone),
        &blocked,
        &OwnKeys::new(),
        jiff::Timestamp::UNIX_EPOCH,
    );
    assert_eq!(gone.revoke, expected.map(device));
    assert_eq!(gone.shut_out, few.shut_out);
    assert_eq!((gone.let_in, gone.shuts_out_many()), (3, false));
}

#[test]
fn a_device_is_issued_a_certificate_of_the_key_that_it_has_made() {
    let lock = read_text(WRITTEN);
    let homelab = declared(
        "device \"own\" csr=\"own.csr\"; device \"new\" platform=\"linux\" key=\"rsa\"",
        "",
    );
    let keys = OwnKeys::from([(device("alice/own"), own_key(1))]);
    let issue = reconcile(&homelab, &lock, &keys, jiff::Timestamp::UNIX_EPOCH).issue;
    let [new, own] = &issue[..] else {
        panic!("{issue:?}");
    };
    assert!(matches!(new.key, NewKey::Derived(MadeKey::Rsa)), "{new:?}");
    assert!(
        matches!(&own.key, NewKey::Own(key) if *key == own_key(1)),
        "{own:?}"
    );
}

/// Whoever has the key would be let in again, under whatever name.
#[test]
fn a_key_that_was_shut_out_is_told_of_whoever_asks_with_it() {
    let root = RootSecret::new([9; 32]);
    let mut lock = Lock::new(&root);
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    let homelab = declared("device \"one\" csr=\"one.csr\"", "");
    let keys = OwnKeys::from([(device("alice/one"), own_key(1))]);
    let new_authority = |id, lifetime| {
        crate::issue::new_authority(
            &root,
            IssuanceId::new([id; 16]),
            &homelab.domain,
            lifetime,
            now,
        )
    };
    lock.succeed(new_authority(1, &homelab.validity.authority).unwrap());
    let new = reconcile(&homelab, &lock, &keys, jiff::Timestamp::UNIX_EPOCH)
        .issue
        .into_iter();
    let new: Vec<_> = new.map(|new| (IssuanceId::new([2; 16]), new)).collect();
    let keyring = Keyring::of(RootSecret::new([9; 32]));
    let issued = crate::issue::new_certificates(&keyring, &lock.authorities[0], &new, now, &Unseen);
    lock.add(issued.unwrap(), now);
    assert!(reconcile(&homelab, &lock, &keys, jiff::Timestamp::UNIX_EPOCH).is_empty());

    let elsewhere = declared("", "device \"two\" csr=\"two.csr\"");
    let keys = OwnKeys::from([(device("bob/two"), own_key(1))]);
    let told = |lock: &Lock, keys: &OwnKeys| {
        let reused = reconcile(&elsewhere, lock, keys, jiff::Timestamp::UNIX_EPOCH)
            .reused_keys
            .into_iter();
        reused
            .map(|key| (key.device, key.before))
            .collect::<Vec<_>>()
    };
    let reused = [(device("bob/two"), device("alice/one"))];
    // It is shut out with this very build.
    assert_eq!(told(&lock, &keys), reused);
    lock.revoke(&[device("alice/one")], now);
    assert_eq!(told(&lock, &keys), reused);
    let other = OwnKeys::from([(device("bob/two"), own_key(2))]);
    assert_eq!(told(&lock, &other), []);
    // What has only ended was never shut out.
    let mut ended = lock.clone();
    let since = ended.certificates[0].validity.not_after();
    ended.certificates[0].state = State::Revoked { since };
    assert_eq!(told(&ended, &keys), []);
}

#[test]
fn what_a_certificate_is_derived_from_is_its_authoritys_root_secret() {
    let mut lock = read_text(WRITTEN);
    let (before, next) = (lock.root, RootSecret::new([8; 32]).id());
    lock.root = next;
    assert_eq!(lock.root_of(&lock.certificates[0]), before);
    let mut of_nobody = lock.certificates[0].clone();
    of_nobody.authority = IssuanceId::new([7; 16]);
    assert_eq!(lock.root_of(&of_nobody), next);
}
