//! What `adopt` says of hundreds of certificates, and what two Caddys do with them.

use std::collections::{BTreeMap, BTreeSet};

use homelab::internals::read_authority;
use jiff::Timestamp;

use super::caddies::Asked;
use super::changes::{Change, changes};
use super::keys::{Key, Keys, Kind, P256};
use super::sketch::Sketch;
use super::support::caddy::Version;
use super::support::random::Random;

/// Certificates with several changes at once, beside those with one.
const COMBINED: usize = 60;

/// Why two changes together are refused: whether the older Go lets a name pass depends on what it is, and on each constraint.
const NAMED_AND_CONSTRAINED: &str =
    "an authority with names of its own and constraints is refused, whatever they are";

struct Case {
    name: String,
    stricter: Vec<&'static str>,
    sketch: Sketch,
}

/// Each change alone, and some of them together.
fn cases(changes: &[Change]) -> Vec<Case> {
    let case = |chosen: &[&Change]| {
        let mut sketch = Sketch::plain();
        for change in chosen {
            (change.apply)(&mut sketch);
        }
        let names: Vec<&str> = chosen.iter().map(|change| change.name.as_str()).collect();
        let mut stricter: Vec<&str> = chosen.iter().filter_map(|c| c.stricter).collect();
        let has = |verbs: &[&str]| {
            { names.iter() }.any(|name| verbs.iter().any(|verb| name.starts_with(verb)))
        };
        if has(&["named by "]) && has(&["permitting ", "excluding "]) {
            stricter.push(NAMED_AND_CONSTRAINED);
        }
        Case {
            name: names.join("; "),
            stricter,
            sketch,
        }
    };
    let mut cases: Vec<Case> = changes.iter().map(|change| case(&[change])).collect();
    let mut numbers = Random(0x0bad_5eed);
    for size in (2..5).cycle().take(COMBINED) {
        let chosen: Vec<&Change> = (0..size)
            .map(|_| &changes[numbers.below(changes.len())])
            .collect();
        cases.push(case(&chosen));
    }
    cases
}

/// What the devices of one name and key have: the chain of one that sends its own certificate alone.
struct Devices<'a> {
    keys: &'a Keys,
    key: Key,
    leaves: BTreeMap<(Kind, Vec<u8>), Vec<u8>>,
}

impl Devices<'_> {
    fn leaf(&mut self, sketch: &Sketch) -> Vec<u8> {
        let who = (sketch.key, sketch.subject.clone());
        let leaf = self.leaves.entry(who);
        leaf.or_insert_with(|| sketch.leaf(&self.key, self.keys))
            .clone()
    }
}

#[test]
fn adopt_takes_what_every_caddy_loads_and_verifies() {
    let (keys, changes) = (Keys::new(), changes());
    let cases = cases(&changes);
    assert!(cases.len() >= 300, "{}", cases.len());
    // A key for the devices that is none of an authority's.
    let device = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1";
    let private = keys.private(device);
    let key = keys.key(device);
    let mut devices = Devices {
        keys: &keys,
        key,
        leaves: BTreeMap::new(),
    };
    let ders: Vec<Vec<u8>> = cases.iter().map(|case| case.sketch.der(&keys)).collect();

    let mut taken_by = vec![[false; 2]; cases.len()];
    for (caddy, version) in Version::ALL.into_iter().enumerate() {
        let asked = Asked::start(version);
        let numbered = || ders.iter().map(Vec::as_slice).enumerate();
        let loaded: BTreeSet<usize> = numbered()
            .filter(|one| asked.loads([*one].into_iter()))
            .map(|(number, _)| number)
            .collect();
        assert!(asked.loads(numbered().filter(|(number, _)| loaded.contains(number))));
        for &number in &loaded {
            let chain = [devices.leaf(&cases[number].sketch)];
            taken_by[number][caddy] = asked.lets_in(number, &chain, &private);
        }
    }

    let now = Timestamp::now();
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    let (mut taken, mut refused) = (0, 0);
    for ((case, der), caddies) in cases.iter().zip(&ders).zip(&taken_by) {
        let said = read_authority(der, now);
        match (&said, caddies) {
            (Ok(_), [true, true]) => taken += 1,
            (Ok(_), _) => wrong.push(format!("taken, and Caddy {caddies:?}: {}", case.name)),
            (Err(_), [true, true]) if !case.stricter.is_empty() => {
                used.extend(case.stricter.iter().copied());
            }
            (Err(why), [true, true]) => {
                wrong.push(format!(
                    "refused, and both Caddys take it: {}: {why}",
                    case.name
                ));
            }
            (Err(_), _) => refused += 1,
        }
    }
    let reasons: BTreeSet<&str> = changes
        .iter()
        .filter_map(|change| change.stricter)
        .collect();
    for reason in reasons.difference(&used) {
        wrong.push(format!("no longer stricter than both Caddys: {reason}"));
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    println!(
        "{} certificates: {taken} taken, {refused} refused as by a Caddy",
        cases.len()
    );
    assert!(
        taken >= 80 && refused >= 80,
        "{taken} taken, {refused} refused"
    );
    assert_eq!(Sketch::plain().key, P256);
}
