//! Holes of Caddy's own that the generated files keep shut, each asked of the Caddys that have it and of those around them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::family::replaced;
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::lab::Lab;
use crate::support::upstream::Upstream;
use crate::wire::{Wire, request};

const BELOW: &str = "below.home.example.com";
const MIXED: &str = "mixed.home.example.com";
const MOVED: &str = "moved.home.example.com";
const SITE: &str = "site.home.example.com";
const WWW: &str = "www.home.example.com";

struct Scene {
    house: House,
    upstream: Upstream,
    // It is served until the end.
    _www: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        // No dot in its name, for what is below one is hidden.
        let www = tempfile::Builder::new().prefix("www").tempdir();
        let www = www.expect("a temporary directory can be made");
        fs::create_dir(www.path().join("public")).expect("it is empty");
        for (name, content) in [("page.txt", "a page"), ("index.html", "the index")] {
            fs::write(www.path().join("public").join(name), content).expect("it is new");
        }
        let upstream = Upstream::start("it");
        let (address, root) = (upstream.address(), www.path().display());
        let house = House::new(&format!(
            r#"
            domain "home.example.com"
            edge {{ certificates "internal"; }}
            person "alice" {{ device "pixel" platform="linux"; }}
            service "below" {{ upstream "http://{address}/sub"; open "everyone"; }}
            service "mixed" {{ upstream "http://{address}"; allow "alice"; public "/share/*"; }}
            service "moved" {{ redirect "https://elsewhere.example/*"; open "everyone"; }}
            service "site" {{ upstream "http://{address}"; open "everyone"; }}
            service "www" {{ files "{root}"; open "everyone"; }}
            "#
        ));
        Self {
            house,
            upstream,
            _www: www,
        }
    }
}

/// Targets whose braces Caddy 2.8 to 2.11.1 would replace while it looks whether a pattern fits (CVE-2026-30852), and what would be
/// looked at then is harmless.
const WITH_PLACEHOLDERS: [(&str, &str); 7] = [
    (BELOW, "x:{a}/../secret.txt"),
    (BELOW, "/{/../../other/index.php/}"),
    (BELOW, "/{http.nothing/../../other}"),
    (MIXED, "/{x}share/../api"),
    (MIXED, "/share/{/../../api/}"),
    (MIXED, "/share/{http.nothing./../../api}x"),
    (MOVED, "{x}.evil.example/"),
];

/// What gets past what is looked at.
fn replaced_twice(scene: &Scene, caddy: &Caddy) -> Vec<String> {
    let tries = WITH_PLACEHOLDERS.into_iter().filter_map(|(host, target)| {
        let before = scene.upstream.arrived();
        let reply = Wire::named(caddy, host).send(request("GET", target, host));
        let arrivals = scene.upstream.arrivals_after(before);
        let refused = matches!(reply.status(), Some(400 | 403));
        (!refused || !arrivals.is_empty()).then(|| {
            let told: Vec<&str> = arrivals.iter().map(|a| a.target.as_str()).collect();
            format!("{host} {target}: {:?} {told:?}", reply.statuses)
        })
    });
    tries.collect()
}

#[test]
fn no_placeholder_is_replaced_in_what_a_visitor_sends() {
    let scene = Scene::new();
    for version in Version::each() {
        let caddy = scene.house.serve(version);
        let wrong = replaced_twice(&scene, &caddy);
        assert!(wrong.is_empty(), "{version:?}: {wrong:#?}");
    }
    // With the matcher that has the hole it is noticed.
    let [_, _, has_the_hole] = Version::BETWEEN;
    let caddy = scene.house.serve_changed(has_the_hole, |text| {
        let text = replaced(
            text,
            "expression \"!{http.request.uri}.startsWith('/')\"",
            "not vars_regexp {http.request.uri} ^/",
        );
        let begin = "expression \"{http.request.orig_uri.path}.matches(r'(?i)";
        let (before, behind) = text.split_once(begin).expect("climbing is refused");
        let (pattern, behind) = behind.split_once("')\"\n").expect("a word ends");
        format!("{before}vars_regexp {{http.request.orig_uri.path}} \"(?i){pattern}\"\n{behind}")
    });
    assert_ne!(replaced_twice(&scene, &caddy), [""; 0]);
}

/// Caddy finds the site by what stands before the colon.
#[test]
fn a_host_has_a_port_or_nothing_behind_its_colon() {
    let scene = Scene::new();
    for version in Version::each() {
        let caddy = scene.house.serve(version);
        for (behind, passes) in [
            ("", true),
            (":443", true),
            (":8443", true),
            (":1,evil.example", false),
            (":1, evil.example", false),
            (":@evil.example", false),
            (":evil.example", false),
            (":443/x", false),
            (":443#", false),
            (":443?", false),
            (":443\\evil.example", false),
            (":123456", false),
            (":", false),
            (":-1", false),
        ] {
            let host = format!("{SITE}{behind}");
            let before = scene.upstream.arrived();
            let reply = Wire::named(&caddy, SITE).send(request("GET", "/", &host));
            let arrivals = scene.upstream.arrivals_after(before);
            if passes {
                let [arrival] = &arrivals[..] else {
                    panic!("{version:?} {host}: {}", reply.text);
                };
                for name in ["Host", "X-Forwarded-Host"] {
                    assert_eq!(arrival.header(name), [&host[..]], "{version:?}");
                }
            } else {
                assert_eq!(arrivals, [], "{version:?} {host}");
                let status = reply.status();
                assert!(matches!(status, Some(400 | 421)), "{host}: {status:?}");
            }
        }
        // The same over HTTP/2, where it is `:authority`.
        let before = scene.upstream.arrived();
        let visit = caddy
            .visit(SITE, "/")
            .host(&format!("{SITE}:1,evil.example"));
        assert_ne!(visit.run().status, Some(200), "{version:?}");
        assert_eq!(scene.upstream.arrived(), before, "{version:?}");
    }
}

/// Where a directory is asked for without its last slash, Caddy sends the visitor to its cleaned path with one (caddy#8023).
fn sends_elsewhere(caddy: &Caddy) -> Vec<String> {
    let targets = [
        "/public/..%2F%5cevil.example%2F%3f%2F..%2F..",
        "/%5cevil.example/..%2Fpublic",
        "/public/%2e%2e/%5c%5cevil.example/%2e%2e/public",
        "//evil.example/..%2F..%2Fpublic",
        "/public%5c..%5c..",
    ];
    let followed = targets.into_iter().filter_map(|target| {
        let reply = Wire::named(caddy, WWW).send(request("GET", target, WWW));
        let location = reply.text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("Location").then_some(value)
        });
        location.map(|to| format!("{target}: sent to {to}"))
    });
    followed.collect()
}

#[test]
fn no_link_to_a_directory_leads_to_another_host() {
    let scene = Scene::new();
    for version in Version::each() {
        let caddy = scene.house.serve(version);
        assert_eq!(sends_elsewhere(&caddy), [""; 0], "{version:?}");
        let plain = caddy.visit(WWW, "/public/page.txt").run();
        plain.has_status(200).contains("a page");
        let to = caddy.visit(WWW, "/public").run();
        assert_eq!(to.header("Location"), ["/public/"], "{version:?}\n{to}");
    }
    let lenient = |text: &str| replaced(text, "\timport no-climbing\n\n\t\t# Where", "\t# Where");
    for version in Version::ALL {
        let caddy = scene.house.serve_changed(version, |text| {
            replaced(&lenient(text), "error @backslash 400", "")
        });
        assert_ne!(sends_elsewhere(&caddy), [""; 0], "{version:?}");
    }
}

/// The status of a configuration given to Caddy's own port, by whom that origin names.
fn given(caddy: &Caddy, origin: Option<&str>) -> String {
    let mut connection = TcpStream::connect(caddy.admin()).expect("it listens");
    let origin = origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
    let head = format!(
        "POST /load HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n{origin}Connection: close\r\n\r\n{{}}",
        caddy.admin()
    );
    connection.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    _ = connection.read_to_string(&mut answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

/// CVE-2026-27589, up to 2.10.2. That `caddy reload` works is seen wherever a test reloads.
#[test]
fn no_page_in_a_browser_gives_caddy_another_configuration() {
    let scene = Scene::new();
    for version in Version::each() {
        let mut caddy = scene.house.serve(version);
        for origin in [None, Some("null"), Some("http://evil.example"), Some("")] {
            let status = given(&caddy, origin);
            let refused = [" 403 ", " 400 "].iter().any(|code| status.contains(code));
            assert!(refused, "{version:?} {origin:?}: {status}");
        }
        caddy.visit(SITE, "/").run().has_status(200);
        scene.house.reload(&mut caddy);
        caddy.visit(SITE, "/").run().has_status(200);
    }
    let lenient = |text: &str| replaced(text, "\tenforce_origin\n", "");
    let [_, has_the_hole, _] = Version::BETWEEN;
    let caddy = scene.house.serve_changed(has_the_hole, lenient);
    let status = given(&caddy, None);
    assert!(status.contains(" 200 "), "{status}");
}

/// What a Caddy does not take for a site is no domain.
#[test]
fn a_domain_is_no_word_of_a_caddyfile() {
    let words = [
        "abort",
        "acme-server",
        "basicauth",
        "bind",
        "encode",
        "error",
        "fs",
        "handle",
        "header",
        "import",
        "intercept",
        "invoke",
        "log",
        "map",
        "method",
        "metrics",
        "push",
        "redir",
        "respond",
        "rewrite",
        "root",
        "route",
        "templates",
        "tls",
        "tracing",
        "uri",
        "vars",
        "guard",
        "page",
        "no-climbing",
        "admin",
        "servers",
        "lan",
        "http",
        "https",
        "localhost",
    ];
    let lab = Lab::new();
    let wrong = words.into_iter().filter_map(|word| {
        let site = format!("{word} {{\n\trespond ok\n}}\n");
        // What the old one refuses the new one refuses too.
        let taken = Version::New.adapt(&site, &lab.path()).status.success();
        lab.write(
            "homelab.kdl",
            format!("domain \"{word}\"\nedge {{ landing; }}\n"),
        );
        let checked = lab.command(["check"]).run().status.success();
        (checked != taken).then(|| format!("{word}: Caddy takes it: {taken}, check: {checked}"))
    });
    crate::assert_none(&wrong.collect::<Vec<_>>());
}
