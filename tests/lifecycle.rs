//! What becomes of certificates in time.

mod support;

#[path = "lifecycle/adoption.rs"]
mod adoption;
#[path = "lifecycle/agreement.rs"]
mod agreement;
#[path = "lifecycle/brake.rs"]
mod brake;
#[path = "lifecycle/fingerprints.rs"]
mod fingerprints;
#[path = "lifecycle/guests.rs"]
mod guests;
#[path = "lifecycle/kinds.rs"]
mod kinds;
#[path = "lifecycle/merges.rs"]
mod merges;
#[path = "lifecycle/merging.rs"]
mod merging;
#[path = "lifecycle/metrics.rs"]
mod metrics;
#[path = "lifecycle/plan.rs"]
mod plan;
#[path = "lifecycle/renewal.rs"]
mod renewal;
#[path = "lifecycle/requests.rs"]
mod requests;
#[path = "lifecycle/returning.rs"]
mod returning;
#[path = "lifecycle/rotation.rs"]
mod rotation;
#[path = "lifecycle/sealing.rs"]
mod sealing;
#[path = "lifecycle/status.rs"]
mod status;
#[path = "lifecycle/tamper.rs"]
mod tamper;
