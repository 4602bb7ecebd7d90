//! How what an authority signs refers to it.

use cms::cert::x509::attr::AttributeTypeAndValue;
use cms::cert::x509::ext::pkix::SubjectKeyIdentifier;
use cms::cert::x509::{self, name::Name};
use der::{Decode, Tag, Tagged};
use rcgen::string::{Ia5String, PrintableString, TeletexString};
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyIdMethod, PublicKeyData};
use thiserror::Error;

use super::Certificate;

/// An authority's name and key identifier, as its own certificate has them: what it signs has to repeat
/// both to the last byte (RFC 5280 §4.1.2.4, §4.2.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerName {
    name: DistinguishedName,
    key_id: Vec<u8>,
}

impl IssuerName {
    /// The name and key identifier of an authority with this certificate.
    ///
    /// # Errors
    /// An [`IssuerNameError`] if they cannot be repeated.
    pub fn of(certificate: &Certificate) -> Result<IssuerName, IssuerNameError> {
        let unreadable = |_| IssuerNameError::Unreadable;
        let read = x509::Certificate::from_der(certificate.der()).map_err(unreadable)?;
        let tbs = read.tbs_certificate();
        let identifier = tbs.get_extension::<SubjectKeyIdentifier>();
        let (_, identifier) = identifier
            .map_err(unreadable)?
            .ok_or(IssuerNameError::NoKeyIdentifier)?;
        Ok(IssuerName {
            name: repeated(tbs.subject())?,
            key_id: identifier.0.as_bytes().to_vec(),
        })
    }

    pub fn key_id(&self) -> &[u8] {
        &self.key_id
    }

    /// What rcgen signs with: this name over a key.
    pub(super) fn signing<K: rcgen::SigningKey + PublicKeyData>(
        &self,
        key: K,
    ) -> rcgen::Issuer<'static, K> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name = self.name.clone();
        authority.key_identifier_method = KeyIdMethod::PreSpecified(self.key_id.clone());
        rcgen::Issuer::new(authority, key)
    }
}

/// The name in rcgen's form, which holds one attribute of a kind.
fn repeated(name: &Name) -> Result<DistinguishedName, IssuerNameError> {
    let shape = || IssuerNameError::Shape {
        name: name.to_string(),
    };
    let mut repeated = DistinguishedName::new();
    for part in name.iter_rdn() {
        let mut attributes = part.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else {
            return Err(shape());
        };
        let kind = kind(attribute);
        if repeated.get(&kind).is_some() {
            return Err(shape());
        }
        repeated.push(kind, value(attribute).ok_or_else(shape)?);
    }
    Ok(repeated)
}

fn kind(attribute: &AttributeTypeAndValue) -> DnType {
    let arcs: Vec<u64> = attribute.oid.arcs().map(u64::from).collect();
    DnType::from_oid(&arcs)
}

/// The value in the string type that it stands in.
fn value(attribute: &AttributeTypeAndValue) -> Option<DnValue> {
    let text = || str::from_utf8(attribute.value.value()).ok();
    match attribute.value.tag() {
        Tag::Utf8String => Some(DnValue::Utf8String(text()?.to_owned())),
        Tag::PrintableString => {
            let string = PrintableString::try_from(text()?).ok()?;
            Some(DnValue::PrintableString(string))
        }
        Tag::Ia5String => Some(DnValue::Ia5String(Ia5String::try_from(text()?).ok()?)),
        Tag::TeletexString => {
            let string = TeletexString::try_from(text()?).ok()?;
            Some(DnValue::TeletexString(string))
        }
        _ => None,
    }
}

/// Why an authority's name cannot be repeated in what it is to sign.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IssuerNameError {
    /// The certificate has fields that cannot be read.
    #[error("its fields cannot be read")]
    Unreadable,
    /// It has no subject key identifier (RFC 5280 §4.2.1.2).
    #[error("it has no subject key identifier")]
    NoKeyIdentifier,
    /// The name has two attributes of a kind, two in one part, or one in an ancient alphabet.
    #[error("its name, `{name}`, has a form that this program cannot repeat")]
    Shape {
        /// The name as RFC 4514 writes it.
        name: String,
    },
}
