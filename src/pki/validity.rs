//! Validity periods of certificates.

use jiff::Timestamp;
use thiserror::Error;
use time::OffsetDateTime;

/// The earliest date taken. X.509 could write 1950 (RFC 5280 §4.1.2.5.1), but `der`, which reads
/// every certificate back, knows no date before this one.
const EARLIEST: Timestamp = Timestamp::UNIX_EPOCH;

/// A validity period: not empty, in whole seconds, within the years 1970 to 9999. Both ends belong
/// to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Validity {
    /// The last second that there is a [`Timestamp`] for, on the day before the last of the year 9999. RFC 5280 §4.1.2.5
    /// gives a certificate without a well-defined end the last second of that year, and this one stands for it.
    pub const NO_END: Timestamp = Timestamp::constant(253_402_207_200, 0);

    /// The period from `not_before` to `not_after`.
    ///
    /// # Errors
    /// A [`ValidityError`] for a reversed or empty period, parts of a second, or a year before
    /// 1970.
    pub fn new(not_before: Timestamp, not_after: Timestamp) -> Result<Validity, ValidityError> {
        for instant in [not_before, not_after] {
            // RFC 5280 §4.1.2.5.2: no fractional seconds.
            if instant.subsec_nanosecond() != 0 {
                return Err(ValidityError::PartOfSecond { instant });
            }
            // A later year than 9999 is past the end of `Timestamp` itself.
            if instant < EARLIEST {
                return Err(ValidityError::Year { instant });
            }
        }
        if not_after <= not_before {
            return Err(ValidityError::Reversed {
                not_before,
                not_after,
            });
        }
        Ok(Validity {
            not_before,
            not_after,
        })
    }

    /// Its last second, unless that stands for none.
    pub fn end(&self) -> Option<Timestamp> {
        (self.not_after < Validity::NO_END).then_some(self.not_after)
    }

    /// The first second of the period.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second of the period.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// `instant` in the type that rcgen takes.
pub(super) fn offset_date_time(instant: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(instant.as_second())
        .expect("`time` spans the years up to 9999 as jiff does")
}

/// Why a pair of dates is no validity period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ValidityError {
    /// It ends before, or when, it begins.
    #[error("validity ends at {not_after}, not after it begins at {not_before}")]
    Reversed {
        not_before: Timestamp,
        not_after: Timestamp,
    },
    /// X.509 writes whole seconds only.
    #[error("validity date {instant} is not a whole second")]
    PartOfSecond { instant: Timestamp },
    /// It is too early to be read back.
    #[error("validity date {instant} is before the year 1970")]
    Year { instant: Timestamp },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn only_periods_that_x509_can_write_are_taken() {
        let (from, until) = (at("1970-01-01T00:00:00Z"), at("9999-12-30T21:59:59Z"));
        let validity = Validity::new(from, until).unwrap();
        assert_eq!((validity.not_before(), validity.not_after()), (from, until));
        assert_eq!(offset_date_time(until).year(), 9999);

        let early = at("1969-12-31T23:59:59Z");
        assert_eq!(
            Validity::new(early, until),
            Err(ValidityError::Year { instant: early })
        );
        let part = at("2026-01-01T00:00:00.000000001Z");
        assert_eq!(
            Validity::new(from, part),
            Err(ValidityError::PartOfSecond { instant: part })
        );
        for not_after in [from, early.min(from)] {
            assert!(Validity::new(from, not_after).is_err());
        }
        assert!(matches!(
            Validity::new(until, from),
            Err(ValidityError::Reversed { .. })
        ));
        assert!(matches!(
            Validity::new(from, from),
            Err(ValidityError::Reversed { .. })
        ));
    }
}
