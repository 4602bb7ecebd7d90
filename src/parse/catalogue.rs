//! The catalogue of apps, from text to apps. The text is the program's own, so that what is wrong
//! with it is a fault of the program, and told as one.

use super::document::{Node, document};
use super::fields::Fields;
use super::known::Known;
use super::mistake::Mistake;
use crate::catalogue::{App, Claim, SharePath};
use crate::diagnostic::Mistakes;
use crate::model::{Methods, PathPattern};
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
pub fn apps(source: &Source) -> Result<Vec<App>, Mistakes> {
    let nodes = document(source).map_err(|found| Mistakes::new(source, found))?;
    let mut mistakes = Vec::new();
    let mut apps = Vec::new();
    for node in CATALOGUE.among(&nodes, &mut mistakes) {
        apps.extend(app(node, &mut mistakes));
    }
    if mistakes.is_empty() {
        Ok(apps)
    } else {
        Err(Mistakes::new(source, mistakes))
    }
}

fn app(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<App> {
    let mut fields = Fields::of(node, mistakes);
    let name = fields.text("a name", "app \"immich\" title=\"Immich\"");
    let title = fields.text_property("title");
    fields.finish("one name", true);
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
    for child in APP.among(node.children(), mistakes) {
        let mut fields = Fields::of(child, mistakes);
        let takes = line(child, &mut fields, &mut app);
        fields.finish(takes.unwrap_or("what the built-in catalogue has"), false);
    }
    Some(app)
}

/// Reads one line into the app; where something lacks, the app goes without it.
fn line(node: &Node, fields: &mut Fields<'_, '_>, app: &mut App) -> Option<&'static str> {
    let source = fields.text_property("source")?.value;
    match node.name.value.as_str() {
        "port" => {
            let port = fields.integer("a port", "port 2283")?.value;
            app.port = Some(Claim::new(u16::try_from(port).ok()?, source));
        }
        "uploads" => {
            app.uploads = Some(Claim::new(
                fields.text("a size", "uploads \"10GB\"")?.value,
                source,
            ))
        }
        "websockets" => app.websockets = Some(Claim::new((), source)),
        "manifest" => {
            let path = fields.text("a path", "manifest \"/manifest.json\"")?;
            app.manifest = Some(Claim::new(PathPattern::new(&path.value).ok()?, source));
        }
        "share" => {
            let path = fields.text("a path", "share \"/share/*\"")?;
            let methods = fields.text_property("methods");
            let methods = match methods {
                Some(written) => Methods::new(&written.value).ok()?,
                None => Methods::reading(),
            };
            let path = PathPattern::new(&path.value).ok()?;
            app.share
                .push(Claim::new(SharePath { path, methods }, source));
        }
        "clients" => {
            let note = fields.text("a note", "clients \"…\" source=\"…\"")?;
            app.clients.push(Claim::new(note.value, source));
        }
        other => unreachable!("`{other}` is not known to `app`"),
    }
    Some("one value")
}
