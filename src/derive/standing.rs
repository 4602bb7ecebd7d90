//! The folders of people that stand as they would be derived. A large home changes by one device at a time: what the folders of all
//! others are made from need not be put together to find that it is as it was.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use blake3::{Hash, Hasher};

use super::device_files::CommonParts;
use super::{Derivation, Recipe};
use crate::lock::Admitted;
use crate::model::{Name, Person};
use crate::tree::{Mode, OutputPath};

/// Of each person, the hash of all that the folder follows from: what declares the person, what is declared beside all people, the
/// certificates of the person's devices, the authorities, and the program with the user's templates. Nothing that declares somebody else
/// has a part in it. It is good on the machine on which it was made.
pub(crate) type Premises = BTreeMap<Name, Hash>;

/// What stands in a person's folder, where it was made from these premises and stands as it was made; none where it is to be derived.
pub(crate) type Standing<'s> = dyn Fn(&Name, &Hash) -> Option<Vec<(OutputPath, Mode)>> + Sync + 's;

/// What is known of the folders of people as they stand.
#[derive(Clone, Copy)]
pub(crate) struct KnownFolders<'s> {
    /// The hash of the program and of the user's templates.
    pub means: Hash,
    pub standing: &'s Standing<'s>,
}

static CONTEXT: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("homelab premises of a person's folder v1"));

/// What is known, held against what the folders of one homelab follow from.
pub(super) struct Recognized<'s> {
    standing: &'s Standing<'s>,
    /// What all folders follow from, each in its own way.
    common: Hash,
}

impl<'s> Recognized<'s> {
    pub(super) fn by(known: KnownFolders<'s>, common: &CommonParts<'_>) -> Recognized<'s> {
        let KnownFolders { means, standing } = known;
        let CommonParts {
            issuers,
            sealed_root,
            authorities,
            ..
        } = common;
        let declared = common.homelab().declared;
        Recognized {
            standing,
            common: premise(&(means, declared, issuers, sealed_root, authorities)),
        }
    }

    /// What a person's folder follows from, and the artifacts in it, sorted by path, where they stand as they would be derived.
    pub(super) fn look(
        &self,
        person: &Person,
        admitted: &Admitted<'_>,
    ) -> (Hash, Option<Vec<Derivation>>) {
        let devices = person.devices.values();
        let certificates: Vec<_> = devices.map(|device| admitted.get(&device.id)).collect();
        let premises = premise(&(self.common, person.declared, certificates));
        let standing = (self.standing)(&person.name, &premises).map(|artifacts| {
            let artifacts = artifacts.into_iter();
            let standing =
                artifacts.map(|(path, mode)| Derivation::new(path, mode, Recipe::Standing));
            standing.collect()
        });
        (premises, standing)
    }
}

/// The hash of all that is hashed of a value: a field that is added to its type has a part in it from then on.
fn premise(value: &impl std::hash::Hash) -> Hash {
    let mut premise = Premise(Hasher::new_from_context_key(&CONTEXT));
    value.hash(&mut premise);
    premise.0.finalize()
}

/// BLAKE3 of what the standard library's way of hashing gives it.
struct Premise(Hasher);

impl std::hash::Hasher for Premise {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("64 bits would be too few")
    }
}
