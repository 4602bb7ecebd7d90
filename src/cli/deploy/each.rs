//! Deals with each edge that is deployed, one after the other.

use super::Arguments;
use super::told::Telling;
use crate::cli::report;
use crate::deploy::{DeployError, Target, targets};
use crate::diagnostic::Failure;
use crate::model::Homelab;

/// Deals with each of them. One that fails keeps nothing from the others: who is shut out shall be so wherever that is possible.
pub(super) fn each(
    homelab: &Homelab,
    arguments: &Arguments,
    mut deal: impl FnMut(Target<'_>, &mut Telling) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let targets = targets(homelab, &arguments.edges)?;
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
