//! All edges of a tree, as one: people do not ask which Caddy lets them in.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::people::Known;
use crate::derive::{Derivation, DeviceAccess, EDGE_STATE, EdgeState, Exposure, Recipe};

/// What each edge says of itself, by its directory: `edge`, or `edges/home` where there are several.
pub(crate) struct BuiltEdges<'e>(Vec<(&'e str, &'e EdgeState)>);

impl<'e> BuiltEdges<'e> {
    /// Those that these derivations make.
    pub(crate) fn of(derivations: impl IntoIterator<Item = &'e Derivation>) -> BuiltEdges<'e> {
        let states = derivations.into_iter().filter_map(|derivation| {
            let Recipe::EdgeState(state) = &derivation.recipe else {
                return None;
            };
            Some((directory_of(derivation.path.as_str())?, &**state))
        });
        BuiltEdges(states.collect())
    }

    /// Those that were read, each with its directory.
    pub(crate) fn of_states(states: &'e [(String, EdgeState)]) -> BuiltEdges<'e> {
        let states = states.iter();
        BuiltEdges(states.map(|(at, state)| (at.as_str(), state)).collect())
    }

    /// One alone, as it is served somewhere.
    pub(crate) fn only(state: &'e EdgeState) -> BuiltEdges<'e> {
        BuiltEdges(vec![("edge", state)])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn states(&self) -> impl Iterator<Item = &'e EdgeState> + Clone {
        self.0.iter().map(|(_, state)| *state)
    }

    pub(super) fn exposures(&self) -> impl Iterator<Item = &'e Exposure> + Clone {
        self.states().map(|state| &*state.exposure)
    }

    /// The directories of the edges.
    pub(super) fn directories(&self) -> BTreeSet<&'e str> {
        self.0.iter().map(|(at, _)| *at).collect()
    }

    /// The edge that is told apart from others by its name, with what it was before; where there was one alone, that stands for each.
    pub(super) fn pairs(
        &self,
        after: &BuiltEdges<'e>,
    ) -> Vec<(Option<&'e str>, &'e EdgeState, &'e EdgeState)> {
        let pair = |(at, is): &(&'e str, &'e EdgeState)| {
            let same = { self.0.iter() }.find(|(before, _)| before == at);
            let alone = || self.0.first().filter(|_| self.0.len() == 1);
            let (_, was) = same.or_else(alone)?;
            Some((name_of(at), *was, *is))
        };
        after.0.iter().filter_map(pair).collect()
    }

    /// The certificates that are let in, of each device.
    pub(in crate::build) fn devices(&self) -> Cow<'e, BTreeMap<String, DeviceAccess>> {
        match self.0.as_slice() {
            [] => Cow::default(),
            [(_, state)] => Cow::Borrowed(&state.devices),
            several => {
                let devices = several.iter().flat_map(|(_, state)| &state.devices);
                Cow::Owned(
                    devices
                        .map(|(name, is)| (name.clone(), is.clone()))
                        .collect(),
                )
            }
        }
    }

    pub(in crate::build) fn known(&self) -> Known<'e> {
        let retired = self.states().flat_map(|state| &state.retired);
        let shut_out = self.states().flat_map(|state| &state.shut_out);
        Known {
            devices: retired.map(String::as_str).collect(),
            shut_out: shut_out.collect(),
            elsewhere: self.states().flat_map(|state| &state.elsewhere).collect(),
        }
    }

    /// The edge that each service stands behind, where there are several.
    pub(super) fn places(&self) -> BTreeMap<&'e str, &'e str> {
        let mut places = BTreeMap::new();
        for (at, state) in &self.0 {
            let Some(name) = name_of(at) else { continue };
            let exposure = &state.exposure;
            let guarded = { exposure.with_certificate.iter() }.map(|guarded| &guarded.service);
            let open = exposure.without_certificate.iter();
            let open = open.chain(&exposure.by_sign_in).map(|open| &open.service);
            let paths = exposure.paths.iter().map(|path| &path.service);
            let services = guarded.chain(open).chain(paths);
            places.extend(services.map(|service| (service.as_str(), name)));
        }
        places
    }
}

/// The directory of an edge, by where it says what it exposes.
pub(super) fn directory_of(path: &str) -> Option<&str> {
    path.strip_suffix(EDGE_STATE)?.strip_suffix('/')
}

/// The name of an edge, by its directory; none of one that is alone.
pub(super) fn name_of(directory: &str) -> Option<&str> {
    directory.strip_prefix("edges/")
}
