//! The time by which a command goes, and whether it can be right.

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::stop::Stop;
use crate::lock::{Issued, Lock, State};

/// The second from which on this homelab may have been run: the beginning of 2026, the year in which it was made. A clock
/// that is earlier has lost the time, or was set for a reproducible build, and its dates would go into certificates.
const MADE: i64 = 1_767_225_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockSource {
    System,
    /// <https://reproducible-builds.org/specs/source-date-epoch/>
    SourceDateEpoch,
}

/// The time by which a command goes, in whole seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub now: Timestamp,
    pub source: ClockSource,
}

#[derive(Debug, Error, Diagnostic)]
#[error("{} says {}, and this homelab was made later than that", .0.source.name(), .0.now)]
#[diagnostic(code("clock::before-release"), help("{}", .0.source.remedy()))]
struct BeforeRelease(Clock);

impl ClockSource {
    fn name(self) -> &'static str {
        match self {
            ClockSource::System => "the clock",
            ClockSource::SourceDateEpoch => "SOURCE_DATE_EPOCH",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            ClockSource::System => "set the clock right: certificates get their dates from it",
            ClockSource::SourceDateEpoch => {
                "certificates get their dates from it: unset it, `env -u SOURCE_DATE_EPOCH homelab …`; `nix develop` and nix-shell set it to 1980"
            }
        }
    }
}

impl Clock {
    /// Now, for dates that are written into the lock, and for what is decided by them.
    ///
    /// # Errors
    /// Where it cannot be now: what is issued then would be over long ago.
    pub(crate) fn to_issue(self) -> Result<Timestamp, Stop> {
        if self.now.as_second() < MADE {
            return Err(Stop::environment(BeforeRelease(self)));
        }
        Ok(self.now)
    }

    /// What is to be said where the clock is behind what the lock says was issued, and what is to be done if it is right.
    pub(crate) fn note(&self, lock: &Lock) -> Option<String> {
        let early = Early::at(self.now, lock)?;
        let name = match self.source {
            ClockSource::System => "The clock",
            ClockSource::SourceDateEpoch => "SOURCE_DATE_EPOCH",
        };
        Some(format!(
            "{name} says {}, but {} on {}: is the clock right? If it is, {}.",
            self.now, early.what, early.when, early.remedy
        ))
    }
}

/// Something in the lock that is of the future, and counts.
struct Early {
    what: &'static str,
    when: Timestamp,
    remedy: String,
}

impl Early {
    fn at(now: Timestamp, lock: &Lock) -> Option<Early> {
        let signing = lock.signing()?;
        let of_authority = |what, when| Early {
            what,
            when,
            remedy: String::from(
                "make another authority, `homelab rotate --authority`, and go over to it",
            ),
        };
        let begins = signing.validity.not_before();
        if now < begins {
            return Some(of_authority("the authority was made", begins));
        }
        let list = lock.crls.iter().find(|crl| crl.authority == signing.id);
        if let Some(list) = list.filter(|list| now < list.updated) {
            return Some(of_authority("ca.crl was signed", list.updated));
        }
        let early = early_devices(now, lock);
        let when = early
            .iter()
            .map(|issued| issued.validity.not_before())
            .max()?;
        let names: Vec<String> = early
            .iter()
            .map(|issued| issued.device.to_string())
            .collect();
        Some(Early {
            what: "something was issued",
            when,
            remedy: format!("`homelab renew {}`", names.join(" ")),
        })
    }
}

fn early_devices(now: Timestamp, lock: &Lock) -> Vec<&Issued> {
    let active = lock
        .certificates
        .iter()
        .filter(|c| c.state == State::Active);
    active
        .filter(|issued| now < issued.validity.not_before())
        .collect()
}
