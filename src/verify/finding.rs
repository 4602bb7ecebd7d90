//! What is found in a tree or a bundle: what it is about, and whether it is wrong.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::{BundleFault, TreeFault};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub severity: Severity,
    /// The path of a file.
    pub about: String,
    pub what: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    /// It is as it should be, and still worth knowing.
    Note,
    /// It is not as it should be.
    Wrong,
}

/// What was found, to be read behind what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Tree(#[from] TreeFault),
    #[error(transparent)]
    Bundle(#[from] BundleFault),
}

impl Finding {
    pub(crate) fn note(about: &str, what: impl Into<Fault>) -> Finding {
        Finding {
            severity: Severity::Note,
            about: about.to_owned(),
            what: what.into(),
        }
    }

    pub(crate) fn wrong(about: &str, what: impl Into<Fault>) -> Finding {
        Finding {
            severity: Severity::Wrong,
            ..Finding::note(about, what)
        }
    }

    pub(crate) fn is_wrong(&self) -> bool {
        self.severity == Severity::Wrong
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut finding = serializer.serialize_struct("Finding", 3)?;
        finding.serialize_field("severity", &self.severity)?;
        finding.serialize_field("about", &self.about)?;
        finding.serialize_field("what", &format_args!("{}", self.what))?;
        finding.end()
    }
}
