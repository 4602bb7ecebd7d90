//! The lock from text. Anything that homelab would not have written is refused, with a remedy.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::str::FromStr;

use data_encoding::BASE64;
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::authorities::{self, ReadAuthority};
use super::lines::Lines;
use super::reconcile::order;
use super::write::{check, profile};
use super::{
    Authority, AuthorityState, Installed, Issued, Lock, Origin, Predecessor, SignedCrl, State,
    VERSION, signing,
};
use crate::diagnostic::Mistakes;
use crate::model::{DeviceId, Domain, Email, MadeKey};
use crate::pki::{Certificate, Fingerprint, Validity};
use crate::record::Record;
use crate::root::{RecordSignature, RootId, RootKey};
use crate::source::Source;

/// Why a text is not a lock that this homelab can build from.
#[derive(Debug, Error, Diagnostic)]
pub enum LockError {
    #[error(
        "homelab.lock is no lock, or its beginning is lost: `homelab-lock version=\"{VERSION}\"` was expected"
    )]
    #[diagnostic(code("lock::not-a-lock"), help("{BRING_BACK}"))]
    NotALock,

    #[error("homelab.lock was written by a newer homelab, in version {found}")]
    #[diagnostic(
        code("lock::newer"),
        help("update homelab: this one reads version {VERSION}")
    )]
    Newer { found: u32 },

    #[error("homelab.lock is cut off: its last line is not `end`")]
    #[diagnostic(code("lock::cut-off"), help("{BRING_BACK}"))]
    CutOff,

    #[error("homelab.lock has git's marks of a conflict in it: {} {lines}", if lines.is_one() { "line" } else { "lines" })]
    #[diagnostic(
        code("lock::merge-conflict"),
        help(
            "keep the lines of both sides, remove git's marks, and build again; with `homelab.lock merge=union` in .gitattributes git does so itself"
        )
    )]
    MergeConflict { lines: Lines },

    #[error("{}{why}", lines.say("is damaged: ", "are damaged"), why = of_the_first(lines, why))]
    #[diagnostic(code("lock::damaged"), help("{BRING_BACK}"))]
    Damaged { lines: Lines, why: String },

    #[error("{}", lines.say(why.of_one(), why.of_many()))]
    #[diagnostic(
        code("lock::forged"),
        help(
            "nobody with the root secret wrote this: find out who did, `git log -p -- homelab.lock`, and bring back the last good one: `git checkout -- homelab.lock`"
        )
    )]
    Forged { why: Unbelieved, lines: Lines },

    #[error("{}", lines.say("was signed with a root secret that has been left since", "were signed with a root secret that has been left since"))]
    #[diagnostic(code("lock::left-behind"), help("{ONE_SIDE}"))]
    LeftBehind { lines: Lines },

    #[error("homelab.lock has lines of two versions: another begins at line {line}")]
    #[diagnostic(
        code("lock::mixed-versions"),
        help(
            "one branch was written by an older homelab: take homelab.lock of the other side as it is, and do again, with this homelab, what was done there"
        )
    )]
    MixedVersions { line: usize },

    #[error("homelab.lock has {what} twice: lines {first} and {line}")]
    #[diagnostic(code("lock::duplicate"), help("{help}"))]
    Duplicate {
        what: String,
        help: &'static str,
        line: usize,
        first: usize,
    },

    #[error("homelab.lock does not say which root secret it belongs to: it has no `root` line")]
    #[diagnostic(code("lock::no-root"), help("{BRING_BACK}"))]
    NoRoot,

    #[error("{}", lines.say("is of an authority that it does not have", "are of authorities that it does not have"))]
    #[diagnostic(
        code("lock::no-authority"),
        help("bring back the lines that begin with `authority`: `git checkout -- homelab.lock`")
    )]
    NoAuthority { lines: Lines },
}

/// Why a line is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unbelieved {
    /// It has no signature.
    Unsigned,
    /// It has one, of somebody else's key or of something else.
    OtherKey,
}

impl Unbelieved {
    fn of_one(self) -> &'static str {
        match self {
            Unbelieved::Unsigned => "is not signed",
            Unbelieved::OtherKey => "is not signed with the key of the root secret",
        }
    }

    fn of_many(self) -> &'static str {
        match self {
            Unbelieved::Unsigned => "are not signed",
            Unbelieved::OtherKey => "are not signed with the key of the root secret",
        }
    }
}

/// What is wrong with the only line, or with the first of several.
fn of_the_first(lines: &Lines, why: &str) -> String {
    match lines.is_one() {
        true => why.to_owned(),
        false => format!("; line {}: {why}", lines.first()),
    }
}

/// Mistakes of one kind become one, with all its lines: a remedy that is told once is read.
fn gathered(mistakes: Vec<LockError>) -> Vec<LockError> {
    let (mut gathered, mut others): (Vec<LockError>, Vec<LockError>) = Default::default();
    for mut mistake in mistakes {
        let mut known = gathered.iter_mut();
        let known = known.find_map(|known| known.lines_like(&mistake));
        match (known, mistake.lines()) {
            (Some(known), Some(lines)) => known.add(lines.first()),
            (None, Some(_)) => gathered.push(mistake),
            (_, None) => others.push(mistake),
        }
    }
    gathered.append(&mut others);
    gathered
}

impl LockError {
    /// The lines that it is about, where there may be several.
    fn lines(&mut self) -> Option<&mut Lines> {
        match self {
            LockError::MergeConflict { lines }
            | LockError::Damaged { lines, .. }
            | LockError::Forged { lines, .. }
            | LockError::LeftBehind { lines }
            | LockError::NoAuthority { lines } => Some(lines),
            _ => None,
        }
    }

    /// Those, where the other mistake is of the same kind.
    fn lines_like(&mut self, other: &LockError) -> Option<&mut Lines> {
        let is_like = match (&self, other) {
            (LockError::Forged { why, .. }, LockError::Forged { why: other, .. }) => why == other,
            (one, other) => mem::discriminant(*one) == mem::discriminant(other),
        };
        self.lines().filter(|_| is_like)
    }
}

const BRING_BACK: &str = "bring back the last good one: `git checkout -- homelab.lock`";
const KEEP_ONE: &str = "two branches issued it each: keep the line whose .p12 is on the device, delete the other, and build again";
const ONE_SIDE: &str = "a branch that began before a rotation of the root secret was finished has been merged after it: take homelab.lock of the side that finished it as it is, and do again what the other did";
const KEEP_ONE_LAB: &str = "two homelabs were merged, or two branches that each began a rotation: take homelab.lock and homelab.age of one side as they are, and do again what the other did";

/// Reads a lock, or says everything that is wrong with it.
pub fn read(source: &Source) -> Result<Lock, Mistakes> {
    read_lines(source.text()).map_err(|mistakes| Mistakes::new(source, gathered(mistakes)))
}

/// A line and its number, from 1.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    number: usize,
}

fn read_lines(text: &str) -> Result<Lock, Vec<LockError>> {
    let lines = lines(text);
    let mut lines = lines
        .iter()
        .copied()
        .filter(|line| !line.text.starts_with("//"));
    let version = begins(lines.next())?;
    let mut body: Vec<Line> = lines.collect();
    match body.pop() {
        Some(last) if last.text == "end" && text.ends_with('\n') => {}
        _ => return Err(vec![LockError::CutOff]),
    }
    if let Some(line) = { body.iter() }.find(|line| line.text.starts_with("homelab-lock ")) {
        return Err(vec![LockError::MixedVersions { line: line.number }]);
    }
    let mut reading = Reading::of(version);
    for line in body {
        if let Err(mistake) = reading.line(line) {
            reading.mistakes.push(mistake);
        }
    }
    reading.finish()
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let lines = text.split_inclusive('\n').enumerate();
    lines
        .map(|(index, line)| Line {
            text: line.trim_end_matches('\n'),
            number: index + 1,
        })
        .collect()
}

/// The first line says that this is a lock, and of which version, before anything else is believed.
fn begins(first: Option<Line<'_>>) -> Result<Version, Vec<LockError>> {
    let Some(line) = first else {
        return Err(vec![LockError::NotALock]);
    };
    let record = Record::parse(line.text).ok();
    let version = record
        .as_ref()
        .filter(|record| record.name == "homelab-lock")
        .and_then(|record| record.value("version"));
    match version.map(str::parse::<u32>) {
        Some(Ok(VERSION)) => Ok(Version::Signed),
        Some(Ok(1)) => Ok(Version::Unsigned),
        Some(Ok(found)) if found > VERSION => Err(vec![LockError::Newer { found }]),
        _ if line.text.starts_with("<<<<<<<") => Err(vec![LockError::MergeConflict {
            lines: Lines::of(line.number),
        }]),
        _ => Err(vec![LockError::NotALock]),
    }
}

/// The versions that can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// The first, whose records nobody has signed.
    Unsigned,
    /// The present one.
    Signed,
}

/// What has been read so far, and where.
struct Reading<'a> {
    version: Version,
    roots: Vec<(ReadRoot, usize)>,
    authorities: Vec<(ReadAuthority, usize)>,
    crls: Vec<(SignedCrl, usize)>,
    certificates: Vec<(Issued, usize)>,
    /// By fingerprint: lines about one certificate become one.
    installed: BTreeMap<Fingerprint, Installed>,
    /// Every record and its signature.
    signed: Vec<(&'a str, RecordSignature)>,
    /// Where those are.
    places: Vec<usize>,
    mistakes: Vec<LockError>,
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
    fn of(version: Version) -> Reading<'a> {
        Reading {
            version,
            roots: Vec::new(),
            authorities: Vec::new(),
            crls: Vec::new(),
            certificates: Vec::new(),
            installed: BTreeMap::new(),
            signed: Vec::new(),
            places: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    fn line(&mut self, line: Line<'a>) -> Result<(), LockError> {
        let is_mark = |mark: &str| line.text.starts_with(mark);
        if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"]
            .into_iter()
            .any(is_mark)
        {
            return Err(LockError::MergeConflict {
                lines: Lines::of(line.number),
            });
        }
        let damaged = |why: String| LockError::Damaged {
            why,
            lines: Lines::of(line.number),
        };
        let mut record =
            Record::parse(line.text).map_err(|malformed| damaged(malformed.to_string()))?;
        let checked = take_check(line.text, &mut record).map_err(|why| damaged(why.to_owned()))?;
        if self.version == Version::Signed {
            let forged = || LockError::Forged {
                why: Unbelieved::Unsigned,
                lines: Lines::of(line.number),
            };
            let signed = record.properties.pop_if(|(key, _)| *key == "signed");
            let signed = signed.and_then(|_| signing::parted(checked));
            self.signed.push(signed.ok_or_else(forged)?);
            self.places.push(line.number);
        }
        let fields = Fields { record: &record };
        match record.name {
            "root" => {
                let root = fields.root(self.version).map_err(damaged)?;
                self.roots.push((root, line.number));
                Ok(())
            }
            "authority" => {
                let authority = fields.authority().map_err(damaged)?;
                self.authorities.push((authority, line.number));
                Ok(())
            }
            "crl" => {
                let crl = fields.crl().map_err(damaged)?;
                if self.crls.iter().all(|(known, _)| *known != crl) {
                    self.crls.push((crl, line.number));
                }
                Ok(())
            }
            "certificate" => {
                let issued = fields.certificate().map_err(damaged)?;
                self.certificates.push((issued, line.number));
                Ok(())
            }
            // The first version never had it.
            "installed" if self.version == Version::Signed => {
                let installed = fields.installed().map_err(damaged)?;
                let united = match self.installed.remove(&installed.fingerprint) {
                    Some(known) => known.united(installed),
                    None => installed,
                };
                self.installed.insert(united.fingerprint, united);
                Ok(())
            }
            other => Err(damaged(format!("`{other}` is not known"))),
        }
    }

    fn finish(mut self) -> Result<Lock, Vec<LockError>> {
        let Some((first, _)) = self.roots.first() else {
            self.mistakes.push(LockError::NoRoot);
            return Err(self.mistakes);
        };
        let first = first.id;
        let root = self.present_root().unwrap_or_else(|mistake| {
            self.mistakes.push(mistake);
            first
        });
        let ReadRoot {
            key,
            former,
            epoch,
            predecessors,
            ..
        } = self.said_of(root);
        if self.mistakes.is_empty() {
            self.mistakes = self.not_believed(root, key, &former);
        }
        // What nobody wrote who may is not worth being told more of.
        if !self.mistakes.is_empty() && self.version == Version::Signed {
            return Err(self.mistakes);
        }
        self.unite();
        let authorities = authorities::unite(mem::take(&mut self.authorities), root);
        let authorities = authorities.unwrap_or_else(|mistake| {
            self.mistakes.push(mistake);
            Vec::new()
        });
        self.retire_with(&authorities);
        self.refuse_duplicates();
        self.refuse_strangers(&authorities);
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
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
            root,
            key,
            former,
            epoch,
            predecessors,
            crls: crls.filter(listing).collect(),
            authorities,
            certificates,
            installed,
        };
        // One branch may have dropped the authorities that the other had such devices of.
        if !lock.vouches_for_installed() {
            lock.installed.clear();
        }
        Ok(lock)
    }

    /// The present root secret. Where one branch has gone over to another, a union may keep the other's
    /// line too; then an authority's line says which of them has been left behind.
    fn present_root(&self) -> Result<RootId, LockError> {
        let lines = || self.authorities.iter().map(|(line, _)| line);
        let said: BTreeSet<_> = lines().filter(|l| l.root.is_some()).map(|l| l.id).collect();
        let silent = lines().map(|line| line.id).filter(|id| !said.contains(id));
        let silent: BTreeSet<_> = silent.collect();
        let is_left = |root: RootId| lines().any(|line| line.root == Some(root));
        let mut roots: Vec<(RootId, usize)> = Vec::new();
        for (root, line) in &self.roots {
            if roots.iter().all(|(known, _)| *known != root.id) {
                roots.push((root.id, *line));
            }
        }
        let present = roots.iter().filter(|(root, _)| !is_left(*root));
        let present: Vec<RootId> = present.map(|(root, _)| *root).collect();
        match (roots.as_slice(), present.as_slice()) {
            ([(root, _)], _) => Ok(*root),
            // Of two authorities that say nothing, each may have been made under another.
            (_, [root]) if silent.len() < 2 => Ok(*root),
            (roots, _) => Err(LockError::Duplicate {
                what: String::from("its root"),
                help: KEEP_ONE_LAB,
                line: roots[1].1,
                first: roots[0].1,
            }),
        }
    }

    /// What all lines say of the present root secret, as one. The latest step prevails, and who has finished a rotation
    /// names no former root secret any more.
    fn said_of(&self, root: RootId) -> ReadRoot {
        let lines = self.roots.iter().map(|(line, _)| line);
        let lines: Vec<&ReadRoot> = lines.filter(|line| line.id == root).collect();
        let Some(latest) = lines.iter().max_by_key(|line| line.epoch) else {
            return ReadRoot {
                id: root,
                key: None,
                former: BTreeMap::new(),
                epoch: 0,
                predecessors: Vec::new(),
            };
        };
        let mut said = (*latest).clone();
        for line in lines {
            said.former
                .retain(|id, key| line.former.get(id) == Some(key));
        }
        said
    }

    /// The lines that neither the present root secret's key has signed nor a former one's. If the key is
    /// not even the one that its own line is signed with, that alone is told.
    fn not_believed(
        &self,
        root: RootId,
        key: Option<RootKey>,
        former: &BTreeMap<RootId, RootKey>,
    ) -> Vec<LockError> {
        let Some(key) = key.filter(|key| !signing::are_signed(&root, key, &self.signed)) else {
            return Vec::new();
        };
        let left = { self.roots.iter() }.filter_map(|(line, _)| Some((line.id, line.key?)));
        let left: BTreeMap<RootId, RootKey> = left.filter(|(id, _)| *id != root).collect();
        let has_signed = |(record, signature): &(&str, RecordSignature),
                          (id, key): (&RootId, &RootKey)| {
            signing::is_signed(id, key, record, signature)
        };
        let lines = self.signed.iter().zip(&self.places);
        let is_believed = |signed| {
            has_signed(signed, (&root, &key)) || former.iter().any(|by| has_signed(signed, by))
        };
        let mistakes = lines.filter(|(signed, _)| !is_believed(*signed));
        let mistakes = mistakes.map(|(signed, &line)| {
            if left.iter().any(|by| has_signed(signed, by)) {
                return LockError::LeftBehind {
                    lines: Lines::of(line),
                };
            }
            LockError::Forged {
                why: Unbelieved::OtherKey,
                lines: Lines::of(line),
            }
        });
        let is_of_root = |mistake: &LockError| match mistake {
            LockError::Forged { lines, .. } => {
                self.roots.iter().any(|(_, at)| *at == lines.first())
            }
            _ => false,
        };
        let mut mistakes: Vec<LockError> = mistakes.collect();
        if let Some(place) = mistakes.iter().position(is_of_root) {
            mistakes = vec![mistakes.swap_remove(place)];
        }
        mistakes
    }

    /// Lines about one certificate become one. Where both branches of a merge changed lines that are
    /// near each other, a union keeps those and what is between them in both forms. What one of them
    /// retired is retired; what both did, since the earlier time.
    fn unite(&mut self) {
        let mut places = BTreeMap::new();
        let mut united: Vec<(Issued, usize)> = Vec::with_capacity(self.certificates.len());
        for (issued, line) in mem::take(&mut self.certificates) {
            let place = *places.entry(issued.id).or_insert(united.len());
            match united.get_mut(place) {
                Some((known, _)) if is_same(known, &issued) => {
                    known.state = known.state.united(issued.state);
                }
                _ => united.push((issued, line)),
            }
        }
        self.certificates = united;
        self.bar();
    }

    /// A device that one branch barred is barred, though the other has renewed it meanwhile.
    fn bar(&mut self) {
        let blocked = self
            .certificates
            .iter()
            .filter_map(|(issued, _)| match issued.state {
                State::Blocked { since } => Some((issued.device.clone(), since)),
                _ => None,
            });
        let blocked: BTreeMap<DeviceId, Timestamp> = blocked.collect();
        for (issued, _) in &mut self.certificates {
            if issued.revoked().is_none()
                && let Some(since) = blocked.get(&issued.device)
            {
                let since = issued.validity.not_before().max(*since);
                issued.state = State::Blocked { since };
            }
        }
    }

    /// What was issued under an authority that another branch has retired is retired with it.
    fn retire_with(&mut self, authorities: &[Authority]) {
        let retired = authorities.iter().filter_map(|a| match a.state {
            AuthorityState::Retired { since } => Some((a.id, since)),
            _ => None,
        });
        let retired: BTreeMap<_, _> = retired.collect();
        for (issued, _) in &mut self.certificates {
            if issued.revoked().is_none()
                && let Some(since) = retired.get(&issued.authority)
            {
                let since = issued.validity.not_before().max(*since);
                issued.state = State::Revoked { since };
            }
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
        let strangers = certificates.chain(crls).map(|line| LockError::NoAuthority {
            lines: Lines::of(line),
        });
        match authorities {
            [] => self.mistakes.extend(strangers.take(1)),
            _ => self.mistakes.extend(strangers),
        }
    }

    /// One device has one active certificate, and one id stands in one line.
    fn refuse_duplicates(&mut self) {
        let mut active = BTreeMap::new();
        let mut ids = BTreeMap::new();
        for (issued, line) in &self.certificates {
            let same_device = match issued.state {
                State::Active => active.insert(&issued.device, *line),
                State::Superseded { .. } | State::Revoked { .. } | State::Blocked { .. } => None,
            };
            let same_id = ids.insert(issued.id, *line);
            if let Some(first) = same_device.or(same_id) {
                self.mistakes.push(LockError::Duplicate {
                    what: format!("`{}`", issued.device),
                    help: KEEP_ONE,
                    line: *line,
                    first,
                });
            }
        }
    }
}

/// Whether two lines are about one certificate, in whatever state.
fn is_same(one: &Issued, other: &Issued) -> bool {
    let as_active = |issued: &Issued| Issued {
        state: State::Active,
        ..issued.clone()
    };
    as_active(one) == as_active(other)
}

/// Takes the check off a record; the text of the line before it, which it has to be the check of.
fn take_check<'a>(line: &'a str, record: &mut Record<'_>) -> Result<&'a str, &'static str> {
    let check_of = record.properties.pop_if(|(key, _)| *key == "check");
    let (_, written) = check_of.ok_or("it has no check")?;
    let before = &line[..line.len() - format!(" check=\"{written}\"").len()];
    match check(before) == *written {
        true => Ok(before),
        false => Err("its check does not match what it says"),
    }
}

/// The fields of a line whose check matches; a field that cannot be read is still told.
struct Fields<'r> {
    record: &'r Record<'r>,
}

impl Fields<'_> {
    fn root(&self, version: Version) -> Result<ReadRoot, String> {
        let (id, mut former) = (self.argument()?, BTreeMap::new());
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
        for one in self
            .record
            .value("former")
            .into_iter()
            .flat_map(|all| all.split(' '))
        {
            let (id, key) = one.split_once(':').ok_or_else(|| unreadable("former"))?;
            let id = id.parse().map_err(|_| unreadable("former"))?;
            former.insert(id, key.parse().map_err(|_| unreadable("former"))?);
        }
        let predecessors = self.record.value("succeeds").into_iter();
        let predecessors = predecessors.flat_map(|all| all.split(' ')).map(str::parse);
        let predecessors: Result<Vec<Predecessor>, _> = predecessors.collect();
        Ok(ReadRoot {
            id,
            key: Some(self.parsed("key")?),
            former,
            epoch: self.epoch()?,
            predecessors: predecessors.map_err(|_| unreadable("succeeds"))?,
        })
    }

    /// Not written before the first step.
    fn epoch(&self) -> Result<u64, String> {
        let Some(written) = self.record.value("epoch") else {
            return Ok(0);
        };
        let epoch = written.parse().ok().filter(|epoch| *epoch > 0);
        let epoch = epoch.filter(|epoch: &u64| epoch.to_string() == written);
        epoch.ok_or_else(|| unreadable("epoch"))
    }

    fn authority(&self) -> Result<ReadAuthority, String> {
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
            id: self.argument()?,
            root: match self.record.value("root") {
                Some(_) => Some(self.parsed("root")?),
                None => None,
            },
            origin: match self.record.value("origin") {
                None => Origin::Derived,
                Some("adopted") => Origin::Adopted,
                Some("foreign") => Origin::Foreign,
                Some(_) => return Err(unreadable("origin")),
            },
            state: self.authority_state(validity)?,
            domain: Domain::new(self.text("domain")?).map_err(|_| unreadable("domain"))?,
            validity,
            key: self.parsed("key")?,
            certificate: self.x509()?,
        })
    }

    fn authority_state(&self, validity: Validity) -> Result<AuthorityState, String> {
        match (self.record.value("state"), self.record.value("retired")) {
            (None, None) => Ok(AuthorityState::Active),
            (Some("replaced"), None) => Ok(AuthorityState::Superseded),
            (Some("retired"), Some(_)) => {
                let since = self.second("retired", validity)?;
                Ok(AuthorityState::Retired { since })
            }
            _ => Err(unreadable("state")),
        }
    }

    fn x509(&self) -> Result<Certificate, String> {
        let der = BASE64.decode(self.text("certificate")?.as_bytes());
        let certificate = der.ok().and_then(|der| Certificate::from_der(der).ok());
        certificate.ok_or_else(|| unreadable("certificate"))
    }

    fn crl(&self) -> Result<SignedCrl, String> {
        self.only(&["authority", "number", "updated", "signature"])?;
        Ok(SignedCrl {
            authority: self.parsed("authority")?,
            number: self.parsed("number")?,
            updated: self.parsed("updated")?,
            signature: self.parsed("signature")?,
        })
    }

    fn certificate(&self) -> Result<Issued, String> {
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
        let made = known.ok_or_else(|| unreadable("profile"))?;
        let validity = self.validity()?;
        let fingerprint: Fingerprint = self.parsed("fingerprint")?;
        let own_key = match self.record.value("certificate") {
            Some(_) => Some(self.x509()?),
            None => None,
        };
        if own_key
            .as_ref()
            .is_some_and(|own| own.fingerprint() != fingerprint)
        {
            return Err(unreadable("certificate"));
        }
        // No key was made.
        if own_key.is_some() && made != MadeKey::P256 {
            return Err(unreadable("profile"));
        }
        Ok(Issued {
            device: self.argument()?,
            id: self.parsed("id")?,
            authority: self.parsed("authority")?,
            email: Email::new(self.text("email")?).map_err(|_| unreadable("email"))?,
            validity,
            serial: self.parsed("serial")?,
            fingerprint,
            made,
            own_key,
            state: self.state(validity)?,
        })
    }

    fn installed(&self) -> Result<Installed, String> {
        self.only(&["fingerprint", "removed"])?;
        let fingerprint: Fingerprint = self.parsed("fingerprint")?;
        // None such is ever declared: Caddy gives it to whoever shows no certificate.
        if fingerprint.is_of_nothing() {
            return Err(unreadable("fingerprint"));
        }
        let removed: Option<Timestamp> = match self.record.value("removed") {
            Some(_) => Some(self.parsed("removed")?),
            None => None,
        };
        match removed {
            Some(since) if since.subsec_nanosecond() != 0 => Err(unreadable("removed")),
            removed => Ok(Installed {
                device: self.argument()?,
                fingerprint,
                removed,
            }),
        }
    }

    fn state(&self, validity: Validity) -> Result<State, String> {
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
            _ => Err(unreadable("state")),
        }
    }

    /// A moment in whole seconds, not before the certificate is valid.
    fn second(&self, key: &str, validity: Validity) -> Result<Timestamp, String> {
        let moment: Timestamp = self.parsed(key)?;
        match moment.subsec_nanosecond() == 0 && moment >= validity.not_before() {
            true => Ok(moment),
            false => Err(unreadable(key)),
        }
    }

    fn validity(&self) -> Result<Validity, String> {
        let from: Timestamp = self.parsed("not-before")?;
        let until: Timestamp = self.parsed("not-after")?;
        Validity::new(from, until).map_err(|error| error.to_string())
    }

    fn argument<T: FromStr>(&self) -> Result<T, String> {
        let argument = self.record.argument.as_deref();
        let argument = argument.ok_or_else(|| format!("`{}` says no name", self.record.name))?;
        argument.parse().map_err(|_| unreadable(self.record.name))
    }

    fn text(&self, key: &str) -> Result<&str, String> {
        let value = self.record.value(key);
        value.ok_or_else(|| format!("`{key}` is missing"))
    }

    fn parsed<T: FromStr>(&self, key: &str) -> Result<T, String> {
        self.text(key)?.parse().map_err(|_| unreadable(key))
    }

    fn only(&self, known: &[&str]) -> Result<(), String> {
        let unknown = |key: &&str| !known.contains(key);
        let keys = self.record.properties.iter().map(|(key, _)| *key);
        match { keys }.find(unknown) {
            Some(key) => Err(format!("`{key}` is not known")),
            None => Ok(()),
        }
    }
}

fn unreadable(key: &str) -> String {
    format!("`{key}` cannot be read")
}
