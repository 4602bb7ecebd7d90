//! `homelab plan`.

mod drawing;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use miette::Diagnostic;
use rayon::prelude::*;
use serde::Serialize;
use thiserror::Error;

use drawing::{shown, summary};

use super::arguments::Plan as Arguments;
use super::build::{
    Inputs, SIGN, edge_scope, issued_lock, lock_is_behind, owner, realise_failure,
    refuse_issued_here, retires_many, sealed_hash, shown_secrets, warn_of_unvouched,
};
use super::failure::{Exit, Failure};
use super::issuing::to_be_issued;
use super::requests::refuse_reused_keys;
use super::workspace::{Workspace, Written};
use super::{believed, clock, create_root, report, went_back};
use crate::change::{
    Consequence, Known, LockChanges, PreviousBuild, Step, Verb, between, foresee, of_devices,
    outdated_authority, steps,
};
use crate::derive::{self, Derivation, DeviceAccess, EdgeState, Recipe};
use crate::lock::{Lock, reconcile};
use crate::model::Homelab;
use crate::realise::{self, Forecast, Staleness};
use crate::tree::{ManifestEntry, OutputPath, Scope, View, named_holder};

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
    stops: Vec<Stop>,
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
struct Stop {
    /// The diagnostic's code.
    code: String,
    /// What is the matter.
    text: String,
    /// What to do.
    help: String,
}

impl Stop {
    fn of(diagnostic: &dyn Diagnostic) -> Stop {
        let told = |text: Option<Box<dyn std::fmt::Display + '_>>| {
            text.map(|text| text.to_string()).unwrap_or_default()
        };
        Stop {
            code: told(diagnostic.code()),
            text: diagnostic.to_string(),
            help: told(diagnostic.help()),
        }
    }
}

/// Says what a build would change, and what it means for people.
pub fn plan(arguments: &Arguments) -> Result<(), Failure> {
    let (out, plan) = settled(arguments)?;
    if arguments.json {
        report::json(&plan)?;
    } else {
        report::table(&shown(&plan, &out))?;
    }
    match arguments.expect_no_changes && plan.changes {
        true => Err(Failure::new(
            Exit::Difference,
            Changes {
                what: summary(&plan),
            },
        )),
        false => Ok(()),
    }
}

/// How often a plan is made anew where something was written while it was made.
const TRIES: u8 = 5;

/// A plan of one moment: it waits for nobody, so what it went by may be written meanwhile, and half of it would be of
/// the time before and half of the time after.
fn settled(arguments: &Arguments) -> Result<(PathBuf, Plan), Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        let workspace = Workspace::of(&arguments.declaration);
        let out = workspace.out(arguments.out.as_deref())?;
        let before = stamps(&workspace, &out);
        let made = made(arguments);
        if tries == TRIES || stamps(&workspace, &out) == before {
            return made.map(|plan| (out, plan));
        }
    }
}

fn made(arguments: &Arguments) -> Result<Plan, Failure> {
    let inputs = Inputs::of(&arguments.declaration, arguments.out.as_deref())?;
    match arguments.edge {
        true => of_edge(&inputs, arguments),
        false => of_all(&inputs, arguments, clock::now()?),
    }
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

/// What `homelab build` would change.
fn of_all(inputs: &Inputs, arguments: &Arguments, now: Timestamp) -> Result<Plan, Failure> {
    let Inputs {
        workspace,
        out,
        homelab,
        requested,
        templates,
    } = inputs;
    let mut lock = create_root::begun(workspace, out)?;
    let mut let_in = Vec::new();
    if let Some(lock) = &mut lock {
        believed::hold_against_tree(workspace, out, lock)?;
        let published = went_back::Published::read(workspace, out, lock)?;
        published.refuse_return(homelab, lock, &arguments.accept_return_of)?;
        lock.forget_overtaken(&published.handed_out);
        let_in = published.installed;
    }
    let own_keys = requested.keys();
    let foreseen = foresee(homelab, lock.as_ref(), own_keys, &let_in, now);
    let too_early = || clock::now_to_issue().err();
    let foreseen =
        foreseen.map_err(|error| too_early().unwrap_or_else(|| Failure::environment(error)))?;
    let mut notes = Vec::new();
    let mut rewrite = false;
    let mut is_to_be_signed = false;
    let mut brake = None;
    let too_early = match foreseen.changes.is_empty() {
        true => None,
        false => too_early(),
    };
    if let Some(lock) = &lock {
        clock::warn(now, lock);
        refuse_issued_here(homelab, lock)?;
        let reconciliation = reconcile(homelab, lock, own_keys);
        refuse_reused_keys(&reconciliation)?;
        requested.warn(homelab, lock);
        warn_of_unvouched(homelab, lock);
        let written = workspace.written(lock)?;
        rewrite = foreseen.changes.is_empty() && written != Written::Same;
        is_to_be_signed = written == Written::Unsigned;
        if lock.key.is_none() {
            notes.push(format!(
                "homelab.lock is of version 1, which nobody has signed: {SIGN}"
            ));
        }
        brake = retires_many(&reconciliation, arguments.allow_retire).map(|error| Stop::of(&error));
        notes.extend(of_authority(homelab, lock));
    }
    let sealed = sealed_hash(workspace)?.or(pending_hash(workspace)?);
    let derivations = derive::derive(homelab, &foreseen.lock, &templates.of_the_edge(), sealed);
    let look = Look {
        inputs,
        derivations: &derivations,
        unsigned: derive::unsigned_crl_paths(&foreseen.lock),
        kept: derive::crl_paths(&foreseen.lock),
        scope: Scope::All,
        changes: foreseen.changes,
        before: lock.as_ref(),
        foreseen: &foreseen.lock,
    };
    let mut plan = look.plan()?;
    if lock.is_some() && sealed.is_none() {
        plan.notes.push(String::from(
            "there is no homelab.age here: a build needs it, or a `--root-command`",
        ));
    }
    plan.lock.rewrite = rewrite;
    plan.needs_secret |= is_to_be_signed;
    plan.changes |= rewrite;
    plan.stops.splice(0..0, brake);
    let reports = too_early.iter().flat_map(|failure| &failure.reports);
    plan.stops
        .extend(reports.map(|report| Stop::of(report.as_ref())));
    plan.notes.extend(notes);
    Ok(plan)
}

/// What `homelab build --edge` would change.
fn of_edge(inputs: &Inputs, arguments: &Arguments) -> Result<Plan, Failure> {
    let homelab = &inputs.homelab;
    let mut lock = issued_lock(&inputs.workspace)?;
    believed::refuse_unsigned(&lock)?;
    believed::hold_against_tree(&inputs.workspace, &inputs.out, &lock)?;
    let published = went_back::Published::read(&inputs.workspace, &inputs.out, &lock)?;
    published.refuse_return(homelab, &lock, &arguments.accept_return_of)?;
    lock.forget_overtaken(&published.handed_out);
    refuse_issued_here(homelab, &lock)?;
    let reconciliation = reconcile(homelab, &lock, inputs.requested.keys());
    let derivations = derive::edge(homelab, &lock, &inputs.templates.of_the_edge());
    let scope = edge_scope(&lock);
    let look = Look {
        inputs,
        derivations: &derivations,
        unsigned: Vec::new(),
        kept: Vec::new(),
        scope,
        changes: LockChanges::default(),
        before: Some(&lock),
        foreseen: &lock,
    };
    let mut plan = look.plan()?;
    let issue: Vec<String> = to_be_issued(&reconciliation, &lock).collect();
    if !issue.is_empty() {
        plan.stops
            .push(Stop::of(&super::build::lock_would_change(issue)));
    }
    let brake = retires_many(&reconciliation, arguments.allow_retire);
    plan.stops.extend(brake.map(|error| Stop::of(&error)));
    if lock.has_stale_crl() {
        plan.notes.push(format!("ca.crl is left as it is: {SIGN}"));
    } else if let Some(device) = reconciliation.revoke.first() {
        plan.notes
            .push(format!("ca.crl would not list {device} yet: {SIGN}"));
    }
    plan.notes.extend(lock_is_behind(&reconciliation));
    plan.notes.extend(of_authority(homelab, &lock));
    Ok(plan)
}

/// The hash of the secret that the next build puts in its place, where one was interrupted.
fn pending_hash(workspace: &Workspace) -> Result<Option<blake3::Hash>, Failure> {
    let path = workspace.path(create_root::PENDING);
    let sealed = workspace.read(&path, super::secret::LIMIT)?;
    Ok(sealed.map(|bytes| blake3::hash(&bytes)))
}

/// What is held against a tree.
struct Look<'a> {
    inputs: &'a Inputs,
    derivations: &'a [Derivation],
    /// Revocation lists that are to be signed.
    unsigned: Vec<OutputPath>,
    /// Revocation lists that stay in any case.
    kept: Vec<OutputPath>,
    scope: Scope,
    changes: LockChanges,
    /// The lock as it is.
    before: Option<&'a Lock>,
    /// The lock as it would be.
    foreseen: &'a Lock,
}

impl Look<'_> {
    fn plan(self) -> Result<Plan, Failure> {
        let templates = &self.inputs.templates;
        let out = &self.inputs.out;
        let view = View::glance(out, owner(self.before.unwrap_or(self.foreseen)));
        let mut view = view.map_err(Failure::environment)?;
        let recollection = self.inputs.workspace.recollection();
        let is_doubted = view.believe_only(recollection.manifests(out));
        let missed = realise::missed(self.derivations, &view, templates);
        let missed = missed.map_err(Failure::environment)?;
        let missed: Result<Vec<(&Derivation, Staleness, Forecast)>, _> = missed
            .into_par_iter()
            .map(|(derivation, miss)| {
                let outlook = realise::outlook(derivation, miss, &view, templates)?;
                Ok((derivation, miss, outlook))
            })
            .collect();
        let missed = missed.map_err(realise_failure)?;
        let unsigned = self.unsigned.iter();
        let unsigned: Vec<(&OutputPath, bool)> = unsigned
            .map(|path| (path, view.entry(path).is_some()))
            .collect();
        let mut artifacts = steps(&missed, &unsigned, &self.orphans(&view), &self.changes);
        let made = artifacts
            .iter()
            .filter(|step| step.verb != Verb::Remove)
            .count();
        let unchanged = self.derivations.len() + self.unsigned.len() - made;
        let folders = view.altered_folders(|path| self.wants(path), &self.scope);
        for folder in folders.map_err(Failure::environment)? {
            let path = folder.strip_prefix(out).unwrap_or(&folder);
            artifacts.push(Step {
                path: format!("{}/", path.display()),
                verb: Verb::Restore,
                reason: String::from("its mode was changed"),
            });
        }
        artifacts.sort();
        let needs_secret = |(derivation, miss, outlook): &(&Derivation, Staleness, Forecast)| {
            let is_held_against = matches!(miss, Staleness::Means | Staleness::Unproven);
            derivation.recipe.needs_secrets() && (*outlook != Forecast::Same || is_held_against)
        };
        let (people, no_former_build) = self.meaning(&view)?;
        Ok(Plan {
            out: out.display().to_string(),
            changes: !artifacts.is_empty() || !self.changes.is_empty(),
            needs_secret: self.changes.need_the_secret() || missed.iter().any(needs_secret),
            stops: in_the_way(&missed, out),
            artifacts,
            unchanged,
            people,
            no_former_build,
            lock: LockPlan {
                changes: self.changes,
                rewrite: false,
            },
            notes: notes(&view, is_doubted),
        })
    }

    fn wants(&self, path: &OutputPath) -> bool {
        let place = self
            .derivations
            .binary_search_by(|derivation| derivation.path.cmp(path));
        place.is_ok() || self.unsigned.contains(path) || self.kept.contains(path)
    }

    /// What the manifest has and nothing makes any more.
    fn orphans<'v>(&self, view: &'v View) -> Vec<&'v ManifestEntry> {
        let entries = view.entries();
        entries
            .filter(|entry| self.scope.contains(&entry.path) && !self.wants(&entry.path))
            .collect()
    }

    /// What it means for people; and why only a part of that can be told, where it is so.
    fn meaning(&self, view: &View) -> Result<(Vec<Consequence>, Option<String>), Failure> {
        let published = self.derivations.iter().find_map(|d| match &d.recipe {
            Recipe::EdgeState(published) => Some(published),
            _ => None,
        });
        let Some::<&EdgeState>(after) = published else {
            return Ok((Vec::new(), None));
        };
        let why = match PreviousBuild::of(view).map_err(Failure::environment)? {
            PreviousBuild::Known(before) => return Ok((between(&before, after), None)),
            PreviousBuild::Unknown(why) => why,
        };
        let before = self.before.map(DeviceAccess::all).unwrap_or_default();
        let out = self.inputs.out.display();
        let known = Known {
            devices: &after.retired,
            shut_out: &after.shut_out,
        };
        let people = of_devices(&before, &known, &after.devices);
        Ok((people, Some(format!("{out} {why}"))))
    }
}

/// What else there is to know of a tree.
fn notes(view: &View, is_doubted: bool) -> Vec<String> {
    let doubted = is_doubted.then(|| {
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

/// A build removes nothing that is not its own.
fn in_the_way(missed: &[(&Derivation, Staleness, Forecast)], out: &Path) -> Vec<Stop> {
    let in_the_way = missed
        .iter()
        .filter(|(.., outlook)| *outlook == Forecast::InTheWay);
    let stop = |(derivation, ..): &(&Derivation, Staleness, Forecast)| Stop {
        code: String::from("tree::not-ours"),
        text: format!(
            "`{}` was not written by homelab",
            out.join(derivation.path.as_str()).display()
        ),
        help: String::from("move it away"),
    };
    in_the_way.map(stop).collect()
}

/// What is to be known of an authority that was made when the declaration said otherwise.
fn of_authority(homelab: &Homelab, lock: &Lock) -> Option<String> {
    let outdated = outdated_authority(homelab, lock);
    let name = lock.signing()?.common_name();
    (!outdated.is_empty()).then(|| {
        format!(
            "the authority `{name}` stays as it is, and devices keep their certificates, though {}; \
             `homelab rotate --authority` begins to go over to one as homelab.kdl says",
            outdated.join(", and ")
        )
    })
}

/// Tells of it on stderr.
pub fn tell_of_authority(homelab: &Homelab, lock: &Lock) {
    if let Some(note) = of_authority(homelab, lock) {
        report::note(sentence(&note));
    }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), chars.as_str())
}
