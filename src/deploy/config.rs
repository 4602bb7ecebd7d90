//! The host's own Caddyfile: where it imports the edge, and the same with another release in its place.

use crate::model::{CaddyAt, Deploy};

/// The file of an edge that a Caddyfile may import, in one of the three ways to use an edge.
const IMPORTED: [&str; 3] = ["Caddyfile", "sites.caddyfile", "globals.caddyfile"];

/// What Caddy's own packages, and Debian's, put into /etc/caddy/Caddyfile, without comments and white space.
const PACKAGED: [&str; 2] = [":80 { root * /usr/share/caddy file_server }", ""];

/// A host's Caddyfile.
pub(crate) struct Config<'a> {
    place: &'a Deploy,
    text: String,
}

impl<'a> Config<'a> {
    pub(crate) fn new(place: &'a Deploy, text: String) -> Config<'a> {
        Config { place, text }
    }

    /// The line that imports the whole edge, as it is to be put first.
    pub(crate) fn line(place: &Deploy) -> String {
        format!("import {}", Import::of(place).written("Caddyfile"))
    }

    /// Whether it imports the edge that is served, with its sites.
    pub(crate) fn imports_the_edge(&self) -> bool {
        let import = Import::of(self.place);
        let mut lines = self.text.lines();
        lines.any(|line| {
            let file = import.file_in(line);
            file.is_some_and(|file| file != "globals.caddyfile")
        })
    }

    /// Whether nobody has written anything in it: it is empty, or as a package has put it there.
    pub(crate) fn is_nobodys(&self) -> bool {
        let lines = self.text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.starts_with('#'));
        let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
        let words = words.join(" ");
        PACKAGED.contains(&words.as_str())
    }

    /// The same with this release in the place of the one that is served.
    pub(crate) fn with_release(&self, name: &str) -> String {
        let import = Import::of(self.place);
        let mut text = String::new();
        for line in self.text.split_inclusive('\n') {
            match import.file_in(line) {
                Some(_) => {
                    text.push_str(&line.replacen("/current/", &format!("/releases/{name}/"), 1))
                }
                None => text.push_str(line),
            }
        }
        text
    }
}

impl Config<'_> {
    /// The same without its imports of the edge.
    pub(crate) fn without_the_edge(&self) -> String {
        let import = Import::of(self.place);
        let lines = self.text.split_inclusive('\n');
        lines
            .filter(|line| import.file_in(line).is_none())
            .collect()
    }
}

/// How the edge that is served is named in the Caddyfile.
struct Import {
    /// `/etc/caddy/homelab`, and `homelab` where the Caddyfile is in /etc/caddy: imports are relative to the file.
    forms: Vec<String>,
}

impl Import {
    fn of(place: &Deploy) -> Import {
        let Deploy { path, config, .. } = place;
        let below = path.below(config.directory());
        let mut forms: Vec<String> = below.map(str::to_owned).into_iter().collect();
        if let CaddyAt::InContainer { config: inside, .. } = &place.caddy {
            // The directory of the Caddyfile is the same one, under another name.
            forms.extend(below.map(|below| format!("{}/{below}", inside.directory())));
        }
        forms.push(path.to_string());
        Import { forms }
    }

    fn written(&self, file: &str) -> String {
        let form = self
            .forms
            .first()
            .expect("there is the whole path at least");
        format!("{form}/current/{file}")
    }

    /// The file of the edge that a line imports, if it does.
    fn file_in(&self, line: &str) -> Option<&'static str> {
        let mut words = line.split_whitespace();
        let (Some("import"), Some(path)) = (words.next(), words.next()) else {
            return None;
        };
        let path = path.trim_matches(['"', '`']);
        let path = path.strip_prefix("./").unwrap_or(path);
        let mut forms = self.forms.iter();
        let file = forms.find_map(|form| path.strip_prefix(form)?.strip_prefix("/current/"))?;
        IMPORTED.into_iter().find(|known| *known == file)
    }
}
