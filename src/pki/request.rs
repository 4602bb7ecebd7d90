//! Requests for a certificate (PKCS#10, RFC 2986) of devices that made their own keys.

use cms::cert::x509::request::CertReq;
use der::oid::ObjectIdentifier;
use der::{Decode, Encode};
use p256::ecdsa::Signature;
use thiserror::Error;

use super::PublicKey;

/// ecdsa-with-SHA256 (RFC 5758 §3.2).
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// The key that a request is about; what else it asks for is not heard, for the declaration says it.
///
/// # Errors
/// A [`RequestError`] if it is no request for a key of P-256, signed with that key.
pub fn requested_key(file: &[u8]) -> Result<PublicKey, RequestError> {
    let der = match pem::parse_many(file) {
        Ok(blocks) => {
            let is_request = |block: &pem::Pem| block.tag().ends_with("CERTIFICATE REQUEST");
            let block = blocks.into_iter().find(is_request);
            block.map(pem::Pem::into_contents)
        }
        Err(_) => None,
    };
    let der = der.as_deref().unwrap_or(file);
    let request = CertReq::from_der(der).map_err(|_| RequestError::NotARequest)?;
    // What has another form than DER allows is not what was signed.
    if request.to_der().ok().as_deref() != Some(der) {
        return Err(RequestError::NotARequest);
    }
    let info = &request.info;
    let spki = info
        .public_key
        .to_der()
        .map_err(|_| RequestError::NotARequest)?;
    let key = PublicKey::from_spki_der(&spki).ok_or(RequestError::NotP256)?;
    let signature = request.signature.as_bytes();
    let signature = signature.and_then(|der| Signature::from_der(der).ok());
    let signed = info.to_der().ok();
    match (signature, signed) {
        (Some(signature), Some(signed))
            if request.algorithm.oid == ECDSA_WITH_SHA256 && key.verifies(&signed, &signature) =>
        {
            Ok(key)
        }
        _ => Err(RequestError::Signature),
    }
}

/// Why a request cannot be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The file is something else.
    #[error("it is not a certificate request (PKCS#10)")]
    NotARequest,
    /// The key is one of RSA, of another curve, or the like.
    #[error("its key is not one of P-256")]
    NotP256,
    /// Whoever asks has not shown to have the key.
    #[error("it is not signed with its own key by ECDSA with SHA-256, or it is damaged")]
    Signature,
}
