//! Who came, as an upstream is told: what is declared of a person, and never what a visitor says of itself.

use std::path::PathBuf;

use crate::family::Family;
use crate::support::caddy::{Caddy, Version};
use crate::support::upstream::Arrival;
use crate::wire::{Exchange, Wire, exchange};

/// What no arrival may hold in a header of identity.
const FORGED: &str = "mallory";

/// Headers with which a visitor may claim to be somebody, or have the edge's own taken away: each a head's lines, a space before `\n`
/// being part of the line.
const CLAIMS: [&str; 44] = [
    "X-Nothing: claimed",
    "Remote-User: mallory",
    "remote-user: mallory",
    "REMOTE-USER: mallory",
    "rEMOTE-uSER: mallory",
    "Remote_User: mallory",
    "remote_user: mallory",
    "REMOTE_USER: mallory",
    "Remote.User: mallory",
    "remote.user: mallory",
    "Remote-User: mallory\nRemote-User: mallory",
    "Remote-User: mallory\nremote-user: mallory\nREMOTE_USER: mallory",
    "Remote-User: alice,mallory",
    "Remote-User:mallory",
    "Remote-User:\tmallory",
    "Remote-User: mallory\nRemote-Name: mallory\nRemote-Email: mallory\nRemote-Groups: mallory",
    "Remote_User: mallory\nRemote_Name: mallory\nRemote_Email: mallory\nRemote_Groups: mallory",
    "Remote-Groups: admins,mallory",
    "Remote_Groups: admins,mallory",
    "Remote.Groups: admins,mallory",
    "Remote-Name: mallory",
    "Remote.Name: mallory",
    "Remote-Email: mallory",
    "remote_email: mallory",
    "Remote-Anything: mallory",
    "RemoteUser: mallory",
    "Remote~User: mallory",
    "Remote'User: mallory",
    "Remote|User: mallory",
    "Remote: mallory",
    "Connection: Remote-User",
    "Connection: remote-user\nRemote-User: mallory",
    "Connection: Remote-User, Remote-Name, Remote-Email, Remote-Groups",
    "Connection: close, Remote-User\nRemote_User: mallory",
    "Connection: Remote-User\nConnection: Remote-Groups",
    "Connection: keep-alive, Remote-Groups\nRemote-Groups: mallory",
    "Keep-Alive: Remote-User\nConnection: Keep-Alive, Remote-User",
    "TE: trailers\nTrailer: Remote-User\nRemote-User: mallory",
    "Proxy-Connection: Remote-User",
    "Remote-User : mallory",
    "Remote User: mallory",
    "X-Folded: a\n Remote-User: mallory",
    "X-Folded: a\n\tRemote-User: mallory",
    "\u{212a}emote-User: mallory",
];

/// A way to an upstream.
struct Route {
    host: &'static str,
    service: &'static str,
    target: &'static str,
    /// Whose device comes.
    device: Option<(&'static str, &'static str)>,
    /// What the upstream is told: Remote-User, -Name, -Email and -Groups.
    told: Option<[&'static str; 4]>,
}

const ALICE: [&str; 4] = [
    "alice",
    "Alice Liddell",
    "alice@example.com",
    "admins,family",
];
const BOB: [&str; 4] = [
    "bob",
    "Bob \"the Builder\" Muñoz",
    "bob@home.example.com",
    "family",
];

const fn route(
    host: &'static str,
    service: &'static str,
    target: &'static str,
    device: Option<(&'static str, &'static str)>,
    told: Option<[&'static str; 4]>,
) -> Route {
    Route {
        host,
        service,
        target,
        device,
        told,
    }
}

#[rustfmt::skip]
const ROUTES: [Route; 9] = [
    route("stats.home.example.com",     "grafana",        "/",        Some(("alice", "pixel")),     Some(ALICE)),
    route("stats.home.example.com",     "grafana",        "/x?y",     Some(("bob", "desktop")),     Some(BOB)),
    route("immich.home.example.com",    "immich",         "/",        Some(("carol", "old-phone")), None),
    route("immich.home.example.com",    "immich",         "/share/x", None,                         None),
    route("paperless.home.example.com", "paperless",      "/",        Some(("alice", "macbook")),   None),
    route("ha.home.example.com",        "home-assistant", "/",        None,                         None),
    route("ha.home.example.com",        "home-assistant", "/",        Some(("guest", "tablet")),    None),
    route("jellyfin.home.example.com",  "jellyfin",       "/",        None,                         None),
    route("www.home.example.com",       "website",        "/",        None,                         None),
];

const TOLD: [&str; 4] = [
    "Remote-User",
    "Remote-Name",
    "Remote-Email",
    "Remote-Groups",
];

/// What is wrong with what the upstreams were told; loopback is the LAN.
pub fn forgeries(family: &Family, caddy: &Caddy) -> Vec<String> {
    let mut wrong = Vec::new();
    for route in &ROUTES {
        let pem = route
            .device
            .map(|(person, device)| family.bundle(person, device).pem(&family.lab.home()));
        let claims = CLAIMS.map(|claim| {
            let (host, target, claim) = (route.host, route.target, claim.replace('\n', "\r\n"));
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{claim}\r\n\r\n").into_bytes()
        });
        let open = || Wire::named(caddy, route.host).maybe_pem(pem.as_ref());
        for (claim, exchange) in
            CLAIMS
                .iter()
                .zip(exchange(&family.upstreams, route.host, open, &claims))
        {
            let fault = forged(route, claim, &exchange);
            wrong.extend(fault.map(|fault| format!("{} {claim:?}: {fault}", route.host)));
        }
        wrong.extend(trailing(family, caddy, route, pem.as_ref()));
    }
    wrong.extend(over_http2(family, caddy));
    wrong
}

fn forged(
    route: &Route,
    claim: &str,
    Exchange {
        status, arrivals, ..
    }: &Exchange,
) -> Option<String> {
    // Go takes no blank in a header's name, nor letters beyond ASCII.
    let malformed = claim.contains("User :") || claim.contains("Remote User") || !claim.is_ascii();
    match &arrivals[..] {
        [] if malformed => (*status != Some(400)).then(|| format!("{status:?} and not 400")),
        [(service, arrival)] if *service == route.service => misinformed(route, arrival),
        _ => Some(format!("{status:?}, {} arrivals", arrivals.len())),
    }
}

/// A claim in the trailers of a chunked body, which only who may send bodies can try.
fn trailing(
    family: &Family,
    caddy: &Caddy,
    route: &Route,
    pem: Option<&PathBuf>,
) -> Option<String> {
    let Route { host, target, .. } = route;
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    );
    let trailers = "Remote-User: mallory\r\nremote_groups: mallory\r\nRemote.Name: mallory\r\n";
    let sent = format!(
        "{head}Trailer: Remote-User, remote_groups, Remote.Name\r\n\r\n1\r\nx\r\n0\r\n{trailers}\r\n"
    );
    let (reply, arrivals) = family.arriving(|| Wire::named(caddy, host).maybe_pem(pem).send(&sent));
    let fault = match &arrivals[..] {
        [(service, arrival)] if *service == route.service => misinformed(route, arrival),
        // The path is public for reading only.
        [] if route.target == "/share/x" => None,
        _ => Some("not one arrival".to_owned()),
    };
    fault.map(|fault| {
        format!(
            "{host} in trailers: {fault}: {:?} {arrivals:?}",
            reply.statuses
        )
    })
}

/// HTTP/2 brings names in small letters, and no `Connection`.
fn over_http2(family: &Family, caddy: &Caddy) -> Vec<String> {
    let alice = family.bundle("alice", "pixel");
    let names = [
        "remote-user",
        "remote_user",
        "remote.user",
        "remote-groups",
        "remote_groups",
    ];
    let visits = ROUTES
        .iter()
        .filter(|route| !matches!(route.device, Some((person, _)) if person != "alice"));
    visits
        .filter_map(|route| {
            let mut curl = caddy.visit(route.host, route.target);
            if route.device.is_some() {
                curl = curl.p12(&alice.path, &alice.password);
            }
            for name in names {
                curl = curl.header(name, FORGED);
            }
            let answer = curl.run();
            let fault = misinformed(route, &answer.has_status(200).arrival());
            fault.map(|fault| format!("{} over HTTP/2: {fault}", route.host))
        })
        .collect()
}

/// What is wrong with the headers of identity that arrived.
fn misinformed(route: &Route, arrival: &Arrival) -> Option<String> {
    // As an upstream may read them that makes variables of headers' names (RFC 3875 §4.1.18).
    let is_identity = |name: &str| {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        name.to_lowercase().starts_with("remote")
    };
    let mut found: Vec<(&str, &str)> = arrival
        .headers
        .iter()
        .filter(|(name, value)| {
            is_identity(name) || value.contains(FORGED) && !name.starts_with("X-Folded")
        })
        .map(|(name, value)| (&name[..], &value[..]))
        .collect();
    let mut expected: Vec<(&str, &str)> = match route.told {
        Some(told) => TOLD.into_iter().zip(told).collect(),
        None => Vec::new(),
    };
    found.sort_unstable();
    expected.sort_unstable();
    (found != expected).then(|| format!("told {found:?}, should be {expected:?}"))
}

fn holds(version: Version) {
    let family = Family::at_home();
    let caddy = family.serve(version);
    crate::assert_none(&forgeries(&family, &caddy));
}

#[test]
fn upstreams_are_told_who_came_by_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn upstreams_are_told_who_came_by_the_new_caddy() {
    holds(Version::New);
}
