//! The forms, each a function from the subject to the places where it stands.

pub(super) mod addresses;
pub(super) mod admin;
pub(super) mod checks;
pub(super) mod handshake;
pub(super) mod order;
pub(super) mod paths;
pub(super) mod upstreams;
pub(super) mod ways;
