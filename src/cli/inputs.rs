//! What a build goes by, read.

use std::path::{Path, PathBuf};

use super::arguments::{Declaration, Make};
use super::failure::Failure;
use super::hold::{Held, Still};
use super::workspace::Workspace;
use super::{clock, history, requests};
use crate::build::{self, Accepted, Consent, History, Requested, Situation};
use crate::lock::Lock;
use crate::model::{DeviceId, Homelab};
use crate::template::Templates;

/// What a build begins with, read from a workspace that is [`Held`] by who is going to write, and [`Still`] or as it
/// is at the moment for who only looks.
pub(super) struct Inputs<W = Workspace> {
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
    pub(super) fn held(make: &Make) -> Result<Inputs<Held>, Failure> {
        Inputs::read(Held::of(&make.declaration)?, make.out.as_deref())
    }
}

impl Inputs<Still> {
    /// Reads while nobody writes.
    pub(super) fn kept_still(make: &Make) -> Result<Inputs<Still>, Failure> {
        Inputs::read(Still::of(&make.declaration)?, make.out.as_deref())
    }
}

impl Inputs<Workspace> {
    /// Reads what is there at the moment, and waits for nobody.
    pub(super) fn of(declaration: &Declaration, out: Option<&Path>) -> Result<Inputs, Failure> {
        Inputs::read(Workspace::of(declaration), out)
    }
}

impl<W: AsRef<Workspace>> Inputs<W> {
    fn read(workspace: W, out: Option<&Path>) -> Result<Inputs<W>, Failure> {
        let files = workspace.as_ref();
        let homelab = files.homelab()?;
        Ok(Inputs {
            out: files.out(out)?,
            requested: requests::read(files, &homelab)?,
            homelab,
            templates: files.templates()?,
            workspace,
        })
    }

    /// What a build goes by that begins with this lock.
    pub(super) fn situation<'a>(
        &'a self,
        lock: Option<Lock>,
        consent: Consent<'a>,
    ) -> Result<Situation<'a>, Failure> {
        let files = self.workspace.as_ref();
        let (mut history, mut consent) = (History::default(), consent);
        consent.root_key = files.pinned()?;
        if let Some(lock) = &lock {
            history = history::read(files, &self.out, lock)?;
            consent.accepted.order = files.accepts_order_of(lock);
        }
        Ok(Situation {
            homelab: &self.homelab,
            requested: &self.requested,
            templates: &self.templates,
            lock,
            history,
            sealed: sealed_hash(files)?,
            clock: clock::read()?,
            out: &self.out,
            consent,
        })
    }
}

/// What is consented to where these devices may come back.
pub(super) fn accepting(returns: &[DeviceId]) -> Consent<'_> {
    Consent {
        accepted: Accepted {
            returns,
            order: false,
        },
        ..Consent::default()
    }
}

/// The lock of a homelab that has been built before.
pub(super) fn issued_lock(workspace: &Workspace) -> Result<Lock, Failure> {
    let lock = workspace.lock()?.filter(|lock| lock.signing().is_some());
    lock.ok_or_else(|| Failure::from(build::nothing_issued()))
}

/// The hash of homelab.age, where there is one.
pub(super) fn sealed_hash(workspace: &Workspace) -> Result<Option<blake3::Hash>, Failure> {
    let sealed = workspace.sealed()?;
    Ok(sealed.map(|bytes| blake3::hash(&bytes)))
}
