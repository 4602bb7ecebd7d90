//! Whether homelab.lock went back: what the revocation lists in the output tree say that it has forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use miette::{Diagnostic, Report};
use serde::Deserialize;
use thiserror::Error;

use super::failure::{Exit, Failure};
use super::left_behind::{Behind, Forgets};
use super::workspace::Workspace;
use super::{believed, clock, report};
use crate::derive::{DeviceAccess, EDGE_STATE, shown_moment};
use crate::lock::{Forgotten, HandedOut, Lock, PublishedCrl, Remembered, Returned};
use crate::model::{DeviceId, Fingerprint, Homelab};
use crate::pki::{Certificate, certificates_in, crls_in, read_crl};

/// Bytes of a revocation list, at the most: more than 500,000 certificates.
const LIMIT: u64 = 32 << 20;

/// Where the lists of an output tree are.
const LISTS: [&str; 2] = ["edge/ca.crl", "edge/ca.crl.der"];

/// Devices that are named one by one, at the most; a command names them all.
const NAMED: usize = 10;

#[derive(Debug, Error, Diagnostic)]
#[error("homelab.lock lets in {count} that {} shut out:{named}", if *.is_one { "was" } else { "were" })]
#[diagnostic(
    code("lock::went-back"),
    help(
        "homelab.lock is older than what was built from it, as after `git stash`, a revert, a checkout or a forced push. Bring the newer one back: `git stash pop`, or `git log -- homelab.lock`.\nIf it is lost, shut {them} out again (`--no-replace` gives {them} no new file):\n  {revoke}\nTo let {them} in again instead:\n  {build}",
        them = if *is_one { "it" } else { "them" }
    )
)]
struct WentBack {
    is_one: bool,
    count: String,
    /// Each on a line of its own.
    named: String,
    revoke: String,
    build: String,
}

impl WentBack {
    /// The devices that come back beside those that may, and the commands that settle all of them at once: one that
    /// names fewer would be refused because of the others.
    fn of(returned: &[&Returned], accepted: &[&DeviceId], out: &Path) -> WentBack {
        let since = |returned: &Returned| match returned.listed {
            Some((number, since)) => format!(
                "revoked {}, number {number} of {}",
                shown_moment(since),
                out.join(LISTS[0]).display(),
            ),
            None => format!(
                "shut out before, as this machine or {} remembers",
                out.join(EDGE_STATE).display()
            ),
        };
        let lines = returned.iter().take(NAMED);
        let mut named: String = lines
            .map(|returned| format!("\n  `{}`: {}", returned.device, since(returned)))
            .collect();
        if let Some(more @ 1..) = returned.len().checked_sub(NAMED) {
            named.push_str(&format!("\n  and {more} more"));
        }
        let accepting = |device: &DeviceId| format!("--accept-return-of {device}");
        let devices = returned.iter().map(|returned| &returned.device);
        let accepted = accepted.iter().map(|device| accepting(device));
        let revoke = devices.clone().map(ToString::to_string);
        let build = devices.map(accepting);
        WentBack {
            is_one: returned.len() == 1,
            count: match returned.len() {
                1 => String::from("a device"),
                count => format!("{count} devices"),
            },
            named,
            revoke: command("homelab revoke", revoke.chain(accepted.clone())),
            build: command("homelab build", accepted.chain(build)),
        }
    }
}

/// A command over as many lines as it needs, to be copied as it stands: what draws a diagnostic breaks longer ones.
fn command(begin: &str, words: impl Iterator<Item = String>) -> String {
    const WIDTH: usize = 80;
    let (mut command, mut width) = (begin.to_owned(), begin.len());
    for word in words {
        if width + word.len() >= WIDTH {
            command.push_str(" \\\n   ");
            width = 3;
        }
        width += word.len() + 1;
        command.push(' ');
        command.push_str(&word);
    }
    command
}

/// What the output tree and this machine remember, as far as it is believed.
#[derive(Default)]
pub struct Published {
    /// Those that an authority of the lock's has signed.
    pub lists: Vec<PublishedCrl>,
    /// Those, and the last ones that this machine remembers.
    pub handed_out: Vec<HandedOut>,
    /// The certificates that its edge has shut out.
    shut_out: BTreeSet<String>,
    /// What it and this machine remember of earlier locks.
    remembered: Remembered,
    /// Whether somebody has said that an older lock counts.
    accepts_order: bool,
    /// The epoch of the lock.
    epoch: u64,
    now: Timestamp,
    /// Files with whole lists of authorities that stand beside them and not in the lock.
    others: Vec<PathBuf>,
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
        let (mut seen, mut others) = (BTreeSet::new(), Vec::new());
        for path in { places.iter() }.flat_map(|out| LISTS.map(|list| out.join(list))) {
            let Some(file) = workspace.read(&path, LIMIT)? else {
                continue;
            };
            let found = crls_in(&file);
            let mut is_whole = !found.is_empty();
            let mut is_of_others = false;
            let mut unknown = Vec::new();
            for der in found {
                match lock.published(&der) {
                    Some(list) => {
                        if seen.insert(der) {
                            lists.push(list);
                        }
                    }
                    None => unknown.push(der),
                }
            }
            let beside = match unknown.is_empty() {
                true => Vec::new(),
                false => authorities_beside(workspace, &path)?,
            };
            for der in unknown {
                if beside.iter().any(|other| read_crl(&der, other).is_ok()) {
                    is_of_others = true;
                } else {
                    is_whole = false;
                }
            }
            if !is_whole {
                report::note(format_args!(
                    "{} is damaged, or somebody else's: whether a device comes back that it shut out cannot be told from it.",
                    path.display()
                ));
            } else if is_of_others {
                others.push(path);
            }
        }
        let (mut shut_out, mut installed) = (BTreeSet::new(), BTreeSet::new());
        let mut remembered = Remembered::default();
        for place in &places {
            let said = Said::by(workspace, place)?;
            installed.extend(said.installed());
            shut_out.extend(said.shut_out);
            remembered = remembered.united(said.remembered);
        }
        // What this machine knows by itself is the last word: git may have written what lies in the directory.
        let memory = &workspace.recollection().memory;
        remembered = remembered.united(memory.remembered.clone());
        shut_out.extend(memory.remembered.certificates.keys().cloned());
        let found = lists.iter().map(HandedOut::from);
        Ok(Published {
            handed_out: found.chain(memory.lists.iter().copied()).collect(),
            lists,
            shut_out,
            remembered,
            accepts_order: workspace.accepts_order_of(lock),
            epoch: lock.epoch,
            now: clock::now()?,
            others,
            installed: installed.into_iter().collect(),
            out: out.to_owned(),
        })
    }

    /// The devices that come back by this lock.
    fn returned_by(&self, lock: &Lock) -> Vec<Returned> {
        lock.returned(&self.lists, &self.shut_out)
    }

    /// The devices that come back by this lock, where they are declared still and nobody has said that they
    /// may.
    fn returned(&self, homelab: &Homelab, lock: &Lock, accepted: &[DeviceId]) -> Vec<Returned> {
        let mut returned = self.returned_by(lock);
        let gone = lock.undeclared(homelab);
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
        self.refuse_return_by(homelab, lock, lock, accepted)
    }

    /// Fails where some do that come back by `after`, which a command makes of `lock`; and tells of all that come back
    /// by `lock`, for the command left some out.
    pub fn refuse_return_by(
        &self,
        homelab: &Homelab,
        lock: &Lock,
        after: &Lock,
        accepted: &[DeviceId],
    ) -> Result<(), Failure> {
        let mut reports = Vec::new();
        // Most locks have none, and what a command makes of one has no more.
        if self.returned_by(lock).is_empty() || self.returned(homelab, after, accepted).is_empty() {
            self.tell_of_others();
        } else {
            reports.push(Report::new(self.went_back(homelab, lock, accepted)));
        }
        reports.extend(self.left_behind(after, accepted));
        match reports.is_empty() {
            true => Ok(()),
            false => Err(Failure {
                exit: Exit::Difference,
                reports,
            }),
        }
    }

    fn went_back(&self, homelab: &Homelab, lock: &Lock, accepted: &[DeviceId]) -> WentBack {
        let all = self.returned(homelab, lock, &[]);
        let (accepted, told): (Vec<&Returned>, Vec<&Returned>) =
            all.iter().partition(|one| accepted.contains(&one.device));
        let accepted: Vec<&DeviceId> = accepted.iter().map(|one| &one.device).collect();
        WentBack::of(&told, &accepted, &self.out)
    }

    /// Tells of the lists of authorities that the lock does not know. Who comes back is refused with that reason already.
    fn tell_of_others(&self) {
        for path in &self.others {
            report::note(format_args!(
                "{} is of an authority that homelab.lock does not know, as after a rotation or an adoption: homelab.lock may be older than it. Whether a device comes back that only this list shuts out cannot be told.",
                path.display()
            ));
        }
    }

    /// What this lock has lost of what is remembered, where nobody has said that it may.
    fn left_behind(&self, lock: &Lock, accepted: &[DeviceId]) -> Vec<Report> {
        let mut reports = Vec::new();
        let mut forgotten = lock.forgotten(&self.remembered, &self.lists, self.now);
        forgotten.retain(|one| match one {
            Forgotten::Of(device) => accepted.iter().all(|known| known.to_string() != *device),
            Forgotten::Listed(..) => true,
        });
        if !forgotten.is_empty() {
            reports.push(Report::new(Forgets::of(&forgotten, &self.out)));
        }
        let lost = match self.accepts_order {
            true => Vec::new(),
            false => lock.lost(&self.remembered, self.now),
        };
        if !lost.is_empty() {
            reports.push(Report::new(Behind::of(&lost, self.epoch)));
        }
        reports
    }

    /// Tells of them; gives their names.
    pub fn tell(&self, homelab: &Homelab, lock: &Lock) -> Vec<String> {
        for report in self.left_behind(lock, &[]) {
            report::note(format_args!(
                "{report}. `homelab build` refuses it, and says what to do."
            ));
        }
        let returned = self.returned(homelab, lock, &[]).into_iter();
        let names: Vec<String> = returned.map(|one| one.device.to_string()).collect();
        let (were, them) = match names.len() {
            0 => {
                self.tell_of_others();
                return names;
            }
            1 => ("was", "it"),
            _ => ("were", "them"),
        };
        report::note(format_args!(
            "{} {were} shut out, as {} tells, and homelab.lock lets {them} in: it is an older one. `homelab build` refuses it, and says what to do.",
            names.join(", "),
            self.out.join("edge").display(),
        ));
        names
    }
}

/// The authorities in the ca.pem beside a list.
fn authorities_beside(workspace: &Workspace, list: &Path) -> Result<Vec<Certificate>, Failure> {
    let file = workspace.read(&list.with_file_name("ca.pem"), LIMIT)?;
    let found = certificates_in(&file.unwrap_or_default()).into_iter();
    Ok(found
        .filter_map(|der| Certificate::from_der(der).ok())
        .collect())
}

/// What an edge says of itself, as far as it is wanted. The parts are read apart: what is wrong with one takes nothing from the other.
#[derive(Default)]
struct Said {
    shut_out: BTreeSet<String>,
    devices: BTreeMap<String, DeviceAccess>,
    remembered: Remembered,
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
            devices: BTreeMap<String, DeviceAccess>,
        }
        #[derive(Deserialize)]
        struct Remembers {
            remembered: Remembered,
        }
        let Some(said) = workspace.read(&out.join(EDGE_STATE), believed::LIMIT)? else {
            return Ok(Said::default());
        };
        let shut_out = serde_json::from_slice(&said).map(|ShutOut { shut_out }| shut_out);
        let devices = serde_json::from_slice(&said).map(|Devices { devices }| devices);
        let remembered = serde_json::from_slice(&said).map(|Remembers { remembered }| remembered);
        Ok(Said {
            remembered: remembered.unwrap_or_default(),
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
