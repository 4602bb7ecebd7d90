//! The apps that a homelab can name: the user's own, and those that are built in.

use std::collections::BTreeMap;

use blake3::Hash;

use super::app::App;

/// The user's own apps over the built-in ones. One of the user's takes the place of a built-in one of its name, whole: nothing
/// that is said of that one is open beside it.
#[derive(Debug, Default)]
pub struct Catalogue {
    own: BTreeMap<String, App>,
    /// The hash of what declares them; none where nothing does.
    declared: Option<Hash>,
}

impl Catalogue {
    /// The user's own apps, which this text declares, and whose names, paths and sizes `resolve` has read.
    pub(crate) fn new(own: Vec<App>, text: &str) -> Catalogue {
        let own = own.into_iter().map(|app| (app.name.value.clone(), app));
        Catalogue {
            own: own.collect(),
            declared: Some(blake3::hash(text.as_bytes())),
        }
    }

    /// The hash of the text that declares the user's own apps.
    pub(crate) fn declared(&self) -> Hash {
        self.declared.unwrap_or_else(|| blake3::hash(b""))
    }

    pub(crate) fn app(&self, name: &str) -> Option<&App> {
        let own = self.own.get(name);
        own.or_else(|| super::app(name))
    }

    /// The names of all apps.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        let usual = super::names().map(|name| name as &str);
        let own = self.own.keys().map(String::as_str);
        own.chain(usual.filter(|name| !self.own.contains_key(*name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::read;
    use crate::source::Source;

    #[test]
    fn an_app_of_one_s_own_takes_the_place_of_a_built_in_one() {
        let text = "app \"immich\" { port 80; }\napp \"mine\" title=\"Mine\"";
        let own = read(&Source::new("apps.kdl", text)).unwrap();
        let catalogue = Catalogue::new(own, text);
        let immich = catalogue.app("immich").unwrap();
        assert_eq!(immich.title.value, "immich");
        assert!(immich.share.is_empty() && immich.tell.is_empty());
        assert_eq!(catalogue.app("mine").unwrap().title.value, "Mine");
        assert_eq!(catalogue.app("jellyfin"), super::super::app("jellyfin"));
        assert_eq!(catalogue.app("nothing"), None);
    }
}
