//! The hashes of what declares each person and of all else that is declared: what of it is as it was need not be derived anew.

use blake3::Hash;

use super::Resolver;
use crate::once::encoded;
use crate::parse::Declaration;
use crate::parse::declaration::PersonBlock;

impl Resolver<'_> {
    /// The hash of the statement that declares a person.
    pub(super) fn declared(&self, block: &PersonBlock) -> Hash {
        let (begin, end) = block.reach;
        blake3::hash(self.written(begin, end).as_bytes())
    }

    /// The hash of all else that is declared, the user's own apps too.
    pub(super) fn declared_beside_people(&self, declaration: &Declaration) -> Hash {
        let mut from = 0;
        let mut pieces = Vec::new();
        for block in &declaration.people {
            let (begin, end) = block.reach;
            pieces.push(self.written(from, begin));
            from = end;
        }
        pieces.push(self.written(from, self.source.text().len()));
        // What ends the statement of a person, and what is between two of them, says nothing of anything else.
        let is_end = |c: char| c.is_whitespace() || c == ';' || c == '}';
        let pieces = pieces.into_iter();
        let pieces = pieces.map(|piece| piece.trim_start_matches(is_end).trim_end());
        let pieces: Vec<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
        blake3::hash(&encoded(&(pieces, self.catalogue.declared().as_bytes())))
    }

    /// What is written between two places; the whole text, where they are none of it.
    fn written(&self, begin: usize, end: usize) -> &str {
        let text = self.source.text();
        text.get(begin..end).unwrap_or(text)
    }
}

#[cfg(test)]
mod tests {
    use blake3::Hash;

    use crate::model::Name;
    use crate::source::Source;

    const TEXT: &str = r#"domain "home.example.com"
edge { email "admin@example.com"; certificates "internal"; }
person "alice" {
    device "phone" platform="ios"
    device "mac" platform="macos"
}
person "bob" { device "phone" platform="ios"; }
group "all" "alice" "bob"
service "a" { upstream "http://127.0.0.1:9001"; allow "all"; }
"#;

    /// Of alice, of bob, and of all else.
    fn hashes(text: &str) -> [Hash; 3] {
        let homelab = crate::compile(&Source::new("homelab.kdl", text)).expect("it is right");
        let of = |name| homelab.people[&Name::new(name).unwrap()].declared;
        [of("alice"), of("bob"), homelab.declared]
    }

    #[test]
    fn a_change_is_found_where_it_was_made_and_nowhere_else() {
        let before = hashes(TEXT);
        let changed = [
            (
                "\"mac\" platform=\"macos\"",
                "\"mac\" platform=\"linux\"",
                0,
            ),
            (
                "\"mac\" platform=\"macos\"",
                "\"mac\" platform=\"macos\" until=\"2031-01-01\"",
                0,
            ),
            ("    device \"mac\" platform=\"macos\"\n", "", 0),
            ("\"alice\" {\n", "\"alice\" {\n    language \"de\"\n", 0),
            (
                "\"macos\"\n}",
                "\"macos\"\n    device \"pad\" platform=\"ipados\";\n\n}",
                0,
            ),
            ("\"bob\" { device", "\"bob\" { name \"B\"; device", 1),
            ("\"all\" \"alice\" \"bob\"", "\"all\" \"alice\"", 2),
            ("9001", "9002", 2),
            ("admin@", "root@", 2),
            ("service", "validity { device \"1y\"; }\nservice", 2),
        ];
        // Somebody more is nobody else's matter, but for the groups.
        let more = TEXT.replace(
            "group",
            "person \"carol\" {\n    device \"a\" platform=\"ios\"\n}\ngroup",
        );
        assert_eq!(before, hashes(&more));
        for (from, to, place) in changed {
            assert_eq!(TEXT.matches(from).count(), 1, "{from}");
            let after = hashes(&TEXT.replace(from, to));
            for at in 0..3 {
                assert_eq!(before[at] != after[at], at == place, "{to}: {at}");
            }
        }
    }

    #[test]
    fn apps_of_one_s_own_are_declared_too() {
        let apps = |text| crate::compile_apps(&Source::new("apps.kdl", text)).unwrap();
        let hashes = ["", "app \"x\"", "app \"x\" title=\"X\""].map(|text| apps(text).declared());
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2]);
    }
}
