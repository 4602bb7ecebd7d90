//! What Caddy makes of the example, held against what its declaration means.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::family::Family;
use crate::support::caddy::Version;
use crate::support::tools;

const FINGERPRINT: &str = "{http.request.tls.client.fingerprint}";

/// Read off the declaration by hand. A site's first line says its hosts and what its handshake asks; then each line is one step, or
/// one of several routes of which the first that matches is taken.
const EXPECTED: &str = r#"
attic.home.example.com: require_and_verify
  unless a websocket: delete Upgrade
  delete Remote*
  error 403

assistant.home.example.com ha.home.example.com: verify_if_given
  unless a websocket: delete Upgrade
  delete Remote*
  1. certificate of alice/macbook alice/pixel alice/workstation bob/desktop bob/ipad bob/iphone carol/firefox carol/old-phone guest/tablet
       proxy 127.0.0.1:8123
  2. remote_ip {"ranges":["192.168.0.0/16","fd00::/8"]}
       proxy 127.0.0.1:8123
  3. error 403

home.example.com www.home.example.com: nothing
  unless a websocket: delete Upgrade
  delete Remote*
  proxy 127.0.0.1:8080

immich.home.example.com: verify_if_given
  unless a websocket: delete Upgrade
  delete Remote*
  1. certificate of alice/macbook alice/pixel alice/workstation bob/desktop bob/ipad bob/iphone carol/firefox carol/old-phone
       proxy 127.0.0.1:2283
  2. method ["GET","HEAD"], path ["/_app/immutable/*"], uri ^/_app/immutable/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*(\?.*)?$
       delete Upgrade
       proxy 127.0.0.1:2283
  3. method ["GET","HEAD"], path ["/share/*"], uri ^/share/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*(\?.*)?$
       delete Upgrade
       proxy 127.0.0.1:2283
  4. error 403

jellyfin.home.example.com: nothing
  unless a websocket: delete Upgrade
  delete Remote*
  1. remote_ip {"ranges":["192.168.0.0/16","fd00::/8"]}
       proxy 127.0.0.1:8096
  2. error 403

paperless.home.example.com: verify_if_given
  unless a websocket: delete Upgrade
  delete Remote*
  1. certificate of alice/macbook alice/pixel alice/workstation carol/firefox carol/old-phone
       proxy 127.0.0.1:8000
  2. error 403

stats.home.example.com: require_and_verify
  unless a websocket: delete Upgrade
  delete Remote*
  1. certificate of alice/macbook alice/pixel alice/workstation
       proxy 127.0.0.1:3000 unverified {"Host":["{http.request.host}"],"Remote-Email":["alice@example.com"],"Remote-Groups":["admins,family"],"Remote-Name":["Alice Liddell"],"Remote-User":["alice"]}
  2. certificate of bob/desktop bob/ipad bob/iphone
       proxy 127.0.0.1:3000 unverified {"Host":["{http.request.host}"],"Remote-Email":["bob@home.example.com"],"Remote-Groups":["family"],"Remote-Name":["Bob \"the Builder\" Muñoz"],"Remote-User":["bob"]}
  3. error 403

vault.example.org: require_and_verify
  unless a websocket: delete Upgrade
  delete Remote*
  1. certificate of alice/macbook alice/pixel alice/workstation
       proxy 127.0.0.1:8222
  2. error 403
"#;

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
        let pem = family.bundle(person, device).pem(&family.lab.home());
        let pem = pem.to_str().expect("a test's paths are UTF-8");
        let said = tools::run(
            "openssl",
            ["x509", "-noout", "-sha256", "-fingerprint", "-in", pem],
        );
        let (_, octets) = said
            .succeeds()
            .stdout()
            .trim_end()
            .split_once('=')
            .expect("it says one");
        let fingerprint = octets.replace(':', "").to_lowercase();
        (fingerprint, format!("{person}/{device}"))
    };
    DEVICES.into_iter().map(fingerprint).collect()
}

/// What is different from what the declaration means.
pub fn differences(family: &Family, version: Version, caddyfile: &str) -> Vec<String> {
    let adapted = version.adapt(caddyfile, &family.lab.path());
    let json: Value = serde_json::from_str(adapted.succeeds().stdout()).expect("it is JSON");
    let apps = keys(&json["apps"]);
    let servers = &json["apps"]["http"]["servers"];
    let server = &servers["srv0"];
    let mut differences = Vec::new();
    let mut same = |what: &str, found: &Value, expected: Value| {
        if *found != expected {
            differences.push(format!("{what} is {found}, should be {expected}"));
        }
    };
    same("apps", &apps.into(), ["http", "tls"].as_slice().into());
    same("servers", &keys(servers).into(), ["srv0"].as_slice().into());
    same("listen", &server["listen"], [":443"].as_slice().into());
    same("strict_sni_host", &server["strict_sni_host"], true.into());
    same(
        "protocols",
        &server["protocols"],
        ["h1", "h2"].as_slice().into(),
    );
    same("errors", &server["errors"], Value::Null);
    let sites = described(server, &fingerprints(family));
    let mut expected: Vec<&str> = EXPECTED.trim().split("\n\n").collect();
    expected.sort_unstable();
    for site in sites
        .iter()
        .filter(|site| !expected.contains(&site.as_str()))
    {
        differences.push(format!("unexpected:\n{site}"));
    }
    for site in expected
        .iter()
        .filter(|expected| !sites.iter().any(|site| site == *expected))
    {
        differences.push(format!("missing:\n{site}"));
    }
    differences
}

fn keys(object: &Value) -> Vec<String> {
    let object = object.as_object();
    object.map_or_else(Vec::new, |object| object.keys().cloned().collect())
}

/// Each site in the form of [`EXPECTED`].
fn described(server: &Value, devices: &BTreeMap<String, String>) -> Vec<String> {
    let policies = list(&server["tls_connection_policies"]);
    let mut sites = Vec::new();
    for route in list(&server["routes"]) {
        let [matcher] = list(&route["match"]) else {
            panic!("a site has one matcher: {route}");
        };
        assert_eq!(keys(matcher), ["host"], "{route}");
        assert_eq!(route["terminal"], true, "{route}");
        let hosts: Vec<&str> = list(&matcher["host"]).iter().map(string).collect();
        let asked: Vec<String> = hosts.iter().map(|host| mode(policies, host)).collect();
        let mut text = format!("{}: {}", hosts.join(" "), asked[0]);
        assert!(asked.iter().all(|mode| *mode == asked[0]), "{asked:?}");
        steps(list(&route["handle"]), devices, &mut text);
        sites.push(text);
    }
    sites.sort();
    sites
}

/// The mode of the first policy for that name, as Caddy chooses.
fn mode(policies: &[Value], host: &str) -> String {
    let policy = policies.iter().find(|policy| {
        let names = policy["match"]["sni"].as_array();
        names.is_none_or(|names| names.iter().any(|name| name == host))
    });
    let authentication = policy.map(|policy| &policy["client_authentication"]);
    match authentication {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(authentication) => {
            // Both versions' place for it.
            let authority = authentication.get("trusted_ca_certs");
            let authority = authority.or_else(|| authentication["ca"].get("trusted_ca_certs"));
            assert_eq!(
                authority.map_or(0, |certs| list(certs).len()),
                1,
                "one authority"
            );
            string(&authentication["mode"]).to_owned()
        }
    }
}

/// Describes handlers; a subroute without conditions is only its handlers.
fn steps(handlers: &[Value], devices: &BTreeMap<String, String>, text: &mut String) {
    for handler in handlers {
        match string(&handler["handler"]) {
            "subroute" => routes(list(&handler["routes"]), devices, text),
            "headers" => {
                assert_eq!(keys(&handler["request"]), ["delete"], "{handler}");
                let deleted: Vec<&str> = list(&handler["request"]["delete"])
                    .iter()
                    .map(string)
                    .collect();
                line(text, &format!("delete {}", deleted.join(" ")));
            }
            "error" => line(text, &format!("error {}", handler["status_code"])),
            "reverse_proxy" => line(text, &proxy(handler)),
            other => line(text, other),
        }
    }
}

fn line(text: &mut String, line: &str) {
    write!(text, "\n  {line}").expect("a String takes all");
}

fn routes(routes: &[Value], devices: &BTreeMap<String, String>, text: &mut String) {
    let mut group = None;
    let mut number = 0;
    for route in routes {
        let mut inner = String::new();
        steps(list(&route["handle"]), devices, &mut inner);
        let conditions = conditions(route, devices);
        if route["group"].is_null() {
            match conditions {
                None => text.push_str(&inner),
                Some(conditions) => line(text, &format!("{conditions}: {}", inner.trim_start())),
            }
            continue;
        }
        // Of one group, only the first that matches is taken.
        assert_eq!(*group.get_or_insert(&route["group"]), &route["group"]);
        number += 1;
        match conditions {
            Some(conditions) => {
                line(text, &format!("{number}. {conditions}"));
                text.push_str(&inner.replace("\n  ", "\n       "));
            }
            None => line(text, &format!("{number}. {}", inner.trim_start())),
        }
    }
}

fn conditions(route: &Value, devices: &BTreeMap<String, String>) -> Option<String> {
    let matcher = match route.get("match").map(list)? {
        [matcher] => matcher.as_object().expect("a matcher is an object"),
        several => panic!("one of {} matchers would do", several.len()),
    };
    let conditions = matcher.iter().map(|(kind, value)| match &kind[..] {
        "vars" => {
            assert_eq!(keys(value), [FINGERPRINT]);
            let fingerprints = list(&value[FINGERPRINT]).iter().map(string);
            let names = fingerprints.map(|print| devices.get(print).map_or(print, |name| name));
            format!("certificate of {}", names.collect::<Vec<_>>().join(" "))
        }
        "vars_regexp" => {
            assert_eq!(keys(value), ["{http.request.uri}"]);
            format!("uri {}", string(&value["{http.request.uri}"]["pattern"]))
        }
        "not" => {
            let [negated] = list(value) else {
                panic!("one negation: {value}");
            };
            let pattern = string(&negated["header_regexp"]["Upgrade"]["pattern"]);
            assert_eq!((keys(negated).len(), pattern), (1, "^(?i:websocket)$"));
            "unless a websocket".to_owned()
        }
        other => format!("{other} {value}"),
    });
    Some(conditions.collect::<Vec<_>>().join(", "))
}

fn proxy(handler: &Value) -> String {
    let dial: Vec<&str> = list(&handler["upstreams"])
        .iter()
        .map(|upstream| string(&upstream["dial"]))
        .collect();
    let mut text = format!("proxy {}", dial.join(" "));
    match &handler["transport"] {
        Value::Null => {}
        transport => {
            let unverified: Value = serde_json::json!({
                "protocol": "http", "tls": {"insecure_skip_verify": true}
            });
            assert_eq!(*transport, unverified);
            text += " unverified";
        }
    }
    if let Some(headers) = handler.get("headers") {
        assert_eq!(keys(headers), ["request"]);
        assert_eq!(keys(&headers["request"]), ["set"]);
        write!(text, " {}", headers["request"]["set"]).expect("a String takes all");
    }
    text
}

#[track_caller]
fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

#[track_caller]
fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn the_example_s_routes_are_those_declared() {
    let family = Family::new();
    for version in Version::ALL {
        crate::assert_none(&differences(&family, version, &family.generated()));
    }
}
