//! What a user's own templates of the edge let in: asked of the `caddy` of the PATH, where there is one.
//!
//! What a build makes never depends on that. Where something is found a build is refused, here and on every machine that has a Caddy; what is
//! meant is said in the template itself, and so goes with the repository. With built-in templates nothing is run.

use std::io;
use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use crate::build::{Prepared, Stop};
use crate::derive::Derivation;
use crate::diagnostic::{Failure, Fault, listed};
use crate::lint::{Configuration, Finding, Findings, allowed_in, lint};
use crate::render::{Bundles, render};
use crate::template::Templates;
use crate::workspace::caddy::{AdaptError, Asked, adapt};

#[derive(Debug, Error, Diagnostic)]
#[error("{templates} would let somebody in: {}: {}", found.at, found.what)]
#[diagnostic(
    code("lint::in-template"),
    help("{}, for {}. If it is meant, say so in the template: `{{# homelab: allow {} #}}`", found.instead, found.why, found.name())
)]
struct InTemplate {
    templates: String,
    found: Finding,
}

/// What came of looking.
pub(crate) enum Looked {
    /// There are none, or no Caddy that could be asked.
    Not,
    /// The Caddy that was asked does not take the files.
    Refused(String),
    /// It was asked, and this was found.
    At(Findings),
}

impl Looked {
    /// Why a build is refused, and what there is to know.
    pub(crate) fn told(self, templates: &Templates) -> (Vec<Stop>, Option<String>) {
        match self {
            Looked::Not => (Vec::new(), None),
            Looked::Refused(why) => (
                Vec::new(),
                Some(format!(
                    "What your own templates of the edge let in was not looked at: {why}. `homelab lint` does so where the Caddy is that will run them."
                )),
            ),
            Looked::At(findings) => {
                let names = templates
                    .of_the_edge()
                    .into_iter()
                    .map(|name| format!("`templates/{name}`"));
                let names: Vec<String> = names.collect();
                let templates = listed(&names).to_string();
                let stop = |found| {
                    Stop::new(
                        Fault::Declaration,
                        InTemplate {
                            templates: templates.clone(),
                            found,
                        },
                    )
                };
                (findings.0.into_iter().map(stop).collect(), None)
            }
        }
    }
}

/// Looks at the edge's files as they would be made.
pub(crate) fn look(prepared: &Prepared<'_>, templates: &Templates) -> Result<Looked, Failure> {
    if templates.of_the_edge().is_empty() {
        return Ok(Looked::Not);
    }
    let homelab = prepared.situation.homelab;
    let derivations = &prepared.derivations();
    let place = tempfile::tempdir().map_err(cannot_write)?;
    let (own, usual) = (place.path().join("own"), place.path().join("usual"));
    let mut all = Findings::default();
    for part in homelab.edges() {
        let edge = part.directory();
        let (own, usual) = (own.join(&edge), usual.join(&edge));
        let is_written = write(derivations, &edge, templates, &own)?
            && write(derivations, &edge, &templates.without_overrides(), &usual)?;
        if !is_written {
            // That it cannot be rendered is told by who renders it.
            return Ok(Looked::Not);
        }
        let found = match found_at(&own.join("Caddyfile"), templates) {
            Looked::At(found) => found,
            other => return Ok(other),
        };
        // What the built-in templates have is nobody's fault here, and what one edge has is told once.
        let found = match found_at(&usual.join("Caddyfile"), templates) {
            Looked::At(usual) => found.beyond(&usual),
            _ => found,
        };
        all.0.extend(found.beyond(&all).0);
    }
    Ok(Looked::At(all))
}

/// Looks at files that are there.
pub(crate) fn found_at(caddyfile: &Path, templates: &Templates) -> Looked {
    let adapted = match adapt(Asked::File(caddyfile)) {
        Ok(adapted) => adapted,
        Err(AdaptError::NoCaddy) => return Looked::Not,
        Err(error) => return Looked::Refused(error.to_string()),
    };
    match Configuration::from_json(&adapted.json) {
        Ok(configuration) => {
            let allowed: Vec<_> = templates.texts_of_the_edge().flat_map(allowed_in).collect();
            Looked::At(lint(&configuration, adapted.version).but_for(&allowed))
        }
        Err(error) => Looked::Refused(error.to_string()),
    }
}

/// Writes what is imported from the Caddyfile, and itself; whether all of it can be rendered.
fn write(
    derivations: &[Derivation],
    edge: &str,
    templates: &Templates,
    place: &Path,
) -> Result<bool, Failure> {
    std::fs::create_dir_all(place).map_err(cannot_write)?;
    for derivation in derivations {
        let path = Path::new(derivation.path.as_str());
        let Ok(name) = path.strip_prefix(edge) else {
            continue;
        };
        let is_caddyfile = name == Path::new("Caddyfile")
            || name.extension().is_some_and(|ending| ending == "caddyfile");
        if !is_caddyfile {
            continue;
        }
        let Ok(artifact) = render(&derivation.recipe, templates, &mut Bundles::new(None)) else {
            return Ok(false);
        };
        std::fs::write(place.join(name), artifact.bytes).map_err(cannot_write)?;
    }
    Ok(true)
}

#[derive(Debug, Error, Diagnostic)]
#[error("the edge's files cannot be written where `caddy` is to read them")]
#[diagnostic(
    code("lint::cannot-write"),
    help("see that the directory for temporary files (`TMPDIR`) can be written to")
)]
struct CannotWrite {
    source: io::Error,
}

fn cannot_write(source: io::Error) -> Failure {
    Failure::environment(CannotWrite { source })
}
