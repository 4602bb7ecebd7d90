//! What becomes of certificates in time.

mod support;

#[path = "lifecycle/status.rs"]
mod status;
