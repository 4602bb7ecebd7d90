//! Requests for a certificate (PKCS#10, RFC 2986) of devices that made their own keys.

use cms::cert::x509::request::CertReq;
use der::{Decode, Encode};
use thiserror::Error;

use super::signature::{Scheme, UnknownScheme};
use super::{PublicKey, UnusableKey};

/// The key that a request is about; what else it asks for is not heard, for the declaration says it.
///
/// # Errors
/// A [`RequestError`] if it is no request for a key that can be certified, signed with that key.
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
    let not_a_request = |_| RequestError::NotARequest;
    let request = CertReq::from_der(der).map_err(not_a_request)?;
    // What has another form than DER allows is not what was signed.
    if request.to_der().ok().as_deref() != Some(der) {
        return Err(RequestError::NotARequest);
    }
    let info = &request.info;
    let spki = info.public_key.to_der().map_err(not_a_request)?;
    let key = PublicKey::from_spki_der(&spki)?;
    let scheme = Scheme::of(&request.algorithm)?;
    if !scheme.is_of(key.kind()) {
        return Err(RequestError::NotOwnKey);
    }
    let signed = info.to_der().map_err(not_a_request)?;
    let signature = request
        .signature
        .as_bytes()
        .ok_or(RequestError::NotOwnKey)?;
    if key.verifies(scheme, &signed, signature) {
        Ok(key)
    } else {
        Err(RequestError::NotOwnKey)
    }
}

/// Why a request cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The file is something else.
    #[error("it is not a certificate request (PKCS#10)")]
    NotARequest,
    /// The key is of another kind, or a bad one.
    #[error(transparent)]
    Key(#[from] UnusableKey),
    /// It is signed in a way that proves nothing, or that nobody uses.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// Whoever asks has not shown to have the key.
    #[error("it is not signed with its own key, or it is damaged")]
    NotOwnKey,
}
