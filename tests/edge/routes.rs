//! What Caddy makes of the example, held against what its declaration means.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::described::{self, Meaning};
use crate::family::Family;
use crate::headers::removed;
use crate::support::caddy::Version;

/// Read off the declaration by hand, in the form of [`described`]. What a word in angle brackets stands for is below.
const EXPECTED: &str = r#"
attic.home.example.com: require_and_verify
  <always>
  <always first>
  4. error 403
  <failing: certificate>

assistant.home.example.com ha.home.example.com: verify_if_given
  <always>
  <always first>
  4. certificate of alice/macbook alice/pixel alice/workstation bob/desktop bob/ipad bob/iphone carol/firefox carol/old-phone guest/tablet
       proxy 127.0.0.1:8123
  5. remote_ip {"ranges":["192.168.0.0/16","fd00::/8"]}
       proxy 127.0.0.1:8123
  6. error 403
  <failing: certificate or home>

home.example.com www.home.example.com: nothing
  <always>
  <always first>
  4. proxy 127.0.0.1:8080
  <failing: everyone>

immich.home.example.com: verify_if_given
  a plain path: set {"path":"plain"}
  <always>
  <always first>
  4. certificate of alice/macbook alice/pixel alice/workstation bob/desktop bob/ipad bob/iphone carol/firefox carol/old-phone
       proxy 127.0.0.1:2283
  5. uri ^(/_app/immutable/([^./?][^/?]*/?)*|/share/([^./?][^/?]*/?)*)(\?.*)?$, method ["GET","HEAD"], path ["/_app/immutable/*","/share/*"], plain
       <as sent>
       proxy 127.0.0.1:2283
  6. error 403
  <failing: certificate>

jellyfin.home.example.com: nothing
  <always>
  <always first>
  4. remote_ip {"ranges":["192.168.0.0/16","fd00::/8"]}
       proxy 127.0.0.1:8096
  5. error 403
  <failing: home>

paperless.home.example.com: verify_if_given
  <always>
  <always first>
  4. certificate of alice/macbook alice/pixel alice/workstation carol/firefox carol/old-phone
       proxy 127.0.0.1:8000
  5. error 403
  <failing: certificate>

stats.home.example.com: require_and_verify
  <always>
  <always first>
  4. certificate of alice/macbook alice/pixel alice/workstation
       proxy 127.0.0.1:3000 {"tls":{"insecure_skip_verify":true}} {"Host":["{http.request.host}"],"Remote-Email":["alice@example.com"],"Remote-Groups":["admins,family"],"Remote-Name":["Alice Liddell"],"Remote-User":["alice"]}
  5. certificate of bob/desktop bob/ipad bob/iphone
       proxy 127.0.0.1:3000 {"tls":{"insecure_skip_verify":true}} {"Host":["{http.request.host}"],"Remote-Email":["bob@home.example.com"],"Remote-Groups":["family"],"Remote-Name":["Bob \"the Builder\" Muñoz"],"Remote-User":["bob"]}
  6. error 403
  <failing: certificate>

vault.example.org: require_and_verify
  <always>
  <always first>
  4. certificate of alice/macbook alice/pixel alice/workstation
       proxy 127.0.0.1:8222
  5. error 403
  <failing: certificate>
"#;

/// What words in angle brackets stand for.
const SAID_OFTEN: [(&str, &str); 7] = [
    (
        "<always first>",
        "1. no host
       error 400
  2. no path
       error 400
  3. method [\"CONNECT\",\"TRACE\"]
       error 405",
    ),
    (
        "<as sent>",
        "delete Upgrade
       delete X-HTTP-Method*
       delete X-HTTP-Verb*
       delete X-Method*
       delete *Method-Override",
    ),
    (
        "<always>",
        "unless there, answer with Strict-Transport-Security: max-age=31536000
  unless a websocket: delete Upgrade
  a websocket: set Upgrade: websocket
  <removed>",
    ),
    (
        "<failing: everyone>",
        "failing:\n    status 502 503 504\n         <as a page>\n         page: This does not answer at the moment",
    ),
    (
        "<failing: home>",
        "failing:\n    <down>\n    2. status 403\n         <as a page>\n         page: This opens at home only",
    ),
    (
        "<failing: certificate>",
        "failing:\n    <down>\n    2. status 403\n         1. any certificate\n              <as a page>\n              page: You may not use this\n         2. a navigation: answer with Connection: close\n              <as a page>\n              page: This needs a certificate",
    ),
    (
        "<failing: certificate or home>",
        "failing:\n    <down>\n    2. status 403\n         1. any certificate\n              <as a page>\n              page: You may not use this\n         2. a navigation: answer with Connection: close\n              <as a page>\n              page: This needs a certificate away from home",
    ),
];

/// [`EXPECTED`], written out.
fn expected() -> String {
    let as_a_page = [
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Content-Type: text/html; charset=utf-8",
        "Referrer-Policy: no-referrer",
        "Strict-Transport-Security: max-age=31536000",
        "X-Content-Type-Options: nosniff",
    ];
    let as_a_page = as_a_page.map(|header| format!("answer with {header}"));
    let [shallow, deep] = [9, 14].map(|indent| " ".repeat(indent));
    let in_place = |text: String, indent: &String| {
        let lines = as_a_page.join(&format!("\n{indent}"));
        text.replace(
            &format!("\n{indent}<as a page>"),
            &format!("\n{indent}{lines}"),
        )
    };
    let down = "1. status 502 503 504\n         <as a page>\n         page: This does not answer at the moment";
    let removed = removed(false).map(|name| format!("delete {name}"));
    let removed: Vec<String> = removed.collect();
    let often = |text: String, (word, meaning): &(&str, &str)| text.replace(word, meaning);
    let text = SAID_OFTEN
        .iter()
        .fold(EXPECTED.to_owned(), often)
        .replace("<down>", down)
        .replace("<removed>", &removed.join("\n  "));
    [shallow, deep].iter().fold(text, in_place)
}

const DEVICES: [(&str, &str); 9] = [
    ("alice", "macbook"),
    ("alice", "pixel"),
    ("alice", "workstation"),
    ("bob", "desktop"),
    ("bob", "ipad"),
    ("bob", "iphone"),
    ("carol", "firefox"),
    ("carol", "old-phone"),
    ("guest", "tablet"),
];

/// Which device has which fingerprint, as openssl says of the bundles.
fn fingerprints(family: &Family) -> BTreeMap<String, String> {
    let fingerprint = |(person, device): (&str, &str)| {
        let bundle = family.bundle(person, device);
        let fingerprint = bundle.fingerprint(&family.lab.home());
        (fingerprint, format!("{person}/{device}"))
    };
    DEVICES.into_iter().map(fingerprint).collect()
}

/// What is different from what the declaration means.
pub fn differences(family: &Family, version: Version, files: &str) -> Vec<String> {
    let adapted = version.adapt(files, &family.lab.path());
    let json: Value = serde_json::from_str(adapted.succeeds().stdout()).expect("it is JSON");
    let expected = Meaning {
        apps: vec!["http", "tls"],
        server: json!({
            "listen": [":443"], "protocols": ["h1", "h2"], "strict_sni_host": true,
            "read_header_timeout": 10_000_000_000_u64, "idle_timeout": 120_000_000_000_u64
        }),
        sites: expected().trim().split("\n\n").map(str::to_owned).collect(),
    };
    described::differences(&json, &fingerprints(family), &expected)
}

#[test]
fn the_example_s_routes_are_those_declared() {
    let family = Family::new();
    for version in Version::ALL {
        crate::assert_none(&differences(&family, version, &family.generated(version)));
    }
}
