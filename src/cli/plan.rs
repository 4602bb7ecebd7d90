//! `homelab plan`.

mod drawing;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

use drawing::{shown, summary};

use super::arguments::Plan as Arguments;
use super::build::{Operation, refusal, shown_secrets};
use super::settled::Kept;
use super::{clock, report};
use crate::build::{
    self, Consent, Consequence, LockChanges, Mode, Prepared, Step, Stop, TreeForecast, owner,
};
use crate::diagnostic::{Failure, Fault};
use crate::edge_templates;
use crate::keyring;
use crate::tree::{View, named_holder};
use crate::workspace::{Inputs, PENDING, SEALED_LIMIT, Workspace, Written};

#[derive(Debug, Error, Diagnostic)]
#[error("a build would change something: {what}")]
#[diagnostic(code("plan::changes"), help("`homelab build` does it"))]
struct Changes {
    what: String,
}

/// What a build would change.
#[derive(Serialize)]
struct Plan {
    /// The output tree.
    out: String,
    /// Whether a build would change anything.
    changes: bool,
    /// Whether it would take the root secret.
    needs_secret: bool,
    /// What it would do to homelab.lock.
    lock: LockPlan,
    /// What it would do in the output tree.
    artifacts: Vec<Step>,
    /// How many artifacts it would leave.
    unchanged: usize,
    /// Why it is not known what was built before; nothing where that is known.
    no_former_build: Option<String>,
    /// What it means for people.
    people: Vec<Consequence>,
    /// What would stop it.
    stops: Vec<ToldStop>,
    /// What else there is to know.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct LockPlan {
    #[serde(flatten)]
    changes: LockChanges,
    /// Whether it is only written in its usual form.
    rewrite: bool,
}

/// Something that would stop a build.
#[derive(Serialize)]
struct ToldStop {
    /// The diagnostic's code.
    code: String,
    /// What is the matter.
    text: String,
    /// What to do.
    help: String,
}

impl From<&Stop> for ToldStop {
    fn from(Stop { report, .. }: &Stop) -> ToldStop {
        let told = |text: Option<Box<dyn std::fmt::Display + '_>>| {
            text.map(|text| text.to_string()).unwrap_or_default()
        };
        ToldStop {
            code: told(report.code()),
            text: report.to_string(),
            help: told(report.help()),
        }
    }
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
        let before = stamps(&workspace, &out);
        let made = made(arguments);
        if tries == TRIES || stamps(&workspace, &out) == before {
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

/// Which files a plan goes by, and when they were last written. Ours are never written but by putting another in their
/// place.
fn stamps(workspace: &Workspace, out: &Path) -> [Option<(u64, i64, i64)>; 4] {
    let manifest = out.join(".homelab/manifest.kdl");
    let files = [
        workspace.declaration().to_owned(),
        workspace.path("homelab.lock"),
        workspace.path("homelab.age"),
        manifest,
    ];
    files.map(|file| {
        let status = std::fs::metadata(file).ok()?;
        Some((status.ino(), status.ctime(), status.ctime_nsec()))
    })
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
            Mode::Edge => workspace.lock()?,
            Mode::Update | Mode::Locked => keyring::begun(workspace, out)?,
        };
        let mut situation = inputs.situation(lock, consent, clock::read()?)?;
        if mode != Mode::Edge && situation.sealed.is_none() {
            situation.sealed = pending_hash(workspace)?;
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
        let Inputs { workspace, out, .. } = self.inputs;
        let out = out.display();
        let stops = self.stops().map(ToldStop::from).collect();
        let notes = self.notes();
        let Foreseen { prepared, tree, .. } = self;
        if let (Some(lock), Mode::Update) = (&prepared.before, prepared.mode) {
            report::notes(prepared.situation.clock.note(lock));
        }
        let written = match (&prepared.before, prepared.mode) {
            (Some(lock), Mode::Update) => workspace.written(lock)?,
            _ => Written::Same,
        };
        let changes = prepared.changes;
        let rewrite = changes.is_empty() && written != Written::Same;
        Ok(Plan {
            out: out.to_string(),
            changes: !tree.steps.is_empty() || !changes.is_empty() || rewrite,
            needs_secret: changes.need_the_secret()
                || tree.needs_secret
                || written == Written::Unsigned,
            stops,
            artifacts: tree.steps,
            unchanged: tree.unchanged,
            people: tree.consequences,
            no_former_build: tree.unknown_before.map(|why| format!("{out} {why}")),
            lock: LockPlan { changes, rewrite },
            notes,
        })
    }

    /// What else there is to know.
    fn notes(&self) -> Vec<String> {
        let mut notes = notes_of_tree(&self.view);
        let Prepared {
            before, situation, ..
        } = &self.prepared;
        let is_of_all = self.prepared.mode != Mode::Edge;
        if is_of_all && before.is_some() && situation.sealed.is_none() {
            notes.push(String::from(
                "there is no homelab.age here: a build needs it, or a `--root-command`",
            ));
        }
        if self.tree.compared > 0 {
            notes.push(format!(
                "{} of the files in {} are not in its manifest, and take the secret: a build compares them, and stops where one is not its own",
                self.tree.compared,
                self.view.directory().display()
            ));
        }
        notes.extend(self.prepared.notes.iter().cloned());
        notes
    }
}

/// The hash of the secret that the next build puts in its place, where one was interrupted.
fn pending_hash(workspace: &Workspace) -> Result<Option<blake3::Hash>, Failure> {
    let path = workspace.path(PENDING);
    let sealed = workspace.read(&path, SEALED_LIMIT)?;
    Ok(sealed.map(|bytes| blake3::hash(&bytes)))
}

/// What there is to know of a tree.
fn notes_of_tree(view: &View) -> Vec<String> {
    let doubted = view.is_doubted().then(|| {
        format!(
            "{} is not as this machine remembers it: a build makes everything anew and compares",
            view.directory().display()
        )
    });
    let damaged = view
        .damaged()
        .then(|| String::from("the manifest is damaged: a build writes it anew"));
    let busy = view.busy().map(|busy| {
        format!(
            "{} holds `{}`: this is how things stand in the midst of that",
            named_holder(busy.holder.as_ref()),
            view.directory().display()
        )
    });
    let shown = view.shows_secrets();
    let shown = shown.then(|| shown_secrets(view.directory()));
    (damaged.into_iter().chain(doubted))
        .chain(busy)
        .chain(shown)
        .collect()
}
