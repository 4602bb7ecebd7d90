//! Public paths: open for reading to everyone, and nothing else is, however it is spelt.

use crate::family::Family;
use crate::support::caddy::{Caddy, Version};
use crate::support::upstream::Arrival;
use crate::wire::{Exchange, Wire, exchange, request};

const HOST: &str = "immich.home.example.com";
const PUBLIC: [&str; 2] = ["/share/", "/_app/immutable/"];

/// Targets that are plain, and arrive as they were sent.
const PLAIN: [&str; 24] = [
    "/share/x",
    "/share/x/y/z.jpg",
    "/share/",
    "/share/x/",
    "/share/x?key=value&other=%2e%2e%2f",
    "/share/x?",
    "/share/x??/../../api",
    "/share/x?../../api",
    "/share/x?a=b#c",
    "/share/A-b_c~d.e..f",
    "/_app/immutable/chunks/1.js",
    "/_app/immutable/x?share",
    "/_app/immutable/share/api",
    // What a file, a room or a calendar is called.
    "/share/%78",
    "/share/My%20Photos/IMG%201.jpg",
    "/share/%C3%BCber/%E2%82%AC/%f0%9f%8e%89.txt",
    "/share/!room:other.org/@bob",
    "/share/%21room/%40bob%3Aother.org/",
    "/share/$&'()*+,;=~_-",
    "/share/x;y=z",
    "/share/%20x%20/+y",
    "/share/%22%3C%3E%5B%5d%5E%60%7B%7c%7D",
    "/share/Foto%20%E2%80%A6%E2%80%AFAM.png",
    "/share/x..",
];

/// Targets that are to reach nothing. Those with a space, a control character or a byte beyond ASCII are bad requests already.
const TRICKS: [&str; 118] = [
    // Other places, and the edges of the public ones.
    "/",
    "/api",
    "/share",
    "/shared/x",
    "/sharex",
    "/share?x",
    "/_app",
    "/_app/",
    "/_app/immutable",
    "/_app/other/x",
    "/_app/immutablex/y",
    "/x/share/y",
    // Dots.
    "/share/../api",
    "/share/..",
    "/share/.",
    "/share/./x",
    "/share/x/..",
    "/share/x/../y",
    "/share/x/../../api",
    "/share/x/../../../api",
    "/api/../share/x",
    "/api/admin/../../share/x",
    "/./share/x",
    "/../share/x",
    "/share/...",
    "/share/.hidden",
    "/_app/immutable/../../api",
    "/_app/../share/x",
    // Dots and slashes encoded.
    "/share/%2e%2e/api",
    "/share/%2E%2E/api",
    "/share/.%2e/api",
    "/share/%2e./api",
    "/share/%2e",
    "/share/..%2fapi",
    "/share/..%2Fapi",
    "/share/%2e%2e%2fapi",
    "/share/x%2f..%2f..%2fapi",
    "/share%2fx",
    "/share%2f..%2fapi",
    "/api/admin/..%2f..%2fshare/x",
    "/api/%2e%2e/share/x",
    "/%2e%2e/share/x",
    "/%73hare/x",
    // Encoded twice and thrice.
    "/share/%252e%252e/api",
    "/share/%252e%252e%252fapi",
    "/share/..%252fapi",
    "/share/%25252e%25252e/api",
    // Path parameters.
    "/share/..;/api",
    "/share/;/../api",
    "/share/x;/../../api",
    "/share;/x",
    "/;/share/x",
    "/share/..;x=y/api",
    "/share/%3b/api",
    "/share/..%3b/api",
    // Backslashes.
    "/share/..\\api",
    "/share\\..\\api",
    "/share/..%5capi",
    "/share/..%5Capi",
    "/share/%5c..%5capi",
    "/share/x\\y",
    "\\share\\x",
    // Empty segments.
    "//share/x",
    "///share/x",
    "/share//x",
    "/share//../api",
    "/share/x//",
    "//api/share/x",
    "//immich.home.example.com/share/x",
    "//stats.home.example.com/share/x",
    // Case.
    "/SHARE/x",
    "/Share/x",
    "/share/../API",
    "/_APP/immutable/x",
    // Null, line ends, tabs.
    "/share/%00",
    "/share/x%00/../../api",
    "/share/..%00/api",
    "/api%00/share/x",
    "/share/x%0d%0aHost:%20x",
    "/share/%0a/../api",
    "/share/%09../api",
    // UTF-8 too long, cut short, wide, and as Windows wrote it.
    "/share/%c0%ae%c0%ae/api",
    "/share/%c0%ae%c0%ae%c0%afapi",
    "/share/%e0%80%ae%e0%80%ae/api",
    "/share/%ef%bc%8e%ef%bc%8e/api",
    "/share/%u002e%u002e/api",
    "/share/%ff",
    "/share/%ed%a0%80",
    "/share/%f4%90%80%80",
    "/share/%80",
    "/share/%c2%80",
    "/share/x%c2%85",
    // Dots, slashes, backslashes and percent signs of other scripts.
    "/share/%e2%80%a5/api",
    "/share/%e2%80%a4%e2%80%a4/api",
    "/share/x%ef%bc%8f..",
    "/share/x%e2%88%95y",
    "/share/x%ef%bc%bcy",
    "/share/x%c2%a5y",
    "/share/%ef%bc%852e%ef%bc%852e/api",
    // What is trimmed, or not seen, before dots.
    "/share/%20../api",
    "/share/+../api",
    "/share/%2b%2e%2e/api",
    "/share/%20",
    "/share/+",
    "/share/%c2%a0../api",
    "/share/%e2%80%8b../api",
    "/share/%c2%ad../api",
    "/share/%ef%bb%bf../api",
    "/share/%e3%80%80../api",
    "/share/.%e2%80%8b./api",
    "/share/%cc%81x",
    // Signs with a meaning.
    "/share/;x",
    "/share/%23x",
    "/share/x%3f/../../api",
    "/share/x%25",
    "/share/[x]",
    // Escapes that are none.
    "/share/%",
    "/share/%zz/../api",
];

/// Targets that are no path, or hold bytes that a target may not hold.
const RAW: [&[u8]; 20] = [
    b"*",
    b"share/x",
    b"api",
    b"?/share/x",
    b"#/share/x",
    b"/api#/share/x",
    b"/share/x\0",
    b"/share/\0../api",
    b"/share/x\x7f",
    b"/share/\x01",
    b"/share/x\t/../api",
    b"/share/x /../api",
    b"/share/\xc0\xae\xc0\xae/api",
    b"/share/\xff\xfe",
    "/share/．．/api".as_bytes(),
    b"https://immich.home.example.com/api",
    b"https://immich.home.example.com/share/../api",
    b"https://immich.home.example.com/api/../share/x",
    b"https://immich.home.example.com//share/x",
    b"https://stats.home.example.com/share/x",
];

const METHODS: [&str; 17] = [
    "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "MOVE", "COPY",
    "MKCOL", "PURGE", "QUERY", "get", "Head", "GETX", "XGET",
];

/// Headers that make some upstreams see another request than was sent.
const OVERRIDES: [&str; 12] = [
    "X-HTTP-Method-Override: DELETE",
    "X-HTTP-Method: DELETE",
    "X-Method-Override: DELETE",
    "X-Original-URL: /api",
    "X-Rewrite-URL: /api",
    "X-Original-URI: /api",
    "X-Forwarded-Uri: /api",
    "X-Forwarded-Prefix: /api",
    "X-Forwarded-Path: /api",
    "X-Forwarded-Host: stats.home.example.com",
    "X-Forwarded-For: 192.168.0.1",
    "Forwarded: for=192.168.0.1;host=stats.home.example.com",
];

/// Whether a target is public for every upstream, even one that undoes escapes again and again, takes backslashes for slashes, drops
/// path parameters, cuts at a null byte and resolves dots. It shares nothing with the pattern in the Caddyfile.
fn is_public_for_all(arrival: &Arrival) -> bool {
    let path = arrival.target.split(['?', '#']).next().unwrap_or_default();
    let mut decoded = path.as_bytes().to_vec();
    for _ in 0..4 {
        decoded = unescaped(&decoded);
    }
    let unseen = |c: &char| !"\u{ad}\u{200b}\u{feff}".contains(*c);
    let decoded = String::from_utf8_lossy(&decoded);
    let text: String = { decoded.chars().filter(unseen) }
        .map(|c| match c {
            '\\' | '\u{a5}' | '\u{ff3c}' | '\u{ff0f}' | '\u{2215}' => '/',
            '\u{2024}' | '\u{ff0e}' => '.',
            '+' => ' ',
            other => other,
        })
        .collect();
    let text = text.replace('\u{2025}', "..");
    let text = text.split('\0').next().unwrap_or_default();
    let mut segments: Vec<&str> = Vec::new();
    for segment in text
        .split('/')
        .map(|s| s.split(';').next().unwrap_or_default())
    {
        match segment.trim() {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    let resolved = format!("/{}/", segments.join("/"));
    let plain = path
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/._~!$&'()*+,;=:@%-".contains(&b));
    let reading = matches!(&arrival.method[..], "GET" | "HEAD");
    let overriding = [
        "X-HTTP-Method",
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "X-Original-URL",
        "X-Original-URI",
        "X-Rewrite-URL",
        "X-Forwarded-Prefix",
    ];
    if overriding
        .iter()
        .any(|name| !arrival.header(name).is_empty())
    {
        return false;
    }
    let starts = |public: &&str| resolved.starts_with(*public) && path.starts_with(*public);
    reading && plain && PUBLIC.iter().any(starts)
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16));
    let (mut plain, mut at) = (Vec::new(), 0);
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

/// A request, and whether it is to pass.
struct Case {
    method: &'static str,
    target: Vec<u8>,
    header: &'static str,
    public: bool,
}

impl Case {
    fn new(method: &'static str, target: impl Into<Vec<u8>>, public: bool) -> Self {
        Self {
            method,
            target: target.into(),
            header: "X-Nothing: more",
            public,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let rest = format!(" HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n\r\n", self.header);
        [self.method.as_bytes(), b" ", &self.target, rest.as_bytes()].concat()
    }

    /// What is wrong with its answer, and with what arrived of it.
    fn fault(
        &self,
        Exchange {
            status, arrivals, ..
        }: &Exchange,
    ) -> Option<String> {
        let right = match &arrivals[..] {
            [] => !self.public && *status != Some(200),
            [("immich", arrival)] => {
                self.public && *status == Some(200) && is_public_for_all(arrival)
            }
            _ => false,
        };
        (!right).then(|| {
            let (target, header) = (String::from_utf8_lossy(&self.target), self.header);
            let should = if self.public { "pass" } else { "not pass" };
            let (method, arrived) = (self.method, lines(arrivals));
            format!("{method} {target:?} {header} should {should}: {status:?}, arrived {arrived}")
        })
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in ["GET", "HEAD"] {
        cases.extend(PLAIN.map(|target| Case::new(method, target, true)));
    }
    // A target with a scheme is its path (RFC 9112 §3.2.2), as long as its host is this one or none.
    for target in ["https://immich.home.example.com/share/x", "file:///share/x"] {
        cases.push(Case::new("GET", target, true));
    }
    // What is no character of a URI (RFC 3986 §2) arrives in its escape.
    cases.push(Case::new("GET", "/share/é", true));
    cases.extend(TRICKS.map(|target| Case::new("GET", target, false)));
    cases.extend(METHODS.map(|method| Case::new(method, "/share/x", false)));
    for header in OVERRIDES {
        let with = |case: Case| Case { header, ..case };
        cases.push(with(Case::new("GET", "/api", false)));
        cases.push(with(Case::new("POST", "/share/x", false)));
        cases.push(with(Case::new("GET", "/share/x", true)));
    }
    cases.extend(RAW.map(|target| Case::new("GET", target, false)));
    cases
}

/// All that is wrong with what somebody without a certificate reaches.
pub fn leaks(family: &Family, caddy: &Caddy) -> Vec<String> {
    let cases = cases();
    let requests: Vec<Vec<u8>> = cases.iter().map(Case::bytes).collect();
    let exchanges = exchange(
        &family.upstreams,
        HOST,
        || Wire::named(caddy, HOST),
        &requests,
    );
    let faults = cases.iter().zip(&exchanges);
    let mut wrong: Vec<String> = faults
        .filter_map(|(case, exchange)| case.fault(exchange))
        .collect();
    wrong.extend(changed_on_the_way(family, caddy));
    wrong.extend(smuggled(family, caddy));
    wrong.extend(over_http2(family, caddy));
    wrong.extend(mixtures(family, caddy));
    wrong
}

fn lines<'a>(arrivals: impl IntoIterator<Item = &'a (&'static str, Arrival)>) -> String {
    let line = |(service, arrival): &(&str, Arrival)| {
        format!("{service} {} {}", arrival.method, arrival.target)
    };
    format!("{:?}", arrivals.into_iter().map(line).collect::<Vec<_>>())
}

/// Plain targets that arrive as another text than was sent.
fn changed_on_the_way(family: &Family, caddy: &Caddy) -> Vec<String> {
    let targets = PLAIN.into_iter().filter(|target| !target.contains('#'));
    targets
        .filter_map(|target| {
            let (_, arrivals) = family.arriving(|| caddy.visit(HOST, target).run());
            let same = matches!(&arrivals[..], [("immich", arrival)] if arrival.target == target);
            (!same).then(|| format!("{target} arrived as {}", lines(&arrivals)))
        })
        .collect()
}

/// A public request whose body is a second request: one arrives, or none.
fn smuggled(family: &Family, caddy: &Caddy) -> Vec<String> {
    let hidden = "GET /api HTTP/1.1\r\nHost: immich.home.example.com\r\n\r\n";
    let length = hidden.len();
    let chunked = format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let framings = [
        format!("Content-Length: {length}\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{chunked}"),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Content-Length: 0\r\n\r\n{hidden}"),
        format!("\r\n{hidden}"),
        format!("Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{hidden}"),
    ];
    framings
        .iter()
        .filter_map(|framing| {
            let sent = format!("GET /share/x HTTP/1.1\r\nHost: {HOST}\r\n{framing}")
                // The last request on the connection, whichever that is taken to be, ends it.
                + &request("GET", "/end", HOST);
            let (_, arrivals) = family.arriving(|| Wire::named(caddy, HOST).send(&sent));
            let right = arrivals
                .iter()
                .all(|(_, arrival)| is_public_for_all(arrival));
            (!right).then(|| format!("{framing:?}: arrived {}", lines(&arrivals)))
        })
        .collect()
}

/// The tricks over HTTP/2, where no line is parsed.
fn over_http2(family: &Family, caddy: &Caddy) -> Vec<String> {
    // What is no target at all ends the stream without an answer, which curl takes for a fault.
    let malformed =
        |target: &&str| target.ends_with('%') || target.contains("%zz") || target.contains("%u0");
    let tricks = TRICKS
        .into_iter()
        .filter(|target| target.starts_with('/') && !malformed(target));
    let get = tricks.map(|target| ("GET", target));
    let others = ["POST", "PUT", "DELETE", "OPTIONS", "get"].map(|method| (method, "/share/x"));
    get.chain(others)
        .filter_map(|(method, target)| {
            let mut curl = caddy.visit(HOST, target);
            if method != "GET" {
                curl = curl.method(method);
            }
            let (answer, arrivals) = family.arriving(|| curl.run());
            let right = arrivals.is_empty() && matches!(answer.status, Some(400..=499));
            (!right).then(|| {
                format!(
                    "HTTP/2 {method} {target}: {:?} {}",
                    answer.status,
                    lines(&arrivals)
                )
            })
        })
        .collect()
}

/// Many targets put together of what tricks are made of: whatever arrives is public for all.
fn mixtures(family: &Family, caddy: &Caddy) -> Vec<String> {
    const PIECES: [&str; 20] = [
        "/",
        "/",
        "/",
        "share",
        "share",
        "api",
        "x",
        ".",
        "..",
        "..",
        "%2e",
        "%2f",
        "%5c",
        "\\",
        ";",
        "%252e",
        "%00",
        "?",
        "_app/immutable",
        "//",
    ];
    // Knuth's linear congruential generator: the same targets in every run.
    let mut state = 1_u64;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut target = || {
        let pieces = 1 + next(5);
        let start = PUBLIC[next(2) as usize];
        let rest = (0..pieces).map(|_| PIECES[next(20) as usize]);
        start.to_owned() + &rest.collect::<String>()
    };
    let mut wrong = Vec::new();
    let mut passed = 0;
    for _ in 0..16 {
        let targets: Vec<String> = (0..40).map(|_| target()).collect();
        let get = |target: &String| format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let sent = targets.iter().map(get).collect::<String>() + &request("GET", "/end", HOST);
        let (reply, arrivals) = family.arriving(|| Wire::named(caddy, HOST).send(&sent));
        if reply.statuses.len() != targets.len() + 1 {
            wrong.push(format!(
                "only {} answers to {targets:?}",
                reply.statuses.len()
            ));
        }
        passed += arrivals.len();
        for (service, arrival) in &arrivals {
            let sent = targets.contains(&arrival.target);
            if !(is_public_for_all(arrival) && sent && *service == "immich") {
                wrong.push(format!("a mixture arrived: {service} {}", arrival.target));
            }
        }
    }
    if passed == 0 {
        wrong.push("no mixture is plain, so that they prove nothing".to_owned());
    }
    wrong
}

fn holds(version: Version) {
    let family = Family::new();
    let caddy = family.serve(version);
    crate::assert_none(&leaks(&family, &caddy));
}

#[test]
fn only_public_paths_are_public_on_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn only_public_paths_are_public_on_the_new_caddy() {
    holds(Version::New);
}
