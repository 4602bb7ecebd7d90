//! The same as `weakenings`, of what stands apart from the sites where many are let in: lists, whom upstreams are told of, the guard.

use crate::family::replaced;
use crate::support::caddy::Version;
use crate::support::upstream::Upstream;
use crate::weakenings::Seen::As;
use crate::weakenings::{
    Weakening, house_of, in_site, instead, missed, retired, verify, weakening,
};

fn declaration(upstream: &Upstream) -> String {
    let at = upstream.address();
    let crowd: String = (0..21)
        .map(|number| format!("device \"d{number}\" fingerprint=\"{number:064x}\"; "))
        .collect();
    format!(
        r#"
        domain "home.example.com"
        validity {{ device "1y"; renew "30d"; }}
        person "alice" {{ device "pixel" platform="android"; device "lost" platform="linux"; }}
        person "bob" {{ device "iphone" platform="ios"; }}
        person "crowd" {{ {crowd} }}
        service "bobs" {{ upstream "http://{at}"; allow "bob" "crowd"; certificate "asked"; }}
        service "it" {{ upstream "http://{at}"; allow "alice" "crowd"; identity; }}
        service "notes" {{ upstream "http://{at}"; allow "alice" "crowd"; certificate "asked"; }}
        service "site" {{ upstream "http://{at}"; open "everyone"; }}
        service "told" {{ upstream "http://{at}"; allow "alice" "bob" "crowd"; identity; }}
        "#
    )
}

fn weakenings<'a>(lost: &'a str, pixel: &'a str) -> Vec<Weakening<'a>> {
    let on_list = "\t@audience-1";
    vec![
        weakening(
            "whoever comes is on the list",
            "notes",
            move |text| {
                instead(text, "(audience-it)", on_list, |line| {
                    let matcher = line.split_whitespace().next().expect("it has a name");
                    format!("\t{matcher} path *")
                })
            },
            As(&[
                "nobody at /: should be refused with 403, got 200",
                "bob/iphone at /: should be refused with 403",
            ]),
        ),
        weakening(
            "a barred device is back on the list",
            "it",
            move |text| {
                instead(text, "(audience-it)", on_list, |line| {
                    match line.strip_suffix("]\"") {
                        Some(listed) => format!("{listed}, '{lost}']\""),
                        None => format!("{line} {lost}"),
                    }
                })
            },
            As(&["alice/lost (barred ", "should be refused, got 200"]),
        ),
        weakening(
            "somebody is left out of the list",
            "notes",
            move |text| {
                instead(text, "(audience-it)", on_list, |line| {
                    line.replace(pixel, lost)
                })
            },
            As(&["alice/pixel at /: should be let in, got 403 from the edge"]),
        ),
        weakening(
            "nobody has to be on the list",
            "notes",
            |text| {
                instead(text, "(audience-it)", "\tvars @audience-1", |_| {
                    "\tvars audience-it in".into()
                })
            },
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "a site goes by nothing",
            "notes",
            |text| in_site(text, "notes", "handle @allowed", "handle"),
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "a site goes by the list of another",
            "notes",
            |text| in_site(text, "notes", "audience-it", "audience-bobs"),
            As(&[
                "bob/iphone at /: should be refused with 403, got 200",
                "alice/pixel at /: should be let in",
            ]),
        ),
        weakening(
            "a site goes by whoever is not on the list",
            "notes",
            |text| {
                in_site(
                    text,
                    "notes",
                    "@allowed vars audience-it in",
                    "@allowed not vars audience-it in",
                )
            },
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "somebody else is told of",
            "it",
            move |text| {
                let own = format!("\t\t{pixel} ");
                instead(text, "(people-it)", &own, |line| {
                    line.replace("alice", "crowd")
                })
            },
            As(&[
                "the upstream is told `remote-email: crowd@home.example.com`, and should be told `alice@home.example.com`",
            ]),
        ),
        weakening(
            "somebody is told of by another's name",
            "it",
            |text| {
                instead(text, "(people-it)", "\t\tperson-alice ", |line| {
                    line.replace("\"alice\"", "\"bob\"")
                })
            },
            As(&["the upstream is told `remote-name: bob`, and should be told `alice`"]),
        ),
        weakening(
            "whom a visitor names is told of",
            "it",
            |text| {
                instead(text, "(people-it)", "\tvars @people-1 told-person", |_| {
                    "\tvars @people-1 told-person {http.request.header.X-Forwarded-Host}".into()
                })
            },
            As(&[
                "the upstream is told `remote-email: -`, and should be told `alice@home.example.com`",
            ]),
        ),
        weakening(
            "nobody is told of",
            "it",
            |text| {
                let told = if text.contains("invoke people-it") {
                    "invoke"
                } else {
                    "import"
                };
                in_site(text, "it", &format!("\t\t{told} people-it\n"), "")
            },
            As(&["and should be told `alice@home.example.com`"]),
        ),
        weakening(
            "claims are kept",
            "it",
            |text| replaced(text, "\trequest_header -Remote*\n", ""),
            As(&[
                "alice/pixel at /: the upstream is told `remote-",
                "should be told nothing",
            ]),
        ),
        weakening(
            "the guard is gone",
            "site",
            |text| in_site(text, "site", "\timport guard\n", ""),
            As(&["nobody at /: the upstream is told `remote-"]),
        ),
    ]
}

#[test]
fn what_is_weakened_apart_from_the_sites_is_noticed() {
    let upstream = Upstream::start("it");
    let house = house_of(&declaration(&upstream));
    let pixel = house.bundle("alice", "pixel");
    let pixel = pixel.fingerprint(&house.lab.home());
    for version in Version::ALL {
        let generated = house.generated(version);
        let lost = retired(&generated);
        let mut caddy = house.serve(version);
        verify(&house, &caddy, "it")
            .succeeds()
            .stdout_contains("ok     it.");
        crate::assert_none(&missed(&house, &mut caddy, weakenings(&lost, &pixel)));
    }
}
