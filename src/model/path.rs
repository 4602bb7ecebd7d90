//! Paths below a host, as they are declared: plain, so that every Caddy and every upstream reads them alike.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// `/share/*`, `/up*`, `/*.ics`, or one exact path.
///
/// Caddy's `path` matcher works on a cleaned-up path, so that `/api/..%2fshare/x` and a dozen other
/// spellings pass it; where a path is a matter of policy, the path as it was sent has to be plain too, and is held
/// against the pattern of this one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PathPattern(String);

impl PathPattern {
    /// Takes segments of letters, digits, `.`, `_`, `~` and `-`, and one `*` in the last of them; otherwise says why not.
    pub fn new(text: &str) -> Result<PathPattern, &'static str> {
        let path = text.strip_prefix('/').ok_or("it does not begin with `/`")?;
        if path.is_empty() || path == "*" {
            return Err("it covers the whole service");
        }
        let (folders, last) = path.rsplit_once('/').unwrap_or(("", path));
        if folders.contains('*') {
            return Err("a `*` stands elsewhere than in the last segment, as in `/share/*`");
        }
        if last.matches('*').count() > 1 {
            return Err("its last segment has more than one `*`");
        }
        // Whatever the `*` stands for, `..` does not come of it.
        let literal = last.replace('*', if last == "*" { "x" } else { "" });
        let folders = path[..path.len() - last.len()].trim_end_matches('/');
        let mut segments = folders.split('/').filter(|_| !folders.is_empty());
        let is_plain = segments.all(is_segment) && is_segment(&literal);
        if !is_plain || text.contains("//") {
            return Err(
                "a segment is not plain: letters, digits, `.`, `_`, `~`, `-`, and neither `.` nor `..`",
            );
        }
        Ok(PathPattern(text.to_owned()))
    }

    /// The pattern for Caddy's `path` matcher.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one exact path, or all that stands below one.
    pub fn is_exact_or_below(&self) -> bool {
        !self.0.trim_end_matches("/*").contains('*')
    }

    /// A path that it covers, with this word in the place of the `*`.
    pub fn example(&self, word: &str) -> String {
        self.0.replace('*', word)
    }

    /// A regular expression (RE2) for a path as it is sent, of which it is known that it is plain. Segments that
    /// begin with a dot are covered only where they are named.
    fn pattern(&self) -> String {
        let literal = |path: &str| path.replace('.', "\\.");
        let Some((prefix, suffix)) = self.0.split_once('*') else {
            return literal(&self.0);
        };
        let (prefix, suffix) = (literal(prefix), literal(suffix));
        match (prefix.ends_with('/'), suffix.as_str()) {
            (true, "") => format!("{prefix}([^./?][^/?]*/?)*"),
            (false, "") => format!("{prefix}[^/?]*"),
            // Java's servers cut a segment at its `;`, and would not see what stands behind.
            (true, _) => format!("{prefix}[^./?;][^/?;]*{suffix}"),
            (false, _) => format!("{prefix}[^/?;]*{suffix}"),
        }
    }
}

/// A regular expression (RE2) for a plain URI: one of these paths, and a query.
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
    !segment.starts_with('.') && is_segment(segment)
}

/// Has something else than dots in it, so that it is neither `.` nor `..`, nor what Windows takes for those.
fn is_segment(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
    segment.bytes().any(|b| b != b'.') && segment.bytes().all(allowed)
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
pub struct Methods(Vec<Cow<'static, str>>);

impl Methods {
    /// Those that come first, in the order of the standard.
    const KNOWN: [&'static str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    /// GET and HEAD: what reading takes.
    pub fn reading() -> Methods {
        Methods(vec![Cow::Borrowed("GET"), Cow::Borrowed("HEAD")])
    }

    /// Takes methods between spaces or commas, such as `GET POST` or `PROPFIND`; otherwise says why not.
    ///
    /// GET brings HEAD, which asks for no more than GET does (RFC 9110 §9.3.2).
    pub fn new(text: &str) -> Result<Methods, &'static str> {
        let words = || text.split([' ', ',']).filter(|word| !word.is_empty());
        if words().next().is_none() {
            return Err("it names none");
        }
        if words().any(|word| !word.bytes().all(is_token)) {
            return Err("a method is a word of letters, digits and `-`");
        }
        if words().any(|word| word.bytes().any(|b| b.is_ascii_lowercase())) {
            return Err("methods are written in capitals");
        }
        // The one makes a tunnel past the policy, the other shows what only the edge and its upstream are to see.
        if words().any(|word| ["CONNECT", "TRACE"].contains(&word)) {
            return Err("CONNECT and TRACE are of use to nobody but an attacker");
        }
        let head = words().any(|word| word == "GET").then_some("HEAD");
        Ok(Methods::sorted(words().chain(head).map(str::to_owned)))
    }

    /// These and those.
    pub fn and(&self, other: &Methods) -> Methods {
        let all = self.0.iter().chain(&other.0);
        Methods::sorted(all.map(ToString::to_string))
    }

    fn sorted(methods: impl Iterator<Item = String>) -> Methods {
        let mut methods: Vec<Cow<'static, str>> = methods.map(Cow::Owned).collect();
        let place = |method: &str| Methods::KNOWN.iter().position(|known| *known == method);
        methods.sort_by_cached_key(|method| (place(method).unwrap_or(usize::MAX), method.clone()));
        methods.dedup();
        Methods(methods)
    }

    /// Whether a method is one of them.
    pub fn contains(&self, method: &str) -> bool {
        self.0.iter().any(|known| known == method)
    }

    /// The methods, those of the standard first and in its order.
    pub fn as_slice(&self) -> &[Cow<'static, str>] {
        &self.0
    }
}

/// RFC 9110 §5.6.2, but for what is a quote somewhere.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&*+-.^_|~".contains(&byte)
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
        for good in [
            "/share/*",
            "/s",
            "/api/v1.2/share/*",
            "/_app/*",
            "/up*",
            "/*.ics",
            "/calendar/a*.ics",
            "/.well-known/matrix/*",
            "/.x",
        ] {
            assert!(PathPattern::new(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "/*", "*", "share", "//x", "/a//b", "/a/", "/../x", "/./x", "/.../x", "/a/..",
            "/a/.*", "/a/*.", "/a*/", "/**", "/a**", "/a*b*", "/*/a", "/a/*/b", "/a*/b", "/a%2fb",
            "/a b", "/{x}", "/a?b", "/a;b", "/ä", "/a//*", "//*",
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
            r"^/share/([^./?][^/?]*/?)*(\?.*)?$"
        );
        assert_eq!(
            uri_pattern([&path("/v1.2/x"), &path("/y/*")]),
            r"^(/v1\.2/x|/y/([^./?][^/?]*/?)*)(\?.*)?$"
        );
        for (part, pattern) in [
            ("/up*", r"^/up[^/?]*(\?.*)?$"),
            ("/*.ics", r"^/[^./?;][^/?;]*\.ics(\?.*)?$"),
            ("/c/a*.ics", r"^/c/a[^/?;]*\.ics(\?.*)?$"),
            ("/.well-known/x", r"^/\.well-known/x(\?.*)?$"),
        ] {
            assert_eq!(uri_pattern([&path(part)]), pattern);
        }
    }

    #[test]
    fn methods_are_read() {
        for (text, shown) in [
            ("POST", "POST"),
            ("GET", "GET HEAD"),
            ("POST, GET", "GET HEAD POST"),
            ("PUT PUT", "PUT"),
            ("REPORT GET PROPFIND", "GET HEAD PROPFIND REPORT"),
            ("M-SEARCH", "M-SEARCH"),
        ] {
            assert_eq!(Methods::new(text).unwrap().to_string(), shown);
        }
        for bad in [
            "",
            " ",
            "post",
            "CONNECT",
            "GET TRACE",
            "GET;POST",
            "GET\"",
            "{GET}",
            "GÉT",
        ] {
            assert!(Methods::new(bad).is_err(), "{bad}");
        }
    }
}
