//! How pages look, read and print.

use super::{FIRST, LATER, judge, pages};
use crate::support::lab::Lab;

/// A person with each platform, in each language, with renewed certificates, and every way to reach a service.
fn declaration() -> String {
    let platforms = "android ios ipados macos windows linux chromeos firefox wearos other";
    let devices: String = platforms
        .split(' ')
        .map(|platform| format!("    device \"{platform}\" platform=\"{platform}\"\n"))
        .collect();
    format!(
        r#"
        domain "home.example.com"
        edge {{ email "admin@example.com"; landing; }}
        person "anna" {{ name "Anna Übermut"; language "de"
        {devices} }}
        person "alice" {{ name "Alice Liddell"
        {devices} }}
        person "guest" {{ device "tablet" platform="android" validity="12h"; }}
        person "nobody" {{
        }}
        group "family" "anna" "alice"
        service "immich" {{ upstream "http://127.0.0.1:1"; app "immich"; allow "family"; share-links; }}
        service "nextcloud" {{ upstream "http://127.0.0.1:1"; app "nextcloud"; allow "family"; }}
        service "vaultwarden" {{ upstream "http://127.0.0.1:1"; app "vaultwarden"; allow "alice"; open "lan"; }}
        service "wiki" {{ upstream "http://127.0.0.1:1"; open "everyone"; }}
        service "jellyfin" {{ upstream "http://127.0.0.1:1"; app "jellyfin"; open "lan"; }}
        "#
    )
}

#[test]
fn pages_fit_read_and_print_and_ask_nothing_of_a_network() {
    let lab = Lab::new().declare(&declaration());
    let run = |now: &str, arguments: &[&str]| {
        let command = lab.command(arguments.iter().copied());
        command.at(now).run().succeeds();
    };
    run(FIRST, &["build"]);
    run(LATER, &["renew", "anna/android", "anna/macos", "alice/ios"]);
    let pages = pages(&lab);
    assert_eq!(pages.len(), 4, "{pages:?}");
    let judged = judge(&pages, "looks");
    assert_eq!(judged.faults, [""; 0]);

    let german = judged.page("people/anna/guide.html");
    assert_eq!(
        (&german["language"], &german["direction"]),
        (&"de".into(), &"ltr".into())
    );
    let text = german["text"].as_str().expect("it has a text");
    for said in [
        "Hallo Anna Übermut",
        "Das ist ein neues Zertifikat",
        "24. November 2027",
        "VPN- & App-Nutzerzertifikat",
        "Nimm Safari",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    let english = judged.page("people/alice/guide.html")["text"]
        .as_str()
        .expect("it has a text");
    for said in [
        "Hello Alice Liddell",
        "This is a new certificate",
        "24 November 2027",
        "VPN & app user certificate",
        "Bitwarden",
    ] {
        assert!(english.contains(said), "{said}\n{english}");
    }
    // Only who may use it is told of it.
    assert!(!text.contains("Bitwarden"), "{text}");
}

/// Without a browser that a fault shows in, nothing above would mean anything.
#[test]
fn what_would_be_wrong_is_noticed() {
    let lab = Lab::new();
    lab.write(
        "out/wrong.html",
        "<!doctype html><html lang=en><title>x</title><body><img src='http://127.0.0.1:9/a.png'>\
         <main><div style='width:2000px;color:#eee;background:#fff'>pale and wide</div>\
         <svg viewBox='0 0 50 20'><rect width='50' height='20'/><text x='1' y='15'>much too long</text></svg></main>\
         <script>console.log('runs')</script>",
    );
    let judged = judge(&pages(&lab), "wrong");
    for what in [
        "asks for http://127.0.0.1:9/a.png",
        "network log has",
        "px wide where there are 390",
        "axe color-contrast",
        "axe image-alt",
        "has a script",
        "console says runs",
        "could load or run",
        "sticks out of its box",
        "the first Tab reaches",
    ] {
        assert!(
            judged.faults.iter().any(|fault| fault.contains(what)),
            "{what}\n{:#?}",
            judged.faults
        );
    }
}
