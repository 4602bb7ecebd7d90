//! Where something stands in a configuration.

/// A place, for who reads the Caddyfile and for who reads the JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub at: String,
    pub path: String,
}

/// Something at a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub place: Place,
    pub what: String,
}

impl Place {
    pub(in crate::lint) fn new(at: impl Into<String>, path: impl Into<String>) -> Place {
        Place {
            at: at.into(),
            path: path.into(),
        }
    }

    pub(in crate::lint) fn found(self, what: impl Into<String>) -> Found {
        Found {
            place: self,
            what: what.into(),
        }
    }
}
