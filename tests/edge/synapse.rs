//! A real upstream that other servers speak to: Synapse, a Matrix server, to whose rooms people of another server come through the edge.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::family::Bundle;
use crate::house::House;
use crate::support::caddy::{Caddy, Ports, Version};
use crate::support::curl::Curl;
use crate::support::port::Port;
use crate::support::{tools, wait};
use crate::verify::verify;

const HOST: &str = "matrix.home.example.com";

/// Synapse on the loopback address; it is stopped when it is dropped, and its log is shown when that is because the test failed.
struct Synapse {
    process: Child,
    port: Port,
    place: TempDir,
}

impl Synapse {
    /// Starts it with these settings, which are its own beside those of both servers.
    #[track_caller]
    fn start(place: TempDir, port: Port, own: &str) -> Self {
        let at = |name: &str| place.path().join(name);
        let media = at("media");
        let config = format!(
            r#"
{own}
database: {{ name: sqlite3, args: {{ database: ":memory:" }} }}
enable_registration: true
enable_registration_without_verification: true
form_secret: "form"
ip_range_blacklist: []
macaroon_secret_key: "macaroon"
media_store_path: "{}"
presence: {{ enabled: false }}
report_stats: false
trusted_key_servers: []
"#,
            media.display()
        );
        fs::write(at("homeserver.yaml"), config).expect("a temporary directory can be written to");
        let log = File::create(at("log")).expect("a temporary directory can be written to");
        let both = log.try_clone();
        let process = tools::command("synapse-python")
            .args(["-c", include_str!("synapse.py"), HOST])
            .arg("--config-path")
            .arg(at("homeserver.yaml"))
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stdout(both.expect("a file can be written to from two places"))
            .stderr(log)
            .spawn()
            .expect("Synapse starts");
        let mut synapse = Self {
            process,
            port,
            place,
        };
        wait::until(
            || {
                let ended = synapse.process.try_wait().expect("it is a child");
                assert!(ended.is_none(), "Synapse ended");
                wait::listens(synapse.port.number())
            },
            || "Synapse does not listen".to_owned(),
        );
        synapse
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }

    /// The lines of its log about the requests of an agent, of which none comes any more once those of another are there.
    #[track_caller]
    fn requests_of(&self, agent: &str, last: &str) -> Vec<String> {
        let requests_of = |agent: &str| -> Vec<String> {
            let (log, agent) = (self.log(), format!("\"{agent}\""));
            let lines = log.lines().filter(|line| line.contains(&agent));
            lines.map(str::to_owned).collect()
        };
        wait::until(
            || !requests_of(last).is_empty(),
            || "its log lacks the last request".to_owned(),
        );
        requests_of(agent)
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the log of Synapse:\n{}", self.log());
        }
    }
}

/// The server at home, behind a Caddy.
struct Home {
    caddy: Caddy,
    house: House,
    synapse: Synapse,
    laptop: Bundle,
    phone: Bundle,
}

/// A server elsewhere, which has no proxy, is called by its address, and believes that Caddy's certificates.
struct Elsewhere {
    synapse: Synapse,
}

impl Home {
    fn start(version: Version) -> Self {
        let (ports, port) = (Ports::reserve(), Port::reserve());
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        // The other server's, which this one has to believe.
        tools::site_certificate(place.path(), "127.0.0.1");
        let declaration = declaration(port.number());
        let settings = settings(ports.https.number(), port.number(), place.path());
        let synapse = Synapse::start(place, port, &settings);
        let house = House::new(&declaration);
        Self {
            caddy: house.serve_on(version, &ports),
            laptop: house.bundle("alice", "laptop"),
            phone: house.bundle("bob", "phone"),
            house,
            synapse,
        }
    }

    /// A request of whoever shows that certificate.
    fn visit(&self, bundle: &Bundle, target: &str) -> Curl {
        bundle.shown(self.caddy.visit(HOST, target))
    }
}

impl Elsewhere {
    fn start(home: &Home) -> Self {
        let port = Port::reserve();
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        for file in ["site.pem", "site.key"] {
            let made = fs::copy(
                home.synapse.place.path().join(file),
                place.path().join(file),
            );
            made.expect("it was made, and this is new");
        }
        let settings = format!(
            r#"
server_name: "127.0.0.1:{port}"
signing_key: "ed25519 away BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
federation_custom_ca_list: ["{root}"]
tls_certificate_path: "{place}/site.pem"
tls_private_key_path: "{place}/site.key"
listeners:
  - port: {port}
    type: http
    tls: true
    bind_addresses: ["127.0.0.1"]
    resources: [{{ names: [client, federation] }}]
"#,
            port = port.number(),
            root = home.caddy.root_certificate().display(),
            place = place.path().display(),
        );
        Self {
            synapse: Synapse::start(place, port, &settings),
        }
    }

    /// A request of somebody there to that server.
    fn visit(&self, target: &str) -> Curl {
        let synapse = &self.synapse;
        let curl = Curl::https("127.0.0.1", synapse.port.number(), target);
        curl.root(&synapse.place.path().join("site.pem"))
    }
}

/// As a home writes it: clients need a certificate, other servers none, and the API for administrators is alice's alone.
fn declaration(port: u16) -> String {
    format!(
        r#"
        domain "home.example.com"
        person "alice" {{ device "laptop" platform="linux"; }}
        person "bob" {{ device "phone" platform="linux"; }}
        service "matrix" {{
            app "synapse"
            upstream "http://127.0.0.1:{port}"
            allow "alice" "bob"
            public "/_matrix/federation/*" methods="GET POST PUT"
            public "/_matrix/key/*" methods="GET POST"
            public "/.well-known/matrix/*"
            path "/_synapse/admin/*" {{ allow "alice"; }}
        }}"#
    )
}

/// As the catalogue has them. Its name ends with a port, for nobody here can listen at 443.
fn settings(https: u16, port: u16, place: &Path) -> String {
    format!(
        r#"
server_name: "{HOST}:{https}"
public_baseurl: "https://{HOST}:{https}/"
serve_server_wellknown: true
signing_key: "ed25519 home AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
federation_custom_ca_list: ["{}/site.pem"]
listeners:
  - port: {port}
    type: http
    bind_addresses: ["127.0.0.1"]
    x_forwarded: true
    resources: [{{ names: [client, federation] }}]
"#,
        place.display()
    )
}

/// What a server answers to a client of its own; panics where it refuses.
#[track_caller]
fn answered(curl: Curl) -> Value {
    let answer = curl.run();
    answer.has_status(200);
    serde_json::from_str(answer.text()).expect("Matrix speaks JSON")
}

/// The text of a field.
#[track_caller]
fn field(answer: &Value, name: &str) -> String {
    let value = answer[name].as_str();
    value
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
        .to_owned()
}

/// Makes an account, and gives what its later requests are known by.
#[track_caller]
fn registered(curl: Curl, name: &str) -> String {
    let account = json!({
        "username": name,
        "password": "not a secret, here",
        "auth": { "type": "m.login.dummy" },
    });
    let answer = answered(curl.method("POST").body(&account.to_string()));
    format!("Bearer {}", field(&answer, "access_token"))
}

/// Somebody of another server joins a room, and both write to each other: each server asks the other for its keys, and signs what it says.
fn federates(version: Version) {
    let home = Home::start(version);
    let elsewhere = Elsewhere::start(&home);
    let alice = |target: &str| home.visit(&home.laptop, target);
    let carol = |target: &str| elsewhere.visit(target);
    let register = "/_matrix/client/v3/register";
    let (as_alice, as_carol) = (
        registered(alice(register), "alice"),
        registered(carol(register), "carol"),
    );
    let alice = |target: &str| alice(target).header("Authorization", &as_alice);
    let carol = |target: &str| carol(target).header("Authorization", &as_carol);

    let room = json!({ "preset": "public_chat", "room_alias_name": "garden" }).to_string();
    let room = answered(
        alice("/_matrix/client/v3/createRoom")
            .method("POST")
            .body(&room),
    );
    let room = field(&room, "room_id");
    let alias = format!("%23garden%3A{HOST}%3A{}", home.caddy.https_port());
    // A client names an alias in the path, where public paths have no `#`.
    let found = answered(alice(&format!("/_matrix/client/v3/directory/room/{alias}")));
    assert_eq!(field(&found, "room_id"), room);
    let join = carol(&format!("/_matrix/client/v3/join/{alias}"));
    let joined = answered(join.method("POST").body("{}"));
    assert_eq!(field(&joined, "room_id"), room);

    let message = |text: &str| json!({ "msgtype": "m.text", "body": text }).to_string();
    let sending = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/1");
    let reading = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=5");
    let says = |curl: Curl, text: &str| answered(curl.method("PUT").body(&message(text)));
    says(carol(&sending), "hello from elsewhere");
    let arrives = |curl: Curl, text: &str| curl.run().text().contains(text);
    wait::until(
        || arrives(alice(&reading), "hello from elsewhere"),
        || "alice does not get what carol says".to_owned(),
    );
    says(alice(&sending), "hello from home");
    wait::until(
        || arrives(carol(&reading), "hello from home"),
        || "carol does not get what alice says".to_owned(),
    );
    // What came through the edge without a certificate was the other server's, with the names of room, event and person in paths.
    let log = home.synapse.log();
    for asked in [
        "GET /_matrix/federation/v1/query/directory?room_alias=%23garden%3A",
        "GET /_matrix/federation/v1/make_join/%21",
        "PUT /_matrix/federation/v2/send_join/%21",
        "PUT /_matrix/federation/v1/send/",
        "GET /_matrix/key/v2/server",
    ] {
        assert!(log.contains(&format!("\"{asked}")), "{asked}");
    }
}

/// What a stranger may have of it, and what each device.
fn grants(version: Version) {
    let home = Home::start(version);
    let caddy = &home.caddy;
    let stranger = |target: &str| caddy.visit(HOST, target).run();
    let is_synapse = "\"name\":\"Synapse\"";
    stranger("/_matrix/federation/v1/version")
        .has_status(200)
        .contains(is_synapse);
    stranger("/_matrix/key/v2/server")
        .has_status(200)
        .contains("verify_keys");
    let port = caddy.https_port();
    stranger("/.well-known/matrix/server")
        .has_status(200)
        .contains(&format!("\"m.server\":\"{HOST}:{port}\""));
    stranger("/.well-known/matrix/client")
        .has_status(200)
        .contains(&format!("\"base_url\":\"https://{HOST}:{port}/\""));
    // It is Synapse that wants to know which server asks.
    stranger("/_matrix/federation/v1/event/%24abc%3Aother.test")
        .has_status(401)
        .contains("M_UNAUTHORIZED");

    let status = |bundle: &Bundle, target: &str| home.visit(bundle, target).run().status;
    const ADMIN: &str = "/_synapse/admin/v1/server_version";
    assert_eq!(status(&home.laptop, ADMIN), Some(200));
    assert_eq!(status(&home.phone, ADMIN), Some(403));
    for target in ["/_matrix/client/versions", "/_matrix/federation/v1/version"] {
        assert_eq!(status(&home.phone, target), Some(200), "{target}");
    }
    never_asked(&home);
    names_the_visitor(&home);
    verify(&home.house, caddy, &["matrix"])
        .succeeds()
        .stdout_lacks("Synapse answers");
}

/// What is beside the open paths, and other words for it.
const TRICKS: [&str; 37] = [
    "/",
    "/_matrix",
    "/_matrix/",
    "/_matrix/federation",
    "/_matrix/client/versions",
    "/_matrix/client/v3/login",
    "/_matrix/media/v3/config",
    "/_matrix/static/",
    "/_synapse/admin/v1/server_version",
    "/_synapse/admin/v1/register",
    "/_synapse/client/",
    "/health",
    "/_matrix/federation/../client/versions",
    "/_matrix/federation/..%2fclient/versions",
    "/_matrix/federation/..%2f..%2f_synapse/admin/v1/server_version",
    "/_matrix/federation/../../_synapse/admin/v1/server_version",
    "/_matrix/federation/%2e%2e/%2e%2e/_synapse/admin/v1/server_version",
    "/_matrix/federation/%2e%2e%2f%2e%2e%2f_synapse/admin/v1/server_version",
    "/_matrix/federation/%252e%252e/%252e%252e/_synapse/admin/v1/server_version",
    "/_matrix/federation/..;/..;/_synapse/admin/v1/server_version",
    "/_matrix/federation/..%5c..%5c_synapse/admin/v1/server_version",
    "/_matrix/federation/v1/version/../../../../_synapse/admin/v1/server_version",
    "/_matrix/key/v2/../../../_synapse/admin/v1/server_version",
    "/.well-known/matrix/../../_synapse/admin/v1/server_version",
    "/.well-known/matrix/%2e%2e/%2e%2e/_synapse/admin/v1/server_version",
    "//_synapse/admin/v1/server_version",
    "/%5fsynapse/admin/v1/server_version",
    "/_synapse%2fadmin/v1/server_version",
    "/_SYNAPSE/admin/v1/server_version",
    "/./_synapse/admin/v1/server_version",
    "/_matrix/federation//v1/version",
    "/_matrix/federation/.%00/version",
    "/_matrix%2ffederation/v1/version",
    "/%5fmatrix/federation/v1/version",
    "/_MATRIX/federation/v1/version",
    "/_matrix/federation/v1/state/%23room%3Aother.test",
    "/_synapse/admin/v1/server_version?/_matrix/federation/v1/version",
];

/// None of these reaches it without a certificate: its log has each request that does.
#[track_caller]
fn never_asked(home: &Home) {
    let visit = |target: &str, agent: &str| {
        let curl = home.caddy.visit(HOST, target);
        curl.header("User-Agent", agent)
    };
    let version = "/_matrix/federation/v1/version";
    for target in TRICKS {
        is_refused(visit(target, "trick"), target);
        is_refused(visit(target, "trick").http1(), target);
    }
    for method in ["DELETE", "OPTIONS", "PATCH"] {
        is_refused(visit(version, "trick").method(method), method);
    }
    let whole = format!("https://{HOST}/_synapse/admin/v1/server_version");
    is_refused(visit(&whole, "trick").http1(), &whole);
    visit(version, "the last").run().has_status(200);
    let arrived = home.synapse.requests_of("trick", "the last");
    crate::assert_none(&arrived);
}

#[track_caller]
fn is_refused(curl: Curl, what: &str) {
    let answer = curl.run();
    assert!(matches!(answer.status, Some(400 | 403)), "{what}\n{answer}");
}

/// It is told the visitor's own address, and not what the visitor says.
#[track_caller]
fn names_the_visitor(home: &Home) {
    let curl = home
        .caddy
        .visit(HOST, "/_matrix/federation/v1/version")
        .from("127.0.0.2")
        .header("X-Forwarded-For", "192.0.2.7")
        .header("User-Agent", "somebody");
    curl.run().has_status(200);
    let [request] = &home.synapse.requests_of("somebody", "somebody")[..] else {
        panic!("it is one request");
    };
    assert!(request.contains(" - 127.0.0.2 - "), "{request}");
}

#[test]
fn another_server_joins_a_room_behind_the_old_caddy() {
    federates(Version::Old);
}

#[test]
fn another_server_joins_a_room_behind_the_new_caddy() {
    federates(Version::New);
}

#[test]
fn strangers_have_the_federation_alone_on_the_old_caddy() {
    grants(Version::Old);
}

#[test]
fn strangers_have_the_federation_alone_on_the_new_caddy() {
    grants(Version::New);
}
