//! What is known of the folders of people: what they were made from, as the last build has it, and whether they stand as it made them.

use blake3::Hash;

use crate::derive::Premises;
use crate::model::Name;
use crate::tree::{Mode, OutputPath, View};

/// What the last build has left, beside the tree as it stands.
pub(crate) struct KnownTree<'v> {
    pub view: &'v View,
    /// What the folders were made from in the tree that the view's index tells of.
    pub premises: Option<&'v Premises>,
    /// The hash of the program and of the user's templates.
    pub means: Hash,
}

impl KnownTree<'_> {
    /// What stands in a person's folder, where it was made from these premises, all of it, and nobody has touched it since.
    pub(crate) fn folder(&self, person: &Name, premises: &Hash) -> Option<Vec<(OutputPath, Mode)>> {
        (self.premises?.get(person)? == premises).then_some(())?;
        let standing = self.view.standing_below(&format!("people/{person}"))?;
        let standing = standing
            .iter()
            .map(|entry| (entry.path.clone(), entry.mode));
        Some(standing.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::LazyLock;

    use blake3::Hash;
    use jiff::Timestamp;
    use proptest::prelude::*;

    use crate::build::{Keys, Requested, Taken, Update};
    use crate::derive::{Derived, KnownFolders, Recipe, Standing, derive_beside};
    use crate::lock::{Lock, State};
    use crate::model::{Homelab, Name};
    use crate::once::encoded;
    use crate::root::RootSecret;
    use crate::source::Source;
    use crate::tree::Mode;

    const PLATFORMS: [&str; 6] = ["ios", "macos", "windows", "linux", "android", "firefox"];

    /// What is declared and what the lock records, to be edited at random.
    #[derive(Clone)]
    struct Home {
        people: BTreeMap<u8, Person>,
        family: BTreeSet<u8>,
        services: [Allowed; 3],
        pick_up: bool,
        admin: u8,
        renew: u8,
        sealed: u8,
        program: u8,
        /// Renewals and revocations: of which certificate, and what becomes of it.
        happened: Vec<(u8, bool)>,
    }

    /// Who may use a service: the family, a person, a device of a person.
    type Allowed = (bool, Option<u8>, Option<(u8, u8)>);

    #[derive(Clone, Default)]
    struct Person {
        display_name: u8,
        language: bool,
        /// The platform of each, and whether it is a guest's.
        devices: BTreeMap<u8, (usize, bool)>,
    }

    impl Home {
        fn new() -> Home {
            let person = |number: u8| Person {
                devices: (0..3)
                    .map(|device| (device, (usize::from(number + device), false)))
                    .collect(),
                ..Person::default()
            };
            Home {
                people: (0..4).map(|number| (number, person(number))).collect(),
                family: [0, 1, 2].into(),
                services: [
                    (true, None, None),
                    (false, Some(1), None),
                    (false, None, Some((2, 0))),
                ],
                pick_up: false,
                admin: 0,
                renew: 0,
                sealed: 0,
                program: 0,
                happened: Vec::new(),
            }
        }

        fn edit(&mut self, (kind, one, two): (u8, u8, u8)) {
            let (number, device) = (one % 6, two % 4);
            let person = self.people.entry(number).or_default();
            match kind % 16 {
                0 => person.display_name = two,
                1 => person.language = !person.language,
                2 | 3 => drop(person.devices.insert(device, (usize::from(two), false))),
                4 => drop(person.devices.remove(&device)),
                5 => drop(person.devices.insert(device, (usize::from(two), true))),
                6 => drop(self.people.remove(&number)),
                7 => drop(self.family.insert(number)),
                8 => drop(self.family.remove(&number)),
                9 => self.services[usize::from(two % 3)].0 ^= true,
                10 => self.services[usize::from(two % 3)].1 = (one < 128).then_some(number),
                11 => {
                    self.services[usize::from(two % 3)].2 = (one < 128).then_some((number, device))
                }
                12 => self.pick_up = !self.pick_up,
                13 => match two % 4 {
                    0 => self.admin = one,
                    1 => self.renew = one,
                    2 => self.sealed = one,
                    _ => self.program = one,
                },
                _ => self.happened.push((one, two % 2 == 0)),
            }
        }

        fn kdl(&self) -> String {
            let pick_up = if self.pick_up {
                "landing; pick-up root=\"/etc/caddy/homelab\"; "
            } else {
                ""
            };
            let mut text = format!(
                "domain \"home.example.com\"\nvalidity {{ renew \"{}d\"; }}\n\
                 edge {{ email \"admin{}@example.com\"; certificates \"internal\"; {pick_up}}}\n",
                10 + self.renew % 20,
                self.admin,
            );
            for (number, person) in &self.people {
                text += &format!(
                    "person \"p{number}\" {{\n    name \"Person {}\"\n",
                    person.display_name
                );
                if person.language {
                    text += "    language \"de\"\n";
                }
                for (device, (platform, is_guest)) in &person.devices {
                    let until = if *is_guest {
                        " until=\"2027-06-01\""
                    } else {
                        ""
                    };
                    let platform = PLATFORMS[platform % PLATFORMS.len()];
                    text += &format!("    device \"d{device}\" platform=\"{platform}\"{until}\n");
                }
                text += "}\n";
            }
            let family = self
                .family
                .iter()
                .filter(|number| self.people.contains_key(number));
            let family: Vec<String> = family.map(|number| format!(" \"p{number}\"")).collect();
            if !family.is_empty() {
                text += &format!("group \"family\"{}\n", family.concat());
            }
            for (number, (all, person, device)) in self.services.iter().enumerate() {
                let all = (*all && !family.is_empty()).then(|| String::from("family"));
                let person = person.filter(|person| self.people.contains_key(person));
                let device = device.filter(|(person, device)| {
                    { self.people.get(person) }
                        .is_some_and(|person| person.devices.contains_key(device))
                });
                let person = person.map(|person| format!("p{person}"));
                let device = device.map(|(person, device)| format!("p{person}/d{device}"));
                let allowed = [all, person, device].into_iter().flatten();
                let allowed: Vec<String> = allowed.map(|name| format!(" \"{name}\"")).collect();
                if !allowed.is_empty() {
                    let port = 9000 + number;
                    text += &format!(
                        "service \"s{number}\" {{ upstream \"http://127.0.0.1:{port}\"; allow{}; }}\n",
                        allowed.concat()
                    );
                }
            }
            text
        }

        fn made(&self) -> Made {
            let text = self.kdl();
            let homelab = crate::compile(&Source::new("homelab.kdl", text.clone()));
            let homelab =
                homelab.unwrap_or_else(|mistakes| panic!("{:?}\n{text}", mistakes.codes()));
            let mut lock = brought_up_to_date(FIRST.clone(), &homelab);
            for (number, (which, is_renewed)) in self.happened.iter().enumerate() {
                let Some(at) = usize::from(*which).checked_rem(lock.certificates.len()) else {
                    continue;
                };
                let mut newer = lock.certificates[at].clone();
                let until = "2027-03-01T00:00:00Z".parse().unwrap();
                lock.certificates[at].state = if *is_renewed {
                    State::Superseded { until }
                } else {
                    State::Revoked { since: now() }
                };
                if *is_renewed && newer.state == State::Active {
                    let hash = blake3::hash(&[*which, number as u8]);
                    newer.fingerprint = (*hash.as_bytes()).into();
                    lock.certificates.push(newer);
                }
            }
            let sealed = Some(blake3::hash(&[self.sealed]));
            Made {
                homelab,
                lock,
                sealed,
                means: blake3::hash(&[self.program]),
            }
        }
    }

    /// The lock that every home begins with.
    static FIRST: LazyLock<Lock> = LazyLock::new(|| {
        let source = Source::new("homelab.kdl", Home::new().kdl());
        let lock = Lock::new(&RootSecret::new([0; 32]));
        brought_up_to_date(lock, &crate::compile(&source).unwrap())
    });

    fn now() -> Timestamp {
        "2027-01-01T00:00:00Z".parse().unwrap()
    }

    fn brought_up_to_date(lock: Lock, homelab: &Homelab) -> Lock {
        let requested = Requested::default();
        let update = Update::of(lock, homelab, &requested, &[], Taken::default(), now());
        let updated = update.complete(homelab, &[], now(), Keys::StandIn);
        updated.unwrap().lock
    }

    struct Made {
        homelab: Homelab,
        lock: Lock,
        sealed: Option<Hash>,
        means: Hash,
    }

    impl Made {
        fn derived(&self, standing: &Standing<'_>) -> Derived {
            let known = KnownFolders {
                means: self.means,
                standing,
            };
            derive_beside(&self.homelab, &self.lock, &[], self.sealed, Some(known))
        }
    }

    type Folder = Vec<(String, Mode, Vec<u8>, Option<Hash>)>;

    /// What each person's folder is made from.
    fn folders(derived: &Derived) -> BTreeMap<Name, Folder> {
        let folder = |person: &Name| {
            let begin = format!("people/{person}/");
            let of_person = { derived.derivations.iter() }
                .filter(|derivation| derivation.path.as_str().starts_with(&begin));
            let artifacts = of_person.map(|derivation| {
                let recipe = &derivation.recipe;
                (
                    derivation.path.to_string(),
                    derivation.mode,
                    encoded(recipe),
                    recipe.sealed_root(),
                )
            });
            artifacts.collect()
        };
        { derived.premises.keys() }
            .map(|person| (person.clone(), folder(person)))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn folders_of_the_same_premises_are_made_from_the_same(
            edits in prop::collection::vec(any::<(u8, u8, u8)>(), 1..24)
        ) {
            let mut home = Home::new();
            let mut seen: BTreeMap<(Name, [u8; 32]), Folder> = BTreeMap::new();
            let mut again = 0;
            for edit in [(0, 0, 0), (0, 0, 1)].into_iter().chain(edits) {
                home.edit(edit);
                let derived = home.made().derived(&|_, _| None);
                for (person, folder) in folders(&derived) {
                    let premises = *derived.premises[&person].as_bytes();
                    match seen.get(&(person.clone(), premises)) {
                        Some(known) => {
                            again += 1;
                            prop_assert_eq!(known, &folder, "{} {:?}\n{}", person, edit, home.kdl());
                        }
                        None => drop(seen.insert((person, premises), folder)),
                    }
                }
            }
            // Whatever comes after them, the first two edits are of one person.
            prop_assert!(again > 0, "nothing was as before");
        }
    }

    #[test]
    fn what_stands_is_not_derived_and_everything_else_is() {
        let made = Home::new().made();
        let all = made.derived(&|_, _| None);
        let alice = Name::new("p0").unwrap();
        let standing = |person: &Name, premises: &Hash| {
            let begin = format!("people/{person}/");
            let of_person = { all.derivations.iter() }
                .filter(|derivation| derivation.path.as_str().starts_with(&begin));
            let stands = *person == alice && all.premises[person] == *premises;
            stands.then(|| of_person.map(|one| (one.path.clone(), one.mode)).collect())
        };
        let known = made.derived(&standing);
        assert_eq!(known.premises, all.premises);
        assert_eq!(known.derivations.len(), all.derivations.len());
        for (one, other) in known.derivations.iter().zip(&all.derivations) {
            assert_eq!((&one.path, one.mode), (&other.path, other.mode));
            if one.path.as_str().starts_with("people/p0/") {
                assert!(matches!(one.recipe, Recipe::Standing), "{}", one.path);
            } else {
                // The page for the admin tells of the files of those that stand, too.
                assert_eq!(encoded(&one.recipe), encoded(&other.recipe), "{}", one.path);
            }
        }
    }

    #[test]
    fn what_declares_one_person_is_no_premise_of_another() {
        let before = Home::new();
        let premises = |home: &Home| home.made().derived(&|_, _| None).premises;
        let mut after = before.clone();
        after.happened.push((4, true));
        // A certificate renewed, a device more, another name.
        for edit in [(2, 1, 3), (0, 1, 7)] {
            after.edit(edit);
        }
        let (before, after) = (premises(&before), premises(&after));
        for (person, premises) in &before {
            assert_eq!(
                after[person] == *premises,
                person.as_str() != "p1",
                "{person}"
            );
        }
    }
}
