//! A device's .p12.

use super::{RenderError, Secrets};
use crate::derive;
use crate::pki::{self, BundleContent, read_with_another};

/// The .p12 that was made last: a device's stands in several of its files, which are rendered one after the other.
pub(crate) struct Bundles<'r> {
    secrets: Option<&'r Secrets>,
    last: Option<(&'r derive::Bundle, Vec<u8>)>,
}

impl<'r> Bundles<'r> {
    /// `secrets` must be there where a recipe [needs them](derive::Recipe::needs_secrets).
    pub(crate) fn new(secrets: Option<&'r Secrets>) -> Bundles<'r> {
        let last = None;
        Bundles { secrets, last }
    }

    pub(super) fn secrets(&self) -> Option<&'r Secrets> {
        self.secrets
    }

    /// The .p12 of this recipe, made once.
    pub(super) fn bundle(&mut self, recipe: &'r derive::Bundle) -> Result<Vec<u8>, RenderError> {
        if let Some((_, bytes)) = self.last.as_ref().filter(|(of, _)| *of == recipe) {
            return Ok(bytes.clone());
        }
        let secrets = self.secrets;
        let secrets = secrets.expect("secrets are unlocked before what needs them is rendered");
        let bytes = made(recipe, secrets)?;
        self.last = Some((recipe, bytes.clone()));
        Ok(bytes)
    }
}

/// The .p12, read back; by another implementation as well where it is the first of its kind.
fn made(recipe: &derive::Bundle, secrets: &Secrets) -> Result<Vec<u8>, RenderError> {
    let issued = &recipe.issued;
    let unsealed = secrets.credential(issued)?;
    let content = BundleContent {
        key: &unsealed.credential.key,
        certificate: &unsealed.credential.certificate,
        friendly_name: &recipe.friendly_name,
    };
    let (password, nonce_key) = (unsealed.password.expose(), &unsealed.nonce_key);
    let bytes = pki::bundle(recipe.profile, &content, password, nonce_key);
    let bytes = bytes.and_then(|bytes| {
        if secrets.is_first_of_its_kind(recipe.profile, issued.made) {
            read_with_another(&bytes, &content, password)?;
        }
        Ok(bytes)
    });
    bytes.map_err(|source| RenderError::Bundle {
        device: issued.device.to_string(),
        source,
    })
}
