//! The pictures of a guide in README. docs/pictures/guide.sha256 says of which guide it is, so that it is known here without a browser when they no longer
//! show what is made. After a change of guides, Chromium takes them again:
//!
//! HOMELAB_UPDATE_GOLDEN=1 cargo nextest run --test docs the_picture; look at docs/pictures

use std::env;
use std::fs;

use sha2::{Digest, Sha256};

use crate::support::lab::Lab;
use crate::support::{outcome, tools};
use crate::{README_DAY, root};

const PICTURES: [&str; 2] = ["guide.png", "guide-steps.png"];

const DECLARATION: &str = r#"domain "home.example.com"
person "alice" { name "Alice"; device "pixel" platform="android" version=15; }
service "photos" { upstream "http://127.0.0.1:2283"; allow "alice"; }
"#;

#[test]
fn the_pictures_in_the_readme_are_of_this_guide() {
    let lab = Lab::new().declare(DECLARATION);
    lab.command(["build"]).at(README_DAY).run().succeeds();
    let place = root().join("docs/pictures");
    let [beginning, steps] = PICTURES.map(|name| place.join(name));
    let said = place.join("guide.sha256");
    let guide = lab.read("out/people/alice/guide.html");
    // Each homelab's certificates are its own.
    let lines = guide.lines();
    let guide: Vec<&str> = lines
        .filter(|line| !line.contains("class=\"fingerprint\""))
        .collect();
    let guide = sum(guide.join("\n").as_bytes());
    let sums = || {
        let mut sums = format!("{guide}  guide.html\n");
        for name in PICTURES {
            let picture = fs::read(place.join(name)).unwrap_or_default();
            sums += &format!("{}  {name}\n", sum(&picture));
        }
        sums
    };
    let written = fs::read_to_string(&said).unwrap_or_default();
    if env::var_os("HOMELAB_UPDATE_GOLDEN").is_some() && written != sums() {
        let mut node = tools::command("node");
        node.arg(root().join("tests/tools/picture.mjs"))
            .arg(root().join("target/test-tools/node"))
            .arg(tools::tool("chromium"))
            .arg(lab.path().join("out/people/alice/guide.html"))
            .arg(&beginning)
            .arg(&steps)
            .env("HOME", lab.home());
        outcome::run(&mut node, b"").succeeds();
        fs::write(&said, sums()).expect("it can be written");
        panic!(
            "docs/pictures/guide*.png were taken again: look at them, then run this without HOMELAB_UPDATE_GOLDEN"
        );
    }
    assert_eq!(
        written,
        sums(),
        "docs/pictures/guide*.png are not of the guide that is made now: HOMELAB_UPDATE_GOLDEN=1 cargo nextest run --test docs the_picture"
    );
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    for name in PICTURES {
        assert!(readme.contains(&format!("src=\"docs/pictures/{name}\"")));
    }
}

fn sum(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}
