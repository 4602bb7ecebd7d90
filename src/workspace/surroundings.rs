//! What a workspace is told of the process that works in it, for it looks at no environment and prints nothing.

use std::ffi::OsString;
use std::fmt::{Arguments, Display};
use std::path::PathBuf;

use crate::progress::Progress;
use crate::root::RootKey;

/// What the command line and the environment say of a workspace.
pub(crate) struct Surroundings {
    /// The key that the lock has to be signed with, as the command line says it.
    pub root_key: Option<RootKey>,
    /// `$HOMELAB_ROOT_KEY`, where it is set to anything.
    pub root_key_variable: Option<OsString>,
    /// The epoch of an older lock that counts even so.
    pub accept_epoch: Option<u64>,
    /// The directory in which programs of this user keep their state.
    pub state: Option<PathBuf>,
    /// The running program; none where that cannot be told.
    pub program: Option<PathBuf>,
    pub listener: Listener,
}

/// Whom the rooms that work on files tell what happens, as it happens: who waits for them wants to hear it.
#[derive(Clone, Copy)]
pub(crate) struct Listener {
    /// Hears what was done.
    pub result: fn(Arguments<'_>),
    /// Hears what there is to know besides.
    pub note: fn(Arguments<'_>),
    /// Sees how far long work has come.
    pub progress: &'static dyn Progress,
}

impl Listener {
    pub(crate) fn result(&self, line: Arguments<'_>) {
        (self.result)(line);
    }

    pub(crate) fn note(&self, line: Arguments<'_>) {
        (self.note)(line);
    }

    pub(crate) fn notes<T: Display>(&self, lines: impl IntoIterator<Item = T>) {
        for line in lines {
            self.note(format_args!("{line}"));
        }
    }
}
