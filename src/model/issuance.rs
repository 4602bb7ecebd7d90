//! Where the sites' own certificates come from, and of whom they are asked.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use serde::Serialize;

use super::backend::{HostPath, Timeout};
use super::text::sayable;

/// Where the sites' own certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteCertificates {
    /// By ACME over HTTP or TLS.
    Acme,
    /// From Caddy's own internal authority.
    Internal,
    /// By ACME over DNS; Caddy must be built with the provider's plugin.
    Dns(DnsChallenge),
    /// From files on the Caddy host.
    Files {
        /// The certificate chain, PEM.
        cert: String,
        /// The key, PEM.
        key: String,
    },
}

impl SiteCertificates {
    /// Whether an authority is asked for them by ACME.
    pub fn are_by_acme(&self) -> bool {
        matches!(self, SiteCertificates::Acme | SiteCertificates::Dns(_))
    }
}

/// The oldest version of TLS that a visitor may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Default)]
pub enum OldestTls {
    #[default]
    #[serde(rename = "tls1.2")]
    V12,
    #[serde(rename = "tls1.3")]
    V13,
}

impl OldestTls {
    /// Itself, unless it is Caddy's own choice.
    pub fn other_than_usual(self) -> Option<OldestTls> {
        (self != OldestTls::default()).then_some(self)
    }
}

/// How an authority is shown, by a record in the DNS, that a host is ours (RFC 8555 §8.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DnsChallenge {
    /// The provider, as Caddy's plugin for it is called.
    pub provider: String,
    pub settings: ProviderSettings,
    /// The servers that are asked whether the record is there; none for those of the Caddy host.
    pub resolvers: Vec<Resolver>,
    /// How long the record may take until it is seen.
    pub propagation_timeout: Option<Timeout>,
    /// How long to wait before anybody looks.
    pub propagation_delay: Option<Timeout>,
}

impl DnsChallenge {
    /// Whether nothing is said but the provider and its token.
    pub fn is_token_alone(&self) -> bool {
        matches!(self.settings, ProviderSettings::Token(_))
            && self.resolvers.is_empty()
            && self.propagation_timeout.is_none()
            && self.propagation_delay.is_none()
    }
}

/// What a provider's plugin is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderSettings {
    /// One secret, as a word behind the provider's name.
    Token(Variable),
    /// Several, each with its name.
    Named(Vec<(String, Setting)>),
}

/// One of the things that a plugin is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    Text(String),
    /// What the environment of Caddy's process holds.
    Env(Variable),
}

/// The name of an environment variable of Caddy's process: what holds a secret, in place of the secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Variable(String);

impl Variable {
    /// Takes letters, digits and `_`, of which the first is no digit.
    pub fn new(text: &str) -> Result<Variable, &'static str> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let is_name = !text.is_empty() && text.bytes().all(allowed);
        if !is_name || text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("not in this form");
        }
        Ok(Variable(text.to_owned()))
    }
}

/// A DNS server by its address, with or without a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Resolver(String);

impl Resolver {
    /// Takes `1.1.1.1`, `2606:4700:4700::1111`, or either with a port.
    pub fn new(text: &str) -> Result<Resolver, &'static str> {
        if text.parse::<IpAddr>().is_err() && text.parse::<SocketAddr>().is_err() {
            return Err("it is no IP address");
        }
        Ok(Resolver(text.to_owned()))
    }
}

/// Of whom certificates are asked by ACME; the default is Caddy's own choice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct AcmeAuthority {
    /// Its directory.
    pub ca: Option<DirectoryUrl>,
    /// The file of the root that vouches for its directory, on the Caddy host.
    pub root: Option<HostPath>,
    /// The account that it knows already.
    pub eab: Option<ExternalAccount>,
}

impl AcmeAuthority {
    /// Whether browsers know it. One that needs a root of its own for its directory is one's own.
    pub fn is_public(&self) -> bool {
        self.root.is_none()
    }
}

/// An account that the authority knows already (RFC 8555 §7.3.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ExternalAccount {
    pub id: AccountId,
    /// What holds its key.
    pub key: Variable,
}

/// The id that an authority gave to an account; not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// Takes one word.
    pub fn new(text: &str) -> Result<AccountId, &'static str> {
        if text.is_empty() || text.contains(char::is_whitespace) {
            return Err("it is not one word");
        }
        sayable(text)?;
        Ok(AccountId(text.to_owned()))
    }
}

/// Where an ACME authority says what it can do (RFC 8555 §7.1.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct DirectoryUrl(String);

impl DirectoryUrl {
    /// Takes an https URL; otherwise says why not.
    pub fn new(text: &str) -> Result<DirectoryUrl, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "it is no URL")?;
        // RFC 8555 §6.1: ACME is spoken over HTTPS alone.
        if uri.scheme_str() != Some("https") {
            return Err("its scheme is not https");
        }
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it holds a user or a password");
        }
        sayable(text)?;
        Ok(DirectoryUrl(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_an_authority_is_read() {
        for good in ["https://ca.home/dir", "https://127.0.0.1:14000/dir"] {
            assert!(DirectoryUrl::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "x",
            "http://ca.home/dir",
            "https://a:b@ca.home/dir",
            "https://ca.home/{x}",
        ] {
            assert!(DirectoryUrl::new(bad).is_err(), "{bad}");
        }
        for good in [
            "1.1.1.1",
            "1.1.1.1:5353",
            "2606:4700:4700::1111",
            "[::1]:53",
        ] {
            assert!(Resolver::new(good).is_ok(), "{good}");
        }
        for bad in ["", "dns.home", "1.1.1.1/8", "1.1.1.1:99999", "{env.X}"] {
            assert!(Resolver::new(bad).is_err(), "{bad}");
        }
        for bad in ["", "1X", "A-B", "A B", "$A", "{A}"] {
            assert!(Variable::new(bad).is_err(), "{bad}");
        }
        for bad in ["", "a b", "{x}", "a\n"] {
            assert!(AccountId::new(bad).is_err(), "{bad}");
        }
    }
}
