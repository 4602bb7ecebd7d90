//! Upstreams that read a path each in their own way: none of them ever answers for a path that was not granted.
//!
//! What arrives, each of them says under which names it could answer it: Python and Node by many readings that servers are known for,
//! nginx and Caddy, which is Go's, by the one of their own.

#[path = "readers/servers.rs"]
pub mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

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
pub const PIECES: [&str; 64] = [
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
pub const KNOWN: [&str; 28] = [
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
pub const PLAIN: [&str; 9] = [
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
pub fn targets() -> Vec<String> {
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
fn read_by(
    caddy: &Caddy,
    host: &str,
    (method, pem): (&str, Option<&PathBuf>),
    targets: &[String],
) -> Vec<Read> {
    let mut all: Vec<Read> = Vec::new();
    while all.len() < targets.len() {
        // A server that is slow has its time.
        let rest = &targets[all.len()..];
        let rest = &rest[..rest.len().min(400)];
        let get = |target: &String| {
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n")
        };
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

/// Each server behind a service of its name, with this policy.
fn declared(servers: &Servers, policy: &str) -> String {
    let service = |(name, address): (&str, String)| {
        format!("service \"{name}\" {{ upstream \"http://{address}\"; {policy} }}\n")
    };
    let services = servers.all().map(service).concat();
    format!(
        r#"
        domain "home.example.com"
        edge {{ caddy "2.6"; }}
        person "alice" {{ device "laptop" platform="linux"; }}
        person "bob" {{ device "laptop" platform="linux"; }}
        {services}
        "#
    )
}

/// Alice's certificate and key, and bob's.
fn laptops(house: &House) -> [PathBuf; 2] {
    ["alice", "bob"].map(|person| house.bundle(person, "laptop").pem(&house.lab.home()))
}

fn only_what_is_public(version: Version) {
    let servers = Servers::start();
    let house = House::new(&declared(
        &servers,
        r#"allow "alice"; public "/share/*" "/up*""#,
    ));
    let caddy = house.serve(version);
    let targets = targets();
    let granted = BTreeSet::from(["share".to_owned(), "up".to_owned()]);
    let mut wrong = Vec::new();
    for (name, _) in servers.all() {
        let host = format!("{name}.home.example.com");
        let reads = read_by(&caddy, &host, ("GET", None), &targets);
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

/// Paths that no upstream takes for another one, though they look strange.
pub const APART: [&str; 14] = [
    "/",
    "/x",
    "/x/admin",
    "/administrator",
    "/admin-x/y",
    "/x/.git/config",
    "/.well-known/x",
    "/a/b%2Fc/d",
    "/a//b/",
    "/%E6%96%87%E4%BB%B6/x",
    "/Stra%C3%9Fe/x;y",
    "/a/100%25",
    "/x/a.b.c",
    "/api/[x]",
];

/// What is plainly below `/admin/`, and what some upstream could take for it.
pub const ADMIN: [&str; 28] = [
    "/admin/x",
    "/admin/",
    "/admin",
    "/ADMIN/x",
    "/%61dmin/x",
    "/admin;x/y",
    "/admin.json",
    "/admin%20/x",
    "/admin::$INDEX_ALLOCATION/x",
    "/;x/admin/y",
    "/./admin/x",
    "/x/../admin/x",
    "/x/%2e%2e/admin",
    "/x/..;/admin",
    "/x/..%2fadmin",
    "/x%5c..%5cadmin",
    "/x/%252e%252e/admin",
    "//x/admin",
    "/%2fx/admin",
    "/%5cx/admin",
    "/%c3%a1dmin/x",
    "/%ef%bd%81dmin/x",
    "/adm%c4%b1n/x",
    "/admin%00/x",
    "/%c0%ae%c0%ae/admin",
    "/(S(x))/admin/x",
    "/index.php/admin/x",
    "/cgi-bin.cgi/ADMIN;x",
];

/// Behind a service of which one path is narrower, and one wider for some methods.
fn narrowed(version: Version) {
    let servers = Servers::start();
    let house = House::new(&declared(
        &servers,
        r#"
        open "everyone"
        path "/admin/*" { allow "alice"; }
        path "/hooks/*" { open "everyone" methods="POST"; }
        "#,
    ));
    let caddy = house.serve(version);
    let [alice, bob] = laptops(&house);
    let mut targets = targets();
    targets.extend(APART.into_iter().chain(ADMIN).map(str::to_owned));
    let mut wrong = Vec::new();
    for (name, _) in servers.all() {
        let host = format!("{name}.home.example.com");
        for (who, pem, method) in [
            ("nobody", None, "GET"),
            ("nobody", None, "POST"),
            ("bob", Some(&bob), "GET"),
            ("alice", Some(&alice), "GET"),
        ] {
            // Whoever has no certificate is tried in full, for each method; the others by a part.
            let some: Vec<String> = match who {
                "nobody" if method == "GET" => targets.clone(),
                _ => targets.iter().rev().take(400).cloned().collect(),
            };
            let reads = read_by(&caddy, &host, (method, pem), &some);
            let mut passed = 0;
            for read in &reads {
                let Some(names) = &read.names else {
                    let must = APART.contains(&&read.target[..])
                        || who == "alice" && read.target == "/admin/x";
                    if must {
                        wrong.push(format!(
                            "{who} {method} {name}: {} does not pass",
                            read.target
                        ));
                    }
                    continue;
                };
                passed += 1;
                let is_granted = |name: &str| match name {
                    "admin" => who == "alice",
                    "hooks" => method == "POST",
                    _ => true,
                };
                if !names.iter().all(|name| is_granted(name)) {
                    wrong.push(format!(
                        "{who} {method} {name}: {} is read as {names:?}",
                        read.target
                    ));
                }
            }
            assert!(passed > 50, "{who} {method} {name}: {passed}");
        }
    }
    crate::assert_none(&wrong);
}

/// Behind a service that is guarded, and of which one path is open.
fn widened(version: Version) {
    let servers = Servers::start();
    let house = House::new(&declared(
        &servers,
        r#"allow "alice"; path "/share/*" { open "everyone"; }; path "/admin/*" { allow "bob"; }"#,
    ));
    let caddy = house.serve(version);
    let [alice, bob] = laptops(&house);
    let mut targets = targets();
    targets.extend(ADMIN.map(str::to_owned));
    let mut wrong = Vec::new();
    for (name, _) in servers.all() {
        let host = format!("{name}.home.example.com");
        for (who, pem, granted) in [
            ("nobody", None, &["share"][..]),
            ("bob", Some(&bob), &["share", "admin"]),
            ("alice", Some(&alice), &["share", "up", "hooks", "other"]),
        ] {
            let reads = read_by(&caddy, &host, ("GET", pem), &targets);
            let passed: Vec<_> = { reads.iter() }
                .filter_map(|read| Some((&read.target, read.names.as_ref()?)))
                .collect();
            for (target, names) in &passed {
                if !names.iter().all(|name| granted.contains(&&name[..])) {
                    wrong.push(format!("{who} {name}: {target} is read as {names:?}"));
                }
            }
            for plain in PLAIN.iter().filter(|plain| plain.starts_with("/share/")) {
                if !passed.iter().any(|(target, _)| target == plain) {
                    wrong.push(format!("{who} {name}: {plain} does not pass"));
                }
            }
        }
    }
    crate::assert_none(&wrong);
}

#[test]
fn no_upstream_answers_for_a_narrower_path_behind_the_old_caddy() {
    narrowed(Version::Old);
}

#[test]
fn no_upstream_answers_for_a_narrower_path_behind_the_new_caddy() {
    narrowed(Version::New);
}

#[test]
fn no_upstream_answers_for_more_than_a_wider_path_behind_the_old_caddy() {
    widened(Version::Old);
}

#[test]
fn no_upstream_answers_for_more_than_a_wider_path_behind_the_new_caddy() {
    widened(Version::New);
}
