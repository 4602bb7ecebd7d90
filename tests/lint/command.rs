//! What the command reads, and how it ends.

use crate::fixtures::{Kind, World, lint, with_caddy};
use crate::support::caddy::Version;
use crate::support::lab::Lab;

#[test]
fn a_finding_says_what_where_why_and_what_instead() {
    let (lab, world) = (Lab::new(), World::new());
    lab.write("Caddyfile", world.text("strict-sni-off", Kind::Bad));
    lint(&lab, Version::New, &["Caddyfile"])
        .fails_with(4)
        .stdout_contains("lint::strict-sni-off  :443: `strict_sni_host` is off")
        .stdout_contains("  why      a handshake for a site that asks for no certificate")
        .stdout_contains("  instead  `servers { strict_sni_host on }`")
        .stdout_contains("  where    apps.http.servers.srv0\n")
        .stderr_contains("lint::found");
    lab.write("Caddyfile", world.text("strict-sni-off", Kind::Good));
    lint(&lab, Version::New, &["Caddyfile"])
        .succeeds()
        .stdout_contains("1 HTTP server looked at; nothing found");
}

#[test]
fn json_and_standard_input_are_read() {
    let (lab, world) = (Lab::new(), World::new());
    let text = world.text("strict-sni-off", Kind::Bad);
    let place = with_caddy(Version::New);
    let piped = |text: &str| {
        lab.command(["lint", "-"])
            .env("PATH", place.path())
            .stdin(text)
            .run()
    };
    piped(&text)
        .fails_with(4)
        .stdout_contains("lint::strict-sni-off");
    let json = Version::New.adapt(&text, &lab.path()).stdout().to_owned();
    piped(&json)
        .fails_with(4)
        .stdout_contains("lint::strict-sni-off");
    // JSON takes no Caddy.
    lab.write("caddy.json", &json);
    let nowhere = lab
        .command(["lint", "caddy.json"])
        .env("PATH", "/nowhere")
        .run();
    nowhere
        .fails_with(4)
        .stdout_contains("lint::strict-sni-off");
    lab.write("-strange", &text);
    lint(&lab, Version::New, &["--", "-strange"]).fails_with(4);
}

#[test]
fn what_is_meant_is_left_out_by_name() {
    let (lab, world) = (Lab::new(), World::new());
    lab.write("Caddyfile", world.text("open-elsewhere", Kind::Bad));
    for name in ["open-elsewhere", "lint::open-elsewhere"] {
        lint(&lab, Version::New, &["Caddyfile", "--allow", name]).succeeds();
    }
    lint(&lab, Version::New, &["Caddyfile", "--allow", "without-tls"]).fails_with(4);
    lint(
        &lab,
        Version::New,
        &["Caddyfile", "--allow", "open-elsewere"],
    )
    .fails_with(2)
    .stderr_contains("did you mean `open-elsewhere`?");
}

#[test]
fn what_cannot_be_judged_is_an_error() {
    let lab = Lab::new();
    lab.write("Caddyfile", "example.com {\n\tno_such_directive\n}\n");
    lint(&lab, Version::New, &["Caddyfile"])
        .fails_with(3)
        .stderr_contains("lint::caddy-refuses")
        .stderr_contains("no_such_directive");
    lint(&lab, Version::New, &["nowhere"])
        .fails_with(3)
        .stderr_contains("lint::cannot-read");
    lab.command(["lint", "Caddyfile"])
        .env("PATH", "/nowhere")
        .run()
        .fails_with(3)
        .stderr_contains("lint::no-caddy");
    for (json, code) in [
        ("{", "lint::not-a-configuration"),
        ("{\"services\": {}}", "lint::not-a-configuration"),
        ("[]", "lint::not-a-configuration"),
        (
            "{\"apps\": {\"http\": {\"servers\": {\"a\": {\"routes\": 1}}}}}",
            "lint::not-a-configuration",
        ),
    ] {
        lab.write("caddy.json", json);
        lint(&lab, Version::New, &["caddy.json"])
            .fails_with(3)
            .stderr_contains(code);
    }
    // Deep nesting ends in an error, not in a crash.
    let deep = format!(
        "{{\"apps\":{{\"http\":{{\"servers\":{{\"a\":{{\"routes\":[{}",
        "{\"handle\":[{\"handler\":\"subroute\",\"routes\":[".repeat(20_000)
    );
    lab.write("caddy.json", deep);
    lint(&lab, Version::New, &["caddy.json"])
        .fails_with(3)
        .stderr_contains("lint::not-a-configuration");
}

#[test]
fn what_is_not_looked_at_is_named() {
    let lab = Lab::new();
    lab.write("caddy.json", "{\"apps\": {\"layer4\": {\"servers\": {}}}}");
    lint(&lab, Version::New, &["caddy.json"])
        .succeeds()
        .stdout_contains("there is no HTTP server in it, and not at what `layer4` does");
    lab.write("caddy.json", "null");
    lint(&lab, Version::New, &["caddy.json"]).succeeds();
}

/// Forty named routes, each of which invokes the next one eight times, and the last the first, come to an end.
#[test]
fn named_routes_end() {
    let lab = Lab::new();
    let invoke = |name: usize| format!("{{\"handler\":\"invoke\",\"name\":\"r{name}\"}}");
    let routes = (0..40).map(|number| {
        let next = vec![invoke((number + 1) % 40); 8].join(",");
        format!("\"r{number}\":{{\"match\":[{{\"path\":[\"/x\"]}}],\"handle\":[{next}]}}")
    });
    let routes: Vec<String> = routes.collect();
    lab.write(
        "caddy.json",
        format!(
            "{{\"apps\":{{\"http\":{{\"servers\":{{\"a\":{{\"listen\":[\":443\"],\"named_routes\":{{{}}},\"routes\":[{{\"handle\":[{}]}}]}}}}}}}}}}",
            routes.join(","),
            invoke(0)
        ),
    );
    let outcome = lint(&lab, Version::New, &["caddy.json"]);
    outcome.succeeds();
    assert!(outcome.elapsed.as_secs() < 20, "{outcome}");
}
