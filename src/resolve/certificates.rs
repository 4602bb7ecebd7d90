//! Where the sites' own certificates come from.

use super::Resolver;
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{
    AccountId, AcmeAuthority, DirectoryUrl, DnsChallenge, ExternalAccount, HostPath, OldestTls,
    ProviderSettings, SiteCertificates, Timeout, Variable, sayable,
};
use crate::parse::declaration::{AcmeLine, CertificatesLine, PropagationLine, Text, TlsLine};
use crate::source::Span;

/// A kind of `certificates`: its name, the properties that it needs, and how it is written.
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
        if !self.certificates_properties(&kind, line) {
            return None;
        }
        let text = |value: &Option<Text>| value.as_ref().map(|text| text.value.clone());
        match kind.0 {
            "acme" => Some(SiteCertificates::Acme),
            "internal" => Some(SiteCertificates::Internal),
            "dns" => self.dns_challenge(line).map(SiteCertificates::Dns),
            _ => Some(SiteCertificates::Files {
                cert: text(&line.cert)?,
                key: text(&line.key)?,
            }),
        }
    }

    /// Whether all is there that the kind needs, and nothing else.
    fn certificates_properties(&mut self, kind: &Kind, line: &CertificatesLine) -> bool {
        let mut complete = true;
        // A block says what these two say.
        let is_in_block = line.provider_block.is_some();
        for (property, value) in [
            ("provider", &line.provider),
            ("token-env", &line.token_env),
            ("cert", &line.cert),
            ("key", &line.key),
        ] {
            let said_in_block = is_in_block && value.is_none() && kind.0 == "dns";
            complete &= said_in_block
                || self.certificates_property(kind, line.kind.span, property, value.as_ref());
        }
        if kind.0 != "dns" {
            let block = line.provider_block.as_ref();
            for (what, span) in [
                ("provider", block.map(|block| block.name.span)),
                ("resolvers", line.resolvers.first().map(|first| first.span)),
                ("propagation", line.propagation.as_ref().map(|p| p.span)),
            ] {
                if let Some(span) = span {
                    self.refuse_certificates_property(kind, what, span);
                }
            }
        }
        complete
    }

    /// Whether a property that the kind needs is there, and well formed.
    fn certificates_property(
        &mut self,
        kind: &Kind,
        span: Span,
        property: &str,
        value: Option<&Text>,
    ) -> bool {
        let Kind(name, needs, example) = kind;
        match value {
            Some(value) if !needs.contains(&property) => {
                self.refuse_certificates_property(kind, property, value.span);
                // Nothing lacks for it.
                true
            }
            Some(value) => self.certificates_value(property, value),
            None if needs.contains(&property) => {
                self.refuse_absence(mistake!(
                    "resolve::certificates-incomplete",
                    "`certificates \"{name}\"` needs `{property}`",
                    at(span, "`{property}` is missing"),
                    help("write `{example}`"),
                ));
                false
            }
            None => true,
        }
    }

    fn refuse_certificates_property(&mut self, Kind(kind, ..): &Kind, property: &str, span: Span) {
        self.refuse(mistake!(
            "resolve::certificates-property",
            "`certificates \"{kind}\"` has no `{property}`",
            at(span, "not for this kind"),
            help("remove it"),
        ));
    }

    /// Whether a property's value is of its form.
    pub(super) fn certificates_value(&mut self, property: &str, value: &Text) -> bool {
        let text = value.value.as_str();
        let is_good = match property {
            "provider" => is_provider(text),
            "token-env" | "env" | "eab-key-env" => Variable::new(text).is_ok(),
            "eab" => AccountId::new(text).is_ok(),
            "ca" => DirectoryUrl::new(text).is_ok(),
            "root" => HostPath::new(text).is_ok(),
            // Caddy resolves a relative path against its working directory, which nobody can foresee.
            _ => text.starts_with('/') && sayable(text).is_ok(),
        };
        let (what, help) = match property {
            "provider" => (
                "DNS provider",
                "write the last word of the plugin's name, such as `cloudflare`",
            ),
            "token-env" | "env" | "eab-key-env" => (
                "name of an environment variable",
                "write the variable's name, such as `CF_API_TOKEN`; what it holds stays out of git",
            ),
            "eab" => (
                "id of an account",
                "write the key id that the authority gave you, as it is",
            ),
            "ca" => (
                "directory of an ACME authority",
                "write its URL, such as `https://ca.example/directory`",
            ),
            _ => (
                "path of a file",
                "write the absolute path on the Caddy host, such as `/etc/ssl/home.pem`",
            ),
        };
        if !is_good {
            self.refuse(mistake!(
                "resolve::bad-certificates-value",
                "`{text}` cannot be the {what}",
                at(value.span, "not in this form"),
                help("{help}"),
            ));
        }
        is_good
    }

    /// The name of a variable of Caddy's environment.
    pub(super) fn variable(&mut self, property: &str, written: &Text) -> Option<Variable> {
        self.certificates_value(property, written).then_some(())?;
        Variable::new(&written.value).ok()
    }

    /// Reads `tls min="1.3"`.
    pub(super) fn oldest_tls(&mut self, line: &TlsLine) -> Option<OldestTls> {
        let known = |word: &str| match word {
            "1.2" => Some(OldestTls::V12),
            "1.3" => Some(OldestTls::V13),
            _ => None,
        };
        self.know(&line.min, known, |word| {
            mistake!(
                "resolve::unknown-tls",
                "`{word}` is no version of TLS that the edge speaks",
                at(line.min.span, "not 1.2 or 1.3"),
                help("write `tls min=\"1.3\"`, or leave it out: the default is 1.2, and older ones are not secure"),
            )
        })
    }

    fn dns_challenge(&mut self, line: &CertificatesLine) -> Option<DnsChallenge> {
        let provider = self.provider(line);
        let mut resolvers = Vec::new();
        for written in &line.resolvers {
            resolvers.extend(self.read(written, crate::model::DnsResolver::new, |address, why| {
                mistake!(
                    "resolve::bad-resolver",
                    "`{address}` cannot be asked for records",
                    at(written.span, "{why}"),
                    help("write the address of a DNS server that knows what the world knows, such as `resolvers \"1.1.1.1\"`"),
                )
            }));
        }
        let (timeout, delay) = match &line.propagation {
            Some(line) => self.propagation(line),
            None => (None, None),
        };
        let (provider, settings): (String, ProviderSettings) = provider?;
        Some(DnsChallenge {
            provider,
            settings,
            resolvers,
            propagation_timeout: timeout,
            propagation_delay: delay,
        })
    }

    fn propagation(&mut self, line: &PropagationLine) -> (Option<Timeout>, Option<Timeout>) {
        if line.timeout.is_none() && line.delay.is_none() {
            self.refuse_absence(mistake!(
                "resolve::empty-propagation",
                "`propagation` that says nothing",
                at(line.span, "neither `timeout` nor `delay`"),
                help("add `timeout=\"5m\"`, how long a record may take until it is seen, or `delay=\"30s\"`, how long to wait before looking"),
            ));
        }
        let mut read = |written: &Option<Text>| self.timeout(written.as_ref()?);
        (read(&line.timeout), read(&line.delay))
    }

    /// Reads `acme ca="https://…" root="/…" eab="ID" eab-key-env="EAB_KEY"`.
    pub(super) fn acme_authority(&mut self, line: &AcmeLine) -> Option<AcmeAuthority> {
        let mut complete = true;
        for (property, value) in [
            ("ca", &line.ca),
            ("root", &line.root),
            ("eab", &line.eab),
            ("eab-key-env", &line.eab_key_env),
        ] {
            let value = value.as_ref();
            complete &= value.is_none_or(|value| self.certificates_value(property, value));
        }
        let one_alone = match (&line.eab, &line.eab_key_env) {
            (Some(_), None) => Some("eab-key-env"),
            (None, Some(_)) => Some("eab"),
            _ if line.root.is_some() && line.ca.is_none() => Some("ca"),
            (None, None) if line.ca.is_none() => Some("ca"),
            _ => None,
        };
        if let Some(missing) = one_alone {
            self.refuse_absence(mistake!(
                "resolve::acme-incomplete",
                "`acme` needs `{missing}`",
                at(line.span, "`{missing}` is missing"),
                help("write `acme ca=\"https://ca.example/directory\"`, and where the authority asks for it, `eab=\"ID\" eab-key-env=\"EAB_KEY\"`"),
            ));
            return None;
        }
        complete.then_some(())?;
        const TAKEN: &str = "`certificates_value` takes no other";
        let text = |value: &Option<Text>| value.as_ref().map(|text| text.value.clone());
        let eab = Option::zip(text(&line.eab), text(&line.eab_key_env));
        Some(AcmeAuthority {
            ca: text(&line.ca).map(|ca| DirectoryUrl::new(&ca).expect(TAKEN)),
            root: text(&line.root).map(|root| HostPath::new(&root).expect(TAKEN)),
            eab: eab.map(|(id, key)| ExternalAccount {
                id: AccountId::new(&id).expect(TAKEN),
                key: Variable::new(&key).expect(TAKEN),
            }),
        })
    }
}

/// Whether a word can be the last one of a plugin's name.
fn is_provider(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('-')
}
