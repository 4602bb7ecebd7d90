//! What a provider of DNS is told: by one token, or by a block with all of its settings.

use super::Resolver;
use crate::catalogue::{DnsProvider, DnsSetting, dns_provider};
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{ProviderSettings, Setting, sayable};
use crate::parse::declaration::{CertificatesLine, ProviderBlock, SettingLine, Text};

impl Resolver<'_> {
    /// The provider of `certificates "dns"`, and what its plugin is told.
    pub(super) fn provider(
        &mut self,
        line: &CertificatesLine,
    ) -> Option<(String, ProviderSettings)> {
        let properties = [&line.provider, &line.token_env];
        let first = properties.into_iter().flatten().next();
        match (&line.provider_block, first) {
            (Some(block), Some(property)) => {
                self.refuse(mistake!(
                    "resolve::provider-twice",
                    "the provider is said twice",
                    at(property.span, "here"),
                    at(block.name.span, "and here"),
                    help("keep the block `provider \"…\" {{ … }}`, and remove `provider=` and `token-env=`"),
                ));
                None
            }
            (Some(block), None) => self.provider_block(block),
            (None, _) => {
                let (provider, token) = (line.provider.as_ref()?, line.token_env.as_ref()?);
                self.provider_with_token(provider, token)
            }
        }
    }

    fn provider_with_token(
        &mut self,
        provider: &Text,
        token: &Text,
    ) -> Option<(String, ProviderSettings)> {
        let name = provider.value.as_str();
        let variable = self.variable("token-env", token)?;
        let settings = match dns_provider(name) {
            None => ProviderSettings::Token(variable),
            Some(known) if known.word => ProviderSettings::Token(variable),
            Some(known) => {
                let Some(setting) = known.token() else {
                    let example = known.example();
                    self.refuse(mistake!(
                        "resolve::one-token-is-not-enough",
                        "one token is not what `{name}` needs",
                        at(provider.span, "its plugin has several settings"),
                        help("write `certificates \"dns\" {{ {example} }}`; `env` names the variable of Caddy's environment that holds a secret"),
                    ));
                    return None;
                };
                ProviderSettings::Named(vec![(setting.name.clone(), Setting::Env(variable))])
            }
        };
        Some((name.to_owned(), settings))
    }

    fn provider_block(&mut self, block: &ProviderBlock) -> Option<(String, ProviderSettings)> {
        let name = block.name.value.as_str();
        self.certificates_value("provider", &block.name)
            .then_some(())?;
        let known = dns_provider(name);
        let mut settings = Vec::new();
        for line in &block.settings {
            settings.extend(self.setting(line, known));
        }
        let mut complete = settings.len() == block.settings.len();
        if let Some(known) = known {
            complete &= self.refuse_missing_settings(block, known);
        }
        complete.then_some(())?;
        Some((name.to_owned(), ProviderSettings::Named(settings)))
    }

    /// Whether all is there that the plugin needs.
    fn refuse_missing_settings(&mut self, block: &ProviderBlock, known: &DnsProvider) -> bool {
        let is_said = |setting: &&DnsSetting| {
            let mut lines = block.settings.iter();
            lines.any(|line| line.name.value == setting.name)
        };
        let needed = known.settings.iter().filter(|setting| !setting.optional);
        let missing: Vec<String> = needed
            .filter(|setting| !is_said(setting))
            .map(|setting| format!("`{}`", setting.name))
            .collect();
        if missing.is_empty() {
            return true;
        }
        let (name, missing, example) = (&known.name, missing.join(", "), known.example());
        self.refuse_absence(mistake!(
            "resolve::provider-incomplete",
            "the provider `{name}` needs {missing}",
            at(block.name.span, "not all that its plugin needs"),
            help("write `{example}`"),
        ));
        false
    }

    /// One setting; of a provider that is not known any is taken that has the form of one.
    fn setting(
        &mut self,
        line: &SettingLine,
        known: Option<&DnsProvider>,
    ) -> Option<(String, Setting)> {
        let name = line.name.value.as_str();
        let is_secret = match known {
            Some(provider) => self.known_setting(line, provider)?.secret,
            None => is_named_like_a_secret(name),
        };
        let is_form = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        // At the start of a line Caddy takes `import` for its own word, in every block.
        let has_form = !name.is_empty() && name != "import" && name.bytes().all(is_form);
        let setting = match (&line.env, &line.value) {
            _ if !has_form => None,
            (Some(env), None) => Some(Setting::Env(self.variable("env", env)?)),
            (None, Some(value)) if is_secret => {
                self.refuse(mistake!(
                    "resolve::secret-in-the-open",
                    "`{name}` is a secret, and stands here for everybody who reads the declaration",
                    at(value.span, "a secret"),
                    help("put it into the environment of Caddy, and write `{name} env=\"VARIABLE\"`; what was in git already is to be replaced at the provider"),
                ));
                return None;
            }
            (None, Some(value)) if sayable(&value.value).is_ok() && !value.value.is_empty() => {
                Some(Setting::Text(value.value.clone()))
            }
            _ => None,
        };
        let Some(setting) = setting else {
            let (why, help) = match has_form {
                true => (
                    "not in this form",
                    format!(
                        "write `{name} \"…\"`, or `{name} env=\"VARIABLE\"` for what Caddy's environment holds"
                    ),
                ),
                false if name == "import" => (
                    "Caddy's own word",
                    String::from(
                        "remove it: at the start of a line Caddy takes it for its own word, and reads a file in its place",
                    ),
                ),
                false => (
                    "not such a name",
                    String::from(
                        "name it as the plugin does, in letters `a` to `z`, digits and `_`, such as `api_key`",
                    ),
                ),
            };
            self.refuse(mistake!(
                "resolve::bad-provider-setting",
                "the setting `{name}` cannot be passed on",
                at(line.name.span, "{why}"),
                help("{help}"),
            ));
            return None;
        };
        Some((name.to_owned(), setting))
    }

    fn known_setting<'p>(
        &mut self,
        line: &SettingLine,
        provider: &'p DnsProvider,
    ) -> Option<&'p DnsSetting> {
        let name = line.name.value.as_str();
        let found = provider.settings.iter().find(|one| one.name == name);
        if found.is_none() {
            let names = provider.settings.iter().map(|one| one.name.as_str());
            let provider = &provider.name;
            self.refuse(mistake!(
                "resolve::unknown-provider-setting",
                "the plugin of `{provider}` has no setting `{name}`",
                at(line.name.span, "not known"),
                help(did_you_mean(name, names)),
            ));
        }
        found
    }
}

/// Of a plugin that nobody here has read, what sounds like a secret is taken for one.
fn is_named_like_a_secret(name: &str) -> bool {
    [
        "key",
        "secret",
        "token",
        "pass",
        "auth",
        "credential",
        "pin",
    ]
    .into_iter()
    .any(|part| name.contains(part))
}
