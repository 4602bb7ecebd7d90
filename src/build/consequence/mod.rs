//! What a build means for people, from comparing what the tree says it was built for with what it would be built for: `plan` before
//! a build and `build` itself say the same.

mod access;
mod edges;
mod people;
mod previous;
mod reach;
mod service;
#[cfg(test)]
mod tests;

pub(crate) use edges::BuiltEdges;
pub(crate) use people::{Consequence, Kind, between};
pub(super) use people::{of_devices, outdated_authority};
pub(super) use previous::PreviousBuild;
