//! Who may reach a service, and what a visitor without a certificate meets.

use std::collections::BTreeSet;

use super::name::Name;

/// Who may reach a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everyone, from anywhere, without a certificate.
    Everyone,
    /// Whoever is on the LAN, without a certificate; from outside only the public paths.
    Lan {
        /// Paths open to everyone.
        public: Vec<PublicPath>,
    },
    /// The devices of these people.
    Certificate(Allowed),
}

/// Who is let in by certificate, and what else is open beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The people whose devices are let in; groups are resolved into them. Never empty.
    pub people: BTreeSet<Name>,
    /// Whether the LAN needs no certificate.
    pub lan: bool,
    /// Paths open to everyone.
    pub public: Vec<PublicPath>,
    /// What the TLS handshake asks of a visitor.
    pub certificate: CertificateMode,
    /// Whether the upstream is told who came.
    pub identity: bool,
}

/// What the TLS handshake asks of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateMode {
    /// Without a valid certificate there is no connection.
    Required,
    /// A certificate is asked for and verified if given; who has none meets the HTTP policy.
    Asked,
}

impl Access {
    /// Who is let in by certificate, where anybody is.
    pub fn allowed(&self) -> Option<&Allowed> {
        match self {
            Access::Certificate(allowed) => Some(allowed),
            Access::Everyone | Access::Lan { .. } => None,
        }
    }

    /// Whether a person may use the service from anywhere.
    pub fn admits(&self, person: &Name) -> Admission {
        match self {
            Access::Everyone => Admission::Everyone,
            Access::Lan { .. } => Admission::LanOnly,
            Access::Certificate(allowed) if allowed.people.contains(person) => {
                Admission::WithCertificate { lan: allowed.lan }
            }
            Access::Certificate(allowed) if allowed.lan => Admission::LanOnly,
            Access::Certificate(_) => Admission::Nowhere,
        }
    }
}

/// From where a person may use a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// From anywhere, as everyone.
    Everyone,
    /// At home, as everyone there.
    LanOnly,
    /// From anywhere with a certificate; at home without, where `lan`.
    WithCertificate {
        /// Whether the LAN needs no certificate.
        lan: bool,
    },
    /// Not at all.
    Nowhere,
}

/// A path open to everyone for GET and HEAD: `/share/*`, or one exact path.
///
/// Caddy's `path` matcher works on a cleaned-up path, so that `/api/..%2fshare/x` and a dozen other
/// spellings pass it; the raw URI is therefore held against a pattern of plain segments too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicPath(String);

impl PublicPath {
    /// Takes `/plain/segments` or `/plain/segments/*`; otherwise says why not.
    pub fn new(text: &str) -> Result<PublicPath, &'static str> {
        let path = text.strip_prefix('/').ok_or("it does not begin with `/`")?;
        let segments = path.strip_suffix("/*").unwrap_or(path);
        if segments.is_empty() || segments == "*" {
            return Err("it opens the whole service; `open \"everyone\"` says that");
        }
        if segments.contains('*') {
            return Err("a `*` stands elsewhere than alone at the end, as in `/share/*`");
        }
        if !segments.split('/').all(is_plain_segment) {
            return Err(
                "a segment is not plain: letters, digits, `.`, `_`, `~`, `-`, no dot first",
            );
        }
        Ok(PublicPath(text.to_owned()))
    }

    /// The pattern for Caddy's `path` matcher.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A regular expression (RE2) for the raw URI: the path in plain segments, and a query.
    pub fn uri_pattern(&self) -> String {
        let literal = |path: &str| path.replace('.', "\\.");
        match self.0.strip_suffix('*') {
            Some(prefix) => format!(
                "^{}([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*(\\?.*)?$",
                literal(prefix)
            ),
            None => format!("^{}(\\?.*)?$", literal(&self.0)),
        }
    }
}

/// Starts with no dot, so that neither `.` nor `..` is one.
fn is_plain_segment(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_paths_are_plain() {
        for good in ["/share/*", "/s", "/api/v1.2/share/*", "/_app/*"] {
            assert!(PublicPath::new(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "/*", "*", "share", "//x", "/a//b", "/a/", "/../x", "/./x", "/.x", "/a*",
            "/*/a", "/a/*/b", "/a%2fb", "/a b", "/{x}", "/a?b", "/ä",
        ] {
            assert!(PublicPath::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn uri_patterns_are_anchored() {
        let pattern = |path| PublicPath::new(path).unwrap().uri_pattern();
        assert_eq!(
            pattern("/share/*"),
            r"^/share/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*(\?.*)?$"
        );
        assert_eq!(pattern("/v1.2/x"), r"^/v1\.2/x(\?.*)?$");
    }
}
