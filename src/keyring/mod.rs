//! homelab.age on this machine: opened once and only where it is needed, sealed again to whom it should be, made where there is
//! none, and used to bring the lock up to date.
//!
//! Apart from [`crate::root`], which knows what the secrets are and what is derived from them, because this is about files that
//! must not be lost: in which order they are written, and what is tried before one takes the place of another. Apart from the
//! command line, because none of it depends on how somebody has asked. Where the identity is and how a passphrase is asked for it
//! is told ([`Means`]).

mod command;
mod create;
pub(crate) mod export;
mod identity;
mod open;
mod password;
mod seal;
mod standing;
mod told;
mod update;

pub(crate) use command::TRIED;
pub(crate) use create::{CreatedRoot, create, create_for_identity, establish};
pub(crate) use identity::IdentityPlace;
pub(crate) use open::Means;
pub(crate) use password::{issued_to, password};
pub(crate) use seal::{SealsTo, Wanted};
pub(crate) use standing::{SealedRoot, begun, complete_pending, standing};
pub(crate) use update::Updating;
