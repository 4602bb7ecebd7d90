//! The providers of DNS that Caddy has a plugin for, and what each plugin must be told.
//!
//! The data is `dns.kdl` beside this file. It is read when a declaration names a provider for the first time.

use std::sync::LazyLock;

use crate::diagnostic::Mistakes;
use crate::parse::{Known, Node, Reader, document};
use crate::source::Source;

/// A provider, as Caddy's plugin for it is called.
#[derive(Debug, PartialEq, Eq)]
pub struct DnsProvider {
    pub name: String,
    /// The plugin's Go module, which Caddy is to be built with.
    pub module: String,
    /// Whether the plugin takes its one secret as a word behind its name.
    pub word: bool,
    /// What it is told, sorted by name.
    pub settings: Vec<DnsSetting>,
    /// Where that was read.
    pub source: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct DnsSetting {
    pub name: String,
    /// Whether nobody else may know it.
    pub secret: bool,
    /// Whether the plugin does without it.
    pub optional: bool,
}

impl DnsProvider {
    /// The one setting that it needs, where that is one, and a secret.
    pub(crate) fn token(&self) -> Option<&DnsSetting> {
        let mut needed = self.settings.iter().filter(|setting| !setting.optional);
        let token = needed.next().filter(|setting| setting.secret)?;
        needed.next().is_none().then_some(token)
    }

    /// How it is written, with all that it needs, or all that it may be told where it needs nothing.
    pub(crate) fn example(&self) -> String {
        let needs_some = self.settings.iter().any(|setting| !setting.optional);
        let shown = self.settings.iter();
        let shown = shown.filter(|setting| !needs_some || !setting.optional);
        let lines: Vec<String> = shown
            .map(|setting| match setting.secret {
                true => format!("{} env=\"…\"", setting.name),
                false => format!("{} \"…\"", setting.name),
            })
            .collect();
        format!("provider \"{}\" {{ {}; }}", self.name, lines.join("; "))
    }
}

const TEXT: &str = include_str!("dns.kdl");

static PROVIDERS: LazyLock<Vec<DnsProvider>> = LazyLock::new(|| {
    read(&Source::new("dns.kdl", TEXT)).expect("a test reads the built-in catalogue")
});

pub(crate) fn dns_provider(name: &str) -> Option<&'static DnsProvider> {
    dns_providers().find(|provider| provider.name == name)
}

/// All providers, sorted by name.
pub fn dns_providers() -> impl Iterator<Item = &'static DnsProvider> + Clone {
    PROVIDERS.iter()
}

const CATALOGUE: Known = Known {
    place: "the catalogue",
    once: &[],
    many: &["dns"],
};
const PROVIDER: Known = Known {
    place: "`dns`",
    once: &[],
    many: &["setting", "secret"],
};

/// Reads `dns "ovh" module="…" source="…" { setting "endpoint"; secret "application_key" }`, any number of them.
fn read(source: &Source) -> Result<Vec<DnsProvider>, Mistakes> {
    let nodes = document(source)?;
    let mut reader = Reader::default();
    let mut providers = Vec::new();
    for node in reader.known(&CATALOGUE, &nodes) {
        providers.extend(provider(node, &mut reader));
    }
    reader.finish(source, providers)
}

fn provider(node: &Node, reader: &mut Reader) -> Option<DnsProvider> {
    let mut fields = reader.fields(node);
    let name = fields.text("a name", "dns \"ovh\" { … }");
    let module = fields.text_property("module");
    let word = fields.boolean_property("word");
    let source = fields.text_property("source");
    fields.finish_before_block("one name");
    let mut settings = Vec::new();
    for child in reader.known(&PROVIDER, node.children()) {
        let mut fields = reader.fields(child);
        let name = fields.text("a name", "setting \"endpoint\"");
        let optional = fields.boolean_property("optional");
        fields.finish("one name");
        settings.extend(name.map(|name| DnsSetting {
            name: name.value,
            secret: child.name.value == "secret",
            optional: optional.is_some_and(|optional| optional.value),
        }));
    }
    Some(DnsProvider {
        name: name?.value,
        module: module?.value,
        word: word.is_some_and(|word| word.value),
        settings,
        source: source?.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that could not be read would be left out without a word.
    #[test]
    fn every_line_of_it_is_read() {
        let begins = |with: &str| TEXT.lines().filter(|line| line.starts_with(with)).count();
        assert_eq!(begins("dns "), dns_providers().count());
        let settings: usize = dns_providers().map(|one| one.settings.len()).sum();
        assert_eq!(begins("    "), settings);
        assert!(dns_providers().count() >= 20);
        assert!(dns_providers().is_sorted_by_key(|one| &one.name));
        for one in dns_providers() {
            assert!(one.settings.is_sorted_by_key(|setting| &setting.name));
            assert!(!one.settings.is_empty(), "{}", one.name);
            let path = format!("github.com/caddy-dns/{}", one.name);
            assert!(one.module.starts_with(&path), "{}", one.module);
            // A word is the one secret: with more that it needs nobody could say which.
            assert!(!one.word || one.token().is_some(), "{}", one.name);
        }
    }

    #[test]
    fn what_one_token_is_enough_for_is_known() {
        let has_token = |name: &str| dns_provider(name).unwrap().token().is_some();
        for name in ["cloudflare", "desec", "duckdns", "gandi"] {
            assert!(has_token(name), "{name}");
        }
        for name in [
            "porkbun",
            "ovh",
            "netcup",
            "namecheap",
            "route53",
            "rfc2136",
            "powerdns",
        ] {
            assert!(!has_token(name), "{name}");
        }
        assert_eq!(
            dns_provider("porkbun").unwrap().example(),
            "provider \"porkbun\" { api_key env=\"…\"; api_secret_key env=\"…\"; }"
        );
    }
}
