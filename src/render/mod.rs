//! Derivations become bytes. Pure: the same recipe, templates and root secret give the same bytes.

mod bundle;
mod caddyfile;

use miette::Diagnostic;
use thiserror::Error;

use crate::issue::{CredentialError, Signer};
use crate::pki::BundleError;
use crate::plan::Recipe;
use crate::root::RootSecret;
use crate::template::{Rendered, TemplateError, Templates};

/// The bytes of an artifact.
#[derive(Debug)]
pub struct Artifact {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The names of the templates that were used.
    pub templates: Vec<String>,
}

/// What the secret part of rendering needs: the root secret, and the authority derived from it.
pub struct Secrets {
    /// The root secret.
    pub root: RootSecret,
    /// The authority that signed what the lock records.
    pub signer: Signer,
}

/// Why an artifact could not be rendered.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs)] // Each variant's message says what it is.
pub enum RenderError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] TemplateError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Credential(#[from] CredentialError),

    #[error("no .p12 can be made for `{device}`")]
    #[diagnostic(
        code("render::bundle"),
        help(
            "this is a fault of homelab or of this machine: nothing was written; please report it"
        )
    )]
    Bundle {
        device: String,
        #[source]
        source: BundleError,
    },
}

impl Recipe {
    /// Whether rendering it takes the root secret.
    pub fn needs_secrets(&self) -> bool {
        matches!(self, Recipe::Bundle(_))
    }
}

/// Renders one recipe; `secrets` must be there where [`Recipe::needs_secrets`].
pub fn render(
    recipe: &Recipe,
    templates: &Templates,
    secrets: Option<&Secrets>,
) -> Result<Artifact, RenderError> {
    match recipe {
        Recipe::Text { text } => Ok(Artifact {
            bytes: text.clone().into_bytes(),
            templates: Vec::new(),
        }),
        Recipe::Bytes { bytes } => Ok(Artifact {
            bytes: bytes.clone(),
            templates: Vec::new(),
        }),
        Recipe::Bundle(recipe) => {
            let secrets = secrets.expect("secrets are unlocked before what needs them is rendered");
            bundle::render(recipe, secrets)
        }
        Recipe::Caddyfile(edge) => Ok(caddyfile::render(edge, templates)?),
        Recipe::Exposure(exposure) => Ok(templates.render("exposure.md.j2", exposure)?.into()),
        Recipe::Guide(guide) => Ok(templates.render("guide.html.j2", guide)?.into()),
    }
}

impl From<Rendered> for Artifact {
    fn from(rendered: Rendered) -> Artifact {
        Artifact {
            bytes: rendered.text.into_bytes(),
            templates: rendered.used,
        }
    }
}
