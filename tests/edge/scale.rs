//! Many certificates: every Caddy loads lists that one expression could not hold, and twenty sites with a list of a thousand, and
//! finds those in them and no other.

use std::fmt::Write;

use crate::house::House;
use crate::support::caddy::Version;
use crate::support::upstream::Upstream;

/// People with a hundred devices each, between somebody who comes first and somebody who comes last.
fn home(upstream: &str) -> String {
    let mut text = String::from("domain \"home.example.com\"\n");
    for (person, device) in [("a", "pixel"), ("bob", "phone"), ("zoe", "laptop")] {
        writeln!(
            text,
            "person \"{person}\" {{ device \"{device}\" platform=\"linux\"; }}"
        )
        .unwrap();
    }
    for person in 0..30 {
        writeln!(text, "person \"p{person:02}\" {{").unwrap();
        for device in 0..100 {
            let fingerprint = person * 100 + device;
            writeln!(
                text,
                "    device \"d{device}\" fingerprint=\"{fingerprint:064x}\""
            )
            .unwrap();
        }
        text += "}\n";
    }
    let names = |count| {
        (0..count)
            .map(|person| format!("\"p{person:02}\" "))
            .collect::<String>()
    };
    writeln!(text, "group \"many\" \"a\" \"zoe\" {}", names(30)).unwrap();
    writeln!(text, "group \"some\" \"zoe\" {}", names(10)).unwrap();
    writeln!(
        text,
        "service \"all\" {{ upstream \"http://{upstream}\"; identity; allow \"many\"; }}"
    )
    .unwrap();
    for service in 0..20 {
        writeln!(
            text,
            "service \"s{service}\" {{ upstream \"http://{upstream}\"; allow \"some\"; }}"
        )
        .unwrap();
    }
    text
}

#[test]
fn three_thousand_in_one_service_and_twenty_lists_of_a_thousand() {
    let upstream = Upstream::start("it");
    let house = House::new(&home(&upstream.address()));
    let (first, nobody, last) = (
        house.bundle("a", "pixel"),
        house.bundle("bob", "phone"),
        house.bundle("zoe", "laptop"),
    );
    for version in Version::each() {
        let generated = house.generated(version);
        match version {
            Version::Old => assert!(is_in_three_parts(&generated)),
            _ => assert!(generated.contains("\t@begins-0 ") && !is_in_three_parts(&generated)),
        }
        let caddy = house.serve(version);
        let visit = |service: &str| caddy.visit(&format!("{service}.home.example.com"), "/");
        for (bundle, person) in [(&first, "a"), (&last, "zoe")] {
            let arrival = bundle.shown(visit("all")).run().has_status(200).arrival();
            assert_eq!(arrival.header("Remote-User"), [person], "{version:?}");
            assert_eq!(
                arrival.header("Remote-Groups"),
                [if person == "a" { "many" } else { "many,some" }]
            );
        }
        nobody.shown(visit("all")).run().has_status(403);
        for service in ["s0", "s19"] {
            let arrival = last.shown(visit(service)).run().has_status(200).arrival();
            assert_eq!(arrival.header("Remote-User"), [""; 0]);
            first.shown(visit(service)).run().has_status(403);
            nobody.shown(visit(service)).run().has_status(403);
        }
    }
    // Nobody else has reached it.
    assert_eq!(upstream.arrived(), 4 * Version::each().count());
}

fn is_in_three_parts(generated: &str) -> bool {
    generated.contains("\t@audience-3") && !generated.contains("\t@audience-4")
}

/// Where a list is the only one, it is a set.
#[test]
fn three_thousand_in_the_only_list() {
    let upstream = Upstream::start("it");
    let declaration = home(&upstream.address()).replace("identity; ", "");
    let lines = { declaration.lines() }.filter(|line| !line.starts_with("service \"s"));
    let house = House::new(&lines.map(|line| format!("{line}\n")).collect::<String>());
    let (first, nobody) = (house.bundle("a", "pixel"), house.bundle("bob", "phone"));
    let last = house.bundle("zoe", "laptop");
    for version in Version::each() {
        assert!(is_in_three_parts(&house.generated(version)));
        let caddy = house.serve(version);
        let visit = || caddy.visit("all.home.example.com", "/");
        first.shown(visit()).run().has_status(200);
        last.shown(visit()).run().has_status(200);
        nobody.shown(visit()).run().has_status(403);
    }
}
