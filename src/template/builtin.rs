//! The templates that the program brings.

use super::messages::language_of;
use crate::model::Language;

/// The prefix that names a built-in template even where an override exists.
pub(super) const BUILTIN: &str = "builtin/";

/// A built-in template with its name.
macro_rules! builtin {
    ($name:literal) => {
        ($name, include_str!(concat!("../../templates/", $name)))
    };
}

/// Every built-in template, by name.
pub(crate) const TEMPLATES: &[(&str, &str)] = &[
    builtin!("Caddyfile.j2"),
    builtin!("globals.caddyfile.j2"),
    builtin!("issuers.caddyfile.j2"),
    builtin!("sites.caddyfile.j2"),
    builtin!("pages.caddyfile.j2"),
    builtin!("exposure.md.j2"),
    builtin!("pick-up.html.j2"),
    builtin!("calendar.ics.j2"),
    builtin!("guide.html.j2"),
    builtin!("guide/style.html.j2"),
    builtin!("guide/art.html.j2"),
    builtin!("guide/ask.html.j2"),
    builtin!("guide/device.html.j2"),
    builtin!("guide/close.html.j2"),
    builtin!("guide/until.html.j2"),
    builtin!("guide/ways.html.j2"),
    builtin!("guide/own-key.html.j2"),
    builtin!("guide/firefox-store.html.j2"),
    builtin!("guide/android.html.j2"),
    builtin!("guide/ios.html.j2"),
    builtin!("guide/ipados.html.j2"),
    builtin!("guide/macos.html.j2"),
    builtin!("guide/windows.html.j2"),
    builtin!("guide/linux.html.j2"),
    builtin!("guide/chromeos.html.j2"),
    builtin!("guide/firefox.html.j2"),
    builtin!("guide/wearos.html.j2"),
    builtin!("guide/other.html.j2"),
    builtin!("share.html.j2"),
    builtin!("index.html.j2"),
    builtin!("messages/de.kdl"),
    builtin!("messages/en.kdl"),
    builtin!("messages/es.kdl"),
    builtin!("messages/fr.kdl"),
    builtin!("messages/it.kdl"),
    builtin!("messages/nl.kdl"),
    builtin!("messages/pt.kdl"),
    builtin!("install/linux.sh.j2"),
    builtin!("install/macos.sh.j2"),
    builtin!("install/windows.ps1.j2"),
    builtin!("pages/page.html.j2"),
    builtin!("pages/ask.html.j2"),
    builtin!("pages/certificate.html.j2"),
    builtin!("pages/certificate-or-home.html.j2"),
    builtin!("pages/home.html.j2"),
    builtin!("pages/elsewhere.html.j2"),
    builtin!("pages/retired.html.j2"),
    builtin!("pages/forbidden.html.j2"),
    builtin!("pages/down.html.j2"),
    builtin!("pages/landing.html.j2"),
    builtin!("pages/renewal-notice.html.j2"),
    builtin!("pages/renewed.html.j2"),
    builtin!("pages/renewal-missing.html.j2"),
    builtin!("pages/renewal-nothing.html.j2"),
    builtin!("pages/renewal-last.html.j2"),
    builtin!("pages/ends.html.j2"),
];

/// The text of a built-in template.
pub(super) fn text(name: &str) -> Option<&'static str> {
    let mut known = TEMPLATES.iter();
    let found = known.find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// The languages that there are built-in messages of, sorted.
pub fn built_in_languages() -> Vec<Language> {
    let names = TEMPLATES.iter();
    let mut languages: Vec<Language> = names.filter_map(|(name, _)| language_of(name)).collect();
    languages.sort();
    languages
}

/// The built-in template that was probably meant: in another folder, with another ending, or misspelt.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    let file = |path: &'static str| path.rsplit('/').next().unwrap_or(path);
    let own = name.rsplit('/').next()?;
    let stem = own.split('.').next();
    let known = TEMPLATES.iter().map(|(known, _)| *known);
    let is_same = |known: &&'static str| file(known).split('.').next() == stem;
    if let Some(same) = known.clone().find(is_same) {
        return Some(same);
    }
    let near = crate::diagnostic::closest(own, known.clone().map(file))?;
    known.clone().find(|known| file(known) == near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_that_is_called_wrongly_is_told_what_was_meant() {
        for (name, meant) in [
            ("sites.j2", Some("sites.caddyfile.j2")),
            ("edge/sites.caddyfil.j2", Some("sites.caddyfile.j2")),
            ("guides.htm.j2", Some("guide.html.j2")),
            ("ios.j2", Some("guide/ios.html.j2")),
            ("unknown.txt.j2", None),
        ] {
            assert_eq!(closest(name), meant, "{name}");
        }
    }
}
