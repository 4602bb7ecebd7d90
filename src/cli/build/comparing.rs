//! `homelab build --check`.

use miette::Diagnostic;
use thiserror::Error;

use super::super::arguments::Make;
use super::super::progress::BAR;
use super::super::{clock, report};
use super::{Operation, execute_failure};
use crate::build::{self, Consent, Mismatch, Mode, Rendering, owner};
use crate::diagnostic::{Failure, Fault};
use crate::prepared::prepare;
use crate::render::Secrets;
use crate::tree::View;
use crate::tree::summed::{self, Line};
use crate::workspace::{Inputs, PATIENCE, Still};

#[derive(Debug, Error, Diagnostic)]
#[error("`{}` is not what homelab.kdl says:\n{}", out, differences.join("\n"))]
#[diagnostic(code("tree::differs"), help("run `homelab build` to make it so"))]
struct Differs {
    out: String,
    differences: Vec<String>,
}

/// Makes everything anew in memory and compares; writes nothing.
pub(super) fn check_tree(
    inputs: &Inputs<Still>,
    make: &Make,
    consent: Consent<'_>,
) -> Result<(), Failure> {
    let Inputs {
        workspace,
        out,
        templates,
        ..
    } = inputs;
    let lock = workspace.issued_lock()?;
    let prepared = prepare(
        inputs,
        Some(lock),
        &Operation::Nothing,
        clock::intent(Mode::Locked, consent)?,
    )?;
    let lock = &prepared.lock;
    let opened = { make.secret.means() }.open(workspace, lock, &lock.roots())?;
    let secrets = Secrets::of(opened.keyring, lock).map_err(Failure::environment)?;
    let derivations = prepared.derivations();
    let view = View::open(out, owner(lock), PATIENCE).map_err(Failure::environment)?;
    let differences = build::differences(
        &view,
        &derivations,
        Rendering {
            templates,
            secrets: Some(&secrets),
            progress: &BAR,
        },
    );
    let differences = differences.map_err(execute_failure)?;
    let folders = view.altered_folders().map_err(Failure::environment)?;
    if view.shows_secrets() {
        report::note(build::shown_secrets(out));
    }
    if differences.is_empty() && folders.is_empty() {
        report::result(format_args!("{} unchanged", derivations.len()));
        return Ok(());
    }
    let found: Vec<(&str, Mismatch)> = { differences.iter() }
        .map(|difference| (difference.path.as_str(), difference.what))
        .collect();
    let found = summed::lines(&found, make.verbosity.listing()).into_iter();
    let named = |(line, what): (Line, Mismatch)| match line.count {
        Some(_) => format!("{}: each {what}", line.below(out)),
        None => format!("{} {what}", line.below(out)),
    };
    let folders = folders.iter();
    let folders = folders.map(|folder| format!("{} has another mode", folder.display()));
    Err(Failure::new(
        Fault::Difference,
        Differs {
            out: out.display().to_string(),
            differences: found.map(named).chain(folders).collect(),
        },
    ))
}
