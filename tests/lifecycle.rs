//! What becomes of certificates in time.

mod support;

#[path = "lifecycle/merging.rs"]
mod merging;
#[path = "lifecycle/renewal.rs"]
mod renewal;
#[path = "lifecycle/status.rs"]
mod status;
