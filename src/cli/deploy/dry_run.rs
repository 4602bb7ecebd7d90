//! `homelab deploy --dry-run`.

use super::told::Telling;
use super::{Arguments, Subject, declared_place, look, refuse_older};
use crate::build::{Consent, Mode, owner};
use crate::cli::arguments::Make;
use crate::cli::build::{Operation, prepare};
use crate::deploy::Release;
use crate::diagnostic::Failure;
use crate::tree::View;
use crate::workspace::{Inputs, PATIENCE};

/// Tells what a deploy would mean, and changes nothing, here or there.
pub(super) fn dry_run(arguments: &Arguments) -> Result<(), Failure> {
    let Make {
        declaration, out, ..
    } = &arguments.make;
    let inputs = Inputs::read(declaration.still()?, out.as_deref())?;
    let lock = inputs.workspace.lock()?;
    let consent = Consent::accepting(&arguments.accept_return_of);
    let (release, lock) = {
        let prepared = prepare(&inputs, lock, &Operation::Nothing, Mode::Edge, consent)?;
        let view = View::open(&inputs.out, owner(&prepared.lock), PATIENCE);
        let view = view.map_err(Failure::environment)?;
        let release = Release::rendered(&prepared.derivations(), &inputs.templates, &view);
        (release?, prepared.lock.clone())
    };
    let subject = Subject::of(arguments, inputs, lock);
    let place = declared_place(&subject.homelab)?;
    let mut telling = Telling::of(place, arguments.json);
    let (_session, standing) = look(place, &mut telling)?;
    refuse_older(&subject, place, &standing)?;
    telling.meaning(&standing, release.state().as_ref());
    telling.foreseen(&standing, &release)
}
