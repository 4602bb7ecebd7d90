//! What a change means for people, in sentences.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Write};

use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use super::access;
use super::edges::{BuiltEdges, name_of};
use crate::dates;
use crate::derive::{DeviceAccess, EdgeState};
use crate::lock::CLOCK_ALLOWANCE_HOURS;
use crate::lock::{Lock, Origin};
use crate::model::Homelab;
use crate::pki::Fingerprint;

/// One thing that a change means for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Consequence {
    pub kind: Kind,
    /// The device, person, service, authority or domain that it is about.
    pub about: String,
    /// A sentence without its full stop.
    pub text: String,
    /// Until when something has to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What kind of thing a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A device gets its first file.
    FirstFile,
    /// A device must install a new file, and what it has works until then.
    NewFile,
    /// A device is shut out.
    LocksOut,
    /// A person may open something that was closed to them.
    Gains,
    /// A person may no longer open something.
    Loses,
    /// Something becomes reachable for people without a certificate, or for more of them.
    Opens,
    /// Something is no longer reachable for people without a certificate.
    Closes,
    /// Something that homelab does not check has changed.
    Unchecked,
    /// A service comes, goes, or answers in another way.
    Service,
    /// Another authority is trusted, or one is no longer.
    Authority,
    /// Something about the whole edge.
    Edge,
}

impl Consequence {
    pub(super) fn new(kind: Kind, about: &str, text: impl Display) -> Consequence {
        Consequence {
            kind,
            about: Printable::of(about),
            text: Printable::of(text),
            until: None,
        }
    }

    /// Says at which of several edges it is so.
    pub(super) fn at_edge(&mut self, edge: &str) {
        edge.clone_into(&mut self.about);
        self.text = format!("on the edge {edge}: {}", self.text);
    }
}

/// What a tree holds comes from a file; nothing in it shall speak to a terminal.
struct Printable(String);

impl Printable {
    fn of(text: impl Display) -> String {
        let mut printable = Printable(String::new());
        write!(printable, "{text}").expect("a String takes all");
        printable.0
    }
}

impl Write for Printable {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.chars().filter(|c| !c.is_control()));
        Ok(())
    }
}

/// What it means for people to go from some edges to others, devices first.
pub(crate) fn between(before: &BuiltEdges<'_>, after: &BuiltEdges<'_>) -> Vec<Consequence> {
    let mut known = before.known();
    known.elsewhere.extend(after.known().elsewhere);
    let mut found = of_devices(&before.devices(), &known, &after.devices());
    // All edges trust the same authorities.
    if let (Some(was), Some(is)) = (before.states().next(), after.states().next()) {
        authorities(was, is, &mut found);
    }
    edges(before, after, &mut found);
    access::compare(before, after, &mut found);
    found
}

/// What has been let in once.
pub(crate) struct Known<'k> {
    /// The devices that had a certificate that is shut out now.
    pub devices: BTreeSet<&'k str>,
    /// The certificates that were shut out.
    pub shut_out: BTreeSet<&'k Fingerprint>,
    /// The certificates that some edge knows of, though it has nothing for them.
    pub elsewhere: BTreeSet<&'k Fingerprint>,
}

/// What it means for the owners of devices that other certificates are let in.
pub(crate) fn of_devices(
    before: &BTreeMap<String, DeviceAccess>,
    known: &Known<'_>,
    after: &BTreeMap<String, DeviceAccess>,
) -> Vec<Consequence> {
    let nothing = DeviceAccess::default();
    let mut devices: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    // Of several edges each names those that it has something for: who is named by none is not shut out.
    devices.retain(|device| {
        let of = |list: &BTreeMap<String, DeviceAccess>, other: &BTreeMap<String, DeviceAccess>| {
            let only = list.get(*device).filter(|_| !other.contains_key(*device));
            only.is_some_and(|access| {
                let mut all = access.fingerprints();
                access.lets_in() && all.all(|one| known.elsewhere.contains(one))
            })
        };
        known.elsewhere.is_empty() || !(of(before, after) || of(after, before))
    });
    let told = devices.into_iter().filter_map(|device| {
        let was = before.get(device).unwrap_or(&nothing);
        let is = after.get(device).unwrap_or(&nothing);
        of_device(device, was, is, known)
    });
    told.collect()
}

fn of_device(
    device: &str,
    was: &DeviceAccess,
    is: &DeviceAccess,
    known: &Known<'_>,
) -> Option<Consequence> {
    let tell = |kind, text: fmt::Arguments<'_>| Some(Consequence::new(kind, device, text));
    let loses_some = was.fingerprints().any(|fingerprint| !is.has(fingerprint));
    let is_back = { is.fingerprints() }.any(|it| known.shut_out.contains(it) && !was.has(it));
    let was_older = |fingerprint| {
        let mut older = was.older.iter();
        older.any(|older| older.fingerprint == fingerprint)
    };
    let is_older = is.fingerprint.is_some_and(was_older);
    match (was.lets_in(), is.lets_in()) {
        (false, false) => None,
        (_, true) if is_back => {
            let newer = if loses_some {
                ", and not with the one that it has had since"
            } else {
                ""
            };
            tell(
                Kind::Gains,
                format_args!("lets {device} in again with a certificate that was shut out{newer}"),
            )
        }
        (true, true) if is_older => tell(
            Kind::LocksOut,
            format_args!(
                "locks out {device} where its newer file is installed, and lets in the older one"
            ),
        ),
        (true, false) => tell(Kind::LocksOut, format_args!("locks out {device}")),
        (false, true) => Some(of_new_device(device, is, known)),
        (true, true) if is.installed && !was.installed => tell(
            Kind::LocksOut,
            format_args!(
                "{device} is let in with the certificate that it had before, and not with what was issued to it"
            ),
        ),
        (true, true) if was.fingerprint != is.fingerprint => Some(of_new_file(device, was, is)),
        (true, true) if loses_some => tell(
            Kind::LocksOut,
            format_args!("locks out {device}, if its new file is not installed by now"),
        ),
        (true, true) => None,
    }
}

/// What it means that a device is let in that was not.
fn of_new_device(device: &str, is: &DeviceAccess, known: &Known<'_>) -> Consequence {
    let (kind, what) = if is.installed {
        (Kind::Gains, "is let in with the certificate that it has")
    } else if known.devices.contains(device) {
        (Kind::FirstFile, "is let in again, with a new file")
    } else {
        (Kind::FirstFile, "gets its first file")
    };
    Consequence::new(kind, device, format_args!("{device} {what}"))
}

/// What it means that a device has another file now.
fn of_new_file(device: &str, was: &DeviceAccess, is: &DeviceAccess) -> Consequence {
    let until = match &was.fingerprint {
        Some(present) => is.older.iter().find(|older| older.fingerprint == *present),
        None => None,
    };
    let Some(until) = until.map(|older| older.until) else {
        let text = format_args!("locks out {device} until it installs its new file");
        return Consequence::new(Kind::LocksOut, device, text);
    };
    let by = dates::in_words(until);
    let text = format_args!("{device} must install a new file by {by}");
    Consequence {
        until: Some(until),
        ..Consequence::new(Kind::NewFile, device, text)
    }
}

/// Edges that come and go, where there are several.
fn edges(before: &BuiltEdges<'_>, after: &BuiltEdges<'_>, found: &mut Vec<Consequence>) {
    let (was, is) = (before.directories(), after.directories());
    for name in is.difference(&was).filter_map(|at| name_of(at)) {
        let text = format_args!("the edge {name} is new: its Caddy has to get its files");
        found.push(Consequence::new(Kind::Edge, name, text));
    }
    for name in was.difference(&is).filter_map(|at| name_of(at)) {
        let text = format_args!(
            "the edge {name} is no longer declared: what its Caddy has got already it serves until somebody stops it"
        );
        found.push(Consequence::new(Kind::Edge, name, text));
    }
}

fn authorities(before: &EdgeState, after: &EdgeState, found: &mut Vec<Consequence>) {
    for new in &after.authorities {
        if !before.authorities.contains(new) {
            let text = format_args!(
                "certificates of the authority `{}` are believed from now on, where they are declared or issued here",
                new.name
            );
            found.push(Consequence::new(Kind::Authority, &new.name, text));
        }
    }
    for old in &before.authorities {
        if !after.authorities.contains(old) {
            let text = format_args!(
                "certificates of the authority `{}` are no longer believed",
                old.name
            );
            found.push(Consequence::new(Kind::Authority, &old.name, text));
        }
    }
    let (was, is) = (&before.exposure.domain, &after.exposure.domain);
    if was != is {
        let stays = if before.authorities == after.authorities {
            ", and devices keep their certificates: they are of an authority that bears its name, until `homelab rotate --authority`"
        } else {
            ""
        };
        let text = format_args!("the domain becomes {is}; it was {was}{stays}");
        found.push(Consequence::new(Kind::Edge, is, text));
    }
}

/// What the declaration says of the authority that the present one is not, because it was made when the
/// declaration said otherwise: no build replaces it.
pub(crate) fn outdated_authority(homelab: &Homelab, lock: &Lock) -> Vec<String> {
    let Some(authority) = lock.signing().filter(|a| a.origin == Origin::Derived) else {
        return Vec::new();
    };
    let mut outdated = Vec::new();
    if authority.domain != homelab.domain {
        outdated.push(format!("it is of the domain `{}`", authority.domain));
    }
    let validity = authority.validity;
    let made = validity
        .not_before()
        .checked_add(CLOCK_ALLOWANCE_HOURS.hours());
    let lifetime = &homelab.validity.authority;
    let declared = made.ok().and_then(|made| lifetime.after(made));
    if declared.is_some_and(|end| end != validity.not_after()) {
        outdated.push(format!(
            "it ends on {}, which is not `{}` after its issue",
            dates::day(validity.not_after()),
            lifetime.as_str()
        ));
    }
    outdated
}
