//! How days and moments are shown to people, wherever they are: always of UTC, so that a page says the same to whoever
//! builds it.

use std::fmt::{self, Display, Formatter};

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

const DAY: &str = "%Y-%m-%d";
const MOMENT: &str = "%Y-%m-%d %H:%M UTC";
const FIGURES: &str = "%Y%m%d%H%M%S";
const IN_WORDS: &str = "%-d %B %Y, %H:%M UTC";

/// What lasts no longer ends at a minute rather than on a day.
const SHORT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A moment, and how it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    at: Timestamp,
    format: &'static str,
}

impl Shown {
    /// The moment itself.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether it is shown as a day.
    pub(crate) fn is_day(&self) -> bool {
        self.format == DAY
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_day() {
            // `strftime`, which reads its format anew each time, takes several times as long.
            return Offset::UTC.to_datetime(self.at).date().fmt(f);
        }
        self.at.strftime(self.format).fmt(f)
    }
}

/// As it is shown; where it is only hashed, as what that follows from.
impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.at.as_second(), self.format).serialize(serializer)
        }
    }
}

/// A moment as text; where it is only hashed, as a number.
pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        at.serialize(serializer)
    } else {
        (at.as_second(), at.subsec_nanosecond()).serialize(serializer)
    }
}

/// The same of one that there may be.
pub(crate) fn serialize_option<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serialize(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// `2027-05-03`.
pub(crate) fn day(at: Timestamp) -> Shown {
    Shown { at, format: DAY }
}

/// `2027-05-03 12:00 UTC`.
pub(crate) fn moment(at: Timestamp) -> Shown {
    Shown { at, format: MOMENT }
}

/// `20270503120000`: for scripts, which compare such numbers.
pub(crate) fn figures(at: Timestamp) -> Shown {
    Shown {
        at,
        format: FIGURES,
    }
}

/// `3 May 2027, 12:00 UTC`: for a sentence that is sent to somebody.
pub(crate) fn in_words(at: Timestamp) -> Shown {
    Shown {
        at,
        format: IN_WORDS,
    }
}

/// The end of what has begun `from` then: its day, and for what lasts a week or less the minute too.
pub(crate) fn end(from: Timestamp, until: Timestamp) -> Shown {
    if until.duration_since(from) <= SHORT {
        moment(until)
    } else {
        day(until)
    }
}

/// Until when what has begun `from` then works, as people far from UTC may be told: the last day that is over everywhere when it
/// ends (the last places are twelve hours behind), and for what lasts a week or less the minute.
pub(crate) fn through(from: Timestamp, until: Timestamp) -> Shown {
    if until.duration_since(from) <= SHORT {
        moment(until)
    } else {
        day(until - SignedDuration::from_hours(36))
    }
}

/// A moment as seen from another: `in 11 months`, `2 days ago`.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> impl Display {
    let apart = at.duration_since(now);
    let hours = apart.as_hours().unsigned_abs();
    let (amount, unit) = match (hours / 24, hours) {
        (days, _) if days >= 2 * 365 => (days / 365, "years"),
        (days, _) if days > 60 => (days * 12 / 365, "months"),
        (days, _) if days >= 2 => (days, "days"),
        (_, hours) if hours >= 2 => (hours, "hours"),
        _ => (apart.as_mins().unsigned_abs(), "minutes"),
    };
    fmt::from_fn(move |f| {
        if apart.is_negative() {
            write!(f, "{amount} {unit} ago")
        } else {
            write!(f, "in {amount} {unit}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::once::encoded;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn days_and_moments_are_of_utc() {
        let late = at("2027-05-03T23:30:59-01:00");
        assert_eq!(day(late).to_string(), "2027-05-04");
        assert_eq!(moment(late).to_string(), "2027-05-04 00:30 UTC");
        assert_eq!(in_words(late).to_string(), "4 May 2027, 00:30 UTC");
    }

    #[test]
    fn what_lasts_a_week_or_less_ends_at_a_minute() {
        let from = at("2027-01-01T00:00:00Z");
        for (until, shown) in [
            ("2027-01-01T12:00:00Z", "2027-01-01 12:00 UTC"),
            ("2027-01-08T00:00:00Z", "2027-01-08 00:00 UTC"),
            ("2027-01-08T00:00:01Z", "2027-01-08"),
            ("9999-12-30T22:00:00Z", "9999-12-30"),
        ] {
            assert_eq!(end(from, at(until)).to_string(), shown);
        }
    }

    #[test]
    fn a_day_that_is_told_is_over_everywhere_when_it_ends() {
        let from = at("2027-01-01T00:00:00Z");
        for (until, shown) in [
            ("2027-01-08T00:00:00Z", "2027-01-08 00:00 UTC"),
            ("2027-11-25T11:59:59Z", "2027-11-23"),
            ("2027-11-25T12:00:00Z", "2027-11-24"),
            ("2027-11-25T23:59:59Z", "2027-11-24"),
        ] {
            assert_eq!(through(from, at(until)).to_string(), shown);
        }
    }

    #[test]
    fn moments_are_written_as_text_and_told_apart_where_they_are_hashed() {
        #[derive(Serialize)]
        struct Both(
            Shown,
            #[serde(serialize_with = "serialize_option")] Option<Timestamp>,
        );
        let both = |shown: Shown| Both(shown, Some(shown.at()));
        let (noon, later) = (at("2027-05-03T12:00:00Z"), at("2027-05-03T12:00:01Z"));
        let written = serde_json::to_string(&both(day(noon))).unwrap();
        assert_eq!(written, r#"["2027-05-03","2027-05-03T12:00:00Z"]"#);
        let hashed = |shown| encoded(&both(shown));
        assert_eq!(hashed(day(noon)), hashed(day(noon)));
        assert_ne!(hashed(day(noon)), hashed(moment(noon)));
        let Both(shown, moment) = both(day(later));
        assert_ne!(encoded(&Both(day(noon), moment)), hashed(day(noon)));
        assert_ne!(encoded(&Both(shown, Some(noon))), hashed(day(noon)));
    }

    #[test]
    fn moments_are_told_as_people_do() {
        let now = at("2027-01-01T00:00:00Z");
        for (then, told) in [
            ("2037-01-01T00:00:00Z", "in 10 years"),
            ("2028-01-01T00:00:00Z", "in 12 months"),
            ("2027-03-02T00:00:00Z", "in 60 days"),
            ("2027-01-03T00:00:00Z", "in 2 days"),
            ("2027-01-02T23:00:00Z", "in 47 hours"),
            ("2027-01-01T01:59:00Z", "in 119 minutes"),
            ("2026-12-31T23:59:30Z", "0 minutes ago"),
            ("2026-12-29T00:00:00Z", "3 days ago"),
        ] {
            assert_eq!(relative(at(then), now).to_string(), told, "{then}");
        }
    }
}
