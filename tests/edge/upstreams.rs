//! What comes of a request that is let in: every kind of upstream, files, redirects, and what is set beside them.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::curl::{Answer, Curl};
use crate::support::port::Port;
use crate::support::tls_front::TlsFront;
use crate::support::upstream::Upstream;
use crate::wire::{Wire, request};

/// A house in which each service is another kind of upstream, open to everyone.
struct Services {
    house: House,
    main: Upstream,
    side: Upstream,
    http2: TcpListener,
    // They answer until they are dropped.
    _front: TlsFront,
    _dead: Port,
}

impl Services {
    fn new() -> Self {
        // No dot in its name, for what is below one is hidden.
        let place = tempfile::Builder::new().prefix("place").tempdir();
        let place = place.expect("a temporary directory can be made");
        // Sockets and files stay where they are for as long as the test's process runs.
        let place = place.keep();
        let at = |name: &str| place.join(name).display().to_string();
        let (main, side) = (Upstream::start("main"), Upstream::start("side"));
        side.also_at("socket", &place.join("app.sock"));
        let front = TlsFront::start(&side);
        let dead = Port::reserve();
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let (http2, silent) = (listen(), listen());
        let silent_port = silent.local_addr().expect("it is bound").port();
        thread::spawn(move || {
            // It takes connections, and never says a word.
            let _taken: Vec<_> = silent.incoming().collect();
        });
        let www = place.join("it's www");
        fs::create_dir_all(www.join("sub")).expect("it is new");
        for (name, content) in [
            ("index.html", "the index"),
            ("sub/page.txt", "a page"),
            (".env", "SECRET=1"),
            ("sub/.htpasswd", "alice:x"),
            ("sub/..more", "x"),
        ] {
            fs::write(www.join(name), content).expect("it is new");
        }
        let (main_at, side_at) = (main.address(), side.address());
        let http2_port = http2.local_addr().expect("it is bound").port();
        let declaration = format!(
            r#"
            domain "home.example.com"
            edge {{ certificates "internal"; }}
            service "plain" {{ upstream "http://{main_at}"; open "everyone"
                header "X-Frame-Options" "DENY"
                header "Content-Type" "text/x-note; note=\"it's #1\""
                max-body "1KB"
                raw "header X-Raw yes"
            }}
            service "paths" {{ open "everyone"
                upstream "http://{main_at}"
                upstream "http://{side_at}" path="/api/*"
                upstream "http://{side_at}/photos/v1" path="/pictures/*"
            }}
            service "prefix" {{ upstream "http://{main_at}/photos"; open "everyone"; }}
            service "several" {{ open "everyone"
                upstream "http://127.0.0.1:{dead}" "http://{main_at}" policy="first"
            }}
            service "dead" {{ upstream "http://127.0.0.1:{dead}"; open "everyone"; }}
            service "silent" {{ upstream "http://127.0.0.1:{silent_port}"; open "everyone"
                timeouts dial="2s" response="300ms"
            }}
            service "socket" {{ upstream "unix/{socket}"; open "everyone"; }}
            service "grpc" {{ upstream "h2c://127.0.0.1:{http2_port}"; open "everyone"; }}
            service "unverified" {{ upstream "{tls}" verify=#false; open "everyone"; }}
            service "unknown" {{ upstream "{tls}"; open "everyone"; }}
            service "vouched" {{ open "everyone"
                upstream "{tls}" ca="{certificate}" server-name="nobody.test"
            }}
            service "misnamed" {{ open "everyone"
                upstream "{tls}" ca="{certificate}" server-name="other.test"
            }}
            service "www" {{ files "{www}"; open "everyone"; }}
            service "listed" {{ files "{www}/sub" browse=#true; open "everyone"; }}
            service "moved" {{ redirect "https://new.example.org/*" status=308; open "everyone"; }}
            service "gone" {{ redirect "https://new.example.org/why?a=b&c=#d"; open "everyone"; }}
            "#,
            dead = dead.number(),
            socket = at("app.sock"),
            tls = front.address(),
            certificate = front.certificate().display(),
            www = at("it's www"),
        );
        Self {
            house: House::new(&declaration),
            main,
            side,
            http2,
            _front: front,
            _dead: dead,
        }
    }
}

fn visit(caddy: &Caddy, service: &str, target: &str) -> Curl {
    caddy.visit(&format!("{service}.home.example.com"), target)
}

/// Which upstream answered, and what it was asked for.
#[track_caller]
fn reaches(answer: &Answer, upstream: &str, target: &str) {
    answer
        .has_status(200)
        .contains(&format!("upstream {upstream}\n"));
    assert_eq!(answer.arrival().target, target);
}

fn holds(version: Version) {
    let services = Services::new();
    let caddy = services.house.serve(version);
    let get = |service: &str, target: &str| visit(&caddy, service, target).run();

    let answer = get("plain", "/x?y=%2f");
    reaches(&answer, "main", "/x?y=%2f");
    assert_eq!(answer.header("X-Frame-Options"), ["DENY"]);
    let kind = ["text/x-note; note=\"it's #1\""];
    assert_eq!(answer.header("Content-Type"), kind, "not the upstream's");
    assert_eq!(answer.header("X-Raw"), ["yes"]);
    let post = |size: usize| visit(&caddy, "plain", "/").body(&"x".repeat(size)).run();
    post(1000).has_status(200);
    let arrived = services.main.arrivals().len();
    assert!(matches!(post(1001).status, Some(413 | 502)), "too large");
    assert!(services.main.arrivals().len() <= arrived + 1);

    reaches(&get("paths", "/"), "main", "/");
    reaches(&get("paths", "/api"), "main", "/api");
    reaches(&get("paths", "/api/x"), "side", "/api/x");
    reaches(
        &get("paths", "/pictures/a%2fb%20c?d=%2f"),
        "side",
        "/photos/v1/pictures/a%2fb%20c?d=%2f",
    );
    reaches(&get("prefix", "/"), "main", "/photos/");
    for honest in [
        "/a..b/c",
        "/..b%20/c",
        "/...%20and%20justice/x",
        "/caf%c3%a9/%c0?q=%c0%ae",
    ] {
        reaches(&get("prefix", honest), "main", &format!("/photos{honest}"));
    }
    for climbing in [
        "/..",
        "/../x",
        "/a/../../x",
        "/a/..;/x",
        "/%2e%2e/x",
        "/..%2fx",
        "/a%2f..%2fx",
        "/..%5cx",
        "/%252e%252e/x",
        "/%252e%252e%252fx",
        "/%25252e%25252e/x",
        "/..%09/x",
        "/.%09./x",
        "/..%0d%0a/x",
        "/..%3f/x",
        "/..%23/x",
        "/..%20/x",
        "/..%20%20",
        "/a/%2e%2e%20/x",
        "/a/..%2520/x",
        "/%c0%ae%c0%ae/x",
        "/..%c0%af",
        "/..%C1%9Cx",
        "/%e0%80%ae%e0%80%ae/x",
        "/..%f0%80%80%afx",
        "/a%00b",
        "/%2500",
        "/%7f",
    ] {
        let before = services.main.arrivals().len();
        get("prefix", climbing).has_status(400);
        assert_eq!(services.main.arrivals().len(), before, "{climbing}");
    }

    for _ in 0..3 {
        reaches(&get("several", "/"), "main", "/");
    }
    outlives_broken_bodies(&services, &caddy);
    without_a_path(&services, &caddy);
    get("dead", "/").has_status(502).contains("does not answer");
    get("silent", "/")
        .has_status(504)
        .contains("does not answer");
    reaches(&get("socket", "/x"), "socket", "/x");

    reaches(&get("unverified", "/"), "side", "/");
    reaches(&get("vouched", "/"), "side", "/");
    let before = services.side.arrivals().len();
    get("unknown", "/").has_status(502);
    get("misnamed", "/").has_status(502);
    assert_eq!(services.side.arrivals().len(), before, "none of those two");

    get("www", "/").has_status(200).contains("the index");
    get("www", "/sub/page.txt")
        .has_status(200)
        .contains("a page");
    for hidden in ["/.env", "/sub/.htpasswd", "/sub/..more", "/%2eenv", "/sub/"] {
        let answer = get("www", hidden);
        assert_eq!(answer.status, Some(404), "{hidden}\n{answer}");
    }
    get("www", "/sub/../.env").has_status(400);
    get("listed", "/")
        .has_status(200)
        .contains("page.txt")
        .lacks("htpasswd")
        .lacks("..more");
    get("listed", "/../index.html").lacks("the index");

    for (service, target, place) in [
        ("moved", "/a/b?c=%2f", "https://new.example.org/a/b?c=%2f"),
        (
            "moved",
            "//evil.test/x",
            "https://new.example.org//evil.test/x",
        ),
        ("gone", "/a", "https://new.example.org/why?a=b&c=#d"),
    ] {
        let answer = get(service, target);
        answer.has_status(if service == "moved" { 308 } else { 302 });
        assert_eq!(answer.header("Location"), [place], "{answer}");
    }
    speaks_http2_in_the_clear(&services, &caddy);
}

/// What a visitor breaks itself counts against an upstream, but for less time than another visitor waits.
fn outlives_broken_bodies(services: &Services, caddy: &Caddy) {
    let host = "several.home.example.com";
    let head = |method: &str| {
        format!("{method} / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
    };
    for method in ["GET", "POST", "POST"] {
        Wire::named(caddy, host).send(head(method));
    }
    reaches(&visit(caddy, "several", "/after").run(), "main", "/after");
    assert!(
        services
            .main
            .arrivals()
            .iter()
            .any(|arrival| arrival.target == "/after")
    );
}

/// A target that is no path is sent on as it is, past a prefix and behind a redirect's host.
fn without_a_path(services: &Services, caddy: &Caddy) {
    let arrived = || services.main.arrivals().len() + services.side.arrivals().len();
    for service in ["prefix", "paths", "plain", "moved", "www"] {
        let host = format!("{service}.home.example.com");
        for target in [
            "x:secret.txt",
            "x:%2fsecret.txt",
            "x:.evil.com",
            "x:@evil.com/",
            "a:1",
        ] {
            for method in ["GET", "POST", "OPTIONS"] {
                let before = arrived();
                let reply = Wire::named(caddy, &host).send(request(method, target, &host));
                assert_eq!(
                    reply.status(),
                    Some(400),
                    "{method} {target} {host}\n{}",
                    reply.text
                );
                assert!(!reply.text.contains("evil"), "{}", reply.text);
                assert_eq!(arrived(), before, "{method} {target} {host}");
            }
        }
        for method in ["TRACE", "CONNECT"] {
            let before = arrived();
            let reply = Wire::named(caddy, &host).send(request(method, "/", &host));
            assert!(
                matches!(reply.status(), Some(400 | 405)),
                "{method} {host}\n{}",
                reply.text
            );
            assert_eq!(arrived(), before, "{method} {host}");
        }
    }
}

/// HTTP/2 comes without TLS and without an upgrade. A connection that were closed before the request is on it would be opened again.
fn speaks_http2_in_the_clear(services: &Services, caddy: &Caddy) {
    let listener = services.http2.try_clone().expect("it is open");
    let answering = thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("Caddy connects");
        answer_http2(&mut connection).map(|()| connection)
    });
    let answer = visit(caddy, "grpc", "/").run();
    answering.join().expect("it accepts").expect("it answers");
    answer.has_status(200);
}

/// Answers the first request on a connection of HTTP/2 with 200 and nothing more.
fn answer_http2(connection: &mut TcpStream) -> io::Result<()> {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    /// The message ends with these headers, and they with this frame.
    const END: u8 = 0x4 | 0x1;
    /// `:status: 200` in the static table (RFC 7541 appendix A).
    const OK: u8 = 0x80 | 8;
    connection.set_read_timeout(Some(Duration::from_secs(20)))?;
    // The first bytes of HTTP/2, and a frame of each side (RFC 9113 §3.4).
    let mut preface = [0; 24];
    connection.read_exact(&mut preface)?;
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    connection.write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0])?;
    loop {
        // Length, type, flags, stream (RFC 9113 §4.1).
        let mut head = [0; 9];
        connection.read_exact(&mut head)?;
        let [l0, l1, l2, kind, _flags, s0, s1, s2, s3] = head;
        let length = u32::from_be_bytes([0, l0, l1, l2]).into();
        io::copy(&mut connection.take(length), &mut io::sink())?;
        if kind == HEADERS {
            return connection.write_all(&[0, 0, 1, HEADERS, END, s0, s1, s2, s3, OK]);
        }
    }
}

#[test]
fn each_kind_of_upstream_on_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn each_kind_of_upstream_on_the_new_caddy() {
    holds(Version::New);
}
