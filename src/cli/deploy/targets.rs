//! Which edges are deployed, one after the other.

use super::Arguments;
use super::told::Telling;
use crate::cli::report;
use crate::deploy::DeployError;
use crate::diagnostic::{Failure, Fault, did_you_mean};
use crate::model::{Deploy, EdgePart, Homelab};

/// An edge, and where it is declared to be deployed to.
#[derive(Clone, Copy)]
pub(super) struct Target<'h> {
    pub part: EdgePart<'h>,
    pub place: &'h Deploy,
}

/// The edges that somebody has named, or all that are declared to be deployed; at least one.
pub(super) fn targets<'h>(
    homelab: &'h Homelab,
    arguments: &Arguments,
) -> Result<Vec<Target<'h>>, Failure> {
    let wrong = |error| Failure::new(Fault::Declaration, error);
    let target = |part: EdgePart<'h>| {
        let place = part.settings.deploy.as_ref()?;
        Some(Target { part, place })
    };
    if arguments.edges.is_empty() {
        let all: Vec<Target<'_>> = homelab.edges().filter_map(target).collect();
        if all.is_empty() {
            return Err(wrong(DeployError::Nowhere { edge: None }));
        }
        return Ok(all);
    }
    let mut named: Vec<Target<'_>> = Vec::new();
    for word in &arguments.edges {
        let names = || homelab.edges.iter().filter_map(|edge| edge.name.as_ref());
        let is_it = |part: &EdgePart<'_>| {
            let name = part.settings.name.as_ref();
            name.is_some_and(|name| name.as_str() == word)
        };
        let part = homelab.edges().find(is_it).ok_or_else(|| {
            let edge = word.clone();
            let help = match names().next() {
                Some(_) => did_you_mean(word, names().map(|name| name.as_str())),
                None => String::from("no edge has a name: leave it out"),
            };
            Failure::new(Fault::Usage, DeployError::UnknownEdge { edge, help })
        })?;
        let edge = Some(word.clone());
        let found = target(part).ok_or_else(|| wrong(DeployError::Nowhere { edge }))?;
        let is_known = |known: &Target<'_>| known.part.directory() == part.directory();
        if !named.iter().any(is_known) {
            named.push(found);
        }
    }
    Ok(named)
}

/// Deals with each of them. One that fails keeps nothing from the others: who is shut out shall be so wherever that is possible.
pub(super) fn each(
    homelab: &Homelab,
    arguments: &Arguments,
    mut deal: impl FnMut(Target<'_>, &mut Telling) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let targets = targets(homelab, arguments)?;
    let (mut told, mut failed) = (Vec::new(), Vec::new());
    for target in &targets {
        let mut telling = Telling::of(*target);
        if let Err(failure) = deal(*target, &mut telling) {
            telling.failed(&failure);
            if targets.len() > 1 {
                failure.reports.iter().for_each(report::failure);
            }
            failed.push((telling.edge().to_owned(), failure));
        }
        told.push(telling);
    }
    if arguments.json {
        match told.as_slice() {
            [alone] if !homelab.has_several_edges() => {
                if alone.is_concluded() {
                    report::json(alone.told())?;
                }
            }
            several => {
                let several: Vec<_> = several.iter().map(Telling::told).collect();
                report::json(&several)?;
            }
        }
    }
    let of = targets.len();
    if of == 1 {
        return failed.pop().map_or(Ok(()), |(_, failure)| Err(failure));
    }
    let Some((_, first)) = failed.first() else {
        return Ok(());
    };
    let fault = first.fault;
    let edges = failed.into_iter().map(|(edge, _)| edge).collect();
    Err(Failure::new(fault, DeployError::NotAll { edges, of }))
}
