//! What a build would alter, told beforehand and without the secret: the lock ([`foresee`]), the
//! artifacts ([`Step`]), and what that means for people ([`between`]).
//!
//! The means are those of a build: the lock goes through the same steps, with certificates of an
//! authority that is thrown away in place of those that only the secret can make; what is planned for it is held
//! against the tree. What people are told comes from comparing what the tree says it was built for with
//! what it would be built for, so that `plan` before a build and `build` itself say the same.

mod access;
mod artifacts;
mod foresee;
mod former;
mod people;
#[cfg(test)]
mod tests;

pub use artifacts::{Step, Verb, steps};
pub use foresee::{Foreseen, LockChanges, foresee};
pub use former::PreviousBuild;
pub use people::{Consequence, Kind, Known, between, of_devices, outdated_authority};
