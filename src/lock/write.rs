//! The lock as text.

use data_encoding::{BASE64, HEXLOWER};
use rayon::prelude::*;

use super::reconcile::order;
use super::{
    Authority, AuthorityState, Installed, Issued, Lock, Origin, Signatures, SignedCrl, State,
    VERSION,
};
use crate::model::MadeKey;
use crate::pki::Fault;
use crate::record::RecordWriter;
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
        let Some(signed) = signatures.add_to(&self.root, self.records(&key))? else {
            return Ok(None);
        };
        let version = RecordWriter::new("homelab-lock").property("version", VERSION);
        let mut lines = vec![format!("{HEADER}\n{version}\n")];
        lines.par_extend(signed.into_par_iter().map(|mut line| {
            let check = check(&line);
            line.extend([" check=\"", &check, "\"\n"]);
            line
        }));
        lines.push("end\n".to_owned());
        Ok(Some(lines.concat()))
    }

    /// Its records in the order of their lines.
    fn records(&self, key: &RootKey) -> Vec<String> {
        let root = std::iter::once_with(|| self.root_record(key));
        // Between two lines that stay as they are: git takes a change beside one that another
        // branch made for a conflict, and `union` would keep both forms of this line.
        let crls = self.crls.iter().map(crl_record);
        let authorities = self.authorities.iter();
        let authorities = authorities.map(|authority| authority_record(authority, &self.root));
        let mut certificates: Vec<&Issued> = self.certificates.iter().collect();
        certificates.sort_by(|one, other| order(one).cmp(&order(other)));
        let certificates = certificates.into_par_iter().map(certificate_record);
        let certificates = certificates.map(RecordWriter::into_text);
        let installed = self.installed.iter().map(installed_record);
        let mut records: Vec<String> = { root.chain(crls).chain(authorities) }
            .map(RecordWriter::into_text)
            .collect();
        records.extend(certificates.collect::<Vec<_>>());
        records.extend(installed.map(RecordWriter::into_text));
        records
    }

    fn root_record(&self, key: &RootKey) -> RecordWriter {
        let record = RecordWriter::new("root")
            .argument(self.root)
            .property("key", key);
        let former = self.former.iter().map(|(id, key)| format!("{id}:{key}"));
        let record = if self.former.is_empty() {
            record
        } else {
            record.list("former", former)
        };
        let record = match self.epoch {
            0 => record,
            epoch => record.property("epoch", epoch),
        };
        if self.predecessors.is_empty() {
            record
        } else {
            record.list("succeeds", &self.predecessors)
        }
    }
}

fn authority_record(authority: &Authority, root: &RootId) -> RecordWriter {
    let record = RecordWriter::new("authority").argument(authority.id);
    let record = if authority.root == *root {
        record
    } else {
        record.property("root", authority.root)
    };
    let record = record
        .property("domain", &authority.domain)
        .property("not-before", authority.validity.not_before())
        .property("not-after", authority.validity.not_after())
        .property("key", authority.key)
        .property(
            "certificate",
            BASE64.encode_display(authority.certificate.der()),
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
            .property("retired", since),
    }
}

fn crl_record(crl: &SignedCrl) -> RecordWriter {
    RecordWriter::new("crl")
        .property("authority", crl.authority)
        .property("number", crl.number)
        .property("updated", crl.updated)
        .property("signature", &crl.signature)
}

fn certificate_record(issued: &Issued) -> RecordWriter {
    let record = RecordWriter::new("certificate")
        .argument(&issued.device)
        .property("id", issued.id)
        .property("authority", issued.authority)
        .property("email", &issued.email)
        .property("not-before", issued.validity.not_before())
        .property("not-after", issued.validity.not_after())
        .property("serial", issued.serial)
        .property("fingerprint", issued.fingerprint)
        .property("profile", profile(issued.made));
    let record = match &issued.own_key {
        Some(certificate) => {
            record.property("certificate", BASE64.encode_display(certificate.der()))
        }
        None => record,
    };
    match issued.state {
        State::Active => record.property("state", "active"),
        State::Superseded { until } => record
            .property("state", "replaced")
            .property("until", until),
        State::Blocked { since } => record
            .property("state", "barred")
            .property("retired", since),
        State::Revoked { since } => record
            .property("state", "retired")
            .property("retired", since),
    }
}

fn installed_record(installed: &Installed) -> RecordWriter {
    let record = RecordWriter::new("installed")
        .argument(&installed.device)
        .property("fingerprint", installed.fingerprint);
    match installed.removed {
        None => record,
        Some(since) => record.property("removed", since),
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
    HEXLOWER.encode(&blake3::hash(line.as_bytes()).as_bytes()[..8])
}
