//! `homelab lint`: each form that lets somebody in, with a Caddyfile that has it and one that has not; and whether that is so, asked of
//! real Caddys.
//!
//! | module | holds |
//! |---|---|
//! | `fixtures` | `tests/lint/forms/<form>/`, made ready for a Caddy |
//! | `forms` | what is found in each of them, on each Caddy |
//! | `proofs` | that each lets somebody in, and the other does not |
//! | `sound` | Caddyfiles of many kinds in which nothing is found, generated ones among them |
//! | `templates` | builds and `verify` where a user has templates of the edge |
//! | `command` | the command itself: what it reads, how it ends |

mod support;

#[path = "lint/command.rs"]
mod command;
#[path = "lint/fixtures.rs"]
mod fixtures;
#[path = "lint/forms.rs"]
mod forms;
#[path = "lint/proofs.rs"]
mod proofs;
#[path = "lint/sound.rs"]
mod sound;
#[path = "lint/templates.rs"]
mod templates;
