//! Sentences about pairs of declarations.

use jiff::Timestamp;

use super::{BuiltEdges, Consequence, Kind, between};
use crate::build::{Keys, Requested, Taken, Update, Updated};
use crate::derive::{self, EdgeState, Recipe};
use crate::lock::Lock;
use crate::model::Homelab;
use crate::root::RootSecret;
use crate::source::Source;

const PEOPLE: &str = r#"
domain "home.example.com"
person "alice" { device "pixel" platform="android"; }
person "bob" { device "iphone" platform="ios"; }
group "family" "alice" "bob"
"#;

fn now() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

fn homelab(text: &str) -> Homelab {
    crate::compile(&Source::new("homelab.kdl", text)).unwrap_or_else(|mistakes| {
        panic!("{:?}\n{text}", mistakes.codes());
    })
}

fn published(text: &str) -> EdgeState {
    let homelab = homelab(text);
    let foreseen = foreseen(&homelab, Lock::new(&RootSecret::new([0; 32])));
    let recipes = derive::edges(&homelab, &foreseen.lock, &[], None)
        .derivations
        .into_iter();
    let published = recipes.filter_map(|derivation| match derivation.recipe {
        Recipe::EdgeState(published) => Some(*published),
        _ => None,
    });
    published.last().unwrap()
}

fn foreseen(homelab: &Homelab, lock: Lock) -> Updated {
    let requested = Requested::default();
    let update = Update::of(lock, homelab, &requested, &[], Taken::default(), now());
    let foreseen = update.complete(homelab, &[], now(), Keys::StandIn);
    foreseen.unwrap()
}

fn told(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (published(before), published(after));
    let told = between(&BuiltEdges::only(&before), &BuiltEdges::only(&after)).into_iter();
    told.map(|consequence| consequence.text).collect()
}

#[track_caller]
fn services(before: &str, after: &str, expected: &[&str]) {
    let with = |services: &str| format!("{PEOPLE}{services}");
    assert_eq!(
        told(&with(before), &with(after)),
        expected,
        "{before} → {after}"
    );
}

/// A service in front of something, with these words.
fn x(words: &str) -> String {
    format!("service \"x\" {{ upstream \"http://127.0.0.1:1\"; {words}; }}\n")
}

#[test]
fn nothing_is_told_of_what_is_the_same() {
    for words in [
        r#"allow "family"; public "/share/*""#,
        r#"open "everyone""#,
        r#"allow "alice"; open "lan"; identity"#,
    ] {
        services(&x(words), &x(words), &[]);
    }
    let other = x(r#"allow "family""#).replace(":1", ":2");
    services(&x(r#"allow "alice" "bob""#), &other, &[]);
}

#[test]
fn who_gains_and_who_loses_is_told_by_name() {
    let (alice, both) = (x(r#"allow "alice""#), x(r#"allow "family""#));
    services(&alice, &both, &["bob may now open x"]);
    services(&both, &alice, &["bob may no longer open x"]);
    services(
        &both,
        &x(r#"allow "alice"; open "lan""#),
        &[
            "x becomes open on the LAN, without a certificate",
            "x shows a page to who has no certificate, where the connection was refused",
            "bob may open x at home only",
        ],
    );
}

#[test]
fn what_opens_and_closes_is_told_with_its_path() {
    let closed = x(r#"allow "family"; certificate "asked""#);
    let public = x(r#"allow "family"; public "/share/*""#);
    services(
        &closed,
        &public,
        &["x becomes reachable without a certificate at /share/* (GET, HEAD)"],
    );
    services(
        &public,
        &closed,
        &["x is no longer reachable without a certificate at /share/* (GET, HEAD)"],
    );
    // What is open already does not open, and what stays open does not close.
    let narrower = x(r#"allow "family"; public "/share/a" "/share/b/*""#);
    services(
        &public,
        &narrower,
        &["x is no longer reachable without a certificate at /share/* (GET, HEAD)"],
    );
    services(
        &narrower,
        &public,
        &["x becomes reachable without a certificate at /share/* (GET, HEAD)"],
    );
    let everyone = x(r#"open "everyone""#);
    services(
        &public,
        &everyone,
        &["x becomes open to everyone, without a certificate"],
    );
    services(
        &everyone,
        &public,
        &[
            "x is no longer open to everyone: without a certificate only everyone at /share/* (GET, HEAD)",
        ],
    );
    services(
        &everyone,
        &x(r#"allow "alice""#),
        &["x is no longer open to everyone: only alice with a certificate"],
    );
    services(
        &everyone,
        &x(r#"open "lan""#),
        &["x is no longer open to everyone: without a certificate only open on the LAN"],
    );
    services(
        &x(r#"open "lan""#),
        &everyone,
        &["x becomes open to everyone, without a certificate"],
    );
}

#[test]
fn services_and_hosts_come_and_go() {
    let one = x(r#"allow "alice""#);
    services(
        "",
        &one,
        &["x is new, at x.home.example.com: alice with a certificate"],
    );
    services(
        &one,
        "",
        &["x is gone: nothing answers at x.home.example.com any more"],
    );
    services(
        "",
        &x(r#"open "lan"; public "/s/*""#),
        &["x is new, at x.home.example.com: open on the LAN; everyone at /s/* (GET, HEAD)"],
    );
    services(
        &one,
        &x(r#"allow "alice"; host "y""#),
        &[
            "x answers at y.home.example.com from now on",
            "x no longer answers at x.home.example.com",
        ],
    );
    let told_who = x(r#"allow "alice"; identity"#);
    services(&one, &told_who, &["x is told who comes"]);
    services(&told_who, &one, &["x is no longer told who comes"]);
}

#[test]
fn what_is_not_checked_is_told() {
    let (plain, raw) = (
        x(r#"allow "alice""#),
        x(r#"allow "alice"; raw "header a b""#),
    );
    services(
        &plain,
        &raw,
        &["x has `raw` lines, which homelab does not check"],
    );
    services(
        &raw,
        &raw.replace("a b", "a c"),
        &["x has other `raw` lines, which homelab does not check"],
    );
    services(&raw, &plain, &["x has no `raw` lines any more"]);
    let verified = plain.replace("http://127.0.0.1:1", "https://127.0.0.1:1");
    let unverified = verified.replace(":1\"", ":1\" verify=#false");
    services(
        &verified,
        &unverified,
        &["the certificate of the upstream of x is no longer verified"],
    );
    services(
        &unverified,
        &verified,
        &["the certificate of the upstream of x is verified"],
    );
}

#[test]
fn devices_and_surroundings_are_told() {
    let lan = x(r#"open "lan""#);
    let before = format!("{PEOPLE}{lan}");
    let edge = "edge { lan \"192.168.0.0/16\"; behind \"10.0.0.1\"; caddy \"2.8\"; }\n";
    let told = told(
        &before,
        &format!(
            "{edge}{}",
            before.replace(
                "device \"iphone\" platform=\"ios\"",
                "device \"ipad\" platform=\"ipados\""
            )
        ),
    );
    assert_eq!(
        told,
        [
            "bob/ipad gets its first file",
            "locks out bob/iphone",
            "the LAN, where some services are open, becomes 192.168.0.0/16; it was private_ranges",
            "10.0.0.1/32 says from now on for whom it speaks (x-forwarded-for)",
        ]
    );
}

#[test]
fn a_declared_caddy_with_open_holes_is_told() {
    let before = format!("{PEOPLE}{}", x(r#"open "lan""#));
    assert_eq!(
        told(&before, &format!("edge {{ caddy \"2.6.2\"; }}\n{before}")),
        ["the declared Caddy 2.6.2 has known holes that no generated line closes"]
    );
    let closed_by_lines = format!("edge {{ caddy \"2.8\"; }}\n{before}");
    assert!(told(&before, &closed_by_lines).is_empty());
}

/// What a tree holds may have been written by somebody else.
#[test]
fn nothing_speaks_to_the_terminal() {
    let text = String::from("a\u{1b}[2Jb\nc");
    let consequence = Consequence::new(Kind::Edge, "\u{7}x", text);
    assert_eq!(
        (consequence.about.as_str(), consequence.text.as_str()),
        ("x", "a[2Jbc")
    );
}

#[test]
fn what_is_published_is_read_back() {
    let published = published(&format!("{PEOPLE}{}", x(r#"allow "alice"; public "/s/*""#)));
    let read = EdgeState::from_json(published.to_json().as_bytes());
    assert_eq!(read, Some(published));
    assert_eq!(EdgeState::from_json(b"{}"), None);
}

/// A stand-in for a certificate is never taken for one that was issued.
#[test]
fn foreseeing_is_deterministic_and_changes_nothing_that_is_issued() {
    let homelab = homelab(PEOPLE);
    let nothing = || Lock::new(&RootSecret::new([0; 32]));
    let once = foreseen(&homelab, nothing());
    let twice = foreseen(&homelab, nothing());
    assert_eq!(once.lock, twice.lock);
    assert!(once.changes.authority && once.changes.sign);
    let issued: Vec<String> = { once.changes.issued.iter() }
        .map(ToString::to_string)
        .collect();
    assert_eq!(issued, ["alice/pixel", "bob/iphone"]);
    let later = foreseen(&homelab, once.lock.clone());
    assert_eq!(later.lock, once.lock);
    assert_eq!(later.changes.issued, []);
}

/// An app's share links are many paths: of a new service they are counted, and of one that is there each is named.
#[test]
fn the_share_links_of_a_new_service_are_counted() {
    let with = |words: &str| format!("{PEOPLE}{}", x(words));
    let links = with("app \"nextcloud\"; share-links; allow \"alice\"");
    let new = told(PEOPLE, &links);
    let exposed = &published(&links).exposure.without_certificate;
    let count = exposed.iter().filter(|opening| opening.share_link).count();
    assert!(count > 3, "{exposed:?}");
    let said = format!("x is new, at x.home.example.com: everyone at {count} share-link paths; ");
    assert!(new.iter().any(|text| text.starts_with(&said)), "{new:#?}");
    assert!(new.iter().all(|text| text.len() < 200), "{new:#?}");
    let opened = told(&with("app \"nextcloud\"; allow \"alice\""), &links);
    for opening in exposed {
        let named = |text: &String| text.contains(&format!(" at {}", opening.path));
        assert!(opened.iter().any(named), "{opening:?} {opened:#?}");
    }
}

#[test]
fn what_a_sign_in_opens_and_closes_is_told() {
    let gateway = |name: &str, port: u16| {
        format!("edge {{ sign-in \"{name}\" {{ upstream \"http://127.0.0.1:{port}\"; }} }}\n")
    };
    let with = |words: &str| gateway("authelia", 9091) + &x(words);
    for (before, after, expected) in [
        (
            r#"allow "alice""#,
            r#"allow "alice"; sign-in"#,
            vec![
                "x becomes open to whoever signs in",
                "x shows a page to who has no certificate, where the connection was refused",
            ],
        ),
        (
            r#"allow "alice"; certificate "asked"; sign-in"#,
            r#"allow "alice"; certificate "asked""#,
            vec!["x is no longer open to whoever signs in"],
        ),
        (
            r#"allow "alice""#,
            r#"allow "alice"; sign-in "also""#,
            vec!["x asks who has a certificate to sign in besides"],
        ),
        (
            r#"allow "alice"; sign-in "also""#,
            r#"allow "alice""#,
            vec!["x no longer asks who has a certificate to sign in besides"],
        ),
        (
            r#"allow "alice"; open "lan""#,
            r#"allow "alice"; open "lan"; sign-in "also""#,
            vec![
                "x is no longer open on the LAN without a certificate",
                "x asks who has a certificate to sign in besides",
            ],
        ),
        (
            r#"open "everyone""#,
            "sign-in",
            vec!["x is no longer open to everyone: who has no certificate signs in"],
        ),
        (
            "sign-in",
            r#"open "everyone""#,
            vec!["x becomes open to everyone, without a certificate"],
        ),
        (
            r#"allow "family"; certificate "asked"; sign-in"#,
            r#"allow "alice"; certificate "asked"; sign-in"#,
            vec!["bob may open x by signing in only"],
        ),
        (
            r#"allow "alice"; path "/y/*" { allow "bob"; }"#,
            r#"allow "alice"; path "/y/*" { allow "bob"; sign-in "also"; }"#,
            vec!["/y/* of x has another policy from now on: see exposure.md"],
        ),
    ] {
        services(&with(before), &with(after), &expected);
    }
    let (was, is) = (gateway("authelia", 9091), gateway("authelia", 9092));
    let signs_in = x("sign-in");
    services(
        &(was.clone() + &signs_in),
        &(is + &signs_in),
        &["visitors sign in at authelia (127.0.0.1:9092); it was authelia (127.0.0.1:9091)"],
    );
    services(
        &was,
        &(was.clone() + &signs_in),
        &["x is new, at x.home.example.com: open to whoever signs in"],
    );
}
