//! A proxy before this one: it is believed about whom it speaks for, nobody else is, and its silence makes nobody at home.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::curl::Curl;
use crate::support::upstream::Upstream;

const FILMS: &str = "films.home.example.com";
/// The proxy itself is of it.
const LAN: &str = r#""192.168.0.0/16" "127.0.0.0/8""#;
const PHOTOS: &str = "photos.home.example.com";

/// A house behind a proxy, where `films` is open on the LAN, and `photos` to alice from outside too.
fn house(upstream: &Upstream, lan: &str, behind: &str) -> House {
    let address = upstream.address();
    House::new(&format!(
        r#"
        domain "home.example.com"
        edge {{
            certificates "internal"
            caddy "2.8"
            lan {lan}
            behind {behind}
        }}
        person "alice" {{ device "pixel" platform="linux"; }}
        service "films" {{ upstream "http://{address}"; open "lan"; }}
        service "photos" {{ upstream "http://{address}"; open "lan"; allow "alice"; }}
        "#
    ))
}

#[test]
fn it_says_so_in_a_header() {
    let upstream = Upstream::start("films");
    let house = house(&upstream, LAN, r#""127.0.0.1""#);
    let caddy = house.serve(Version::New);
    let says = |value: &str| caddy.visit(FILMS, "/").header("X-Forwarded-For", value);
    says("192.168.7.7").run().has_status(200);
    says("203.0.113.9, 192.168.7.7").run().has_status(200);
    for before in [
        "2001:db8::1",
        "::",
        "::1",
        "2001:DB8:0:0:0:0:0:1",
        "1:2:3:4:5:6::8",
        "255.249.0.10",
    ] {
        let answer = says(&format!("{before},192.168.7.7")).run();
        assert_eq!(answer.status, Some(200), "{before}\n{answer}");
        // What the proxy believes of the host is the host that was asked for, whatever a visitor says.
        let told = says("192.168.7.7")
            .header("X-Forwarded-Host", "evil.example")
            .run();
        let arrival = told.arrival();
        let [host] = arrival.header("X-Forwarded-Host")[..] else {
            panic!("one host: {arrival:?}");
        };
        assert!(host.starts_with(FILMS), "{host}");
    }
    for outside in [
        // The proxy adds the address that it sees behind what the visitor has sent.
        "192.168.7.7, 203.0.113.9",
        "203.0.113.9",
        // It says nothing of anybody.
        "127.0.0.1",
        "192.168.7.7, 203.0.113.9, 127.0.0.1",
        "",
        "nobody",
        // Caddy passes over what it cannot read, and would come to what the visitor has sent.
        "192.168.7.7, unknown",
        "192.168.7.7, nobody",
        "192.168.7.7, [2001:db8::1]:99",
        "192.168.7.7, [2001:db8::1]",
        "192.168.7.7, unix:",
        "192.168.7.7, -",
        "192.168.7.7, _hidden",
        "192.168.7.7, \"203.0.113.9\"",
        "192.168.7.7, for=203.0.113.9",
        "192.168.7.7,",
        "192.168.7.7, ,",
        "unknown, 192.168.7.7",
        // Digits and colons that are no address, which Caddy passes over too.
        "192.168.7.7, 203.0.113.009",
        "192.168.7.7, 203.0.113.256",
        "192.168.7.7, 203.0.113",
        "192.168.7.7, 203.0.113.9.9",
        "192.168.7.7, 1",
        "192.168.7.7, dead:beef",
        "192.168.7.7, 1:2:3:4:5:6:7",
        "192.168.7.7, 1:2:3:4:5:6:7:8:9",
        "192.168.7.7, 1::2::3",
        "192.168.7.7, 1:2:3:4::5:6:7:8",
        "192.168.7.7, :1:2:3:4:5:6:7",
        "192.168.7.7, 12345::",
        "192.168.7.7, :",
        "192.168.7.7, fe80::1%eth0",
        "192.168.7.7, 203.0.113.9:80",
        "192.168.7.7, {http.request.remote.host}",
        "{http.request.remote.host}, 192.168.7.7",
    ] {
        let answer = says(outside).run();
        assert_eq!(answer.status, Some(403), "{outside}\n{answer}");
    }
    caddy.visit(FILMS, "/").run().has_status(403);
    let twice = says("192.168.7.7").header("X-Forwarded-For", "203.0.113.9");
    twice.run().has_status(403);
    for header in [
        "X-Real-IP",
        "Forwarded",
        "CF-Connecting-IP",
        "X_Forwarded_For",
    ] {
        let answer = caddy.visit(FILMS, "/").header(header, "192.168.7.7").run();
        assert_eq!(answer.status, Some(403), "{header}\n{answer}");
    }
    // Who comes past the proxy is at home by the address that it has, and not by what it says.
    let past = |curl: Curl| curl.from("127.0.0.3");
    past(says("203.0.113.9")).run().has_status(200);
    let pixel = house.bundle("alice", "pixel");
    let photos = caddy
        .visit(PHOTOS, "/")
        .header("X-Forwarded-For", "203.0.113.9");
    photos.run().has_status(403);
    let photos = caddy
        .visit(PHOTOS, "/")
        .header("X-Forwarded-For", "203.0.113.9");
    pixel.shown(photos).run().has_status(200);
}

/// Whatever else a visitor has written that begins as its own two headers do.
#[test]
fn it_is_believed_in_nothing_else() {
    const OTHERS: [&str; 12] = [
        "X-Forwarded",
        "X-Forwarded-User",
        "X-Forwarded-Login",
        "X-Forwarded-Name",
        "X-Forwarded-Roles",
        "X-Forwarded-Access-Token",
        "X-Forwarded-Context",
        "X-Forwarded-Prefix",
        "X-Forwarded-Ssl",
        "X-Forwarded-For-Original",
        "X-Forwarded-Anything",
        "X.Forwarded.For",
    ];
    let upstream = Upstream::start("films");
    let house = house(&upstream, LAN, r#""127.0.0.1""#);
    let newer = Version::each().filter(|version| *version != Version::Old);
    for version in newer {
        let caddy = house.serve(version);
        let mut visit = caddy
            .visit(FILMS, "/")
            .header("X-Forwarded-For", "192.168.7.7")
            .header("X-Forwarded-Proto", "http");
        for name in OTHERS {
            visit = visit.header(name, "forged.example");
        }
        let arrival = visit.run().arrival();
        let forged = arrival
            .headers
            .iter()
            .find(|(_, value)| value.contains("forged"));
        assert_eq!(forged, None, "{version:?}");
        let told = |name| arrival.header(name);
        assert_eq!(
            told("X-Forwarded-For"),
            ["192.168.7.7, 127.0.0.1"],
            "{version:?}"
        );
        assert_eq!(told("X-Forwarded-Proto"), ["http"], "{version:?}");
        // What it does not say comes from nowhere else, least of all as a list with nothing in it.
        let past = caddy.visit(FILMS, "/").from("127.0.0.3").run().arrival();
        assert_eq!(past.header("X-Forwarded-For"), ["127.0.0.3"], "{version:?}");
        assert_eq!(past.header("X-Forwarded-Proto"), ["https"], "{version:?}");
    }
}

/// Who comes from elsewhere says what it likes.
#[test]
fn nobody_else_is_believed() {
    let upstream = Upstream::start("films");
    for by in ["", r#"by="proxy-protocol""#] {
        let behind = format!("\"127.0.0.9\" {by}");
        let house = house(&upstream, r#""192.168.0.0/16""#, &behind);
        let caddy = house.serve(Version::New);
        caddy.visit(FILMS, "/").run().has_status(403);
        let visit = caddy.visit(FILMS, "/");
        let visit = visit.header("X-Forwarded-For", "192.168.7.7");
        visit.run().has_status(403);
        let relay = Relay::start(&caddy, Some("192.168.7.7"));
        // How the connection ends where a greeting comes that is none of TLS is Caddy's choice.
        assert_ne!(relay.visit(&caddy, FILMS).status(), Some(200), "{by}");
        assert_eq!(upstream.arrivals(), [], "{by}");
    }
}

#[test]
fn it_says_so_before_the_connection() {
    let upstream = Upstream::start("films");
    let house = house(&upstream, LAN, r#""127.0.0.1" by="proxy-protocol""#);
    let caddy = house.serve(Version::New);
    let pixel = house.bundle("alice", "pixel");
    let from = |address| Relay::start(&caddy, address);
    let (inside, outside) = (from(Some("192.168.7.7")), from(Some("203.0.113.9")));
    assert_eq!(inside.status(&caddy, FILMS, |curl| curl), Some(200));
    let claims = |curl: Curl| curl.header("X-Forwarded-For", "192.168.7.7");
    for relay in [outside, from(Some("127.0.0.1")), from(None)] {
        assert_eq!(relay.status(&caddy, FILMS, |curl| curl), Some(403));
        assert_eq!(relay.status(&caddy, FILMS, claims), Some(403));
        assert_eq!(relay.status(&caddy, PHOTOS, |curl| curl), Some(403));
        let shown = |curl| pixel.shown(curl);
        assert_eq!(relay.status(&caddy, PHOTOS, shown), Some(200));
    }
    // The upstream is told the visitor's address, and not the proxy's.
    let outside = from(Some("203.0.113.9"));
    let curl = outside.visit(&caddy, PHOTOS);
    let arrival = pixel.shown(curl).run().arrival();
    assert_eq!(arrival.header("X-Forwarded-For"), ["203.0.113.9"]);
}

/// A proxy that passes connections on unopened, and says for whom before each (HAProxy's PROXY protocol, version 1).
struct Relay {
    port: u16,
}

impl Relay {
    /// One that says that it speaks for that address, or nothing.
    fn start(caddy: &Caddy, speaks_for: Option<&str>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let greeting = speaks_for.map_or(String::new(), |address| {
            format!("PROXY TCP4 {address} 127.0.0.1 4711 443\r\n")
        });
        let https = caddy.https_port();
        thread::spawn(move || {
            for visitor in listener.incoming().flatten() {
                // Either side may go away in the middle.
                _ = pass_on(visitor, https, greeting.as_bytes());
            }
        });
        Self { port }
    }

    fn visit(&self, caddy: &Caddy, host: &str) -> Curl {
        Curl::https(host, self.port, "/").root(&caddy.root_certificate())
    }

    /// The status of a visit through it; none where there is no connection.
    fn status(&self, caddy: &Caddy, host: &str, change: impl FnOnce(Curl) -> Curl) -> Option<u16> {
        change(self.visit(caddy, host)).run().status
    }
}

fn pass_on(mut visitor: TcpStream, https: u16, greeting: &[u8]) -> io::Result<()> {
    let mut caddy = TcpStream::connect((Ipv4Addr::LOCALHOST, https))?;
    caddy.write_all(greeting)?;
    let (mut from, mut to) = (visitor.try_clone()?, caddy.try_clone()?);
    thread::spawn(move || {
        _ = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Write)
    });
    io::copy(&mut caddy, &mut visitor)?;
    visitor.shutdown(Shutdown::Both)
}
