//! What a build does to the artifacts, each with the reason.

use std::collections::BTreeSet;

use serde::Serialize;

use super::LockChanges;
use crate::derive::{Derivation, Recipe};
use crate::realise::{Forecast, Staleness};
use crate::tree::{ManifestEntry, OutputPath};

/// Something that a build does in the output tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Step {
    /// Where: a path in the tree, with a `/` behind it where it is a directory.
    pub path: String,
    /// What.
    pub verb: Verb,
    /// Why, to be read behind the path.
    pub reason: String,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It is made, or made anew.
    Build,
    /// It is made again as it was.
    Restore,
    /// It is removed.
    Remove,
}

impl Verb {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Build => "build",
            Verb::Restore => "restore",
            Verb::Remove => "remove",
        }
    }
}

/// What is done to the artifacts that missed, to revocation lists that are to be signed, each with
/// whether the tree has one, and to what the manifest has and nothing makes any more; sorted by path.
pub fn steps(
    missed: &[(&Derivation, Staleness, Forecast)],
    unsigned: &[(&OutputPath, bool)],
    orphans: &[&ManifestEntry],
    changes: &LockChanges,
) -> Vec<Step> {
    let issued: BTreeSet<&str> = changes.issue.iter().map(String::as_str).collect();
    let made = missed
        .iter()
        .filter(|(_, _, outlook)| *outlook != Forecast::Same);
    let made = made.map(|(derivation, miss, outlook)| Step {
        path: derivation.path.to_string(),
        verb: match miss.is_repair() {
            true => Verb::Restore,
            false => Verb::Build,
        },
        reason: match outlook {
            Forecast::InTheWay => String::from("there is a file already that is not homelab's"),
            _ => reason(derivation, *miss, &issued),
        },
    });
    let signed = unsigned.iter().map(|(path, is_there)| Step {
        path: path.to_string(),
        verb: Verb::Build,
        reason: String::from(match is_there {
            true => "it is to be signed anew",
            false => "new",
        }),
    });
    let retired: BTreeSet<&str> = changes.retire.iter().map(String::as_str).collect();
    let removed = orphans.iter().map(|entry| Step {
        path: entry.path.to_string(),
        verb: Verb::Remove,
        reason: match device_of(&entry.path).filter(|device| retired.contains(device.as_str())) {
            Some(device) => format!("{device} is to be retired"),
            None => String::from("nothing makes it any more"),
        },
    });
    let mut steps: Vec<Step> = made.chain(signed).chain(removed).collect();
    steps.sort();
    steps
}

fn reason(derivation: &Derivation, miss: Staleness, issued: &BTreeSet<&str>) -> String {
    let to_be_issued = device_of(&derivation.path)
        .filter(|device| issued.contains(device.as_str()))
        .map(|device| format!("{device} is to be issued"));
    if let Some(reason) = to_be_issued {
        return reason;
    }
    let person = derivation.path.as_str().strip_prefix("people/");
    let person = person.and_then(|rest| rest.split('/').next());
    let of_person = |device: &&&str| {
        let owner = device.split('/').next();
        person.is_some() && owner == person
    };
    if let (Staleness::New | Staleness::Recipe, Some(device)) =
        (miss, issued.iter().find(of_person))
    {
        return format!("{device} is to be issued");
    }
    String::from(match miss {
        Staleness::New => "new",
        Staleness::Recipe => "what it is made from has changed",
        Staleness::Means if matches!(derivation.recipe, Recipe::Bundle(_)) => {
            "missing on disk, or changed by hand"
        }
        Staleness::Means => "its template has changed",
        Staleness::Mode => "others may read it from now on",
        Staleness::Missing => "missing on disk",
        Staleness::Altered => "changed by hand",
        Staleness::Unproven => "not what this machine has written",
    })
}

/// The device whose folder a path is in.
fn device_of(path: &OutputPath) -> Option<String> {
    let mut parts = path.as_str().strip_prefix("people/")?.split('/');
    let (person, device) = (parts.next()?, parts.next()?);
    parts.next().map(|_| format!("{person}/{device}"))
}
