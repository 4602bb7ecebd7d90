//! The ways into a site, each a handler: by certificate, by network, by path.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::audience::{Audience, Audiences, Told};
use super::handler::{Answer, Condition, Handler, Matcher, Public};
use super::people::{Device, Person};
use crate::model::{
    Access, DeviceId, Grant, Homelab, Methods, Name, Network, Origin, PublicPath, Service, SignIn,
    uri_pattern,
};

/// The sets of people that a service lets in, by their places among all sets; none where nobody in one has a certificate.
pub(super) struct Ways {
    /// Those of its grants.
    pub base: Vec<Option<usize>>,
    /// Those of the grants of each of its paths.
    pub paths: Vec<Vec<Option<usize>>>,
    /// Whoever is let in somewhere, where paths have policies and the upstream is told who came.
    pub told: Option<usize>,
}

impl Ways {
    /// Gathers the sets of a service. Services come in the order of their names.
    pub(super) fn of<'h>(service: &'h Service, audiences: &mut Audiences<'h>) -> Ways {
        let has_paths = !service.paths.is_empty();
        let told = Told::by(service.identity && !has_paths);
        let mut of = |grants: &'h [Grant]| {
            let of = |grant: &'h Grant| audiences.of(&service.name, &grant.people, told);
            grants.iter().map(of).collect::<Vec<_>>()
        };
        let base = of(service.access.grants());
        let paths = service.paths.iter().map(|path| of(&path.grants)).collect();
        let told = (service.identity && has_paths).then(|| {
            let mut everybody: BTreeSet<Name> = BTreeSet::new();
            for grant in service.grants() {
                everybody.extend(grant.people.iter().cloned());
                everybody.extend(grant.devices.iter().map(|device| device.person.clone()));
            }
            audiences.of_all(&service.name, &everybody, Told::Who)
        });
        Ways {
            base,
            paths,
            told: told.flatten(),
        }
    }
}

/// What entrances are made from.
pub(super) struct Entrances<'e> {
    pub homelab: &'e Homelab,
    pub audiences: &'e [Audience],
    pub people: &'e [Person],
    /// What counts as the LAN.
    pub lan: &'e [String],
}

impl Entrances<'_> {
    /// The ways into a service but for those of its paths; none where everybody is let in.
    pub(super) fn of_service(
        &self,
        service: &Service,
        places: &[Option<usize>],
        told: Told,
    ) -> Vec<Handler> {
        let access = &service.access;
        if *access == Access::Everyone {
            return vec![Handler::rest(Answer::Backend { person: None })];
        }
        let grants = self.by_grants(access.grants(), places, told);
        let networks = access.networks().map(|network| self.network(network));
        let let_in = grants.into_iter().chain(networks);
        { let_in.map(|handler| signing_in(service.sign_in, handler)) }
            .chain(public(access.public()))
            .chain(preflight(&service.preflight))
            .chain(by_sign_in(service.sign_in))
            .collect()
    }

    pub(super) fn by_grants(
        &self,
        grants: &[Grant],
        places: &[Option<usize>],
        told: Told,
    ) -> Vec<Handler> {
        let mut handlers = Vec::new();
        for (number, (grant, place)) in (1..).zip(std::iter::zip(grants, places)) {
            let people = place.map(|place| self.by_audience(place, told));
            let devices = self.by_devices(&grant.devices, told);
            let certificates = people.into_iter().flatten().chain(devices);
            if grant.from.is_empty() {
                handlers.extend(certificates);
            } else {
                let ranges = self.ranges(&grant.from);
                handlers.extend(certificates.map(|handler| within(number, handler, &ranges)));
            }
        }
        handlers
    }

    /// The handlers of those who are let in by certificate, of an audience at its place among all.
    pub(super) fn by_audience(&self, place: usize, told: Told) -> Vec<Handler> {
        let audience = &self.audiences[place];
        let is_apart = audience.listed.is_apart();
        if told == Told::Who && !is_apart {
            let of_person = |place: &usize| person(*place, &self.people[*place].name);
            return audience.people.iter().map(of_person).collect();
        }
        let condition = if is_apart {
            Condition::Audience { audience: place }
        } else {
            Condition::Certificates {
                people: Arc::clone(&audience.people),
            }
        };
        let answer = match told {
            Told::Who => Answer::BackendTold { audience: place },
            Told::Nothing => Answer::Backend { person: None },
        };
        vec![Handler::of("allowed", condition, answer)]
    }

    /// Those of single devices: of each person, where the upstream is told who came.
    fn by_devices(&self, devices: &BTreeSet<DeviceId>, told: Told) -> Vec<Handler> {
        let mut of_person: BTreeMap<usize, Vec<Device>> = BTreeMap::new();
        for id in devices {
            let place = self
                .people
                .binary_search_by(|known| known.name.cmp(&id.person));
            let Ok(place) = place else { continue };
            let certificates = self.people[place].devices.iter();
            let certificates = certificates.filter(|device| device.name == *id).cloned();
            of_person.entry(place).or_default().extend(certificates);
        }
        of_person.retain(|_, devices| !devices.is_empty());
        if told == Told::Nothing {
            let devices: Vec<Device> = of_person.into_values().flatten().collect();
            let answer = Answer::Backend { person: None };
            let all = (!devices.is_empty())
                .then(|| Handler::of("grant-devices", Condition::Devices { devices }, answer));
            return all.into_iter().collect();
        }
        let of_person = of_person.into_iter().map(|(place, devices)| {
            let name = format!("grant-devices-{}", self.people[place].name);
            let answer = Answer::Backend {
                person: Some(place),
            };
            Handler::of(name, Condition::Devices { devices }, answer)
        });
        of_person.collect()
    }

    /// For whoever comes from a network.
    pub(super) fn network(&self, network: &Network) -> Handler {
        let answer = Answer::Backend { person: None };
        match network {
            Network::Lan => Handler::lan(answer),
            Network::Named(name) => {
                let network = name.clone();
                let ranges = self.ranges([&Network::Named(network.clone())]);
                let condition = Condition::Network { network, ranges };
                Handler::of(format!("grant-network-{name}"), condition, answer)
            }
        }
    }

    fn ranges<'n>(&self, networks: impl IntoIterator<Item = &'n Network>) -> Vec<String> {
        let of = |network: &Network| match network {
            Network::Lan => self.lan.to_vec(),
            Network::Named(name) => {
                let ranges = self.homelab.networks[name].iter();
                ranges.map(ToString::to_string).collect()
            }
        };
        networks.into_iter().flat_map(of).collect()
    }
}

/// Who is let in, where they may have to sign in besides.
pub(super) fn signing_in(sign_in: Option<SignIn>, let_in: Handler) -> Handler {
    match sign_in {
        Some(SignIn::Also) => let_in.signed_in(),
        Some(SignIn::Instead) | None => let_in,
    }
}

/// For everybody else, where they can sign in.
pub(super) fn by_sign_in(sign_in: Option<SignIn>) -> Option<Handler> {
    let rest = Handler::rest(Answer::Backend { person: None });
    (sign_in == Some(SignIn::Instead)).then(|| rest.signed_in())
}

/// The same where it counts in some networks only.
fn within(number: usize, handler: Handler, ranges: &[String]) -> Handler {
    let matcher = handler.matcher.map(|matcher| Matcher {
        name: format!("grant-from{number}-{}", plain_name(&matcher.name)).into(),
        condition: Condition::Within {
            certificate: Box::new(matcher.condition.marked()),
            ranges: ranges.to_vec(),
        },
    });
    Handler { matcher, ..handler }
}

/// A matcher's name without what is before those of this kind.
pub(super) fn plain_name(name: &str) -> &str {
    name.strip_prefix("grant-").unwrap_or(name)
}

fn person(place: usize, name: &Name) -> Handler {
    let answer = Answer::Backend {
        person: Some(place),
    };
    Handler {
        comment: Some(name.clone()),
        ..Handler::certificates(format!("person-{name}"), Arc::new([place]), answer)
    }
}

/// Paths of the same methods stand together, for they share all else.
fn public(paths: &[PublicPath]) -> impl Iterator<Item = Handler> {
    let mut by_methods: BTreeMap<&Methods, Vec<PublicPath>> = BTreeMap::new();
    for public in paths {
        let group = by_methods.entry(&public.methods).or_default();
        group.push(public.clone());
    }
    let groups = by_methods.into_iter().map(|(methods, paths)| Public {
        methods: methods.clone(),
        uri_pattern: uri_pattern(paths.iter().map(|public| &public.path)),
        paths,
    });
    let groups: Vec<Public> = groups.collect();
    (1..).zip(groups).map(|(number, public)| {
        let name = Cow::Owned(format!("public{number}"));
        Handler::of(name, Condition::Public(public), Answer::BackendAsSent)
    })
}

/// For browsers that ask whether a page of one of these origins may send what it wants to (Fetch Standard §3.2.2): they show no
/// certificate.
pub(super) fn preflight(origins: &[Origin]) -> Option<Handler> {
    let condition = || Condition::Preflight {
        origins: origins.to_vec(),
    };
    let is_there = !origins.is_empty();
    is_there.then(|| Handler::of("grant-preflight", condition(), Answer::BackendAsSent))
}
