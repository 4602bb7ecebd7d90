//! Names and titles that would be markup, or turn a line around, are text in every page.

use super::{FIRST, judge, pages};
use crate::support::lab::Lab;

const NAME: &str = r#"<script>alert(1)</script> "O'Brien" & <b>"#;
const TITLE: &str = r#"</title></style><img src=x onerror=alert(2)> &amp; 'q' **b** `c` "#;
const EMAIL: &str = "x'onmouseover=alert`3`&a=b?c=d%20#e@example.com";
/// Right to left by its letters; marks that do so are refused in the declaration.
const HEBREW: &str = "שלום (עולם) 123";

#[test]
fn hostile_names_and_titles_are_text_in_every_page() {
    let long = "x".repeat(128);
    let declaration = format!(
        r##"
        domain "home.example.com"
        edge {{ email #"{EMAIL}"#; landing; address "203.0.113.7" "2001:db8::7" lan-address="192.168.1.10"; }}
        person "mallory" {{ name #"{NAME}"#; email #"{EMAIL}"#; language "de"; device "a" platform="android"; }}
        person "eve" {{ name #"{HEBREW}"#; device "b" platform="macos"; }}
        person "{long_name}" {{ name #"{long}"#; device "c" platform="windows"; }}
        service "one" {{ upstream "http://127.0.0.1:1"; title #"{title}"#; allow "mallory" "eve"; }}
        service "two" {{ upstream "http://127.0.0.1:1"; title #"{long}"#; allow "{long_name}" "eve"; }}
        service "three" {{ upstream "http://127.0.0.1:1"; title #"{HEBREW}"#; open "everyone"; }}
        "##,
        title = TITLE.trim_end(),
        long_name = "n".repeat(60),
    );
    let lab = Lab::new().declare(&declaration);
    let build = lab.command(["build"]).at(FIRST);
    build.run().succeeds();
    let judged = judge(&pages(&lab), "hostile");
    assert_eq!(judged.faults, [""; 0]);

    let guide = |name: &str| judged.page(&format!("people/{name}/guide.html"));
    let text = |page: &serde_json::Value| page["text"].as_str().expect("a text").to_owned();
    let mallory = text(guide("mallory"));
    assert!(mallory.contains(&format!("Hallo {NAME}")), "{mallory}");
    for (page, names) in [
        (
            judged.page("index.html"),
            vec![NAME, TITLE.trim_end(), HEBREW, &long],
        ),
        (guide("mallory"), vec![NAME, TITLE.trim_end()]),
        (guide("eve"), vec![HEBREW, TITLE.trim_end(), &long]),
        (guide(&"n".repeat(60)), vec![&long]),
    ] {
        let isolated = page["isolated"].as_array().expect("a list");
        for name in names {
            assert!(text(page).contains(name), "{name} in {}", text(page));
            // Its direction is its own affair.
            assert!(
                isolated.iter().any(|found| found == name),
                "{name} in {isolated:?}"
            );
        }
        assert_eq!(page["isolates"], true, "no markup came of a name");
        let elements: Vec<&str> = page["elements"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|e| e.as_str())
            .collect();
        for wrong in ["script", "img"] {
            assert!(!elements.contains(&wrong), "{elements:?}");
        }
        let attributes = page["alphabet"].as_array().expect("a list");
        let handler = attributes
            .iter()
            .filter_map(|a| a.as_str())
            .find(|a| a.starts_with("on"));
        assert_eq!(handler, None);
        for link in page["links"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|l| l.as_str())
        {
            let known = [
                "#",
                "https://",
                "mailto:",
                "people/",
                "a/",
                "b/",
                "c/",
                "edge/",
                "renewals.ics",
                "calendar.ics",
            ];
            assert!(known.iter().any(|begin| link.starts_with(begin)), "{link}");
        }
    }
    let mailto = guide("mallory")["links"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|l| l.as_str())
        .find(|l| l.starts_with("mailto:"))
        .expect("whom to ask")
        .to_owned();
    assert_eq!(
        mailto,
        "mailto:x'onmouseover=alert`3`%26a=b%3Fc=d%2520%23e@example.com"
    );
}

/// What turns text around without showing is refused before any page is made of it.
#[test]
fn marks_that_do_not_show_are_refused() {
    for mark in ["\u{202e}", "\u{200f}", "\u{2066}", "\u{200b}"] {
        let lab = Lab::new().declare(&format!("domain \"home.example.com\"\nperson \"a\" {{ name \"A{mark}b\"; device \"x\" platform=\"ios\"; }}\n"));
        let outcome = lab.command(["check"]).run();
        outcome.fails_with(1);
    }
}
