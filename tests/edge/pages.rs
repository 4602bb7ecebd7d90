//! What a visitor is told: each of those who are not let in, who comes while an upstream is down, and who comes to the domain itself.

use crate::described::unescaped;
use crate::family::Bundle;
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::curl::{Answer, Curl};
use crate::support::port::Port;
use crate::support::upstream::Upstream;

const NONE: &str = "This needs a certificate";
const NONE_AWAY: &str = "This needs a certificate away from home";
const HOME: &str = "This opens at home only";
const ELSEWHERE: &str = "This does not open here";
const RETIRED: &str = "This certificate is no longer let in";
const FORBIDDEN: &str = "You may not use this";
const DOWN: &str = "This does not answer at the moment";

/// With `lost` as one more of alice's devices, and that LAN. The title would be markup, and a certificate's owner more than one word.
fn declaration(upstream: &str, dead: u16, lost: &str, lan: &str) -> String {
    format!(
        r#"
        domain "home.example.com"
        network "office" "203.0.113.0/24"
        edge {{ email "admin@example.com"; certificates "acme"; lan "{lan}"; landing; }}
        person "alice" {{ name "Alice \"<b>\" & Co"; device "pixel" platform="linux"; {lost} }}
        person "bob" {{ device "phone" platform="linux"; }}
        person "carol" {{ device "phone" platform="linux"; }}
        service "asked" {{ upstream "http://{upstream}"; allow "alice"; certificate "asked"
            title "<script>alert(1)</script> & \"more\"" }}
        service "required" {{ upstream "http://{upstream}"; allow "alice"; }}
        service "both" {{ upstream "http://{upstream}"; allow "alice"; open "lan"; }}
        service "home" {{ upstream "http://{upstream}"; open "lan"; }}
        service "office" {{ upstream "http://{upstream}"; open "office"; }}
        service "home-or-office" {{ upstream "http://{upstream}"; open "lan" "office"; }}
        service "read" {{ upstream "http://{upstream}"; open "everyone"; path "/api/*" {{ open "everyone" methods="GET"; }} }}
        service "dead" {{ upstream "http://127.0.0.1:{dead}"; allow "alice" "bob"; certificate "asked"; }}
        service "dead-too" {{ upstream "http://127.0.0.1:{dead}"; open "everyone"; }}
        "#
    )
}

struct Scene {
    house: House,
    alice: Bundle,
    bob: Bundle,
    carol: Bundle,
    lost: Bundle,
    _dead: Port,
}

impl Scene {
    fn new(lan: &str) -> Self {
        let (upstream, dead) = (Upstream::start("it").address(), Port::reserve());
        let declare = |lost| declaration(&upstream, dead.number(), lost, lan);
        let house = House::new(&declare(r#"device "lost" platform="linux";"#));
        let lost = house.bundle("alice", "lost");
        house.build(&declare(""));
        Self {
            alice: house.bundle("alice", "pixel"),
            bob: house.bundle("bob", "phone"),
            carol: house.bundle("carol", "phone"),
            house,
            lost,
            _dead: dead,
        }
    }
}

fn visit(caddy: &Caddy, service: &str, bundle: Option<&Bundle>) -> Curl {
    let curl = caddy.visit(&format!("{service}.home.example.com"), "/");
    match bundle {
        Some(bundle) => bundle.shown(curl),
        None => curl,
    }
}

/// The answer is that page, whole and alone.
#[track_caller]
fn is_page(answer: &Answer, status: u16, title: &str) {
    answer.has_status(status);
    let shown = format!("<title>{title} · home.example.com</title>");
    answer.contains(&shown).contains("admin@example.com");
    let once = |name: &str| answer.header(name).join(", ");
    assert_eq!(once("Content-Type"), "text/html; charset=utf-8");
    assert_eq!(once("Cache-Control"), "no-store");
    assert_eq!(once("X-Content-Type-Options"), "nosniff");
    assert_eq!(once("Strict-Transport-Security"), "max-age=31536000");
    assert!(once("Content-Security-Policy").starts_with("default-src 'none';"));
    let text = answer.text();
    assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>"));
    // Nothing is fetched, and nothing runs.
    for fetched in [" src=", "url(", "<script", "<link", "@import"] {
        answer.lacks(fetched);
    }
    let links = text.split(" href=\"").skip(1);
    for link in links {
        assert!(
            link.starts_with("mailto:") || link.starts_with("https://"),
            "{link}"
        );
    }
}

fn each_is_told(version: Version) {
    let Scene {
        house,
        alice,
        bob,
        lost,
        ..
    } = &Scene::new("192.168.0.0/16");
    let caddy = house.serve(version);
    let told = |service, bundle, status, title| {
        is_page(&visit(&caddy, service, bundle).run(), status, title);
    };
    told("asked", None, 403, NONE);
    told("asked", Some(lost), 403, RETIRED);
    told("asked", Some(bob), 403, FORBIDDEN);
    told("required", Some(lost), 403, RETIRED);
    told("required", Some(bob), 403, FORBIDDEN);
    told("both", None, 403, NONE_AWAY);
    told("both", Some(bob), 403, FORBIDDEN);
    told("home", None, 403, HOME);
    told("home", Some(alice), 403, HOME);
    told("office", None, 403, ELSEWHERE);
    told("home-or-office", None, 403, HOME);
    let post = caddy
        .visit("read.home.example.com", "/api/x")
        .method("POST");
    is_page(&post.run(), 403, ELSEWHERE);
    told("dead", Some(alice), 502, DOWN);
    told("dead", Some(bob), 502, DOWN);
    told("dead", None, 403, NONE);
    told("dead-too", None, 502, DOWN);
    visit(&caddy, "required", None).run().is_refused_in_tls();
    for method in ["POST", "PUT", "OPTIONS"] {
        is_page(
            &visit(&caddy, "asked", None).method(method).run(),
            403,
            NONE,
        );
    }
    let head = visit(&caddy, "asked", None).method("HEAD").run();
    head.has_status(403);
    assert_eq!(head.body, b"", "{head}");
    // Who has none is to come back on another connection, in which a browser may show one; the others are not. Nor is what a page
    // asks for beside itself, a frame or what it foresees among it, or a program that says nothing of what it asks for.
    let window = ("navigate", "document");
    for (service, bundle, (mode, destination), closes) in [
        ("asked", None, window, true),
        ("both", None, window, true),
        ("asked", None, ("navigate", "iframe"), false),
        ("both", None, ("navigate", "frame"), false),
        ("asked", None, ("navigate", "object"), false),
        ("asked", None, ("navigate", "embed"), false),
        ("asked", None, ("cors", "empty"), false),
        ("asked", None, ("no-cors", "image"), false),
        ("both", None, ("websocket", "websocket"), false),
        ("asked", None, ("", ""), false),
        ("asked", Some(lost), window, false),
        ("asked", Some(bob), window, false),
        ("home", None, window, false),
        ("asked", Some(alice), window, false),
    ] {
        let ask = || {
            let curl = visit(&caddy, service, bundle).http1();
            let curl = curl.header("Sec-Fetch-Mode", mode);
            curl.header("Sec-Fetch-Dest", destination)
        };
        let answer = ask().run();
        assert_eq!(answer.header("Connection") == ["close"], closes, "{answer}");
        let foreseen = ask().header("Sec-Purpose", "prefetch").run();
        assert_ne!(foreseen.header("Connection"), ["close"], "{foreseen}");
    }
    // Whoever is let in gets the upstream's own answer, told once to come back over TLS.
    let answer = visit(&caddy, "asked", Some(alice)).run();
    answer.has_status(200).contains("upstream it");
    assert_eq!(
        answer.header("Strict-Transport-Security"),
        ["max-age=31536000"]
    );
    assert_eq!(answer.header("Cache-Control"), [""; 0]);
}

#[test]
fn each_is_told_what_to_do_on_the_old_caddy() {
    each_is_told(Version::Old);
}

#[test]
fn each_is_told_what_to_do_on_the_new_caddy() {
    each_is_told(Version::New);
}

/// Who comes is told in the first language that the browser asks for and somebody here has; whoever is known, and has one, in that.
fn in_a_language(version: Version) {
    let upstream = Upstream::start("it");
    let to = upstream.address();
    let house = House::new(&format!(
        r#"domain "home.example.com"
        edge {{ email "admin@example.com"; landing; lan "192.168.0.0/16"; }}
        person "anna" {{ language "de"; device "pixel" platform="android"; }}
        person "bob" {{ device "phone" platform="linux"; }}
        person "carol" {{ language "en"; device "phone" platform="linux"; }}
        service "wiki" {{ upstream "http://{to}"; allow "anna"; certificate "asked"; }}"#
    ));
    let caddy = house.serve(version);
    let bundle = |person, device| house.bundle(person, device);
    let (anna, bob, carol) = (
        bundle("anna", "pixel"),
        bundle("bob", "phone"),
        bundle("carol", "phone"),
    );
    for (asked, is_german) in [
        ("de-DE,de;q=0.9,en;q=0.8", true),
        ("DE", true),
        ("de;q=1", true),
        ("en-US,en;q=0.9,de;q=0.8", false),
        ("fr,de", true),
        ("fr-CH, fr;q=0.9, de;q=0.8, en;q=0.7", true),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7", false),
        ("de-CH-1996\t; Q=0.001 , en", true),
        ("de;q=0, en", false),
        ("de-AT;q=0.000,de;q=0.0,en;q=0.1", false),
        // Weights are not sorted.
        ("de;q=0.1, en;q=0.9", true),
        ("fr, *;q=0.5", false),
        ("den", false),
        ("x-de, xde, de_DE", false),
        ("de;q=2", false),
        ("{visitor.language}, {page.language}", false),
        ("", false),
        ("{http.request.host}", false),
    ] {
        for (host, bundle, [german, english]) in [
            ("wiki", None, ["Hier brauchst du ein Zertifikat", NONE]),
            (
                "wiki",
                Some(&bob),
                ["Das darfst du nicht benutzen", FORBIDDEN],
            ),
        ] {
            let answer = visit(&caddy, host, bundle).header("Accept-Language", asked);
            let answer = answer.run();
            is_page(&answer, 403, if is_german { german } else { english });
            let language = if is_german { "de" } else { "en" };
            answer.contains(&format!("<html lang=\"{language}\""));
        }
        for (who, [title, greeting]) in [
            (&anna, ["Deine Dienste", "Hallo <bdi>anna</bdi>"]),
            (
                &bob,
                match is_german {
                    true => ["Deine Dienste", "Hallo <bdi>bob</bdi>"],
                    false => ["Your services", "Hello <bdi>bob</bdi>"],
                },
            ),
            (&carol, ["Your services", "Hello <bdi>carol</bdi>"]),
        ] {
            let landing = who.shown(caddy.visit("home.example.com", "/"));
            let landing = landing.header("Accept-Language", asked).run();
            is_page(&landing, 200, title);
            landing.contains(greeting);
        }
    }
    assert_eq!(version.fmt_diff(&house.generated(version)), "");
}

#[test]
fn each_is_told_in_a_language_on_the_old_caddy() {
    in_a_language(Version::Old);
}

#[test]
fn each_is_told_in_a_language_on_the_new_caddy() {
    in_a_language(Version::New);
}

/// The addresses of a landing page's links.
fn links(answer: &Answer) -> Vec<&str> {
    let links = answer.text().split(" href=\"https://").skip(1);
    links.filter_map(|link| link.split('/').next()).collect()
}

fn landing(version: Version) {
    let scene = Scene::new("192.168.0.0/16");
    let caddy = scene.house.serve(version);
    let root = |bundle: Option<&Bundle>| {
        let curl = caddy.visit("home.example.com", "/any/path");
        bundle.map_or(caddy.visit("home.example.com", "/"), |bundle| {
            bundle.shown(curl)
        })
    };
    // Each is greeted, and is told of nobody else. The name would be markup.
    let alice = "Alice &quot;&lt;b&gt;&quot; &amp; Co";
    let names = [alice, "bob", "carol"];
    let shown = |bundle: &Bundle| {
        let answer = root(Some(bundle)).run();
        is_page(&answer, 200, "Your services");
        let greeted = |name: &str| answer.text().contains(&format!("Hello <bdi>{name}</bdi>"));
        let others = names.iter().filter(|name| !greeted(name));
        assert_eq!(others.clone().count(), 2, "{answer}");
        for other in others {
            answer.lacks(other);
        }
        links(&answer).join(" ").replace(".home.example.com", "")
    };
    assert_eq!(
        shown(&scene.alice),
        "asked both dead dead-too home home-or-office office read required"
    );
    assert_eq!(
        shown(&scene.bob),
        "both dead dead-too home home-or-office office read"
    );
    assert_eq!(
        shown(&scene.carol),
        "both dead-too home home-or-office office read"
    );
    let answer = root(Some(&scene.alice)).run();
    let title = "&lt;script&gt;alert(1)&lt;&#x2f;script&gt; &amp; &quot;more&quot;";
    answer
        .contains(title)
        .contains("home.home.example.com, at home only");
    is_page(&root(None).run(), 403, NONE_AWAY);
    // What guards the services guards this too.
    root(Some(&scene.alice))
        .method("TRACE")
        .run()
        .has_status(405);
    is_page(&root(Some(&scene.lost)).run(), 403, RETIRED);
    // At home without a certificate, what is open there.
    let scene = Scene::new("127.0.0.0/8");
    let caddy = scene.house.serve(version);
    let answer = caddy.visit("home.example.com", "/").run();
    is_page(&answer, 200, "Your services");
    answer.lacks("Hello");
    let open = links(&answer).join(" ").replace(".home.example.com", "");
    assert_eq!(open, "both dead-too home home-or-office read");
}

#[test]
fn the_domain_itself_on_the_old_caddy() {
    landing(Version::Old);
}

#[test]
fn the_domain_itself_on_the_new_caddy() {
    landing(Version::New);
}

/// Each device is shown what it opens itself: no link that its certificate does not open, and a path where that is all that it opens.
fn by_device(version: Version) {
    let upstream = Upstream::start("it");
    let to = format!("upstream \"http://{}\"", upstream.address());
    let house = House::new(&format!(
        r#"domain "home.example.com"
        edge {{ email "admin@example.com"; landing; lan "192.168.0.0/16"; }}
        person "alice" {{ device "laptop" platform="linux"; device "pixel" platform="android"; }}
        person "bob" {{ device "iphone" platform="ios"; }}
        person "carol" {{ device "tablet" platform="android"; }}
        service "safe" {{ {to}; allow "alice/laptop"; }}
        service "tv" {{ {to}; open "lan"; path "/admin/*" {{ allow "alice/laptop"; }} }}
        service "wiki" {{
            {to}
            allow "alice"
            path "/*.ics" {{ allow "bob"; }}
            path "/hook/*" {{ open "everyone" methods="POST"; }}
            path "/secret/*" {{ allow "alice"; }}
            path "/secret/notes/*" {{ allow "bob"; }}
            path "/status" {{ allow "bob"; }}
            path "/team/*" {{ allow "bob"; }}
        }}"#
    ));
    let caddy = house.serve(version);
    for (person, device, shown) in [
        ("alice", "laptop", "safe/ tv/ tv/admin/ wiki/"),
        ("alice", "pixel", "tv/ wiki/"),
        ("bob", "iphone", "tv/ wiki/status wiki/team/"),
        ("carol", "tablet", "tv/"),
    ] {
        let bundle = house.bundle(person, device);
        let page = bundle.shown(caddy.visit("home.example.com", "/")).run();
        is_page(&page, 200, "Your services");
        let links = page.text().split(" href=\"https://").skip(1);
        let links = links.filter_map(|link| link.split('"').next());
        let links: Vec<String> = links.map(unescaped).collect();
        let found = links.join(" ").replace(".home.example.com", "");
        assert_eq!(found, shown, "{version:?} {person}/{device}");
        // Each leads to something, but for what opens at home only.
        for link in links {
            let (host, path) = link.split_once('/').expect("it has a path");
            let answer = bundle.shown(caddy.visit(host, &format!("/{path}"))).run();
            let is_elsewhere = link == "tv.home.example.com/";
            answer.has_status(if is_elsewhere { 403 } else { 200 });
        }
    }
    assert_eq!(version.fmt_diff(&house.generated(version)), "");
}

#[test]
fn a_device_is_shown_what_it_opens_on_the_old_caddy() {
    by_device(Version::Old);
}

#[test]
fn a_device_is_shown_what_it_opens_on_the_new_caddy() {
    by_device(Version::New);
}

/// Without certificates that all browsers know, nobody is told to insist on them.
#[test]
fn nothing_is_insisted_on_where_browsers_would_be_locked_out() {
    let upstream = Upstream::start("it");
    let house = House::new(&format!(
        r#"domain "home.example.com"
        edge {{ certificates "internal"; }}
        service "it" {{ upstream "http://{}"; open "everyone"; }}"#,
        upstream.address()
    ));
    let answer = house
        .serve(Version::New)
        .visit("it.home.example.com", "/")
        .run();
    answer.has_status(200);
    assert_eq!(answer.header("Strict-Transport-Security"), [""; 0]);
}
