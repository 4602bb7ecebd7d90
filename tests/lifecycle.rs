//! What becomes of certificates in time.

mod support;

#[path = "lifecycle/brake.rs"]
mod brake;
#[path = "lifecycle/merges.rs"]
mod merges;
#[path = "lifecycle/merging.rs"]
mod merging;
#[path = "lifecycle/renewal.rs"]
mod renewal;
#[path = "lifecycle/rotation.rs"]
mod rotation;
#[path = "lifecycle/status.rs"]
mod status;
