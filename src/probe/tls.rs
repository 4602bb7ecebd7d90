//! What is said of certificates in a handshake: the one that is sent, and the one that comes. Nothing of the latter is believed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, Error, SignatureAlgorithm,
    SignatureScheme,
};

use super::inspection::{ServerCertificate, ServerCertificateFault};
use crate::pki::{Certificate, KeyKind, PrivateKey};

/// A certificate with its key, to be sent.
#[derive(Clone)]
pub(super) struct ClientIdentity(Arc<CertifiedKey>);

impl ClientIdentity {
    pub(super) fn new(key: PrivateKey, certificate: &Certificate) -> ClientIdentity {
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        // What ring signs in a handshake draws randomness, which no artifact has a part in.
        let key: Arc<dyn SigningKey> = match key.public_key().kind() {
            KeyKind::P256 => Arc::new(OwnKey(Arc::new(key))),
            _ => {
                let pkcs8 = PrivatePkcs8KeyDer::from(key.to_pkcs8_der().as_slice()).clone_key();
                any_supported_type(&pkcs8.into()).expect("it was written by a key of that kind")
            }
        };
        ClientIdentity(Arc::new(CertifiedKey::new(chain, key)))
    }
}

/// Sends a certificate to whoever asks for one, and keeps that they did.
pub(super) struct IdentityResolver {
    pub identity: Option<ClientIdentity>,
    /// The authorities that a certificate was asked of, as names in DER; none where none was asked for.
    pub requested: Mutex<Option<Vec<Vec<u8>>>>,
}

impl ResolvesClientCert for IdentityResolver {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let hints = hints.iter().map(|hint| hint.to_vec()).collect();
        *locked(&self.requested) = Some(hints);
        self.identity
            .as_ref()
            .map(|ClientIdentity(key)| Arc::clone(key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl IdentityResolver {
    pub(super) fn is_requested(&self) -> bool {
        locked(&self.requested).is_some()
    }
}

impl fmt::Debug for IdentityResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityResolver").finish_non_exhaustive()
    }
}

/// Keeps a server's certificate and goes on in any case: what it is worth is reported, and nothing
/// is entrusted to the server.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    pub roots: Option<Arc<WebPkiServerVerifier>>,
    pub provider: Arc<CryptoProvider>,
    pub certificate: Mutex<Option<ServerCertificate>>,
}

impl ServerCertVerifier for RecordingVerifier {
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
        *locked(&self.certificate) = Some(ServerCertificate {
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
    use ServerCertificateFault as Fault;
    let Error::InvalidCertificate(error) = error else {
        return Fault::Unreadable(error.to_string());
    };
    match error {
        // The latter where a root has the issuer's name and another key: all of Caddy's own of one year are called the same.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Fault::UnknownIssuer,
        // An authority's certificate in a server's place, as many programs make them for themselves.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            Fault::UnknownIssuer
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Fault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Fault::NotValidYet
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Fault::OtherNames
        }
        other => Fault::Unacceptable(other.to_string()),
    }
}

/// A key of the homelab's, which signs by RFC 6979 in [`crate::pki`]; the TLS library never has it.
struct OwnKey(Arc<PrivateKey>);

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

/// The moment at which certificates are verified: this room reads no clock of the day.
#[derive(Debug)]
pub(super) struct FixedTime(pub Timestamp);

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// The alerts by which servers refuse a certificate, or the lack of one (RFC 8446 §6.2; in TLS 1.2
/// the lack is a handshake failure, RFC 5246 §7.4.6).
pub(super) fn is_about_certificates(alert: AlertDescription) -> bool {
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
pub(super) fn alert_words(alert: AlertDescription) -> String {
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

/// What a callback of the library's has left; a panic in one changes nothing of it.
pub(super) fn locked<T>(cell: &Mutex<T>) -> MutexGuard<'_, T> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
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
            assert_eq!(alert_words(alert), told);
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
