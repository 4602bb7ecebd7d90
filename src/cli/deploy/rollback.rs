//! `homelab deploy --rollback`.

use super::proof::Proof;
use super::told::Telling;
use super::{Arguments, declared_place, look};
use crate::deploy::{Attempt, DeployError, First, Unkept, refuse_return};
use crate::diagnostic::{Failure, Fault};
use crate::workspace::Inputs;

/// Has the host serve the release before the one that it serves. What is declared here is not asked: it may be what is wrong.
pub(super) fn roll_back(arguments: &Arguments) -> Result<(), Failure> {
    let workspace = arguments.make.declaration.workspace();
    let inputs = Inputs::read(workspace, arguments.make.out.as_deref())?;
    let place = declared_place(&inputs.homelab)?;
    let mut telling = Telling::of(place, arguments.json);
    let (mut session, standing) = look(place, &mut telling)?;
    let current = standing.current.as_deref();
    let former = { standing.releases.iter().rev() }.find(|name| Some(name.as_str()) != current);
    let former = former.cloned();
    let former = former.ok_or_else(|| Failure::new(Fault::Difference, DeployError::NoFormer))?;
    let remembered = session.read(&former).map_err(Failure::environment)?;
    let accepted = &arguments.accept_return_of;
    let judged = refuse_return(&former, &remembered, &standing.served, accepted);
    let (served, next) = judged.map_err(|why| Failure::new(Fault::Difference, why))?;
    telling.between(&served, &next);
    let proof = Proof::none();
    let brought = Attempt {
        place,
        session: &mut session,
        standing: &standing,
        first: First::Tell,
        unkept: Unkept::PutBack,
        allowed: Vec::new(),
        tell: &mut |event| telling.event(event),
    }
    .serve(former, || Ok(()));
    telling.conclude(brought, proof)
}
