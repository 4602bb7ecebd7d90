//! Which edges are deployed.

use super::DeployError;
use crate::diagnostic::{Failure, Fault, did_you_mean};
use crate::model::{Deploy, EdgePart, Homelab};

/// An edge, and where it is declared to be deployed to.
#[derive(Clone, Copy)]
pub(crate) struct Target<'h> {
    pub part: EdgePart<'h>,
    pub place: &'h Deploy,
}

/// The edges that somebody has named, or all that are declared to be deployed; at least one.
pub(crate) fn targets<'h>(
    homelab: &'h Homelab,
    names: &[String],
) -> Result<Vec<Target<'h>>, Failure> {
    let wrong = |error| Failure::new(Fault::Declaration, error);
    let target = |part: EdgePart<'h>| {
        let place = part.settings.deploy.as_ref()?;
        Some(Target { part, place })
    };
    if names.is_empty() {
        let all: Vec<Target<'_>> = homelab.edges().filter_map(target).collect();
        if all.is_empty() {
            return Err(wrong(DeployError::Nowhere { edge: None }));
        }
        return Ok(all);
    }
    let mut named: Vec<Target<'_>> = Vec::new();
    for word in names {
        let known = || homelab.edges.iter().filter_map(|edge| edge.name.as_ref());
        let is_it = |part: &EdgePart<'_>| {
            let name = part.settings.name.as_ref();
            name.is_some_and(|name| name.as_str() == word)
        };
        let part = homelab.edges().find(is_it).ok_or_else(|| {
            let edge = word.clone();
            let help = match known().next() {
                Some(_) => did_you_mean(word, known().map(|name| name.as_str())),
                None => String::from("no edge has a name: leave it out"),
            };
            Failure::new(Fault::Usage, DeployError::UnknownEdge { edge, help })
        })?;
        let edge = Some(word.clone());
        let found = target(part).ok_or_else(|| wrong(DeployError::Nowhere { edge }))?;
        let is_it = |other: &Target<'_>| other.part.directory() == part.directory();
        if !named.iter().any(is_it) {
            named.push(found);
        }
    }
    Ok(named)
}
