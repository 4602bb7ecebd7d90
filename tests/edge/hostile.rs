//! Names that look like numbers, like keywords of a Caddyfile, or like its syntax.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::family::{Bundle, bundle, replaced};
use crate::files::ill_formatted;
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::lab::Lab;
use crate::support::upstream::Upstream;

/// Names of people, each with a device, and a service that lets in only its namesake. Several are one number, if they are one.
const NAMES: [&str; 22] = [
    "007", "0x10", "1000", "16", "1e3", "7", "default", "error", "false", "handle", "import",
    "inf", "map", "nan", "not", "null", "off", "respond", "tls", "true", "vars", "x-1",
];

/// As many as [`NAMES`], in the same order and of the same lengths, because Caddy sorts sites by them.
fn harmless() -> Vec<String> {
    let letters = 'a'..='z';
    let name = |(name, letter): (&&str, char)| format!("{letter}{}", "y".repeat(name.len() - 1));
    NAMES.iter().zip(letters).map(name).collect()
}

/// One person, one device and one service of each name.
fn namesakes(names: &[&str]) -> String {
    let mut text = "domain \"home.example.com\"\n".to_owned();
    for (number, name) in names.iter().enumerate() {
        let port = 1001 + number;
        text += &format!(
            "person \"{name}\" {{ device \"{name}\" platform=\"linux\"; }}\n\
             group \"{name}-s\" \"{name}\"\n\
             service \"{name}\" {{ upstream \"http://127.0.0.1:{port}\"; allow \"{name}-s\"; identity; }}\n"
        );
    }
    text
}

fn adapted(version: Version, lab: &Lab) -> Value {
    let adapted = version.adapt(&lab.edge(version), &lab.path());
    serde_json::from_str(adapted.succeeds().stdout()).expect("it is JSON")
}

/// Replaces names by others, and what differs between any two homes by a word: fingerprints, authorities, generated labels.
fn renamed(value: &mut Value, names: &BTreeMap<&str, &str>) {
    match value {
        Value::String(text) => *text = renamed_text(text, names),
        Value::Array(values) => values.iter_mut().for_each(|value| renamed(value, names)),
        // A handler is called by Caddy's word for it, which may be somebody's name too.
        Value::Object(object) => object
            .iter_mut()
            .filter(|(key, _)| *key != "handler")
            .for_each(|(_, value)| renamed(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn renamed_text(text: &str, names: &BTreeMap<&str, &str>) -> String {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return "a fingerprint".to_owned();
    }
    if text.starts_with("MII") {
        return "an authority".to_owned();
    }
    let other = |name: &str| {
        names
            .get(name)
            .map_or(name.to_owned(), |name| (*name).to_owned())
    };
    for (end, kept) in [
        (".home.example.com", true),
        ("@home.example.com", true),
        ("-s", true),
        ("", false),
    ] {
        if let Some(name) = text
            .strip_suffix(end)
            .filter(|name| names.contains_key(name))
        {
            return other(name) + if kept { end } else { "" };
        }
    }
    text.to_owned()
}

#[test]
fn names_change_nothing_but_names() {
    let plain = harmless();
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    let (hostile, harmless) = (
        Lab::built(&namesakes(&NAMES)),
        Lab::built(&namesakes(&plain)),
    );
    let names: BTreeMap<&str, &str> = NAMES.into_iter().zip(plain).collect();
    for version in Version::ALL {
        let files = hostile.edge(version);
        version.validate(&files, &hostile.path()).succeeds();
        crate::assert_none(&ill_formatted(version, &files));
        let (mut hostile, mut harmless) = (adapted(version, &hostile), adapted(version, &harmless));
        renamed(&mut hostile, &names);
        renamed(&mut harmless, &BTreeMap::new());
        assert!(
            hostile == harmless,
            "{version:?}\n{hostile:#}\n{harmless:#}"
        );
    }
}

/// What each of the namesakes' devices got from another's service than its own, or did not get from its own.
fn confused(caddy: &Caddy, bundles: &[Bundle]) -> Vec<String> {
    let numbers = ["007", "7", "1000", "1e3", "0x10", "16"];
    let pairs = NAMES
        .iter()
        .zip(bundles)
        .flat_map(|person| NAMES.map(|service| (person, service)));
    pairs
        // Those that could be one number, each with each; of the others, its own service and one more.
        .filter(|((name, _), service)| {
            let both_numbers = numbers.contains(name) && numbers.contains(service);
            both_numbers || *name == service || *service == "true"
        })
        .filter_map(|((name, bundle), service)| {
            let host = format!("{service}.home.example.com");
            let visit = caddy.visit(&host, "/").p12(&bundle.path, &bundle.password);
            let answer = visit.run();
            let right = if *name == service {
                answer.status == Some(200) && answer.arrival().header("Remote-User") == [service]
            } else {
                answer.status == Some(403)
            };
            (!right).then(|| format!("{name} at {service}: {answer}"))
        })
        .collect()
}

#[test]
fn nobody_is_taken_for_a_namesake_in_another_spelling() {
    let lab = Lab::built(&namesakes(&NAMES));
    let bundles = NAMES.map(|name| bundle(&lab, name, name));
    let upstream = Upstream::start("namesakes");
    let written: Vec<String> = (0..NAMES.len())
        .map(|n| format!("127.0.0.1:{}", 1001 + n))
        .collect();
    let upstreams: Vec<(&str, String)> = written
        .iter()
        .map(|from| (from.as_str(), upstream.address()))
        .collect();
    for version in Version::ALL {
        let ports = Ports::reserve();
        let caddyfile = rewrite(&lab.edge(version), &ports, &upstreams);
        let caddy = Caddy::start(version, &caddyfile, &lab.path());
        crate::assert_none(&confused(&caddy, &bundles));
    }
}

/// Display names that a Caddyfile can say.
const SAYABLE: [&str; 40] = [
    "`x`",
    "a`b",
    "<<EOF",
    "<<EOF x EOF",
    "#x",
    "a #b",
    "//x",
    "import",
    "import x",
    "handle",
    "~x",
    "a\\b",
    "\\x",
    "\\n",
    "\\\\x",
    "'x'",
    "\"",
    "\"x\"",
    "a\"b",
    "\"\"",
    "$X",
    "$(x)",
    "%41",
    "%s",
    "*",
    "@x",
    "/x",
    ",",
    "a,b",
    "1e3",
    "true",
    "nan",
    "+x",
    "-x",
    "?x",
    ">x",
    "Zoë Ångström",
    "愛子 🦊",
    "a\u{a0}b",
    "; x: y",
];

/// Display names that one cannot, or that would be something else at run time.
const UNSAYABLE: [&str; 17] = [
    "{",
    "}",
    "{$X}",
    "{$HOME}",
    "{env.HOME}",
    "{file./etc/passwd}",
    "{http.request.host}",
    "a{b",
    "a\\",
    "a\\\"b",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\u{85}b",
    "a\u{2028}b",
    "a\u{2029}b",
    "a\u{feff}b",
];

/// A text as KDL says it: control characters by their number.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() || "\u{2028}\u{2029}\u{feff}".contains(c) => {
            format!("\\u{{{:x}}}", u32::from(c))
        }
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn with_display_names(names: &[&str]) -> String {
    let mut text = "domain \"home.example.com\"\nservice \"who\" { upstream \"http://127.0.0.1:1001\"; allow \"all\"; identity; }\n".to_owned();
    let mut all = "group \"all\"".to_owned();
    for (number, name) in names.iter().enumerate() {
        text += &format!(
            "person \"p{number}\" {{ name {}; device \"d\" platform=\"linux\"; }}\n",
            quoted(name)
        );
        all += &format!(" \"p{number}\"");
    }
    text + &all + "\n"
}

#[test]
fn display_names_that_can_be_said_arrive_as_they_are() {
    let lab = Lab::built(&with_display_names(&SAYABLE));
    let bundles: Vec<Bundle> = (0..SAYABLE.len())
        .map(|n| bundle(&lab, &format!("p{n}"), "d"))
        .collect();
    let upstream = Upstream::start("who");
    for version in Version::ALL {
        let generated = lab.edge(version);
        version.validate(&generated, &lab.path()).succeeds();
        crate::assert_none(&ill_formatted(version, &generated));
        let ports = Ports::reserve();
        let caddyfile = rewrite(
            &generated,
            &ports,
            &[("127.0.0.1:1001", upstream.address())],
        );
        let caddy = Caddy::start(version, &caddyfile, &lab.path());
        let wrong = SAYABLE.iter().zip(&bundles).filter_map(|(name, bundle)| {
            let visit = caddy.visit("who.home.example.com", "/");
            let answer = visit.p12(&bundle.path, &bundle.password).run();
            let arrived =
                answer.status == Some(200) && answer.arrival().header("Remote-Name") == [*name];
            (!arrived).then(|| format!("{version:?} {name:?}: {answer}"))
        });
        crate::assert_none(&wrong.collect::<Vec<_>>());
    }
}

#[test]
fn display_names_that_cannot_be_said_are_refused() {
    for name in UNSAYABLE {
        let lab = Lab::new().declare(&with_display_names(&[name]));
        let checked = lab.command(["check"]).run();
        assert_eq!(checked.status.code(), Some(1), "{name:?}\n{checked}");
        lab.command(["build"]).run().fails_with(1);
        assert!(!lab.path().join("out").exists(), "{name:?}");
    }
}

/// The comparison of structures notices a name that Caddy takes for a number.
#[test]
fn a_name_taken_for_a_number_is_noticed() {
    let lab = Lab::built(&namesakes(&["1000", "1e3"]));
    let map = "\tmap {http.request.host} {who} {\n\t\tx 1e3\n\t}\n\trequest_header -Remote*\n";
    for version in Version::ALL {
        let files = replaced(&lab.edge(version), "\trequest_header -Remote*\n", map);
        let json = version.adapt(&files, &lab.path());
        assert!(
            json.succeeds().stdout().contains(r#""outputs":[1000]"#),
            "{json}"
        );
    }
}
