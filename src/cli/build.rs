//! `homelab build`.

mod comparing;
mod making;

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::{Build, Make};
use super::{clock, report};
use crate::build::{
    self, Consent, ExecuteError, LockOperation, Mode, Prepared, SIGN, Situation, Span, Stop, owner,
};
use crate::diagnostic::Failure;
use crate::keyring::{self, SealedRoot, Updating, Wanted};
use crate::lasting::Lasting;
use crate::lock::Lock;
use crate::model::DeviceId;
use crate::prepared::{Beside, prepare};
use crate::settled::{Kept, KeptTree, Options, Seen};
use crate::status::Status;
use crate::tree::{ReadManifest, View};
use crate::workspace::{Held, Inputs, PATIENCE, Workspace, git, git_files};
use comparing::check_tree;
use making::{Made, Making};

/// What a command does to the lock; whom homelab.age is sealed to then, the command line says.
pub(super) type Operation = LockOperation<Wanted>;

#[derive(Debug, Error, Diagnostic)]
#[error("the threads to build with cannot be started: {reason}")]
#[diagnostic(code("build::threads"), help("ask for fewer with `--jobs`"))]
struct CannotStart {
    reason: String,
}

/// What a build was told, and what was kept of the one before.
struct Building<'a> {
    make: &'a Make,
    options: Options<'a>,
    kept: Kept,
}

impl<'a> Building<'a> {
    fn of(
        workspace: &Workspace,
        make: &'a Make,
        mode: Mode,
        consent: Consent<'a>,
    ) -> Result<Building<'a>, Failure> {
        let options = Options {
            intent: clock::intent(mode, consent)?,
            out: make.out.as_deref(),
            words: format!("{make:?}"),
        };
        let kept = if make.no_index {
            Kept::default()
        } else {
            Kept::of(workspace)
        };
        Ok(Building {
            make,
            options,
            kept,
        })
    }
}

/// Makes the output tree what the declaration says.
pub(super) fn build(arguments: &Build) -> Result<(), Failure> {
    let make = &arguments.make;
    let consent = Consent {
        revocations: arguments.allow_retire,
        ..Consent::accepting(&arguments.accept_return_of)
    };
    if arguments.check {
        let inputs = Inputs::read(make.declaration.still()?, make.out.as_deref())?;
        return threads(make)?.install(|| check_tree(&inputs, make, consent));
    }
    let mode = if arguments.edge {
        Mode::Edge
    } else if arguments.locked {
        Mode::Locked
    } else {
        Mode::Update
    };
    let held = make.declaration.held()?;
    // That it has waited for another command is not to be said again by a build that has nothing to do.
    report::forget_said();
    // What is wrong with the clock is told after what is wrong with the declaration.
    let building = Building::of(&held, make, mode, consent);
    if mode != Mode::Edge
        && let Ok(Building { kept, options, .. }) = &building
        && let Some(settled) = kept.answer(&held, options)
    {
        for (stream, line) in settled.said {
            report::say(stream, line);
        }
        return Ok(());
    }
    if make.no_index {
        held.forget_verified();
    }
    let threads = threads(make)?;
    let (inputs, beside) = Inputs::read_beside(held, make.out.as_deref(), |workspace, out| {
        threads.install(|| Beside::read(workspace, out, mode))
    })?;
    let building = building?;
    threads.install(|| match mode {
        Mode::Edge => build_edge(&inputs, beside, building),
        Mode::Update | Mode::Locked => build_all(&inputs, beside, &Operation::Nothing, building),
    })
}

/// Does what was ordered to the lock, and makes the output tree what it then is to be.
pub(super) fn build_after(
    inputs: &Inputs<Held>,
    make: &Make,
    order: &Operation,
) -> Result<(), Failure> {
    build_accepting(inputs, make, order, &[])
}

/// The same, where these devices may come back by a lock that went back.
pub(super) fn build_accepting(
    inputs: &Inputs<Held>,
    make: &Make,
    order: &Operation,
    accepted: &[DeviceId],
) -> Result<(), Failure> {
    let consent = Consent::accepting(accepted);
    let mode = Mode::Update;
    let building = Building::of(&inputs.workspace, make, mode, consent)?;
    threads(make)?.install(|| {
        let beside = Beside::read(&inputs.workspace, &inputs.out, mode);
        build_all(inputs, beside, order, building)
    })
}

fn threads(make: &Make) -> Result<rayon::ThreadPool, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(make.jobs.map_or(0, usize::from));
    pool.build().map_err(|error| {
        let reason = error.to_string();
        Failure::environment(CannotStart { reason })
    })
}

/// Brings the lock up to date, where it may change, and makes the whole tree, which is looked at beside that.
fn build_all(
    inputs: &Inputs<Held>,
    beside: Beside,
    order: &Operation,
    building: Building<'_>,
) -> Result<(), Failure> {
    let known = building.kept.tree();
    rayon::in_place_scope(|scope| {
        if let Some(KeptTree { index, .. }) = &known {
            index.look_ahead(scope, &inputs.out);
        }
        build_known(inputs, beside, order, &building, known.as_ref())
    })
}

/// The same, where this is known of the tree.
fn build_known(
    inputs: &Inputs<Held>,
    beside: Beside,
    order: &Operation,
    building: &Building<'_>,
    known: Option<&KeptTree<'_>>,
) -> Result<(), Failure> {
    let Inputs { workspace, out, .. } = inputs;
    let Building {
        make,
        options,
        kept,
    } = building;
    let mode = options.intent.mode;
    warn_of_tracked(workspace, out);
    let sealed = match make.secret.root_command {
        Some(_) => SealedRoot::Elsewhere,
        None => SealedRoot::Needed,
    };
    let means = make.secret.means();
    let standing = keyring::standing(workspace, beside.lock?, sealed, &means.usual)?;
    let prepared = prepare(inputs, standing, order, options.intent)?;
    let prepared = Lasting::new(prepared);
    let is_first = prepared.before.as_ref();
    let is_first = is_first.is_none_or(|lock| lock.signing().is_none());
    let manifest = refuse_hopeless(inputs, beside.manifest, known, &prepared, order)?;
    let Situation { history, clock, .. } = &prepared.situation;
    let mut updating = Updating::new(inputs, history, &means, *clock);
    let lock = match (&prepared.before, mode) {
        (None, _) => updating.begin(order)?,
        (Some(lock), Mode::Update) => updating.go_on(lock.clone(), order)?,
        (Some(lock), Mode::Locked | Mode::Edge) => lock.clone(),
    };
    let lock = Lasting::new(lock);
    report::notes(prepared.warnings_of(&lock));
    report::notes(build::notes_of_caddy(&inputs.homelab));
    // homelab.age may be another one by now.
    let sealed = workspace.sealed_hash()?;
    let needs_secrets = || {
        let derived = prepared.derived_for(&lock, sealed, None);
        { derived.derivations.iter() }.any(|derivation| derivation.recipe.needs_secrets())
    };
    let is_bare = out.symlink_metadata().is_err() && needs_secrets();
    let is_unknown = mode == Mode::Update && prepared.situation.history.root_key.is_none();
    if is_bare || is_unknown {
        // Everything is to be made: what cannot be opened is told before a directory is there.
        updating.open(&lock)?;
    }
    let making = Making {
        inputs,
        make,
        known,
        manifest,
        prepared: &prepared,
        lock: &lock,
        sealed,
    };
    let mut status = None;
    let made = rayon::in_place_scope(|scope| {
        let (status, lock) = (&mut status, &lock);
        let at = || Status::at(clock.now, &inputs.homelab, Some(lock));
        scope.spawn(move |_| *status = Some(at()));
        making.make(|| updating.secrets(lock))
    })?;
    if mode == Mode::Update {
        tell_git(workspace, &prepared)?;
    }
    if let Some(status) = status {
        report::notes(build::ended(&status, &lock, clock));
    }
    if is_first {
        report::note(format_args!(
            "Next: open {} in a browser. It says what to deploy, and what to hand to whom.",
            out.join("index.html").display()
        ));
    }
    let seen = seen(inputs, options, &prepared, &made).filter(|_| order.is_nothing());
    made.keep(kept, workspace, seen);
    workspace.remember_verified();
    Ok(())
}

/// What a build has seen, if it has said nothing that it would not say again.
fn seen<'a>(
    inputs: &'a Inputs<Held>,
    options: &'a Options<'a>,
    prepared: &Prepared<'_>,
    made: &Made,
) -> Option<Seen<'a>> {
    let Situation { clock, history, .. } = &prepared.situation;
    let before = prepared.before.as_ref()?;
    let memory = inputs.workspace.recollection().hash()?;
    // A note of a clock that is wrong says what time it is.
    let is_lasting = made.memory == Some(memory) && clock.note(before).is_none();
    is_lasting.then(|| Seen {
        options,
        out: &inputs.out,
        said: report::said(),
        span: Span::around(clock.now, &inputs.homelab, before, history),
        memory,
    })
}

/// What `init` tells git, a first build does too, for who has begun without it. Later ones add what has come since, where git is used;
/// that they cannot is no reason to fail.
fn tell_git(workspace: &Held, prepared: &Prepared<'_>) -> Result<(), Failure> {
    let told = match prepared.before {
        None => git_files::tell(workspace)?,
        Some(_) => git_files::tell_again(workspace).unwrap_or(false),
    };
    if told {
        report::note(
            ".gitattributes and .gitignore tell git now how homelab.lock and homelab.age are kept and merged: commit them.",
        );
    }
    Ok(())
}

/// Where the tree cannot be built in, nothing is issued or shut out either: the lock would tell of what no edge knows. What is
/// ordered is done in any case: a revocation does not wait for a template to be mended. What the tree's manifest says.
fn refuse_hopeless(
    inputs: &Inputs<Held>,
    manifest: Option<ReadManifest>,
    known: Option<&KeptTree<'_>>,
    prepared: &Prepared<'_>,
    order: &Operation,
) -> Result<Option<ReadManifest>, Failure> {
    let owner = owner(prepared.before.as_ref().unwrap_or(&prepared.lock));
    let view = View::open_after(manifest, &inputs.out, owner, PATIENCE);
    let mut view = view.map_err(Failure::environment)?;
    // The built-in templates can be rendered.
    if inputs.templates.are_built_in() || prepared.changes.is_empty() || !order.is_nothing() {
        return Ok(view.into_manifest());
    }
    if let Some(KeptTree { index, .. }) = known {
        view.know(index);
    }
    let forecast = build::forecast(prepared, &view, None).map_err(Failure::environment)?;
    if forecast.stops.is_empty() {
        Ok(view.into_manifest())
    } else {
        Err(forecast.stops.into())
    }
}

/// Tells where git writes what lies in the output. A build believes nothing of it, and makes it anew.
fn warn_of_tracked(workspace: &Workspace, out: &Path) {
    if let git::Tracks::File(tracked) = git::tracks(out) {
        // What git says of the output is asked anew each time.
        workspace.journal().spoil();
        let (tracked, out) = (tracked.display(), out.display());
        report::note(format_args!(
            "git keeps `{tracked}`: whoever can push writes what lies in `{out}`. A build makes it anew and compares; deploy nothing of it before one has succeeded, and take it out of git, `git rm -r --cached {out}`."
        ));
    }
}

/// Makes the edge, from what the lock records, for who goes on to bring it somewhere.
pub(super) fn build_edge_with(
    inputs: &Inputs<Held>,
    make: &Make,
    consent: Consent<'_>,
) -> Result<(), Failure> {
    let mode = Mode::Edge;
    let building = Building::of(&inputs.workspace, make, mode, consent)?;
    threads(make)?.install(|| {
        let beside = Beside::read(&inputs.workspace, &inputs.out, mode);
        build_edge(inputs, beside, building)
    })
}

/// Makes what needs no secret, from what the lock records.
fn build_edge(
    inputs: &Inputs<Held>,
    beside: Beside,
    building: Building<'_>,
) -> Result<(), Failure> {
    let Building {
        make,
        options,
        kept,
    } = building;
    warn_of_tracked(&inputs.workspace, &inputs.out);
    let lock = beside.lock?;
    let was_stale = lock.as_ref().is_some_and(Lock::has_stale_crl);
    let prepared = prepare(inputs, lock, &Operation::Nothing, options.intent)?;
    report::notes(build::notes_of_caddy(&inputs.homelab));
    let lock = &prepared.lock;
    // Who is no longer declared is left out of the Caddyfile at once; the lock learns of it later.
    let known = kept.tree();
    let making = Making {
        inputs,
        make,
        known: known.as_ref(),
        manifest: beside.manifest,
        prepared: &prepared,
        lock,
        sealed: prepared.situation.sealed,
    };
    making.make(|| unreachable!("what needs a secret is set aside"))?;
    if lock.has_stale_crl() {
        let why = if was_stale {
            "homelab.lock has no signature of what it should list"
        } else {
            "it is newer than homelab.lock"
        };
        report::note(format_args!("ca.crl is left as it is, for {why}: {SIGN}"));
    }
    report::notes(prepared.lagging());
    report::notes(prepared.ended(lock));
    inputs.workspace.remember_verified();
    Ok(())
}

/// As what a build ends that cannot make its tree.
pub(super) fn execute_failure(error: ExecuteError) -> Failure {
    match error {
        ExecuteError::Render(error) => Stop::from(error).into(),
        ExecuteError::Tree(error) => Failure::environment(error),
    }
}

/// What stands above the lines that tell what a change means for people.
pub(super) const MEANS: &str = "what it means:";
