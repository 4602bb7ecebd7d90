//! What the integration tests share: a homelab in a directory of its own, snapshots of trees, and real programs (Caddy, curl,
//! openssl, …) that say what they think of the output. A program that is missing fails the test: `tests/run` installs it.
//!
//! | module | gives |
//! |---|---|
//! | [`lab`] | one homelab: its declaration, its environment, its commands |
//! | [`lock`] | lines of a lock, signed and not |
//! | [`outcome`] | what a command did, with assertions that show all of it |
//! | [`files`] | trees compared by content, kind and mode |
//! | [`tools`] | the programs of others |
//! | [`caddy`] | a running Caddy of either version, and a generated Caddyfile made to listen on free ports |
//! | [`clock`] | a clock that the test sets, for a running Caddy too |
//! | [`upstream`] | the web server behind Caddy; it tells what arrived |
//! | [`server`] | a server of a test's own in another process, which prints its port |
//! | [`tls_front`] | TLS before an upstream |
//! | [`curl`] | a visitor, with a certificate or without |
//! | [`recipe`] | an authority and certificates that openssl has made, as people do by hand |
//! | [`port`] | ports that no other test has |
//! | [`random`] | numbers that look like chance, the same in every run |
//! | [`wait`] | waiting for another process |

#![allow(dead_code, reason = "each test binary uses a part of these modules")]

pub mod caddy;
pub mod clock;
pub mod curl;
pub mod edge_files;
pub mod files;
pub mod lab;
pub mod lock;
pub mod outcome;
pub mod port;
pub mod random;
pub mod recipe;
pub mod server;
pub mod tls_front;
pub mod tools;
pub mod upstream;
pub mod wait;
