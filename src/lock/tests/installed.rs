//! Records of certificates that devices had already.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::compile;
use crate::model::Homelab;

const NOW: &str = "2027-01-01T00:00:00Z";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn fingerprint(last: u8) -> Fingerprint {
    let mut digest = [0xab; 32];
    digest[31] = last;
    Fingerprint::from(digest)
}

fn installed(device: &str, last: u8, removed: Option<&str>) -> Installed {
    Installed {
        device: device.parse().unwrap(),
        fingerprint: fingerprint(last),
        removed: removed.map(moment),
    }
}

/// The fixture's lock with an authority that is only trusted, and these records.
fn with(records: &[Installed]) -> Lock {
    let mut lock = read_text(WRITTEN);
    let foreign = Authority {
        id: IssuanceId::new([7; 16]),
        origin: Origin::Foreign,
        ..lock.authorities[0].clone()
    };
    lock.trust(foreign);
    lock.installed = records.to_vec();
    lock
}

/// Alice with these devices, each by its fingerprint.
fn declared(devices: &[(&str, u8)]) -> Homelab {
    let devices = devices.iter().map(|(device, last)| {
        format!(
            "device \"{device}\" fingerprint=\"{}\"; ",
            fingerprint(*last)
        )
    });
    let devices: String = devices.collect();
    let text =
        format!("domain \"home.example.com\"\nperson \"alice\" {{ name \"A\"; {devices}}}\n");
    compile(&Source::new("homelab.kdl", text)).unwrap_or_else(|wrong| panic!("{:?}", wrong.codes()))
}

/// As it is written, by hand.
fn line(installed: &Installed) -> String {
    let Installed {
        device,
        fingerprint,
        removed,
    } = installed;
    let record = format!("installed \"{device}\" fingerprint=\"{fingerprint}\"");
    let record = match removed {
        None => record,
        Some(since) => format!("{record} removed=\"{since}\""),
    };
    signed_by(&keyring(), &read_text(WRITTEN).root, &record)
}

/// A lock with these lines more, in this order.
fn of_records<'l>(lines: impl IntoIterator<Item = &'l String>) -> Lock {
    static TRUSTING: LazyLock<String> = LazyLock::new(|| written(&with(&[])));
    let lines: Vec<String> = lines.into_iter().map(|line| format!("{line}\n")).collect();
    read_text(&TRUSTING.replace("\nend\n", &format!("\n{}end\n", lines.concat())))
}

#[test]
fn a_record_is_refused_in_any_other_form() {
    let root = read_text(WRITTEN).root;
    let good = format!("installed \"alice/old\" fingerprint=\"{}\"", fingerprint(1));
    let text = |record: &str| {
        let line = signed_by(&keyring(), &root, record);
        written(&with(&[])).replace("\nend\n", &format!("\n{line}\nend\n"))
    };
    assert_eq!(
        read_text(&text(&good)),
        with(&[installed("alice/old", 1, None)])
    );
    let removed = format!("{good} removed=\"{NOW}\"");
    let known = with(&[installed("alice/old", 1, Some(NOW))]);
    assert_eq!(read_text(&text(&removed)), known);
    for bad in [
        good.replace("alice/old", "alice"),
        good.replace(" \"alice/old\"", ""),
        good.replace("ab", "AB"),
        good.replacen("ab", "", 1),
        good.split(" fingerprint").next().unwrap().to_owned(),
        format!("{good} removed=\"\""),
        format!("{good} removed=\"2027-01-01T00:00:00.5Z\""),
        format!("{good} state=\"declared\""),
        // What Caddy gives to whoever shows no certificate.
        "installed \"alice/old\" fingerprint=\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"".to_owned(),
    ] {
        assert_eq!(refused(&text(&bad)), ["lock::damaged"], "{bad}");
    }
    // Nobody signed lines of the first version, which had no such ones.
    let first = FIRST.replace("\nend\n", &format!("\n{}\nend\n", checked(&good)));
    assert_eq!(refused(&first), ["lock::damaged"]);
}

#[test]
fn no_value_of_a_record_can_be_changed_without_the_secret() {
    let line = line(&installed("alice/old", 1, Some(NOW)));
    let text = written(&with(&[installed("alice/old", 1, Some(NOW))]));
    let unsigned = checked(record(&line));
    let (before, _) = line.split_once(" check=").unwrap();
    let edits = [
        ("alice/old", "alice/odd"),
        ("ab01\"", "ab02\""),
        ("2027-01-01", "2029-01-01"),
        (&format!(" removed=\"{NOW}\""), ""),
    ];
    for (from, to) in edits {
        let edited = checked(&before.replacen(from, to, 1));
        assert_ne!(edited, line);
        assert_eq!(
            refused(&text.replace(&line, &edited)),
            ["lock::forged"],
            "{to}"
        );
    }
    assert_eq!(refused(&text.replace(&line, &unsigned)), ["lock::forged"]);
}

#[test]
fn a_lock_that_trusts_nobody_who_vouches_has_no_such_records() {
    let mut lock = with(&[installed("alice/old", 1, None)]);
    let foreign = lock
        .authorities
        .iter_mut()
        .find(|a| a.origin == Origin::Foreign);
    let since = moment(NOW);
    foreign.unwrap().state = AuthorityState::Retired { since };
    let read = read_text(&written(&lock));
    assert!(read.installed.is_empty());
    // Nor does it take up any.
    let homelab = declared(&[("old", 1)]);
    assert!(
        reconcile(
            &homelab,
            &read,
            &OwnKeys::new(),
            jiff::Timestamp::UNIX_EPOCH
        )
        .record
        .is_empty()
    );
    let mut same = read.clone();
    same.learn(
        &homelab,
        &[("alice/other".parse().unwrap(), fingerprint(2))],
    );
    same.remember(&homelab, since);
    assert_eq!(same, read);
}

/// What is removed is so since the first time that it was seen to be, and only until it is declared again.
#[test]
fn what_is_declared_is_recorded_and_what_is_not_is_removed() {
    let (first, later) = (moment(NOW), moment("2027-02-01T00:00:00Z"));
    let mut lock = with(&[]);
    for (devices, now, expected) in [
        (
            &[("one", 1), ("two", 2)][..],
            first,
            vec![("alice/one", 1, None), ("alice/two", 2, None)],
        ),
        (
            &[("two", 2)],
            first,
            vec![("alice/one", 1, Some(NOW)), ("alice/two", 2, None)],
        ),
        (
            &[("two", 2)],
            later,
            vec![("alice/one", 1, Some(NOW)), ("alice/two", 2, None)],
        ),
        (
            &[("two", 1)],
            later,
            vec![
                ("alice/two", 1, None),
                ("alice/two", 2, Some("2027-02-01T00:00:00Z")),
            ],
        ),
        (
            &[("two", 2)],
            first,
            vec![("alice/two", 1, Some(NOW)), ("alice/two", 2, None)],
        ),
    ] {
        let homelab = declared(devices);
        let before = lock.clone();
        lock.remember(&homelab, now);
        let expected = expected
            .into_iter()
            .map(|(device, last, removed)| installed(device, last, removed));
        assert_eq!(lock.installed, expected.collect::<Vec<_>>(), "{devices:?}");
        let changes = reconcile(
            &homelab,
            &before,
            &OwnKeys::new(),
            jiff::Timestamp::UNIX_EPOCH,
        );
        assert_eq!(
            changes.record.is_empty() && changes.remove.is_empty(),
            before == lock
        );
        let settled = reconcile(
            &homelab,
            &lock,
            &OwnKeys::new(),
            jiff::Timestamp::UNIX_EPOCH,
        );
        assert!(settled.record.is_empty() && settled.remove.is_empty());
        assert_eq!(read_text(&written(&lock)), lock);
    }
}

/// An edge tells of what was let in by it; not of what the lock knows, or has issued.
#[test]
fn only_what_is_not_known_is_learnt() {
    let homelab = declared(&[("one", 1)]);
    let mut lock = with(&[installed("alice/two", 2, Some(NOW))]);
    let own = lock.certificates[0].fingerprint;
    let device = |name: &str| name.parse::<DeviceId>().unwrap();
    let told = [
        (device("alice/one"), fingerprint(1)),
        (device("alice/again"), fingerprint(2)),
        (device("alice/own"), own),
        (device("bob/three"), fingerprint(3)),
    ];
    lock.learn(&homelab, &told);
    let learnt = [
        installed("alice/two", 2, Some(NOW)),
        installed("bob/three", 3, None),
    ];
    assert_eq!(lock.installed, learnt);
    assert_eq!(
        reconcile(
            &homelab,
            &lock,
            &OwnKeys::new(),
            jiff::Timestamp::UNIX_EPOCH
        )
        .remove,
        [device("bob/three")]
    );
}

proptest! {
    // Each signs and verifies.
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Git's union keeps lines of both branches in an order of its own, one certificate's in several forms: it is removed if either
    /// says so, since the earlier time, and the next build makes of it what the declaration says, whatever that is.
    #[test]
    fn lines_about_one_certificate_become_one(
        records in prop::collection::vec((0..3_u8, 0..3_u8, prop::option::of(0..3_u8)), 1..8).prop_map(|told| {
            let record = |(name, last, day): (u8, u8, Option<u8>)| {
                let removed = day.map(|day| format!("2027-01-0{}T00:00:00Z", day + 1));
                installed(&format!("alice/d{name}"), last, removed.as_deref())
            };
            told.into_iter().map(record).collect::<Vec<_>>()
        }),
        turn in 0..8_usize,
        still in prop::collection::btree_map(0..3_u8, 0..3_u8, 0..3),
    ) {
        let mut lines: Vec<String> = records.iter().map(line).collect();
        let lock = of_records(&lines);
        for known in &lock.installed {
            let same = records.iter().filter(|record| record.fingerprint == known.fingerprint);
            let said: Vec<Timestamp> = same.clone().filter_map(|record| record.removed).collect();
            prop_assert_eq!(known.removed, said.iter().min().copied());
            prop_assert!(same.clone().any(|record| record.device == known.device));
        }
        let fingerprints: BTreeSet<Fingerprint> = records.iter().map(|r| r.fingerprint).collect();
        prop_assert_eq!(fingerprints.len(), lock.installed.len());
        lines.rotate_left(turn % records.len());
        lines.push(lines[0].clone());
        prop_assert_eq!(&of_records(&lines), &lock);
        prop_assert_eq!(&read_text(&written(&lock)), &lock);

        // Each name once, each fingerprint once.
        let still: BTreeMap<u8, u8> = still.into_iter().map(|(name, last)| (last, name)).collect();
        let still: Vec<(String, u8)> = still.into_iter().map(|(last, name)| (format!("d{name}-{last}"), last)).collect();
        let devices: Vec<(&str, u8)> = still.iter().map(|(name, last)| (name.as_str(), *last)).collect();
        let homelab = declared(&devices);
        let mut built = lock.clone();
        built.remember(&homelab, moment(NOW));
        for (device, fingerprint) in homelab.installed() {
            prop_assert!(built.has_installed(device, fingerprint));
        }
        let removed = built.removed(&homelab);
        prop_assert_eq!(removed.len() + devices.len(), built.installed.len());
        prop_assert!(removed.iter().all(|known| known.removed.is_some()));
        prop_assert_eq!(removed.len(), lock.removed(&homelab).len());
    }
}
