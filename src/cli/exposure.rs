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
    let edge = Edge::new(&homelab, lock.as_ref());
    let exposure = Exposure::of(&edge, &templates.of_the_edge());
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
        return report::json(&exposure);
    }
    let recipe = Recipe::Exposure(Arc::new(exposure));
    let rendered = render(&recipe, &templates, &mut Bundles::new(None));
    let rendered = rendered.map_err(|error| Failure::new(Fault::Declaration, error))?;
    let text = String::from_utf8(rendered.bytes).expect("templates are text");
    report::only_result(text.trim_end())
}
