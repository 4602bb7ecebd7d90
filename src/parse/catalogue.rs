//! The catalogue of apps, from text to apps.

use super::document::document;
use super::fields::Fields;
use crate::catalogue::{App, ClientNote};
use crate::diagnostic::Mistakes;
use crate::source::Source;

/// Reads a catalogue: `app "immich" title="Immich" { clients "…" source="…" }`.
pub fn apps(source: &Source) -> Result<Vec<App>, Mistakes> {
    let nodes = document(source).map_err(|found| Mistakes::new(source, found))?;
    let mut mistakes = Vec::new();
    let mut apps = Vec::new();
    for node in &nodes {
        let mut fields = Fields::of(node, &mut mistakes);
        let name = fields.text("a name", "app \"immich\" title=\"Immich\"");
        let title = fields.text_property("title");
        fields.finish("one name", true);
        let mut clients = Vec::new();
        for child in node.children() {
            let mut fields = Fields::of(child, &mut mistakes);
            let note = fields.text("a note", "clients \"…\" source=\"…\"");
            let source = fields.text_property("source");
            fields.finish("one note", false);
            clients.extend(note.zip(source).map(|(note, source)| ClientNote {
                note: note.value,
                source: source.value,
            }));
        }
        apps.extend(name.zip(title).map(|(name, title)| App {
            name: name.value,
            title: title.value,
            clients,
        }));
    }
    if mistakes.is_empty() {
        Ok(apps)
    } else {
        Err(Mistakes::new(source, mistakes))
    }
}
