//! Declarations of homelab 0.1, with what it made of them: whoever changes nothing keeps the policy that there was.
//!
//! `of-0.1/HOME` holds a declaration, the lock of a homelab that was built from it and thrown away, and the edge as it was then.
//! Only its policy is held, not its text: both are compared as what Caddy makes of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::support::caddy::Version;
use super::support::edge_files::joined;
use super::support::lab::Lab;

/// When these were built: 2026-11-27.
const THEN: u64 = 1_795_758_000;

struct Home {
    name: &'static str,
    /// The Caddys that it was for.
    caddys: &'static [Version],
}

const HOMES: [Home; 3] = [
    Home {
        name: "everything",
        caddys: &[Version::New],
    },
    Home {
        name: "old-caddy",
        caddys: &Version::ALL,
    },
    // Among them lists that are long enough to stand apart.
    Home {
        name: "fronted",
        caddys: &[Version::New],
    },
];

impl Home {
    fn directory(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/edge/of-0.1")
            .join(self.name)
    }

    /// What Caddy made of it then.
    #[track_caller]
    fn then(&self, caddy: Version) -> Value {
        adapted(caddy, &self.directory().join("edge"))
    }

    #[track_caller]
    fn lab(&self) -> Lab {
        let lab = Lab::new();
        for name in ["homelab.kdl", "homelab.lock"] {
            let bytes = fs::read(self.directory().join(name)).expect("it is committed");
            lab.write(name, bytes);
        }
        lab
    }

    /// The edge as it is built now.
    #[track_caller]
    fn now(&self) -> Lab {
        let lab = self.lab();
        build(&lab);
        lab
    }
}

#[track_caller]
fn build(lab: &Lab) {
    lab.command(["build", "--edge"]).at(THEN).run().succeeds();
}

/// What Caddy makes of it, but for the words of pages: who is shown one is the policy.
#[track_caller]
fn adapted(caddy: Version, edge: &Path) -> Value {
    let adapted = caddy.adapt(&joined(edge), edge);
    let mut read = serde_json::from_slice(&adapted.succeeds().stdout).expect("Caddy writes JSON");
    without_words(&mut read);
    read
}

/// Whether all that a handler does is to know whose a certificate is or which language a page is to be in: 0.1 greeted nobody.
fn is_of_a_page(handler: &Value) -> bool {
    let known = handler["destinations"].as_array();
    handler["handler"] == "map"
        && known.is_some_and(|known| {
            let is_of_a_page = |name: &Value| {
                let name = name.as_str().unwrap_or_default();
                name.starts_with("{visitor.") || name == "{page.language}"
            };
            known.iter().all(is_of_a_page)
        })
}

/// Of routes that show the same page in the language that a browser asks for, the one that all others get: 0.1 knew no other.
fn in_one_language(routes: &mut Vec<Value>) {
    let page = serde_json::json!([{ "handler": "static_response", "body": "a page" }]);
    let is_of_a_language = |route: &Value| {
        let matchers = route["match"].as_array().map_or(&[][..], Vec::as_slice);
        let [matcher] = matchers else { return false };
        let asked = matcher["expression"]["expr"].as_str().unwrap_or_default();
        let alone = matcher
            .as_object()
            .is_some_and(|matcher| matcher.len() == 1);
        alone && asked.starts_with("{page.language}.matches(r'(?i)^") && route["handle"] == page
    };
    let before = routes.len();
    routes.retain(|route| !is_of_a_language(route));
    if routes.len() == before {
        return;
    }
    let Some(last) = routes.pop_if(|last| last["handle"] == page && last.get("match").is_none())
    else {
        return;
    };
    let around = routes
        .last_mut()
        .and_then(|route| route["handle"].as_array_mut());
    let last = last["handle"][0].clone();
    around.expect("its headers are before it").push(last);
}

fn without_words(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(without_words),
        Value::Array(items) => {
            items.iter_mut().for_each(without_words);
            items
                .retain(|item| !is_of_a_page(item) && *item != serde_json::json!({ "handle": [] }));
            in_one_language(items);
        }
        Value::String(text) if text.starts_with("<!doctype html>") => {
            *text = String::from("a page");
        }
        _ => {}
    }
}

/// Where two configurations differ, as JSON pointers (RFC 6901) with both values.
fn differences(then: &Value, now: &Value, at: &str, found: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            let keys: BTreeSet<_> = then.keys().chain(now.keys()).collect();
            for key in keys {
                let value = |of: &Map<String, Value>| of.get(key).cloned();
                let (then, now) = (value(then), value(now));
                let at = format!("{at}/{key}");
                match (then, now) {
                    (Some(then), Some(now)) => differences(&then, &now, &at, found),
                    (then, now) => found.push(format!("{at}: {then:?} became {now:?}")),
                }
            }
        }
        // Caddy 2.6 writes names in whatever order.
        (Value::Array(then), Value::Array(now)) if at.ends_with("/sni") => {
            let names = |of: &[Value]| of.iter().map(Value::to_string).collect::<BTreeSet<_>>();
            if names(then) != names(now) {
                found.push(format!("{at}: {then:?} became {now:?}"));
            }
        }
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            for (number, (then, now)) in then.iter().zip(now).enumerate() {
                differences(then, now, &format!("{at}/{number}"), found);
            }
        }
        _ if then == now => {}
        _ => found.push(format!("{at}: {then} became {now}")),
    }
}

/// Below paths that are public, 0.1 let through segments of letters, digits and four signs only.
const PLAIN_THEN: &str = "([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*";
const PLAIN_NOW: &str = "([^./?][^/?]*/?)*";

/// A configuration of now, in the words of then where they are meant to be others: public paths are read strictly, and take what all upstreams
/// read alike; and a frame or a prefetch is no reason to close a connection.
fn in_words_of_then(now: &mut Value) {
    let window = serde_json::json!({ "Sec-Fetch-Dest": ["document"], "Sec-Purpose": null });
    match now {
        Value::Object(fields) => {
            if let Some(header) = fields.get_mut("header").filter(|header| **header == window) {
                *header = serde_json::json!({ "Sec-Fetch-Mode": ["navigate"] });
            }
            if fields
                .get("vars")
                .is_some_and(|vars| *vars == serde_json::json!({ "path": ["plain"] }))
            {
                fields.remove("vars");
            }
            fields.values_mut().for_each(in_words_of_then);
        }
        Value::Array(items) => {
            let plain = serde_json::json!([{ "handler": "vars", "path": "plain" }]);
            items.retain(|item| item["handle"] != plain);
            items.iter_mut().for_each(in_words_of_then);
        }
        Value::String(text) => *text = text.replace(PLAIN_NOW, PLAIN_THEN),
        _ => {}
    }
}

#[test]
fn what_0_1_compiled_means_the_same() {
    for home in HOMES {
        let lab = home.now();
        for caddy in home.caddys {
            let then = home.then(*caddy);
            let mut now = adapted(*caddy, &lab.path().join("out/edge"));
            in_words_of_then(&mut now);
            let routes = then.pointer("/apps/http/servers/srv0/routes");
            assert!(
                routes
                    .and_then(Value::as_array)
                    .is_some_and(|routes| routes.len() > 5),
                "{}: there is a policy to compare",
                home.name
            );
            let mut found = Vec::new();
            differences(&then, &now, "", &mut found);
            assert!(
                found.is_empty(),
                "{} on {caddy:?}:\n{}",
                home.name,
                found.join("\n")
            );
        }
    }
}

#[test]
fn another_policy_is_noticed() {
    let home = &HOMES[0];
    let then = home.then(Version::New);
    for (was, becomes) in [
        ("    identity\n", ""),
        ("public \"/hook/*\" methods=\"POST\"", "public \"/hook/*\""),
        ("lan \"192.168.0.0/16\"", "lan \"192.168.0.0/17\""),
        ("max-body \"50GB\"", "max-body \"51GB\""),
    ] {
        let lab = home.lab();
        lab.edit(was, becomes);
        build(&lab);
        let mut now = adapted(Version::New, &lab.path().join("out/edge"));
        in_words_of_then(&mut now);
        let mut found = Vec::new();
        differences(&then, &now, "", &mut found);
        assert!(!found.is_empty(), "{was} became {becomes}");
    }
}
