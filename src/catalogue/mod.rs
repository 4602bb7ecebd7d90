//! The apps that homelab knows: where they listen, what their share links need, whether their own
//! clients can present a certificate.
//!
//! The data is `apps.kdl` beside this file, read once; tests see to it that all of it can be
//! read, and that docs/apps.md shows it. It is held as it was written: `resolve` knows what a path may be.

mod read;

use std::sync::LazyLock;

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

static APPS: LazyLock<Vec<App>> = LazyLock::new(|| {
    let source = Source::new("apps.kdl", TEXT);
    read::apps(&source).expect("a test reads the built-in catalogue")
});

pub(crate) fn app(name: &str) -> Option<&'static App> {
    APPS.iter().find(|app| app.name == name)
}

/// All apps, sorted by name.
pub fn apps() -> &'static [App] {
    &APPS
}

/// The names of all apps, sorted.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    APPS.iter().map(|app| app.name.as_str())
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

    /// A line that could not be read would be left out without a word.
    #[test]
    fn every_line_of_it_is_read() {
        let written = |node: &str| {
            let begins = |line: &&str| line.trim_start().starts_with(&format!("{node} "));
            TEXT.lines().filter(begins).count()
        };
        let read = |count: fn(&App) -> usize| apps().iter().map(count).sum::<usize>();
        assert_eq!(written("app"), apps().len());
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
