//! What output trees and this machine's memory tell of earlier locks: whether homelab.lock went back, or has lost what shut
//! somebody out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::left_behind::{Behind, Forgets};
use super::said::Said;
use super::stop::Stop;
use crate::dates;
use crate::lock::{Forgotten, HandedOut, Lock, PublishedCrl, Remembered, Returned};
use crate::memory::Memory;
use crate::model::{DeviceId, Homelab};
use crate::pki::{Certificate, Fingerprint, certificates_in, crls_in, read_crl};
use crate::root::RootKey;

/// Devices that are named one by one, at the most; a command names them all.
const NAMED: usize = 10;

/// What lies in the directory of an edge, in a place for output or on a host, as it was read.
#[derive(Default)]
pub(crate) struct Remains {
    /// That directory, as a user would name it.
    pub edge: PathBuf,
    /// Its `exposure.json`.
    pub edge_state: Option<Vec<u8>>,
    pub lists: Vec<FoundList>,
}

/// A file of revocation lists.
pub(crate) struct FoundList {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// What is remembered of the locks before this one, as far as it is believed.
#[derive(Default)]
pub(crate) struct History {
    /// Lists that an authority of the lock's has signed.
    lists: Vec<PublishedCrl>,
    /// Those, and the last ones that this machine remembers.
    pub handed_out: Vec<HandedOut>,
    /// The certificates that were shut out, by their SHA-256 in hexadecimal.
    shut_out: BTreeSet<Fingerprint>,
    remembered: Remembered,
    /// What the last edge has let in by fingerprint, sorted.
    pub installed: Vec<(DeviceId, Fingerprint)>,
    /// The key that earlier locks were signed with.
    pub root_key: Option<RootKey>,
    /// Files with whole lists of authorities that stand beside them and not in the lock.
    others: Vec<PathBuf>,
    /// Files with lists that nobody is known to have signed.
    unreadable: Vec<PathBuf>,
    /// The edge that is spoken of.
    edge: PathBuf,
    /// The command by which what is refused can be accepted.
    pub remedy: &'static str,
}

/// What somebody has said that may be, though it looks as if the lock went back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Accepted<'a> {
    /// These devices may come back.
    pub returns: &'a [DeviceId],
    /// The lock counts though it is behind others.
    pub order: bool,
}

impl History {
    /// Judges what was found: the edges of the tree that is built, and those of others. What no authority of the lock's has signed is not
    /// believed. `beside` reads the authorities beside such a list.
    pub(crate) fn of<E>(
        tree: &[Remains],
        others: &[Remains],
        memory: &Memory,
        lock: &Lock,
        beside: impl Fn(&Path) -> Result<Vec<u8>, E>,
    ) -> Result<History, E> {
        let mut history = History {
            edge: tree
                .first()
                .map(|first| first.edge.clone())
                .unwrap_or_default(),
            remedy: "homelab build",
            ..History::default()
        };
        let mut seen = BTreeSet::new();
        let found = || tree.iter().chain(others);
        for list in found().flat_map(|remains| &remains.lists) {
            let unknown = history.read_list(list, lock, &mut seen);
            if unknown.is_empty() {
                continue;
            }
            history.read_lists_of_others(list, &unknown, &beside(&list.path)?);
        }
        let mut installed = BTreeSet::new();
        for (place, remains) in found().enumerate() {
            let Some(said) = remains.edge_state.as_deref().and_then(Said::of) else {
                continue;
            };
            installed.extend(said.installed());
            history.shut_out.extend(said.shut_out);
            let remembered = std::mem::take(&mut history.remembered);
            history.remembered = remembered.united(said.remembered);
            if place < tree.len() {
                history.root_key = history.root_key.or(said.root_key);
            }
        }
        history.installed = installed.into_iter().collect();
        // What this machine knows by itself is the last word: git may have written what lies in the directory.
        let remembered = std::mem::take(&mut history.remembered);
        history.remembered = remembered.united(memory.remembered.clone());
        history.root_key = memory.root_key.or(history.root_key);
        let certificates = memory.remembered.certificates.keys();
        history.shut_out.extend(certificates.copied());
        let lists = history.lists.iter().map(HandedOut::from);
        history.handed_out = lists.chain(memory.lists.iter().copied()).collect();
        Ok(history)
    }

    /// Takes what authorities of the lock have signed; gives the lists that none of them has.
    fn read_list(
        &mut self,
        file: &FoundList,
        lock: &Lock,
        seen: &mut BTreeSet<Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        let found = crls_in(&file.bytes);
        if found.is_empty() {
            self.unreadable.push(file.path.clone());
        }
        let mut unknown = Vec::new();
        for der in found {
            match lock.published(&der) {
                None => unknown.push(der),
                Some(list) => {
                    if seen.insert(der) {
                        self.lists.push(list);
                    }
                }
            }
        }
        unknown
    }

    fn read_lists_of_others(&mut self, file: &FoundList, lists: &[Vec<u8>], beside: &[u8]) {
        let beside = certificates_in(beside).into_iter();
        let beside: Vec<Certificate> = beside
            .filter_map(|der| Certificate::from_der(der).ok())
            .collect();
        let is_of_them = |der: &Vec<u8>| beside.iter().any(|other| read_crl(der, other).is_ok());
        let told = if lists.iter().all(is_of_them) {
            &mut self.others
        } else {
            &mut self.unreadable
        };
        told.push(file.path.clone());
    }

    /// When what is remembered ends.
    pub(super) fn ends(&self) -> impl Iterator<Item = Timestamp> {
        let certificates = self.remembered.certificates.values();
        let authorities = self.remembered.authorities.values();
        let certificates = certificates.map(|shut_out| shut_out.until);
        certificates.chain(authorities.map(|known| known.until))
    }

    /// The lists from which it cannot be told whom they shut out.
    pub(crate) fn notes(&self) -> Vec<String> {
        let unreadable = self.unreadable.iter().map(|path| {
            format!(
                "{} is damaged, or somebody else's: whether a device comes back that it shut out cannot be told from it.",
                path.display()
            )
        });
        unreadable.collect()
    }

    /// The lists of authorities that the lock does not know. Where devices come back, that is told for that reason already.
    pub(crate) fn notes_of_others(&self) -> Vec<String> {
        let others = self.others.iter().map(|path| {
            format!(
                "{} is of an authority that homelab.lock does not know, as after a rotation or an adoption: homelab.lock may be older than it. Whether a device comes back that only this list shuts out cannot be told.",
                path.display()
            )
        });
        others.collect()
    }

    /// The devices that come back by this lock, where they are declared still.
    pub(crate) fn returned(&self, homelab: &Homelab, lock: &Lock) -> Vec<Returned> {
        let mut returned = lock.returned(&self.lists, &self.shut_out);
        if !returned.is_empty() {
            let gone = lock.undeclared(homelab);
            returned.retain(|one| !gone.contains(&one.device));
        }
        returned
    }

    /// Why a build is refused that makes `after` of `lock`: the devices that come back by it and that nobody has accepted, and what
    /// it has lost of what is remembered. All that come back by `lock` are told, for the command left some out.
    pub(crate) fn stops(
        &self,
        homelab: &Homelab,
        lock: &Lock,
        after: &Lock,
        accepted: Accepted<'_>,
        now: Timestamp,
    ) -> Vec<Stop> {
        let mut stops = Vec::new();
        let is_refused = |one: &Returned| !accepted.returns.contains(&one.device);
        // What a command makes of a lock has no more of them.
        let all = self.returned(homelab, lock);
        if !all.is_empty() && self.returned(homelab, after).iter().any(is_refused) {
            let (told, accepted): (Vec<&Returned>, Vec<&Returned>) =
                all.iter().partition(|one| is_refused(one));
            let accepted: Vec<&DeviceId> = accepted.iter().map(|one| &one.device).collect();
            stops.push(Stop::difference(WentBack::of(&told, &accepted, self)));
        }
        stops.extend(self.left_behind(after, accepted, now));
        stops
    }

    /// What this lock has lost of what is remembered.
    pub(crate) fn left_behind(
        &self,
        lock: &Lock,
        accepted: Accepted<'_>,
        now: Timestamp,
    ) -> Vec<Stop> {
        let mut stops = Vec::new();
        let mut forgotten = lock.forgotten(&self.remembered, &self.lists, now);
        forgotten.retain(|one| match one {
            Forgotten::Of(device) => !accepted.returns.contains(device),
            Forgotten::Listed(..) => true,
        });
        if !forgotten.is_empty() {
            stops.push(Stop::difference(Forgets::of(
                &forgotten,
                &self.edge,
                self.remedy,
            )));
        }
        let lost = if accepted.order {
            Vec::new()
        } else {
            lock.lost(&self.remembered, now)
        };
        if !lost.is_empty() {
            stops.push(Stop::difference(Behind::of(&lost, lock.epoch)));
        }
        stops
    }

    /// The devices that a build would refuse to let in again, and what is to be said of them and of all that was lost.
    pub(crate) fn told(
        &self,
        homelab: &Homelab,
        lock: &Lock,
        now: Timestamp,
    ) -> (Vec<DeviceId>, Vec<String>) {
        let left_behind = self.left_behind(lock, Accepted::default(), now);
        let mut notes: Vec<String> = { left_behind.iter() }
            .map(|stop| {
                format!(
                    "{}. `homelab build` refuses it, and says what to do.",
                    stop.report
                )
            })
            .collect();
        let returned = self.returned(homelab, lock).into_iter();
        let devices: Vec<DeviceId> = returned.map(|one| one.device).collect();
        let (were, them) = match devices.len() {
            0 => {
                notes.extend(self.notes_of_others());
                return (devices, notes);
            }
            1 => ("was", "it"),
            _ => ("were", "them"),
        };
        let names: Vec<String> = devices.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "{} {were} shut out, as {} tells, and homelab.lock lets {them} in: it is an older one. `homelab build` refuses it, and says what to do.",
            names.join(", "),
            self.edge.display(),
        ));
        (devices, notes)
    }
}

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
    fn of(returned: &[&Returned], accepted: &[&DeviceId], history: &History) -> WentBack {
        let edge = &history.edge;
        let since = |returned: &Returned| match returned.listed {
            Some((number, since)) => format!(
                "revoked {}, number {number} of {}",
                dates::moment(since),
                edge.join("ca.crl").display(),
            ),
            None => format!(
                "shut out before, as this machine or {} remembers",
                edge.join("exposure.json").display()
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
            build: command(history.remedy, accepted.chain(build)),
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
