//! The apps that homelab knows: where they listen, what their share links need, whether their own
//! clients can present a certificate.
//!
//! The data is `apps.kdl` beside this file. Of that, an app is read when it is named first, and once; tests see to it that
//! all of it can be read, and that docs/apps.md shows it. It is held as it was written: `resolve` knows what a path may be.

mod dns;
mod read;

pub(crate) use dns::dns_provider;
pub use dns::{DnsProvider, DnsSetting, dns_providers};

use std::sync::{LazyLock, OnceLock};

use crate::parse::declaration::Text;
use crate::source::Source;

#[derive(Debug, PartialEq, Eq)]
pub struct App {
    /// Its name in a declaration.
    pub name: String,
    /// Its name as its makers write it.
    pub title: String,
    /// The port that it listens on unless it is told otherwise.
    pub port: Option<Claim<u16>>,
    /// The largest body that it wants a proxy to let through.
    pub uploads: Option<Claim<String>>,
    pub websockets: Option<Claim<()>>,
    /// The manifest of its web app, which browsers fetch without a certificate.
    pub manifest: Option<Claim<Text>>,
    /// What has to be open for its share links to work.
    pub share: Vec<Claim<SharePath>>,
    /// What a user needs to know about its own clients and certificates.
    pub clients: Vec<Claim<String>>,
}

/// Something said of an app.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim<T> {
    pub value: T,
    /// Where it is documented or reported.
    pub source: String,
}

/// A path that share links need.
#[derive(Debug, PartialEq, Eq)]
pub struct SharePath {
    pub path: Text,
    /// The methods, where not GET and HEAD.
    pub methods: Option<Text>,
}

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
        assert_eq!(immich.title, "Immich");
        assert!(names().is_sorted());
        assert_eq!(app("nothing"), None);
    }

    #[test]
    fn what_is_read_app_by_app_is_the_whole() {
        let whole = read::apps(&Source::new("apps.kdl", TEXT)).unwrap();
        let said = |app: &App| {
            let shares = app.share.iter().map(|share| &share.value.path.value);
            (
                app.name.clone(),
                app.title.clone(),
                shares.cloned().collect::<Vec<_>>(),
            )
        };
        assert!(apps().map(said).eq(whole.iter().map(said)));
        assert!(names().eq(whole.iter().map(|app| &*app.name)));
    }

    #[test]
    fn only_the_app_that_is_named_is_read() {
        let entries = entries(TEXT);
        assert!(entries.iter().all(|entry| entry.read.get().is_none()));
        let named = entries.iter().find(|entry| entry.name == "immich");
        assert_eq!(named.unwrap().app().title, "Immich");
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
        assert_eq!(written("clients"), read(|app| app.clients.len()));
    }
}
