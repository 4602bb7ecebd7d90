//! A device's .p12.

use super::{Artifact, RenderError, Secrets};
use crate::issue::Credential;
use crate::pki::{BundleContent, bundle};
use crate::plan;

pub fn render(recipe: &plan::Bundle, secrets: &Secrets) -> Result<Artifact, RenderError> {
    let (root, issued) = (&secrets.root, &recipe.issued);
    let credential = Credential::derive(root, &secrets.signer, issued)?;
    let password = root.password(&issued.id, &issued.device);
    let nonce_key = root.nonce_key(&issued.id, &issued.device);
    let content = BundleContent {
        key: &credential.key,
        certificate: &credential.certificate,
        friendly_name: &recipe.friendly_name,
    };
    let bytes = bundle(recipe.profile, &content, password.expose(), &nonce_key);
    let bytes = bytes.map_err(|source| RenderError::Bundle {
        device: issued.device.to_string(),
        source,
    })?;
    Ok(Artifact {
        bytes,
        templates: Vec::new(),
    })
}
