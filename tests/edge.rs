//! The generated Caddyfile before the oldest and the current Caddy: who gets in where, and who does not.
//!
//! Each check is a function that gives what is wrong as lines; a test wants none, and `mutants` wants some from a Caddyfile that has
//! been weakened on purpose.
//!
//! | module | holds |
//! |---|---|
//! | `family` | the home of `examples/family`, built, with an upstream per service |
//! | `house` | any other declaration, built and served |
//! | `described` | what Caddy makes of a Caddyfile, as text |
//! | `policy` | the same home as a table written by hand: what each visitor is to get |
//! | `generated` | declarations that a machine made up, and what each is to come to |
//! | `lemonldap` | a real gateway, with its portal, its users and its sessions |
//! | `wire` | requests that no well-behaved client sends |
//! | the others | one subject each |

mod support;

#[path = "edge/acme.rs"]
mod acme;
#[path = "edge/adoption.rs"]
mod adoption;
#[path = "edge/apart.rs"]
mod apart;
#[path = "edge/asked_paths.rs"]
mod asked_paths;
#[path = "edge/audiences.rs"]
mod audiences;
#[path = "edge/behind.rs"]
mod behind;
#[path = "edge/beside.rs"]
mod beside;
#[path = "edge/classes.rs"]
mod classes;
#[path = "edge/described.rs"]
mod described;
#[path = "edge/family.rs"]
mod family;
#[path = "edge/files.rs"]
mod files;
#[path = "edge/gateway.rs"]
mod gateway;
#[path = "edge/generated.rs"]
mod generated;
#[path = "edge/git.rs"]
mod git;
#[path = "edge/headers.rs"]
mod headers;
#[path = "edge/holes.rs"]
mod holes;
#[path = "edge/home_assistant.rs"]
mod home_assistant;
#[path = "edge/hostile.rs"]
mod hostile;
#[path = "edge/hosts.rs"]
mod hosts;
#[path = "edge/house.rs"]
mod house;
#[path = "edge/identity.rs"]
mod identity;
#[path = "edge/kinds.rs"]
mod kinds;
#[path = "edge/lan.rs"]
mod lan;
#[path = "edge/lemonldap.rs"]
mod lemonldap;
#[path = "edge/lives.rs"]
mod lives;
#[path = "edge/matrix.rs"]
mod matrix;
#[path = "edge/mutants.rs"]
mod mutants;
#[path = "edge/namesakes.rs"]
mod namesakes;
#[path = "edge/networks.rs"]
mod networks;
#[path = "edge/nginx.rs"]
mod nginx;
#[path = "edge/ntfy.rs"]
mod ntfy;
#[path = "edge/older.rs"]
mod older;
#[path = "edge/own.rs"]
mod own;
#[path = "edge/pages.rs"]
mod pages;
#[path = "edge/pick_up.rs"]
mod pick_up;
#[path = "edge/policy.rs"]
mod policy;
#[path = "edge/public.rs"]
mod public;
#[path = "edge/radicale.rs"]
mod radicale;
#[path = "edge/readers.rs"]
mod readers;
#[path = "edge/rotation.rs"]
mod rotation;
#[path = "edge/routes.rs"]
mod routes;
#[path = "edge/scale.rs"]
mod scale;
#[path = "edge/sessions.rs"]
mod sessions;
#[path = "edge/sign_in.rs"]
mod sign_in;
#[path = "edge/sign_in_attacks.rs"]
mod sign_in_attacks;
#[path = "edge/sign_in_real.rs"]
mod sign_in_real;
#[path = "edge/synapse.rs"]
mod synapse;
#[path = "edge/upgrades.rs"]
mod upgrades;
#[path = "edge/upstreams.rs"]
mod upstreams;
#[path = "edge/verify.rs"]
mod verify;
#[path = "edge/weakenings.rs"]
mod weakenings;
#[path = "edge/wildcard.rs"]
mod wildcard;
#[path = "edge/wire.rs"]
mod wire;
#[path = "edge/words.rs"]
mod words;

/// Fails with all the lines where there is any.
#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
