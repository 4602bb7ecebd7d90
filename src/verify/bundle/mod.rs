//! An opened .p12 against the declaration and the lock.

mod fault;
mod password;
mod report;

use jiff::Timestamp;

use super::Finding;
use crate::lock::{Authority, Installed, Issued, Lock, State};
use crate::model::{Device, DeviceId, Homelab};
use crate::pki::{
    BundleProfile, BundledCertificate, Certificate, CertificateFields, Fingerprint, KeyBag,
    OpenedBundle, Signed,
};

pub(crate) use fault::BundleFault;
pub(crate) use password::{bundle_password, open_with_derived};
pub(crate) use report::{BundleReport, CertificateReport, Recorded, WhoseFile};

/// What a bundle is held against.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub homelab: Option<&'a Homelab>,
    pub lock: Option<&'a Lock>,
    pub strictness: Strictness<'a>,
    pub now: Timestamp,
}

/// How much is known of what a bundle should be.
#[derive(Clone, Copy)]
pub(crate) enum Strictness<'a> {
    /// It is the one that is built of this certificate.
    Built(&'a Issued),
    /// It may be anybody's.
    Any,
}

/// What is found in one file.
struct Findings<'f> {
    file: &'f str,
    found: Vec<Finding>,
}

impl Findings<'_> {
    fn wrong(&mut self, fault: BundleFault) {
        self.found.push(Finding::wrong(self.file, fault));
    }

    fn note(&mut self, fault: BundleFault) {
        self.found.push(Finding::note(self.file, fault));
    }

    /// What is wrong with a homelab's own is only worth knowing of another's.
    fn severe(&mut self, context: &Context<'_>, fault: BundleFault) {
        match context.lock {
            Some(_) => self.wrong(fault),
            None => self.note(fault),
        }
    }
}

/// Holds a bundle against the context.
pub(crate) fn examine(file: &str, opened: &OpenedBundle, context: &Context<'_>) -> BundleReport {
    let mut findings = Findings {
        file,
        found: Vec::new(),
    };
    let leaf = leaf(opened, &mut findings);
    let leaf = leaf.map(|leaf| &leaf.certificate);
    let recorded = leaf.and_then(|leaf| recorded(context.lock, leaf));
    let device = recorded.and_then(|issued| context.homelab?.device(&issued.device));
    let wanted = device.map(|device| device.platform.bundle_profile(device.version));
    let of = match leaf {
        Some(leaf) => whose(leaf, recorded, context),
        None => WhoseFile::Unknown,
    };
    if let Some(leaf) = leaf {
        examine_dates(&leaf.fields(), context.now, &mut findings);
        examine_owner(&of, &mut findings);
        if let Some(issued) = recorded {
            examine_record(issued, device, context, &mut findings);
        }
        examine_leaf(leaf, &of, recorded, context, &mut findings);
    }
    examine_protection(opened, wanted, context, &mut findings);
    BundleReport {
        file: file.to_owned(),
        of,
        certificate: leaf.map(CertificateReport::of),
        protection: opened.protection(),
        profile: opened.profile(),
        platform: device.map(|device| device.platform),
        wanted,
        findings: findings.found,
    }
}

/// The certificate of the bundle's key; where there is none, the first.
fn leaf<'o>(
    opened: &'o OpenedBundle,
    findings: &mut Findings<'_>,
) -> Option<&'o BundledCertificate> {
    if opened.keys.len() != 1 {
        findings.wrong(BundleFault::Keys(opened.keys.len()));
    }
    let Some(first) = opened.certificates.first() else {
        findings.wrong(BundleFault::NoCertificate);
        return None;
    };
    let Some(key) = opened.keys.first() else {
        return Some(first);
    };
    let Some(private) = key.key() else {
        findings.wrong(BundleFault::KeyKind);
        return Some(first);
    };
    let public = Some(private.public_key());
    let mut certificates = opened.certificates.iter();
    let Some(leaf) = certificates.find(|one| one.certificate.public_key() == public) else {
        findings.wrong(BundleFault::OtherKey);
        return Some(first);
    };
    if key.local_key_id.is_none() || key.local_key_id != leaf.local_key_id {
        findings.wrong(BundleFault::NoLocalKeyId);
    }
    if opened.certificates.len() > 1 {
        findings.wrong(BundleFault::Certificates(opened.certificates.len()));
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
    let is_it = |fingerprint: &Fingerprint| *fingerprint == certificate.fingerprint();
    let found = installed.find(|(_, fingerprint)| is_it(fingerprint));
    found.map(|(device, _)| device)
}

fn whose(certificate: &Certificate, recorded: Option<&Issued>, context: &Context<'_>) -> WhoseFile {
    let Some(lock) = context.lock else {
        return WhoseFile::NoHomelab;
    };
    if let Some(issued) = recorded {
        return WhoseFile::Recorded(Recorded {
            device: issued.device.clone(),
            state: issued.state,
        });
    }
    if let Some(device) = declared(certificate, context) {
        return WhoseFile::Declared {
            device: device.clone(),
        };
    }
    let is_it = |known: &&Installed| known.fingerprint == certificate.fingerprint();
    if let Some(known) = lock.installed.iter().find(is_it) {
        return WhoseFile::Removed {
            device: known.device.clone(),
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

fn examine_dates(fields: &CertificateFields, now: Timestamp, findings: &mut Findings<'_>) {
    match (fields.not_before, fields.not_after) {
        (Some(from), _) if now < from => findings.wrong(BundleFault::NotYetValid { from, now }),
        (_, Some(at)) if at < now => findings.wrong(BundleFault::Expired { at, now }),
        (Some(_), Some(_)) => {}
        _ => findings.wrong(BundleFault::NoDates),
    }
}

fn examine_owner(of: &WhoseFile, findings: &mut Findings<'_>) {
    match of {
        WhoseFile::Unrecorded { authority } => {
            findings.wrong(BundleFault::Unrecorded(authority.clone()));
        }
        WhoseFile::Removed { device, .. } => findings.wrong(BundleFault::Removed(device.clone())),
        WhoseFile::Unknown => findings.wrong(BundleFault::Foreign),
        WhoseFile::NoHomelab | WhoseFile::Recorded(_) | WhoseFile::Declared { .. } => {}
    }
}

/// What the lock and the declaration say of a certificate that is recorded.
fn examine_record(
    issued: &Issued,
    declared: Option<&Device>,
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) {
    let device = || issued.device.clone();
    match issued.state {
        State::Active => {}
        State::Superseded { until } => findings.note(BundleFault::Superseded {
            device: device(),
            until,
        }),
        State::Revoked { since } | State::Blocked { since } => {
            findings.wrong(BundleFault::Revoked { since });
        }
    }
    let authority = context
        .lock
        .and_then(|lock| lock.authority(&issued.authority));
    if let Some(retired) = authority.filter(|authority| !authority.is_trusted()) {
        findings.wrong(BundleFault::RetiredAuthority(retired.common_name()));
    }
    if context.homelab.is_some() && declared.is_none() {
        findings.wrong(BundleFault::Undeclared(device()));
    }
}

/// Who has signed the certificate, and whether it is as one is written here.
fn examine_leaf(
    leaf: &Certificate,
    of: &WhoseFile,
    recorded: Option<&Issued>,
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) {
    let issuer = recorded.and_then(|issued| context.lock?.authority(&issued.authority));
    if let Some(issuer) = issuer {
        match leaf.signed_by(&issuer.certificate) {
            Signed::Yes => {}
            Signed::No => findings.wrong(BundleFault::NotSignedBy(issuer.common_name())),
            Signed::Unknown => findings.note(BundleFault::CannotVerify(issuer.common_name())),
        }
    }
    for fault in leaf.leaf_faults(issuer.map(|issuer| &issuer.certificate)) {
        let fault = BundleFault::Leaf(fault);
        match of {
            // It was not made here, and nobody says that it has our profile.
            WhoseFile::Declared { .. } => findings.note(fault),
            _ => findings.severe(context, fault),
        }
    }
    if let Strictness::Built(expected) = context.strictness
        && leaf.fingerprint() != expected.fingerprint
    {
        findings.wrong(BundleFault::OtherCertificate);
    }
}

fn examine_protection(
    opened: &OpenedBundle,
    wanted: Option<BundleProfile>,
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) {
    if opened.mac.is_none() {
        findings.wrong(BundleFault::NoMac);
    }
    if opened.keys.iter().any(|key| key.bag == KeyBag::Plain) {
        findings.wrong(BundleFault::BareKey);
    }
    match (opened.profile(), wanted) {
        (None, _) => findings.severe(context, BundleFault::NoProfile(opened.protection())),
        (Some(found), Some(wanted)) if found != wanted => match (found, context.strictness) {
            (BundleProfile::Compat, Strictness::Any) => {
                findings.note(BundleFault::CompatInstead(wanted));
            }
            _ => findings.wrong(BundleFault::OtherProfile { found, wanted }),
        },
        _ => {}
    }
}
