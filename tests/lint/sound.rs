//! Caddyfiles in which nothing is to be found: whoever is told of a hole that is none stops reading.
//!
//! Those of `tests/lint/sound/` stand for kinds of public Caddyfiles, in words of our own; each names repositories of its kind.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fixtures::{World, codes, lint};
use crate::support::caddy::Version;
use crate::support::edge_files::parts;
use crate::support::lab::Lab;

#[test]
fn nothing_is_found_in_public_kinds() {
    let world = World::new();
    let lab = Lab::new();
    let mut wrong = Vec::new();
    let shapes = shapes();
    assert!(shapes.len() >= 15);
    for path in shapes {
        lab.write("Caddyfile", world.filled(&path));
        for version in Version::ALL {
            // What the admin endpoint of an old Caddy takes is so with every Caddyfile of this kind.
            let allowed = ["Caddyfile", "--json", "--allow", "admin-for-any-page"];
            let arguments = match version {
                Version::Old => &allowed[..],
                _ => &allowed[..2],
            };
            let outcome = lint(&lab, version, arguments);
            if !outcome.status.success() {
                wrong.push(format!("{} on {version:?}\n{outcome}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What homelab makes has none of the forms, on either Caddy.
#[test]
fn nothing_is_found_in_what_is_generated() {
    let mut wrong = Vec::new();
    let mut linted = 0;
    for (name, declaration) in declarations() {
        let lab = Lab::new().declare(&declaration);
        lab.command(["build"]).run().succeeds();
        if let Ok(edges) = fs::read_dir(lab.path().join("out/edges")) {
            for edge in edges {
                let caddyfile = edge.expect("it can be listed").path().join("Caddyfile");
                let caddyfile = caddyfile.display().to_string();
                let outcome = lint(&lab, Version::New, &[&caddyfile, "--json"]);
                linted += 1;
                if !outcome.status.success() || !codes(&outcome).is_empty() {
                    wrong.push(format!("{name}, {caddyfile}\n{outcome}"));
                }
            }
            continue;
        }
        // A declaration that names a Caddy is for that one and later ones.
        let named = declaration.contains("caddy \"");
        let versions = Version::ALL
            .into_iter()
            .filter(|version| !named || *version == Version::New);
        for version in versions {
            let files = without_plugins(&lab.edge(version));
            for (name, text) in parts(&files) {
                lab.write(&format!("deployed/{name}"), text);
            }
            let outcome = lint(&lab, version, &["deployed/Caddyfile", "--json"]);
            // A Caddy with a plugin, or with variables that nobody has set here.
            let needs_more = ["not registered", "KEY-ID"];
            if outcome.status.code() == Some(3)
                && needs_more.iter().any(|why| outcome.stderr().contains(why))
            {
                continue;
            }
            linted += 1;
            if !outcome.status.success() || !codes(&outcome).is_empty() {
                wrong.push(format!("{name} on {version:?}\n{outcome}"));
            }
        }
    }
    assert!(linted >= 12, "only {linted}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files without what takes a Caddy that is built with a DNS provider.
fn without_plugins(files: &str) -> String {
    let lines = files.lines().filter(|line| !line.starts_with("acme_dns "));
    lines.map(|line| format!("{line}\n")).collect()
}

fn shapes() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/sound");
    let entries = fs::read_dir(directory).expect("there are some");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    paths
}

/// Each declaration of the documentation and of the examples, and one of what they do not say.
fn declarations() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let mut declarations: Vec<(String, String)> = vec![
        (
            String::from("family"),
            read(&root.join("examples/family/homelab.kdl")),
        ),
        (
            String::from("init"),
            read(&root.join("src/cli/init.kdl")).replace("/-", ""),
        ),
        (String::from("every kind"), String::from(EVERY_KIND)),
        (String::from("long lists"), long_lists()),
        (String::from("classes"), classes(500)),
        (String::from("classes by digits"), classes(1_500)),
        (String::from("sign-in"), String::from(SIGN_IN)),
    ];
    let documents = fs::read_dir(root.join("docs")).expect("there are some");
    let documents = documents.map(|entry| entry.expect("it can be listed").path());
    let documents = documents.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    for path in documents.chain([root.join("README.md")]) {
        let text = read(&path);
        let blocks = text
            .split("```kdl\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next());
        let name = path.display();
        declarations.extend(
            blocks
                .enumerate()
                .map(|(at, block)| (format!("{name} {at}"), block.to_owned())),
        );
    }
    let authelia = SIGN_IN.replace("oauth2-proxy", "authelia");
    declarations.push((String::from("sign-in at Authelia"), authelia));
    declarations.retain(|(_, text)| text.contains("domain \""));
    // Of a device's request there is only the name.
    let without_requests = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains("csr="));
        lines.map(|line| format!("{line}\n")).collect()
    };
    { declarations.into_iter() }
        .map(|(name, text)| (name, without_requests(&text)))
        .collect()
}

const EVERY_KIND: &str = r#"
domain "home.example.com"
edge { certificates "dns" provider="cloudflare" token-env="TOKEN"; lan "192.168.0.0/16"; landing; }
person "alice" { device "pixel" platform="android"; device "laptop" platform="linux"; }
person "bob" { device "phone" platform="ios"; }
service "notes" { upstream "http://127.0.0.1:9000"; allow "alice"; public "/share/*"; identity; }
service "films" { upstream "http://127.0.0.1:9001"; open "lan"; allow "bob"; certificate "asked"; }
service "site" { upstream "http://127.0.0.1:9002"; open "everyone"; }
service "moved" { redirect "https://new.example.com"; allow "alice"; }
"#;

/// With a gateway of each kind of preset that there is: with paths and a page of its own, and with a host of its own.
const SIGN_IN: &str = r#"
domain "home.example.com"
edge { sign-in "oauth2-proxy" { upstream "http://127.0.0.1:4180"; }; lan "192.168.0.0/16"; }
person "alice" { device "laptop" platform="linux"; }
service "either" { upstream "http://127.0.0.1:9000"; allow "alice"; sign-in; public "/share/*"; identity; }
service "both" { upstream "http://127.0.0.1:9001"; allow "alice"; open "lan"; sign-in "also"; }
service "strict" { upstream "http://127.0.0.1:9004"; allow "alice"; sign-in "also"; }
service "only" { upstream "http://127.0.0.1:9002"; sign-in; }
service "paths" { upstream "http://127.0.0.1:9003"; allow "alice"; path "/x/*" { sign-in; }; }
"#;

/// More than twenty devices, so that the list stands apart.
/// So many certificates in four lists.
fn classes(devices: usize) -> String {
    let spread =
        |number: u128| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let devices: String = (0..devices)
        .map(|number| spread(number as u128))
        .map(|bits| format!("device \"d{bits:x}\" fingerprint=\"{bits:032x}{bits:032x}\"; "))
        .collect();
    format!(
        "domain \"home.example.com\"\nperson \"alice\" {{ device \"pixel\" platform=\"linux\"; }}\n\
         person \"bob\" {{ device \"phone\" platform=\"linux\"; }}\nperson \"crowd\" {{ {devices} }}\n\
         service \"notes\" {{ upstream \"http://127.0.0.1:9000\"; allow \"alice\" \"crowd\"; identity; public \"/share/*\"; }}\n\
         service \"files\" {{ upstream \"http://127.0.0.1:9003\"; allow \"crowd\"; certificate \"asked\"; }}\n\
         service \"paths\" {{ upstream \"http://127.0.0.1:9002\"; allow \"bob\" \"crowd\"; path \"/a/*\" {{ allow \"alice\" \"crowd\"; }}; certificate \"asked\"; }}\n\
         service \"wiki\" {{ upstream \"http://127.0.0.1:9001\"; allow \"bob\" \"crowd\"; certificate \"asked\"; }}\n"
    )
}

fn long_lists() -> String {
    let devices = (0..22).map(|number| format!("device \"d{number}\" platform=\"linux\"; "));
    let devices: String = devices.collect();
    format!(
        "domain \"home.example.com\"\nperson \"alice\" {{ {devices} }}\n\
         service \"notes\" {{ upstream \"http://127.0.0.1:9000\"; allow \"alice\"; identity; public \"/share/*\"; }}\n\
         service \"wiki\" {{ upstream \"http://127.0.0.1:9001\"; allow \"alice\"; certificate \"asked\"; }}\n"
    )
}
