//! Paths below a host, in the plain form that every Caddy and every upstream reads alike.

use std::fmt;

use serde::Serialize;

/// `/share/*`, or one exact path.
///
/// Caddy's `path` matcher works on a cleaned-up path, so that `/api/..%2fshare/x` and a dozen other
/// spellings pass it; where a path is a matter of policy, the raw URI is therefore held against a
/// pattern of plain segments too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PathPattern(String);

impl PathPattern {
    /// Takes `/plain/segments` or `/plain/segments/*`; otherwise says why not.
    pub fn new(text: &str) -> Result<PathPattern, &'static str> {
        let path = text.strip_prefix('/').ok_or("it does not begin with `/`")?;
        let segments = path.strip_suffix("/*").unwrap_or(path);
        if segments.is_empty() || segments == "*" {
            return Err("it covers the whole service");
        }
        if segments.contains('*') {
            return Err("a `*` stands elsewhere than alone at the end, as in `/share/*`");
        }
        if !segments.split('/').all(is_plain_segment) {
            return Err(
                "a segment is not plain: letters, digits, `.`, `_`, `~`, `-`, no dot first",
            );
        }
        Ok(PathPattern(text.to_owned()))
    }

    /// The pattern for Caddy's `path` matcher.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A regular expression (RE2) for the path as it is sent, in plain segments.
    fn pattern(&self) -> String {
        let literal = |path: &str| path.replace('.', "\\.");
        match self.0.strip_suffix('*') {
            Some(prefix) => format!("{}([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*", literal(prefix)),
            None => literal(&self.0),
        }
    }
}

/// A regular expression (RE2) for a raw URI: one of these paths in plain segments, and a query.
pub(crate) fn uri_pattern<'p>(paths: impl IntoIterator<Item = &'p PathPattern>) -> String {
    let patterns: Vec<String> = paths.into_iter().map(PathPattern::pattern).collect();
    match patterns.as_slice() {
        [only] => format!("^{only}(\\?.*)?$"),
        several => format!("^({})(\\?.*)?$", several.join("|")),
    }
}

/// Whether a text is `/plain/segments`, with no `*`: a place that other paths are put behind.
pub(super) fn is_plain_prefix(text: &str) -> bool {
    text.strip_prefix('/')
        .is_some_and(|segments| segments.split('/').all(is_plain_segment))
}

/// Starts with no dot, so that neither `.` nor `..` is one.
fn is_plain_segment(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(allowed)
}

/// A path open to everyone, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicPath {
    pub path: PathPattern,
    pub methods: Methods,
    /// Whether it comes from the catalogue of apps rather than from the declaration.
    pub share_link: bool,
}

/// HTTP methods (RFC 9110 §9), each once and in one order; never none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Methods(Vec<&'static str>);

impl Methods {
    /// Those that can be opened. CONNECT and TRACE are of use to nobody but an attacker.
    const KNOWN: [&'static str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    /// GET and HEAD: what reading takes.
    pub fn reading() -> Methods {
        Methods(vec!["GET", "HEAD"])
    }

    /// Takes methods between spaces or commas, such as `GET POST`; otherwise says why not.
    ///
    /// GET brings HEAD, which asks for no more than GET does (RFC 9110 §9.3.2).
    pub fn new(text: &str) -> Result<Methods, &'static str> {
        let words = || text.split([' ', ',']).filter(|word| !word.is_empty());
        if words().next().is_none() {
            return Err("it names none");
        }
        if words().any(|word| word.bytes().any(|b| b.is_ascii_lowercase())) {
            return Err("methods are written in capitals");
        }
        if words().any(|word| !Methods::KNOWN.contains(&word)) {
            return Err("one of them is not GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
        }
        let named =
            |known: &&str| words().any(|word| word == *known || (word, *known) == ("GET", "HEAD"));
        Ok(Methods(Methods::KNOWN.into_iter().filter(named).collect()))
    }

    /// These and those.
    pub fn and(&self, other: &Methods) -> Methods {
        let named = |known: &&str| self.0.contains(known) || other.0.contains(known);
        Methods(Methods::KNOWN.into_iter().filter(named).collect())
    }

    /// The methods, in the order of the standard.
    pub fn as_slice(&self) -> &[&'static str] {
        &self.0
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain() {
        for good in ["/share/*", "/s", "/api/v1.2/share/*", "/_app/*"] {
            assert!(PathPattern::new(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "/*", "*", "share", "//x", "/a//b", "/a/", "/../x", "/./x", "/.x", "/a*",
            "/*/a", "/a/*/b", "/a%2fb", "/a b", "/{x}", "/a?b", "/ä",
        ] {
            assert!(PathPattern::new(bad).is_err(), "{bad}");
        }
        assert!(is_plain_prefix("/photos/v1"));
        for bad in ["", "/", "photos", "/photos/", "/a/../b", "/a/*"] {
            assert!(!is_plain_prefix(bad), "{bad}");
        }
    }

    #[test]
    fn uri_patterns_are_anchored() {
        let path = |path| PathPattern::new(path).unwrap();
        assert_eq!(
            uri_pattern([&path("/share/*")]),
            r"^/share/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*(\?.*)?$"
        );
        assert_eq!(
            uri_pattern([&path("/v1.2/x"), &path("/y/*")]),
            r"^(/v1\.2/x|/y/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*)(\?.*)?$"
        );
    }

    #[test]
    fn methods_are_read() {
        for (text, shown) in [
            ("POST", "POST"),
            ("GET", "GET HEAD"),
            ("POST, GET", "GET HEAD POST"),
            ("PUT PUT", "PUT"),
        ] {
            assert_eq!(Methods::new(text).unwrap().to_string(), shown);
        }
        for bad in ["", " ", "post", "CONNECT", "TRACE", "GET;POST", "*"] {
            assert!(Methods::new(bad).is_err(), "{bad}");
        }
    }
}
