//! Upstreams that read a path each in their own way: none of them ever answers for a path that was not granted.
//!
//! What arrives, each of them says under which names it could answer it: Python and Node by many readings that servers are known for,
//! nginx and Caddy, which is Go's, by the one of their own.

#[path = "readers/servers.rs"]
mod servers;

use std::collections::{BTreeMap, BTreeSet};

use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::random::Random;
use crate::wire::{Wire, request};
use servers::Servers;

/// A request, and the names under which its upstream could answer it; none where the edge refuses it.
struct Read {
    target: String,
    names: Option<BTreeSet<String>>,
}

/// What targets are put together of: names that have a policy, and how somebody could spell what stands between them.
const PIECES: [&str; 64] = [
    "/",
    "/",
    "/",
    "/",
    "share",
    "share",
    "admin",
    "admin",
    "up",
    "upX",
    "x",
    "y.z",
    "..",
    "..",
    "..",
    ".",
    "%2e",
    "%2E",
    ".%2e",
    "%2f",
    "%2F",
    "%5c",
    "\\",
    ";",
    ";x",
    "%3b",
    "?",
    "%3f",
    "#",
    "%23",
    "%00",
    "%09",
    "%0a",
    "%7f",
    "%20",
    "%20",
    "+",
    "%25",
    "%252e",
    "%252f",
    "%25252e",
    "%c0%ae",
    "%c0%af",
    "%e0%80%ae",
    "%ff",
    "%ef%bc%8e",
    "%ef%bc%8f",
    "%e2%80%a4",
    "%e2%80%a5",
    "%c2%a0",
    "%e2%80%8b",
    "%c2%ad",
    "//",
    "/./",
    "Share",
    "ADMIN",
    "%61dmin",
    "adm%69n",
    "%73hare",
    "(S(x))",
    "::$DATA",
    ".json",
    "%C3%BC",
    "%c3%a1dmin",
];

/// Paths that some reader or other has taken for another one.
const KNOWN: [&str; 28] = [
    "/share/..;/admin/x",
    "/share/%2e%2e/admin/x",
    "/share/..%2fadmin/x",
    "/share/..%5cadmin/x",
    "/share/%252e%252e/admin",
    "/share/.%2e;x/admin",
    "/share/%20../admin",
    "/share/x/../../admin",
    "/share//../admin",
    "/share/%ef%bc%8e%ef%bc%8e/admin",
    "/share/x%ef%bc%8f..%ef%bc%8f..%ef%bc%8fadmin",
    "/share/%e2%80%a5/admin",
    "/share/%c0%ae%c0%ae/admin",
    "//share/admin",
    "//x/admin",
    "///admin",
    "/\\admin",
    "/%5cadmin",
    "/%2fadmin",
    "/ADMIN/x",
    "/%61dmin",
    "/admin;x/y",
    "/;x/admin",
    "/./admin",
    "/admin.json",
    "/admin%00x",
    "/%c3%a1dmin/",
    "/(S(x))/admin",
];

/// Plain ones, which pass.
const PLAIN: [&str; 9] = [
    "/share/x",
    "/share/My%20Photos/IMG%201.jpg",
    "/share/%C3%BC/%e2%82%ac.txt",
    "/share/!room:other.org/@bob",
    "/share/a;b=c/d",
    "/share/$&'()*+,=~",
    "/upX",
    "/up%C3%BC;x",
    "/share/",
];

/// How many are made up for each upstream and each Caddy, beside those that are known.
const MADE_UP: usize = 2000;

/// The targets, the same in every run.
fn targets() -> Vec<String> {
    let mut random = Random(13);
    let mut targets: Vec<String> = KNOWN
        .iter()
        .chain(&PLAIN)
        .map(ToString::to_string)
        .collect();
    while targets.len() < MADE_UP + KNOWN.len() + PLAIN.len() {
        let start = ["/", "/share/", "/share/x", "/up", "/share"][random.below(5)];
        let pieces = 1 + random.below(6);
        let rest = (0..pieces).map(|_| PIECES[random.below(PIECES.len())]);
        let target = start.to_owned() + &rest.collect::<String>();
        targets.push(target);
    }
    targets
}

/// Sends all targets to one host, over as few connections as the server leaves open.
fn read(
    caddy: &Caddy,
    host: &str,
    pem: Option<&std::path::PathBuf>,
    targets: &[String],
) -> Vec<Read> {
    let mut all: Vec<Read> = Vec::new();
    while all.len() < targets.len() {
        let rest = &targets[all.len()..];
        let get = |target: &String| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let sent: String = rest.iter().map(get).collect();
        let sent = sent + &request("GET", "/end", host);
        let reply = Wire::named(caddy, host).maybe_pem(pem).send(&sent);
        assert!(!reply.answers.is_empty(), "{}", reply.text);
        for (target, answer) in rest.iter().zip(&reply.answers) {
            let names = answer.split_once("\nread ").map(|(_, names)| {
                let (names, _) = names.split_once('.').expect("it ends in a dot");
                names.split(' ').map(str::to_owned).collect()
            });
            all.push(Read {
                target: target.clone(),
                names,
            });
        }
    }
    all
}

fn only_what_is_public(version: Version) {
    let servers = Servers::start();
    let services = servers.all().map(|(name, address)| {
        format!(
            "service \"{name}\" {{ upstream \"http://{address}\"; allow \"alice\"; public \"/share/*\" \"/up*\"; }}\n"
        )
    });
    let house = House::new(&format!(
        "domain \"home.example.com\"\nedge {{ caddy \"2.6\"; }}\nperson \"alice\" {{ device \"laptop\" platform=\"linux\"; }}\n{}",
        services.concat()
    ));
    let caddy = house.serve(version);
    let targets = targets();
    let granted = BTreeSet::from(["share".to_owned(), "up".to_owned()]);
    let mut wrong = Vec::new();
    for (name, _) in servers.all() {
        let reads = read(&caddy, &format!("{name}.home.example.com"), None, &targets);
        let passed: BTreeMap<&str, &BTreeSet<String>> = { reads.iter() }
            .filter_map(|read| Some((read.target.as_str(), read.names.as_ref()?)))
            .collect();
        for plain in PLAIN {
            if !passed.contains_key(plain) {
                wrong.push(format!("{name}: {plain} does not pass"));
            }
        }
        for (target, names) in &passed {
            if !names.is_subset(&granted) {
                wrong.push(format!("{name}: {target} is read as {names:?}"));
            }
        }
        assert!(passed.len() > PLAIN.len() + 20, "{name}: {}", passed.len());
    }
    crate::assert_none(&wrong);
}

#[test]
fn no_upstream_answers_for_what_is_not_public_behind_the_old_caddy() {
    only_what_is_public(Version::Old);
}

#[test]
fn no_upstream_answers_for_what_is_not_public_behind_the_new_caddy() {
    only_what_is_public(Version::New);
}
