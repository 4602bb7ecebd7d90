//! The files beside the declaration: held by others, reached by links, rewritten by git and editors, on file systems of all kinds, and at
//! all times.

mod support;

#[path = "state/clocks.rs"]
mod clocks;
#[path = "state/endings.rs"]
mod endings;
#[path = "state/holding.rs"]
mod holding;
#[path = "state/home.rs"]
mod home;
#[path = "state/links.rs"]
mod links;
#[path = "state/memory.rs"]
mod memory;
#[path = "state/pushed.rs"]
mod pushed;
#[path = "state/races.rs"]
mod races;
#[path = "state/stress.rs"]
mod stress;
#[path = "state/systems.rs"]
mod systems;
#[path = "state/verified.rs"]
mod verified;
