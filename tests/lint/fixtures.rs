//! The fixtures, made ready for a Caddy.
//!
//! Words in capitals stand for what only a run knows: `AUTHORITY` and `OTHER` for authorities, `PUBLIC` for one that calls itself a
//! public one, `ALICE` and `BOB` for fingerprints, `PASSWORD` for a hash, `UPSTREAM` for an address, `SECOND`, `GATEWAY` and `ADMIN` for ports.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::caddy::{Ports, Version};
use crate::support::lab::Lab;
use crate::support::outcome::Outcome;
use crate::support::port::Port;
use crate::support::recipe::{CA, P256, Recipe};
use crate::support::tools;
use crate::support::upstream::Upstream;

/// The hash of `a test of homelab`, at the cost that Caddy takes.
const PASSWORD: &str =
    "JDJhJDE0JHFaZG8vVURyLjFjT2E3R2plTnAvNE84MWZsSVl0TGxHNFd0NC45QWtMU01OUEg5UUJEbHJ1";

/// What fixtures are about.
pub struct World {
    pub ours: Recipe,
    pub theirs: Recipe,
    pub upstream: Upstream,
    pub ports: Ports,
    pub second: Port,
    pub gateway: Port,
    alice: String,
    public: String,
}

/// Whether a fixture has the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bad,
    Good,
}

impl World {
    pub fn new() -> Self {
        let (ours, theirs) = (Recipe::new(P256, CA), Recipe::new(P256, CA));
        let alice = plain(&ours.issue("alice"));
        ours.openssl(&format!("{P256} -out public.key"));
        ours.openssl(
            "req -x509 -new -key public.key -subj /O=Let's\\u0020Encrypt/CN=R11 -out public.pem",
        );
        let public = base64(&ours.read("public.pem"));
        Self {
            ours,
            theirs,
            upstream: Upstream::start("notes"),
            ports: Ports::reserve(),
            second: Port::reserve(),
            gateway: Port::reserve(),
            alice,
            public,
        }
    }

    /// The text of a fixture, for this world.
    #[track_caller]
    pub fn text(&self, form: &str, kind: Kind) -> String {
        self.filled(&path_of(form, kind))
    }

    /// The text of a file with its words filled in.
    #[track_caller]
    pub fn filled(&self, path: &Path) -> String {
        let text =
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let [ours, theirs] =
            [&self.ours, &self.theirs].map(|recipe| base64(&recipe.read("ca.pem")));
        let words = [
            ("AUTHORITY", ours.as_str()),
            ("OTHER", &theirs),
            ("PUBLIC", &self.public),
            ("ALICE", &self.alice),
            ("BOB", &"b".repeat(64)),
            ("PASSWORD", PASSWORD),
            ("UPSTREAM", &self.upstream.address()),
            ("SECOND", &self.second.number().to_string()),
            ("GATEWAY", &self.gateway.number().to_string()),
            ("ADMIN", &self.ports.admin.number().to_string()),
        ];
        words.iter().fold(text, |text, (word, stands_for)| {
            text.replace(word, stands_for)
        })
    }

    /// A fixture in the files that the tests' Caddys are started with: their options first, the sites apart.
    #[track_caller]
    pub fn files(&self, form: &str, kind: Kind) -> String {
        let text = self.text(form, kind);
        let (options, sites) = match text.strip_prefix("{\n") {
            Some(rest) => rest.split_once("\n}\n").expect("the options end"),
            None => ("", text.as_str()),
        };
        let options: Vec<&str> = options
            .lines()
            .map(|line| line.strip_prefix('\t').unwrap_or(line))
            .collect();
        let admin = match options.iter().any(|line| line.starts_with("admin ")) {
            true => String::new(),
            false => format!(
                "admin 127.0.0.1:{} {{\n\tenforce_origin\n}}\n",
                self.ports.admin.number()
            ),
        };
        format!(
            "# ------ Caddyfile\n{{\n\timport globals.caddyfile\n}}\nimport sites.caddyfile\n\
             # ------ globals.caddyfile\n{}{admin}{}\n\
             # ------ sites.caddyfile\n{sites}",
            self.ports.options(),
            options.join("\n")
        )
    }
}

/// The forms that have fixtures, sorted.
pub fn forms() -> Vec<String> {
    let entries = fs::read_dir(directory()).expect("there are fixtures");
    let names = entries.map(|entry| entry.expect("it can be listed").file_name());
    let mut names: Vec<String> = names
        .map(|name| name.into_string().expect("plain names"))
        .collect();
    names.sort();
    names
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/forms")
}

#[track_caller]
pub fn path_of(form: &str, kind: Kind) -> PathBuf {
    let stem = match kind {
        Kind::Bad => "bad",
        Kind::Good => "good",
    };
    let places = ["caddyfile", "json"]
        .map(|ending| directory().join(form).join(stem).with_extension(ending));
    let found = places.into_iter().find(|place| place.exists());
    found.unwrap_or_else(|| panic!("{form} has no {stem} fixture"))
}

/// A directory in which one Caddy is the `caddy` of the PATH.
pub fn with_caddy(version: Version) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    symlink(tools::tool(version.tool()), place.path().join("caddy")).expect("it is empty");
    place
}

/// `homelab lint` of a file, where that is the `caddy`.
#[track_caller]
pub fn lint(lab: &Lab, version: Version, arguments: &[&str]) -> Outcome {
    let place = with_caddy(version);
    let words = ["lint"].iter().chain(arguments).copied();
    lab.command(words).env("PATH", place.path()).run()
}

/// The codes of what was found, without `lint::`, sorted; each once.
#[track_caller]
pub fn codes(outcome: &Outcome) -> Vec<String> {
    let told: serde_json::Value =
        serde_json::from_str(outcome.stdout()).unwrap_or_else(|error| panic!("{error}\n{outcome}"));
    let findings = told["findings"].as_array().expect("there is a list");
    let codes = findings
        .iter()
        .map(|finding| finding["code"].as_str().expect("a code"));
    let mut codes: Vec<String> = codes
        .map(|code| code.trim_start_matches("lint::").to_owned())
        .collect();
    codes.sort();
    codes.dedup();
    codes
}

fn base64(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

fn plain(fingerprint: &str) -> String {
    fingerprint.replace(':', "").to_ascii_lowercase()
}
