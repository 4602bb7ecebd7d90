//! Bringing the edge to the host of its Caddy, and back.
//!
//! One shell on the host runs `host.sh` as long as the connection stands ([`Session`]); a [`Release`] is brought to it and served
//! step by step ([`Attempt`]), and what was served before is put back where a step fails. Whether a release may be served, by what
//! the one before has shut out, is judged in `judgement`.
//!
//! It asks nobody, prints nothing and opens no socket of its own.

mod config;
mod error;
mod judgement;
mod orders;
mod release;
mod run;
mod session;
mod targets;

pub(crate) use error::DeployError;
pub(crate) use judgement::{Declared, refuse_return, unkept};
pub(crate) use orders::{Standing, Unkept, Way};
pub(crate) use release::Release;
pub(crate) use run::{Attempt, Event, Fallen, First, Serves};
pub(crate) use session::Session;
pub(crate) use targets::{Target, targets};
