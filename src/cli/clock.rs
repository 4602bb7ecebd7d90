//! The clock: read where the lock is written and where expiry is told, and nowhere else.

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::failure::Failure;
use super::report;
use crate::lock::Lock;

#[derive(Debug, Error, Diagnostic)]
enum ClockError {
    #[error("SOURCE_DATE_EPOCH is `{value}`, which is no number of seconds since 1970")]
    #[diagnostic(
        code("clock::source-date-epoch"),
        help("write it as `date +%s` does, or unset it")
    )]
    SourceDateEpoch { value: String },
}

/// Now, in whole seconds; `SOURCE_DATE_EPOCH` where it is set.
/// (<https://reproducible-builds.org/specs/source-date-epoch/>)
pub fn now() -> Result<Timestamp, Failure> {
    let Some(value) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        let now = Timestamp::now();
        return Ok(Timestamp::from_second(now.as_second()).unwrap_or(now));
    };
    let value = value.to_string_lossy().into_owned();
    let second = value.parse().ok();
    second
        .and_then(|second| Timestamp::from_second(second).ok())
        .ok_or_else(|| Failure::environment(ClockError::SourceDateEpoch { value }))
}

/// Tells where the clock is behind what the lock says was issued.
pub fn doubt(now: Timestamp, lock: &Lock) {
    if let Some(last) = lock.last_issue().filter(|last| now < *last) {
        report::note(format_args!(
            "The clock says {now}, but something was issued on {last}: is the clock right?"
        ));
    }
}
