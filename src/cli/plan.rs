//! `homelab plan`.

mod drawing;

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use drawing::{shown, summary};

use super::arguments::Plan as Arguments;
use super::build::{Operation, refusal};
use super::settled::Kept;
use super::{clock, report};
use crate::build::{self, Consent, Mode, Plan, Prepared, Stop, TreeForecast, Written, owner};
use crate::diagnostic::{Failure, Fault};
use crate::edge_templates;
use crate::keyring;
use crate::tree::View;
use crate::workspace::Inputs;

#[derive(Debug, Error, Diagnostic)]
#[error("a build would change something: {what}")]
#[diagnostic(code("plan::changes"), help("`homelab build` does it"))]
struct Changes {
    what: String,
}

/// Says what a build would change, and what it means for people.
pub(super) fn plan(arguments: &Arguments) -> Result<(), Failure> {
    let (out, plan) = settled(arguments)?;
    if arguments.json {
        report::json(&plan)?;
    } else {
        report::table(&shown(&plan, &out, arguments.verbosity.listing()))?;
    }
    if arguments.expect_no_changes && plan.changes {
        let what = summary(&plan);
        return Err(Failure::new(Fault::Difference, Changes { what }));
    }
    Ok(())
}

/// How often a plan is made anew where something was written while it was made.
const TRIES: u8 = 5;

/// A plan of one moment: it waits for nobody, so what it went by may be written meanwhile, and half of it would be of
/// the time before and half of the time after.
fn settled(arguments: &Arguments) -> Result<(PathBuf, Plan), Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        let workspace = arguments.declaration.workspace();
        let out = workspace.out(arguments.out.as_deref())?;
        let before = workspace.stamps(&out);
        let made = made(arguments);
        if tries == TRIES || workspace.stamps(&out) == before {
            return made.map(|plan| (out, plan));
        }
    }
}

fn made(arguments: &Arguments) -> Result<Plan, Failure> {
    let inputs = Inputs::read(arguments.declaration.workspace(), arguments.out.as_deref())?;
    let mode = if arguments.edge {
        Mode::Edge
    } else {
        Mode::Update
    };
    let consent = Consent {
        revocations: arguments.allow_retire,
        ..Consent::accepting(&arguments.accept_return_of)
    };
    let foreseen = Foreseen::of(&inputs, mode, consent)?;
    foreseen.plan()
}

/// What a build would do, and what it would make of the tree.
pub(super) struct Foreseen<'a> {
    inputs: &'a Inputs,
    pub prepared: Prepared<'a>,
    view: View,
    tree: TreeForecast,
}

impl<'a> Foreseen<'a> {
    /// Works it out without the secret, and waits for nobody.
    pub(super) fn of(
        inputs: &'a Inputs,
        mode: Mode,
        consent: Consent<'a>,
    ) -> Result<Foreseen<'a>, Failure> {
        let Inputs { workspace, out, .. } = inputs;
        let lock = match mode {
            Mode::Edge => workspace.known_lock()?,
            Mode::Update | Mode::Locked => keyring::begun(workspace, out)?,
        };
        let mut situation = inputs.situation(lock, consent, clock::read()?)?;
        if mode != Mode::Edge && situation.sealed.is_none() {
            situation.sealed = workspace.pending_hash()?;
        }
        let mut prepared = build::prepare(situation, &Operation::Nothing, mode).map_err(refusal)?;
        report::notes(&prepared.warnings);
        if mode != Mode::Edge {
            report::notes(prepared.warnings_of(&prepared.lock));
        }
        let looked = edge_templates::look(&prepared, &inputs.templates)?;
        let (stops, note) = looked.told(&inputs.templates);
        report::notes(note);
        prepared.stops.extend(stops);
        let owner = owner(prepared.before.as_ref().unwrap_or(&prepared.lock));
        let mut view = View::glance(out, owner).map_err(Failure::environment)?;
        view.believe_only(workspace.recollection().manifests(out));
        if let Some(index) = Kept::of(workspace).index() {
            view.know(&index);
        }
        let tree = build::forecast(&prepared, &view).map_err(Failure::environment)?;
        Ok(Foreseen {
            inputs,
            prepared,
            view,
            tree,
        })
    }

    /// Why a build would be refused.
    pub(super) fn stops(&self) -> impl Iterator<Item = &Stop> {
        self.prepared.stops.iter().chain(&self.tree.stops)
    }

    /// The same, to end with.
    pub(super) fn into_stops(self) -> Vec<Stop> {
        self.prepared
            .stops
            .into_iter()
            .chain(self.tree.stops)
            .collect()
    }

    fn plan(self) -> Result<Plan, Failure> {
        let Foreseen {
            inputs,
            prepared,
            view,
            tree,
        } = self;
        let written = match (&prepared.before, prepared.mode) {
            (Some(lock), Mode::Update) => {
                report::notes(prepared.situation.clock.note(lock));
                inputs.workspace.written(lock)?
            }
            _ => Written::Same,
        };
        Ok(Plan::of(prepared, tree, &view, written))
    }
}
