//! Certificates as bytes.

use std::fmt;

use cms::cert::x509;
use der::oid::ObjectIdentifier;
use der::{Decode, Encode};
use thiserror::Error;

use super::pem::pem;
use super::{Fingerprint, KeyFingerprint, PublicKey, oid};
use crate::source::{is_invisible, visible};

/// id-at-commonName (RFC 5280 appendix A.1).
const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
/// id-at-organizationName (RFC 5280 appendix A.1).
const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");

/// The attributes of a name that browsers can be told to look for, in the order of their use:
/// id-at-commonName, id-at-organizationName, id-at-organizationalUnitName (RFC 5280 appendix A.1).
const TELLING: [(ObjectIdentifier, &str); 3] = [
    (COMMON_NAME, "CN"),
    (ORGANIZATION, "O"),
    (oid("2.5.4.11"), "OU"),
];

/// An attribute of a subject's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectAttribute {
    /// Its short name: `CN`, `O` or `OU`.
    pub name: &'static str,
    pub value: String,
}

/// An X.509 certificate in DER.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    der: Vec<u8>,
}

impl Certificate {
    /// The certificate that `der` encodes. Only its form is checked: neither its signature nor its
    /// fields.
    ///
    /// # Errors
    /// [`MalformedCertificate`] if `der` is not exactly one certificate.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Certificate, MalformedCertificate> {
        let der = der.into();
        x509::Certificate::from_der(&der).map_err(MalformedCertificate)?;
        Ok(Certificate { der })
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM encoding: 64 columns, lines ended by LF on every platform, the last one too.
    pub fn pem(&self) -> String {
        // RFC 7468 §5.
        pem("CERTIFICATE", &self.der)
    }

    /// SHA-256 of the DER encoding.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
    }

    /// What to call its subject: the common name, or else the whole name as RFC 4514 writes it.
    pub fn subject_title(&self) -> String {
        let read = x509::Certificate::from_der(&self.der).expect("it was read when it was made");
        let subject = read.tbs_certificate().subject();
        let names = subject.iter().filter(|a| a.oid == COMMON_NAME);
        let name = names
            .filter_map(|a| str::from_utf8(a.value.value()).ok())
            .find(|name| !name.is_empty() && !name.chars().any(is_invisible));
        name.map_or_else(|| visible(&subject.to_string()), str::to_owned)
    }

    /// What tells its subject from others: the common name, or else the organization or its unit.
    pub fn subject_attribute(&self) -> Option<SubjectAttribute> {
        let read = x509::Certificate::from_der(&self.der).expect("it was read when it was made");
        let subject = read.tbs_certificate().subject();
        TELLING.into_iter().find_map(|(oid, name)| {
            let values = subject.iter().filter(|a| a.oid == oid);
            let value = values
                .filter_map(|a| str::from_utf8(a.value.value()).ok())
                .find(|value| !value.is_empty() && !value.chars().any(is_invisible))?;
            let value = value.to_owned();
            Some(SubjectAttribute { name, value })
        })
    }

    /// The organization that it says it is of.
    pub fn subject_organization(&self) -> Option<String> {
        let read = x509::Certificate::from_der(&self.der).expect("it was read when it was made");
        let mut attributes = read.tbs_certificate().subject().iter();
        let value = attributes.find(|a| a.oid == ORGANIZATION)?.value.value();
        str::from_utf8(value).ok().map(str::to_owned)
    }

    /// The key that it certifies; none if that is of no kind that is known here, or in another form than is
    /// written here, which not every Caddy reads.
    pub fn public_key(&self) -> Option<PublicKey> {
        let spki = self.spki_der().ok()?;
        let key = PublicKey::from_spki_der(&spki).ok()?;
        (key.spki_der() == spki).then_some(key)
    }

    /// SHA-256 of the `SubjectPublicKeyInfo`, whatever kind of key it is.
    pub fn key_fingerprint(&self) -> KeyFingerprint {
        let spki = self.spki_der();
        KeyFingerprint::of(&spki.expect("it was read when it was made"))
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub(super) fn spki_der(&self) -> Result<Vec<u8>, der::Error> {
        let certificate = x509::Certificate::from_der(&self.der)?;
        certificate
            .tbs_certificate()
            .subject_public_key_info()
            .to_der()
    }
}

/// What may be certificates in a file: the content of its PEM blocks that say so, or the whole file where it is not PEM.
pub fn certificates_in(file: &[u8]) -> Vec<Vec<u8>> {
    let blocks = ::pem::parse_many(file).unwrap_or_default();
    if blocks.is_empty() {
        return vec![file.to_owned()];
    }
    let certificates = blocks
        .into_iter()
        .filter(|block| block.tag().ends_with("CERTIFICATE"));
    certificates.map(::pem::Pem::into_contents).collect()
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("fingerprint", &self.fingerprint())
            .finish()
    }
}

/// Bytes that are not one X.509 certificate in DER.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not an X.509 certificate in DER")]
pub struct MalformedCertificate(#[source] der::Error);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::golden;

    #[test]
    fn only_exactly_one_certificate_is_taken() {
        let der = golden::authority().der().to_vec();
        assert_eq!(Certificate::from_der(der.clone()).unwrap().der(), der);

        assert!(Certificate::from_der([]).is_err());
        assert!(Certificate::from_der(&der[..der.len() - 1]).is_err());
        assert!(Certificate::from_der([der.as_slice(), &[0]].concat()).is_err());
        assert!(Certificate::from_der(golden::authority().pem()).is_err());
    }

    #[test]
    fn pem_has_64_columns_and_decodes_to_the_der() {
        let certificate = golden::authority();
        let pem = certificate.pem();
        let lines: Vec<&str> = pem.strip_suffix('\n').unwrap().split('\n').collect();
        let (last, full) = lines[1..lines.len() - 1].split_last().unwrap();
        assert!(full.iter().all(|line| line.len() == 64) && !last.is_empty() && last.len() <= 64);

        let block = ::pem::parse(&pem).unwrap();
        assert_eq!(
            (block.tag(), block.contents()),
            ("CERTIFICATE", certificate.der())
        );
    }
}
