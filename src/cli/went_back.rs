//! Whether homelab.lock went back: what the revocation lists in the output tree say that it has forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

use super::failure::{Exit, Failure};
use super::workspace::Workspace;
use super::{believed, report};
use crate::lock::{Lock, PublishedCrl, Returned, reconcile};
use crate::model::{DeviceId, Fingerprint, Homelab};
use crate::pki::crls_in;
use crate::plan::{LetIn, PUBLISHED, shown_moment};

/// Bytes of a revocation list, at the most: more than 500,000 certificates.
const LIMIT: u64 = 32 << 20;

/// Where the lists of an output tree are.
const LISTS: [&str; 2] = ["edge/ca.crl", "edge/ca.crl.der"];

#[derive(Debug, Error, Diagnostic)]
#[error("homelab.lock lets in what was shut out: {}", told.join("; "))]
#[diagnostic(
    code("lock::went-back"),
    help(
        "homelab.lock is older than what was built from it: so it is after `git stash`, a revert, a checkout or a forced push. Bring the newer one back (`git stash pop`, `git log -- homelab.lock`). Where that is lost, {}; if it is to come in again, `homelab build {}`",
        revoke.join(", "), accept.join(" ")
    )
)]
struct WentBack {
    told: Vec<String>,
    revoke: Vec<String>,
    accept: Vec<String>,
}

impl WentBack {
    fn of(returned: &[Returned], out: &Path) -> WentBack {
        let told = returned.iter().map(|Returned { device, listed }| match listed {
            Some((number, since)) => format!(
                "`{device}`, whose certificate `{}` lists as revoked since {} (list number {number})",
                out.join(LISTS[0]).display(),
                shown_moment(*since),
            ),
            None => format!(
                "`{device}`, whose certificate was shut out when `{}` was written",
                out.join(PUBLISHED).display()
            ),
        });
        let devices = || returned.iter().map(|returned| &returned.device);
        WentBack {
            told: told.collect(),
            revoke: devices()
                .map(|device| format!("`homelab revoke {device}` shuts it out again"))
                .collect(),
            accept: devices()
                .map(|device| format!("--accept-return-of {device}"))
                .collect(),
        }
    }
}

/// What the output tree remembers, as far as it is believed.
#[derive(Default)]
pub struct Published {
    /// Those that an authority of the lock's has signed.
    pub lists: Vec<PublishedCrl>,
    /// The certificates that its edge has shut out.
    shut_out: BTreeSet<String>,
    /// What its edge has let in by fingerprint, sorted.
    pub installed: Vec<(DeviceId, Fingerprint)>,
    out: PathBuf,
}

impl Published {
    /// Reads those in `out`, and those in the usual place. What no authority of the lock's has signed is
    /// told, and not believed.
    pub fn read(workspace: &Workspace, out: &Path, lock: &Lock) -> Result<Published, Failure> {
        let places = BTreeSet::from([out.to_owned(), workspace.path("out")]);
        let mut lists: Vec<PublishedCrl> = Vec::new();
        let mut seen = BTreeSet::new();
        for path in { places.iter() }.flat_map(|out| LISTS.map(|list| out.join(list))) {
            let Some(file) = workspace.read(&path, LIMIT)? else {
                continue;
            };
            let found = crls_in(&file);
            let mut is_believed = !found.is_empty() && file.len() as u64 <= LIMIT;
            for der in found {
                if !seen.contains(&der) {
                    let list = lock.published(&der);
                    is_believed &= list.is_some();
                    lists.extend(list);
                    seen.insert(der);
                }
            }
            if !is_believed {
                report::note(format_args!(
                    "{} is damaged, or not of an authority that homelab.lock knows: whether somebody comes back whom it shut out cannot be told from it.",
                    path.display()
                ));
            }
        }
        let (mut shut_out, mut installed) = (BTreeSet::new(), BTreeSet::new());
        for place in &places {
            let said = Said::by(workspace, place)?;
            installed.extend(said.installed());
            shut_out.extend(said.shut_out);
        }
        let out = out.to_owned();
        Ok(Published {
            lists,
            shut_out,
            installed: installed.into_iter().collect(),
            out,
        })
    }

    /// The devices that come back by this lock.
    pub fn returned_by(&self, lock: &Lock) -> Vec<Returned> {
        lock.returned(&self.lists, &self.shut_out)
    }

    /// The devices that come back by this lock, where they are declared still and nobody has said that they
    /// may.
    fn returned(&self, homelab: &Homelab, lock: &Lock, accepted: &[DeviceId]) -> Vec<Returned> {
        let mut returned = self.returned_by(lock);
        let gone = reconcile(homelab, lock).retire;
        returned.retain(|one| !gone.contains(&one.device) && !accepted.contains(&one.device));
        returned
    }

    /// Fails where some do.
    pub fn refuse_return(
        &self,
        homelab: &Homelab,
        lock: &Lock,
        accepted: &[DeviceId],
    ) -> Result<(), Failure> {
        match self.returned(homelab, lock, accepted).as_slice() {
            [] => Ok(()),
            returned => Err(Failure::new(
                Exit::Difference,
                WentBack::of(returned, &self.out),
            )),
        }
    }

    /// Tells of them; gives their names.
    pub fn tell(&self, homelab: &Homelab, lock: &Lock) -> Vec<String> {
        let returned = self.returned(homelab, lock, &[]);
        for returned in &returned {
            report::note(format_args!(
                "{} was shut out, as {} tells, and homelab.lock lets it in: it is an older one. `homelab build` refuses it, and says what to do.",
                returned.device,
                self.out.join("edge").display(),
            ));
        }
        { returned.into_iter() }
            .map(|returned| returned.device.to_string())
            .collect()
    }
}

/// What an edge says of itself, as far as it is wanted. The parts are read apart: what is wrong with one takes nothing from the other.
#[derive(Default)]
struct Said {
    shut_out: BTreeSet<String>,
    devices: BTreeMap<String, LetIn>,
}

impl Said {
    /// What the edge in that place says.
    fn by(workspace: &Workspace, out: &Path) -> Result<Said, Failure> {
        #[derive(Deserialize)]
        struct ShutOut {
            shut_out: BTreeSet<String>,
        }
        #[derive(Deserialize)]
        struct Devices {
            devices: BTreeMap<String, LetIn>,
        }
        let Some(said) = workspace.read(&out.join(PUBLISHED), believed::LIMIT)? else {
            return Ok(Said::default());
        };
        let shut_out = serde_json::from_slice(&said).map(|ShutOut { shut_out }| shut_out);
        let devices = serde_json::from_slice(&said).map(|Devices { devices }| devices);
        Ok(Said {
            shut_out: shut_out.unwrap_or_default(),
            devices: devices.unwrap_or_default(),
        })
    }

    /// What it has let in by fingerprint.
    fn installed(&self) -> impl Iterator<Item = (DeviceId, Fingerprint)> {
        let installed = self.devices.iter().filter(|(_, let_in)| let_in.installed);
        installed.filter_map(|(device, let_in)| {
            let fingerprint = Fingerprint::new(let_in.fingerprint.as_deref()?).ok()?;
            // A record of that one nobody would read again.
            let is_one = !fingerprint.is_of_nothing();
            Some((device.parse().ok()?, fingerprint)).filter(|_| is_one)
        })
    }
}
