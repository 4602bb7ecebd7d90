//! The lock from text. Anything that homelab would not have written is refused, with a remedy.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::authorities::{self, ReadAuthority};
use super::reconcile::order;
use super::write::{check, profile};
use super::{
    Authority, AuthorityState, Installed, Issued, Lock, Origin, SignedCrl, State, VERSION, signing,
};
use crate::diagnostic::Mistakes;
use crate::model::{DeviceId, Domain, Email, Fingerprint, MadeKey};
use crate::pki::{Certificate, Validity};
use crate::record::Record;
use crate::root::{RecordSignature, RootId, RootKey};
use crate::source::{Source, Span};

/// Why a text is not a lock that this homelab can build from.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs)] // Each variant's message says what it is.
pub enum LockError {
    #[error("the lock is not one, or its beginning is lost")]
    #[diagnostic(
        code("lock::not-a-lock"),
        help("bring back the last good one: `git checkout -- homelab.lock`")
    )]
    NotALock {
        #[label("`homelab-lock version=\"{VERSION}\"` was expected here")]
        span: Span,
    },

    #[error("the lock was written by a newer homelab, in version {found}")]
    #[diagnostic(
        code("lock::newer"),
        help("update homelab: this one reads version {VERSION}")
    )]
    Newer {
        found: String,
        #[label("this version")]
        span: Span,
    },

    #[error("the lock is cut off: its last line is not `end`")]
    #[diagnostic(
        code("lock::cut-off"),
        help("bring back the last good one: `git checkout -- homelab.lock`")
    )]
    CutOff {
        #[label("ends here")]
        span: Span,
    },

    #[error("the lock has a conflict of a merge in it")]
    #[diagnostic(
        code("lock::merge-conflict"),
        help(
            "keep the lines of both sides, remove git's marks, and build again; with `homelab.lock merge=union` in .gitattributes git does so itself"
        )
    )]
    MergeConflict {
        #[label("git's mark")]
        span: Span,
    },

    #[error("a line of the lock is damaged: {why}")]
    #[diagnostic(
        code("lock::damaged"),
        help("bring back the last good one: `git checkout -- homelab.lock`")
    )]
    Damaged {
        why: String,
        #[label("this line")]
        span: Span,
    },

    #[error("a line of the lock {why}")]
    #[diagnostic(
        code("lock::forged"),
        help(
            "find out who wrote it, `git log -p -- homelab.lock`, and bring back the last good one: `git checkout -- homelab.lock`"
        )
    )]
    Forged {
        why: &'static str,
        #[label("nobody with the root secret wrote this")]
        span: Span,
    },

    #[error("a line of the lock was signed with a root secret that has been left since")]
    #[diagnostic(code("lock::left-behind"), help("{ONE_SIDE}"))]
    LeftBehind {
        #[label("signed with the earlier one")]
        span: Span,
    },

    #[error("the lock has lines of two versions")]
    #[diagnostic(
        code("lock::mixed-versions"),
        help(
            "one branch was written by an older homelab: take homelab.lock of the other side as it is, and do again, with this homelab, what was done there"
        )
    )]
    MixedVersions {
        #[label("another version begins here")]
        span: Span,
    },

    #[error("the lock has {what} twice")]
    #[diagnostic(code("lock::duplicate"), help("{help}"))]
    Duplicate {
        what: String,
        help: &'static str,
        #[label("again here")]
        span: Span,
        #[label("first here")]
        first: Span,
    },

    #[error("the lock does not say which root secret it belongs to")]
    #[diagnostic(
        code("lock::no-root"),
        help("bring back the last good one: `git checkout -- homelab.lock`")
    )]
    NoRoot {
        #[label("`root` was expected after this")]
        span: Span,
    },

    #[error("{what} was issued by an authority that the lock does not have")]
    #[diagnostic(
        code("lock::no-authority"),
        help("bring back the line that begins with `authority`: `git checkout -- homelab.lock`")
    )]
    NoAuthority {
        what: String,
        #[label("issued by another")]
        span: Span,
    },
}

const KEEP_ONE: &str = "two branches issued it each: keep the line whose .p12 is on the device, delete the other, and build again";
const ONE_SIDE: &str = "a branch that began before a rotation of the root secret was finished has been merged after it: take homelab.lock of the side that finished it as it is, and do again what the other did";
const KEEP_ONE_LAB: &str = "two homelabs were merged, or two branches that each began a rotation: take homelab.lock and homelab.age of one side as they are, and do again what the other did";

/// Reads a lock, or says everything that is wrong with it.
pub fn read(source: &Source) -> Result<Lock, Mistakes> {
    read_lines(source.text()).map_err(|mistakes| Mistakes::new(source, mistakes))
}

/// A line and where it stands.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    span: Span,
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
        _ => {
            let span = Span::from((text.len().saturating_sub(1), text.len().min(1)));
            return Err(vec![LockError::CutOff { span }]);
        }
    }
    if let Some(line) = { body.iter() }.find(|line| line.text.starts_with("homelab-lock ")) {
        return Err(vec![LockError::MixedVersions { span: line.span }]);
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
    let mut at = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches('\n');
        lines.push(Line {
            text: content,
            span: Span::from((at, content.len())),
        });
        at += line.len();
    }
    lines
}

/// The first line says that this is a lock, and of which version, before anything else is believed.
fn begins(first: Option<Line<'_>>) -> Result<Version, Vec<LockError>> {
    let Some(line) = first else {
        let span = Span::from((0, 0));
        return Err(vec![LockError::NotALock { span }]);
    };
    let record = Record::parse(line.text).ok();
    let version = record
        .as_ref()
        .filter(|record| record.name == "homelab-lock")
        .and_then(|record| record.value("version"));
    match version.map(|version| (version, version.parse::<u32>())) {
        Some((_, Ok(VERSION))) => Ok(Version::Signed),
        Some((_, Ok(1))) => Ok(Version::Unsigned),
        Some((found, Ok(number))) if number > VERSION => Err(vec![LockError::Newer {
            found: found.to_owned(),
            span: line.span,
        }]),
        _ if line.text.starts_with("<<<<<<<") => {
            Err(vec![LockError::MergeConflict { span: line.span }])
        }
        _ => Err(vec![LockError::NotALock { span: line.span }]),
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
    roots: Vec<(ReadRoot, Span)>,
    authorities: Vec<(ReadAuthority, Span)>,
    crls: Vec<(SignedCrl, Span)>,
    certificates: Vec<(Issued, Span)>,
    /// By fingerprint: lines about one certificate become one.
    installed: BTreeMap<Fingerprint, Installed>,
    /// Every record and its signature.
    signed: Vec<(&'a str, RecordSignature)>,
    /// Where those are.
    places: Vec<Span>,
    mistakes: Vec<LockError>,
}

/// What a line says of a root secret.
#[derive(Clone, PartialEq, Eq)]
struct ReadRoot {
    id: RootId,
    key: Option<RootKey>,
    former: BTreeMap<RootId, RootKey>,
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
            return Err(LockError::MergeConflict { span: line.span });
        }
        let damaged = |why: String| LockError::Damaged {
            why,
            span: line.span,
        };
        let mut record =
            Record::parse(line.text).map_err(|malformed| damaged(malformed.to_string()))?;
        let checked = take_check(line.text, &mut record).map_err(|why| damaged(why.to_owned()))?;
        if self.version == Version::Signed {
            let why = "is not signed";
            let forged = || LockError::Forged {
                why,
                span: line.span,
            };
            let signed = record.properties.pop_if(|(key, _)| *key == "signed");
            let signed = signed.and_then(|_| signing::parted(checked));
            self.signed.push(signed.ok_or_else(forged)?);
            self.places.push(line.span);
        }
        let fields = Fields { record: &record };
        match record.name {
            "root" => {
                let root = fields.root(self.version).map_err(damaged)?;
                self.roots.push((root, line.span));
                Ok(())
            }
            "authority" => {
                let authority = fields.authority().map_err(damaged)?;
                self.authorities.push((authority, line.span));
                Ok(())
            }
            "crl" => {
                let crl = fields.crl().map_err(damaged)?;
                if self.crls.iter().all(|(known, _)| *known != crl) {
                    self.crls.push((crl, line.span));
                }
                Ok(())
            }
            "certificate" => {
                let issued = fields.certificate().map_err(damaged)?;
                self.certificates.push((issued, line.span));
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
            let span = Span::from((0, 0));
            self.mistakes.push(LockError::NoRoot { span });
            return Err(self.mistakes);
        };
        let first = first.id;
        let root = self.present_root().unwrap_or_else(|mistake| {
            self.mistakes.push(mistake);
            first
        });
        let (key, former) = self.keys(root);
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
        let mut roots: Vec<(RootId, Span)> = Vec::new();
        for (root, span) in &self.roots {
            if roots.iter().all(|(known, _)| *known != root.id) {
                roots.push((root.id, *span));
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
                span: roots[1].1,
                first: roots[0].1,
            }),
        }
    }

    /// The key of the present root secret, and those of former ones. Who has finished a rotation names no
    /// former one any more, and that prevails.
    fn keys(&self, root: RootId) -> (Option<RootKey>, BTreeMap<RootId, RootKey>) {
        let mut lines = self.roots.iter().map(|(line, _)| line);
        let Some(first) = lines.find(|line| line.id == root) else {
            return (None, BTreeMap::new());
        };
        let mut former = first.former.clone();
        for line in lines.filter(|line| line.id == root) {
            former.retain(|id, key| line.former.get(id) == Some(key));
        }
        (first.key, former)
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
        let mistakes = mistakes.map(|(signed, &span)| {
            if left.iter().any(|by| has_signed(signed, by)) {
                return LockError::LeftBehind { span };
            }
            LockError::Forged {
                why: "is not signed with the key of the root secret",
                span,
            }
        });
        let is_of_root = |mistake: &LockError| match mistake {
            LockError::Forged { span, .. } => self.roots.iter().any(|(_, at)| at == span),
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
        let mut united: Vec<(Issued, Span)> = Vec::with_capacity(self.certificates.len());
        for (issued, span) in mem::take(&mut self.certificates) {
            let place = *places.entry(issued.id).or_insert(united.len());
            match united.get_mut(place) {
                Some((known, _)) if is_same(known, &issued) => {
                    known.state = known.state.united(issued.state);
                }
                _ => united.push((issued, span)),
            }
        }
        self.certificates = united;
        self.bar();
    }

    /// A device that one branch barred is barred, though the other has renewed it meanwhile.
    fn bar(&mut self) {
        let barred = self
            .certificates
            .iter()
            .filter_map(|(issued, _)| match issued.state {
                State::Barred { since } => Some((issued.device.clone(), since)),
                _ => None,
            });
        let barred: BTreeMap<DeviceId, Timestamp> = barred.collect();
        for (issued, _) in &mut self.certificates {
            if issued.retired().is_none()
                && let Some(since) = barred.get(&issued.device)
            {
                let since = issued.validity.not_before().max(*since);
                issued.state = State::Barred { since };
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
            if issued.retired().is_none()
                && let Some(since) = retired.get(&issued.authority)
            {
                let since = issued.validity.not_before().max(*since);
                issued.state = State::Retired { since };
            }
        }
    }

    /// All was issued by an authority that is known; without any, the first line tells it for all.
    fn refuse_strangers(&mut self, authorities: &[Authority]) {
        let is_known = |id| authorities.iter().any(|authority| authority.id == id);
        let certificates = self.certificates.iter();
        let certificates = certificates
            .filter(|(issued, _)| !is_known(issued.authority))
            .map(|(issued, span)| (format!("`{}`", issued.device), *span));
        let crls = self.crls.iter();
        let crls = crls
            .filter(|(crl, _)| !is_known(crl.authority))
            .map(|(_, span)| (String::from("a `crl`"), *span));
        let strangers = certificates
            .chain(crls)
            .map(|(what, span)| LockError::NoAuthority { what, span });
        match authorities {
            [] => self.mistakes.extend(strangers.take(1)),
            _ => self.mistakes.extend(strangers),
        }
    }

    /// One device has one active certificate, and one id stands in one line.
    fn refuse_duplicates(&mut self) {
        let mut active = BTreeMap::new();
        let mut ids = BTreeMap::new();
        for (issued, span) in &self.certificates {
            let same_device = match issued.state {
                State::Active => active.insert(&issued.device, *span),
                State::Replaced { .. } | State::Retired { .. } | State::Barred { .. } => None,
            };
            let same_id = ids.insert(issued.id, *span);
            if let Some(first) = same_device.or(same_id) {
                self.mistakes.push(LockError::Duplicate {
                    what: format!("`{}`", issued.device),
                    help: KEEP_ONE,
                    span: *span,
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
            let key = None;
            return Ok(ReadRoot { id, key, former });
        }
        self.only(&["key", "former"])?;
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
        Ok(ReadRoot {
            id,
            key: Some(self.parsed("key")?),
            former,
        })
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
            key: self.digest("key")?,
            certificate: self.x509()?,
        })
    }

    fn authority_state(&self, validity: Validity) -> Result<AuthorityState, String> {
        match (self.record.value("state"), self.record.value("retired")) {
            (None, None) => Ok(AuthorityState::Active),
            (Some("replaced"), None) => Ok(AuthorityState::Replaced),
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
        let fingerprint = self.digest("fingerprint")?;
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
        let fingerprint = Fingerprint::from(self.digest("fingerprint")?);
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
                Ok(State::Replaced { until })
            }
            // From before the date was recorded: for all that is known, the whole of its time.
            ("retired", None, None) => Ok(State::Retired {
                since: validity.not_before(),
            }),
            ("retired", None, Some(_)) => {
                let since = self.second("retired", validity)?;
                Ok(State::Retired { since })
            }
            ("barred", None, Some(_)) => {
                let since = self.second("retired", validity)?;
                Ok(State::Barred { since })
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

    fn digest(&self, key: &str) -> Result<[u8; 32], String> {
        let bytes = HEXLOWER.decode(self.text(key)?.as_bytes());
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| unreadable(key))
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
