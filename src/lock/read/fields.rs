//! One record of the lock, from its fields to what it says.

use std::collections::BTreeMap;
use std::str::FromStr;

use data_encoding::BASE64;
use jiff::Timestamp;

use super::Proof;
use super::ReadRoot;
use super::line::Version;
use crate::lock::authorities::ReadAuthority;
use crate::lock::write::{check, profile};
use crate::lock::{AuthorityState, Installed, Issued, Origin, Predecessor, SignedCrl, State};
use crate::model::{Domain, Email, MadeKey};
use crate::pki::{Certificate, Fingerprint, Validity, ValidityError};
use crate::record::{Malformed, Record};

/// What is wrong with a record that homelab would not have written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("it has no check")]
    Unchecked,
    #[error("its check does not match what it says")]
    Changed,
    #[error("`{0}` says no name")]
    Nameless(&'static str),
    #[error("`{0}` is not known")]
    Unknown(Box<str>),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{0}` cannot be read")]
    Unreadable(&'static str),
    #[error(transparent)]
    Dates(#[from] ValidityError),
}

use Damage::Unreadable;

/// Takes the check off a record; the text of the line before it, which it has to be the check of.
pub(super) fn take_check<'a>(
    line: &'a str,
    record: &mut Record<'_>,
    proof: Proof,
) -> Result<&'a str, Damage> {
    let check_of = record.properties.pop_if(|(key, _)| *key == "check");
    let (key, written) = check_of.ok_or(Damage::Unchecked)?;
    let before = before_last(line, key, &written).ok_or(Damage::Changed)?;
    if proof == Proof::Given || check(before) == *written {
        Ok(before)
    } else {
        Err(Damage::Changed)
    }
}

/// The text of a line before its last property; none where that is written with escapes.
pub(super) fn before_last<'a>(line: &'a str, key: &str, value: &str) -> Option<&'a str> {
    let before = line.strip_suffix('"')?.strip_suffix(value)?;
    before
        .strip_suffix("=\"")?
        .strip_suffix(key)?
        .strip_suffix(' ')
}

/// The fields of a line whose check matches; a field that cannot be read is still told.
pub(super) struct Fields<'r> {
    pub record: &'r Record<'r>,
}

impl Fields<'_> {
    pub(super) fn root(&self, version: Version) -> Result<ReadRoot, Damage> {
        let (id, mut former) = (self.argument("root")?, BTreeMap::new());
        if version == Version::Unsigned {
            self.only(&[])?;
            return Ok(ReadRoot {
                id,
                key: None,
                former,
                epoch: 0,
                predecessors: Vec::new(),
            });
        }
        self.only(&["key", "former", "epoch", "succeeds"])?;
        let formers = self.record.value("former").into_iter();
        for one in formers.flat_map(|all| all.split(' ')) {
            let (id, key) = one.split_once(':').ok_or(Unreadable("former"))?;
            let id = id.parse().map_err(|_| Unreadable("former"))?;
            former.insert(id, key.parse().map_err(|_| Unreadable("former"))?);
        }
        let predecessors = self.record.value("succeeds").into_iter();
        let predecessors = predecessors.flat_map(|all| all.split(' ')).map(str::parse);
        let predecessors: Result<Vec<Predecessor>, _> = predecessors.collect();
        Ok(ReadRoot {
            id,
            key: Some(self.parsed("key")?),
            former,
            epoch: self.epoch()?,
            predecessors: predecessors.map_err(|_| Unreadable("succeeds"))?,
        })
    }

    /// Not written before the first step.
    fn epoch(&self) -> Result<u64, Damage> {
        let Some(written) = self.record.value("epoch") else {
            return Ok(0);
        };
        let epoch = written.parse().ok().filter(|epoch| *epoch > 0);
        let epoch = epoch.filter(|epoch: &u64| epoch.to_string() == written);
        epoch.ok_or(Unreadable("epoch"))
    }

    pub(super) fn authority(&self) -> Result<ReadAuthority, Damage> {
        self.only(&[
            "root",
            "domain",
            "not-before",
            "not-after",
            "key",
            "certificate",
            "origin",
            "state",
            "retired",
        ])?;
        let validity = self.validity()?;
        Ok(ReadAuthority {
            id: self.argument("authority")?,
            root: self.optional("root")?,
            origin: match self.record.value("origin") {
                None => Origin::Derived,
                Some("adopted") => Origin::Adopted,
                Some("foreign") => Origin::Foreign,
                Some(_) => return Err(Unreadable("origin")),
            },
            state: self.authority_state(validity)?,
            domain: Domain::new(self.text("domain")?).map_err(|_| Unreadable("domain"))?,
            validity,
            key: self.parsed("key")?,
            certificate: self.x509()?,
        })
    }

    fn authority_state(&self, validity: Validity) -> Result<AuthorityState, Damage> {
        match (self.record.value("state"), self.record.value("retired")) {
            (None, None) => Ok(AuthorityState::Active),
            (Some("replaced"), None) => Ok(AuthorityState::Superseded),
            (Some("retired"), Some(_)) => {
                let since = self.second("retired", validity)?;
                Ok(AuthorityState::Retired { since })
            }
            _ => Err(Unreadable("state")),
        }
    }

    fn x509(&self) -> Result<Certificate, Damage> {
        let der = BASE64.decode(self.text("certificate")?.as_bytes());
        let certificate = der.ok().and_then(|der| Certificate::from_der(der).ok());
        certificate.ok_or(Unreadable("certificate"))
    }

    pub(super) fn crl(&self) -> Result<SignedCrl, Damage> {
        self.only(&["authority", "number", "updated", "signature"])?;
        Ok(SignedCrl {
            authority: self.parsed("authority")?,
            number: self.parsed("number")?,
            updated: self.parsed("updated")?,
            signature: self.parsed("signature")?,
        })
    }

    pub(super) fn certificate(&self) -> Result<Issued, Damage> {
        self.only(&[
            "id",
            "authority",
            "email",
            "not-before",
            "not-after",
            "serial",
            "fingerprint",
            "profile",
            "certificate",
            "state",
            "until",
            "retired",
        ])?;
        let written = self.text("profile")?;
        let known = MadeKey::ALL
            .into_iter()
            .find(|made| profile(*made) == written);
        let made = known.ok_or(Unreadable("profile"))?;
        let validity = self.validity()?;
        let fingerprint: Fingerprint = self.parsed("fingerprint")?;
        let own_key = match self.record.value("certificate") {
            Some(_) => Some(self.x509()?),
            None => None,
        };
        let is_another = |own: &Certificate| own.fingerprint() != fingerprint;
        if own_key.as_ref().is_some_and(is_another) {
            return Err(Unreadable("certificate"));
        }
        // No key was made.
        if own_key.is_some() && made != MadeKey::P256 {
            return Err(Unreadable("profile"));
        }
        Ok(Issued {
            device: self.argument("certificate")?,
            id: self.parsed("id")?,
            authority: self.parsed("authority")?,
            email: Email::new(self.text("email")?).map_err(|_| Unreadable("email"))?,
            validity,
            serial: self.parsed("serial")?,
            fingerprint,
            made,
            own_key,
            state: self.state(validity)?,
        })
    }

    pub(super) fn installed(&self) -> Result<Installed, Damage> {
        self.only(&["fingerprint", "removed"])?;
        let fingerprint: Fingerprint = self.parsed("fingerprint")?;
        // None such is ever declared: Caddy gives it to whoever shows no certificate.
        if fingerprint.is_of_nothing() {
            return Err(Unreadable("fingerprint"));
        }
        let removed: Option<Timestamp> = self.optional("removed")?;
        if removed.is_some_and(|since| since.subsec_nanosecond() != 0) {
            return Err(Unreadable("removed"));
        }
        Ok(Installed {
            device: self.argument("installed")?,
            fingerprint,
            removed,
        })
    }

    fn state(&self, validity: Validity) -> Result<State, Damage> {
        let (until, retired) = (self.record.value("until"), self.record.value("retired"));
        match (self.text("state")?, until, retired) {
            ("active", None, None) => Ok(State::Active),
            ("replaced", Some(_), None) => {
                let until = self.second("until", validity)?;
                Ok(State::Superseded { until })
            }
            // From before the date was recorded: for all that is known, the whole of its time.
            ("retired", None, None) => Ok(State::Revoked {
                since: validity.not_before(),
            }),
            ("retired", None, Some(_)) => {
                let since = self.second("retired", validity)?;
                Ok(State::Revoked { since })
            }
            ("barred", None, Some(_)) => {
                let since = self.second("retired", validity)?;
                Ok(State::Blocked { since })
            }
            _ => Err(Unreadable("state")),
        }
    }

    /// A moment in whole seconds, not before the certificate is valid.
    fn second(&self, key: &'static str, validity: Validity) -> Result<Timestamp, Damage> {
        let moment: Timestamp = self.parsed(key)?;
        if moment.subsec_nanosecond() == 0 && moment >= validity.not_before() {
            Ok(moment)
        } else {
            Err(Unreadable(key))
        }
    }

    fn validity(&self) -> Result<Validity, Damage> {
        let from: Timestamp = self.parsed("not-before")?;
        let until: Timestamp = self.parsed("not-after")?;
        Ok(Validity::new(from, until)?)
    }

    /// What a record of this kind is about.
    fn argument<T: FromStr>(&self, kind: &'static str) -> Result<T, Damage> {
        let argument = self.record.argument.as_deref();
        let argument = argument.ok_or(Damage::Nameless(kind))?;
        argument.parse().map_err(|_| Unreadable(kind))
    }

    fn text(&self, key: &'static str) -> Result<&str, Damage> {
        let value = self.record.value(key);
        value.ok_or(Damage::Missing(key))
    }

    fn parsed<T: FromStr>(&self, key: &'static str) -> Result<T, Damage> {
        self.text(key)?.parse().map_err(|_| Unreadable(key))
    }

    fn optional<T: FromStr>(&self, key: &'static str) -> Result<Option<T>, Damage> {
        let value = self.record.value(key).map(str::parse).transpose();
        value.map_err(|_| Unreadable(key))
    }

    fn only(&self, known: &[&str]) -> Result<(), Damage> {
        let unknown = |key: &&str| !known.contains(key);
        let keys = self.record.properties.iter().map(|(key, _)| *key);
        match { keys }.find(unknown) {
            Some(key) => Err(Damage::Unknown(key.into())),
            None => Ok(()),
        }
    }
}
