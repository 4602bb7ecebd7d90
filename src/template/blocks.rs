//! The blocks and imports of a template, as far as its text tells.

use crate::source::Span;

/// A block that stands in no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block<'t> {
    pub name: &'t str,
    /// Where the name begins, in bytes.
    pub offset: usize,
}

/// What a text extends, where it says so with a word in quotes.
pub(super) fn extended(text: &str) -> Option<&str> {
    let named = tags(text).find_map(|tag| tag.strip_prefix("extends "))?;
    named
        .trim()
        .strip_prefix(['"', '\''])?
        .strip_suffix(['"', '\''])
}

/// Every block of a text, those within others too.
pub(super) fn all(text: &str) -> impl Iterator<Item = &str> {
    tags(text).filter_map(name_of)
}

/// The blocks that stand in no other. In a text that extends another nothing comes of them but where
/// that other has them.
pub(super) fn outermost(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut depth = 0usize;
    for tag in tags(text) {
        if let Some(name) = name_of(tag) {
            if depth == 0 {
                let offset = place_of(name, text).offset();
                found.push(Block { name, offset });
            }
            depth += 1;
        } else if tag.split_whitespace().next() == Some("endblock") {
            depth = depth.saturating_sub(1);
        }
    }
    found
}

/// Where the first import stands that is not called by a name: minijinja takes any expression behind `as` for one, and panics at it.
pub(super) fn import_without_name(text: &str) -> Option<Span> {
    let mut imports = tags(text).filter(|tag| {
        let behind = tag.strip_prefix("import");
        behind.is_some_and(|behind| !behind.starts_with(is_of_name))
    });
    let odd = imports.find(|tag| !ends_with_name(tag))?;
    Some(place_of(odd, text))
}

/// Where a part of a text stands in it.
fn place_of(part: &str, text: &str) -> Span {
    let offset = part.as_ptr() as usize - text.as_ptr() as usize;
    Span::from((offset, part.len()))
}

/// Whether a tag ends with `as` and a name.
fn ends_with_name(tag: &str) -> bool {
    let marked = tag.strip_suffix("context").map(str::trim_end);
    let unmarked = marked.and_then(|tag| tag.strip_suffix("without").or(tag.strip_suffix("with")));
    let tag = unmarked.unwrap_or(tag);
    let before = tag.trim_end();
    let before = before.trim_end_matches(is_of_name);
    let name = tag[before.len()..].trim_end();
    let is_name = name.starts_with(|c: char| is_of_name(c) && !c.is_numeric())
        && !["true", "false", "none", "not"].contains(&name.to_lowercase().as_str());
    is_name && before.trim_end().ends_with("as")
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn name_of(tag: &str) -> Option<&str> {
    tag.strip_prefix("block ")?.split_whitespace().next()
}

/// What stands between `{%` and `%}`; comments, and what is raw, have no tags.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let open = rest.find("{%")?;
            if let Some(comment) = rest[..open].find("{#") {
                rest = behind(&rest[comment..], "#}")?;
                continue;
            }
            let inside = &rest[open + 2..];
            let end = inside.find("%}")?;
            rest = &inside[end + 2..];
            let tag = inside[..end].trim_matches(['-', '+']).trim();
            if tag == "raw" {
                rest = behind(rest, "endraw")?;
                continue;
            }
            return Some(tag);
        }
    })
}

fn behind<'t>(text: &'t str, end: &str) -> Option<&'t str> {
    text.split_once(end).map(|(_, behind)| behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::end_of;

    #[test]
    fn imports_are_called_by_a_name() {
        for import in [
            "import \"x\" as y",
            "import 'x'as y_1",
            "import file as\ny",
            "import \"x\" as y with context",
            "import \"x\" as context",
            "import \"x\" as y without  context",
            "from \"x\" import y as z",
            "imported",
        ] {
            let text = format!("{{%- {import} -%}}");
            assert_eq!(import_without_name(&text), None, "{import}");
        }
        for import in [
            "import \"x\" as y -1",
            "import\"x\"as y-1",
            "import \"x\" as y|upper",
            "import \"x\" as y if z",
            "import \"x\" as \"y\"",
            "import \"x\" as y[0]",
            "import \"x\" as 1",
            "import \"x\" as not y",
            "import \"x\" as True",
            "import \"x\" as y - with context",
        ] {
            let text = format!("{{% import 'x' as y %}}{{% {import} %}}");
            let place = import_without_name(&text).expect(import);
            assert_eq!(&text[place.offset()..end_of(place)], import);
        }
    }

    #[test]
    fn blocks_are_found_where_they_mean_something() {
        let text = "{# {% block no %} #}{%- extends \"builtin/x.j2\" -%}{% block one %}{% block two %}\
                    {% endblock %}{% endblock %}{% raw %}{% block no %}{% endraw %}{% block three scoped %}{% endblock %}";
        assert_eq!(extended(text), Some("builtin/x.j2"));
        let names: Vec<&str> = outermost(text).iter().map(|block| block.name).collect();
        assert_eq!(names, ["one", "three"]);
        assert_eq!(all(text).collect::<Vec<_>>(), ["one", "two", "three"]);
        for Block { name, offset } in outermost(text) {
            assert!(text[offset..].starts_with(name));
        }
        for unfinished in [
            "{% block",
            "{# {% block x %}",
            "{% raw %}{% block x %}",
            "{%",
        ] {
            assert!(outermost(unfinished).is_empty(), "{unfinished}");
            assert_eq!(extended(unfinished), None);
        }
    }
}
