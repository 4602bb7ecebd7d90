//! How pages look, read and print.

use super::{FIRST, FirstPath, Judged, LATER, judge, pages};
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
        "Ein neues Zertifikat",
        "bis zum Ende des 22. November 2027",
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
        "A new certificate",
        "until the end of 22 November 2027",
        "VPN & app user certificate",
        "Bitwarden",
    ] {
        assert!(english.contains(said), "{said}\n{english}");
    }
    // Only who may use it is told of it.
    assert!(!text.contains("Bitwarden"), "{text}");
    // A first install is no renewal, and no minute of UTC is told but of what ends within days.
    let part = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).expect("the device has a part");
        rest.split(to).next().unwrap_or(rest).to_owned()
    };
    let renewed = part(english, "\nios iPhone", "\nipados iPad");
    let first = part(english, "\nipados iPad", "\nlinux");
    assert!(renewed.contains("A new certificate") && renewed.contains("Remove the old"));
    assert!(
        !first.contains("new certificate") && !first.contains("the old"),
        "{first}"
    );
    assert!(!first.contains("Mac") && !first.contains("UTC"), "{first}");
    short(&judged, 3);
}

/// The pages at `/renew`, for each platform in each language.
#[test]
fn pages_with_a_newer_certificate_fit_and_read() {
    let text = declaration().replace("landing;", "landing; pick-up root=\"/etc/caddy/homelab\";");
    let lab = Lab::new().declare(&text);
    lab.command(["build"]).at(FIRST).run().succeeds();
    let renew = lab.command(["renew", "--all"]);
    renew.at(LATER).run().succeeds();
    let mut pages = pages(&lab);
    pages.retain(|page| page.to_string_lossy().contains("/edge/pick-up/"));
    assert!(pages.len() >= 20, "{pages:?}");
    let judged = judge(&pages, "renew");
    assert_eq!(judged.faults, [""; 0]);
    let texts = judged.texts.values();
    let says = |words: &str| {
        let said = texts.clone().filter(|page| {
            let text = page["text"].as_str().expect("it has a text");
            text.contains(words)
        });
        said.count()
    };
    // Ten devices in each language.
    assert_eq!(says("Hallo Anna Übermut"), 10);
    assert_eq!(says("Hello Alice Liddell"), 10);
    assert_eq!(
        says("pk12util -d sql:$HOME/.pki/nssdb -i ~/Downloads/anna-linux.p12"),
        1
    );
    assert_eq!(
        says("Import-PfxCertificate -FilePath $HOME\\Downloads\\alice-windows.p12"),
        1
    );
    assert_eq!(says("alice-ios.mobileconfig"), 1);
}

/// Each device of so many guides has one path, short and drawn, and a page that is quick to get.
#[track_caller]
pub fn short(judged: &Judged, count: usize) {
    let guides: Vec<_> = { judged.paths.iter() }
        .filter(|(_, paths)| !paths.is_empty())
        .collect();
    assert_eq!(guides.len(), count);
    for (page, paths) in guides {
        for path in paths {
            println!("{page}: {path:?}");
            let FirstPath {
                ends,
                steps,
                drawings,
                unfolded,
                device,
            } = path;
            assert!(*ends < 2_000 && *steps <= 6, "{page}: {path:?}");
            assert!(
                drawings == steps && *unfolded == 0,
                "{page}: {device}: {path:?}"
            );
        }
        let weight = std::fs::metadata(page).expect("it is there").len() as usize;
        println!("{page}: {} bytes a device", weight / paths.len());
        assert!(weight <= 60_000 * paths.len(), "{page}: {weight} bytes");
    }
}

/// With many people their cards are folded, what is due first stands before all else, and what is to be typed can be copied.
#[test]
fn the_page_of_a_large_home_can_be_used() {
    let person = |number: u32| {
        let devices = r#"device "phone" platform="android"; device "laptop" platform="linux";"#;
        format!("person \"p{number:02}\" {{ {devices} }}\n")
    };
    let people: String = (0..40).map(person).collect();
    let lab = Lab::new().declare(&format!(
        r#"
        domain "home.example.com"
        edge {{ email "admin@example.com"; }}
        {people}
        person "soon" {{ device "tablet" platform="android" validity="30d"; }}
        service "wiki" {{ upstream "http://127.0.0.1:1"; allow "p00" "p01" "p02" "p03" "soon"; }}
        "#
    ));
    lab.command(["build"]).at(FIRST).run().succeeds();
    let page = lab.read("out/index.html");
    let at = |text: &str| { page.find(text) }.unwrap_or_else(|| panic!("{text} in {page}"));
    assert!(at("<a href=\"#person-soon\">soon&#x2f;tablet</a>") < at("p00&#x2f;laptop</a>"));
    assert!(at("p08&#x2f;phone</a>") < at("62 more, later"));
    for said in [
        "<code class=\"copy\">homelab share soon/tablet</code>",
        "<code class=\"copy\">homelab password soon/tablet</code>",
        "<div id=\"person-p39\">",
        "there are no lines or templates of yours",
    ] {
        at(said);
    }
    let index = lab.path().join("out/index.html");
    assert_eq!(judge(&[index], "large").faults, [""; 0]);
}

/// Of 200 devices the page says each file and the commands for each; of more, a line for each and the commands once.
#[test]
fn more_devices_than_are_told_of_at_length_have_a_line_each() {
    let person = |person: u32| {
        let device = |number: u32| format!("device \"d{number}\" platform=\"android\"; ");
        let devices: String = (0..20).map(device).collect();
        format!("person \"p{person}\" {{ {devices} }}\n")
    };
    let people: String = (0..10).map(person).collect();
    let declared = format!("domain \"home.example.com\"\n{people}");
    let lab = Lab::new().declare(&declared);
    lab.command(["build"]).at(FIRST).run().succeeds();
    let page = lab.read("out/index.html");
    for said in [
        "<code class=\"copy\">homelab share ",
        "<code class=\"copy\">homelab password ",
        ".p12</a>",
    ] {
        assert_eq!(page.matches(said).count(), 200, "{said}");
    }
    assert!(!page.contains("PERSON/DEVICE"));

    let more = r#"person "more" { device "one" platform="linux"; }"#;
    lab.write("homelab.kdl", format!("{declared}{more}\n"));
    lab.command(["build"]).at(FIRST).run().succeeds();
    let page = lab.read("out/index.html");
    for said in [
        "<code class=\"copy\">homelab share ",
        "<code class=\"copy\">homelab password ",
        "<code>homelab share PERSON/DEVICE</code>",
        "<code>homelab password PERSON/DEVICE</code>",
    ] {
        assert_eq!(page.matches(said).count(), 1, "{said}");
    }
    let folder = |person: u32, device: u32| format!("\"people/p{person}/d{device}/\"");
    let folders = (0..10).flat_map(|person| (0..20).map(move |device| folder(person, device)));
    for folder in folders.chain(["\"people/more/one/\"".to_owned()]) {
        assert_eq!(page.matches(&folder).count(), 1, "{folder}");
        let folder = folder.trim_matches('"');
        assert!(lab.path().join("out").join(folder).is_dir(), "{folder}");
    }
    assert!(!page.contains(".p12"));
    let index = lab.path().join("out/index.html");
    assert_eq!(judge(&[index], "in-short").faults, [""; 0]);
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
