//! Where many certificates are in several lists, each is said once, with the class of people that it is of: what is weakened of that is
//! noticed, nobody says of what class they are, and a certificate is in the files once.

use std::fmt::Write;

use crate::family::replaced;
use crate::house::House;
use crate::support::caddy::{Caddy, Version};
use crate::support::files::{Kind, snapshot};
use crate::support::lab::Lab;
use crate::support::upstream::Upstream;
use crate::weakenings::Seen::As;
use crate::weakenings::{
    Weakening, house_of, in_site, instead, missed, retired, verify, weakening,
};
use crate::wire::{Wire, request};

/// A home with so many certificates beside its own.
fn declaration(upstream: &Upstream, crowd: usize) -> String {
    let at = upstream.address();
    let crowd: String = (0..crowd)
        .map(|number| format!("device \"d{number}\" fingerprint=\"{}\"; ", spread(number)))
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
        service "notes" {{ upstream "http://{at}"; allow "alice" "crowd"; certificate "asked"; public "/share/*"; }}
        service "site" {{ upstream "http://{at}"; open "everyone"; }}
        service "told" {{ upstream "http://{at}"; allow "alice" "bob" "crowd"; identity; }}
        service "parts" {{ upstream "http://{at}"; allow "bob" "crowd"; path "/hers/*" {{ allow "alice" "crowd"; }}; certificate "asked"; }}
        "#
    )
}

/// One table, and one for each first digit.
const CROWDS: [usize; 2] = [480, 1_450];

/// Their first digits differ.
fn spread(number: usize) -> String {
    let bits = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    format!("{bits:032x}{bits:032x}")
}

/// Those Caddys that have named routes.
fn versions() -> impl Iterator<Item = Version> {
    Version::each().filter(|version| *version != Version::Old)
}

fn weakenings<'a>(lost: &'a str, pixel: &'a str) -> Vec<Weakening<'a>> {
    let of_class = "\t@audience-1";
    vec![
        weakening(
            "who is in no table has a class",
            "notes",
            |text| {
                replaced(
                    text,
                    "\t\tdefault \"\" \"\"\n",
                    "\t\tdefault class-1 \"\"\n",
                )
            },
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "whoever comes is in the table",
            "notes",
            |text| {
                let table = "{http.request.tls.client.fingerprint} {visitor.class}";
                let text = replaced(text, table, "{http.request.tls.version} {visitor.class}");
                let line = |line: &str| match line.strip_prefix("\t@begins-") {
                    Some(begins) => format!("\t@begins-{} path *\n", &begins[..1]),
                    None => format!("{line}\n"),
                };
                let text: String = text.lines().map(line).collect();
                let row = "\t\ttls1.3 class-1 \"\"\n\t\tdefault \"\" \"\"\n";
                replaced(&text, "\t\tdefault \"\" \"\"\n", row)
            },
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "a barred device is back in the table",
            "it",
            move |text| {
                let by_digit = format!("\tmap @begins-{} ", &lost[..1]);
                let table = if text.contains(&by_digit) {
                    &by_digit
                } else {
                    "\tmap "
                };
                instead(text, "&(classes)", table, |line| {
                    format!("{line}\n\t\t{lost} class-1 \"alice\"")
                })
            },
            As(&["alice/lost (barred ", "should be refused, got 200"]),
        ),
        weakening(
            "somebody is left out of the table",
            "notes",
            move |text| {
                let own = format!("\t\t{pixel} ");
                instead(text, "&(classes)", &own, |line| {
                    line.replace(pixel, &"0".repeat(64))
                })
            },
            As(&["alice/pixel at /: should be let in, got 403 from the edge"]),
        ),
        weakening(
            "a certificate has the class of another",
            "notes",
            move |text| {
                let own = format!("\t\t{pixel} ");
                instead(text, "&(classes)", &own, |line| {
                    line.replace("class-1", "class-2")
                })
            },
            As(&["alice/pixel at /: should be let in, got 403 from the edge"]),
        ),
        weakening(
            "a list has another class besides",
            "bobs",
            |text| {
                instead(text, "&(audience-bobs)", of_class, |line| {
                    line.replace("in [", "in ['class-1', ")
                })
            },
            As(&["alice/pixel at /: should be refused with 403, got 200"]),
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
            "who has no class is on the list",
            "notes",
            |text| {
                instead(text, "&(audience-it)", of_class, |line| {
                    line.replace("in [", "in ['', ")
                })
            },
            As(&["nobody at /: should be refused with 403, got 200"]),
        ),
        weakening(
            "a site does not ask for the class",
            "notes",
            |text| in_site(text, "notes", "\tinvoke classes\n", ""),
            As(&["alice/pixel at /: should be let in, got 403 from the edge"]),
        ),
        weakening(
            "a site goes by the list of another",
            "notes",
            |text| in_site(text, "notes", "audience-it", "audience-bobs"),
            As(&[
                "bob/iphone at /: should be",
                "alice/pixel at /: should be let in",
            ]),
        ),
        weakening(
            "a path goes by the list of another",
            "parts",
            |text| {
                in_site(
                    text,
                    "parts",
                    "vars audience-it in",
                    "vars audience-bobs in",
                )
            },
            As(&["bob/iphone at /hers/"]),
        ),
        weakening(
            "somebody else is told of",
            "it",
            move |text| {
                let own = format!("\t\t{pixel} ");
                instead(text, "&(classes)", &own, |line| {
                    line.replace("\"alice\"", "\"crowd\"")
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
                instead(text, "&(people)", "\t\tperson-alice ", |line| {
                    line.replace("\"alice\"", "\"bob\"")
                })
            },
            As(&["the upstream is told `remote-name: bob`, and should be told `alice`"]),
        ),
        weakening(
            "nobody is told of",
            "it",
            |text| in_site(text, "it", "\t\tinvoke people\n", ""),
            As(&["and should be told `alice@home.example.com`"]),
        ),
    ]
}

fn are_noticed(crowd: usize) {
    let upstream = Upstream::start("it");
    let house = house_of(&declaration(&upstream, crowd));
    let pixel = house.bundle("alice", "pixel");
    let pixel = pixel.fingerprint(&house.lab.home());
    let version = Version::New;
    let generated = house.generated(version);
    assert_eq!(generated.contains("@begins-"), crowd > 1_400);
    assert_eq!(version.fmt_diff(&generated), "");
    let lost = retired(&generated);
    let mut caddy = house.serve(version);
    for service in ["it", "notes", "bobs", "told", "parts"] {
        let told = verify(&house, &caddy, service);
        told.succeeds()
            .stdout_contains(&format!("ok     {service}."));
    }
    crate::assert_none(&missed(&house, &mut caddy, weakenings(&lost, &pixel)));
}

#[test]
fn what_is_weakened_of_one_table_is_noticed() {
    are_noticed(CROWDS[0]);
}

#[test]
fn what_is_weakened_of_tables_by_digits_is_noticed() {
    are_noticed(CROWDS[1]);
}

/// Every Caddy that has named routes lets in whom the tables let in, and no word of a visitor's changes of what class they are.
#[test]
fn nobody_says_of_what_class_they_are() {
    let upstream = Upstream::start("it");
    for crowd in CROWDS {
        let house = house_of(&declaration(&upstream, crowd));
        let pixel = house.bundle("alice", "pixel");
        let iphone = house.bundle("bob", "iphone");
        let pem = iphone.pem(&house.lab.home());
        for version in versions() {
            let caddy = house.serve_changed(version, with_a_site_of_ones_own);
            for (bundle, let_in, kept_out) in [
                (&pixel, &["notes", "it", "told"][..], &["bobs"][..]),
                (&iphone, &["bobs", "told"], &["notes", "it"]),
            ] {
                for service in let_in {
                    let host = format!("{service}.home.example.com");
                    bundle.shown(caddy.visit(&host, "/")).run().has_status(200);
                }
                for service in kept_out {
                    let host = format!("{service}.home.example.com");
                    let visit = caddy.visit(&host, "/?visitor.class=class-1&class=class-2");
                    let visit = CLAIMS
                        .iter()
                        .fold(visit, |visit, (name, value)| visit.header(name, value));
                    bundle.shown(visit).run().has_status(403);
                }
            }
            claims_are_nothing(&caddy, "notes.home.example.com", None);
            claims_are_nothing(&caddy, "notes.home.example.com", Some(&pem));
            // What a site of one's own says of a request is said of that request alone.
            let own = caddy.visit("own.home.example.com", "/").run();
            own.has_status(200).contains("class-1 in");
            let both = "GET / HTTP/1.1\r\nHost: own.home.example.com\r\n\r\n".to_owned()
                + &request("GET", "/", "notes.home.example.com");
            let reply = Wire::named(&caddy, "own.home.example.com").send(&both);
            assert_eq!(reply.statuses.len(), 2, "{version:?}: {}", reply.text);
            assert_ne!(reply.statuses[1], 200, "{version:?}: {}", reply.text);
        }
    }
}

const CLAIMS: [(&str, &str); 6] = [
    ("Visitor.Class", "class-1"),
    ("Visitor-Class", "class-1"),
    ("Http.Vars.Audience-It", "in"),
    ("Audience-It", "in"),
    ("Cookie", "visitor.class=class-1; audience-it=in"),
    ("Http.Request.Tls.Client.Fingerprint", "{visitor.class}"),
];

/// Whatever is said in a path, in a query, in a header: it is no class.
fn claims_are_nothing(caddy: &Caddy, host: &str, pem: Option<&std::path::PathBuf>) {
    let mut requests = String::new();
    let paths = [
        "/",
        "/{visitor.class}",
        "/class-1",
        "/?{http.vars.audience-it}",
        "/share/../x",
        "/%7bvisitor.class%7d",
    ];
    for path in paths {
        write!(requests, "GET {path} HTTP/1.1\r\nHost: {host}\r\n").unwrap();
        for (name, value) in CLAIMS {
            write!(requests, "{name}: {value}\r\n").unwrap();
        }
        requests += "\r\n";
    }
    requests += &request("GET", "/", host);
    let reply = Wire::named(caddy, host).maybe_pem(pem).send(&requests);
    assert_eq!(reply.statuses, [403; 7], "{}", reply.text);
}

/// One that says what guarded sites go by.
fn with_a_site_of_ones_own(text: &str) -> String {
    let own = "\nown.home.example.com {\n\ttls internal\n\tmap {http.request.method} {visitor.class} {\n\t\tdefault class-1\n\t}\n\tvars audience-it in\n\trespond \"{visitor.class} {http.vars.audience-it}\"\n}\n";
    let at = text.find("\n# bobs\n").expect("its site is there");
    format!("{}{own}{}", &text[..at], &text[at..])
}

/// More people than one expression holds are told of in parts.
#[test]
fn upstreams_are_told_of_each_of_very_many_people() {
    let upstream = Upstream::start("it");
    let mut text = String::from(
        "domain \"home.example.com\"\n\
         person \"aaron\" { device \"pixel\" platform=\"linux\"; }\n\
         person \"zoe\" { device \"laptop\" platform=\"linux\"; }\n",
    );
    let mut names = String::from("\"aaron\" \"zoe\"");
    for person in 0..1_450 {
        let print = spread(person);
        writeln!(
            text,
            "person \"p{person}\" {{ device \"d\" fingerprint=\"{print}\"; }}"
        )
        .unwrap();
        let gap = if person % 100 == 0 { " \\\n    " } else { " " };
        write!(names, "{gap}\"p{person}\"").unwrap();
    }
    writeln!(text, "group \"all\" {names}").unwrap();
    for service in ["a", "b"] {
        let at = upstream.address();
        writeln!(
            text,
            "service \"{service}\" {{ upstream \"http://{at}\"; allow \"all\"; identity; }}"
        )
        .unwrap();
    }
    let house = House::new(&text);
    let caddy = house.serve(Version::New);
    let generated = house.generated(Version::New);
    assert!(generated.contains("\tmap @people-2 person-{http.vars.told-person}"));
    for (person, device) in [("aaron", "pixel"), ("zoe", "laptop")] {
        let visit = caddy.visit("b.home.example.com", "/");
        let answer = house.bundle(person, device).shown(visit).run();
        let arrival = answer.has_status(200).arrival();
        let email = format!("{person}@home.example.com");
        assert_eq!(arrival.header("Remote-User"), [person]);
        assert_eq!(arrival.header("Remote-Email"), [&email[..]]);
    }
    caddy
        .visit("b.home.example.com", "/")
        .run()
        .is_refused_in_tls();
}

/// A home in which each service lets in all but one.
fn all_but_one(people: usize, services: usize, told: &str) -> Lab {
    let mut text = String::from("domain \"home.example.com\"\n");
    for person in 0..people {
        write!(text, "person \"p{person:03}\" {{ ").unwrap();
        for device in 0..10 {
            let print = spread(10 * person + device);
            write!(text, "device \"d{device}\" fingerprint=\"{print}\"; ").unwrap();
        }
        text += "}\n";
    }
    for service in 0..services {
        let others = (0..people).filter(|person| *person != service);
        let others: String = others.map(|person| format!(" \"p{person:03}\"")).collect();
        writeln!(text, "group \"but-{service}\"{others}").unwrap();
        writeln!(
            text,
            "service \"s{service}\" {{ respond \"ok\"; allow \"but-{service}\"; }}"
        )
        .unwrap();
    }
    let lab = Lab::new().declare(&text.replace(
        "respond \"ok\";",
        &format!("upstream \"http://127.0.0.1:9\"; {told}"),
    ));
    lab.command(["build"]).run().succeeds();
    lab
}

/// How much Caddy has to read is no matter of how many services let in whom: no clock says so, for machines differ.
#[test]
fn a_certificate_of_a_large_home_is_in_the_files_once() {
    for (people, told) in [(30, ""), (30, "identity; "), (150, ""), (150, "identity; ")] {
        let text = |services: usize| {
            let edge = snapshot(&all_but_one(people, services, told).path().join("out/edge"));
            let files = { edge.into_iter() }.filter(|(path, _)| path.ends_with(".caddyfile"));
            let texts = files.map(|(_, entry)| match entry.kind {
                Kind::File(bytes) => String::from_utf8(bytes).expect("a text"),
                _ => String::new(),
            });
            texts.collect::<String>()
        };
        let (few, many) = (text(10), text(20));
        for device in 0..10 * people {
            for text in [&few, &many] {
                assert_eq!(text.matches(&spread(device)).count(), 1, "{device}");
            }
        }
        // Ten more services have as many classes more, and a list of twenty.
        let more = many.len() - few.len();
        assert!(more < 10 * 2_500, "{people} {told}: {more}");
        let imports =
            |text: &str| text.matches("import ").count() + text.matches("invoke ").count();
        assert!(imports(&many) - imports(&few) <= 10 * 6);
    }
}

/// What few read together stays where it is read best.
#[test]
fn lists_that_are_short_together_stand_alone() {
    for (people, services, are_classes) in [(23, 6, false), (23, 7, true), (150, 1, false)] {
        let sites = all_but_one(people, services, "").read("out/edge/sites.caddyfile");
        assert_eq!(
            sites.contains("&(classes)"),
            are_classes,
            "{people} {services}"
        );
        assert_eq!(
            sites.contains("{http.request.tls.client.fingerprint} in ["),
            !are_classes
        );
    }
}
