//! A real upstream that refuses a proxy which it was not told of: Home Assistant, until it is told what index.html says.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use crate::family::{Bundle, now};
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::curl::Curl;
use crate::support::port::Port;
use crate::support::{tools, wait};
use crate::verify::verify;
use crate::wire::{Wire, request, websocket};

const HOST: &str = "ha.home.example.com";

/// Home Assistant on the loopback address; it is stopped when it is dropped, and its log is shown when that is because the test failed.
struct HomeAssistant<'a> {
    process: Child,
    place: &'a Path,
}

impl<'a> HomeAssistant<'a> {
    /// Starts it in that place, with what its configuration says of HTTP.
    #[track_caller]
    fn start(place: &'a Path, port: &Port, http: &str) -> Self {
        let number = port.number();
        let configuration = format!(
            "{http}\n  server_host: 127.0.0.1\n  server_port: {number}\nfrontend:\nwebhook:\n"
        );
        fs::write(place.join("configuration.yaml"), configuration)
            .expect("a temporary directory can be written to");
        let log = File::create(place.join("log")).expect("a temporary directory can be written to");
        let both = log.try_clone();
        let process = tools::command("hass")
            // It would install what its other parts need.
            .args(["--skip-pip", "--config"])
            .arg(place)
            .env("HOME", place)
            .stdin(Stdio::null())
            .stdout(both.expect("a file can be written to from two places"))
            .stderr(log)
            .spawn()
            .expect("Home Assistant starts");
        let mut started = Self { process, place };
        wait::until(
            || {
                let ended = started.process.try_wait().expect("it is a child");
                assert!(ended.is_none(), "Home Assistant ended");
                wait::listens(number)
            },
            || "Home Assistant does not listen".to_owned(),
        );
        // It listens before its page is there.
        let ready = || Curl::http("127.0.0.1", number, "/manifest.json").status() == Some(200);
        wait::until(ready, || "Home Assistant has no page".to_owned());
        started
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.join("log")).unwrap_or_default()
    }
}

impl Drop for HomeAssistant<'_> {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the log of Home Assistant:\n{}", self.log());
        }
    }
}

/// What the admin's page says that Home Assistant must be told, for a Caddy on the same machine.
#[track_caller]
fn to_tell(house: &House) -> String {
    let page = house.lab.read("out/index.html");
    let settings = page.split("<pre><code>").skip(1);
    let mut settings = settings.filter_map(|rest| Some(rest.split_once("</code></pre>")?.0));
    let setting = settings.find(|setting| setting.contains("trusted_proxies"));
    let setting = setting.expect("index.html says what it must be told");
    setting.replace("ADDRESS-OF-CADDY", "127.0.0.1")
}

/// To everybody that the edge lets through it answers 400, and `verify --live` says why.
#[track_caller]
fn refuses(house: &House, caddy: &Caddy, alice: &Bundle, app: &HomeAssistant) {
    let answer = alice.shown(caddy.visit(HOST, "/")).run();
    answer.has_status(400).contains("400: Bad Request");
    let webhook = caddy.visit(HOST, "/api/webhook/garden");
    webhook.method("POST").run().has_status(400);
    let log = app.log();
    assert!(
        log.contains("A request from a reverse proxy was received from 127.0.0.1"),
        "{log}"
    );
    verify(house, caddy, &[]).succeeds().stdout_contains(
        "note   Home Assistant answers 400 to alice/laptop: it does not trust this proxy; see \"Tell the apps\" in index.html",
    );
}

/// It answers whom the edge lets through, in its own protocol too, and believes no address that a visitor says.
#[track_caller]
fn answers(house: &House, caddy: &Caddy, alice: &Bundle) {
    let visit = |target: &str| caddy.visit(HOST, target);
    let first = alice.shown(visit("/")).run();
    first.has_status(302);
    assert_eq!(first.header("Location"), ["/onboarding.html"]);
    let page = alice.shown(visit("/onboarding.html")).run();
    page.has_status(200)
        .contains("<title>Home Assistant</title>");
    // Two addresses would be enough for it to answer 400: what is no address, and one that is not Caddy's.
    for said in ["nonsense", "192.0.2.7", "192.0.2.7, 127.0.0.1"] {
        let claims = alice
            .shown(visit("/manifest.json"))
            .header("X-Forwarded-For", said);
        claims.run().has_status(200);
    }
    let webhook = |target: &str| visit(target).method("POST").run();
    webhook("/api/webhook/garden").has_status(200);
    for hidden in [
        "/",
        "/manifest.json",
        "/api/",
        "/auth/providers",
        "/api/webhook/../",
        "/api/webhook/..%2f",
    ] {
        visit(hidden).run().has_status(403);
        webhook(hidden).has_status(403);
    }
    let pem = alice.pem(&house.lab.home());
    let socket = websocket("/api/websocket", HOST);
    let mut greeted = Wire::named(caddy, HOST).pem(&pem).open(&socket);
    greeted.gets("\"type\":\"auth_required\"");
    let end = request("GET", "/", HOST);
    let reply = Wire::named(caddy, HOST).send(socket + &end);
    assert_eq!(reply.statuses, [403, 403], "{}", reply.text);
    verify(house, caddy, &[])
        .succeeds()
        .stdout_lacks("Home Assistant answers");
}

#[test]
fn home_assistant_refuses_its_proxy_until_it_is_told_what_the_page_says() {
    let (place, port) = (tempfile::tempdir(), Port::reserve());
    let place = place.expect("a temporary directory can be made");
    let declaration = format!(
        r#"
        domain "home.example.com"
        edge {{ certificates "internal"; }}
        person "alice" {{ device "laptop" platform="linux"; }}
        service "ha" {{
            app "home-assistant"
            upstream "http://127.0.0.1:{}"
            allow "alice"
            public "/api/webhook/*" methods="GET HEAD POST PUT"
        }}"#,
        port.number()
    );
    let house = House::unbuilt(&declaration);
    house.command_at(now() - 60 * 60, ["build"]);
    let alice = house.bundle("alice", "laptop");
    let untold = HomeAssistant::start(place.path(), &port, "http:");
    for version in Version::ALL {
        refuses(&house, &house.serve(version), &alice, &untold);
    }
    drop(untold);
    let _told = HomeAssistant::start(place.path(), &port, &to_tell(&house));
    for version in Version::ALL {
        answers(&house, &house.serve(version), &alice);
    }
}
