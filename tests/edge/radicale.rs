//! A real upstream that believes `Remote-User`: Radicale, a calendar server, signs in whom the edge names.

use std::fs::File;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::house::House;
use crate::support::caddy::Version;
use crate::support::curl::Curl;
use crate::support::port::Port;
use crate::support::tools;

const HOST: &str = "calendar.home.example.com";

/// Radicale on the loopback address; it is stopped when it is dropped.
struct Radicale {
    process: Child,
    port: Port,
    _place: TempDir,
}

impl Radicale {
    fn start() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let (port, at) = (Port::reserve(), |name: &str| place.path().join(name));
        let log = File::create(at("log")).expect("a temporary directory can be written to");
        let process = tools::command("radicale")
            .args(["--config", "", "--auth-type", "http_remote_user"])
            .args(["--auth-delay", "0"])
            .args(["--rights-type", "owner_only"])
            .args(["--hosts", &format!("127.0.0.1:{}", port.number())])
            .arg("--storage-filesystem-folder")
            .arg(at("collections"))
            .stdin(Stdio::null())
            .stdout(
                log.try_clone()
                    .expect("a file can be written to from two places"),
            )
            .stderr(log)
            .spawn()
            .expect("Radicale starts");
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port.number())).is_err() {
            assert!(Instant::now() < deadline, "Radicale: {}", said(at("log")));
            sleep(Duration::from_millis(50));
        }
        Self {
            process,
            port,
            _place: place,
        }
    }
}

fn said(log: PathBuf) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

impl Drop for Radicale {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Asks who one is (RFC 5397), and gives the path that names it; none where one is nobody.
fn principal(curl: Curl) -> Option<String> {
    let question = r#"<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>"#;
    let answer = curl
        .method("PROPFIND")
        .header("Depth", "0")
        .body(question)
        .run();
    let (_, found) = answer.text().split_once("<current-user-principal>")?;
    let (_, href) = found.split_once("<href>")?;
    Some(href.split('<').next()?.to_owned())
}

fn signs_in(version: Version) {
    let radicale = Radicale::start();
    let house = House::new(&format!(
        r#"
        domain "home.example.com"
        edge {{ lan "127.0.0.0/8"; }}
        person "alice" {{ device "pixel" platform="linux"; }}
        person "bob" {{ device "phone" platform="linux"; }}
        service "calendar" {{
            upstream "http://127.0.0.1:{}"
            allow "alice" "bob"
            open "lan"
            identity
        }}"#,
        radicale.port.number()
    ));
    let caddy = house.serve(version);
    let visit = |path: &str| caddy.visit(HOST, path);
    for (person, device) in [("alice", "pixel"), ("bob", "phone")] {
        let bundle = house.bundle(person, device);
        let own = format!("/{person}/");
        assert_eq!(principal(bundle.shown(visit("/"))), Some(own.clone()));
        // Only one's own calendars can be read, whoever one says one is.
        bundle
            .shown(visit(&own))
            .method("PROPFIND")
            .run()
            .has_status(207);
        for claim in ["Remote-User", "remote_user", "REMOTE-USER"] {
            let claims = visit("/carol/").header(claim, "carol");
            let answer = bundle.shown(claims).method("PROPFIND").run();
            assert_ne!(answer.status, Some(207), "{claim}\n{answer}");
        }
    }
    // At home, without a certificate, one is nobody, and cannot say otherwise.
    assert_eq!(principal(visit("/")), None);
    for claim in ["Remote-User", "remote_user", "Remote.User"] {
        let claims = visit("/alice/").header(claim, "alice");
        claims.method("PROPFIND").run().has_status(403);
    }
    // Its name would be believed from anybody who gets there without the edge.
    let port = radicale.port.number();
    let direct = Curl::http("127.0.0.1", port, "/").header("Remote-User", "alice");
    assert_eq!(principal(direct), Some("/alice/".to_owned()));
}

#[test]
fn a_calendar_server_signs_in_whom_the_old_caddy_names() {
    signs_in(Version::Old);
}

#[test]
fn a_calendar_server_signs_in_whom_the_new_caddy_names() {
    signs_in(Version::New);
}
