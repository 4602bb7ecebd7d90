//! Randomness, which is drawn here and nowhere else.
//!
//! All that a homelab makes is derived from what these functions give, so that whoever asks what is not reproducible has one
//! file to read. What `age` draws to encrypt homelab.age is its own, and nothing is derived from it.

use miette::Diagnostic;
use thiserror::Error;

use crate::diagnostic::Failure;
use crate::root::{Identity, IssuanceId, IssuanceIds, RootSecret};
use crate::share::SecretPath;

#[derive(Debug, Error, Diagnostic)]
#[error("the system gives no random bytes")]
#[diagnostic(code("root::no-randomness"), help("try again later"))]
struct NoRandomness;

pub(crate) fn root_secret() -> Result<RootSecret, Failure> {
    bytes().map(RootSecret::new)
}

/// An age identity; `age` draws it from the same source.
pub(crate) fn identity() -> Identity {
    Identity::generate()
}

pub(crate) fn issuance_id() -> Result<IssuanceId, Failure> {
    bytes().map(IssuanceId::new)
}

/// As many issuance ids as are wanted.
pub(crate) fn issuance_ids() -> Result<IssuanceIds, Failure> {
    bytes().map(|seed| IssuanceIds::from_seed(&seed))
}

/// A path for what is shared.
pub(crate) fn secret_path() -> Result<SecretPath, Failure> {
    bytes().map(SecretPath::new)
}

fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let drawn = getrandom::fill(&mut bytes);
    drawn.map_err(|_| Failure::environment(NoRandomness))?;
    Ok(bytes)
}
