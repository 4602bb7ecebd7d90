//! What guides say of each kind of file that a device's folder can hold, for every platform.

use std::collections::BTreeMap;

use homelab::internals::{Templates, built_in_languages};
use serde_json::{Value, json};

use super::looks::short;
use super::{Look, judge_by, look_at, pages};
use crate::support::lab::Lab;

/// Devices of a guide: a name, the platform, and the kinds of its files, the one to open first before the others.
const DEVICES: [(&str, &str, &[&str]); 8] = [
    ("iphone", "ios", &["apple-profile", "bundle"]),
    ("ipad", "ipados", &["bundle", "apple-profile"]),
    (
        "macbook",
        "macos",
        &[
            "apple-profile",
            "apple-browser-policy",
            "macos-installer",
            "firefox-preference",
            "bundle",
        ],
    ),
    ("mac-by-profile", "macos", &["apple-profile"]),
    (
        "pc",
        "windows",
        &[
            "bundle",
            "windows-installer",
            "windows-policy",
            "firefox-preference",
        ],
    ),
    (
        "tower",
        "linux",
        &[
            "linux-installer",
            "bundle",
            "chromium-policy",
            "firefox-preference",
        ],
    ),
    ("own-key", "linux", &["certificate", "chromium-policy"]),
    ("later", "other", &["bundle", "a-kind-that-nobody-knows"]),
];

fn guide() -> Value {
    let devices = DEVICES
        .iter()
        .map(|(name, platform, kinds)| device(name, platform, kinds, &json!([])));
    guide_of(devices.collect())
}

/// A device with its files, and until when its older certificates are let in.
fn device(name: &str, platform: &str, kinds: &[&str], older: &Value) -> Value {
    let files = { kinds.iter() }
        .map(|kind| json!({ "name": format!("alice-{name}.{kind}"), "kind": kind }));
    json!({
        "name": name,
        "common_name": format!("alice-{name}"),
        "platform": platform,
        "platform_title": platform,
        "files": files.collect::<Vec<_>>(),
        "issued": "2026-11-24",
        "expires": "2027-11-24",
        "renew_from": "2027-10-25",
        "older": older,
        "fingerprint": "AB:CD",
    })
}

fn guide_of(devices: Vec<Value>) -> Value {
    json!({
        "domain": "home.example.com",
        "display_name": "Alice",
        "admin": null,
        "fetching": ["macos-installer", "windows-installer"],
        "devices": devices,
        "services": [{
            "title": "Photos", "addresses": ["https://photos.home.example.com/"], "with_certificate": true,
            "at_home": false, "everyone": false, "in_network": false, "notes": [],
        }],
    })
}

/// What the page of `homelab share` is given for one of these devices.
fn shared(at: usize) -> Value {
    let mut page = guide();
    let device = page["devices"][at].clone();
    let files = device["files"].as_array().expect("files are a list");
    let downloads = files.iter().map(|file| {
        let name = file["name"].as_str().expect("a file has a name");
        json!({ "name": name, "href": format!("/secret/{name}") })
    });
    page["downloads"] = downloads.collect();
    page["device"] = device;
    page
}

/// What the page at `/renew` is given for one of these devices.
fn renewed(at: usize) -> Value {
    let mut page = guide();
    let mut device = page["devices"][at].clone();
    device["older"] = json!([{ "issued": "2026-11-24", "until": "2027-12-23" }]);
    let has_password = device["files"][0]["kind"] != "certificate";
    page["password"] = has_password.then_some("k7m2p-9xq4t-zr3wd-h8c5b").into();
    page["device"] = device;
    page
}

/// Every language that is built in, and one that is written from right to left: with English words, for there is none yet.
fn languages() -> Vec<(String, Templates)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/messages/en.kdl");
    let english = std::fs::read_to_string(path).expect("it is there");
    let hebrew = (
        "messages/he.kdl".to_owned(),
        format!("right-to-left\n{english}"),
    );
    let templates = |own: BTreeMap<_, _>| Templates::new(own).expect("they can be read");
    let built_in = built_in_languages().into_iter();
    built_in
        .map(|language| (language.to_string(), templates(BTreeMap::new())))
        .chain([("he".to_owned(), templates(BTreeMap::from([hebrew])))])
        .collect()
}

/// What is wrong with the pages that stand below `out/LANGUAGE/`.
fn faults(lab: &Lab, name: &str) -> Vec<String> {
    let looks = [Look::FromAllSides, Look::AtWords];
    let faults = looks.into_iter().flat_map(|look| {
        let mut pages = pages(lab);
        pages.retain(|page| {
            let folder = page.parent().and_then(|folder| folder.file_name());
            folder.is_some_and(|language| look_at(&language.to_string_lossy()) == look)
        });
        judge_by(look, &pages, name).faults
    });
    faults.collect()
}

/// Whatever the platform and the language, also where a certificate is renewed.
#[test]
fn the_first_path_is_short_in_each_language() {
    let templates = Templates::new(BTreeMap::new()).expect("the built-in templates can be read");
    let lab = Lab::new();
    let devices = [
        ("android", "bundle"),
        ("ios", "apple-profile"),
        ("ipados", "apple-profile"),
        ("macos", "apple-profile"),
        ("windows", "bundle"),
        ("linux", "bundle"),
        ("chromeos", "bundle"),
        ("firefox", "bundle"),
        ("wearos", "bundle"),
        ("other", "bundle"),
    ];
    let older = json!([{ "until": "2027-11-24" }]);
    let devices = devices.map(|(platform, kind)| device(platform, platform, &[kind], &older));
    let mut guide = guide_of(devices.into());
    // Two links that stand in a line each.
    let services = ["Photos of the family", "Calendar and contacts"].map(|title| {
        let mut service = guide["services"][0].clone();
        service["title"] = title.into();
        service
    });
    guide["services"] = json!(services);
    for language in built_in_languages() {
        let rendered = templates.render_in(language.as_str(), "guide.html.j2", &guide);
        let text = rendered.expect("it can be rendered").text;
        lab.write(&format!("out/{language}/guide.html"), text);
    }
    let judged = judge_by(Look::AtWords, &pages(&lab), "first");
    assert_eq!(judged.faults, [""; 0]);
    short(&judged, built_in_languages().len());
}

#[test]
fn each_kind_of_file_has_its_words() {
    let lab = Lab::new();
    for (number, (language, templates)) in languages().into_iter().enumerate() {
        let rendered = templates.render_in(&language, "guide.html.j2", &guide());
        let text = rendered.expect("it can be rendered").text;
        for (name, _, kinds) in DEVICES {
            for kind in kinds {
                assert!(
                    text.contains(&format!(
                        "<dt><a href=\"{name}/alice-{name}.{kind}\"><code>alice-{name}.{kind}</code></a></dt>"
                    )),
                    "{name} {kind}"
                );
            }
        }
        // Only the certificate of an own key has no password, and nothing to type one into.
        let part = |name: &str| {
            let (_, part) = text
                .split_once(&format!("id=\"device-{name}\""))
                .expect("it has a part");
            part.split("</article>").next().unwrap_or(part)
        };
        let without_password = DEVICES
            .iter()
            .filter(|(name, ..)| !part(name).contains("xxxxx-xxxxx"));
        let names: Vec<&str> = without_password.map(|(name, ..)| *name).collect();
        assert_eq!(names, ["own-key"]);
        assert!(part("mac-by-profile").contains("alice-mac-by-profile.apple-profile"));
        assert!(!part("mac-by-profile").contains("security import"));
        // One file stands before all else, and leads to the file that lies beside the page.
        for (name, _, kinds) in DEVICES {
            let first = format!("href=\"{name}/alice-{name}.{}\">", kinds[0]);
            assert_eq!(part(name).matches("class=\"get\"").count(), 1);
            assert!(
                part(name).contains(&format!("class=\"get\" {first}")),
                "{name}"
            );
        }
        assert!(part("tower").contains("sh alice-tower.linux-installer"));
        assert!(part("pc").contains("-File alice-pc.windows-installer"));
        lab.write(&format!("out/{language}/kinds.html"), text);
        for (at, (name, _, kinds)) in DEVICES.iter().enumerate() {
            let shared = templates.render_in(&language, "share.html.j2", &shared(at));
            let text = shared.expect("it can be rendered").text;
            let button = format!(
                "class=\"get\" href=\"&#x2f;secret&#x2f;alice-{name}.{}\">",
                kinds[0]
            );
            assert!(text.contains(&button), "{name}");
            // The browser looks at those of another device in each language.
            if at == number % DEVICES.len() {
                lab.write(&format!("out/{language}/share-{name}.html"), text);
            }
            let renewed = templates.render_in(&language, "pick-up.html.j2", &renewed(at));
            let text = renewed.expect("it can be rendered").text;
            if at == (number + 3) % DEVICES.len() {
                lab.write(&format!("out/{language}/renew-{name}.html"), text);
            }
        }
    }
    assert_eq!(faults(&lab, "kinds"), [""; 0]);
}

/// What the edge shows in place of a service looks like a guide, in each language, and has no braces.
fn shown(name: &str, kinds: &[&str]) {
    let lab = Lab::new();
    let link = |title: &str, at_home| json!({ "title": title, "host": "photos.home.example.com", "path": null, "at_home": at_home });
    let links = [
        link("Photos", false),
        link("über & \"mehr\"", true),
        link("x", true),
    ];
    for (language, templates) in languages() {
        for kind in kinds {
            let email = (*kind != "home").then_some("admin@example.com");
            let context = json!({
                "domain": "home.example.com", "email": email, "links": links, "expires": "2027-11-23",
                "renewed_at": "home.example.com/renew", "waiting": *kind == "landing",
                "visitor_name": (language != "de").then_some("Alice Übermut"), "visitor_until": "until the end of <b>22 November</b>",
            });
            let name = format!("pages/{kind}.html.j2");
            let rendered = templates.render_in(&language, &name, &context);
            let text = rendered.expect("it can be rendered").text;
            assert!(!text.contains(['{', '}']), "{text}");
            lab.write(&format!("out/{language}/{kind}.html"), text);
        }
    }
    assert_eq!(faults(&lab, name), [""; 0]);
}

#[test]
fn what_who_has_no_certificate_is_shown_is_as_good() {
    shown(
        "nobody",
        &["certificate", "certificate-or-home", "home", "elsewhere"],
    );
}

#[test]
fn what_who_is_refused_is_shown_is_as_good() {
    shown("refused", &["retired", "forbidden", "down"]);
}

#[test]
fn what_the_domain_itself_shows_is_as_good() {
    shown(
        "landing",
        &[
            "landing",
            "renewed",
            "renewal-missing",
            "renewal-nothing",
            "renewal-last",
        ],
    );
}

/// The part of one device can stand in a page of its own.
#[test]
fn the_part_of_a_device_can_be_included_elsewhere() {
    let page = "{% set device = devices[2] %}{% include \"guide/device.html.j2\" %}";
    let templates = Templates::new(BTreeMap::from([(
        "share.html.j2".to_owned(),
        page.to_owned(),
    )]));
    let templates = templates.expect("it can be read");
    let rendered = templates
        .render_in("de", "share.html.j2", &guide())
        .expect("it can be rendered");
    assert!(rendered.text.contains("Immer erlauben"));
    for used in [
        "guide/device.html.j2",
        "guide/macos.html.j2",
        "messages/de.kdl",
        "messages/en.kdl",
    ] {
        assert!(
            rendered.used.iter().any(|name| name == used),
            "{used} in {:?}",
            rendered.used
        );
    }
}
