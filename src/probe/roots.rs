//! The roots that hosts' own certificates are held against.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// The roots, and whose choice they are.
pub(crate) struct Roots {
    pub(super) store: RootCertStore,
    pub(super) source: RootSource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RootSource {
    /// Those of the machine: Caddy's own authority is hardly among them.
    System,
    /// Those that the user has named.
    Named,
}

impl Roots {
    /// The machine's. What cannot be read among them is a root less: it shows as an issuer that is not known.
    pub(crate) fn of_the_system(certificates: Vec<CertificateDer<'static>>) -> Roots {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates);
        Roots {
            store,
            source: RootSource::System,
        }
    }

    /// Every certificate of a text in PEM; none where there is none, or one that cannot stand for an authority.
    pub(crate) fn named(text: &[u8]) -> Option<Roots> {
        let mut store = RootCertStore::empty();
        for block in pem::parse_many(text).ok()? {
            if block.tag() == "CERTIFICATE" {
                let certificate = CertificateDer::from(block.into_contents());
                store.add(certificate).ok()?;
            }
        }
        let source = RootSource::Named;
        (!store.is_empty()).then_some(Roots { store, source })
    }
}
