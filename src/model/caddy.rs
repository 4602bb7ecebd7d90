//! Versions of Caddy: what a file may ask of it, and from which on it is safe.

use std::fmt;

/// A version of Caddy 2: all of a minor, such as `2.11`, or one release, such as `2.11.4`.
///
/// A minor comes before its releases: what it must take is what the first of them takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaddyVersion {
    minor: u16,
    patch: Option<u16>,
}

impl CaddyVersion {
    /// The oldest version that takes what is generated.
    pub const OLDEST: CaddyVersion = CaddyVersion::minor(6);
    /// What is taken where nothing is said: all that are kept up know it.
    pub const DEFAULT: CaddyVersion = CaddyVersion::TRUST_POOL;
    /// The first with `trust_pool`; it warns of the directive that older ones take.
    pub const TRUST_POOL: CaddyVersion = CaddyVersion::minor(8);
    /// The first that is given named routes; Caddy has them from 2.7 on.
    pub const NAMED_ROUTES: CaddyVersion = CaddyVersion::minor(8);
    /// The first that reads `X-Forwarded-For` from its trusted end, and the PROXY protocol.
    pub const BEHIND: CaddyVersion = CaddyVersion::minor(8);
    /// The first that uses the certificate of a wildcard site for the hosts below it.
    pub const WILDCARD: CaddyVersion = CaddyVersion::minor(10);
    /// The first that takes the key of an external account from its environment at run time. Older ones can have it put in where they
    /// read the file.
    pub const READS_EAB: CaddyVersion = CaddyVersion::release(11, 4);
    /// The first that is asked for metrics among the options for all; Caddy takes them there from 2.9 on.
    pub const METRICS: CaddyVersion = CaddyVersion::minor(10);
    /// The first whose known holes are all closed, by itself or by the generated file; `hole` has the
    /// table, and a test that holds the two against each other.
    pub const SAFE: CaddyVersion = CaddyVersion::release(11, 4);

    /// `2.minor`, whichever release of it.
    pub const fn minor(minor: u16) -> CaddyVersion {
        CaddyVersion { minor, patch: None }
    }

    /// `2.minor.patch`.
    pub const fn release(minor: u16, patch: u16) -> CaddyVersion {
        CaddyVersion {
            minor,
            patch: Some(patch),
        }
    }

    /// What `caddy version` prints; none where that is something else.
    pub(crate) fn told(said: &[u8]) -> Option<CaddyVersion> {
        let said = std::str::from_utf8(said).ok()?;
        let first = said.split_whitespace().next()?;
        // Of a build of one's own there may be more behind it: `v2.11.7-0.2026…`.
        let first = first.trim_start_matches('v').split(['-', '+']).next()?;
        CaddyVersion::new(first).ok()
    }

    /// Takes `2.6` or later, with or without a patch level; otherwise says why not.
    pub fn new(text: &str) -> Result<CaddyVersion, &'static str> {
        const NONE: &str = "it is no version such as `2.11` or `2.11.4`";
        let numbers: Vec<&str> = text.split('.').collect();
        let (major, minor, patch) = match numbers.as_slice() {
            [major, minor] => (*major, *minor, None),
            [major, minor, patch] => (*major, *minor, Some(*patch)),
            _ => return Err(NONE),
        };
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !numbers.iter().all(is_number) {
            return Err(NONE);
        }
        if major != "2" {
            return Err("only Caddy 2 is known");
        }
        let patch = patch.map(str::parse).transpose().map_err(|_| NONE)?;
        let minor = minor.parse().map_err(|_| NONE)?;
        let version = CaddyVersion { minor, patch };
        if version < CaddyVersion::OLDEST {
            return Err("versions before 2.6 do not take what is generated");
        }
        Ok(version)
    }

    /// The first release that it can be.
    pub fn first_release(self) -> CaddyVersion {
        CaddyVersion::release(self.minor, self.patch.unwrap_or(0))
    }
}

impl fmt::Display for CaddyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2.{}", self.minor)?;
        match self.patch {
            Some(patch) => write!(f, ".{patch}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let read = |text| CaddyVersion::new(text).unwrap();
        assert!(read("2.6") < CaddyVersion::TRUST_POOL);
        assert!(read("2.6.2") < CaddyVersion::TRUST_POOL);
        assert!(read("2.8") >= CaddyVersion::TRUST_POOL);
        assert!(read("2.8.4") >= CaddyVersion::TRUST_POOL);
        assert!(read("2.11.3") < CaddyVersion::SAFE);
        assert!(read("2.11").first_release() < CaddyVersion::SAFE);
        assert!(read("2.11.10") > CaddyVersion::SAFE);
        for text in ["2.6", "2.6.2", "2.11.10"] {
            assert_eq!(read(text).to_string(), text);
        }
        for bad in [
            "",
            "2",
            "1.0",
            "3.0",
            "2.5",
            "2.5.9",
            "2.x",
            "2.11-beta",
            "2.",
            "2.+6",
            "2.6.1.0",
            "2.6.",
            "2.6.99999",
        ] {
            assert!(CaddyVersion::new(bad).is_err(), "{bad}");
        }
    }
}
