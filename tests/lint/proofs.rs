//! That each form lets somebody in, and what is to be written instead does not: asked of real Caddys.
//!
//! Two are not asked. `public-authority` would take a certificate of a public authority. `own-authority-signs-for-all` would take an ACME client; what it
//! gets is what any other certificate of a trusted authority is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use crate::fixtures::{Kind, World, forms};
use crate::support::caddy::{Caddy, Version};
use crate::support::curl::Curl;
use crate::support::outcome;
use crate::support::{tools, wait};

/// How somebody gets in.
struct Proof {
    form: &'static str,
    /// With which Caddys.
    versions: &'static [Version],
    /// Whether whoever should not is let in.
    is_in: fn(&Edge) -> bool,
}

/// A Caddy with a fixture.
struct Edge<'w> {
    world: &'w World,
    caddy: Caddy,
}

const BOTH: &[Version] = &Version::ALL;
const OLD: &[Version] = &[Version::Old];
const NEW: &[Version] = &[Version::New];
const NOTES: &str = "notes.example.com";

impl Edge<'_> {
    fn visit(&self, target: &str) -> Curl {
        self.caddy.visit(NOTES, target)
    }

    fn gets(&self, target: &str) -> bool {
        self.visit(target).status() == Some(200)
    }

    /// With a header that anybody may send.
    fn gets_with(&self, name: &str, value: &str) -> bool {
        self.visit("/").header(name, value).status() == Some(200)
    }

    /// Whether the answer says this.
    fn says(&self, visit: Curl, part: &str) -> bool {
        visit.run().text().contains(part)
    }

    /// With a certificate of an authority that nobody here trusts.
    fn gets_as_a_stranger(&self) -> bool {
        let theirs = &self.world.theirs;
        theirs.issue("stranger");
        let visit = self
            .visit("/")
            .pem(&theirs.path("stranger.crt"), &theirs.path("stranger.key"));
        visit.status() == Some(200)
    }

    /// What an HTTP server answers to these bytes.
    fn raw(&self, address: &str, bytes: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(address) else {
            return String::new();
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("it is no zero");
        let mut answer = String::new();
        let written = stream.write_all(bytes.as_bytes());
        let _ = written.and_then(|()| stream.read_to_string(&mut answer));
        answer
    }
}

fn nobody(edge: &Edge) -> bool {
    edge.gets("/")
}

fn proof(form: &'static str, versions: &'static [Version], is_in: fn(&Edge) -> bool) -> Proof {
    Proof {
        form,
        versions,
        is_in,
    }
}

fn proofs() -> Vec<Proof> {
    vec![
        proof("empty-client-auth", BOTH, nobody),
        proof("no-authority", BOTH, |edge| edge.gets_as_a_stranger()),
        proof("certificate-not-verified", BOTH, |edge| {
            edge.gets_as_a_stranger()
        }),
        proof("certificate-not-looked-at", BOTH, nobody),
        proof("strict-sni-off", BOTH, |edge| {
            edge.caddy
                .visit("open.example.com", "/")
                .host(NOTES)
                .run()
                .text()
                .contains("upstream notes")
        }),
        proof(
            "name-never-said",
            &[Version::Old, Version::Between("caddy-2.11.1")],
            answers_in_ascii,
        ),
        proof("wildcard-left", NEW, nobody),
        proof("negative-check", NEW, nobody),
        proof("either-is-enough", BOTH, |edge| {
            edge.gets_with("X-Site", "main")
        }),
        proof("part-of-subject", BOTH, |edge| {
            let ours = &edge.world.ours;
            ours.issue("alice2");
            edge.visit("/")
                .pem(&ours.path("alice2.crt"), &ours.path("alice2.key"))
                .status()
                == Some(200)
        }),
        proof("part-of-fingerprint", BOTH, |edge| {
            let ours = &edge.world.ours;
            ours.issue("mallory");
            edge.visit("/")
                .pem(&ours.path("mallory.crt"), &ours.path("mallory.key"))
                .status()
                == Some(200)
        }),
        proof("fingerprint-of-nothing", NEW, nobody),
        proof("default-is-somebody", BOTH, nobody),
        proof("believed-header", BOTH, |edge| {
            edge.gets_with("Remote-User", "alice")
        }),
        proof(
            "filled-in-twice",
            &[Version::Between("caddy-2.8.4")],
            |edge| {
                let visit = edge.visit("x:{http.request.header.X-Share}");
                visit.header("X-Share", "/share/").status() == Some(200)
            },
        ),
        proof("everybody-is-home", BOTH, nobody),
        proof("range-too-wide", NEW, |edge| {
            edge.gets_with("X-Forwarded-For", "172.200.3.4")
        }),
        proof("forwarded-address", OLD, |edge| {
            edge.gets_with("X-Forwarded-For", "192.168.0.2")
        }),
        proof("every-proxy-trusted", NEW, |edge| {
            edge.gets_with("X-Forwarded-For", "192.168.0.2")
        }),
        proof("every-proxy-protocol", NEW, |edge| {
            let bytes = "PROXY TCP4 192.168.0.2 127.0.0.1 5000 80\r\nGET / HTTP/1.1\r\nHost: notes.example.com\r\nConnection: close\r\n\r\n";
            edge.raw(&format!("127.0.0.1:{}", edge.caddy.http_port()), bytes)
                .contains("upstream notes")
        }),
        proof("guard-too-late", BOTH, nobody),
        proof("stripped-before-guard", BOTH, |edge| {
            edge.gets("/admin/users")
        }),
        proof("falls-through", BOTH, nobody),
        proof("open-elsewhere", BOTH, |edge| {
            edge.caddy.visit("old.example.com", "/").status() == Some(200)
        }),
        proof("without-tls", BOTH, |edge| {
            edge.caddy.visit_plain(NOTES, "/").status() == Some(200)
        }),
        proof("second-port", BOTH, |edge| {
            let port = edge.world.second.number();
            let visit = Curl::https(NOTES, port, "/").root(&edge.caddy.root_certificate());
            visit.status() == Some(200)
        }),
        proof("errors-lead-in", BOTH, |edge| {
            edge.says(edge.visit("/"), "upstream notes")
        }),
        proof("open-by-path", BOTH, |edge| {
            edge.says(edge.visit("/share/..%5capi"), "GET /share/..%5capi")
        }),
        proof("path-itself-open", BOTH, |edge| edge.gets("/admin")),
        proof("forged-identity", BOTH, |edge| {
            edge.says(
                edge.visit("/share/x").header("Remote-User", "admin"),
                "Remote-User: admin",
            )
        }),
        proof("gateway-not-heard", BOTH, nobody),
        proof(
            "gateway-header-kept",
            &[Version::Between("caddy-2.10.2")],
            |edge| {
                edge.says(
                    edge.visit("/").header("Remote-User", "admin"),
                    "Remote-User: admin",
                )
            },
        ),
        proof("visitor-chooses-upstream", BOTH, |edge| {
            edge.gets_with("X-To", &edge.world.upstream.address())
        }),
        proof("templates-of-upstream", BOTH, |edge| {
            edge.says(
                edge.visit("/").header("X-Say", "{{now | date \"2006\"}}"),
                "X-Say: 20",
            )
        }),
        proof("any-origin", BOTH, |edge| {
            let answer = edge
                .visit("/")
                .header("Origin", "https://evil.example")
                .run();
            answer.header("Access-Control-Allow-Origin") == ["https://evil.example"]
        }),
        proof("known-password", BOTH, |edge| {
            edge.gets_with("Authorization", "Basic Ym9iOmhpY2N1cA==")
        }),
        proof("keys-served", BOTH, |edge| edge.gets("/etc/passwd")),
        proof("public-admin", BOTH, |edge| {
            let port = edge.world.ports.admin.number();
            let bytes = format!(
                "GET /config/ HTTP/1.1\r\nHost: 127.0.0.2:{port}\r\nConnection: close\r\n\r\n"
            );
            edge.raw(&format!("127.0.0.2:{port}"), &bytes)
                .contains("\"servers\"")
        }),
        proof(
            "admin-for-any-page",
            &[Version::Old, Version::Between("caddy-2.10.2")],
            replaces_configuration,
        ),
        proof("policy-shadowed", BOTH, nobody),
        proof(
            "sessions-cross",
            &[Version::Between("caddy-2.8.4")],
            resumes_elsewhere,
        ),
    ]
}

/// By the name that browsers say. It is none that a start waits for.
fn answers_in_ascii(edge: &Edge) -> bool {
    let visit = || edge.caddy.visit("xn--bcher-kva.example.com", "/");
    let has_one = || visit().presents_certificate();
    wait::until(has_one, || String::from("it gets no certificate"));
    visit().status() == Some(200)
}

/// As a page in a browser on the same machine does, whose request has no preflight.
fn replaces_configuration(edge: &Edge) -> bool {
    let port = edge.world.ports.admin.number();
    let bytes = format!(
        "POST /load HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    edge.raw(&format!("127.0.0.1:{port}"), &bytes)
        .starts_with("HTTP/1.1 200")
}

/// A session that was begun at one site, with what that one takes, resumed at the other.
fn resumes_elsewhere(edge: &Edge) -> bool {
    let theirs = &edge.world.theirs;
    theirs.issue("bob");
    let session = theirs.path("session");
    let at = format!("127.0.0.1:{}", edge.caddy.https_port());
    let speak = |host: &str, which: [&str; 2], session: &PathBuf| {
        let mut openssl = tools::command("openssl");
        openssl.args(["s_client", "-quiet", "-connect", &at, "-servername", host]);
        openssl
            .arg("-cert")
            .arg(theirs.path("bob.crt"))
            .arg("-key")
            .arg(theirs.path("bob.key"));
        openssl
            .args(["-ign_eof", which[0]])
            .arg(session)
            .arg(which[1]);
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        outcome::run(&mut openssl, request.as_bytes())
    };
    let begun = speak("other.example.com", ["-sess_out", "-tls1_2"], &session);
    assert!(session.exists(), "{begun}");
    let resumed = speak(NOTES, ["-sess_in", "-tls1_2"], &session);
    String::from_utf8_lossy(&resumed.stdout).contains("upstream notes")
}

/// Tries one of so many parts of them, each on every Caddy that it is about.
fn tried((part, of): (usize, usize)) {
    let world = World::new();
    let mut wrong = Vec::new();
    for Proof {
        form,
        versions,
        is_in,
    } in proofs().into_iter().skip(part).step_by(of)
    {
        for &version in versions {
            for kind in [Kind::Bad, Kind::Good] {
                let edge = served(&world, form, kind, version);
                if is_in(&edge) != (kind == Kind::Bad) {
                    wrong.push(format!("{form} {kind:?} on {version:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn served<'w>(world: &'w World, form: &str, kind: Kind, version: Version) -> Edge<'w> {
    let place = world.ours.path("");
    // Go takes what is in there for the authorities that the machine trusts.
    let roots = world.theirs.path("ca.pem");
    let roots = [(
        "SSL_CERT_FILE",
        roots.to_str().expect("a test's paths are UTF-8"),
    )];
    let environment = if form == "no-authority" {
        &roots[..]
    } else {
        &[]
    };
    let files = match form {
        "policy-shadowed" => world.files("empty-client-auth", Kind::Good),
        _ => world.files(form, kind),
    };
    let caddy = Caddy::start_with(version, &files, &place, environment);
    let edge = Edge { world, caddy };
    if form == "policy-shadowed" {
        set_policies(&edge, &world.text(form, kind));
    }
    edge
}

/// Gives a Caddy the policies of a fixture that is JSON.
fn set_policies(edge: &Edge, json: &str) {
    let fixture: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
    let policies =
        fixture["apps"]["http"]["servers"]["edge"]["tls_connection_policies"].to_string();
    let address = edge.caddy.admin().to_owned();
    let bytes = format!(
        "PATCH /config/apps/http/servers/srv0/tls_connection_policies HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{policies}",
        policies.len()
    );
    let answer = edge.raw(&address, &bytes);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    sleep(Duration::from_millis(500));
}

#[test]
fn the_first_quarter_lets_in() {
    tried((0, 4));
}

#[test]
fn the_second_quarter_lets_in() {
    tried((1, 4));
}

#[test]
fn the_third_quarter_lets_in() {
    tried((2, 4));
}

#[test]
fn the_last_quarter_lets_in() {
    tried((3, 4));
}

/// Every form is proved but those that are named above.
#[test]
fn every_other_form_is_proved() {
    let proved: Vec<&str> = proofs().iter().map(|proof| proof.form).collect();
    let all = forms();
    let left: Vec<&String> = all
        .iter()
        .filter(|form| !proved.contains(&form.as_str()))
        .collect();
    assert_eq!(left, ["own-authority-signs-for-all", "public-authority"]);
}
