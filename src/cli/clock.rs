//! The clock: read where the lock is written and where expiry is told, and nowhere else.

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::failure::Failure;
use super::report;
use crate::lock::{Issued, Lock, State};

/// The second from which on this homelab may have been run: the beginning of 2026, the year in which it was made. A clock
/// that is earlier has lost the time, or was set for a reproducible build, and its dates would go into certificates.
const MADE: i64 = 1_767_225_600;

/// <https://reproducible-builds.org/specs/source-date-epoch/>
const VARIABLE: &str = "SOURCE_DATE_EPOCH";

#[derive(Debug, Error, Diagnostic)]
enum ClockError {
    #[error("SOURCE_DATE_EPOCH is `{value}`, which is no number of seconds since 1970")]
    #[diagnostic(
        code("clock::source-date-epoch"),
        help("write it as `date +%s` does, or unset it")
    )]
    SourceDateEpoch { value: String },

    #[error("{} says {now}, and this homelab was made later than that", source())]
    #[diagnostic(code("clock::before-release"), help("{}", remedy()))]
    BeforeRelease { now: Timestamp },
}

/// Now, in whole seconds; `SOURCE_DATE_EPOCH` where it is set.
pub fn now() -> Result<Timestamp, Failure> {
    let Some(value) = std::env::var_os(VARIABLE) else {
        let now = Timestamp::now();
        return Ok(Timestamp::from_second(now.as_second()).unwrap_or(now));
    };
    let value = value.to_string_lossy().into_owned();
    let second = value.parse().ok();
    second
        .and_then(|second| Timestamp::from_second(second).ok())
        .ok_or_else(|| Failure::environment(ClockError::SourceDateEpoch { value }))
}

/// Now, for dates that are written into the lock, and for what is decided by them.
///
/// # Errors
/// Where it cannot be now: what is issued then would be over long ago.
pub fn now_to_issue() -> Result<Timestamp, Failure> {
    let now = now()?;
    match now.as_second() < MADE {
        true => Err(Failure::environment(ClockError::BeforeRelease { now })),
        false => Ok(now),
    }
}

/// What has told the time.
fn source() -> &'static str {
    match std::env::var_os(VARIABLE) {
        Some(_) => VARIABLE,
        None => "the clock",
    }
}

fn remedy() -> &'static str {
    match std::env::var_os(VARIABLE) {
        Some(_) => {
            "certificates get their dates from it: unset it, `env -u SOURCE_DATE_EPOCH homelab …`; `nix develop` and nix-shell set it to 1980"
        }
        None => "set the clock right: certificates get their dates from it",
    }
}

/// Tells where the clock is behind what the lock says was issued, and what is to be done if it is right.
pub fn warn(now: Timestamp, lock: &Lock) {
    if let Some(early) = Early::at(now, lock) {
        report::note(format_args!(
            "{} says {now}, but {} on {}: is the clock right? If it is, {}.",
            capital(source()),
            early.what,
            early.when,
            early.remedy
        ));
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

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
