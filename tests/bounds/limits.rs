//! The limits of the language: each as docs/language.md has it, taken at the limit, refused one beyond.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use homelab::internals::{Mistakes, compile, parse_source};

use crate::support::lab::Lab;

const DOMAIN: &str = "domain \"home.example.com\"\n";

/// One limit: the row of the table, by what it begins with, the code that tells it, and a declaration that has so many.
struct Limit {
    what: &'static str,
    code: &'static str,
    declared: fn(usize) -> String,
}

const LIMITS: [Limit; 17] = [
    Limit {
        what: "edges",
        code: "resolve::too-many-edges",
        declared: |count| {
            let edges = (1..=count).map(|number| format!("edge \"e{number}\"\n"));
            format!("{DOMAIN}{}", edges.collect::<String>())
        },
    },
    Limit {
        what: "addresses of an edge",
        code: "resolve::too-many-addresses",
        declared: |count| {
            let each = (1..=count).map(|number| format!(" \"203.0.113.{number}\""));
            format!("{DOMAIN}edge {{ address{}; }}\n", each.collect::<String>())
        },
    },
    Limit {
        what: "bytes of `homelab.kdl`",
        code: "parse::too-large",
        declared: |size| {
            let text = String::from(DOMAIN);
            let rest = size - text.len();
            text + &"\n".repeat(rest)
        },
    },
    Limit {
        what: "statements",
        code: "parse::too-many-statements",
        declared: |count| {
            let mut text = String::from(DOMAIN);
            for number in 1..count {
                let _ = writeln!(text, "person p{number}");
            }
            text
        },
    },
    Limit {
        what: "bytes of a statement that is not plain",
        code: "parse::statement-too-long",
        declared: |size| {
            let spaces = " ".repeat(size - "group #\"g\"# a".len());
            format!("{DOMAIN}person \"a\"\ngroup #\"g\"# {spaces}a\n")
        },
    },
    Limit {
        what: "levels of blocks",
        code: "parse::too-deep",
        declared: |levels| format!("{DOMAIN}{}{}\n", "/* ".repeat(levels), "*/ ".repeat(levels)),
    },
    Limit {
        what: "characters of a name",
        code: "resolve::bad-name",
        declared: |length| format!("{DOMAIN}person \"{}\"\n", "a".repeat(length)),
    },
    Limit {
        what: "characters of a person's and a device's name",
        code: "resolve::common-name-too-long",
        declared: |length| {
            let device = "d".repeat(length - "alice-".len());
            format!("{DOMAIN}person \"alice\" {{ device \"{device}\" platform=\"ios\"; }}\n")
        },
    },
    Limit {
        what: "characters of a name that is shown",
        code: "resolve::bad-display-name",
        declared: |length| {
            format!(
                "{DOMAIN}person \"alice\" {{ name \"{}\"; }}\n",
                "é".repeat(length)
            )
        },
    },
    Limit {
        what: "characters of the domain",
        code: "resolve::bad-domain",
        declared: |length| format!("domain \"{}.org\"\n", "a".repeat(length - ".org".len())),
    },
    Limit {
        what: "characters of a host",
        code: "resolve::bad-host",
        declared: |length| {
            let mut host = String::from("org");
            while host.len() < length {
                let label = (length - host.len() - 1).min(63);
                // What is left has to be a label, too.
                let label = if length - host.len() - 1 == 64 {
                    62
                } else {
                    label
                };
                host = format!("{}.{host}", "a".repeat(label));
            }
            service(&format!("host \"{host}\""))
        },
    },
    Limit {
        what: "characters of a part of a host",
        code: "resolve::bad-host",
        declared: |length| service(&format!("host \"{}.example.org\"", "a".repeat(length))),
    },
    Limit {
        what: "characters of an e-mail address",
        code: "resolve::bad-email",
        declared: |length| {
            let (local, label) = ("a".repeat(64), "b".repeat(63));
            let rest = "c".repeat(length - local.len() - 2 * label.len() - 3);
            email(&format!("{local}@{label}.{label}.{rest}"))
        },
    },
    Limit {
        what: "characters before its `@`",
        code: "resolve::bad-email",
        declared: |length| email(&format!("{}@example.org", "a".repeat(length))),
    },
    Limit {
        what: "days that a certificate is valid",
        code: "resolve::bad-duration",
        declared: |days| format!("{DOMAIN}validity {{ authority \"{days}d\"; }}\n"),
    },
    Limit {
        what: "certificates in the lists",
        code: "resolve::too-many-audiences",
        declared: |listed| {
            const DEVICES: usize = 1000;
            let mut text = format!("{DOMAIN}person \"busy\" {{\n");
            for number in 1..=DEVICES {
                let _ = writeln!(text, "device d{number} fingerprint=\"{number:064x}\"");
            }
            text += "}\n";
            // Each of these sets has all the devices of the first person.
            for set in 0..listed / DEVICES {
                let _ = writeln!(text, "person p{set}");
                text += &allowing(set, &["busy", &format!("p{set}")]);
            }
            // And one has what is left.
            for number in 0..listed % DEVICES {
                let fingerprint = DEVICES + 1 + number;
                let _ = writeln!(
                    text,
                    "person q{number} {{ device d fingerprint=\"{fingerprint:064x}\"; }}"
                );
                text += &allowing(listed + number, &[&format!("q{number}")]);
            }
            text
        },
    },
    Limit {
        what: "links on all landing pages",
        code: "resolve::landing-too-large",
        declared: |links| {
            const PEOPLE: usize = 100;
            let mut text = format!("{DOMAIN}edge {{ landing; }}\n");
            for service in 0..links / PEOPLE - 1 {
                let _ = writeln!(
                    text,
                    "service e{service} {{ upstream \"http://10.0.0.1:1\"; open everyone; }}"
                );
            }
            for person in 0..PEOPLE {
                let _ = writeln!(text, "person p{person} {{ device d platform=ios; }}");
                text += &allowing(person, &[&format!("p{person}")]);
            }
            for more in 0..links % PEOPLE {
                text += &allowing(PEOPLE + more, &[&format!("p{more}")]);
            }
            text
        },
    },
];

fn allowing(number: usize, names: &[&str]) -> String {
    let names = names.join(" ");
    format!("service s{number} {{ upstream \"http://10.0.0.1:1\"; allow {names}; }}\n")
}

fn service(line: &str) -> String {
    format!(
        "{DOMAIN}service \"s\" {{ upstream \"http://10.0.0.1:1\"; open \"everyone\"; {line}; }}\n"
    )
}

fn email(address: &str) -> String {
    format!("{DOMAIN}person \"alice\" {{ email \"{address}\"; }}\n")
}

fn read(text: String) -> Result<(), Mistakes> {
    let source = parse_source("homelab.kdl", text.into_bytes())?;
    compile(&source).map(drop)
}

/// All that is said of a mistake, without what is drawn of the source.
fn told(mistakes: Mistakes) -> Vec<String> {
    let reports = mistakes.into_reports().map(|report| {
        let labels = report.labels().into_iter().flatten();
        let labels: Vec<String> = labels
            .filter_map(|l| l.label().map(str::to_owned))
            .collect();
        let help = report.help().map(|help| help.to_string());
        let help = help.expect("it says what to do");
        assert!(!help.is_empty());
        format!("{report} {} {help}", labels.join(" "))
    });
    reports.collect()
}

/// The rows of the table, as what is limited, the limit, and the code.
fn table() -> Vec<(String, usize, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language.md");
    let text = fs::read_to_string(path).expect("it is there");
    let (_, limits) = text.split_once("\n## Limits\n").expect("it has them");
    let limits = limits.split("\n## ").next().unwrap_or(limits);
    let rows = limits.lines().filter(|line| line.starts_with("| ")).skip(1);
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [what, limit, code] = cells[..] else {
            panic!("{line}");
        };
        let limit = limit.replace(',', "").parse().expect("it is a number");
        (what.to_owned(), limit, code.trim_matches('`').to_owned())
    };
    rows.filter(|line| !line.starts_with("|--"))
        .map(row)
        .collect()
}

#[test]
fn each_limit_is_what_the_documentation_says_and_is_told_where_it_is_met() {
    let mut documented = table();
    for Limit {
        what,
        code,
        declared,
    } in LIMITS
    {
        let mut rows = documented.iter().enumerate();
        let row = rows.find(|(_, (row, _, of))| row.starts_with(what) && of == code);
        let (at, (_, limit, _)) = row.unwrap_or_else(|| panic!("no row about {what}"));
        let (at, limit) = (at, *limit);
        documented.remove(at);
        if let Err(mistakes) = read(declared(limit)) {
            panic!("{what}, {limit}: {:?}", told(mistakes));
        }
        let refused = read(declared(limit + 1)).expect_err(what);
        let codes: BTreeSet<&str> = refused.codes().into_iter().collect();
        assert_eq!(codes, BTreeSet::from([code]), "{what}");
        let told = told(refused);
        let names_it = told.iter().any(|told| told.contains(&limit.to_string()));
        assert!(names_it, "{what}: {told:?} has no {limit}");
    }
    assert!(documented.is_empty(), "nothing holds {documented:?}");
}

const PEOPLE: usize = 10_000;

/// Everybody, and a group of them all with so much between each two.
fn crowd(between: &str) -> String {
    let mut text = String::from(DOMAIN);
    for number in 0..PEOPLE {
        let _ = writeln!(text, "person \"person-{number:05}\"");
    }
    let names = (0..PEOPLE).map(|number| format!("\"person-{number:05}\""));
    text += &format!(
        "group \"all\" {}\n",
        names.collect::<Vec<_>>().join(between)
    );
    text += "service \"s\" { upstream \"http://10.0.0.1:1\"; allow \"all\"; }\n";
    text
}

#[test]
fn a_group_of_ten_thousand_people_is_written_on_one_line_or_on_several() {
    let on_one = Lab::new().declare(&crowd(" "));
    for between in [" ", " \\\n    ", " \\ // and\n"] {
        on_one.write("homelab.kdl", crowd(between));
        let outcome = on_one.command(["check"]).run();
        let counted = "is right: 10000 people, 0 devices, 1 service";
        outcome.succeeds().stdout_contains(counted);
    }
}

/// Whoever writes such a group as in another language, or forgets a quote or a `\` in the midst of it, is told just that.
#[test]
fn what_is_wrong_with_a_group_of_ten_thousand_people_is_told_by_its_habit() {
    let on_one = crowd(" ");
    let on_lines = crowd(" \\\n    ");
    let group = |text: String, from: &str, to: &str| {
        let (before, group) = text.split_once("\ngroup").expect("there is one");
        let (group, service) = group.split_once("\nservice").expect("it ends");
        let group = group.replace(from, to);
        format!("{before}\ngroup{group}\nservice{service}")
    };
    let eight = "\"person-08000\"";
    for (text, code, help) in [
        (
            crowd(", "),
            "parse::comma",
            "write `group \"all\" \"person-00000\" \"person-00001\"",
        ),
        (
            crowd(", \\\n"),
            "parse::comma",
            "write `group \"all\" \"person-00000\" \"person-00001\"",
        ),
        (
            group(on_one.clone(), eight, &format!("{eight},")),
            "parse::comma",
            "write `… person-08000 \"person-08001\"",
        ),
        (
            group(on_one.clone(), "\"", "'"),
            "parse::other-quotes",
            "write `group \"all\" \"person-00000\"",
        ),
        (
            group(on_one.clone(), eight, "“person-08000”"),
            "parse::other-quotes",
            "write `… person-08000 \"person-08001\"",
        ),
        (
            group(on_one.clone(), eight, "\"person-08000"),
            "parse::unclosed-text",
            "… person-08000 \"person-08001\"",
        ),
        (
            group(on_one.clone(), "\"person-09999\"", "\"person-09999"),
            "parse::unclosed-text",
            "`… person-09999`",
        ),
        (
            group(on_one.clone(), eight, "person-08000\""),
            "parse::unopened-text",
            "`… person-08000 \"person-08001\"",
        ),
        (
            group(on_one.clone(), &format!("{eight} "), eight),
            "parse::missing-space",
            "write `… person-08000 \"person-08001\"",
        ),
        (
            group(on_one.clone(), eight, &format!("{eight}{eight}")),
            "parse::missing-space",
            "write `… person-08000 \"person-08000\"",
        ),
        (
            crowd(""),
            "parse::missing-space",
            "write `group \"all\" \"person-00000\" \"person-00001\"",
        ),
        (
            group(on_one.clone(), eight, &format!("{eight};")),
            "parse::semicolon",
            "write a space in its place",
        ),
        (
            group(
                on_lines.clone(),
                &format!("{eight} \\"),
                &format!("{eight} // half of them"),
            ),
            "parse::line-end",
            "end the line before it with ` \\`",
        ),
        (
            group(on_lines.clone(), &format!("{eight} \\"), eight),
            "parse::line-end",
            "end the line before it with ` \\`",
        ),
        (
            crowd("\n    "),
            "parse::line-end",
            "the same on lines 10004,",
        ),
        (
            group(crowd("\n"), "\"all\" ", "\"all\" {\n").replace("\nservice", "\n}\nservice"),
            "parse::names-in-braces",
            "write `group \"all\" \"person-00000\" \"person-00001\"",
        ),
        (
            group(on_one.clone(), "\"all\" ", "\"all\" [").replace("\nservice", "]\nservice"),
            "parse::brackets",
            "write `group \"all\" \"person-00000\" \"person-00001\"",
        ),
        (
            group(
                on_one.clone(),
                &format!("{eight} "),
                &format!("{eight} \\ "),
            ),
            "parse::syntax",
            "a `\\` that is not at the end of its line",
        ),
        // What is no habit is told with the place where it stands.
        (
            group(on_one.clone(), eight, "/* them */"),
            "parse::statement-too-long",
            "not plain from here on",
        ),
    ] {
        let refused = read(text).expect_err(code);
        assert_eq!(refused.codes(), [code]);
        let told = told(refused).concat();
        assert!(told.contains(help), "{code}: {told}");
        assert!(told.len() < 1024, "{code}: {told}");
    }
}

/// Of a line that is as long as a file, what is shown is what stands beside the mistake.
#[test]
fn a_mistake_in_a_very_long_line_is_shown_shortly() {
    let lab = Lab::new();
    let text = crowd(" ");
    let group = text.find("group").expect("there is one");
    let column = text[group..]
        .find("\"person-08000\"")
        .expect("all are in it")
        + 1;
    for (from, to, words) in [
        (
            " \"person-08000\"",
            " \"persona-8000\"",
            &[
                "resolve::unknown-person",
                "persona-8000",
                "not declared",
                "person-07999",
                "person-08001",
            ][..],
        ),
        (
            " \"person-08000\"",
            " \"person-00002\"",
            &[
                "resolve::repeated-member",
                "again here",
                "first here",
                "person-07999",
                "person-00003",
            ],
        ),
        (
            " \"person-08000\"",
            " person-08000=17",
            &["parse::unknown-property", "not known here", "person-07999"],
        ),
        (
            " \"person-08000\"",
            " \"person-\u{202e}0800\"",
            &["parse::invisible-character", "\\u{202e}", "person-07999"],
        ),
    ] {
        let changed = format!("{}{}", &text[..group], text[group..].replacen(from, to, 1));
        lab.write("homelab.kdl", changed);
        let outcome = lab.command(["check"]).run();
        outcome.fails_with(1);
        for word in words {
            outcome.stderr_contains(word);
        }
        // Where it stands is counted from the line's start; an invisible one stands within the word.
        let place = format!("homelab.kdl:{}:", PEOPLE + 2);
        outcome.stderr_contains(&place);
        if !words[0].contains("repeated") && !words[0].contains("invisible") {
            outcome.stderr_contains(&format!("{place}{column}]"));
        }
        let size = outcome.stderr().len();
        assert!(size < 4096, "{size} bytes\n{outcome}");
    }
}

/// A word as long as a file is neither compared with all that is known nor printed whole.
#[test]
fn a_word_without_end_is_told_by_its_ends() {
    let lab = Lab::new();
    let long = "a".repeat(3 << 20);
    for text in [
        format!("{DOMAIN}{long}\n"),
        format!("{DOMAIN}{long}=1\n"),
        format!("{DOMAIN}person \"a\" {long}=1\n"),
        format!("{DOMAIN}group \"g\" \"{long}\"\n"),
        format!("{DOMAIN}person \"{long}\"\n"),
        format!("{DOMAIN}person {}\n", "a=1 ".repeat(1 << 19)),
    ] {
        lab.write("homelab.kdl", &text);
        let outcome = crate::bounded(lab.command(["check"]), &text[..60]);
        outcome
            .fails_with(1)
            .stderr_contains("parse::statement-too-long");
        let size = outcome.stderr().len();
        assert!(size < 4096, "{size} bytes\n{outcome}");
    }
}
