//! What the report of what is exposed says of logs, of the admin endpoint, and of what upstreams are told and asked: held against running
//! Caddys, sentence by sentence.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::described::list;
use crate::house::House;
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::lab::Lab;
use crate::support::upstream::Upstream;
use crate::support::wait;

fn report(lab: &Lab) -> (Value, String) {
    let json = lab.command(["exposure", "--json"]).run();
    let json = serde_json::from_str(json.succeeds().stdout()).expect("it is JSON");
    (json, lab.read("out/edge/exposure.md"))
}

/// What a log has of each request, as who came and what was asked for.
fn written(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let entry = |line: &str| {
        let entry: Value = serde_json::from_str(line).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let address = text(&entry["request"]["remote_ip"])?;
        assert_eq!(address, "127.0.0.1");
        assert!(entry["ts"].is_number(), "{entry}");
        let (host, uri) = (&entry["request"]["host"], &entry["request"]["uri"]);
        let asked = format!("{}{}", text(host)?, text(uri)?);
        Some((text(&entry["user_id"])?, asked))
    };
    text.lines().filter_map(entry).collect()
}

fn declaration(upstream: &Upstream, place: &Path) -> String {
    let to = format!("upstream \"http://{}\"", upstream.address());
    let (all, own) = (place.join("all.log"), place.join("own.log"));
    format!(
        "domain \"home.example.com\"
        edge {{ log \"{}\"; certificates \"internal\"; landing; metrics; }}
        person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
        service \"diary\" {{ {to}; allow \"alice\"; log \"off\"; }}
        service \"films\" {{ {to}; open \"everyone\"; log \"{}\"; }}
        service \"photos\" {{
            {to}
            allow \"alice\"
            public \"/share/*\"
            preflight \"https://app.example.com\"
            request-header \"X-Tenant\" \"told-and-not-shown\"
            request-header \"X-Api-Key\" env=\"API_KEY\"
            health \"/healthz?key=not-shown\" every=\"1s\"
        }}",
        all.display(),
        own.display(),
    )
}

#[test]
fn what_is_written_down_told_and_asked_is_as_reported() {
    let upstream = Upstream::start("photos");
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let house = House::new(&declaration(&upstream, place.path()));
    let (json, text) = report(&house.lab);
    let (all, own) = (place.path().join("all.log"), place.path().join("own.log"));
    assert_eq!(
        json["logs"],
        json!([
            { "file": all, "services": ["(landing page)", "photos"], "named": true },
            { "file": own, "services": ["films"], "named": false },
        ])
    );
    assert_eq!(
        json["told"],
        json!([{ "service": "photos", "headers": ["X-Tenant", "X-Api-Key"] }])
    );
    assert_eq!(
        json["asked"],
        json!([{ "service": "photos", "path": "/healthz", "every": "1s" }])
    );
    for secret in ["not-shown", "API_KEY"] {
        assert!(!text.contains(secret) && !json.to_string().contains(secret));
    }
    let said = format!(
        "## Written down, told and asked\n\n\
         - Requests to (landing page), photos are written down in `{}` on the Caddy host: when, from which address, for which path and what stands behind its `?`, and by which person's device.\n\
         - Requests to films are written down in `{}` on the Caddy host: when, from which address, for which path and what stands behind its `?`.\n\
         - Caddy's admin endpoint is at `localhost:2019`: every program on the Caddy host can replace the policy there. It tells how many requests there were, and what came of them (`metrics`).\n\
         - photos: upstreams are told `X-Tenant`, `X-Api-Key` with each request, but not where a path or a method is open to everyone, nor by a preflight.\n\
         - photos: Caddy asks each upstream for `/healthz` by itself, every 1s.\n\n\
         ## Unchecked\n",
        all.display(),
        own.display()
    );
    assert!(text.contains(&said), "{said}\nis not in\n{text}");

    let alice = house.bundle("alice", "laptop");
    for version in Version::ALL {
        for path in [&all, &own] {
            _ = fs::remove_file(path);
        }
        let ports = Ports::reserve();
        let files = rewrite(&house.generated(version), &ports, &[]);
        let place = house.lab.path().join("out/edge");
        let before = upstream.arrived();
        let caddy = Caddy::start_with(version, &files, &place, &[("API_KEY", "secret")]);
        let visit = |service: &str, target: &str| {
            caddy.visit(&format!("{service}.home.example.com"), target)
        };
        // What is told, and when.
        let told = alice.shown(visit("photos", "/?key=1")).run().arrival();
        let public = visit("photos", "/share/x").run().arrival();
        let preflight = visit("photos", "/x").method("OPTIONS");
        let preflight = preflight.header("Origin", "https://app.example.com");
        let preflight = preflight.header("Access-Control-Request-Method", "PUT");
        let preflight = preflight.run().arrival();
        for name in list(&json["told"][0]["headers"]) {
            let name = name.as_str().expect("a name");
            assert_eq!(told.header(name).len(), 1, "{version:?} {name}");
            for other in [&public, &preflight] {
                assert!(other.header(name).is_empty(), "{version:?} {name}");
            }
        }
        // What is asked though nobody came.
        let is_asked = || {
            let arrivals = upstream.arrivals_after(before);
            let mut asked = arrivals.iter().map(|arrival| &arrival.target[..]);
            asked.any(|target| target.starts_with("/healthz"))
        };
        wait::until(is_asked, || format!("{version:?} asks for no health"));
        // Who is written down, and where.
        alice.shown(visit("diary", "/")).run().has_status(200);
        visit("films", "/seen").run().has_status(200);
        caddy.visit("home.example.com", "/").run().has_status(403);
        let has = |path: &Path, who: &str, asked: &str| {
            let (path, wanted) = (path.to_owned(), (who.to_owned(), asked.to_owned()));
            let port = format!(":{}", caddy.https_port());
            let is_there = move || {
                let entries = written(&path).into_iter();
                let mut entries = entries.map(|(who, asked)| (who, asked.replace(&port, "")));
                entries.any(|entry| entry == wanted)
            };
            wait::until(is_there, || format!("{version:?}: no {who} {asked}"));
        };
        has(&all, "alice/laptop", "photos.home.example.com/?key=1");
        has(&all, "", "home.example.com/");
        has(&own, "", "films.home.example.com/seen");
        for path in [&all, &own] {
            let text = fs::read_to_string(path).expect("it is there");
            assert!(!text.contains("diary"), "{text}");
            let is_named = text.contains("alice/laptop");
            assert_eq!(is_named, path == &all, "{text}");
        }
    }
}

/// Where it is said to be it is, for each way of saying it; and what is as usual is not said.
#[test]
fn the_admin_endpoint_is_where_it_is_reported() {
    for (edge, at, sentence) in [
        (
            "admin \"127.0.0.1:2020\"",
            Some("127.0.0.1:2020"),
            "- Caddy's admin endpoint is at `127.0.0.1:2020`: every program on the Caddy host can replace the policy there.\n",
        ),
        (
            "admin \"unix//run/caddy/admin.sock\"; metrics",
            Some("/run/caddy/admin.sock"),
            "- Caddy's admin endpoint is the socket `/run/caddy/admin.sock`: who may write to it can replace the policy. It tells how many requests there were, and what came of them (`metrics`).\n",
        ),
        (
            "admin \"off\"; log \"stderr\"",
            None,
            "to the standard error of Caddy's process: when, from which address, for which path and what stands behind its `?`.\n- Caddy has no admin endpoint.\n",
        ),
    ] {
        let lab = Lab::built(&format!(
            "domain \"home.example.com\"\nedge {{ {edge}; }}\nservice \"a\" {{ upstream \"http://127.0.0.1:1\"; open \"everyone\"; }}"
        ));
        let (json, text) = report(&lab);
        assert_eq!(json["admin"]["at"], json!(at), "{json}");
        assert!(text.contains(sentence), "{sentence}\nis not in\n{text}");
        for version in Version::ALL {
            let adapted = version.adapt(&lab.edge(version), &lab.path().join("out/edge"));
            let caddy: Value =
                serde_json::from_str(adapted.succeeds().stdout()).expect("it is JSON");
            let listen = caddy["admin"]["listen"].as_str();
            let listen = listen.map(|listen| listen.trim_start_matches("unix/"));
            assert_eq!(listen, at, "{version:?}");
            assert_eq!(caddy["admin"]["disabled"] == true, at.is_none());
            let http = &caddy["apps"]["http"];
            let counts =
                http["metrics"].is_object() || http["servers"]["srv0"]["metrics"].is_object();
            assert_eq!(json["admin"]["metrics"], counts, "{version:?}");
        }
    }
    let lab = Lab::built(
        "domain \"home.example.com\"\nservice \"a\" { upstream \"http://127.0.0.1:1\"; open \"everyone\"; }",
    );
    let (json, text) = report(&lab);
    assert!(!text.contains("Written down"), "{text}");
    for field in ["logs", "admin", "told", "asked"] {
        assert!(json[field].is_null(), "{json}");
    }
}

/// Of an app whose links are more than their paths.
#[test]
fn what_of_share_links_works_is_said_where_they_are_open() {
    let declared = |cloud: &str| {
        format!(
            "domain \"home.example.com\"
            person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
            service \"cloud\" {{ app \"nextcloud\"; upstream \"http://127.0.0.1:1\"; allow \"alice\"; {cloud} }}
            service \"photos\" {{ app \"immich\"; upstream \"http://127.0.0.1:1\"; allow \"alice\"; share-links; }}"
        )
    };
    let lab = Lab::built(&declared("share-links;"));
    let (json, text) = report(&lab);
    let said = json["share_links"]["cloud"].as_str().expect("a text");
    assert!(said.starts_with("Only downloading works: "), "{said}");
    assert_eq!(
        json["share_links"].as_object().map(serde_json::Map::len),
        Some(1)
    );
    assert!(
        text.contains(&format!("\nShare links of cloud: {said}\n")),
        "{text}"
    );
    assert!(!text.contains("Share links of photos"), "{text}");

    lab.write("homelab.kdl", declared("public \"/s/*\";"));
    lab.command(["build"]).run().succeeds();
    let (json, text) = report(&lab);
    assert_eq!(json.get("share_links"), None);
    assert!(!text.contains("Share links of"), "{text}");
}
