//! Which algorithms protect a bundle.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Which algorithms protect a bundle, by what the importer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleProfile {
    /// pbeWithSHA1And3-KeyTripleDES-CBC and HMAC-SHA1: every importer known reads it.
    Compat,
    /// PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC, and HMAC-SHA256: for importers of about 2024
    /// and later.
    Modern,
}

impl BundleProfile {
    /// The profile's name: `compat` or `modern`.
    pub fn as_str(self) -> &'static str {
        match self {
            BundleProfile::Compat => "compat",
            BundleProfile::Modern => "modern",
        }
    }
}

impl fmt::Display for BundleProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for BundleProfile {
    type Err = UnknownBundleProfile;

    fn from_str(name: &str) -> Result<BundleProfile, UnknownBundleProfile> {
        let known = [BundleProfile::Compat, BundleProfile::Modern];
        known
            .into_iter()
            .find(|profile| profile.as_str() == name)
            .ok_or(UnknownBundleProfile)
    }
}

/// A text that names no bundle profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("bundle profile is neither `compat` nor `modern`")]
pub struct UnknownBundleProfile;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for profile in [BundleProfile::Compat, BundleProfile::Modern] {
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
        assert_eq!("Modern".parse::<BundleProfile>(), Err(UnknownBundleProfile));
    }
}
