//! Classes: people who are let in by the same audiences. Where many are let in by several, each certificate is said once with its class,
//! and an audience is the classes that it is made of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::audience::{Audience, Listed};
use super::people::Person;

/// Certificates in all lists that stand apart, up to which each list has its own: as many as one expression holds. Caddy loads so many in
/// less than a tenth of a second, and who reads them goes to one place, not to two.
const FEW: usize = 1_400;

/// Everybody who is in an audience that stands apart, by class.
#[derive(Debug, Serialize)]
pub(crate) struct Classes {
    /// The people of each class, by their places among all; the first has the number 1.
    pub people: Vec<Vec<usize>>,
    /// All of them.
    pub everybody: Vec<usize>,
    /// Those of whom upstreams are told.
    pub told: Vec<usize>,
}

impl Classes {
    /// None where the lists are short, or no certificate is in two of them. Otherwise people and audiences are told their classes.
    pub(super) fn of(people: &mut [Person], audiences: &mut [Audience]) -> Option<Classes> {
        let is_apart = |audience: &&mut Audience| audience.listed.is_apart();
        let mut of_person: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut told = vec![false; people.len()];
        let mut listed = 0;
        for (number, audience) in audiences
            .iter_mut()
            .enumerate()
            .filter(|(_, a)| is_apart(a))
        {
            // What upstreams are told is another list of the same.
            listed += audience.certificates * (1 + usize::from(audience.told));
            for place in audience.people.iter() {
                of_person.entry(*place).or_default().push(number);
                told[*place] |= audience.told;
            }
        }
        let certificates = of_person.keys().map(|place| people[*place].devices.len());
        if listed <= FEW || listed == certificates.sum::<usize>() {
            return None;
        }
        let everybody = of_person.keys().copied().collect();
        let mut numbers: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        let mut of_class: Vec<Vec<usize>> = Vec::new();
        for (place, of_person) in of_person {
            let number = *numbers.entry(of_person).or_insert_with(|| {
                of_class.push(Vec::new());
                of_class.len()
            });
            of_class[number - 1].push(place);
            people[place].class = Some(number);
        }
        for (of_class, number) in numbers {
            for audience in of_class {
                audiences[audience].classes.push(number);
            }
        }
        for audience in audiences.iter_mut().filter(is_apart) {
            audience.listed = Listed::AsClasses;
            audience.classes.sort_unstable();
        }
        let told = (0..people.len()).filter(|place| told[*place]);
        Some(Classes {
            people: of_class,
            everybody,
            told: told.collect(),
        })
    }
}
