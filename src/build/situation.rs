//! What a build goes by, as it was read and as it was asked for.

use std::path::Path;

use super::clock::Clock;
use super::history::{Accepted, History};
use super::requests::Requested;
use crate::lock::Lock;
use crate::model::{DeviceId, Homelab};
use crate::root::RootKey;
use crate::template::Templates;

/// What a build goes by: all of it read, nothing of it judged.
pub(crate) struct Situation<'a> {
    pub homelab: &'a Homelab,
    pub requested: &'a Requested,
    pub templates: &'a Templates,
    /// None where nothing has been made yet.
    pub lock: Option<Lock>,
    pub history: History,
    /// The hash of homelab.age, where there is one. Bundles depend on it, so that another file in its place is opened and held
    /// against the lock, while one that was held before is not opened again.
    pub sealed: Option<blake3::Hash>,
    pub clock: Clock,
    pub out: &'a Path,
    pub consent: Consent<'a>,
}

/// What somebody has said that a build may do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Consent<'a> {
    pub accepted: Accepted<'a>,
    /// So many devices may be shut out at once.
    pub revocations: Option<usize>,
    /// The key that the lock has to be signed with.
    pub root_key: Option<RootKey>,
}

/// What a build is asked for, and when.
#[derive(Clone, Copy)]
pub(crate) struct Intent<'a> {
    pub mode: Mode,
    pub consent: Consent<'a>,
    pub clock: Clock,
}

impl Consent<'_> {
    /// What is consented to where these devices may come back.
    pub(crate) fn accepting(returns: &[DeviceId]) -> Consent<'_> {
        Consent {
            accepted: Accepted {
                returns,
                order: false,
            },
            ..Consent::default()
        }
    }
}

/// What a build may do to the lock, and how much of the tree it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The lock is brought up to date, and the whole tree is made.
    Update,
    /// The lock may not change; the whole tree is made.
    Locked,
    /// The lock may be behind, as far as nothing is to be issued; what needs no secret is made.
    Edge,
}
