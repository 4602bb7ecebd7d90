//! An opened .p12 against the declaration and the lock.

use jiff::Timestamp;
use serde::Serialize;

use super::Finding;
use crate::dates;
use crate::lock::{Authority, Installed, Issued, Lock, State};
use crate::model::{Device, DeviceId, Homelab};
use crate::pki::{
    BundleProfile, BundledCertificate, Certificate, CertificateFields, Fingerprint, OpenedBundle,
    Signed,
};

/// What a bundle is held against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The declaration, where there is one.
    pub homelab: Option<&'a Homelab>,
    /// The lock, where there is one.
    pub lock: Option<&'a Lock>,
    /// What has to be in it, where that is known.
    pub strictness: Strictness<'a>,
    /// Now.
    pub now: Timestamp,
}

/// How much is known of what a bundle should be.
#[derive(Clone, Copy)]
pub enum Strictness<'a> {
    /// It is the one that is built of this certificate.
    Built(&'a Issued),
    /// It may be anybody's.
    Any,
}

/// What a bundle turned out to be.
#[derive(Debug, Serialize)]
pub struct BundleReport {
    /// Where it is.
    pub file: String,
    /// Whose it is.
    pub of: WhoseFile,
    /// The certificate's fields; none where it has none.
    pub certificate: Option<CertificateReport>,
    /// How it is protected.
    pub protection: String,
    /// The profile that it follows: `compat` or `modern`.
    pub profile: Option<&'static str>,
    /// What the device runs, where it is declared.
    pub platform: Option<&'static str>,
    /// The profile that the device's platform wants.
    pub wanted: Option<&'static str>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Whose a bundle is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "known", rename_all = "kebab-case")]
pub enum WhoseFile {
    /// The lock records its certificate.
    Recorded {
        /// The device, `alice/pixel`.
        device: String,
        /// `active`, `replaced`, `retired` or `barred`.
        state: &'static str,
        /// Until when, or since when, where the state has that.
        moment: Option<Timestamp>,
    },
    /// The declaration has its fingerprint: it was on the device already.
    Declared {
        /// The device, `alice/old-laptop`.
        device: String,
    },
    /// It was declared by its fingerprint once.
    Removed {
        /// The device that had it.
        device: String,
        /// Since when it is not; none where the lock has not learnt it yet.
        since: Option<Timestamp>,
    },
    /// One of the lock's authorities has signed it, and the lock does not record it.
    Unrecorded {
        /// The authority's name.
        authority: String,
    },
    /// This homelab does not know it.
    Unknown,
    /// There is no homelab to ask.
    NoHomelab,
}

/// A certificate's fields.
#[derive(Debug, Serialize)]
pub struct CertificateReport {
    pub subject: String,
    pub issuer: String,
    pub serial: String,
    pub fingerprint: Fingerprint,
    pub emails: Vec<String>,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
}

/// The word for a certificate's state in the lock, and the moment that belongs to it.
pub fn standing(issued: &Issued) -> (&'static str, Option<Timestamp>) {
    match issued.state {
        State::Active => ("active", None),
        State::Superseded { until } => ("replaced", Some(until)),
        State::Revoked { since } => ("retired", Some(since)),
        State::Blocked { since } => ("barred", Some(since)),
    }
}

/// Holds a bundle against the context.
pub fn examine(file: &str, opened: &OpenedBundle, context: &Context<'_>) -> BundleReport {
    let mut findings = Vec::new();
    let mut wrong = |what: String| findings.push(Finding::wrong(file, what));
    let leaf = pair(opened, &mut wrong);
    let recorded = leaf.and_then(|leaf| recorded(context.lock, &leaf.certificate));
    let device = recorded.and_then(|issued| context.homelab?.device(&issued.device));
    let wanted = device.map(|device| device.platform.bundle_profile(device.version));
    let of = match leaf {
        Some(leaf) => whose(&leaf.certificate, recorded, context),
        None => WhoseFile::Unknown,
    };
    if let Some(leaf) = leaf {
        let issuer = recorded.and_then(|issued| context.lock?.authority(&issued.authority));
        findings.extend(dates(file, &leaf.certificate.fields(), context.now));
        findings.extend(said_by_the_lock(file, &of, recorded, device, context));
        findings.extend(signed(file, &leaf.certificate, issuer));
        let authority = issuer.map(|authority| &authority.certificate);
        for fault in leaf.certificate.leaf_faults(authority) {
            let what = format!("its certificate {fault}");
            findings.push(match of {
                // It was not made here, and nobody says that it has our profile.
                WhoseFile::Declared { .. } => Finding::note(file, what),
                _ => severe(file, context, what),
            });
        }
        if let Strictness::Built(expected) = context.strictness
            && leaf.certificate.fingerprint() != expected.fingerprint
        {
            let other = "its certificate is not the one that homelab.lock records for the device";
            findings.push(Finding::wrong(file, other));
        }
    }
    findings.extend(protection(file, opened, wanted, context));
    BundleReport {
        file: file.to_owned(),
        of,
        certificate: leaf.map(|leaf| report(&leaf.certificate)),
        protection: opened.protection(),
        profile: opened.profile().map(BundleProfile::as_str),
        platform: device.map(|device| device.platform.as_str()),
        wanted: wanted.map(BundleProfile::as_str),
        findings,
    }
}

/// The certificate of the bundle's key; where there is none, the first.
fn pair<'o>(
    opened: &'o OpenedBundle,
    wrong: &mut impl FnMut(String),
) -> Option<&'o BundledCertificate> {
    if opened.keys.len() != 1 {
        wrong(format!("it holds {} keys, not one", opened.keys.len()));
    }
    let Some(first) = opened.certificates.first() else {
        wrong(String::from("it holds no certificate"));
        return None;
    };
    let Some(key) = opened.keys.first() else {
        return Some(first);
    };
    let Some(private) = &key.key else {
        wrong(String::from(
            "its key is not one of P-256, P-384 or RSA from 2048 to 4096 bits",
        ));
        return Some(first);
    };
    let public = Some(private.public_key());
    let mut certificates = opened.certificates.iter();
    let Some(leaf) = certificates.find(|one| one.certificate.public_key() == public) else {
        wrong(String::from("its key is not the one of its certificate"));
        return Some(first);
    };
    if key.local_key_id.is_none() || key.local_key_id != leaf.local_key_id {
        wrong(String::from(
            "key and certificate have no localKeyID in common, and Apple's importers pair them by nothing else",
        ));
    }
    if opened.certificates.len() > 1 {
        wrong(format!(
            "it holds {} certificates, not one: importers may offer to trust the others",
            opened.certificates.len()
        ));
    }
    Some(leaf)
}

fn recorded<'l>(lock: Option<&'l Lock>, certificate: &Certificate) -> Option<&'l Issued> {
    let fingerprint = certificate.fingerprint();
    let mut known = lock?.certificates.iter();
    known.find(|issued| issued.fingerprint == fingerprint)
}

/// The device that is declared to have this certificate.
fn declared<'h>(certificate: &Certificate, context: &Context<'h>) -> Option<&'h DeviceId> {
    let mut installed = context.homelab?.installed();
    let found = installed.find(|(_, known)| **known == certificate.fingerprint());
    found.map(|(device, _)| device)
}

fn whose(certificate: &Certificate, recorded: Option<&Issued>, context: &Context<'_>) -> WhoseFile {
    let Some(lock) = context.lock else {
        return WhoseFile::NoHomelab;
    };
    if let Some(issued) = recorded {
        let (state, moment) = standing(issued);
        return WhoseFile::Recorded {
            device: issued.device.to_string(),
            state,
            moment,
        };
    }
    if let Some(device) = declared(certificate, context) {
        return WhoseFile::Declared {
            device: device.to_string(),
        };
    }
    let is_it = |known: &&Installed| known.fingerprint == certificate.fingerprint();
    if let Some(known) = lock.installed.iter().find(is_it) {
        return WhoseFile::Removed {
            device: known.device.to_string(),
            since: known.removed,
        };
    }
    let signed_by =
        |authority: &&Authority| certificate.signed_by(&authority.certificate) == Signed::Yes;
    match lock.authorities.iter().find(signed_by) {
        Some(authority) => WhoseFile::Unrecorded {
            authority: authority.common_name(),
        },
        None => WhoseFile::Unknown,
    }
}

fn report(certificate: &Certificate) -> CertificateReport {
    let fields = certificate.fields();
    CertificateReport {
        subject: fields.subject,
        issuer: fields.issuer,
        serial: fields.serial,
        fingerprint: certificate.fingerprint(),
        emails: fields.emails,
        not_before: fields.not_before,
        not_after: fields.not_after,
    }
}

fn dates(file: &str, fields: &CertificateFields, now: Timestamp) -> Option<Finding> {
    match (fields.not_before, fields.not_after) {
        (Some(from), _) if now < from => {
            let (shown, when) = (dates::moment(from), dates::relative(from, now));
            let what = format!("its certificate is valid from {shown} on, {when}");
            Some(Finding::wrong(file, what))
        }
        (_, Some(until)) if until < now => {
            let (shown, when) = (dates::moment(until), dates::relative(until, now));
            let what = format!("its certificate ended on {shown}, {when}");
            Some(Finding::wrong(file, what))
        }
        (Some(_), Some(_)) => None,
        _ => Some(Finding::wrong(
            file,
            "its certificate has dates that cannot be read",
        )),
    }
}

fn said_by_the_lock(
    file: &str,
    of: &WhoseFile,
    recorded: Option<&Issued>,
    device: Option<&Device>,
    context: &Context<'_>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match of {
        WhoseFile::Unrecorded { authority } => findings.push(Finding::wrong(
            file,
            format!(
                "homelab.lock does not record its certificate, though `{authority}` has signed it: it is let in nowhere"
            ),
        )),
        WhoseFile::Removed { device, .. } => findings.push(Finding::wrong(
            file,
            format!("{device} is not declared with it any more: it is let in nowhere"),
        )),
        WhoseFile::Unknown => findings.push(Finding::wrong(
            file,
            "its certificate is not of this homelab",
        )),
        WhoseFile::NoHomelab | WhoseFile::Recorded { .. } | WhoseFile::Declared { .. } => {}
    }
    let Some(issued) = recorded else {
        return findings;
    };
    match issued.state {
        State::Active => {}
        State::Superseded { until } => findings.push(Finding::note(
            file,
            format!(
                "{} has a newer certificate; this one is let in until {}",
                issued.device,
                dates::moment(until)
            ),
        )),
        State::Revoked { since } | State::Blocked { since } => findings.push(Finding::wrong(
            file,
            format!(
                "its certificate was shut out on {}, and is let in nowhere",
                dates::moment(since)
            ),
        )),
    }
    let authority = context
        .lock
        .and_then(|lock| lock.authority(&issued.authority));
    if let Some(retired) = authority.filter(|authority| !authority.is_trusted()) {
        let name = retired.common_name();
        let what = format!("its authority `{name}` is not trusted any more");
        findings.push(Finding::wrong(file, what));
    }
    if context.homelab.is_some() && device.is_none() {
        let what = format!("{} is not declared any more", issued.device);
        findings.push(Finding::wrong(file, what));
    }
    findings
}

/// Whether the authority that the lock names has signed it.
fn signed(file: &str, certificate: &Certificate, issuer: Option<&Authority>) -> Option<Finding> {
    let issuer = issuer?;
    let name = issuer.common_name();
    match certificate.signed_by(&issuer.certificate) {
        Signed::Yes => None,
        Signed::No => Some(Finding::wrong(
            file,
            format!("its certificate is not signed by `{name}`"),
        )),
        Signed::Unknown => Some(Finding::note(
            file,
            format!("`{name}` has a key of a kind whose signatures are not verified here"),
        )),
    }
}

fn protection(
    file: &str,
    opened: &OpenedBundle,
    wanted: Option<BundleProfile>,
    context: &Context<'_>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let built = matches!(context.strictness, Strictness::Built(_));
    if opened.mac.is_none() {
        findings.push(Finding::wrong(
            file,
            "it has no MAC, and importers refuse it",
        ));
    }
    if opened.keys.iter().any(|key| !key.shrouded) {
        let what = "its key is not encrypted by itself, and Apple's importers pass over it";
        findings.push(Finding::wrong(file, what));
    }
    match (opened.profile(), wanted) {
        (None, _) => findings.push(severe(
            file,
            context,
            format!(
                "it is neither `compat` nor `modern`, but {}: some importers may refuse it",
                opened.protection()
            ),
        )),
        (Some(found), Some(wanted)) if found != wanted => {
            let what = format!("it is `{found}`, and the device's platform wants `{wanted}`");
            // What every importer takes does no harm.
            let harmless = found == BundleProfile::Compat && !built;
            findings.push(match harmless {
                true => Finding::note(file, what + ", but takes both"),
                false => Finding::wrong(file, what),
            });
        }
        _ => {}
    }
    findings
}

/// What is wrong with a homelab's own is only worth knowing of another's.
fn severe(file: &str, context: &Context<'_>, what: String) -> Finding {
    match context.lock {
        Some(_) => Finding::wrong(file, what),
        None => Finding::note(file, what),
    }
}
