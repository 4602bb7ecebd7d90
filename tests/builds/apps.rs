//! apps.kdl: apps of one's own, which say as much as a declaration may, and no more.

use super::support::lab::Lab;

const DECLARATION: &str = r#"
domain "home.example.com"
person "alice" { device "laptop" platform="linux"; device "pixel" platform="android"; }
service "notes" { app "notes"; upstream "http://10.0.0.5"; allow "alice"; share-links; }
service "photos" { app "immich"; upstream "http://10.0.0.6"; allow "alice"; }
"#;

const APPS: &str = r#"
app "notes" title="Notes & <b>more</b>" {
    port 8123
    manifest "/manifest.json"
    share "/shared/*" methods="GET POST"
    links "Only reading works <i>here</i>."
    tell "BASE_URL={url}" "  host: {host} # } respond <script>" where="notes.conf" why="it does not know {host}" answers=421
    clients "Android: <script>alert(1)</script>" on="android"
    clients "iPhone and iPad: nothing." on="ios"
}
app "immich" { port 81; }
"#;

fn lab(apps: &str) -> Lab {
    let lab = Lab::new().declare(DECLARATION);
    lab.write("apps.kdl", apps);
    lab
}

#[test]
fn an_app_of_one_s_own_is_as_good_as_a_built_in_one() {
    let lab = lab(APPS);
    lab.command(["build"]).run().succeeds();
    let edge = lab.built_edge();
    assert!(edge.contains("10.0.0.5:8123"), "{edge}");
    assert!(edge.contains("/shared/*"), "{edge}");
    // The built-in one is replaced whole.
    assert!(edge.contains("10.0.0.6:81"), "{edge}");
    assert!(!edge.contains("/_app/*"), "{edge}");
    let exposure = lab.read("out/edge/exposure.md");
    assert!(
        exposure.contains("`/shared/*` (share links) | GET HEAD POST"),
        "{exposure}"
    );
    // What is text stays text, and is in no Caddyfile.
    assert!(
        !edge.contains("<script>") && !edge.contains("does not know"),
        "{edge}"
    );
    let index = lab.read("out/index.html");
    assert!(
        index.contains("host: notes.home.example.com # } respond &lt;script&gt;"),
        "{index}"
    );
    assert!(index.contains("and answers 421"), "{index}");
    assert!(
        index.contains("Only reading works &lt;i&gt;here"),
        "{index}"
    );
    let guide = lab.read("out/people/alice/guide.html");
    assert!(guide.contains("&lt;script&gt;alert(1)"), "{guide}");
    assert!(!guide.contains("iPhone and iPad: nothing."), "{guide}");
    for page in [&index, &guide] {
        assert!(
            !page.contains("<script>") && !page.contains("<i>here"),
            "{page}"
        );
    }
}

#[test]
fn a_build_knows_when_apps_have_changed() {
    let lab = lab(APPS);
    lab.command(["build"]).run().succeeds();
    let nothing = || {
        let before = lab.snapshot();
        lab.command(["build"]).run().succeeds();
        lab.snapshot() == before
    };
    assert!(nothing() && nothing());
    lab.write("apps.kdl", APPS.replace("8123", "8124"));
    assert!(!nothing());
    assert!(lab.built_edge().contains("10.0.0.5:8124"));
    assert!(nothing());
    std::fs::remove_file(lab.path().join("apps.kdl")).expect("it is there");
    let gone = lab.command(["build"]).run();
    gone.fails_with(1).stderr_contains("resolve::unknown-app");
    lab.write("apps.kdl", APPS);
    lab.command(["build"]).run().succeeds();
    assert!(lab.built_edge().contains("10.0.0.5:8123"));
}

#[test]
fn what_is_wrong_with_apps_is_told_with_its_place() {
    let lab = lab("app \"notes\" {\n    share \"/a/../*\"\n    port 0\n}\n");
    let outcome = lab.command(["check"]).run();
    outcome.stderr_contains("catalogue::bad-port");
    outcome.stderr_contains("apps.kdl:3");
    lab.write("apps.kdl", "app \"notes\" {\n    share \"/a/../*\"\n}\n");
    let outcome = lab.command(["check"]).run();
    outcome.stderr_contains("resolve::bad-public-path");
    outcome.stderr_contains("apps.kdl:2");
    // One that has no end is refused, and not read.
    lab.write("apps.kdl", "x".repeat(20 << 20));
    lab.command(["check"])
        .run()
        .stderr_contains("parse::too-large");
}
