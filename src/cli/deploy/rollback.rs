//! `homelab deploy --rollback`.

use super::proof::Proof;
use super::told::Telling;
use super::{Arguments, Subject, each, look};
use crate::cli::report;
use crate::deploy::{
    Attempt, DeployError, First, Standing, Target, Unkept, Way, refuse_return, targets,
};
use crate::diagnostic::{Failure, Fault};
use crate::workspace::Inputs;

/// Has the host serve the release before the one that it serves. What is declared here decides nothing: it may be what is wrong.
pub(super) fn roll_back(arguments: &Arguments) -> Result<(), Failure> {
    let workspace = arguments.make.declaration.workspace();
    let inputs = Inputs::read(workspace, arguments.make.out.as_deref())?;
    let targets = targets(&inputs.homelab, &arguments.edges)?;
    if arguments.edges.is_empty() && targets.len() > 1 {
        let names = targets.iter().filter_map(|target| target.part.name());
        let edges = names.map(ToString::to_string).collect();
        return Err(Failure::new(Fault::Usage, DeployError::WhichEdge { edges }));
    }
    let Ok(lock) = inputs.workspace.issued_lock() else {
        report::note(
            "homelab.lock cannot be read, so that nothing is asked of what is served then: `homelab check` says why.",
        );
        return each(&inputs.homelab, arguments, |target, telling| {
            go_back(arguments, target, None, telling)
        });
    };
    let subject = Subject::of(arguments, inputs, lock);
    each(&subject.homelab, arguments, |target, telling| {
        go_back(arguments, target, Some(&subject), telling)
    })
}

/// Has one host do so. `subject` is what answers are held against; none where the lock is what is wrong.
fn go_back(
    arguments: &Arguments,
    target: Target<'_>,
    subject: Option<&Subject<'_>>,
    telling: &mut Telling,
) -> Result<(), Failure> {
    let place = target.place;
    let mut proof = match subject {
        Some(subject) => Proof::prepare(subject, target)?,
        None => Proof::none(),
    };
    let (mut session, standing) = look(place, telling)?;
    let former = former(&standing)?;
    let remembered = session.read(&former).map_err(Failure::environment)?;
    let accepted = &arguments.accept_return_of;
    let judged = refuse_return(&former, &remembered, &standing.served, accepted);
    let (served, next) = judged.map_err(|why| Failure::new(Fault::Difference, why))?;
    telling.between(&served, &next);
    telling.wait("Caddy reads the release before");
    let brought = Attempt {
        place,
        session: &mut session,
        standing: &standing,
        first: First::Tell,
        unkept: Unkept::PutBack,
        allowed: Vec::new(),
        tell: &mut |event| telling.event(event),
    }
    // Nothing is put back for what is answered: the release before is not what is declared here now.
    .serve(former.clone(), Way::Back, || {
        if let Some(subject) = subject {
            let _ = proof.ask(subject);
        }
        Ok(())
    });
    let is_served = brought.is_ok();
    let difference = proof.difference();
    telling.conclude(brought, proof)?;
    if let (true, Some(difference)) = (is_served, difference) {
        difference.tell_after(former)?;
    }
    Ok(())
}

fn former(standing: &Standing) -> Result<String, Failure> {
    let former = standing.former().map(str::to_owned);
    former.ok_or_else(|| Failure::new(Fault::Difference, DeployError::NoFormer))
}
