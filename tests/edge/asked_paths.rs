//! What `homelab verify --live` asks of paths that have policies of their own, of networks that are declared by name, and of pages of other
//! origins; and what it says of an edge in which somebody has weakened one of them.

use crate::family::replaced;
use crate::support::caddy::{Caddy, Version};
use crate::support::upstream::Upstream;
use crate::verify::ELSEWHERE;
use crate::weakenings::Seen::As;
use crate::weakenings::{Weakening, house_of, in_site, missed, verify, weakening};

fn declaration(upstream: &Upstream) -> String {
    let at = upstream.address();
    format!(
        r#"
        domain "home.example.com"
        validity {{ device "1y"; renew "30d"; }}
        edge {{ lan "{ELSEWHERE}"; }}
        network "here" "127.0.0.0/8"
        network "office" "203.0.113.0/24"
        person "alice" {{ device "laptop" platform="linux"; device "lost" platform="linux"; device "pixel" platform="android"; }}
        person "bob" {{ device "iphone" platform="ios"; }}
        service "desk" {{ upstream "http://{at}"; allow "bob" from="office"; allow "alice" from="here"; open "office"; }}
        service "it" {{ upstream "http://{at}"; allow "alice"; }}
        service "notes" {{
            upstream "http://{at}"
            allow "alice" "bob"
            preflight "https://app.example.com"
            path "/admin/*" {{ allow "alice"; }}
            path "/desk/*" {{ allow "alice/laptop"; allow "bob" from="office"; }}
            path "/desk/all/*" {{ allow "alice" "bob"; }}
            path "/here/*" {{ open "here"; }}
            path "/hook/*" {{ open "everyone" methods="POST"; }}
            path "/status" {{ open "everyone"; }}
        }}
        service "site" {{ upstream "http://{at}"; open "everyone"; }}
        service "wide" {{ upstream "http://{at}"; open "everyone"; path "/admin/*" {{ allow "alice"; }} }}
        "#
    )
}

/// A line of the site of `notes` changed.
fn notes(from: &'static str, to: &'static str) -> impl Fn(&str) -> String {
    move |text| in_site(text, "notes", from, to)
}

fn weakenings<'a>() -> Vec<Weakening<'a>> {
    vec![
        weakening(
            "a path has no policy of its own any more",
            "notes",
            notes(
                "vars @grant-path1-allowed path1 granted",
                "vars path1 granted",
            ),
            As(&[
                "bob/iphone at /admin/homelab-verify, under the policy of `/admin/*`: should be refused with 403, got 200",
            ]),
        ),
        weakening(
            "a path is told from another by the case of its letters",
            "notes",
            |text| {
                let pattern = "(?i)^";
                let (before, behind) = text.split_once("# The policy of /admin/*, and").unwrap();
                let behind = behind.replacen(pattern, "^", 1);
                format!("{before}# The policy of /admin/*, and{behind}")
            },
            As(&[
                "bob/iphone at /ADMIN/HOMELAB-VERIFY, under the policy of `/admin/*`: should be refused with 403, got 200",
            ]),
        ),
        weakening(
            "all of a person's devices where one was",
            "notes",
            |text| {
                let line = "@grant-path2-devices vars ";
                let at = text.find(line).expect("a device is named") + line.len() - "vars ".len();
                let end = at + text[at..].find('\n').expect("a line ends");
                format!("{}path *{}", &text[..at], &text[end..])
            },
            As(&[
                "alice/pixel at /desk/homelab-verify, under the policy of `/desk/*`: should be refused with 403, got 200",
            ]),
        ),
        weakening(
            "a certificate counts outside of its network",
            "notes",
            notes("\t\t\tremote_ip 203.0.113.0/24\n", ""),
            As(&[
                "bob/iphone at /desk/homelab-verify, under the policy of `/desk/*`: should be refused with 403, got what is for visitors in `office`",
                "note   Caddy does not see this visitor's address, and may take everybody to be there",
            ]),
        ),
        weakening(
            "a network is another one",
            "notes",
            notes("remote_ip 127.0.0.0/8", "remote_ip 10.9.9.9"),
            As(&[
                "nobody at /here/homelab-verify, under the policy of `/here/*`: should be let in, got what is for visitors elsewhere",
                "note   the address that Caddy sees is not in `here`",
            ]),
        ),
        weakening(
            "another method is open",
            "notes",
            notes("-methods method POST", "-methods method GET POST"),
            As(&[
                "nobody at /hook/homelab-verify, under the policy of `/hook/*`: should be refused with 403, got 200",
            ]),
        ),
        weakening(
            "an open path is closed",
            "notes",
            notes("vars path6 granted", "vars path6 none"),
            As(&[
                "nobody at /status, under the policy of `/status`: should be let in, got 403 from the edge",
            ]),
        ),
        weakening(
            "pages of every origin may ask",
            "notes",
            |text| text.replace("header Origin https://app.example.com", "header Origin *"),
            As(&[
                "nobody, as a page of https://homelab-verify.invalid, at OPTIONS /: should be refused with 403, got 200",
                "at OPTIONS /admin/homelab-verify, under the policy of `/admin/*`: should be refused with 403, got 200",
            ]),
        ),
        weakening(
            "pages of another origin may ask",
            "notes",
            |text| {
                text.replace(
                    "header Origin https://app.example.com",
                    "header Origin https://else.example.com",
                )
            },
            As(&[
                "nobody, as a page of https://app.example.com, at OPTIONS /: should be let in, got 403 from the edge",
            ]),
        ),
        weakening(
            "a service's certificates count everywhere",
            "desk",
            |text| {
                let head = "\ndesk.home.example.com {\n";
                let (before, behind) = text.split_once(head).expect("it is there");
                let behind = behind.replacen("\t\tremote_ip 203.0.113.0/24\n", "", 1);
                format!("{before}{head}{behind}")
            },
            As(&[
                "bob/iphone at /: should be refused with 403, got what is for visitors in `office`",
            ]),
        ),
        weakening(
            "a path below a service that is open",
            "wide",
            |text| {
                in_site(
                    text,
                    "wide",
                    "vars @grant-path1-allowed path1 granted",
                    "vars path1 granted",
                )
            },
            As(&[
                "nobody at /admin/homelab-verify, under the policy of `/admin/*`: should be refused with 403, got 200",
            ]),
        ),
    ]
}

fn noticed(version: Version) {
    let upstream = Upstream::start("it");
    let house = house_of(&declaration(&upstream));
    let mut caddy = house.serve(version);
    for service in ["desk", "notes", "wide"] {
        let outcome = verify(&house, &caddy, service);
        outcome
            .succeeds()
            .stdout_contains(&format!("ok     {service}."))
            .stdout_lacks("cannot be told");
    }
    for arrival in upstream.arrivals() {
        let target = &arrival.target;
        let is_own = ["/", "/status", "/STATUS"].contains(&&target[..])
            || target.to_ascii_lowercase().contains("homelab-verify");
        let is_read = matches!(arrival.method.as_str(), "GET" | "OPTIONS");
        assert!(is_own && is_read, "{arrival:?}");
    }
    crate::assert_none(&missed(&house, &mut caddy, weakenings()));
}

#[test]
fn what_somebody_has_weakened_is_told_on_the_old_caddy() {
    noticed(Version::Old);
}

#[test]
fn what_somebody_has_weakened_is_told_on_the_new_caddy() {
    noticed(Version::New);
}

/// Where a proxy may speak for visitors, both answers are taken, and it is said once that they are.
#[test]
fn where_it_does_not_know_from_where_it_asks_it_says_so_once() {
    let upstream = Upstream::start("it");
    let behind = format!("lan \"{ELSEWHERE}\"; behind \"10.0.0.2\"; caddy \"2.11\"");
    let text = replaced(
        &declaration(&upstream),
        &format!("lan \"{ELSEWHERE}\""),
        &behind,
    );
    let house = house_of(&text);
    let caddy: Caddy = house.serve(Version::New);
    let outcome = verify(&house, &caddy, "notes");
    outcome
        .succeeds()
        .stdout_contains(
            "note   nobody at /here/homelab-verify, under the policy of `/here/*`: as declared for visitors in `here`\n",
        )
        .stdout_contains("as declared for visitors who are not in `office`\n");
    let said = outcome
        .stdout()
        .matches("where this is asked from cannot be told");
    assert_eq!(said.count(), 1, "{outcome}");
}
