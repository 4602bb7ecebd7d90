//! Who wrote a record: each is signed with a key that derives from the root secret, and that the `root`
//! record names.
//!
//! What is signed is the record's text under the id of its root secret, so no line of another homelab
//! and no line of another kind counts here. Lines that are left out, or that were true once, no
//! signature tells of.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Lock;
use crate::pki::Fault;
use crate::root::{Keyring, RecordSignature, RootId, RootKey, RootSigner};

/// So many signatures are verified as one.
const BATCH: usize = 512;

/// What is signed for a record.
pub(super) fn statement(root: &RootId, record: &str) -> String {
    format!("homelab lock record v2 {root}\n{record}")
}

/// Whether a root secret's key has signed all these records.
pub(super) fn are_signed(
    root: &RootId,
    key: &RootKey,
    records: &[(&str, RecordSignature)],
) -> bool {
    let verify = |records: &[(&str, RecordSignature)]| {
        let statements: Vec<String> = { records.iter() }
            .map(|(record, _)| statement(root, record))
            .collect();
        let signed = statements.iter().zip(records);
        let signed: Vec<(&str, RecordSignature)> = signed
            .map(|(statement, (_, signature))| (statement.as_str(), *signature))
            .collect();
        key.verifies_all(&signed)
    };
    // Threads cost more than a few signatures.
    if records.len() <= BATCH {
        verify(records)
    } else {
        records.par_chunks(BATCH).all(verify)
    }
}

/// Whether a root secret's key has signed this record.
pub(super) fn is_signed(
    root: &RootId,
    key: &RootKey,
    record: &str,
    signature: &RecordSignature,
) -> bool {
    key.verifies(&statement(root, record), signature)
}

/// Parts a line, without its check, into the record and its signature.
pub(super) fn parted(line: &str) -> Option<(&str, RecordSignature)> {
    let (record, signature) = line.rsplit_once(" signed=\"")?;
    Some((record, signature.strip_suffix('"')?.parse().ok()?))
}

/// Where the signatures of a lock's records come from when it is written: from the lock that is there,
/// for what has not changed, and from the root secret.
pub struct Signatures<'a> {
    kept: BTreeMap<&'a str, RecordSignature>,
    /// The root secret whose key has signed them all; none where it may have been several.
    by: Option<RootId>,
    signer: Option<RootSigner>,
}

impl<'a> Signatures<'a> {
    /// Those of a lock's text, which has been read before.
    pub fn kept_in(text: &'a str) -> Signatures<'a> {
        let lines = text.lines().map(str::trim_end);
        let records = lines.filter_map(|line| parted(line.rsplit_once(" check=\"")?.0));
        let kept: BTreeMap<&str, RecordSignature> = records.collect();
        let roots = kept.keys().filter(|record| record.starts_with("root "));
        let roots: Vec<&&str> = roots.collect();
        let by = match roots.as_slice() {
            [root] if !root.contains(" former=\"") => root.split('"').nth(1),
            _ => None,
        };
        Signatures {
            by: by.and_then(|id| id.parse().ok()),
            kept,
            signer: None,
        }
    }

    /// Those, and new ones by the root secret that is the present one.
    pub fn and_by(self, keyring: &Keyring, root: &RootId) -> Signatures<'a> {
        let signer = keyring.root(root).map(crate::root::RootSecret::signer);
        Signatures { signer, ..self }
    }

    /// A signature for each record; none where one is missing and the secret is not at hand.
    pub(super) fn of(
        &self,
        root: &RootId,
        records: &[String],
    ) -> Result<Option<Vec<RecordSignature>>, Fault> {
        let may_keep = self.by == Some(*root) || self.signer.is_none();
        let sign = |record: &String| {
            let kept = self.kept.get(record.as_str()).filter(|_| may_keep);
            match (kept, &self.signer) {
                (Some(kept), _) => Ok(Some(*kept)),
                (None, Some(signer)) => signer.sign(&statement(root, record)).map(Some),
                (None, None) => Ok(None),
            }
        };
        if records.len() <= BATCH {
            records.iter().map(sign).collect()
        } else {
            records.par_iter().map(sign).collect()
        }
    }
}

impl Lock {
    /// Names the keys of the root secrets that it depends on, as the keyring has them.
    pub fn name_keys(&mut self, keyring: &Keyring) {
        let key = |id: &RootId| keyring.root(id).map(|root| root.signer().key());
        self.key = key(&self.root);
        let roots = self.roots();
        let former = roots.iter().filter(|id| **id != self.root);
        self.former = former.filter_map(|id| Some((*id, key(id)?))).collect();
    }

    /// Whether the key that its records are signed with is the one of its root secret, where they are
    /// signed: whoever wrote it had that secret.
    pub fn is_written_with(&self, keyring: &Keyring) -> bool {
        let derived = keyring.root(&self.root).map(|root| root.signer().key());
        self.key.is_none() || derived.is_none() || self.key == derived
    }
}
