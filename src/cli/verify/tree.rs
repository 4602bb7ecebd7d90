//! An output tree: every file against the manifest, what is public made anew and compared, every .p12
//! opened.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;
use walkdir::WalkDir;

use super::{VerifyError, conclude, counted, keyring, listed, password};
use crate::cli::arguments::Verify;
use crate::cli::build::{owner, shown_secrets};
use crate::cli::failure::{Exit, Failure};
use crate::cli::hold::{PATIENCE, Still};
use crate::cli::{believed, clock, report};
use crate::derive::{self, Bundle, Derivation, Recipe};
use crate::lock::Lock;
use crate::model::Homelab;
use crate::pki::{SealedBundle, read_crl};
use crate::realise::{self, Mismatch};
use crate::render::Secrets;
use crate::root::Keyring;
use crate::tree::{Found, OutputPath, Scope, View};
use crate::verify::{Context, Finding, Strictness, examine};

/// What a tree turned out to be.
#[derive(Debug, Serialize)]
struct TreeReport {
    directory: String,
    files: usize,
    bundles_opened: usize,
    bundles_not_opened: usize,
    findings: Vec<Finding>,
}

const HELP: &str = "`homelab build` makes the tree anew; where nobody has changed homelab.kdl since, find out who changed the tree before you hand anything over";

pub fn verify(arguments: &Verify, named: Option<&Path>) -> Result<(), Failure> {
    let workspace = Still::of(&arguments.declaration)?;
    let homelab = workspace.homelab()?;
    let lock = workspace.lock()?;
    let lock = lock.ok_or_else(|| Failure::environment(VerifyError::NoLock))?;
    believed::refuse_unsigned(&lock)?;
    let templates = workspace.templates()?;
    let now = clock::now()?;
    clock::warn(now, &lock);
    let out = workspace.out(named)?;
    if !out.is_dir() {
        return Err(Failure::environment(VerifyError::NothingThere {
            path: out,
        }));
    }
    believed::hold_against_tree(&workspace, &out, &lock)?;
    let view = View::open(&out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
    let plan = derive::derive(&homelab, &lock, &templates.of_the_edge(), None);
    let (secret, public): (Vec<Derivation>, Vec<Derivation>) = plan
        .into_iter()
        .partition(|derivation| derivation.recipe.needs_secrets());
    // What else has a key in it has a bundle in it, and is made anew with it.
    let (bundles, profiles): (Vec<Derivation>, Vec<Derivation>) = secret
        .into_iter()
        .partition(|derivation| matches!(derivation.recipe, Recipe::Bundle(_)));

    let tree = Tree {
        out: &out,
        view: &view,
    };
    let mut findings = tree.against_the_manifest()?;
    let known: BTreeSet<String> = findings.iter().map(|found| found.about.clone()).collect();
    let stale = match lock.has_stale_crl() {
        true => derive::crl_paths(&lock),
        false => Vec::new(),
    };
    if !stale.is_empty() {
        let about = tree.named(&stale[0]);
        let what = "homelab.lock has no signature of what it should list: run `homelab build`";
        findings.push(Finding::wrong(&about, what));
    }
    let differences = realise::differences(&view, &public, &templates, None);
    let differences = differences.map_err(|error| Failure::new(Exit::Environment, error))?;
    for difference in differences {
        let about = tree.named(&difference.path);
        let is_of = |made: &[Derivation]| made.iter().any(|made| made.path == difference.path);
        let is_bundle = is_of(&bundles) || is_of(&profiles);
        if known.contains(&about) || is_bundle || stale.contains(&difference.path) {
            continue;
        }
        let what = tree.meaning(&difference, &lock)?;
        findings.push(Finding::wrong(&about, what));
    }

    let (keyring, reports) = match bundles.is_empty() && profiles.is_empty() {
        true => (None, Vec::new()),
        false => keyring(arguments, &workspace, &lock),
    };
    let held = Held {
        homelab: &homelab,
        lock: &lock,
        keyring: keyring.as_ref(),
        now,
    };
    let looked: Result<Vec<Look>, Failure> = bundles
        .par_iter()
        .map(|derivation| tree.bundle(derivation, &held, &known))
        .collect();
    let mut counts = [0; 2];
    for look in looked? {
        counts[usize::from(look.opened)] += 1;
        findings.extend(look.findings);
    }
    let has_secret = keyring.is_some();
    let profiles_compared = match keyring {
        Some(keyring) => {
            let secrets = Secrets::of(keyring, &lock).map_err(Failure::environment)?;
            let differences = realise::differences(&view, &profiles, &templates, Some(&secrets));
            let differences =
                differences.map_err(|error| Failure::new(Exit::Environment, error))?;
            for difference in differences {
                let about = tree.named(&difference.path);
                let is_profile = profiles.iter().any(|made| made.path == difference.path);
                if is_profile && !known.contains(&about) {
                    findings.push(Finding::wrong(&about, tree.meaning(&difference, &lock)?));
                }
            }
            profiles.len()
        }
        None => 0,
    };
    findings.sort_by(|a, b| a.about.cmp(&b.about));
    if view.shows_secrets() {
        report::note(shown_secrets(&out));
    }
    let [not_opened, opened] = counts;
    // A profile that is to the byte what it should be has the bundle in it.
    let bundles_opened = opened + profiles_compared;
    let bundles_not_opened = not_opened + profiles.len() - profiles_compared;
    let told = TreeReport {
        directory: out.display().to_string(),
        files: view.entries().count(),
        bundles_opened,
        bundles_not_opened,
        findings,
    };
    match arguments.json {
        true => report::json(&told)?,
        false => report::table(&text(&told))?,
    }
    let wrong = told
        .findings
        .iter()
        .filter(|found| found.is_wrong())
        .count();
    let unseen = (bundles_not_opened > 0 && !arguments.no_secret && !has_secret).then(|| {
        let were = if bundles_not_opened == 1 {
            "was"
        } else {
            "were"
        };
        format!(
            "{} {were} not opened",
            counted(bundles_not_opened, "bundle")
        )
    });
    conclude(wrong, HELP, unseen, reports)
}

fn text(told: &TreeReport) -> String {
    let opened = counted(told.bundles_opened, "bundle");
    let mut text = listed(&told.findings);
    text += &format!(
        "{}: {} in the manifest, {opened} opened",
        told.directory,
        counted(told.files, "file")
    );
    if told.bundles_not_opened > 0 {
        text += &format!(", {} not opened", told.bundles_not_opened);
    }
    let wrong = told
        .findings
        .iter()
        .filter(|found| found.is_wrong())
        .count();
    text + &match wrong {
        0 if told.bundles_not_opened > 0 => String::from("; nothing else is wrong\n"),
        0 => String::from("; nothing is wrong\n"),
        wrong => format!("; {wrong} wrong\n"),
    }
}

/// What bundles are held against.
struct Held<'a> {
    homelab: &'a Homelab,
    lock: &'a Lock,
    keyring: Option<&'a Keyring>,
    now: Timestamp,
}

struct Look {
    opened: bool,
    findings: Vec<Finding>,
}

struct Tree<'a> {
    out: &'a Path,
    view: &'a View,
}

impl Tree<'_> {
    fn named(&self, path: &OutputPath) -> String {
        self.out.join(path.as_str()).display().to_string()
    }

    /// Each file that the manifest names, and each that it does not.
    fn against_the_manifest(&self) -> Result<Vec<Finding>, Failure> {
        let mut findings = Vec::new();
        if self.view.damaged() {
            let manifest = self.out.join(".homelab/manifest.kdl");
            let what = "it is damaged, and tells of no file";
            findings.push(Finding::wrong(&manifest.display().to_string(), what));
        }
        for entry in self.view.entries() {
            let about = self.named(&entry.path);
            let found = self
                .view
                .inspect(&entry.path)
                .map_err(Failure::environment)?;
            let what = match found {
                Found::Intact => continue,
                Found::Missing => String::from("it is missing"),
                Found::Altered | Found::Unowned => self.alteration(&entry.path)?,
            };
            findings.push(Finding::wrong(&about, what));
        }
        let folders = self.view.altered_folders(|_| true, &Scope::All);
        for folder in folders.map_err(Failure::environment)? {
            let about = folder.display().to_string();
            findings.push(Finding::wrong(
                &about,
                "its mode is another than was given to it",
            ));
        }
        for entry in WalkDir::new(self.out)
            .sort_by_file_name()
            .into_iter()
            .flatten()
        {
            let path = entry.path().strip_prefix(self.out).unwrap_or(entry.path());
            if entry.file_type().is_dir() || path.starts_with(".homelab") {
                continue;
            }
            let own = path.to_str().and_then(|path| OutputPath::new(path).ok());
            if own.is_none_or(|own| self.view.entry(&own).is_none()) {
                let about = entry.path().display().to_string();
                findings.push(Finding::note(&about, "it is not homelab's"));
            }
        }
        Ok(findings)
    }

    /// In what a file is not as the manifest says.
    fn alteration(&self, path: &OutputPath) -> Result<String, Failure> {
        let entry = self
            .view
            .entry(path)
            .expect("the manifest has been asked for it");
        let contents = self.view.read(path).map_err(Failure::environment)?;
        Ok(match contents {
            None => String::from("it is no file any more"),
            Some(contents) if blake3::hash(&contents.bytes) != entry.content => {
                String::from("its content is not what was written")
            }
            Some(contents) => format!(
                "its mode is {:04o}, and was {:04o}",
                contents.mode,
                entry.mode.permissions()
            ),
        })
    }

    /// What it means that a file is not what would be made now.
    fn meaning(&self, found: &realise::Difference, lock: &Lock) -> Result<String, Failure> {
        let what = match (found.path.as_str(), found.what) {
            (_, Mismatch::Undeclared) => "nothing declares it any more: run `homelab build`",
            (_, Mismatch::Missing) => "it has not been built yet: run `homelab build`",
            ("edge/ca.pem", _) => "it does not hold the authorities of homelab.lock",
            ("edge/ca.crl.der", _) => {
                let contents = self.view.read(&found.path).map_err(Failure::environment)?;
                let bytes = contents.map(|contents| contents.bytes).unwrap_or_default();
                return Ok(list_fault(&bytes, lock));
            }
            ("edge/ca.crl", _) => {
                "it is not the revocation list that homelab.lock has the signature of"
            }
            _ => {
                "it is not what homelab.kdl and homelab.lock give: run `homelab build`, and see what changes"
            }
        };
        Ok(what.to_owned())
    }

    fn bundle(
        &self,
        derivation: &Derivation,
        held: &Held<'_>,
        known: &BTreeSet<String>,
    ) -> Result<Look, Failure> {
        let about = self.named(&derivation.path);
        let look = |opened, findings| Ok(Look { opened, findings });
        let Recipe::Bundle(recipe) = &derivation.recipe else {
            return look(false, Vec::new());
        };
        let Bundle { issued, .. } = &**recipe;
        let contents = self
            .view
            .read(&derivation.path)
            .map_err(Failure::environment)?;
        let Some(contents) = contents else {
            let missing = Finding::wrong(&about, "it has not been built yet: run `homelab build`");
            let missing = (!known.contains(&about)).then_some(missing);
            return look(false, missing.into_iter().collect());
        };
        let sealed = match SealedBundle::from_der(&contents.bytes) {
            Ok(sealed) => sealed,
            Err(error) => return look(false, vec![Finding::wrong(&about, error.to_string())]),
        };
        let password = held
            .keyring
            .and_then(|keyring| password(keyring, held.lock, issued));
        let Some(password) = password else {
            let what = "its password cannot be derived: homelab.age lacks the secret that it was made with";
            let lacking = held.keyring.map(|_| Finding::wrong(&about, what));
            return look(false, lacking.into_iter().collect());
        };
        let opened = match sealed.open(password.expose()) {
            Ok(opened) => opened,
            Err(error) => {
                let what = format!(
                    "it does not open with the password of {}: {error}",
                    issued.device
                );
                return look(false, vec![Finding::wrong(&about, what)]);
            }
        };
        let context = Context {
            homelab: Some(held.homelab),
            lock: Some(held.lock),
            strictness: Strictness::Built(issued),
            now: held.now,
        };
        look(true, examine(&about, &opened, &context).findings)
    }
}

/// What is wrong with a revocation list of the authority that signs.
fn list_fault(der: &[u8], lock: &Lock) -> String {
    let Some(signing) = lock.signing() else {
        return String::from("homelab.lock has no authority that could have signed it");
    };
    let serials = match read_crl(der, &signing.certificate) {
        Ok(list) => list.revoked,
        Err(error) => return format!("`{}` has not signed it: {error}", signing.common_name()),
    };
    let retired = lock
        .certificates
        .iter()
        .filter(|issued| issued.authority == signing.id && issued.revoked().is_some());
    let missing: Vec<String> = retired
        .filter(|issued| !serials.contains_key(&issued.serial.to_hex()))
        .map(|issued| issued.device.to_string())
        .collect();
    match missing.as_slice() {
        [] => String::from("it lists others than homelab.lock has retired, or is an older one"),
        missing => format!("it does not list a certificate of {}", missing.join(", ")),
    }
}
