//! Caddy's own configuration, as far as it says who is let in: the JSON that `caddy adapt` prints, as data.
//!
//! What is not known here is read over: a module of somebody's own is [`Handler::Other`] or [`Matcher::Other`], of which nothing is
//! believed but that it is there.

mod handler;
mod matcher;

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

pub(super) use handler::{Account, Handler, Mapping, OF_NOTHING, Proxy, ResponseHandler};
pub(super) use matcher::{Expression, Matcher, MatcherSet, Pattern, Ranges, network};

/// A whole configuration. Something else that is JSON would have nothing in it that lets anybody in: Caddy takes no other fields either.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Configuration {
    #[serde(deserialize_with = "or_default")]
    pub(super) admin: Admin,
    #[serde(deserialize_with = "or_default")]
    apps: Apps,
    logging: IgnoredAny,
    storage: IgnoredAny,
    #[serde(rename = "@id")]
    id: IgnoredAny,
}

/// Where it is changed while it runs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Admin {
    pub disabled: bool,
    pub listen: Option<String>,
    pub enforce_origin: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Apps {
    #[serde(deserialize_with = "or_default")]
    http: Http,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Http {
    http_port: Option<u16>,
    servers: BTreeMap<String, Server>,
}

/// What listens at some addresses.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Server {
    #[serde(deserialize_with = "or_default")]
    pub listen: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub listener_wrappers: Vec<ListenerWrapper>,
    #[serde(deserialize_with = "or_default")]
    pub routes: Vec<Route>,
    #[serde(deserialize_with = "or_default")]
    pub errors: Errors,
    #[serde(deserialize_with = "or_default")]
    pub named_routes: BTreeMap<String, Route>,
    #[serde(deserialize_with = "or_default")]
    pub tls_connection_policies: Vec<ConnectionPolicy>,
    #[serde(deserialize_with = "or_default")]
    pub automatic_https: AutomaticHttps,
    pub strict_sni_host: Option<bool>,
    pub trusted_proxies: Option<TrustedProxies>,
    pub protocols: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AutomaticHttps {
    #[serde(rename = "disable")]
    pub is_disabled: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Errors {
    #[serde(deserialize_with = "or_default")]
    pub routes: Vec<Route>,
}

/// What a listener does before TLS.
#[derive(Debug, Deserialize)]
pub(super) struct ListenerWrapper {
    #[serde(default)]
    pub wrapper: String,
    #[serde(default, deserialize_with = "or_default")]
    pub allow: Vec<String>,
}

/// Whose word on addresses is taken.
#[derive(Debug, Deserialize)]
pub(super) struct TrustedProxies {
    #[serde(default, deserialize_with = "or_default")]
    pub ranges: Vec<String>,
}

/// How a handshake goes for some names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConnectionPolicy {
    #[serde(rename = "match", deserialize_with = "or_default")]
    pub matches: HandshakeMatch,
    pub client_authentication: Option<ClientAuthentication>,
    #[serde(rename = "drop")]
    pub drops: bool,
}

/// For which handshakes a policy is.
#[derive(Debug, Default, Deserialize)]
pub(super) struct HandshakeMatch {
    /// None where it is for every name.
    #[serde(default)]
    pub sni: Option<Vec<String>>,
    #[serde(flatten)]
    pub others: BTreeMap<String, serde_json::Value>,
}

/// What is asked of a client's certificate.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ClientAuthentication {
    #[serde(deserialize_with = "or_default")]
    mode: String,
    pub ca: Option<AuthorityPool>,
    #[serde(deserialize_with = "or_default")]
    trusted_ca_certs: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    trusted_ca_certs_pem_files: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    trusted_leaf_certs: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    verifiers: Vec<serde_json::Value>,
}

/// The authorities that sign clients' certificates.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthorityPool {
    pub provider: String,
    #[serde(deserialize_with = "or_default")]
    pub trusted_ca_certs: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub authority: Vec<String>,
    /// Of several pools that are one.
    #[serde(deserialize_with = "or_default")]
    sources: Vec<AuthorityPool>,
}

impl AuthorityPool {
    /// Itself, and those that it is made of.
    pub(in crate::lint) fn all(&self) -> Vec<&AuthorityPool> {
        let below = self.sources.iter().flat_map(AuthorityPool::all);
        std::iter::once(self).chain(below).collect()
    }
}

/// What is done with a client's certificate, by the words of Caddy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing is asked for.
    Off,
    Request,
    Require,
    VerifyIfGiven,
    RequireAndVerify,
}

impl ClientAuthentication {
    /// The mode that Caddy goes by: without one it requires and verifies where an authority is named, and otherwise takes any.
    pub(in crate::lint) fn mode(&self) -> Mode {
        match self.mode.as_str() {
            "request" => Mode::Request,
            "require" => Mode::Require,
            "verify_if_given" => Mode::VerifyIfGiven,
            "require_and_verify" => Mode::RequireAndVerify,
            _ if self.is_empty() => Mode::Off,
            _ if self.names_authorities() => Mode::RequireAndVerify,
            _ => Mode::Require,
        }
    }

    /// Whether it says nothing at all: Caddy then asks for no certificate.
    pub(in crate::lint) fn is_empty(&self) -> bool {
        self.mode.is_empty() && !self.names_authorities() && !self.pins()
    }

    pub(in crate::lint) fn names_authorities(&self) -> bool {
        let named =
            !self.trusted_ca_certs.is_empty() || !self.trusted_ca_certs_pem_files.is_empty();
        self.ca.is_some() || named
    }

    /// Whether single certificates are named instead of who signs them.
    pub(in crate::lint) fn pins(&self) -> bool {
        !self.trusted_leaf_certs.is_empty() || !self.verifiers.is_empty()
    }

    /// The pools that its authorities are in.
    pub(in crate::lint) fn pools(&self) -> impl Iterator<Item = &AuthorityPool> {
        self.ca.iter().flat_map(AuthorityPool::all)
    }

    /// The authorities that stand in the configuration itself: base64 of DER.
    pub(in crate::lint) fn inline_authorities(&self) -> impl Iterator<Item = &str> {
        let pooled = self.pools().flat_map(|pool| &pool.trusted_ca_certs);
        pooled.chain(&self.trusted_ca_certs).map(String::as_str)
    }

    /// What tells it from others: a handshake for one may be resumed for the other where it differs.
    pub(in crate::lint) fn identity(&self) -> (Vec<&str>, &[String]) {
        (
            self.inline_authorities().collect(),
            &self.trusted_leaf_certs,
        )
    }
}

/// What is done with requests that match.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Route {
    pub group: Option<String>,
    #[serde(rename = "match", deserialize_with = "or_default")]
    pub matches: Vec<MatcherSet>,
    #[serde(rename = "handle", deserialize_with = "or_default")]
    pub handlers: Vec<Handler>,
    pub terminal: bool,
}

impl Configuration {
    /// Reads what `caddy adapt` prints; Caddy says `null` for one that is empty.
    pub(crate) fn from_json(json: &[u8]) -> serde_json::Result<Configuration> {
        // A list would do for its fields one by one.
        if json.trim_ascii_start().starts_with(b"[") {
            return Err(serde::de::Error::custom("it is a list"));
        }
        let read: Option<Configuration> = serde_json::from_slice(json)?;
        Ok(read.unwrap_or_default())
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = (&str, &Server)> {
        let servers = self.apps.http.servers.iter();
        servers.map(|(name, server)| (name.as_str(), server))
    }

    /// The apps of which nothing is known here, and which may listen too.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &str> {
        let known = ["tls", "pki", "events"];
        let names = self.apps.others.keys().map(String::as_str);
        names.filter(move |name| !known.contains(name))
    }

    /// How many servers it has.
    pub(crate) fn count_servers(&self) -> usize {
        self.apps.http.servers.len()
    }

    pub(super) fn http_port(&self) -> u16 {
        self.apps.http.http_port.unwrap_or(80)
    }
}

impl Server {
    /// Whether it speaks TLS: Caddy lets a server do so that has a policy for it, or that automatic HTTPS is not off for and that is not
    /// at the port of HTTP.
    pub(in crate::lint) fn speaks_tls(&self, http_port: u16) -> bool {
        if !self.tls_connection_policies.is_empty() {
            return true;
        }
        let is_http = self
            .listen
            .iter()
            .all(|address| port(address) == Some(http_port));
        !self.automatic_https.is_disabled && !is_http && self.names_hosts()
    }

    fn names_hosts(&self) -> bool {
        let sets = self.routes.iter().flat_map(|route| &route.matches);
        sets.flat_map(MatcherSet::hosts).next().is_some()
    }

    /// The policies that ask for a client's certificate.
    pub(in crate::lint) fn client_authentications(
        &self,
    ) -> impl Iterator<Item = (&ConnectionPolicy, &ClientAuthentication)> {
        let policies = self.tls_connection_policies.iter();
        policies.filter_map(|policy| Some((policy, policy.client_authentication.as_ref()?)))
    }

    /// Whether anything here asks for one.
    pub(in crate::lint) fn asks_for_certificates(&self) -> bool {
        { self.client_authentications() }.any(|(_, asked)| asked.mode() != Mode::Off)
    }
}

impl ConnectionPolicy {
    /// Whether it would be taken for that server name, if none before it were.
    pub(in crate::lint) fn is_for(&self, name: &str) -> bool {
        let is_for = |patterns: &Vec<String>| patterns.iter().any(|pattern| covers(pattern, name));
        self.matches.others.is_empty() && self.matches.sni.as_ref().is_none_or(is_for)
    }

    /// The names that it is said to be for.
    pub(in crate::lint) fn names(&self) -> &[String] {
        self.matches.sni.as_deref().unwrap_or_default()
    }
}

/// Whether a name, or a wildcard for one label, is at least for what another is for. Caddy's own for server names.
pub(super) fn covers(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    let Some(suffix) = pattern.strip_prefix("*.") else {
        return pattern == "*";
    };
    let below = name.split_once('.').map(|(_, rest)| rest);
    below.is_some_and(|rest| rest.eq_ignore_ascii_case(suffix))
}

/// The port of a listener's address; none where it is a socket, or not one.
pub(super) fn port(address: &str) -> Option<u16> {
    let (_, port) = address.rsplit_once(':')?;
    port.parse().ok()
}

/// Go writes nothing where there is nothing, and `null` now and then.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
