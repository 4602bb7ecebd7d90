//! How long a certificate is valid.

use jiff::tz::Offset;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, Unit, civil};

/// A length of time such as `1y`, `18mo`, `12w`, `30d` or `12h`: at least an hour, at most a century.
#[derive(Debug, Clone)]
pub struct Lifetime {
    written: String,
    span: Span,
    /// Its length, where it is the same whenever it begins: years and months are not.
    fixed: Option<SignedDuration>,
}

/// Why a text is no [`Lifetime`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotALifetime {
    /// It cannot be read as a length of time.
    Unreadable,
    /// It has minutes or less. Jiff reads `1m` as a minute, and who writes it may mean a month.
    TooFine,
    /// It is negative, or less than an hour.
    TooShort,
    /// It is more than 100 years.
    TooLong,
}

impl Lifetime {
    /// Reads a length of time.
    pub fn new(text: &str) -> Result<Lifetime, NotALifetime> {
        let span: Span = text.parse().map_err(|_| NotALifetime::Unreadable)?;
        let fine = [
            span.get_minutes(),
            span.get_seconds(),
            span.get_milliseconds(),
            span.get_microseconds(),
            span.get_nanoseconds(),
        ];
        if fine.iter().any(|part| *part != 0) {
            return Err(NotALifetime::TooFine);
        }
        let hours = hours(&span).ok_or(NotALifetime::TooLong)?;
        if hours < 1.0 {
            return Err(NotALifetime::TooShort);
        }
        if hours > 100.0 * 366.0 * 24.0 {
            return Err(NotALifetime::TooLong);
        }
        let is_fixed = span.get_years() == 0 && span.get_months() == 0;
        let fixed = || span.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
        Ok(Lifetime {
            written: text.to_owned(),
            span,
            fixed: is_fixed.then(fixed).flatten(),
        })
    }

    /// The moment when a lifetime that begins at `start` has passed, by the calendar in UTC.
    /// `None` beyond the year 9999.
    pub fn after(&self, start: Timestamp) -> Option<Timestamp> {
        // The calendar is slow, and in UTC each day is as long as the next.
        if let Some(fixed) = self.fixed {
            return start.checked_add(fixed).ok();
        }
        let start = Offset::UTC.to_datetime(start);
        Offset::UTC
            .to_timestamp(start.checked_add(self.span).ok()?)
            .ok()
    }

    /// The moment that a lifetime before `end`, by the calendar in UTC.
    pub fn before(&self, end: Timestamp) -> Option<Timestamp> {
        if let Some(fixed) = self.fixed {
            return end.checked_sub(fixed).ok();
        }
        let end = Offset::UTC.to_datetime(end);
        Offset::UTC
            .to_timestamp(end.checked_sub(self.span).ok()?)
            .ok()
    }

    /// Whether this is longer than `other`; months and years by the calendar of 2001.
    pub fn is_longer_than(&self, other: &Lifetime) -> bool {
        hours(&self.span) > hours(&other.span)
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

fn hours(span: &Span) -> Option<f64> {
    let from = SpanRelativeTo::from(civil::date(2001, 1, 1));
    span.total((Unit::Hour, from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_read() {
        let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        for (written, end) in [
            ("1y", "2027-01-31T12:00:00Z"),
            ("1mo", "2026-02-28T12:00:00Z"),
            ("12w", "2026-04-25T12:00:00Z"),
            ("30d", "2026-03-02T12:00:00Z"),
            ("12h", "2026-02-01T00:00:00Z"),
            ("1y 6mo", "2027-07-31T12:00:00Z"),
        ] {
            let lifetime = Lifetime::new(written).unwrap();
            assert_eq!(lifetime.after(start).unwrap().to_string(), end, "{written}");
        }
    }

    #[test]
    fn what_is_of_fixed_length_passes_as_by_the_calendar() {
        let starts = [
            "2024-02-28T23:30:00Z",
            "2026-12-31T12:00:00Z",
            "9999-12-01T00:00:00Z",
            "-009999-01-02T02:00:00Z",
        ];
        for written in ["1h", "36h", "30d", "12w", "5w 3d 7h", "100w"] {
            let fixed = Lifetime::new(written).unwrap();
            assert!(fixed.fixed.is_some());
            let by_calendar = Lifetime {
                fixed: None,
                ..fixed.clone()
            };
            for start in starts.map(|start| start.parse().unwrap()) {
                assert_eq!(fixed.after(start), by_calendar.after(start), "{written}");
                assert_eq!(fixed.before(start), by_calendar.before(start), "{written}");
            }
        }
        assert!(Lifetime::new("1mo 1d").unwrap().fixed.is_none());
    }

    #[test]
    fn absurd_lifetimes_are_refused() {
        for (written, why) in [
            ("", NotALifetime::Unreadable),
            ("soon", NotALifetime::Unreadable),
            ("1", NotALifetime::Unreadable),
            ("1m", NotALifetime::TooFine),
            ("1h 30m", NotALifetime::TooFine),
            ("0h", NotALifetime::TooShort),
            ("-1y", NotALifetime::TooShort),
            ("1y ago", NotALifetime::TooShort),
            ("101y", NotALifetime::TooLong),
            ("9999y", NotALifetime::TooLong),
        ] {
            assert_eq!(Lifetime::new(written).unwrap_err(), why, "{written}");
        }
    }

    #[test]
    fn lifetimes_compare_across_units() {
        let longer = |a, b| {
            Lifetime::new(a)
                .unwrap()
                .is_longer_than(&Lifetime::new(b).unwrap())
        };
        assert!(longer("1y", "11mo"));
        assert!(longer("25h", "1d"));
        assert!(!longer("7d", "1w"));
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        let late: Timestamp = "9999-12-30T00:00:00Z".parse().unwrap();
        assert_eq!(Lifetime::new("1y").unwrap().after(late), None);
    }
}
