//! What is found in each fixture.

use std::collections::BTreeSet;

use homelab::internals::FORMS;

use crate::fixtures::{Kind, World, codes, forms, lint, path_of};
use crate::support::caddy::Version;
use crate::support::lab::Lab;

/// Forms that not every Caddy has a word for, or that are harmless with others.
fn is_of(form: &str, version: Version) -> bool {
    let old = version == Version::Old;
    let before_2_11_1 = matches!(
        version,
        Version::Old | Version::Between("caddy-2.8.4" | "caddy-2.10.2")
    );
    match form {
        // Later ones refuse the word, and say which to take.
        "forwarded-address" => old,
        // The old one does not know these words.
        "every-proxy-protocol"
        | "every-proxy-trusted"
        | "own-authority-signs-for-all"
        | "range-too-wide" => !old,
        // CVE-2026-30852, CVE-2026-30851, CVE-2025-68121, CVE-2026-27589.
        "filled-in-twice" => matches!(version, Version::Between(_)),
        "gateway-header-kept" => {
            matches!(version, Version::Between("caddy-2.10.2" | "caddy-2.11.1"))
        }
        "sessions-cross" => before_2_11_1,
        "admin-for-any-page" => before_2_11_1,
        "name-never-said" => version != Version::New,
        // The first that gives the sites below a wildcard policies of their own.
        "wildcard-left" => version == Version::New,
        _ => true,
    }
}

#[test]
fn every_form_has_its_fixtures() {
    let known: BTreeSet<&str> = FORMS
        .iter()
        .map(|form| form.code.trim_start_matches("lint::"))
        .collect();
    let fixtures = forms();
    assert_eq!(known, fixtures.iter().map(String::as_str).collect());
    assert!(known.len() >= 25);
}

/// Those that depend on the Caddy.
const OF_SOME: &[&str] = &[
    "admin-for-any-page",
    "filled-in-twice",
    "gateway-header-kept",
    "name-never-said",
    "sessions-cross",
    "wildcard-left",
];

/// Each bad one has its form and no other, and no good one has any.
fn each_is_told(version: Version, forms: &[String]) {
    let (lab, world) = (Lab::new(), World::new());
    let mut wrong = Vec::new();
    for form in forms {
        for kind in [Kind::Bad, Kind::Good] {
            let is_json = path_of(form, kind)
                .extension()
                .is_some_and(|ending| ending == "json");
            let name = if is_json { "caddy.json" } else { "Caddyfile" };
            if is_json {
                lab.write(name, world.text(form, kind));
            } else {
                let files = world.files(form, kind);
                for (name, text) in crate::support::edge_files::parts(&files) {
                    lab.write(name, text);
                }
            }
            let is_known = is_of(form, version);
            let outcome = lint(&lab, version, &[name, "--json"]);
            if outcome.status.code() == Some(3) && !is_known {
                continue;
            }
            let expected = match kind {
                Kind::Bad if is_known => vec![form.clone()],
                _ => Vec::new(),
            };
            let exit = if expected.is_empty() { 0 } else { 4 };
            if outcome.status.code() != Some(exit) || codes(&outcome) != expected {
                wrong.push(format!("{form} {kind:?} on {version:?}\n{outcome}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_is_told_with_the_old_caddy() {
    each_is_told(Version::Old, &forms());
}

#[test]
fn each_is_told_with_the_new_caddy() {
    each_is_told(Version::New, &forms());
}

#[test]
fn each_is_told_with_those_between() {
    let some: Vec<String> = OF_SOME.iter().map(|form| (*form).to_owned()).collect();
    Version::BETWEEN
        .into_iter()
        .for_each(|version| each_is_told(version, &some));
}

/// With JSON nothing tells which Caddy will run it but whoever asks.
#[test]
fn a_version_is_taken_by_name() {
    let (lab, world) = (Lab::new(), World::new());
    lab.write("Caddyfile", world.text("admin-for-any-page", Kind::Bad));
    let found = |arguments: &[&str]| codes(&lint(&lab, Version::New, arguments));
    assert!(found(&["Caddyfile", "--json"]).is_empty());
    assert_eq!(
        found(&["Caddyfile", "--json", "--caddy", "2.10.2"]),
        ["admin-for-any-page"]
    );
}

/// An authority of the machine's is nobody's own, whatever else is named beside it.
#[test]
fn the_pool_of_the_system_is_told() {
    let lab = Lab::new();
    let configuration = |pool: &str| {
        format!(
            r#"{{"apps":{{"http":{{"servers":{{"a":{{"listen":[":443"],"routes":[],"tls_connection_policies":[
            {{"match":{{"sni":["notes.example.com"]}},"client_authentication":{{"mode":"require_and_verify","ca":{pool}}}}}]}}}}}}}}}}"#
        )
    };
    let inline = r#"{"provider":"inline","trusted_ca_certs":["AA=="]}"#;
    let system = r#"{"provider":"system"}"#;
    let combined = format!(r#"{{"provider":"combined","sources":[{inline},{system}]}}"#);
    for (pool, is_bad) in [(inline, false), (system, true), (&combined, true)] {
        lab.write("caddy.json", configuration(pool));
        let found = codes(&lint(&lab, Version::New, &["caddy.json", "--json"]));
        let expected = if is_bad {
            vec!["no-authority"]
        } else {
            Vec::new()
        };
        assert_eq!(found, expected, "{pool}");
    }
}
