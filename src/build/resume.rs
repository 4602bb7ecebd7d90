//! What takes the root secret and was made by a build that was killed is taken up by the next one, and not made again.
//!
//! Such a file lies in the output, where git may have put it too, so it is believed only where a key that is derived from the root
//! secret has sealed it: its path, its mode, all that it was made from, and its bytes.

use zeroize::Zeroizing;

use crate::derive::Derivation;
use crate::render::Secrets;
use crate::tree::{Label, Staged, Tree, TreeError};

/// Seals what is staged, and knows what was.
pub(super) struct Resumption<'a> {
    tree: &'a Tree,
    key: Zeroizing<[u8; 32]>,
}

impl<'a> Resumption<'a> {
    pub(super) fn of(tree: &'a Tree, secrets: &Secrets) -> Option<Resumption<'a>> {
        let key = secrets.staging_key()?;
        Some(Resumption { tree, key })
    }

    /// What a killed build made of this derivation, where it made it whole.
    pub(super) fn take_up(
        &self,
        derivation: &Derivation,
        input: &blake3::Hash,
    ) -> Result<Option<Staged>, TreeError> {
        let which = self.which(derivation, input);
        for label in self.tree.left().iter().filter(|label| label.is_of(&which)) {
            let is_ours = |content: &blake3::Hash| *label == self.label(&which, content);
            let taken = self
                .tree
                .take_up(&derivation.path, derivation.mode, label, is_ours)?;
            if taken.is_some() {
                return Ok(taken);
            }
        }
        Ok(None)
    }

    /// Stages what was made, to be found again if this build is killed.
    pub(super) fn stage(
        &self,
        derivation: &Derivation,
        input: &blake3::Hash,
        bytes: &[u8],
    ) -> Result<Staged, TreeError> {
        let label = self.label(&self.which(derivation, input), &blake3::hash(bytes));
        let Derivation { path, mode, .. } = derivation;
        self.tree.stage_labelled(path, *mode, bytes, &label)
    }

    fn which(&self, derivation: &Derivation, input: &blake3::Hash) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(input.as_bytes());
        hasher.update(&derivation.mode.permissions().to_be_bytes());
        hasher.update(derivation.path.as_str().as_bytes());
        hasher.finalize()
    }

    fn label(&self, which: &blake3::Hash, content: &blake3::Hash) -> Label {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(which.as_bytes());
        hasher.update(content.as_bytes());
        Label::new(which, &hasher.finalize())
    }
}
