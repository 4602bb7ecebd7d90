//! `homelab build`.

use std::path::Path;

use blake3::Hash;
use miette::Diagnostic;
use thiserror::Error;

use super::arguments::{Build, Make};
use super::progress::BAR;
use super::settled::{Kept, Options, Seen};
use super::summed::{self, Line, Listing};
use super::{clock, report};
use crate::build::{
    self, Accepted, Built, Consent, ExecuteError, LockOperation, Mismatch, Mode, Prepared, Refusal,
    Rendering, SIGN, Situation, Span, Stop, owner,
};
use crate::derive::Derivation;
use crate::diagnostic::{Failure, Fault};
use crate::keyring::{self, SealedRoot, Updating, Wanted};
use crate::lock::Lock;
use crate::model::DeviceId;
use crate::render::Secrets;
use crate::tree::{PackedIndex, Tree, View, sync_name};
use crate::workspace::{Held, Inputs, PATIENCE, Recollection, Still, Workspace, git, git_files};

/// What a command does to the lock; whom homelab.age is sealed to then, the command line says.
pub(super) type Operation = LockOperation<Wanted>;

#[derive(Debug, Error, Diagnostic)]
#[error("`{}` is not what homelab.kdl says:\n{}", out, differences.join("\n"))]
#[diagnostic(code("tree::differs"), help("run `homelab build` to make it so"))]
struct Differs {
    out: String,
    differences: Vec<String>,
}

#[derive(Debug, Error, Diagnostic)]
#[error("the threads to build with cannot be started: {reason}")]
#[diagnostic(code("build::threads"), help("ask for fewer with `--jobs`"))]
struct CannotStart {
    reason: String,
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
    // Whom it has waited for.
    report::forget_said();
    if mode != Mode::Edge {
        let options = Options {
            make,
            mode,
            consent,
        };
        if let Some(settled) = Kept::for_build(&held, make).answer(&held, &options) {
            for (stream, line) in settled.said {
                report::say(stream, line);
            }
            return Ok(());
        }
    }
    let inputs = Inputs::read(held, make.out.as_deref())?;
    threads(make)?.install(|| match mode {
        Mode::Edge => build_edge(&inputs, make, consent),
        Mode::Update | Mode::Locked => build_all(&inputs, make, &Operation::Nothing, mode, consent),
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
    threads(make)?.install(|| build_all(inputs, make, order, Mode::Update, consent))
}

fn threads(make: &Make) -> Result<rayon::ThreadPool, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(make.jobs.map_or(0, usize::from));
    pool.build().map_err(|error| {
        let reason = error.to_string();
        Failure::environment(CannotStart { reason })
    })
}

/// Brings the lock up to date, where it may change, and makes the whole tree.
fn build_all(
    inputs: &Inputs<Held>,
    make: &Make,
    order: &Operation,
    mode: Mode,
    consent: Consent<'_>,
) -> Result<(), Failure> {
    let Inputs { workspace, out, .. } = inputs;
    if warn_of_tracked(out) {
        // What git says of the output is asked anew each time.
        workspace.journal().spoil();
    }
    let sealed = match make.secret.root_command {
        Some(_) => SealedRoot::Elsewhere,
        None => SealedRoot::Needed,
    };
    let means = make.secret.means();
    let standing = keyring::standing(workspace, out, sealed, &means.usual)?;
    let prepared = prepare(inputs, standing, order, mode, consent)?;
    let is_first = prepared.before.as_ref();
    let is_first = is_first.is_none_or(|lock| lock.signing().is_none());
    refuse_hopeless(inputs, &prepared, order)?;
    let Situation { history, clock, .. } = &prepared.situation;
    let mut updating = Updating::new(inputs, history, &means, *clock);
    let lock = match (&prepared.before, mode) {
        (None, _) => updating.begin(order)?,
        (Some(lock), Mode::Update) => updating.go_on(lock.clone(), order)?,
        (Some(lock), Mode::Locked | Mode::Edge) => lock.clone(),
    };
    report::notes(prepared.warnings_of(&lock));
    report::notes(build::notes_of_caddy(&inputs.homelab));
    // homelab.age may be another one by now.
    let derivations = prepared.derivations_for(&lock, workspace.sealed_hash()?);
    let is_bare = out.symlink_metadata().is_err() && needs_secrets(&derivations);
    let is_unknown = mode == Mode::Update && prepared.situation.history.root_key.is_none();
    if is_bare || is_unknown {
        // Everything is to be made: what cannot be opened is told before a directory is there.
        updating.open(&lock)?;
    }
    let making = Making {
        inputs,
        make,
        prepared: &prepared,
        lock: &lock,
        derivations: &derivations,
        listing: make.verbosity.listing(),
    };
    let made = making.make(|| updating.secrets(&lock))?;
    if mode == Mode::Update {
        tell_git(workspace, &prepared)?;
        report::notes(build::ended(&inputs.homelab, &lock, clock));
    }
    if is_first {
        report::note(format_args!(
            "Next: open {} in a browser. It says what to deploy, and what to hand to whom.",
            out.join("index.html").display()
        ));
    }
    let options = Options {
        make,
        mode,
        consent,
    };
    let seen = seen(inputs, &options, &prepared, &made).filter(|_| order.is_nothing());
    made.keep(workspace, seen);
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
        clock: *clock,
        span: Span::around(clock.now, before, history),
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
/// ordered is done in any case: a revocation does not wait for a template to be mended.
fn refuse_hopeless(
    inputs: &Inputs<Held>,
    prepared: &Prepared<'_>,
    order: &Operation,
) -> Result<(), Failure> {
    let owner = owner(prepared.before.as_ref().unwrap_or(&prepared.lock));
    let view = View::open(&inputs.out, owner, PATIENCE).map_err(Failure::environment)?;
    // The built-in templates can be rendered.
    if inputs.templates.are_built_in() || prepared.changes.is_empty() || !order.is_nothing() {
        return Ok(());
    }
    let forecast = build::forecast(prepared, &view).map_err(Failure::environment)?;
    if forecast.stops.is_empty() {
        Ok(())
    } else {
        Err(forecast.stops.into())
    }
}

/// Works out what a build does, and refuses what stops it.
fn prepare<'a, W: AsRef<Workspace>>(
    inputs: &'a Inputs<W>,
    lock: Option<Lock>,
    order: &Operation,
    mode: Mode,
    consent: Consent<'a>,
) -> Result<Prepared<'a>, Failure> {
    let situation = inputs.situation(lock, consent, clock::read()?)?;
    let mut prepared = build::prepare(situation, order, mode).map_err(refusal)?;
    report::notes(&prepared.warnings);
    prepared.refuse()?;
    Ok(prepared)
}

/// As what a command ends that cannot say what a build would do.
pub(super) fn refusal(refusal: Refusal) -> Failure {
    report::notes(&refusal.warnings);
    refusal.stops.into()
}

fn needs_secrets(derivations: &[Derivation]) -> bool {
    { derivations.iter() }.any(|derivation| derivation.recipe.needs_secrets())
}

/// Tells where git writes what lies in the output. A build believes nothing of it, and makes it anew.
fn warn_of_tracked(out: &Path) -> bool {
    let tracks = git::tracks(out);
    if let git::Tracks::File(tracked) = &tracks {
        let (tracked, out) = (tracked.display(), out.display());
        report::note(format_args!(
            "git keeps `{tracked}`: whoever can push writes what lies in `{out}`. A build makes it anew and compares; deploy nothing of it before one has succeeded, and take it out of git, `git rm -r --cached {out}`."
        ));
    }
    matches!(tracks, git::Tracks::File(_))
}

/// Makes what needs no secret, from what the lock records.
fn build_edge(inputs: &Inputs<Held>, make: &Make, consent: Consent<'_>) -> Result<(), Failure> {
    warn_of_tracked(&inputs.out);
    let lock = inputs.workspace.lock()?;
    let was_stale = lock.as_ref().is_some_and(Lock::has_stale_crl);
    let prepared = prepare(inputs, lock, &Operation::Nothing, Mode::Edge, consent)?;
    report::notes(build::notes_of_caddy(&inputs.homelab));
    let lock = &prepared.lock;
    // Who is no longer declared is left out of the Caddyfile at once; the lock learns of it later.
    let derivations = prepared.derivations();
    let making = Making {
        inputs,
        make,
        prepared: &prepared,
        lock,
        derivations: &derivations,
        listing: make.verbosity.listing(),
    };
    making.make(|| unreachable!("nothing below edge/ needs a secret"))?;
    if lock.has_stale_crl() {
        let why = if was_stale {
            "homelab.lock has no signature of what it should list"
        } else {
            "it is newer than homelab.lock"
        };
        report::note(format_args!("ca.crl is left as it is, for {why}: {SIGN}"));
    }
    report::notes(prepared.lagging());
    Ok(())
}

/// Makes everything anew in memory and compares; writes nothing.
fn check_tree(inputs: &Inputs<Still>, make: &Make, consent: Consent<'_>) -> Result<(), Failure> {
    let Inputs {
        workspace,
        out,
        templates,
        ..
    } = inputs;
    let lock = workspace.issued_lock()?;
    let prepared = prepare(
        inputs,
        Some(lock),
        &Operation::Nothing,
        Mode::Locked,
        consent,
    )?;
    let lock = &prepared.lock;
    let opened = { make.secret.means() }.open(workspace, lock, &lock.roots())?;
    let secrets = Secrets::of(opened.keyring, lock).map_err(Failure::environment)?;
    let derivations = prepared.derivations();
    let view = View::open(out, owner(lock), PATIENCE).map_err(Failure::environment)?;
    let differences = build::differences(
        &view,
        &derivations,
        Rendering {
            templates,
            secrets: Some(&secrets),
            progress: &BAR,
        },
    );
    let differences = differences.map_err(execute_failure)?;
    let folders = view.altered_folders().map_err(Failure::environment)?;
    if view.shows_secrets() {
        report::note(shown_secrets(out));
    }
    if differences.is_empty() && folders.is_empty() {
        report::result(format_args!("{} unchanged", derivations.len()));
        return Ok(());
    }
    let found: Vec<(&str, Mismatch)> = { differences.iter() }
        .map(|difference| (difference.path.as_str(), difference.what))
        .collect();
    let found = summed::lines(&found, make.verbosity.listing()).into_iter();
    let named = |(line, what): (Line, Mismatch)| match line.count {
        Some(_) => format!("{}: each {what}", line.below(out)),
        None => format!("{} {what}", line.below(out)),
    };
    let folders = folders.iter();
    let folders = folders.map(|folder| format!("{} has another mode", folder.display()));
    Err(Failure::new(
        Fault::Difference,
        Differs {
            out: out.display().to_string(),
            differences: found.map(named).chain(folders).collect(),
        },
    ))
}

/// A tree that is about to be made.
struct Making<'a> {
    inputs: &'a Inputs<Held>,
    make: &'a Make,
    prepared: &'a Prepared<'a>,
    /// Brought up to date.
    lock: &'a Lock,
    derivations: &'a [Derivation],
    listing: Listing,
}

/// What there is to know of a tree that was made.
struct Made {
    kept: Kept,
    index: Option<PackedIndex>,
    /// The hash of what this machine remembers by now.
    memory: Option<Hash>,
}

impl Made {
    /// Keeps it for the next build: last of all, when everything that it tells of is on the disk.
    fn keep(self, workspace: &Held, seen: Option<Seen<'_>>) {
        if let Some(index) = self.index {
            self.kept.keep(workspace, index, seen);
        }
    }
}

impl Making<'_> {
    /// Makes the tree what the derivations say, and tells what was done. The secrets are unlocked only if some artifact
    /// that needs them is not up to date.
    fn make(self, unlock: impl FnOnce() -> Result<Secrets, Failure>) -> Result<Made, Failure> {
        let Inputs {
            workspace,
            out,
            templates,
            ..
        } = self.inputs;
        let mut recollection = self.recollection();
        let mut tree = self.open(&recollection)?;
        let kept = Kept::for_build(workspace, self.make);
        if !self.make.no_index {
            tree.know(kept.index().as_ref());
        }
        let stale = build::stale(self.derivations, &tree, templates);
        let stale = stale.map_err(Failure::environment)?;
        if !stale.is_empty() {
            // Whoever wrote the lock may have been killed before its name was on the disk.
            sync_name(&workspace.path("homelab.lock")).map_err(Failure::environment)?;
        }
        let mut recipes = stale.iter().map(|(derivation, _)| &derivation.recipe);
        let secrets = if recipes.any(|recipe| recipe.needs_secrets()) {
            Some(unlock()?)
        } else {
            None
        };
        let meaning = build::consequences(&tree, &stale).map_err(Failure::environment)?;
        let built = build::execute(
            tree,
            self.derivations,
            &stale,
            &self.prepared.scope(),
            Rendering {
                templates,
                secrets: secrets.as_ref(),
                progress: &BAR,
            },
            |manifests| recollection.write_manifests(out, manifests),
        );
        recollection.keep();
        let built = built.map_err(execute_failure)?;
        tell(out, &built, self.listing);
        if built.shows_secrets && needs_secrets(self.derivations) {
            report::note(shown_secrets(out));
        }
        if !meaning.is_empty() {
            report::result(format_args!("\n{MEANS}"));
            for consequence in &meaning {
                report::result(format_args!("  {}", consequence.text));
            }
        }
        Ok(Made {
            kept,
            index: built.index,
            memory: recollection.hash(),
        })
    }

    /// What this machine remembers, with what this build goes by.
    fn recollection(&self) -> Recollection {
        let workspace = &self.inputs.workspace;
        let mut recollection = match self.prepared.before {
            Some(_) => workspace.recollection().clone(),
            // What was remembered of another homelab is forgotten by now.
            None => Recollection::of(workspace),
        };
        let Situation {
            history,
            consent,
            clock,
            ..
        } = &self.prepared.situation;
        let accepted = Accepted {
            order: workspace.accepts_order_of(self.lock),
            ..consent.accepted
        };
        recollection.learn(self.lock, &history.handed_out, accepted, clock.now);
        recollection
    }

    fn open(&self, recollection: &Recollection) -> Result<Tree, Failure> {
        let out = &self.inputs.out;
        let tree = Tree::open(out, owner(self.lock), PATIENCE);
        let mut tree = tree.map_err(Failure::environment)?;
        if tree.believe_only(recollection.manifests(out)) {
            report::note(format_args!(
                "{} is not as this machine remembers it: everything is made anew and compared.",
                out.display()
            ));
        }
        if tree.damaged() {
            report::note(format_args!(
                "The manifest of {} was damaged: it is written anew.",
                out.display()
            ));
        }
        Ok(tree)
    }
}

/// What it means that a file system keeps no modes.
pub(super) fn shown_secrets(out: &Path) -> String {
    format!(
        "`{}` is on a file system that keeps no modes: whoever is on this machine can read the keys in every .p12 and profile there. Build elsewhere with `--out`, or mount it for yourself alone (such as `umask=077`).",
        out.display()
    )
}

/// What stands above the lines that tell what a change means for people.
pub(super) const MEANS: &str = "what it means:";

/// As what a build ends that cannot make its tree.
pub(super) fn execute_failure(error: ExecuteError) -> Failure {
    match error {
        ExecuteError::Render(error) => Stop::from(error).into(),
        ExecuteError::Tree(error) => Failure::environment(error),
    }
}

/// Says what a build did: each path that changed, or how many of each kind, and the sum.
fn tell(out: &Path, built: &Built, listing: Listing) {
    let told = [
        ("built", &built.built),
        ("restored", &built.restored),
        ("removed", &built.removed),
    ];
    let told = { told.into_iter() }
        .flat_map(|(verb, paths)| paths.iter().map(move |path| (path.as_str(), verb)));
    let told: Vec<(&str, &str)> = told.collect();
    for (line, verb) in summed::lines(&told, listing) {
        report::result(format_args!("{verb} {}", line.below(out)));
    }
    for directory in &built.modes_restored {
        let directory = directory.display();
        report::result(format_args!("restored {directory}/ (its mode)"));
    }
    let counts = [
        (built.built.len(), "built"),
        (built.restored.len(), "restored"),
        (built.unchanged, "unchanged"),
        (built.removed.len(), "removed"),
    ];
    let said = counts
        .iter()
        .filter(|(count, verb)| *count > 0 || *verb == "unchanged");
    let said: Vec<String> = said
        .map(|(count, verb)| format!("{count} {verb}"))
        .collect();
    report::result(said.join(", "));
}
