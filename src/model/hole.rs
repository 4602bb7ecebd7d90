//! The known holes of Caddy that matter to an edge with client certificates, by version.
//!
//! "Read" is the advisory, or Caddy's own history, as it could be read on 2026-11-26; "measured" is what
//! was tried on real Caddys before homelab said so. Holes of HTTP/3, FastCGI and of anything else that is
//! never generated are left out, but for those that a template or a `raw` line of one's own brings back.

use super::CaddyVersion;

/// A hole, and what it lets happen here.
#[derive(Debug)]
pub(crate) struct Hole {
    /// The number of the CVE, of the advisory or of the issue.
    pub id: &'static str,
    /// The first release that has it, as far back as 2.6.0.
    pub first: CaddyVersion,
    /// The first that does not; none where all have it.
    pub fixed: Option<CaddyVersion>,
    /// What it lets happen here, in a sentence.
    pub lets: &'static str,
    /// Whether the generated file closes it.
    pub closed: Closed,
    /// Where it was read: for whoever doubts it, as what was measured is.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test sees that each hole has both")
    )]
    pub read: &'static str,
    /// What was measured here.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test sees that each hole has both")
    )]
    pub measured: &'static str,
}

/// Whether a hole is closed whatever Caddy runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// By a line of the generated file, which holds these words.
    ByLine(&'static str),
    /// By how the whole is made: why.
    ByDesign(&'static str),
    /// Not at all: only another Caddy helps.
    Open,
}

impl Hole {
    /// Whether that version has it; of a minor without a patch level, whether its first release has.
    pub(crate) fn is_in(&self, version: CaddyVersion) -> bool {
        let release = version.first_release();
        self.first <= release && self.fixed.is_none_or(|fixed| release < fixed)
    }

    /// Whether nothing but a newer Caddy closes it.
    pub(crate) fn is_open(&self) -> bool {
        self.closed == Closed::Open
    }
}

/// The holes that a version has and a later one has not.
pub(crate) fn holes_of(version: CaddyVersion) -> impl Iterator<Item = &'static Hole> {
    let has = move |hole: &&Hole| hole.fixed.is_some() && hole.is_in(version);
    HOLES.iter().filter(has)
}

const ALWAYS: CaddyVersion = CaddyVersion::release(6, 0);

/// All of them, the gravest first.
pub(crate) const HOLES: &[Hole] = &[
    Hole {
        id: "CVE-2023-44487",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(7, 5)),
        lets: "anybody can keep the machine busy by opening HTTP/2 requests and cancelling them",
        closed: Closed::Open,
        read: "CVE-2023-44487 (HTTP/2 rapid reset), in Go's net/http before 1.20.10 and 1.21.3; Caddy 2.7.5 is built with the mended one",
        measured: "Debian 12's 2.6.2-5 says that it is built with Go 1.19.8; the attack was not tried",
    },
    Hole {
        id: "CVE-2023-45288",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(8, 0)),
        lets: "anybody can keep the machine busy with HTTP/2 headers that have no end",
        closed: Closed::Open,
        read: "CVE-2023-45288, in Go's net/http before 1.21.9 and 1.22.2; Caddy 2.8.0 is the first release after them",
        measured: "not tried; half a head without an end is held for 121 s by 2.6.2 and 2.11.7 alike",
    },
    Hole {
        id: "CVE-2023-29409",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(7, 4)),
        lets: "a stranger's certificate with a huge key costs half a second of a processor for each handshake",
        closed: Closed::Open,
        read: "CVE-2023-29409, in Go's crypto/tls before 1.19.12 and 1.20.7; Caddy 2.7.4 is the first whose release asks for Go 1.21",
        measured: "a chain of 48 KB cost Debian 12's 2.6.2 0.5 s",
    },
    Hole {
        id: "CVE-2026-27589",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 1)),
        lets: "a page in a browser on the Caddy host can replace the whole policy at the admin endpoint",
        closed: Closed::ByLine("enforce_origin"),
        read: "CVE-2026-27589, GHSA-879p-475x-rqh2: before 2.11.1",
        measured: "POST /load with a page's headers: taken by 2.6.2 to 2.10.2, by none of them with `enforce_origin`",
    },
    Hole {
        id: "CVE-2026-30852",
        first: CaddyVersion::release(7, 0),
        fixed: Some(CaddyVersion::release(11, 2)),
        lets: "a request for `x:{a}/../secret` passes the checks of paths, and what stands in braces is filled in",
        closed: Closed::ByLine("expression {{ matches(\"http.request.uri\""),
        read: "CVE-2026-30852, GHSA-m2w3-8f23-hxxf: the second expansion came with caddy#5408 in 2.7.0 and went in 2.11.2",
        measured: "2.8.4, 2.9.1, 2.10.2 and 2.11.1 have it, 2.6.2 and 2.11.2 have not",
    },
    Hole {
        id: "GHSA-wwhq-w58m-w29c",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 3)),
        lets: "a template or a `raw` line that matches a variable with `vars_regexp` fills in what visitors send in braces",
        closed: Closed::ByDesign("the generated file sets no variables"),
        read: "GHSA-wwhq-w58m-w29c, caddy#7629, whose first release by its tags is 2.11.3",
        measured: "not tried",
    },
    Hole {
        id: "CVE-2026-77281",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 4)),
        lets: "a template or a `raw` line that rewrites to what visitors send, with a `?` at its end, fills in what stands in braces",
        closed: Closed::ByDesign("nothing is rewritten to what a visitor sends"),
        read: "CVE-2026-77281, GHSA-j8px-rmrx-76h9, caddy#7761, whose first release by its tags is 2.11.4",
        measured: "not tried",
    },
    Hole {
        id: "CVE-2026-52845",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 4)),
        lets: "an upstream that reads `_` as `-` takes a visitor's `X_Forwarded_For` for Caddy's own",
        closed: Closed::ByLine("request_header -*_*"),
        read: "CVE-2026-52845, GHSA-f59h-q822-g45g: before 2.11.4; its authors name forward_auth and FastCGI, gunicorn and others read headers alike",
        measured: "2.6.2, 2.8.4 and 2.10.2 pass such names on, 2.11.4 and 2.11.7 drop them",
    },
    Hole {
        id: "CVE-2026-52844",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 4)),
        lets: "on Windows, backslashes hide a path from the checks of paths",
        closed: Closed::ByDesign(
            "paths are public by a list of plain characters; where a path has a narrower policy, a backslash is a slash",
        ),
        read: "CVE-2026-52844: before 2.11.4",
        measured: "not tried: no Windows",
    },
    Hole {
        id: "CVE-2026-27586",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 1)),
        lets: "where the file with the authority is missing, every certificate of a public authority is taken for one of yours",
        closed: Closed::ByDesign("the authority stands in the Caddyfile itself"),
        read: "CVE-2026-27586: before 2.11.1",
        measured: "of a Caddyfile that names such a file, 2.6.2, 2.8.4, 2.10.2 and 2.11.4 all refuse to start; by JSON it was not tried",
    },
    Hole {
        id: "CVE-2025-68121",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 0)),
        lets: "a session that was begun at one site, or under an authority that was retired, is resumed at another",
        closed: Closed::ByDesign(
            "every request is held against the list of its site, resumed or not",
        ),
        read: "CVE-2025-68121, in Go's crypto/tls before 1.24.13 and 1.25.7; Caddy 2.11.0 is the first whose release asks for Go 1.26",
        measured: "sessions went from site to site on 2.8.4, and the lists refused them on all",
    },
    Hole {
        id: "CVE-2026-27588",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 1)),
        lets: "a site of more than 100 hosts is not found under its names in capitals",
        closed: Closed::ByDesign("behind no site of its own, a name reaches nothing"),
        read: "CVE-2026-27588, GHSA-x76f-jf84-rqj8: before 2.11.1",
        measured: "not tried",
    },
    Hole {
        id: "CVE-2026-27587",
        first: ALWAYS,
        fixed: Some(CaddyVersion::release(11, 1)),
        lets: "a path in capitals is not found by a `path` that has percent signs",
        closed: Closed::ByDesign("what a public path does not match is refused"),
        read: "CVE-2026-27587: before 2.11.1",
        measured: "not tried",
    },
    Hole {
        id: "CVE-2026-30851",
        first: CaddyVersion::release(10, 0),
        fixed: Some(CaddyVersion::release(11, 2)),
        lets: "a template or a `raw` line with `forward_auth` believes visitors who say who they are",
        closed: Closed::ByDesign(
            "`sign-in` takes out what a visitor says before it says what the gateway does, and `Remote-*` is removed in front of every site",
        ),
        read: "GHSA-7r4p-vjf4-gxv4, caddy#7545: 2.10.0 to 2.11.1",
        measured: "not tried",
    },
    Hole {
        id: "caddy#7530",
        first: CaddyVersion::release(11, 2),
        fixed: None,
        lets: "who shows no certificate has the fingerprint of nothing, e3b0c442…",
        closed: Closed::ByDesign(
            "lists name fingerprints of certificates, and that one is no certificate's",
        ),
        read: "caddy#7534, which came with 2.11.2: the placeholders of a certificate are there without one",
        measured: "seen on 2.11.2, 2.11.4 and 2.11.7: a device that is declared with it is everybody",
    },
    Hole {
        id: "caddy#8023",
        first: ALWAYS,
        fixed: None,
        lets: "a path below a directory of files can lead to another web site",
        closed: Closed::ByLine("@backslash expression"),
        read: "caddy#8023 and caddy#7330, open",
        measured: "seen on 2.6.2 and 2.11.7",
    },
    Hole {
        id: "caddy#7443",
        first: ALWAYS,
        fixed: None,
        lets: "a browser that came without a certificate goes on without one: it is refused until it is restarted",
        closed: Closed::ByDesign(
            "nobody is let in by it; `certificate \"required\"`, which is usual, is not asked twice",
        ),
        read: "caddy#7443, open",
        measured: "seen in Chromium, see docs/edge.md",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_safe_caddy_has_no_hole_that_stays_open_and_a_later_one_closes() {
        for hole in holes_of(CaddyVersion::SAFE) {
            assert!(!hole.is_open(), "{hole:?}");
        }
        // It is the first such: each release before it has one that needs it, or a template brings back.
        let fixes = HOLES.iter().filter_map(|hole| hole.fixed);
        assert_eq!(fixes.max(), Some(CaddyVersion::SAFE));
    }

    #[test]
    fn the_table_is_in_order() {
        let mut seen = BTreeSet::new();
        for hole in HOLES {
            assert!(seen.insert(hole.id), "{} twice", hole.id);
            assert_eq!(hole.first, hole.first.first_release(), "{}", hole.id);
            assert!(
                hole.fixed.is_none_or(|fixed| hole.first < fixed),
                "{}",
                hole.id
            );
            for text in [hole.lets, hole.read, hole.measured] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{text:?}");
            }
        }
    }

    #[test]
    fn versions_have_their_holes() {
        let ids = |text: &str| -> BTreeSet<&str> {
            let version = CaddyVersion::new(text).expect("it is one");
            holes_of(version).map(|hole| hole.id).collect()
        };
        let (debian, old, latest) = (ids("2.6.2"), ids("2.8.4"), ids("2.11.7"));
        assert!(debian.contains("CVE-2023-29409") && !debian.contains("CVE-2026-30852"));
        assert!(old.contains("CVE-2026-30852") && !old.contains("CVE-2023-29409"));
        assert!(
            ids("2.11.1").contains("CVE-2026-30852") && !ids("2.11.2").contains("CVE-2026-30852")
        );
        assert_eq!(latest, BTreeSet::new());
        assert_eq!(ids("2.11.4"), BTreeSet::new());
        // Of a minor, its first release counts.
        assert_eq!(ids("2.11"), ids("2.11.0"));
        assert_eq!(ids("2.6"), ids("2.6.0"));
    }

    /// What is said to close a hole stands in what is generated.
    #[test]
    fn the_lines_that_close_holes_are_generated() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let files = std::fs::read_dir(directory).expect("the templates are there");
        let paths = files.map(|file| file.expect("it can be listed").path());
        let edge = paths.filter(|path| path.to_string_lossy().to_lowercase().contains("caddyfile"));
        let text: String = edge
            .map(|path| std::fs::read_to_string(path).expect("it is text"))
            .collect();
        for hole in HOLES {
            if let Closed::ByLine(words) = hole.closed {
                assert!(text.contains(words), "{}: {words}", hole.id);
            }
        }
    }
}
