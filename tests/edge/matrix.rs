//! Every visitor before every host.

use crate::family::{Bundle, EXAMPLE, Family, at_home, now, replaced};
use crate::policy::{Result, SITES, Shows, expected};
use crate::support::caddy::{Caddy, Version};

pub struct Visitor {
    name: String,
    shows: Shows,
    bundle: Option<Bundle>,
}

/// The example's devices and what they show on the day after they were made: the tablet's certificate was for twelve hours.
const DEVICES: [(&str, &str, Shows); 9] = [
    ("alice", "pixel", Shows::Device("alice")),
    ("alice", "macbook", Shows::Device("alice")),
    ("alice", "workstation", Shows::Device("alice")),
    ("bob", "iphone", Shows::Device("bob")),
    ("bob", "ipad", Shows::Device("bob")),
    ("bob", "desktop", Shows::Device("bob")),
    ("carol", "old-phone", Shows::Device("carol")),
    ("carol", "firefox", Shows::Device("carol")),
    ("guest", "tablet", Shows::Invalid),
];

const DAY: u64 = 24 * 60 * 60;

/// A family with a past and a future: the example as it was built yesterday, with a device of alice's that has been removed since, one
/// of the guest's that was added today, and one of alice's whose certificate is for next month.
pub fn with_history(declaration: &str) -> (Family, Vec<Visitor>) {
    let (alice, guest) = (
        r#"device "workstation" platform="linux""#,
        r#"device "tablet" platform="android" validity="12h""#,
    );
    let add = |text: &str, beside: &str, name: &str| {
        let more = format!("{beside}\n    device \"{name}\" platform=\"linux\"");
        replaced(text, beside, &more)
    };
    let family = Family::unbuilt();
    family.build(&add(declaration, alice, "lost"), now() - DAY);
    let mut visitors = vec![
        visitor("nobody", Shows::Nothing, None),
        visitor("stranger", Shows::Invalid, Some(family.stranger())),
        device(&family, "alice", "lost", Shows::Removed),
    ];
    let today = add(declaration, guest, "phone");
    family.build(&today, now());
    visitors.push(device(&family, "guest", "phone", Shows::Device("guest")));
    family.build(&add(&today, alice, "early"), now() + 30 * DAY);
    visitors.push(device(&family, "alice", "early", Shows::Invalid));
    for (person, name, shows) in DEVICES {
        visitors.push(device(&family, person, name, shows));
    }
    (family, visitors)
}

fn device(family: &Family, person: &str, device: &str, shows: Shows) -> Visitor {
    let bundle = family.bundle(person, device);
    visitor(&format!("{person}/{device}"), shows, Some(bundle))
}

fn visitor(name: &str, shows: Shows, bundle: Option<Bundle>) -> Visitor {
    let name = name.to_owned();
    Visitor {
        name,
        shows,
        bundle,
    }
}

/// The cells in which a visitor got something else than the policy says.
pub fn mismatches(caddy: &Caddy, visitors: &[Visitor], on_lan: bool) -> Vec<String> {
    let cells = visitors
        .iter()
        .flat_map(|visitor| SITES.iter().map(move |site| (visitor, site)));
    cells
        .filter_map(|(visitor, site)| {
            let mut curl = caddy.visit(site.host, "/");
            if let Some(Bundle { path, password }) = &visitor.bundle {
                curl = curl.p12(path, password);
            }
            let (expected, got) = (
                expected(site, visitor.shows, on_lan),
                Result::from(&curl.run()),
            );
            (got != expected).then(|| {
                let (who, host) = (&visitor.name, site.host);
                format!("{who:18} {host:27} should get {expected:20} got {got}")
            })
        })
        .collect()
}

fn holds(version: Version, on_lan: bool) {
    let declaration = if on_lan {
        at_home(EXAMPLE)
    } else {
        EXAMPLE.to_owned()
    };
    let (family, visitors) = with_history(&declaration);
    let caddy = family.serve(version);
    crate::assert_none(&mismatches(&caddy, &visitors, on_lan));
}

#[test]
fn from_outside_on_the_old_caddy() {
    holds(Version::Old, false);
}

#[test]
fn from_outside_on_the_new_caddy() {
    holds(Version::New, false);
}

#[test]
fn at_home_on_the_old_caddy() {
    holds(Version::Old, true);
}

#[test]
fn at_home_on_the_new_caddy() {
    holds(Version::New, true);
}
