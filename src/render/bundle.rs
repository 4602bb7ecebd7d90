//! A device's .p12.

use super::{Artifact, RenderError, Secrets};
use crate::derive;
use crate::pki::{BundleContent, bundle};

pub(super) fn render(recipe: &derive::Bundle, secrets: &Secrets) -> Result<Artifact, RenderError> {
    let issued = &recipe.issued;
    let unsealed = secrets.credential(issued)?;
    let content = BundleContent {
        key: &unsealed.credential.key,
        certificate: &unsealed.credential.certificate,
        friendly_name: &recipe.friendly_name,
    };
    let (password, nonce_key) = (unsealed.password.expose(), &unsealed.nonce_key);
    let bytes = bundle(recipe.profile, &content, password, nonce_key);
    let bytes = bytes.map_err(|source| RenderError::Bundle {
        device: issued.device.to_string(),
        source,
    })?;
    Ok(Artifact {
        bytes,
        templates: Vec::new(),
    })
}
