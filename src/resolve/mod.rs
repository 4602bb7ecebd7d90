//! Declarations become a [`Homelab`]: names are looked up, values read, defaults filled in.
//!
//! All mistakes are told in one run: what cannot be resolved is left out and the rest goes on, so
//! that nothing is made of a declaration with a mistake in it.

mod access;
mod audiences;
mod backend;
mod enrolment;
mod landing;
mod mistake;
mod names;
mod people;
mod services;
mod settings;

pub use mistake::Mistake;

use crate::diagnostic::Mistakes;
use crate::model::{CertificateMode, Homelab, Language, ValidityPolicy};
use crate::parse::Declaration;
use crate::source::Source;

/// Resolves a declaration that was read from `source`, or says everything that is wrong with it.
/// Guides can be written in these `languages`.
pub fn resolve(
    source: &Source,
    declaration: &Declaration,
    languages: &[Language],
) -> Result<Homelab, Mistakes> {
    let mut mistakes = Vec::new();
    let homelab = homelab(declaration, languages, &mut mistakes);
    match homelab {
        Some(homelab) if mistakes.is_empty() => Ok(homelab),
        _ => Err(Mistakes::new(source, mistakes)),
    }
}

fn homelab(
    declaration: &Declaration,
    languages: &[Language],
    mistakes: &mut Vec<Mistake>,
) -> Option<Homelab> {
    let domain = settings::domain(declaration.domain.as_ref(), mistakes);
    let validity = settings::validity(&declaration.validity, mistakes);
    let edge = settings::edge(&declaration.edge, mistakes);
    let mode = declaration.edge.certificate.as_ref();
    let mode = mode.and_then(|written| settings::certificate_mode(written, mistakes));
    let people = people::people(
        &declaration.people,
        &declaration.groups,
        domain.as_ref(),
        &validity,
        languages,
        mistakes,
    );
    let services = services::services(
        &declaration.services,
        domain.as_ref(),
        declaration.edge.landing,
        &people,
        mode.unwrap_or(CertificateMode::Required),
        mistakes,
    );
    let landing = declaration.edge.landing;
    landing::refuse_too_many_links(landing, &people.people, &services, mistakes);
    Some(Homelab {
        domain: domain?,
        validity: ValidityPolicy {
            authority: validity.authority?,
            renew: validity.renew?,
        },
        edge: edge?,
        people: people.people,
        services,
    })
}
