//! Free text from the user: display names and addresses.

use std::fmt;

use serde::Serialize;

/// A name to show, such as `Alice Liddell`.
///
/// It stands in guides and in a header that the edge sets, so it may hold nothing that a Caddyfile
/// cannot say: no braces (`{env.X}` would be replaced by a secret), no `\"`, no `\` at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// Characters of a display name, at the most.
    pub const LIMIT: usize = 128;

    /// Takes a text that can be shown and said everywhere; otherwise says why not.
    pub fn new(text: &str) -> Result<DisplayName, &'static str> {
        if text.trim().is_empty() {
            return Err("it is empty");
        }
        if text.trim() != text {
            return Err("it begins or ends with a space");
        }
        if text.chars().count() > DisplayName::LIMIT {
            return Err("it has more than 128 characters");
        }
        sayable(text)?;
        Ok(DisplayName(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a Caddyfile can say a text as one word that stays what it is.
///
/// `{…}` is replaced when the file is read or at run time, even inside quotes; inside double quotes
/// `\"` and a `\` at the end cannot be said; control characters and line separators end a word.
pub(crate) fn sayable(text: &str) -> Result<(), &'static str> {
    if text.contains(['{', '}']) {
        return Err("it has a brace, which Caddy would take for a placeholder");
    }
    if text.contains("\\\"") || text.ends_with('\\') {
        return Err("it has a `\\` before a quote or at its end, which a Caddyfile cannot say");
    }
    if text.chars().any(crate::source::is_invisible) {
        return Err("it has a character that does not show");
    }
    Ok(())
}

/// An e-mail address, of the plain kind that certificates and Caddyfiles take as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Takes `local@domain` in ASCII without quoting; otherwise says why not.
    ///
    /// RFC 5280 §4.2.1.6 keeps an rfc822Name to ASCII; RFC 5321 §4.5.3.1 gives the lengths.
    pub fn new(text: &str) -> Result<Email, &'static str> {
        let Some((local, domain)) = text.split_once('@') else {
            return Err("it has no `@`");
        };
        let is_local = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`|~".contains(&b);
        if local.len() > 64 {
            return Err("what stands before the `@` has more than 64 characters");
        }
        if local.is_empty() || !local.bytes().all(is_local) {
            return Err("what stands before the `@` is not plain");
        }
        if local.split('.').any(str::is_empty) {
            return Err("a dot stands at an edge or beside another before the `@`");
        }
        if text.len() > 254 {
            return Err("it has more than 254 characters");
        }
        super::host::is_host(domain).map_err(|_| "what follows the `@` is no domain")?;
        Ok(Email(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_hold_what_can_be_said() {
        for good in [
            "Alice",
            "Zoë Ångström",
            "愛子",
            "O'Brien \"Bob\"",
            "a\\b",
            "`x`",
            "#x",
        ] {
            assert!(DisplayName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            " a",
            "{env.HOME}",
            "{$HOME}",
            "a{",
            "}",
            "a\\",
            "a\\\"b",
            "a\nb",
            "a\u{202e}b",
        ] {
            assert!(DisplayName::new(bad).is_err(), "{bad:?}");
        }
        assert!(DisplayName::new(&"é".repeat(128)).is_ok());
        assert!(DisplayName::new(&"é".repeat(129)).is_err());
    }

    #[test]
    fn emails_are_plain() {
        for good in ["alice@example.com", "a.b+c@home.arpa", "x@localhost"] {
            assert!(Email::new(good).is_ok(), "{good}");
        }
        for bad in [
            "alice",
            "@example.com",
            "a@",
            "a@b@c",
            "\"a b\"@c.d",
            "a..b@c.d",
            ".a@c.d",
            "a@-c.d",
            "ä@c.d",
            "a@c.d ",
            "a{b}@c.d",
            "a@C.D",
        ] {
            assert!(Email::new(bad).is_err(), "{bad}");
        }
    }
}
