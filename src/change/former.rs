//! What the tree was built for last.

use crate::plan::{PUBLISHED, Published};
use crate::tree::{Found, OutputPath, TreeError, View};

/// What the tree was built for last, or why that is not known.
pub enum Former {
    /// This.
    Known(Box<Published>),
    /// Unknown, because of this; it is to be read behind the output directory's name.
    Unknown(&'static str),
}

impl Former {
    /// Reads it off a tree. What somebody has changed there is not believed.
    pub fn of(view: &View) -> Result<Former, TreeError> {
        let path = OutputPath::new(PUBLISHED).expect("the program's own paths are paths");
        if view.damaged() {
            return Ok(Former::Unknown("has a damaged manifest"));
        }
        if view.entry(&path).is_none() {
            return Ok(Former::Unknown("has not been built before"));
        }
        if view.is_doubted() {
            return Ok(Former::Unknown("is not as this machine remembers it"));
        }
        if view.inspect(&path)? != Found::Intact {
            return Ok(Former::Unknown(
                "has no edge/exposure.json as it was written",
            ));
        }
        let contents = view.read(&path)?;
        let published = contents.and_then(|contents| Published::from_json(&contents.bytes));
        Ok(match published {
            Some(published) => Former::Known(Box::new(published)),
            None => Former::Unknown("was built by another version of homelab"),
        })
    }
}
