//! The languages that guides are written in.

use std::fmt;

use serde::Serialize;

/// A language by its tag, such as `de` or `pt-BR`: there is a file `messages/<tag>.kdl` of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Language(String);

impl Language {
    /// The tag of the language that every message is there in.
    pub const ENGLISH: &str = "en";

    /// Takes a tag in the form of RFC 5646 §2.1, as far as it is needed: letters, then any number
    /// of subtags of letters and digits, each at most eight long.
    pub fn new(tag: &str) -> Option<Language> {
        let mut subtags = tag.split('-');
        let primary = subtags.next().unwrap_or_default();
        let is_primary = (2..=8).contains(&primary.len())
            && primary.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_subtag = |subtag: &str| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        (is_primary && subtags.all(is_subtag)).then(|| Language(tag.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Language {
    fn default() -> Language {
        Language(Language::ENGLISH.to_owned())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_their_form() {
        for good in ["en", "de", "pt-BR", "zh-Hant-TW", "sr-Latn", "gsw"] {
            assert_eq!(
                Language::new(good).map(|l| l.to_string()),
                Some(good.to_owned())
            );
        }
        for bad in [
            "",
            "d",
            "DE",
            "de-",
            "-de",
            "de_AT",
            "de/../en",
            "d\"e",
            "deutschland",
            "de-\u{e4}",
        ] {
            assert_eq!(Language::new(bad), None, "{bad}");
        }
    }
}
