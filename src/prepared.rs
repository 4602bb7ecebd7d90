//! What a build is about to do, worked out from the files as they are: for who goes on to do it, and for who only asks.

use std::mem;
use std::path::Path;

use crate::build::{
    self, Intent, LockOperation, Mode, Plan, Prepared, Refusal, Stop, TreeForecast, Written,
};
use crate::derive::Premises;
use crate::diagnostic::Failure;
use crate::edge_templates;
use crate::keyring::{self, Wanted};
use crate::lasting::Lasting;
use crate::lock::Lock;
use crate::progress::{Underway, Work};
use crate::settled::{Kept, known_tree};
use crate::tree::{Owner, ReadManifest, TreeError, View};
use crate::workspace::{Inputs, Listener, Workspace};

/// Works out what a build does, and refuses what stops it.
pub(crate) fn prepare<'a, W: AsRef<Workspace>>(
    inputs: &'a Inputs<W>,
    lock: Option<Lock>,
    order: &LockOperation<Wanted>,
    intent: Intent<'a>,
) -> Result<Prepared<'a>, Failure> {
    let listener = inputs.workspace.as_ref().listener();
    let situation = inputs.situation(lock, intent)?;
    let prepared = build::prepare(situation, order, intent.mode);
    let mut prepared = prepared.map_err(|refusal| refused(listener, refusal))?;
    listener.notes(&prepared.warnings);
    look_at_templates(inputs, &mut prepared, order)?;
    prepared.refuse()?;
    Ok(prepared)
}

/// What the user's own templates let in is a reason to build nothing. What is ordered is done in any case: a revocation does not wait for a
/// template to be mended.
fn look_at_templates<W: AsRef<Workspace>>(
    inputs: &Inputs<W>,
    prepared: &mut Prepared<'_>,
    order: &LockOperation<Wanted>,
) -> Result<(), Failure> {
    if inputs.templates.of_the_edge().is_empty() {
        return Ok(());
    }
    // What a Caddy says is asked anew each time.
    let workspace = inputs.workspace.as_ref();
    workspace.journal().spoil();
    let looked = edge_templates::look(prepared, &inputs.templates)?;
    let (stops, note) = looked.told(&inputs.templates);
    workspace.listener().notes(note);
    if order.is_nothing() {
        prepared.stops.extend(stops);
    } else {
        workspace
            .listener()
            .notes(stops.iter().map(|stop| &stop.report));
    }
    Ok(())
}

/// As what it ends where it cannot be said what a build would do.
fn refused(listener: Listener, refusal: Refusal) -> Failure {
    listener.notes(&refusal.warnings);
    refusal.stops.into()
}

/// What a build goes by that takes as long to read as the declaration of a large homelab.
pub(crate) struct Beside {
    /// The lock, or why there is none to go by.
    pub lock: Result<Option<Lock>, Failure>,
    /// The manifest of the output tree, as it was before the tree was held.
    pub manifest: Option<ReadManifest>,
}

impl Beside {
    pub(crate) fn read(workspace: &Workspace, out: &Path, mode: Mode) -> Beside {
        let lock = || match mode {
            Mode::Edge => workspace.known_lock(),
            Mode::Update | Mode::Locked => keyring::begun(workspace, out),
        };
        let (lock, manifest) = rayon::join(lock, || ReadManifest::at(out));
        Beside { lock, manifest }
    }
}

/// What a look at what a build would do goes by.
pub(crate) fn looked(
    workspace: Workspace,
    out: Option<&Path>,
    mode: Mode,
) -> Result<(Inputs, Beside), Failure> {
    Inputs::read_beside(workspace, out, |workspace, out| {
        Beside::read(workspace, out, mode)
    })
}

/// What a build would do, and what it would make of the tree.
pub(crate) struct Foreseen<'a> {
    inputs: &'a Inputs,
    pub prepared: Lasting<Prepared<'a>>,
    view: View,
    tree: TreeForecast,
}

/// The output tree as it stands, what is known of it without reading it, and what the folders of people in it were made from.
fn view(
    inputs: &Inputs,
    manifest: Option<ReadManifest>,
    owner: Owner,
) -> Result<(View, Option<Premises>), TreeError> {
    let Inputs { workspace, out, .. } = inputs;
    let mut view = View::glance(manifest, out, owner)?;
    view.believe_only(workspace.recollection().manifests(out));
    let kept = Kept::of(workspace);
    let known = kept.tree().map(|tree| {
        view.know(&tree.index);
        tree.premises
    });
    Ok((view, known))
}

impl<'a> Foreseen<'a> {
    /// Works it out without the secret, and waits for nobody.
    pub(crate) fn of(
        inputs: &'a Inputs,
        beside: Beside,
        intent: Intent<'a>,
    ) -> Result<Foreseen<'a>, Failure> {
        let workspace = &inputs.workspace;
        let (mode, listener) = (intent.mode, workspace.listener());
        let _foreseeing = Underway::begin(listener.progress, Work::Foreseeing, 0);
        let mut situation = inputs.situation(beside.lock?, intent)?;
        if mode != Mode::Edge && situation.sealed.is_none() {
            situation.sealed = workspace.pending_hash()?;
        }
        let owner = situation.owner();
        let (prepared, view) = rayon::join(
            || build::prepare(situation, &LockOperation::<Wanted>::Nothing, mode),
            || view(inputs, beside.manifest, owner),
        );
        let mut prepared = prepared.map_err(|refusal| refused(listener, refusal))?;
        listener.notes(&prepared.warnings);
        if mode != Mode::Edge {
            listener.notes(prepared.warnings_of(&prepared.lock));
        }
        let looked = edge_templates::look(&prepared, &inputs.templates)?;
        let (stops, note) = looked.told(&inputs.templates);
        listener.notes(note);
        prepared.stops.extend(stops);
        let (view, premises) = view.map_err(Failure::environment)?;
        let known = known_tree(&view, premises.as_ref(), workspace, &inputs.templates);
        let tree = build::forecast(&prepared, &view, known.as_ref());
        let tree = tree.map_err(Failure::environment)?;
        Ok(Foreseen {
            inputs,
            prepared: Lasting::new(prepared),
            view,
            tree,
        })
    }

    /// Why a build would be refused.
    pub(crate) fn stops(&self) -> impl Iterator<Item = &Stop> {
        self.prepared.stops.iter().chain(&self.tree.stops)
    }

    /// The same, to end with.
    pub(crate) fn into_stops(self) -> Vec<Stop> {
        let Foreseen {
            mut prepared, tree, ..
        } = self;
        let stops = mem::take(&mut prepared.stops).into_iter();
        stops.chain(tree.stops).collect()
    }

    pub(crate) fn plan(self) -> Result<Plan, Failure> {
        let Foreseen {
            inputs,
            prepared,
            view,
            tree,
        } = self;
        let prepared = prepared.into_inner();
        let written = match (&prepared.before, prepared.mode) {
            (Some(lock), Mode::Update) => {
                let listener = inputs.workspace.listener();
                listener.notes(prepared.situation.clock.note(lock));
                inputs.workspace.written(lock)?
            }
            _ => Written::Same,
        };
        Ok(Plan::of(prepared, tree, &view, written))
    }
}
