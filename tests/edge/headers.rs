//! What upstreams are told of a request in headers that they believe: the table in `docs/security.md`, walked line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::family::replaced;
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::upstream::{Arrival, Upstream};
use crate::wire::Wire;

const TABLE: &str = include_str!("../../docs/security.md");

/// What a visitor writes into each.
const FORGED: &str = "forged.example";

/// What only a proxy may say, as `request_header` removes it on every route, in the order of the file.
const PROXIES_ALONE: [&str; 93] = [
    "Remote*",
    "X-Remote-*",
    "X-WebAuth-*",
    "X-Auth-Request-*",
    "*Auth-User*",
    "*Auth-Email",
    "*Auth-Mail",
    "*Auth-Name",
    "*Auth-Group*",
    "*Auth-Role*",
    "*Auth-Subject",
    "*Authenticated-*",
    "X-Authentik-*",
    "X-Authelia-*",
    "X-Pomerium-*",
    "X-Vouch-*",
    "X-Token-User-*",
    "X-Token-Subject",
    "X-Consumer-*",
    "X-Credential-*",
    "X-MS-Client-*",
    "X-MS-Token-*",
    "X-Goog-IAP-*",
    "X-Appengine-*",
    "*Userinfo",
    "*OIDC-*",
    "*SSO-*",
    "*SAML-*",
    "Shib-*",
    "SM-*",
    "SMUser",
    "OAM-*",
    "IV-*",
    "*Tailscale-*",
    "*Impersonate-*",
    "X-Hass-*",
    "X-OpenWebUI-*",
    "X-RStudio-User*",
    "X-User",
    "X-Username",
    "X-User-Name",
    "X-User-Groups",
    "X-User-Roles",
    "*Client-Cert*",
    "*ClientCert*",
    "*Client-Verify",
    "*SSL-*",
    "X-SSL",
    "*TLS-*",
    "X-Cert*",
    "Cert",
    "*-DN",
    "*Client-IP",
    "*ClientIP",
    "*Real-IP",
    "*Connecting-IP",
    "Forwarded*",
    "X-Forward-*",
    "X-Forwarder-*",
    "X-Real-*",
    "X-Originating-*",
    "X-Custom-IP-*",
    "X-Proxy*",
    "X-Proxied*",
    "X-ARR-*",
    "X-Cluster-*",
    "CF-*",
    "X-CF-*",
    "CloudFront-*",
    "Fastly-*",
    "Fly-*",
    "X-NF-*",
    "X-Vercel-*",
    "X-Azure-*",
    "X-Envoy-*",
    "L5d-*",
    "*Front-End-Https",
    "X-Url-Scheme",
    "X-Scheme",
    "X-Host*",
    "X-HTTP-Host*",
    "X-Original-*",
    "X-Rewrite-*",
    "*Script-Name",
    "X-Ingress-*",
    "X-Invoke-*",
    "X-Matched-Path",
    "X-Middleware-*",
    "X-Waws-*",
    "X-HTTP-Destination*",
    "X-Accel-*",
    "X-Sendfile*",
    "Proxy*",
];

/// Every character of a token (RFC 9110 §5.6.2) but letters, digits, `-` and `_`, wherever it stands in a name.
const ODD: [&str; 13] = [
    "*!*", "*#*", "*$*", "*%*", "*&*", "*'*", "***", "*+*", "*.*", "*^*", "*`*", "*|*", "*~*",
];

/// What is removed from each request.
pub fn removed(underscores: bool) -> impl Iterator<Item = &'static str> {
    let twins = (!underscores).then_some("*_*");
    let all = PROXIES_ALONE.into_iter().chain(ODD);
    all.chain(["X-Forwarded*"]).chain(twins)
}

/// The line by which a name is removed, quoted where Caddy's lexer might take a character of it for something else.
fn line_of(name: &str, text: &str) -> String {
    let lines = ["\"-{}\"", "-{}"].map(|word| word.replace("{}", name));
    let mut lines = lines
        .map(|word| format!("\trequest_header {word}\n"))
        .into_iter();
    let line = lines.find(|line| text.contains(line.as_str()));
    line.unwrap_or_else(|| panic!("nothing removes {name}"))
}

/// What the table says of a header on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passed,
    Set,
    Removed,
}

/// Each header of the table with what becomes of it, on public paths and elsewhere.
fn table() -> BTreeMap<&'static str, [Fate; 2]> {
    let (_, section) = TABLE
        .split_once("## What upstreams believe of a request")
        .expect("the section is there");
    let (section, _) = section.split_once("\n## ").expect("another follows");
    let fate = |cell: &str| match cell.trim() {
        "passed" => Fate::Passed,
        "set" => Fate::Set,
        "removed" => Fate::Removed,
        other => panic!("no fate of a header: {other}"),
    };
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let fates = rows.flat_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [names, _, elsewhere, public] = cells[..] else {
            panic!("a row has four cells: {row}");
        };
        let names = names.split('`').skip(1).step_by(2);
        names.map(move |name| (name, [fate(elsewhere), fate(public)]))
    });
    let table: BTreeMap<_, _> = fates.collect();
    assert!(table.len() > 90, "{} headers", table.len());
    table
}

/// A way to the upstream.
struct Route {
    service: &'static str,
    target: &'static str,
    shows: bool,
}

const fn route(service: &'static str, target: &'static str, shows: bool) -> Route {
    Route {
        service,
        target,
        shows,
    }
}

const ROUTES: [Route; 8] = [
    route("guarded", "/", true),
    route("told", "/", true),
    route("mixed", "/", true),
    route("mixed", "/share/x", false),
    route("films", "/", false),
    route("site", "/", false),
    route("below", "/x", false),
    route("old", "/", false),
];

/// A way to write a name, for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spelling {
    AsItIs,
    Small,
    Capitals,
    Twice,
    InConnection,
    /// With that character in place of each hyphen.
    Between(char),
}

impl Spelling {
    /// The lines of a head with that name, forged.
    fn lines(self, name: &str) -> String {
        let line = |name: &str| format!("{name}: {FORGED}\r\n");
        match self {
            Self::AsItIs => line(name),
            Self::Small => line(&name.to_lowercase()),
            Self::Capitals => line(&name.to_uppercase()),
            Self::Twice => line(name) + &line(&name.to_lowercase()),
            Self::InConnection => format!("Connection: {name}\r\n{}", line(name)),
            Self::Between(character) => line(&name.replace('-', &character.to_string())),
        }
    }
}

const SPELLINGS: [Spelling; 6] = [
    Spelling::AsItIs,
    Spelling::Small,
    Spelling::Capitals,
    Spelling::Twice,
    Spelling::InConnection,
    Spelling::Between('_'),
];

/// The spelling that tells whether such names are removed.
fn telling(pattern: &str) -> Spelling {
    match pattern.chars().collect::<Vec<_>>()[..] {
        ['*', character, '*'] => Spelling::Between(character),
        _ => Spelling::AsItIs,
    }
}

/// With each character that some read as a hyphen.
fn odd_spellings() -> impl Iterator<Item = Spelling> {
    ODD.into_iter().map(telling)
}

fn house(upstream: &Upstream) -> House {
    let address = upstream.address();
    House::new(&format!(
        r#"
        domain "home.example.com"
        edge {{ certificates "internal"; lan "127.0.0.0/8"; }}
        person "alice" {{ device "pixel" platform="linux"; }}
        service "guarded" {{ upstream "http://{address}"; allow "alice"; }}
        service "told" {{ upstream "http://{address}"; allow "alice"; identity; }}
        service "mixed" {{ upstream "http://{address}"; allow "alice"; public "/share/*"; }}
        service "films" {{ upstream "http://{address}"; open "lan"; }}
        service "site" {{ upstream "http://{address}"; open "everyone"; }}
        service "below" {{ upstream "http://{address}/sub"; open "everyone"; }}
        service "old" {{ upstream "http://{address}"; open "everyone"; header-underscores; }}
        "#
    ))
}

/// A visitor, and what it visits.
struct Walk<'w> {
    upstream: &'w Upstream,
    caddy: &'w Caddy,
    pem: &'w Path,
}

/// What is wrong with what arrives by each of the routes, for each of the spellings.
fn differences(walk: &Walk<'_>, routes: &[Route], spellings: &[Spelling]) -> Vec<String> {
    let table = table();
    let mut wrong = Vec::new();
    for route in routes {
        let host = format!("{}.home.example.com", route.service);
        for spelling in spellings {
            // Caddy finds the site by Host, and takes no second one.
            let headers = table.keys().filter(|name| **name != "Host");
            let headers: String = headers.map(|name| spelling.lines(name)).collect();
            let request = format!(
                "GET {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n",
                route.target
            );
            let before = walk.upstream.arrived();
            let wire = Wire::named(walk.caddy, &host);
            let wire = match route.shows {
                true => wire.pem(walk.pem),
                false => wire,
            };
            let reply = wire.send(request);
            let [arrival] = &walk.upstream.arrivals_after(before)[..] else {
                wrong.push(format!(
                    "{host} {spelling:?}: {:?}, no arrival",
                    reply.statuses
                ));
                continue;
            };
            let faults = table.iter().filter_map(|(name, fates)| {
                let fate = fates[usize::from(route.target == "/share/x")];
                fault(route, *spelling, name, fate, arrival)
            });
            wrong.extend(
                faults.map(|fault| format!("{host}{} {spelling:?}: {fault}", route.target)),
            );
        }
    }
    wrong
}

/// What is wrong with one header, read as an upstream does that makes variables of names (RFC 3875 §4.1.18), whatever stands
/// between their words.
fn fault(
    route: &Route,
    spelling: Spelling,
    name: &str,
    fate: Fate,
    arrival: &Arrival,
) -> Option<String> {
    let variable = |name: &str| {
        let lower = name.to_lowercase();
        lower.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    };
    let has_twins = route.service == "old" && spelling == Spelling::Between('_');
    let arrived = arrival.headers.iter().filter(|(found, _)| {
        let is_this = variable(found) == variable(name);
        is_this && !(has_twins && found.contains('_'))
    });
    let values: Vec<&str> = arrived.map(|(_, value)| value.as_str()).collect();
    let forged = values.iter().any(|value| value.contains(FORGED));
    let is_told = route.service == "told" && name.starts_with("Remote-");
    let right = match fate {
        Fate::Removed if is_told => values.len() == 1 && !forged,
        Fate::Removed => values.is_empty(),
        Fate::Set => values.len() == 1 && !forged,
        Fate::Passed if name == "Host" => values == [format!("{}.home.example.com", route.service)],
        // A visitor may have its own taken away, and names with odd characters are.
        Fate::Passed => match spelling {
            Spelling::InConnection => true,
            Spelling::Between(_) => name.contains('-') || forged,
            _ => forged,
        },
    };
    (!right).then(|| format!("{name} should be {fate:?}, and is {values:?}"))
}

#[test]
fn upstreams_are_told_what_the_table_says() {
    let upstream = Upstream::start("it");
    let house = house(&upstream);
    let pem = house.bundle("alice", "pixel").pem(&house.lab.home());
    for version in Version::ALL {
        let caddy = house.serve(version);
        let walk = Walk {
            upstream: &upstream,
            caddy: &caddy,
            pem: &pem,
        };
        let spellings: Vec<Spelling> = SPELLINGS.into_iter().chain(odd_spellings()).collect();
        crate::assert_none(&differences(&walk, &ROUTES, &spellings));
        // Where underscores are declared they pass, as far as Caddy itself lets them: the current one does not.
        let visit = caddy.visit("old.home.example.com", "/");
        let arrival = visit.header("X_Own_Header", "x").run().arrival();
        let expected: &[&str] = match version {
            Version::New => &[],
            Version::Old | Version::Between(_) => &["x"],
        };
        assert_eq!(arrival.header("X_Own_Header"), expected, "{version:?}");
    }
}

/// Every Caddy reads each of these lines as it is meant, whichever protocol the name comes over, a websocket's handshake among them;
/// and what is the visitor's own stays.
#[test]
fn odd_names_reach_nobody_past_any_caddy() {
    let upstream = Upstream::start("it");
    let house = house(&upstream);
    let pixel = house.bundle("alice", "pixel");
    let odd: Vec<String> = odd_spellings()
        .flat_map(|spelling| [spelling.lines("X-Real-IP"), spelling.lines("Remote-User")])
        .collect();
    let mut wrong = Vec::new();
    for version in Version::each() {
        let caddy = house.serve(version);
        for route in &ROUTES {
            let host = format!("{}.home.example.com", route.service);
            let shown = |curl| match route.shows {
                true => pixel.shown(curl),
                false => curl,
            };
            for upgrade in [None, Some("websocket")] {
                let mut visit = shown(caddy.visit(&host, route.target)).header("X-Own", "kept");
                for line in &odd {
                    let (name, value) = line.trim_end().split_once(": ").expect("it has both");
                    visit = visit.header(name, value);
                }
                // Without, curl speaks HTTP/2.
                if let Some(upgrade) = upgrade {
                    visit = visit.http1().header("Connection", "Upgrade");
                    visit = visit.header("Upgrade", upgrade);
                }
                let arrival = visit.run().arrival();
                let forged = |(_, value): &&(String, String)| value.contains(FORGED);
                let forged: Vec<_> = arrival.headers.iter().filter(forged).collect();
                if !forged.is_empty() || arrival.header("X-Own") != ["kept"] {
                    wrong.push(format!("{version:?} {host} {upgrade:?}: {forged:?}"));
                }
            }
        }
    }
    crate::assert_none(&wrong);
}

/// Whether Caddy takes a name for one of that pattern.
fn is_of(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), None) => name.ends_with(end),
        (None, Some(begin)) => name.starts_with(begin),
        (Some(end), Some(_)) => name.contains(end.strip_suffix('*').unwrap_or(end)),
        (None, None) => name == pattern,
    }
}

/// Each line is needed: it alone removes a name of the table, which reaches the upstream where the lines are gone.
#[test]
fn a_header_that_is_kept_is_noticed() {
    let methods = [
        "X-HTTP-Method*",
        "X-HTTP-Verb*",
        "X-Method*",
        "*Method-Override",
    ];
    let patterns: Vec<&str> = removed(false).chain(methods).collect();
    let upstream = Upstream::start("it");
    let house = house(&upstream);
    let pem = house.bundle("alice", "pixel").pem(&house.lab.home());
    // The current one would remove underscores by itself.
    let mut caddy = house.serve(Version::Old);
    house.reload_changed(&mut caddy, |text| {
        let without = |text: String, name: &&str| replaced(&text, &line_of(name, &text), "");
        patterns.iter().fold(text.to_owned(), without)
    });
    let walk = Walk {
        upstream: &upstream,
        caddy: &caddy,
        pem: &pem,
    };
    let public = [route("mixed", "/share/x", false)];
    let spellings: BTreeSet<Spelling> = patterns.iter().map(|name| telling(name)).collect();
    let spellings: Vec<Spelling> = spellings.into_iter().collect();
    let kept = differences(&walk, &public, &spellings);
    let table = table();
    let names = || table.iter().filter(|(_, [_, fate])| *fate == Fate::Removed);
    let is_needed = |pattern: &&&str| {
        let spelling = telling(pattern);
        names().any(|(name, _)| {
            let alone = match spelling {
                Spelling::Between(_) => name.contains('-'),
                _ => {
                    let of = patterns.iter().filter(|other| is_of(other, name));
                    of.eq([*pattern])
                }
            };
            let told = format!("{spelling:?}: {name} should be");
            alone && kept.iter().any(|fault| fault.contains(&told))
        })
    };
    let idle: Vec<String> = patterns
        .iter()
        .filter(|pattern| !is_needed(pattern))
        .map(|pattern| (*pattern).to_owned())
        .collect();
    crate::assert_none(&idle);
}
