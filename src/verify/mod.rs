//! Whether what was made, and what is served, is what the declaration and the lock say.
//!
//! Pure: files are read, passwords found and connections made elsewhere; here is what is to be
//! expected, and what an answer means.

mod age;
mod bundle;
mod echo;
mod outcome;
mod place;
mod plain;
mod probe;
mod site;

use serde::Serialize;

pub use age::{Age, Signs};
pub use bundle::{BundleReport, Context, Strictness, WhoseFile, examine, standing};
pub use echo::{Echo, FORGED, MARK};
pub use outcome::{Answer, Expected, Judgement, Outcome, Verdict, judge, page_policy};
pub use place::Place;
pub use plain::{PlainAnswer, judge_plain, shown};
pub use probe::{Manner, NameShown, Probe, Visitor, probes, undeclared};
pub use site::{Guard, Public, Site, Standing, sites};

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it is wrong.
    pub severity: Severity,
    /// What it is about: a path, a host.
    pub about: String,
    /// What, to be read behind it.
    pub what: String,
}

/// Whether a finding is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It is as it should be, and still worth knowing.
    Note,
    /// It is not as it should be.
    Wrong,
}

impl Finding {
    /// Something worth knowing.
    pub fn note(about: &str, what: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Note,
            about: about.to_owned(),
            what: what.into(),
        }
    }

    /// Something that is not as it should be.
    pub fn wrong(about: &str, what: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Wrong,
            ..Finding::note(about, what)
        }
    }

    /// Whether it is wrong.
    pub fn is_wrong(&self) -> bool {
        self.severity == Severity::Wrong
    }
}
