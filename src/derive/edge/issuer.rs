//! Whom Caddy asks for certificates, and how it shows that a host is ours, as data.

use serde::Serialize;

use crate::model::{
    AcmeAuthority, CaddyVersion, DnsChallenge, Edge, EdgePart, ProviderSettings, SiteCertificates,
    Variable,
};

/// The provider with its one token, which Caddy takes as an option of its own.
#[derive(Debug, Serialize)]
pub(crate) struct AcmeDns {
    /// As Caddy's plugin for it is called.
    pub provider: String,
    /// The environment variable of Caddy's process that holds the provider's token.
    pub token_env: Variable,
}

/// An issuer of Caddy's that speaks ACME.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct AcmeIssuer {
    pub authority: AcmeAuthority,
    /// Whether Caddy itself looks into its environment for the key of the account; else it is put in where the file is read.
    pub reads_eab: bool,
    pub dns: Option<DnsChallenge>,
    /// Whether anything of it is to be said.
    pub says_something: bool,
}

impl AcmeIssuer {
    /// The issuer of such certificates; none where they are not by ACME.
    pub(super) fn of(certificates: &SiteCertificates, edge: &Edge) -> Option<AcmeIssuer> {
        let dns = match certificates {
            SiteCertificates::Acme => None,
            SiteCertificates::Dns(challenge) => Some(challenge.clone()),
            SiteCertificates::Internal | SiteCertificates::Files { .. } => return None,
        };
        Some(AcmeIssuer {
            says_something: dns.is_some() || edge.acme != AcmeAuthority::default(),
            authority: edge.acme.clone(),
            reads_eab: edge.caddy >= CaddyVersion::READS_EAB,
            dns,
        })
    }

    /// Whether all is as Caddy does by itself.
    pub(super) fn is_usual(&self) -> bool {
        !self.says_something
    }
}

/// What the global options say of the issuer: nothing, the short form, or all of it.
/// Caddy fills the short form into every other issuer, so that is for where there is none.
pub(super) fn of_all(part: EdgePart<'_>) -> (Option<AcmeDns>, Option<AcmeIssuer>) {
    let edge = part.settings;
    let mut services = part.services();
    let is_one_of_several = services.any(|service| {
        let own = service.own_certificates();
        own.is_some_and(SiteCertificates::are_by_acme)
    });
    let issuer = AcmeIssuer::of(&edge.certificates, edge).filter(|issuer| !issuer.is_usual());
    let short = issuer.as_ref().and_then(|issuer| {
        let challenge = issuer.dns.as_ref()?;
        let ProviderSettings::Token(token_env) = &challenge.settings else {
            return None;
        };
        let is_short = !is_one_of_several
            && challenge.is_token_alone()
            && edge.acme == AcmeAuthority::default();
        is_short.then(|| AcmeDns {
            provider: challenge.provider.clone(),
            token_env: token_env.clone(),
        })
    });
    match short {
        Some(short) => (Some(short), None),
        None => (None, issuer),
    }
}
