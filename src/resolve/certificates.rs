//! Where the sites' own certificates come from.

use super::Resolver;
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{SiteCertificates, sayable};
use crate::parse::declaration::{CertificatesLine, Text};
use crate::source::Span;

/// A kind of `certificates`: its name, the properties that it takes, and how it is written.
struct Kind(&'static str, &'static [&'static str], &'static str);

const KINDS: [Kind; 4] = [
    Kind("acme", &[], "certificates \"acme\""),
    Kind("internal", &[], "certificates \"internal\""),
    Kind(
        "dns",
        &["provider", "token-env"],
        "certificates \"dns\" provider=\"cloudflare\" token-env=\"CF_API_TOKEN\"",
    ),
    Kind(
        "files",
        &["cert", "key"],
        "certificates \"files\" cert=\"/etc/ssl/home.pem\" key=\"/etc/ssl/home.key\"",
    ),
];

impl Resolver<'_> {
    pub(super) fn certificates(&mut self, line: &CertificatesLine) -> Option<SiteCertificates> {
        let known = |word: &str| KINDS.into_iter().find(|Kind(name, ..)| *name == word);
        let kind = self.know(&line.kind, known, |word| {
            mistake!(
                "resolve::unknown-certificates",
                "there are no `{word}` certificates",
                at(line.kind.span, "not known"),
                help(did_you_mean(word, KINDS.map(|Kind(name, ..)| name))),
            )
        })?;
        let mut complete = true;
        for (property, value) in [
            ("provider", &line.provider),
            ("token-env", &line.token_env),
            ("cert", &line.cert),
            ("key", &line.key),
        ] {
            complete &= self.certificates_property(&kind, line.kind.span, property, value.as_ref());
        }
        if !complete {
            return None;
        }
        let text = |value: &Option<Text>| value.as_ref().map(|text| text.value.clone());
        match kind.0 {
            "acme" => Some(SiteCertificates::Acme),
            "internal" => Some(SiteCertificates::Internal),
            "dns" => Some(SiteCertificates::Dns {
                provider: text(&line.provider)?,
                token_env: text(&line.token_env)?,
            }),
            _ => Some(SiteCertificates::Files {
                cert: text(&line.cert)?,
                key: text(&line.key)?,
            }),
        }
    }

    /// Whether a property that the kind takes is there, and well formed.
    fn certificates_property(
        &mut self,
        Kind(kind, takes, example): &Kind,
        span: Span,
        property: &str,
        value: Option<&Text>,
    ) -> bool {
        match value {
            Some(value) if !takes.contains(&property) => {
                self.refuse(mistake!(
                    "resolve::certificates-property",
                    "`certificates \"{kind}\"` has no `{property}`",
                    at(value.span, "not for this kind"),
                    help("remove it"),
                ));
                // Nothing lacks for it.
                true
            }
            Some(value) => self.certificates_value(property, value),
            None if takes.contains(&property) => {
                self.refuse_absence(mistake!(
                    "resolve::certificates-incomplete",
                    "`certificates \"{kind}\"` needs `{property}`",
                    at(span, "`{property}` is missing"),
                    help("write `{example}`"),
                ));
                false
            }
            None => true,
        }
    }

    /// Whether a property's value is of its form.
    fn certificates_value(&mut self, property: &str, value: &Text) -> bool {
        let text = value.value.as_str();
        let is_word = |extra: &[u8]| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || extra.contains(&b);
            !text.is_empty() && text.bytes().all(allowed)
        };
        let (good, what, help) = match property {
            "provider" => (
                is_word(b"_-") && !text.starts_with('-'),
                "DNS provider",
                "write the last word of the plugin's name, such as `cloudflare`",
            ),
            "token-env" => (
                is_word(b"_") && !text.starts_with(|c: char| c.is_ascii_digit()),
                "name of an environment variable",
                "write the variable's name, such as `CF_API_TOKEN`; the token itself stays out of git",
            ),
            // Caddy resolves a relative path against its working directory, which nobody can foresee.
            _ => (
                text.starts_with('/') && sayable(text).is_ok(),
                "path of a file",
                "write the absolute path on the Caddy host, such as `/etc/ssl/home.pem`",
            ),
        };
        if !good {
            self.refuse(mistake!(
                "resolve::bad-certificates-value",
                "`{text}` cannot be the {what}",
                at(value.span, "not in this form"),
                help("{help}"),
            ));
        }
        good
    }
}
