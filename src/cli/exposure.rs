//! `homelab exposure`.

use super::arguments::Exposure as Arguments;
use super::failure::{Exit, Failure};
use super::report;
use super::workspace::Workspace;
use crate::plan::{Edge, Exposure, Recipe};
use crate::render::render;

/// Says what the next `build` would expose, as far as certificates have been issued.
pub fn exposure(arguments: &Arguments) -> Result<(), Failure> {
    let workspace = Workspace::of(&arguments.declaration.file);
    let homelab = workspace.homelab()?;
    let templates = workspace.templates()?;
    let lock = workspace.lock()?;
    let exposure = Exposure::of(&Edge::new(&homelab, lock.as_ref()));
    let active = lock.as_ref().map(|lock| lock.active());
    let is_issued = |id| {
        active
            .as_ref()
            .is_some_and(|active| active.contains_key(id))
    };
    for (_, device) in homelab.devices() {
        if !is_issued(&device.id) {
            let id = &device.id;
            report::note(format_args!(
                "{id} has no certificate yet, and is left out: the next build issues one."
            ));
        }
    }
    if arguments.json {
        let json = serde_json::to_string_pretty(&exposure);
        return report::only_result(json.expect("it is plain data with text for keys"));
    }
    let rendered = render(&Recipe::Exposure(exposure), &templates, None);
    let rendered = rendered.map_err(|error| Failure::new(Exit::Declaration, error))?;
    let text = String::from_utf8(rendered.bytes).expect("templates are text");
    report::only_result(text.trim_end())
}
