//! What there is to know beside what a command does: what has ended, and what the declaration says in vain.

use std::fmt::{self, Display};
use std::path::Path;

use jiff::Timestamp;

use super::clock::Clock;
use super::consequence::outdated_authority;
use crate::dates;
use crate::diagnostic::{joined, listed};
use crate::lock::{Lock, Reconciliation};
use crate::model::{DeviceId, EdgePart, Homelab, Name};
use crate::status::{State, Status};

/// How a revocation list comes to be what it should be.
pub(crate) const SIGN: &str =
    "run `homelab build` where the root secret is, and commit homelab.lock.";

/// How many devices are named; of more only the number is told.
const NAMED: usize = 6;

/// What has ended, and what the lock has of the future: told where a command would otherwise say that all is well.
pub(crate) fn ended(status: &Status, lock: &Lock, clock: &Clock) -> Vec<String> {
    let mut notes: Vec<String> = clock.note(lock).into_iter().collect();
    let has_ended = |state| state == State::Expired;
    let authority = status.authority.iter().find(|a| has_ended(a.state));
    if let Some(end) = authority.and_then(|authority| authority.not_after) {
        notes.push(format!(
            "The authority ended on {}, and every certificate of it with it: nobody is let in. `homelab rotate --authority` makes another, then `homelab renew --all`.",
            dates::day(end)
        ));
        return notes;
    }
    let ended = { status.devices.iter() }.filter(|device| has_ended(device.state));
    let ended: Vec<&DeviceId> = ended.map(|device| &device.device).collect();
    if !ended.is_empty() {
        notes.push(format!(
            "Ended, and let in no more: {}. `homelab renew --due` issues new ones.",
            named(&ended)
        ));
    }
    notes
}

fn named(devices: &[&DeviceId]) -> impl Display {
    let shown = listed(&devices[..devices.len().min(NAMED)]);
    fmt::from_fn(move |f| match devices.len().checked_sub(NAMED) {
        Some(more @ 1..) => write!(f, "{shown} and {more} more"),
        _ => shown.fmt(f),
    })
}

/// The devices by fingerprint that no authority vouches for.
pub(super) fn unvouched(homelab: &Homelab, lock: &Lock) -> Option<String> {
    if lock.vouches_for_installed() {
        return None;
    }
    let unvouched: Vec<&DeviceId> = homelab.installed().map(|(device, _)| device).collect();
    let (are, of) = match unvouched.as_slice() {
        [] => return None,
        [_] => ("is", "its certificate"),
        _ => ("are", "their certificates"),
    };
    Some(format!(
        "{} {are} not let in: no authority is trusted that could have signed {of}. `homelab adopt` trusts one.",
        named(&unvouched)
    ))
}

/// What counts as home and is one address only, though it ends as a network does.
pub(super) fn single_addresses(homelab: &Homelab) -> impl Iterator<Item = String> {
    let ranges = homelab.edges.iter().flat_map(|edge| &edge.lan);
    ranges.filter_map(|range| {
        let meant = range.meant()?;
        let written = meant.addr();
        Some(format!(
            "`lan \"{written}\"` is one address, which nobody has: write `lan \"{meant}\"` for the network."
        ))
    })
}

/// Devices among which renamed ones are looked for, at the most: each is held against each.
const RENAMED: usize = 100;

/// Devices that go and come in one build, and look like the same under another name.
pub(super) fn renamed(homelab: &Homelab, reconciliation: &Reconciliation) -> Vec<String> {
    let Reconciliation {
        shut_out, issue, ..
    } = reconciliation;
    // Of so many it is no renaming that anybody has to be told of.
    if shut_out.len() > RENAMED || issue.len() > RENAMED {
        return Vec::new();
    }
    let only_of = |person: &Name| {
        let gone = shut_out
            .iter()
            .filter(|gone| gone.person == *person)
            .count();
        let new = issue
            .iter()
            .filter(|new| new.device.person == *person)
            .count();
        (gone, new) == (1, 1)
    };
    let is_renamed = |gone: &DeviceId, new: &DeviceId| {
        let of_person = gone.person == new.person && only_of(&gone.person);
        let is_gone = !homelab.people.contains_key(&gone.person);
        of_person || is_gone && gone.device == new.device
    };
    let pairs = shut_out.iter().filter_map(|gone| {
        let mut alike = issue
            .iter()
            .map(|new| &new.device)
            .filter(|new| is_renamed(gone, new));
        let first = alike.next()?;
        alike.next().is_none().then_some((gone, first))
    });
    let told = pairs.map(|(gone, new)| {
        format!(
            "{new} was {gone}? A device's name stands in its certificate, so {new} needs its new file, and the old one is let in no longer. For a time with both, declare {gone} beside it until the new file is installed."
        )
    });
    told.collect()
}

/// How an edge that was built reaches the Caddy host, as the first of what is to be done.
pub(crate) fn how_to_deploy(homelab: &Homelab) -> String {
    let copied = homelab
        .edges()
        .filter(|part| part.settings.deploy.is_none());
    let copied: Vec<String> = copied.map(EdgePart::directory).collect();
    let copied = match copied.as_slice() {
        [] => return String::from("`homelab deploy`"),
        [directory] => format!("copy out/{directory}/ to the Caddy host, and `caddy reload` there"),
        several => {
            let directories = several.iter().map(|directory| format!("out/{directory}/"));
            let directories = joined(directories, " and ");
            format!("copy {directories} each to its Caddy host, and `caddy reload` there")
        }
    };
    if homelab.edges.iter().any(|edge| edge.deploy.is_some()) {
        format!("`homelab deploy`, and {copied}")
    } else {
        copied
    }
}

/// What is to be known of an authority that was made when the declaration said otherwise.
pub(crate) fn of_authority(homelab: &Homelab, lock: &Lock) -> Option<String> {
    let outdated = outdated_authority(homelab, lock);
    let name = lock.signing()?.common_name();
    (!outdated.is_empty()).then(|| {
        format!(
            "the authority `{name}` stays as it is, and devices keep their certificates, though {}; \
             `homelab rotate --authority` begins to go over to one as homelab.kdl says",
            outdated.join(", and ")
        )
    })
}

/// What homelab.lock has still to learn of devices by fingerprint, where an edge alone is built.
pub(super) fn lock_is_behind(reconciliation: &Reconciliation) -> impl Iterator<Item = String> {
    let Reconciliation { record, remove, .. } = reconciliation;
    let new = (!record.is_empty()).then(|| {
        format!(
            "homelab.lock does not record {} yet, so it could not tell of the certificate once it is deleted: {SIGN}",
            names(record)
        )
    });
    let gone = (!remove.is_empty()).then(|| {
        format!(
            "homelab.lock does not say yet that {} is deleted: {SIGN}",
            names(remove)
        )
    });
    new.into_iter().chain(gone)
}

/// Devices that are let in though their last day is over: what leaves the lock as it is shuts nobody out.
pub(super) fn guests_let_in(homelab: &Homelab, lock: &Lock, now: Timestamp) -> Option<String> {
    let admitted = lock.admitted();
    let lasts = |device: &DeviceId| {
        let certificates = admitted.get(device);
        certificates.is_some_and(|all| all.iter().any(|one| one.validity.not_after() > now))
    };
    let over = { homelab.enrolled() }.filter(|(_, device)| device.is_over(now));
    let over = over.map(|(_, device)| &device.id).filter(|id| lasts(id));
    let over: Vec<DeviceId> = over.cloned().collect();
    (!over.is_empty()).then(|| {
        format!(
            "Let in still, though the last day of `until` is over: {}. `homelab build` shuts them out.",
            names(&over)
        )
    })
}

pub(super) fn names(devices: &[DeviceId]) -> impl Display {
    listed(devices)
}

/// What it means that a file system keeps no modes.
pub(crate) fn shown_secrets(out: &Path) -> String {
    format!(
        "`{}` is on a file system that keeps no modes: whoever is on this machine can read the keys in every .p12 and profile there. Build elsewhere with `--out`, or mount it for yourself alone (such as `umask=077`).",
        out.display()
    )
}
