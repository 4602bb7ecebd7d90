//! The catalogue of apps, from text to apps. The text is the program's own, so that what is wrong
//! with it is a fault of the program, and told as one.

use super::{App, Claim, SharePath};
use crate::diagnostic::Mistakes;
use crate::parse::{Fields, Known, Node, Reader, document};
use crate::source::Source;

const CATALOGUE: Known = Known {
    place: "the catalogue",
    once: &[],
    many: &["app"],
};
const APP: Known = Known {
    place: "`app`",
    once: &["port", "uploads", "websockets", "manifest"],
    many: &["share", "clients"],
};

/// Reads a catalogue: `app "immich" title="Immich" { port 2283 source="…" … }`.
pub(super) fn apps(source: &Source) -> Result<Vec<App>, Mistakes> {
    let nodes = document(source)?;
    let mut reader = Reader::default();
    let mut apps = Vec::new();
    for node in reader.known(&CATALOGUE, &nodes) {
        apps.extend(app(node, &mut reader));
    }
    reader.finish(source, apps)
}

fn app(node: &Node, reader: &mut Reader) -> Option<App> {
    let mut fields = reader.fields(node);
    let name = fields.text("a name", "app \"immich\" title=\"Immich\"");
    let title = fields.text_property("title");
    fields.finish_before_block("one name");
    let mut app = App {
        name: name?.value,
        title: title?.value,
        port: None,
        uploads: None,
        websockets: None,
        manifest: None,
        share: Vec::new(),
        clients: Vec::new(),
    };
    for child in reader.known(&APP, node.children()) {
        let mut fields = reader.fields(child);
        let takes = line(child, &mut fields, &mut app);
        fields.finish(takes.unwrap_or("what the built-in catalogue has"));
    }
    Some(app)
}

/// Reads one line into the app; where something lacks, the app goes without it.
fn line(node: &Node, fields: &mut Fields<'_, '_>, app: &mut App) -> Option<&'static str> {
    let source = fields.text_property("source")?.value;
    match node.name.value.as_str() {
        "port" => {
            let port = fields.integer("a port", "port 2283")?.value;
            let value = u16::try_from(port).ok()?;
            app.port = Some(Claim { value, source });
        }
        "uploads" => {
            let value = fields.text("a size", "uploads \"10GB\"")?.value;
            app.uploads = Some(Claim { value, source });
        }
        "websockets" => app.websockets = Some(Claim { value: (), source }),
        "manifest" => {
            let value = fields.text("a path", "manifest \"/manifest.json\"")?;
            app.manifest = Some(Claim { value, source });
        }
        "share" => {
            let path = fields.text("a path", "share \"/share/*\"")?;
            let methods = fields.text_property("methods");
            let value = SharePath { path, methods };
            app.share.push(Claim { value, source });
        }
        "clients" => {
            let value = fields.text("a note", "clients \"…\" source=\"…\"")?.value;
            app.clients.push(Claim { value, source });
        }
        other => unreachable!("`{other}` is not known to `app`"),
    }
    Some("one value")
}
