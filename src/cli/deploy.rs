//! `homelab deploy`.

mod dry_run;
mod each;
mod proof;
mod rollback;
mod told;

use std::collections::BTreeMap;

use super::arguments::Deploy as Arguments;
use super::build::build_edge_with;
use super::{clock, report};
use crate::build::{Accepted, Consent, owner};
use crate::deploy::{
    Attempt, Declared, First, Release, Session, Standing, Target, targets, unkept,
};
use crate::diagnostic::Failure;
use crate::lasting::Lasting;
use crate::lint::allowed_in;
use crate::lock::Lock;
use crate::model::{Deploy, Homelab};
use crate::template::Templates;
use crate::tree::View;
use crate::workspace::{Inputs, PATIENCE, Workspace};
use each::each;
use proof::Proof;
use told::Telling;

/// What is deployed, and whereto; read once, so that other commands need not wait for a host.
struct Subject<'a> {
    arguments: &'a Arguments,
    workspace: Workspace,
    homelab: Lasting<Homelab>,
    templates: Templates,
    lock: Lock,
}

impl<'a> Subject<'a> {
    /// What was read, without holding it.
    fn of<W>(arguments: &'a Arguments, inputs: Inputs<W>, lock: Lock) -> Subject<'a> {
        let Inputs {
            homelab, templates, ..
        } = inputs;
        Subject {
            arguments,
            workspace: arguments.make.declaration.workspace(),
            homelab,
            templates,
            lock,
        }
    }
}

/// Builds the edges, brings each to its host, and has what is served before put back where something is wrong.
pub(super) fn deploy(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.json {
        report::expect_json();
    }
    if arguments.rollback {
        return rollback::roll_back(arguments);
    }
    if arguments.dry_run {
        return dry_run::dry_run(arguments);
    }
    let (subject, mut releases) = built(arguments)?;
    each(&subject.homelab, arguments, |target, telling| {
        let release = releases.remove(&target.part.directory());
        let release = release.expect("all edges that are deployed to were read");
        bring(&subject, target, &release, telling)
    })
}

/// Brings an edge to its host.
fn bring(
    subject: &Subject<'_>,
    target: Target<'_>,
    release: &Release,
    telling: &mut Telling,
) -> Result<(), Failure> {
    let Subject {
        arguments,
        templates,
        ..
    } = subject;
    let place = target.place;
    let mut proof = Proof::prepare(subject, target)?;
    let (mut session, standing) = look(place, telling)?;
    refuse_older(subject, place, &standing)?;
    let next = release.state();
    telling.meaning(&standing, next.as_ref());
    let first = if arguments.first {
        First::Put
    } else {
        First::Tell
    };
    let allowed = templates.texts_of_the_edge();
    telling.wait("copying the release");
    let brought = Attempt {
        place,
        session: &mut session,
        standing: &standing,
        first,
        unkept: unkept(&standing, next.as_ref()),
        allowed: allowed.flat_map(allowed_in).collect(),
        tell: &mut |event| telling.event(event),
    }
    .bring(release, || proof.ask(subject));
    telling.conclude(brought, proof)
}

/// Builds the edges, and reads those that are to be deployed, by their directories. The output is held until then, so that no other
/// build is between the two.
fn built(arguments: &Arguments) -> Result<(Subject<'_>, BTreeMap<String, Release>), Failure> {
    let inputs = arguments.make.held()?;
    let targets = targets(&inputs.homelab, &arguments.edges)?;
    let consent = Consent::accepting(&arguments.accept_return_of);
    build_edge_with(&inputs, &arguments.make, consent)?;
    let lock = inputs.workspace.issued_lock()?;
    let view = View::open(&inputs.out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
    let mut releases = BTreeMap::new();
    for Target { part, .. } in targets {
        let directory = part.directory();
        let release = Release::read(&view, &directory).map_err(Failure::environment)?;
        releases.insert(directory, release);
    }
    Ok((Subject::of(arguments, inputs, lock), releases))
}

/// Reaches the host, and tells how it stands.
fn look(place: &Deploy, telling: &mut Telling) -> Result<(Session, Standing), Failure> {
    // Before that `ssh` may ask for something itself.
    let mut session = Session::open(place, || telling.waits()).map_err(Failure::environment)?;
    telling.wait("looking at it");
    let standing = session.look().map_err(Failure::environment)?;
    telling.found(&standing);
    Ok((session, standing))
}

/// Fails where the lock is older than what the host serves.
fn refuse_older(subject: &Subject<'_>, place: &Deploy, standing: &Standing) -> Result<(), Failure> {
    let Subject {
        arguments,
        workspace,
        homelab,
        lock,
        ..
    } = subject;
    let declared = Declared {
        homelab,
        lock,
        pinned: workspace.pinned()?,
        accepted: Accepted {
            returns: &arguments.accept_return_of,
            order: workspace.accepts_order_of(lock),
        },
        now: clock::now()?,
    };
    report::notes(declared.hold_against(place, standing)?);
    Ok(())
}
