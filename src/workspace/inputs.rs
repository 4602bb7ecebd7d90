//! What a build goes by, read.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use super::Workspace;
use crate::build::{History, Intent, RequestFile, Requested, Situation};
use crate::diagnostic::Failure;
use crate::lasting::Lasting;
use crate::lock::Lock;
use crate::model::{Enrolment, Homelab};
use crate::template::Templates;

/// Bytes of a device's request, at the most.
const REQUEST_LIMIT: u64 = 64 << 10;

/// What a build begins with, read from a workspace that is [`super::Held`] by who is going to write, and [`super::Still`] or as it
/// is at the moment for who only looks.
pub(crate) struct Inputs<W = Workspace> {
    /// The files beside the declaration.
    pub workspace: W,
    /// The output tree.
    pub out: PathBuf,
    /// What is declared.
    pub homelab: Lasting<Homelab>,
    /// The keys that devices have made.
    pub requested: Requested,
    /// The templates, the user's own over the built-in ones.
    pub templates: Templates,
}

impl<W: AsRef<Workspace>> Inputs<W> {
    pub(crate) fn read(workspace: W, out: Option<&Path>) -> Result<Inputs<W>, Failure> {
        let homelab = workspace.as_ref().homelab()?;
        let out = workspace.as_ref().out(out)?;
        Inputs::of(workspace, homelab, out)
    }

    /// The same, while something else is read beside it: the lock of a large homelab takes as long as its declaration.
    pub(crate) fn read_beside<R: Send>(
        workspace: W,
        out: Option<&Path>,
        other: impl FnOnce(&Workspace, &Path) -> R + Send,
    ) -> Result<(Inputs<W>, R), Failure> {
        let files = workspace.as_ref();
        // What is wrong with the declaration is told before all else.
        let (homelab, out) = match files.out(out) {
            Err(failure) => (files.homelab(), Err(failure)),
            Ok(out) => thread::scope(|scope| {
                let other = scope.spawn(|| other(files, &out));
                let homelab = files.homelab();
                let other = other.join().unwrap_or_else(|panic| resume_unwind(panic));
                (homelab, Ok((out.clone(), other)))
            }),
        };
        let (homelab, (out, other)) = (homelab?, out?);
        Ok((Inputs::of(workspace, homelab, out)?, other))
    }

    fn of(workspace: W, homelab: Homelab, out: PathBuf) -> Result<Inputs<W>, Failure> {
        let files = workspace.as_ref();
        Ok(Inputs {
            out,
            requested: requests(files, &homelab)?,
            homelab: Lasting::new(homelab),
            templates: files.templates()?,
            workspace,
        })
    }

    /// What a build goes by that begins with this lock, at that moment.
    pub(crate) fn situation<'a>(
        &'a self,
        lock: Option<Lock>,
        intent: Intent<'a>,
    ) -> Result<Situation<'a>, Failure> {
        let files = self.workspace.as_ref();
        let Intent {
            mut consent, clock, ..
        } = intent;
        let mut history = History::default();
        consent.root_key = files.pinned()?;
        if let Some(lock) = &lock {
            history = files.history(&self.out, lock)?;
            consent.accepted.order = files.accepts_order_of(lock);
        }
        Ok(Situation {
            homelab: &self.homelab,
            requested: &self.requested,
            templates: &self.templates,
            lock,
            history,
            sealed: files.sealed_hash()?,
            clock,
            out: &self.out,
            consent,
        })
    }
}

/// Every request that a device is declared to ask with.
fn requests(workspace: &Workspace, homelab: &Homelab) -> Result<Requested, Failure> {
    let mut files = Vec::new();
    for (_, device) in homelab.devices() {
        if let Enrolment::Request(path) = &device.enrolment {
            let path = workspace.path(path.as_str());
            files.push(RequestFile {
                device: device.id.clone(),
                bytes: workspace.read(&path, REQUEST_LIMIT)?,
                path,
            });
        }
    }
    Requested::of(files).map_err(Failure::from)
}
