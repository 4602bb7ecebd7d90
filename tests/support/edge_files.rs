//! The edge's files as one text, so that a test can change any of them as it would change one file.

use std::fs;
use std::path::Path;

/// The Caddyfile, and what it imports.
const NAMES: [&str; 4] = [
    "Caddyfile",
    "globals.caddyfile",
    "sites.caddyfile",
    "pages.caddyfile",
];

/// What stands before each file in the text: a comment, should a Caddy ever get to see it.
const HEADING: &str = "# ------ ";

/// The files of a directory, each below its name.
#[track_caller]
pub fn joined(directory: &Path) -> String {
    let file = |name: &str| {
        let path = directory.join(name);
        let text = fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        format!("{HEADING}{name}\n{text}")
    };
    NAMES.map(file).concat()
}

/// Each file with its name; a text without names is a Caddyfile.
pub fn parts(text: &str) -> Vec<(&str, &str)> {
    let mut parts = text.split(HEADING);
    let alone = parts.next().filter(|text| !text.is_empty());
    let named = parts.filter_map(|part| part.split_once('\n'));
    alone
        .map(|text| ("Caddyfile", text))
        .into_iter()
        .chain(named)
        .collect()
}

/// One of the files.
#[track_caller]
pub fn part<'t>(text: &'t str, name: &str) -> &'t str {
    let parts = parts(text);
    let found = parts.iter().find(|(known, _)| *known == name);
    let (_, part) = found.unwrap_or_else(|| panic!("there is no {name} in\n{text}"));
    part
}

/// The text with lines put before those of one of the files.
#[track_caller]
pub fn with_lines(text: &str, name: &str, lines: &str) -> String {
    let heading = format!("{HEADING}{name}\n");
    let (before, behind) = text
        .split_once(&heading)
        .unwrap_or_else(|| panic!("there is no {name} in\n{text}"));
    format!("{before}{heading}{lines}{behind}")
}
