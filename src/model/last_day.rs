//! The last day of a device that is let in for a while.

use std::fmt;

use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use serde::{Serialize, Serializer};

/// A day, in UTC, with which a device's certificate ends at the latest: it is good all of that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastDay(civil::Date);

impl LastDay {
    /// Takes a day as `2026-12-27`; otherwise says why not.
    pub fn new(text: &str) -> Result<LastDay, &'static str> {
        let is_written_so = text.len() == 10 && text.is_ascii();
        let date: civil::Date = { text.parse().ok() }
            .filter(|_| is_written_so)
            .ok_or("no day as `2026-12-27`")?;
        // RFC 5280 §4.1.2.5: from 1950 on; before 1970 nobody had a certificate.
        if date.year() < 1970 {
            return Err("before there were certificates");
        }
        Ok(LastDay(date))
    }

    /// Its last second, which is the last that a certificate is valid (RFC 5280 §4.1.2.5: both ends belong to it).
    pub fn end(self) -> Timestamp {
        let end = Offset::UTC.to_timestamp(self.0.at(23, 59, 59, 0));
        end.expect("a day from 1970 to 9999 has an end")
    }

    /// Whether it is over.
    pub fn is_over(self, now: Timestamp) -> bool {
        now >= self.end()
    }
}

impl fmt::Display for LastDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for LastDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_good_to_its_last_second() {
        let day = LastDay::new("2026-12-27").unwrap();
        assert_eq!(day.end().to_string(), "2026-12-27T23:59:59Z");
        assert_eq!(day.to_string(), "2026-12-27");
        let at = |text: &str| text.parse().unwrap();
        assert!(!day.is_over(at("2026-12-27T23:59:58Z")));
        assert!(day.is_over(at("2026-12-27T23:59:59Z")));
        assert!(LastDay::new("9999-12-31").is_ok());
    }

    #[test]
    fn nothing_but_a_day_is_one() {
        for text in [
            "",
            "27.12.2026",
            "2026-02-30",
            "2026-12-27T10:00",
            "20261227",
            "2026-W52-7",
            "1969-12-31",
            "-002026-12-27",
            "２026-1-1",
        ] {
            assert!(LastDay::new(text).is_err(), "{text}");
        }
    }
}
