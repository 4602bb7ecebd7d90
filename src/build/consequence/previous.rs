//! What the tree was built for last.

use super::edges::directory_of;
use crate::derive::{EDGES, EdgeState};
use crate::tree::{Found, OutputPath, TreeError, View};

/// What the tree was built for last, or why that is not known.
pub(crate) enum PreviousBuild {
    /// What each edge says of itself, by its directory; at least one.
    Known(Vec<(String, EdgeState)>),
    /// Unknown, because of this; it is to be read behind the output directory's name.
    Unknown(&'static str),
}

impl PreviousBuild {
    /// Reads it off a tree. What somebody has changed there is not believed.
    pub(crate) fn of(view: &View) -> Result<PreviousBuild, TreeError> {
        if view.damaged() {
            return Ok(PreviousBuild::Unknown("has a damaged manifest"));
        }
        let paths = PreviousBuild::paths(view);
        if paths.is_empty() {
            return Ok(PreviousBuild::Unknown("has not been built before"));
        }
        if view.is_doubted() {
            return Ok(PreviousBuild::Unknown(
                "is not as this machine remembers it",
            ));
        }
        let mut known = Vec::new();
        for (directory, path) in paths {
            if view.inspect(path)? != Found::Intact {
                return Ok(PreviousBuild::Unknown(
                    "has no exposure.json as it was written",
                ));
            }
            let contents = view.read(path)?;
            let published = contents.and_then(|contents| EdgeState::from_json(&contents.bytes));
            let Some(published) = published else {
                return Ok(PreviousBuild::Unknown(
                    "was built by another version of homelab",
                ));
            };
            known.push((directory.to_owned(), published));
        }
        Ok(PreviousBuild::Known(known))
    }

    /// Where the edges of a tree say what they expose, each behind its directory.
    pub(in crate::build) fn paths(view: &View) -> Vec<(&str, &OutputPath)> {
        let entries = EDGES.iter().flat_map(|place| view.entries_below(place));
        let paths = entries.filter_map(|entry| {
            let path = &entry.path;
            Some((directory_of(path.as_str())?, path))
        });
        paths.collect()
    }
}
