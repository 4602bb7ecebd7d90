//! What the tree was built for last.

use crate::derive::{EDGE_STATE, EdgeState};
use crate::tree::{Found, OutputPath, TreeError, View};

/// What the tree was built for last, or why that is not known.
pub(crate) enum PreviousBuild {
    Known(Box<EdgeState>),
    /// Unknown, because of this; it is to be read behind the output directory's name.
    Unknown(&'static str),
}

impl PreviousBuild {
    /// Reads it off a tree. What somebody has changed there is not believed.
    pub(crate) fn of(view: &View) -> Result<PreviousBuild, TreeError> {
        let path = OutputPath::new(EDGE_STATE).expect("the program's own paths are paths");
        if view.damaged() {
            return Ok(PreviousBuild::Unknown("has a damaged manifest"));
        }
        if view.entry(&path).is_none() {
            return Ok(PreviousBuild::Unknown("has not been built before"));
        }
        if view.is_doubted() {
            return Ok(PreviousBuild::Unknown(
                "is not as this machine remembers it",
            ));
        }
        if view.inspect(&path)? != Found::Intact {
            return Ok(PreviousBuild::Unknown(
                "has no edge/exposure.json as it was written",
            ));
        }
        let contents = view.read(&path)?;
        let published = contents.and_then(|contents| EdgeState::from_json(&contents.bytes));
        Ok(match published {
            Some(published) => PreviousBuild::Known(Box::new(published)),
            None => PreviousBuild::Unknown("was built by another version of homelab"),
        })
    }
}
