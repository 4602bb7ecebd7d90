//! `homelab verify --live` before real Caddys: all is well, and then something is wrong with the Caddyfile, the server or its
//! certificate, and is named.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
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

pub const ELSEWHERE: &str = "192.168.0.0/16";

/// What `verify --live` says of a Caddy on this machine; `more` are services and options.
pub fn verify(house: &House, caddy: &Caddy, more: &[&str]) -> Outcome {
    let root = caddy.root_certificate();
    let root = root.to_str().expect("a test's paths are UTF-8");
    let plain = caddy.http_port().to_string();
    let mut arguments = vec!["--ca", root, "--http-port", &plain];
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
    let server = format!("127.0.0.1:{}", caddy.https_port());
    // Of an old Caddy it says so, and that is all that it says.
    let warning = match version {
        Version::Old => String::from(
            "       note   warning: this Caddy is older than 2.10 and has known holes (CVE-2026-27589, CVE-2026-30852, GHSA-wwhq-w58m-w29c, …): run 2.11.4 or later\n",
        ),
        Version::New | Version::Between(_) => String::new(),
    };
    let expected = format!(
        "ok     home.example.com        21 of 21 answers as declared {at}\n\
         ok     films.home.example.com  11 of 11 answers as declared {at}\n\
         ok     it.home.example.com     18 of 18 answers as declared {at}\n\
         ok     notes.home.example.com  19 of 19 answers as declared {at}\n\
         ok     site.home.example.com   9 of 9 answers as declared {at}\n\
         ok     wiki.home.example.com   39 of 39 answers as declared {at}\n\
         ok     {server:22}  6 of 6 answers as declared\n{warning}\
         6 hosts, 123 requests; with 4 certificates of devices\n"
    );
    outcome.succeeds().stdout_is(&expected).stderr_is("");
    assert!(before == house.lab.snapshot(), "it changes nothing");
    // Nothing but what it says is sent to services.
    for arrival in upstream.arrivals() {
        let is_own = arrival.target == "/" || arrival.target.contains("homelab-verify");
        let is_read = matches!(arrival.method.as_str(), "GET" | "OPTIONS");
        assert!(is_own && is_read, "{arrival:?}");
        let [agent] = arrival.header("User-Agent")[..] else {
            panic!("one: {arrival:?}");
        };
        assert!(agent.starts_with("Mozilla/5.0 "), "{agent}");
    }
    let json = verify(&house, &caddy, &["--json", "it"]);
    let json: serde_json::Value = serde_json::from_str(json.succeeds().stdout()).expect("JSON");
    let requests = json["hosts"][0]["requests"].as_array().expect("a list");
    let visitor = |request: &serde_json::Value| request["visitor"].as_str().map(str::to_owned);
    let over_http2 = requests.iter().filter_map(visitor).filter_map(|visitor| {
        let visitor = visitor.strip_suffix(", over HTTP/2,")?;
        Some(visitor.split(" (").next().unwrap_or_default().to_owned())
    });
    // Each once more, as browsers ask.
    assert_eq!(
        over_http2.collect::<Vec<_>>(),
        [
            "nobody",
            "a stranger",
            "alice/lost",
            "alice/pixel",
            "alice/pixel",
            "bob/iphone"
        ]
    );
    let again = |request: &&serde_json::Value| {
        visitor(request).is_some_and(|visitor| visitor.ends_with(", over HTTP/2,"))
    };
    let told: Vec<String> = requests
        .iter()
        .filter(|request| !again(request))
        .map(|request| format!("{}: {}", request["visitor"], request["expected"]))
        .collect();
    let [
        nobody,
        behind @ ..,
        stranger,
        lost,
        pixel,
        older,
        iphone,
        plain,
    ] = &told[..]
    else {
        panic!("{told:#?}");
    };
    assert_eq!(nobody, r#""nobody": "refused in the handshake""#);
    let behind: Vec<&str> = behind.iter().map(String::as_str).collect();
    assert_eq!(
        behind,
        [
            r#""nobody": "refused with 421""#,
            r#""nobody": "refused with 421""#,
            r#""alice/pixel": "refused with 421""#,
            r#""nobody": "answered by nobody""#,
            r#""nobody": "answered by nobody""#,
        ]
    );
    assert_eq!(plain, r#""nobody": "redirected to https""#);
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

/// As behind a container's proxy, a tunnel, or a router that puts its own address as the sender.
#[test]
fn an_edge_that_takes_everybody_to_be_at_home_is_noticed() {
    let upstream = Upstream::start("films");
    let house = house(&upstream, "127.0.0.0/8");
    let caddy = house.serve(Version::New);
    let at_home = "note   Caddy does not see this visitor's address";
    let elsewhere = "note   the address that Caddy sees is not in `lan`";
    house.lab.edit("127.0.0.0/8", ELSEWHERE);
    for service in ["films", "wiki"] {
        verify(&house, &caddy, &[service])
            .fails_with(4)
            .stdout_contains("nobody at /: should be refused with 403, got what is for visitors")
            .stdout_contains(at_home);
    }
    // What everybody may have is no sign of it, and who needs a certificate is refused as ever.
    for service in ["site", "it"] {
        verify(&house, &caddy, &[service]).succeeds();
    }
    let mut caddy = caddy;
    house.command_at(now(), ["build"]);
    house.reload(&mut caddy);
    house.lab.edit(ELSEWHERE, "127.0.0.0/8");
    verify(&house, &caddy, &["films"])
        .fails_with(4)
        .stdout_contains(elsewhere)
        .stdout_lacks(at_home);
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
        .stdout_contains("9 of 9 answers as declared")
        .stdout_contains("no device's certificate was tried");
    verify(&house, &caddy, &["--identity", "/nowhere", "it"])
        .fails_with(3)
        .stdout_contains("9 of 9 answers as declared")
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
    let namesake = namesake(&house, &caddy.root_certificate());
    at_port(&house, caddy.https_port(), &["--ca", &namesake, "site"])
        .run()
        .fails_with(4)
        .stdout_contains("its certificate is of an authority that is not known here");
    // Caddy's own certificates are for twelve hours.
    let later = (now() + 30 * 60 * 60).to_string();
    let root = caddy.root_certificate();
    let root = root.to_str().expect("a test's paths are UTF-8");
    at_port(&house, caddy.https_port(), &["--ca", root, "site"])
        .at(later)
        .run()
        .fails_with(4)
        .stdout_contains("its certificate has ended");
    let soon = (now() + 11 * 60 * 60).to_string();
    at_port(&house, caddy.https_port(), &["--ca", root, "site"])
        .at(soon)
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

/// The path of another root of the same name.
#[track_caller]
fn namesake(house: &House, root: &Path) -> String {
    let root = root.to_str().expect("a test's paths are UTF-8");
    let asked = "x509 -noout -subject -nameopt RFC2253 -in".split(' ');
    let asked = tools::run("openssl", asked.chain([root]));
    let subject = asked.succeeds().stdout().trim();
    let name = subject.strip_prefix("subject=").expect("openssl says so");
    let (certificate, _) = self_signed(house, "namesake", &["-subj", &format!("/{name}")]);
    certificate
}

/// The paths of a certificate that signs itself, and of its key.
#[track_caller]
fn self_signed(house: &House, name: &str, words: &[&str]) -> (String, String) {
    let place = |extension: &str| {
        let path = house.lab.home().join(format!("{name}.{extension}"));
        path.to_str().expect("a test's paths are UTF-8").to_owned()
    };
    let (certificate, key) = (place("pem"), place("key"));
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    let places = ["-keyout", &key, "-out", &certificate];
    let arguments = request
        .split(' ')
        .chain(words.iter().copied())
        .chain(places);
    tools::run("openssl", arguments).succeeds();
    (certificate, key)
}

#[test]
fn a_certificate_for_other_names_is_named() {
    let upstream = Upstream::start("it");
    let house = house(&upstream, ELSEWHERE);
    let words = "-subj /CN=nobody -addext subjectAltName=DNS:nobody.test -addext basicConstraints=critical,CA:FALSE";
    let words: Vec<&str> = words.split(' ').collect();
    let (certificate, key) = self_signed(&house, "nobody", &words);
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

/// An app that does not trust its proxy, as Home Assistant does not by default: who comes with `X-Forwarded-For` is answered 400.
fn distrustful() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens").to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.extend(byte);
                }
                let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
                let status = match head.contains("\r\nx-forwarded-for:") {
                    true => "400 Bad Request",
                    false => "200 OK",
                };
                let answer =
                    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    address
}

#[test]
fn an_app_that_answers_with_an_error_is_told_from_the_edge() {
    let down = Port::reserve();
    let house = House::unbuilt(&format!(
        r#"
        domain "home.example.com"
        edge {{ certificates "internal"; }}
        person "alice" {{ device "pixel" platform="android"; device "laptop" platform="linux"; }}
        service "ha" {{ app "home-assistant"; upstream "http://{}"; allow "alice"; }}
        service "notes" {{ upstream "http://127.0.0.1:{}"; allow "alice"; }}
        "#,
        distrustful(),
        down.number(),
    ));
    house.command_at(now() - DAY, ["build"]);
    let caddy = house.serve(Version::New);
    let outcome = verify(&house, &caddy, &[]);
    outcome.succeeds();
    outcome.stdout_contains(
        "note   Home Assistant answers 400 to alice/laptop and another device: it does not trust this proxy; see \"Tell the apps\" in index.html",
    );
    outcome.stdout_contains(
        "note   the edge answers 502 to alice/laptop and another device: it does not reach notes;",
    );
}
