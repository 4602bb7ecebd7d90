//! Forms of a Caddy configuration that let somebody in whom they were to keep out: what they are, and where one stands.
//!
//! A configuration of any origin is judged as data, as Caddy's own JSON. Most forms are seen at one place. Whether something is
//! reached in spite of what stands before it is worked out by going its way as a visitor would ([`reach`]).
//!
//! What is not understood is no finding: whoever is told of a hole that is none stops reading.

mod allowed;
mod configuration;
mod finding;
mod forms;
mod place;
mod reach;
mod rules;
mod subject;

use crate::model::CaddyVersion;

pub(crate) use allowed::allowed_in;
pub(crate) use configuration::Configuration;
pub(crate) use finding::{Finding, Findings};
pub use forms::{FORMS, Form};

use subject::Subject;

/// Every form that lets somebody in, and stands there; in the order of the table.
///
/// `caddy` is what reads the configuration, where that is known: some forms are harmless with a later one.
pub(crate) fn lint(configuration: &Configuration, caddy: Option<CaddyVersion>) -> Findings {
    let subject = Subject::of(configuration, caddy);
    let found = FORMS.iter().flat_map(|form| {
        let mut places = (form.find)(&subject);
        places.sort();
        places.dedup();
        places
            .into_iter()
            .map(move |found| Finding::of(form, found))
    });
    Findings(found.collect())
}
