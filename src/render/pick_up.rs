//! The page on which a device is handed its newer certificate.

use serde::Serialize;

use super::{Artifact, RenderError, Secrets};
use crate::derive::{DevicePart, PickUpPage};
use crate::model::{DisplayName, Domain, Email};
use crate::root::Password;
use crate::template::Templates;

/// What its template is given.
#[derive(Serialize)]
struct Context<'p> {
    domain: &'p Domain,
    display_name: &'p DisplayName,
    admin: &'p Option<Email>,
    renewed_at: &'p Option<String>,
    device: &'p DevicePart,
    /// Of its file; none where that has none.
    password: Option<&'p str>,
}

/// `secrets` must be there where a password stands on it.
pub(super) fn render(
    page: &PickUpPage,
    templates: &Templates,
    secrets: Option<&Secrets>,
) -> Result<Artifact, RenderError> {
    let password = page.has_password().then(|| {
        let secrets = secrets.expect("secrets are unlocked before what needs them is rendered");
        secrets.password(&page.issued)
    });
    let password = password.transpose()?;
    let context = Context {
        domain: &page.domain,
        display_name: &page.display_name,
        admin: &page.admin,
        renewed_at: &page.renewed_at,
        device: &page.device,
        password: password.as_ref().map(Password::expose),
    };
    let rendered = templates.render_in(page.language.as_str(), "pick-up.html.j2", &context)?;
    Ok(rendered.into())
}
