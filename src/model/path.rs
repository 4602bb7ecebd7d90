//! Paths below a host, as they are declared: plain, so that every Caddy and every upstream reads them alike.

use std::borrow::Cow;
use std::collections::BTreeSet;
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

    /// A regular expression (RE2) for what any upstream could take for a path that it covers, or for one below such a path. It is for a decoded path
    /// that has one reading otherwise: no `..`, no second encoding, and nothing else of what `one-reading` in the template lists.
    ///
    /// Upstreams fold case, merge slashes, take `\` for one, trim spaces, drop what stands behind a `;` or a dot, and read letters of other
    /// alphabets as those of ASCII. Some have a program's name first.
    pub fn wide_pattern(&self) -> String {
        let path = self.0.strip_suffix("/*").unwrap_or(&self.0);
        let segments = path.split('/').skip(1).map(wide_segment);
        let segments: Vec<String> = segments.collect();
        let between = format!("{ANYTHING}{SLASHES}");
        let segments = segments.join(&between);
        format!(r"(?i)^{FRONT}{SLASHES}{segments}{ANYTHING}([/\\]|$)")
    }

    /// Whether it is one exact path, or all that stands below one.
    pub fn is_exact_or_below(&self) -> bool {
        !self.0.trim_end_matches("/*").contains('*')
    }

    /// Whether what it covers lies in what another one covers, as far as the other is an exact path or all that is below one.
    pub(crate) fn is_in(&self, other: &PathPattern) -> bool {
        let folder = |pattern: &PathPattern| {
            let text = pattern.0.strip_suffix("/*").unwrap_or(&pattern.0);
            format!("{text}/").to_ascii_lowercase()
        };
        folder(self).starts_with(&folder(other))
    }

    /// Where a link to it leads, behind the first `/`: to the folder, where it covers what is below one.
    pub(crate) fn link(&self) -> &str {
        self.0.trim_start_matches('/').trim_end_matches('*')
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

/// A program that answers for what stands behind it: `/index.php/admin` is `/admin` to many.
const FRONT: &str = r"(/+[^/\\]*\.(php[0-9]?|phtml|f?cgi|pl|py|rb|aspx?|jspx?|do|dll|exe))?";

/// One slash or more, whatever is nothing between them, and spaces before what follows.
const SLASHES: &str = r"[/\\]([\s+]*(;[^/\\]*)?[/\\])*[\s+]*";

/// What is no letter of a name, and all behind it in its segment: an ending, a parameter, a stream.
const ANYTHING: &str = r"([^a-z0-9_~/\\-][^/\\]*)?";

/// Characters that some upstream takes for one of ASCII, or for none: letters with accents, in other shapes or in circles, marks, and
/// what is unseen.
const LIKE_ASCII: &str = r"\pC\pM\x{80}-\x{2ff}\x{393}\x{398}\x{3a3}\x{3a6}\x{3a9}\x{3b1}\x{3b4}\x{3b5}\x{3c0}\x{3c3}\x{3c4}\x{3c6}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{1d00}-\x{1eff}\x{2000}-\x{218f}\x{2460}-\x{24ff}\x{3000}\x{3164}\x{3200}-\x{33ff}\x{0a720}-\x{0a7ff}\x{0ab30}-\x{0ab6f}\x{0fb00}-\x{0fb06}\x{0ff00}-\x{0ffef}\x{1d400}-\x{1d7ff}\x{1f100}-\x{1f1ff}";

/// A segment as it is written, or one of its characters and of those that are taken for them.
fn wide_segment(segment: &str) -> String {
    let any = r"[^/\\]*";
    let literals = segment.split('*').map(|literal| {
        let cases = [literal.to_ascii_lowercase(), literal.to_ascii_uppercase()].concat();
        let letters: BTreeSet<char> = cases.chars().filter(|c| *c != '-').collect();
        let letters: String = letters.into_iter().collect();
        let hyphen = if literal.contains('-') { "-" } else { "" };
        // Where case is folded, RE2 takes `ſ` for an `s` and the sign of Kelvin for a `k`: each of those would be such a character.
        let like = format!("(?-i:[{LIKE_ASCII}{letters}{hyphen}]*)");
        // Some frameworks take the one for the other.
        let literal = literal.replace('.', "\\.").replace(['-', '_'], "[_-]");
        format!("({literal}|{like}(?-i:[{LIKE_ASCII}]){like})")
    });
    let literals: Vec<String> = literals.collect();
    literals.join(any)
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

    /// What a real Caddy makes of them is asked in tests/edge/readers.rs; here, that they say what they are to.
    #[test]
    fn narrowing_reads_widely() {
        let wide = |path| PathPattern::new(path).unwrap().wide_pattern();
        assert!(wide("/a/b").contains("(a|(?-i:[") && wide("/a/b").contains("(b|(?-i:["));
        assert!(wide("/a-b").contains("(a[_-]b|(?-i:["));
        assert!(wide("/*.ics").contains(r"[^/\\]*(\.ics|(?-i:["));
        assert!(wide("/x").ends_with(r"[^/\\]*)?([/\\]|$)"));
        assert!(!wide("/admin/*").contains(['\'', '"', '`']));
        assert_eq!(wide("/admin/*"), wide("/admin"));
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
