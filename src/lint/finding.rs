//! What was found.

use serde::Serialize;

use super::forms::Form;
use super::place::Found;
use crate::source::visible;

/// A form, at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Such as `lint::negative-check`.
    pub code: &'static str,
    /// The hosts, or the server where it is about more.
    pub at: String,
    /// Where it stands in Caddy's JSON.
    pub path: String,
    pub what: String,
    pub why: &'static str,
    pub instead: &'static str,
}

/// All of them.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Findings(pub Vec<Finding>);

impl Finding {
    pub(super) fn of(form: &'static Form, found: Found) -> Finding {
        Finding {
            code: form.code,
            at: visible(&found.place.at),
            path: visible(&found.place.path),
            what: visible(&found.what),
            why: form.why,
            instead: form.instead,
        }
    }
}

impl Finding {
    /// The form's name, as `--allow` takes it.
    pub(crate) fn name(&self) -> &'static str {
        self.code.strip_prefix("lint::").unwrap_or(self.code)
    }
}

impl Findings {
    /// Without those of the forms that somebody has looked at and means, by code.
    pub(crate) fn but_for(self, allowed: &[&'static Form]) -> Findings {
        let is_left = |finding: &Finding| !allowed.iter().any(|form| form.code == finding.code);
        Findings(self.0.into_iter().filter(is_left).collect())
    }

    /// Those that this has and another has not: what a user's own templates have brought in.
    pub(crate) fn beyond(self, other: &Findings) -> Findings {
        let is_new = |finding: &Finding| {
            let told = |finding: &Finding| (finding.code, finding.at.clone(), finding.what.clone());
            !other.0.iter().any(|known| told(known) == told(finding))
        };
        Findings(self.0.into_iter().filter(is_new).collect())
    }
}
