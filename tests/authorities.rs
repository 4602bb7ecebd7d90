//! Certificates of authorities that others made: `homelab adopt` takes one where every Caddy loads it and lets in whom it has signed.
//!
//! | module | holds |
//! |---|---|
//! | `der` | a small writer of DER, which writes wrong DER as well |
//! | `sketch` | a certificate as its parts, of which each can be something else |
//! | `keys` | the keys that such certificates have, and what they sign |
//! | `changes` | what can be odd about a certificate |
//! | `caddies` | two real Caddys, asked about one certificate after the other |
//! | `remedies` | what a refusal advises, done as it says |
//! | `differential` | what `adopt` and the Caddys say, side by side |

mod support;

#[path = "authorities/caddies.rs"]
mod caddies;
#[path = "authorities/changes.rs"]
mod changes;
#[path = "authorities/der.rs"]
mod der;
#[path = "authorities/differential.rs"]
mod differential;
#[path = "authorities/keys.rs"]
mod keys;
#[path = "authorities/remedies.rs"]
mod remedies;
#[path = "authorities/sketch.rs"]
mod sketch;
