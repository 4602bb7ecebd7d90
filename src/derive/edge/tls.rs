//! What a site's `tls` directive says, as data: of which there is one in each site, for of two Caddy takes the first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::issuer::AcmeIssuer;
use crate::model::{
    CaddyVersion, CertificateMode, Edge, Name, OldestTls, Service, SiteCertificates,
};

/// A `tls` directive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Tls {
    /// How a visitor's certificate is asked for; none where it is not.
    pub asked: Option<CertificateMode>,
    /// The site's own certificate and its key, where they come from files; or that it has one of its own, where a wildcard would do.
    pub words: Vec<String>,
    /// The oldest version of TLS, where that is not Caddy's own.
    pub oldest: Option<OldestTls>,
    /// Who issues the site's certificate, where that is another than for all.
    pub issuer: Option<Issuer>,
}

/// Who issues a site's certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Issuer {
    Internal,
    Acme(Box<AcmeIssuer>),
}

impl Tls {
    /// What holds where a service says nothing.
    pub(super) fn of_all(edge: &Edge, asked: Option<CertificateMode>) -> Tls {
        Tls {
            asked,
            words: files(&edge.certificates),
            oldest: edge.oldest_tls.other_than_usual(),
            issuer: None,
        }
    }

    pub(super) fn of(service: &Service) -> Tls {
        let edge = &service.edge;
        let all = Tls::of_all(edge, service.certificate);
        let oldest = match service.oldest_tls {
            Some(own) => own.other_than_usual(),
            None => all.oldest,
        };
        let Some(own) = service.own_certificates() else {
            return Tls { oldest, ..all };
        };
        let issuer = match own {
            SiteCertificates::Internal => Some(Issuer::Internal),
            own => AcmeIssuer::of(own, edge).map(|issuer| Issuer::Acme(Box::new(issuer))),
        };
        // Caddy would take the wildcard's certificate otherwise.
        let alone = (issuer.is_some() && has_wildcard(edge)).then(|| "force_automate".to_owned());
        Tls {
            words: alone.into_iter().chain(files(own)).collect(),
            oldest,
            issuer,
            ..all
        }
    }

    /// Whether there is anything to say.
    pub(super) fn says_something(&self) -> bool {
        self.asked.is_some()
            || !self.words.is_empty()
            || self.oldest.is_some()
            || self.issuer.is_some()
    }
}

/// Whether one certificate for all hosts right below the domain is had by a wildcard site.
pub(super) fn has_wildcard(edge: &Edge) -> bool {
    edge.caddy >= CaddyVersion::WILDCARD && matches!(edge.certificates, SiteCertificates::Dns(_))
}

fn files(certificates: &SiteCertificates) -> Vec<String> {
    match certificates {
        SiteCertificates::Files { cert, key } => vec![cert.clone(), key.clone()],
        SiteCertificates::Acme | SiteCertificates::Internal | SiteCertificates::Dns(_) => {
            Vec::new()
        }
    }
}

/// A site's directive: a snippet that it shares, by its name, or lines of its own; neither where nothing is to be said.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SiteTls {
    pub snippet: Option<String>,
    pub lines: Option<Tls>,
}

/// The directives that ask for certificates, each once: they hold the authorities, which are long.
#[derive(Default)]
pub(super) struct Snippets(BTreeMap<Tls, String>);

impl Snippets {
    /// The snippet of a directive, or its lines. It is called after how it asks, and after the first service that has it where that is not as for
    /// all.
    pub(super) fn of(&mut self, tls: Tls, edge: &Edge, service: Option<&Name>) -> SiteTls {
        let Some(asked) = tls.asked else {
            let lines = tls.says_something().then_some(tls);
            let snippet = None;
            return SiteTls { snippet, lines };
        };
        let is_usual = tls == Tls::of_all(edge, Some(asked));
        let name = self.0.entry(tls).or_insert_with(|| match service {
            Some(service) if !is_usual => format!("{asked}-{service}"),
            _ => asked.to_string(),
        });
        SiteTls {
            snippet: Some(name.clone()),
            lines: None,
        }
    }

    /// Each with its name, sorted by it.
    pub(super) fn finish(self) -> BTreeMap<String, Tls> {
        self.0.into_iter().map(|(tls, name)| (name, tls)).collect()
    }
}
