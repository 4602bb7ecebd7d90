//! Another protocol on the same connection: after `101` Caddy passes bytes on, and no policy stands between a visitor and an upstream.
//!
//! A websocket is what an allowed visitor needs. HTTP/2 in the clear is what nobody does (RFC 9113 §3.1 gave it up), but an upstream that
//! takes it would be spoken to by a visitor directly: any path, any method, any Remote-User.

use crate::family::Family;
use crate::support::caddy::{Caddy, Version};
use crate::wire::{Wire, exchange};

/// Who asks for what, and whether the upstream is to see that it was asked for.
struct Ask {
    host: &'static str,
    target: &'static str,
    device: Option<(&'static str, &'static str)>,
    upgrade: &'static str,
    arrives: bool,
}

const IMMICH: &str = "immich.home.example.com";
const STATS: &str = "stats.home.example.com";
const ALICE: Option<(&str, &str)> = Some(("alice", "pixel"));

const fn ask(
    host: &'static str,
    target: &'static str,
    device: Option<(&'static str, &'static str)>,
    upgrade: &'static str,
    arrives: bool,
) -> Ask {
    Ask {
        host,
        target,
        device,
        upgrade,
        arrives,
    }
}

const ASKS: [Ask; 13] = [
    // Several lines: any of them would do for a matcher, and an upstream may take the first.
    ask(STATS, "/", ALICE, "h2c\r\nUpgrade: websocket", true),
    ask(STATS, "/", ALICE, "websocket\r\nUpgrade: h2c", true),
    ask(
        STATS,
        "/",
        ALICE,
        "TLS/1.2\r\nUpgrade: websocket\r\nUpgrade: h2c",
        true,
    ),
    ask(
        "www.home.example.com",
        "/",
        None,
        "h2c\r\nUpgrade: websocket",
        true,
    ),
    ask(IMMICH, "/share/x", None, "h2c\r\nUpgrade: websocket", false),
    ask(IMMICH, "/share/x", None, "h2c", false),
    ask(IMMICH, "/share/x", None, "H2C", false),
    ask(IMMICH, "/share/x", None, "h2c, websocket", false),
    ask(IMMICH, "/share/x", None, "websocket", false),
    ask(STATS, "/", ALICE, "h2c", false),
    ask(STATS, "/", ALICE, "websocket, h2c", false),
    ask(STATS, "/", ALICE, "websocket", true),
    ask(IMMICH, "/", ALICE, "websocket", true),
];

/// What an upstream was asked that it should not be, or was not asked that it should be.
pub fn tunnels(family: &Family, caddy: &Caddy) -> Vec<String> {
    ASKS.iter()
        .filter_map(|ask| {
            let pem = ask.device.map(|(person, device)| {
                family.bundle(person, device).pem(&family.lab.home())
            });
            let Ask { host, target, upgrade, .. } = ask;
            let request = format!(
                "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\
                 HTTP2-Settings: AAMAAABkAAQAAP__\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            let open = || Wire::named(caddy, host).maybe_pem(pem.as_ref());
            let exchanges = exchange(&family.upstreams, host, open, &[request.into_bytes()]);
            let arrivals = exchanges.iter().flat_map(|exchange| &exchange.arrivals);
            let upgrades: Vec<&str> = arrivals
                .flat_map(|(_, arrival)| arrival.header("Upgrade"))
                .collect();
            // Nothing but a websocket ever arrives, and that once.
            let arrived = match &upgrades[..] {
                [] => false,
                [one] if one.eq_ignore_ascii_case("websocket") => true,
                other => return Some(format!("{host}{target}: `Upgrade: {upgrade}` arrives as {other:?}")),
            };
            let should = if ask.arrives { "should" } else { "should not" };
            (arrived != ask.arrives)
                .then(|| format!("{host}{target}: `Upgrade: {upgrade}` {should} arrive"))
        })
        .collect()
}

fn holds(version: Version) {
    let family = Family::new();
    let caddy = family.serve(version);
    crate::assert_none(&tunnels(&family, &caddy));
}

#[test]
fn no_policy_is_tunnelled_under_on_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn no_policy_is_tunnelled_under_on_the_new_caddy() {
    holds(Version::New);
}
