//! The gateways at which visitors can sign in, and how each is asked who somebody is.
//!
//! The data is `gateways.kdl` beside this file. It is read when a declaration names a gateway for the first time.

use std::sync::LazyLock;

use crate::diagnostic::Mistakes;
use crate::parse::{Known, Node, Reader, document};
use crate::source::Source;

/// How a gateway is asked, and what it answers. It is held as it was written: `resolve` knows what a path may be.
#[derive(Debug, PartialEq, Eq)]
pub struct GatewayPreset {
    pub name: String,
    /// The name to show.
    pub title: String,
    /// The path by which it is asked.
    pub uri: String,
    /// The header that says who somebody is.
    pub user: String,
    /// What else it says of them, header by header.
    pub headers: Vec<String>,
    /// Paths on each host that are its own.
    pub own: Vec<String>,
    /// The page that it has for who has not signed in, where it does not send them there itself.
    pub page: Option<String>,
    /// What the gateway itself must be told, a sentence each.
    pub tell: Vec<String>,
    /// Where that was read, and when.
    pub source: String,
    pub checked: String,
}

const TEXT: &str = include_str!("gateways.kdl");

static GATEWAYS: LazyLock<Vec<GatewayPreset>> = LazyLock::new(|| {
    read(&Source::new("gateways.kdl", TEXT)).expect("a test reads the built-in catalogue")
});

pub(crate) fn gateway(name: &str) -> Option<&'static GatewayPreset> {
    gateways().find(|gateway| gateway.name == name)
}

/// All gateways that are known, sorted by name.
pub fn gateways() -> impl Iterator<Item = &'static GatewayPreset> + Clone {
    GATEWAYS.iter()
}

const CATALOGUE: Known = Known {
    place: "the catalogue",
    once: &[],
    many: &["gateway"],
};
const GATEWAY: Known = Known {
    place: "`gateway`",
    once: &["uri", "user", "headers", "own", "page"],
    many: &["tell"],
};

fn read(source: &Source) -> Result<Vec<GatewayPreset>, Mistakes> {
    let nodes = document(source)?;
    let mut reader = Reader::default();
    let mut gateways = Vec::new();
    for node in reader.known(&CATALOGUE, &nodes) {
        gateways.extend(preset(node, &mut reader));
    }
    reader.finish(source, gateways)
}

fn preset(node: &Node, reader: &mut Reader) -> Option<GatewayPreset> {
    let mut fields = reader.fields(node);
    let name = fields.text("a name", "gateway \"authelia\" { … }");
    let title = fields.text_property("title");
    let source = fields.text_property("source");
    let checked = fields.text_property("checked");
    fields.finish_before_block("one name");
    let (mut uri, mut user, mut page) = (None, None, None);
    let (mut headers, mut own, mut tell) = (Vec::new(), Vec::new(), Vec::new());
    for child in reader.known(&GATEWAY, node.children()) {
        let mut fields = reader.fields(child);
        match child.name.value.as_str() {
            "uri" => uri = fields.text("a path", "uri \"/auth\""),
            "user" => user = fields.text("a header", "user \"Remote-User\""),
            "page" => page = fields.text("a path", "page \"/sign_in\""),
            "headers" => headers = fields.texts("a header", "headers \"Remote-Groups\""),
            "own" => own = fields.texts("a path", "own \"/oauth2/*\""),
            "tell" => tell.extend(fields.text("a sentence", "tell \"…\"")),
            other => unreachable!("`{other}` is not known to `gateway`"),
        }
        fields.finish("texts");
    }
    let texts = |read: Vec<crate::source::Spanned<String>>| {
        let texts = read.into_iter().map(|text| text.value);
        texts.collect()
    };
    Some(GatewayPreset {
        name: name?.value,
        title: title?.value,
        uri: uri?.value,
        user: user?.value,
        headers: texts(headers),
        own: texts(own),
        page: page.map(|page| page.value),
        tell: texts(tell),
        source: source?.value,
        checked: checked?.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that could not be read would be left out without a word.
    #[test]
    fn every_line_of_it_is_read() {
        let begins = |with: &str| {
            let lines = TEXT.lines().map(str::trim_start);
            lines.filter(|line| line.starts_with(with)).count()
        };
        let all = gateways().count();
        assert!(all >= 5);
        for word in ["gateway ", "uri ", "user "] {
            assert_eq!(begins(word), all, "{word}");
        }
        let having = |has: fn(&GatewayPreset) -> bool| gateways().filter(|one| has(one)).count();
        assert_eq!(begins("headers "), having(|one| !one.headers.is_empty()));
        assert_eq!(begins("own "), having(|one| !one.own.is_empty()));
        assert_eq!(begins("page "), having(|one| one.page.is_some()));
        let told: usize = gateways().map(|one| one.tell.len()).sum();
        assert_eq!(begins("tell "), told);
        assert!(gateways().is_sorted_by_key(|one| &one.name));
        for one in gateways() {
            let day: Result<jiff::civil::Date, _> = one.checked.parse();
            assert!(day.is_ok(), "{}", one.name);
        }
    }
}
