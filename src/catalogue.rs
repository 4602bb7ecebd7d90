//! The apps that homelab knows: whether their own clients can present a certificate.
//!
//! The data is `catalogue.kdl` beside this file, read once; a test sees to it that it can be.

use std::sync::LazyLock;

use crate::parse::catalogue;
use crate::source::Source;

/// An app that people run at home.
#[derive(Debug, PartialEq, Eq)]
pub struct App {
    /// Its name in a declaration.
    pub name: String,
    /// Its name as its makers write it.
    pub title: String,
    /// What is known about its own clients and certificates.
    pub clients: Vec<ClientNote>,
}

/// One fact about an app's own clients.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientNote {
    /// What a user needs to know.
    pub note: String,
    /// Where it is documented or reported.
    pub source: String,
}

static APPS: LazyLock<Vec<App>> = LazyLock::new(|| {
    let source = Source::new("catalogue.kdl", include_str!("catalogue.kdl"));
    catalogue::apps(&source).expect("a test reads the built-in catalogue")
});

/// The app of that name.
pub fn app(name: &str) -> Option<&'static App> {
    APPS.iter().find(|app| app.name == name)
}

/// The names of all apps, sorted.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    APPS.iter().map(|app| app.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_can_be_read() {
        assert_eq!(app("immich").unwrap().title, "Immich");
        assert!(names().is_sorted());
        assert_eq!(app("nothing"), None);
    }
}
