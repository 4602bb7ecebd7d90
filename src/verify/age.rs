//! How old a Caddy is, as far as can be told from outside: it says no version.

use std::fmt;

use crate::model::{CaddyVersion, holes_of};

/// What was seen of a Caddy; none where it could not be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signs {
    /// Whether an answer says that it is Caddy's.
    pub is_caddy: bool,
    /// Whether it agrees on keys by X25519MLKEM768.
    pub hybrid: Option<bool>,
    /// Whether it refuses a head of 24 KiB.
    pub refuses_long_heads: Option<bool>,
}

/// How old a Caddy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Before 2.10.0.
    Old,
    /// From 2.10.0 to 2.11.4: below the safe one, or it.
    Between,
    /// From 2.10.0 on.
    NotOld,
    /// After 2.11.4.
    Recent,
    /// It may not even be Caddy.
    Unknown,
}

impl Signs {
    /// What they tell. Measured on 2.6.2, 2.8.4, 2.10.2, 2.11.4 and 2.11.7, with what is generated: the
    /// first three differ from the others in the agreement on keys, the last one in how long a head may be.
    pub(crate) fn age(self) -> Age {
        match (self.is_caddy, self.hybrid, self.refuses_long_heads) {
            (false, ..) => Age::Unknown,
            (true, _, Some(true)) => Age::Recent,
            (true, Some(false), _) => Age::Old,
            (true, Some(true), Some(false)) => Age::Between,
            (true, Some(true), None) => Age::NotOld,
            (true, None, _) => Age::Unknown,
        }
    }
}

impl Age {
    /// Whether it is known to have no holes that are known.
    pub(crate) fn is_safe(self) -> bool {
        self == Age::Recent
    }
}

/// What is to be said of it: that it has holes, or that it may have.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = CaddyVersion::SAFE;
        let what = match self {
            Age::Recent => return write!(f, "this Caddy is later than 2.11.4"),
            Age::Old => {
                let youngest = CaddyVersion::release(9, 1);
                let ids: Vec<&str> = holes_of(youngest).map(|hole| hole.id).take(3).collect();
                let ids = ids.join(", ");
                return write!(
                    f,
                    "warning: this Caddy is older than 2.10 and has known holes ({ids}, …): run {safe} or later"
                );
            }
            Age::Between => "this Caddy is one of 2.10.0 to 2.11.4",
            Age::NotOld => "this Caddy is 2.10.0 or later",
            Age::Unknown => "it does not show which Caddy it is, or whether it is one",
        };
        write!(
            f,
            "{what}: see with `caddy version` that it is {safe} or later"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_tell_as_much_as_they_can() {
        let age = |is_caddy, hybrid, refuses_long_heads| {
            let signs = Signs {
                is_caddy,
                hybrid,
                refuses_long_heads,
            };
            signs.age()
        };
        assert_eq!(age(true, Some(false), Some(false)), Age::Old);
        assert_eq!(age(true, Some(false), None), Age::Old);
        assert_eq!(age(true, Some(true), Some(false)), Age::Between);
        assert_eq!(age(true, Some(true), None), Age::NotOld);
        assert_eq!(age(true, Some(true), Some(true)), Age::Recent);
        assert_eq!(age(true, None, Some(false)), Age::Unknown);
        assert_eq!(age(false, Some(false), Some(false)), Age::Unknown);
        assert!(Age::Recent.is_safe());
        let said = |age: Age| {
            assert!(!age.is_safe());
            age.to_string()
        };
        assert!(said(Age::Old).starts_with("warning: ") && said(Age::Old).contains("CVE-2026-"));
        for unsure in [Age::Between, Age::NotOld, Age::Unknown] {
            assert!(said(unsure).contains("`caddy version`"), "{unsure:?}");
        }
    }
}
