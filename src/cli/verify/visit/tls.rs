//! What is shown to a server, and what is looked at: nothing that it says is believed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, Error, SignatureAlgorithm,
    SignatureScheme,
};

use super::{ClientIdentity, ServerCertificate, ServerCertificateFault};
use crate::pki::{Certificate, PrivateKey};

/// Shows a certificate to whoever asks for one, and notes that they did.
pub struct Showing {
    pub shown: Option<ClientIdentity>,
    pub asked: Mutex<Option<Vec<Vec<u8>>>>,
}

impl ResolvesClientCert for Showing {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let hints = hints.iter().map(|hint| hint.to_vec()).collect();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(hints);
        self.shown
            .as_ref()
            .map(|ClientIdentity(key)| Arc::clone(key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Showing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Showing").finish_non_exhaustive()
    }
}

/// Looks at a server's certificate and goes on in any case: what it is worth is reported, and nothing
/// is entrusted to the server.
#[derive(Debug)]
pub struct Looking {
    pub roots: Option<Arc<WebPkiServerVerifier>>,
    pub provider: Arc<CryptoProvider>,
    pub served: Mutex<Option<ServerCertificate>>,
}

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match &self.roots {
            Some(roots) => roots.verify_server_cert(end_entity, intermediates, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(ServerCertificate {
            certificate: Certificate::from_der(end_entity.to_vec()).ok(),
            fault: verified.err().map(fault),
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

fn fault(error: Error) -> ServerCertificateFault {
    let Error::InvalidCertificate(error) = error else {
        return ServerCertificateFault::Other(error.to_string());
    };
    ServerCertificateFault::Other(String::from(match error {
        // The latter where a root has the issuer's name and another key: all of Caddy's own of one year are called the same.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            return ServerCertificateFault::UnknownIssuer;
        }
        // An authority's certificate in a server's place, as many programs make them for themselves.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            return ServerCertificateFault::UnknownIssuer;
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has ended",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for other names"
        }
        other => return ServerCertificateFault::Other(format!("cannot be accepted: {other}")),
    }))
}

/// A key of the homelab's, which signs by RFC 6979.
pub struct OwnKey(pub Arc<PrivateKey>);

impl SigningKey for OwnKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
        let signer = || Box::new(OwnKey(Arc::clone(&self.0))) as Box<dyn Signer>;
        offered.contains(&scheme).then(signer)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for OwnKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.0.sign(message);
        signature.map_err(|fault| Error::General(fault.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnKey")
    }
}

/// The one clock of the command.
#[derive(Debug)]
pub struct Clock(pub Timestamp);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// The alerts by which servers refuse a certificate, or the lack of one (RFC 8446 §6.2; in TLS 1.2
/// the lack is a handshake failure, RFC 5246 §7.4.6).
pub fn is_about_certificates(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::HandshakeFailure
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired
    )
}

/// `BadCertificate` as `bad certificate`.
pub fn words(alert: AlertDescription) -> String {
    let mut words = String::new();
    let name = format!("{alert:?}").replace("CA", "Ca");
    for character in name.chars() {
        if character.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_told_in_words() {
        for (alert, told) in [
            (AlertDescription::BadCertificate, "bad certificate"),
            (
                AlertDescription::CertificateRequired,
                "certificate required",
            ),
            (AlertDescription::UnknownCA, "unknown ca"),
        ] {
            assert_eq!(words(alert), told);
            assert!(is_about_certificates(alert));
        }
        for alert in [
            AlertDescription::InternalError,
            AlertDescription::UnrecognisedName,
        ] {
            assert!(!is_about_certificates(alert));
        }
    }
}
