//! `homelab exposure`.

use std::sync::Arc;

use super::arguments::Exposure as Arguments;
use super::{clock, report};
use crate::build;
use crate::derive::{Edge, Exposure, Recipe};
use crate::diagnostic::{Failure, Fault};
use crate::lock::Lock;
use crate::render::{Bundles, render};

/// Says what the next `build` would expose, as far as certificates have been issued.
pub(super) fn exposure(arguments: &Arguments) -> Result<(), Failure> {
    let workspace = arguments.declaration.workspace();
    let homelab = workspace.homelab()?;
    let templates = workspace.templates()?;
    let lock = workspace.known_lock()?;
    if let Some(lock) = &lock {
        workspace.hold_against_tree(&workspace.path("out"), lock)?;
        report::notes(build::note_of_unsigned(lock));
    }
    let exposures = homelab.edges().map(|part| {
        let edge = Edge::new(part, &part.visitors(), lock.as_ref());
        Arc::new(Exposure::of(part, &edge, &templates.of_the_edge()))
    });
    let exposures: Vec<Arc<Exposure>> = exposures.collect();
    let active = lock.as_ref().map(Lock::active).unwrap_or_default();
    for (_, device) in homelab.enrolled() {
        let id = &device.id;
        let is_over = match device.until {
            Some(until) => until.is_over(clock::read()?.now),
            None => false,
        };
        if !active.contains_key(id) && !is_over {
            report::note(format_args!(
                "{id} has no certificate yet, and is left out: the next build issues one."
            ));
        }
    }
    if arguments.json {
        return match exposures.as_slice() {
            [exposure] => report::json(exposure),
            several => report::json(&several),
        };
    }
    let mut texts = Vec::new();
    for exposure in exposures {
        let recipe = Recipe::Exposure(exposure);
        let rendered = render(&recipe, &templates, &mut Bundles::new(None));
        let rendered = rendered.map_err(|error| Failure::new(Fault::Declaration, error))?;
        let text = String::from_utf8(rendered.bytes).expect("templates are text");
        texts.push(text.trim_end().to_owned());
    }
    report::only_result(texts.join("\n\n"))
}
