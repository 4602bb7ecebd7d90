//! `homelab deploy --dry-run`.

use super::{Arguments, Subject, each, look, refuse_older};
use crate::build::{Consent, LockOperation, Mode, owner};
use crate::cli::arguments::Make;
use crate::cli::clock;
use crate::deploy::{Release, targets};
use crate::diagnostic::Failure;
use crate::prepared::prepare;
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
    let intent = clock::intent(Mode::Edge, consent)?;
    targets(&inputs.homelab, &arguments.edges)?;
    let (derivations, lock) = {
        let prepared = prepare(&inputs, lock, &LockOperation::Nothing, intent)?;
        (prepared.derivations(), prepared.lock.clone())
    };
    let view = View::open(&inputs.out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
    let subject = Subject::of(arguments, inputs, lock);
    each(&subject.homelab, arguments, |target, telling| {
        let directory = target.part.directory();
        let release = Release::rendered(&derivations, &directory, &subject.templates, &view)?;
        let (_session, standing) = look(target.place, telling)?;
        refuse_older(&subject, target.place, &standing)?;
        telling.meaning(&standing, release.state().as_ref());
        telling.foreseen(&standing, &release);
        Ok(())
    })
}
