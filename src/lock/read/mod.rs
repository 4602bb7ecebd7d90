//! The lock from text. Anything that homelab would not have written is refused, with a remedy.

mod faults;
mod fields;
mod line;
mod unite;

use std::collections::{BTreeMap, HashMap};
use std::mem;

use rayon::prelude::*;

use super::authorities::{self, ReadAuthority};
use super::reconcile::order;
use super::{
    Authority, Installed, Issued, Lines, Lock, Predecessor, SignedCrl, State, VERSION, signing,
};
use crate::diagnostic::{Mistake, Mistakes, mistake};
use crate::pki::Fingerprint;
use crate::record::Record;
use crate::root::{RecordSignature, RootId, RootKey};
use crate::source::Source;
pub(super) use faults::{BRING_BACK, duplicate};
use faults::{Fault, Faults};
use line::{Line, ReadLine, Says, Version, lines};

const KEEP_ONE: &str = "two branches issued it each: keep the line whose .p12 is on the device, delete the other, and build again";

/// Reads a lock, or says everything that is wrong with it.
pub fn read(source: &Source) -> Result<Lock, Mistakes> {
    read_as(Proof::Due, source)
}

/// Reads a lock whose very text was read before: neither its checks nor its signatures are verified again.
pub(crate) fn read_verified(source: &Source) -> Result<Lock, Mistakes> {
    read_as(Proof::Given, source)
}

fn read_as(proof: Proof, source: &Source) -> Result<Lock, Mistakes> {
    read_lines(proof, source.text()).map_err(|mistakes| Mistakes::new(source, mistakes))
}

/// Whether it is known of every line that its check matches and that its record is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Due,
    Given,
}

fn read_lines(proof: Proof, text: &str) -> Result<Lock, Vec<Mistake>> {
    let mut lines = lines(text).filter(|line| !line.text.starts_with("//"));
    let version = begins(lines.next()).map_err(|mistake| vec![mistake])?;
    let mut body: Vec<Line> = lines.collect();
    match body.pop() {
        Some(last) if last.text == "end" && text.ends_with('\n') => {}
        _ => {
            return Err(vec![mistake!(
                "lock::cut-off",
                "homelab.lock is cut off: it does not end with a line that says `end`",
                help("{BRING_BACK}"),
            )]);
        }
    }
    let another = { body.iter() }.find(|line| line.text.starts_with("homelab-lock "));
    if let Some(Line { number, .. }) = another {
        return Err(vec![mistake!(
            "lock::mixed-versions",
            "homelab.lock has lines of two versions: another begins at line {number}",
            help(
                "one branch was written by an older homelab: take homelab.lock of the other side as it is, and do again, with this homelab, what was done there"
            ),
        )]);
    }
    let mut reading = Reading::of(version, proof);
    // Grown, what is read of a large lock would be copied again and again.
    reading.certificates.reserve(body.len());
    for (line, read) in body.iter().zip(read_each(version, proof, &body)) {
        match read {
            Ok(read) => reading.take(read),
            Err(fault) => reading.faults.add(fault, line.number),
        }
    }
    reading.finish().map_err(Faults::into_mistakes)
}

/// So many lines are read one after the other: threads would cost more than they save.
const FEW: usize = 512;

fn read_each<'a>(
    version: Version,
    proof: Proof,
    lines: &[Line<'a>],
) -> Vec<Result<ReadLine<'a>, Fault>> {
    let read = |line: &Line<'a>| line.read(version, proof);
    if lines.len() <= FEW {
        lines.iter().map(read).collect()
    } else {
        lines.par_iter().map(read).collect()
    }
}

/// The first line says that this is a lock, and of which version, before anything else is believed.
fn begins(first: Option<Line<'_>>) -> Result<Version, Mistake> {
    let not_a_lock = || {
        mistake!(
            "lock::not-a-lock",
            "homelab.lock is no lock, or its beginning is lost: `homelab-lock version=\"{VERSION}\"` was expected",
            help("{BRING_BACK}"),
        )
    };
    let line = first.ok_or_else(not_a_lock)?;
    let record = Record::parse(line.text).ok();
    let version = record
        .as_ref()
        .filter(|record| record.name == "homelab-lock")
        .and_then(|record| record.value("version"));
    match version.map(str::parse::<u32>) {
        Some(Ok(VERSION)) => Ok(Version::Signed),
        Some(Ok(1)) => Ok(Version::Unsigned),
        Some(Ok(found)) if found > VERSION => Err(mistake!(
            "lock::newer",
            "homelab.lock was written by a newer homelab, in version {found}",
            help("update homelab: this one reads version {VERSION}"),
        )),
        _ if line.text.starts_with("<<<<<<<") => Err(Fault::Conflict.of(&Lines::of(line.number))),
        _ => Err(not_a_lock()),
    }
}

/// What has been read so far, and where.
struct Reading<'a> {
    version: Version,
    proof: Proof,
    roots: Vec<(ReadRoot, usize)>,
    authorities: Vec<(ReadAuthority, usize)>,
    crls: Vec<(SignedCrl, usize)>,
    certificates: Vec<(Issued, usize)>,
    /// By fingerprint: lines about one certificate become one.
    installed: BTreeMap<Fingerprint, Installed>,
    /// Every record and its signature, where they are to be verified.
    signed: Vec<(&'a str, RecordSignature)>,
    places: Vec<usize>,
    faults: Faults,
}

/// What a line says of a root secret.
#[derive(Clone, PartialEq, Eq)]
struct ReadRoot {
    id: RootId,
    key: Option<RootKey>,
    former: BTreeMap<RootId, RootKey>,
    epoch: u64,
    predecessors: Vec<Predecessor>,
}

impl<'a> Reading<'a> {
    fn of(version: Version, proof: Proof) -> Reading<'a> {
        Reading {
            version,
            proof,
            roots: Vec::new(),
            authorities: Vec::new(),
            crls: Vec::new(),
            certificates: Vec::new(),
            installed: BTreeMap::new(),
            signed: Vec::new(),
            places: Vec::new(),
            faults: Faults::default(),
        }
    }

    fn take(&mut self, line: ReadLine<'a>) {
        let ReadLine {
            says,
            signed,
            number,
        } = line;
        if let Some(signed) = signed {
            self.signed.push(signed);
            self.places.push(number);
        }
        match says {
            Says::Root(root) => self.roots.push((root, number)),
            Says::Authority(authority) => self.authorities.push((authority, number)),
            Says::Crl(crl) => {
                if self.crls.iter().all(|(known, _)| *known != crl) {
                    self.crls.push((crl, number));
                }
            }
            Says::Certificate(issued) => self.certificates.push((issued, number)),
            Says::Installed(installed) => {
                let united = match self.installed.remove(&installed.fingerprint) {
                    Some(known) => known.united(installed),
                    None => installed,
                };
                self.installed.insert(united.fingerprint, united);
            }
        }
    }

    fn finish(mut self) -> Result<Lock, Faults> {
        let Some((first, _)) = self.roots.first() else {
            self.faults.push(mistake!(
                "lock::no-root",
                "homelab.lock does not say which root secret it belongs to: it has no `root` line",
                help("{BRING_BACK}"),
            ));
            return Err(self.faults);
        };
        let first = first.id;
        let root = self.present_root().unwrap_or_else(|mistake| {
            self.faults.push(mistake);
            first
        });
        let said = self.said_of(root);
        if self.faults.is_empty() && self.proof == Proof::Due {
            self.refuse_what_is_not_believed(&said);
        }
        // What nobody wrote who may is not worth being told more of.
        if !self.faults.is_empty() && self.version == Version::Signed {
            return Err(self.faults);
        }
        self.unite();
        let authorities = authorities::unite(mem::take(&mut self.authorities), root);
        let authorities = authorities.unwrap_or_else(|mistake| {
            self.faults.push(mistake);
            Vec::new()
        });
        self.retire_with(&authorities);
        self.refuse_duplicates();
        self.refuse_strangers(&authorities);
        if self.faults.is_empty() {
            Ok(self.into_lock(said, authorities))
        } else {
            Err(self.faults)
        }
    }

    fn into_lock(self, said: ReadRoot, authorities: Vec<Authority>) -> Lock {
        let listing = |crl: &SignedCrl| {
            let authority = authorities.iter().find(|a| a.id == crl.authority);
            authority.is_some_and(Authority::is_trusted)
        };
        let crls = self.crls.into_iter().map(|(crl, _)| crl);
        let certificates = self.certificates.into_iter().map(|(issued, _)| issued);
        let mut certificates: Vec<Issued> = certificates.collect();
        // A merge may have left the lines in another order, which nothing may depend on.
        certificates.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut installed: Vec<Installed> = self.installed.into_values().collect();
        installed.sort();
        let mut lock = Lock {
            root: said.id,
            key: said.key,
            former: said.former,
            epoch: said.epoch,
            predecessors: said.predecessors,
            crls: crls.filter(listing).collect(),
            authorities,
            certificates,
            installed,
        };
        // One branch may have dropped the authorities that the other had such devices of.
        if !lock.vouches_for_installed() {
            lock.installed.clear();
        }
        lock
    }

    /// The lines that neither the present root secret's key has signed nor a former one's. If the key is
    /// not even the one that its own line is signed with, that alone is told.
    fn refuse_what_is_not_believed(&mut self, root: &ReadRoot) {
        let id = &root.id;
        let Some(key) = { root.key }.filter(|key| !signing::are_signed(id, key, &self.signed))
        else {
            return;
        };
        let left = { self.roots.iter() }.filter_map(|(line, _)| Some((line.id, line.key?)));
        let left: BTreeMap<RootId, RootKey> = left.filter(|(left, _)| left != id).collect();
        let has_signed = |(record, signature): &(&str, RecordSignature),
                          (id, key): (&RootId, &RootKey)| {
            signing::is_signed(id, key, record, signature)
        };
        let mut faults = Vec::new();
        for (signed, line) in self.signed.iter().zip(&self.places) {
            if has_signed(signed, (id, &key)) || root.former.iter().any(|by| has_signed(signed, by))
            {
                continue;
            }
            if left.iter().any(|by| has_signed(signed, by)) {
                faults.push((Fault::LeftBehind, *line));
            } else if self.roots.iter().any(|(_, at)| at == line) {
                faults = vec![(Fault::OtherKey, *line)];
                break;
            } else {
                faults.push((Fault::OtherKey, *line));
            }
        }
        for (fault, line) in faults {
            self.faults.add(fault, line);
        }
    }

    /// All was issued by an authority that is known; without any, the first line tells it for all.
    fn refuse_strangers(&mut self, authorities: &[Authority]) {
        let is_known = |id| authorities.iter().any(|authority| authority.id == id);
        let certificates = self.certificates.iter();
        let certificates = certificates
            .filter(|(issued, _)| !is_known(issued.authority))
            .map(|(_, line)| *line);
        let crls = self.crls.iter();
        let crls = crls
            .filter(|(crl, _)| !is_known(crl.authority))
            .map(|(_, line)| *line);
        let mut strangers: Vec<usize> = certificates.chain(crls).collect();
        if authorities.is_empty() {
            strangers.truncate(1);
        }
        for line in strangers {
            self.faults.add(Fault::NoAuthority, line);
        }
    }

    /// One device has one active certificate, and one id stands in one line.
    fn refuse_duplicates(&mut self) {
        let mut active = HashMap::with_capacity(self.certificates.len());
        let mut ids = HashMap::with_capacity(self.certificates.len());
        for (issued, line) in &self.certificates {
            let same_device = match issued.state {
                State::Active => active.insert(&issued.device, *line),
                State::Superseded { .. } | State::Revoked { .. } | State::Blocked { .. } => None,
            };
            let same_id = ids.insert(issued.id, *line);
            if let Some(first) = same_device.or(same_id) {
                let what = format!("`{}`", issued.device);
                self.faults.push(duplicate(&what, [first, *line], KEEP_ONE));
            }
        }
    }
}
