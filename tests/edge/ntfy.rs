//! Topics for UnifiedPush as ntfy has them: anybody may publish to those that begin with `up`, and only who has a certificate may read
//! them, or have any other.

use std::fs::{self, File};
use std::thread;

use tempfile::TempDir;

use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::server::Server;
use crate::support::tools;
use crate::verify::verify;
use crate::wire::{Wire, request, websocket};

const HOST: &str = "ntfy.home.example.com";

/// A server of topics; it is stopped when it is dropped.
struct Topics {
    server: Server,
    place: TempDir,
}

impl Topics {
    fn start() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let log = File::create(place.path().join("log"));
        let topics = concat!(include_str!("http_body.py"), include_str!("topics.py"));
        let mut python = tools::command("python3");
        python
            .args(["-c", topics])
            .stderr(log.expect("a temporary directory can be written to"));
        Self {
            server: Server::start(&mut python),
            place,
        }
    }

    /// The method and the target of each request that has arrived.
    fn arrived(&self) -> Vec<String> {
        let log = fs::read_to_string(self.place.path().join("log"));
        let log = log.expect("it is there");
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("what arrived:\n{}", self.arrived().join("\n"));
        }
    }
}

fn declaration(port: u16) -> String {
    format!(
        r#"
        domain "home.example.com"
        person "alice" {{ device "pixel" platform="android"; }}
        service "ntfy" {{
            app "ntfy"
            upstream "http://127.0.0.1:{port}"
            allow "alice"
            public "/up*" methods="GET HEAD POST PUT"
        }}"#
    )
}

/// What a stranger may not publish to or read, and other words for it.
const TRICKS: [&str; 29] = [
    "/",
    "/alerts",
    "/alerts/json",
    "/alerts/ws",
    "/upAbc/json",
    "/upAbc/ws",
    "/upAbc/sse",
    "/upAbc/raw",
    "/upAbc/publish",
    "/upAbc/",
    "/Up",
    "/UPabc",
    "/x/upAbc",
    "//upAbc",
    "/./upAbc",
    "/up../alerts",
    "/up/../alerts",
    "/up%2f..%2falerts",
    "/up..%2falerts",
    "/up%2e%2e/alerts",
    "/up%5c..%5calerts",
    "/up%252f..%252falerts",
    "/up;/../alerts",
    "/upAbc%2fjson",
    "/upAbc%00",
    "/%75pAbc",
    "/u%70Abc",
    "/upAbc%23/json",
    "/alerts?/upAbc",
];

#[track_caller]
fn publishes_to(topics: &Topics, caddy: &Caddy) {
    let stranger = |method: &str, target: &str, message: &str| {
        let curl = caddy.visit(HOST, target).method(method);
        match message {
            "" => curl.run(),
            message => curl.body(message).run(),
        }
    };
    stranger("GET", "/upAbc?up=1", "")
        .has_status(200)
        .contains("{\"unifiedpush\":{\"version\":1}}");
    for target in ["/upAbc?up=1", "/upAbc", "/up", "/up_A-9"] {
        stranger("POST", target, "a message").has_status(200);
        stranger("PUT", target, "a message").has_status(200);
    }
    let before = topics.arrived();
    for target in TRICKS {
        for (method, message) in [("GET", ""), ("POST", "a message"), ("PUT", "a message")] {
            let answer = stranger(method, target, message);
            let refused = matches!(answer.status, Some(400 | 403));
            assert!(refused, "{method} {target}\n{answer}");
        }
    }
    for method in ["DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        stranger(method, "/upAbc", "").has_status(403);
    }
    let socket = websocket("/upAbc/ws", HOST);
    let end = request("GET", "/alerts", HOST);
    let reply = Wire::named(caddy, HOST).send(socket + &end);
    assert_eq!(reply.statuses, [403, 403], "{}", reply.text);
    assert_eq!(topics.arrived(), before);
}

fn holds(version: Version) {
    let topics = Topics::start();
    let house = House::new(&declaration(topics.server.port()));
    let caddy = house.serve(version);
    publishes_to(&topics, &caddy);
    let alice = house.bundle("alice", "pixel");
    let pem = alice.pem(&house.lab.home());
    let subscribe = |request: String| {
        let mut subscription = Wire::named(&caddy, HOST).pem(&pem).open(request);
        subscription.gets("\"open\"");
        subscription
    };
    let (mut stream, mut socket, mut other) = (
        subscribe(request("GET", "/upAbc/json", HOST)),
        subscribe(websocket("/upAbc/ws", HOST)),
        subscribe(request("GET", "/alerts/json", HOST)),
    );
    // Each message comes while the connection stays open.
    for message in ["the first of them", "the second of them"] {
        let push = caddy.visit(HOST, "/upAbc").method("POST").body(message);
        push.run().has_status(200);
        stream.gets(message);
        socket.gets(message);
    }
    let alert = caddy.visit(HOST, "/alerts").method("PUT").body("an alert");
    alice.shown(alert).run().has_status(200);
    other.gets("an alert");
    verify(&house, &caddy, &[]).succeeds();
}

#[test]
fn anybody_pushes_and_only_devices_read_on_the_old_caddy() {
    holds(Version::Old);
}

#[test]
fn anybody_pushes_and_only_devices_read_on_the_new_caddy() {
    holds(Version::New);
}
