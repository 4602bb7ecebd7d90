//! What an edge does besides letting in: ports, what is written down, compression, answers of its own, what upstreams are told.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::family::replaced;
use crate::house::House;
use crate::support::caddy::{Caddy, Ports, Version, rewrite};
use crate::support::curl::Curl;
use crate::support::lab::Lab;
use crate::support::outcome;
use crate::support::port::Port;
use crate::support::tools;
use crate::support::upstream::Upstream;
use crate::support::wait;
use crate::wire::{Wire, request};

/// Visitors, guides, policies, the landing page and `verify --live` all go to the port that is declared.
#[test]
fn another_port_is_known_everywhere() {
    let upstream = Upstream::start("photos");
    let (port, other) = (Port::reserve(), Port::reserve());
    let (number, second) = (port.number(), other.number());
    let to = format!("upstream \"http://{}\"", upstream.address());
    let house = House::new(&format!(
        "domain \"home.example.com\"
        edge {{ port {number}; landing; certificates \"internal\"; }}
        person \"alice\" {{ device \"laptop\" platform=\"linux\"; device \"mac\" platform=\"macos\"; }}
        service \"photos\" {{ {to}; allow \"alice\"; }}
        service \"matrix\" {{ {to}; open \"everyone\"; port {second}; }}"
    ));
    let alice = house.bundle("alice", "laptop");
    for version in Version::ALL {
        let caddy = house.serve(version);
        let root = caddy.root_certificate();
        let at = |host: &str, port| {
            Curl::https(&format!("{host}home.example.com"), port, "/").root(&root)
        };
        alice.shown(at("photos.", number)).run().has_status(200);
        at("photos.", number).run().is_refused_in_tls();
        at("matrix.", second).run().has_status(200);
        let page = alice.shown(at("", number)).run();
        page.has_status(200)
            .contains(&format!(
                "href=\"https://photos.home.example.com:{number}/\""
            ))
            .contains(&format!(
                "href=\"https://matrix.home.example.com:{second}/\""
            ));
        // Who comes without TLS is sent to that port.
        let plain = caddy.visit_plain("photos.home.example.com", "/x").run();
        let target = format!("https://photos.home.example.com:{number}/x");
        assert_eq!(plain.header("Location"), [target.as_str()], "{plain}");
        // A host is at its own port alone: at another one Caddy has nothing to say, with a certificate or without.
        let before = upstream.arrived();
        for (host, elsewhere) in [("matrix.", number), ("photos.", second)] {
            let nobody = at(host, elsewhere).run();
            assert!(
                nobody.status.is_none() || nobody.text().is_empty(),
                "{nobody}"
            );
            let device = alice.shown(at(host, elsewhere)).run();
            assert!(
                device.status.is_none() || device.text().is_empty(),
                "{device}"
            );
        }
        assert_eq!(upstream.arrived(), before);
        let (root, plain) = (root.display().to_string(), caddy.http_port().to_string());
        let resolve = |port| format!("*:{port}:127.0.0.1");
        let arguments = [
            "verify",
            "--live",
            "--ca",
            &root,
            "--http-port",
            &plain,
            "--resolve",
            &resolve(number),
            "--resolve",
            &resolve(second),
        ];
        let told = house.lab.command(arguments).run();
        told.succeeds()
            .stdout_contains(&format!("at 127.0.0.1:{number}"))
            .stdout_contains(&format!("at 127.0.0.1:{second}"));
        drop(caddy);
    }
    for (file, expected) in [
        (
            "people/alice/guide.html",
            format!("photos.home.example.com:{number}"),
        ),
        ("index.html", format!("matrix.home.example.com:{second}")),
        (
            "edge/exposure.md",
            format!("photos.home.example.com:{number}"),
        ),
        (
            "people/alice/laptop/alice-laptop-browsers.json",
            format!("https://photos.home.example.com:{number}\\\""),
        ),
        (
            "people/alice/mac/install.sh",
            format!("prefer https://photos.home.example.com:{number}/"),
        ),
    ] {
        let text = house.lab.read(&format!("out/{file}"));
        assert!(text.contains(&expected), "{expected} is not in {file}");
    }
    let profile = house
        .lab
        .read("out/people/alice/mac/alice-mac.mobileconfig");
    assert!(
        profile.contains("<string>photos.home.example.com</string>"),
        "{profile}"
    );
    assert!(!profile.contains(&number.to_string()));
}

/// Each request that came, as its status and who that was; none where nothing was written yet.
fn written(path: &Path) -> Vec<(u64, String)> {
    if !path.exists() {
        return Vec::new();
    }
    let text = fs::read_to_string(path).expect("requests are written down");
    let line = |line: &str| {
        let entry: Value = serde_json::from_str(line).expect("each line is JSON");
        let who = entry["user_id"].as_str().expect("it has a name").to_owned();
        (entry["status"].as_u64().expect("a status"), who)
    };
    text.lines().map(line).collect()
}

/// Waits until so many requests are written down.
fn await_written(path: &Path, count: usize) -> Vec<(u64, String)> {
    let all = || written(path).len() >= count;
    wait::until(all, || format!("less than {count} in {}", path.display()));
    written(path)
}

/// By person and device, also where both read as numbers; without what is secret; and not where that is turned off.
#[test]
fn requests_are_written_down_with_who_came() {
    let upstream = Upstream::start("photos");
    let to = format!("upstream \"http://{}\"", upstream.address());
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let (all, own) = (place.path().join("all.log"), place.path().join("own.log"));
    let house = House::new(&format!(
        "domain \"home.example.com\"
        edge {{ log \"{}\"; certificate \"asked\"; }}
        person \"1e3\" {{ device \"1\" platform=\"linux\"; }}
        person \"bob\" {{ device \"phone\" platform=\"linux\"; }}
        service \"photos\" {{ {to}; allow \"1e3\"; request-header \"X-Api-Key\" env=\"API_KEY\"; }}
        service \"films\" {{ {to}; allow \"bob\"; log \"{}\"; }}
        service \"diary\" {{ {to}; allow \"1e3\"; log \"off\"; }}
        service \"site\" {{ {to}; open \"everyone\"; }}",
        all.display(),
        own.display(),
    ));
    let (number, bob) = (house.bundle("1e3", "1"), house.bundle("bob", "phone"));
    for version in Version::ALL {
        for path in [&all, &own] {
            _ = fs::remove_file(path);
        }
        let caddy = with_environment(&house, version, &[("API_KEY", "never-written-down")]);
        let visit = |host: &str| {
            let curl = caddy.visit(&format!("{host}.home.example.com"), "/");
            curl.header("Cookie", "session=a-secret-of-mine")
                .header("Authorization", "Basic a-secret-of-mine")
        };
        // Whether a site is there was asked at the start.
        let before = await_written(&all, 0).len();
        number.shown(visit("photos")).run().has_status(200);
        bob.shown(visit("photos")).run().has_status(403);
        visit("photos").run().has_status(403);
        number.shown(visit("site")).run().has_status(200);
        number.shown(visit("diary")).run().has_status(200);
        bob.shown(visit("films")).run().has_status(200);
        let seen = await_written(&all, before + 4);
        let expected = [
            (200, "1e3/1".to_owned()),
            (403, "bob/phone".to_owned()),
            (403, String::new()),
            // Where no certificate is asked for nobody shows one.
            (200, String::new()),
        ];
        assert_eq!(seen[before..], expected, "{version:?}");
        let last = await_written(&own, 1).pop();
        assert_eq!(last, Some((200, "bob/phone".to_owned())));
        drop(caddy);
        for path in [&all, &own] {
            let text = fs::read_to_string(path).expect("it is there");
            assert!(!text.contains("a-secret-of-mine"), "{text}");
            assert!(!text.contains("never-written-down"), "{text}");
            assert!(!text.contains("diary"), "{text}");
        }
    }
}

#[track_caller]
fn with_environment(house: &House, version: Version, environment: &[(&str, &str)]) -> Caddy {
    let ports = Ports::reserve();
    let files = rewrite(&house.generated(version), &ports, &[]);
    Caddy::start_with(
        version,
        &files,
        &house.lab.path().join("out/edge"),
        environment,
    )
}

/// Style sheets are made smaller; a page, which may hold secrets, keeps its length.
#[test]
fn only_what_holds_no_secrets_is_compressed() {
    let place = tempfile::Builder::new().prefix("homelab-").tempdir();
    let place = place.expect("a temporary directory can be made");
    for name in ["style.css", "page.html", "data.json", "logic.js"] {
        fs::write(
            place.path().join(name),
            "body { color: red; }\n".repeat(200),
        )
        .expect("written");
    }
    let house = House::new(&format!(
        "domain \"home.example.com\"
        edge {{ compress; }}
        person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
        service \"site\" {{ files \"{}\"; allow \"alice\"; public \"/style.css\"; }}",
        place.path().display()
    ));
    let alice = house.bundle("alice", "laptop");
    for version in Version::ALL {
        let caddy = house.serve(version);
        for (name, encoding) in [
            ("style.css", Some("gzip")),
            ("logic.js", Some("gzip")),
            ("page.html", None),
            ("data.json", None),
        ] {
            let curl = caddy.visit("site.home.example.com", &format!("/{name}"));
            let answer = alice.shown(curl.header("Accept-Encoding", "gzip")).run();
            answer.has_status(200);
            let found = answer.header("Content-Encoding");
            assert_eq!(found, Vec::from_iter(encoding), "{version:?} {name}");
        }
        let public = caddy.visit("site.home.example.com", "/style.css");
        public.run().has_status(200);
        assert_eq!(version.fmt_diff(&house.generated(version)), "");
    }
}

/// What upstreams are told, and that nobody tells it in a visitor's place.
#[test]
fn upstreams_are_told_headers_and_their_own_host() {
    let upstream = Upstream::start("photos");
    let to = format!("upstream \"http://{}\"", upstream.address());
    let house = House::new(&format!(
        "domain \"home.example.com\"
        person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
        service \"photos\" {{
            {to}
            allow \"alice\"
            public \"/share/*\"
            identity
            request-header \"X-Tenant\" \"home of 'all'\"
            request-header \"X-Api-Key\" env=\"API_KEY\"
            host-header \"upstream\"
        }}"
    ));
    let alice = house.bundle("alice", "laptop");
    for version in Version::ALL {
        let caddy = with_environment(&house, version, &[("API_KEY", "from the environment")]);
        let visit = |target: &str| {
            let curl = caddy.visit("photos.home.example.com", target);
            curl.header("X-Tenant", "mine").header("X-Api-Key", "mine")
        };
        let told = alice
            .shown(visit("/"))
            .header("Connection", "X-Tenant")
            .http1()
            .run()
            .arrival();
        assert_eq!(told.header("X-Tenant"), ["home of 'all'"]);
        assert_eq!(told.header("X-Api-Key"), ["from the environment"]);
        assert_eq!(told.header("Remote-User"), ["alice"]);
        assert_eq!(told.header("Host"), [upstream.address()]);
        assert_eq!(told.header("X-Forwarded-Host").len(), 1);
        // A stranger is given nothing, and may not say it either.
        let stranger = visit("/share/x").run().arrival();
        assert!(stranger.header("X-Tenant").is_empty());
        assert!(stranger.header("X-Api-Key").is_empty());
        assert_eq!(version.fmt_diff(&house.generated(version)), "");
    }
}

/// By its path of health, again and again.
#[test]
fn upstreams_are_asked_whether_they_are_well() {
    let upstream = Upstream::start("photos");
    let house = House::new(&format!(
        "domain \"home.example.com\"
        service \"photos\" {{ upstream \"http://{}\"; open \"everyone\"; health \"/healthz?full=1\" every=\"1s\"; }}",
        upstream.address()
    ));
    for version in Version::ALL {
        let before = upstream.arrived();
        let caddy = house.serve(version);
        caddy
            .visit("photos.home.example.com", "/")
            .run()
            .has_status(200);
        let asks = || {
            let arrivals = upstream.arrivals_after(before);
            let asked = arrivals
                .iter()
                .filter(|one| one.target == "/healthz?full=1");
            asked.count()
        };
        wait::until(|| asks() >= 2, || format!("{version:?} does not ask again"));
        assert_eq!(version.fmt_diff(&house.generated(version)), "");
    }
}

#[test]
fn the_edge_answers_by_itself() {
    let house = House::new(
        "domain \"home.example.com\"
        person \"alice\" { device \"laptop\" platform=\"linux\"; }
        service \"soon\" { respond \"<b>Coming</b> \\\"soon\\\" 200\" status=503; open \"everyone\"; }
        service \"club\" { respond \"404\"; allow \"alice\"; }
        service \"path\" { respond \"/soon\"; open \"everyone\"; }
        service \"name\" { respond \"@allowed\"; open \"everyone\"; }
        service \"star\" { respond \"*\"; open \"everyone\"; }",
    );
    let alice = house.bundle("alice", "laptop");
    for version in Version::ALL {
        let caddy = house.serve(version);
        let soon = caddy.visit("soon.home.example.com", "/any/path").run();
        soon.has_status(503).contains("<b>Coming</b> \"soon\" 200");
        let kind = soon.header("Content-Type").concat();
        assert!(kind.starts_with("text/plain"), "{kind}");
        assert_eq!(soon.header("X-Content-Type-Options"), ["nosniff"]);
        let club = || caddy.visit("club.home.example.com", "/");
        club().run().is_refused_in_tls();
        alice.shown(club()).run().has_status(200).contains("404");
        // What could be read as whom an answer is for is an answer.
        for (name, text) in [("path", "/soon"), ("name", "@allowed"), ("star", "*")] {
            let host = format!("{name}.home.example.com");
            let answer = caddy.visit(&host, "/else").run();
            assert_eq!(answer.has_status(200).text(), text, "{version:?}");
        }
        assert_eq!(version.fmt_diff(&house.generated(version)), "");
    }
}

/// Hosts that nobody declares are answered, and that opens nothing else: not under their name, and not to the site of another port.
#[test]
fn hosts_that_nobody_declares_get_what_is_said() {
    let upstream = Upstream::start("photos");
    for (line, status) in [
        ("fallback \"There is nothing here.\"", 404),
        ("fallback redirect=\"https://home.example.com/*\"", 302),
    ] {
        let house = House::new(&format!(
            "domain \"home.example.com\"
            edge {{ certificates \"internal\"; {line}; }}
            person \"alice\" {{ device \"laptop\" platform=\"linux\"; }}
            service \"photos\" {{ upstream \"http://{}\"; allow \"alice\"; }}
            service \"notes\" {{ upstream \"http://{}\"; allow \"alice\"; certificate \"asked\"; }}",
            upstream.address(),
            upstream.address()
        ));
        let exposure = house.lab.read("out/edge/exposure.md");
        assert!(
            exposure.contains("| (fallback) | `*.home.example.com` | everywhere |"),
            "{exposure}"
        );
        for version in Version::ALL {
            let caddy = house.serve(version);
            let before = upstream.arrived();
            let unknown = caddy.visit("unknown.home.example.com", "/x").run();
            unknown.has_status(status);
            if status == 302 {
                assert_eq!(unknown.header("Location"), ["https://home.example.com/x"]);
            }
            caddy
                .visit("photos.home.example.com", "/")
                .run()
                .is_refused_in_tls();
            caddy
                .visit("notes.home.example.com", "/")
                .run()
                .has_status(403);
            for host in ["photos.home.example.com", "notes.home.example.com"] {
                let wire = Wire::named(&caddy, "unknown.home.example.com");
                let reply = wire.send(request("GET", "/", host));
                assert_eq!(
                    reply.status(),
                    Some(421),
                    "{version:?} {host}\n{}",
                    reply.text
                );
            }
            assert_eq!(upstream.arrived(), before);
            house
                .bundle("alice", "laptop")
                .shown(caddy.visit("photos.home.example.com", "/"))
                .run()
                .has_status(200);
            crate::verify::verify(&house, &caddy, &[]).succeeds();
            assert_eq!(version.fmt_diff(&house.generated(version)), "");
        }
    }
}

/// The admin endpoint elsewhere or nowhere, and what Caddy counts.
#[test]
fn the_admin_endpoint_and_its_metrics_are_where_they_are_said() {
    let lab = |edge: &str| {
        Lab::built(&format!(
            "domain \"home.example.com\"\nedge {{ {edge}; }}\nservice \"a\" {{ upstream \"http://127.0.0.1:1\"; open \"everyone\"; }}"
        ))
    };
    let adapted = |version: Version, edge: &str| -> (Value, String) {
        let lab = lab(edge);
        let files = lab.edge(version);
        assert_eq!(version.fmt_diff(&files), "");
        let adapted = version.adapt(&files, &lab.path().join("out/edge"));
        (
            serde_json::from_str(adapted.succeeds().stdout()).expect("it is JSON"),
            adapted.stderr().to_owned(),
        )
    };
    for version in Version::ALL {
        let (json, _) = adapted(version, "admin \"127.0.0.1:2020\"");
        assert_eq!(
            json["admin"],
            serde_json::json!({ "listen": "127.0.0.1:2020", "enforce_origin": true })
        );
        let (json, _) = adapted(version, "admin \"unix//run/caddy/admin.sock\"");
        assert_eq!(json["admin"]["listen"], "unix//run/caddy/admin.sock");
        let (json, _) = adapted(version, "admin \"off\"");
        assert_eq!(json["admin"]["disabled"], true);
        let (json, _) = adapted(version, "metrics");
        let http = &json["apps"]["http"];
        assert!(
            http["metrics"].is_object() || http["servers"]["srv0"]["metrics"].is_object(),
            "{http}"
        );
    }
    let (json, warnings) = adapted(Version::New, "metrics; caddy \"2.10\"");
    assert!(json["apps"]["http"]["metrics"].is_object());
    assert!(!warnings.contains("deprecated"), "{warnings}");
}

/// They are asked for as docs/edge.md says, and a page in a browser does not get them.
#[test]
fn metrics_are_told_to_who_names_the_endpoint() {
    let house = House::new(
        "domain \"home.example.com\"
        edge { metrics; }
        service \"a\" { respond \"x\"; open \"everyone\"; }",
    );
    for version in Version::ALL {
        let caddy = house.serve(version);
        caddy.visit("a.home.example.com", "/").run().has_status(200);
        let ask = |origin: &[&str]| {
            let mut curl = tools::command("curl");
            curl.args(["--silent"])
                .args(origin)
                .arg(format!("http://{}/metrics", caddy.admin()));
            outcome::run(&mut curl, b"").stdout().to_owned()
        };
        let own = format!("Origin: http://{}", caddy.admin());
        assert!(ask(&["--header", &own]).contains("caddy_http_requests_total"));
        for others in [&[][..], &["--header", "Origin: https://evil.example"]] {
            assert!(
                !ask(others).contains("caddy_http_requests_total"),
                "{version:?}"
            );
        }
    }
}

/// The socket is reloaded through, with the line that `caddy reload` finds itself.
#[test]
fn a_socket_takes_reloads() {
    let house = House::new(
        "domain \"home.example.com\"
        edge { admin \"unix//run/caddy/admin.sock\"; }
        service \"a\" { respond \"x\"; open \"everyone\"; }",
    );
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let socket = format!("unix/{}", place.path().join("admin.sock").display());
    for version in Version::ALL {
        // The tests' own port stands for the socket while the files are rewritten.
        let generated = replaced(
            &house.generated(version),
            "admin unix//run/caddy/admin.sock\n",
            "admin localhost:2019 {\n}\n",
        );
        let ports = Ports::reserve();
        let rewritten = rewrite(&generated, &ports, &[]);
        let port = format!("admin 127.0.0.1:{} {{\n}}\n", ports.admin.number());
        let rewritten = replaced(&rewritten, &port, &format!("admin {socket}\n"));
        let directory = house.lab.path().join("out/edge");
        let mut caddy = Caddy::start(version, &rewritten, &directory);
        let changed = replaced(&rewritten, "respond * \"x\"", "respond * \"y\"");
        caddy.reload(&changed).succeeds();
        caddy.visit("a.home.example.com", "/").run().contains("y");
    }
}

/// A home of every word at once, in the form where lists stand apart too: each Caddy loads it.
#[test]
fn all_of_it_together_is_taken() {
    let device = |number: usize| format!("device \"d{number}\" platform=\"linux\"; ");
    let devices: String = (0..25).map(device).collect();
    let lab = Lab::built(&format!(
        "domain \"home.example.com\"
        edge {{
            certificates \"internal\"
            port 8443; log \"stderr\"; compress; tls min=\"1.3\"; metrics; landing; fallback \"none\" status=410
            behind \"10.0.0.2\" by=\"proxy-protocol\"; caddy \"2.8\"
        }}
        person \"alice\" {{ {devices} }}
        service \"photos\" {{
            upstream \"http://127.0.0.1:1\"; allow \"alice\"; identity; open \"lan\"; public \"/share/*\"
            request-header \"X-A\" env=\"A\"; host-header \"upstream\"; health \"/\" every=\"30s\"; port 8444
        }}
        service \"films\" {{ upstream \"http://127.0.0.1:1\"; allow \"alice\"; identity; certificates \"acme\"; tls min=\"1.2\"; log \"off\"; }}
        service \"soon\" {{ respond \"soon\" status=503; open \"everyone\"; }}"
    ));
    let version = Version::New;
    let files = lab.edge(version);
    assert!(files.contains("&(who) {"), "{files}");
    version
        .validate(&files, &lab.path().join("out/edge"))
        .succeeds();
    assert_eq!(version.fmt_diff(&files), "");
    lab.edit("caddy \"2.8\"", "caddy \"2.6\"");
    lab.edit("behind \"10.0.0.2\" by=\"proxy-protocol\";", "");
    lab.command(["build"]).run().succeeds();
    for version in Version::ALL {
        let files = lab.built_edge();
        version
            .validate(&files, &lab.path().join("out/edge"))
            .succeeds();
    }
}

/// What docs/edge.md says of what has no word: each Caddy takes it.
#[test]
fn what_has_no_word_is_said_as_documented() {
    let page = include_str!("../../docs/edge.md");
    let (_, section) = page
        .split_once("\n## What has no word\n")
        .expect("there is one");
    let section = section.split("\n## ").next().expect("it ends");
    let recipes: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .map(|(_, how)| how)
        .collect();
    let quoted = |how: &str, before: &str| -> Option<String> {
        let recipe = how.strip_prefix(before)?.split('`').next()?;
        Some(recipe.replace("\\n", "\n").replace("\\t", "\t"))
    };
    let (mut raw, mut global) = (0, 0);
    for how in recipes {
        let service = "upstream \"http://127.0.0.1:1\"; open \"lan\"";
        let (service, option) = if let Some(line) = quoted(how, "`raw \"") {
            raw += 1;
            let line = line.trim_end_matches('"').replace('"', "\\\"");
            (
                format!("{service}; raw \"\"\"\n{line}\n\"\"\""),
                String::new(),
            )
        } else if let Some(line) = quoted(how, "in `global`: `") {
            global += 1;
            (service.to_owned(), line)
        } else {
            continue;
        };
        let lab = Lab::new().declare(&format!(
            "domain \"home.example.com\"\nservice \"a\" {{ {service}; }}"
        ));
        if !option.is_empty() {
            let own = format!(
                "{{% extends \"builtin/globals.caddyfile.j2\" %}}\n{{% block global %}}\n{option}\n{{% endblock %}}\n"
            );
            lab.write("templates/globals.caddyfile.j2", own);
        }
        lab.command(["build"]).run().succeeds();
        for version in Version::ALL {
            let adapted = version.adapt(&lab.edge(version), &lab.path().join("out/edge"));
            adapted.succeeds();
        }
    }
    assert_eq!((raw, global), (7, 5));
}
