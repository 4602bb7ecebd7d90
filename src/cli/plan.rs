//! `homelab plan`.

mod drawing;

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use drawing::{shown, summary};

use super::arguments::Plan as Arguments;
use super::{clock, report};
use crate::build::{Consent, Mode, Plan};
use crate::diagnostic::{Failure, Fault};
use crate::prepared::{Foreseen, looked};

#[derive(Debug, Error, Diagnostic)]
#[error("a build would change something: {what}")]
#[diagnostic(code("plan::changes"), help("`homelab build` does it"))]
struct Changes {
    what: String,
}

/// Says what a build would change, and what it means for people.
pub(super) fn plan(arguments: &Arguments) -> Result<(), Failure> {
    let (out, plan) = settled(arguments)?;
    if arguments.json {
        report::json(&plan)?;
    } else {
        report::table(&shown(&plan, &out, arguments.verbosity.listing()))?;
    }
    if arguments.expect_no_changes && plan.changes {
        let what = summary(&plan);
        return Err(Failure::new(Fault::Difference, Changes { what }));
    }
    Ok(())
}

/// How often a plan is made anew where something was written while it was made.
const TRIES: u8 = 5;

/// A plan of one moment: it waits for nobody, so what it went by may be written meanwhile, and half of it would be of
/// the time before and half of the time after.
fn settled(arguments: &Arguments) -> Result<(PathBuf, Plan), Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        let workspace = arguments.declaration.workspace();
        let out = workspace.out(arguments.out.as_deref())?;
        let before = workspace.stamps(&out);
        let made = made(arguments);
        if tries == TRIES || workspace.stamps(&out) == before {
            return made.map(|plan| (out, plan));
        }
    }
}

fn made(arguments: &Arguments) -> Result<Plan, Failure> {
    let mode = if arguments.edge {
        Mode::Edge
    } else {
        Mode::Update
    };
    let workspace = arguments.declaration.workspace();
    let (inputs, beside) = looked(workspace, arguments.out.as_deref(), mode)?;
    let consent = Consent {
        revocations: arguments.allow_retire,
        ..Consent::accepting(&arguments.accept_return_of)
    };
    let intent = clock::intent(mode, consent)?;
    Foreseen::of(&inputs, beside, intent)?.plan()
}
