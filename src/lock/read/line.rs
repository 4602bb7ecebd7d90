//! A line of the lock, read by itself: what the others say is not asked.

use super::fields::{Damage, Fields, before_last, take_check};
use super::{Fault, Proof, ReadRoot};
use crate::lock::authorities::ReadAuthority;
use crate::lock::{Installed, Issued, SignedCrl};
use crate::record::Record;
use crate::root::RecordSignature;

/// The versions that can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// The first, whose records nobody has signed.
    Unsigned,
    /// The present one.
    Signed,
}

/// A line and its number, from 1.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub text: &'a str,
    pub number: usize,
}

/// A line whose check matches.
pub(super) struct ReadLine<'a> {
    pub says: Says,
    /// The record and its signature, where the version has one that is to be verified.
    pub signed: Option<(&'a str, RecordSignature)>,
    pub number: usize,
}

/// What a line says, by its kind.
pub(super) enum Says {
    Root(ReadRoot),
    Authority(ReadAuthority),
    Crl(SignedCrl),
    Certificate(Issued),
    Installed(Installed),
}

/// Every line of a text.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let lines = text.split_inclusive('\n').zip(1..);
    lines.map(|(line, number)| Line {
        text: line.trim_end_matches('\n'),
        number,
    })
}

impl<'a> Line<'a> {
    pub(super) fn read(self, version: Version, proof: Proof) -> Result<ReadLine<'a>, Fault> {
        let is_mark = |mark: &str| self.text.starts_with(mark);
        if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"]
            .into_iter()
            .any(is_mark)
        {
            return Err(Fault::Conflict);
        }
        let mut record = Record::parse(self.text).map_err(Damage::from)?;
        let checked = take_check(self.text, &mut record, proof)?;
        let mut signature = None;
        if version == Version::Signed {
            let signed = record.properties.pop_if(|(key, _)| *key == "signed");
            let (key, written) = signed.ok_or(Fault::Unsigned)?;
            if proof == Proof::Due {
                let record = before_last(checked, key, &written);
                let signed = record.and_then(|record| Some((record, written.parse().ok()?)));
                signature = Some(signed.ok_or(Fault::Unsigned)?);
            }
        }
        Ok(ReadLine {
            says: says(&record, version)?,
            signed: signature,
            number: self.number,
        })
    }
}

/// What a record says whose check matches.
fn says(record: &Record<'_>, version: Version) -> Result<Says, Damage> {
    let fields = Fields { record };
    Ok(match record.name {
        "root" => Says::Root(fields.root(version)?),
        "authority" => Says::Authority(fields.authority()?),
        "crl" => Says::Crl(fields.crl()?),
        "certificate" => Says::Certificate(fields.certificate()?),
        // The first version never had it.
        "installed" if version == Version::Signed => Says::Installed(fields.installed()?),
        other => return Err(Damage::Unknown(other.into())),
    })
}
