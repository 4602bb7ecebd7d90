//! `homelab build`.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::Offset;
use miette::Diagnostic;
use thiserror::Error;

use super::arguments::{Build, Secret};
use super::failure::{Exit, Failure};
use super::workspace::{PATIENCE, Workspace};
use super::{clock, mint, report, secret};
use crate::issue::{Signer, new_authority, new_certificates};
use crate::lock::{Lock, NewDevice, Reconciliation, reconcile};
use crate::model::Homelab;
use crate::plan;
use crate::realise::{self, Built, RealiseError};
use crate::render::{RenderError, Secrets};
use crate::root::{IssuanceId, RootSecret};
use crate::template::Templates;
use crate::tree::{OutputPath, Scope, Tree, View};

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

    #[error("nothing has been issued yet")]
    #[diagnostic(
        code("lock::nothing-issued"),
        help("run `homelab build` where the root secret is, and commit homelab.lock")
    )]
    NothingIssued,
}

/// Makes the output tree what the declaration says.
pub fn build(arguments: &Build) -> Result<(), Failure> {
    let workspace = Workspace::of(&arguments.declaration.file);
    let out = workspace.out(arguments.out.as_deref())?;
    let homelab = workspace.homelab()?;
    let templates = workspace.templates()?;
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.jobs.map_or(0, |jobs| jobs.get()))
        .build()
        .map_err(|error| {
            Failure::environment(CannotStart {
                reason: error.to_string(),
            })
        })?;
    threads.install(|| {
        if arguments.check {
            check_tree(arguments, &workspace, &out, &homelab, &templates)
        } else if arguments.edge {
            build_edge(&workspace, &out, &homelab, &templates)
        } else {
            build_all(arguments, &workspace, &out, &homelab, &templates)
        }
    })
}

#[derive(Debug, Error, Diagnostic)]
#[error("the threads to build with cannot be started: {reason}")]
#[diagnostic(code("build::threads"), help("ask for fewer with `--jobs`"))]
struct CannotStart {
    reason: String,
}

fn build_all(
    arguments: &Build,
    workspace: &Workspace,
    out: &Path,
    homelab: &Homelab,
    templates: &Templates,
) -> Result<(), Failure> {
    let _held = workspace.hold()?;
    let root_elsewhere = arguments.secret.root_command.is_some();
    let mut opened = Opened::default();
    let lock = match mint::standing(workspace, out, root_elsewhere)? {
        mint::Standing::Fresh if arguments.locked => {
            return Err(would_change(vec![String::from(
                "the authority is to be made",
            )]));
        }
        mint::Standing::Fresh => begin(arguments, workspace, homelab, &mut opened)?,
        mint::Standing::Begun(lock) => go_on(arguments, workspace, homelab, lock, &mut opened)?,
    };
    let derivations = plan::plan(homelab, &lock, sealed_hash(workspace)?);
    let tree = Tree::open(out, &lock.root.to_string(), PATIENCE).map_err(Failure::environment)?;
    let missed = realise::missed(&derivations, &tree, templates).map_err(Failure::environment)?;
    let secrets = match missed
        .iter()
        .any(|(derivation, _)| derivation.recipe.needs_secrets())
    {
        true => Some(opened.secrets(workspace, &arguments.secret, &lock)?),
        false => None,
    };
    if tree.damaged() {
        report::note(format_args!(
            "The manifest of {} was damaged: it is written anew.",
            out.display()
        ));
    }
    let built = realise::realise(
        tree,
        &derivations,
        &missed,
        &Scope::All,
        templates,
        secrets.as_ref(),
    );
    tell(out, &built.map_err(realise_failure)?);
    Ok(())
}

/// Makes what needs no secret, from what the lock records.
fn build_edge(
    workspace: &Workspace,
    out: &Path,
    homelab: &Homelab,
    templates: &Templates,
) -> Result<(), Failure> {
    let _held = workspace.hold()?;
    let Some(lock) = workspace.lock()?.filter(|lock| lock.authority.is_some()) else {
        return Err(Failure::new(Exit::Difference, BuildError::NothingIssued));
    };
    // Who is no longer declared is left out of the edge at once; the lock learns of it later.
    let reconciliation = reconcile(homelab, &lock);
    if !reconciliation.issue.is_empty() {
        return Err(would_change(issues(&reconciliation)));
    }
    let derivations = plan::edge(homelab, &lock);
    let tree = Tree::open(out, &lock.root.to_string(), PATIENCE).map_err(Failure::environment)?;
    let missed = realise::missed(&derivations, &tree, templates).map_err(Failure::environment)?;
    let edge = OutputPath::new("edge").expect("a plain word is a path");
    let scope = Scope::Below(edge);
    let built = realise::realise(tree, &derivations, &missed, &scope, templates, None);
    tell(out, &built.map_err(realise_failure)?);
    Ok(())
}

/// Makes everything anew in memory and compares; writes nothing.
fn check_tree(
    arguments: &Build,
    workspace: &Workspace,
    out: &Path,
    homelab: &Homelab,
    templates: &Templates,
) -> Result<(), Failure> {
    let Some(lock) = workspace.lock()?.filter(|lock| lock.authority.is_some()) else {
        return Err(Failure::new(Exit::Difference, BuildError::NothingIssued));
    };
    let reconciliation = reconcile(homelab, &lock);
    if !reconciliation.is_empty() {
        let mut changes = issues(&reconciliation);
        changes.extend(retires(&reconciliation));
        return Err(would_change(changes));
    }
    let secrets = Opened::default().secrets(workspace, &arguments.secret, &lock)?;
    let derivations = plan::plan(homelab, &lock, sealed_hash(workspace)?);
    let view = View::open(out, &lock.root.to_string(), PATIENCE).map_err(Failure::environment)?;
    let differences = realise::differences(&view, &derivations, templates, Some(&secrets));
    let differences = differences.map_err(realise_failure)?;
    if differences.is_empty() {
        report::result(format_args!("{} unchanged", derivations.len()));
        return Ok(());
    }
    let lines = differences.iter();
    Err(Failure::new(
        Exit::Difference,
        BuildError::Differs {
            out: out.display().to_string(),
            differences: lines
                .map(|found| format!("{} {}", found.path, found.what))
                .collect(),
        },
    ))
}

/// The first build: makes the root secret, the authority and every certificate.
fn begin(
    arguments: &Build,
    workspace: &Workspace,
    homelab: &Homelab,
    opened: &mut Opened,
) -> Result<Lock, Failure> {
    if arguments.secret.root_command.is_some() {
        let root = secret::unlock(workspace, &arguments.secret, None)?;
        let lock = issue_all(homelab, Lock::new(root.id()), &root)?;
        workspace.write_lock(&lock)?;
        opened.root = Some(root);
        return Ok(lock);
    }
    let minted = mint::mint_for_identity(workspace, arguments.secret.identity.as_deref())?;
    let lock = issue_all(homelab, Lock::new(minted.root.id()), &minted.root)?;
    mint::establish(workspace, &minted, &lock)?;
    opened.root = Some(minted.root);
    Ok(lock)
}

/// A later build: adds to the lock what is newly declared, and retires what is no longer.
fn go_on(
    arguments: &Build,
    workspace: &Workspace,
    homelab: &Homelab,
    lock: Lock,
    opened: &mut Opened,
) -> Result<Lock, Failure> {
    let reconciliation = reconcile(homelab, &lock);
    if reconciliation.is_empty() && lock.authority.is_some() {
        return Ok(lock);
    }
    if arguments.locked {
        let mut changes = issues(&reconciliation);
        changes.extend(retires(&reconciliation));
        if lock.authority.is_none() {
            changes.insert(0, String::from("the authority is to be made"));
        }
        return Err(would_change(changes));
    }
    let lock = if reconciliation.issue.is_empty() && lock.authority.is_some() {
        retire(lock, &reconciliation)
    } else {
        let root = opened.root(workspace, &arguments.secret, &lock)?;
        issue_all(homelab, lock, root)?
    };
    workspace.write_lock(&lock)?;
    Ok(lock)
}

fn retire(mut lock: Lock, reconciliation: &Reconciliation) -> Lock {
    lock.retire(&reconciliation.retire);
    for device in &reconciliation.retire {
        report::result(format_args!("retired {device}"));
    }
    lock
}

/// Issues what is declared and not yet issued, the authority first.
fn issue_all(homelab: &Homelab, lock: Lock, root: &RootSecret) -> Result<Lock, Failure> {
    let now = clock::now()?;
    if let Some(last) = lock.last_issue().filter(|last| now < *last) {
        report::note(format_args!(
            "The clock says {now}, but something was issued on {last}: is the clock right?"
        ));
    }
    let reconciliation = reconcile(homelab, &lock);
    let mut lock = retire(lock, &reconciliation);
    let authority = match &lock.authority {
        Some(authority) => authority.clone(),
        None => {
            let id = mint::new_issuance_id()?;
            let lifetime = &homelab.validity.authority;
            let authority = new_authority(root, id, &homelab.domain, lifetime, now);
            authority.map_err(Failure::environment)?
        }
    };
    let new: Result<Vec<(IssuanceId, NewDevice)>, Failure> = reconciliation
        .issue
        .into_iter()
        .map(|device| Ok((mint::new_issuance_id()?, device)))
        .collect();
    let issued = new_certificates(root, &authority, &new?, now).map_err(Failure::environment)?;
    for certificate in &issued {
        let until = day(certificate.validity.not_after());
        report::result(format_args!("issued {} until {until}", certificate.device));
    }
    lock.authority = Some(authority);
    lock.add(issued, now);
    Ok(lock)
}

/// The root secret, opened once and only where something needs it.
#[derive(Default)]
struct Opened {
    root: Option<RootSecret>,
}

impl Opened {
    fn root(
        &mut self,
        workspace: &Workspace,
        options: &Secret,
        lock: &Lock,
    ) -> Result<&RootSecret, Failure> {
        if self.root.is_none() {
            self.root = Some(secret::unlock(workspace, options, Some(lock.root))?);
        }
        Ok(self.root.as_ref().expect("it has just been opened"))
    }

    fn secrets(
        mut self,
        workspace: &Workspace,
        options: &Secret,
        lock: &Lock,
    ) -> Result<Secrets, Failure> {
        let authority = lock
            .authority
            .as_ref()
            .expect("a lock that is built from has one");
        let signer = Signer::derive(self.root(workspace, options, lock)?, authority);
        Ok(Secrets {
            signer: signer.map_err(Failure::environment)?,
            root: self
                .root
                .take()
                .expect("it was needed to derive the signer"),
        })
    }
}

/// The hash of homelab.age. Bundles depend on it, so that another file in its place is opened and
/// held against the lock, while one that was held before is not opened again.
fn sealed_hash(workspace: &Workspace) -> Result<Option<blake3::Hash>, Failure> {
    let sealed = workspace.read(&workspace.path("homelab.age"), secret::LIMIT)?;
    Ok(sealed.map(|bytes| blake3::hash(&bytes)))
}

fn issues(reconciliation: &Reconciliation) -> Vec<String> {
    let new = reconciliation.issue.iter();
    new.map(|new| format!("{} is to be issued", new.device))
        .collect()
}

fn retires(reconciliation: &Reconciliation) -> Vec<String> {
    let old = reconciliation.retire.iter();
    old.map(|device| format!("{device} is to be retired"))
        .collect()
}

fn would_change(changes: Vec<String>) -> Failure {
    Failure::new(Exit::Difference, BuildError::LockWouldChange { changes })
}

fn realise_failure(error: RealiseError) -> Failure {
    let exit = match &error {
        RealiseError::Render(RenderError::Template(_)) => Exit::Declaration,
        _ => Exit::Environment,
    };
    Failure::new(exit, error)
}

fn day(moment: Timestamp) -> jiff::civil::Date {
    Offset::UTC.to_datetime(moment).date()
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
