//! Many paths in a few lines.

use std::collections::BTreeMap;
use std::path::Path;

/// How many paths a command lists; more are summed up by kind.
const LISTED: usize = 50;

/// How paths are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Many are summed up.
    Short,
    /// Each has a line, however many there are.
    Each,
}

/// One line of a list: a path, or the pattern that many of a kind match.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub pattern: String,
    /// How many paths it stands for; nothing where it is one itself.
    pub count: Option<usize>,
}

impl Line {
    /// With the output tree before it, and how many it stands for.
    pub(crate) fn below(&self, out: &Path) -> String {
        let path = out.join(&self.pattern);
        match self.count {
            Some(count) => format!("{} ({count} files)", path.display()),
            None => path.display().to_string(),
        }
    }

    fn of(path: &str) -> Line {
        Line {
            pattern: path.to_owned(),
            count: None,
        }
    }
}

impl Listing {
    /// Whether so many paths have a line each.
    pub(crate) fn has_each(self, paths: usize) -> bool {
        self == Listing::Each || paths <= LISTED
    }
}

/// The lines for paths below the output tree, each with what is said of it: one for each path up to [`LISTED`], and one for
/// each kind of file and each thing said of it beyond.
pub(crate) fn lines<S: Copy + Ord>(paths: &[(&str, S)], listing: Listing) -> Vec<(Line, S)> {
    if listing.has_each(paths.len()) {
        let each = |&(path, said): &(&str, S)| (Line::of(path), said);
        return paths.iter().map(each).collect();
    }
    let mut kinds: BTreeMap<(S, String), (usize, &str)> = BTreeMap::new();
    for &(path, said) in paths {
        let kind = kinds.entry((said, kind(path))).or_insert((0, path));
        kind.0 += 1;
    }
    { kinds.into_iter() }
        .map(|((said, pattern), (count, first))| {
            let line = match count {
                1 => Line::of(first),
                _ => Line {
                    pattern,
                    count: Some(count),
                },
            };
            (line, said)
        })
        .collect()
}

/// The pattern of all files that lie below the same first directory and whose names end alike.
fn kind(path: &str) -> String {
    let (folder, rest) = path.split_once('/').unwrap_or(("", path));
    let name = rest.rsplit('/').next().unwrap_or(rest);
    // No person and no device has a point in its name, so what is behind the first one is the kind of file.
    let ending = name.split_once('.').map_or("", |(_, ending)| ending);
    let name = match ending {
        "" => String::from("*"),
        ending => format!("*.{ending}"),
    };
    match (folder, rest.contains('/')) {
        ("", _) => name,
        (folder, false) => format!("{folder}/{name}"),
        (folder, true) => format!("{folder}/**/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(count: usize) -> Vec<String> {
        let of = |at: usize| {
            [
                format!("people/p{at}/p{at}-phone.p12"),
                format!("people/p{at}/guide.html"),
            ]
        };
        (0..count).flat_map(of).collect()
    }

    fn shown(paths: &[String], listing: Listing) -> Vec<(String, Option<usize>)> {
        let paths: Vec<(&str, ())> = paths.iter().map(|path| (path.as_str(), ())).collect();
        let lines = lines(&paths, listing).into_iter();
        lines.map(|(line, ())| (line.pattern, line.count)).collect()
    }

    #[test]
    fn fifty_paths_are_listed_and_more_are_summed_up_by_kind() {
        let fifty = people(25);
        assert_eq!(shown(&fifty, Listing::Short).len(), 50);
        assert_eq!(shown(&fifty, Listing::Short)[0], (fifty[0].clone(), None));

        let mut more = fifty.clone();
        more.push(String::from("edge/sites.caddyfile"));
        let summed = [
            (String::from("edge/sites.caddyfile"), None),
            (String::from("people/**/*.html"), Some(25)),
            (String::from("people/**/*.p12"), Some(25)),
        ];
        assert_eq!(shown(&more, Listing::Short), summed);
        assert_eq!(shown(&more, Listing::Each).len(), 51);
    }

    #[test]
    fn what_is_said_of_paths_keeps_them_apart() {
        let paths = people(30);
        let said: Vec<(&str, bool)> = { paths.iter().enumerate() }
            .map(|(at, path)| (path.as_str(), at % 4 < 2))
            .collect();
        let lines = lines(&said, Listing::Short);
        let counts: Vec<_> = { lines.iter() }
            .map(|(line, said)| (line.count, *said))
            .collect();
        let fifteen = Some(15);
        let expected = [
            (fifteen, false),
            (fifteen, false),
            (fifteen, true),
            (fifteen, true),
        ];
        assert_eq!(counts, expected);
    }
}
