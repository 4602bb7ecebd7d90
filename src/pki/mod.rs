//! X.509 certificates, revocation lists and PKCS#12 bundles for client authentication, as pure
//! functions.
//!
//! A seed becomes a [`PrivateKey`]; a key signs its own authority certificate ([`self_sign`]), a
//! leaf's ([`issue`]), and the list of the leaves that are revoked ([`sign_crl`]); a key and its
//! certificate become a bundle that a platform imports ([`bundle`]). No clock, no randomness, no
//! files: the same arguments give the same bytes on every machine, and golden tests pin those bytes.
//!
//! Keys that are made here are of P-256, or of RSA where a device wants it; what others made may be of P-384 too, and what only has to be verified
//! of Ed25519. Absent on purpose: any certificate that could serve a TLS server.

mod authority;
mod bundle;
mod certificate;
mod crl;
mod examine;
mod fingerprint;
mod foreign;
mod issue;
mod issuer;
mod key;
mod keygen;
mod password_based;
mod pem;
mod public_key;
mod request;
mod rsa;
mod rsa_keygen;
mod serial;
mod signature;
mod subject;
mod validity;

#[cfg(test)]
mod golden;

use der::oid::ObjectIdentifier;

pub use authority::read_authority;
pub(crate) use authority::{NotAnAuthority, can_sign_for};
pub(crate) use bundle::{
    BundleContent, BundleError, BundleProfile, BundledCertificate, KeyBag, OpenError, OpenedBundle,
    SealedBundle, bundle, read_with_another,
};
pub(crate) use certificate::SubjectAttribute;
pub use certificate::{Certificate, certificates_in};
pub(crate) use crl::{
    Crl, CrlError, CrlNumber, CrlProfile, CrlSignature, ReadCrl, crls_in, read_crl, replay_crl,
    sign_crl,
};
pub(crate) use examine::{CertificateFields, Signed};
pub(crate) use fingerprint::{Fingerprint, KeyFingerprint};
pub use foreign::{ForeignKey, ForeignKeyError};
pub(crate) use issue::{AuthorityProfile, IssueError, Issuer, LeafProfile, issue, self_sign};
pub(crate) use issuer::{IssuerName, IssuerNameError};
pub(crate) use key::{Fault, PrivateKey};
pub use password_based::Readers;

pub(crate) use public_key::{KeyKind, PublicKey, UnusableKey};
pub(crate) use request::RequestError;
pub use request::requested_key;
pub(crate) use serial::Serial;
pub(crate) use validity::{Validity, ValidityError};

/// An object identifier as it is written in standards.
const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}
