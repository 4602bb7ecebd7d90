//! Domains and hosts, in the one form that every Caddy compares alike: lower-case A-labels.

use std::fmt;

use serde::Serialize;

/// What Caddy does not take for the name of a site, which stands at the start of a line: directives, from
/// 2.11 on, and `import`. Only a domain without a dot can be one.
const WORDS_OF_A_CADDYFILE: [&str; 29] = [
    "abort",
    "basicauth",
    "bind",
    "encode",
    "error",
    "fs",
    "handle",
    "header",
    "import",
    "intercept",
    "invoke",
    "log",
    "map",
    "method",
    "metrics",
    "push",
    "redir",
    "respond",
    "rewrite",
    "root",
    "route",
    "templates",
    "tls",
    "tracing",
    "uri",
    "vars",
    // Of plugins that many builds have.
    "cache",
    "security",
    "webdav",
];

/// The domain under which the services stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Domain(String);

/// Ends of names that no public authority issues for: RFC 6761 §6 and RFC 6762 §3, RFC 8375, `internal` (ICANN board, 2024-07-29), and
/// what RFC 6762 appendix G lists as used at home.
const NEVER_PUBLIC: [&str; 13] = [
    "corp",
    "example",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
    "test",
];

/// Whether a host's name is one that a public authority could ever issue for.
pub(crate) fn is_public(host: &str) -> bool {
    let ends_in = |end: &&str| {
        let before = host.strip_suffix(*end);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    host.contains('.') && !NEVER_PUBLIC.iter().any(ends_in)
}

impl Domain {
    /// Characters of a domain, at the most: the authority's common name, `<domain> devices <id>`,
    /// has room for 64 (RFC 5280 appendix A, ub-common-name).
    pub const LIMIT: usize = 64 - " devices ".len() - 8;

    /// Takes a domain in lower-case A-labels; otherwise says why not.
    pub fn new(text: &str) -> Result<Domain, &'static str> {
        is_host(text)?;
        if WORDS_OF_A_CADDYFILE.contains(&text) {
            return Err("it is a word of the Caddyfile");
        }
        if text.len() > Domain::LIMIT {
            return Err("it has more than 47 characters, and the authority's name cannot hold it");
        }
        Ok(Domain(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain itself as a host.
    pub fn own_host(&self) -> Host {
        Host(self.0.clone())
    }

    /// Whether a host is the domain, or stands below it.
    pub fn holds(&self, host: &Host) -> bool {
        let before = host.0.strip_suffix(&self.0);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    /// The host that a service's `host` means: `@`, a label below the domain, or a full name.
    pub fn host(&self, written: &str) -> Result<Host, &'static str> {
        let full = match written {
            "@" => self.0.clone(),
            label if !label.contains('.') => format!("{label}.{}", self.0),
            full => full.to_owned(),
        };
        is_host(&full)?;
        Ok(Host(full))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A full host name, such as `immich.home.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Host(String);

impl Host {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is a host name in lower-case A-labels (RFC 1123 §2.1, RFC 5890 §2.3.2.1).
///
/// Caddy 2.6 never matches a policy to a host with capitals or other alphabets, and would then ask
/// for no certificate: such a name must not reach the Caddyfile.
pub(super) fn is_host(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 253 {
        return Err("it has no characters, or more than 253");
    }
    // Bytes, here and below: a text's `ends_with` takes much longer, and there is a host for each person and device.
    if text.as_bytes().ends_with(b".") {
        return Err("it ends with a dot");
    }
    if !text.is_ascii() {
        return Err("it has letters beyond ASCII; write its `xn--` form");
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("it has capitals; write them small");
    }
    for label in text.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("a part between dots has no characters, or more than 63");
        }
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !label.bytes().all(allowed) {
            return Err("it has a character other than `a`–`z`, `0`–`9`, `-` and `.`");
        }
        if label.as_bytes().starts_with(b"-") || label.as_bytes().ends_with(b"-") {
            return Err("a part between dots begins or ends with a hyphen");
        }
    }
    let last = text.rsplit('.').next().unwrap_or(text);
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("it ends in a number, as an IP address does");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_lower_case_a_labels() {
        for good in [
            "home.example.com",
            "a",
            "xn--bcher-kva.example",
            "1.2.3.com",
        ] {
            assert_eq!(is_host(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            "a..b",
            "Home.example.com",
            "bücher.example",
            "-a.b",
            "a-.b",
            "10.0.0.1",
            "a_b.c",
            "*.a",
            "a b",
            "a/b",
            "{env.X}.a",
        ] {
            assert!(is_host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_service_s_host_is_found() {
        let domain = Domain::new("home.example.com").unwrap();
        let host = |written| domain.host(written).map(|host| host.to_string());
        assert_eq!(host("@").as_deref(), Ok("home.example.com"));
        assert_eq!(host("stats").as_deref(), Ok("stats.home.example.com"));
        assert_eq!(
            host("cloud.example.org").as_deref(),
            Ok("cloud.example.org")
        );
        assert!(host("*").is_err());
    }

    #[test]
    fn the_longest_domain_fits_the_authority_s_name() {
        let longest = format!("{}.org", "a".repeat(Domain::LIMIT - 4));
        let domain = Domain::new(&longest).unwrap();
        assert_eq!(format!("{domain} devices 01234567").len(), 64);
        assert!(Domain::new(&format!("a{longest}")).is_err());
    }
}
