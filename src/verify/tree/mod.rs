//! An output tree: every file against the manifest, what is public made anew and compared, every .p12
//! opened.

mod fault;

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use miette::Diagnostic;
use rayon::prelude::*;
use serde::Serialize;
use thiserror::Error;
use walkdir::WalkDir;

use super::{BundleFault, Context, Finding, Severity, Strictness, bundle_password, examine};
use crate::build::{self, Difference, ExecuteError, Mismatch, Rendering};
use crate::derive::{self, Derivation, Recipe};
use crate::issue::CredentialError;
use crate::lock::{Issued, Lock};
use crate::model::{EdgePart, Homelab};
use crate::pki::{SealedBundle, read_crl};
use crate::progress::{Progress, Underway, Work};
use crate::render::Secrets;
use crate::root::Keyring;
use crate::template::Templates;
use crate::tree::{Found, OutputPath, TreeError, View};

pub(crate) use fault::{CrlFault, TreeFault};

/// What a tree turned out to be.
#[derive(Debug, Serialize)]
pub(crate) struct TreeReport {
    pub directory: String,
    /// How many the manifest names.
    pub files: usize,
    pub bundles_opened: usize,
    pub bundles_not_opened: usize,
    pub findings: Vec<Finding>,
}

/// Why a tree could not be held against anything.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum TreeCheckError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Execute(#[from] ExecuteError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Credential(#[from] CredentialError),
}

/// What a tree is held against.
pub(crate) struct Against<'a> {
    pub homelab: &'a Homelab,
    pub lock: &'a Lock,
    pub templates: &'a Templates,
    pub now: Timestamp,
    pub progress: &'a dyn Progress,
}

/// A tree of which all has been looked at that takes no secret.
pub(crate) struct TreeCheck<'a> {
    view: &'a View,
    against: Against<'a>,
    bundles: Vec<Derivation>,
    /// What else has a key in it has a bundle in it, and is made anew with it; and pages with a password on them.
    profiles: Vec<Derivation>,
    findings: Vec<Finding>,
    /// What is told of already.
    known: BTreeSet<String>,
}

impl<'a> TreeCheck<'a> {
    /// Looks at what takes no secret.
    pub(crate) fn of_public(
        view: &'a View,
        against: Against<'a>,
    ) -> Result<TreeCheck<'a>, TreeCheckError> {
        let Against {
            homelab,
            lock,
            templates,
            ..
        } = against;
        let planned = derive::derive(homelab, lock, &templates.of_the_edge(), None);
        let (secret, public): (Vec<Derivation>, Vec<Derivation>) = planned
            .into_iter()
            .partition(|derivation| derivation.recipe.needs_secrets());
        let (bundles, profiles) = secret
            .into_iter()
            .partition(|derivation| matches!(derivation.recipe, Recipe::Bundle(_)));
        let findings = against_the_manifest(view)?;
        let known = findings.iter().map(|found| found.about.clone()).collect();
        let mut check = TreeCheck {
            view,
            against,
            bundles,
            profiles,
            findings,
            known,
        };
        check.compare_public(&public)?;
        Ok(check)
    }

    fn rendering<'s>(&'s self, secrets: Option<&'s Secrets>) -> Rendering<'s> {
        Rendering {
            templates: self.against.templates,
            secrets,
            progress: self.against.progress,
        }
    }

    /// Whether anything in it takes a secret to be looked at.
    pub(crate) fn has_secrets(&self) -> bool {
        !self.bundles.is_empty() || !self.profiles.is_empty()
    }

    /// Looks at the rest, as far as the keyring goes, and tells what was found.
    pub(crate) fn report(mut self, keyring: Option<Keyring>) -> Result<TreeReport, TreeCheckError> {
        let underway = Underway::begin(self.against.progress, Work::Opening, self.bundles.len());
        let examined = self.bundles.par_iter().map(|derivation| {
            let examined = self.bundle(derivation, keyring.as_ref())?;
            underway.advance();
            Ok(examined)
        });
        let examined: Result<Vec<Examined>, TreeCheckError> = examined.collect();
        drop(underway);
        let (mut opened, mut not_opened) = (0, 0);
        for examined in examined? {
            match examined {
                Examined::Opened(findings) => {
                    opened += 1;
                    self.findings.extend(findings);
                }
                Examined::NotOpened(finding) => {
                    not_opened += 1;
                    self.findings.extend(finding);
                }
            }
        }
        match keyring {
            // A profile that is to the byte what it should be has the bundle in it.
            Some(keyring) => {
                self.compare_profiles(&Secrets::of(keyring, self.against.lock)?)?;
                opened += self.count_profiles();
            }
            None => not_opened += self.count_profiles(),
        }
        self.findings.sort_by(|a, b| a.about.cmp(&b.about));
        Ok(TreeReport {
            directory: self.view.directory().display().to_string(),
            files: self.view.entries().count(),
            bundles_opened: opened,
            bundles_not_opened: not_opened,
            findings: self.findings,
        })
    }

    /// Pages with passwords on them are no bundles.
    fn count_profiles(&self) -> usize {
        let profiles = self.profiles.iter();
        profiles.filter(|made| made.recipe.holds_bundle()).count()
    }

    fn compare_public(&mut self, public: &[Derivation]) -> Result<(), TreeCheckError> {
        let lock = self.against.lock;
        let stale_lists = if lock.has_stale_crl() {
            derive::crl_paths(self.against.homelab, lock)
        } else {
            Vec::new()
        };
        if let Some(first) = stale_lists.first() {
            let about = shown(self.view, first);
            let unsigned = Finding::wrong(&about, TreeFault::UnsignedCrl);
            self.findings.push(unsigned);
        }
        for difference in build::differences(self.view, public, self.rendering(None))? {
            let path = &difference.path;
            let about = shown(self.view, path);
            let is_secret = is_of(&self.bundles, path) || is_of(&self.profiles, path);
            if self.known.contains(&about) || is_secret || stale_lists.contains(path) {
                continue;
            }
            let fault = self.meaning(&difference)?;
            self.findings.push(Finding::wrong(&about, fault));
        }
        Ok(())
    }

    fn compare_profiles(&mut self, secrets: &Secrets) -> Result<(), TreeCheckError> {
        let differences =
            build::differences(self.view, &self.profiles, self.rendering(Some(secrets)))?;
        for difference in differences {
            let about = shown(self.view, &difference.path);
            if is_of(&self.profiles, &difference.path) && !self.known.contains(&about) {
                let fault = self.meaning(&difference)?;
                self.findings.push(Finding::wrong(&about, fault));
            }
        }
        Ok(())
    }

    /// What it means that a file is not what would be made now.
    fn meaning(&self, found: &Difference) -> Result<TreeFault, TreeCheckError> {
        let path = found.path.as_str();
        let mut edges = { self.against.homelab.edges() }.map(EdgePart::directory);
        let in_edge = edges
            .find_map(|edge| path.strip_prefix(&edge)?.strip_prefix('/'))
            .unwrap_or_default();
        Ok(match (in_edge, found.what) {
            (_, Mismatch::Undeclared) => TreeFault::Undeclared,
            (_, Mismatch::Missing) => TreeFault::NotBuilt,
            ("ca.pem", _) => TreeFault::Authorities,
            (derive::CRL_DER, _) => {
                let contents = self.view.read(&found.path)?;
                let bytes = contents.map(|contents| contents.bytes).unwrap_or_default();
                crl_fault(&bytes, self.against.lock).into()
            }
            (derive::CRL, _) => TreeFault::OtherCrl,
            _ => TreeFault::Stale,
        })
    }

    fn bundle(
        &self,
        derivation: &Derivation,
        keyring: Option<&Keyring>,
    ) -> Result<Examined, TreeCheckError> {
        let about = shown(self.view, &derivation.path);
        let wrong = |fault| Some(Finding::wrong(&about, fault));
        let Recipe::Bundle(recipe) = &derivation.recipe else {
            return Ok(Examined::NotOpened(None));
        };
        let issued: &Issued = &recipe.issued;
        let Some(contents) = self.view.read(&derivation.path)? else {
            let is_news = !self.known.contains(&about);
            let missing = is_news.then(|| Finding::wrong(&about, TreeFault::NotBuilt));
            return Ok(Examined::NotOpened(missing));
        };
        let sealed = match SealedBundle::from_der(&contents.bytes) {
            Ok(sealed) => sealed,
            Err(error) => return Ok(Examined::NotOpened(wrong(BundleFault::CannotOpen(error)))),
        };
        let Some(keyring) = keyring else {
            return Ok(Examined::NotOpened(None));
        };
        let Some(password) = bundle_password(keyring, self.against.lock, issued) else {
            return Ok(Examined::NotOpened(wrong(BundleFault::NoPassword)));
        };
        let opened = match sealed.open(password.expose()) {
            Ok(opened) => opened,
            Err(source) => {
                let device = issued.device.clone();
                let fault = BundleFault::OtherPassword { device, source };
                return Ok(Examined::NotOpened(wrong(fault)));
            }
        };
        let context = Context {
            homelab: Some(self.against.homelab),
            lock: Some(self.against.lock),
            strictness: Strictness::Built(issued),
            now: self.against.now,
        };
        let report = examine(&about, &opened, &context);
        Ok(Examined::Opened(report.findings))
    }
}

impl TreeReport {
    pub(crate) fn count_wrong(&self) -> usize {
        let wrong = |found: &&Finding| found.severity == Severity::Wrong;
        self.findings.iter().filter(wrong).count()
    }
}

/// What came of looking into a bundle.
enum Examined {
    Opened(Vec<Finding>),
    NotOpened(Option<Finding>),
}

fn shown(view: &View, path: &OutputPath) -> String {
    view.directory().join(path.as_str()).display().to_string()
}

fn is_of(derivations: &[Derivation], path: &OutputPath) -> bool {
    derivations.iter().any(|made| made.path == *path)
}

/// Each file that the manifest names, and each that it does not.
fn against_the_manifest(view: &View) -> Result<Vec<Finding>, TreeError> {
    let out = view.directory();
    let mut findings = Vec::new();
    let mut wrong = |path: &Path, fault| {
        findings.push(Finding::wrong(&path.display().to_string(), fault));
    };
    if view.damaged() {
        wrong(
            &out.join(".homelab/manifest.kdl"),
            TreeFault::DamagedManifest,
        );
    }
    for entry in view.entries() {
        let fault = match view.inspect(&entry.path)? {
            Found::Intact => continue,
            Found::Missing => TreeFault::Missing,
            Found::Altered | Found::Unowned => alteration(view, &entry.path)?,
        };
        wrong(&out.join(entry.path.as_str()), fault);
    }
    for folder in view.altered_folders()? {
        wrong(&folder, TreeFault::FolderMode);
    }
    findings.extend(unowned(view));
    Ok(findings)
}

/// What nobody has said that it is homelab's.
fn unowned(view: &View) -> impl Iterator<Item = Finding> {
    let out = view.directory();
    let entries = WalkDir::new(out).sort_by_file_name();
    entries.into_iter().flatten().filter_map(move |entry| {
        let path = entry.path().strip_prefix(out).unwrap_or(entry.path());
        if entry.file_type().is_dir() || path.starts_with(".homelab") {
            return None;
        }
        let own = path.to_str().and_then(|path| OutputPath::new(path).ok());
        let is_unowned = own.is_none_or(|own| view.entry(&own).is_none());
        let about = || entry.path().display().to_string();
        is_unowned.then(|| Finding::note(&about(), TreeFault::Unowned))
    })
}

/// In what a file is not as the manifest says.
fn alteration(view: &View, path: &OutputPath) -> Result<TreeFault, TreeError> {
    let entry = view
        .entry(path)
        .expect("the manifest has been asked for it");
    Ok(match view.read(path)? {
        None => TreeFault::NoFile,
        Some(contents) if blake3::hash(&contents.bytes) != entry.content => TreeFault::Content,
        Some(contents) => TreeFault::Mode {
            found: contents.mode,
            written: entry.mode.permissions(),
        },
    })
}

fn crl_fault(der: &[u8], lock: &Lock) -> CrlFault {
    let Some(signing) = lock.signing() else {
        return CrlFault::NoAuthority;
    };
    let listed = match read_crl(der, &signing.certificate) {
        Ok(list) => list.revoked,
        Err(why) => {
            let authority = signing.common_name();
            return CrlFault::NotSigned { authority, why };
        }
    };
    let revoked = lock
        .certificates
        .iter()
        .filter(|issued| issued.authority == signing.id && issued.revoked().is_some());
    let devices: Vec<String> = revoked
        .filter(|issued| !listed.contains_key(&issued.serial.to_hex()))
        .map(|issued| issued.device.to_string())
        .collect();
    if devices.is_empty() {
        CrlFault::Other
    } else {
        CrlFault::Unlisted { devices }
    }
}
