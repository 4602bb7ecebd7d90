//! What somebody would change at an edge that is deployed, to get in or to be taken for somebody else, and whether
//! `homelab verify --live` notices. What it cannot see stands in docs/verify.md: the list there and the one here are the same.

use std::collections::BTreeSet;

use crate::family::{now, replaced};
use crate::house::House;
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::outcome::Outcome;
use crate::support::port::Port;
use crate::support::upstream::Upstream;
use crate::verify::ELSEWHERE;

const DAY: u64 = 24 * 60 * 60;

fn declaration(upstream: &Upstream) -> String {
    let at = upstream.address();
    format!(
        r#"
        domain "home.example.com"
        validity {{ device "1y"; renew "30d"; }}
        edge {{ lan "{ELSEWHERE}"; }}
        person "alice" {{ device "pixel" platform="android"; device "lost" platform="linux"; }}
        person "bob" {{ device "iphone" platform="ios"; }}
        service "films" {{ upstream "http://{at}"; open "lan"; }}
        service "it" {{ upstream "http://{at}"; allow "alice"; identity; }}
        service "moved" {{ redirect "https://new.example.com"; allow "alice"; }}
        service "notes" {{ upstream "http://{at}"; allow "alice"; certificate "asked"; }}
        service "site" {{ upstream "http://{at}"; open "everyone"; }}
        service "wiki" {{ upstream "http://{at}"; allow "alice"; public "/share/*"; }}
        "#
    )
}

/// What a weakening comes to.
pub enum Seen {
    /// It is noticed, and this is said of it.
    As(&'static [&'static str]),
    /// It is not, and docs/verify.md says so in these words.
    Not(&'static str),
}

use Seen::{As, Not};

/// A change of what is deployed.
pub struct Weakening<'a> {
    what: &'static str,
    change: Box<dyn Fn(&str) -> String + 'a>,
    /// What is asked then.
    service: &'static str,
    seen: Seen,
}

pub fn weakening<'a>(
    what: &'static str,
    service: &'static str,
    change: impl Fn(&str) -> String + 'a,
    seen: Seen,
) -> Weakening<'a> {
    Weakening {
        what,
        change: Box::new(change),
        service,
        seen,
    }
}

/// Whom no visit can pass for.
const TOLD_APART: &str = "visitors whom somebody tells apart by their address, by the time, by the form of their handshake, or by something that they alone know, such as a cookie";

const REFUSAL: &str = "\thandle {\n\t\terror 403\n\t}";
const GUARD: &str = "\timport guard\n";

/// The files with the snippets for certificates written out in each site, so that one site can be changed alone.
fn with_its_own_client_auth(text: &str) -> String {
    let written_out = |text: String, snippet: &str| {
        let head = format!("({snippet}) {{\n");
        let Some((_, behind)) = text.split_once(&head) else {
            return text;
        };
        let (lines, _) = behind.split_once("\n}\n").expect("a snippet ends");
        let import = format!("\timport {snippet}\n");
        text.replace(&import, &format!("{lines}\n"))
    };
    let snippets = ["certificate-asked", "certificate-required"];
    snippets.into_iter().fold(text.to_owned(), written_out)
}

/// The line that begins so, behind that one, replaced.
#[track_caller]
pub fn instead(text: &str, after: &str, begins: &str, line: impl Fn(&str) -> String) -> String {
    let place = text.find(after).unwrap_or_else(|| panic!("no {after:?}"));
    let found = text[place..].find(begins);
    let at = place + found.unwrap_or_else(|| panic!("no {begins:?}"));
    let end = at + text[at..].find('\n').expect("a line ends");
    format!("{}{}{}", &text[..at], line(&text[at..end]), &text[end..])
}

/// `text` with the last `from` that stands behind `after` and before the end of that site replaced.
#[track_caller]
pub fn in_site(text: &str, site: &str, from: &str, to: &str) -> String {
    let text = &with_its_own_client_auth(text);
    let head = format!("\n{site}.home.example.com {{\n");
    let begin = text
        .find(&head)
        .unwrap_or_else(|| panic!("no {site} in\n{text}"))
        + head.len();
    let end = begin + text[begin..].find("\n}\n").expect("a site ends");
    let changed = replaced(&text[begin..end], from, to);
    format!("{}{changed}{}", &text[..begin], &text[end..])
}

/// The fingerprint of a certificate that the Caddyfile knows to be retired.
pub fn retired(text: &str) -> String {
    let line = text.lines().find(|line| line.contains("@retired vars"));
    let fingerprint = line.and_then(|line| line.split(' ').next_back());
    fingerprint.expect("one is retired").to_owned()
}

fn authority(files: &str) -> String {
    let line = files.lines().map(str::trim).find_map(|line| {
        line.strip_prefix("trusted_ca_cert ")
            .or_else(|| line.strip_prefix("trust_der "))
    });
    line.expect("it trusts one").to_owned()
}

/// `text` with one more site.
fn with_site(text: &str, site: &str) -> String {
    // The sites stand before the pages.
    let (before, behind) = text
        .split_once("\n# it\n")
        .expect("a service has its name above it");
    format!("{before}\n{site}\n\n# it\n{behind}")
}

/// What a public path is read strictly by taken out, in a site: a sign, and the pattern behind it.
fn read_loosely(text: &str, site: &str) -> String {
    let sign = "\t\tvars path plain\n";
    let begin = text
        .find(&format!("\n{site}.home.example.com {{\n"))
        .expect("the site is there");
    let at = begin + text[begin..].find(sign).expect("it is read strictly");
    let pattern = &text[at + sign.len()..];
    assert!(pattern.trim_start().starts_with("expression "), "{pattern}");
    let end = pattern.find('\n').expect("a line ends") + 1;
    format!("{}{}", &text[..at], &pattern[end..])
}

/// All that are tried. `theirs` is another authority, `port` one more that is free.
fn weakenings<'a>(
    version: Version,
    at: &'a str,
    (ours, theirs): (&'a str, &'a str),
    lost: &'a str,
    port: u16,
) -> Vec<Weakening<'a>> {
    let proxy = format!("\t\treverse_proxy {at}\n");
    let opened = format!("\thandle {{\n{proxy}\t}}\n\n");
    let backdoor = format!("\thandle /backdoor/* {{\n{proxy}\t}}\n\n");
    let site = move |name: &str, body: &str| format!("{name} {{\n{body}}}");
    let let_in = |condition: &str| {
        let back = format!("\t@back {condition}\n\thandle @back {{\n{proxy}\t}}\n\n");
        move |text: &str| in_site(text, "notes", GUARD, &format!("{GUARD}{back}"))
    };
    let trusted = match version {
        Version::Old => "trusted_ca_cert",
        Version::New | Version::Between(_) => "trust_der",
    };
    vec![
        // The policy of a site.
        weakening(
            "the last refusal answers",
            "it",
            |text| in_site(text, "it", REFUSAL, "\thandle {\n\t\trespond 200\n\t}"),
            As(&[
                "bob/iphone at /: should be refused with 403, got 200",
                "should be refused, got 200",
            ]),
        ),
        weakening(
            "the last refusal is gone",
            "notes",
            |text| in_site(text, "notes", REFUSAL, ""),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "the service refuses in the edge's place",
            "notes",
            |text| in_site(text, "notes", REFUSAL, "\thandle {\n\t\trespond 403\n\t}"),
            As(&["got 403, but not from the edge"]),
        ),
        weakening(
            "whoever comes is allowed",
            "notes",
            |text| in_site(text, "notes", "handle @allowed", "handle"),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "a handle for all before the policy",
            "notes",
            {
                let opened = opened.clone();
                move |text| in_site(text, "notes", GUARD, &format!("{GUARD}{opened}"))
            },
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "a handle for some paths before the policy",
            "notes",
            move |text| in_site(text, "notes", GUARD, &format!("{GUARD}{backdoor}")),
            Not("paths that somebody opens beside those that are asked for"),
        ),
        // Whom it knows for who only looks.
        weakening(
            "whoever calls itself a browser is let in",
            "notes",
            let_in("header User-Agent Mozilla/*"),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "whoever does not call itself a verifier is let in",
            "notes",
            let_in("not header User-Agent *verify*"),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "whoever has typed an address into a browser is let in",
            "notes",
            let_in("header Sec-Fetch-Mode navigate"),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "whoever keeps the connection is let in",
            "notes",
            let_in("not header Connection close"),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "whoever speaks HTTP/2 is let in",
            "notes",
            let_in("expression {http.request.proto} == 'HTTP/2.0'"),
            As(&["nobody, over HTTP/2, at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "whoever speaks HTTP/1.1 is let in",
            "notes",
            let_in("expression {http.request.proto} == 'HTTP/1.1'"),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "whoever comes from one place is let in",
            "notes",
            let_in("remote_ip 203.0.113.66"),
            Not(TOLD_APART),
        ),
        weakening(
            "whoever knows a word is let in",
            "notes",
            let_in("header X-Open sesame"),
            Not(TOLD_APART),
        ),
        weakening(
            "a barred device is back on a list",
            "it",
            move |text| {
                in_site(
                    text,
                    "it",
                    "vars {http.request.tls.client.fingerprint}",
                    &format!("vars {{http.request.tls.client.fingerprint}} {lost}"),
                )
            },
            As(&["alice/lost (barred ", "should be refused, got 200"]),
        ),
        weakening(
            "somebody is left out",
            "notes",
            |text| {
                in_site(
                    text,
                    "notes",
                    "reverse_proxy",
                    "error 403\n\t\treverse_proxy",
                )
            },
            As(&["alice/pixel at /: should be let in, got 403 from the edge"]),
        ),
        weakening(
            "who is shut out is told so no more",
            "it",
            move |text| {
                replaced(
                    text,
                    &format!("@retired vars {{http.request.tls.client.fingerprint}} {lost}"),
                    "@retired vars {http.request.tls.client.fingerprint} 0",
                )
            },
            Not("which of its own pages the edge shows"),
        ),
        weakening(
            "another upstream answers",
            "notes",
            {
                let elsewhere = format!("{}/", at);
                move |text| {
                    in_site(
                        text,
                        "notes",
                        &format!("reverse_proxy {at}"),
                        &format!("reverse_proxy http://{}", elsewhere.trim_end_matches('/')),
                    )
                }
            },
            Not("whether it is the right upstream that answers, and what it answers"),
        ),
        // Certificates.
        weakening(
            "a certificate is only asked for",
            "it",
            |text| replaced(text, "mode require_and_verify", "mode verify_if_given"),
            As(&["nobody at /: should be refused in the handshake, got 403 from the edge"]),
        ),
        weakening(
            "a certificate is required and not verified",
            "it",
            |text| replaced(text, "mode require_and_verify", "mode require"),
            As(&["a stranger at /: should be refused in the handshake, got 403 from the edge"]),
        ),
        weakening(
            "a certificate is asked for and not verified",
            "notes",
            |text| replaced(text, "mode verify_if_given", "mode request"),
            As(&["a stranger at /: should be refused in the handshake, got 403 from the edge"]),
        ),
        weakening(
            "no certificate is asked for",
            "it",
            |text| {
                replaced(
                    text,
                    "\nit.home.example.com {\n\timport certificate-required\n",
                    "\nit.home.example.com {\n",
                )
            },
            As(&["it asks for no certificate"]),
        ),
        weakening(
            "another authority is trusted too",
            "it",
            move |text| {
                replaced(
                    text,
                    &format!("{trusted} {ours}"),
                    &format!("{trusted} {ours}\n\t\t\t{trusted} {theirs}"),
                )
            },
            As(&["it trusts an authority that homelab.lock does not know"]),
        ),
        weakening(
            "another authority is trusted instead",
            "it",
            move |text| replaced(text, ours, theirs),
            As(&[
                "it does not trust the authority",
                "alice/pixel at /: should be let in",
            ]),
        ),
        // What is public.
        weakening(
            "what only looks public is public",
            "wiki",
            |text| read_loosely(text, "wiki"),
            As(&[
                "nobody at /homelab-verify/..%2fshare/homelab-verify: should be refused with 403, got 200",
                "nobody at /share/%252e%252e/homelab-verify",
            ]),
        ),
        weakening(
            "whatever is below what is public is public, however it is written",
            "wiki",
            |text| in_site(text, "wiki", "\t\tvars path plain\n", ""),
            As(&[
                "nobody at /share/%252e%252e/homelab-verify: should be refused with 403, got 200",
            ]),
        ),
        weakening(
            "the public path is wider",
            "wiki",
            |text| {
                read_loosely(
                    &in_site(text, "wiki", "path /share/*", "path /share*"),
                    "wiki",
                )
            },
            As(&[
                "nobody at /share-homelab-verify/homelab-verify: should be refused with 403, got 200",
            ]),
        ),
        weakening(
            "all is public",
            "wiki",
            |text| read_loosely(&in_site(text, "wiki", "path /share/*", "path *"), "wiki"),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "every method is public",
            "wiki",
            |text| in_site(text, "wiki", "\t\tmethod GET HEAD\n", ""),
            As(&["nobody at OPTIONS /share/homelab-verify: should be refused with 403, got 200"]),
        ),
        weakening(
            "one method more is public",
            "wiki",
            |text| in_site(text, "wiki", "method GET HEAD", "method GET HEAD POST"),
            Not("methods other than `GET` and `OPTIONS`"),
        ),
        weakening(
            "the public path is closed",
            "wiki",
            |text| in_site(text, "wiki", "path /share/*", "path /elsewhere/*"),
            As(&["nobody at /share/homelab-verify: should be let in, got 403 from the edge"]),
        ),
        // Who is at home.
        weakening(
            "everybody is at home",
            "films",
            |text| {
                in_site(
                    text,
                    "films",
                    "@lan remote_ip 192.168.0.0/16",
                    "@lan remote_ip 0.0.0.0/0",
                )
            },
            As(&["nobody at /: should be refused with 403, got what is for visitors at home"]),
        ),
        weakening(
            "somebody else is at home too",
            "films",
            |text| {
                in_site(
                    text,
                    "films",
                    "@lan remote_ip 192.168.0.0/16",
                    "@lan remote_ip 192.168.0.0/16 203.0.113.0/24",
                )
            },
            Not(
                "networks that count as home beside the declared ones, but for the one that it is asked from",
            ),
        ),
        weakening(
            "what is forwarded is believed",
            "films",
            move |text| match version {
                Version::Old => {
                    let text = replaced(text, "\trequest_header -X-Forwarded*\n", "");
                    in_site(&text, "films", "@lan remote_ip", "@lan remote_ip forwarded")
                }
                Version::New | Version::Between(_) => {
                    let text = replaced(
                        text,
                        "\tprotocols h1 h2\n",
                        "\tprotocols h1 h2\n\ttrusted_proxies static 0.0.0.0/0\n",
                    );
                    in_site(&text, "films", "@lan remote_ip", "@lan client_ip")
                }
            },
            As(&[
                "nobody, who claims to be at home, at /: what a visitor says of where they are is believed: got 200, and without it 403 from the edge",
            ]),
        ),
        weakening(
            "another header is believed",
            "films",
            |text| {
                // Read before anything is taken out.
                let kept = "\tvars claimed {http.request.header.X-Real-IP}\n";
                let text = in_site(text, "films", GUARD, &format!("{kept}{GUARD}"));
                in_site(
                    &text,
                    "films",
                    "@lan remote_ip 192.168.0.0/16",
                    r"@lan vars_regexp {http.vars.claimed} ^192\.168\.",
                )
            },
            As(&[
                "nobody, who claims to be at home, at /: what a visitor says of where they are is believed",
            ]),
        ),
        // What upstreams are told.
        weakening(
            "claims are kept",
            "it",
            |text| replaced(text, "\trequest_header -Remote*\n", ""),
            As(&[
                "alice/pixel at /: the upstream is told `remote-",
                "should be told nothing",
            ]),
        ),
        weakening(
            "claims are kept where nobody is told of",
            "site",
            |text| replaced(text, "\trequest_header -Remote*\n", ""),
            As(&[
                "nobody at /: the upstream is told `remote-",
                "should be told nothing",
            ]),
        ),
        weakening(
            "somebody else is told of",
            "it",
            |text| {
                in_site(
                    text,
                    "it",
                    "header_up Remote-User alice",
                    "header_up Remote-User bob",
                )
            },
            As(&["the upstream is told `remote-user: bob`, and should be told `alice`"]),
        ),
        weakening(
            "whom a visitor names is told of",
            "it",
            |text| {
                in_site(
                    text,
                    "it",
                    "header_up Remote-User alice",
                    "header_up Remote-User {http.request.header.X-Forwarded-Host}",
                )
            },
            As(&["and should be told `alice`"]),
        ),
        weakening(
            "groups are not told",
            "it",
            |text| in_site(text, "it", "\t\t\theader_up Remote-Name alice\n", ""),
            As(&["the upstream is told `remote-name: `, and should be told `alice`"]),
        ),
        weakening(
            "addresses that are claimed are passed on",
            "it",
            |text| {
                // Read before anything is taken out.
                let kept = "\tvars claimed {http.request.header.X-Forwarded-For}\n";
                let text = in_site(text, "it", GUARD, &format!("{kept}{GUARD}"));
                let told = "header_up Remote-User alice";
                let passed_on = "header_up X-Forwarded-For {http.vars.claimed}";
                in_site(&text, "it", told, &format!("{told}\n\t\t\t{passed_on}"))
            },
            As(&["what a visitor claims reaches the upstream: `x-forwarded-for: 203.0.113.66"]),
        ),
        weakening(
            "another protocol reaches the upstream",
            "it",
            |text| replaced(text, "\trequest_header @no-websocket -Upgrade\n", ""),
            As(&["another protocol can be asked of the upstream"]),
        ),
        weakening(
            "headers that change the request are kept",
            "wiki",
            |text| in_site(text, "wiki", "\t\timport as-sent\n", ""),
            Not(
                "headers other than those of identity, of forwarding and `Upgrade` that reach an upstream; and those too without `--echo`",
            ),
        ),
        // Names and ports.
        weakening(
            "strict names are off",
            "it",
            |text| replaced(text, "strict_sni_host on", "strict_sni_host insecure_off"),
            As(&[
                "nobody at / behind the name films.home.example.com: should be refused with 421, got 403 from the edge",
                "alice/pixel at / behind the name moved.home.example.com: should be refused with 421",
            ]),
        ),
        weakening(
            "strict names are off, asked at an open site",
            "site",
            |text| replaced(text, "strict_sni_host on", "strict_sni_host insecure_off"),
            As(&[
                "nobody at / behind the name notes.home.example.com: should be refused with 421, got 200",
            ]),
        ),
        weakening(
            "HTTP/3 is on",
            "it",
            |text| replaced(text, "protocols h1 h2\n", "protocols h1 h2 h3\n"),
            As(&["it offers another protocol (`Alt-Svc`)", "it speaks QUIC"]),
        ),
        weakening(
            "the port without TLS serves the upstream",
            "it",
            {
                let plain = site("http://it.home.example.com", &proxy);
                move |text| with_site(text, &plain)
            },
            As(&[
                "nobody at http://it.home.example.com",
                "should be redirected to https, got 200 without TLS",
            ]),
        ),
        weakening(
            "the port without TLS leads elsewhere",
            "it",
            {
                let plain = site(
                    "http://it.home.example.com",
                    "\tredir https://it.home.example.com.evil.example{uri} 308\n",
                );
                move |text| with_site(text, &plain)
            },
            As(&["is redirected to `https://it.home.example.com.evil.example/`"]),
        ),
        weakening(
            "who is let in is sent elsewhere",
            "moved",
            |text| {
                in_site(
                    text,
                    "moved",
                    "redir https://new.example.com",
                    "redir https://evil.example.com",
                )
            },
            As(&[
                "should be sent to `https://new.example.com` with 302, is sent to `https://evil.example.com` with 302",
            ]),
        ),
        weakening(
            "a site for all names below the domain",
            "it",
            {
                let wildcard = site("*.home.example.com", &proxy);
                move |text| with_site(text, &wildcard)
            },
            As(&[
                "nobody at https://homelab-verify.home.example.com/: should be answered by nobody, got 200",
            ]),
        ),
        weakening(
            "a site with a name that is not declared",
            "it",
            {
                let other = site("backdoor.home.example.com", &proxy);
                move |text| with_site(text, &other)
            },
            Not("sites under a name that nobody declares, unless they are for every name"),
        ),
        weakening(
            "a declared host at another port",
            "it",
            {
                let other = site(&format!("it.home.example.com:{port}"), &proxy);
                move |text| with_site(text, &other)
            },
            Not("ports other than those of HTTPS, HTTP and Caddy's admin endpoint"),
        ),
        // The whole.
        weakening(
            "browsers may come back without TLS",
            "it",
            |text| {
                replaced(
                    text,
                    "\theader ?Strict-Transport-Security max-age=31536000\n",
                    "",
                )
            },
            As(&["an answer lacks `Strict-Transport-Security`"]),
        ),
        weakening(
            "a head may take for ever",
            "it",
            |text| replaced(text, "\t\tread_header 10s\n", ""),
            Not("how long a connection may last, and how large a body may be"),
        ),
        weakening(
            "a target without a path is passed on",
            "it",
            |text| {
                replaced(
                    text,
                    "@no-path expression \"!{http.request.uri}.startsWith('/')\"",
                    "@no-path path /none",
                )
            },
            Not("requests that no browser sends, such as those without a path"),
        ),
    ]
}

fn house(upstream: &Upstream) -> House {
    house_of(&declaration(upstream))
}

/// A home in which alice has lost a device.
pub fn house_of(declaration: &str) -> House {
    let house = House::unbuilt(declaration);
    house.command_at(now() - 40 * DAY, ["build"]);
    house.command_at(now() - 5 * DAY, ["revoke", "--no-replace", "alice/lost"]);
    house
}

pub fn verify(house: &House, caddy: &Caddy, service: &str) -> Outcome {
    crate::verify::verify(house, caddy, &["--echo", "it", "--echo", "site", service])
}

/// Tries one of so many parts of them.
fn tried(version: Version, (part, of): (usize, usize)) {
    let upstream = Upstream::start("it");
    let (house, other) = (house(&upstream), House::new(&declaration(&upstream)));
    let generated = house.generated(version);
    let (ours, theirs) = (authority(&generated), authority(&other.generated(version)));
    let (lost, at, port) = (retired(&generated), upstream.address(), Port::reserve());
    let mut caddy = house.serve(version);
    verify(&house, &caddy, "it")
        .succeeds()
        .stdout_contains("ok     it.");
    let all = weakenings(version, &at, (&ours, &theirs), &lost, port.number());
    let these = all.into_iter().skip(part).step_by(of);
    crate::assert_none(&missed(&house, &mut caddy, these));
}

/// Those of which something else is said than should be.
pub fn missed<'a>(
    house: &House,
    caddy: &mut Caddy,
    weakenings: impl IntoIterator<Item = Weakening<'a>>,
) -> Vec<String> {
    let mut missed = Vec::new();
    for weakening in weakenings {
        house.reload_changed(caddy, &weakening.change);
        let outcome = verify(house, caddy, weakening.service);
        let is_as_said = match weakening.seen {
            As(said) => {
                let is_said = |part: &&str| outcome.stdout().contains(*part);
                outcome.status.code() == Some(4) && said.iter().all(is_said)
            }
            Not(_) => outcome.status.success(),
        };
        if !is_as_said {
            missed.push(format!("{}\n{outcome}", weakening.what));
        }
    }
    missed
}

#[test]
fn the_first_third_is_noticed_or_named_on_the_old_caddy() {
    tried(Version::Old, (0, 3));
}

#[test]
fn the_second_third_is_noticed_or_named_on_the_old_caddy() {
    tried(Version::Old, (1, 3));
}

#[test]
fn the_third_third_is_noticed_or_named_on_the_old_caddy() {
    tried(Version::Old, (2, 3));
}

#[test]
fn the_first_third_is_noticed_or_named_on_the_new_caddy() {
    tried(Version::New, (0, 3));
}

#[test]
fn the_second_third_is_noticed_or_named_on_the_new_caddy() {
    tried(Version::New, (1, 3));
}

#[test]
fn the_third_third_is_noticed_or_named_on_the_new_caddy() {
    tried(Version::New, (2, 3));
}

/// Neither the documentation nor this list may say more or less than the other.
#[test]
fn what_is_not_seen_stands_in_the_documentation() {
    let document = include_str!("../../docs/verify.md");
    let (_, section) = document
        .split_once("\n## What it does not see\n")
        .expect("there is a section of it");
    let section = section.split("\n## ").next().expect("it has an end");
    let told: BTreeSet<String> = section
        .split("\n- ")
        .skip(1)
        .map(|item| item.split("\n\n").next().unwrap_or(item))
        .map(|item| item.split_whitespace().collect::<Vec<_>>().join(" "))
        .map(|item| item.trim_end_matches([';', '.']).to_owned())
        .collect();
    let known = weakenings(Version::New, "", ("", ""), "", 1);
    let unseen: BTreeSet<String> = known
        .iter()
        .filter_map(|weakening| match weakening.seen {
            Not(why) => Some(why.to_owned()),
            As(_) => None,
        })
        .collect();
    assert_eq!(told, unseen);
    assert!(
        known.len() - unseen.len() >= 30,
        "at least as many are noticed"
    );
}

/// The admin endpoint has to answer at 127.0.0.1 and nowhere else.
#[test]
fn an_admin_endpoint_that_others_reach_is_noticed() {
    let upstream = Upstream::start("it");
    let house = house(&upstream);
    for version in Version::ALL {
        let ports = Ports::reserve();
        let text = rewrite(&house.generated(version), &ports, &[]);
        let everywhere = replaced(&text, "default_bind 127.0.0.1", "default_bind 0.0.0.0");
        let admin = format!("admin 127.0.0.1:{}", ports.admin.number());
        let public = replaced(&everywhere, &admin, &admin.replace("127.0.0.1", "0.0.0.0"));
        for (text, is_public) in [(everywhere, false), (public, true)] {
            let caddy = Caddy::start(version, &text, &house.lab.path().join("out/edge"));
            let (https, admin) = (
                caddy.https_port().to_string(),
                ports.admin.number().to_string(),
            );
            let root = caddy.root_certificate();
            let root = root.to_str().expect("a test's paths are UTF-8");
            let resolve = format!("*:{https}:127.0.0.2");
            let outcome = house
                .lab
                .command([
                    "verify",
                    "--live",
                    "--no-secret",
                    "--ca",
                    root,
                    "--port",
                    &https,
                ])
                .arguments(["--admin-port", &admin, "--resolve", &resolve, "site"])
                .run();
            match is_public {
                true => outcome
                    .fails_with(4)
                    .stdout_contains("its admin endpoint answers at 127.0.0.2:"),
                false => outcome.succeeds(),
            };
        }
    }
}

/// A wildcard site that ends connections, as is generated for wildcard certificates, is no fault.
#[test]
fn a_wildcard_that_answers_nobody_is_fine() {
    let upstream = Upstream::start("it");
    let house = house(&upstream);
    for version in Version::ALL {
        let caddy = house.serve_changed(version, |text| {
            with_site(text, "*.home.example.com {\n\tabort\n}")
        });
        verify(&house, &caddy, "it").succeeds();
    }
}
