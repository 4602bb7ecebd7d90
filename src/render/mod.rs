//! Derivations become bytes. Pure: the same recipe, templates and root secret give the same bytes.

mod apple;
mod bundle;
mod caddyfile;
mod calendar;
mod dns;
mod index;
mod installer;
mod pick_up;
mod policy;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::derive::Recipe;
use crate::diagnostic::Mistake;
use crate::issue::{Credential, CredentialError, Signer};
use crate::lock::{Issued, Lock};
use crate::model::MadeKey;
use crate::pki::{BundleError, BundleProfile};
use crate::root::{IssuanceId, Keyring, Password, RootId};
use crate::template::{Rendered, Templates};
pub(crate) use bundle::Bundles;
pub(crate) use dns::dns;

/// The bytes of an artifact.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub bytes: Vec<u8>,
    /// The names of the templates that were used.
    pub templates: Vec<String>,
}

/// What the secret part of rendering needs: the keyring, and the authorities that it has the keys of.
pub(crate) struct Secrets {
    keyring: Keyring,
    signers: BTreeMap<IssuanceId, (RootId, Signer)>,
    /// The kinds of .p12 of which one was made.
    made: Mutex<Vec<(BundleProfile, MadeKey)>>,
}

impl Secrets {
    /// Holds the keyring against what the lock records of the authorities that are trusted.
    pub(crate) fn of(keyring: Keyring, lock: &Lock) -> Result<Secrets, CredentialError> {
        let signing = lock.trusted().filter(|authority| authority.can_sign());
        let signers = signing.map(|authority| {
            let signer = Signer::of(&keyring, authority)?;
            Ok((authority.id, (authority.root, signer)))
        });
        Ok(Secrets {
            signers: signers.collect::<Result<_, CredentialError>>()?,
            keyring,
            made: Mutex::default(),
        })
    }

    /// The key that seals what is staged; none where there is no authority, and so nothing that takes the secret.
    pub(crate) fn staging_key(&self) -> Option<Zeroizing<[u8; 32]>> {
        let (root, _) = self.signers.values().next()?;
        Some(self.keyring.root(root)?.staging_key())
    }

    /// A device's key and certificate, and the password and the source of nonces of its .p12.
    pub(crate) fn credential(&self, issued: &Issued) -> Result<Unsealed, CredentialError> {
        let not_as_recorded = || CredentialError::NotAsRecorded {
            name: issued.device.to_string(),
        };
        let signer = self.signers.get(&issued.authority);
        let (root, signer) = signer.ok_or_else(not_as_recorded)?;
        let credential = Credential::of(&self.keyring, signer, issued)?;
        let root = self.keyring.root(root).ok_or_else(not_as_recorded)?;
        Ok(Unsealed {
            credential,
            password: root.password(&issued.id, &issued.device),
            nonce_key: root.nonce_key(&issued.id, &issued.device),
        })
    }

    /// The password of a device's .p12.
    pub(crate) fn password(&self, issued: &Issued) -> Result<Password, CredentialError> {
        let not_as_recorded = || CredentialError::NotAsRecorded {
            name: issued.device.to_string(),
        };
        let signer = self.signers.get(&issued.authority);
        let (root, _) = signer.ok_or_else(not_as_recorded)?;
        let root = self.keyring.root(root).ok_or_else(not_as_recorded)?;
        Ok(root.password(&issued.id, &issued.device))
    }

    /// Whether no other .p12 of this kind was made: it is true once.
    fn is_first_of_its_kind(&self, profile: BundleProfile, key: MadeKey) -> bool {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = !made.contains(&(profile, key));
        if is_first {
            made.push((profile, key));
        }
        is_first
    }
}

/// What a device's .p12 is made from.
pub(crate) struct Unsealed {
    /// The key and its certificate.
    pub credential: Credential,
    pub password: Password,
    /// What salts and IVs are derived from.
    pub nonce_key: Zeroizing<[u8; 32]>,
}

/// Why an artifact could not be rendered.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum RenderError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] Mistake),

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
    pub(crate) fn needs_secrets(&self) -> bool {
        match self {
            Recipe::PickUpPage(page) => page.has_password(),
            other => other.holds_bundle(),
        }
    }

    /// Whether a .p12 is in it: that takes long to make, and no template.
    pub(crate) fn holds_bundle(&self) -> bool {
        matches!(self, Recipe::Bundle(_) | Recipe::AppleProfile(_))
    }
}

/// Renders one recipe. What is rendered with the same `bundles` one after the other has each .p12 made once.
pub(crate) fn render<'r>(
    recipe: &'r Recipe,
    templates: &Templates,
    bundles: &mut Bundles<'r>,
) -> Result<Artifact, RenderError> {
    match recipe {
        Recipe::Text { text } => Ok(Artifact {
            bytes: text.as_bytes().to_vec(),
            templates: Vec::new(),
        }),
        Recipe::Bytes { bytes } => Ok(Artifact {
            bytes: bytes.clone(),
            templates: Vec::new(),
        }),
        Recipe::Bundle(recipe) => Ok(Artifact {
            bytes: bundles.bundle(recipe)?,
            templates: Vec::new(),
        }),
        Recipe::AppleProfile(recipe) => Ok(apple::profile(recipe, bundles.bundle(&recipe.bundle)?)),
        Recipe::AppleBrowserPolicy(recipe) => Ok(apple::browser_policy(recipe)),
        Recipe::ChromiumPolicy(recipe) => Ok(policy::chromium(recipe)),
        Recipe::WindowsPolicy(recipe) => Ok(policy::windows(recipe)),
        Recipe::Installer(recipe) => Ok(installer::render(recipe, templates)?),
        Recipe::Caddyfile { .. } => Ok(caddyfile::render("Caddyfile.j2", recipe, templates)?),
        Recipe::Globals(globals) => {
            let name = "globals.caddyfile.j2";
            Ok(caddyfile::render(name, globals, templates)?)
        }
        Recipe::Sites(sites) => Ok(caddyfile::render("sites.caddyfile.j2", sites, templates)?),
        Recipe::Pages(pages) => Ok(caddyfile::render_pages(pages, templates)?),
        Recipe::Calendar(calendar) => Ok(Artifact {
            bytes: calendar::render(calendar).into_bytes(),
            templates: Vec::new(),
        }),
        Recipe::PersonCalendar(calendar) => Ok(calendar::render_own(calendar, templates)?),
        Recipe::Exposure(exposure) => Ok(templates.render("exposure.md.j2", &**exposure)?.into()),
        Recipe::Guide(guide) => {
            let rendered = templates.render_in(guide.language.as_str(), "guide.html.j2", guide)?;
            Ok(rendered.into())
        }
        Recipe::PickUpPage(page) => pick_up::render(page, templates, bundles.secrets()),
        Recipe::EdgeState(published) => Ok(Artifact {
            bytes: published.to_json().into_bytes(),
            templates: Vec::new(),
        }),
        Recipe::Standing => unreachable!("what stands as it was made is not made again"),
        Recipe::Index(recipe) => Ok(index::render(recipe, templates)?),
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
