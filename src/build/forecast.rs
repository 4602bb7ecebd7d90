//! What a build would make of the output tree, foreseen without the secret.

use std::collections::BTreeSet;

use miette::Diagnostic;
use rayon::prelude::*;
use thiserror::Error;

use super::consequence::{BuiltEdges, Consequence, PreviousBuild, between, of_devices};
use super::known::KnownTree;
use super::prepare::Prepared;
use super::situation::Mode;
use super::staleness::{Stale, Staleness, stale};
use super::step::{Reason, Step, Verb};
use super::stop::Stop;
use crate::derive::{self, Derivation, DeviceAccess, Recipe};
use crate::lasting::Lasting;
use crate::model::DeviceId;
use crate::render::{Bundles, RenderError, render};
use crate::template::Templates;
use crate::tree::{Found, ManifestEntry, OutputPath, Scope, TreeError, View, places};

/// What would come of an artifact that is stale, as far as can be told without the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forecast {
    Made,
    /// It comes out as it stands there.
    Same,
    /// Something that is not homelab's stands in its place; where it is not the very same, the build
    /// stops.
    InTheWay,
    /// The same, and whether it is the very same only the secret tells.
    Compared,
}

/// What a build would make of a tree.
pub(crate) struct TreeForecast {
    /// What it does, sorted by path.
    pub steps: Vec<Step>,
    /// How many artifacts it leaves.
    pub unchanged: usize,
    /// Whether some of them are made with the secret, or held against it.
    pub needs_secret: bool,
    /// What is in the way, and templates that cannot be rendered.
    pub stops: Vec<Stop>,
    /// How many files that the manifest does not have are held against what the secret gives, and stay if they are that.
    pub compared: usize,
    /// What it means for people.
    pub consequences: Vec<Consequence>,
    /// Why it is not known what was built before; it is to be read behind the output directory's name.
    pub unknown_before: Option<&'static str>,
}

#[derive(Debug, Error, Diagnostic)]
#[error("`{path}` was not written by homelab")]
#[diagnostic(code("tree::not-ours"), help("move it away"))]
struct NotOurs {
    path: String,
}

/// Holds what a build would make against the tree that is there, whose folders of people may be `known`.
pub(crate) fn forecast(
    prepared: &Prepared<'_>,
    view: &View,
    known: Option<&KnownTree<'_>>,
) -> Result<TreeForecast, TreeError> {
    let derivations = Lasting::new(prepared.derivations_beside(known));
    let templates = prepared.situation.templates;
    let homelab = prepared.situation.homelab;
    let kept = derive::crl_paths(homelab, &prepared.lock);
    let is_made = |path: &OutputPath| {
        let made = derivations.binary_search_by(|derivation| derivation.path.cmp(path));
        made.is_ok()
    };
    let unsigned = match prepared.mode {
        Mode::Edge => Vec::new(),
        // None of them is stale: that is not worked out twice.
        Mode::Update | Mode::Locked if kept.iter().all(is_made) => Vec::new(),
        Mode::Update | Mode::Locked => derive::unsigned_crl_paths(homelab, &prepared.lock),
    };
    let planned = derivations.iter().map(|derivation| &derivation.path);
    let is_as_planned = view.entries().map(|entry| &entry.path).eq(planned);
    let look = Look {
        prepared,
        view,
        derivations: &derivations,
        unsigned,
        kept,
        scope: prepared.scope(),
        is_as_planned,
    };
    let stale = stale(&derivations, view, templates)?;
    let forecasts: Result<Vec<Result<Forecast, RenderError>>, TreeError> = { stale.par_iter() }
        .map(|stale| look.of_artifact(*stale, templates))
        .collect();
    look.forecast(&stale, forecasts?)
}

/// What is held against a tree.
struct Look<'a> {
    prepared: &'a Prepared<'a>,
    view: &'a View,
    derivations: &'a [Derivation],
    /// Revocation lists that are to be signed.
    unsigned: Vec<OutputPath>,
    /// Revocation lists that stay in any case.
    kept: Vec<OutputPath>,
    scope: Scope,
    /// Whether the manifest has the very paths that are made.
    is_as_planned: bool,
}

impl Look<'_> {
    /// What a build would make of an artifact that is stale: rendered where that takes no secret, and held
    /// against what is on the disk.
    fn of_artifact(
        &self,
        (derivation, staleness): Stale<'_>,
        templates: &Templates,
    ) -> Result<Result<Forecast, RenderError>, TreeError> {
        let found = self.view.inspect(&derivation.path)?;
        let is_unowned = found == Found::Unowned;
        if derivation.recipe.needs_secrets() {
            return Ok(Ok(match found {
                // The lock records the certificate: from another file, the same comes out.
                Found::Intact if staleness.may_be_same() => Forecast::Same,
                Found::Unowned if self.is_to_be_issued(derivation) => Forecast::InTheWay,
                Found::Unowned => Forecast::Compared,
                Found::Intact | Found::Missing | Found::Altered => Forecast::Made,
            }));
        }
        let artifact = match render(&derivation.recipe, templates, &mut Bundles::new(None)) {
            Ok(artifact) => artifact,
            Err(error) => return Ok(Err(error)),
        };
        let standing = self.view.read(&derivation.path)?;
        let is_same = standing.is_some_and(|standing| {
            let same_mode = is_unowned || self.view.has_mode(&standing, derivation.mode);
            standing.bytes == artifact.bytes && same_mode
        });
        Ok(Ok(if is_same {
            Forecast::Same
        } else if is_unowned {
            Forecast::InTheWay
        } else {
            Forecast::Made
        }))
    }

    fn is_to_be_issued(&self, derivation: &Derivation) -> bool {
        let (_, device) = owner_of(&derivation.path);
        device.is_some_and(|device| self.prepared.changes.issue_to(&device))
    }

    fn forecast(
        &self,
        stale: &[Stale<'_>],
        forecasts: Vec<Result<Forecast, RenderError>>,
    ) -> Result<TreeForecast, TreeError> {
        let (mut stops, mut broken) = (Vec::new(), BTreeSet::new());
        let mut forecasts: Vec<Forecast> = { forecasts.into_iter() }
            .map(|forecast| {
                forecast.unwrap_or_else(|error| {
                    // One template may be of every person's page.
                    if broken.insert(error.to_string()) {
                        stops.push(Stop::from(error));
                    }
                    Forecast::Made
                })
            })
            .collect();
        self.leave_to_others(stale, &mut forecasts);
        let foreseen = || stale.iter().zip(forecasts.iter().copied());
        let mut steps: Vec<Step> = foreseen()
            .filter(|(_, forecast)| matches!(forecast, Forecast::Made | Forecast::InTheWay))
            .map(|(stale, forecast)| self.made(stale, forecast))
            .chain(self.unsigned.iter().map(|path| self.signed(path)))
            .collect();
        let unchanged = self.derivations.len() + self.unsigned.len() - steps.len();
        steps.extend(self.orphans().map(|entry| self.removed(entry)));
        steps.extend(self.folders()?);
        steps.sort();
        let needs_secret = foreseen().any(|((derivation, staleness), forecast)| {
            derivation.recipe.needs_secrets()
                && (forecast != Forecast::Same || staleness.may_be_same())
        });
        let of_kind = |kind| foreseen().filter(move |(_, forecast)| *forecast == kind);
        stops.extend(of_kind(Forecast::InTheWay).map(|((derivation, _), _)| {
            let path = self.view.directory().join(derivation.path.as_str());
            let path = path.display().to_string();
            Stop::environment(NotOurs { path })
        }));
        for ((derivation, _), _) in of_kind(Forecast::Made) {
            stops.extend(
                self.view
                    .hindrance(&derivation.path)?
                    .map(Stop::environment),
            );
        }
        let compared = of_kind(Forecast::Compared).count();
        let (consequences, unknown_before) = self.meaning(stale)?;
        Ok(TreeForecast {
            steps,
            unchanged,
            needs_secret,
            stops,
            compared,
            consequences,
            unknown_before,
        })
    }

    /// What seems to be in the way of a build, and is of another one that is under way, is not.
    fn leave_to_others(&self, stale: &[Stale<'_>], forecasts: &mut [Forecast]) {
        if !forecasts.contains(&Forecast::InTheWay) {
            return;
        }
        let Some(meanwhile) = self.view.meanwhile() else {
            return;
        };
        for ((derivation, _), forecast) in stale.iter().zip(forecasts) {
            if *forecast == Forecast::InTheWay && meanwhile.has(&derivation.path) {
                *forecast = Forecast::Made;
            }
        }
    }

    fn made(&self, (derivation, staleness): &Stale<'_>, forecast: Forecast) -> Step {
        Step {
            path: derivation.path.to_string(),
            verb: if staleness.is_repair() {
                Verb::Restore
            } else {
                Verb::Build
            },
            reason: match forecast {
                Forecast::InTheWay => Reason::InTheWay,
                _ => self.reason(derivation, *staleness),
            },
        }
    }

    fn reason(&self, derivation: &Derivation, staleness: Staleness) -> Reason {
        let changes = &self.prepared.changes;
        let (person, device) = owner_of(&derivation.path);
        if let Some(device) = device.filter(|device| changes.issue_to(device)) {
            return Reason::ToBeIssued(device);
        }
        let is_made_of_more = matches!(staleness, Staleness::New | Staleness::Recipe);
        let person = person.filter(|_| is_made_of_more);
        if let Some(device) = person.and_then(|person| changes.first_issued_of(person)) {
            return Reason::ToBeIssued(device.clone());
        }
        match staleness {
            Staleness::New => Reason::New,
            Staleness::Recipe => Reason::Changed,
            Staleness::Template => Reason::Template,
            Staleness::Mode => Reason::Mode,
            Staleness::Missing => Reason::Missing,
            // What stands as it was and is only held against another file is never told of.
            Staleness::Altered | Staleness::Sealed => Reason::Altered,
            Staleness::Unproven => Reason::Unproven,
        }
    }

    fn signed(&self, path: &OutputPath) -> Step {
        Step {
            path: path.to_string(),
            verb: Verb::Build,
            reason: if self.view.entry(path).is_some() {
                Reason::ToBeSigned
            } else {
                Reason::New
            },
        }
    }

    fn removed(&self, entry: &ManifestEntry) -> Step {
        let changes = &self.prepared.changes;
        let (_, device) = owner_of(&entry.path);
        Step {
            path: entry.path.to_string(),
            verb: Verb::Remove,
            reason: device
                .filter(|device| changes.revoke(device))
                .map_or(Reason::NobodyMakesIt, Reason::ToBeRetired),
        }
    }

    /// Directories whose mode somebody has changed.
    fn folders(&self) -> Result<impl Iterator<Item = Step>, TreeError> {
        let view = self.view;
        let mut known = places(view.entries().map(|entry| &entry.path));
        let planned = self.derivations.iter();
        let new = planned
            .filter(|planned| !self.is_as_planned && known.get(planned.path.as_str()).is_none());
        let new = new.map(|planned| (&planned.path, planned.mode));
        let folders = view.foreseen_folders(self.wanted(), new, &self.scope)?;
        Ok(folders.into_iter().map(|folder| {
            let path = folder.strip_prefix(view.directory()).unwrap_or(&folder);
            Step {
                path: format!("{}/", path.display()),
                verb: Verb::Restore,
                reason: Reason::DirectoryMode,
            }
        }))
    }

    /// Whether a path is to be there, of paths that are asked for in their order.
    fn wanted(&self) -> impl FnMut(&OutputPath) -> bool {
        let mut made = places(self.derivations.iter().map(|made| &made.path));
        move |path| {
            let is_made = self.is_as_planned || made.get(path.as_str()).is_some();
            is_made || self.unsigned.contains(path) || self.is_kept(path)
        }
    }

    /// A list that the lock has no signature of stays where the edge alone is built.
    fn is_kept(&self, path: &OutputPath) -> bool {
        self.prepared.mode != Mode::Edge && self.kept.contains(path)
    }

    /// What the manifest has and nothing makes any more.
    fn orphans(&self) -> impl Iterator<Item = &ManifestEntry> {
        let mut is_wanted = self.wanted();
        let entries = self.view.entries();
        entries.filter(move |entry| self.scope.contains(&entry.path) && !is_wanted(&entry.path))
    }

    /// What it means for people; and why only a part of that can be told, where it is so.
    fn meaning(
        &self,
        stale: &[Stale<'_>],
    ) -> Result<(Vec<Consequence>, Option<&'static str>), TreeError> {
        if !is_another_edge(self.view, self.derivations.iter(), stale) {
            return Ok((Vec::new(), None));
        }
        let after = BuiltEdges::of(self.derivations);
        if after.is_empty() {
            return Ok((Vec::new(), None));
        }
        let why = match PreviousBuild::of(self.view)? {
            PreviousBuild::Known(before) => {
                return Ok((between(&BuiltEdges::of_states(&before), &after), None));
            }
            PreviousBuild::Unknown(why) => why,
        };
        let before = self.prepared.before.as_ref();
        let before = before.map(DeviceAccess::all).unwrap_or_default();
        let consequences = of_devices(&before, &after.known(), &after.devices());
        Ok((consequences, Some(why)))
    }
}

/// What a build means for people that makes what is stale of these derivations, where the tree tells what was built before.
pub(super) fn consequences(
    view: &View,
    derivations: &[&Derivation],
    stale: &[Stale<'_>],
) -> Result<Vec<Consequence>, TreeError> {
    let derivations = || derivations.iter().copied();
    if !is_another_edge(view, derivations(), stale) {
        return Ok(Vec::new());
    }
    Ok(match PreviousBuild::of(view)? {
        PreviousBuild::Known(before) => between(
            &BuiltEdges::of_states(&before),
            &BuiltEdges::of(derivations()),
        ),
        PreviousBuild::Unknown(_) => Vec::new(),
    })
}

/// Whether an edge is to expose something else than it did, or one is to go: what is not stale is as it was.
fn is_another_edge<'d>(
    view: &View,
    derivations: impl Iterator<Item = &'d Derivation>,
    stale: &[Stale<'_>],
) -> bool {
    let is_state = |derivation: &&Derivation| matches!(derivation.recipe, Recipe::EdgeState(_));
    let mut altered = stale.iter().map(|(derivation, _)| *derivation);
    let states = derivations.filter(is_state).count();
    altered.any(|derivation| is_state(&derivation)) || PreviousBuild::paths(view).len() != states
}

/// The person and the device whose folder a path is in.
fn owner_of(path: &OutputPath) -> (Option<&str>, Option<DeviceId>) {
    let Some(below) = path.as_str().strip_prefix("people/") else {
        return (None, None);
    };
    let mut parts = below.splitn(3, '/');
    let (person, device, file) = (parts.next(), parts.next(), parts.next());
    let device = device.filter(|_| file.is_some());
    let device = person.zip(device).and_then(|(person, device)| {
        // Of a path that homelab has made.
        format!("{person}/{device}").parse().ok()
    });
    (person, device)
}
