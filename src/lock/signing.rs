//! Who wrote a record: each is signed with a key that derives from the root secret, and that the `root`
//! record names.
//!
//! What is signed is the record's text under the id of its root secret, so no line of another homelab
//! and no line of another kind counts here. Lines that are left out, or that were true once, no
//! signature tells of.

use std::fmt::Write;

use rayon::prelude::*;

use super::Lock;
use crate::pki::Fault;
use crate::root::{Keyring, RecordSignature, RootId, RootKey, RootSigner};

/// So many signatures are verified as one.
const BATCH: usize = 512;

/// So many lines, at the least, are looked up or signed one after the other.
const IN_A_ROW: usize = 64;

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

/// The record of a line, and its signature.
fn parted(line: &str) -> Option<(&str, RecordSignature)> {
    let (signed, _check) = line.strip_suffix('"')?.rsplit_once('"')?;
    let (record, signature) = signed.strip_suffix("\" check=")?.rsplit_once('"')?;
    Some((record.strip_suffix(" signed=")?, signature.parse().ok()?))
}

/// Where the signatures of a lock's records come from when it is written: from the lock that is there,
/// for what has not changed, and from the root secret.
pub struct Signatures<'a> {
    /// Sorted by their records, each of which is there once.
    kept: Vec<(&'a str, RecordSignature)>,
    /// The root secret whose key has signed them all; none where it may have been several.
    by: Option<RootId>,
    signer: Option<RootSigner>,
}

impl<'a> Signatures<'a> {
    /// Those of a lock's text, which has been read before.
    pub fn kept_in(text: &'a str) -> Signatures<'a> {
        let lines: Vec<&str> = text.lines().collect();
        let records =
            { lines.par_iter().with_min_len(IN_A_ROW) }.map(|line| parted(line.trim_end()));
        let records: Vec<Option<_>> = records.collect();
        let mut kept: Vec<(&str, RecordSignature)> = records.into_iter().flatten().collect();
        // Nearly all are in this order already. Of several of one record the last counts.
        kept.sort_by_key(|(record, _)| *record);
        kept.dedup_by(|later, one| {
            let is_same = later.0 == one.0;
            if is_same {
                one.1 = later.1;
            }
            is_same
        });
        let roots = kept.iter().map(|(record, _)| *record);
        let roots: Vec<&str> = roots.filter(|record| record.starts_with("root ")).collect();
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

    /// Adds to each record its signature; none where one is missing and the secret is not at hand.
    pub(super) fn add_to(
        &self,
        root: &RootId,
        records: Vec<String>,
    ) -> Result<Option<Vec<String>>, Fault> {
        let may_keep = self.by == Some(*root) || self.signer.is_none();
        let sign = |next: &mut usize, mut record: String| {
            let kept = self.kept_of(&record, next).filter(|_| may_keep);
            let signature = match (kept, &self.signer) {
                (Some(kept), _) => kept,
                (None, Some(signer)) => signer.sign(&statement(root, &record))?,
                (None, None) => return Ok(None),
            };
            write!(record, " signed=\"{signature}\"").expect("a String takes all");
            Ok(Some(record))
        };
        let signed: Vec<_> = { records.into_par_iter().with_min_len(IN_A_ROW) }
            .map_init(|| 0, sign)
            .collect();
        signed.into_iter().collect()
    }

    /// The signature that a record has already. Those of records in a row mostly are in a row too, so the `next` place is
    /// looked at first.
    fn kept_of(&self, record: &str, next: &mut usize) -> Option<RecordSignature> {
        let is_next = { self.kept.get(*next) }.is_some_and(|(known, _)| *known == record);
        if !is_next {
            let search = self.kept.binary_search_by_key(&record, |(known, _)| known);
            *next = search.ok()?;
        }
        let (_, signature) = self.kept[*next];
        *next += 1;
        Some(signature)
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
