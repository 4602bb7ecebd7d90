//! The lock as text.

use std::fmt::Write;

use super::reconcile::order;
use super::{
    Authority, AuthorityState, Installed, Issued, Lock, Origin, Signatures, SignedCrl, State,
    VERSION,
};
use crate::model::MadeKey;
use crate::pki::Fault;
use crate::record::Record;
use crate::root::{RootId, RootKey};

const HEADER: &str =
    "// What has been issued, and when. Written by homelab; keep it in git, do not edit it.";

impl Lock {
    /// The lock as it is written; none where a record is to be signed and the secret is not at hand.
    ///
    /// # Errors
    /// [`Fault`] where the machine miscalculates.
    pub fn to_text(&self, signatures: &Signatures<'_>) -> Result<Option<String>, Fault> {
        let Some(key) = self.key else {
            return Ok(None);
        };
        let records: Vec<String> = self
            .records(&key)
            .map(|record| record.to_string())
            .collect();
        let Some(signatures) = signatures.of(&self.root, &records)? else {
            return Ok(None);
        };
        let version = Record::new("homelab-lock").property("version", VERSION.to_string());
        let mut text = format!("{HEADER}\n{version}\n");
        for (record, signature) in records.iter().zip(signatures) {
            let signed = format!("{record} signed=\"{signature}\"");
            let check = check(&signed);
            writeln!(text, "{signed} check=\"{check}\"").expect("a String takes all");
        }
        text += "end\n";
        Ok(Some(text))
    }

    /// Its records in the order of their lines.
    fn records<'l>(&'l self, key: &'l RootKey) -> impl Iterator<Item = Record<'static>> + 'l {
        let root = std::iter::once_with(|| self.root_record(key));
        // Between two lines that stay as they are: git takes a change beside one that another
        // branch made for a conflict, and `union` would keep both forms of this line.
        let crls = self.crls.iter().map(crl_record);
        let authorities = self.authorities.iter();
        let authorities = authorities.map(|authority| authority_record(authority, &self.root));
        let mut certificates: Vec<&Issued> = self.certificates.iter().collect();
        certificates.sort_by(|one, other| order(one).cmp(&order(other)));
        let certificates = certificates.into_iter().map(certificate_record);
        let installed = self.installed.iter().map(installed_record);
        let issued = root.chain(crls).chain(authorities).chain(certificates);
        issued.chain(installed)
    }

    fn root_record(&self, key: &RootKey) -> Record<'static> {
        let record = Record::new("root")
            .argument(self.root.to_string())
            .property("key", key.to_string());
        let former = self.former.iter().map(|(id, key)| format!("{id}:{key}"));
        let former: Vec<String> = former.collect();
        let record = match former.as_slice() {
            [] => record,
            former => record.property("former", former.join(" ")),
        };
        let record = match self.epoch {
            0 => record,
            epoch => record.property("epoch", epoch.to_string()),
        };
        let predecessors: Vec<String> = { self.predecessors.iter() }
            .map(ToString::to_string)
            .collect();
        match predecessors.as_slice() {
            [] => record,
            predecessors => record.property("succeeds", predecessors.join(" ")),
        }
    }
}

fn authority_record(authority: &Authority, root: &RootId) -> Record<'static> {
    let record = Record::new("authority").argument(authority.id.to_string());
    let record = if authority.root == *root {
        record
    } else {
        record.property("root", authority.root.to_string())
    };
    let record = record
        .property("domain", authority.domain.to_string())
        .property("not-before", authority.validity.not_before().to_string())
        .property("not-after", authority.validity.not_after().to_string())
        .property("key", authority.key.to_string())
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
        AuthorityState::Superseded => record.property("state", "replaced"),
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
        .property("fingerprint", issued.fingerprint.to_string())
        .property("profile", profile(issued.made));
    let record = match &issued.own_key {
        Some(certificate) => record.property(
            "certificate",
            data_encoding::BASE64.encode(certificate.der()),
        ),
        None => record,
    };
    match issued.state {
        State::Active => record.property("state", "active"),
        State::Superseded { until } => record
            .property("state", "replaced")
            .property("until", until.to_string()),
        State::Blocked { since } => record
            .property("state", "barred")
            .property("retired", since.to_string()),
        State::Revoked { since } => record
            .property("state", "retired")
            .property("retired", since.to_string()),
    }
}

fn installed_record(installed: &Installed) -> Record<'static> {
    let record = Record::new("installed")
        .argument(installed.device.to_string())
        .property("fingerprint", installed.fingerprint.to_string());
    match installed.removed {
        None => record,
        Some(since) => record.property("removed", since.to_string()),
    }
}

/// The layout of a certificate, and the way in which its key is derived.
pub(super) fn profile(made: MadeKey) -> &'static str {
    match made {
        MadeKey::P256 => "p256-1",
        MadeKey::Rsa => "rsa2048-1",
    }
}

/// Sixteen hexadecimal digits of BLAKE3 of a line's text before its check.
pub(super) fn check(line: &str) -> String {
    blake3::hash(line.as_bytes()).to_hex()[..16].to_owned()
}
