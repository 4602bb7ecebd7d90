//! What a certificate says, read back, and how far it is the leaf of a client that `issue` writes.

use cms::cert::x509;
use cms::cert::x509::ext::pkix::name::GeneralName;
use cms::cert::x509::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use data_encoding::HEXLOWER;
use der::oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Encode};
use jiff::Timestamp;

use super::signature::Scheme;
use super::{Certificate, IssuerName, Validity};
use crate::source::visible;

/// id-kp-clientAuth (RFC 5280 §4.2.1.12).
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// A certificate's fields, as far as people and checks ask for them.
#[derive(Debug, Clone)]
pub struct CertificateFields {
    /// Its subject, as RFC 4514 writes names.
    pub subject: String,
    /// Its issuer, likewise.
    pub issuer: String,
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// Its first second.
    pub not_before: Option<Timestamp>,
    /// Its last second; [`Validity::NO_END`] where it has none.
    pub not_after: Option<Timestamp>,
    /// The addresses in it.
    pub emails: Vec<String>,
}

/// Whether an authority has signed a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Yes,
    No,
    /// Its key is of a kind that is not verified here.
    Unknown,
}

impl Certificate {
    pub fn fields(&self) -> CertificateFields {
        let read = self.read();
        let tbs = read.tbs_certificate();
        let emails = match tbs.get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => {
                let emails = names.0.into_iter().filter_map(email);
                emails.map(|email: String| visible(&email)).collect()
            }
            _ => Vec::new(),
        };
        CertificateFields {
            subject: visible(&tbs.subject().to_string()),
            issuer: visible(&tbs.issuer().to_string()),
            serial: HEXLOWER.encode(tbs.serial_number().as_bytes()),
            not_before: second(tbs.validity().not_before),
            not_after: second(tbs.validity().not_after),
            emails,
        }
    }

    /// Whether its key usage lets it sign revocation lists, as none at all does (RFC 5280 §4.2.1.3).
    pub fn may_sign_lists(&self) -> bool {
        let read = self.read();
        match read.tbs_certificate().get_extension::<KeyUsage>() {
            Ok(Some((_, usage))) => usage.crl_sign(),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Its subject in DER, as servers name the authorities that they take.
    pub fn subject_der(&self) -> Vec<u8> {
        let subject = self.read().tbs_certificate().subject().to_der();
        subject.expect("it was read when it was made")
    }

    /// Whether `authority` has signed it: by name, and by its key.
    pub fn signed_by(&self, authority: &Certificate) -> Signed {
        let (read, issuer) = (self.read(), authority.read());
        let tbs = read.tbs_certificate();
        if tbs.issuer() != issuer.tbs_certificate().subject() {
            return Signed::No;
        }
        let Some(key) = authority.public_key() else {
            return Signed::Unknown;
        };
        let scheme = Scheme::of(read.signature_algorithm());
        let (Ok(scheme), Ok(signed)) = (scheme, tbs.to_der()) else {
            return Signed::No;
        };
        if key.verifies(scheme, &signed, read.signature().raw_bytes()) {
            Signed::Yes
        } else {
            Signed::No
        }
    }

    /// In what it is not as a client's leaf is written here, each to be read behind "its certificate".
    pub fn leaf_faults(&self, authority: Option<&Certificate>) -> Vec<String> {
        let read = self.read();
        let tbs = read.tbs_certificate();
        let mut faults = Vec::new();
        self.use_faults(tbs, &mut faults);
        self.identifier_faults(tbs, authority, &mut faults);
        let known = [
            BasicConstraints::OID,
            KeyUsage::OID,
            ExtendedKeyUsage::OID,
            SubjectAltName::OID,
            SubjectKeyIdentifier::OID,
            AuthorityKeyIdentifier::OID,
        ];
        let extensions = tbs.extensions().into_iter().flatten();
        for extension in extensions.filter(|e| e.critical && !known.contains(&e.extn_id)) {
            faults.push(format!("has a critical extension {}", extension.extn_id));
        }
        faults
    }

    /// What is wrong with what it is good for, and for whom.
    fn use_faults(&self, tbs: &x509::TbsCertificate, faults: &mut Vec<String>) {
        let mut fault = |what: &str| faults.push(what.to_owned());
        if self.public_key().is_none() {
            fault("is of a key that is not one of P-256, P-384, Ed25519 or RSA from 2048 bits");
        }
        match tbs.get_extension::<BasicConstraints>() {
            Ok(Some((_, basic))) if !basic.ca => {}
            Ok(Some(_)) => fault("is one of an authority (CA:TRUE)"),
            Ok(None) => fault("does not say that it is no authority's (CA:FALSE)"),
            Err(_) => fault("has basic constraints that cannot be read"),
        }
        match tbs.get_extension::<KeyUsage>() {
            Ok(Some((_, usage))) if usage.0 == KeyUsages::DigitalSignature => {}
            Ok(Some((_, usage))) if !usage.digital_signature() => {
                fault("has a key usage without digitalSignature: browsers do not offer it");
            }
            Ok(Some(_)) => fault("has more key usages than digitalSignature"),
            Ok(None) => fault("has no key usage"),
            Err(_) => fault("has a key usage that cannot be read"),
        }
        match tbs.get_extension::<ExtendedKeyUsage>() {
            Ok(Some((_, purposes))) if purposes.0 == [CLIENT_AUTH] => {}
            Ok(Some((_, purposes))) if !purposes.0.contains(&CLIENT_AUTH) => {
                fault("is not for client authentication (extended key usage)");
            }
            Ok(Some(_)) => fault("has more extended key usages than clientAuth"),
            Ok(None) => fault("has no extended key usage"),
            Err(_) => fault("has an extended key usage that cannot be read"),
        }
        match tbs.get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => {
                let emails = names.0.iter().cloned().filter_map(email).count();
                if names.0.len() != 1 || emails != 1 {
                    fault("has other alternative names than one address");
                }
            }
            Ok(None) => fault("has no address in it (subjectAltName)"),
            Err(_) => fault("has alternative names that cannot be read"),
        }
    }

    /// What is wrong with how it names itself and its authority.
    fn identifier_faults(
        &self,
        tbs: &x509::TbsCertificate,
        authority: Option<&Certificate>,
        faults: &mut Vec<String>,
    ) {
        let mut fault = |what: &str| faults.push(what.to_owned());
        // RFC 5280 §4.1.2.2: positive, at most 20 octets.
        let serial = tbs.serial_number().as_bytes();
        if serial.len() > 20 || serial.iter().all(|octet| *octet == 0) {
            fault("has a serial number that is not positive, or of more than 20 octets");
        } else if serial.first().is_some_and(|first| *first >= 0x80) {
            fault("has a negative serial number");
        }
        match tbs.get_extension::<SubjectKeyIdentifier>() {
            Ok(Some((_, found))) => {
                let expected = self.public_key().map(|key| key.key_id());
                if expected.is_some_and(|expected| found.0.as_bytes() != expected) {
                    fault("has another subject key identifier than its key gives");
                }
            }
            Ok(None) => fault("has no subject key identifier"),
            Err(_) => fault("has a subject key identifier that cannot be read"),
        }
        let expected = authority.and_then(|authority| IssuerName::of(authority).ok());
        match tbs.get_extension::<AuthorityKeyIdentifier>() {
            Ok(Some((_, found))) => {
                let found = found.key_identifier.map(|id| id.as_bytes().to_vec());
                if expected.is_some_and(|name| found.as_deref() != Some(name.key_id())) {
                    fault("has another authority key identifier than its authority's");
                }
            }
            Ok(None) => fault("has no authority key identifier"),
            Err(_) => fault("has an authority key identifier that cannot be read"),
        }
    }

    fn read(&self) -> x509::Certificate {
        x509::Certificate::from_der(self.der()).expect("it was read when it was made")
    }
}

fn email(name: GeneralName) -> Option<String> {
    match name {
        GeneralName::Rfc822Name(address) => Some(address.to_string()),
        _ => None,
    }
}

fn second(time: x509::time::Time) -> Option<Timestamp> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    // RFC 5280 §4.1.2.5: the last second of the year 9999 is no end, and past the last that there is a `Timestamp` for.
    Timestamp::from_second(seconds.min(Validity::NO_END.as_second())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::golden;

    #[test]
    fn what_is_issued_here_has_no_faults() {
        let (leaf, authority) = (golden::leaf(), golden::authority());
        assert_eq!(leaf.leaf_faults(Some(&authority)), Vec::<String>::new());
        assert_eq!(leaf.signed_by(&authority), Signed::Yes);
        assert_eq!(authority.signed_by(&leaf), Signed::No);
    }

    #[test]
    fn an_authority_is_no_leaf() {
        let faults = golden::authority().leaf_faults(None);
        assert!(faults[0].contains("CA:TRUE"), "{faults:?}");
        assert!(
            faults
                .iter()
                .any(|fault| fault.contains("digitalSignature"))
        );
        assert!(faults.iter().any(|fault| fault.contains("has no address")));
    }

    #[test]
    fn one_changed_bit_is_no_signature() {
        let (leaf, authority) = (golden::leaf(), golden::authority());
        let der = leaf.der();
        let mut read = 0;
        for at in (0..der.len()).step_by(7) {
            let mut changed = der.to_vec();
            changed[at] ^= 1;
            if let Ok(changed) = Certificate::from_der(changed) {
                assert_eq!(changed.signed_by(&authority), Signed::No, "octet {at}");
                let _ = (changed.leaf_faults(Some(&authority)), changed.fields());
                read += 1;
            }
        }
        assert!(read > 20, "only {read} could be read");
    }
}
