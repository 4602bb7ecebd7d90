//! The lock of the golden fixture, read in whatever form a merge may leave it.

use proptest::prelude::*;

use super::*;
use crate::pki::Crl;
use crate::source::Source;

const WRITTEN: &str = include_str!("../../tests/golden/insecure-fixed-root/homelab.lock");

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
    let of_tablet = |issued: &Issued| issued.retired().is_some();
    lock.certificates.retain(of_tablet);
    lock.certificates[0].state = match since {
        Some(since) => State::Retired {
            since: since.parse().unwrap(),
        },
        None => State::Active,
    };
    let text = lock.to_string();
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with("certificate"));
    line.expect("it was kept").to_owned()
}

fn list(lock: &Lock) -> Option<Crl> {
    lock.signing().and_then(|authority| lock.crl(authority))
}

#[test]
fn what_is_written_is_read_back() {
    assert_eq!(read_text(WRITTEN).to_string(), WRITTEN);
}

#[test]
fn a_list_is_replayed_only_for_what_was_signed() {
    let lock = read_text(WRITTEN);
    assert!(list(&lock).is_some());
    let changes: [fn(&mut Lock); 6] = [
        |lock| {
            lock.certificates
                .retain(|issued| issued.retired().is_none())
        },
        |lock| lock.certificates[0].state = lock.certificates[2].state,
        |lock| {
            let (first, other) = (lock.certificates[0].validity, &mut lock.certificates[2]);
            let since = first.not_before();
            other.state = State::Retired { since };
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
        .retain(|issued| issued.retired().is_some());
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
        assert_eq!(lock.to_string().matches("alice/tablet").count(), 1);
        assert!(lock.to_string().contains(&early), "{lock}");
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
        let line = format!("{line} check=\"{}\"", write::check(&line));
        let kept = lines().into_iter().filter(|kept| *kept != retired);
        let text = of_lines(kept.chain([line.as_str()]));
        let read = read(&Source::new("homelab.lock", text));
        match is_right {
            true => assert!(read.is_ok(), "{state}"),
            false => assert_eq!(read.unwrap_err().codes(), ["lock::damaged"], "{state}"),
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
        prop_assert_eq!(read_text(&text).to_string(), WRITTEN);
    }
}
