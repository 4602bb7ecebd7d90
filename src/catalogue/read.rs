//! A catalogue of apps, from text to apps: the built-in one, and one of the user's own.

use jiff::civil::Date;

use super::app::{App, Claim, ClientKind, Note, SharePath, Tell};
use crate::diagnostic::{Mistakes, did_you_mean, mistake};
use crate::parse::declaration::Text;
use crate::parse::{Fields, Known, Node, Reader, document};
use crate::source::{Source, Span, Spanned};

const CATALOGUE: Known = Known {
    place: "the catalogue",
    once: &[],
    many: &["app"],
};
const APP: Known = Known {
    place: "`app`",
    once: &["port", "uploads", "websockets", "manifest", "links"],
    many: &["share", "tell", "clients"],
};

/// Characters of a text that is shown, at the most. Guides repeat it to every person.
const TEXT_LIMIT: usize = 400;

/// Lines of a kind in one app, and of one setting, at the most.
const LINE_LIMIT: usize = 64;

/// Reads a catalogue: `app "immich" title="Immich" { port 2283 source="…" … }`.
pub(crate) fn apps(source: &Source) -> Result<Vec<App>, Mistakes> {
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
    let checked = fields.text_property("checked");
    fields.finish_before_block("one name");
    let checked = checked.and_then(|written| date(&written, reader));
    let name = name?;
    let mut app = App {
        title: title.unwrap_or_else(|| name.clone()),
        name,
        port: None,
        uploads: None,
        websockets: None,
        manifest: None,
        share: Vec::new(),
        links: None,
        tell: Vec::new(),
        clients: Vec::new(),
    };
    let lines = reader.known(&APP, node.children());
    for kind in APP.many {
        let mut of_kind = lines.iter().filter(|line| line.name.value == *kind);
        if let Some(line) = of_kind.nth(LINE_LIMIT) {
            refuse_lines(kind, line.span, reader);
        }
    }
    for line in lines {
        Line::read(line, reader, checked).of(&mut app, reader);
    }
    Some(app)
}

/// A line of an app's block: what all have that any may have.
struct Line<'n> {
    node: &'n Node,
    /// One text; of `tell` as many as there are lines.
    values: Vec<Text>,
    port: Option<Spanned<i128>>,
    properties: [Option<Text>; 4],
    answers: Option<Spanned<i128>>,
    source: Option<String>,
    checked: Option<Date>,
}

/// The properties of a line that are texts, but for those of each.
const PROPERTIES: [&str; 4] = ["methods", "where", "why", "on"];

impl<'n> Line<'n> {
    fn read(node: &'n Node, reader: &mut Reader, checked: Option<Date>) -> Line<'n> {
        let kind = node.name.value.as_str();
        let mut fields = reader.fields(node);
        let mut port = None;
        let values = match kind {
            "port" => {
                port = fields.integer("a port", "port 2283");
                Vec::new()
            }
            "websockets" => Vec::new(),
            "tell" => fields.texts("a setting", "tell \"BASE_URL={url}\""),
            other => value(other, &mut fields).into_iter().collect(),
        };
        let mut of = |name: &'static str| {
            let is_of_it = match name {
                "methods" => kind == "share",
                "on" => kind == "clients",
                _ => kind == "tell",
            };
            is_of_it.then(|| fields.text_property(name)).flatten()
        };
        let properties = PROPERTIES.map(&mut of);
        let answers = match kind {
            "tell" => fields.integer_property("answers"),
            _ => None,
        };
        let source = fields.text_property("source").map(|source| source.value);
        let own = fields.text_property("checked");
        fields.finish(match kind {
            "websockets" => "no value",
            _ => "one value",
        });
        let own = own.and_then(|written| date(&written, reader));
        Line {
            node,
            values,
            port,
            properties,
            answers,
            source,
            checked: own.or(checked),
        }
    }

    /// Puts it into the app that it is of. What is wrong with it is told, and left out.
    fn of(self, app: &mut App, reader: &mut Reader) {
        let Line {
            node,
            mut values,
            port: number,
            properties: [methods, place, why, on],
            answers,
            source,
            checked,
        } = self;
        if node.name.value == "tell" {
            let written = setting(values, reader);
            let tell = written.map(|written| Tell {
                written,
                place: place.and_then(|written| shown(written, reader)),
                why: why.and_then(|written| shown(written, reader)),
                answers: answers.and_then(|status| self::status(&status, reader)),
            });
            app.tell.extend(claim(tell, source, checked));
            return;
        }
        let value = values.pop();
        match node.name.value.as_str() {
            "port" => {
                let number = number.and_then(|number| port(&number, reader));
                app.port = claim(number, source, checked);
            }
            "websockets" => app.websockets = claim(Some(()), source, checked),
            "uploads" => app.uploads = claim(value, source, checked),
            "manifest" => app.manifest = claim(value, source, checked),
            "share" => {
                let share = value.map(|path| SharePath { path, methods });
                app.share.extend(claim(share, source, checked));
            }
            "links" => {
                let said = value.and_then(|written| shown(written, reader));
                app.links = claim(said, source, checked);
            }
            "clients" => {
                let on = on.and_then(|word| kind(&word, reader));
                let text = value.and_then(|written| shown(written, reader));
                let note = text.map(|text| Note { text, on });
                app.clients.extend(claim(note, source, checked));
            }
            other => unreachable!("`{other}` is not known to `app`"),
        }
    }
}

fn value(kind: &str, fields: &mut Fields<'_, '_>) -> Option<Text> {
    let (what, example) = match kind {
        "uploads" => ("a size", "uploads \"10GB\""),
        "manifest" => ("a path", "manifest \"/manifest.json\""),
        "share" => ("a path", "share \"/share/*\""),
        "links" => ("a note", "links \"…\""),
        _ => ("a note", "clients \"…\""),
    };
    fields.text(what, example)
}

fn claim<T>(value: Option<T>, source: Option<String>, checked: Option<Date>) -> Option<Claim<T>> {
    Some(Claim {
        value: value?,
        source,
        checked,
    })
}

fn port(written: &Spanned<i128>, reader: &mut Reader) -> Option<u16> {
    let port = u16::try_from(written.value).ok().filter(|port| *port != 0);
    if port.is_none() {
        let number = written.value;
        reader.refuse(mistake!(
            "catalogue::bad-port",
            "{number} is no port",
            at(written.span, "not between 1 and 65535"),
            help("write the port that the app listens on, such as `port 8080`"),
        ));
    }
    port
}

fn status(written: &Spanned<i128>, reader: &mut Reader) -> Option<u16> {
    let status = u16::try_from(written.value).ok();
    let status = status.filter(|status| (400..600).contains(status));
    if status.is_none() {
        let number = written.value;
        reader.refuse(mistake!(
            "catalogue::bad-status",
            "{number} is no status of an error",
            at(written.span, "not between 400 and 599"),
            help("write with what the app answers that was not told, such as `answers=400`, or leave it out"),
        ));
    }
    status
}

fn date(written: &Text, reader: &mut Reader) -> Option<Date> {
    let date = written.value.parse().ok();
    if date.is_none() {
        let text = &written.value;
        reader.refuse(mistake!(
            "catalogue::bad-date",
            "`{text}` is no day",
            at(written.span, "not as YYYY-MM-DD"),
            help("write the day on which you looked, such as `checked=\"2026-11-27\"`"),
        ));
    }
    date
}

fn kind(written: &Text, reader: &mut Reader) -> Option<ClientKind> {
    let word = &written.value;
    let kind = ClientKind::from_word(word);
    if kind.is_none() {
        reader.refuse(mistake!(
            "catalogue::unknown-kind",
            "`{word}` is no kind of device that notes are about",
            at(written.span, "not known"),
            help(did_you_mean(word, ClientKind::WORDS)),
        ));
    }
    kind
}

/// A setting as it is copied, line by line.
fn setting(lines: Vec<Text>, reader: &mut Reader) -> Option<String> {
    if let Some(line) = lines.get(LINE_LIMIT) {
        refuse_lines("tell", line.span, reader);
        return None;
    }
    let lines: Option<Vec<String>> = lines.into_iter().map(|line| shown(line, reader)).collect();
    lines
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.join("\n"))
}

fn refuse_lines(kind: &str, span: Span, reader: &mut Reader) {
    reader.refuse(mistake!(
        "catalogue::too-many-lines",
        "more than {LINE_LIMIT} lines of `{kind}`",
        at(span, "one too many"),
        help("keep those that people need to read"),
    ));
}

/// A text of one line.
fn shown(written: Text, reader: &mut Reader) -> Option<String> {
    let text = &written.value;
    let why = if text.trim().is_empty() {
        "it is empty"
    } else if text.chars().count() > TEXT_LIMIT {
        "it has more than 400 characters"
    } else {
        return Some(written.value);
    };
    reader.refuse(mistake!(
        "catalogue::bad-text",
        "this cannot be shown to people",
        at(written.span, "{why}"),
        help("write what they are to read, in a sentence or two"),
    ));
    None
}
