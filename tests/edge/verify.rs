//! `homelab verify --live` before real Caddys: all is well, and then something is wrong with the Caddyfile, the server or its
//! certificate, and is named.

use std::net::TcpListener;
use std::thread;

use crate::family::{now, replaced};
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::lab::Invocation;
use crate::support::outcome::Outcome;
use crate::support::port::Port;
use crate::support::tls_front::TlsFront;
use crate::support::tools;
use crate::support::upstream::Upstream;

const DAY: u64 = 24 * 60 * 60;

/// `it` is for certificates only, `notes` asks, `wiki` has a public path and is open at home, `films` is open at home, `site` to all.
fn declaration(upstream: &Upstream, lan: &str) -> String {
    let at = upstream.address();
    format!(
        r#"
        domain "home.example.com"
        validity {{ device "1y"; renew "30d"; }}
        edge {{ lan "{lan}"; landing; }}
        person "alice" {{ device "pixel" platform="android"; device "lost" platform="linux"; }}
        person "bob" {{ device "iphone" platform="ios"; }}
        service "films" {{ upstream "http://{at}"; open "lan"; }}
        service "it" {{ upstream "http://{at}"; allow "alice"; }}
        service "notes" {{ upstream "http://{at}"; allow "alice"; certificate "asked"; }}
        service "site" {{ upstream "http://{at}"; open "everyone"; }}
        service "wiki" {{ upstream "http://{at}"; allow "alice"; open "lan"; public "/share/*"; }}
        "#
    )
}

/// A house with a past: a pixel that was renewed, and a device that was lost.
fn house(upstream: &Upstream, lan: &str) -> House {
    let house = House::unbuilt(&declaration(upstream, lan));
    house.command_at(now() - 40 * DAY, ["build"]);
    house.command_at(now() - 10 * DAY, ["renew", "alice/pixel"]);
    house.command_at(now() - 5 * DAY, ["revoke", "--no-replace", "alice/lost"]);
    house
}

/// What is asked for because a careless comparison takes it for the public path; at home it is let in, as all is.
const LOOKALIKE: &str = "/homelab-verify/..%2fshare/homelab-verify";

const ELSEWHERE: &str = "192.168.0.0/16";

fn verify(house: &House, caddy: &Caddy, more: &[&str]) -> Outcome {
    let root = caddy.root_certificate();
    let root = root.to_str().expect("a test's paths are UTF-8");
    let mut arguments = vec!["--ca", root];
    arguments.extend(more);
    at_port(house, caddy.https_port(), &arguments).run()
}

fn at_port(house: &House, port: u16, more: &[&str]) -> Invocation {
    let (port, resolve) = (port.to_string(), format!("*:{port}:127.0.0.1"));
    let mut arguments = vec!["verify", "--live", "--port", &port, "--resolve", &resolve];
    arguments.extend(more);
    house.lab.command(arguments)
}

/// The lines of the report without their addresses, versions of TLS and dates.
fn all_is_well(version: Version, lan: &str) {
    let upstream = Upstream::start("it");
    let house = house(&upstream, lan);
    let caddy = house.serve(version);
    let before = house.lab.snapshot();
    let outcome = verify(&house, &caddy, &[]);
    let at = format!("at 127.0.0.1:{}, TLS 1.3", caddy.https_port());
    let expected = format!(
        "ok     home.example.com        7 of 7 answers as declared {at}\n\
         ok     films.home.example.com  1 of 1 answers as declared {at}\n\
         ok     it.home.example.com     7 of 7 answers as declared {at}\n\
         ok     notes.home.example.com  7 of 7 answers as declared {at}\n\
         ok     site.home.example.com   1 of 1 answers as declared {at}\n\
         ok     wiki.home.example.com   9 of 9 answers as declared {at}\n\
         6 hosts, 32 requests; with 4 certificates of devices\n"
    );
    outcome.succeeds().stdout_is(&expected).stderr_is("");
    assert!(before == house.lab.snapshot(), "it changes nothing");
    // Nothing but what it says is sent to services.
    for arrival in upstream.arrivals() {
        assert_eq!(arrival.method, "GET");
        let asked = ["/", "/share/homelab-verify", LOOKALIKE];
        assert!(asked.contains(&arrival.target.as_str()), "{arrival:?}");
        assert_eq!(arrival.header("User-Agent"), ["homelab-verify"]);
    }
    let json = verify(&house, &caddy, &["--json", "it"]);
    let json: serde_json::Value = serde_json::from_str(json.succeeds().stdout()).expect("JSON");
    let requests = json["hosts"][0]["requests"].as_array().expect("a list");
    let told: Vec<String> = requests
        .iter()
        .map(|request| format!("{}: {}", request["visitor"], request["expected"]))
        .collect();
    let [nobody, behind, stranger, lost, pixel, older, iphone] = &told[..] else {
        panic!("{told:#?}");
    };
    assert_eq!(nobody, r#""nobody": "refused in the handshake""#);
    assert_eq!(behind, r#""nobody": "refused""#);
    assert_eq!(stranger, r#""a stranger": "refused in the handshake""#);
    assert!(lost.starts_with(r#""alice/lost (barred "#) && lost.ends_with(r#": "refused""#));
    assert_eq!(pixel, r#""alice/pixel": "let in""#);
    assert!(
        older.starts_with(r#""alice/pixel (older, until "#) && older.ends_with(r#": "let in""#)
    );
    assert_eq!(iphone, r#""bob/iphone": "refused with 403""#);
}

#[test]
fn all_is_well_from_outside_on_the_old_caddy() {
    all_is_well(Version::Old, ELSEWHERE);
}

#[test]
fn all_is_well_from_outside_on_the_new_caddy() {
    all_is_well(Version::New, ELSEWHERE);
}

#[test]
fn all_is_well_at_home_on_the_old_caddy() {
    all_is_well(Version::Old, "127.0.0.0/8");
}

#[test]
fn all_is_well_at_home_on_the_new_caddy() {
    all_is_well(Version::New, "127.0.0.0/8");
}

/// `text` with the last `from` that stands behind `after` and before the end of that site replaced.
#[track_caller]
fn in_site(text: &str, site: &str, from: &str, to: &str) -> String {
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

/// The fingerprint of a certificate that the Caddyfile knows to be retired.
fn retired(text: &str) -> String {
    let line = text.lines().find(|line| line.contains("@retired vars"));
    let fingerprint = line.and_then(|line| line.split(' ').next_back());
    fingerprint.expect("one is retired").to_owned()
}

/// What is planted, where, and what is said of it, in part.
fn faults(version: Version) {
    let upstream = Upstream::start("it");
    let house = house(&upstream, ELSEWHERE);
    let other = house_of_another(&upstream);
    let [ours, theirs] = [&house, &other].map(|house| authority(&house.generated(version)));
    let lost = retired(&house.generated(version));
    type Plant<'a> = Box<dyn Fn(&str) -> String + 'a>;
    let guard = "\thandle {\n\t\terror 403\n\t}";
    let plants: Vec<(&str, Plant<'_>, &[&str])> = vec![
        (
            "the guard is taken out",
            Box::new(|text| in_site(text, "it", guard, "\thandle {\n\t\trespond hello\n\t}")),
            &[
                "it.home.example.com     5 of 7",
                "bob/iphone at /: should be refused with 403, got 200",
                "UTC) at /: should be refused, got 200",
            ],
        ),
        (
            "a retired fingerprint is put back",
            Box::new(|text| {
                in_site(
                    text,
                    "notes",
                    "@allowed vars {http.request.tls.client.fingerprint}",
                    &format!("@allowed vars {{http.request.tls.client.fingerprint}} {lost}"),
                )
            }),
            &[
                "notes.home.example.com  6 of 7",
                "alice/lost (barred ",
                "should be refused, got 200",
            ],
        ),
        (
            "what was required is only asked for",
            Box::new(|text| {
                in_site(
                    text,
                    "it",
                    "mode require_and_verify",
                    "mode verify_if_given",
                )
            }),
            &["nobody at /: should be refused in the handshake, got 403 from the edge"],
        ),
        (
            "a certificate is required, and nobody verifies it",
            Box::new(|text| in_site(text, "it", "mode require_and_verify", "mode require")),
            &["a stranger at /: should be refused in the handshake, got 403 from the edge"],
        ),
        (
            "another authority is trusted",
            Box::new(|text| in_site(text, "it", &ours, &theirs)),
            &[
                "it does not trust the authority `home.example.com devices ",
                "it trusts an authority that homelab.lock does not know",
                "alice/pixel at /: should be let in, got refused in the handshake",
            ],
        ),
        (
            "another authority is trusted too",
            Box::new(|text| {
                let word = match version {
                    Version::Old => "trusted_ca_cert",
                    Version::New | Version::Between(_) => "trust_der",
                };
                in_site(
                    text,
                    "it",
                    &format!("{word} {ours}"),
                    &format!("{word} {ours}\n{word} {theirs}"),
                )
            }),
            &["it trusts an authority that homelab.lock does not know"],
        ),
        (
            "no certificate is asked for",
            Box::new(|text| in_site(text, "notes", "mode verify_if_given", "mode request")),
            &["a stranger at /: should be refused in the handshake, got 403 from the edge"],
        ),
        (
            "what only looks public is public",
            Box::new(|text| {
                let site = text
                    .split("\nwiki.home.example.com {")
                    .nth(1)
                    .expect("it is there");
                let line = site
                    .lines()
                    .find(|line| line.contains("expression \"{http.request.uri}"));
                in_site(text, "wiki", line.expect("the raw path is looked at"), "")
            }),
            &[
                "nobody at /homelab-verify/..%2fshare/homelab-verify: should be refused with 403, got 200",
            ],
        ),
        (
            "the public path is closed",
            Box::new(|text| in_site(text, "wiki", "path /share/*", "path /elsewhere/*")),
            &["nobody at /share/homelab-verify: should be let in, got 403 from the edge"],
        ),
        (
            "the service refuses in place of the edge",
            Box::new(|text| in_site(text, "notes", guard, "\thandle {\n\t\trespond 403\n\t}")),
            &[
                "nobody at /: should be refused with 403, got 403, but not from the edge: the service was reached",
            ],
        ),
        (
            "everybody is at home",
            Box::new(|text| {
                in_site(
                    text,
                    "films",
                    "@lan remote_ip 192.168.0.0/16",
                    "@lan remote_ip 127.0.0.0/8",
                )
            }),
            &[
                "films.home.example.com  0 of 1",
                "nobody at /: should be refused with 403, got 200",
            ],
        ),
        (
            "somebody is left out",
            Box::new(|text| {
                in_site(
                    text,
                    "notes",
                    "reverse_proxy",
                    "error 403\n\t\treverse_proxy",
                )
            }),
            &["alice/pixel at /: should be let in, got 403 from the edge"],
        ),
    ];
    let mut caddy = house.serve(version);
    for (what, plant, said) in plants {
        house.reload_changed(&mut caddy, plant);
        let outcome = verify(&house, &caddy, &[]);
        outcome
            .fails_with(4)
            .stderr_contains("verify::not-as-declared");
        for part in said {
            assert!(
                outcome.stdout().contains(part),
                "{what}: no {part:?}\n{outcome}"
            );
        }
        println!("{what}: noticed");
    }
}

fn house_of_another(upstream: &Upstream) -> House {
    House::new(&declaration(upstream, ELSEWHERE))
}

fn authority(files: &str) -> String {
    let line = files.lines().map(str::trim).find_map(|line| {
        line.strip_prefix("trusted_ca_cert ")
            .or_else(|| line.strip_prefix("trust_der "))
    });
    line.expect("it trusts one").to_owned()
}

#[test]
fn what_is_wrong_with_the_old_caddy_is_named() {
    faults(Version::Old);
}

#[test]
fn what_is_wrong_with_the_new_caddy_is_named() {
    faults(Version::New);
}

#[test]
fn what_was_built_and_not_deployed_is_noticed() {
    let upstream = Upstream::start("it");
    let house = house(&upstream, ELSEWHERE);
    let caddy = house.serve(Version::New);
    house.command_at(now(), ["renew", "--finish", "alice/pixel"]);
    let outcome = verify(&house, &caddy, &["it"]);
    outcome.fails_with(4);
    outcome
        .stdout_contains("alice/pixel (retired ")
        .stdout_contains("should be refused, got 200");
    house.command_at(now(), ["rotate", "--authority"]);
    let outcome = verify(&house, &caddy, &["it"]);
    outcome
        .fails_with(4)
        .stdout_contains("it does not trust the authority `home.example.com devices ");
    let mut caddy = caddy;
    house.reload(&mut caddy);
    verify(&house, &caddy, &["it"]).succeeds();
    // After the end of the rotation the old authority's certificates are refused in the handshake.
    house.command_at(now(), ["rotate", "--finish", "--force"]);
    verify(&house, &caddy, &["it"])
        .fails_with(4)
        .stdout_contains("still, which was retired");
    house.reload(&mut caddy);
    let outcome = verify(&house, &caddy, &["it"]);
    outcome.succeeds();
}

/// Without the secret strangers are tried, and it is said that devices are not.
#[test]
fn without_the_secret_it_says_what_it_did_not_try() {
    let upstream = Upstream::start("it");
    let house = house(&upstream, ELSEWHERE);
    let caddy = house.serve(Version::New);
    verify(&house, &caddy, &["--no-secret", "it"])
        .succeeds()
        .stdout_contains("3 of 3 answers as declared")
        .stdout_contains("no device's certificate was tried");
    verify(&house, &caddy, &["--identity", "/nowhere", "it"])
        .fails_with(3)
        .stdout_contains("3 of 3 answers as declared")
        .stderr_contains("no device was tried, for the root secret could not be had");
    // Where no certificate is asked for, none is needed.
    verify(&house, &caddy, &["--identity", "/nowhere", "site"]).succeeds();
    verify(&house, &caddy, &["its"])
        .fails_with(2)
        .stderr_contains("verify::unknown-service")
        .stderr_contains("did you mean `it`?");
}

#[test]
fn a_host_s_own_certificate_is_looked_at() {
    let upstream = Upstream::start("it");
    let house = house(&upstream, ELSEWHERE);
    let caddy = house.serve(Version::New);
    at_port(&house, caddy.https_port(), &["site"])
        .run()
        .fails_with(4)
        .stdout_contains("its certificate is of an authority that is not known here");
    // Caddy's own certificates are for twelve hours.
    let later = (now() + 30 * 60 * 60).to_string();
    let root = caddy.root_certificate();
    let root = root.to_str().expect("a test's paths are UTF-8");
    at_port(&house, caddy.https_port(), &["--ca", root, "site"])
        .env("SOURCE_DATE_EPOCH", later)
        .run()
        .fails_with(4)
        .stdout_contains("its certificate has ended");
    let soon = (now() + 11 * 60 * 60).to_string();
    at_port(&house, caddy.https_port(), &["--ca", root, "site"])
        .env("SOURCE_DATE_EPOCH", soon)
        .run()
        .succeeds()
        .stdout_contains("note   its certificate ends in");
    at_port(&house, caddy.https_port(), &["--ca", "homelab.kdl"])
        .run()
        .fails_with(3)
        .stderr_contains("verify::bad-ca");

    let front = TlsFront::start(&upstream);
    let (_, port) = front
        .address()
        .rsplit_once(':')
        .map(|(a, p)| (a.to_owned(), p.to_owned()))
        .expect("it has a port");
    let port = port.parse().expect("it is a number");
    at_port(&house, port, &["site"])
        .run()
        .fails_with(4)
        .stdout_contains("its certificate is signed by itself");
    // Something else answers in the edge's place, and lets everybody in.
    at_port(&house, port, &["it"])
        .run()
        .fails_with(4)
        .stdout_contains("it asks for no certificate")
        .stdout_contains("nobody at /: should be refused in the handshake, got 200");
}

#[test]
fn a_certificate_for_other_names_is_named() {
    let upstream = Upstream::start("it");
    let house = house(&upstream, ELSEWHERE);
    let place = |name: &str| {
        let path = house.lab.home().join(name);
        path.to_str().expect("a test's paths are UTF-8").to_owned()
    };
    let (certificate, key) = (place("nobody.pem"), place("nobody.key"));
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=nobody -addext subjectAltName=DNS:nobody.test -addext basicConstraints=critical,CA:FALSE -keyout";
    let arguments = request
        .split(' ')
        .chain([key.as_str(), "-out", &certificate]);
    tools::run("openssl", arguments).succeeds();
    let caddy = house.serve_changed(Version::New, |text| {
        let head = "\nsite.home.example.com {\n";
        replaced(text, head, &format!("{head}\ttls {certificate} {key}\n"))
    });
    at_port(&house, caddy.https_port(), &["--ca", &certificate, "site"])
        .run()
        .fails_with(4)
        .stdout_contains("its certificate is for other names");
}

#[test]
fn a_host_with_caddy_s_own_certificate_needs_its_root_to_be_named() {
    let upstream = Upstream::start("it");
    let house = House::new(&format!(
        "domain \"home.example.com\"\nedge {{ certificates \"internal\"; }}\nservice \"site\" {{ upstream \"http://{}\"; open \"everyone\"; }}\n",
        upstream.address()
    ));
    let caddy = house.serve(Version::New);
    at_port(&house, caddy.https_port(), &[])
        .run()
        .succeeds()
        .stdout_contains(
            "its certificate is not verified: name the root of Caddy's own authority with `--ca`",
        );
    verify(&house, &caddy, &[])
        .succeeds()
        .stdout_lacks("not verified");
}

/// Nobody there; somebody who hangs; somebody who speaks no TLS: each within its time, and none taken for a refusal.
#[test]
fn who_does_not_answer_is_not_reached() {
    let upstream = Upstream::start("it");
    let house = house(&upstream, ELSEWHERE);
    let closed = Port::reserve();
    at_port(&house, closed.number(), &[])
        .run()
        .fails_with(3)
        .stdout_contains("????   it.home.example.com     not reached at 127.0.0.1:")
        .stderr_contains("6 hosts could not be reached");

    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = hanging.local_addr().expect("it is bound").port();
    let outcome = at_port(&house, port, &["--timeout", "1"]).run();
    outcome
        .fails_with(3)
        .stdout_contains("no answer within 1 s");
    assert!(outcome.elapsed.as_secs() < 10, "{outcome}");

    let (_, port) = upstream
        .address()
        .split_once(':')
        .map(|(a, p)| (a.to_owned(), p.to_owned()))
        .expect("it has a port");
    let port = port.parse().expect("it is a number");
    let outcome = at_port(&house, port, &["it"]).run();
    outcome.fails_with(3).stdout_lacks("ok ");

    // Drop by drop, for ever.
    let dripping = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = dripping.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for connection in dripping.incoming().flatten() {
            thread::spawn(move || {
                use std::io::Write;
                // A handshake record that never comes to an end.
                _ = (&connection).write_all(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb");
                while (&connection).write_all(b"\x00").is_ok() {
                    thread::sleep(std::time::Duration::from_millis(50));
                }
            });
        }
    });
    let outcome = at_port(&house, port, &["--timeout", "1", "it"]).run();
    outcome
        .fails_with(3)
        .stdout_contains("no answer within 1 s");
    assert!(outcome.elapsed.as_secs() < 10, "{outcome}");
}
