//! `homelab deploy`.

mod proof;
mod rollback;
mod told;

use std::path::PathBuf;

use super::arguments::Deploy as Arguments;
use super::build::build_edge_with;
use super::{clock, report};
use crate::build::{
    Accepted, Consent, FoundList, History, Remains, Stop, hold_against_history, owner,
};
use crate::deploy::{Attempt, DeployError, First, Release, Session, Standing, unkept};
use crate::diagnostic::{Failure, Fault};
use crate::lint::allowed_in;
use crate::lock::Lock;
use crate::memory::Memory;
use crate::model::{Deploy, Homelab};
use crate::template::Templates;
use crate::tree::View;
use crate::workspace::{Inputs, PATIENCE, Workspace};
use proof::Proof;
use told::Telling;

/// What is deployed, and whereto; read once, so that other commands need not wait for a host.
pub(super) struct Subject<'a> {
    pub arguments: &'a Arguments,
    pub workspace: Workspace,
    pub homelab: Homelab,
    pub templates: Templates,
    pub lock: Lock,
}

impl Subject<'_> {
    fn place(&self) -> Result<&Deploy, Failure> {
        let place = self.homelab.edge.deploy.as_ref();
        place.ok_or_else(|| Failure::new(Fault::Declaration, DeployError::Nowhere))
    }
}

/// Builds the edge, brings it to its host, and has what is served before put back where something is wrong.
pub(super) fn deploy(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.json {
        report::expect_json();
    }
    if arguments.rollback {
        return rollback::roll_back(arguments);
    }
    if arguments.dry_run {
        return told::dry_run(arguments);
    }
    let (subject, release) = built(arguments)?;
    let place = subject.place()?;
    let proof = Proof::prepare(&subject)?;
    let mut telling = Telling::of(place, arguments.json);
    let mut session = Session::open(place, || telling.waits()).map_err(Failure::environment)?;
    let standing = session.look().map_err(Failure::environment)?;
    telling.found(&standing);
    refuse_older(&subject, place, &standing)?;
    let next = release.state();
    telling.meaning(&standing, next.as_ref());
    let first = if arguments.first {
        First::Put
    } else {
        First::Tell
    };
    let allowed = subject.templates.texts_of_the_edge();
    let brought = Attempt {
        place,
        session: &mut session,
        standing: &standing,
        first,
        unkept: unkept(&standing, next.as_ref()),
        allowed: allowed.flat_map(allowed_in).collect(),
        tell: &mut |event| telling.event(event),
    }
    .bring(&release, || proof.ask(&subject));
    telling.conclude(brought, proof)
}

/// Builds the edge, and reads it. The directory is held until then, so that no other build is between the two.
fn built(arguments: &Arguments) -> Result<(Subject<'_>, Release), Failure> {
    let inputs = arguments.make.held()?;
    if inputs.homelab.edge.deploy.is_none() {
        return Err(Failure::new(Fault::Declaration, DeployError::Nowhere));
    }
    let consent = Consent::accepting(&arguments.accept_return_of);
    build_edge_with(&inputs, &arguments.make, consent)?;
    let lock = inputs.workspace.issued_lock()?;
    let view = View::open(&inputs.out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
    let release = Release::read(&view).map_err(Failure::environment)?;
    let Inputs {
        homelab, templates, ..
    } = inputs;
    let subject = Subject {
        arguments,
        workspace: arguments.make.declaration.workspace(),
        homelab,
        templates,
        lock,
    };
    Ok((subject, release))
}

/// The host remembers: a lock that is older than what it serves is refused, and one of another root secret.
pub(super) fn refuse_older(
    subject: &Subject<'_>,
    place: &Deploy,
    standing: &Standing,
) -> Result<(), Failure> {
    let Subject {
        homelab,
        lock,
        workspace,
        ..
    } = subject;
    let edge = PathBuf::from(format!("{}/current", named(place)));
    let served = &standing.served;
    let lists = served.lists.iter().map(|bytes| FoundList {
        path: edge.join("ca.crl"),
        bytes: bytes.clone(),
    });
    let remains = Remains {
        edge: edge.clone(),
        edge_state: served.state.clone(),
        lists: lists.collect(),
    };
    let beside =
        |_: &std::path::Path| Ok::<_, Failure>(served.authorities.clone().unwrap_or_default());
    let mut history = History::of(&[remains], &Memory::default(), lock, beside)?;
    history.remedy = "homelab deploy";
    let now = clock::now()?;
    report::notes(history.notes());
    let pinned = workspace.pinned()?;
    hold_against_history(lock, history.root_key, pinned, &edge)?;
    let accepted = Accepted {
        returns: &subject.arguments.accept_return_of,
        order: workspace.accepts_order_of(lock),
    };
    let stops: Vec<Stop> = history.stops(homelab, lock, lock, accepted, now);
    if stops.is_empty() {
        Ok(())
    } else {
        Err(stops.into())
    }
}

/// A place as `scp` writes it.
pub(super) fn named(place: &Deploy) -> String {
    match &place.host {
        Some(host) => format!("{host}:{}", place.path),
        None => place.path.to_string(),
    }
}
