//! `homelab build`.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::{Build, Declaration, Make};
use super::believed::{self, Known};
use super::create_root::{self, Standing};
use super::failure::{Exit, Failure};
use super::git::Tracks;
use super::hold::{Held, PATIENCE, Still};
use super::issuing::{Issuing, LockOperation, refuse_changes, refuse_issues};
use super::memory::{self, Recollection};
use super::requests::Requested;
use super::went_back::Published;
use super::workspace::Workspace;
use super::{caddy, expiry, git, report, secret};
use crate::change::{self, Consequence, PreviousBuild};
use crate::derive::{self, Derivation, Recipe};
use crate::lock::{Lock, Reconciliation, issued_here, reconcile};
use crate::model::{DeviceId, Homelab};
use crate::realise::{self, Built, Difference, RealiseError, Staleness};
use crate::render::{RenderError, Secrets};
use crate::template::Templates;
use crate::tree::{OutputPath, Owner, Scope, Tree, TreeError, View, sync_name};

#[derive(Debug, Error, Diagnostic)]
enum BuildError {
    #[error("homelab.lock would change: {}", changes.join(", "))]
    #[diagnostic(
        code("lock::would-change"),
        help("run `homelab build` where the root secret is, and commit homelab.lock")
    )]
    LockWouldChange { changes: Vec<String> },

    #[error("`{}` is not what homelab.kdl says:\n{}", out, differences.join("\n"))]
    #[diagnostic(code("tree::differs"), help("run `homelab build` to make it so"))]
    Differs {
        out: String,
        differences: Vec<String>,
    },

    #[error("{count} of {of} devices would be shut out: {devices}")]
    #[diagnostic(
        code("lock::retires-many"),
        help(
            "if that is meant, `homelab build --allow-retire {count}`; otherwise bring them back into homelab.kdl"
        )
    )]
    RetiresMany {
        count: usize,
        of: usize,
        devices: String,
    },

    #[error("`{device}` has the fingerprint of a certificate that was issued to `{issued_to}`")]
    #[diagnostic(
        code("lock::issued-here"),
        help(
            "remove `fingerprint`: it is for certificates of an authority that was adopted. One that was taken out does not come in again; a new one does"
        )
    )]
    IssuedHere {
        device: DeviceId,
        issued_to: DeviceId,
    },

    #[error("nothing has been issued yet")]
    #[diagnostic(
        code("lock::nothing-issued"),
        help("run `homelab build` where the root secret is, and commit homelab.lock")
    )]
    NothingIssued,
}

/// Makes the output tree what the declaration says.
pub fn build(arguments: &Build) -> Result<(), Failure> {
    if arguments.check {
        let inputs = Inputs::kept_still(&arguments.make)?;
        return threads(&arguments.make)?
            .install(|| check_tree(&inputs, &arguments.make, &arguments.accept_return_of));
    }
    let inputs = Inputs::held(&arguments.make)?;
    threads(&arguments.make)?.install(|| {
        if arguments.edge {
            build_edge(&inputs, arguments)
        } else {
            let mode = match arguments.locked {
                true => Mode::Locked,
                false => Mode::Retiring(arguments.allow_retire),
            };
            let accepted = &arguments.accept_return_of;
            build_all(
                &inputs,
                &arguments.make,
                &LockOperation::Nothing,
                mode,
                accepted,
            )
        }
    })
}

/// Does what was ordered to the lock, and makes the output tree what it then is to be.
pub fn build_after(
    inputs: &Inputs<Held>,
    make: &Make,
    order: &LockOperation,
) -> Result<(), Failure> {
    build_accepting(inputs, make, order, &[])
}

/// The same, where these devices may come back by a lock that went back.
pub fn build_accepting(
    inputs: &Inputs<Held>,
    make: &Make,
    order: &LockOperation,
    accepted: &[DeviceId],
) -> Result<(), Failure> {
    threads(make)?.install(|| build_all(inputs, make, order, Mode::Retiring(None), accepted))
}

fn threads(make: &Make) -> Result<rayon::ThreadPool, Failure> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(make.jobs.map_or(0, usize::from))
        .build()
        .map_err(|error| {
            Failure::environment(CannotStart {
                reason: error.to_string(),
            })
        })
}

/// What a build begins with, read from a workspace that is [`Held`] by who is going to write, and [`Still`] or as it
/// is at the moment for who only looks.
pub struct Inputs<W = Workspace> {
    /// The files beside the declaration.
    pub workspace: W,
    /// The output tree.
    pub out: PathBuf,
    /// What is declared.
    pub homelab: Homelab,
    /// The keys that devices have made.
    pub requested: Requested,
    /// The templates, the user's own over the built-in ones.
    pub templates: Templates,
}

impl Inputs<Held> {
    /// Holds the workspace, then reads.
    pub fn held(make: &Make) -> Result<Inputs<Held>, Failure> {
        Inputs::read(Held::of(&make.declaration)?, make.out.as_deref())
    }
}

impl Inputs<Still> {
    /// Reads while nobody writes.
    pub fn kept_still(make: &Make) -> Result<Inputs<Still>, Failure> {
        Inputs::read(Still::of(&make.declaration)?, make.out.as_deref())
    }
}

impl Inputs<Workspace> {
    /// Reads what is there at the moment, and waits for nobody.
    pub fn of(declaration: &Declaration, out: Option<&Path>) -> Result<Inputs, Failure> {
        Inputs::read(Workspace::of(declaration), out)
    }
}

impl<W: AsRef<Workspace>> Inputs<W> {
    fn read(workspace: W, out: Option<&Path>) -> Result<Inputs<W>, Failure> {
        let files = workspace.as_ref();
        let homelab = files.homelab()?;
        Ok(Inputs {
            out: files.out(out)?,
            requested: Requested::read(files, &homelab)?,
            homelab,
            templates: files.templates()?,
            workspace,
        })
    }
}

#[derive(Debug, Error, Diagnostic)]
#[error("the threads to build with cannot be started: {reason}")]
#[diagnostic(code("build::threads"), help("ask for fewer with `--jobs`"))]
struct CannotStart {
    reason: String,
}

/// What a build may do to the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing.
    Locked,
    /// Whatever the declaration says; and retire so many devices at once, where that is many.
    Retiring(Option<usize>),
}

fn build_all(
    inputs: &Inputs<Held>,
    make: &Make,
    order: &LockOperation,
    mode: Mode,
    accepted: &[DeviceId],
) -> Result<(), Failure> {
    let Inputs {
        workspace,
        out,
        homelab,
        templates,
        ..
    } = inputs;
    warn_of_tracked(out);
    let mut issuing = Issuing::new(inputs, &make.secret);
    let root_elsewhere = make.secret.root_command.is_some();
    let (mut is_first, mut is_new) = (true, true);
    let lock = match create_root::standing(workspace, out, root_elsewhere)? {
        Standing::Fresh if mode == Mode::Locked => {
            let changes = vec![String::from("the root secret is to be made")];
            return Err(would_change(changes));
        }
        Standing::Fresh => {
            memory::begin_anew(workspace)?;
            issuing.begin(order)?
        }
        Standing::Begun(lock) => {
            let mut lock = *lock;
            if mode == Mode::Locked {
                believed::refuse_unsigned(&lock)?;
            }
            believed::hold_against_tree(workspace, out, &lock)?;
            let published = Published::read(workspace, out, &lock)?;
            issuing.refuse_return(&published, order, &lock, accepted)?;
            lock.forget_overtaken(&published.handed_out);
            issuing.published = published;
            (is_first, is_new) = (lock.signing().is_none(), false);
            refuse_issued_here(homelab, &lock)?;
            let reconciliation = reconcile(homelab, &lock, inputs.requested.keys());
            match mode {
                Mode::Locked => refuse_changes(&reconciliation, &lock)?,
                Mode::Retiring(allowed) => refuse_retiring_many(&reconciliation, allowed)?,
            }
            // Where the tree cannot be built in, nothing is issued either.
            View::open(out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
            match mode {
                Mode::Locked => lock,
                Mode::Retiring(_) => issuing.go_on(lock, order)?,
            }
        }
    };
    inputs.requested.warn(homelab, &lock);
    warn_of_unvouched(homelab, &lock);
    caddy::warn(homelab);
    let derivations = derive::derive(
        homelab,
        &lock,
        &templates.of_the_edge(),
        sealed_hash(workspace)?,
    );
    let needs_secrets = |derivation: &Derivation| derivation.recipe.needs_secrets();
    let is_bare = out.symlink_metadata().is_err() && derivations.iter().any(needs_secrets);
    let is_unknown =
        mode != Mode::Locked && believed::known(workspace, out, &lock)? == Known::Nothing;
    if is_bare || is_unknown {
        // Everything is to be made: what cannot be opened is told before a directory is there.
        issuing.open(&lock)?;
    }
    let mut recollection = memory::recall(workspace);
    recollection.learn(workspace, &lock, &issuing.published.handed_out, accepted)?;
    let tree = open(out, &lock, &recollection)?;
    let scope = Scope::All;
    make_tree(inputs, tree, recollection, &derivations, &scope, || {
        issuing.secrets(&lock)
    })?;
    if mode != Mode::Locked {
        tell_git(workspace, is_new)?;
        expiry::tell(homelab, &lock)?;
    }
    if is_first {
        report::note(format_args!(
            "Next: open {} in a browser. It says what to deploy, and what to hand to whom.",
            out.join("index.html").display()
        ));
    }
    Ok(())
}

/// What `init` tells git, a first build does too, for who has begun without it. Later ones add what has come since, where
/// git is used; that they cannot is no reason to fail.
fn tell_git(workspace: &Held, is_new: bool) -> Result<(), Failure> {
    let told = match is_new {
        true => git::tell(workspace)?,
        false => git::tell_again(workspace).unwrap_or(false),
    };
    if told {
        git::report_told();
    }
    Ok(())
}

fn refuse_retiring_many(
    reconciliation: &Reconciliation,
    allowed: Option<usize>,
) -> Result<(), Failure> {
    match retires_many(reconciliation, allowed) {
        Some(error) => Err(Failure::new(Exit::Difference, error)),
        None => Ok(()),
    }
}

/// Why a build would stop where it shuts out many devices, more than are `allowed`.
pub fn retires_many(
    reconciliation: &Reconciliation,
    allowed: Option<usize>,
) -> Option<impl Diagnostic + Send + Sync + 'static> {
    let devices = &reconciliation.shut_out;
    let is_meant = allowed.is_some_and(|most| devices.len() <= most);
    (reconciliation.shuts_out_many() && !is_meant).then(|| BuildError::RetiresMany {
        count: devices.len(),
        of: reconciliation.let_in,
        devices: names(devices),
    })
}

/// A certificate that was issued here and is declared as one that was not: taken out, it would be let
/// in again.
pub fn refuse_issued_here(homelab: &Homelab, lock: &Lock) -> Result<(), Failure> {
    let Some((device, issued_to)) = issued_here(homelab, lock).next() else {
        return Ok(());
    };
    Err(Failure::new(
        Exit::Declaration,
        BuildError::IssuedHere {
            device: device.clone(),
            issued_to: issued_to.clone(),
        },
    ))
}

/// Tells of devices that no authority vouches for.
pub fn warn_of_unvouched(homelab: &Homelab, lock: &Lock) {
    if lock.vouches_for_installed() {
        return;
    }
    for (device, _) in homelab.installed() {
        report::note(format_args!(
            "{device} is not let in: no authority is trusted that could have signed its certificate. `homelab adopt` trusts one."
        ));
    }
}

/// Tells where git writes what lies in the output. A build believes nothing of it, and makes it anew.
fn warn_of_tracked(out: &Path) {
    if let Tracks::File(tracked) = git::tracks(out) {
        let (tracked, out) = (tracked.display(), out.display());
        report::note(format_args!(
            "git keeps `{tracked}`: whoever can push writes what lies in `{out}`. A build makes it anew and compares; deploy nothing of it before one has succeeded, and take it out of git, `git rm -r --cached {out}`."
        ));
    }
}

/// Makes what needs no secret, from what the lock records.
fn build_edge(inputs: &Inputs<Held>, arguments: &Build) -> Result<(), Failure> {
    let Inputs {
        workspace,
        out,
        homelab,
        templates,
        ..
    } = inputs;
    warn_of_tracked(out);
    let mut lock = issued_lock(workspace)?;
    believed::refuse_unsigned(&lock)?;
    believed::hold_against_tree(workspace, out, &lock)?;
    let published = Published::read(workspace, out, &lock)?;
    let accepted = &arguments.accept_return_of;
    published.refuse_return(homelab, &lock, accepted)?;
    let was_stale = lock.has_stale_crl();
    lock.forget_overtaken(&published.handed_out);
    refuse_issued_here(homelab, &lock)?;
    // Who is no longer declared is left out of the Caddyfile at once; the lock learns of it later.
    let reconciliation = reconcile(homelab, &lock, inputs.requested.keys());
    refuse_issues(&reconciliation, &lock)?;
    refuse_retiring_many(&reconciliation, arguments.allow_retire)?;
    caddy::warn(homelab);
    let derivations = derive::edge(homelab, &lock, &templates.of_the_edge());
    let (is_stale, scope) = (lock.has_stale_crl(), edge_scope(&lock));
    let mut recollection = workspace.recollection().clone();
    recollection.learn(workspace, &lock, &published.handed_out, accepted)?;
    let tree = open(out, &lock, &recollection)?;
    make_tree(inputs, tree, recollection, &derivations, &scope, || {
        unreachable!("nothing below edge/ needs a secret")
    })?;
    if is_stale && !was_stale {
        report::note(format_args!(
            "ca.crl is left as it is, for it is newer than homelab.lock: {SIGN}"
        ));
    } else if is_stale {
        report::note(format_args!(
            "ca.crl is left as it is, for homelab.lock has no signature of what it should list: {SIGN}"
        ));
    } else if !reconciliation.revoke.is_empty() {
        let gone = names(&reconciliation.revoke);
        report::note(format_args!("ca.crl does not list {gone} yet: {SIGN}"));
    }
    for behind in lock_is_behind(&reconciliation) {
        report::note(behind);
    }
    Ok(())
}

/// What homelab.lock has still to learn of devices by fingerprint.
pub fn lock_is_behind(reconciliation: &Reconciliation) -> impl Iterator<Item = String> {
    let Reconciliation { record, remove, .. } = reconciliation;
    let new = (!record.is_empty()).then(|| {
        format!(
            "homelab.lock does not record {} yet, so it could not tell of the certificate once it is deleted: {SIGN}",
            names(record)
        )
    });
    let gone = (!remove.is_empty()).then(|| {
        format!(
            "homelab.lock does not say yet that {} is deleted: {SIGN}",
            names(remove)
        )
    });
    new.into_iter().chain(gone)
}

fn names(devices: &[DeviceId]) -> String {
    let names: Vec<String> = devices.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What a build of the edge alone is about.
pub fn edge_scope(lock: &Lock) -> Scope {
    let edge = OutputPath::new("edge").expect("the program's own paths are paths");
    match lock.has_stale_crl() {
        false => Scope::Below(edge),
        // Only the authority's key makes another list, and none at all would be worse than an old one.
        true => Scope::BelowBut(edge, derive::crl_paths(lock)),
    }
}

/// How a revocation list comes to be what it should be.
pub const SIGN: &str = "run `homelab build` where the root secret is, and commit homelab.lock.";

/// Makes everything anew in memory and compares; writes nothing.
fn check_tree(inputs: &Inputs<Still>, make: &Make, accepted: &[DeviceId]) -> Result<(), Failure> {
    let Inputs {
        workspace,
        out,
        homelab,
        templates,
        ..
    } = inputs;
    let mut lock = issued_lock(workspace)?;
    believed::refuse_unsigned(&lock)?;
    believed::hold_against_tree(workspace, out, &lock)?;
    let published = Published::read(workspace, out, &lock)?;
    published.refuse_return(homelab, &lock, accepted)?;
    lock.forget_overtaken(&published.handed_out);
    let reconciliation = reconcile(homelab, &lock, inputs.requested.keys());
    refuse_changes(&reconciliation, &lock)?;
    let opened = secret::unlock(workspace, &make.secret, &lock, &lock.roots())?;
    let secrets = Secrets::of(opened.keyring, &lock).map_err(Failure::environment)?;
    let derivations = derive::derive(
        homelab,
        &lock,
        &templates.of_the_edge(),
        sealed_hash(workspace)?,
    );
    let view = View::open(out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
    let differences = realise::differences(&view, &derivations, templates, Some(&secrets));
    let differences = differences.map_err(realise_failure)?;
    let folders = view
        .altered_folders(|_| true, &Scope::All)
        .map_err(Failure::environment)?;
    if view.shows_secrets() {
        report::note(shown_secrets(out));
    }
    if differences.is_empty() && folders.is_empty() {
        report::result(format_args!("{} unchanged", derivations.len()));
        return Ok(());
    }
    let named = |found: &Difference| {
        let path = out.join(found.path.as_str());
        format!("{} {}", path.display(), found.what)
    };
    Err(Failure::new(
        Exit::Difference,
        BuildError::Differs {
            out: out.display().to_string(),
            differences: differences
                .iter()
                .map(named)
                .chain(
                    folders
                        .iter()
                        .map(|folder| format!("{} has another mode", folder.display())),
                )
                .collect(),
        },
    ))
}

/// The lock of a homelab that has been built before.
pub fn issued_lock(workspace: &Workspace) -> Result<Lock, Failure> {
    let lock = workspace.lock()?.filter(|lock| lock.signing().is_some());
    lock.ok_or_else(|| Failure::new(Exit::Difference, BuildError::NothingIssued))
}

/// Whose tree it is: of who has the present root secret, or had one before it.
pub fn owner(lock: &Lock) -> Owner {
    let former = lock.authorities.iter().map(|a| a.root.to_string());
    Owner {
        present: lock.root.to_string(),
        former: former.collect(),
    }
}

fn open(out: &Path, lock: &Lock, recollection: &Recollection) -> Result<Tree, Failure> {
    let mut tree = Tree::open(out, owner(lock), PATIENCE).map_err(Failure::environment)?;
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

/// Makes the tree what the derivations say, within `scope`, and tells what was done. The secrets
/// are unlocked only if some artifact that needs them is not up to date.
fn make_tree(
    inputs: &Inputs<Held>,
    tree: Tree,
    mut recollection: Recollection,
    derivations: &[Derivation],
    scope: &Scope,
    unlock: impl FnOnce() -> Result<Secrets, Failure>,
) -> Result<(), Failure> {
    let templates = &inputs.templates;
    let missed = realise::missed(derivations, &tree, templates).map_err(Failure::environment)?;
    if !missed.is_empty() {
        // Whoever wrote the lock may have been killed before its name was on the disk.
        sync_name(&inputs.workspace.path("homelab.lock")).map_err(Failure::environment)?;
    }
    let needs_secrets = |(derivation, _): &(&Derivation, _)| derivation.recipe.needs_secrets();
    let has_secrets = derivations.iter().any(|made| made.recipe.needs_secrets());
    let secrets = match missed.iter().any(needs_secrets) {
        true => Some(unlock()?),
        false => None,
    };
    let meaning = meaning(&tree, &missed).map_err(Failure::environment)?;
    let built = realise::realise(
        tree,
        derivations,
        &missed,
        scope,
        templates,
        secrets.as_ref(),
        |manifests| recollection.write_manifests(&inputs.out, manifests),
    );
    recollection.keep();
    let built = built.map_err(realise_failure)?;
    tell(&inputs.out, &built);
    if built.shows_secrets && has_secrets {
        report::note(shown_secrets(&inputs.out));
    }
    if !meaning.is_empty() {
        report::result(format_args!("\n{MEANS}"));
        for consequence in &meaning {
            report::result(format_args!("  {}", consequence.text));
        }
    }
    Ok(())
}

/// What it means that a file system keeps no modes.
pub fn shown_secrets(out: &Path) -> String {
    format!(
        "`{}` is on a file system that keeps no modes: whoever is on this machine can read the keys in every .p12 and profile there. Build elsewhere with `--out`, or mount it for yourself alone (such as `umask=077`).",
        out.display()
    )
}

/// What stands above the lines that tell what a change means for people.
pub const MEANS: &str = "what it means:";

/// What it means for people, where the tree tells what was built before.
fn meaning(
    tree: &Tree,
    missed: &[(&Derivation, Staleness)],
) -> Result<Vec<Consequence>, TreeError> {
    let mut recipes = missed.iter().map(|(derivation, _)| &derivation.recipe);
    let published = recipes.find_map(|recipe| match recipe {
        Recipe::EdgeState(published) => Some(published),
        _ => None,
    });
    let Some(after) = published else {
        return Ok(Vec::new());
    };
    Ok(match PreviousBuild::of(tree)? {
        PreviousBuild::Known(before) => change::between(&before, after),
        PreviousBuild::Unknown(_) => Vec::new(),
    })
}

/// The hash of homelab.age. Bundles depend on it, so that another file in its place is opened and
/// held against the lock, while one that was held before is not opened again.
pub fn sealed_hash(workspace: &Workspace) -> Result<Option<blake3::Hash>, Failure> {
    let sealed = workspace.sealed()?;
    Ok(sealed.map(|bytes| blake3::hash(&bytes)))
}

/// A difference between the lock and the declaration, where the lock may not be changed.
pub fn would_change(changes: Vec<String>) -> Failure {
    Failure::new(Exit::Difference, lock_would_change(changes))
}

/// That difference as an error.
pub fn lock_would_change(changes: Vec<String>) -> impl Diagnostic + Send + Sync + 'static {
    BuildError::LockWouldChange { changes }
}

/// As what a build ends that cannot make its tree.
pub fn realise_failure(error: RealiseError) -> Failure {
    let exit = match &error {
        RealiseError::Render(RenderError::Template(_)) => Exit::Declaration,
        _ => Exit::Environment,
    };
    Failure::new(exit, error)
}

/// Says what a build did: each path that changed, and the sum.
fn tell(out: &Path, built: &Built) {
    for (verb, paths) in [
        ("built", &built.built),
        ("restored", &built.restored),
        ("removed", &built.removed),
    ] {
        for path in paths {
            report::result(format_args!("{verb} {}", out.join(path.as_str()).display()));
        }
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
