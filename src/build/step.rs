//! What a build does in the output tree, one artifact at a time, and why.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::model::DeviceId;

/// Something that a build does in the output tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Step {
    /// Where: a path in the tree, with a `/` behind it where it is a directory.
    pub path: String,
    pub verb: Verb,
    pub reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// It is made, or made anew.
    Build,
    /// It is made again as it was.
    Restore,
    Remove,
}

/// Why something is done; displayed, it is to be read behind the path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    New,
    /// What it is made from.
    Changed,
    Template,
    Mode,
    Missing,
    Altered,
    Unproven,
    ToBeIssued(DeviceId),
    ToBeRetired(DeviceId),
    ToBeSigned,
    NobodyMakesIt,
    InTheWay,
    DirectoryMode,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verb::Build => "build",
            Verb::Restore => "restore",
            Verb::Remove => "remove",
        }
    }
}

impl Reason {
    /// The same of many paths at once, whichever devices they are of.
    pub(crate) fn of_many(&self) -> &'static str {
        match self {
            Reason::ToBeIssued(_) => "of devices that are to be issued",
            Reason::ToBeRetired(_) => "of devices that are to be retired",
            Reason::New => "new",
            Reason::Changed => "what it is made from has changed",
            Reason::Template => "its template has changed",
            Reason::Mode => "others may read it from now on",
            Reason::Missing => "missing on disk",
            Reason::Altered => "changed by hand",
            Reason::Unproven => "not what this machine has written",
            Reason::ToBeSigned => "it is to be signed anew",
            Reason::NobodyMakesIt => "nothing makes it any more",
            Reason::InTheWay => "there is a file already that is not homelab's",
            Reason::DirectoryMode => "its mode was changed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::ToBeIssued(device) => write!(f, "{device} is to be issued"),
            Reason::ToBeRetired(device) => write!(f, "{device} is to be retired"),
            other => f.write_str(other.of_many()),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
