//! The clock: read where the lock is written and where expiry is told, and nowhere else.

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::report;
use crate::build::{Clock, ClockSource, Consent, Intent, Mode};
use crate::diagnostic::Failure;
use crate::lock::Lock;

/// <https://reproducible-builds.org/specs/source-date-epoch/>
const VARIABLE: &str = "SOURCE_DATE_EPOCH";

#[derive(Debug, Error, Diagnostic)]
#[error("SOURCE_DATE_EPOCH is `{value}`, which is no number of seconds since 1970")]
#[diagnostic(
    code("clock::source-date-epoch"),
    help("write it as `date +%s` does, or unset it")
)]
struct NoTime {
    value: String,
}

/// Now, in whole seconds; `SOURCE_DATE_EPOCH` where it is set.
pub(super) fn read() -> Result<Clock, Failure> {
    let Some(value) = std::env::var_os(VARIABLE) else {
        let now = Timestamp::now();
        return Ok(Clock {
            now: Timestamp::from_second(now.as_second()).unwrap_or(now),
            source: ClockSource::System,
        });
    };
    let value = value.to_string_lossy().into_owned();
    let second = value.parse().ok();
    let now = second.and_then(|second| Timestamp::from_second(second).ok());
    let source = ClockSource::SourceDateEpoch;
    now.map(|now| Clock { now, source })
        .ok_or_else(|| Failure::environment(NoTime { value }))
}

/// What a build is asked for, now.
pub(super) fn intent(mode: Mode, consent: Consent<'_>) -> Result<Intent<'_>, Failure> {
    read().map(|clock| Intent {
        mode,
        consent,
        clock,
    })
}

/// The moment alone.
pub(super) fn now() -> Result<Timestamp, Failure> {
    read().map(|clock| clock.now)
}

/// The moment, for dates that are written into the lock.
pub(super) fn now_to_issue() -> Result<Timestamp, Failure> {
    read()?.to_issue().map_err(Failure::from)
}

/// Tells where the clock is behind what the lock says was issued.
pub(super) fn warn(lock: &Lock) -> Result<(), Failure> {
    if let Some(note) = read()?.note(lock) {
        report::note(note);
    }
    Ok(())
}
