//! The apps that homelab knows: where they listen, what their share links need, what they must be told behind a proxy,
//! whether their own clients can present a certificate.
//!
//! The data is `apps.kdl` beside this file. Of that, an app is read when it is named first, and once; tests see to it that
//! all of it can be read, and that docs/apps.md shows it. It is held as it was written: `resolve` knows what a path may be.

mod app;
mod dns;
mod gateways;
mod own;
mod read;

pub use app::App;
pub(crate) use app::{ClientKind, SharePath};

pub(crate) use dns::dns_provider;
pub use dns::{DnsProvider, DnsSetting, dns_providers};
pub(crate) use gateways::gateway;
pub use gateways::{GatewayPreset, gateways};
pub use own::Catalogue;
pub(crate) use read::apps as read;

use std::sync::{LazyLock, OnceLock};

use crate::source::Source;

const TEXT: &str = include_str!("apps.kdl");

/// An app's block of the catalogue.
struct Entry {
    name: &'static str,
    text: &'static str,
    read: OnceLock<App>,
}

impl Entry {
    fn app(&self) -> &App {
        self.read.get_or_init(|| {
            let source = Source::new("apps.kdl", self.text);
            let apps = read::apps(&source).expect("a test reads the built-in catalogue");
            let app = apps.into_iter().next();
            app.expect("an entry begins with its app")
        })
    }
}

/// The catalogue's entries, none of which has been read: each begins a line with `app`.
fn entries(text: &'static str) -> Vec<Entry> {
    const APP: &str = "\napp \"";
    let starts = text.match_indices(APP).map(|(at, _)| at);
    let ends = { starts.clone().skip(1) }.chain([text.len()]);
    let blocks = starts.zip(ends).map(|(start, end)| &text[start..end]);
    let entries = blocks.map(|text| Entry {
        name: text[APP.len()..].split('"').next().unwrap_or_default(),
        text,
        read: OnceLock::new(),
    });
    entries.collect()
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| entries(TEXT));

pub(crate) fn app(name: &str) -> Option<&'static App> {
    let entry = ENTRIES.iter().find(|entry| entry.name == name);
    entry.map(Entry::app)
}

/// All apps, sorted by name.
pub fn apps() -> impl Iterator<Item = &'static App> {
    ENTRIES.iter().map(Entry::app)
}

/// The names of all apps, sorted.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    ENTRIES.iter().map(|entry| entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_can_be_read() {
        let immich = app("immich").unwrap();
        assert_eq!(immich.title.value, "Immich");
        assert!(names().is_sorted());
        assert_eq!(app("nothing"), None);
    }

    #[test]
    fn what_is_read_app_by_app_is_the_whole() {
        let whole = read::apps(&Source::new("apps.kdl", TEXT)).unwrap();
        let said = |app: &App| {
            let shares = app.share.iter().map(|share| &share.value.path.value);
            (
                app.name.value.clone(),
                app.title.value.clone(),
                shares.cloned().collect::<Vec<_>>(),
            )
        };
        assert!(apps().map(said).eq(whole.iter().map(said)));
        assert!(names().eq(whole.iter().map(|app| &*app.name.value)));
    }

    #[test]
    fn only_the_app_that_is_named_is_read() {
        let entries = entries(TEXT);
        assert!(entries.iter().all(|entry| entry.read.get().is_none()));
        let named = entries.iter().find(|entry| entry.name == "immich");
        assert_eq!(named.unwrap().app().title.value, "Immich");
        let read = entries.iter().filter(|entry| entry.read.get().is_some());
        assert_eq!(read.count(), 1);
    }

    /// A line that could not be read would be left out without a word.
    #[test]
    fn every_line_of_it_is_read() {
        let written = |node: &str| {
            let begins = |line: &&str| line.trim_start().starts_with(&format!("{node} "));
            TEXT.lines().filter(begins).count()
        };
        let read = |count: fn(&App) -> usize| apps().map(count).sum::<usize>();
        assert_eq!(written("app"), apps().count());
        assert_eq!(written("port"), read(|app| usize::from(app.port.is_some())));
        assert_eq!(
            written("uploads"),
            read(|app| usize::from(app.uploads.is_some()))
        );
        assert_eq!(
            written("websockets"),
            read(|app| usize::from(app.websockets.is_some()))
        );
        assert_eq!(
            written("manifest"),
            read(|app| usize::from(app.manifest.is_some()))
        );
        assert_eq!(written("share"), read(|app| app.share.len()));
        assert_eq!(
            written("links"),
            read(|app| usize::from(app.links.is_some()))
        );
        assert_eq!(written("tell"), read(|app| app.tell.len()));
        assert_eq!(written("clients"), read(|app| app.clients.len()));
    }

    /// Nobody could check a line that does not say where it was read, or know how old it is.
    #[test]
    fn every_line_says_its_source_and_when_it_was_read() {
        let mut lines = 0;
        for app in apps() {
            let mut said = |source: &Option<String>, checked: Option<jiff::civil::Date>| {
                lines += 1;
                assert!(source.is_some(), "{}", app.name.value);
                assert!(checked.is_some(), "{}", app.name.value);
            };
            app.port.iter().for_each(|c| said(&c.source, c.checked));
            app.uploads.iter().for_each(|c| said(&c.source, c.checked));
            app.websockets
                .iter()
                .for_each(|c| said(&c.source, c.checked));
            app.manifest.iter().for_each(|c| said(&c.source, c.checked));
            app.links.iter().for_each(|c| said(&c.source, c.checked));
            app.share.iter().for_each(|c| said(&c.source, c.checked));
            app.tell.iter().for_each(|c| said(&c.source, c.checked));
            app.clients.iter().for_each(|c| said(&c.source, c.checked));
        }
        assert!(lines > 200, "{lines}");
    }

    /// A guide shows a note where it concerns somebody, among others: the note says itself what it is about.
    #[test]
    fn a_note_begins_with_what_it_is_about() {
        for note in apps().flat_map(|app| &app.clients) {
            let note = &note.value;
            let title = note.on.map(ClientKind::title);
            let begins = |title: &str| {
                let rest = note.text.strip_prefix(title);
                rest.is_some_and(|rest| rest.starts_with([':', ',']))
            };
            match title {
                Some(title) => assert!(begins(title), "{}", note.text),
                None => {
                    let named = ClientKind::WORDS.map(|word| ClientKind::from_word(word).unwrap());
                    assert!(
                        !named.iter().any(|kind| begins(kind.title())),
                        "{}",
                        note.text
                    );
                }
            }
        }
    }
}
