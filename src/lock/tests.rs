//! The lock of the golden fixture, read in whatever form a merge may leave it.

mod installed;
mod reconcile;

use proptest::prelude::*;

use super::*;
use crate::pki::Crl;
use crate::root::Keyring;
use crate::source::Source;

const WRITTEN: &str = include_str!("../../tests/golden/insecure-fixed-root/homelab.lock");
/// The same in version 1.
const FIRST: &str = include_str!("../../tests/golden/insecure-fixed-root/homelab.lock.1");

/// The root secret of the fixture.
fn keyring() -> Keyring {
    let bytes: Vec<u8> = (0..32).collect();
    Keyring::of(RootSecret::new(bytes.try_into().unwrap()))
}

fn written(lock: &Lock) -> String {
    let signatures = Signatures::kept_in("").and_by(&keyring(), &lock.root);
    let text = lock.to_text(&signatures).expect("the machine can count");
    text.expect("there is a signer")
}

/// A record as a line, signed by that root secret.
fn signed_by(keyring: &Keyring, root: &RootId, record: &str) -> String {
    let signer = keyring.root(root).expect("it is there").signer();
    let signature = signer.sign(&signing::statement(root, record)).unwrap();
    checked(&format!("{record} signed=\"{signature}\""))
}

fn checked(text: &str) -> String {
    format!("{text} check=\"{}\"", write::check(text))
}

/// A line's record, without its signature and its check.
fn record(line: &str) -> &str {
    line.split(" signed=").next().expect("it has a beginning")
}

fn refused(text: &str) -> Vec<&'static str> {
    let mistakes = read(&Source::new("homelab.lock", text)).expect_err(text);
    mistakes.codes()
}

fn read_text(text: &str) -> Lock {
    read(&Source::new("homelab.lock", text)).unwrap_or_else(|mistakes| {
        panic!("{:?} in\n{text}", mistakes.codes());
    })
}

/// The text with these lines between its beginning and its end.
fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let (begin, _) = WRITTEN.split_once("root ").expect("it has a root");
    let lines: Vec<String> = lines.into_iter().map(|line| format!("{line}\n")).collect();
    format!("{begin}{}end\n", lines.concat())
}

fn lines() -> Vec<&'static str> {
    WRITTEN
        .lines()
        .skip(2)
        .filter(|line| *line != "end")
        .collect()
}

/// The retired certificate, as if it had been retired at that time, or not at all.
fn tablet(since: Option<&str>) -> String {
    let mut lock = read_text(WRITTEN);
    let of_tablet = |issued: &Issued| issued.revoked().is_some();
    lock.certificates.retain(of_tablet);
    lock.certificates[0].state = match since {
        Some(since) => State::Revoked {
            since: since.parse().unwrap(),
        },
        None => State::Active,
    };
    let text = written(&lock);
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with("certificate"));
    line.expect("it was kept").to_owned()
}

fn list(lock: &Lock) -> Option<Crl> {
    lock.signing().and_then(|authority| lock.crl(authority))
}

#[test]
fn what_is_written_is_read_back() {
    assert_eq!(written(&read_text(WRITTEN)), WRITTEN);
    // Without the secret, as long as nothing has changed.
    let kept = Signatures::kept_in(WRITTEN);
    let mut lock = read_text(WRITTEN);
    assert_eq!(lock.to_text(&kept).unwrap().as_deref(), Some(WRITTEN));
    lock.certificates[0].state = lock.certificates[2].state;
    assert_eq!(lock.to_text(&kept).unwrap(), None);
}

#[test]
fn what_was_verified_says_the_same_without_being_verified_again() {
    let reversed: Vec<&str> = lines().into_iter().rev().collect();
    let tablet = tablet(Some("2026-09-03T00:00:00Z"));
    let united = lines().into_iter().chain([tablet.as_str()]);
    for text in [WRITTEN.to_owned(), of_lines(reversed), of_lines(united)] {
        let known = read_verified(&Source::new("homelab.lock", text.as_str()));
        assert_eq!(known.expect("it can be read"), read_text(&text));
    }
}

#[test]
fn a_check_with_escapes_in_it_is_none() {
    let root = lines()[0];
    for check in [r#"é\"\"\"\"\"\"\"\"\""#, r"\\", r"\u{202e}é", "", "é"] {
        let line = format!("crl check=\"{check}\"");
        assert_eq!(refused(&of_lines([root, &line])), ["lock::damaged"]);
        let signed = checked(&format!("crl signed=\"{check}\""));
        assert_eq!(refused(&of_lines([root, &signed])), ["lock::forged"]);
    }
}

#[test]
fn signatures_are_kept_in_whatever_order_lines_are() {
    let lock = read_text(WRITTEN);
    let kept_in = |text: &str| lock.to_text(&Signatures::kept_in(text)).unwrap();
    let reversed: Vec<&str> = lines().into_iter().rev().collect();
    let each_twice: Vec<&str> = lines().into_iter().flat_map(|line| [line; 2]).collect();
    for text in [
        of_lines(reversed),
        of_lines(each_twice),
        WRITTEN.replace('\n', "\r\n"),
    ] {
        assert_eq!(kept_in(&text).as_deref(), Some(WRITTEN), "{text}");
    }
    for missing in lines() {
        assert_eq!(
            kept_in(&of_lines(
                lines().into_iter().filter(|line| *line != missing)
            )),
            None
        );
    }
    // Of several that a record has, the last counts.
    let ours = lines()[1];
    let keyring = keyring();
    let signer = keyring.root(&lock.root).expect("it is there").signer();
    let signature = signer.sign("something else").unwrap();
    let another = checked(&format!("{} signed=\"{signature}\"", record(ours)));
    let others = |line: &str| line == another;
    let between = lines().into_iter().filter(|line| *line != ours);
    let first = kept_in(&of_lines(between.clone().chain([another.as_str(), ours])));
    assert_eq!(first.as_deref(), Some(WRITTEN));
    let last = kept_in(&of_lines(between.chain([ours, another.as_str()]))).expect("all are signed");
    assert!(last.lines().any(others) && !WRITTEN.lines().any(others));
}

/// The kind of key that was made stands in the record, and no other kind is known.
#[test]
fn the_kind_of_key_is_recorded() {
    let mut lock = read_text(WRITTEN);
    assert!(lock.certificates.iter().all(|c| c.made == MadeKey::P256));
    lock.certificates[0].made = MadeKey::Rsa;
    let text = written(&lock);
    assert_eq!(text.matches(" profile=\"rsa2048-1\"").count(), 1);
    assert_eq!(read_text(&text), lock);
    for other in ["rsa2048-2", "rsa", ""] {
        let line = lines()[lines().len() - 1];
        let unknown = record(line).replace("p256-1", other);
        let unknown = signed_by(&keyring(), &lock.root, &unknown);
        let text = WRITTEN.replace(line, &unknown);
        assert_eq!(refused(&text), ["lock::damaged"], "{other:?}");
    }
    // Of a key that the device has made, no kind was made here.
    lock.certificates[0].own_key = Some(lock.authorities[0].certificate.clone());
    lock.certificates[0].fingerprint = lock.authorities[0].certificate.fingerprint();
    assert_eq!(refused(&written(&lock)), ["lock::damaged"]);
    lock.certificates[0].made = MadeKey::P256;
    assert_eq!(read_text(&written(&lock)), lock);
}

#[test]
fn the_first_version_says_the_same_and_nobody_has_signed_it() {
    let mut lock = read_text(FIRST);
    assert_eq!(lock.key, None);
    assert_eq!(lock.to_text(&Signatures::kept_in(FIRST)).unwrap(), None);
    lock.name_keys(&keyring());
    assert_eq!(lock, read_text(WRITTEN));
    assert!(lock.is_written_with(&keyring()));
}

/// Every value of every record, one at a time, under a check that fits.
#[test]
fn no_value_can_be_changed_without_the_secret() {
    let mut changed = 0;
    for line in lines() {
        let (before, _) = line.split_once(" check=").expect("it has one");
        let quotes = before.match_indices('"').map(|(at, _)| at);
        let quotes: Vec<usize> = quotes.collect();
        for value in quotes.chunks_exact(2).filter(|ends| ends[0] + 1 < ends[1]) {
            // In the middle, so that times and names stay what they are in form.
            let at = (value[0] + 1 + value[1]) / 2;
            for other in ['0', '1', 'a', 'b'] {
                let edited = format!("{}{other}{}", &before[..at], &before[at + 1..]);
                if edited == before {
                    continue;
                }
                let text = WRITTEN.replace(line, &checked(&edited));
                let codes = refused(&text);
                let told = [
                    "lock::forged",
                    "lock::damaged",
                    "lock::no-authority",
                    "lock::no-root",
                ];
                assert!(
                    codes.iter().all(|code| told.contains(code)),
                    "{codes:?}\n{text}"
                );
                changed += 1;
            }
        }
    }
    assert!(changed > 300, "{changed}");
}

#[test]
fn no_state_can_be_flipped_and_no_signature_left_out_or_borrowed() {
    let tablet = lines()
        .into_iter()
        .find(|line| line.contains("alice/tablet"));
    let tablet = tablet.expect("it is in the fixture");
    let (active, _) = record(tablet).split_once(" state=").expect("it has one");
    let active = format!("{active} state=\"active\"");
    let (_, signature) = tablet.split_once(" signed=\"").expect("it has one");
    let (signature, _) = signature.split_once('"').expect("it ends");
    let other = lines()[1].split_once(" signed=\"").expect("it has one").1;
    let (other, _) = other.split_once('"').expect("it ends");
    for (line, why) in [
        (active.clone(), "unsigned"),
        (format!("{active} signed=\"\""), "empty"),
        (
            format!("{active} signed=\"{signature}\""),
            "of the retired one",
        ),
        (
            format!("{} signed=\"{other}\"", record(tablet)),
            "of another record",
        ),
        (
            format!("{} signed=\"{signature}\" until=\"\"", record(tablet)),
            "not last",
        ),
        (record(tablet).to_owned(), "left out"),
    ] {
        let text = WRITTEN.replace(tablet, &checked(&line));
        assert_eq!(refused(&text), ["lock::forged"], "{why}");
    }
    // A line more, beside the right one.
    let text = WRITTEN.replace(tablet, &format!("{tablet}\n{}", checked(&active)));
    assert_eq!(refused(&text), ["lock::forged"]);
}

/// Records of another homelab, and of another root secret that names itself the present one's.
#[test]
fn no_record_counts_in_another_homelab() {
    let other = RootSecret::new([9; 32]);
    let id = other.id();
    let mut theirs = Keyring::of(RootSecret::new([9; 32]));
    theirs.add_root(RootSecret::new([8; 32]));
    for line in lines().into_iter().skip(1) {
        for root in [id, RootSecret::new([8; 32]).id()] {
            let foreign = signed_by(&theirs, &root, record(line));
            assert_eq!(refused(&WRITTEN.replace(line, &foreign)), ["lock::forged"]);
        }
    }
    // The right key under the wrong root.
    let ours = keyring();
    let key = ours.root(&read_text(WRITTEN).root).unwrap().signer();
    for line in lines().into_iter().skip(1) {
        let signature = key.sign(&signing::statement(&id, record(line))).unwrap();
        let moved = checked(&format!("{} signed=\"{signature}\"", record(line)));
        assert_eq!(refused(&WRITTEN.replace(line, &moved)), ["lock::forged"]);
    }
}

/// Who replaces the key has to sign everything anew, and has another key then.
#[test]
fn another_key_is_told_once_or_is_another_key() {
    let lock = read_text(WRITTEN);
    let (key, evil) = (lock.key.unwrap(), RootSecret::new([9; 32]).signer());
    let by_evil = |record: &str| {
        let signature = evil.sign(&signing::statement(&lock.root, record)).unwrap();
        checked(&format!("{record} signed=\"{signature}\""))
    };
    let root = record(lines()[0]).replace(&key.to_string(), &evil.key().to_string());
    // Not signed by itself, and signed by itself but nothing else.
    let line = checked(
        &lines()[0]
            .split(" check=")
            .next()
            .unwrap()
            .replace(&key.to_string(), &evil.key().to_string()),
    );
    assert_eq!(
        refused(&WRITTEN.replace(lines()[0], &line)),
        ["lock::forged"]
    );
    let codes = refused(&WRITTEN.replace(lines()[0], &by_evil(&root)));
    assert_eq!(codes, ["lock::forged"]);
    let all = lines()
        .into_iter()
        .skip(1)
        .map(|line| by_evil(record(line)));
    let all: Vec<String> = std::iter::once(by_evil(&root)).chain(all).collect();
    let theirs = read_text(&of_lines(all.iter().map(String::as_str)));
    assert_eq!(theirs.key, Some(evil.key()));
    assert!(!theirs.is_written_with(&keyring()));
}

/// A rotation of the root secret on one branch, whatever the other has done meanwhile.
#[test]
fn an_earlier_root_is_believed_while_the_present_one_names_it() {
    let (before, next) = (read_text(WRITTEN), RootSecret::new([9; 32]));
    let mut both = keyring();
    both.add_root(RootSecret::new([9; 32]));
    let mut rotated = before.clone();
    rotated.root = next.id();
    rotated.name_keys(&both);
    let key = before.key.expect("it is signed");
    assert_eq!(rotated.former, BTreeMap::from([(before.root, key)]));
    let text = |lock: &Lock| {
        let signatures = Signatures::kept_in(WRITTEN).and_by(&both, &lock.root);
        lock.to_text(&signatures).unwrap().expect("it is signed")
    };
    let rotated_text = text(&rotated);
    assert_eq!(read_text(&rotated_text), rotated);
    // Both branches' lines, in either order.
    let body = |text: &str| -> Vec<String> {
        let lines = text.lines().skip(2).filter(|line| *line != "end");
        lines.map(str::to_owned).collect()
    };
    let (ours, theirs) = (body(&rotated_text), body(WRITTEN));
    for merged in [[&ours[..], &theirs], [&theirs, &ours]] {
        let merged = merged.concat();
        let merged = of_lines(merged.iter().map(String::as_str));
        assert_eq!(read_text(&merged), rotated);
    }
    // Nothing is derived from the earlier one any more.
    let mut finished = rotated.clone();
    for authority in &mut finished.authorities {
        let since = authority.validity.not_before();
        authority.state = AuthorityState::Retired { since };
    }
    finished
        .certificates
        .retain(|issued| issued.revoked().is_some());
    finished.crls.clear();
    finished.name_keys(&both);
    assert!(finished.former.is_empty());
    let ours = body(&text(&finished));
    let merged = [&ours[..], &theirs].concat();
    let codes = refused(&of_lines(merged.iter().map(String::as_str)));
    assert_eq!(codes, ["lock::left-behind"]);
    // A branch that began before the end names it still: the end prevails.
    let merged = [&ours[..], &body(&rotated_text)].concat();
    let read = read_text(&of_lines(merged.iter().map(String::as_str)));
    assert!(read.former.is_empty());
}

#[test]
fn two_versions_do_not_mix() {
    for (one, other) in [(WRITTEN, FIRST), (FIRST, WRITTEN)] {
        let (begin, end) = (one.trim_end_matches("end\n"), other);
        assert_eq!(refused(&format!("{begin}{end}")), ["lock::mixed-versions"]);
    }
    // Nor is a line of the first version one of the second.
    let line = FIRST.lines().last().map(|_| FIRST.lines().nth(5).unwrap());
    let text = WRITTEN.replace("end\n", &format!("{}\nend\n", line.unwrap()));
    assert_eq!(refused(&text), ["lock::forged"]);
    let text = FIRST.replace("end\n", &format!("{}\nend\n", lines()[4]));
    assert_eq!(refused(&text), ["lock::damaged"]);
}

#[test]
fn a_list_is_replayed_only_for_what_was_signed() {
    let lock = read_text(WRITTEN);
    assert!(list(&lock).is_some());
    let changes: [fn(&mut Lock); 6] = [
        |lock| {
            lock.certificates
                .retain(|issued| issued.revoked().is_none())
        },
        |lock| lock.certificates[0].state = lock.certificates[2].state,
        |lock| {
            let (first, other) = (lock.certificates[0].validity, &mut lock.certificates[2]);
            let since = first.not_before();
            other.state = State::Revoked { since };
        },
        |lock| lock.crls.extend_from_within(..),
        |lock| lock.crls.clear(),
        |lock| lock.authorities.clear(),
    ];
    for (nth, change) in changes.into_iter().enumerate() {
        let mut changed = lock.clone();
        assert_eq!(changed.certificates[2].device.to_string(), "alice/tablet");
        change(&mut changed);
        assert_ne!(changed, lock, "{nth}");
        assert_eq!(list(&changed), None, "{nth}");
    }
    // What is not retired is no matter of the list.
    let mut fewer = lock.clone();
    fewer
        .certificates
        .retain(|issued| issued.revoked().is_some());
    assert_eq!(list(&fewer), list(&lock));
}

#[test]
fn a_certificate_is_retired_since_the_earliest_time_in_any_order() {
    let early = tablet(Some("2026-02-03T04:05:06Z"));
    let (late, active) = (tablet(Some("2026-03-01T00:00:00Z")), tablet(None));
    let others: Vec<&str> = lines()
        .into_iter()
        .filter(|line| *line != late.as_str())
        .collect();
    assert_eq!(others.len() + 1, lines().len());
    for order in [
        [&early, &late, &active],
        [&active, &late, &early],
        [&late, &active, &early],
        [&late, &early, &late],
        [&active, &active, &early],
    ] {
        let order = order.iter().map(|line| line.as_str());
        let lock = read_text(&of_lines(others.iter().copied().chain(order)));
        let text = written(&lock);
        assert_eq!(text.matches("alice/tablet").count(), 1);
        assert!(text.contains(&early), "{text}");
        assert_eq!(list(&lock), None, "the list says the later time");
    }
}

#[test]
fn only_a_date_that_can_be_is_taken() {
    let retired = tablet(Some("2026-03-01T00:00:00Z"));
    for (state, is_right) in [
        ("state=\"retired\" retired=\"2026-03-01T00:00:00Z\"", true),
        ("state=\"retired\" retired=\"2025-12-31T23:00:00Z\"", true),
        ("state=\"retired\" retired=\"2025-12-31T22:59:59Z\"", false),
        (
            "state=\"retired\" retired=\"2026-03-01T00:00:00.5Z\"",
            false,
        ),
        ("state=\"retired\" retired=\"\"", false),
        ("state=\"retired\"", true),
        ("state=\"active\" retired=\"2026-03-01T00:00:00Z\"", false),
        ("state=\"active\"", true),
        ("state=\"gone\"", false),
    ] {
        let (before, _) = retired.split_once("state=").expect("it has a state");
        let line = format!("{before}{state}");
        let root = read_text(WRITTEN).root;
        let line = signed_by(&keyring(), &root, &line);
        let kept = lines().into_iter().filter(|kept| *kept != retired);
        let text = of_lines(kept.chain([line.as_str()]));
        let read = read(&Source::new("homelab.lock", text));
        if is_right {
            assert!(read.is_ok(), "{state}")
        } else {
            assert_eq!(read.unwrap_err().codes(), ["lock::damaged"], "{state}")
        }
    }
}

proptest! {
    /// Git's union keeps lines of both branches, in an order of its own.
    #[test]
    fn neither_order_nor_repetition_of_lines_matters(
        lines in Just(lines()).prop_shuffle(), again in prop::sample::subsequence(lines(), 0..4)
    ) {
        let text = of_lines(lines.into_iter().chain(again));
        prop_assert_eq!(written(&read_text(&text)), WRITTEN);
    }
}

#[test]
fn what_was_shut_out_is_forgotten_by_a_lock_that_has_lost_its_line() {
    let lock = read_text(WRITTEN);
    let remembered = Remembered::of(&lock);
    let mut published = vec![lock.published(list(&lock).unwrap().der()).unwrap()];
    let now = published[0].list.updated;
    let mut lost = lock.clone();
    lost.certificates
        .retain(|issued| issued.revoked().is_none());
    let out = { lock.certificates.iter() }.find(|issued| issued.revoked().is_some());
    let out = out.expect("one is shut out");
    let listed = |serial: &str| Forgotten::Listed(serial.to_owned(), published[0].list.number);
    let of_device = Forgotten::Of(out.device.clone());
    let of_list = listed(&out.serial.to_hex());
    // Of no certificate that homelab makes.
    let of_others = listed("00ff");

    let nothing = Remembered::default();
    for (lock, remembered, expected) in [
        (&lock, &remembered, vec![]),
        (&lock, &nothing, vec![]),
        (&lost, &remembered, vec![of_device]),
        (&lost, &nothing, vec![of_list]),
    ] {
        let forgotten = lock.forgotten(remembered, &published, now);
        assert_eq!(forgotten.into_iter().collect::<Vec<_>>(), expected);
    }
    published[0].list.revoked.insert("00ff".to_owned(), now);
    let forgotten = lock.forgotten(&remembered, &published, now);
    assert_eq!(forgotten, BTreeSet::from([of_others]));
    // What has ended, and what is of an authority that is not trusted, counts no more.
    let end = out.validity.not_after();
    assert!(lost.forgotten(&remembered, &[], end).is_empty());
    lost.authorities[0].state = AuthorityState::Retired { since: now };
    assert!(lost.forgotten(&remembered, &published, now).is_empty());
}
