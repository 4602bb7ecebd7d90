//! The lock as text.

use std::fmt::{self, Display, Formatter};

use super::{Authority, AuthorityState, Issued, Lock, Origin, SignedCrl, State, VERSION};
use crate::record::Record;
use crate::root::RootId;

const HEADER: &str =
    "// What has been issued, and when. Written by homelab; keep it in git, do not edit it.";

impl Display for Lock {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        let version = VERSION.to_string();
        writeln!(
            f,
            "{}",
            Record::new("homelab-lock").property("version", version)
        )?;
        let root = Record::new("root").argument(self.root.to_string());
        writeln!(f, "{}", checked(root))?;
        // Between two lines that stay as they are: git takes a change beside one that another
        // branch made for a conflict, and `union` would keep both forms of this line.
        for crl in &self.crls {
            writeln!(f, "{}", checked(crl_record(crl)))?;
        }
        for authority in &self.authorities {
            writeln!(f, "{}", checked(authority_record(authority, &self.root)))?;
        }
        let mut certificates: Vec<&Issued> = self.certificates.iter().collect();
        certificates
            .sort_by_key(|issued| (&issued.device, issued.validity.not_before(), issued.id));
        for issued in certificates {
            writeln!(f, "{}", checked(certificate_record(issued)))?;
        }
        writeln!(f, "end")
    }
}

fn authority_record(authority: &Authority, root: &RootId) -> Record<'static> {
    let record = Record::new("authority").argument(authority.id.to_string());
    let record = match authority.root == *root {
        true => record,
        false => record.property("root", authority.root.to_string()),
    };
    let record = record
        .property("domain", authority.domain.to_string())
        .property("not-before", authority.validity.not_before().to_string())
        .property("not-after", authority.validity.not_after().to_string())
        .property("key", data_encoding::HEXLOWER.encode(&authority.key))
        .property(
            "certificate",
            data_encoding::BASE64.encode(authority.certificate.der()),
        );
    let record = match authority.origin {
        Origin::Derived => record,
        Origin::Adopted => record.property("origin", "adopted"),
        Origin::Foreign => record.property("origin", "foreign"),
    };
    match authority.state {
        AuthorityState::Active => record,
        AuthorityState::Replaced => record.property("state", "replaced"),
        AuthorityState::Retired { since } => record
            .property("state", "retired")
            .property("retired", since.to_string()),
    }
}

fn crl_record(crl: &SignedCrl) -> Record<'static> {
    Record::new("crl")
        .property("authority", crl.authority.to_string())
        .property("number", crl.number.to_string())
        .property("updated", crl.updated.to_string())
        .property("signature", crl.signature.to_string())
}

fn certificate_record(issued: &Issued) -> Record<'static> {
    let record = Record::new("certificate")
        .argument(issued.device.to_string())
        .property("id", issued.id.to_string())
        .property("authority", issued.authority.to_string())
        .property("email", issued.email.to_string())
        .property("not-before", issued.validity.not_before().to_string())
        .property("not-after", issued.validity.not_after().to_string())
        .property("serial", issued.serial.to_hex())
        .property(
            "fingerprint",
            data_encoding::HEXLOWER.encode(&issued.fingerprint),
        )
        // The layout of the certificate, should a later homelab issue another.
        .property("profile", "p256-1");
    let record = match &issued.own_key {
        Some(certificate) => record.property(
            "certificate",
            data_encoding::BASE64.encode(certificate.der()),
        ),
        None => record,
    };
    match issued.state {
        State::Active => record.property("state", "active"),
        State::Replaced { until } => record
            .property("state", "replaced")
            .property("until", until.to_string()),
        State::Barred { since } => record
            .property("state", "barred")
            .property("retired", since.to_string()),
        State::Retired { since } => record
            .property("state", "retired")
            .property("retired", since.to_string()),
    }
}

/// A record with the check of its own text at its end.
fn checked(record: Record<'static>) -> Record<'static> {
    let check = check(&record.to_string());
    record.property("check", check)
}

/// Sixteen hexadecimal digits of BLAKE3 of a line's text before its check.
pub fn check(line: &str) -> String {
    blake3::hash(line.as_bytes()).to_hex()[..16].to_owned()
}
