//! `homelab lint`.

use std::io::Read;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

use super::arguments::Lint;
use super::report;
use crate::diagnostic::{Failure, Fault, counted};
use crate::lint::{Configuration, Finding, Findings, lint};
use crate::source::visible;
use crate::workspace::caddy::{self, Adapted, Asked};
use crate::workspace::whole;

/// Bytes of a Caddyfile or of its JSON, at the most.
const LIMIT: u64 = 256 << 20;

#[derive(Debug, Error, Diagnostic)]
enum LintError {
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(
        code("lint::cannot-read"),
        help("name a Caddyfile, a .json file of Caddy's, or `-` for standard input")
    )]
    CannotRead {
        path: PathBuf,
        source: std::io::Error,
    },

    #[error("`{}` is no configuration of Caddy's: {source}", path.display())]
    #[diagnostic(
        code("lint::not-a-configuration"),
        help("`caddy adapt` prints one; a Caddyfile has another name than `….json`")
    )]
    NotAConfiguration {
        path: PathBuf,
        source: serde_json::Error,
    },

    #[error("{what}")]
    #[diagnostic(
        code("lint::found"),
        help("what is meant to be so is named by `--allow`, such as `--allow {first}`")
    )]
    Found { what: String, first: &'static str },
}

/// What is told to scripts.
#[derive(Serialize)]
struct Told<'f> {
    findings: &'f Findings,
    /// The Caddy by which it was judged; none where that is not known.
    caddy: Option<String>,
    servers: usize,
    /// Apps of which nothing is known.
    not_looked_at: Vec<&'f str>,
}

/// Says where a configuration of Caddy's lets somebody in.
pub(super) fn run(arguments: &Lint) -> Result<(), Failure> {
    let Adapted { json, version } = read(&arguments.configuration)?;
    let configuration = Configuration::from_json(&json).map_err(|source| {
        let path = arguments.configuration.clone();
        Failure::environment(LintError::NotAConfiguration { path, source })
    })?;
    let caddy = arguments.caddy.or(version);
    let found = lint(&configuration, caddy).but_for(&arguments.allow);
    let told = Told {
        findings: &found,
        caddy: caddy.map(|version| version.to_string()),
        servers: configuration.count_servers(),
        not_looked_at: configuration.unknown().collect(),
    };
    if arguments.json {
        report::json(&told)?;
    } else {
        report::table(&text(&told))?;
    }
    conclude(&found)
}

fn conclude(found: &Findings) -> Result<(), Failure> {
    let Some(first) = found.0.first() else {
        return Ok(());
    };
    let count = found.0.len();
    let what = counted(count, "line lets somebody in", "lines let somebody in");
    let first = first.code;
    Err(Failure::new(
        Fault::Difference,
        LintError::Found { what, first },
    ))
}

/// The JSON of a configuration, as it is or as `caddy adapt` has it.
fn read(path: &Path) -> Result<Adapted, Failure> {
    let as_it_is = |json| Adapted {
        json,
        version: None,
    };
    let cannot_read = |source| {
        Failure::environment(LintError::CannotRead {
            path: path.to_owned(),
            source,
        })
    };
    let adapted = if path == Path::new("-") {
        let mut text = Vec::new();
        let read = std::io::stdin().take(LIMIT).read_to_end(&mut text);
        read.map_err(cannot_read)?;
        if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok() {
            return Ok(as_it_is(text));
        }
        caddy::adapt(Asked::Text(&text))
    } else {
        let text = whole(path, LIMIT).map_err(cannot_read)?;
        if path.extension().is_some_and(|ending| ending == "json") {
            return Ok(as_it_is(text));
        }
        caddy::adapt(Asked::File(path))
    };
    adapted.map_err(Failure::environment)
}

fn text(told: &Told<'_>) -> String {
    let findings: String = told.findings.0.iter().map(shown).collect();
    let servers = match told.servers {
        0 => String::from("there is no HTTP server in it"),
        count => counted(count, "HTTP server looked at", "HTTP servers looked at"),
    };
    let unseen = match told.not_looked_at.as_slice() {
        [] => String::new(),
        apps => {
            let apps: Vec<String> = apps.iter().map(|app| visible(app)).collect();
            format!(", and not at what `{}` does", apps.join("`, `"))
        }
    };
    let found = match told.findings.0.len() {
        0 => String::from("nothing found that lets somebody in"),
        count => format!("{count} found"),
    };
    format!("{findings}{servers}{unseen}; {found}\n")
}

fn shown(finding: &Finding) -> String {
    let Finding {
        code,
        at,
        path,
        what,
        why,
        instead,
    } = finding;
    let (red, bold) = (AnsiColor::Red.on_default(), Style::new().bold());
    format!(
        "{red}{code}{red:#}  {bold}{at}{bold:#}: {what}\n  why      {why}\n  instead  {instead}\n  where    {path}\n\n"
    )
}
